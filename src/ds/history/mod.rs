//! `History`: which users were active in which periods, and how many distinct ones in any window.
//!
//! A persistent relation of users (below `u32::MAX`) and periods (any `u32`: days, hours, ...).
//! [`timelines`] keeps the marks themselves, [`links`] counts them by the period of their user's
//! previous mark, which answers distinct counts without looking at users, and [`cohorts`] keeps a
//! retention triangle on demand. Cloning is O(1); a change copies what a clone shares.
//!
//! It must not know what a user or a period means, and it bounds no caller's windows but those of
//! which it makes rows ([`MAX_ROW_PERIODS`]).

mod cohorts;
mod links;
mod replace;
mod row;
mod sorted;
mod streaks;
#[cfg(test)]
mod tests;
mod tile;
mod timelines;
#[cfg(test)]
mod timing;

pub(crate) use cohorts::Buckets;

use std::fmt;

use cohorts::{Cohorts, Mark};
use links::LinkCounts;
use timelines::Timelines;

/// The most periods that a row of words may span.
pub(crate) const MAX_ROW_PERIODS: u32 = 1 << 20;

/// A window spans more than [`MAX_ROW_PERIODS`] periods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WindowTooWide;

/// See the module's head.
#[derive(Clone, Default)]
pub(crate) struct History {
    timelines: Timelines,
    links: LinkCounts,
    cohorts: Option<Cohorts>,
    /// How many changes there have been.
    changes: u64,
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History")
            .field("span", &self.span())
            .finish_non_exhaustive()
    }
}

impl History {
    /// Says whether `user` was active in `period`; from now on it is `on`.
    #[inline]
    pub(crate) fn set(&mut self, user: u32, period: u32, on: bool) -> bool {
        let Some((previous, next)) = self.timelines.neighbours(user, period, on) else {
            return on;
        };
        debug_assert!(user < u32::MAX);
        self.changes += 1;
        if on {
            self.links.insert(period, previous, next);
            self.timelines.set(user, period);
        } else {
            self.links.remove(period, previous, next);
            self.timelines.unset(user, period);
        }
        if let Some(cohorts) = &mut self.cohorts {
            let mark = Mark {
                user,
                period,
                previous,
                next,
            };
            cohorts.change_mark(&self.timelines, mark, if on { 1 } else { -1 });
            self.drop_wide_cohorts();
        }
        !on
    }

    /// Makes exactly those of eight users active in `period` whose bits are set in `byte`, of which the
    /// highest is `first_user`'s, a multiple of 8.
    #[inline]
    pub(crate) fn set_byte(&mut self, first_user: u32, period: u32, byte: u8) {
        let mut changed = self.timelines.byte(first_user, period) ^ byte;
        while changed != 0 {
            let place = changed.leading_zeros();
            let mask = 0x80 >> place;
            self.set(first_user + place, period, byte & mask != 0);
            changed ^= mask;
        }
    }

    /// Makes exactly those users active in each of the `periods`, ascending, whose bits are set in the
    /// byte string at its place in `bits`, of the users that these have bits for. The highest bit of
    /// the first byte is `first_user`, a multiple of 64; the byte strings are of the same length, a
    /// multiple of 8. What these users have in other periods stays.
    pub(crate) fn replace(&mut self, first_user: u32, periods: &[u32], bits: &[&[u8]]) {
        self.changes += 1;
        replace::replace(self, first_user, periods, bits);
        self.drop_wide_cohorts();
    }

    fn drop_wide_cohorts(&mut self) {
        self.cohorts.take_if(|cohorts| !cohorts.is_within_limit());
    }

    pub(crate) fn contains(&self, user: u32, period: u32) -> bool {
        self.timelines.contains(user, period)
    }

    /// The users active in `from..=to`. Takes time by the periods / 32, not by users.
    pub(crate) fn count(&self, from: u32, to: u32) -> u64 {
        self.links.count(from, to)
    }

    /// The marks in `from..=to`.
    pub(crate) fn marks(&self, from: u32, to: u32) -> u64 {
        self.links.marks(from, to)
    }

    /// The users whose first mark is in `from..=to`.
    pub(crate) fn first_seen_count(&self, from: u32, to: u32) -> u64 {
        self.links.firsts(from, to)
    }

    /// The periods of `from..=to` in which anyone is active, ascending, with how many are.
    pub(crate) fn periods(&self, from: u32, to: u32) -> impl Iterator<Item = (u32, u64)> {
        self.links.periods(from, to)
    }

    /// The first and the last period in which anyone is active.
    pub(crate) fn span(&self) -> Option<(u32, u32)> {
        self.links.span()
    }

    /// The part of `from..=to` outside which there are no marks, if it is not empty.
    pub(crate) fn clip(&self, from: u32, to: u32) -> Option<(u32, u32)> {
        let (first, last) = self.span()?;
        let (from, to) = (from.max(first), to.min(last));
        (from <= to).then_some((from, to))
    }

    /// The users that were ever active.
    pub(crate) fn users(&self) -> u64 {
        self.links.firsts(0, u32::MAX)
    }

    /// The first user at or after `from` who may be active: all below were never.
    pub(crate) fn next_user(&self, from: u32) -> Option<u32> {
        self.timelines.group_from(from).map(|group| group.max(from))
    }

    pub(crate) fn first(&self, user: u32) -> Option<u32> {
        self.timelines.next(user, 0)
    }

    pub(crate) fn last(&self, user: u32) -> Option<u32> {
        self.timelines.last(user)
    }

    /// The last period before period `before` in which `user` was active.
    pub(crate) fn previous(&self, user: u32, before: u32) -> Option<u32> {
        self.timelines.previous(user, before)
    }

    /// The first period at or after `from` in which `user` was active.
    pub(crate) fn next(&self, user: u32, from: u32) -> Option<u32> {
        self.timelines.next(user, from)
    }

    /// Whether `user` was active in `from..=to`.
    pub(crate) fn any(&self, user: u32, from: u32, to: u32) -> bool {
        self.next(user, from).is_some_and(|period| period <= to)
    }

    /// Calls `visit` for every user active in `from..=to`, ascending, with its bits of the window: bit
    /// `i`, counted from the lowest bit of the first word up, is period `from + i`. Nothing is set
    /// past `to`. Cut the window with [`History::clip`] first: rows are as long as the window.
    pub(crate) fn for_each_row(
        &self,
        from: u32,
        to: u32,
        visit: impl FnMut(u32, &[u64]),
    ) -> Result<(), WindowTooWide> {
        if to.saturating_sub(from) >= MAX_ROW_PERIODS {
            return Err(WindowTooWide);
        }
        self.timelines.for_each_row(from, to, visit);
        Ok(())
    }

    /// Counts cohorts for `buckets`, and keeps them counted from now on until their buckets span more
    /// than `limit`; `false` if they do. Keeps those there are if they are the same.
    pub(crate) fn keep_cohorts(&mut self, buckets: Buckets, limit: u32) -> bool {
        if self
            .cohorts
            .as_ref()
            .is_none_or(|kept| kept.buckets != buckets)
        {
            self.cohorts = Cohorts::count(buckets, limit, &self.timelines, self.span());
        }
        self.cohorts.is_some()
    }

    /// Keeps the cohorts that `counted`, a clone, has counted since, unless either was changed meanwhile.
    /// Says whether it does.
    pub(crate) fn adopt_cohorts(&mut self, counted: &Self) -> bool {
        let is_same = self.changes == counted.changes;
        if is_same {
            self.cohorts.clone_from(&counted.cohorts);
        }
        is_same
    }

    /// Keeps no cohorts any more.
    pub(crate) fn drop_cohorts(&mut self) {
        self.cohorts = None;
    }

    /// For every bucket of `from..=to`, of the users first active in it: how many were active in it,
    /// and in each bucket behind it up to `to`. `None` if these buckets' cohorts are not kept.
    pub(crate) fn cohort_triangle(
        &self,
        buckets: Buckets,
        from: u32,
        to: u32,
    ) -> Option<Vec<Vec<u64>>> {
        let cohorts = self.cohorts.as_ref();
        cohorts
            .filter(|kept| kept.buckets == buckets)?
            .triangle(from, to)
    }

    /// The same, counted now, for the buckets between ascending `bounds`: bucket `i` is the periods
    /// `bounds[i]..bounds[i + 1]`. Takes a look at every user's row.
    pub(crate) fn scan_cohorts(&self, bounds: &[u32]) -> Result<Vec<Vec<u64>>, WindowTooWide> {
        let (Some(&first), Some(&end)) = (bounds.first(), bounds.last()) else {
            return Ok(Vec::new());
        };
        match self.clip(first, end.saturating_sub(1)) {
            Some((from, to)) if to - from >= MAX_ROW_PERIODS => Err(WindowTooWide),
            _ => Ok(cohorts::scan(bounds, &self.timelines, self.span())),
        }
    }

    /// All that this holds on the heap. Takes time by the periods, not by users.
    pub(crate) fn memory_bytes(&self) -> usize {
        let cohorts = self.cohorts.as_ref().map_or(0, Cohorts::memory_bytes);
        self.timelines.memory_bytes() + self.links.memory_bytes() + cohorts
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn check_invariants(&self) {
        self.timelines.check_invariants();
        let mut links = std::collections::BTreeMap::new();
        self.timelines.for_each_group(0, u32::MAX, |group| {
            for user in group..=group | 63 {
                let mut previous = None;
                while let Some(period) = match previous {
                    None => self.first(user),
                    Some(u32::MAX) => None,
                    Some(previous) => self.next(user, previous + 1),
                } {
                    *links.entry((period, previous)).or_insert(0u32) += 1;
                    previous = Some(period);
                }
            }
        });
        let mut counted = self.links.all();
        counted.sort_unstable();
        assert!(counted.into_iter().eq(links), "links are counted exactly");
        if let Some(kept) = &self.cohorts {
            kept.assert_counts(&self.timelines, self.span());
        }
    }
}
