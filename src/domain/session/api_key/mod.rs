//! API keys: credentials that API clients use instead of an access token.
//!
//! A key is shown once, when it is created; its prefix, by which it is found, and a keyed hash are stored. It is valid
//! until it expires, is revoked, or its user is deactivated; ending sessions does not end it.

mod audit;
mod authenticate;
mod create;
mod list;
mod revoke;
mod secret;

pub(super) use self::authenticate::find;
pub use self::create::{NewApiKey, SpendingLimits, create, create_for};
pub use self::list::{ApiKeyFilter, all, by_ids, list, models, one};
pub use self::revoke::{revoke, revoke_by_prefix};
pub(super) use self::secret::is_one;
