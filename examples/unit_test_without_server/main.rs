//! Unit tests of a service that keeps its state in the database: no server, no container, no sleep.
//!
//! `cargo run --example unit_test_without_server` shows the service at work,
//! `cargo test --example unit_test_without_server` runs its tests. docs/testing-kit.md explains the kit.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

mod accounts;
#[cfg(test)]
mod tests;

use accounts::{Accounts, Login};
use nacredb::{Db, Error};
use std::hash::{BuildHasher, RandomState};

fn main() -> Result<(), Error> {
    let accounts = Accounts::new(Db::open_in_memory(), || RandomState::new().hash_one(1));
    accounts.register("ada", "difference engine")?;
    accounts.register("eve", "apple")?;
    println!("eve guesses: {:?}", accounts.login("ada", "apple")?);
    for (user, password, points) in [("ada", "difference engine", 12.0), ("eve", "apple", 7.0)] {
        if let Login::Welcome(token) = accounts.login(user, password)? {
            println!("{user} scores: {:?}", accounts.score(&token, points)?);
            accounts.logout(&token)?;
        }
    }
    println!("the board: {:?}", accounts.top(3)?);
    Ok(())
}
