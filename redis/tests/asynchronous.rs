//! The asynchronous connections: ours, and redis-rs's own over pipes.
#![cfg(feature = "aio")]

use std::time::Duration;

use futures_util::StreamExt as _;
use nacredb_redis::{AsyncConnection, Client};
use redis::aio::ConnectionLike;
use redis::{
    AsyncCommands, AsyncConnectionConfig, PushKind, RedisError, RedisResult, ServerErrorKind,
    Value, cmd, pipe,
};
use tokio::time::timeout;

/// Longer than anything here takes that works.
const LONG: Duration = Duration::from_secs(20);

fn connect() -> AsyncConnection {
    let client = Client::open_in_memory().expect("the server starts");
    client.get_async_connection().expect("a connection")
}

#[test]
fn it_can_be_shared() {
    fn check<T: Clone + Send + Sync + 'static + ConnectionLike>(_: &T) {}
    check(&connect());
}

#[tokio::test]
async fn commands_and_pipelines_work() -> RedisResult<()> {
    let mut con = connect();
    let () = con.set("k", "v").await?;
    assert_eq!(con.get::<_, String>("k").await?, "v");
    let (n, missing): (i64, Option<String>) = pipe()
        .incr("n", 2)
        .get("missing")
        .query_async(&mut con)
        .await?;
    assert_eq!((n, missing), (2, None));
    let (n, list): (i64, i64) = pipe()
        .atomic()
        .incr("n", 2)
        .set("other", 1)
        .ignore()
        .rpush("list", &["a", "b"])
        .query_async(&mut con)
        .await?;
    assert_eq!((n, list), (4, 2));
    let results: Vec<RedisResult<i64>> = pipe()
        .atomic()
        .incr("n", 1)
        .incr("list", 1)
        .ignore_errors()
        .query_async(&mut con)
        .await?;
    let [Ok(5), Err(error)] = &results[..] else {
        panic!("{results:?}");
    };
    assert_eq!(error.code(), Some("WRONGTYPE"));
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_queued_aborts_the_transaction() -> RedisResult<()> {
    let mut con = connect();
    let mut pipeline = pipe();
    pipeline.atomic().set("a", 1).cmd("NOSUCH");
    let aborted: RedisResult<Value> = pipeline.query_async(&mut con).await;
    let error = aborted.expect_err("it is aborted");
    assert_eq!(error.kind(), ServerErrorKind::ExecAbort.into());
    assert!(!con.exists::<_, bool>("a").await?);
    Ok(())
}

#[tokio::test]
async fn a_watched_key_that_was_touched_stops_the_transaction() -> RedisResult<()> {
    let client = Client::open_in_memory()?;
    let (mut con, mut other) = (
        client.get_async_connection()?,
        client.get_async_connection()?,
    );
    let () = cmd("WATCH").arg("k").query_async(&mut con).await?;
    let () = other.set("k", 1).await?;
    let done: Option<(i64,)> = pipe().atomic().incr("k", 1).query_async(&mut con).await?;
    assert_eq!(done, None);
    let done: Option<(i64,)> = pipe().atomic().incr("k", 1).query_async(&mut con).await?;
    assert_eq!(done, Some((2,)));
    Ok(())
}

#[tokio::test]
async fn scans_go_through_all_pages() -> RedisResult<()> {
    let mut con = connect();
    let members: Vec<i64> = (0..2000).collect();
    let () = con.sadd("s", &members).await?;
    let mut found: Vec<i64> = Vec::new();
    let mut scan = con.sscan::<_, i64>("s").await?;
    while let Some(member) = scan.next_item().await {
        found.push(member?);
    }
    drop(scan);
    found.sort_unstable();
    found.dedup();
    assert_eq!(found, members);
    Ok(())
}

/// On one thread: a command that blocked it would never end.
#[tokio::test(flavor = "current_thread")]
async fn a_command_that_waits_blocks_nobody() -> RedisResult<()> {
    let mut con = connect();
    let mut waiting = con.clone();
    let job = tokio::spawn(async move { waiting.blpop::<_, (String, String)>("jobs", 0.0).await });
    tokio::task::yield_now().await;
    // The same connection goes on.
    let () = con.set("k", "v").await?;
    let () = con.rpush("jobs", "tidy up").await?;
    let job = timeout(LONG, job).await.expect("it is woken");
    assert_eq!(job.expect("it ends")?, ("jobs".into(), "tidy up".into()));
    let nothing: Option<(String, String)> = con.blpop("jobs", 0.01).await?;
    assert_eq!(nothing, None);
    // In a pipeline, too.
    let mut waiting = con.clone();
    let both = tokio::spawn(async move {
        let mut pipeline = pipe();
        pipeline
            .cmd("BLPOP")
            .arg("jobs")
            .arg(0)
            .set("after", 1)
            .ignore();
        pipeline
            .query_async::<((String, String),)>(&mut waiting)
            .await
    });
    tokio::task::yield_now().await;
    assert!(!con.exists::<_, bool>("after").await?);
    let () = con.rpush("jobs", "sleep").await?;
    let both = timeout(LONG, both).await.expect("it is woken");
    assert_eq!(both.expect("it ends")?.0.1, "sleep");
    assert!(con.exists::<_, bool>("after").await?);
    Ok(())
}

#[tokio::test]
async fn dropping_a_wait_takes_nothing() -> RedisResult<()> {
    let mut con = connect();
    let mut waiting = con.clone();
    let dropped = timeout(
        Duration::from_millis(10),
        waiting.blpop::<_, Value>("jobs", 0.0),
    );
    assert!(dropped.await.is_err());
    let () = con.rpush("jobs", "tidy up").await?;
    assert_eq!(con.llen::<_, i64>("jobs").await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_of_clones_do_not_mix() -> RedisResult<()> {
    let con = connect();
    let tasks = (0..8).map(|_| {
        let mut con = con.clone();
        tokio::spawn(async move {
            for _ in 0..50 {
                let (a, b): (i64, i64) = pipe()
                    .atomic()
                    .incr("a", 1)
                    .incr("b", 1)
                    .query_async(&mut con)
                    .await?;
                assert_eq!(a, b);
            }
            Ok::<(), RedisError>(())
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("it ends")?;
    }
    let mut con = con;
    assert_eq!(con.get::<_, i64>("a").await?, 400);
    Ok(())
}

#[tokio::test]
async fn nothing_can_be_sent_to_it() {
    let refused = cmd("SUBSCRIBE")
        .arg("news")
        .exec_async(&mut connect())
        .await;
    let error = refused.expect_err("it is refused");
    assert_eq!(error.detail(), Some("this connection cannot be sent to"));
}

#[tokio::test]
async fn a_multiplexed_connection_is_redis_rs_s_own() -> RedisResult<()> {
    let client = Client::open_in_memory()?;
    let mut con: redis::aio::MultiplexedConnection = client.multiplexed().await?;
    let () = con.set("k", "v").await?;
    let mut clone = con.clone();
    let (a, b) = tokio::join!(con.get::<_, String>("k"), clone.incr::<_, _, i64>("n", 1));
    assert_eq!((a?, b?), ("v".to_owned(), 1));
    let (n,): (i64,) = pipe().atomic().incr("n", 1).query_async(&mut con).await?;
    assert_eq!(n, 2);
    let name: Value = cmd("CLIENT").arg("INFO").query_async(&mut con).await?;
    let Value::BulkString(info) = name else {
        panic!("a line");
    };
    assert!(String::from_utf8_lossy(&info).contains("lib-name=redis-rs"));
    Ok(())
}

#[tokio::test]
async fn messages_are_pushed_to_a_multiplexed_connection() -> RedisResult<()> {
    let client = Client::builder().resp3(true).open_in_memory()?;
    let (sender, mut pushed) = tokio::sync::mpsc::unbounded_channel();
    let config = AsyncConnectionConfig::new().set_push_sender(sender);
    let mut con = client.multiplexed_with(config).await?;
    con.subscribe("news").await?;
    con.psubscribe("new*").await?;
    // What a connection of another kind says is heard.
    let heard: i64 = redis::Commands::publish(&mut client.get_connection()?, "news", "rain")?;
    assert_eq!(heard, 2);
    let mut kinds = Vec::new();
    for _ in 0..4 {
        let push = timeout(LONG, pushed.recv()).await.expect("it comes");
        let push = push.expect("the connection lives");
        if push.kind == PushKind::Message {
            let data = ["news", "rain"].map(|text| Value::BulkString(text.into()));
            assert_eq!(push.data, data);
        }
        kinds.push(push.kind);
    }
    use PushKind::{Message, PMessage, PSubscribe, Subscribe};
    assert_eq!(kinds, [Subscribe, PSubscribe, Message, PMessage]);
    // It still takes commands.
    let () = con.set("k", "v").await?;
    con.unsubscribe("news").await?;
    Ok(())
}

#[tokio::test]
async fn a_pubsub_hears_what_others_publish() -> RedisResult<()> {
    for resp3 in [false, true] {
        let client = Client::builder().resp3(resp3).open_in_memory()?;
        let mut pubsub = client.pubsub().await?;
        pubsub.subscribe("news").await?;
        pubsub.psubscribe("wea*").await?;
        let mut con = client.get_async_connection()?;
        assert_eq!(con.publish::<_, _, i64>("news", "rain").await?, 1);
        assert_eq!(con.publish::<_, _, i64>("weather", "sun").await?, 1);
        let mut messages = pubsub.on_message();
        for (channel, text) in [("news", "rain"), ("weather", "sun")] {
            let message = timeout(LONG, messages.next()).await.expect("it comes");
            let message = message.expect("the connection lives");
            assert_eq!(message.get_channel_name(), channel);
            assert_eq!(message.get_payload::<String>()?, text);
        }
        drop(messages);
        pubsub.unsubscribe("news").await?;
        assert_eq!(con.publish::<_, _, i64>("news", "snow").await?, 0);
    }
    Ok(())
}

#[cfg(feature = "bb8")]
#[tokio::test]
async fn a_pool_of_bb8_gives_connections() -> RedisResult<()> {
    let client = Client::open_in_memory()?;
    let pool = bb8::Pool::builder().max_size(2).build(client).await?;
    let mut con = pool.get().await.expect("a connection");
    let () = con.set("k", "v").await?;
    let () = cmd("QUIT").query_async(&mut *con).await?;
    drop(con);
    for _ in 0..3 {
        let mut con = pool.get().await.expect("a connection");
        assert_eq!(con.get::<_, String>("k").await?, "v");
    }
    Ok(())
}
