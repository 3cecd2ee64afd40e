//! The default model, of messages that name none: chosen at run time, unless the configuration file names one.

use sea_orm::ActiveModelTrait;
use sea_orm::ActiveValue::Set;

use super::change::{announce, begin, default_model};
use super::model::{find_row, owner};
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::viewer::Actor;
use crate::domain::audit::{self, Action, AuditRecord};
use crate::infra::entity::catalog_epoch;

/// Makes a model the default one; `None` leaves it to the configuration.
///
/// # Errors
/// FORBIDDEN unless by a superuser; CONFLICT if the configuration file names the default model; INVALID_INPUT without such
/// a model, and for one that is disabled.
pub async fn set_default_model(app: &App, actor: Actor, name: Option<String>) -> Result<(), Error> {
    actor.require_superuser()?;
    let config = app.config();
    if config.has_default_model {
        let message =
            format!("jeton.toml or the environment sets default_model to {:?}, and wins.", config.default_model);
        return Err(Error::new(Code::Conflict, message));
    }
    let is_of_file = name.as_ref().is_some_and(|name| owner(app, name).is_some());
    let set = app.db.write((actor, name, is_of_file, app.clock.now()), |txn, (actor, name, is_of_file, at)| {
        Box::pin(async move {
            begin(txn, actor).await?;
            let row = match name {
                Some(name) => find_row(txn, name).await?,
                None => None,
            };
            match (name, &row) {
                (Some(_), Some(row)) if !*is_of_file && !row.enabled => {
                    return Err(Error::field("name", "This model is disabled. Enable it first."));
                }
                (Some(_), None) if !*is_of_file => return Err(Error::field("name", "There is no such model.")),
                _ => {}
            }
            let before = default_model(txn).await?;
            if before == *name {
                return Ok(());
            }
            let changed = catalog_epoch::ActiveModel {
                id: Set(catalog_epoch::ROW),
                default_model: Set(name.clone()),
                ..Default::default()
            };
            changed.update(txn).await?;
            let shown = name.as_deref().or(before.as_deref()).unwrap_or_default();
            let target = ("model", row.map_or(0, |row| row.id.0), shown);
            let details = audit::change(before.as_deref(), name.as_deref());
            let action = Action::ModelSetDefault;
            audit::record(txn, actor, AuditRecord { action, target, owner_id: None, details, at: *at }).await
        })
    });
    set.await?;
    announce(app).await
}
