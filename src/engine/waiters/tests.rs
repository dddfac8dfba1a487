use std::future::Future;
use std::pin::pin;
use std::task::Waker;

use super::*;
use crate::effect::codec;
use crate::prelude::*;
use crate::{Blocked, Db, Side};

fn wait(db: &Db, key: &str) -> Blocked<(Vec<u8>, Vec<u8>)> {
    let mut future = db.bpop_async(&[key], Side::Left, None).unwrap();
    let mut context = Context::from_waker(Waker::noop());
    assert!(pin!(&mut future).poll(&mut context).is_pending());
    future
}

#[test]
fn a_place_is_queued_once_whatever_a_batch_does_there() {
    let db = Db::open_in_memory();
    let one = db.database(1).unwrap();
    let _waiting = [
        wait(&db, "a"),
        wait(&db, "b"),
        wait(&one, "a"),
        wait(&one, "c"),
    ];
    let mut bytes = Vec::new();
    let mut record = |effect: Effect<'_>| codec::encode(&effect, &mut bytes);
    let moved = |from| Effect::KeyMove {
        from,
        to: b"a",
        database: Some(1),
    };
    for _ in 0..3 {
        record(moved(b"elsewhere"));
        for key in [b"b", b"z", b"a", b"b"] {
            let to = key;
            record(Effect::KeyCopy {
                from: b"elsewhere",
                to,
                database: None,
            });
        }
    }
    record(Effect::DatabasesSwap { one: 0, two: 1 });
    let batch = Committed {
        lsn: 0,
        end_lsn: 1,
        bytes: &bytes,
        causes: &[],
        events: &[],
    };
    let waits = db.engine().observers.waiters.ready(&batch).unwrap();
    let places: Vec<_> = waits
        .ready
        .iter()
        .map(|(database, key)| (*database, key.escape_ascii().to_string()))
        .collect();
    let expected = [(1, "a"), (0, "b"), (0, "a"), (1, "c")];
    assert_eq!(places, expected.map(|(at, key)| (at, key.to_owned())));
    let nothing = Committed {
        bytes: &[],
        ..batch
    };
    assert!(db.engine().observers.waiters.ready(&nothing).is_none());
}

#[test]
fn many_pushes_of_one_transaction_serve_all_in_order_of_arrival() {
    let db = Db::open_in_memory();
    let mut waiting: Vec<_> = (0..40).map(|_| wait(&db, "l")).collect();
    db.transaction(|tx| {
        for n in 0..30 {
            tx.rpush("l", &[n.to_string()])?;
        }
        Ok::<_, Error>(())
    })
    .unwrap();
    let mut context = Context::from_waker(Waker::noop());
    let mut poll = |future: &mut Blocked<_>| pin!(future).poll(&mut context);
    for (n, future) in waiting.iter_mut().enumerate() {
        match poll(future) {
            Poll::Ready(taken) if n < 30 => {
                let (_, element) = taken.unwrap().unwrap();
                assert_eq!(element, n.to_string().as_bytes());
            }
            Poll::Pending if n >= 30 => {}
            Poll::Ready(_) | Poll::Pending => panic!("number {n}"),
        }
    }
}

#[test]
fn one_whose_wait_has_ended_says_so_when_it_is_called() {
    let db = Db::open_in_memory();
    let _future = wait(&db, "l");
    let engine = db.engine();
    let first = engine.first_to_serve(0, b"l").unwrap();
    assert!(first.call());
    engine.end_wait(&first, Ok(None));
    assert!(!first.call(), "the next in line is to be called instead");
    assert!(engine.first_to_serve(0, b"l").is_none());
}

#[test]
fn waiters_leave_the_middle_of_their_lines() {
    let db = Db::open_in_memory();
    let mut waiting: Vec<_> = (0..5)
        .map(|n| (n, [wait(&db, "l"), wait(&db, "l")]))
        .collect();
    drop(waiting.remove(3));
    drop(waiting.remove(1));
    let (_, [_first, second]) = waiting.remove(0);
    drop(second);
    let lines = db.engine().observers.waiters.lines.lock();
    let line = lines.line(0, b"l").unwrap().iter();
    let numbers: Vec<u64> = line.map(|waiter| waiter.number).collect();
    drop(lines);
    assert_eq!(numbers, [1, 5, 6, 9, 10]);
}
