//! Target `resp`: any bytes as a client's requests. Whatever pieces they come in, they are the same
//! requests and end in the same error; and the parser holds no more memory than the bytes that came
//! account for.

use nacredb::resp::{Limits, ProtocolError, Request, RequestParser};

use super::input::Input;

/// Requests, and the error behind them.
type Parsed = (Vec<Vec<Vec<u8>>>, Option<ProtocolError>);

/// A read of a socket asks for room for this much.
const ROOM: usize = 512;

fn parser(authenticated: bool) -> RequestParser {
    let mut limits = Limits::default();
    // Near enough for the fuzzer to meet them.
    limits.inline_bytes_max = 64;
    limits.multibulk_max = 100;
    limits.authenticated = authenticated;
    RequestParser::with_limits(limits)
}

fn owned(request: Request<'_>) -> Vec<Vec<u8>> {
    let words: Vec<Vec<u8>> = request.words().map(<[u8]>::to_vec).collect();
    assert_eq!(words.len(), request.word_count());
    assert!(!words.is_empty(), "a request without words");
    let by_place = (0..words.len()).map(|at| request.word(at));
    assert!(by_place.eq(words.iter().map(|word| Some(&word[..]))));
    words
}

/// Adds what the parser has; whether it goes on.
fn drain(parser: &mut RequestParser, parsed: &mut Parsed) -> bool {
    loop {
        match parser.next() {
            Ok(Some(request)) => parsed.0.push(owned(request)),
            Ok(None) => return true,
            Err(error) => {
                assert_eq!(parser.next().err(), Some(error), "a failure that ends");
                parsed.1 = Some(error);
                return false;
            }
        }
    }
}

/// Requests of lengths that fit, so that not all of them are refused, with a wrong byte now and then.
fn well_formed(input: &mut Input<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !input.is_empty() {
        let words = input.below(6);
        bytes.extend(format!("*{words}\r\n").bytes());
        for _ in 0..words {
            let word = input.some_bytes(300);
            bytes.extend(format!("${}\r\n", word.len()).bytes());
            bytes.extend_from_slice(word);
            bytes.extend_from_slice(b"\r\n");
        }
        if input.below(8) == 0 {
            bytes.extend_from_slice(b"set 'a\\'b' \"\\x41\"\r\n");
        }
        if input.below(16) == 0 {
            let at = usize::from(input.short()) % bytes.len();
            bytes[at] = input.byte();
        }
    }
    bytes
}

pub(crate) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let choice = input.byte();
    let authenticated = choice & 1 == 0;
    let mut places = Input::new(data);
    let bytes = match choice & 2 {
        0 => input.rest().to_vec(),
        _ => well_formed(&mut input),
    };

    let mut whole: Parsed = (Vec::new(), None);
    let mut one = parser(authenticated);
    one.feed(&bytes);
    drain(&mut one, &mut whole);

    let mut pieced: Parsed = (Vec::new(), None);
    let mut many = parser(authenticated);
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let len = 1 + usize::from(places.byte()) % rest.len().min(200);
        let (piece, after) = rest.split_at(len);
        rest = after;
        let buffer = many.spare(ROOM);
        buffer.extend_from_slice(piece);
        let (held, came) = (buffer.capacity(), bytes.len() - rest.len());
        assert!(held <= 4 * (came + ROOM), "{held} bytes for {came}");
        assert!(many.buffered_bytes() <= came);
        if !drain(&mut many, &mut pieced) {
            break;
        }
        if places.below(16) == 0 {
            many.shrink();
        }
    }
    assert_eq!(pieced, whole);
}
