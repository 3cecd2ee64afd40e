//! Administration of other users' accounts: over GraphQL as staff, or on the command line.
//!
//! Staff see all users, adjust balances of plain users and manage their accounts. Only a superuser changes roles, and
//! manages staff and superusers, their balances included; so only superusers can adjust their own balance. What one
//! staff member grants per day is limited. Over the API, granting roles and setting an operator's password take the
//! superuser's own password again, so that a session left open grants nothing. The last active superuser can't be removed. Every action is in the audit trail.
//!
//! Permissions are checked in the transaction, with the rows of the actor and of the target locked: either may have
//! been promoted or demoted meanwhile.

mod adjust;
mod bulk;
mod confirm;
mod create;
mod delete;
mod filter;
mod list;
mod lock;
mod log_out;
mod password;
mod update;

pub use self::adjust::{Adjustment, BalanceChange, adjust_balance, checked_reason, keep_staff_limit, staff_limit};
pub use self::bulk::{ActivationResult, AdjustMany, AdjustManyResult, MAX_USERS, SetActive, adjust_many, set_active};
pub use self::confirm::confirm;
pub use self::create::create;
pub use self::delete::delete;
pub use self::filter::{UserFilter, UserOrder};
pub use self::list::{by_ids, chats_of, find, poorest, ranked, signed_up, users};
pub use self::lock::lock_actor;
pub use self::log_out::log_out;
pub use self::password::{set_password, superusers_with_common_passwords};
pub use self::update::{UserUpdate, update};
