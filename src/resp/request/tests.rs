use super::*;

type Words = Vec<Vec<u8>>;
type Parsed = (Vec<Words>, Option<ProtocolError>);

/// All requests that the parser has, and the error that ends them.
fn drain(parser: &mut RequestParser, found: &mut Vec<Words>) -> Option<ProtocolError> {
    loop {
        match parser.next() {
            Ok(Some(request)) => found.push(request.words().map(<[u8]>::to_vec).collect()),
            Ok(None) => return None,
            Err(error) => return Some(error),
        }
    }
}

/// What comes of bytes in these pieces.
fn parse_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Parsed {
    let mut parser = RequestParser::new();
    let mut found = Vec::new();
    for piece in pieces {
        parser.feed(piece);
        if let Some(error) = drain(&mut parser, &mut found) {
            return (found, Some(error));
        }
    }
    (found, None)
}

fn parse(bytes: &[u8]) -> Parsed {
    parse_pieces([bytes])
}

fn one(words: &[&str]) -> Parsed {
    let words = words.iter().map(|word| word.as_bytes().to_vec()).collect();
    (vec![words], None)
}

fn refusal(bytes: &[u8]) -> String {
    let (found, error) = parse(bytes);
    assert_eq!(found, Vec::<Words>::new());
    error.map(|error| error.to_string()).unwrap_or_default()
}

/// Requests of every form, one after the other.
const PIPELINE: &[u8] = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n\r\n*0\r\n*-1\r\nPING\n*1\r\n$0\r\n\r\n \
    SET 'a b' \"\\x00\\n\"\r\n*3\r\n$3\r\nSET\r\n$2\r\n\r\n\r\n$12\r\n*1\r\n$4\r\nPING\r\n";

#[test]
fn requests_of_both_forms_follow_each_other() {
    let (found, error) = parse(PIPELINE);
    assert_eq!(error, None);
    let expected: [&[&[u8]]; 5] = [
        &[b"GET", b"k"],
        &[b"PING"],
        &[b""],
        &[b"SET", b"a b", b"\0\n"],
        &[b"SET", b"\r\n", b"*1\r\n$4\r\nPING"],
    ];
    assert_eq!(found, expected);
}

#[test]
fn the_pieces_do_not_matter() {
    let endings: [&[u8]; 4] = [b"", b"*1\r\n:1\r\n", b"'\n", b"*1\r\n$x\r\n"];
    for ending in endings {
        let bytes = [PIPELINE, ending].concat();
        let whole = parse(&bytes);
        assert_eq!(whole.0.len(), 5);
        assert_eq!(parse_pieces(bytes.chunks(1)), whole, "byte by byte");
        for at in 0..bytes.len() {
            let (head, tail) = bytes.split_at(at);
            assert_eq!(parse_pieces([head, tail]), whole, "cut at {at}");
        }
    }
}

#[test]
fn what_is_no_request_is_refused_in_the_words_of_redis() {
    // Asked of a redis-server 7.0.15.
    let refused: [(&[u8], &str); 22] = [
        (b"*2147483648\r\n", "invalid multibulk length"),
        (b"*-0\r\n", "invalid multibulk length"),
        (b"*01\r\n", "invalid multibulk length"),
        (b"*\r\n", "invalid multibulk length"),
        (b"*1x\r\n", "invalid multibulk length"),
        (b"*99999999999999999999\r\n", "invalid multibulk length"),
        (b"*1\r\nx\r\n", "expected '$', got 'x'"),
        (b"*1\r\n\r\n", "expected '$', got '\r'"),
        (b"*1\r\n\xe9\r\n", "expected '$', got '\u{e9}'"),
        (b"*1\r\n$536870913\r\n", "invalid bulk length"),
        (b"*1\r\n$-1\r\n", "invalid bulk length"),
        (b"*1\r\n$+4\r\n", "invalid bulk length"),
        (b"*1\r\n$ 4\r\n", "invalid bulk length"),
        (b"*1\r\n$\r\n", "invalid bulk length"),
        (
            b"*2\r\n$4\r\nECHO\r\n$99999999999999999999\r\n",
            "invalid bulk length",
        ),
        (b"'PING\r\n", "unbalanced quotes in request"),
        (b"\"PING\n", "unbalanced quotes in request"),
        (b"ECHO \"a\"b\n", "unbalanced quotes in request"),
        (b"ECHO 'a'b\n", "unbalanced quotes in request"),
        (b"ECHO \"a\\\"\n", "unbalanced quotes in request"),
        (b"ECHO \"a\\\n", "unbalanced quotes in request"),
        (b"ECHO 'a\\'\n", "unbalanced quotes in request"),
    ];
    for (bytes, text) in refused {
        let shown = bytes.escape_ascii();
        assert_eq!(refusal(bytes), format!("Protocol error: {text}"), "{shown}");
    }
}

#[test]
fn a_line_ends_in_64_kb_or_never() {
    let line = |head: &str, len: usize| [head.as_bytes(), &vec![b'1'; len - 1]].concat();
    let most = 64 << 10;
    for (head, text) in [
        ("a", "too big inline request"),
        ("*", "too big mbulk count string"),
    ] {
        assert_eq!(refusal(&line(head, most)), "");
        let text = format!("Protocol error: {text}");
        assert_eq!(refusal(&line(head, most + 1)), text);
    }
    let bulk = |len| [b"*1\r\n", &line("$", len)[..]].concat();
    assert_eq!(refusal(&bulk(most)), "");
    let text = "Protocol error: too big bulk count string";
    assert_eq!(refusal(&bulk(most + 1)), text);
    // As long as it may be, and ended.
    let ended = [&line("a", most)[..], b"\n"].concat();
    assert_eq!(parse(&ended).0, [[line("a", most)]]);
}

#[test]
fn a_failed_parser_stays_failed() {
    let mut parser = RequestParser::new();
    parser.feed(b"*x\r\n");
    let error = Some(ProtocolError::InvalidMultibulkLength);
    assert_eq!(drain(&mut parser, &mut Vec::new()), error);
    parser.feed(b"PING\r\n");
    assert_eq!(drain(&mut parser, &mut Vec::new()), error);
}

#[test]
fn line_ends_are_skipped_unseen() {
    assert_eq!(parse(b"*1\rz$4\rzPINGxx"), one(&["PING"]));
}

#[test]
fn inline_words_follow_the_rules_of_redis() {
    // Asked of a redis-server 7.0.15, but for the zero byte.
    assert_eq!(parse(b"ECHO \"a\\x41\\n\"\n"), one(&["ECHO", "aA\n"]));
    assert_eq!(
        parse(b"\"\\r\\t\\b\\a\\q\\x4g\\\"\"\n"),
        one(&["\r\t\u{8}\u{7}qx4g\""])
    );
    assert_eq!(parse(b"ECHO 'a\\'b\\n'\r\n"), one(&["ECHO", "a'b\\n"]));
    assert_eq!(parse(b"ECHO a\"b c\"\n"), one(&["ECHO", "ab c"]));
    assert_eq!(parse(b"ECHO a\x0bb\n"), one(&["ECHO", "a\u{b}b"]));
    assert_eq!(parse(b"\x0bECHO\t\x0cab \n"), one(&["ECHO", "ab"]));
    assert_eq!(parse(b"ECHO ''\r\n"), one(&["ECHO", ""]));
    assert_eq!(parse(b"a\rb\n"), one(&["a", "b"]));
    assert_eq!(parse(b"a\0b\n"), one(&["a\0b"]));
    assert_eq!(parse(b"\r\n\n   \r\nPING\r\n"), one(&["PING"]));
}

#[test]
fn an_unknown_client_may_send_little() {
    let parse = |bytes: &[u8]| {
        let mut parser = RequestParser::new();
        parser.set_authenticated(false);
        parser.feed(bytes);
        drain(&mut parser, &mut Vec::new())
    };
    assert_eq!(parse(b"*10\r\n$16384\r\n"), None);
    let words = ProtocolError::UnauthenticatedMultibulkLength;
    assert_eq!(parse(b"*11\r\n"), Some(words));
    let len = ProtocolError::UnauthenticatedBulkLength;
    assert_eq!(parse(b"*10\r\n$16385\r\n"), Some(len));
    assert_eq!(
        words.to_string(),
        "Protocol error: unauthenticated multibulk length"
    );
    assert_eq!(
        len.to_string(),
        "Protocol error: unauthenticated bulk length"
    );
}

#[test]
fn an_announced_length_takes_no_memory() {
    let mut parser = RequestParser::new();
    parser.feed(b"*2147483647\r\n$536870912\r\n");
    assert_eq!(drain(&mut parser, &mut Vec::new()), None);
    let room = 16 << 10;
    for _ in 0..100 {
        let spare = parser.spare(room);
        spare.extend_from_slice(&[7; 1000]);
        let (capacity, came) = (spare.capacity(), spare.len());
        assert!(
            capacity <= 2 * came + 2 * room,
            "{capacity} bytes for {came}"
        );
    }
    assert_eq!(parser.words.capacity(), 0);
}

#[test]
fn a_long_word_gets_the_room_it_needs_and_no_more() {
    let (len, room) = (10 << 20, 16 << 10);
    let mut parser = RequestParser::new();
    parser.feed(format!("*1\r\n${len}\r\n").as_bytes());
    let mut left = len + LINE_END;
    while left > 0 {
        assert!(parser.next().unwrap().is_none());
        let piece = left.min(room - 7);
        let buffer = parser.spare(room);
        let free = buffer.capacity() - buffer.len();
        assert!(free >= left.min(room), "{free} bytes for {left}");
        buffer.extend_from_slice(&vec![b'x'; piece]);
        left -= piece;
    }
    assert!(parser.buffer.capacity() < len + 2 * room);
    assert_eq!(parser.next().unwrap().unwrap().word(0).unwrap().len(), len);
    // And gives it back.
    assert!(parser.spare(room).capacity() <= KEPT_BYTES_MAX);
    assert_eq!(parser.buffered_bytes(), 0);
}

#[test]
fn a_request_of_long_words_moves_seldom() {
    let mut parser = RequestParser::new();
    parser.feed(b"*1000\r\n");
    let word = [&b"$20000\r\n"[..], &[b'x'; 20_000], b"\r\n"].concat();
    let (mut moves, mut capacity) = (0, 0);
    for piece in word.repeat(1000).chunks(16 << 10) {
        let buffer = parser.spare(16 << 10);
        moves += usize::from(buffer.capacity() != capacity);
        capacity = buffer.capacity();
        buffer.extend_from_slice(piece);
        let whole = parser.next().unwrap().map(|request| request.word_count());
        assert!(whole.is_none_or(|words| words == 1000));
    }
    assert!(moves < 30, "{moves} times");
}

#[test]
fn memory_of_many_words_is_given_back() {
    let mut parser = RequestParser::new();
    parser.feed(b"*100000\r\n");
    parser.feed(&b"$0\r\n\r\n".repeat(100_000));
    assert_eq!(parser.next().unwrap().unwrap().word_count(), 100_000);
    assert!(parser.next().unwrap().is_none());
    assert_eq!(parser.words.capacity(), 0);
    parser.feed(b"PI");
    parser.shrink();
    assert!(parser.buffer.capacity() <= 8);
    parser.feed(b"NG\n");
    assert_eq!(parser.next().unwrap().unwrap().word(0), Some(&b"PING"[..]));
}

#[test]
fn no_byte_is_looked_at_twice() {
    let most = 64 << 10;
    for head in [&b""[..], b"*", b"*1\r\n$"] {
        let mut parser = RequestParser::new();
        parser.feed(head);
        for came in 1..=most - 1 {
            parser.feed(b"1");
            assert_eq!(
                parser.next().unwrap().map(|request| request.word_count()),
                None
            );
            assert_eq!(
                parser.scanned,
                parser.buffered_bytes() - parser.at + parser.start
            );
            assert!(parser.scanned >= came);
        }
    }
}

#[test]
fn bytes_move_less_than_they_came() {
    // Reads of a size that no request's length divides leave a rest at the end of each.
    let request = b"*2\r\n$3\r\nGET\r\n$5\r\nhello\r\n";
    let bytes = request.repeat(10_000);
    let mut parser = RequestParser::new();
    let mut found = 0;
    for piece in bytes.chunks(1 << 12) {
        parser.feed(piece);
        assert!(parser.start == 0, "what is done with stays in front");
        while parser.next().unwrap().is_some() {
            found += 1;
        }
        assert!(parser.buffered_bytes() < 2 * request.len());
    }
    assert_eq!(found, 10_000);
    assert!(parser.buffer.capacity() < 1 << 14);
}

#[test]
fn a_long_rest_does_not_move_for_a_short_request() {
    let request = b"*1\r\n$4\r\nPING\r\n";
    let mut parser = RequestParser::new();
    parser.feed(&request.repeat(1000));
    for done in 1..=500 {
        assert!(parser.next().unwrap().is_some());
        let moved = parser.start;
        parser.spare(0);
        let is_half = done == 500;
        assert_eq!(parser.start == 0, is_half, "after {done}, from {moved}");
    }
    assert_eq!(parser.buffered_bytes(), 500 * request.len());
}
