//! The first ten minutes with NacreDB: a file, values, bitmaps, deadlines, a snapshot, a transaction.
//!
//! `cargo run --example quickstart`

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use nacredb::{BitRange, Db, Error, prelude::*};
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let name = format!("quickstart-{}.nacre", std::process::id());
    let path = std::env::temp_dir().join(name);

    // One file, made if there is none. `Db::open_in_memory()` needs no file at all.
    let db = Db::open(&path)?;
    println!("opened {}", path.display());

    // Values are bytes. What Redis calls SET, GET, INCR is `set`, `get`, `incr`.
    db.set("greeting", "hello")?;
    let greeting = db.get("greeting")?.unwrap_or_default();
    println!("GET greeting -> {}", String::from_utf8_lossy(&greeting));
    println!("INCR visits -> {}", db.incr("visits")?);

    // Bitmaps are strings of bits: user 7 and user 4294967295 were here. The zeros between cost nothing.
    db.setbit("active:2026-11-21", 7, true)?;
    db.setbit("active:2026-11-21", 4_294_967_295, true)?;
    let active = db.bitcount("active:2026-11-21", BitRange::all())?;
    println!("BITCOUNT active:2026-11-21 -> {active}");

    // A key with a deadline.
    db.set("session", "token")?;
    db.expire("session", Duration::from_secs(3600))?;
    println!("PTTL session -> {:?}", db.ttl_ms("session")?);

    // A snapshot is O(1) and stays as it is. `fork` gives a branch that can be written to.
    let before = db.snapshot()?;
    db.set("greeting", "good evening")?;
    let branch = db.fork()?;
    branch.del("greeting")?;
    println!(
        "greeting: {:?} in the snapshot, {:?} now, {:?} in the branch",
        text(before.get("greeting")?),
        text(db.get("greeting")?),
        text(branch.get("greeting")?)
    );

    // All or nothing, over as many keys as you like. An error or a panic leaves no trace.
    db.set("alice", "100")?;
    db.set("bob", "0")?;
    db.transaction(|tx| {
        tx.decr_by("alice", 30)?;
        tx.incr_by("bob", 30)?;
        Ok::<_, Error>(())
    })?;
    println!(
        "alice {:?}, bob {:?}",
        text(db.get("alice")?),
        text(db.get("bob")?)
    );

    // Any command in words, with Redis's replies and error texts.
    println!("{:?}", db.execute(&["STRLEN", "greeting"])?);
    if let Err(error) = db.execute(&["INCR", "greeting"]) {
        println!("{error}");
    }

    // `close` syncs and says how it went; then everything is there again.
    db.close()?;
    let db = Db::open(&path)?;
    assert_eq!(db.get("alice")?, Some(b"70".to_vec()));
    println!("reopened: {} keys", db.db_size()?);

    db.close()?;
    std::fs::remove_file(&path)?;
    Ok(())
}

fn text(value: Option<Vec<u8>>) -> Option<String> {
    value.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}
