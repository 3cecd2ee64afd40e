//! Output of users: one or many, as text and as JSON.

use std::collections::HashMap;

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::super::{output, password};
use super::named;
use crate::app::App;
use crate::core::error::Error;
use crate::core::pagination::PageRequest;
use crate::core::viewer::Actor;
use crate::domain::account::admin::{self, UserFilter};
use crate::domain::ledger::{self, Balance};
use crate::infra::entity::user;

/// Users per page that a listing reads.
const BATCH: u64 = 1000;

/// Prints the result of a command on a user: a sentence, or the user as JSON, and the password if it was generated.
pub(in crate::cli) async fn report(
    app: &App,
    user: &user::Model,
    message: &str,
    password: Option<&password::Chosen>,
    json: bool,
) -> Result<(), Error> {
    let shown = password.filter(|password| password.generated).map(|password| password.text.expose_secret());
    if json {
        let mut value = as_json(user, ledger::balance(&app.db, user.id).await?);
        if let (Some(password), Some(fields)) = (shown, value.as_object_mut()) {
            fields.insert("password".to_owned(), json!(password));
        }
        return output::print_json(&value);
    }
    let password = shown.map(|password| format!("password (shown only now): {password}\n"));
    output::print(&format!("{message}\n{}", password.unwrap_or_default()))
}

pub(super) async fn list(app: &App, filter: UserFilter, json: bool) -> Result<(), Error> {
    let (mut users, mut older_than) = (Vec::new(), None);
    loop {
        let page = PageRequest::newest(BATCH, older_than);
        let slice = admin::users(app, Actor::CommandLine, filter.clone(), page).await?;
        older_than = slice.rows.last().map(|user| user.id.0);
        users.extend(slice.rows);
        if !slice.has_next {
            break;
        }
    }
    let mut balances = HashMap::new();
    for users in users.chunks(BATCH as usize) {
        let ids: Vec<_> = users.iter().map(|user| user.id).collect();
        balances.extend(ledger::balances(app.db.read(), &ids).await?);
    }
    // Without a balance the account was deleted a moment ago.
    let users = users.iter().filter_map(|user| Some((user, *balances.get(&user.id)?)));
    if json {
        return output::print_json(&users.map(|(user, balance)| as_json(user, balance)).collect());
    }
    let rows: Vec<_> = users
        .map(|(user, balance)| {
            let active = if user.is_active { "active" } else { "inactive" };
            vec![
                user.id.to_string(),
                output::plain(&user.username),
                balance.tokens.to_string(),
                balance.held.to_string(),
                role(user).to_owned(),
                active.to_owned(),
                user.created_at.format("%Y-%m-%d").to_string(),
            ]
        })
        .collect();
    output::print(&output::table(&["ID", "NAME", "TOKENS", "HELD", "ROLE", "STATE", "SINCE"], &rows))
}

pub(super) async fn show(app: &App, name: &str, json: bool) -> Result<(), Error> {
    let user = named(app, name).await?;
    let chats = admin::chats_of(app, Actor::CommandLine, user.id).await?;
    let balance = ledger::balance(&app.db, user.id).await?;
    if json {
        let mut value = as_json(&user, balance);
        if let Some(fields) = value.as_object_mut() {
            fields.insert("chats".to_owned(), json!(chats));
        }
        return output::print_json(&value);
    }
    let time = |at: chrono::DateTime<chrono::Utc>| at.format("%Y-%m-%d %H:%M:%S UTC").to_string();
    output::print(&format!(
        "name      {}\nid        {}\nstate     {}\nrole      {}\ntokens    {}\nheld      {}\nchats     {chats}\n\
         since     {}\nlogged in {}\n",
        output::plain(&user.username),
        user.id,
        if user.is_active { "active" } else { "inactive" },
        role(&user),
        balance.tokens,
        balance.held,
        time(user.created_at),
        user.last_login_at.map_or_else(|| "never".to_owned(), time),
    ))
}

fn role(user: &user::Model) -> &'static str {
    match (user.is_superuser, user.is_staff) {
        (true, _) => "superuser",
        (false, true) => "staff",
        (false, false) => "user",
    }
}

/// Returns the user as JSON: the GraphQL API's field names in snake case, and no secrets.
fn as_json(user: &user::Model, balance: Balance) -> Value {
    json!({
        "id": user.id,
        "username": user.username,
        "is_active": user.is_active,
        "is_staff": user.is_staff,
        "is_superuser": user.is_superuser,
        "tokens": balance.tokens,
        "held": balance.held,
        "created_at": user.created_at,
        "last_login_at": user.last_login_at,
    })
}
