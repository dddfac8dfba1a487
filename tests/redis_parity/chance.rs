//! Choices by chance: what must hold of members that each side chose for itself.

use std::collections::BTreeSet;

use super::pair::{Command, Pair};
use super::resp::Wire;

/// The members in a reply: those of an array, the one, or none.
fn members(reply: &Wire) -> Vec<Vec<u8>> {
    match reply {
        Wire::Bulk(member) => vec![member.clone()],
        Wire::Array(items) => items.iter().flat_map(members).collect(),
        _ => Vec::new(),
    }
}

fn question(name: &str, key: &[u8], words: &[Vec<u8>]) -> Command {
    let mut command = vec![name.as_bytes().to_vec(), key.to_vec()];
    command.extend_from_slice(words);
    command
}

/// Whether two replies to `SRANDMEMBER` or `SPOP` can be choices of the same number.
pub(crate) fn can_agree(redis: &Wire, ours: &Wire) -> bool {
    match (redis, ours) {
        (Wire::Bulk(_), Wire::Bulk(_)) => true,
        (Wire::Array(left), Wire::Array(right)) => left.len() == right.len(),
        _ => redis == ours,
    }
}

/// `SRANDMEMBER`: what was chosen is there, and different unless the count is negative. Both sides are
/// in the state in which they chose.
pub(crate) fn drawn(pair: &mut Pair, command: &Command, redis: &Wire, ours: &Wire) -> bool {
    if members(redis).is_empty() {
        return true;
    }
    let there = pair.ask_ours(&question("SMEMBERS", &command[1], &[]));
    let there: BTreeSet<Vec<u8>> = members(&there).into_iter().collect();
    let repeats = command.get(2).is_some_and(|count| count.starts_with(b"-"));
    [redis, ours].into_iter().all(|reply| {
        let chosen = members(reply);
        let different: BTreeSet<&Vec<u8>> = chosen.iter().collect();
        chosen.iter().all(|member| there.contains(member))
            && (repeats || different.len() == chosen.len())
    })
}

/// `SPOP`: what ours chose is gone from it and is put back; what Redis chose was there and is removed.
/// After that both must hold the same again.
pub(crate) fn popped(pair: &mut Pair, command: &Command, redis: &Wire, ours: &Wire) -> bool {
    let (theirs, own) = (members(redis), members(ours));
    if theirs.is_empty() {
        return true;
    }
    let key = &command[1];
    let count = Wire::Int(own.len() as i64);
    if theirs != own {
        // In this order, so that the key stays, with its deadline.
        let put_back = pair.ask_ours(&question("SADD", key, &own));
        let removed = pair.ask_ours(&question("SREM", key, &theirs));
        if put_back != count || removed != count {
            return false;
        }
        // Where few stay, the choice decides their encoding too: they are a new set.
        let encoding: Command = vec![b"OBJECT".into(), b"ENCODING".into(), key.clone()];
        let intset = Wire::Bulk(b"intset".to_vec());
        if command.len() == 3
            && pair.ask_redis(&encoding) == intset
            && pair.ask_ours(&encoding) != intset
        {
            let deadline = pair.ask_ours(&question("PEXPIRETIME", key, &[]));
            pair.ask_ours(&question("SUNIONSTORE", key, std::slice::from_ref(key)));
            if let Wire::Int(at_ms @ 0..) = deadline {
                let at_ms = at_ms.to_string().into_bytes();
                pair.ask_ours(&question("PEXPIREAT", key, &[at_ms]));
            }
        }
    }
    let left = question("SMEMBERS", key, &[]);
    let set = |reply: &Wire| members(reply).into_iter().collect::<BTreeSet<_>>();
    set(&pair.ask_redis(&left)) == set(&pair.ask_ours(&left))
}
