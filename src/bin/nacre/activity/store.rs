//! The database's part of an import: an activity, and beside it the notes of how far each file was read.
//!
//! Called by `activity`. It defines an activity that is not there yet with the first mark, so that an import
//! without any settles nothing; and refuses to read times or users in another way than the one that is there.

use std::path::PathBuf;

use nacredb::prelude::*;
use nacredb::{Activity, ActivityOptions, Db, Error, Granularity, Zone};

use super::arguments::{ActivityTask, ImportTask};
use super::import::{Mark, User};
use super::import_file::Store;
use super::resume;
use crate::{Failure, progress, say_repairs};

/// The activities of a file share the numbers of their named users, so that they can be joined.
const DICTIONARY: &str = "users";

/// An activity that takes marks.
#[derive(Debug)]
pub(crate) struct MarkStore {
    path: PathBuf,
    db: Db,
    name: String,
    /// How it is defined, or will be.
    options: ActivityOptions,
    /// `None` until there is something to mark in an activity that is not there yet.
    activity: Option<Activity>,
    notes_key: String,
}

impl MarkStore {
    /// Opens or makes the file, and opens the activity if it is there.
    pub(crate) fn open(task: &ActivityTask, import: &ImportTask) -> Result<Self, Failure> {
        let at = Failure::at(&task.path);
        let db = progress::open(Db::builder(), &task.path).map_err(&at)?;
        say_repairs(&task.path, &db);
        let activity = activity(&db, &task.name).map_err(&at)?;
        let options = match &activity {
            Some(activity) => {
                check(&task.name, activity.options(), import)?;
                activity.options().clone()
            }
            None => options(import),
        };
        Ok(Self {
            path: task.path.clone(),
            db,
            name: task.name.clone(),
            options,
            activity,
            notes_key: resume::key(&task.name),
        })
    }

    /// Ends it, when all that was marked is safe.
    pub(crate) fn close(self) -> Result<(), Failure> {
        self.db.close().map_err(Failure::at(&self.path))
    }
}

/// The activity of this name, if it is defined or something is marked in it.
pub(crate) fn activity(db: &Db, name: &str) -> Result<Option<Activity>, Error> {
    let activity = db.activity(name)?;
    let is_there = db.exists(definition_key(name))? || activity.span()?.is_some();
    Ok(is_there.then_some(activity))
}

/// Where the library keeps how an activity is counted.
pub(crate) fn definition_key(name: &str) -> String {
    format!("{name}:activity")
}

fn options(import: &ImportTask) -> ActivityOptions {
    let granularity = import.granularity.unwrap_or(Granularity::Day);
    let options = ActivityOptions::new(granularity).zone(import.zone.clone().unwrap_or(Zone::UTC));
    if import.named {
        options.named_users(DICTIONARY)
    } else {
        options
    }
}

/// Whether the activity that is there is what the command line says.
fn check(name: &str, options: &ActivityOptions, import: &ImportTask) -> Result<(), Failure> {
    let refuse = |what: String| {
        let text = format!("`{name}` is there already, {what}");
        Err(Failure::Refused(text))
    };
    let (own, zone) = (options.granularity(), options.time_zone());
    match &import.granularity {
        Some(other) if *other != own => return refuse(format!("by {own}, not by {other}")),
        Some(_) | None => {}
    }
    match &import.zone {
        Some(other) if other != zone => return refuse(format!("in {zone}, not in {other}")),
        Some(_) | None => {}
    }
    if import.named && options.dictionary().is_none() {
        return refuse("with users who have numbers, not names".to_owned());
    }
    Ok(())
}

impl Store for MarkStore {
    fn granularity(&self) -> Granularity {
        self.options.granularity()
    }

    fn zone(&self) -> &Zone {
        self.options.time_zone()
    }

    fn is_named(&self) -> bool {
        self.options.dictionary().is_some()
    }

    fn note(&mut self, file: &str) -> Result<Option<String>, Failure> {
        let note = self.db.hget(&self.notes_key, file);
        let note = note.map_err(Failure::at(&self.path))?;
        Ok(note.and_then(|bytes| String::from_utf8(bytes).ok()))
    }

    /// The note is written behind the marks. Whatever is lost of the file is an end of its log, so no note
    /// outlives marks that it stands for; marks without their note are only read again.
    fn mark(&mut self, marks: Vec<Mark>, note: Option<(&str, &str)>) -> Result<u64, Failure> {
        let at = Failure::at(&self.path);
        let activity = match &self.activity {
            Some(activity) => activity,
            None if marks.is_empty() => return Ok(0),
            None => {
                let defined = self.db.define_activity(&self.name, &self.options);
                self.activity.insert(defined.map_err(&at)?)
            }
        };
        let marks = marks.iter().map(|mark| {
            let user = match &mark.user {
                User::Number(number) => nacredb::User::from(*number),
                User::Name(name) => nacredb::User::from(name.as_slice()),
            };
            (user, mark.time)
        });
        let new = activity.mark_many(marks).map_err(&at)?;
        if let Some((file, text)) = note {
            self.db.hset(&self.notes_key, file, text).map_err(&at)?;
        }
        Ok(new)
    }
}
