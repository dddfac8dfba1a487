//! redis-rs's own client over the private socket.

use std::time::Duration;

use nacredb_redis::Client;
use redis::{Commands, ConnectionAddr, PubSubCommands, RedisResult, cmd, pipe};

#[test]
fn a_connection_over_the_socket_is_redis_rs_s_own() -> RedisResult<()> {
    let embedded = Client::open_in_memory()?;
    let client: redis::Client = embedded.redis_client()?;
    let mut con: redis::Connection = client.get_connection()?;
    let () = con.set("k", "v")?;
    let (n, value): (i64, String) = pipe().atomic().incr("n", 1).get("k").query(&mut con)?;
    assert_eq!((n, &*value), (1, "v"));
    assert_eq!(embedded.get_connection()?.get::<_, String>("k")?, "v");
    Ok(())
}

#[test]
fn it_listens_to_channels() -> RedisResult<()> {
    let embedded = Client::open_in_memory()?;
    let mut con = embedded.redis_client()?.get_connection()?;
    con.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut pubsub = con.as_pubsub();
    pubsub.subscribe("news")?;
    let heard: i64 = embedded.get_connection()?.publish("news", "rain")?;
    assert_eq!(heard, 1);
    let message = pubsub.get_message()?;
    assert_eq!(message.get_channel_name(), "news");
    assert_eq!(message.get_payload::<String>()?, "rain");
    drop(pubsub);
    // The connection is one for commands again.
    let () = con.set("k", "v")?;
    let mut listener = embedded.redis_client()?.get_connection()?;
    let publisher = embedded.clone();
    let says = std::thread::spawn(move || -> RedisResult<()> {
        let mut con = publisher.get_connection()?;
        while con.publish::<_, _, i64>("talk", "hello")? == 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    });
    let said: String = listener.subscribe(&["talk"], |message| {
        redis::ControlFlow::Break(message.get_payload().unwrap_or_default())
    })?;
    assert_eq!(said, "hello");
    says.join().expect("it was said")?;
    Ok(())
}

#[cfg(unix)]
#[test]
fn only_the_user_can_find_the_socket_and_it_goes_with_the_client() -> RedisResult<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let embedded = Client::open_in_memory()?;
    let client = embedded.redis_client()?;
    let ConnectionAddr::Unix(path) = client.get_connection_info().addr() else {
        panic!("it is a Unix socket");
    };
    let directory = path.parent().expect("it has one").to_owned();
    let mode = |path| std::fs::metadata(path).map(|found| found.permissions().mode() & 0o777);
    assert_eq!(mode(&directory)?, 0o700);
    assert_eq!(mode(path)?, 0o700);
    // There is one for all.
    let again = embedded.redis_client()?;
    assert_eq!(
        again.get_connection_info().addr(),
        client.get_connection_info().addr()
    );
    let con = embedded.get_connection()?;
    drop(embedded);
    assert!(directory.exists(), "a connection is left");
    drop(con);
    assert!(!directory.exists());
    assert!(client.get_connection().is_err());
    Ok(())
}

#[test]
fn its_client_speaks_resp3_if_asked_to() -> RedisResult<()> {
    let embedded = Client::builder().resp3(true).open_in_memory()?;
    let mut con = embedded.redis_client()?.get_connection()?;
    let () = con.hset("h", "f", "v")?;
    let fields: redis::Value = cmd("HGETALL").arg("h").query(&mut con)?;
    assert!(matches!(fields, redis::Value::Map(_)));
    Ok(())
}

#[cfg(feature = "aio")]
#[tokio::test]
async fn a_connection_manager_works() -> RedisResult<()> {
    use redis::AsyncCommands;
    let embedded = Client::open_in_memory()?;
    let client = embedded.redis_client()?;
    let mut manager = redis::aio::ConnectionManager::new(client).await?;
    assert_eq!(manager.incr::<_, _, i64>("n", 1).await?, 1);
    // It comes back when it was cut off.
    let mut con = embedded.get_connection()?;
    let killed: i64 = cmd("CLIENT")
        .arg("KILL")
        .arg("TYPE")
        .arg("normal")
        .query(&mut con)?;
    assert!(killed >= 1);
    let mut left = 50;
    loop {
        match manager.get::<_, i64>("n").await {
            Ok(n) => {
                assert_eq!(n, 1);
                return Ok(());
            }
            Err(_cut_off) if left > 0 => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(error) => return Err(error),
        }
        left -= 1;
    }
}
