//! NacreDB: Redis's data model as a Rust library, in one file.
//!
//! Strings, bitmaps, lists, hashes, sets and sorted sets in process; snapshots and writable branches in
//! O(1); an append log behind a sealed snapshot in a single file; a background compactor. Every command
//! exists twice: as a typed method (`use nacredb::prelude::*`) and in words through [`Db::execute`].
//!
//! ```
//! # fn main() -> Result<(), nacredb::Error> {
//! use nacredb::{Db, prelude::*};
//!
//! let db = Db::open_in_memory();
//! db.set("greeting", "hello")?;
//! let before = db.snapshot()?;
//! db.set("greeting", "good evening")?;
//! assert_eq!(before.get("greeting")?, Some(b"hello".to_vec()));
//! # Ok(()) }
//! ```
//!
//! [`Db`] opens and holds a database, [`Builder`] says how. [`Snapshot`] reads one moment,
//! [`Transaction`] changes many keys at once. [`inspect`] looks at a file without opening it.
//! [`resp`] is Redis's protocol, for servers.
//! [`testing`] is for unit tests of code that uses a database.
//! docs/durability.md says what each [`Ack`] class promises, docs/file-format.md what the bytes are.

mod activity;
mod command;
mod db;
mod ds;
mod effect;
mod engine;
pub mod error;
pub mod inspect;
mod keyspace;
mod rdb;
pub mod resp;
#[cfg(feature = "server")]
pub mod server;
pub mod storage;
mod sys;
pub mod testing;
mod value;

pub use activity::calendar::{Granularity, Period, Time, Zone};
pub use activity::definition::ActivityOptions;
pub use command::bitmap::{BitRange, BitmapRead, BitmapWrite};
pub use command::bitmap_field::{BitFieldRead, BitFieldWrite, Field, FieldOps, Overflow};
pub use command::bitmap_op::{BitOp, BitOpWrite};
pub use command::bitmap_op_count::{BitOpCount, BitOpCountRead};
pub use command::dump::{DumpRead, DumpWrite, RestoreOptions};
pub use command::expire::{ExpireOptions, ExpireRead, ExpireWrite, Ttl};
pub use command::geo::{GeoAddOptions, GeoRead, GeoUnit, GeoWrite};
pub use command::geo_search::{GeoFound, GeoSearch, GeoSearchRead, GeoSearchWrite};
pub use command::hash::{HashRead, HashWrite};
pub use command::hash_all::{FieldValue, HashAllRead};
pub use command::hash_counter::HashCounterWrite;
pub use command::hash_ex::{HashExWrite, HashSetOptions};
pub use command::hash_expire::{
    FieldExpire, FieldExpireIf, FieldTtl, HashExpireRead, HashExpireWrite,
};
pub use command::hyperloglog::{HyperLogLogRead, HyperLogLogWrite};
pub use command::introspect::{CommandInfo, commands};
pub use command::key::{KeyRead, KeyWrite};
pub use command::list::{ListRead, LposOptions};
pub use command::list_move::KeyAndElements;
pub use command::list_write::ListWrite;
pub use command::memory::MemoryRead;
pub use command::object::ObjectRead;
pub use command::reply::Reply;
pub use command::run::{RunRead, RunWrite};
pub use command::scan::{ScanOptions, ScanRead};
pub use command::scan_elements::ElementScanOptions;
pub use command::server::{ServerRead, ServerWrite};
pub use command::set::{SetRead, SetWrite};
pub use command::set_join::{SetJoinRead, SetJoinWrite};
pub use command::set_random::{SetRandomRead, SetRandomWrite};
pub use command::set_scan::SetScanRead;
pub use command::sort::{SortOptions, SortRead, SortWrite};
pub use command::string::{StringRead, StringWrite};
pub use command::string_counter::CounterWrite;
pub use command::string_lcs::{LcsMatch, LcsMatches, LcsRead};
pub use command::string_many::{StringManyRead, StringManyWrite};
pub use command::string_options::{GetExOptions, SetOptions};
pub use command::string_range::{StringRangeRead, StringRangeWrite};
pub use command::zset::{ScoredMember, ZSetRead};
pub use command::zset_algebra::{Aggregate, ZAlgebraRead, ZAlgebraWrite, ZInputs};
pub use command::zset_random::ZRandomRead;
pub use command::zset_range::{ZRange, ZRangeRead, ZRangeWrite};
pub use command::zset_remove::{ZPopped, ZRemoveWrite};
pub use command::zset_write::{ZAddOptions, ZAdded, ZSetWrite};
pub use db::{Activity, ActivityReader, Members, User, UserId, Users, Window};
pub use db::{AsPeriod, IntoTime, IntoWindow};
pub use db::{Blocked, Builder, Db, Outcome, Session};
pub use db::{Bucket, Changes, Cohort, Rolling, Streak, TopStreak};
pub use effect::{Effect, Items};
pub use engine::change::{Change, ChangeKind};
pub use engine::compactor::{CompactionHandle, CompactionPause, CompactionRequest, Progress};
pub use engine::diff::{
    Diff, Difference, DifferenceKind, FieldContent, KeyContent, PartDifference,
};
pub use engine::feed::{FeedLimits, Subscription};
pub use engine::options::{Ack, CompactionPolicy, EvictionPolicy};
pub use engine::record::Record;
pub use engine::settings::Settings;
pub use engine::snapshot::Snapshot;
pub use engine::stats::{DatabaseStats, FileStats, Stats};
pub use engine::transaction::Transaction;
pub use error::{CommandError, Error, StorageError};
pub use keyspace::{Event, EventClass, KeyType, Side};
pub use sys::clock::{Clock, ManualClock, SystemClock};
pub use value::EncodingLimits;
pub use value::zset::{LexBound, ScoreBound};

/// The traits that give databases, snapshots and transactions their methods.
pub mod prelude {
    pub use crate::command::bitmap::{BitmapRead, BitmapWrite};
    pub use crate::command::bitmap_field::{BitFieldRead, BitFieldWrite};
    pub use crate::command::bitmap_op::BitOpWrite;
    pub use crate::command::bitmap_op_count::BitOpCountRead;
    pub use crate::command::dump::{DumpRead, DumpWrite};
    pub use crate::command::expire::{ExpireRead, ExpireWrite};
    pub use crate::command::geo::{GeoRead, GeoWrite};
    pub use crate::command::geo_search::{GeoSearchRead, GeoSearchWrite};
    pub use crate::command::hash::{HashRead, HashWrite};
    pub use crate::command::hash_all::HashAllRead;
    pub use crate::command::hash_counter::HashCounterWrite;
    pub use crate::command::hash_ex::HashExWrite;
    pub use crate::command::hash_expire::{HashExpireRead, HashExpireWrite};
    pub use crate::command::hyperloglog::{HyperLogLogRead, HyperLogLogWrite};
    pub use crate::command::key::{KeyRead, KeyWrite};
    pub use crate::command::list::ListRead;
    pub use crate::command::list_write::ListWrite;
    pub use crate::command::memory::MemoryRead;
    pub use crate::command::object::ObjectRead;
    pub use crate::command::scan::ScanRead;
    pub use crate::command::server::{ServerRead, ServerWrite};
    pub use crate::command::set::{SetRead, SetWrite};
    pub use crate::command::set_join::{SetJoinRead, SetJoinWrite};
    pub use crate::command::set_random::{SetRandomRead, SetRandomWrite};
    pub use crate::command::set_scan::SetScanRead;
    pub use crate::command::sort::{SortRead, SortWrite};
    pub use crate::command::string::{StringRead, StringWrite};
    pub use crate::command::string_counter::CounterWrite;
    pub use crate::command::string_lcs::LcsRead;
    pub use crate::command::string_many::{StringManyRead, StringManyWrite};
    pub use crate::command::string_range::{StringRangeRead, StringRangeWrite};
    pub use crate::command::zset::ZSetRead;
    pub use crate::command::zset_algebra::{ZAlgebraRead, ZAlgebraWrite};
    pub use crate::command::zset_random::ZRandomRead;
    pub use crate::command::zset_range::{ZRangeRead, ZRangeWrite};
    pub use crate::command::zset_remove::ZRemoveWrite;
    pub use crate::command::zset_write::ZSetWrite;
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;

#[cfg(doctest)]
#[doc = include_str!("../docs/activity.md")]
struct ActivityDoctests;

#[cfg(all(doctest, feature = "server"))]
#[doc = include_str!("../docs/server.md")]
struct ServerDoctests;

#[cfg(doctest)]
#[doc = include_str!("../docs/testing-kit.md")]
struct TestingKitDoctests;
