//! Data retention: rows older than their retention period are deleted, or anonymized if something has to stay.
//!
//! One of the servers runs it periodically (see [`crate::domain::job`]). Rows are removed in small batches, each in a transaction of
//! its own, so that no message waits long for one; an aborted run has lost nothing, and the next one continues with the
//! rest. Each module selects its own rows to remove, and rechecks them in the transaction that removes them. No amount
//! of the ledger is changed, so balances stay the same.

mod run;
mod target;

pub use self::run::{RunOutcome, due, is_configured, run, run_if_due, run_scheduler};
pub use self::target::Target;
