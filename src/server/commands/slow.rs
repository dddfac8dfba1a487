//! `SLOWLOG` and `LATENCY`: what took long.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use super::{Call, Run, refuse, wrong_words};
use crate::command;
use crate::command::args::printable;
use crate::command::reply::Reply;
use crate::error::Error;
use crate::server::latency::Event;
use crate::server::slowlog::SlowCommand;
use crate::server::stats::CommandCounts;
use crate::value::number::parse_i64;

pub(super) static COMMANDS: &[(&str, Run)] = &[
    ("SLOWLOG|GET", |call| call.slow_commands()),
    ("SLOWLOG|LEN", |call| {
        Ok((call.state.hub.slowlog.len() as u64).into())
    }),
    ("SLOWLOG|RESET", |call| {
        call.state.hub.slowlog.clear();
        Ok(Reply::ok())
    }),
    ("LATENCY|DOCTOR", |call| Ok(call.advise())),
    ("LATENCY|GRAPH", |call| call.draw_event()),
    ("LATENCY|HISTOGRAM", |call| Ok(call.histograms())),
    ("LATENCY|HISTORY", |call| {
        let event = call.state.hub.latency.event(call.args.word(2)?);
        let entries = event.unwrap_or_default().entries.into_iter();
        let entry = |(at_s, took_ms): (u64, u64)| Reply::from(vec![at_s, took_ms]);
        Ok(Reply::Array(entries.map(entry).collect()))
    }),
    ("LATENCY|LATEST", |call| {
        let events = call.state.hub.latency.all().into_iter();
        Ok(Reply::Array(events.map(latest).collect()))
    }),
    ("LATENCY|RESET", |call| {
        let forgotten = call.state.hub.latency.reset(call.args.rest(2));
        Ok((forgotten as u64).into())
    }),
];

/// An element of `SLOWLOG GET`.
fn slow(command: SlowCommand) -> Reply {
    Reply::Array(vec![
        command.id.into(),
        command.unix_s.into(),
        command.took_us.into(),
        command.words.into(),
        Reply::from(command.address.as_str()),
        command.name.into(),
    ])
}

/// An element of `LATENCY LATEST`.
fn latest((name, event): (&'static str, Event)) -> Reply {
    let (at_s, took_ms) = event.entries.back().copied().unwrap_or_default();
    Reply::Array(vec![
        name.into(),
        at_s.into(),
        took_ms.into(),
        event.max_ms.into(),
    ])
}

/// What `LATENCY HISTOGRAM` says of a command: how many calls took up to so many microseconds, for every power of two
/// that changes their number.
fn histogram(counts: &CommandCounts) -> Reply {
    /// A bucket of 2^n nanoseconds is one of 2^(n - 10) microseconds, about.
    const NANOS_BITS: u32 = 10;
    let (mut calls, mut steps) = (0_u64, Vec::<(u64, u64)>::new());
    for (bits, bucket) in (0_u32..).zip(&counts.buckets) {
        let count = bucket.load(Ordering::Relaxed);
        if count == 0 {
            continue;
        }
        calls += count;
        let micros = 1_u64 << bits.saturating_sub(NANOS_BITS);
        match steps.last_mut().filter(|(last, _)| *last == micros) {
            Some((_, up_to)) => *up_to = calls,
            None => steps.push((micros, calls)),
        }
    }
    let steps = steps
        .into_iter()
        .map(|(micros, calls)| (micros.into(), calls.into()));
    Reply::Map(vec![
        ("calls".into(), calls.into()),
        ("histogram_usec".into(), Reply::Map(steps.collect())),
    ])
}

/// How long ago something was, in one unit.
fn ago(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86400),
    }
}

/// A bar for each entry of an event, and below it how long ago it was.
fn draw(name: &str, event: &Event, now_s: u64) -> String {
    const BARS: usize = 64;
    const HEIGHT: u64 = 8;
    let shown = event.entries.iter().rev().take(BARS).rev();
    let bars: Vec<(u64, u64)> = shown.copied().collect();
    let high = bars.iter().map(|bar| bar.1).max().unwrap_or(0).max(1);
    let low = bars.iter().map(|bar| bar.1).min().unwrap_or(0);
    let max = event.max_ms;
    let mut text = format!("{name} - high {high} ms, low {low} ms (all time high {max} ms)\n");
    text.push_str(&"-".repeat(bars.len().max(20)));
    text.push('\n');
    for row in (0..HEIGHT).rev() {
        let line: String = bars
            .iter()
            .map(|&(_, took_ms)| {
                let filled = took_ms.saturating_mul(HEIGHT) / high;
                if filled > row || (row == 0 && took_ms > 0) {
                    '#'
                } else {
                    ' '
                }
            })
            .collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    // Read from top to bottom, each column says how long ago its bar was.
    let times: Vec<Vec<char>> = bars
        .iter()
        .map(|bar| ago(now_s.saturating_sub(bar.0)).chars().collect())
        .collect();
    let depth = times.iter().map(Vec::len).max().unwrap_or(0);
    for row in 0..depth {
        let letter = |time: &Vec<char>| time.get(row).copied().unwrap_or(' ');
        let line: String = times.iter().map(letter).collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

impl Call<'_> {
    fn slow_commands(&self) -> Result<Reply, Error> {
        const SHOWN: i64 = 10;
        let count = match self.args.rest(2) {
            [] => SHOWN,
            [count] => parse_i64(count)
                .filter(|&count| count >= -1)
                .ok_or_else(|| refuse("ERR count should be greater than or equal to -1"))?,
            _ => return Err(wrong_words(self.args)),
        };
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let commands = self.state.hub.slowlog.newest(count).into_iter();
        Ok(Reply::Array(commands.map(slow).collect()))
    }

    fn draw_event(&self) -> Result<Reply, Error> {
        let hub = &self.state.hub;
        let name = self.args.word(2)?;
        let event = hub.latency.event(name).ok_or_else(|| {
            let name = printable(name);
            refuse(format!("ERR No samples available for event '{name}'"))
        })?;
        let drawn = draw(&printable(name), &event, hub.unix_ms() / 1000);
        Ok(Reply::from(drawn.as_str()))
    }

    /// The counts of these commands, of all by default; of a container those of its subcommands.
    fn histograms(&self) -> Reply {
        let names = self.args.rest(2);
        let is_asked = |name: &str| {
            let mut asked = names.iter().filter_map(|asked| command::find(asked));
            names.is_empty()
                || asked.any(|asked| {
                    let rest = name.strip_prefix(asked.name);
                    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('|'))
                })
        };
        let counts = self.state.hub.counts.commands_by_name().into_iter();
        let called = counts
            .filter(|(name, counts)| counts.calls.load(Ordering::Relaxed) > 0 && is_asked(name));
        let entry = |(name, counts): (&str, std::sync::Arc<CommandCounts>)| {
            (
                Reply::from(name.to_ascii_lowercase().as_str()),
                histogram(&counts),
            )
        };
        Reply::Map(called.map(entry).collect())
    }

    /// `LATENCY DOCTOR`.
    fn advise(&self) -> Reply {
        let hub = &self.state.hub;
        let events = hub.latency.all();
        let threshold_ms = hub.settings.latency_ms.load(Ordering::Relaxed);
        let mut text = String::new();
        if events.is_empty() {
            text.push_str(match threshold_ms {
                0 => {
                    "Nothing is watched. CONFIG SET latency-monitor-threshold <milliseconds> keeps what takes as long \
                     or longer.\n"
                }
                _ => "Nothing that is watched took long enough to be kept.\n",
            });
            return Reply::from(text.as_str());
        }
        for (number, (name, event)) in (1..).zip(&events) {
            let count = event.entries.len() as u64;
            let sum: u64 = event.entries.iter().map(|entry| entry.1).sum();
            // A string takes what is written to it.
            let _infallible = writeln!(
                text,
                "{number}. {name}: {count} kept, {} ms on average, {} ms at most.",
                sum / count.max(1),
                event.max_ms
            );
        }
        text.push_str(
            "\nSLOWLOG GET names the commands. Commands that read whole collections or keyspaces (KEYS, SMEMBERS, \
             SORT) have cheaper kin: SCAN, SSCAN, ranges. Where several commands are slow at the same second, look at \
             the disk and at what else the machine does.\n",
        );
        Reply::from(text.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_adds_up() {
        let counts = CommandCounts::default();
        for (bucket, count) in [(0, 1), (10, 2), (11, 3), (20, 4)] {
            counts.buckets[bucket].store(count, Ordering::Relaxed);
        }
        let step = |micros: u64, calls: u64| (Reply::from(micros), Reply::from(calls));
        let Reply::Map(fields) = histogram(&counts) else {
            panic!("a map");
        };
        assert_eq!(fields[0].1, Reply::Int(10));
        let steps = Reply::Map(vec![step(1, 3), step(2, 6), step(1024, 10)]);
        assert_eq!(fields[1].1, steps);
    }

    #[test]
    fn a_drawing_has_a_bar_for_each_entry() {
        let event = Event {
            max_ms: 16,
            entries: [(40, 8), (95, 16), (100, 1)].into(),
        };
        let expected = "command - high 16 ms, low 1 ms (all time high 16 ms)\n--------------------\n \
            #\n #\n #\n #\n##\n##\n##\n###\n150\nms \n";
        let drawn = draw("command", &event, 100);
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(lines(&drawn)[..10], lines(expected)[..10]);
        assert_eq!(lines(&drawn)[10..], ["150", "mss"]);
    }
}
