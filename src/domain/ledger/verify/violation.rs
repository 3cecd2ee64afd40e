//! The violations that verification finds, as operators read them.

use std::fmt;

/// A wallet, as operators know it: by its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WalletName {
    /// The wallet of this user, who may be deleted.
    User(i64),
    /// The wallet of this group, which may be deleted.
    Group(i64),
    /// A wallet without a row, by its id.
    Missing(i64),
}

impl WalletName {
    /// Returns the name of a wallet with this id and these owners, of which at most one is known.
    pub(super) fn new(id: i64, user_id: Option<i64>, group_id: Option<i64>) -> Self {
        user_id.map(Self::User).or(group_id.map(Self::Group)).unwrap_or(Self::Missing(id))
    }
}

impl fmt::Display for WalletName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "user {id}"),
            Self::Group(id) => write!(f, "group {id}"),
            Self::Missing(id) => write!(f, "wallet {id}"),
        }
    }
}

/// A violation of an invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntegrityViolation {
    /// A wallet's balance differs from the ledger, or the held tokens from the open chats, or one is negative.
    Balance {
        /// The wallet.
        wallet: WalletName,
        /// The spendable tokens of the wallet's row.
        tokens: i64,
        /// The held tokens of the wallet's row.
        held: i64,
        /// The sum of the wallet's ledger entries.
        entries: i64,
        /// The sum of the holds of the open chats that it pays for.
        open: i64,
    },
    /// A user or group is deleted, but the wallet is not empty; or a wallet's row is missing, or a user's.
    Leftover {
        /// The wallet.
        wallet: WalletName,
        /// The sum of the ledger entries.
        entries: i64,
    },
    /// A user without a wallet.
    NoWallet {
        /// The user.
        user_id: i64,
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
    /// A chat whose cost is not that of its usage at its price, limited by its hold.
    Cost {
        /// The chat.
        chat_id: i64,
        /// The cost in the chat's row.
        cost: i64,
        /// The cost by its usage and its price; `None` if the version of the price is missing.
        expected: Option<i64>,
    },
    /// The hash chain of a wallet's ledger entries is damaged. Only the first damage of a chain is reported.
    Chain {
        /// The wallet, whose owner may be deleted.
        wallet: WalletName,
        /// The first damaged entry, or the last one before a missing end; `None` without any entry.
        entry_id: Option<i64>,
        /// The damage.
        damage: ChainDamage,
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

/// A damage of a hash chain. `seq` is the number of the entry in its chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainDamage {
    /// The entry, or a hash, was changed; or the entry was exchanged for another one.
    Changed {
        #[expect(missing_docs, reason = "as above")]
        seq: i64,
    },
    /// Note or idempotency key do not have the digest that the chain contains.
    NoteChanged {
        #[expect(missing_docs, reason = "as above")]
        seq: i64,
    },
    /// Note and idempotency key are erased, though the account is not deleted.
    Erased {
        #[expect(missing_docs, reason = "as above")]
        seq: i64,
    },
    /// A value is of another kind than its column.
    Unreadable {
        #[expect(missing_docs, reason = "as above")]
        seq: i64,
    },
    /// Entries are missing before the entry, or after the last one.
    Missing {
        /// The number of the first missing entry.
        from: i64,
        /// The number of the last missing entry.
        to: i64,
    },
    /// The wallet's row counts fewer entries.
    Inserted {
        #[expect(missing_docs, reason = "as above")]
        seq: i64,
    },
    /// The entry has no number.
    Unnumbered,
    /// The hash in the wallet's row is not that of the last entry.
    Head {
        #[expect(missing_docs, reason = "as above")]
        seq: i64,
    },
    /// The wallet of the chain has no row.
    NoHead {
        #[expect(missing_docs, reason = "as above")]
        seq: i64,
    },
    /// The owner does not exist, and the last entry is not the one of a deleted account.
    NotClosed {
        #[expect(missing_docs, reason = "as above")]
        seq: i64,
    },
}

impl fmt::Display for ChainDamage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed { seq } => {
                write!(f, " (number {seq}) was changed: its hash is not that of its fields and the hash before it")
            }
            Self::NoteChanged { seq } => {
                write!(f, " (number {seq}) was changed: its note or idempotency key does not have its digest")
            }
            Self::Erased { seq } => {
                write!(f, " (number {seq}) was changed: its note is erased, but the account is not deleted")
            }
            Self::Unreadable { seq } => {
                write!(f, " (number {seq}) was changed: a column holds a value of another kind")
            }
            Self::Missing { from, to } if from == to => write!(f, ": number {from} of the chain is missing"),
            Self::Missing { from, to } => write!(f, ": numbers {from} to {to} of the chain are missing"),
            Self::Inserted { seq } => {
                write!(f, " (number {seq}) was inserted: the wallet's row counts fewer entries")
            }
            Self::Unnumbered => f.write_str(
                " is in no chain: it was inserted by hand, or by a server that is older than the database's schema",
            ),
            Self::Head { seq } => {
                write!(f, " (number {seq}) is the last one, but the wallet's row has another hash")
            }
            Self::NoHead { seq } => write!(f, " (number {seq}) is the last one of a wallet without a row"),
            Self::NotClosed { seq } => write!(
                f,
                " (number {seq}) is the last one of a deleted account, but does not close it: entries after it are \
                 missing"
            ),
        }
    }
}

impl fmt::Display for IntegrityViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IntegrityViolation::Balance { wallet, tokens, held, entries, open } => write!(
                f,
                "{wallet}: tokens {tokens} + held {held}, but the ledger says {entries} and open chats \
                 hold {open}"
            ),
            IntegrityViolation::Leftover { wallet, entries } => {
                write!(f, "{wallet} is deleted, but the ledger still says {entries}")
            }
            IntegrityViolation::NoWallet { user_id } => write!(f, "user {user_id} has no wallet"),
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
            IntegrityViolation::Cost { chat_id, cost, expected: Some(expected) } => {
                write!(f, "chat {chat_id}: cost {cost}, but its usage at its price costs {expected}")
            }
            IntegrityViolation::Cost { chat_id, expected: None, .. } => {
                write!(f, "chat {chat_id}: the version of its price is missing")
            }
            IntegrityViolation::Chain { wallet, entry_id: Some(entry_id), damage } => {
                write!(f, "{wallet}: ledger entry {entry_id}{damage}")
            }
            IntegrityViolation::Chain { wallet, entry_id: None, damage } => {
                write!(f, "{wallet}: ledger{damage}")
            }
            IntegrityViolation::Type { table, column, rows } => {
                write!(f, "{table}.{column}: {rows} rows hold no whole number; balances can't be compared")
            }
        }
    }
}
