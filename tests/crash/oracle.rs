//! What a recovered database must be: a prefix of what was sent, with everything that was promised.

use crate::promise::{End, Moment, bounds};
use crate::session::{NAME, Session, Shape, Tx};
use nacredb::storage::backend::Storage;
use nacredb::storage::sim::SimDisk;

/// A run that ended: what was sent, and what was promised when.
#[derive(Debug, Clone, Default)]
pub(crate) struct Run {
    pub(crate) sent: Vec<Tx>,
    pub(crate) trail: Vec<Moment>,
    /// What the run was sure to find when it started, and what it did find.
    pub(crate) before: (usize, usize),
}

impl Run {
    /// What must and what may be found if the run ended at moment `at`: (least, most).
    pub(crate) fn bounds(&self, at: usize, end: End) -> (usize, usize) {
        let (least, most) = bounds(&self.trail, at, end);
        (least.max(self.before.0), most.max(self.before.1))
    }
}

/// Opens the image of a run that ended at moment `at`, as run `generation`, and compares.
pub(crate) fn recover(
    image: &SimDisk,
    run: &Run,
    (at, end): (usize, End),
    shape: Shape,
    (generation, seed): (u32, u64),
) -> Result<Session, String> {
    let (session, report) = Session::open(image, shape, generation, seed)
        .map_err(|error| format!("does not open: {error}"))?;
    let found = &session.content;
    let (least, most) = run.bounds(at, end);
    if found.len() > most || found[..] != run.sent[..found.len()] {
        return Err(format!(
            "not a prefix of what was sent ({most}): {found:?} {report:?}"
        ));
    }
    if found.len() < least {
        return Err(format!(
            "{} transactions found and {least} promised: {report:?}",
            found.len()
        ));
    }
    let names = image.list("").unwrap_or_default();
    if names != [NAME] {
        return Err(format!("left behind: {names:?}"));
    }
    Ok(session)
}
