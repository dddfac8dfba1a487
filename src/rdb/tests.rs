//! Payloads that a redis-server 7.0.15 made, or that it read when they were put together by hand.

use super::*;

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    let byte = |digits| u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

fn sealed(value: &[u8]) -> Vec<u8> {
    with_footer(value.to_vec())
}

fn text(word: &str) -> Vec<u8> {
    word.as_bytes().to_vec()
}

fn words(line: &str) -> Vec<Vec<u8>> {
    line.split(' ').map(text).collect()
}

fn hash_of(pairs: &[(&str, &str)]) -> Object {
    Object::Hash(pairs.iter().map(|(f, v)| (text(f), text(v))).collect())
}

fn zset_of(pairs: &[(&str, f64)]) -> Object {
    Object::SortedSet(pairs.iter().map(|&(m, s)| (text(m), s)).collect())
}

fn encoded(object: &Object, form: Form) -> Vec<u8> {
    match object {
        Object::String(bytes) => string(bytes),
        Object::List(elements) => list(elements.iter().map(Vec::as_slice)),
        Object::Set(members) => {
            let mut members = members.clone();
            members.sort_by_key(|member| crate::value::number::parse_i64(member));
            set(&members, form)
        }
        Object::Hash(fields) => {
            let fields: Vec<_> = fields.iter().map(|(f, v)| (&f[..], &v[..])).collect();
            hash(&fields, form)
        }
        Object::SortedSet(members) => {
            let mut members: Vec<_> = members.iter().map(|(m, s)| (&m[..], *s)).collect();
            members.sort_by(|(a, s), (b, t)| s.total_cmp(t).then(a.cmp(b)));
            sorted_set(&members, form)
        }
    }
}

/// The content, whatever the order of what has none.
fn sorted(object: Object) -> Object {
    match object {
        Object::Set(mut members) => {
            members.sort();
            Object::Set(members)
        }
        Object::SortedSet(mut members) => {
            members.sort_by(|(a, _), (b, _)| a.cmp(b));
            Object::SortedSet(members)
        }
        Object::String(_) | Object::List(_) | Object::Hash(_) => object,
    }
}

/// A payload of a Redis of 7.0, what it holds, and in which form.
fn captured() -> Vec<(&'static str, Object, Form)> {
    let wide = "0123456789".repeat(7);
    let of = |word: &str| Object::String(text(word));
    vec![
        ("00c00a0a006e9f57450eae63bb", of("10"), Form::Plain),
        ("00c17fff0a001760822854808480", of("-129"), Form::Plain),
        (
            "00c2a08601000a00f12403506f2fa674",
            of("100000"),
            Form::Plain,
        ),
        (
            "000a353030303030303030300a0069a90fd57e0ff425",
            of("5000000000"),
            Form::Plain,
        ),
        ("00000a005d9b5c400f7fa2da", of(""), Form::Plain),
        (
            "000568656c6c6f0a006372df766534200a",
            of("hello"),
            Form::Plain,
        ),
        (
            "00c3094064016161e057000161610a00e8a3b507b06df271",
            of(&"a".repeat(100)),
            Form::Plain,
        ),
        (
            "120102c32040601860000000050081610201018568656c6c6f06f178ec03e04678e03c000148ff0a0070cd8d5c\
             99d6d079",
            Object::List(words(&format!("a 1 hello -5000 {}", "x".repeat(70)))),
            Form::Plain,
        ),
        (
            "020101610a006296e97e44d21a6d",
            Object::Set(words("a")),
            Form::Plain,
        ),
        (
            "0b0e0200000003000000fdff010002000a00d1b78ed9bc07c27f",
            Object::Set(words("-3 1 2")),
            Form::Packed,
        ),
        (
            "0b10040000000200000001000000701101000a002735436efd6656c4",
            Object::Set(words("1 70000")),
            Form::Packed,
        ),
        (
            "0b180800000002000000010000000000000000f2052a010000000a0054f5a26ae707b5fc",
            Object::Set(words("1 5000000000")),
            Form::Packed,
        ),
        (
            "1012120000000400816602817602816e020c01ff0a0001369481d35b8974",
            hash_of(&[("f", "v"), ("n", "12")]),
            Form::Packed,
        ),
        (
            "04010166c31240460a3031323334353637383930e030090138390a00b8dbb781103fc004",
            hash_of(&[("f", &wide)]),
            Form::Plain,
        ),
        (
            "111d1d0000000600816302842d696e660581610283312e35048162020201ff0a0017dce91ab8436c89",
            zset_of(&[("c", f64::NEG_INFINITY), ("a", 1.5), ("b", 2.0)]),
            Form::Packed,
        ),
        (
            "0503016200000000000000400161000000000000f83f0163000000000000f0ff0a0071650286e46a3ac7",
            zset_of(&[("b", 2.0), ("a", 1.5), ("c", f64::NEG_INFINITY)]),
            Form::Plain,
        ),
    ]
}

/// Payloads as older Redises made them.
fn old() -> Vec<(&'static str, Object)> {
    vec![
        (
            "01030161c0fb000a0049ddaabbefebd265",
            Object::List(words("a -5 ")),
        ),
        (
            "0304016103312e350162fe0163ff0164052d32652d330a004e8081334aa3b7cd",
            zset_of(&[
                ("a", 1.5),
                ("b", f64::INFINITY),
                ("c", f64::NEG_INFINITY),
                ("d", -0.002),
            ]),
        ),
        (
            "091002016603026f6e655f5f0267670000ff0a0048f8b9413336d8c0",
            hash_of(&[("f", "one"), ("gg", "")]),
        ),
        (
            "0c21210000001b000000060000016103052d312e323507016203f402f80203696e66ff0a004754fdb7ca77345c",
            zset_of(&[("a", -1.25), ("b", 3.0), ("7", f64::INFINITY)]),
        ),
        (
            "0d161600000012000000040000016603017603f202fe64ff0a00d48343e3f673fcc3",
            hash_of(&[("f", "v"), ("1", "100")]),
        ),
        // The second ziplist is empty.
        (
            "0e0310100000000d000000020000016103f2ff0b0b0000000a0000000000ff0e0e0000000a0000000100000162\
             ff0a00166244cc8542f5a3",
            Object::List(words("a 1 b")),
        ),
        (
            "12020105616c6f6e6502090900000001000501ff0a0084f8f465e7368531",
            Object::List(words("alone 5")),
        ),
        // Lengths that take more bytes than they need.
        (
            "008100000000000000036162630a0033e0dcd84ccde667",
            Object::String(text("abc")),
        ),
        (
            "028000000001036162630a00377ad14f46c542f6",
            Object::Set(words("abc")),
        ),
        // Of Redis 7.2, but for the version.
        (
            "140c0c00000002008161020701ff0a00cd518b1993d94b7f",
            Object::Set(words("a 7")),
        ),
    ]
}

#[test]
fn every_encoding_is_read() {
    let captured = captured().into_iter();
    let all = captured.map(|(hex, object, _)| (hex, object)).chain(old());
    for (hex, object) in all {
        assert_eq!(decode(&bytes(hex)), Ok(object), "{hex}");
    }
}

#[test]
fn the_bytes_are_those_that_redis_writes() {
    for (hex, object, form) in captured() {
        let ours = encoded(&object, form);
        let compressed = ["00c3", "120102c3", "04010166c3", "0b18"];
        if !compressed.iter().any(|start| hex.starts_with(start)) {
            assert_eq!(ours, bytes(hex), "{object:?}");
        }
        assert_eq!(decode(&ours), Ok(object));
    }
}

#[test]
fn scores_are_written_as_c_prints_them() {
    // What Redis 7.0 has in the listpack of a sorted set with these scores.
    for (score, digits) in [
        (-1e-7, "-9.9999999999999995e-08"),
        (-0.0, "0"),
        (4.9e-324, "4.9406564584124654e-324"),
        (0.000_01, "1.0000000000000001e-05"),
        (0.000_1, "0.0001"),
        (0.1, "0.10000000000000001"),
        (1.5, "1.5"),
        (-2_147_483_648.5, "-2147483648.5"),
        (1e17, "100000000000000000"),
        (1e18, "1000000000000000000"),
        (4_611_686_018_427_387_904.0, "4611686018427387904"),
        (9.2e18, "9.2e+18"),
        (1e19, "1e+19"),
        (f64::MAX, "1.7976931348623157e+308"),
        (f64::INFINITY, "inf"),
        (f64::NEG_INFINITY, "-inf"),
    ] {
        let mut pack = listpack::Listpack::new();
        pack.push(b"m");
        pack.push(digits.as_bytes());
        let mut value = vec![kind::ZSET_LISTPACK, 0];
        value.extend(pack.into_bytes());
        value[1] = value.len() as u8 - 2;
        let ours = sorted_set(&[(b"m", score)], Form::Packed);
        // As listpacks of 21 bytes and more, they may be compressed.
        if ours[1] < 64 {
            assert_eq!(ours, sealed(&value), "{score} is not {digits}");
        }
        let Ok(Object::SortedSet(members)) = decode(&ours) else {
            panic!("{score} is not read");
        };
        assert_eq!(members, [(b"m".to_vec(), score)]);
    }
}

#[test]
fn numbers_of_every_width_are_read_from_a_ziplist() {
    let entries: [(&[u8], &str); 12] = [
        (b"\xf1", "0"),
        (b"\xfd", "12"),
        (b"\xfe\x80", "-128"),
        (b"\xc0\xd4\xfe", "-300"),
        (b"\xf0\x90\xee\xfe", "-70000"),
        (b"\xd0\x80\x1d\x2c\x04", "70000000"),
        (
            &[&b"\xe0"[..], &(-5_000_000_000_000_i64).to_le_bytes()].concat(),
            "-5000000000000",
        ),
        (b"\x04text", "text"),
        (&[&b"\x41\x2c"[..], &[b'y'; 300]].concat(), &"y".repeat(300)),
        (b"\x05after", "after"),
        (
            &[&b"\x80\x00\x00\x42\x68"[..], &[b'w'; 17_000]].concat(),
            &"w".repeat(17_000),
        ),
        (b"\x00", ""),
    ];
    let (mut body, mut before, mut tail) = (Vec::new(), 0, 0);
    for (entry, _) in entries {
        tail = 10 + body.len() as u32;
        let start = body.len();
        match u8::try_from(before) {
            Ok(before @ 0..254) => body.push(before),
            _ => {
                body.push(254);
                body.extend((before as u32).to_le_bytes());
            }
        }
        body.extend(entry);
        before = body.len() - start;
    }
    let total = 10 + body.len() as u32 + 1;
    let list = [
        &total.to_le_bytes()[..],
        &tail.to_le_bytes(),
        &12_u16.to_le_bytes(),
        &body,
        &[0xff],
    ];
    let list = list.concat();
    let mut value = vec![kind::LIST_ZIPLIST, length::BITS_32];
    value.extend(total.to_be_bytes());
    value.extend(&list);
    let elements = entries.map(|(_, word)| text(word)).to_vec();
    assert!(decode(&sealed(&value)) == Ok(Object::List(elements)));
    // Every length that the list has twice.
    for place in [6, 10, 14] {
        let mut other = value.clone();
        other[place] ^= 1;
        assert!(decode(&sealed(&other)).is_err(), "byte {place}");
    }
}

#[test]
fn numbers_of_every_width_pass_through_a_listpack() {
    let mut elements = Vec::new();
    for shift in 0..64 {
        for near in -1..=1 {
            let number = (1_i64 << shift).wrapping_add(near);
            elements.push(number.to_string().into_bytes());
            elements.push(number.wrapping_neg().to_string().into_bytes());
        }
    }
    for len in [
        0, 62, 63, 64, 65, 120, 126, 127, 128, 4095, 4096, 16_380, 16_390, 2_100_000,
    ] {
        elements.push(vec![b'x'; len]);
    }
    elements.extend(words(
        "-0 00 +1 1.0 9223372036854775808 -9223372036854775809",
    ));
    let object = Object::List(elements);
    assert!(decode(&encoded(&object, Form::Plain)) == Ok(object));
}

#[test]
fn long_fields_are_read_from_a_zipmap() {
    let long = "y".repeat(300);
    let mut map = b"\xfe\xfe\x2c\x01\x00\x00".to_vec();
    map.extend(long.as_bytes());
    map.extend(b"\x01\x00z\xff");
    let mut value = vec![kind::HASH_ZIPMAP, 0x41, (map.len() & 0xff) as u8];
    value.extend(map);
    assert_eq!(decode(&sealed(&value)), Ok(hash_of(&[(&long, "z")])));
}

#[test]
fn another_version_or_checksum_is_refused() {
    let refused = Err(CommandError::Other(
        "ERR DUMP payload version or checksum are wrong".into(),
    ));
    let good = string(b"v");
    for at in 0..good.len() {
        assert_eq!(decode(&good[..at]), refused, "cut at {at}");
        let mut other = good.clone();
        other[at] ^= 0x10;
        assert_eq!(decode(&other), refused, "byte {at}");
    }
    for (version, is_read) in [(0, true), (6, true), (10, true), (11, false), (266, false)] {
        let mut payload = b"\x00\x01v".to_vec();
        payload.extend(u16::to_le_bytes(version));
        payload.extend(crc64::extend(0, &payload).to_le_bytes());
        assert_eq!(decode(&payload).is_ok(), is_read, "version {version}");
    }
}

#[test]
fn what_no_key_may_hold_is_refused() {
    let refused = Err(CommandError::Other("ERR Bad data format".into()));
    for (what, hex) in [
        ("nothing", ""),
        ("no string", "00"),
        ("a byte too few", "00036162"),
        ("a byte too many", "000361626364"),
        ("an unknown length", "0082000000036162"),
        ("an unknown kind of string", "00c4"),
        ("an empty list", "0100"),
        ("a number for a length", "01c001016100"),
        ("an empty set", "0200"),
        ("a member twice", "020201610161"),
        ("a member twice, as number and text", "0202c0010131"),
        ("an empty sorted set of digits", "0300"),
        ("a score that is NaN", "03010161fd"),
        ("a score that is called so", "03010161036e616e"),
        ("a score of no digits", "0301016100"),
        ("a score that is no number", "03010161026162"),
        ("a member twice, in digits", "030201610131016101ff"),
        ("an empty hash", "0400"),
        ("a field without value", "04010166"),
        ("a field twice", "0402016601760166017a"),
        ("an empty sorted set", "0500"),
        ("a binary score that is NaN", "05010161000000000000f87f"),
        (
            "a member with two scores",
            "050201610000000000000000016100000000000000f0",
        ),
        ("a module", "06"),
        ("another module", "07"),
        ("no kind", "08"),
        ("an empty zipmap", "090200ff"),
        ("a zipmap of another count", "090802016601007600ff"),
        ("a zipmap without end", "090601016601007600"),
        ("a zipmap that ends twice", "0908010166010076ffff"),
        ("a zipmap's field twice", "090d0201660100760166010076ff"),
        ("a value that ends", "09050101 66ff00ff"),
        ("an empty ziplist", "0a0b0b0000000a0000000000ff"),
        (
            "a ziplist of another length",
            "0a0e0f0000000a0000000100000161ff",
        ),
        (
            "a ziplist of another tail",
            "0a0e0e0000000b0000000100000161ff",
        ),
        (
            "a ziplist of another count",
            "0a0e0e0000000a0000000200000161ff",
        ),
        (
            "a ziplist that goes on",
            "0a0f0f0000000a0000000100000161ffff",
        ),
        (
            "an entry after another length",
            "0a0e0e0000000a0000000100010161ff",
        ),
        ("an entry past the end", "0a0e0e0000000a0000000100000561ff"),
        ("an unknown entry", "0a0d0d0000000a00000001000081ff"),
        ("an intset of nothing", "0b080200000000000000"),
        ("an intset of another width", "0b09010000000100000005"),
        ("an intset of another count", "0b0a0200000002000000fdff"),
        ("half an integer", "0b0b0200000001000000fdff00"),
        ("an intset out of order", "0b0c02000000020000000200fdff"),
        ("an integer twice", "0b0c02000000020000000200 0200"),
        ("an odd hash", "0d0e0e0000000a0000000100000161ff"),
        ("a list of no ziplists", "0e00"),
        ("a list of empty ziplists", "0e010b0b0000000a0000000000ff"),
        ("a stream", "0f"),
        ("an odd listpack", "1009090000000100 0501ff"),
        ("an empty listpack", "1007070000000000ff"),
        (
            "a listpack's field twice",
            "100f0f000000040005010501 05010501ff",
        ),
        (
            "a score in a listpack that is NaN",
            "110d0d00000002000501836e616e04ff",
        ),
        ("a list of no listpacks", "1200"),
        ("an unknown node", "120103090900000001000501ff"),
        ("an empty node that stands alone", "12010100"),
        ("an empty listpack in a list", "12010207070000000000ff"),
        (
            "a listpack of another length",
            "1201020908 00000001000501ff",
        ),
        ("a listpack of another count", "120102090900000002000501ff"),
        ("an element of another length", "120102090900000001000502ff"),
        ("an element past the end", "120102090900000001008501ff"),
        ("a listpack without end", "1201020808000000010005 01"),
        ("an unknown element", "12010209090000000100f501ff"),
        ("a listpack without a head", "12010203030000"),
        ("another stream", "13"),
        ("a member of a listpack twice", "140b0b000000020005010501ff"),
        ("a stream of 7.2", "15"),
        ("compressed to nothing", "00c30000"),
        ("compressed beyond belief", "00c302bfff0061"),
        ("compressed otherwise", "00c302030061"),
    ] {
        let value = bytes(&hex.replace(' ', ""));
        assert_eq!(decode(&sealed(&value)), refused, "{what}");
    }
}

#[test]
fn announced_sizes_allocate_nothing() {
    let huge = "81ffffffffffffffff";
    for start in [
        "00", "01", "02", "03", "04", "05", "09", "0e", "12", "00c301", "1201",
    ] {
        assert!(decode(&sealed(&bytes(&format!("{start}{huge}00")))).is_err());
        assert!(decode(&sealed(&bytes(&format!("{start}{huge}")))).is_err());
    }
}

/// Sealed values that were damaged, byte by byte: each is refused, or is a value that is written and read
/// again as the same.
#[test]
fn damaged_values_are_refused_or_whole() {
    let captured = captured().into_iter();
    let all = captured
        .map(|(hex, _, _)| hex)
        .chain(old().into_iter().map(|(hex, _)| hex));
    let mut accepted = 0;
    for hex in all.collect::<Vec<_>>() {
        let payload = bytes(hex);
        let value = &payload[..payload.len() - FOOTER_BYTES];
        for at in 0..value.len() {
            assert!(decode(&sealed(&value[..at])).is_err(), "{hex} cut at {at}");
            for flip in 1..=255 {
                let mut other = value.to_vec();
                other[at] ^= flip;
                let Ok(object) = decode(&sealed(&other)) else {
                    continue;
                };
                accepted += 1;
                for form in [Form::Packed, Form::Plain] {
                    let again = decode(&encoded(&object, form));
                    assert_eq!(again.map(sorted), Ok(sorted(object.clone())), "{hex}, {at}");
                }
            }
        }
    }
    assert!(accepted > 1000, "{accepted}");
}

/// Elements that unpack to much more than their payload: some may, too many may not.
#[test]
fn small_payloads_do_not_unpack_to_any_number_of_elements() {
    let mut node = listpack::Listpack::new();
    (0..1 << 18).for_each(|_| node.push(b"a"));
    let node = node.into_bytes();
    let packed = lzf::Packer::default().pack(&node, node.len()).unwrap();
    let length = |len: usize| [&[length::BITS_32][..], &(len as u32).to_be_bytes()].concat();
    let with_nodes = |count: usize| {
        let mut value = vec![kind::LIST_QUICKLIST_2];
        value.extend(length(count));
        for _ in 0..count {
            value.extend([node::PACKED as u8, length::LZF]);
            value.extend(length(packed.len()));
            value.extend(length(node.len()));
            value.extend(&packed);
        }
        sealed(&value)
    };
    assert!(decode(&with_nodes(2)).is_ok());
    assert!(decode(&with_nodes(3)).is_err());
    // What is written here is read here, however well it packs.
    let same = vec![b"a"; 1 << 21];
    let written = list(same.iter().map(|element| &element[..]));
    assert_eq!(
        decode(&written),
        Ok(Object::List(vec![b"a".to_vec(); 1 << 21]))
    );
}
