//! The rules of Redis Cluster, for a server that keeps them although it has every slot itself: code that runs here
//! then runs on a cluster of many nodes.
//!
//! Called by `client` before a command runs or is queued ([`check_slots`]) and when its turn has come
//! ([`check_command`]), and by the commands about the cluster. All texts are Redis 7.0's.

use crate::command::server::check_database;
use crate::command::spec::CommandSpec;
use crate::db::Session;
use crate::error::CommandError;
use crate::value::number::parse_i64;

/// How many slots a cluster has.
pub(super) const SLOTS: u16 = 16_384;

/// CRC-16/XMODEM of each byte.
static CRC16: [u16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 != 0 {
                crc << 1 ^ 0x1021
            } else {
                crc << 1
            };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

/// The slot of a key: of what stands between its first brace and the next one that closes, if anything does.
pub(super) fn slot_of(key: &[u8]) -> u16 {
    let tag = key
        .iter()
        .position(|&byte| byte == b'{')
        .and_then(|open| {
            let rest = &key[open + 1..];
            let len = rest.iter().position(|&byte| byte == b'}')?;
            (len > 0).then(|| &rest[..len])
        })
        .unwrap_or(key);
    let crc = tag.iter().fold(0_u16, |crc, &byte| {
        crc << 8 ^ CRC16[usize::from(crc >> 8 ^ u16::from(byte))]
    });
    crc % SLOTS
}

/// Refuses a command whose keys are not all in one slot, and an `EXEC` whose commands' keys are not.
pub(super) fn check_slots(
    spec: &CommandSpec,
    words: &[&[u8]],
    session: &Session,
) -> Result<(), CommandError> {
    let mut slot = None;
    if spec.name != "EXEC" {
        return add_slots(&mut slot, spec, words);
    }
    for (spec, words) in session.queued_commands() {
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        add_slots(&mut slot, spec, &words)?;
    }
    Ok(())
}

/// Finds the slot of a command's keys, which must be `slot` if that is known.
fn add_slots(
    slot: &mut Option<u16>,
    spec: &CommandSpec,
    words: &[&[u8]],
) -> Result<(), CommandError> {
    if !spec.keys.any() {
        return Ok(());
    }
    // Where no keys can be found the command says what is wrong.
    for at in spec.keys.among(words).unwrap_or_default() {
        let found = slot_of(words.get(at).copied().unwrap_or_default());
        if *slot.get_or_insert(found) != found {
            let text = "CROSSSLOT Keys in request don't hash to the same slot";
            return Err(CommandError::Other(text.into()));
        }
    }
    Ok(())
}

/// Refuses what a cluster cannot do: it has one logical database, and a node sees no others' keys.
pub(super) fn check_command(spec: &CommandSpec, words: &[&[u8]]) -> Result<(), CommandError> {
    let word = |at: usize| words.get(at).copied().unwrap_or_default();
    let is_other = |database: &[u8]| parse_i64(database).is_some_and(|database| database != 0);
    let refuse = |text: &'static str| Err(CommandError::Other(text.into()));
    match spec.name {
        "SELECT" if is_other(word(1)) => refuse("ERR SELECT is not allowed in cluster mode"),
        "MOVE" => refuse("ERR MOVE is not allowed in cluster mode"),
        "SWAPDB" => refuse("ERR SWAPDB is not allowed in cluster mode"),
        "COPY" => {
            let is_db = |at: &usize| word(*at).eq_ignore_ascii_case(b"DB");
            let to = (3..words.len().saturating_sub(1)).find(is_db);
            let to = to.and_then(|at| parse_i64(word(at + 1))?.try_into().ok());
            match to {
                // One that is not there is what the command itself refuses.
                Some(database @ 1..) if check_database(database).is_ok() => {
                    refuse("ERR Copying to another database is not allowed in cluster mode")
                }
                Some(_) | None => Ok(()),
            }
        }
        "SORT" | "SORT_RO" => check_sort(words),
        _ => Ok(()),
    }
}

/// Refuses to sort by or to get what other keys hold: they may be anywhere.
fn check_sort(words: &[&[u8]]) -> Result<(), CommandError> {
    let mut rest = words.get(2..).unwrap_or_default();
    loop {
        let is = |word: &[u8], name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        rest = match rest {
            [by, pattern, rest @ ..] if is(by, "BY") => {
                if pattern.contains(&b'*') {
                    let text = "ERR BY option of SORT denied in Cluster mode.";
                    return Err(CommandError::Other(text.into()));
                }
                rest
            }
            [get, _, ..] if is(get, "GET") => {
                let text = "ERR GET option of SORT denied in Cluster mode.";
                return Err(CommandError::Other(text.into()));
            }
            [limit, from, count, rest @ ..] if is(limit, "LIMIT") => {
                if parse_i64(from).and(parse_i64(count)).is_none() {
                    return Ok(());
                }
                rest
            }
            [store, _, rest @ ..] if is(store, "STORE") => rest,
            [word, rest @ ..] if ["ASC", "DESC", "ALPHA"].iter().any(|name| is(word, name)) => rest,
            // The end, or what the command itself refuses.
            _ => return Ok(()),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_redis() {
        // What CLUSTER KEYSLOT of Redis 7.0.15 answers.
        for (key, slot) in [
            ("", 0),
            ("123456789", 12739),
            ("a", 15495),
            ("{}a", 10875),
            ("{user}x", 5474),
            ("x{user}", 5474),
            ("foo{{bar}}zap", 4015),
            ("foo{bar}{zap}", 5061),
            ("foo{", 7673),
            ("foo{}{bar}", 8363),
            ("}{a}", 15495),
        ] {
            assert_eq!(slot_of(key.as_bytes()), slot, "{key:?}");
        }
    }
}
