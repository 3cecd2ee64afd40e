//! Queries of one user: the viewer, or the user of a name.

use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter};

use super::username;
use crate::app::App;
use crate::core::error::Error;
use crate::core::viewer::Reader;
use crate::infra::entity::user;

/// Returns the viewer's user; `None` if it was deleted meanwhile.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn me(app: &App, reader: Reader) -> Result<Option<user::Model>, Error> {
    Ok(user::Entity::find_by_id(reader.id).one(app.db.read()).await?)
}

/// Returns the user of this name: an exact match, or else the one with the same key; `None` for a name that is too
/// long.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn find_by_name(app: &App, typed: &str) -> Result<Option<user::Model>, Error> {
    let Some((name, key)) = username::normalize(typed).zip(username::key(typed)) else { return Ok(None) };
    // Imported names are stored unchanged, in any Unicode form.
    let names = [typed, name.as_str()];
    let alike = Condition::any().add(user::Column::Username.is_in(names)).add(user::Column::UsernameKey.eq(key));
    let mut found = user::Entity::find().filter(alike).all(app.db.read()).await?;
    let exact = names.iter().find_map(|name| found.iter().position(|user| user.username == *name)).unwrap_or(0);
    Ok(if found.is_empty() { None } else { Some(found.swap_remove(exact)) })
}
