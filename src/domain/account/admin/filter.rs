//! Which users operators list or change, and the order of the list.

use std::collections::BTreeSet;

use sea_orm::sea_query::{Expr, Query};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, Select};

use crate::core::error::Error;
use crate::core::ids::UserId;
use crate::core::pagination::{self, Cursor, Sort, SortKey};
use crate::core::tokens::Tokens;
use crate::domain::account::username;
use crate::infra::entity::{user, wallet};

/// Maximum number of words of a search.
const MAX_WORDS: usize = 20;

/// A filter of users; unset fields match all.
#[derive(Clone, Debug, Default)]
pub struct UserFilter {
    /// Words that all occur in the name, in any order, case or Unicode form.
    pub search: Option<String>,
    /// Whether the user may log in.
    pub active: Option<bool>,
    /// Whether the user is staff.
    pub staff: Option<bool>,
    /// Whether the user is a superuser.
    pub superuser: Option<bool>,
    /// The smallest spendable balance.
    pub min_tokens: Option<Tokens>,
    /// The largest spendable balance.
    pub max_tokens: Option<Tokens>,
    /// These users only.
    pub user_ids: Option<Vec<UserId>>,
    /// The order of the list.
    pub order: UserOrder,
}

impl UserFilter {
    /// Returns the query of the users who match.
    ///
    /// # Errors
    /// INVALID_INPUT for a search that is too long or has too many words.
    pub(super) fn select(&self) -> Result<Select<user::Entity>, Error> {
        use user::Column::{Id, IsActive, IsStaff, IsSuperuser, UsernameKey};
        let mut users = user::Entity::find();
        if let Some(search) = &self.search {
            pagination::check_search(search)?;
            let key = username::key(search).ok_or_else(pagination::search_too_long)?;
            let words: BTreeSet<&str> = key.split_whitespace().collect();
            if words.len() > MAX_WORDS {
                return Err(Error::field("search", format!("At most {MAX_WORDS} words.")));
            }
            for word in words {
                users = users.filter(pagination::contains(Expr::col((user::Entity, UsernameKey)), word));
            }
        }
        for (column, wanted) in [(IsActive, self.active), (IsStaff, self.staff), (IsSuperuser, self.superuser)] {
            if let Some(wanted) = wanted {
                users = users.filter(column.eq(wanted));
            }
        }
        if self.min_tokens.is_some() || self.max_tokens.is_some() {
            let mut wallets = Query::select().column(wallet::Column::UserId).from(wallet::Entity).to_owned();
            wallets.and_where(wallet::Column::UserId.is_not_null());
            if let Some(min) = self.min_tokens {
                wallets.and_where(wallet::Column::Tokens.gte(min));
            }
            if let Some(max) = self.max_tokens {
                wallets.and_where(wallet::Column::Tokens.lte(max));
            }
            users = users.filter(Id.in_subquery(wallets));
        }
        if let Some(ids) = &self.user_ids {
            users = users.filter(Id.is_in(ids.iter().copied()));
        }
        Ok(users)
    }
}

/// Ordering of users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, async_graphql::Enum)]
#[graphql(name = "UserOrder")]
pub enum UserOrder {
    /// Newest accounts first.
    #[default]
    Newest,
    /// Oldest accounts first.
    Oldest,
    /// By name, from A to Z.
    Name,
    /// By name, from Z to A.
    NameDescending,
    /// Largest spendable balance first.
    MostTokens,
    /// Smallest spendable balance first.
    FewestTokens,
    /// Largest `spent` first.
    MostSpent,
    /// Smallest `spent` first.
    LeastSpent,
    /// Most recent `lastActiveAt` first.
    RecentlyActive,
    /// Least recent `lastActiveAt` first, starting with those who never sent a message.
    LeastRecentlyActive,
    /// Most recent login first.
    RecentLogin,
    /// Least recent login first, starting with those who never logged in.
    LeastRecentLogin,
}

impl UserOrder {
    /// Returns the order by columns; `None` for an order by a rank.
    pub(super) fn sort(self) -> Option<Sort<user::Column>> {
        use user::Column::{Id, UsernameKey};
        let key = match self {
            Self::Newest | Self::Oldest => None,
            Self::Name | Self::NameDescending => Some(UsernameKey),
            _ => return None,
        };
        Some(Sort { key, id: Id, ascending: self.is_ascending() })
    }

    pub(super) fn is_ascending(self) -> bool {
        match self {
            Self::Oldest
            | Self::Name
            | Self::FewestTokens
            | Self::LeastSpent
            | Self::LeastRecentlyActive
            | Self::LeastRecentLogin => true,
            Self::Newest
            | Self::NameDescending
            | Self::MostTokens
            | Self::MostSpent
            | Self::RecentlyActive
            | Self::RecentLogin => false,
        }
    }

    /// Returns the cursor of a user in this order.
    pub fn place(self, user: &user::Model) -> Cursor {
        let key = match self {
            Self::Name | Self::NameDescending => Some(SortKey::Text(user.username_key.clone())),
            _ => None,
        };
        Cursor { key, id: user.id.0 }
    }
}
