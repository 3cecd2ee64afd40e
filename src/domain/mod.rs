//! The rules of the product: accounts, sessions, chats, money. No transport and no axum here.

pub mod account;
pub mod audit;
pub mod chat;
pub mod ledger;
pub mod membership;
pub mod retention;
pub mod session;
