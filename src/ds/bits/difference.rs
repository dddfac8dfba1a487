//! Where two byte strings first differ, in the time of what they do not share.
//!
//! Called by the values that are strings. Both are walked side by side; a subtree that both hold in one
//! allocation is passed over.

use super::combine::{Source, View};
use super::{FANOUT, Tree, height_for, span};

impl Tree {
    /// Whether a subtree and its left neighbour are one, as in the inverse of a sparse string.
    fn repeats(view: Option<View<'_>>, before: Option<View<'_>>) -> bool {
        match (view, before) {
            (None, None) => true,
            (Some(View::Tree(one, _)), Some(View::Tree(two, _))) => one.tree.is_same(&two.tree),
            (Some(_) | None, _) => false,
        }
    }
}

/// The first byte of a subtree of `height` at which these differ.
fn below(one: Option<View<'_>>, two: Option<View<'_>>, height: u32) -> Option<u64> {
    if let (Some(View::Tree(here, own)), Some(View::Tree(there, other))) = (one, two)
        && own == other
        && here.tree.is_same(&there.tree)
    {
        return None;
    }
    if one.is_none() && two.is_none() {
        return None;
    }
    if height == 0 {
        let (one, two) = (
            one.map_or(&[][..], View::chunk),
            two.map_or(&[][..], View::chunk),
        );
        let both = one.len().min(two.len());
        let at = one[..both]
            .iter()
            .zip(&two[..both])
            .position(|(a, b)| a != b);
        let rest = if one.len() > both {
            &one[both..]
        } else {
            &two[both..]
        };
        let in_rest = || Some(both + rest.iter().position(|&byte| byte != 0)?);
        return at.or_else(in_rest).map(|at| at as u64);
    }
    let mut before = (None, None);
    for i in 0..FANOUT {
        let pair = (
            one.and_then(|view| view.child(height, i)),
            two.and_then(|view| view.child(height, i)),
        );
        let seen = i > 0 && Tree::repeats(pair.0, before.0) && Tree::repeats(pair.1, before.1);
        if !seen && let Some(at) = below(pair.0, pair.1, height - 1) {
            return Some(i as u64 * span(height - 1) + at);
        }
        before = pair;
    }
    None
}

/// The first byte at which two strings differ; where one begins as the other, its length. `None` if they
/// are equal. O(height), and the chunks up to there that they do not share.
pub(crate) fn first_difference(one: Source<'_>, two: Source<'_>) -> Option<u64> {
    let height = height_for(one.len().max(two.len()));
    let both = one.len().min(two.len());
    let ends = (one.len() != two.len()).then_some(both);
    let at = below(View::of(&one), View::of(&two), height);
    // Zeros past the shorter one's end are no byte that both have.
    at.map(|at| at.min(both)).or(ends)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ds::bits::{BitOp, Bits, CHUNK_LEN};

    fn bits(bytes: &[u8]) -> Bits {
        Bits::from_bytes(bytes)
    }

    fn check(one: &[u8], two: &[u8]) {
        let both = one.len().min(two.len());
        let at = one.iter().zip(two).position(|(a, b)| a != b);
        let ends = (one.len() != two.len()).then_some(both);
        let expected = at.or(ends).map(|at| at as u64);
        let (ours, theirs) = (bits(one), bits(two));
        let sources = [Source::Bits(&ours), Source::Bytes(one)];
        for source in sources {
            for other in [Source::Bits(&theirs), Source::Bytes(two)] {
                assert_eq!(first_difference(source, other), expected);
                assert_eq!(first_difference(other, source), expected);
            }
        }
    }

    #[test]
    fn the_first_difference_is_that_of_the_bytes() {
        let long = |len: usize| (0..len).map(|i| (i % 251) as u8).collect::<Vec<_>>();
        for len in [0, 1, 70, CHUNK_LEN, CHUNK_LEN * 3 + 5] {
            let one = long(len);
            check(&one, &one);
            check(&one, &long(len + 3));
            check(&one, &[one.as_slice(), &[0; 9]].concat());
            for at in [0, len / 2, len.saturating_sub(1)] {
                let mut two = one.clone();
                if let Some(byte) = two.get_mut(at) {
                    *byte ^= 64;
                }
                check(&one, &two);
            }
        }
    }

    #[test]
    fn clones_differ_where_they_were_changed() {
        let one = bits(&vec![7; CHUNK_LEN * 40]);
        let mut two = one.clone();
        assert_eq!(
            first_difference(Source::Bits(&one), Source::Bits(&two)),
            None
        );
        let at = CHUNK_LEN as u64 * 33 + 2;
        two.write(at, b"x");
        assert_eq!(
            first_difference(Source::Bits(&one), Source::Bits(&two)),
            Some(at)
        );
        two.write(1 << 50, b"");
        assert_eq!(
            first_difference(Source::Bits(&one), Source::Bits(&two)),
            Some(at)
        );
    }

    #[test]
    fn inverses_of_sparse_strings_are_no_long_walk() {
        let mut sparse = Bits::new();
        sparse.write(1 << 55, b"");
        let not = |bits: &Bits| Bits::combine(BitOp::Not, &[Source::Bits(bits)]);
        let (one, mut two) = (not(&sparse), not(&sparse));
        assert_eq!(
            first_difference(Source::Bits(&one), Source::Bits(&two)),
            None
        );
        two.write(1 << 54, b"\0");
        let at = first_difference(Source::Bits(&one), Source::Bits(&two));
        assert_eq!(at, Some(1 << 54));
    }
}
