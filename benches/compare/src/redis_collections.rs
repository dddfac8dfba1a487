//! A Redis server's collections as a contestant: a hundred commands in a pipeline.

use std::ops::Range;

use crate::common::collections::{Collections, Kind, Op, Picks, SPAN};
use crate::common::collections::{first_score, first_value, pair_weight, weight};
use crate::common::data::key;
use crate::redis::{Answer, PIPELINE, Redis};

const KEY: &[u8] = b"collection";
const JOINED: [&[u8]; 2] = [b"joined:0", b"joined:1"];

fn text(number: impl ToString) -> Vec<u8> {
    number.to_string().into_bytes()
}

impl Redis {
    /// Sends what `put` makes of each call, `each` commands for one, and adds up the answers.
    fn pipelined(
        &mut self,
        calls: usize,
        each: usize,
        mut put: impl FnMut(&mut Self, usize),
    ) -> u64 {
        let mut total = 0_u64;
        for from in (0..calls).step_by(PIPELINE) {
            let part = from..calls.min(from + PIPELINE);
            for call in part.clone() {
                put(self, call);
            }
            self.send();
            for _ in 0..part.len() * each {
                total = total.wrapping_add(self.answer_weight());
            }
        }
        total
    }

    /// The sum of an answer's elements.
    fn answer_weight(&mut self) -> u64 {
        match self.answer().unwrap_or_else(|text| panic!("{text}")) {
            Answer::Number(number) => number.unsigned_abs(),
            Answer::Bulk => weight(&self.bulk),
            Answer::Array(len) => {
                (0..len).fold(0, |total: u64, _| total.wrapping_add(self.answer_weight()))
            }
            // `LSET`.
            Answer::Status => 1,
            Answer::Nil => panic!("nothing there"),
        }
    }

    fn score(&mut self) -> f64 {
        assert!(matches!(self.answer(), Ok(Answer::Bulk)), "a score");
        let text = std::str::from_utf8(&self.bulk).expect("digits");
        text.parse().expect("a score")
    }

    /// As [`pipelined`](Self::pipelined) for answers of members with scores.
    fn pipelined_pairs(&mut self, calls: usize, put: impl Fn(&mut Self, usize)) -> u64 {
        let mut total = 0_u64;
        let mut member = Vec::new();
        for from in (0..calls).step_by(PIPELINE) {
            let part = from..calls.min(from + PIPELINE);
            for call in part.clone() {
                put(self, call);
            }
            self.send();
            for _ in part {
                let Ok(Answer::Array(len)) = self.answer() else {
                    panic!("not an array");
                };
                for _ in 0..len / 2 {
                    assert!(matches!(self.answer(), Ok(Answer::Bulk)), "a member");
                    member.clone_from(&self.bulk);
                    let score = self.score();
                    total = total.wrapping_add(pair_weight(&member, score));
                }
            }
        }
        total
    }

    fn info_number(&mut self, section: &[u8], name: &str) -> u64 {
        self.call(&[b"INFO", section]);
        let info = String::from_utf8_lossy(&self.bulk);
        let found = info
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        found.expect("a line of INFO").parse().expect("a number")
    }
}

impl Collections for Redis {
    fn plays(&self, _kind: Kind) -> bool {
        true
    }

    fn fill(&mut self, kind: Kind, range: Range<u64>) {
        let from = range.start;
        let calls = (range.end - from) as usize;
        self.pipelined(calls, 1, |redis, call| {
            let index = from + call as u64;
            let key = &key(index);
            match kind {
                Kind::List => redis.put_command(&[b"RPUSH", KEY, key]),
                Kind::Hash => redis.put_command(&[b"HSET", KEY, key, &first_value(index)]),
                Kind::Set => redis.put_command(&[b"SADD", KEY, key]),
                Kind::ZSet => redis.put_command(&[b"ZADD", KEY, &text(first_score(index)), key]),
            }
        });
    }

    fn count(&mut self, kind: Kind) -> u64 {
        let command: &[u8] = match kind {
            Kind::List => b"LLEN",
            Kind::Hash => b"HLEN",
            Kind::Set => b"SCARD",
            Kind::ZSet => b"ZCARD",
        };
        self.number(&[command, KEY])
    }

    fn fill_joined(&mut self, size: u64) {
        let ranges = [0..size, size / 2..size / 2 * 3];
        for (set, range) in JOINED.into_iter().zip(ranges) {
            let from = range.start;
            self.pipelined((range.end - from) as usize, 1, |redis, call| {
                redis.put_command(&[b"SADD", set, &key(from + call as u64)]);
            });
        }
    }

    fn run(&mut self, op: Op, picks: &Picks) -> Option<u64> {
        let calls = picks.at.len();
        let span = |call: usize| {
            let at = picks.at[call];
            (text(at), text(at + SPAN - 1))
        };
        let by_score = |redis: &mut Self, min: f64, max: &[u8]| {
            let (min, count) = (text(min), text(SPAN));
            redis.put_command(&[
                b"ZRANGEBYSCORE",
                KEY,
                &min,
                max,
                b"WITHSCORES",
                b"LIMIT",
                b"0",
                &count,
            ]);
        };
        Some(match op {
            Op::Index => self.pipelined(calls, 1, |redis, call| {
                redis.put_command(&[b"LINDEX", KEY, &text(picks.at[call])]);
            }),
            Op::Range => self.pipelined(calls, 1, |redis, call| {
                let (from, to) = span(call);
                redis.put_command(&[b"LRANGE", KEY, &from, &to]);
            }),
            Op::PushPop => {
                // Both commands of a call in one pipeline; the new length is no part of the sum.
                let len = self.number(&[b"LLEN", KEY]) + 1;
                let sum = self.pipelined(calls, 2, |redis, call| {
                    redis.put_command(&[b"LPUSH", KEY, &picks.fresh[call]]);
                    redis.put_command(&[b"RPOP", KEY]);
                });
                sum.wrapping_sub(len * calls as u64)
            }
            Op::SetAt => self.pipelined(calls, 1, |redis, call| {
                redis.put_command(&[b"LSET", KEY, &text(picks.at[call]), &picks.fresh[call]]);
            }),
            Op::Get => self.pipelined(calls, 1, |redis, call| {
                redis.put_command(&[b"HGET", KEY, &picks.keys[call]]);
            }),
            Op::GetAbsent => self.pipelined(calls, 1, |redis, call| {
                redis.put_command(&[b"HEXISTS", KEY, &picks.fresh[call]]);
            }),
            Op::SetField => self.pipelined(calls, 1, |redis, call| {
                redis.put_command(&[b"HSET", KEY, &picks.keys[call], &picks.fresh[call]]);
            }),
            Op::Contains => self.pipelined(calls, 1, |redis, call| {
                redis.put_command(&[b"SISMEMBER", KEY, &picks.keys[call]]);
            }),
            Op::ContainsAbsent => self.pipelined(calls, 1, |redis, call| {
                redis.put_command(&[b"SISMEMBER", KEY, &picks.fresh[call]]);
            }),
            Op::AddAgain => self.pipelined(calls, 1, |redis, call| {
                redis.put_command(&[b"SADD", KEY, &picks.keys[call]]);
            }),
            Op::AddRemove => self.pipelined(calls, 2, |redis, call| {
                redis.put_command(&[b"SADD", KEY, &picks.fresh[call]]);
                redis.put_command(&[b"SREM", KEY, &picks.fresh[call]]);
            }),
            Op::Intersect => self.pipelined(calls, 1, |redis, _| {
                redis.put_command(&[b"SINTER", JOINED[0], JOINED[1]]);
            }),
            Op::ZUpdate => self.pipelined(calls, 1, |redis, call| {
                let score = text(picks.scores[call]);
                redis.put_command(&[b"ZADD", KEY, &score, &picks.keys[call]]);
            }),
            Op::ZScore => {
                let mut total = 0_u64;
                for from in (0..calls).step_by(PIPELINE) {
                    let part = from..calls.min(from + PIPELINE);
                    for call in part.clone() {
                        self.put_command(&[b"ZSCORE", KEY, &picks.keys[call]]);
                    }
                    self.send();
                    for _ in part {
                        total = total.wrapping_add(self.score() as u64);
                    }
                }
                total
            }
            Op::ZRank => self.pipelined(calls, 1, |redis, call| {
                redis.put_command(&[b"ZRANK", KEY, &picks.keys[call]]);
            }),
            Op::ZRange => self.pipelined_pairs(calls, |redis, call| {
                let (from, to) = span(call);
                redis.put_command(&[b"ZRANGE", KEY, &from, &to, b"WITHSCORES"]);
            }),
            Op::ZWindow => self.pipelined_pairs(calls, |redis, call| {
                let min = picks.scores[call];
                by_score(redis, min, &text(min + picks.width));
            }),
            Op::ZLimit => self.pipelined_pairs(calls, |redis, call| {
                by_score(redis, picks.scores[call], b"+inf");
            }),
            Op::RangeVisit
            | Op::IndexChained
            | Op::GetVisit
            | Op::GetChained
            | Op::ZRangeVisit
            | Op::ZLimitVisit => return None,
        })
    }

    fn counted_bytes(&mut self, _kind: Kind) -> Option<u64> {
        Some(self.number(&[b"MEMORY", b"USAGE", KEY, b"SAMPLES", b"0"]))
    }

    fn in_process(&self) -> bool {
        false
    }

    /// What the server's allocator has given out: kinder to it than its resident memory.
    fn held_bytes(&mut self) -> u64 {
        self.info_number(b"memory", "used_memory")
    }
}
