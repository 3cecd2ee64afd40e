//! Moving data in and out: the Django application's database, whole databases, files. Run by operators on the command line.
//!
//! What comes from another system goes through the domain, which decides what may be. What moves from one Jeton to another
//! moves as rows, which are checked as a whole at the end.

mod backup;
mod bulk_load;
mod complete;
mod copy;
pub mod django;
mod draft;
mod id_sequence;
mod jsonl;
mod line;
mod schema;
mod snapshot;
mod table;
mod value;

pub use self::backup::{backup, restore};
pub use self::bulk_load::check_complete;
pub use self::copy::{TransferReport, copy, tables};
pub use self::jsonl::{export, export_to, import};
pub use self::value::TableChecksum;

/// How far a long piece of work is.
#[derive(Clone, Copy, Debug)]
pub struct ProgressUpdate<'a> {
    /// What is being worked on, such as `chat`.
    pub what: &'a str,
    /// Rows that are done.
    pub done: u64,
    /// Rows in all.
    pub total: u64,
}

/// Is told how far the work is, now and then.
pub type Progress = dyn Fn(ProgressUpdate<'_>) + Send + Sync;
