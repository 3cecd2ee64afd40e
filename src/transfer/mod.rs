//! Data transfer: import from the Django application, copy, export, import, backup and restore. Used only by operators
//! on the command line; the server does not call it.
//!
//! Data of other systems goes through the domain, which validates it. Data of another Jeton is transferred as rows,
//! without the domain, and checked as a whole at the end.

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

/// The progress of a long transfer.
#[derive(Clone, Copy, Debug)]
pub struct ProgressUpdate<'a> {
    /// The current step, such as the table `chat`.
    pub what: &'a str,
    /// Rows that are finished.
    pub done: u64,
    /// Rows in total.
    pub total: u64,
}

/// A callback that receives progress updates periodically.
pub type Progress = dyn Fn(ProgressUpdate<'_>) + Send + Sync;
