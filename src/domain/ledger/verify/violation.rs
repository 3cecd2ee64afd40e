//! The violations that verification finds, as operators read them.

use std::fmt;

/// A violation of an invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntegrityViolation {
    /// A user's balance differs from the ledger, or the held tokens from the open chats, or one is negative.
    Balance {
        /// The user.
        user_id: i64,
        /// The spendable tokens of the user's row.
        tokens: i64,
        /// The held tokens of the user's row.
        held: i64,
        /// The sum of the user's ledger entries.
        entries: i64,
        /// The sum of the holds of the user's open chats.
        open: i64,
    },
    /// A user is deleted, but the sum of the ledger entries is not zero.
    Leftover {
        /// The deleted user.
        user_id: i64,
        /// The sum of the ledger entries.
        entries: i64,
    },
    /// An API key's row differs from the ledger, or from its open chats.
    Key {
        /// The key.
        key_id: i64,
        /// The spent tokens of the key's row.
        spent: i64,
        /// The tokens paid under it according to the ledger.
        paid: i64,
        /// The held tokens of the key's row.
        held: i64,
        /// The sum of the holds of its open chats.
        open: i64,
    },
    /// A finished chat whose cost differs from its ledger entry, or an open chat that has an entry already.
    Chat {
        /// The chat.
        chat_id: i64,
        /// The cost in the chat's row.
        cost: i64,
        /// The amount paid according to the ledger; `None` without an entry.
        paid: Option<i64>,
    },
    /// A column has values that are no integers, which SQLite stores in any column. No sums are compared while there
    /// are any.
    Type {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The number of rows with such a value.
        rows: i64,
    },
}

impl fmt::Display for IntegrityViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IntegrityViolation::Balance { user_id, tokens, held, entries, open } => write!(
                f,
                "user {user_id}: tokens {tokens} + held {held}, but the ledger says {entries} and open chats \
                 hold {open}"
            ),
            IntegrityViolation::Leftover { user_id, entries } => {
                write!(f, "user {user_id} is deleted, but the ledger still says {entries}")
            }
            IntegrityViolation::Key { key_id, spent, paid, held, open } => write!(
                f,
                "API key {key_id}: spent {spent}, held {held}, but the ledger says {paid} and open chats hold {open}"
            ),
            IntegrityViolation::Chat { chat_id, cost, paid: Some(paid) } => {
                write!(f, "chat {chat_id}: cost {cost}, but the ledger says {paid}")
            }
            IntegrityViolation::Chat { chat_id, cost, paid: None } => {
                write!(f, "chat {chat_id}: ended at a cost of {cost}, but the ledger has no entry")
            }
            IntegrityViolation::Type { table, column, rows } => {
                write!(f, "{table}.{column}: {rows} rows hold no whole number; balances can't be compared")
            }
        }
    }
}
