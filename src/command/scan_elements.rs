//! What `HSCAN` and its kin for other collections have in common: cursors, options, replies.

use super::args::Args;
use super::scan;
use crate::error::CommandError;

/// How a scan of one collection looks for its elements.
#[derive(Debug, Clone, Copy)]
pub struct ElementScanOptions<'a> {
    pattern: Option<&'a [u8]>,
    count: u64,
}

impl Default for ElementScanOptions<'_> {
    fn default() -> Self {
        Self {
            pattern: None,
            count: 10,
        }
    }
}

impl<'a> ElementScanOptions<'a> {
    /// Every element, about ten a call.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Only elements that match this pattern: of a hash, fields. Redis: `MATCH`.
    #[must_use]
    pub fn matching<P: AsRef<[u8]> + ?Sized>(mut self, pattern: &'a P) -> Self {
        self.pattern = Some(pattern.as_ref());
        self
    }

    /// Looks at about this many elements a call, at least at one. Redis: `COUNT`.
    #[must_use]
    pub fn count(mut self, count: u64) -> Self {
        self.count = count.max(1);
        self
    }

    pub(super) fn wanted_count(&self) -> u64 {
        self.count
    }

    pub(super) fn wants(&self, element: &[u8]) -> bool {
        scan::matches(self.pattern, element)
    }

    /// Takes a `COUNT` or `MATCH` with its value; says whether there is one at `index`.
    pub(super) fn take(&mut self, args: Args<'a>, index: usize) -> Result<bool, CommandError> {
        if index + 1 == args.count() {
            return Ok(false);
        }
        if args.is(index, "COUNT") {
            self.count = u64::try_from(args.int(index + 1)?).unwrap_or(0);
            if self.count == 0 {
                return Err(CommandError::Syntax);
            }
        } else if args.is(index, "MATCH") {
            self.pattern = Some(args.word(index + 1)?);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// The options after key and cursor, and whether `NOVALUES` is among them, which only hashes may
    /// have.
    pub(super) fn parse(args: Args<'a>, is_hash: bool) -> Result<(Self, bool), CommandError> {
        let mut options = Self::default();
        let mut no_values = false;
        let mut index = 3;
        while index < args.count() {
            if options.take(args, index)? {
                index += 2;
            } else if args.is(index, "NOVALUES") {
                if !is_hash {
                    let text = "ERR NOVALUES option can only be used in HSCAN";
                    return Err(CommandError::Other(text.into()));
                }
                no_values = true;
                index += 1;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok((options, no_values))
    }
}

/// The cursor of a command, which Redis reads before it looks at the key.
pub(super) fn cursor(args: Args<'_>) -> Result<u64, CommandError> {
    scan::cursor(args, 2)
}
