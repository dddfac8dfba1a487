//! What is derived from the marks of one activity, and how far it can be trusted.
//!
//! The keyspace holds the marks: one bitmap for each period. The index holds the same relation in a
//! [`History`], follows single bits as they are written, and remembers the periods whose keys changed in
//! any other way. Those are read again, a step of users at a time, before the next question is answered.
//! Building it is the same thing with every period unsettled.
//!
//! Called by `live` for every commit and by whoever settles it, who holds the shards of the keys that a
//! step reads. Invariants:
//! 1. For a period in `unsettled` the history is right for the users below the number there; for any other
//!    period it is right for all, once the keys have been listed.
//! 2. What is written is followed for every user: whose turn is still to come is read again.
//! 3. A period with a deadline in `deadlines` was read as empty if that lies before `from_ms`, and with its
//!    marks otherwise. So no deadline lies between `from_ms` and `until_ms`: while the clock does, all that is
//!    settled is right, and where it leaves them, forward or back, what it has crossed is unsettled.
//!
//! It must not lock, wait or read a clock.

use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) use crate::ds::history::{Buckets, History};
use crate::keyspace::{ReadTx, StringRef, has_expired};

/// The users of an activity are numbered below this: the offsets of bits that SETBIT takes, but for the
/// last.
pub(crate) const USERS_MAX: u32 = u32::MAX;
/// Writes of up to this many bytes are followed bit by bit; a longer one unsettles its period.
const FOLLOWED_BYTES_MAX: usize = 64;
/// About how many bits one step reads.
const STEP_BITS: usize = 1 << 20;
/// How many periods one step reads at most.
const STEP_PERIODS_MAX: usize = 4096;
/// How many users one step reads at most.
const STEP_USERS_MAX: usize = 1 << 18;
/// Steps begin and end between groups of so many users.
const GROUP: u64 = 64;

/// Whether it is known which periods have keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Listing {
    /// Nobody has asked yet.
    #[default]
    Unasked,
    /// Somebody is looking: what changes meanwhile is unsettled.
    Underway,
    Known,
}

/// See the module's head. Clones in O(1) while nothing is unsettled and no key has a deadline.
#[derive(Debug, Clone)]
pub(crate) struct Index {
    history: History,
    listing: Listing,
    unsettled: Arc<BTreeMap<u32, u64>>,
    deadlines: Arc<BTreeMap<u32, u64>>,
    from_ms: u64,
    until_ms: u64,
}

impl Default for Index {
    fn default() -> Self {
        Self {
            history: History::default(),
            listing: Listing::default(),
            unsettled: Arc::default(),
            deadlines: Arc::default(),
            from_ms: 0,
            until_ms: u64::MAX,
        }
    }
}

/// What is to be read next: these users of these periods.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) first_user: u64,
    users: usize,
    pub(crate) periods: Vec<u32>,
}

impl Index {
    /// Whether the history is right as of `now_ms`. Unsettles what expires until then, or lives again.
    pub(crate) fn is_settled(&mut self, now_ms: &dyn Fn() -> u64) -> bool {
        if (self.from_ms, self.until_ms) != (0, u64::MAX) {
            self.move_to(now_ms());
        }
        self.listing == Listing::Known && self.unsettled.is_empty()
    }

    /// The relation itself; right if [`is_settled`](Self::is_settled). It may be made to keep more of what
    /// follows from the marks, and must not be changed otherwise.
    pub(crate) fn history_mut(&mut self) -> &mut History {
        &mut self.history
    }

    /// Whether there is nothing in it that a new one would have to read.
    pub(crate) fn is_empty(&self) -> bool {
        self.unsettled.is_empty() && self.history.span().is_none()
    }

    /// Whether anything was ever asked of it.
    pub(crate) fn is_begun(&self) -> bool {
        self.listing != Listing::Unasked
    }

    /// Begins to look for the keys there are; whoever calls it then lists those of any later moment.
    pub(crate) fn begin_listing(&mut self) {
        if self.listing == Listing::Unasked {
            self.listing = Listing::Underway;
        }
    }

    /// Whether the keys are still to be listed.
    pub(crate) fn wants_listing(&self) -> bool {
        self.listing != Listing::Known
    }

    /// These are the periods that had keys at some moment since [`begin_listing`](Self::begin_listing).
    pub(crate) fn list(&mut self, periods: &[u32]) {
        if self.listing == Listing::Underway {
            periods.iter().for_each(|&period| self.unsettle(period, 0));
            self.listing = Listing::Known;
        }
    }

    /// The bytes from `offset` on of a period's key are now these.
    #[inline]
    pub(crate) fn written(&mut self, period: u32, offset: u64, bytes: &[u8]) {
        match self.listing {
            Listing::Unasked => {}
            Listing::Underway => self.unsettle(period, 0),
            // By a transaction that began when the key lived.
            Listing::Known if self.is_gone(period) => self.unsettle(period, 0),
            Listing::Known if bytes.len() > FOLLOWED_BYTES_MAX => {
                self.unsettle(period, offset.saturating_mul(8));
            }
            Listing::Known => self.follow(period, offset, bytes),
        }
    }

    #[inline]
    fn follow(&mut self, period: u32, offset: u64, bytes: &[u8]) {
        let first_users = (offset.saturating_mul(8)..).step_by(8);
        for (first_user, &byte) in first_users.zip(bytes) {
            if first_user >= u64::from(USERS_MAX) {
                return;
            }
            // The last bit of the last byte is nobody's.
            let is_last = first_user + 7 == u64::from(USERS_MAX);
            let byte = if is_last { byte & !1 } else { byte };
            self.history.set_byte(first_user as u32, period, byte);
        }
    }

    /// A period's key has changed in a way that is not followed, from this user on.
    pub(crate) fn changed(&mut self, period: u32, from_user: u64) {
        if self.listing != Listing::Unasked {
            self.unsettle(period, from_user);
        }
    }

    /// A period's key now has this deadline.
    pub(crate) fn expires(&mut self, period: u32, expires_at_ms: Option<u64>) {
        if self.listing == Listing::Unasked || cfg!(nacre_bug = "deadline_unseen") {
            return;
        }
        if self.is_gone(period) || expires_at_ms.is_some_and(|at_ms| at_ms < self.from_ms) {
            self.unsettle(period, 0);
        }
        self.set_deadline(period, expires_at_ms);
        self.until_ms = self.until_ms.min(expires_at_ms.unwrap_or(u64::MAX));
    }

    fn unsettle(&mut self, period: u32, from_user: u64) {
        if from_user >= u64::from(USERS_MAX) {
            return;
        }
        let from_user = from_user / GROUP * GROUP;
        let unsettled = Arc::make_mut(&mut self.unsettled);
        let right_below = unsettled.entry(period).or_insert(from_user);
        *right_below = from_user.min(*right_below);
    }

    /// Whether the period's key was read as empty because its deadline had passed.
    #[inline]
    fn is_gone(&self, period: u32) -> bool {
        let deadline = || self.deadlines.get(&period);
        self.from_ms != 0 && deadline().is_some_and(|&at_ms| at_ms < self.from_ms)
    }

    #[inline]
    fn move_to(&mut self, now_ms: u64) {
        if now_ms < self.from_ms || has_expired(self.until_ms, now_ms) {
            self.cross_deadlines(now_ms);
        }
    }

    #[cold]
    fn cross_deadlines(&mut self, now_ms: u64) {
        let (mut crossed, mut from_ms, mut until_ms) = (Vec::new(), 0, u64::MAX);
        for (&period, &at_ms) in &*self.deadlines {
            let is_past = has_expired(at_ms, now_ms);
            if is_past != (at_ms < self.from_ms) {
                crossed.push(period);
            }
            if is_past {
                from_ms = at_ms.saturating_add(1).max(from_ms);
            } else {
                until_ms = at_ms.min(until_ms);
            }
        }
        (self.from_ms, self.until_ms) = (from_ms, until_ms);
        for period in crossed {
            self.unsettle(period, 0);
        }
    }

    fn set_deadline(&mut self, period: u32, expires_at_ms: Option<u64>) {
        match expires_at_ms {
            Some(at_ms) => {
                Arc::make_mut(&mut self.deadlines).insert(period, at_ms);
            }
            None if self.deadlines.is_empty() => {}
            None => {
                Arc::make_mut(&mut self.deadlines).remove(&period);
            }
        }
    }

    /// As [`set_deadline`](Self::set_deadline), for a key that is read as of `now_ms`, which lies between
    /// `from_ms` and `until_ms`.
    fn read_deadline(&mut self, period: u32, expires_at_ms: Option<u64>, now_ms: u64) {
        self.set_deadline(period, expires_at_ms);
        match expires_at_ms {
            Some(at_ms) if has_expired(at_ms, now_ms) => {
                self.from_ms = at_ms.saturating_add(1).max(self.from_ms);
            }
            Some(at_ms) => self.until_ms = at_ms.min(self.until_ms),
            None => {}
        }
    }

    /// What is to be read next; nothing when all is settled.
    pub(crate) fn next_step(&self) -> Option<Step> {
        let first_user = *self.unsettled.values().min()?;
        let periods: Vec<u32> = self
            .unsettled
            .iter()
            .filter(|&(_, &right_below)| right_below == first_user)
            .map(|(&period, _)| period)
            .take(STEP_PERIODS_MAX)
            .collect();
        let users = (STEP_BITS / periods.len()).min(STEP_USERS_MAX) as u64;
        let users_left = (u64::from(USERS_MAX) + 1).saturating_sub(first_user);
        Some(Step {
            first_user,
            users: (users / GROUP * GROUP).max(GROUP).min(users_left) as usize,
            periods,
        })
    }

    /// Reads what `step` asks for from `keys`, the keys of its periods, which `tx` may touch. A period
    /// that has changed since the step was chosen waits for another.
    pub(crate) fn take_step(&mut self, step: &Step, keys: &[&[u8]], tx: &ReadTx<'_>) {
        let now_ms = tx.now.ms();
        self.move_to(now_ms);
        let mut periods = Vec::with_capacity(keys.len());
        let mut strings = Vec::with_capacity(keys.len());
        for (&period, key) in step.periods.iter().zip(keys) {
            let is_its_turn = self.unsettled.get(&period) == Some(&step.first_user);
            if is_its_turn || cfg!(nacre_bug = "turn_ignored") {
                let entry = tx.entry(key);
                let deadline = match &entry {
                    Some(entry) => entry.expires_at_ms(),
                    None => tx.deadline(key),
                };
                self.read_deadline(period, deadline, now_ms);
                // A key of another type holds no marks.
                let string = entry.and_then(|entry| entry.string().ok());
                strings.push(string.unwrap_or(StringRef::Inline(&[])));
                periods.push(period);
            }
        }
        let end = step.first_user + step.users as u64;
        // Users who neither have marks nor had any are stepped over.
        let marked = strings
            .iter()
            .filter_map(|string| string.find_bit(true, step.first_user, u64::MAX));
        let known = self
            .history
            .next_user(step.first_user as u32)
            .map(u64::from);
        let next = marked.chain(known).min().unwrap_or(u64::MAX);
        if next < end {
            self.take_columns(step, &periods, &strings);
        }
        let right_below = (next / GROUP * GROUP).max(end);
        let unsettled = Arc::make_mut(&mut self.unsettled);
        for period in periods {
            if right_below < u64::from(USERS_MAX) {
                unsettled.insert(period, right_below);
            } else {
                unsettled.remove(&period);
            }
        }
    }

    fn take_columns(&mut self, step: &Step, periods: &[u32], strings: &[StringRef<'_>]) {
        let len = step.users / 8;
        let mut bytes = Vec::with_capacity(len * strings.len());
        for string in strings {
            let start = bytes.len();
            string.read_into(step.first_user / 8, len as u64, &mut bytes);
            bytes.resize(start + len, 0);
            if step.first_user + step.users as u64 > u64::from(USERS_MAX)
                && let Some(last) = bytes.last_mut()
            {
                *last &= !1;
            }
        }
        let columns: Vec<&[u8]> = bytes.chunks_exact(len).collect();
        self.history
            .replace(step.first_user as u32, periods, &columns);
    }
}
