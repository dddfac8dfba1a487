use super::*;
use crate::command::run::Keys;
use crate::command::string::StringWrite;
use crate::effect::Effect;
use crate::engine::options::Options;
use crate::error::Error;
use crate::storage::memory::MemoryStorage;

/// Keeps everything it sees.
#[derive(Debug, Default)]
struct Seen(Mutex<Vec<(u64, u64, Vec<u8>)>>);

impl Feed for Seen {
    fn committed(&self, batch: &Committed<'_>) {
        let row = (batch.lsn, batch.end_lsn, batch.bytes.to_vec());
        self.0.lock().push(row);
    }
}

impl Seen {
    fn keys(&self) -> Vec<String> {
        let rows = self.0.lock();
        let effects = rows
            .iter()
            .flat_map(|(_, _, bytes)| codec::decode(bytes))
            .map(Result::unwrap);
        effects
            .filter_map(|effect| effect.keys().0)
            .map(|key| String::from_utf8_lossy(key).into_owned())
            .collect()
    }
}

fn put(engine: &Engine, key: &[u8]) {
    let call = |tx: &mut crate::keyspace::WriteTx<'_>| {
        tx.put_string(key, b"v", false, None);
        Ok(())
    };
    engine.write(0, &Keys::One(key), call).unwrap();
}

fn engines() -> [Arc<Engine>; 2] {
    let options = Options::default();
    let storage = Arc::new(MemoryStorage::new());
    let file = Engine::open(storage, "db", &options).unwrap().0;
    [Engine::in_memory(&options, None), file]
}

#[test]
fn a_feed_sees_what_is_committed_while_it_is_attached_and_nothing_else() {
    for engine in engines() {
        put(&engine, b"before");
        let seen = Arc::new(Seen::default());
        let feed: Arc<dyn Feed> = Arc::clone(&seen) as _;
        let from = engine.attach_feed(Arc::clone(&feed)).unwrap();
        put(&engine, b"one");
        let transaction: Result<(), Error> = engine.transaction(0, |tx| {
            tx.set("two", "v")?;
            tx.set("three", "v")
        });
        transaction.unwrap();
        let undone: Result<(), Error> = engine.transaction(0, |tx| {
            tx.set("undone", "v")?;
            Err(crate::error::CommandError::Syntax.into())
        });
        undone.unwrap_err();
        let nothing = |tx: &mut crate::keyspace::WriteTx<'_>| {
            tx.remove(b"missing");
            Ok(())
        };
        engine.write(0, &Keys::One(b"missing"), nothing).unwrap();
        engine.detach_feed(&feed);
        put(&engine, b"after");
        assert_eq!(seen.keys(), ["one", "two", "three"]);
        let rows = seen.0.lock();
        assert_eq!(rows.len(), 2, "one batch for a transaction");
        assert_eq!((rows[0].0, rows[0].1), (from, rows[1].0), "without gaps");
        assert!(!engine.observers.any());
        drop(rows);
        engine.close().unwrap();
    }
}

#[test]
fn a_transaction_that_began_before_the_feed_is_seen_at_its_commit() {
    let [engine, _] = engines();
    let seen = Arc::new(Seen::default());
    let transaction: Result<(), Error> = engine.transaction(0, |tx| {
        tx.set("k", "v")?;
        engine.attach_feed(Arc::clone(&seen) as _)?;
        assert_eq!(seen.keys(), [""; 0]);
        Ok(())
    });
    transaction.unwrap();
    assert_eq!(seen.keys(), ["k"]);
}

#[test]
fn batches_of_many_threads_come_in_the_order_of_the_log() {
    const THREADS: u8 = 4;
    let writes: u32 = if cfg!(miri) { 20 } else { 2000 };
    for engine in engines() {
        let seen = Arc::new(Seen::default());
        let first = engine.attach_feed(Arc::clone(&seen) as _).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let engine = &engine;
                scope.spawn(move || {
                    for number in 0..writes {
                        put(engine, format!("{thread}:{number}").as_bytes());
                    }
                });
            }
        });
        let rows = seen.0.lock();
        assert_eq!(rows.len(), writes as usize * usize::from(THREADS));
        let mut next = first;
        for (lsn, end_lsn, bytes) in rows.iter() {
            // A file's log also has frames of its own between those of batches.
            assert!(*lsn == next || (*lsn > next && engine.log().is_some()));
            assert!(end_lsn > lsn && codec::decode(bytes).all(|effect| effect.is_ok()));
            next = *end_lsn;
        }
        assert!(engine.observed_lsn() >= next);
    }
}

#[test]
fn removal_of_expired_keys_is_handed_over() {
    let clock = Arc::new(crate::ManualClock::new(1_000));
    let options = Options {
        clock: clock.clone(),
        ..Options::default()
    };
    let engine = Engine::in_memory(&options, None);
    let call = |tx: &mut crate::keyspace::WriteTx<'_>| {
        tx.put_string(b"k", b"v", false, Some(1_500));
        Ok(())
    };
    engine.write(3, &Keys::One(b"k"), call).unwrap();
    let seen = Arc::new(Seen::default());
    engine.attach_feed(Arc::clone(&seen) as _).unwrap();
    clock.set_ms(2_000);
    engine.expire_all();
    let rows = seen.0.lock();
    let effects: Vec<_> = rows
        .iter()
        .flat_map(|(_, _, bytes)| codec::decode(bytes))
        .collect();
    let expected = [
        Ok(Effect::Database { index: 3 }),
        Ok(Effect::KeyRemove { key: b"k" }),
    ];
    assert_eq!(effects, expected);
}
