//! Administration of other users' accounts: over GraphQL as staff, or on the command line.
//!
//! Staff see all users, adjust balances of plain users and manage their accounts. Only a superuser changes roles, and
//! manages staff and superusers, their balances included; so only superusers can adjust their own balance. What one
//! staff member grants per day is limited. The last active superuser can't be removed. Every action is in the audit
//! trail.
//!
//! Permissions are checked in the transaction, with the rows of the actor and of the target locked: either may have
//! been promoted or demoted meanwhile.

mod adjust;

use chrono::{DateTime, Utc};
use futures::future::ready;
use futures::{StreamExt, TryStreamExt};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};
use secrecy::SecretString;
use serde_json::json;

pub use self::adjust::{Adjustment, BalanceChange, adjust_balance};
use self::adjust::{keep_staff_limit, staff_limit};
use super::{Roles, ValidatedUser, enter, insert, obey_rules, set_password_hash};
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::pagination::{self, Cursor, Page, PageRequest, Sort, SortKey};
use crate::core::password::{self, Lane};
use crate::core::tokens::Tokens;
use crate::core::viewer::Actor;
use crate::domain::audit::{self, AuditRecord};
use crate::domain::ledger;
use crate::infra::db::Txn;
use crate::infra::entity::{chat, conversation, user};

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
        Cursor { key, id: user.id }
    }
}

/// Returns users, in the order of the filter.
///
/// # Errors
/// INVALID_INPUT for a cursor of another order, or a search that is too long; INTERNAL if the database fails.
pub async fn users(
    app: &App,
    _actor: Actor,
    filter: UserFilter,
    page: PageRequest,
) -> Result<Page<user::Entity>, Error> {
    let mut users = user::Entity::find();
    if let Some(part) = filter.search.filter(|part| !part.is_empty()) {
        pagination::check_search(&part)?;
        let key = super::username::key(&part).ok_or_else(pagination::search_too_long)?;
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

/// Creates an account, whether or not registration is open. Its balance starts with `grant`, by default the configured
/// one.
///
/// # Errors
/// FORBIDDEN if roles are set by an actor who is no superuser; INVALID_INPUT as for registering; RATE_LIMITED if the
/// grant exceeds the staff member's limit of today.
pub async fn create(
    app: &App,
    actor: Actor,
    username: &str,
    password: SecretString,
    roles: Roles,
    grant: Option<Tokens>,
) -> Result<user::Model, Error> {
    if roles != Roles::default() {
        actor.require_superuser()?;
    }
    let checked = obey_rules(app, username, password, None).await?;
    let mut new = ValidatedUser::hashed(app, checked, roles, enter(app, Lane::NewPassword, None)?).await?;
    new.grant = grant.unwrap_or(new.grant);
    new.actor_id = actor.id();
    let limit = staff_limit(app);
    app.db
        .write((actor, new), move |txn, (actor, new)| {
            Box::pin(async move {
                let (actor, _) = lock(txn, *actor, None).await?;
                if new.roles != Roles::default() {
                    actor.require_superuser()?;
                }
                let user = insert(txn, new).await?;
                keep_staff_limit(txn, actor, new.grant, limit, new.at).await?;
                let details = json!({ "staff": user.is_staff, "superuser": user.is_superuser, "tokens": user.tokens });
                let target = ("user", user.id, user.username.as_str());
                audit::record(
                    txn,
                    &actor,
                    AuditRecord { action: "user.create", target, owner_id: None, details, at: new.at },
                )
                .await?;
                Ok(user)
            })
        })
        .await
}

/// A change of an account; unset fields stay.
#[derive(Clone, Copy, Debug, Default)]
pub struct UserUpdate {
    /// Whether the user may log in. Deactivating ends all sessions.
    pub active: Option<bool>,
    /// Whether the user is staff.
    pub staff: Option<bool>,
    /// Whether the user is a superuser.
    pub superuser: Option<bool>,
}

/// Activates, deactivates, promotes or demotes a user.
///
/// # Errors
/// NOT_FOUND without such a user; FORBIDDEN if a superuser is required; CONFLICT if it would remove the last active
/// superuser.
pub async fn update(app: &App, actor: Actor, user_id: i64, change: UserUpdate) -> Result<user::Model, Error> {
    if change.staff.is_some() || change.superuser.is_some() {
        actor.require_superuser()?;
    }
    let at = app.clock.now();
    let changed = app
        .db
        .write((actor, user_id, change, at), |txn, &(actor, user_id, change, at)| {
            Box::pin(async move {
                let (actor, before) = lock_target(txn, actor, user_id).await?;
                if change.staff.is_some() || change.superuser.is_some() {
                    actor.require_superuser()?;
                }
                let active = change.active.unwrap_or(before.is_active);
                let superuser = change.superuser.unwrap_or(before.is_superuser);
                if before.is_active && before.is_superuser && !(active && superuser) {
                    keep_a_superuser(txn, user_id).await?;
                }
                if before.is_active && !active {
                    super::end_sessions(txn, user_id).await?;
                }
                let row = user::ActiveModel {
                    id: Set(user_id),
                    is_active: Set(active),
                    is_staff: Set(change.staff.unwrap_or(before.is_staff)),
                    is_superuser: Set(superuser),
                    ..Default::default()
                };
                let after = row.update(txn).await?;
                let details =
                    json!({ "active": after.is_active, "staff": after.is_staff, "superuser": after.is_superuser });
                let target = ("user", after.id, after.username.as_str());
                audit::record(txn, &actor, AuditRecord { action: "user.update", target, owner_id: None, details, at })
                    .await?;
                Ok(after)
            })
        })
        .await?;
    super::announce_sessions(app, user_id);
    Ok(changed)
}

/// Returns the names of active superusers whose password is among the most common guesses.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn superusers_with_common_passwords(app: &App) -> Result<Vec<String>, Error> {
    let superusers = user::Entity::find()
        .filter(user::Column::IsActive.eq(true))
        .filter(user::Column::IsSuperuser.eq(true))
        .order_by_asc(user::Column::Id);
    let mut named = Vec::new();
    for user in superusers.all(app.db.read()).await? {
        let (hash, threads) = (&user.password_hash, app.config.auth.hashing_threads);
        // As many concurrent attempts as threads, so that none waits and no limit of the queue is reached.
        let tries = futures::stream::iter(password::common(&user.username)).map(|common| async move {
            app.hasher.enter(Lane::Verification, None)?.verify(common.into(), Some(hash.clone())).await
        });
        let mut matches = std::pin::pin!(tries.buffer_unordered(threads).try_filter(|matches| ready(*matches)));
        if matches.try_next().await?.is_some() {
            named.push(user.username);
        }
    }
    Ok(named)
}

/// Sets a user's password, and ends all their sessions.
///
/// # Errors
/// NOT_FOUND without such a user; FORBIDDEN for the password of staff unless by a superuser; INVALID_INPUT if the
/// password is not valid.
pub async fn set_password(app: &App, actor: Actor, user_id: i64, password: SecretString) -> Result<user::Model, Error> {
    let user = find(app, actor, user_id).await?;
    actor.require_can_manage(user.is_operator())?;
    let ticket = enter(app, Lane::NewPassword, None)?;
    ticket.check("password", password.clone(), user.username.clone()).await?;
    let hash = enter(app, Lane::NewPassword, None)?.hash(password).await?;
    let changed = app
        .db
        .write((actor, user_id, hash, app.clock.now()), |txn, (actor, user_id, hash, at)| {
            Box::pin(async move {
                let (actor, _) = lock_target(txn, *actor, *user_id).await?;
                let user = set_password_hash(txn, *user_id, hash).await?;
                let target = ("user", user.id, user.username.as_str());
                let record =
                    AuditRecord { action: "user.set_password", target, owner_id: None, details: json!({}), at: *at };
                audit::record(txn, &actor, record).await?;
                Ok(user)
            })
        })
        .await?;
    super::announce_sessions(app, user_id);
    Ok(changed)
}

/// Deletes an account with its sessions and chats. The ledger keeps its entries, and a new one that writes off the
/// balance.
///
/// # Errors
/// NOT_FOUND without such a user; FORBIDDEN for staff unless by a superuser; CONFLICT for the last active superuser.
pub async fn delete(app: &App, actor: Actor, user_id: i64) -> Result<(), Error> {
    let at = app.clock.now();
    app.db
        .write((actor, user_id), |txn, &(actor, user_id)| {
            Box::pin(async move {
                let (_, user) = lock_target(txn, actor, user_id).await?;
                check_removable(txn, &user).await
            })
        })
        .await?;
    delete_contents(app, user_id).await?;
    app.db
        .write((actor, user_id, at), |txn, &(actor, user_id, at)| {
            Box::pin(async move {
                let (actor, user) = lock_target(txn, actor, user_id).await?;
                remove(txn, &actor, &user, at).await
            })
        })
        .await?;
    super::announce_sessions(app, user_id);
    Ok(())
}

/// Deletes the closed chats and the conversations of an account that is about to be removed, in batches: other writes,
/// and those that need the user's row, wait for one batch and not for thousands of chats.
///
/// # Errors
/// As [`Db::write`](crate::infra::db::Db::write); batches already deleted stay deleted, and a retry deletes the rest.
pub(super) async fn delete_contents(app: &App, user_id: i64) -> Result<(), Error> {
    while app.db.write(user_id, |txn, id| Box::pin(delete_some_chats(txn, *id))).await? >= BATCH {}
    while app.db.write(user_id, |txn, id| Box::pin(delete_some_conversations(txn, *id))).await? >= BATCH {}
    Ok(())
}

/// Rows deleted in one transaction.
const BATCH: u64 = 500;

async fn delete_some_chats(txn: &Txn, user_id: i64) -> Result<u64, Error> {
    let closed = chat::Entity::owned_by(user_id).filter(chat::Column::Status.ne(chat::Status::Pending));
    let some = closed.order_by_asc(chat::Column::Id).limit(BATCH).select_only().column(chat::Column::Id);
    let ids: Vec<i64> = some.into_tuple().all(txn).await?;
    Ok(chat::Entity::delete_many().filter(chat::Column::Id.is_in(ids)).exec(txn).await?.rows_affected)
}

/// Deletes conversations without chats: those with open chats are deleted with the account.
async fn delete_some_conversations(txn: &Txn, user_id: i64) -> Result<u64, Error> {
    let own = Expr::col((chat::Entity, chat::Column::ConversationId))
        .equals((conversation::Entity, conversation::Column::Id));
    let chats = Query::select().expr(Expr::val(1)).from(chat::Entity).and_where(own).take();
    let empty = conversation::Entity::find()
        .filter(conversation::Column::UserId.eq(user_id))
        .filter(Expr::exists(chats).not())
        .limit(BATCH);
    let ids: Vec<i64> = empty.select_only().column(conversation::Column::Id).into_tuple().all(txn).await?;
    let delete = conversation::Entity::delete_many().filter(conversation::Column::Id.is_in(ids));
    Ok(delete.exec(txn).await?.rows_affected)
}

/// Checks that a user may be removed.
///
/// # Errors
/// CONFLICT for the last active superuser.
pub(super) async fn check_removable(txn: &Txn, user: &user::Model) -> Result<(), Error> {
    if user.is_active && user.is_superuser {
        keep_a_superuser(txn, user.id).await?;
    }
    Ok(())
}

/// Removes a user whose row is locked, and everything that belongs to it.
pub(super) async fn remove(txn: &Txn, actor: &Actor, user: &user::Model, at: DateTime<Utc>) -> Result<(), Error> {
    check_removable(txn, user).await?;
    let rest = ledger::close_account(txn, user.id, actor.id(), at).await?;
    let target = ("user", user.id, user.username.as_str());
    let record =
        AuditRecord { action: "user.delete", target, owner_id: None, details: json!({ "written_off": rest }), at };
    audit::record(txn, actor, record).await?;
    user::Entity::delete_by_id(user.id).exec(txn).await?;
    Ok(())
}

/// Locks and returns the user to be changed, and the actor with its current roles.
///
/// # Errors
/// NOT_FOUND without such a user; FORBIDDEN for an operator unless by a superuser.
async fn lock_target(txn: &Txn, actor: Actor, user_id: i64) -> Result<(Actor, user::Model), Error> {
    let (actor, target) = lock(txn, actor, Some(user_id)).await?;
    let target = target.ok_or_else(|| Error::not_found("user"))?;
    actor.require_can_manage(target.is_operator())?;
    Ok((actor, target))
}

/// Locks the actor's row and the target's, in the order of their ids.
///
/// # Errors
/// UNAUTHENTICATED or FORBIDDEN for an actor that is no longer an active operator.
async fn lock(txn: &Txn, actor: Actor, target: Option<i64>) -> Result<(Actor, Option<user::Model>), Error> {
    let rows = ledger::find_all_for_update(txn, actor.id().into_iter().chain(target)).await?;
    let actor = match actor.id() {
        None => actor,
        Some(id) => {
            let own = rows.iter().find(|row| row.id == id && row.is_active).ok_or_else(Error::unauthenticated)?;
            actor.with_roles(own.is_staff, own.is_superuser)?
        }
    };
    Ok((actor, rows.into_iter().find(|row| Some(row.id) == target)))
}

/// Returns a user, as operators see it.
///
/// # Errors
/// NOT_FOUND without such a user.
pub async fn find(app: &App, _actor: Actor, user_id: i64) -> Result<user::Model, Error> {
    user::Entity::find_by_id(user_id).one(app.db.read()).await?.ok_or_else(|| Error::not_found("user"))
}

/// Returns the users with these ids, in no particular order; deleted users are omitted. The caller has checked that the
/// viewer may see them.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn by_ids(app: &App, ids: &[i64]) -> Result<Vec<user::Model>, Error> {
    Ok(user::Entity::find().filter(user::Column::Id.is_in(ids.iter().copied())).all(app.db.read()).await?)
}

/// Returns the number of a user's chats, which deleting the account would delete.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn chats_of(app: &App, _actor: Actor, user_id: i64) -> Result<u64, Error> {
    Ok(chat::Entity::owned_by(user_id).count(app.db.read()).await?)
}

async fn keep_a_superuser(txn: &Txn, leaving: i64) -> Result<(), Error> {
    // Locked, so that of two superusers who remove each other concurrently one stays.
    let other = user::Entity::find()
        .filter(user::Column::IsSuperuser.eq(true))
        .filter(user::Column::IsActive.eq(true))
        .filter(user::Column::Id.ne(leaving))
        .lock_exclusive()
        .one(txn)
        .await?;
    other.map(drop).ok_or_else(|| Error::new(Code::Conflict, "This is the last active superuser."))
}
