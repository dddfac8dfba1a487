//! Sets in databases as others build them: nodes have their real sizes here, which unit tests make small.

use std::collections::BTreeSet;

use nacredb::{Db, ElementScanOptions, Error, prelude::*};

/// Members so short that a page has room for more of them than its index.
fn shortest() -> Vec<Vec<u8>> {
    let one = (0..=255).map(|a| vec![a]);
    let two = (0..=255).flat_map(|a| (0..=255).map(move |b| vec![a, b]));
    one.chain(two).chain([Vec::new()]).collect()
}

#[test]
fn many_of_the_shortest_members_are_kept() -> Result<(), Error> {
    let db = Db::builder().seed(5).open_in_memory();
    let all = shortest();
    for piece in all.chunks(1000) {
        assert_eq!(db.sadd("s", piece)?, piece.len() as u64);
    }
    assert_eq!(db.scard("s")?, all.len() as u64);
    assert!(
        db.smismember("s", &all)?
            .into_iter()
            .all(|is_there| is_there)
    );
    let absent: Vec<Vec<u8>> = (0..=255).map(|a| vec![a, a, a]).collect();
    assert!(!db.smismember("s", &absent)?.contains(&true));
    let mut seen = BTreeSet::new();
    let mut cursor = 0;
    loop {
        let (next, members) = db.sscan("s", cursor, ElementScanOptions::new().count(1000))?;
        seen.extend(members);
        cursor = next;
        if cursor == 0 {
            break;
        }
    }
    assert!(
        seen.into_iter()
            .eq(all.iter().cloned().collect::<BTreeSet<_>>())
    );
    let held = db.snapshot()?;
    for piece in all.chunks(700).skip(1) {
        assert_eq!(db.srem("s", piece)?, piece.len() as u64);
        assert_eq!(db.srem("s", piece)?, 0);
    }
    assert_eq!(db.scard("s")?, 700);
    assert_eq!(held.smembers("s")?.len(), all.len());
    Ok(())
}
