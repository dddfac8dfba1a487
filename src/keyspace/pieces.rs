//! Cutting what a mutator records into runs that one effect can hold.
//!
//! Called by the mutators of collections. Invariants:
//! 1. The pieces are the items, in order, none twice and none left out.
//! 2. A piece has more bytes than it may only if it is one group.

/// Bytes of items in one effect.
pub(super) const EFFECT_BYTES_MAX: usize = 1 << 20;

/// Bytes of items in one effect of a snapshot.
pub(super) const SNAPSHOT_BYTES_MAX: usize = 64 << 10;

/// Cuts items into runs of whole groups of `group`, each as long as `bytes_max` allows.
pub(super) fn pieces<T>(
    items: &[T],
    group: usize,
    bytes_max: usize,
    bytes: impl Fn(&T) -> usize,
) -> impl Iterator<Item = &[T]> {
    let mut rest = items;
    std::iter::from_fn(move || {
        let (mut len, mut sum) = (0, 0_usize);
        for group in rest.chunks(group) {
            sum += group.iter().map(&bytes).sum::<usize>();
            if len > 0 && sum > bytes_max {
                break;
            }
            len += group.len();
        }
        let (piece, after) = rest.split_at(len);
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

/// [`pieces`] of words, each a group of its own.
pub(super) fn word_pieces<'w, 'b>(
    words: &'w [&'b [u8]],
    bytes_max: usize,
) -> impl Iterator<Item = &'w [&'b [u8]]> {
    pieces(words, 1, bytes_max, |word| word.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_bounded_and_lose_nothing() {
        let words: Vec<&[u8]> = vec![b"aaaa", b"", b"bb", b"cccccccccc", b"d", b"e"];
        let cut: Vec<_> = word_pieces(&words, 5).collect();
        assert_eq!(cut.concat(), words);
        let lens: Vec<usize> = cut.iter().map(|piece| piece.len()).collect();
        assert_eq!(lens, [2, 1, 1, 2]);
        assert_eq!(word_pieces(&[], 5).count(), 0);
    }

    #[test]
    fn groups_stay_together() {
        let pairs: Vec<&[u8]> = vec![b"aa", b"1", b"b", b"2222222", b"c", b"3"];
        let cut: Vec<_> = pieces(&pairs, 2, 4, |word| word.len()).collect();
        assert_eq!(cut.concat(), pairs);
        assert!(cut.iter().all(|piece| piece.len() == 2), "{cut:?}");
    }

    #[test]
    fn items_are_cut_into_bounded_pieces() {
        const PIECE_BYTES: usize = SNAPSHOT_BYTES_MAX;
        let sizes = |items: &[usize]| {
            let pieces = pieces(items, 1, PIECE_BYTES, |bytes| *bytes);
            pieces.map(<[usize]>::len).collect::<Vec<_>>()
        };
        assert_eq!(sizes(&[]), []);
        assert_eq!(sizes(&[1, 2, 3]), [3]);
        assert_eq!(
            sizes(&[PIECE_BYTES, 1, PIECE_BYTES * 3, 0, 1]),
            [1, 1, 1, 2]
        );
        assert_eq!(sizes(&[10_000; 20]), [6, 6, 6, 2]);
    }
}
