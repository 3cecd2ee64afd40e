//! Sessions: log-in, log-out, refresh, and authentication of a credential as a viewer. The only module that writes
//! sessions.
//!
//! A token is valid while its session is. Sessions end one by one (`revoked_at`) or all at once, when the user's
//! `session_epoch` is incremented; both take effect with the next request.

pub mod api_key;
mod auth_error;
mod authenticate;
mod create;
mod end;
mod list;
mod log_in;
mod refresh;
pub mod retention;

pub use self::auth_error::AuthError;
pub use self::authenticate::{authenticate, wait_until_invalid};
pub use self::create::{TokenPair, create};
pub use self::end::{log_out, log_out_everywhere, revoke_one};
pub use self::list::{find, list, list_of};
pub use self::log_in::log_in;
pub use self::refresh::{refresh_access, rotate};
