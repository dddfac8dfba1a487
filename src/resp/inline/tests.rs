use super::*;

fn texts(line: &str) -> Option<Vec<String>> {
    let words = split_words(line.as_bytes())?;
    Some(
        words
            .into_iter()
            .map(|word| String::from_utf8(word).unwrap())
            .collect(),
    )
}

#[test]
fn blanks_part_words_and_quotes_keep_them() {
    assert_eq!(texts("  set  a\tb ").unwrap(), ["set", "a", "b"]);
    assert_eq!(texts(r#"set "a b" 'c d'"#).unwrap(), ["set", "a b", "c d"]);
    assert_eq!(texts(r#"x "" ''"#).unwrap(), ["x", "", ""]);
    assert_eq!(texts("").unwrap(), Vec::<String>::new());
    assert_eq!(texts(r#"a"b""#).unwrap(), ["ab"]);
}

#[test]
fn escapes_work_in_their_quotes_only() {
    assert_eq!(
        split_words(br#""\x00\xfF\n\q""#).unwrap(),
        [vec![0, 255, b'\n', b'q']]
    );
    assert_eq!(split_words(br#""\xg1""#).unwrap(), [b"xg1".to_vec()]);
    assert_eq!(split_words(br"'\n\''").unwrap(), [b"\\n'".to_vec()]);
    assert_eq!(split_words(br"\x41").unwrap(), [b"\\x41".to_vec()]);
}

#[test]
fn unbalanced_quotes_are_refused() {
    for line in [r#""a"#, "'a", r#""a"b"#, "'a'b", r#""a\"#] {
        assert_eq!(texts(line), None, "{line}");
    }
}
