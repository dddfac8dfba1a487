//! Waiting until there is something to take: methods that block the calling thread, and [`Blocked`] for
//! callers that are `async`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::Db;
use crate::Side;
use crate::command::blocking::{Take, Taken, What};
use crate::command::reply::Reply;
use crate::engine::Engine;
use crate::engine::waiters::{Begun, Waiter};
use crate::error::{CommandError, Error};

/// A key and an element of the list there.
type Element = (Vec<u8>, Vec<u8>);
/// A key and elements of the list there.
type Elements = (Vec<u8>, Vec<Vec<u8>>);
/// A key, a member of the sorted set there, and its score.
type Member = (Vec<u8>, Vec<u8>, f64);
/// A key, and members of the sorted set there with their scores.
type Members = (Vec<u8>, Vec<(Vec<u8>, f64)>);

fn element(taken: Taken) -> Element {
    let item = taken.items.into_iter().next();
    (taken.key, item.unwrap_or_default())
}

fn elements(taken: Taken) -> Elements {
    (taken.key, taken.items)
}

fn moved(taken: Taken) -> Vec<u8> {
    element(taken).1
}

fn member(taken: Taken) -> Member {
    let score = taken.scores.first().copied().unwrap_or_default();
    let (key, item) = element(taken);
    (key, item, score)
}

fn members(taken: Taken) -> Members {
    let pairs = taken.items.into_iter().zip(taken.scores);
    (taken.key, pairs.collect())
}

fn new_take<K: AsRef<[u8]>>(keys: &[K], what: What) -> Take {
    let keys = keys.iter().map(|key| key.as_ref().to_vec());
    Take::new(keys.collect(), what)
}

fn check_keys<K>(keys: &[K], count: u64) -> Result<(), CommandError> {
    let refuse = |text: &'static str| Err(CommandError::Other(text.into()));
    if keys.is_empty() {
        return refuse("ERR numkeys should be greater than 0");
    }
    if count == 0 {
        return refuse("ERR count should be greater than 0");
    }
    Ok(())
}

/// A timeout in whole milliseconds, rounded up.
fn millis(timeout: Option<Duration>) -> Option<u64> {
    let up = |timeout: Duration| {
        let millis = timeout.as_nanos().div_ceil(1_000_000);
        u64::try_from(millis).unwrap_or(u64::MAX)
    };
    timeout.map(up)
}

fn move_of(from: impl AsRef<[u8]>, to: impl AsRef<[u8]>, from_side: Side, to_side: Side) -> Take {
    let to = to.as_ref().to_vec();
    let what = What::Move {
        from_side,
        to,
        to_side,
    };
    new_take(&[from], what)
}

/// Something to be taken as soon as it is there: a future of `None` after its timeout. Made by the
/// `_async` methods of [`Db`].
///
/// It does nothing before it is first polled; from then on it stands in line with all others who wait for
/// its keys, threads and futures alike, in order of arrival. It takes while it is polled and at no other
/// time, so dropping it loses nothing. A future that was woken and is neither polled nor dropped keeps
/// those behind it waiting. It needs no runtime, and no thread but the database's own for its timeout.
/// Closing the database ends it with an error.
#[must_use = "a future does nothing unless it is polled"]
pub struct Blocked<T> {
    engine: Arc<Engine>,
    database: u8,
    take: Take,
    timeout_ms: Option<u64>,
    waiter: Option<Arc<Waiter>>,
    shape: fn(&Take, Taken) -> T,
}

impl<T> fmt::Debug for Blocked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocked")
            .field("take", &self.take)
            .field("waits", &self.waiter.is_some())
            .finish_non_exhaustive()
    }
}

impl<T> Future for Blocked<T> {
    type Output = Result<Option<T>, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        this.engine.check_process()?;
        let waiter = match &this.waiter {
            Some(waiter) => waiter,
            None => {
                let begun =
                    this.engine
                        .begin_take(this.database, &this.take, this.timeout_ms, true);
                match begun {
                    Ok(Begun::Waits(waiter)) => this.waiter.insert(waiter),
                    Ok(Begun::Done(taken)) => {
                        return Poll::Ready(Ok(Some((this.shape)(&this.take, taken))));
                    }
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
        };
        let polled = this.engine.poll_taken(waiter, context);
        polled.map(|taken| Ok(taken?.map(|taken| (this.shape)(&this.take, taken))))
    }
}

impl<T> Drop for Blocked<T> {
    fn drop(&mut self) {
        // A forked child's copy stands in no line, and its locks may be held for ever.
        if let Some(waiter) = &self.waiter
            && self.engine.check_process().is_ok()
        {
            self.engine.end_wait(waiter, Ok(None));
        }
    }
}

impl Db {
    /// Takes what there is, or waits for it on this thread.
    pub(super) fn take(
        &self,
        take: &Take,
        timeout_ms: Option<u64>,
    ) -> Result<Option<Taken>, Error> {
        let engine = self.engine();
        match engine.begin_take(self.database, take, timeout_ms, false)? {
            Begun::Done(taken) => Ok(Some(taken)),
            Begun::Waits(waiter) => engine.wait_taken(&waiter),
        }
    }

    /// As [`take`](Self::take), as a future of what a caller in words is answered.
    pub(super) fn take_later(&self, take: Take, timeout_ms: Option<u64>) -> Blocked<Reply> {
        self.blocked(take, timeout_ms, |take, taken| take.reply(Some(taken)))
    }

    fn blocked<T>(
        &self,
        take: Take,
        timeout_ms: Option<u64>,
        shape: fn(&Take, Taken) -> T,
    ) -> Blocked<T> {
        Blocked {
            engine: Arc::clone(&self.handle.engine),
            database: self.database,
            take,
            timeout_ms,
            waiter: None,
            shape,
        }
    }

    /// Removes and returns the first element of the first of these lists that exists, with its key; waits
    /// on this thread until one does, `None` for ever. Whoever waits for a key is served in order of
    /// arrival. Redis: `BLPOP`.
    ///
    /// # Complexity
    /// O(N) where N is the number of keys.
    ///
    /// # Errors
    /// [`CommandError::WrongType`] if a key that comes before any list holds another type.
    /// [`StorageError::Reentrant`](crate::StorageError::Reentrant) if it would have to wait inside a
    /// transaction or a visitor. [`StorageError::Closed`](crate::StorageError::Closed) if the database is
    /// closed meanwhile.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, prelude::*};
    /// # let db = Db::open_in_memory();
    /// let worker = std::thread::spawn({
    ///     let db = db.clone();
    ///     move || db.blpop(&["urgent", "jobs"], None)
    /// });
    /// db.rpush("jobs", &["tidy up"])?;
    /// let job = worker.join().expect("the worker works")?;
    /// assert_eq!(job, Some((b"jobs".to_vec(), b"tidy up".to_vec())));
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    #[doc(alias = "BLPOP")]
    pub fn blpop<K: AsRef<[u8]>>(
        &self,
        keys: &[K],
        timeout: Option<Duration>,
    ) -> Result<Option<Element>, Error> {
        check_keys(keys, 1)?;
        let take = new_take(keys, What::Element(Side::Left));
        Ok(self.take(&take, millis(timeout))?.map(element))
    }

    /// As [`blpop`](Self::blpop), at the other end of the lists. Redis: `BRPOP`.
    ///
    /// # Errors
    /// As [`blpop`](Self::blpop).
    #[doc(alias = "BRPOP")]
    pub fn brpop<K: AsRef<[u8]>>(
        &self,
        keys: &[K],
        timeout: Option<Duration>,
    ) -> Result<Option<Element>, Error> {
        check_keys(keys, 1)?;
        let take = new_take(keys, What::Element(Side::Right));
        Ok(self.take(&take, millis(timeout))?.map(element))
    }

    /// Removes and returns up to `count` elements of the first of these lists that exists, with its key;
    /// waits until one does. Redis: `BLMPOP`.
    ///
    /// # Complexity
    /// O(N + M) where N is the number of keys and M that of elements returned.
    ///
    /// # Errors
    /// As [`blpop`](Self::blpop); a refusal if there are no keys or `count` is 0.
    #[doc(alias = "BLMPOP")]
    pub fn blmpop<K: AsRef<[u8]>>(
        &self,
        keys: &[K],
        side: Side,
        count: u64,
        timeout: Option<Duration>,
    ) -> Result<Option<Elements>, Error> {
        check_keys(keys, count)?;
        let take = new_take(keys, What::Elements { side, count });
        Ok(self.take(&take, millis(timeout))?.map(elements))
    }

    /// Removes an element from one side of the list at `from`, puts it at a side of the list at `to` and
    /// returns it; waits until there is one. Redis: `BLMOVE`, and `BRPOPLPUSH` from right to left.
    ///
    /// # Complexity
    /// O(1) amortised.
    ///
    /// # Errors
    /// As [`blpop`](Self::blpop); [`CommandError::WrongType`] if `to` holds another type once there is an
    /// element, which then stays where it is.
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Side, prelude::*};
    /// # use std::time::Duration;
    /// # let db = Db::open_in_memory();
    /// let soon = Some(Duration::from_millis(1));
    /// assert_eq!(db.blmove("todo", "doing", Side::Left, Side::Right, soon)?, None);
    /// db.rpush("todo", &["a"])?;
    /// assert_eq!(db.blmove("todo", "doing", Side::Left, Side::Right, soon)?, Some(b"a".to_vec()));
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    #[doc(alias = "BLMOVE")]
    #[doc(alias = "BRPOPLPUSH")]
    pub fn blmove(
        &self,
        from: impl AsRef<[u8]>,
        to: impl AsRef<[u8]>,
        from_side: Side,
        to_side: Side,
        timeout: Option<Duration>,
    ) -> Result<Option<Vec<u8>>, Error> {
        let take = move_of(from, to, from_side, to_side);
        Ok(self.take(&take, millis(timeout))?.map(moved))
    }

    /// Removes and returns the member with the lowest score of the first of these sorted sets that exists,
    /// with its key and its score; waits until one does. Redis: `BZPOPMIN`.
    ///
    /// # Complexity
    /// O(K + log N) where K is the number of keys and N that of members.
    ///
    /// # Errors
    /// As [`blpop`](Self::blpop).
    #[doc(alias = "BZPOPMIN")]
    pub fn bzpopmin<K: AsRef<[u8]>>(
        &self,
        keys: &[K],
        timeout: Option<Duration>,
    ) -> Result<Option<Member>, Error> {
        check_keys(keys, 1)?;
        let take = new_take(keys, What::Member { highest: false });
        Ok(self.take(&take, millis(timeout))?.map(member))
    }

    /// As [`bzpopmin`](Self::bzpopmin), the member with the highest score. Redis: `BZPOPMAX`.
    ///
    /// # Errors
    /// As [`blpop`](Self::blpop).
    #[doc(alias = "BZPOPMAX")]
    pub fn bzpopmax<K: AsRef<[u8]>>(
        &self,
        keys: &[K],
        timeout: Option<Duration>,
    ) -> Result<Option<Member>, Error> {
        check_keys(keys, 1)?;
        let take = new_take(keys, What::Member { highest: true });
        Ok(self.take(&take, millis(timeout))?.map(member))
    }

    /// Removes and returns up to `count` members with the lowest scores (the highest if `highest`) of the
    /// first of these sorted sets that exists, with its key; waits until one does. Redis: `BZMPOP`.
    ///
    /// # Complexity
    /// O(K + M log N) where K is the number of keys, N that of members and M that of members returned.
    ///
    /// # Errors
    /// As [`blpop`](Self::blpop); a refusal if there are no keys or `count` is 0.
    #[doc(alias = "BZMPOP")]
    pub fn bzmpop<K: AsRef<[u8]>>(
        &self,
        keys: &[K],
        highest: bool,
        count: u64,
        timeout: Option<Duration>,
    ) -> Result<Option<Members>, Error> {
        check_keys(keys, count)?;
        let take = new_take(keys, What::Members { highest, count });
        Ok(self.take(&take, millis(timeout))?.map(members))
    }

    /// [`blpop`](Self::blpop) as a future; [`brpop`](Self::brpop) if `side` is [`Side::Right`].
    ///
    /// # Errors
    /// The future's are those of [`blpop`](Self::blpop).
    ///
    /// # Examples
    /// ```
    /// # use nacredb::{Db, Side, prelude::*};
    /// # use std::{future::Future, pin::pin, task::{Context, Poll, Waker}};
    /// # let db = Db::open_in_memory();
    /// let mut context = Context::from_waker(Waker::noop());
    /// let mut job = pin!(db.bpop_async(&["jobs"], Side::Left, None)?);
    /// assert!(job.as_mut().poll(&mut context).is_pending());
    /// db.rpush("jobs", &["tidy up"])?;
    /// let Poll::Ready(job) = job.as_mut().poll(&mut context) else { panic!("it was woken") };
    /// assert_eq!(job?, Some((b"jobs".to_vec(), b"tidy up".to_vec())));
    /// # Ok::<(), nacredb::Error>(())
    /// ```
    pub fn bpop_async<K: AsRef<[u8]>>(
        &self,
        keys: &[K],
        side: Side,
        timeout: Option<Duration>,
    ) -> Result<Blocked<Element>, Error> {
        check_keys(keys, 1)?;
        let take = new_take(keys, What::Element(side));
        Ok(self.blocked(take, millis(timeout), |_, taken| element(taken)))
    }

    /// [`blmpop`](Self::blmpop) as a future.
    ///
    /// # Errors
    /// A refusal if there are no keys or `count` is 0; the future's are those of [`blpop`](Self::blpop).
    pub fn blmpop_async<K: AsRef<[u8]>>(
        &self,
        keys: &[K],
        side: Side,
        count: u64,
        timeout: Option<Duration>,
    ) -> Result<Blocked<Elements>, Error> {
        check_keys(keys, count)?;
        let take = new_take(keys, What::Elements { side, count });
        Ok(self.blocked(take, millis(timeout), |_, taken| elements(taken)))
    }

    /// [`blmove`](Self::blmove) as a future, whose errors are the same.
    pub fn blmove_async(
        &self,
        from: impl AsRef<[u8]>,
        to: impl AsRef<[u8]>,
        from_side: Side,
        to_side: Side,
        timeout: Option<Duration>,
    ) -> Blocked<Vec<u8>> {
        let take = move_of(from, to, from_side, to_side);
        self.blocked(take, millis(timeout), |_, taken| moved(taken))
    }

    /// [`bzpopmin`](Self::bzpopmin) as a future; [`bzpopmax`](Self::bzpopmax) if `highest`.
    ///
    /// # Errors
    /// A refusal if there are no keys; the future's are those of [`blpop`](Self::blpop).
    pub fn bzpop_async<K: AsRef<[u8]>>(
        &self,
        keys: &[K],
        highest: bool,
        timeout: Option<Duration>,
    ) -> Result<Blocked<Member>, Error> {
        check_keys(keys, 1)?;
        let take = new_take(keys, What::Member { highest });
        Ok(self.blocked(take, millis(timeout), |_, taken| member(taken)))
    }

    /// [`bzmpop`](Self::bzmpop) as a future.
    ///
    /// # Errors
    /// A refusal if there are no keys or `count` is 0; the future's are those of [`blpop`](Self::blpop).
    pub fn bzmpop_async<K: AsRef<[u8]>>(
        &self,
        keys: &[K],
        highest: bool,
        count: u64,
        timeout: Option<Duration>,
    ) -> Result<Blocked<Members>, Error> {
        check_keys(keys, count)?;
        let take = new_take(keys, What::Members { highest, count });
        Ok(self.blocked(take, millis(timeout), |_, taken| members(taken)))
    }
}

#[cfg(test)]
mod tests;
