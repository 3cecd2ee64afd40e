//! Queries of users, as operators see them.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};

use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::UserId;
use crate::core::pagination::{self, Cursor, Page, PageRequest, Sort, SortKey};
use crate::core::viewer::Actor;
use crate::domain::account::username;
use crate::infra::entity::{chat, user};

/// A filter of users; unset fields match all.
#[derive(Clone, Debug, Default)]
pub struct UserFilter {
    /// Substring of the name, in any case or Unicode form.
    pub search: Option<String>,
    /// Whether the user may log in.
    pub active: Option<bool>,
    /// Whether the user is staff.
    pub staff: Option<bool>,
    /// Whether the user is a superuser.
    pub superuser: Option<bool>,
    /// The order of the list.
    pub order: UserOrder,
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
}

impl UserOrder {
    fn sort(self) -> Sort<user::Column> {
        use user::Column::{Id, Tokens, UsernameKey};
        let (key, ascending) = match self {
            UserOrder::Newest => (None, false),
            UserOrder::Oldest => (None, true),
            UserOrder::Name => (Some(UsernameKey), true),
            UserOrder::NameDescending => (Some(UsernameKey), false),
            UserOrder::MostTokens => (Some(Tokens), false),
            UserOrder::FewestTokens => (Some(Tokens), true),
        };
        Sort { key, id: Id, ascending }
    }

    /// Returns the keyset cursor of a user in this order.
    pub fn place(self, user: &user::Model) -> Cursor {
        let key = match self {
            UserOrder::Newest | UserOrder::Oldest => None,
            UserOrder::Name | UserOrder::NameDescending => Some(SortKey::Text(user.username_key.clone())),
            UserOrder::MostTokens | UserOrder::FewestTokens => Some(SortKey::Number(user.tokens.0)),
        };
        Cursor { key, id: user.id.0 }
    }
}

/// Returns users, in the order of the filter.
///
/// # Errors
/// INVALID_INPUT for a cursor of another order, or a search that is too long; INTERNAL if the database fails.
pub async fn users(
    app: &App,
    actor: Actor,
    filter: UserFilter,
    page: PageRequest,
) -> Result<Page<user::Entity>, Error> {
    actor.require_operator()?;
    let mut users = user::Entity::find();
    if let Some(part) = filter.search.filter(|part| !part.is_empty()) {
        pagination::check_search(&part)?;
        let key = username::key(&part).ok_or_else(pagination::search_too_long)?;
        users = users.filter(pagination::contains(Expr::col(user::Column::UsernameKey), &key));
    }
    if let Some(active) = filter.active {
        users = users.filter(user::Column::IsActive.eq(active));
    }
    if let Some(staff) = filter.staff {
        users = users.filter(user::Column::IsStaff.eq(staff));
    }
    if let Some(superuser) = filter.superuser {
        users = users.filter(user::Column::IsSuperuser.eq(superuser));
    }
    page.load_by(app.db.read(), users, filter.order.sort()).await
}

/// Returns a user, as operators see it.
///
/// # Errors
/// NOT_FOUND without such a user.
pub async fn find(app: &App, actor: Actor, user_id: UserId) -> Result<user::Model, Error> {
    actor.require_operator()?;
    user::Entity::find_by_id(user_id).one(app.db.read()).await?.ok_or_else(|| Error::not_found("user"))
}

/// Returns the users with these ids, in no particular order; deleted users are omitted. The caller has checked that the
/// viewer may see them.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn by_ids(app: &App, ids: &[UserId]) -> Result<Vec<user::Model>, Error> {
    Ok(user::Entity::find().filter(user::Column::Id.is_in(ids.iter().copied())).all(app.db.read()).await?)
}

/// Returns the number of a user's chats, which deleting the account would delete.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn chats_of(app: &App, actor: Actor, user_id: UserId) -> Result<u64, Error> {
    actor.require_operator()?;
    Ok(chat::Entity::owned_by(user_id).count(app.db.read()).await?)
}
