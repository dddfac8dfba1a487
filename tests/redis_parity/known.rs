//! The known differences: the commands whose replies cannot be the same word for word, how far they
//! must still agree, and why. Every command that is not listed must answer exactly as Redis does.

use super::chance::can_agree;
use super::resp::Wire;

/// How far two replies must agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Agreement {
    /// The same in every byte.
    Exact,
    /// The same elements in any order.
    Unordered,
    /// The same elements; in the same order where the server's are ascending integers and too many for
    /// that to be chance, for then it holds them in order.
    Members,
    /// Members that each side chose from the same set.
    Drawn,
    /// As [`Drawn`](Self::Drawn), and removed; [`Pair`](super::pair::Pair) lets both remove the same.
    Popped,
    /// The same pairs in any order: fields with their values, members with their scores.
    UnorderedPairs,
    /// The same elements (or pairs), in the same order if the server holds the hash as a `listpack`.
    HashOrder {
        /// Whether two elements belong together.
        pairs: bool,
    },
    /// Replies of the same shape, and ours of fields (and values) of the hash.
    ChosenFields,
    /// The same, but that a number may be written in another way.
    Scores,
    /// As [`Scores`](Self::Scores), every second element of an array only.
    MembersAndScores,
    /// The same nil, or keys that both sides have.
    ExistingKey,
    /// The same error or two of the same shape; walked from cursor 0 to the end, the same keys.
    Scan,
    /// The same time, unless it was given relative to a clock that runs on one side only.
    Time {
        /// How many units a second has.
        per_second: i64,
        /// Whether it is a point in time rather than a distance from now.
        absolute: bool,
    },
    /// Replies of the same shape, or a number and nil for a key that has expired.
    Figure,
    /// Replies of the same shape.
    Shape,
    /// The same lines, but for the two about this subcommand, which ours does not have.
    HelpWithout(&'static str),
    /// The same encoding, or `int` where the server has `embstr`; only for a key whose value may come
    /// from `INCRBYFLOAT` ([`Pair`](super::pair::Pair) keeps track of them).
    EncodingOfSum,
    /// Not at all.
    Unchecked,
}

/// Which calls of a command are meant.
enum When {
    Always,
    /// Only with this word second.
    Subcommand(&'static str),
    /// Only without arguments.
    Bare,
}

struct Known {
    name: &'static str,
    when: When,
    agreement: Agreement,
    #[expect(dead_code, reason = "for the reader")]
    reason: &'static str,
}

const KNOWN: &[Known] = &[
    Known {
        name: "KEYS",
        when: When::Always,
        agreement: Agreement::Unordered,
        reason: "the order of keys is the order of their hashes",
    },
    Known {
        name: "SCAN",
        when: When::Always,
        agreement: Agreement::Scan,
        reason: "cursors and the order of keys depend on the table; what a whole walk finds does not",
    },
    Known {
        name: "DUMP",
        when: When::Always,
        agreement: Agreement::Shape,
        reason: "strings are compressed by other choices; `dump.rs` compares what both sides read",
    },
    Known {
        name: "SMEMBERS",
        when: When::Always,
        agreement: Agreement::Members,
        reason: "the order of a hash table is the order of its hashes",
    },
    Known {
        name: "SINTER",
        when: When::Always,
        agreement: Agreement::Members,
        reason: "the order of a hash table is the order of its hashes",
    },
    Known {
        name: "SUNION",
        when: When::Always,
        agreement: Agreement::Members,
        reason: "the order of a hash table is the order of its hashes",
    },
    Known {
        name: "SDIFF",
        when: When::Always,
        agreement: Agreement::Members,
        reason: "the order of a hash table is the order of its hashes",
    },
    Known {
        name: "SRANDMEMBER",
        when: When::Always,
        agreement: Agreement::Drawn,
        reason: "a random choice",
    },
    Known {
        name: "SPOP",
        when: When::Always,
        agreement: Agreement::Popped,
        reason: "a random choice",
    },
    Known {
        name: "HKEYS",
        when: When::Always,
        agreement: Agreement::HashOrder { pairs: false },
        reason: "the order of a hash table is the order of its hashes; a listpack's must agree",
    },
    Known {
        name: "HVALS",
        when: When::Always,
        agreement: Agreement::HashOrder { pairs: false },
        reason: "the order of a hash table is the order of its hashes; a listpack's must agree",
    },
    Known {
        name: "HGETALL",
        when: When::Always,
        agreement: Agreement::HashOrder { pairs: true },
        reason: "the order of a hash table is the order of its hashes; a listpack's must agree",
    },
    Known {
        name: "SSCAN",
        when: When::Always,
        agreement: Agreement::Scan,
        reason: "cursors and order depend on the table; what a whole walk finds does not",
    },
    Known {
        name: "HSCAN",
        when: When::Always,
        agreement: Agreement::Scan,
        reason: "cursors and order depend on the table; what a whole walk finds does not",
    },
    Known {
        name: "ZSCAN",
        when: When::Always,
        agreement: Agreement::Scan,
        reason: "cursors and order depend on the table; what a whole walk finds does not",
    },
    Known {
        name: "HRANDFIELD",
        when: When::Always,
        agreement: Agreement::ChosenFields,
        reason: "a random choice",
    },
    Known {
        name: "ZADD",
        when: When::Always,
        agreement: Agreement::Scores,
        reason: "scores are printed in the shortest form, as in Redis 7.2, and not with 17 digits",
    },
    Known {
        name: "ZINCRBY",
        when: When::Always,
        agreement: Agreement::Scores,
        reason: "scores are printed in the shortest form, as in Redis 7.2, and not with 17 digits",
    },
    Known {
        name: "ZSCORE",
        when: When::Always,
        agreement: Agreement::Scores,
        reason: "scores are printed in the shortest form, as in Redis 7.2, and not with 17 digits",
    },
    Known {
        name: "ZMSCORE",
        when: When::Always,
        agreement: Agreement::Scores,
        reason: "scores are printed in the shortest form, as in Redis 7.2, and not with 17 digits",
    },
    Known {
        name: "ZPOPMIN",
        when: When::Always,
        agreement: Agreement::MembersAndScores,
        reason: "scores are printed in the shortest form, as in Redis 7.2, and not with 17 digits",
    },
    Known {
        name: "ZPOPMAX",
        when: When::Always,
        agreement: Agreement::MembersAndScores,
        reason: "scores are printed in the shortest form, as in Redis 7.2, and not with 17 digits",
    },
    Known {
        name: "ZRANGE",
        when: When::Always,
        agreement: Agreement::MembersAndScores,
        reason: "scores are printed in the shortest form, as in Redis 7.2, and not with 17 digits",
    },
    Known {
        name: "ZREVRANGE",
        when: When::Always,
        agreement: Agreement::MembersAndScores,
        reason: "scores are printed in the shortest form, as in Redis 7.2, and not with 17 digits",
    },
    Known {
        name: "ZRANGEBYSCORE",
        when: When::Always,
        agreement: Agreement::MembersAndScores,
        reason: "scores are printed in the shortest form, as in Redis 7.2, and not with 17 digits",
    },
    Known {
        name: "ZREVRANGEBYSCORE",
        when: When::Always,
        agreement: Agreement::MembersAndScores,
        reason: "scores are printed in the shortest form, as in Redis 7.2, and not with 17 digits",
    },
    Known {
        name: "ZUNION",
        when: When::Always,
        agreement: Agreement::MembersAndScores,
        reason: "scores are printed in the shortest form, as in Redis 7.2, and not with 17 digits",
    },
    Known {
        name: "ZINTER",
        when: When::Always,
        agreement: Agreement::MembersAndScores,
        reason: "scores are printed in the shortest form, as in Redis 7.2, and not with 17 digits",
    },
    Known {
        name: "ZDIFF",
        when: When::Always,
        agreement: Agreement::MembersAndScores,
        reason: "scores are printed in the shortest form, as in Redis 7.2, and not with 17 digits",
    },
    Known {
        name: "ZMPOP",
        when: When::Always,
        agreement: Agreement::Scores,
        reason: "scores are printed in the shortest form, as in Redis 7.2, and not with 17 digits",
    },
    Known {
        name: "ZRANDMEMBER",
        when: When::Always,
        agreement: Agreement::Shape,
        reason: "a random choice",
    },
    Known {
        name: "RANDOMKEY",
        when: When::Always,
        agreement: Agreement::ExistingKey,
        reason: "a random choice",
    },
    Known {
        name: "TTL",
        when: When::Always,
        agreement: Agreement::Time {
            per_second: 1,
            absolute: false,
        },
        reason: "the server's clock runs, ours stands still",
    },
    Known {
        name: "PTTL",
        when: When::Always,
        agreement: Agreement::Time {
            per_second: 1000,
            absolute: false,
        },
        reason: "the server's clock runs, ours stands still",
    },
    Known {
        name: "EXPIRETIME",
        when: When::Always,
        agreement: Agreement::Time {
            per_second: 1,
            absolute: true,
        },
        reason: "relative deadlines were counted from two clocks",
    },
    Known {
        name: "PEXPIRETIME",
        when: When::Always,
        agreement: Agreement::Time {
            per_second: 1000,
            absolute: true,
        },
        reason: "relative deadlines were counted from two clocks",
    },
    Known {
        name: "TIME",
        when: When::Always,
        agreement: Agreement::Shape,
        reason: "the server's clock runs, ours stands still",
    },
    Known {
        name: "OBJECT",
        when: When::Subcommand("IDLETIME"),
        agreement: Agreement::Shape,
        reason: "idle time is counted by the server's clock",
    },
    Known {
        name: "OBJECT",
        when: When::Subcommand("FREQ"),
        agreement: Agreement::Shape,
        reason: "counters grow by chance",
    },
    Known {
        name: "MEMORY",
        when: When::Subcommand("USAGE"),
        agreement: Agreement::Figure,
        reason: "figures of other structures; the server has one for an expired key that is still there",
    },
    Known {
        name: "OBJECT",
        when: When::Subcommand("ENCODING"),
        agreement: Agreement::EncodingOfSum,
        reason: "INCRBYFLOAT stores a whole number as text, which the server forgets on a reload",
    },
    Known {
        name: "OBJECT",
        when: When::Subcommand("REFCOUNT"),
        agreement: Agreement::Shape,
        reason: "no objects, no counts: ours tells a small integer by its text, not by its history",
    },
    Known {
        name: "COMMAND",
        when: When::Subcommand("HELP"),
        agreement: Agreement::HelpWithout("GETKEYSANDFLAGS"),
        reason: "there is no such subcommand here",
    },
    Known {
        name: "COMMAND",
        when: When::Bare,
        agreement: Agreement::Unchecked,
        reason: "lists every command there is; `table.rs` compares the rows that both have",
    },
];

/// A history after which the last command is answered otherwise. What random streams are kept from.
pub(crate) struct Exception {
    pub(crate) history: &'static [&'static [&'static [u8]]],
    pub(crate) redis: fn() -> Wire,
    pub(crate) ours: fn() -> Wire,
    #[expect(dead_code, reason = "for the reader")]
    reason: &'static str,
}

/// The end of the third run lies within the registers, the place of the second element does not.
const CORRUPTED: &[u8] = b"HYLL\x01\0\0\0\x09\0\0\0\0\0\0\0\x3f\x83\x90Q\x8d";

/// The last run should have two bytes.
const CUT_OFF: &[u8] = b"HYLL\x01\0\0\0\x09\0\0\0\0\0\0\0\x3f\x83acb";

pub(crate) const EXCEPTIONS: &[Exception] = &[
    Exception {
        history: &[
            &[b"SETRANGE", b"k", b"0", CORRUPTED],
            &[b"PFADD", b"k", b"e4494", b"e1817"],
            &[b"GET", b"k"],
        ],
        redis: || {
            let changed = b"HYLL\x01\0\0\0\x09\0\0\0\0\0\0\x80\x3f\x83\x90I\x12\x80Hy";
            Wire::Bulk(changed.to_vec())
        },
        ours: || Wire::Bulk(CORRUPTED.to_vec()),
        reason: "a command that is refused changes nothing here; there the elements before the one that \
                 has no place are added",
    },
    Exception {
        history: &[
            &[b"SETRANGE", b"k", b"0", CUT_OFF],
            &[b"PFADD", b"k", b"e4521"],
        ],
        redis: || Wire::Int(1),
        ours: || Wire::Error(b"INVALIDOBJ Corrupted HLL object detected".to_vec()),
        reason: "the server takes the byte after the string for the missing half, and writes over it",
    },
    Exception {
        history: &[
            &[b"SET", b"k", b"v", b"EXAT", b"1"],
            &[b"MEMORY", b"USAGE", b"k", b"SAMPLES", b"0"],
        ],
        redis: || Wire::Int(64),
        ours: || Wire::Nil,
        reason: "the server has an expired key until it is looked for",
    },
];

/// How far the replies to this command must agree.
pub(crate) fn agreement<W: AsRef<[u8]>>(words: &[W]) -> Agreement {
    let is = |at: usize, text: &str| {
        words
            .get(at)
            .is_some_and(|word| word.as_ref().eq_ignore_ascii_case(text.as_bytes()))
    };
    KNOWN
        .iter()
        .find(|known| {
            let meant = match known.when {
                When::Always => true,
                When::Subcommand(second) => is(1, second),
                When::Bare => words.len() == 1,
            };
            meant && is(0, known.name)
        })
        .map_or(Agreement::Exact, |known| known.agreement)
}

/// Redis's error as ours can say it: our errors are text, so what is no UTF-8 in a word that the error
/// repeats is replaced.
pub(crate) fn as_text(reply: Wire) -> Wire {
    match reply {
        Wire::Error(text) => Wire::Error(String::from_utf8_lossy(&text).into_owned().into_bytes()),
        other => other,
    }
}

/// How far two clocks may be apart in one stream, in seconds.
const DRIFT_S: i64 = 90;
/// Points in time in this range (years 2096 to 3237) within the first second of a multiple of 10^9 s
/// were given as such and agree exactly. A relative deadline that falls there is one in 10^9.
const ABSOLUTE_S: std::ops::Range<i64> = 4_000_000_000..40_000_000_000;
const ABSOLUTE_STEP_S: i64 = 1_000_000_000;

impl Agreement {
    /// Whether two replies agree. For [`Scan`](Self::Scan), [`ExistingKey`](Self::ExistingKey),
    /// [`HashOrder`](Self::HashOrder) and [`ChosenFields`](Self::ChosenFields) this is the part that can be told from the replies alone.
    pub(crate) fn holds(self, redis: &Wire, ours: &Wire) -> bool {
        match self {
            Self::Exact => redis == ours,
            Self::Unordered => match (redis, ours) {
                (Wire::Array(left), Wire::Array(right)) => {
                    sorted_texts(left) == sorted_texts(right)
                }
                _ => redis == ours,
            },
            Self::Members => match (redis, ours) {
                (Wire::Array(left), Wire::Array(right)) => {
                    let same = sorted_texts(left) == sorted_texts(right);
                    same && (!is_ordered(left) || left == right)
                }
                _ => redis == ours,
            },
            Self::Drawn | Self::Popped => can_agree(redis, ours),
            Self::UnorderedPairs => match (redis, ours) {
                (Wire::Array(left), Wire::Array(right)) => {
                    sorted_pairs(left) == sorted_pairs(right)
                }
                _ => redis == ours,
            },
            Self::Scores => scores_agree(redis, ours, 1),
            Self::MembersAndScores => scores_agree(redis, ours, 2),
            Self::ExistingKey => match (redis, ours) {
                (Wire::Bulk(_), Wire::Bulk(_)) => true,
                _ => redis == ours,
            },
            Self::Scan => match (scan_reply(redis), scan_reply(ours)) {
                (Some(_), Some(_)) => true,
                _ => redis == ours,
            },
            Self::Time {
                per_second,
                absolute,
            } => match (redis, ours) {
                (&Wire::Int(left), &Wire::Int(right)) if left > 0 && right > 0 => {
                    let window = ABSOLUTE_S.start * per_second..ABSOLUTE_S.end * per_second;
                    let given = left % (ABSOLUTE_STEP_S * per_second) <= per_second;
                    if absolute && given && window.contains(&left) {
                        left == right
                    } else {
                        left.abs_diff(right) <= DRIFT_S.unsigned_abs() * per_second.unsigned_abs()
                    }
                }
                _ => redis == ours,
            },
            Self::HashOrder { pairs: false } => Self::Unordered.holds(redis, ours),
            Self::HashOrder { pairs: true } => Self::UnorderedPairs.holds(redis, ours),
            Self::Figure => {
                same_shape(redis, ours) || matches!((redis, ours), (Wire::Int(_), Wire::Nil))
            }
            Self::Shape | Self::ChosenFields => same_shape(redis, ours),
            Self::HelpWithout(subcommand) => match redis {
                Wire::Array(lines) => without(subcommand, lines) == *ours,
                _ => redis == ours,
            },
            Self::EncodingOfSum => {
                let (embstr, int) = (b"embstr".to_vec(), b"int".to_vec());
                redis == ours || (redis, ours) == (&Wire::Bulk(embstr), &Wire::Bulk(int))
            }
            Self::Unchecked => true,
        }
    }
}

/// The cursor and the keys of a `SCAN` reply.
pub(crate) fn scan_reply(reply: &Wire) -> Option<(&[u8], Vec<&[u8]>)> {
    let Wire::Array(items) = reply else {
        return None;
    };
    let [Wire::Bulk(cursor), Wire::Array(keys)] = items.as_slice() else {
        return None;
    };
    let keys = keys.iter().map(|key| match key {
        Wire::Bulk(bytes) => Some(bytes.as_slice()),
        _ => None,
    });
    Some((cursor, keys.collect::<Option<_>>()?))
}

/// Help lines but for a subcommand's own and the one that explains it.
fn without(subcommand: &str, lines: &[Wire]) -> Wire {
    let at = lines.iter().position(|line| match line {
        Wire::Status(text) => text.starts_with(subcommand.as_bytes()),
        _ => false,
    });
    let gone = at.map_or(0..0, |at| at..at + 2);
    let kept = lines
        .iter()
        .enumerate()
        .filter(|(at, _)| !gone.contains(at));
    Wire::Array(kept.map(|(_, line)| line.clone()).collect())
}

/// Whether these are integers in ascending order, and not by chance.
fn is_ordered(items: &[Wire]) -> bool {
    const BY_CHANCE_MAX: usize = 12;
    let number = |item: &Wire| match item {
        Wire::Bulk(text) => std::str::from_utf8(text).ok()?.parse::<i64>().ok(),
        _ => None,
    };
    let numbers: Option<Vec<i64>> = items.iter().map(number).collect();
    items.len() > BY_CHANCE_MAX && numbers.is_some_and(|numbers| numbers.is_sorted())
}

fn sorted_texts(items: &[Wire]) -> Vec<String> {
    let mut texts: Vec<String> = items.iter().map(|item| format!("{item:?}")).collect();
    texts.sort();
    texts
}

fn sorted_pairs(items: &[Wire]) -> Vec<String> {
    let mut pairs: Vec<String> = items.chunks(2).map(|pair| format!("{pair:?}")).collect();
    pairs.sort();
    pairs
}

/// A score, however it is written.
pub(crate) fn number(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Whether two replies are the same but for how numbers are written, and 0 is not -0; of arrays the last of each `step`
/// elements may be numbers.
fn scores_agree(left: &Wire, right: &Wire, step: usize) -> bool {
    match (left, right) {
        (Wire::Bulk(one), Wire::Bulk(two)) => {
            let is_same = |one: f64, two: f64| {
                one == two && (one != 0.0 || one.is_sign_negative() == two.is_sign_negative())
            };
            let numbers = number(one).zip(number(two));
            one == two || numbers.is_some_and(|(one, two)| is_same(one, two))
        }
        (Wire::Array(left), Wire::Array(right)) => {
            let mut pairs = left.iter().zip(right).enumerate();
            left.len() == right.len()
                && pairs.all(|(at, (l, r))| match at % step == step - 1 {
                    true => scores_agree(l, r, 1),
                    false => l == r,
                })
        }
        _ => left == right,
    }
}

fn same_shape(left: &Wire, right: &Wire) -> bool {
    match (left, right) {
        (Wire::Array(left), Wire::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(l, r)| same_shape(l, r))
        }
        (Wire::Error(_), Wire::Error(_)) => left == right,
        _ => std::mem::discriminant(left) == std::mem::discriminant(right),
    }
}

#[test]
fn agreements_tell_like_from_unlike() {
    let int = Wire::Int;
    let exact = agreement(&["GET"]);
    assert!(exact.holds(&int(1), &int(1)) && !exact.holds(&int(1), &int(2)));
    let keys = agreement(&["keys", "*"]);
    let (one, two) = (Wire::Bulk(b"1".to_vec()), Wire::Bulk(b"2".to_vec()));
    let array = |items: &[&Wire]| Wire::Array(items.iter().copied().cloned().collect());
    assert!(keys.holds(&array(&[&one, &two]), &array(&[&two, &one])));
    assert!(!keys.holds(&array(&[&one, &two]), &array(&[&two, &two])));
    let members = agreement(&["SMEMBERS", "k"]);
    let numbers = |ints: &mut dyn Iterator<Item = i32>| {
        Wire::Array(ints.map(|n| Wire::Bulk(n.to_string().into())).collect())
    };
    let (up, down) = (numbers(&mut (0..20)), numbers(&mut (0..20).rev()));
    assert!(members.holds(&down, &up) && !members.holds(&up, &down));
    let at = agreement(&["EXPIRETIME", "k"]);
    assert!(at.holds(&int(1_800_000_001), &int(1_800_000_000)));
    assert!(!at.holds(&int(5_000_000_001), &int(5_000_000_000)));
    assert!(!at.holds(&int(-1), &int(1_800_000_000)));
    let ttl = agreement(&["TTL", "k"]);
    assert!(!ttl.holds(&int(1000), &int(2000)) && !ttl.holds(&int(-1), &int(-2)));
    let idle = agreement(&["OBJECT", "idletime", "k"]);
    assert!(idle.holds(&int(0), &int(5)) && !idle.holds(&int(0), &Wire::Nil));
    let score = agreement(&["ZSCORE", "k", "m"]);
    let bulk = |text: &str| Wire::Bulk(text.into());
    assert!(score.holds(&bulk("0.10000000000000001"), &bulk("0.1")));
    assert!(!score.holds(&bulk("0.1"), &bulk("0.2")) && !score.holds(&bulk("x"), &bulk("y")));
    assert!(!score.holds(&bulk("0"), &bulk("-0")) && score.holds(&bulk("0"), &bulk("0.0")));
    let pop = agreement(&["ZPOPMIN", "k"]);
    let pair = |member, score| Wire::Array(vec![bulk(member), bulk(score)]);
    assert!(pop.holds(&pair("1", "1e+17"), &pair("1", "100000000000000000")));
    assert!(!pop.holds(&pair("1", "1"), &pair("1.0", "1")));
}
