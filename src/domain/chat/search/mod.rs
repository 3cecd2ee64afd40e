//! Full-text search in closed chats, the same on both databases.
//!
//! The tokenizer is here, see `words`. The databases get words separated by spaces; the migration has their indexes.

mod find;
mod index;
mod words;

pub use self::find::ChatOrder;
pub(super) use self::find::{Found, MAX_FOUND, SearchScope, find};
pub use self::index::{index_rest, run_indexer};
