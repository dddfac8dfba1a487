//! NacreDB: Redis's data model as a library, in one file.

mod command;
mod db;
mod ds;
mod effect;
mod engine;
pub mod error;
pub mod inspect;
mod keyspace;
pub mod storage;
mod sys;
mod value;

pub use command::bitmap::{BitRange, BitmapRead, BitmapWrite};
pub use command::bitmap_field::{BitFieldRead, BitFieldWrite, Field, FieldOps, Overflow};
pub use command::bitmap_op::{BitOp, BitOpWrite};
pub use command::expire::{ExpireOptions, ExpireRead, ExpireWrite, Ttl};
pub use command::introspect::{CommandInfo, commands};
pub use command::key::{KeyRead, KeyWrite};
pub use command::object::ObjectRead;
pub use command::reply::Reply;
pub use command::run::{RunRead, RunWrite};
pub use command::scan::{ScanOptions, ScanRead};
pub use command::server::{ServerRead, ServerWrite};
pub use command::string::{StringRead, StringWrite};
pub use command::string_counter::CounterWrite;
pub use command::string_lcs::{LcsMatch, LcsMatches, LcsRead};
pub use command::string_many::{StringManyRead, StringManyWrite};
pub use command::string_options::{GetExOptions, SetOptions};
pub use command::string_range::{StringRangeRead, StringRangeWrite};
pub use db::{Builder, Db};
pub use effect::Effect;
pub use engine::compactor::{CompactionHandle, CompactionPause, CompactionRequest, Progress};
pub use engine::options::{Ack, CompactionPolicy};
pub use engine::record::Record;
pub use engine::snapshot::Snapshot;
pub use engine::stats::{FileStats, Stats};
pub use engine::transaction::Transaction;
pub use error::{CommandError, Error, StorageError};
pub use keyspace::KeyType;
pub use sys::clock::{Clock, ManualClock, SystemClock};

/// The traits that give databases, snapshots and transactions their methods.
pub mod prelude {
    pub use crate::command::bitmap::{BitmapRead, BitmapWrite};
    pub use crate::command::bitmap_field::{BitFieldRead, BitFieldWrite};
    pub use crate::command::bitmap_op::BitOpWrite;
    pub use crate::command::expire::{ExpireRead, ExpireWrite};
    pub use crate::command::key::{KeyRead, KeyWrite};
    pub use crate::command::object::ObjectRead;
    pub use crate::command::scan::ScanRead;
    pub use crate::command::server::{ServerRead, ServerWrite};
    pub use crate::command::string::{StringRead, StringWrite};
    pub use crate::command::string_counter::CounterWrite;
    pub use crate::command::string_lcs::LcsRead;
    pub use crate::command::string_many::{StringManyRead, StringManyWrite};
    pub use crate::command::string_range::{StringRangeRead, StringRangeWrite};
}
