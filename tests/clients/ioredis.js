// ioredis against a server: what most programs for Node.js use, RedisInsight among them.
//
// Usage: node ioredis.js PORT, where ioredis can be found. Ends with an exception if an answer is not Redis's.

const assert = require("node:assert");
const Redis = require("ioredis");

async function main(port) {
  const redis = new Redis({ port, lazyConnect: true });
  await redis.connect(); // Asks for INFO and is ready when that says so.
  await redis.flushall();
  assert.equal(await redis.set("greeting", "hello", "EX", 100), "OK");
  assert.equal(await redis.get("greeting"), "hello");
  assert.equal(await redis.get("missing"), null);
  await assert.rejects(redis.incr("greeting"), /not an integer/);
  assert.equal(await redis.hset("user:1", { name: "Ada", age: 36 }), 2);
  assert.deepEqual(await redis.hgetall("user:1"), { name: "Ada", age: "36" });
  assert.deepEqual(await redis.zadd("scores", 1.5, "ada", 2, "bob"), 2);
  assert.deepEqual(await redis.zrange("scores", 0, -1, "WITHSCORES"), ["ada", "1.5", "bob", "2"]);

  const many = redis.pipeline();
  for (let n = 0; n < 1000; n++) many.set(`key:${n}`, n);
  const set = await many.exec();
  assert.ok(set.every(([error, answer]) => error === null && answer === "OK"));

  let found = 0;
  for await (const keys of redis.scanStream({ match: "key:*", count: 100 })) found += keys.length;
  assert.equal(found, 1000);

  assert.deepEqual(await redis.multi().incr("visits").get("visits").exec(), [[null, 1], [null, "1"]]);

  const waiter = redis.duplicate();
  const taken = waiter.blpop("queue", 10);
  while (!/blocked_clients:1/.test(await redis.info("clients")));
  await redis.rpush("queue", "job");
  assert.deepEqual(await taken, ["queue", "job"]);

  const listener = redis.duplicate();
  const heard = new Promise((resolve) => listener.on("message", (...message) => resolve(message)));
  await listener.subscribe("news");
  assert.equal(await redis.publish("news", "text"), 1);
  assert.deepEqual(await heard, ["news", "text"]);

  const payload = await redis.dumpBuffer("scores");
  assert.equal(await redis.restore("copy", 0, payload), "OK");
  assert.equal(await redis.zscore("copy", "bob"), "2");

  const monitor = await redis.duplicate().monitor();
  const seen = new Promise((resolve) => monitor.on("monitor", (_time, words) => resolve(words)));
  await redis.echo("look");
  assert.deepEqual(await seen, ["echo", "look"]);

  for (const connection of [redis, waiter, listener, monitor]) connection.disconnect();
  console.log("fine with ioredis", require("ioredis/package.json").version);
}

main(Number(process.argv[2])).catch((error) => {
  console.error(error);
  process.exit(1);
});
