//! Compares numbers, globs and LCS with a real `redis-server`, where one is on PATH.

use std::collections::BTreeSet;
use std::hash::BuildHasher;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use super::glob::glob_match;
use super::lcs::{lcs, lcs_length};
use super::number::{FloatError, incr_by_float, parse_double, parse_i64};

/// A server of its own in a directory of its own; it ends with the value.
struct Server {
    child: Child,
    stream: BufReader<UnixStream>,
    _dir: tempfile::TempDir,
}

#[derive(Debug, PartialEq, Clone)]
enum Reply {
    Text(Vec<u8>),
    Error(String),
    Integer(i64),
    Nil,
    Array(Vec<Reply>),
}

impl Server {
    /// Starts one, or says plainly that the test is skipped.
    fn start() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("socket");
        let child = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--unixsocket"])
            .arg(&socket)
            .arg("--dir")
            .arg(dir.path())
            .stdout(Stdio::null())
            .spawn();
        let Ok(mut child) = child else {
            eprintln!("SKIPPED: no redis-server on PATH, nothing was compared");
            return None;
        };
        for _ in 0..500 {
            if let Ok(stream) = UnixStream::connect(&socket) {
                return Some(Self {
                    child,
                    stream: BufReader::new(stream),
                    _dir: dir,
                });
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let _ = child.kill();
        let _ = child.wait();
        panic!("redis-server does not answer on its socket");
    }

    /// Sends all commands at once and answers their replies.
    fn run(&mut self, commands: &[Vec<&[u8]>]) -> Vec<Reply> {
        let mut request = Vec::new();
        for command in commands {
            request.extend_from_slice(format!("*{}\r\n", command.len()).as_bytes());
            for argument in command {
                request.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
                request.extend_from_slice(argument);
                request.extend_from_slice(b"\r\n");
            }
        }
        self.stream.get_mut().write_all(&request).unwrap();
        commands.iter().map(|_| self.reply()).collect()
    }

    fn one(&mut self, command: &[&[u8]]) -> Reply {
        self.run(&[command.to_vec()]).remove(0)
    }

    fn reply(&mut self) -> Reply {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        let line = line.trim_end();
        let (kind, rest) = line.split_at(1);
        match kind {
            "+" => Reply::Text(rest.into()),
            "-" => Reply::Error(rest.into()),
            ":" => Reply::Integer(rest.parse().unwrap()),
            "$" if rest == "-1" => Reply::Nil,
            "$" => {
                let mut text = vec![0; rest.parse::<usize>().unwrap() + 2];
                self.stream.read_exact(&mut text).unwrap();
                text.truncate(text.len() - 2);
                Reply::Text(text)
            }
            "*" => Reply::Array((0..rest.parse().unwrap()).map(|_| self.reply()).collect()),
            other => panic!("unexpected reply {other:?}"),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// splitmix64.
struct Rng(u64);

impl Rng {
    fn new() -> Self {
        let seed = match std::env::var("NACRE_SEED") {
            Ok(text) => text.parse().expect("NACRE_SEED is a number"),
            Err(_) => std::collections::hash_map::RandomState::new().hash_one(1),
        };
        eprintln!("NACRE_SEED={seed}");
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    fn text(&mut self, letters: &[u8], max_len: u64) -> Vec<u8> {
        (0..self.below(max_len + 1))
            .map(|_| self.pick(letters))
            .collect()
    }

    fn digits(&mut self, max_len: u64) -> String {
        String::from_utf8(self.text(b"0123456789", max_len)).unwrap()
    }

    /// A number as people and programs write them, or nearly one.
    fn number(&mut self) -> Vec<u8> {
        let sign = self.pick(&["", "", "", "-", "+"]);
        let text = match self.below(17) {
            0 => (self.next() as i64).to_string(),
            1 => format!("{sign}{}", self.below(1000)),
            2 => format!("{sign}{}.{}", self.digits(5), self.digits(5)),
            3 => format!("{sign}{}.{}", self.digits(25), self.digits(40)),
            4 => format!(
                "{sign}{}.{}e{}",
                self.digits(3),
                self.digits(3),
                self.below(40) as i64 - 20
            ),
            5 => format!(
                "{sign}{}e{}",
                self.digits(4),
                self.below(10_100) as i64 - 5_050
            ),
            6 => format!(
                "{sign}{}.{}E+{}",
                self.digits(30),
                self.digits(300),
                self.below(4_000)
            ),
            7 => format!(
                "{sign}0x{:x}.{:x}p{}",
                self.next() >> self.below(64),
                self.next() >> self.below(64),
                self.below(200) as i64 - 100
            ),
            8 => format!(
                "{sign}0X{:X}p{}",
                self.next(),
                self.below(33_600) as i64 - 16_800
            ),
            9 => format!("{sign}0x{:x}", self.next() >> self.below(64)),
            // Near the ties of the 17th decimal.
            10 => format!(
                "{sign}{}.{}5{}",
                self.below(3),
                self.digits(17),
                "0".repeat(self.below(3) as usize)
            ),
            11 => format!("{sign}0.0000000000000000{}", self.digits(6)),
            12 => format!("{:e}", f64::from_bits(self.next())),
            13 => format!(
                "{sign}{}",
                self.pick(&[
                    "inf", "INF", "Infinity", "nan", "NaN(1)", "infi", "", ".", "0x", "0"
                ])
            ),
            15 => format!("{sign}0x{:x}p-18", self.next() >> self.below(64)),
            14 => format!("{sign}{}e-{}", self.digits(20), 4_930 + self.below(40)),
            _ => String::from_utf8(self.text(b"0123456789.eExp+- inf\0", 8)).unwrap(),
        };
        let mut text = text.into_bytes();
        if self.below(40) == 0 {
            let at = self.below(text.len() as u64 + 1) as usize;
            text.insert(at, self.pick(b" \0.e-+0x\n"));
        }
        text
    }
}

#[test]
fn increments_by_float_are_byte_exact() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let mut rng = Rng::new();
    let mut accepted = 0;
    for _ in 0..400 {
        let pairs: Vec<_> = (0..100).map(|_| (rng.number(), rng.number())).collect();
        let commands: Vec<Vec<&[u8]>> = pairs
            .iter()
            .flat_map(|(a, b)| {
                [
                    vec![b"SET".as_slice(), b"k", a],
                    vec![b"INCRBYFLOAT", b"k", b],
                ]
            })
            .collect();
        let replies = server.run(&commands);
        for ((a, b), reply) in pairs.iter().zip(replies.iter().skip(1).step_by(2)) {
            let ours = match incr_by_float(a, b) {
                Ok(text) => Reply::Text(text),
                Err(FloatError::NotAFloat) => Reply::Error("ERR value is not a valid float".into()),
                Err(FloatError::NanOrInfinity) => {
                    Reply::Error("ERR increment would produce NaN or Infinity".into())
                }
            };
            accepted += u32::from(matches!(ours, Reply::Text(_)));
            assert_eq!(
                ours,
                *reply,
                "{:?} + {:?}",
                String::from_utf8_lossy(a),
                String::from_utf8_lossy(b)
            );
        }
    }
    eprintln!("40000 pairs, {accepted} of them numbers");
    assert!(
        accepted > 15_000,
        "most of the cases should be numbers: {accepted}"
    );
}

#[test]
fn doubles_and_integers_are_read_alike() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let mut rng = Rng::new();
    for _ in 0..200 {
        let texts: Vec<_> = (0..100).map(|_| rng.number()).collect();
        let commands: Vec<Vec<&[u8]>> = texts
            .iter()
            .flat_map(|text| {
                [
                    vec![b"DEL".as_slice(), b"z"],
                    vec![b"ZADD", b"z", text, b"m"],
                    vec![b"ZSCORE", b"z", b"m"],
                    vec![b"SET", b"k", text],
                    vec![b"INCRBY", b"k", b"0"],
                ]
            })
            .collect();
        let replies = server.run(&commands);
        for (text, replies) in texts.iter().zip(replies.chunks(5)) {
            let shown = String::from_utf8_lossy(text);
            let theirs = if let Reply::Text(score) = &replies[2] {
                Some(std::str::from_utf8(score).unwrap().parse::<f64>().unwrap())
            } else {
                assert_eq!(replies[2], Reply::Nil);
                None
            };
            // A small sorted set stores the score -0 as 0.
            let ours = parse_double(text).map(|number| if number == 0.0 { 0.0 } else { number });
            assert_eq!(
                ours.map(f64::to_bits),
                theirs.map(f64::to_bits),
                "{shown:?}"
            );
            let theirs = if let Reply::Integer(number) = &replies[4] {
                Some(*number)
            } else {
                assert!(matches!(replies[4], Reply::Error(_)), "{:?}", replies[4]);
                None
            };
            assert_eq!(parse_i64(text), theirs, "{shown:?}");
        }
    }
}

#[test]
fn globs_match_alike() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let mut rng = Rng::new();
    const LETTERS: &[u8] = b"aabbc-]^[\\*?\x80\xFF";
    let mut keys: BTreeSet<Vec<u8>> = (0..150).map(|_| rng.text(LETTERS, 6)).collect();
    keys.insert(Vec::new());
    for key in &keys {
        server.one(&[b"SET", key, b""]);
    }
    let mut matched = 0;
    for _ in 0..200 {
        let patterns: Vec<_> = (0..100)
            .map(|_| rng.text(b"aabc-]^[[\\***?\x80\xFF", 9))
            .collect();
        let commands: Vec<Vec<&[u8]>> = patterns
            .iter()
            .map(|pattern| vec![b"KEYS".as_slice(), pattern])
            .collect();
        for (pattern, reply) in patterns.iter().zip(server.run(&commands)) {
            let theirs = texts(reply);
            // KEYS answers all keys to a lone star without matching.
            let ours: BTreeSet<_> = keys
                .iter()
                .filter(|key| pattern == b"*" || glob_match(pattern, key, false))
                .cloned()
                .collect();
            matched += ours.len();
            assert_eq!(ours, theirs, "{:?}", pattern.escape_ascii().to_string());
        }
    }
    eprintln!("20000 patterns on {} keys, {matched} matches", keys.len());
    assert!(matched > 20_000);

    let names = texts(server.one(&[b"COMMAND", b"LIST"]));
    let mut matched = 0;
    for _ in 0..2000 {
        let pattern = rng.text(b"AaEeGStTk***?[[]-^\\", 8);
        let command: [&[u8]; 5] = [b"COMMAND", b"LIST", b"FILTERBY", b"PATTERN", &pattern];
        let theirs = texts(server.one(&command));
        let ours: BTreeSet<_> = names
            .iter()
            .filter(|name| glob_match(&pattern, name, true))
            .cloned()
            .collect();
        matched += ours.len();
        assert_eq!(ours, theirs, "{:?}", pattern.escape_ascii().to_string());
    }
    assert!(matched > 1000);
}

fn texts(reply: Reply) -> BTreeSet<Vec<u8>> {
    let Reply::Array(items) = reply else {
        panic!("an array was expected: {reply:?}")
    };
    let text = |item| {
        let Reply::Text(text) = item else {
            panic!("a text was expected: {item:?}")
        };
        text
    };
    items.into_iter().map(text).collect()
}

#[test]
fn common_subsequences_are_alike() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let mut rng = Rng::new();
    for _ in 0..2000 {
        let letters: &[u8] = rng.pick(&[b"a".as_slice(), b"ab", b"abc", b"abcdefgh"]);
        let (a, b) = (rng.text(letters, 60), rng.text(letters, 60));
        let min = rng.below(5).to_string();
        let limit = 512 << 20;
        let replies = server.run(&[
            vec![b"MSET", b"a", &a, b"b", &b],
            vec![b"LCS", b"a", b"b"],
            vec![b"LCS", b"a", b"b", b"LEN"],
            vec![
                b"LCS",
                b"a",
                b"b",
                b"IDX",
                b"WITHMATCHLEN",
                b"MINMATCHLEN",
                min.as_bytes(),
            ],
        ]);
        let found = lcs(&a, &b, limit).unwrap();
        let integer = |n: usize| Reply::Integer(n as i64);
        let range = |run: &std::ops::Range<usize>| {
            Reply::Array(vec![integer(run.start), integer(run.end - 1)])
        };
        assert_eq!(Reply::Text(found.string.clone()), replies[1]);
        assert_eq!(
            integer(lcs_length(&a, &b, limit).unwrap() as usize),
            replies[2]
        );
        let matches = found
            .matches
            .iter()
            .filter(|run| run.a.len() >= min.parse().unwrap())
            .map(|run| Reply::Array(vec![range(&run.a), range(&run.b), integer(run.a.len())]))
            .collect();
        let idx = vec![
            Reply::Text(b"matches".into()),
            Reply::Array(matches),
            Reply::Text(b"len".into()),
            integer(found.string.len()),
        ];
        assert_eq!(Reply::Array(idx), replies[3]);
    }
}
