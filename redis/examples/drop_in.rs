//! The same code on an embedded database, on a server and on a cluster: only the line that connects differs.
//! `cargo run --example drop_in [redis://host/]`

use redis::{Commands, RedisResult};

/// Counts a visit, and tells how many different users came.
fn visit(con: &mut impl Commands, day: &str, user: &str) -> RedisResult<(i64, i64)> {
    // What belongs together has one tag: one slot, so one node of a cluster.
    let (visits, users) = (format!("{{{day}}}:visits"), format!("{{{day}}}:users"));
    let count = con.incr(visits, 1)?;
    let () = con.sadd(&users, user)?;
    Ok((count, con.scard(&users)?))
}

#[expect(clippy::print_stdout, reason = "an example tells what it found")]
fn main() -> RedisResult<()> {
    let (visits, users) = match std::env::args().nth(1) {
        Some(url) => visit(
            &mut redis::Client::open(url)?.get_connection()?,
            "today",
            "ada",
        )?,
        None => {
            let client = nacredb_redis::Client::builder().cluster_strict(true);
            let mut con = client.open_in_memory()?.get_connection()?;
            visit(&mut con, "today", "bob")?;
            visit(&mut con, "today", "ada")?
        }
    };
    println!("{visits} visits of {users} users");
    Ok(())
}
