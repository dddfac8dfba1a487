use super::super::{Bits, CHUNK_LEN, range};
use super::*;
use crate::ds::test_random::{Rng, seed};

/// Runs of zeros, ones and noise, of up to a few chunks each.
fn noise(rng: &mut Rng, len: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < len {
        let run = rng.below(3 * CHUNK_LEN as u64 + 1);
        let kind = rng.below(6);
        bytes.extend((0..run).map(|_| match kind {
            0 | 1 => 0,
            2 => 0xFF,
            3 => u8::from(rng.one_in(200)),
            _ => rng.next() as u8,
        }));
    }
    bytes.truncate(len);
    bytes
}

/// A bitmap and what it is stored as.
struct Stored {
    bytes: Vec<u8>,
    bits: Bits,
    as_bytes: bool,
}

impl Stored {
    fn new(rng: &mut Rng, len: usize) -> Self {
        let mut bytes = noise(rng, len);
        let mut bits = Bits::from_bytes(&bytes);
        // Chunks of odd lengths, in trees that are taller than their chunks ask.
        for _ in 0..rng.below(4) {
            let bit = rng.below(2 * len as u64 * 8 + 1);
            bits.set_bit(bit, true);
            let at = (bit / 8) as usize;
            bytes.resize(bytes.len().max(at + 1), 0);
            bytes[at] |= 0x80 >> (bit % 8);
        }
        Self {
            bytes,
            bits,
            as_bytes: rng.one_in(4),
        }
    }

    fn source(&self) -> Source<'_> {
        match self.as_bytes {
            true => Source::Bytes(&self.bytes),
            false => Source::Bits(&self.bits),
        }
    }
}

/// A random filter over `stored`, and the bits it should have in `len` bytes.
fn random<'a>(
    rng: &mut Rng,
    stored: &'a [Stored],
    len: usize,
    depth: usize,
) -> (Filter<'a>, Vec<u8>) {
    let read = |nth: usize| {
        let mut bytes = stored[nth].bytes.clone();
        bytes.resize(len, 0);
        bytes
    };
    let pick = |rng: &mut Rng| rng.below(stored.len() as u64) as usize;
    let join = |a: Vec<u8>, b: &[u8], op: fn(u8, u8) -> u8| -> Vec<u8> {
        a.iter().zip(b).map(|(a, b)| op(*a, *b)).collect()
    };
    match rng.below(if depth == 1 { 3 } else { 9 }) {
        0 => {
            let nth = pick(rng);
            (Filter::Source(stored[nth].source()), read(nth))
        }
        1 | 2 => {
            let n = if rng.one_in(4) {
                rng.below(70)
            } else {
                rng.below(9)
            };
            let of: Vec<usize> = (0..n).map(|_| pick(rng)).collect();
            let at_least = rng.below(n + 2) as u32;
            let at_most = match rng.below(3) {
                0 => u32::MAX,
                1 => at_least,
                _ => rng.below(n + 2) as u32,
            };
            let mut counts = vec![0; len * 8];
            for nth in &of {
                for (at, count) in counts.iter_mut().enumerate() {
                    let byte = stored[*nth].bytes.get(at / 8).copied().unwrap_or(0);
                    *count += u32::from(byte >> (7 - at % 8) & 1);
                }
            }
            let mut model = vec![0; len];
            for (at, count) in counts.into_iter().enumerate() {
                if (at_least.max(1)..=at_most).contains(&count) {
                    model[at / 8] |= 0x80 >> (at % 8);
                }
            }
            let of = of.iter().map(|nth| stored[*nth].source()).collect();
            (
                Filter::Counted {
                    of,
                    at_least,
                    at_most,
                },
                model,
            )
        }
        3 | 4 => {
            let (first, a) = random(rng, stored, len, depth - 1);
            let (second, b) = random(rng, stored, len, depth - 1);
            let model = join(a, &b, |a, b| a & !b);
            (Filter::AndNot(first.into(), second.into()), model)
        }
        kind => {
            let (mut of, mut model) = (Vec::new(), vec![0; len]);
            let most = if rng.one_in(8) { 30 } else { 4 };
            for nth in 0..rng.below(most) {
                // Many operands are mostly plain ones.
                let depth = if nth > 4 { 1 } else { depth - 1 };
                let (filter, bytes) = random(rng, stored, len, depth);
                of.push(filter);
                model = match kind {
                    _ if nth == 0 => bytes,
                    5 | 6 => join(model, &bytes, |a, b| a & b),
                    7 => join(model, &bytes, |a, b| a | b),
                    _ => join(model, &bytes, |a, b| a ^ b),
                };
            }
            let filter = match kind {
                5 | 6 => Filter::And(of),
                7 => Filter::Or(of),
                _ => Filter::Xor(of),
            };
            (filter, model)
        }
    }
}

fn has(model: &[u8], bit: u64) -> bool {
    let byte = model.get((bit / 8) as usize).copied().unwrap_or(0);
    byte & 0x80 >> (bit % 8) != 0
}

#[test]
fn random_filters_agree_with_a_byte_loop() {
    let mut rng = Rng(seed());
    let rounds = if cfg!(miri) { 3 } else { 100 };
    for round in 0..rounds {
        let chunks = if rng.one_in(20) { 40 } else { 5 };
        let stored: Vec<Stored> = (0..1 + rng.below(12))
            .map(|_| {
                let len = rng.below(chunks * CHUNK_LEN as u64) as usize;
                Stored::new(&mut rng, len)
            })
            .collect();
        let len = stored.iter().map(|one| one.bytes.len()).max().unwrap_or(0);
        let depth = 1 + rng.below(6) as usize;
        let (filter, model) = random(&mut rng, &stored, len, depth);
        let plan = Plan::new(&filter).expect("not too deep");
        check(&mut rng, &plan, &model, (0, u64::MAX), round);
        let total = len as u64 * 8 + 100;
        for _ in 0..4 {
            let (a, b) = (rng.below(total), rng.below(total));
            check(&mut rng, &plan, &model, (a, b), round);
        }
        // One bit on either side of where a chunk begins.
        let border = (1 + rng.below(chunks)) * CHUNK_LEN as u64 * 8;
        check(&mut rng, &plan, &model, (border - 1, border + 1), round);
        check(&mut rng, &plan, &model, (border, border + 1), round);
        for _ in 0..100 {
            let bit = rng.below(total);
            assert_eq!(
                plan.get_bit(bit),
                has(&model, bit),
                "bit {bit}, round {round}"
            );
        }
        assert!(!plan.get_bit(u64::MAX));
    }
}

/// Compares all that can be asked of a range.
fn check(rng: &mut Rng, plan: &Plan<'_>, model: &[u8], (from, to): (u64, u64), round: u64) {
    let end = to.min(model.len() as u64 * 8);
    let expected: Vec<u64> = (from..end).filter(|bit| has(model, *bit)).collect();
    let what = format!("{from}..{to}, round {round}");
    assert_eq!(plan.count(from, to), expected.len() as u64, "{what}");
    let mut bits = Vec::new();
    let done = plan.for_each_set_bit(from, to, |bit| {
        bits.push(bit);
        ControlFlow::Continue(())
    });
    assert!(done.is_continue());
    assert!(bits == expected, "bits of {what}");
    let mut seen = vec![0; model.len()];
    let mut after = 0;
    let done = plan.for_each_block(from, to, &mut |first_bit, block| {
        assert!(first_bit >= after && first_bit % 8 == 0, "order of {what}");
        assert!(block.len() <= CHUNK_LEN);
        assert!(block.iter().any(|byte| *byte != 0), "zeros in {what}");
        after = first_bit + block.len() as u64 * 8;
        // Nothing is set past the model's end.
        let block_end = block.iter().rposition(|byte| *byte != 0).unwrap_or(0) + 1;
        let at = (first_bit / 8) as usize;
        seen[at..at + block_end].copy_from_slice(&block[..block_end]);
        ControlFlow::Continue(())
    });
    assert!(done.is_continue());
    let counted = range::count_ones(&seen, from, to);
    assert_eq!(counted, expected.len() as u64, "blocks of {what}");
    assert_eq!(
        range::count_ones(&seen, 0, u64::MAX),
        counted,
        "edges of {what}"
    );
    if !expected.is_empty() {
        let stop_at = rng.below(expected.len() as u64) as usize;
        let mut visited = 0;
        let done = plan.for_each_set_bit(from, to, |_| {
            visited += 1;
            match visited > stop_at {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        });
        assert!(done.is_break());
        assert_eq!(visited, stop_at + 1, "stop in {what}");
    }
}

fn with_bits(set: &[u64]) -> Bits {
    let mut bits = Bits::new();
    for bit in set {
        bits.set_bit(*bit, true);
    }
    bits
}

fn ones(len: usize) -> Bits {
    Bits::from_bytes(&vec![0xFF; len])
}

fn source(bits: &Bits) -> Filter<'_> {
    Filter::Source(Source::Bits(bits))
}

fn all(plan: &Plan<'_>) -> Vec<u64> {
    let mut bits = Vec::new();
    let done = plan.for_each_set_bit(0, u64::MAX, |bit| {
        bits.push(bit);
        ControlFlow::Continue(())
    });
    assert!(done.is_continue());
    bits
}

#[test]
fn zeros_of_any_length_cost_nothing() {
    let far = (1 << 63) - 1;
    let a = with_bits(&[3, 1 << 40, (1 << 40) + 1, far]);
    let b = with_bits(&[4, (1 << 40) + 1, 1 << 50, far]);
    let c = with_bits(&[4, 1 << 40, far]);
    let of = vec![Source::Bits(&a), Source::Bits(&b), Source::Bits(&c)];
    let (at_least, at_most) = (2, 2);
    let two = Plan::new(&Filter::Counted {
        of,
        at_least,
        at_most,
    })
    .expect("flat");
    assert_eq!(all(&two), [4, 1 << 40, (1 << 40) + 1]);
    let both = Plan::new(&Filter::And(vec![source(&a), source(&b)])).expect("flat");
    assert_eq!(all(&both), [(1 << 40) + 1, far]);
    assert_eq!(both.count(1 << 41, u64::MAX), 1);
    assert_eq!(both.count(1 << 41, far), 0);
    let only = Filter::AndNot(source(&b).into(), source(&c).into());
    assert_eq!(
        all(&Plan::new(&only).expect("flat")),
        [(1 << 40) + 1, 1 << 50]
    );
}

#[test]
fn a_hundred_thousand_sources_are_counted() {
    let n = if cfg!(miri) { 500 } else { 100_000 };
    let bits: Vec<Bits> = (0..n).map(|i| with_bits(&[i % 1000, 5000])).collect();
    let of: Vec<Source<'_>> = bits.iter().map(Source::Bits).collect();
    let sources = || of.iter().copied().map(Filter::Source).collect();
    let counted = |at_least, at_most| {
        let of = of.clone();
        let plan = Plan::new(&Filter::Counted {
            of,
            at_least,
            at_most,
        });
        plan.expect("flat").count(0, u64::MAX)
    };
    let each = n.min(1000);
    assert_eq!(counted(1, u32::MAX), each + 1);
    assert_eq!(counted(n.div_ceil(each) as u32, n as u32), each + 1);
    assert_eq!(counted(n.div_ceil(each) as u32 + 1, u32::MAX), 1);
    assert_eq!(counted(n as u32, u32::MAX), 1);
    assert_eq!(counted(1, n as u32 - 1), each);
    assert_eq!(counted(n as u32 + 1, u32::MAX), 0);
    let count = |filter| Plan::new(&filter).expect("flat").count(0, u64::MAX);
    assert_eq!(count(Filter::Or(sources())), each + 1);
    assert_eq!(count(Filter::And(sources())), 1);
}

#[test]
fn full_parts_are_known_without_a_look() {
    let full = ones(3 * CHUNK_LEN);
    let half = ones(CHUNK_LEN / 2);
    let one = with_bits(&[7, 9]);
    let count = |filter: &Filter<'_>| Plan::new(filter).expect("flat").count(0, u64::MAX);
    let chunk = CHUNK_LEN as u64 * 8;
    assert_eq!(
        count(&Filter::And(vec![source(&full), source(&full)])),
        3 * chunk
    );
    assert_eq!(
        count(&Filter::Or(vec![source(&full), source(&half)])),
        3 * chunk
    );
    assert_eq!(
        count(&Filter::Xor(vec![source(&full), source(&half)])),
        5 * chunk / 2
    );
    let not_one = Filter::AndNot(source(&full).into(), source(&one).into());
    assert_eq!(count(&not_one), 3 * chunk - 2);
    // Whoever has a bit in both full ones and not in the third.
    let of = [&full, &full, &one].map(Source::Bits).to_vec();
    let (at_least, at_most) = (2, 2);
    assert_eq!(
        count(&Filter::Counted {
            of,
            at_least,
            at_most
        }),
        3 * chunk - 2
    );
}

#[test]
fn filters_without_operands_have_nothing() {
    let (of, at_least, at_most) = (Vec::new(), 0, u32::MAX);
    let filters = [
        Filter::And(Vec::new()),
        Filter::Or(Vec::new()),
        Filter::Xor(Vec::new()),
        Filter::Counted {
            of,
            at_least,
            at_most,
        },
        Filter::Source(Source::Bytes(b"")),
    ];
    for filter in filters {
        let plan = Plan::new(&filter).expect("flat");
        assert_eq!(plan.count(0, u64::MAX), 0);
        assert!(all(&plan).is_empty());
        assert!(!plan.get_bit(0));
    }
}

#[test]
fn a_filter_too_deep_is_refused() {
    let bits = with_bits(&[5]);
    let mut filter = source(&bits);
    for depth in 1..=DEPTH_MAX + 1 {
        match Plan::new(&filter) {
            Some(plan) => assert_eq!((depth <= DEPTH_MAX, plan.count(0, 9)), (true, 1)),
            None => assert_eq!(depth, DEPTH_MAX + 1),
        }
        // Two operands each, so that none is simplified away.
        filter = Filter::Or(vec![filter, source(&bits)]);
    }
}
