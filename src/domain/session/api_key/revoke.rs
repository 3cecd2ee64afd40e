//! Revoking keys.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::audit::record;
use super::list::one;
use super::secret;
use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::ApiKeyId;
use crate::core::viewer::{Actor, Owner};
use crate::domain::account;
use crate::domain::audit::Action;
use crate::infra::entity::api_key::{self, Column, Model};

/// Revokes a key: the viewer's own or, for staff, any user's, which is recorded in the audit trail. Revoking a revoked
/// key does nothing.
///
/// # Errors
/// As [`one`]; FORBIDDEN also for the key of an operator unless by a superuser.
pub async fn revoke(app: &App, owner: Owner, key_id: ApiKeyId) -> Result<Model, Error> {
    let key = one(app, owner, key_id).await?;
    let operator = owner.staff().filter(|_| key.user_id != owner.id).map(Actor::from);
    end(app, operator, key.id).await
}

/// Revokes the key with this prefix, on the command line.
///
/// # Errors
/// NOT_FOUND without such a key.
pub async fn revoke_by_prefix(app: &App, prefix: &str) -> Result<Model, Error> {
    let prefix = secret::prefix(prefix).unwrap_or(prefix);
    let key = api_key::Entity::find().filter(Column::Prefix.eq(prefix)).one(app.db.read()).await?;
    end(app, Some(Actor::CommandLine), key.ok_or_else(|| Error::not_found("API key"))?.id).await
}

async fn end(app: &App, operator: Option<Actor>, key_id: ApiKeyId) -> Result<Model, Error> {
    let ended = app.db.write((operator, key_id, app.clock.now()), |txn, &(operator, key_id, now)| {
        Box::pin(async move {
            let update = api_key::Entity::update_many().col_expr(Column::RevokedAt, Expr::value(now));
            let update = update.filter(Column::Id.eq(key_id)).filter(Column::RevokedAt.is_null());
            if let Some(key) = update.exec_with_returning(txn).await?.into_iter().next() {
                record(txn, operator, &key, Action::ApiKeyRevoke, now).await?;
                return Ok(key);
            }
            let key = api_key::Entity::find_by_id(key_id).one(txn).await?;
            key.ok_or_else(|| Error::not_found("API key"))
        })
    });
    let key = ended.await?;
    account::announce_sessions(app, key.user_id);
    Ok(key)
}
