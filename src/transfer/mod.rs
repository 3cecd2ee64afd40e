//! Moving data in and out: the Django application's database, whole databases, files. Run by operators on the command line.
//!
//! What comes from another system goes through the domain, which decides what may be. What moves from one Jeton to another
//! moves as rows, which are checked as a whole at the end.

mod backup;
mod cell;
mod complete;
mod copy;
pub mod django;
mod draft;
mod filling;
mod line;
mod lines;
mod schema;
mod sequence;
mod snapshot;
mod table;

pub use self::backup::{backup, restore};
pub use self::cell::TableChecksum;
pub use self::copy::{TransferReport, copy, tables};
pub use self::filling::check_complete;
pub use self::lines::{export, export_to, import};

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
