//! What sort of thing a command's answer is: where version 3 of the protocol has a type of its own for
//! it, and where nothing is an array that is not there.
//!
//! Called by servers, for the [`Reply`]s of commands given in words; [`Shape::of`] is the table, from
//! Redis 7.0. A command that is not in it answers what its [`Reply`] says. Maps are maps in the
//! [`Reply`] already.
//!
//! Invariant: a shape says how a reply is written, never what it is. One that does not fit its reply,
//! as none fits an error, changes nothing.

use super::write::{
    Protocol, write_array_len, write_double, write_map_len, write_nil_array, write_reply,
    write_set_len, write_verbatim,
};
use crate::command::reply::Reply;
use crate::value::number::parse_i64;

/// How a command's answer is written, where its [`Reply`] does not say it.
#[derive(Debug, Clone, Copy)]
pub struct Shape(&'static Form);

/// A shape, or that of a part.
#[derive(Debug)]
enum Form {
    /// As the reply says.
    Plain,
    /// Nothing is an array that is not there.
    NilArray(&'static Form),
    /// Nothing is an array that is not there, for it was waited for. In a transaction, where nobody
    /// waits, it is plain.
    Waited,
    /// Bytes are a float.
    Double,
    /// Bytes are text for a person to read.
    Text,
    /// An array is a set of these.
    Set(&'static Form),
    /// An array of these.
    Each(&'static Form),
    /// An array that ends with this.
    Last(&'static Form),
    /// An array of names and these by turns; in version 3, of pairs.
    Turns(&'static Form),
    /// An array of these in order.
    Fields(&'static [Form]),
    /// A map with these values.
    Values(&'static Form),
    /// Rows as of [`COMMAND`]; an empty set where there are none.
    Subcommands,
}

use Form::{
    Double, Each, Fields, Last, NilArray, Plain, Set, Subcommands, Text, Turns, Values, Waited,
};

static COMMANDS: Form = Each(&COMMAND);

/// A row of `COMMAND INFO`: flags, categories, tips and key specifications are sets.
static COMMAND: Form = Fields(&[
    Plain,
    Plain,
    Set(&Plain),
    Plain,
    Plain,
    Plain,
    Set(&Plain),
    Set(&Plain),
    // Its flags are the only value that is an array.
    Set(&Values(&Set(&Plain))),
    Subcommands,
]);

/// No name in the table is longer.
const NAME_LEN_MAX: usize = 32;

impl Shape {
    pub(crate) const PLAIN: Self = Self(&Plain);

    /// Writes an answer of this shape.
    #[cfg(feature = "server")]
    pub(crate) fn write(self, out: &mut Vec<u8>, reply: &Reply, protocol: Protocol) {
        write_form(out, self.0, reply, protocol);
    }

    /// What a command, given in words, answers.
    ///
    /// # Complexity
    /// O(words).
    #[must_use]
    pub fn of(words: &[&[u8]]) -> Self {
        let name = words.first().copied().unwrap_or_default();
        let mut upper = [0; NAME_LEN_MAX];
        let Some(upper) = upper.get_mut(..name.len()) else {
            return Self::PLAIN;
        };
        upper.copy_from_slice(name);
        upper.make_ascii_uppercase();

        let has_count = words.len() > 2;
        let options = |at: usize| words.get(at..).unwrap_or_default();
        let with = |at: usize, option: &str, form: &'static Form| {
            let is_it = |word: &&[u8]| word.eq_ignore_ascii_case(option.as_bytes());
            match options(at).iter().any(is_it) {
                true => form,
                false => &Plain,
            }
        };
        let is_one = |names: &[&str]| {
            let is_it = |name: &&str| words[1].eq_ignore_ascii_case(name.as_bytes());
            words.len() > 1 && names.iter().any(is_it)
        };
        Self(match &*upper {
            b"LPOP" | b"RPOP" if has_count => &NilArray(&Plain),
            b"BLPOP" | b"BRPOP" | b"BLMPOP" | b"LMPOP" | b"EXEC" => &NilArray(&Plain),
            b"BLMOVE" | b"BRPOPLPUSH" => &Waited,
            b"SMEMBERS" | b"SINTER" | b"SUNION" | b"SDIFF" | b"SPOP" => &Set(&Plain),
            // Without INCR, ZADD answers an integer.
            b"ZSCORE" | b"ZINCRBY" | b"ZADD" => &Double,
            b"ZMSCORE" => &Each(&Double),
            b"ZPOPMIN" | b"ZPOPMAX" if has_count => &Turns(&Double),
            b"ZPOPMIN" | b"ZPOPMAX" => &Last(&Double),
            b"BZPOPMIN" | b"BZPOPMAX" => &NilArray(&Last(&Double)),
            b"ZMPOP" | b"BZMPOP" => &NilArray(&Last(&Each(&Last(&Double)))),
            b"ZRANGE" | b"ZREVRANGE" | b"ZRANGEBYSCORE" | b"ZREVRANGEBYSCORE" => {
                with(4, "WITHSCORES", &Turns(&Double))
            }
            b"ZUNION" | b"ZINTER" | b"ZDIFF" => {
                let keys = words.get(1).and_then(|count| parse_i64(count));
                let keys = keys.and_then(|count| usize::try_from(count).ok());
                let options = keys.unwrap_or(usize::MAX).saturating_add(2);
                with(options, "WITHSCORES", &Turns(&Double))
            }
            b"ZRANDMEMBER" => with(3, "WITHSCORES", &Turns(&Double)),
            b"HRANDFIELD" => with(3, "WITHVALUES", &Turns(&Plain)),
            b"GEOPOS" => &Each(&NilArray(&Each(&Double))),
            // Of what can be asked for of each member, only its place is an array, and the last.
            b"GEOSEARCH"
            | b"GEORADIUS"
            | b"GEORADIUS_RO"
            | b"GEORADIUSBYMEMBER"
            | b"GEORADIUSBYMEMBER_RO" => &Each(&Last(&Each(&Double))),
            b"INFO" | b"LOLWUT" => &Text,
            b"CLIENT" if is_one(&["LIST", "INFO"]) => &Text,
            b"LATENCY" if is_one(&["DOCTOR", "GRAPH"]) => &Text,
            b"MEMORY" if is_one(&["DOCTOR", "MALLOC-STATS"]) => &Text,
            // Nothing else that it answers has such rows.
            b"COMMAND" => &COMMANDS,
            _ => &Plain,
        })
    }
}

/// What a command answered, in the form that Redis gives it. Errors are for
/// [`write_error`](super::write::write_error), what `EXEC` answers for [`write_exec`].
///
/// ```
/// use nacredb::resp::{Protocol, write_answer};
/// # fn main() -> Result<(), nacredb::Error> {
/// let db = nacredb::Db::open_in_memory();
/// db.execute(&["ZADD", "key", "1.5", "member"])?;
/// let words: [&[u8]; 3] = [b"ZSCORE", b"key", b"member"];
/// let reply = db.execute(&words)?;
/// let mut out = Vec::new();
/// write_answer(&mut out, &words, &reply, Protocol::Resp2);
/// write_answer(&mut out, &words, &reply, Protocol::Resp3);
/// assert_eq!(out, b"$3\r\n1.5\r\n,1.5\r\n");
/// # Ok(()) }
/// ```
///
/// # Complexity
/// O(words + bytes written).
pub fn write_answer(out: &mut Vec<u8>, words: &[&[u8]], reply: &Reply, protocol: Protocol) {
    let shape = match (reply, protocol) {
        // No shape changes these.
        (Reply::Status(_) | Reply::Int(_) | Reply::Error(_) | Reply::Map(_), _)
        | (Reply::Bulk(_), Protocol::Resp2) => Shape::PLAIN,
        (Reply::Nil | Reply::Array(_), _) | (Reply::Bulk(_), Protocol::Resp3) => Shape::of(words),
    };
    write_form(out, shape.0, reply, protocol);
}

/// What `EXEC` answered, where the commands queued since `MULTI` have these shapes.
///
/// ```
/// use nacredb::Reply;
/// use nacredb::resp::{Protocol, Shape, write_exec};
/// let queued = [Shape::of(&[b"INCR", b"k"]), Shape::of(&[b"LPOP", b"list", b"2"])];
/// let reply = Reply::Array(vec![Reply::Int(1), Reply::Nil]);
/// let mut out = Vec::new();
/// write_exec(&mut out, &queued, &reply, Protocol::Resp2);
/// assert_eq!(out, b"*2\r\n:1\r\n*-1\r\n");
/// ```
///
/// # Complexity
/// O(bytes written).
pub fn write_exec(out: &mut Vec<u8>, queued: &[Shape], reply: &Reply, protocol: Protocol) {
    let Reply::Array(items) = reply else {
        return write_form(out, &NilArray(&Plain), reply, protocol);
    };
    write_array_len(out, items.len());
    for (at, item) in items.iter().enumerate() {
        match queued.get(at) {
            Some(Shape(Waited)) | None => write_reply(out, item, protocol),
            Some(Shape(form)) => write_form(out, form, item, protocol),
        }
    }
}

fn write_form(out: &mut Vec<u8>, form: &Form, reply: &Reply, protocol: Protocol) {
    match (form, reply) {
        (NilArray(_) | Waited, Reply::Nil) => write_nil_array(out, protocol),
        (NilArray(form), reply) => write_form(out, form, reply, protocol),
        (Double, Reply::Bulk(text)) => write_double(out, text, protocol),
        (Text, Reply::Bulk(text)) => write_verbatim(out, text, protocol),
        (Set(form), Reply::Array(items)) => {
            write_set_len(out, items.len(), protocol);
            write_each(out, form, items, protocol);
        }
        (Each(form), Reply::Array(items)) => {
            write_array_len(out, items.len());
            write_each(out, form, items, protocol);
        }
        (Last(form), Reply::Array(items)) => {
            write_array_len(out, items.len());
            if let Some((last, others)) = items.split_last() {
                write_each(out, &Plain, others, protocol);
                write_form(out, form, last, protocol);
            }
        }
        (Turns(form), Reply::Array(items)) if items.len().is_multiple_of(2) => {
            let (pairs, _) = items.as_chunks();
            match protocol {
                Protocol::Resp2 => write_array_len(out, pairs.len() * 2),
                Protocol::Resp3 => write_array_len(out, pairs.len()),
            }
            for [name, value] in pairs {
                if protocol == Protocol::Resp3 {
                    write_array_len(out, 2);
                }
                write_reply(out, name, protocol);
                write_form(out, form, value, protocol);
            }
        }
        (Fields(forms), Reply::Array(items)) => {
            write_array_len(out, items.len());
            for (at, item) in items.iter().enumerate() {
                write_form(out, forms.get(at).unwrap_or(&Plain), item, protocol);
            }
        }
        (Values(form), Reply::Map(pairs)) => {
            write_map_len(out, pairs.len(), protocol);
            for (key, value) in pairs {
                write_reply(out, key, protocol);
                write_form(out, form, value, protocol);
            }
        }
        (Subcommands, Reply::Array(items)) if items.is_empty() => write_set_len(out, 0, protocol),
        (Subcommands, rows) => write_form(out, &COMMANDS, rows, protocol),
        (_, reply) => write_reply(out, reply, protocol),
    }
}

fn write_each(out: &mut Vec<u8>, form: &Form, items: &[Reply], protocol: Protocol) {
    for item in items {
        write_form(out, form, item, protocol);
    }
}

#[cfg(test)]
mod tests;
