"""redis-py against a server: the synchronous and the asynchronous client, both protocols.

Usage: redis_py.py PORT. Ends with an exception if an answer is not Redis's.
"""

import asyncio
import sys
import threading

import redis
import redis.asyncio

PORT = int(sys.argv[1])


def check(answer, expected):
    assert answer == expected, f"{answer!r} is not {expected!r}"


def refused(call, text):
    try:
        call()
    except redis.ResponseError as error:
        assert text in str(error), error
    else:
        raise AssertionError(f"not refused with {text}")


def synchronous(protocol):
    options = {"protocol": protocol} if protocol == 3 else {}
    client = redis.Redis(port=PORT, decode_responses=True, **options)
    client.flushall()
    check(client.ping(), True)
    check(client.set("greeting", "hello", ex=100), True)
    check(client.get("greeting"), "hello")
    assert 0 < client.ttl("greeting") <= 100
    check(client.incrby("visits", 5), 5)
    refused(lambda: client.incr("greeting"), "not an integer")
    refused(lambda: client.lpush("greeting", 1), "WRONGTYPE")

    check(client.hset("user:1", mapping={"name": "Ada", "age": "36"}), 2)
    check(client.hgetall("user:1"), {"name": "Ada", "age": "36"})
    check(client.sadd("tags", "a", "b"), 2)
    check(client.smembers("tags"), {"a", "b"})
    check(client.zadd("scores", {"ada": 1.5, "bob": 2}), 2)
    check(client.zscore("scores", "ada"), 1.5)
    ranked = client.zrange("scores", 0, -1, withscores=True)
    check([tuple(pair) for pair in ranked], [("ada", 1.5), ("bob", 2.0)])
    check(client.rpush("jobs", "a", "b"), 2)
    check(client.lrange("jobs", 0, -1), ["a", "b"])
    check(client.setbit("bits", 7, 1), 0)
    check(client.bitcount("bits"), 1)

    with client.pipeline(transaction=False) as pipe:
        for n in range(1000):
            pipe.set(f"key:{n}", n)
        check(pipe.execute(), [True] * 1000)
    check(len(list(client.scan_iter("key:*", count=100))), 1000)
    check(client.dbsize(), 1007)

    with client.pipeline() as pipe:
        pipe.multi()
        pipe.incr("visits").lpush("greeting", 1)
        answers = pipe.execute(raise_on_error=False)
        check(answers[0], 6)
        assert isinstance(answers[1], redis.ResponseError)

    # Another connection touches a watched key.
    with client.pipeline() as pipe:
        pipe.watch("visits")
        client.set("visits", "100")
        pipe.multi()
        pipe.set("visits", "7")
        try:
            pipe.execute()
        except redis.WatchError:
            pass
        else:
            raise AssertionError("the watch was not seen")

    # Somebody waits for an element that another one brings.
    taken = []
    waiter = threading.Thread(target=lambda: taken.append(client.blpop("queue", timeout=10)))
    waiter.start()
    while client.info("clients")["blocked_clients"] == 0:
        pass
    client.rpush("queue", "job")
    waiter.join()
    check([tuple(pair) for pair in taken], [("queue", "job")])
    check(client.blpop("queue", timeout=0.05), None)

    listener = client.pubsub()
    listener.subscribe("news")
    listener.psubscribe("new*")
    begun = [listener.get_message(timeout=5)["type"] for _ in range(2)]
    check(begun, ["subscribe", "psubscribe"])
    check(client.publish("news", "text"), 2)
    heard = [listener.get_message(timeout=5) for _ in range(2)]
    check([message["type"] for message in heard], ["message", "pmessage"])
    check([message["data"] for message in heard], ["text", "text"])
    listener.close()

    payload = redis.Redis(port=PORT).dump("scores")
    check(client.restore("copy", 0, payload), "OK")
    check(client.zscore("copy", "bob"), 2.0)

    check(client.config_get("maxmemory"), {"maxmemory": "0"})
    check(client.client_setname("tester"), True)
    check(client.client_getname(), "tester")
    assert client.client_id() in [int(row["id"]) for row in client.client_list()]
    check(client.info()["redis_version"], "7.0.15")
    check(client.object("encoding", "tags"), "hashtable")
    assert client.memory_usage("greeting") > 0
    assert client.time()[0] > 1_600_000_000
    assert client.command_count() > 200
    check(client.slowlog_reset(), True)
    refused(lambda: client.eval("return 1", 0), "script")
    client.close()


async def asynchronous():
    client = redis.asyncio.Redis(port=PORT, decode_responses=True)
    await client.flushall()
    check(await client.set("greeting", "hello"), True)
    check(await client.get("greeting"), "hello")
    async with client.pipeline(transaction=True) as pipe:
        check(await pipe.incr("a").incr("b").execute(), [1, 1])
    other = redis.asyncio.Redis(port=PORT, decode_responses=True)
    taken = asyncio.create_task(other.blpop(["queue"], timeout=10))
    await asyncio.sleep(0.05)
    await client.rpush("queue", "job")
    check(tuple(await taken), ("queue", "job"))
    listener = client.pubsub()
    await listener.subscribe("news")
    check((await listener.get_message(timeout=5))["type"], "subscribe")
    check(await client.publish("news", "text"), 1)
    check((await listener.get_message(timeout=5))["data"], "text")
    await listener.aclose() if hasattr(listener, "aclose") else await listener.close()
    answers = await asyncio.gather(*(client.incr("count") for _ in range(200)))
    check(sorted(answers), list(range(1, 201)))
    for connection in (client, other):
        await connection.aclose() if hasattr(connection, "aclose") else await connection.close()


synchronous(2)
if int(redis.__version__.split(".")[0]) >= 5:
    synchronous(3)
asyncio.run(asynchronous())
print("fine with redis-py", redis.__version__)
