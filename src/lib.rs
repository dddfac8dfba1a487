//! NacreDB: Redis's data model as a library, in one file.

mod ds;
pub mod error;
pub mod storage;

pub use error::{CommandError, Error, StorageError};
