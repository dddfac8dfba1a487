//! What a run has begun and promised at each moment of its disk, and what an end must leave of that.
//!
//! Kept by `session` in transactions of the log and by `live` in commits of a database; asked by whoever opens
//! what is left.

/// What had begun and what had been promised at one moment of the disk, in numbers of transactions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Operations of the disk so far.
    pub(crate) ops: usize,
    /// Transactions begun, or handed to the log.
    pub(crate) begun: usize,
    /// Transactions promised to survive the death of the process.
    pub(crate) written: usize,
    /// Transactions promised to survive a power cut.
    pub(crate) durable: usize,
}

/// How the process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    PowerCut,
    Killed,
}

/// How many transactions must and how many may be found if the run ended at moment `at`: (least, most).
pub(crate) fn bounds(moments: &[Moment], at: usize, end: End) -> (usize, usize) {
    let promised = moments.iter().rev().find(|moment| moment.ops <= at);
    let least = promised.map_or(0, |moment| match end {
        End::PowerCut => moment.durable,
        End::Killed => moment.written,
    });
    let begun = moments.iter().rev().find(|moment| moment.ops < at);
    let most = begun.map_or(0, |moment| moment.begun);
    (least, most)
}
