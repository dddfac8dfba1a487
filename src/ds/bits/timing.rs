//! What the operations cost. Run alone, optimised, and read the figures:
//! `cargo test --release --lib bits::timing -- --ignored --nocapture --test-threads 1`
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the time")]

use std::hint::black_box;
use std::time::Instant;

use super::*;

fn next(state: &mut u64) -> u64 {
    *state = state
        .wrapping_mul(6364136223846793005)
        .wrapping_add(1442695040888963407);
    *state >> 20
}

/// The best of many short runs, in ns per operation: short ones fit between what else the machine does.
fn time(name: &str, operations: u64, mut run: impl FnMut()) {
    let mut best = f64::INFINITY;
    for _ in 0..200 {
        let start = Instant::now();
        run();
        best = best.min(start.elapsed().as_nanos() as f64 / operations as f64);
    }
    eprintln!("{name:48} {best:12.2} ns");
}

fn dense(len: usize) -> Vec<u8> {
    let mut state = 5;
    (0..len).map(|_| next(&mut state) as u8).collect()
}

#[test]
#[ignore = "a benchmark"]
fn set_and_get_bits() {
    for bits_len in [100_000u64, 838_860_800] {
        let mut bits = Bits::from_bytes(&dense(bits_len as usize / 8));
        let mut state = 1;
        time(&format!("set_bit, {bits_len} bits"), 20_000, || {
            for _ in 0..20_000 {
                let r = next(&mut state);
                black_box(bits.set_bit(r % bits_len, r & (1 << 43) != 0));
            }
        });
        let mut plain = dense(bits_len as usize / 8);
        time(
            &format!("the same on a Vec, {bits_len} bits"),
            20_000,
            || {
                for _ in 0..20_000 {
                    let r = next(&mut state);
                    let (bit, on) = (r % bits_len, r & (1 << 43) != 0);
                    let byte = &mut plain[(bit / 8) as usize];
                    black_box(*byte & mask(bit) != 0);
                    *byte = if on {
                        *byte | mask(bit)
                    } else {
                        *byte & !mask(bit)
                    };
                }
            },
        );
        time(&format!("get_bit, {bits_len} bits"), 20_000, || {
            for _ in 0..20_000 {
                black_box(bits.get_bit(next(&mut state) % bits_len));
            }
        });
        time(
            &format!("first flip after a clone, {bits_len} bits"),
            2000,
            || {
                for _ in 0..2000 {
                    let held = bits.clone();
                    let bit = next(&mut state) % bits_len;
                    let old = bits.get_bit(bit);
                    black_box(bits.set_bit(bit, !old));
                    drop(held);
                }
            },
        );
    }
    time("set_bit 4294967295 on nothing, and free it", 1000, || {
        for _ in 0..1000 {
            let mut bits = Bits::new();
            bits.set_bit(4_294_967_295, true);
            black_box(&bits);
        }
    });
}

#[test]
#[ignore = "a benchmark"]
fn counts() {
    for len in [12_500, 1 << 20, 50 << 20] {
        let plain = dense(len);
        let rounds = ((4 << 20) / len).clamp(1, 2000) as u64;
        time(&format!("count a slice of {len} bytes"), rounds, || {
            for _ in 0..rounds {
                black_box(count_ones(black_box(&plain), 0, u64::MAX));
            }
        });
        let bits = Bits::from_bytes(&plain);
        time(&format!("count {len} bytes, cached"), 2000, || {
            for _ in 0..2000 {
                black_box(bits.count_ones(0, u64::MAX));
            }
        });
        let mut state = 3;
        let end = len as u64 * 8;
        time(
            &format!("count a random range of {len} bytes"),
            2000,
            || {
                for _ in 0..2000 {
                    let (a, b) = (next(&mut state) % end, next(&mut state) % end);
                    black_box(bits.count_ones(a.min(b), a.max(b)));
                }
            },
        );
    }
}

#[test]
#[ignore = "a benchmark"]
fn windows_over_days() {
    let days: Vec<Bits> = (0..365)
        .map(|day| {
            let mut state = day;
            let mut bytes = vec![0; 12_500];
            for _ in 0..30_000 {
                let bit = (next(&mut state) % 100_000) as usize;
                bytes[bit / 8] |= 0x80 >> (bit % 8);
            }
            Bits::from_bytes(&bytes)
        })
        .collect();
    for window in [7, 30, 365] {
        let sources: Vec<_> = days[..window].iter().map(Source::Bits).collect();
        for op in [BitOp::Or, BitOp::And] {
            time(
                &format!("{op:?} over {window} days of 100k users, counted"),
                10,
                || {
                    for _ in 0..10 {
                        black_box(Bits::count_combined(op, &sources));
                    }
                },
            );
            time(
                &format!("{op:?} over {window} days of 100k users, made"),
                10,
                || {
                    for _ in 0..10 {
                        black_box(Bits::combine(op, &sources));
                    }
                },
            );
        }
    }
    let mut sparse = Bits::new();
    sparse.set_bit(4_294_967_295, true);
    time("not of 512 MB with one bit", 100, || {
        for _ in 0..100 {
            black_box(Bits::combine(BitOp::Not, &[Source::Bits(&sparse)]));
        }
    });
}

#[test]
#[ignore = "a benchmark"]
fn whole_values() {
    for len in [100usize, 2048, 4096, 16 << 10, 64 << 10, 1 << 20] {
        let plain = dense(len);
        let bits = Bits::from_bytes(&plain);
        let rounds = ((4 << 20) / len).min(2000) as u64;
        let mut out = Vec::with_capacity(len);
        time(&format!("memcpy {len} bytes"), rounds, || {
            for _ in 0..rounds {
                out.clear();
                out.extend_from_slice(black_box(&plain));
                black_box(&out);
            }
        });
        time(&format!("read {len} bytes"), rounds, || {
            for _ in 0..rounds {
                out.clear();
                bits.read_into(0, u64::MAX, &mut out);
                black_box(&out);
            }
        });
        time(&format!("make {len} bytes, and free them"), rounds, || {
            for _ in 0..rounds {
                black_box(Bits::from_bytes(black_box(&plain)));
            }
        });
        time(
            &format!("Vec: make {len} bytes, and free them"),
            rounds,
            || {
                for _ in 0..rounds {
                    black_box(black_box(&plain).to_vec());
                }
            },
        );
    }
    time("append 16 bytes, to 1 MB", 65_536, || {
        let mut bits = Bits::new();
        for _ in 0..65_536 {
            bits.write(bits.len(), b"0123456789abcdef");
        }
        black_box(bits);
    });
}
