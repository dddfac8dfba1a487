//! Redis's glob patterns: `*`, `?`, `[a-z]`, `[^a]`, and `\` before a character that means itself.
//!
//! Called by KEYS, SCAN and its kin, and by pattern subscriptions.
//!
//! Invariants:
//! 1. Redis's answers on every pattern, the odd ones included: a class without its `]` reaches to the
//!    end of the pattern, the ends of a range may be swapped and are compared as signed bytes, `]`
//!    right after `[` closes an empty class, and an empty text is matched by the empty pattern only.
//! 2. No recursion, no allocation, and at most O(pattern * text) steps: every element but `*` takes
//!    exactly one byte, so on a mismatch only the last `*` needs to take one byte more.

/// Whether `pattern` matches all of `text`. `nocase` ignores the case of ASCII letters.
pub(crate) fn glob_match(pattern: &[u8], text: &[u8], nocase: bool) -> bool {
    if text.is_empty() {
        return pattern.is_empty();
    }
    let (mut p, mut t) = (0, 0);
    // Where to go on when a mismatch makes the last `*` take one more byte: pattern, text.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            if p == pattern.len() {
                return true;
            }
            retry = Some((p, t));
            continue;
        }
        if t == text.len() && p == pattern.len() {
            return true;
        }
        let step = match text.get(t) {
            Some(byte) if p < pattern.len() => element(pattern, p, *byte, nocase),
            _ => None,
        };
        match (step, retry) {
            (Some(next), _) => {
                p = next;
                t += 1;
            }
            (None, Some((after_star, taken))) if taken < text.len() => {
                p = after_star;
                t = taken + 1;
                retry = Some((p, t));
            }
            (None, _) => return false,
        }
    }
}

/// Matches the one element at `p`, which is not a `*`, against `byte`: the position after it.
fn element(pattern: &[u8], p: usize, byte: u8, nocase: bool) -> Option<usize> {
    match pattern[p] {
        b'?' => Some(p + 1),
        b'[' => class(pattern, p + 1, byte, nocase),
        b'\\' if p + 1 < pattern.len() => same(pattern[p + 1], byte, nocase).then_some(p + 2),
        plain => same(plain, byte, nocase).then_some(p + 1),
    }
}

/// Matches the class whose inside starts at `p`.
fn class(pattern: &[u8], mut p: usize, byte: u8, nocase: bool) -> Option<usize> {
    let negated = pattern.get(p) == Some(&b'^');
    p += usize::from(negated);
    let mut found = false;
    loop {
        match pattern[p..] {
            [] => break,
            [b'\\', escaped, ..] => {
                // Redis compares an escaped byte exactly, whatever `nocase` says.
                found |= escaped == byte;
                p += 2;
            }
            [b']', ..] => {
                p += 1;
                break;
            }
            [from, b'-', to, ..] => {
                let fold = |byte: u8| {
                    (if nocase {
                        byte.to_ascii_lowercase()
                    } else {
                        byte
                    }) as i8
                };
                // Redis swaps first and folds then.
                let (low, high) = if from as i8 > to as i8 {
                    (to, from)
                } else {
                    (from, to)
                };
                found |= (fold(low)..=fold(high)).contains(&fold(byte));
                p += 3;
            }
            [plain, ..] => {
                found |= same(plain, byte, nocase);
                p += 1;
            }
        }
    }
    (found != negated).then_some(p)
}

fn same(a: u8, b: u8, nocase: bool) -> bool {
    a == b || (nocase && a.eq_ignore_ascii_case(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redis_answers_hold() {
        let cases: &[(&[u8], &[u8], bool)] = &[
            (b"*", b"abc", true),
            (b"*", b"", false),
            (b"", b"", true),
            (b"", b"a", false),
            (b"a*", b"a", true),
            (b"a**", b"a", true),
            (b"*a*", b"bab", true),
            (b"*a*b", b"xxaybzb", true),
            (b"*a*b", b"xxaybz", false),
            (b"h?llo", b"hello", true),
            (b"h?llo", b"hllo", false),
            (b"h[ae]llo", b"hallo", true),
            (b"h[^e]llo", b"hello", false),
            (b"h[a-b]llo", b"hbllo", true),
            (b"h[b-a]llo", b"hbllo", true),
            (b"[", b"[", false),
            (b"[a", b"a", true),
            (b"[^a", b"b", true),
            (b"[^", b"x", true),
            (b"[]", b"]", false),
            (b"[^]", b"x", true),
            (b"[]a]", b"a]", false),
            (b"[a-]", b"-", false),
            (b"[a-", b"-", true),
            (b"[\\]]", b"]", true),
            (b"[\\", b"\\", true),
            (b"\\", b"\\", true),
            (b"\\*", b"*", true),
            (b"\\*", b"a", false),
            (b"a\\", b"a\\", true),
            (b"[\x80-\x05]", b"\xFF", true),
            (b"[\x80-\x05]", b"\x06", false),
            (b"[\x05-\x80]", b"\x00", true),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(
                glob_match(pattern, text, false),
                *expected,
                "{pattern:?} on {text:?}"
            );
        }
        assert!(glob_match(b"A[B-D]?", b"acX", true));
        assert!(!glob_match(b"A[B-D]?", b"acX", false));
        assert!(!glob_match(b"[\\A]", b"a", true));
        assert!(glob_match(b"\\A", b"a", true));
    }

    #[test]
    fn many_stars_on_a_long_text_end_soon() {
        // Recursion over every star would take longer than the universe has.
        let len = if cfg!(miri) { 100 } else { 20_000 };
        let pattern = [
            b"*a".repeat(if cfg!(miri) { 5 } else { 500 }),
            b"b".to_vec(),
        ]
        .concat();
        assert!(!glob_match(&pattern, &b"a".repeat(len), false));
        assert!(glob_match(
            &pattern,
            &[b"a".repeat(len), b"b".to_vec()].concat(),
            false
        ));
    }
}
