//! The domain: accounts, sessions, chats and the ledger, with their business rules. No transport and no axum here.

pub mod account;
pub mod audit;
pub mod catalog;
pub mod chat;
pub mod group;
pub mod job;
pub mod ledger;
pub mod membership;
pub mod overview;
pub mod pricing;
pub mod reload;
pub mod retention;
pub mod session;
pub mod webhook;
