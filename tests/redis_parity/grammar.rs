//! Random commands from a small grammar, weighted to what tends to go wrong: limits, malformed
//! numbers, conflicting options, wrong numbers of words, bytes that are no text.

use super::pair::Command;
use super::rng::Rng;

/// One piece of a command.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Arg {
    Key,
    /// One to this many keys.
    Keys(usize),
    /// One to this many keys, each with a value.
    Pairs(usize),
    Value,
    /// A key that holds little, so that work quadratic in its length stays small.
    SmallKey,
    /// Any integer, or what looks like one.
    Int,
    /// A position in a string, from either end.
    Index,
    /// A byte offset to write at.
    Offset,
    /// A bit offset to write at.
    BitOffset,
    /// A bit offset to read at.
    BitIndex,
    Bit,
    Float,
    Pattern,
    /// A distance in time, in seconds and in milliseconds.
    Seconds,
    Millis,
    /// A point in time, in seconds and in milliseconds.
    AtSeconds,
    AtMillis,
    /// How many elements to look at.
    Count,
    Cursor,
    /// One of these keywords.
    Word(&'static [&'static str]),
    /// These pieces, this many times in a hundred.
    Maybe(u64, &'static [Arg]),
    /// Zero to this many of these options, in any order, repeated or not.
    Options(usize, &'static [&'static [Arg]]),
    /// A field type of `BITFIELD`, and a place for it.
    FieldType,
    FieldOffset,
    /// No word at all, or any.
    Text,
    /// One of these words, as they are.
    Bytes(&'static [&'static [u8]]),
    /// These pieces, one to this many times.
    Repeat(usize, &'static [Arg]),
    /// One of some thousand short words.
    Element,
    /// One of some thousand integers, a few more than a set of integers holds.
    Number,
    /// One of some dozen members.
    Member,
    /// A number with decimals between these.
    Decimal(i64, i64),
}

/// A command's form: its name, how often it is drawn, its arguments.
pub(crate) type Form = (&'static str, u32, &'static [Arg]);

/// Makes one stream of commands.
pub(crate) struct Generator<'a> {
    rng: Rng,
    forms: &'a [Form],
    weights: u32,
    keys: Vec<Vec<u8>>,
    /// Relative deadlines are all different, 100 s apart: clocks that drift by less agree on their order.
    deadlines: u64,
    /// Words so far, and whether each is a keyword.
    words: Vec<(Vec<u8>, bool)>,
    big: bool,
}

/// Key names: text, bytes, pattern characters, an empty one, a long one. Only `big:*` get long values.
fn key_pool(rng: &mut Rng) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = [
        b"a".as_slice(),
        b"b",
        b"key:1",
        b"key:2",
        b"",
        b"\x00\xff\x01",
        b"two words",
        b"cr\r\nlf",
        b"{tag}x",
        b"h[e]llo*?",
        b"back\\slash",
        b"Key:1",
        b"counter",
        b"\xc3\xa9t\xc3\xa9",
        b"7",
    ]
    .iter()
    .map(|key| key.to_vec())
    .collect();
    all.push(vec![b'L'; 300]);
    // Few keys meet each other often.
    let mut keys: Vec<Vec<u8>> = (0..4 + rng.index(8))
        .map(|_| rng.pick(&all).clone())
        .collect();
    keys.push(b"big:1".to_vec());
    keys.push(b"big:2".to_vec());
    keys
}

const INTS: &[&str] = &[
    "0",
    "1",
    "-1",
    "2",
    "7",
    "10",
    "-10",
    "100",
    "255",
    "256",
    "65536",
    "2147483647",
    "2147483648",
    "-2147483648",
    "-2147483649",
    "4294967295",
    "4294967296",
    "9007199254740993",
    "9223372036854775806",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775807",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999",
];

const NOT_INTS: &[&[u8]] = &[
    b"", b" ", b"abc", b"1.0", b"1e3", b" 1", b"1 ", b"+1", b"-", b"--1", b"01", b"-0", b"00",
    b"0x10", b"1\x00", b"\xff", b"inf", b"1,000",
];

const FLOATS: &[&[u8]] = &[
    b"0.1",
    b"-0.1",
    b"3.14",
    b"1e5",
    b"-1E-5",
    b"1e-20",
    b"5.",
    b".5",
    b"+5",
    b"+.5e+2",
    b"inf",
    b"-inf",
    b"+Infinity",
    b"nan",
    b"-NaN",
    b"0x1p3",
    b"0x.8",
    b"1e400",
    b"1e-400",
    b"1e4900",
    b"1e4932",
    b"1e4933",
    b"1e-5000",
    b"..",
    b"1e",
    b"e5",
    b"-",
    b"-0",
    b"-0.0",
    b"0.30000000000000004",
    b"1.0000000000000000001",
    b"99999999999999999999",
    b"123456789.987654321",
    b"17179869184.5",
    b"3.0e3x",
    b" 1.5",
    b"1.5 ",
    b"1_0",
];

const TEXTS: &[&[u8]] = &[
    b"",
    b"a",
    b"hello",
    b"Hello, world",
    b"NX",
    b"*",
    b"\x00",
    b"\xff\xfe\xfd",
    b"line\r\nbreak",
    b"ohmytext",
    b"mynewtext",
];

const GARBAGE: &[&[u8]] = &[
    b"NX",
    b"XX",
    b"GET",
    b"EX",
    b"PX",
    b"KEEPTTL",
    b"PERSIST",
    b"FOO",
    b"",
    b"0",
    b"-1",
    b"BIT",
    b"BYTE",
    b"REPLACE",
    // Not one that C takes for the empty text: SORT would have ties between the two.
    b"\x01\x00\xff",
    b"nxx",
];

impl<'a> Generator<'a> {
    /// A source of commands of these forms, which are not none.
    pub(crate) fn new(seed: u64, forms: &'a [Form]) -> Self {
        let mut rng = Rng::seeded(seed);
        let keys = key_pool(&mut rng);
        let deadlines = rng.below(100_003);
        Self {
            rng,
            forms,
            weights: forms.iter().map(|form| form.1).sum(),
            keys,
            deadlines,
            words: Vec::new(),
            big: false,
        }
    }

    /// The next command.
    pub(crate) fn command(&mut self) -> Command {
        loop {
            let command = self.any_command();
            if !fills_memory(&command)
                && !expires_soon(&command)
                && !adds_in_part(&command)
                && !spreads_corruption(&command)
                && !keeps_table_order(&command)
            {
                return command;
            }
        }
    }

    fn any_command(&mut self) -> Command {
        let mut drawn = self.rng.below(u64::from(self.weights)) as u32;
        let forms = self.forms;
        let mut form = forms[0];
        for &candidate in forms {
            form = candidate;
            if drawn < candidate.1 {
                break;
            }
            drawn -= candidate.1;
        }
        self.words.clear();
        self.big = false;
        self.words.push((form.0.as_bytes().to_vec(), true));
        self.args(form.2);
        if self.rng.percent(5) {
            self.damage();
        }
        if self.rng.percent(20) {
            for (word, is_keyword) in &mut self.words {
                if *is_keyword {
                    for byte in word {
                        if self.rng.percent(50) {
                            *byte = byte.to_ascii_lowercase();
                        }
                    }
                }
            }
        }
        self.words.drain(..).map(|(word, _)| word).collect()
    }

    /// Removes, adds or doubles a word; the name stays. Words stay small enough for either side.
    fn damage(&mut self) {
        let count = self.words.len();
        match self.rng.below(5) {
            0 if count > 1 => {
                let at = 1 + self.rng.index(count - 1);
                self.words.remove(at);
            }
            1 => self.words.truncate(1 + self.rng.index(count)),
            2 if count > 1 => {
                let at = 1 + self.rng.index(count - 1);
                let word = self.words[at].clone();
                self.words.insert(at, word);
            }
            3 if count > 2 => {
                let at = 1 + self.rng.index(count - 2);
                self.words.swap(at, at + 1);
            }
            _ => {
                let word = self.rng.pick(GARBAGE).to_vec();
                // Not where an offset stands: garbage there could be a small number, no harm, but
                // shifting a key into its place would only ever be refused.
                let at = 1 + self.rng.index(count);
                self.words.insert(at, (word, true));
            }
        }
    }

    fn args(&mut self, args: &[Arg]) {
        for arg in args {
            self.arg(arg);
        }
    }

    fn push(&mut self, word: impl Into<Vec<u8>>) {
        self.words.push((word.into(), false));
    }

    fn key(&mut self) {
        let key = self.rng.pick(&self.keys).clone();
        self.big = key.starts_with(b"big:");
        self.push(key);
    }

    fn arg(&mut self, arg: &Arg) {
        match *arg {
            Arg::Key => self.key(),
            Arg::SmallKey => {
                let small: Vec<&Vec<u8>> = self
                    .keys
                    .iter()
                    .filter(|key| !key.starts_with(b"big:"))
                    .collect();
                let key = self.rng.pick(&small).to_vec();
                self.push(key);
            }
            Arg::Keys(most) => {
                for _ in 0..1 + self.rng.index(most) {
                    self.key();
                }
            }
            Arg::Pairs(most) => {
                for _ in 0..1 + self.rng.index(most) {
                    self.key();
                    self.arg(&Arg::Value);
                }
            }
            Arg::Value => {
                let value = self.value();
                self.push(value);
            }
            Arg::Int => {
                let word = self.int();
                self.push(word);
            }
            Arg::Index => {
                let word = match self.rng.below(10) {
                    0..=5 => self.rng.between(-30, 30).to_string().into_bytes(),
                    6 => self.rng.between(-3000, 3000).to_string().into_bytes(),
                    7 => self.rng.between(-80_000, 80_000).to_string().into_bytes(),
                    _ => self.int(),
                };
                self.push(word);
            }
            Arg::Offset => {
                let medium = if self.big { 4200 } else { 1050 };
                let word = self.offset(medium, 536_870_912);
                self.push(word);
            }
            Arg::BitOffset => {
                let word = self.offset(33_000, 4_294_967_296);
                self.push(word);
            }
            Arg::BitIndex => {
                let word = match self.rng.below(4) {
                    0..=2 => self.offset(33_000, 4_294_967_296),
                    _ => self.int(),
                };
                self.push(word);
            }
            Arg::Bit => {
                let word = match self.rng.below(20) {
                    0 => b"2".to_vec(),
                    1 => b"-1".to_vec(),
                    2 => self.rng.pick(NOT_INTS).to_vec(),
                    3..=11 => b"1".to_vec(),
                    _ => b"0".to_vec(),
                };
                self.push(word);
            }
            Arg::Float => {
                let word = match self.rng.below(4) {
                    0 => self.int(),
                    1 => {
                        let whole = self.rng.between(-1_000_000, 1_000_000);
                        let scale = 10_i64.pow(1 + self.rng.below(6) as u32);
                        let text = format!("{}.{:06}", whole / scale, (whole % scale).abs());
                        text.into_bytes()
                    }
                    _ => self.rng.pick(FLOATS).to_vec(),
                };
                self.push(word);
            }
            Arg::Pattern => {
                let word = self.pattern();
                self.push(word);
            }
            Arg::Seconds => self.distance(1),
            Arg::Millis => self.distance(1000),
            Arg::AtSeconds => self.point(1),
            Arg::AtMillis => self.point(1000),
            Arg::Count => {
                let word = match self.rng.below(8) {
                    0 => self.int(),
                    1 => b"0".to_vec(),
                    _ => self.rng.between(1, 30).to_string().into_bytes(),
                };
                self.push(word);
            }
            Arg::Cursor => {
                let word = match self.rng.below(8) {
                    0 => self.int(),
                    1 => self
                        .rng
                        .pick(&["5", "-1", "x", " 0", "00"])
                        .as_bytes()
                        .to_vec(),
                    _ => b"0".to_vec(),
                };
                self.push(word);
            }
            Arg::Word(words) => {
                let word = self.rng.pick(words).as_bytes().to_vec();
                self.words.push((word, true));
            }
            Arg::Maybe(percent, args) => {
                if self.rng.percent(percent) {
                    self.args(args);
                }
            }
            Arg::Options(most, options) => {
                for _ in 0..self.rng.index(most + 1) {
                    let option = *self.rng.pick(options);
                    self.args(option);
                }
            }
            Arg::FieldType => {
                let word = match self.rng.below(12) {
                    0 => self
                        .rng
                        .pick(&["u64", "i65", "u0", "i0", "x8", "u", "", "u 8", "u08", "i-1"])
                        .to_string(),
                    1..=6 => format!("u{}", self.rng.between(1, 63)),
                    _ => format!("i{}", self.rng.between(1, 64)),
                };
                self.words.push((word.into_bytes(), true));
            }
            Arg::FieldOffset => {
                let word = match self.rng.below(12) {
                    0 => self
                        .rng
                        .pick(&[
                            "#",
                            "##1",
                            "#-1",
                            "-1",
                            "x",
                            "",
                            "4294967296",
                            "9223372036854775807",
                            "#9223372036854775807",
                            "#4294967296",
                        ])
                        .to_string(),
                    1..=3 => format!("#{}", self.rng.below(40)),
                    4 => self.rng.below(33_000).to_string(),
                    _ => self.rng.below(200).to_string(),
                };
                self.push(word);
            }
            Arg::Text => {
                let word = self.rng.pick(TEXTS).to_vec();
                self.push(word);
            }
            Arg::Bytes(words) => {
                let word = self.rng.pick(words).to_vec();
                self.push(word);
            }
            Arg::Repeat(most, args) => {
                for _ in 0..1 + self.rng.index(most) {
                    self.args(args);
                }
            }
            Arg::Number => {
                let word = self.rng.below(1500).to_string();
                self.push(word);
            }
            Arg::Member => {
                let word = match self.rng.below(20) {
                    0 => self.rng.pick(TEXTS).to_vec(),
                    1..=3 => self.rng.below(10).to_string().into_bytes(),
                    _ => format!("m{}", self.rng.below(40)).into_bytes(),
                };
                self.push(word);
            }
            Arg::Decimal(low, high) => {
                let digits = *self.rng.pick(&[0, 1, 3, 6]);
                let scale = 10_i64.pow(digits);
                let number = self.rng.between(low * scale, high * scale);
                let sign = if number < 0 { "-" } else { "" };
                let (whole, rest) = (number.abs() / scale, number.abs() % scale);
                let word = match digits {
                    0 => format!("{sign}{whole}"),
                    _ => format!("{sign}{whole}.{rest:0width$}", width = digits as usize),
                };
                self.push(word);
            }
            Arg::Element => {
                let word = format!("e{}", self.rng.below(5000));
                self.push(word);
            }
        }
    }

    fn int(&mut self) -> Vec<u8> {
        match self.rng.below(8) {
            0 => self.rng.pick(NOT_INTS).to_vec(),
            1..=3 => self.rng.pick(INTS).as_bytes().to_vec(),
            4 => (self.rng.next() as i64).to_string().into_bytes(),
            _ => self.rng.between(-100, 100).to_string().into_bytes(),
        }
    }

    /// Where to write: small, about `medium`, at and past `limit`, or no number. What lies between
    /// would only make the server fill its memory.
    fn offset(&mut self, medium: i64, limit: i64) -> Vec<u8> {
        match self.rng.below(16) {
            0 => self.rng.pick(NOT_INTS).to_vec(),
            1 => self
                .rng
                .pick(&["-1", "-9223372036854775808", "9223372036854775807"])
                .as_bytes()
                .to_vec(),
            2 => (limit + self.rng.between(0, 2)).to_string().into_bytes(),
            3 => (limit * 2).to_string().into_bytes(),
            4 => self
                .rng
                .between(medium - 200, medium + 100)
                .to_string()
                .into_bytes(),
            5 if self.big => self.rng.between(0, medium * 17).to_string().into_bytes(),
            _ => self.rng.between(0, 60).to_string().into_bytes(),
        }
    }

    fn value(&mut self) -> Vec<u8> {
        if self.big && self.rng.percent(50) {
            let len = match self.rng.below(4) {
                0 => self.rng.between(900, 1100),
                1 => self.rng.between(4000, 4200),
                2 => self.rng.between(1000, 20_000),
                _ => self.rng.between(60_000, 70_000),
            };
            return self.bytes(len as usize);
        }
        match self.rng.below(10) {
            0..=3 => self.int(),
            4 => self.rng.pick(FLOATS).to_vec(),
            5 | 6 => self.rng.pick(TEXTS).to_vec(),
            // About the longest string that Redis stores beside its header.
            7 => {
                let len = self.rng.between(42, 46);
                self.bytes(len as usize)
            }
            _ => {
                let len = self.rng.between(0, 30);
                self.bytes(len as usize)
            }
        }
    }

    /// Bytes: all alike, of a small alphabet, sparse, or any.
    fn bytes(&mut self, len: usize) -> Vec<u8> {
        match self.rng.below(5) {
            0 => vec![*self.rng.pick(&[0, 0xff, b'x', 0x55]); len],
            1 | 2 => (0..len).map(|_| *self.rng.pick(b"abcd")).collect(),
            3 => {
                let mut bytes = vec![0; len];
                for _ in 0..len / 100 + 1 {
                    if len > 0 {
                        let at = self.rng.index(len);
                        bytes[at] = self.rng.next() as u8;
                    }
                }
                bytes
            }
            _ => (0..len).map(|_| self.rng.next() as u8).collect(),
        }
    }

    fn pattern(&mut self) -> Vec<u8> {
        const WHOLE: &[&[u8]] = &[
            b"*",
            b"",
            b"key:?",
            b"[a-c]",
            b"[^a]*",
            b"h\\[e\\]llo\\*\\?",
            b"*\\*",
            b"big:*",
            b"[",
            b"\\",
            b"***",
            b"??",
            b"[c-a]",
            b"[\\a]",
            b"[]",
            b"[^]*",
            b"*[0-9]",
            b"KEY:1",
            b"*\xff*",
        ];
        const PIECES: &[&[u8]] = &[
            b"*", b"?", b"a", b"b", b"k", b"e", b"y", b":", b"1", b"[ab]", b"[^k]", b"[a-z]",
            b"[z-a]", b"\\", b"[", b"]", b"-", b"big", b"\xff", b"[\\]]", b"[a-",
        ];
        if self.rng.percent(50) {
            return self.rng.pick(WHOLE).to_vec();
        }
        let count = 1 + self.rng.index(6);
        (0..count)
            .flat_map(|_| self.rng.pick(PIECES).to_vec())
            .collect()
    }

    /// A distance in time that no stream lives to see the end of, or one that is refused or past.
    fn distance(&mut self, per_second: i64) {
        let word = match self.rng.below(12) {
            0 => self
                .rng
                .pick(&[
                    "0",
                    "-1",
                    "-5000",
                    "-9223372036854775808",
                    "9223372036854775807",
                    "9223372036854775000",
                    "-9223372036854776",
                    "9223372036854775808",
                ])
                .as_bytes()
                .to_vec(),
            1 => self.rng.pick(NOT_INTS).to_vec(),
            drawn => {
                self.deadlines += 1;
                let distinct = (self.deadlines * 7919 % 100_003) * 100;
                let seconds = match drawn {
                    // Close to the last one that fits.
                    2 => 9_223_000_000_000_000 / per_second + distinct as i64,
                    _ => 200_000 + distinct as i64,
                };
                (seconds * per_second).to_string().into_bytes()
            }
        };
        self.push(word);
    }

    /// A point in time long past or far ahead, from a few so that they meet, or one that is refused.
    fn point(&mut self, per_second: i64) {
        let word = match self.rng.below(12) {
            0 => self
                .rng
                .pick(&[
                    "0",
                    "-1",
                    "-9223372036854775808",
                    "9223372036854775807",
                    "9223372036854775",
                    "9223372036854776",
                    "9223372036854774",
                    "-9223372036854776",
                ])
                .as_bytes()
                .to_vec(),
            1 => self.rng.pick(NOT_INTS).to_vec(),
            2 => self.rng.between(1, 1_000_000).to_string().into_bytes(),
            _ => {
                let seconds = 5_000_000_000 + self.rng.between(0, 5) * 1_000_000_000;
                // Seconds are told rounded to the nearest.
                let ms = *self.rng.pick(&[0, 0, 0, 1, 499, 500, 501, 999]);
                let unit = seconds * per_second + ms;
                unit.to_string().into_bytes()
            }
        };
        self.push(word);
    }
}

/// Whether a command (after damage) would make the server fill its memory, with zeros or a reply. The
/// written sequences have such commands; streams would only be slow.
fn fills_memory(command: &Command) -> bool {
    const PLENTY: u64 = 2_000_000;
    let name = command[0].to_ascii_uppercase();
    let number = |word: &Vec<u8>, scale: u64| {
        let text = std::str::from_utf8(word).ok()?;
        Some(text.parse::<u64>().ok()?.saturating_mul(scale))
    };
    let far = |at: usize, limit: u64| {
        let offset = command.get(at).and_then(|word| number(word, 1));
        offset.is_some_and(|offset| (PLENTY..limit).contains(&offset))
    };
    match name.as_slice() {
        b"SETRANGE" => far(2, 536_870_912),
        b"SETBIT" => far(2, 1 << 32),
        // The server answers as many members as it is asked for, some may repeat.
        b"SRANDMEMBER" => command.get(2).is_some_and(|word| {
            let times = word.strip_prefix(b"-");
            let times = times.and_then(|times| number(&times.to_vec(), 1));
            times.is_some_and(|times| times > 1000 && times < 1 << 63)
        }),
        // A place is a number of bits, or `#` and a number of fields of up to 64 bits.
        b"BITFIELD" => command.iter().skip(2).any(|word| {
            let offset = match word.split_first() {
                Some((b'#', rest)) => number(&rest.to_vec(), 64),
                _ => number(word, 1),
            };
            offset.is_some_and(|offset| (PLENTY..(1 << 32) * 64).contains(&offset))
        }),
        _ => false,
    }
}

/// Whether a command (after damage) gives a deadline so near that a key could be gone on one side and
/// not yet on the other.
fn expires_soon(command: &Command) -> bool {
    const SOON_MS: i64 = 150_000_000;
    let soon = |at: usize, per_second: i64| {
        let word = command
            .get(at)
            .and_then(|word| std::str::from_utf8(word).ok());
        let amount: Option<i64> = word.and_then(|word| word.parse().ok());
        amount.is_some_and(|amount| (1..=SOON_MS / 1000 * per_second).contains(&amount))
    };
    match command[0].to_ascii_uppercase().as_slice() {
        b"SETEX" | b"EXPIRE" => soon(2, 1),
        b"PSETEX" | b"PEXPIRE" => soon(2, 1000),
        b"SET" | b"GETEX" => (1..command.len()).any(|at| {
            let option = command[at].to_ascii_uppercase();
            (option == b"EX" && soon(at + 1, 1)) || (option == b"PX" && soon(at + 1, 1000))
        }),
        _ => false,
    }
}

/// Whether a command adds several elements to a HyperLogLog that may be corrupted: Redis then keeps those
/// before the one that it cannot place, and ours none.
fn adds_in_part(command: &Command) -> bool {
    command[0].eq_ignore_ascii_case(b"PFADD")
        && command.len() > 3
        && command[1].starts_with(b"bad:")
}

/// Whether a command copies a HyperLogLog that may be corrupted to a key to which several elements are added.
fn spreads_corruption(command: &Command) -> bool {
    let is = |at: usize, name: &[u8]| command.get(at).is_some_and(|key| key.starts_with(name));
    let from_bad = is(1, b"bad:") || is(1, b"raw:");
    command[0].eq_ignore_ascii_case(b"COPY") && from_bad && !is(2, b"bad:")
}

/// Whether a command answers the members of a set in the order of its table.
fn keeps_table_order(command: &Command) -> bool {
    let is = |word: &Vec<u8>, name: &str| word.eq_ignore_ascii_case(name.as_bytes());
    let nothing = |pair: &[Vec<u8>]| {
        let seen = pair[1].iter().take_while(|&&byte| byte != 0);
        is(&pair[0], "BY") && !seen.into_iter().any(|&byte| byte == b'*')
    };
    (is(&command[0], "SORT") || is(&command[0], "SORT_RO"))
        && command.get(1).is_some_and(|key| key.starts_with(b"set:"))
        && command.windows(2).any(nothing)
        && !command.iter().any(|word| is(word, "STORE"))
}
