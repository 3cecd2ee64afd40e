//! Accounts: registration, profiles, passwords, roles, deletion.
//!
//! Permissions are decided here, once, for every transport and for the command line. Balances belong to `ledger`,
//! sessions to `session`; this module ends all sessions of a user by incrementing `session_epoch` in the user's row.

pub mod admin;
mod attempts;
mod delete;
mod find;
pub mod import;
mod insert;
mod password;
mod registration;
mod remove;
mod rules;
mod sessions;
pub mod username;

pub use self::attempts::{clear_attempts, enter, register_attempt};
pub use self::delete::delete;
pub use self::find::{find_by_name, me};
pub use self::insert::Roles;
pub use self::password::{PasswordChange, change_password, confirm_password};
pub use self::registration::{Registration, check, register, register_checked};
pub use self::rules::{CheckedUser, NAME_TAKEN};
pub use self::sessions::{announce_sessions, end_sessions, sessions_topic};
