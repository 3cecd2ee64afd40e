//! What all changes of the catalog have in common: who may make them, the epoch, and the notification of servers.

use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{DbErr, EntityTrait, SqlErr};

use super::load::{self, TOPIC};
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::viewer::Actor;
use crate::infra::db::Txn;
use crate::infra::entity::{catalog_epoch, user};

/// Begins a change: checks that the actor is a superuser now, and increments the epoch. Its row is locked until the end of
/// the transaction, so that changes are made one after the other.
///
/// # Errors
/// UNAUTHENTICATED or FORBIDDEN for an actor that is no active superuser.
pub(super) async fn begin(txn: &Txn, actor: &Actor) -> Result<(), Error> {
    if let Some(id) = actor.id() {
        let row = user::Entity::find_by_id(id).one(txn).await?;
        let row = row.filter(|row| row.is_active).ok_or_else(Error::unauthenticated)?;
        actor.with_roles(row.is_staff, row.is_superuser)?.require_superuser()?;
    }
    increment(txn).await
}

/// Increments the epoch.
///
/// # Errors
/// INTERNAL if the database fails.
pub(super) async fn increment(txn: &Txn) -> Result<(), Error> {
    use catalog_epoch::{Column, Entity};
    let next = Expr::col((Entity, Column::Epoch)).add(1);
    let row = catalog_epoch::ActiveModel { id: Set(catalog_epoch::ROW), epoch: Set(1), ..Default::default() };
    let conflict = OnConflict::column(Column::Id).value(Column::Epoch, next).to_owned();
    Entity::insert(row).on_conflict(conflict).exec_without_returning(txn).await?;
    Ok(())
}

/// Returns the default model of the database.
///
/// # Errors
/// INTERNAL if the database fails.
pub(super) async fn default_model(txn: &Txn) -> Result<Option<String>, Error> {
    let row = catalog_epoch::Entity::find_by_id(catalog_epoch::ROW).one(txn).await?;
    Ok(row.and_then(|row| row.default_model))
}

/// Checks that a model, which is to be deleted or disabled, is not the default one of the database.
///
/// # Errors
/// CONFLICT if it is.
pub(super) async fn check_no_default(txn: &Txn, name: &str) -> Result<(), Error> {
    if default_model(txn).await?.as_deref() == Some(name) {
        let message = "This is the default model. Make another one the default first.";
        return Err(Error::new(Code::Conflict, message));
    }
    Ok(())
}

/// Makes a committed change the one in force here, and notifies other servers.
///
/// # Errors
/// INTERNAL if the database fails. The change is stored nevertheless.
pub(super) async fn announce(app: &App) -> Result<(), Error> {
    app.bus.publish(TOPIC, Vec::new);
    load::refresh(app).await
}

/// Returns a violated unique constraint as a field error: the name is taken.
pub(super) fn name_taken(error: DbErr) -> Error {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => Error::field("name", "This name is taken."),
        Some(SqlErr::ForeignKeyConstraintViolation(_)) => {
            Error::new(Code::Conflict, "The catalog was changed meanwhile. Try again.").with_source(error)
        }
        _ => error.into(),
    }
}
