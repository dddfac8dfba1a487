use super::*;

fn seen(elements: impl Iterator<Item = u64>) -> HyperLogLog {
    let mut seen = HyperLogLog::new();
    for element in elements {
        seen.add(element.to_string().as_bytes()).unwrap();
    }
    seen
}

fn sparse(runs: &[u8]) -> HyperLogLog {
    let mut bytes = b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80".to_vec();
    bytes.extend_from_slice(runs);
    HyperLogLog::from_bytes(bytes).unwrap()
}

/// Every register, one after the other, by the definition of the layout.
fn registers(of: &HyperLogLog) -> Vec<u8> {
    let mut registers = Registers::new();
    registers.join(of).unwrap();
    registers.0
}

#[test]
fn an_empty_one_is_one_run_of_zeros() {
    let empty = HyperLogLog::new();
    assert_eq!(empty.as_bytes(), b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\0\x7f\xff");
    assert_eq!(empty.count().unwrap(), 0);
    assert_eq!(estimate(empty.as_bytes()), Some(0));
}

#[test]
fn a_register_of_the_dense_form_lies_across_bytes() {
    let mut dense = HyperLogLog::new();
    dense.make_dense().unwrap();
    let mut model = vec![0; REGISTERS];
    let step = if cfg!(miri) { 977 } else { 7 };
    for index in (0..REGISTERS).step_by(step).chain([REGISTERS - 1]) {
        let value = 1 + (index % 51) as u8;
        assert!(dense.raise(index, value).unwrap());
        assert!(!dense.raise(index, value).unwrap());
        model[index] = value;
    }
    assert_eq!(registers(&dense), model);
    assert_eq!(dense.as_bytes().len(), DENSE_BYTES);
}

#[test]
fn both_forms_see_the_same() {
    let most = if cfg!(miri) { 40 } else { 3_000 };
    let mut dense = HyperLogLog::new();
    dense.make_dense().unwrap();
    let mut sparse = HyperLogLog::new();
    let mut was_sparse = 0;
    for element in 0..most {
        let element = format!("element {element}");
        let added = dense.add(element.as_bytes()).unwrap();
        assert_eq!(sparse.add(element.as_bytes()).unwrap(), added);
        was_sparse += u32::from(sparse.encoding() == Encoding::Sparse);
        if sparse.bytes.len() <= SPARSE_BYTES_MAX && element.ends_with('0') {
            assert_eq!(registers(&sparse), registers(&dense));
            assert_eq!(sparse.count().unwrap(), dense.count().unwrap());
        }
    }
    assert_eq!(registers(&sparse), registers(&dense));
    if !cfg!(miri) {
        assert!(was_sparse > 1000 && sparse.encoding() == Encoding::Dense);
    }
}

#[test]
fn a_value_past_the_sparse_form_makes_it_dense() {
    let mut one = HyperLogLog::new();
    assert!(one.raise(5, VALUE_MAX).unwrap());
    assert_eq!(one.encoding(), Encoding::Sparse);
    assert!(one.raise(6, VALUE_MAX + 1).unwrap());
    assert_eq!(one.encoding(), Encoding::Dense);
    let all = registers(&one);
    assert_eq!((all[5], all[6]), (VALUE_MAX, VALUE_MAX + 1));
}

#[test]
fn runs_of_one_value_are_joined_up_to_four() {
    let mut one = HyperLogLog::new();
    for index in [3, 1, 2, 0, 4] {
        one.raise(index, 2).unwrap();
    }
    assert_eq!(registers(&one)[..6], [2, 2, 2, 2, 2, 0]);
    let runs: Vec<Run> = runs(&one.bytes[HEADER_BYTES..]).collect();
    assert!(runs.iter().any(|run| run.len == 4 && run.value == 2));
    assert_eq!(runs.iter().map(|run| run.len).sum::<usize>(), REGISTERS);
}

#[test]
fn the_estimate_is_within_a_few_standard_errors() {
    let counts: &[u64] = if cfg!(miri) {
        &[1, 10]
    } else {
        &[1, 2, 10, 100, 1000, 10_000, 100_000]
    };
    for &count in counts {
        let estimate = seen(0..count).count().unwrap() as f64;
        let error = (estimate - count as f64).abs() / count as f64;
        assert!(error < 0.03, "{count} elements: {estimate}");
    }
}

#[test]
fn joining_is_seeing_all() {
    let n = if cfg!(miri) { 20 } else { 5_000 };
    let (low, high) = (seen(0..n), seen(n / 2..n * 2));
    let mut joined = Registers::new();
    joined.join(&low).unwrap();
    joined.join(&high).unwrap();
    let all = seen(0..n * 2);
    assert_eq!(joined.0, registers(&all));
    assert_eq!(joined.count(), all.count().unwrap());
    let mut raised = low;
    raised.raise_all(&joined).unwrap();
    assert_eq!(registers(&raised), joined.0);
}

#[test]
fn what_is_no_hyperloglog_is_refused() {
    let dense = vec![0; DENSE_BYTES - HEADER_BYTES];
    for bytes in [
        b"".to_vec(),
        b"HYLL".to_vec(),
        b"HYLL\x01\0\0\0\0\0\0\0\0\0\0".to_vec(),
        b"hyll\x01\0\0\0\0\0\0\0\0\0\0\0\x7f\xff".to_vec(),
        b"HYLL\x02\0\0\0\0\0\0\0\0\0\0\0\x7f\xff".to_vec(),
        b"HYLL\x00\0\0\0\0\0\0\0\0\0\0\0\x7f\xff".to_vec(),
        [b"HYLL\x00\0\0\0\0\0\0\0\0\0\0\0\0".as_slice(), &dense].concat(),
    ] {
        assert_eq!(HyperLogLog::from_bytes(bytes), Err(not_valid()));
    }
}

#[test]
fn runs_that_do_not_add_up_are_corrupted() {
    for bytes in [
        b"".as_slice(),
        b"\x7f",
        b"\x7f\xfe",
        b"\x7f\xff\x00",
        b"\x7f\xff\x80",
        b"\xff",
        b"\x7f\xfe\x81",
    ] {
        let one = sparse(bytes);
        assert_eq!(one.count(), Err(corrupted()), "{bytes:?}");
        assert_eq!(Registers::new().join(&one), Err(corrupted()), "{bytes:?}");
        let mut one = one;
        assert_eq!(one.make_dense(), Err(corrupted()), "{bytes:?}");
    }
    assert_eq!(sparse(b"\x00").raise(1, 1), Err(corrupted()));
    assert_eq!(sparse(b"\x7f").raise(16_383, 1), Err(corrupted()));
    assert_eq!(sparse(b"\x7f").raise(1, 1), Err(corrupted()));
}

#[test]
fn no_bytes_panic() {
    let mut state = 0x9e37_u64;
    let mut next = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state >> 33
    };
    for _ in 0..if cfg!(miri) { 30 } else { 20_000 } {
        let len = next() % 12;
        let bytes: Vec<u8> = (0..len).map(|_| next() as u8).collect();
        let mut one = sparse(&bytes);
        let _ = one.count();
        for _ in 0..5 {
            let _ = one.raise(next() as usize % REGISTERS, 1 + next() as u8 % 51);
        }
        let _ = Registers::new().join(&one);
    }
}
