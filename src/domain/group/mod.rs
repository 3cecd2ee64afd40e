//! Groups of users: a group has members and a wallet, from which its members may pay.
//!
//! Operators manage groups. Every user belongs to the default group, without a row for it. Nothing of a group is copied to
//! its members: whether a user may spend from a group's wallet is read in the transaction of the hold.

mod balance;
mod list;
mod manage;
mod members;
mod payer;

pub use self::balance::{GroupAdjustment, adjust};
pub use self::list::{
    all, by_ids, find, find_by_name, groups, history, is_managed_by, members, members_counted, mine, sees_balance,
};
pub use self::manage::{GroupInput, GroupUpdate, create, delete, ensure_default, update};
pub use self::members::{MAX_ADDED, add_members, remove_member, set_role};
pub use self::payer::set_payer;
