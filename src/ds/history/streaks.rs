//! Streaks: runs of consecutive periods in which a user was active. Part of `History`'s interface.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::row::longest_run;
use super::{History, MAX_ROW_PERIODS};

/// The best streaks so far: by length, and of equals the smaller user.
struct Top {
    limit: usize,
    /// The worst on top: length, user, first period.
    heap: BinaryHeap<Reverse<(u32, Reverse<u32>, u32)>>,
}

impl Top {
    fn note(&mut self, user: u32, first: u32, len: u32) {
        self.heap.push(Reverse((len, Reverse(user), first)));
        if self.heap.len() > self.limit {
            self.heap.pop();
        }
    }

    /// The length below which nothing is noted any more.
    fn least(&self) -> u32 {
        match self.heap.peek() {
            Some(Reverse((len, ..))) if self.heap.len() == self.limit => *len,
            _ => 0,
        }
    }
}

impl History {
    /// The consecutive periods of `user` that end with `at`, or with the one before if it is not
    /// active in `at` (yet).
    pub(crate) fn current_streak(&self, user: u32, at: u32) -> u32 {
        let end = if self.contains(user, at) {
            Some(at)
        } else {
            at.checked_sub(1).filter(|&end| self.contains(user, end))
        };
        end.map_or(0, |end| {
            let before_last = end - self.timelines.run_start(user, end);
            before_last.saturating_add(1)
        })
    }

    /// The longest streak of `user` in `from..=to`, the earliest of equals: its first period and its
    /// length. A streak that crosses an end of the window counts with what lies in it.
    pub(crate) fn longest_streak(&self, user: u32, from: u32, to: u32) -> Option<(u32, u32)> {
        let mut longest: Option<(u32, u32)> = None;
        let mut from = Some(from);
        while let Some(first) = from
            .and_then(|from| self.next(user, from))
            .filter(|&at| at <= to)
        {
            let last = self.timelines.run_end(user, first).min(to);
            let len = (last - first).saturating_add(1);
            if longest.is_none_or(|(_, longest)| len > longest) {
                longest = Some((first, len));
            }
            from = last.checked_add(1);
        }
        longest
    }

    /// The users with the `limit` longest streaks in `from..=to`, each with its longest: user, first
    /// period, length. Longest first, and of equals the smaller user. Takes a look at every user's row.
    pub(crate) fn top_streaks(&self, limit: usize, from: u32, to: u32) -> Vec<(u32, u32, u32)> {
        let Some((from, to)) = self.clip(from, to).filter(|_| limit > 0) else {
            return Vec::new();
        };
        let heap = BinaryHeap::new();
        let mut top = Top { limit, heap };
        if to - from < MAX_ROW_PERIODS {
            self.timelines.for_each_row(from, to, |user, words| {
                if let Some((first, len)) = longest_run(words, top.least() as usize) {
                    top.note(user, from + first as u32, len as u32);
                }
            });
        } else {
            self.timelines.for_each_group(from, to, |group| {
                for user in group..=group | 63 {
                    if let Some((first, len)) = self.longest_streak(user, from, to) {
                        top.note(user, first, len);
                    }
                }
            });
        }
        let best = top.heap.into_sorted_vec();
        let best = best.into_iter();
        best.map(|Reverse((len, Reverse(user), first))| (user, first, len))
            .collect()
    }
}
