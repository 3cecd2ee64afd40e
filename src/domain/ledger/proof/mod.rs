//! Proofs about the ledger that can be checked without the server: the path from an entry to the head of its chain,
//! checkpoints of all heads, and the seal of both. `docs/operations/audit.md` describes the files.

pub mod checkpoint;
mod path;
mod schedule;
mod seal;

pub use self::path::{EntryPath, Published, entry_path};
pub use self::schedule::{run_scheduler, write_if_due};
pub use self::seal::{Seal, SealKind, sha256};
