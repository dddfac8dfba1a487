//! Reading a value, whatever way a Redis up to 7.0 may have written it.

use std::borrow::Cow;
use std::collections::HashSet;

use super::packed::{Bytes, Item, score};
use super::{FieldValue, Malformed, Object, kind, length, listpack, lzf, node, ziplist};
use crate::value::number::I64Text;

/// The value that these bytes are, and nothing after it.
pub(super) fn object(bytes: &[u8]) -> Result<Object, Malformed> {
    let mut rest = Bytes::new(bytes);
    let object = match rest.byte()? {
        kind::STRING => Object::String(string(&mut rest)?.into_owned()),
        kind::LIST => Object::List(strings(&mut rest)?),
        kind::SET => Object::Set(strings(&mut rest)?),
        kind::ZSET => Object::SortedSet(scored(&mut rest, decimal_score)?),
        kind::ZSET_2 => Object::SortedSet(scored(&mut rest, |rest| {
            rest.array().map(f64::from_le_bytes)
        })?),
        kind::HASH => Object::Hash(fields(&mut rest)?),
        kind::HASH_ZIPMAP => items(&mut rest, ziplist::read_zipmap, packed_hash)?,
        kind::HASH_ZIPLIST => items(&mut rest, ziplist::read, packed_hash)?,
        kind::HASH_LISTPACK => items(&mut rest, listpack::read, packed_hash)?,
        kind::ZSET_ZIPLIST => items(&mut rest, ziplist::read, packed_zset)?,
        kind::ZSET_LISTPACK => items(&mut rest, listpack::read, packed_zset)?,
        kind::SET_INTSET => Object::Set(items(&mut rest, intset, copied)?),
        kind::SET_LISTPACK => Object::Set(items(&mut rest, listpack::read, copied)?),
        kind::LIST_ZIPLIST => Object::List(items(&mut rest, ziplist::read, copied)?),
        kind::LIST_QUICKLIST => Object::List(quicklist(&mut rest)?),
        kind::LIST_QUICKLIST_2 => Object::List(quicklist_2(&mut rest)?),
        // Streams, modules, and what came later.
        _ => return Err(Malformed),
    };
    if rest.is_empty() && may_be_held(&object) {
        Ok(object)
    } else {
        Err(Malformed)
    }
}

/// Whether a key may hold it: there are elements, none twice, and no score is NaN.
fn may_be_held(object: &Object) -> bool {
    match object {
        Object::String(_) => true,
        Object::List(elements) => !elements.is_empty(),
        Object::Set(members) => are_different(members.iter()),
        Object::Hash(fields) => are_different(fields.iter().map(|(field, _)| field)),
        Object::SortedSet(members) => {
            let has_nan = members.iter().any(|(_, score)| score.is_nan());
            !has_nan && are_different(members.iter().map(|(member, _)| member))
        }
    }
}

/// Whether there are words, and none twice.
fn are_different<'a>(words: impl ExactSizeIterator<Item = &'a Vec<u8>>) -> bool {
    let count = words.len();
    count > 0 && words.collect::<HashSet<_>>().len() == count
}

/// A length. A number in place of one is refused.
fn len(rest: &mut Bytes<'_>) -> Result<u64, Malformed> {
    let first = rest.byte()?;
    match (first, first >> 6) {
        (_, 0) => Ok(u64::from(first)),
        (_, length::BITS_14) => Ok(u64::from(u16::from_be_bytes([first & 0x3f, rest.byte()?]))),
        (length::BITS_32, _) => Ok(u64::from(u32::from_be_bytes(rest.array()?))),
        (length::BITS_64, _) => Ok(u64::from_be_bytes(rest.array()?)),
        _ => Err(Malformed),
    }
}

/// A string: as it is, as a number, or compressed.
fn string<'a>(rest: &mut Bytes<'a>) -> Result<Cow<'a, [u8]>, Malformed> {
    let number = match rest.peek().ok_or(Malformed)? {
        length::INT_8 => rest.byte().and_then(|_| rest.int::<1>())?,
        length::INT_16 => rest.byte().and_then(|_| rest.int::<2>())?,
        length::INT_32 => rest.byte().and_then(|_| rest.int::<4>())?,
        length::LZF => {
            rest.byte()?;
            let packed = len(rest)?;
            let unpacked = len(rest)?;
            return lzf::unpack(rest.take(packed)?, unpacked).map(Cow::Owned);
        }
        _ => {
            let bytes = len(rest)?;
            return rest.take(bytes).map(Cow::Borrowed);
        }
    };
    Ok(Cow::Owned(I64Text::new(number).as_bytes().to_vec()))
}

/// What `make` makes of the elements that a packed string has.
fn items<T>(
    rest: &mut Bytes<'_>,
    read: for<'i> fn(&'i [u8], usize) -> Result<Vec<Item<'i>>, Malformed>,
    make: impl FnOnce(&[Item<'_>]) -> Result<T, Malformed>,
) -> Result<T, Malformed> {
    let packed = string(rest)?;
    let items = read(&packed, rest.items_left())?;
    rest.took_items(items.len());
    make(&items)
}

/// How many, and what `read` makes of as many.
fn counted<'a, T>(
    rest: &mut Bytes<'a>,
    read: impl Fn(&mut Bytes<'a>) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    let count = len(rest)?;
    (0..count).map(|_| read(rest)).collect()
}

fn strings(rest: &mut Bytes<'_>) -> Result<Vec<Vec<u8>>, Malformed> {
    counted(rest, |rest| string(rest).map(Cow::into_owned))
}

fn fields(rest: &mut Bytes<'_>) -> Result<Vec<FieldValue>, Malformed> {
    counted(rest, |rest| {
        let field = string(rest)?.into_owned();
        Ok((field, string(rest)?.into_owned()))
    })
}

fn scored<'a>(
    rest: &mut Bytes<'a>,
    score: impl Fn(&mut Bytes<'a>) -> Result<f64, Malformed>,
) -> Result<Vec<(Vec<u8>, f64)>, Malformed> {
    counted(rest, |rest| {
        let member = string(rest)?.into_owned();
        Ok((member, score(rest)?))
    })
}

/// A score in digits, behind their number; what is none has numbers of its own.
fn decimal_score(rest: &mut Bytes<'_>) -> Result<f64, Malformed> {
    match rest.byte()? {
        253 => Err(Malformed),
        254 => Ok(f64::INFINITY),
        255 => Ok(f64::NEG_INFINITY),
        len => score(rest.take(u64::from(len))?),
    }
}

fn copied(items: &[Item<'_>]) -> Result<Vec<Vec<u8>>, Malformed> {
    Ok(items.iter().map(|item| item.to_vec()).collect())
}

/// Pairs of elements that follow each other.
fn pairs<'i, 'a>(items: &'i [Item<'a>]) -> Result<&'i [[Item<'a>; 2]], Malformed> {
    let (pairs, single) = items.as_chunks();
    single.is_empty().then_some(pairs).ok_or(Malformed)
}

fn packed_hash(items: &[Item<'_>]) -> Result<Object, Malformed> {
    let fields = pairs(items)?.iter();
    let fields = fields.map(|[field, value]| (field.to_vec(), value.to_vec()));
    Ok(Object::Hash(fields.collect()))
}

fn packed_zset(items: &[Item<'_>]) -> Result<Object, Malformed> {
    let members = pairs(items)?.iter();
    let members = members.map(|[member, score]| Ok((member.to_vec(), score.score()?)));
    Ok(Object::SortedSet(members.collect::<Result<_, _>>()?))
}

/// The integers of an intset: bytes of each (u32), how many (u32), and as many, ascending.
fn intset(bytes: &[u8], items_max: usize) -> Result<Vec<Item<'_>>, Malformed> {
    let mut rest = Bytes::new(bytes);
    let width = u32::from_le_bytes(rest.array()?);
    let count = u32::from_le_bytes(rest.array()?) as usize;
    let mut members = Vec::new();
    let mut last = None;
    while !rest.is_empty() {
        if members.len() >= items_max {
            return Err(Malformed);
        }
        let number = match width {
            2 => rest.int::<2>()?,
            4 => rest.int::<4>()?,
            8 => rest.int::<8>()?,
            _ => return Err(Malformed),
        };
        if last.is_some_and(|last| last >= number) {
            return Err(Malformed);
        }
        last = Some(number);
        members.push(Item::Int(number));
    }
    if members.len() == count {
        Ok(members)
    } else {
        Err(Malformed)
    }
}

/// A list in several ziplists.
fn quicklist(rest: &mut Bytes<'_>) -> Result<Vec<Vec<u8>>, Malformed> {
    let mut all = Vec::new();
    for _ in 0..len(rest)? {
        all.extend(items(rest, ziplist::read, copied)?);
    }
    Ok(all)
}

/// A list in several listpacks, and elements that stand alone.
fn quicklist_2(rest: &mut Bytes<'_>) -> Result<Vec<Vec<u8>>, Malformed> {
    let mut all = Vec::new();
    for _ in 0..len(rest)? {
        match len(rest)? {
            node::PLAIN => {
                // Redis keeps none that is empty.
                let element = string(rest)?.into_owned();
                if element.is_empty() {
                    return Err(Malformed);
                }
                all.push(element);
            }
            node::PACKED => all.extend(items(rest, listpack::read, copied)?),
            _ => return Err(Malformed),
        }
    }
    Ok(all)
}
