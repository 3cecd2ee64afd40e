//! What operators see of the whole installation. Reads what the other modules store, and must not write.

mod totals;
mod users;

pub use self::totals::{MAX_MODELS, ModelUsage, Totals, days, low_balances, models, totals, usage};
pub use self::users::users;
