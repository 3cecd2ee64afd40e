//! Import of users from another system, with their existing password hashes.

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter};
use secrecy::SecretString;
use serde_json::json;

use super::attempts::enter;
use super::insert::Roles;
use super::username;
use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::UserId;
use crate::core::password::{Pbkdf2, QueueKind};
use crate::core::tokens::Tokens;
use crate::core::viewer::{Actor, ClientIp};
use crate::domain::audit::{self, Action, AuditRecord};
use crate::domain::ledger::{self, Entry, Erasable};
use crate::infra::db::Txn;
use crate::infra::entity::ledger_entry::Reason;
use crate::infra::entity::user;

/// A user of another system. The rules for new names and passwords don't apply.
#[derive(Clone, Debug)]
pub struct ImportedUser {
    /// The id to keep; `None` assigns a new one.
    pub id: Option<UserId>,
    /// The name in the other system.
    pub username: String,
    /// [`username::key`] of the name, or [`username::exact_key`] if another user has that key.
    pub username_key: String,
    /// A hash that [`crate::core::password::Hasher`] can verify, or one that is unusable.
    pub password_hash: String,
    /// Whether the user may log in.
    pub is_active: bool,
    /// The roles in the other system, which are kept.
    pub roles: Roles,
    /// The first balance.
    pub tokens: Tokens,
    /// The note of the ledger entry, if the balance differs from that in the other system.
    pub note: Option<Erasable>,
    /// The creation time in the other system.
    pub created_at: chrono::DateTime<chrono::Utc>,
    /// The last log-in in the other system.
    pub last_login_at: Option<chrono::DateTime<chrono::Utc>>,
}

/// Inserts a user with an empty balance, posts the opening balance to the ledger, and returns the id. A kept id was
/// never used here.
///
/// # Errors
/// INTERNAL if the name, its key or the id is taken, or the database fails.
pub async fn insert(txn: &Txn, new: &ImportedUser, at: chrono::DateTime<chrono::Utc>) -> Result<UserId, Error> {
    let row = user::ActiveModel {
        id: new.id.map_or(NotSet, Set),
        username: Set(new.username.clone()),
        username_key: Set(new.username_key.clone()),
        username_skeleton: Set(username::skeleton(&new.username)),
        password_hash: Set(new.password_hash.clone()),
        is_active: Set(new.is_active),
        is_staff: Set(new.roles.is_staff),
        is_superuser: Set(new.roles.is_superuser),
        payer_group_id: Set(None),
        session_epoch: Set(0),
        created_at: Set(new.created_at),
        last_login_at: Set(new.last_login_at),
    };
    let user = row.insert(txn).await?;
    ledger::create_wallet(txn, user.id.into()).await?;
    let opening = Entry { erasable: new.note.clone(), ..Entry::new(user.id, new.tokens, Reason::Imported, at) };
    ledger::post_entry(txn, opening).await?;
    let details = json!({ "staff": new.roles.is_staff, "superuser": new.roles.is_superuser, "tokens": new.tokens });
    let target = ("user", user.id.0, user.username.as_str());
    audit::record(
        txn,
        &Actor::CommandLine,
        AuditRecord { action: Action::UserImport, target, owner_id: None, details, at },
    )
    .await?;
    Ok(user.id)
}

/// Replaces an imported password hash by one in the local format, after the password was verified. Sessions stay valid.
/// If the queue for password hashing is full, a later log-in does it.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn renew_hash(
    app: &App,
    user: &user::Model,
    password: SecretString,
    address: Option<ClientIp>,
) -> Result<(), Error> {
    if !Pbkdf2::is_one(&user.password_hash) {
        return Ok(());
    }
    let Ok(ticket) = enter(app, QueueKind::Verification, address) else { return Ok(()) };
    let change = (user.id, user.password_hash.clone(), ticket.hash(password).await?);
    app.db
        .write(change, |txn, (id, before, after)| {
            Box::pin(async move {
                // Guarded by the old hash: a password that was changed meanwhile stays.
                user::Entity::update_many()
                    .col_expr(user::Column::PasswordHash, Expr::value(after.as_str()))
                    .filter(user::Column::Id.eq(*id))
                    .filter(user::Column::PasswordHash.eq(before.as_str()))
                    .exec(txn)
                    .await?;
                Ok(())
            })
        })
        .await
}
