//! The change feed: what was committed, for whoever subscribes.
//!
//! One ring of frames for the engine, which the subscriptions read at their own pace. Invariants:
//! 1. Without a subscription (and without [`FeedLimits::always`]) the ring is not attached: nothing is
//!    recorded for it, and it holds nothing.
//! 2. The ring holds every frame from `oldest_lsn` on, in the order of the log, and not much more than
//!    the limits allow: the newest frame always.
//! 3. A writer never waits for a subscriber: one that falls behind the ring is told so.
//! 4. The first subscription attaches the ring, and the last one's drop detaches it, under the lock of
//!    `members`, which is taken after shards and before `feeds`.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::Engine;
use super::change::{Change, Frame, changes};
use super::observe::{Committed, Feed};
use crate::error::{Error, StorageError};
use crate::sys::clock::Countdown;
use crate::sys::fork::process_token;
use crate::value::glob::glob_match;

/// How much of the past the change feed keeps for subscribers that are behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedLimits {
    /// Bytes of recorded changes.
    pub bytes: usize,
    /// Frames: commands or transactions.
    pub frames: usize,
    /// Whether to keep it even while nobody subscribes, so that one who left can come back to where it
    /// was. Costs what a subscription does.
    pub always: bool,
}

impl Default for FeedLimits {
    /// 16 MiB, 65,536 frames, only while somebody subscribes.
    fn default() -> Self {
        Self {
            bytes: 16 << 20,
            frames: 1 << 16,
            always: false,
        }
    }
}

/// What an engine keeps for its subscriptions.
#[derive(Debug)]
pub(crate) struct Feeds {
    ring: Arc<Ring>,
    /// How many subscriptions there are, one more for [`FeedLimits::always`].
    members: Mutex<usize>,
}

impl Feeds {
    pub(super) fn new(limits: FeedLimits) -> Self {
        Self {
            ring: Arc::new(Ring::new(limits)),
            members: Mutex::new(0),
        }
    }

    /// Wakes whoever waits for what was just handed over. Not under the lock of `feeds`: what is woken may
    /// end its subscription.
    pub(super) fn wake(&self) {
        self.ring.wake();
    }

    /// Lets those who wait for a time look at the clock, which was moved.
    pub(super) fn time_was_moved(&self) {
        // Under the lock: whoever has looked at the clock before this waits already.
        let state = self.ring.state.lock();
        self.ring.arrived.notify_all();
        drop(state);
    }

    /// Ends every wait: what is in the ring is still handed over, then this.
    pub(super) fn end(&self, error: StorageError) {
        self.ring.state.lock().ended.get_or_insert(error);
        self.ring.wake();
    }
}

/// The frames and who waits for the next one.
#[derive(Debug)]
struct Ring {
    limits: FeedLimits,
    state: Mutex<State>,
    arrived: Condvar,
    next_waker: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<Arc<Frame>>,
    bytes: usize,
    /// Everything from here on is in the ring.
    oldest_lsn: u64,
    wakers: Vec<(u64, Waker)>,
    ended: Option<StorageError>,
}

impl Ring {
    fn new(limits: FeedLimits) -> Self {
        Self {
            limits,
            state: Mutex::default(),
            arrived: Condvar::new(),
            next_waker: AtomicU64::new(0),
        }
    }

    /// Forgets everything; what comes begins at this LSN.
    fn restart(&self, lsn: u64) {
        let mut state = self.state.lock();
        state.frames = VecDeque::new();
        state.bytes = 0;
        state.oldest_lsn = lsn;
    }

    fn wake(&self) {
        let wakers = std::mem::take(&mut self.state.lock().wakers);
        wakers.into_iter().for_each(|(_, waker)| waker.wake());
        self.arrived.notify_all();
    }
}

impl State {
    /// The first frame at or after this LSN; `None` if it is still to come.
    fn frame_at(&self, lsn: u64) -> Result<Option<Arc<Frame>>, StorageError> {
        if lsn < self.oldest_lsn {
            let oldest_lsn = self.oldest_lsn;
            return Err(StorageError::Lagged { oldest_lsn });
        }
        let at = self.frames.partition_point(|frame| frame.lsn < lsn);
        match (self.frames.get(at), &self.ended) {
            (Some(frame), _) => Ok(Some(Arc::clone(frame))),
            (None, Some(error)) => Err(error.clone()),
            (None, None) => Ok(None),
        }
    }
}

impl Feed for Ring {
    fn committed(&self, batch: &Committed<'_>) {
        let frame = Frame {
            lsn: batch.lsn,
            end_lsn: batch.end_lsn,
            bytes: batch.bytes.into(),
            causes: batch.causes.into(),
            events: batch.events.into(),
        };
        let mut state = self.state.lock();
        state.bytes += frame.bytes.len();
        state.frames.push_back(Arc::new(frame));
        while state.frames.len() > 1
            && (state.bytes > self.limits.bytes || state.frames.len() > self.limits.frames)
        {
            if let Some(gone) = state.frames.pop_front() {
                state.bytes -= gone.bytes.len();
                state.oldest_lsn = gone.end_lsn;
            }
        }
    }
}

impl Engine {
    /// Begins to keep what is committed, if that is wanted before anybody subscribes.
    pub(super) fn start_feed(&self) {
        if self.feeds.ring.limits.always {
            // Nobody else has the engine yet: its shards can be locked.
            let _joined = self.join_feed();
        }
    }

    /// Attaches the ring for one more member. The LSN of the next frame.
    fn join_feed(&self) -> Result<u64, StorageError> {
        self.check_readable()?;
        // No frame can be appended while every shard is locked.
        let _all = self.lock_many((0..self.slots.len()).collect())?;
        let mut members = self.feeds.members.lock();
        let lsn = if *members == 0 {
            self.skip_memory_lsn();
            let lsn = self.observed_lsn();
            self.feeds.ring.restart(lsn);
            self.attach_feed_locked(Arc::clone(&self.feeds.ring) as Arc<dyn Feed>)
        } else {
            self.observed_lsn()
        };
        *members += 1;
        Ok(lsn)
    }

    fn leave_feed(&self) {
        let mut members = self.feeds.members.lock();
        *members -= 1;
        if *members == 0 {
            self.detach_feed(&(Arc::clone(&self.feeds.ring) as Arc<dyn Feed>));
            self.feeds.ring.restart(u64::MAX);
        }
    }

    /// A subscription to changes of keys that match `pattern`, from this LSN on or from now on.
    pub(crate) fn subscribe(
        &self,
        pattern: &[u8],
        from_lsn: Option<u64>,
    ) -> Result<Subscription, StorageError> {
        let lsn = self.join_feed()?;
        let ring = Arc::clone(&self.feeds.ring);
        // Whatever follows, its drop leaves again.
        let subscription = Subscription {
            engine: self.this.clone(),
            process: process_token(),
            pattern: pattern.into(),
            next_lsn: from_lsn.unwrap_or(lsn),
            ready: VecDeque::new(),
            waker_id: ring.next_waker.fetch_add(1, Ordering::Relaxed),
            ring,
        };
        let oldest_lsn = subscription.ring.state.lock().oldest_lsn;
        // A position beyond the end is another log's, or of an end that a crash has taken back.
        if subscription.next_lsn < oldest_lsn || subscription.next_lsn > lsn {
            return Err(StorageError::Lagged { oldest_lsn });
        }
        Ok(subscription)
    }
}

/// The changes that are committed, in the order of the log, of keys that match a pattern.
///
/// [`Db::subscribe`](crate::Db::subscribe) begins one, and dropping it ends it. Every database is seen.
/// Changes of one command or transaction come one after the other, with the same
/// [`lsn`](Change::lsn). A change is handed over when it is in memory and has its place in the log; when
/// it is on disk is for the database's [`Ack`](crate::Ack) to say.
///
/// It keeps a bounded past ([`FeedLimits`]). A subscriber that falls further behind gets
/// [`StorageError::Lagged`] once, and goes on with the oldest change there is.
#[derive(Debug)]
pub struct Subscription {
    engine: Weak<Engine>,
    ring: Arc<Ring>,
    /// The process it was made in: a forked child has neither the writers nor the locks.
    process: u64,
    pattern: Box<[u8]>,
    /// The frame to look at next.
    next_lsn: u64,
    /// Changes of the frame before that are still to be handed over.
    ready: VecDeque<Change>,
    waker_id: u64,
}

impl Subscription {
    /// The next change, if there is one already.
    ///
    /// # Errors
    /// [`StorageError::Lagged`] if changes were missed; the next call goes on behind them.
    /// [`StorageError::Closed`], or why the database may not be used any more, after its last change.
    pub fn try_recv(&mut self) -> Result<Option<Change>, Error> {
        loop {
            if let Some(change) = self.ready.pop_front() {
                return Ok(Some(change));
            }
            if !self.is_in_its_process() {
                return Err(StorageError::ForkedHandle.into());
            }
            let frame = self.ring.state.lock().frame_at(self.next_lsn);
            match self.catch_up(frame)? {
                Some(frame) => self.unpack(&frame),
                None => return Ok(None),
            }
        }
    }

    /// Waits for the next change.
    ///
    /// # Errors
    /// As [`try_recv`](Self::try_recv); [`StorageError::Reentrant`] where this thread would wait for
    /// itself: in a visitor and in a transaction.
    pub fn recv(&mut self) -> Result<Change, Error> {
        loop {
            if let Some(change) = self.wait(None)? {
                return Ok(change);
            }
        }
    }

    /// Waits for the next change, but not longer than this: `None` if there was none. With a clock that moves
    /// only when told, not longer than until [`Db::advance`](crate::Db::advance) has moved it so far.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Option<Change>, Error> {
        self.wait(Some(timeout))
    }

    fn wait(&mut self, timeout: Option<Duration>) -> Result<Option<Change>, Error> {
        let engine = self.engine.upgrade();
        let clock = engine.map(|engine| Arc::clone(&engine.clock));
        let countdown = timeout.map(|timeout| Countdown::start(timeout, clock));
        loop {
            if let Some(change) = self.try_recv()? {
                return Ok(Some(change));
            }
            if let Some(engine) = self.engine.upgrade() {
                engine.check_may_wait()?;
            }
            let ring = Arc::clone(&self.ring);
            let mut state = ring.state.lock();
            // Between the look above and this lock something may have come.
            if !matches!(state.frame_at(self.next_lsn), Ok(None)) {
                continue;
            }
            match &countdown {
                Some(countdown) if countdown.left().is_zero() => return Ok(None),
                Some(countdown) if countdown.runs_by_itself() => {
                    ring.arrived.wait_for(&mut state, countdown.left());
                }
                // Whoever moves the clock wakes everybody.
                Some(_) | None => ring.arrived.wait(&mut state),
            }
        }
    }

    /// The next change, or a promise to wake the task when there is one. The waker must schedule the
    /// task and not run it: it is called while a writer holds its keys.
    ///
    /// # Errors
    /// As [`try_recv`](Self::try_recv).
    pub fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Result<Change, Error>> {
        loop {
            match self.try_recv() {
                Ok(None) => {}
                Ok(Some(change)) => return Poll::Ready(Ok(change)),
                Err(error) => return Poll::Ready(Err(error)),
            }
            let mut waker = context.waker().clone();
            let mut state = self.ring.state.lock();
            if !matches!(state.frame_at(self.next_lsn), Ok(None)) {
                continue;
            }
            let id = self.waker_id;
            match state.wakers.iter_mut().find(|(other, _)| *other == id) {
                Some((_, known)) => std::mem::swap(known, &mut waker),
                None => {
                    state.wakers.push((id, waker));
                    return Poll::Pending;
                }
            }
            // The one before may be the last handle of a task, which may end subscriptions with it.
            drop(state);
            drop(waker);
            return Poll::Pending;
        }
    }

    /// The next change, to be awaited. Dropping the future loses nothing.
    pub fn next_change(&mut self) -> impl Future<Output = Result<Change, Error>> + '_ {
        poll_fn(|context| self.poll_recv(context))
    }

    /// Where to resume, if all that was handed over is dealt with: the log position after the last frame
    /// whose changes were all handed over. See [`Db::subscribe_from`](crate::Db::subscribe_from).
    #[must_use]
    pub fn resume_lsn(&self) -> u64 {
        self.ready.front().map_or(self.next_lsn, Change::lsn)
    }

    fn is_in_its_process(&self) -> bool {
        self.process == process_token()
    }

    /// After a lag, the position is that of the oldest frame.
    fn catch_up(
        &mut self,
        frame: Result<Option<Arc<Frame>>, StorageError>,
    ) -> Result<Option<Arc<Frame>>, Error> {
        if let Err(StorageError::Lagged { oldest_lsn }) = frame {
            self.next_lsn = oldest_lsn;
        }
        Ok(frame?)
    }

    fn unpack(&mut self, frame: &Arc<Frame>) {
        let pattern = &*self.pattern;
        // In Redis the key is the end of a longer name, so a lone star matches an empty one too.
        let is_any = !pattern.is_empty() && pattern.iter().all(|&byte| byte == b'*');
        let wants = |key: &[u8]| is_any || glob_match(pattern, key, false);
        let ready = &mut self.ready;
        changes(frame, wants, |change| ready.push_back(change));
        self.next_lsn = frame.end_lsn;
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if !self.is_in_its_process() {
            return;
        }
        let id = self.waker_id;
        let mut state = self.ring.state.lock();
        let at = state.wakers.iter().position(|(other, _)| *other == id);
        let waker = at.map(|at| state.wakers.swap_remove(at));
        drop(state);
        drop(waker);
        if let Some(engine) = self.engine.upgrade() {
            engine.leave_feed();
        }
    }
}
