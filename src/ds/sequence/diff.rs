//! Where two sequences differ, in the time of what was changed since one was the other's clone.
//!
//! Both are walked from one end, subtree beside subtree: what both hold in one allocation is passed over
//! whole. Where their pieces do not end together, items are compared one by one until they do again.
//!
//! Called by `value::list` only.

use super::Sequence;
use super::chunk::Chunk;
use super::tree::{End, Tree};

/// Neighbouring items: a subtree, or one of the chunks beside the tree.
#[derive(Clone, Copy)]
enum Part<'a> {
    Tree(&'a Tree),
    Chunk(&'a Chunk),
}

impl<'a> Part<'a> {
    fn len(self) -> u64 {
        match self {
            Self::Tree(tree) => tree.len(),
            Self::Chunk(chunk) => chunk.count() as u64,
        }
    }

    fn is_same(self, other: Self) -> bool {
        match (self, other) {
            (Self::Tree(one), Self::Tree(two)) => one.is_same(two),
            (Self::Chunk(one), Self::Chunk(two))
            | (Self::Chunk(one), Self::Tree(Tree::Chunk(two)))
            | (Self::Tree(Tree::Chunk(one)), Self::Chunk(two)) => one.is_same(two),
            (Self::Tree(_) | Self::Chunk(_), _) => false,
        }
    }

    fn children(self) -> Option<&'a [Tree]> {
        match self {
            Self::Tree(tree) => tree.children(),
            Self::Chunk(_) => None,
        }
    }

    /// Item `at` of a part that is one piece.
    fn item(self, at: usize) -> &'a [u8] {
        match self {
            Self::Chunk(chunk) | Self::Tree(Tree::Chunk(chunk)) => chunk.get(at),
            Self::Tree(Tree::Long(item)) => item,
            Self::Tree(Tree::Empty | Tree::Node(_)) => &[],
        }
    }
}

/// A walk over a sequence from one end.
struct Walk<'a> {
    end: End,
    /// What is still to be seen, the next last.
    parts: Vec<Part<'a>>,
    /// How many items of the next part were seen; it is one piece then.
    seen: u64,
}

impl<'a> Walk<'a> {
    fn new(sequence: &'a Sequence, end: End) -> Self {
        let front = sequence.front.as_ref().map(Part::Chunk);
        let back = sequence.back.as_ref().map(Part::Chunk);
        let tree = (!sequence.tree.is_empty()).then_some(Part::Tree(&sequence.tree));
        let mut parts: Vec<Part<'a>> = [back, tree, front].into_iter().flatten().collect();
        if end == End::Last {
            parts.reverse();
        }
        Self {
            end,
            parts,
            seen: 0,
        }
    }

    fn next(&self) -> Option<Part<'a>> {
        self.parts.last().copied()
    }

    fn pass(&mut self) {
        self.parts.pop();
        self.seen = 0;
    }

    /// Puts the children of the next part in its place.
    fn open(&mut self, children: &'a [Tree]) {
        self.pass();
        let children = children.iter().map(Part::Tree);
        match self.end {
            End::First => self.parts.extend(children.rev()),
            End::Last => self.parts.extend(children),
        }
    }

    /// The next item of `part`, which is the next part and one piece.
    fn item(&mut self, part: Part<'a>) -> &'a [u8] {
        let at = match self.end {
            End::First => self.seen,
            End::Last => part.len() - 1 - self.seen,
        };
        self.seen += 1;
        if self.seen == part.len() {
            self.pass();
        }
        part.item(at as usize)
    }
}

impl Sequence {
    /// Whether both are one sequence or clones that nobody changed. May say no of others that are equal.
    fn is_same(&self, other: &Self) -> bool {
        let same = |one: &Option<Chunk>, two: &Option<Chunk>| match (one, two) {
            (None, None) => true,
            (Some(one), Some(two)) => one.is_same(two),
            (None, Some(_)) | (Some(_), None) => false,
        };
        self.len == other.len
            && same(&self.front, &other.front)
            && same(&self.back, &other.back)
            && self.tree.is_same(&other.tree)
    }

    /// How many items are the same from an end on: the first `n`, or the last `n`, of both.
    /// O(log n), the pieces up to there that they do not share, and one piece.
    pub(crate) fn common(&self, other: &Self, from_back: bool) -> u64 {
        if self.is_same(other) {
            return self.len;
        }
        let end = if from_back { End::Last } else { End::First };
        let mut common = self.len.min(other.len);
        self.walk_beside(other, end, &mut |at, _, _| {
            common = at;
            false
        });
        common
    }

    /// Calls `visit` with the number of every item that both have and that is not the same, and with the
    /// item here and there. O(log n) and the pieces that they do not share.
    pub(crate) fn each_difference<'a>(
        &'a self,
        other: &'a Self,
        visit: &mut dyn FnMut(u64, &'a [u8], &'a [u8]),
    ) {
        self.walk_beside(other, End::First, &mut |at, here, there| {
            visit(at, here, there);
            true
        });
    }

    /// Calls `visit` with every item that differs and its distance from `end`, as long as it says yes.
    fn walk_beside<'a>(
        &'a self,
        other: &'a Self,
        end: End,
        visit: &mut dyn FnMut(u64, &'a [u8], &'a [u8]) -> bool,
    ) {
        let (mut here, mut there) = (Walk::new(self, end), Walk::new(other, end));
        let mut at = 0;
        while let (Some(one), Some(two)) = (here.next(), there.next()) {
            if here.seen == 0 && there.seen == 0 && one.is_same(two) {
                at += one.len();
                here.pass();
                there.pass();
                continue;
            }
            match (one.children(), two.children()) {
                (Some(children), None) => here.open(children),
                (None, Some(children)) => there.open(children),
                (Some(ours), Some(theirs)) => {
                    // The higher one may have the other below it.
                    if one.len() >= two.len() {
                        here.open(ours);
                    }
                    if two.len() >= one.len() {
                        there.open(theirs);
                    }
                }
                (None, None) => {
                    let (one, two) = (here.item(one), there.item(two));
                    if one != two && !visit(at, one, two) {
                        return;
                    }
                    at += 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ds::test_random::{Rng, seed};

    fn sequence(items: &[Vec<u8>]) -> Sequence {
        let mut sequence = Sequence::new();
        items.iter().for_each(|item| sequence.push_back(item));
        sequence
    }

    fn check(one: (&Sequence, &[Vec<u8>]), two: (&Sequence, &[Vec<u8>])) {
        let ((one, ours), (two, theirs)) = (one, two);
        let front = ours.iter().zip(theirs).take_while(|(a, b)| a == b).count();
        let back = ours.iter().rev().zip(theirs.iter().rev());
        let back = back.take_while(|(a, b)| a == b).count();
        assert_eq!(one.common(two, false), front as u64);
        assert_eq!(one.common(two, true), back as u64);
        let mut found = Vec::new();
        one.each_difference(two, &mut |at, here, there| {
            assert_eq!(
                (here, there),
                (&ours[at as usize][..], &theirs[at as usize][..])
            );
            found.push(at);
        });
        let pairs = (0..).zip(ours.iter().zip(theirs));
        let expected: Vec<u64> = pairs
            .filter(|(_, (a, b))| a != b)
            .map(|(at, _)| at)
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn common_ends_and_differences_are_those_of_a_vec() {
        let mut random = Rng(seed());
        let rounds = if cfg!(miri) { 2 } else { 200 };
        for round in 0..rounds {
            let count = random.below(if round % 4 == 0 { 6_000 } else { 60 });
            let item = |random: &mut Rng| {
                let len = match random.below(30) {
                    0 => random.below(3_000),
                    1..4 => random.below(90),
                    _ => 4,
                };
                let mut bytes = vec![b'x'; len as usize];
                bytes.extend((random.below(3) as u8).to_le_bytes());
                bytes
            };
            let mut model: Vec<Vec<u8>> = (0..count).map(|_| item(&mut random)).collect();
            let mut list = sequence(&model);
            let (held, before) = (list.clone(), model.clone());
            for _ in 0..random.below(8) {
                let at = random.below(model.len() as u64 + 1);
                match random.below(4) {
                    0 => {
                        let new = item(&mut random);
                        list.insert(at, &new);
                        model.insert(at as usize, new);
                    }
                    1 => {
                        let count = random.below(3);
                        list.remove(at, count);
                        let end = (at + count).min(model.len() as u64);
                        model.drain(at as usize..end as usize);
                    }
                    2 => {
                        let new = item(&mut random);
                        if list.set(at, &new) {
                            model[at as usize] = new;
                        }
                    }
                    _ => {
                        let new = item(&mut random);
                        list.push_front(&new);
                        model.insert(0, new);
                    }
                }
            }
            check((&held, &before), (&list, &model));
            check((&list, &model), (&sequence(&before), &before));
            check((&list, &model), (&list, &model));
        }
    }
}
