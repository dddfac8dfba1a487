//! `SAVE`, `BGSAVE`, `BGREWRITEAOF`, `LASTSAVE`, `SHUTDOWN`: what Redis does with its files, for the one file that is
//! here; and `WAIT`, `WAITAOF`, which ask how safe a write is.

use std::time::Duration;

use super::{Call, Run, refuse};
use crate::CompactionRequest;
use crate::command::reply::Reply;
use crate::error::{CommandError, Error, StorageError};
use crate::server::hub::Stop;
use crate::sys::thread::spawn;
use crate::value::number::parse_i64;

pub(super) static COMMANDS: &[(&str, Run)] = &[
    ("SAVE", |call| call.save()),
    ("BGSAVE", |call| {
        match call.args.rest(1) {
            [] => {}
            [word] if word.eq_ignore_ascii_case(b"SCHEDULE") => {}
            _ => return Err(CommandError::Syntax.into()),
        }
        call.start_save(SAVING, "Background saving started")
    }),
    ("BGREWRITEAOF", |call| {
        call.start_save(
            "ERR Background append only file rewriting already in progress",
            "Background append only file rewriting started",
        )
    }),
    ("LASTSAVE", |call| Ok(call.state.hub.last_save_s().into())),
    ("SHUTDOWN", |call| call.shut_down()),
    ("WAIT", |call| call.wait()),
    ("WAITAOF", |call| call.wait_for_disk()),
];

const SAVING: &str = "ERR Background save already in progress";
const NO_FILE: &str = "ERR there is no file: the database is in memory";

/// What a client is told of a compaction that failed.
fn not_saved(error: Error) -> Error {
    match error {
        Error::Storage(error) => refuse(format!("ERR the file was not compacted: {error}")),
        error @ Error::Command(_) => error,
    }
}

impl Call<'_> {
    fn has_file(&self) -> bool {
        self.state.hub.db.engine().store().is_some()
    }

    fn check_has_file(&self) -> Result<(), Error> {
        if self.has_file() {
            Ok(())
        } else {
            Err(refuse(NO_FILE))
        }
    }

    fn save(&self) -> Result<Reply, Error> {
        self.check_has_file()?;
        let hub = &self.state.hub;
        let save = hub.saves.begin().ok_or_else(|| refuse(SAVING))?;
        let db = hub.db.clone();
        self.state.answer_with(move || {
            let compacted = db.compact();
            drop(save);
            compacted.map(|_| Reply::ok()).map_err(not_saved)
        })
    }

    /// Begins a compaction that nobody waits for.
    fn start_save(&self, busy: &'static str, started: &'static str) -> Result<Reply, Error> {
        self.check_has_file()?;
        let hub = &self.state.hub;
        let save = hub.saves.begin().ok_or_else(|| refuse(busy))?;
        let compaction = hub.db.start_compaction(CompactionRequest::new());
        let compaction = compaction.map_err(not_saved)?;
        // INFO and LASTSAVE tell how it went, from the database's own figures.
        let until_done = move || {
            drop(compaction.wait());
            drop(save);
        };
        spawn("nacre-save", until_done, |_panic| {})
            .map_err(|error| StorageError::io("start a thread", error))?;
        Ok(Reply::Status(started.into()))
    }

    fn shut_down(&self) -> Result<Reply, Error> {
        let (mut saves, mut leaves, mut is_forced, mut aborts) = (false, false, false, false);
        let mut hurries = false;
        for word in self.args.rest(1) {
            let option = match word.to_ascii_uppercase().as_slice() {
                b"SAVE" => &mut saves,
                b"NOSAVE" => &mut leaves,
                b"NOW" => &mut hurries,
                b"FORCE" => &mut is_forced,
                b"ABORT" => &mut aborts,
                _ => return Err(CommandError::Syntax.into()),
            };
            *option = true;
        }
        let others = saves || leaves || hurries || is_forced;
        if (aborts && others) || (saves && leaves) {
            return Err(CommandError::Syntax.into());
        }
        if aborts {
            return Err(refuse("ERR No shutdown in progress."));
        }
        if saves && !is_forced {
            self.check_has_file()?;
        }
        let how = match saves && self.has_file() {
            true => Stop::Save,
            false => Stop::Sync,
        };
        self.state.leaves_unanswered();
        self.state.hub.stop(how);
        Ok(Reply::ok())
    }

    /// The timeout of a wait; `None` is for ever.
    fn timeout(&self, index: usize) -> Result<Option<Duration>, Error> {
        let timeout = parse_i64(self.args.word(index)?)
            .ok_or_else(|| refuse("ERR timeout is not an integer or out of range"))?;
        let millis =
            u64::try_from(timeout).map_err(|_negative| refuse("ERR timeout is negative"))?;
        Ok((millis > 0).then(|| Duration::from_millis(millis)))
    }

    fn wait(&self) -> Result<Reply, Error> {
        let replicas = self.args.int(1)?;
        let timeout = self.timeout(2)?;
        let none = Reply::Int(0);
        if replicas <= 0 {
            return Ok(none);
        }
        Ok(self.state.answer_after(timeout, none))
    }

    fn wait_for_disk(&self) -> Result<Reply, Error> {
        let local = self.args.int(1)?;
        if !(0..=1).contains(&local) {
            return Err(refuse(
                "ERR value is out of range, value must between 0 and 1",
            ));
        }
        let replicas = parse_i64(self.args.word(2)?)
            .filter(|&replicas| replicas >= 0)
            .ok_or_else(|| refuse("ERR value is out of range, must be positive"))?;
        let timeout = self.timeout(3)?;
        if local == 1 && !self.has_file() {
            return Err(refuse(
                "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
            ));
        }
        let answer = |is_synced: bool| Reply::Array(vec![is_synced.into(), Reply::Int(0)]);
        if replicas > 0 {
            // Nobody acknowledges anything: what is on disk at the end is all there is to say.
            if local == 1 {
                self.state.hub.db.sync()?;
            }
            return Ok(self.state.answer_after(timeout, answer(self.is_durable())));
        }
        if local == 0 {
            return Ok(answer(self.is_durable()));
        }
        let db = self.state.hub.db.clone();
        self.state.answer_with(move || {
            db.sync()?;
            Ok(answer(true))
        })
    }

    /// Whether everything that was written is on disk.
    fn is_durable(&self) -> bool {
        let stats = self.state.hub.db.stats().ok();
        stats
            .and_then(|stats| stats.file)
            .is_some_and(|file| file.durable_lsn >= file.end_lsn)
    }
}
