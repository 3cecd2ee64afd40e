//! The rules for names and passwords of new accounts.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use secrecy::{ExposeSecret, SecretString};

use super::attempts::enter;
use super::find::find_by_name;
use super::username;
use crate::app::App;
use crate::core::error::{Code, Error, FieldError};
use crate::core::password::{self, QueueKind};
use crate::core::viewer::ClientIp;
use crate::infra::entity::user;

/// The name and password of a new account, checked by all rules.
pub struct CheckedUser {
    /// The normalized name.
    pub(super) username: String,
    pub(super) password: SecretString,
}

impl CheckedUser {
    /// Returns whether the repeated password is the same.
    pub fn is_password(&self, again: &str) -> bool {
        password::normalize(self.password.expose_secret()) == password::normalize(again)
    }
}

/// The field error of a username that another user has.
pub const NAME_TAKEN: &str = "That username is taken.";
const NAME_CONFUSABLE: &str = "This name looks like that of another user, in another script.";

/// Checks name and password by all rules; the expensive checks run on a hashing thread. `name` is the result of
/// [`username::check`] of the typed name, or of [`username::check_visible`] for clients of the Django application.
pub(super) async fn obey_rules(
    app: &App,
    name: Result<String, String>,
    password: SecretString,
    address: Option<ClientIp>,
) -> Result<CheckedUser, Error> {
    let username = name.clone().unwrap_or_default();
    let taken = match &name {
        Ok(name) if find_by_name(app, name).await?.is_some() => Some(NAME_TAKEN),
        Ok(name) if is_confusable(app, name).await? => Some(NAME_CONFUSABLE),
        _ => None,
    };
    let rated =
        enter(app, QueueKind::NewPassword, address)?.check("password", password.clone(), username.clone()).await;
    let of_name = name.err().or_else(|| taken.map(str::to_owned));
    let mut errors: Vec<_> = of_name.map(|message| FieldError { field: "username", message }).into_iter().collect();
    match rated {
        Err(error) if error.code == Code::InvalidInput => errors.extend(error.fields),
        rated => rated?,
    }
    if errors.is_empty() { Ok(CheckedUser { username, password }) } else { Err(Error::invalid(errors)) }
}

/// Returns whether a new name is confusable with that of a user in another script (Unicode Technical Standard 39). Two
/// confusable names that are registered concurrently may both pass, since neither is in the database yet.
async fn is_confusable(app: &App, name: &str) -> Result<bool, Error> {
    let Some(skeleton) = username::skeleton(name) else { return Ok(false) };
    let alike = user::Entity::find().filter(user::Column::UsernameSkeleton.eq(skeleton)).limit(MAX_ALIKE);
    let alike = alike.all(app.db.read()).await?;
    Ok(alike.iter().any(|user| username::scripts_differ(&user.username, name)))
}

/// The maximum number of users with the same skeleton that are compared.
const MAX_ALIKE: u64 = 100;
