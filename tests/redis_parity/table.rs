//! The command table: what `COMMAND` says of each command that both sides have.

use std::fmt::Write;

use super::pair::Pair;
use super::resp::Wire;

/// What `COMMAND INFO` answers first of each command: name, arity, flags, first key, last key, step.
/// The rest (ACL categories, tips, key specifications, subcommands) is not compared: ours has no ACLs.
const COMPARED: usize = 6;

/// Flags that say how a server treats a command, and that a library has no use for.
const SERVER_FLAGS: &[&[u8]] = &[b"sentinel"];

/// Commands that Redis never had, by how they begin.
const OURS_ALONE: &[&str] = &["BITOPCOUNT", "BITWINDOW"];

/// Compares the rows of every command of ours; adds what differs to one report.
pub(crate) fn compare(pair: &mut Pair) {
    let Wire::Array(names) = pair.ask_ours(&["COMMAND", "LIST"]) else {
        panic!("COMMAND LIST answers no array");
    };
    assert!(names.len() > 1, "COMMAND LIST is {names:?}");
    let mut report = String::new();
    for name in &names {
        let Wire::Bulk(name) = name else {
            panic!("COMMAND LIST holds {name}");
        };
        let words: [&[u8]; 3] = [b"COMMAND", b"INFO", name];
        let (redis, ours) = (pair.ask_redis(&words), pair.ask_ours(&words));
        if is_newer(name) {
            assert_eq!(redis, Wire::Array(vec![Wire::Nil]), "the server has it");
            continue;
        }
        let (Some(redis), Some(ours)) = (row(&redis), row(&ours)) else {
            let _ = writeln!(report, "Redis: {redis}\n  ours:  {ours}");
            continue;
        };
        if redis != ours {
            let name = String::from_utf8_lossy(name);
            let (redis, ours) = (Wire::Array(redis), Wire::Array(ours));
            let _ = writeln!(report, "{name}\n  Redis: {redis}\n  ours:  {ours}");
        }
    }
    assert!(report.is_empty(), "rows differ:\n{report}");
}

/// Whether Redis got this command after 7.0, as our table has it, or never.
pub(crate) fn is_newer(name: &[u8]) -> bool {
    nacredb::commands()
        .find(|row| row.name().as_bytes().eq_ignore_ascii_case(name))
        .is_some_and(|row| {
            let mut parts = row.since().split('.').map(|part| part.parse().unwrap_or(0));
            let since: (u32, u32) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
            since > (7, 0) || OURS_ALONE.iter().any(|own| row.name().starts_with(own))
        })
}

/// The compared part of the only row in a reply, flags sorted.
fn row(reply: &Wire) -> Option<Vec<Wire>> {
    let Wire::Array(rows) = reply else {
        return None;
    };
    let [Wire::Array(fields)] = rows.as_slice() else {
        return None;
    };
    let mut fields = fields.get(..COMPARED)?.to_vec();
    let Some(Wire::Array(flags)) = fields.get_mut(2) else {
        return None;
    };
    flags.retain(|flag| match flag {
        Wire::Status(name) => !SERVER_FLAGS.contains(&name.as_slice()),
        _ => true,
    });
    flags.sort_by_key(|flag| format!("{flag:?}"));
    Some(fields)
}
