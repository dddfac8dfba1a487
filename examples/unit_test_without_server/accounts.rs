//! A small service as many have one: logins with a limit on wrong passwords, sessions that end, a leaderboard.
//!
//! It keeps everything in the database and nothing in itself, takes its random numbers from whoever makes it, and
//! never asks for the time: deadlines are the database's.

use nacredb::{Db, Error, ZRange, prelude::*};
use std::time::Duration;

/// So many wrong passwords in a row...
const TRIES: i64 = 3;
/// ... and there is no further try for this long.
const LOCKED: Duration = Duration::from_secs(15 * 60);
/// A session ends this long after it was last used, and up to a minute later, so that not all end at once.
const IDLE: Duration = Duration::from_secs(30 * 60);

/// What came of a login.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Login {
    /// Let in; the token names the session.
    Welcome(String),
    /// There is no such user, or the password is another.
    Refused,
    /// Too many wrong passwords; there is no further try before this.
    Locked(Duration),
}

/// The service.
pub(crate) struct Accounts<R> {
    db: Db,
    random: R,
}

impl<R: Fn() -> u64> Accounts<R> {
    pub(crate) fn new(db: Db, random: R) -> Self {
        Self { db, random }
    }

    /// Adds a user. (A real service would store a slow hash of the password.)
    pub(crate) fn register(&self, user: &str, password: &str) -> Result<bool, Error> {
        self.db
            .hset_nx(format!("user:{user}"), "password", password)
    }

    pub(crate) fn login(&self, user: &str, password: &str) -> Result<Login, Error> {
        let failures = format!("failures:{user}");
        let count = self.db.get(&failures)?;
        let count = count.and_then(|text| String::from_utf8(text).ok()?.parse().ok());
        if count.unwrap_or(0) >= TRIES {
            let left = self.db.ttl_ms(&failures)?.ms().unwrap_or(0);
            return Ok(Login::Locked(Duration::from_millis(left)));
        }
        let stored = self.db.hget(format!("user:{user}"), "password")?;
        if stored.as_deref() != Some(password.as_bytes()) {
            self.db.transaction(|tx| {
                tx.incr(&failures)?;
                tx.expire(&failures, LOCKED)?;
                Ok::<_, Error>(())
            })?;
            return Ok(Login::Refused);
        }
        let token = format!("{:016x}", (self.random)());
        self.db.transaction(|tx| {
            tx.del(&failures)?;
            tx.set(format!("session:{token}"), user)?;
            self.keep(tx, &token)
        })?;
        Ok(Login::Welcome(token))
    }

    /// Puts the end of a session off.
    fn keep(&self, db: &impl ExpireWrite, token: &str) -> Result<(), Error> {
        let jitter = Duration::from_secs((self.random)() % 60);
        db.expire(format!("session:{token}"), IDLE + jitter)?;
        Ok(())
    }

    /// Who a session belongs to; using it keeps it.
    pub(crate) fn user_of(&self, token: &str) -> Result<Option<String>, Error> {
        let user = self.db.get(format!("session:{token}"))?;
        if user.is_some() {
            self.keep(&self.db, token)?;
        }
        Ok(user.map(|user| String::from_utf8_lossy(&user).into_owned()))
    }

    pub(crate) fn logout(&self, token: &str) -> Result<(), Error> {
        self.db.del(format!("session:{token}"))?;
        Ok(())
    }

    /// Adds points for whoever has this session; answers the new score, `None` without a session.
    pub(crate) fn score(&self, token: &str, points: f64) -> Result<Option<f64>, Error> {
        match self.user_of(token)? {
            Some(user) => Ok(Some(self.db.zincr_by("board", points, &user)?)),
            None => Ok(None),
        }
    }

    /// The best, best first.
    pub(crate) fn top(&self, count: u32) -> Result<Vec<(String, f64)>, Error> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let best = ZRange::ranks(0, i64::from(count) - 1).rev();
        let best = self.db.zrange_with_scores("board", best)?;
        let name = |(name, score): (Vec<u8>, f64)| (String::from_utf8_lossy(&name).into(), score);
        Ok(best.into_iter().map(name).collect())
    }
}
