//! NacreDB: Redis's data model as a library, in one file.

mod ds;
pub mod error;
pub mod storage;
#[allow(
    dead_code,
    reason = "an interface in full; the commands that call it decide what is used"
)]
mod value;

pub use error::{CommandError, Error, StorageError};
