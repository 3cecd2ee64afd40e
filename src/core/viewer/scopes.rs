//! Scopes of API keys.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// Scope of an API key. No scope covers the account itself: passwords, sessions, keys, deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
pub enum Scope {
    /// Calling models through the OpenAI-compatible routes (`/v1`).
    Completions,
    /// Reading the user's own chats, conversations, balance and ledger.
    Read,
    /// Sending messages, and changing chats and conversations. Includes READ.
    Write,
    /// Operator functions, if the user is an operator. Includes READ.
    Admin,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 4] = [Self::Completions, Self::Read, Self::Write, Self::Admin];

    /// Returns the name, as it is stored and as the command line accepts it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Completions => "completions",
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

/// A set of scopes. Stored as their names, comma-separated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sea_orm::DeriveValueType)]
#[sea_orm(value_type = "String")]
pub struct Scopes(u8);

impl Scopes {
    /// Returns the set of these scopes.
    pub fn new(scopes: impl IntoIterator<Item = Scope>) -> Self {
        Self(scopes.into_iter().fold(0, |set, scope| set | 1 << scope as u8))
    }

    /// Returns each scope of the set.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.has(*scope))
    }

    /// Returns whether the set contains this scope.
    pub fn has(self, scope: Scope) -> bool {
        self.0 & 1 << scope as u8 != 0
    }

    /// Returns whether the set contains a scope that includes reading.
    pub(super) fn reads(self) -> bool {
        [Scope::Read, Scope::Write, Scope::Admin].into_iter().any(|scope| self.has(scope))
    }
}

/// Unknown names are skipped.
impl FromStr for Scopes {
    type Err = Infallible;

    fn from_str(names: &str) -> Result<Self, Infallible> {
        Ok(Self::new(names.split(',').filter_map(|name| Scope::ALL.into_iter().find(|scope| scope.name() == name))))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.iter().map(Scope::name).collect::<Vec<_>>().join(","))
    }
}
