//! Wallets: the balances of users and groups.

mod migration;
