//! `jeton user`: manages users.

mod command;
mod show;

use std::io::IsTerminal;

use serde_json::json;

use self::command::Command;
pub(super) use self::command::{Args, balance};
pub(super) use self::show::report;
use self::show::{list, show};
use super::output;
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::tokens::Tokens;
use crate::core::viewer::Actor;
use crate::domain::account::admin::{self, Adjustment, BalanceChange, UserFilter, UserUpdate};
use crate::domain::account::{self, Roles};
use crate::domain::ledger;
use crate::infra::entity::user;

pub(super) async fn run(app: &App, args: Args) -> Result<(), Error> {
    let json = args.json;
    match args.command {
        Command::List { search, staff, inactive } => {
            let (active, staff) = (inactive.then_some(false), staff.then_some(true));
            let filter = UserFilter { search, active, staff, ..UserFilter::default() };
            list(app, filter, json).await
        }
        Command::Show { name } => show(app, &name, json).await,
        Command::Create { name, tokens, staff, superuser, password } => {
            check_name(&name)?;
            if let Some(there) = account::find_by_name(app, &name).await? {
                let message = format!("there is already a user named {}", output::plain(&there.username));
                return Err(Error::new(Code::Conflict, message));
            }
            let password = password.obtain(&app.random, &name)?;
            let (text, roles) = (password.text.clone(), Roles { is_staff: staff, is_superuser: superuser });
            let made = admin::create(app, Actor::CommandLine, &name, text, roles, tokens.map(Tokens)).await?;
            let granted = ledger::balance(&app.db, made.id).await?.tokens;
            let message = format!("created {} with {granted} tokens", output::plain(&made.username));
            report(app, &made, &message, Some(&password), json).await
        }
        Command::Activate { name } => {
            change(app, &name, UserUpdate { active: Some(true), ..UserUpdate::default() }, "is active", json).await
        }
        Command::Deactivate { name } => {
            let change_to = UserUpdate { active: Some(false), ..UserUpdate::default() };
            change(app, &name, change_to, "is inactive; all sessions were revoked", json).await
        }
        Command::SetPassword { name, password } => {
            let user = named(app, &name).await?;
            let password = password.obtain(&app.random, &user.username)?;
            let user = admin::set_password(app, Actor::CommandLine, user.id, password.text.clone()).await?;
            let message = format!("{} has a new password; all sessions were revoked", output::plain(&user.username));
            report(app, &user, &message, Some(&password), json).await
        }
        Command::SetBalance { name, tokens, reason } => {
            adjust(app, &name, BalanceChange::To(Tokens(tokens)), reason, json).await
        }
        Command::Grant { name, tokens, reason } => {
            adjust(app, &name, BalanceChange::By(Tokens(tokens)), reason, json).await
        }
        Command::Promote { name, staff: true } => {
            change(app, &name, UserUpdate { staff: Some(true), ..UserUpdate::default() }, "is staff", json).await
        }
        Command::Promote { name, staff: false } => {
            let change_to = UserUpdate { active: None, staff: Some(true), superuser: Some(true) };
            change(app, &name, change_to, "is a superuser", json).await
        }
        Command::Demote { name } => {
            let change_to = UserUpdate { active: None, staff: Some(false), superuser: Some(false) };
            change(app, &name, change_to, "is a plain user", json).await
        }
        Command::Delete { name, yes } => delete(app, &name, yes, json).await,
    }
}

/// Checks a new username before the password prompt; `account` validates it as well.
///
/// # Errors
/// INVALID_INPUT with the field error of `username`.
pub(super) fn check_name(typed: &str) -> Result<(), Error> {
    account::username::check(typed).map(drop).map_err(|message| Error::field("username", message))
}

async fn change(app: &App, name: &str, change: UserUpdate, message: &str, json: bool) -> Result<(), Error> {
    let user = named(app, name).await?;
    let user = admin::update(app, Actor::CommandLine, user.id, change).await?;
    report(app, &user, &format!("{} {message}", output::plain(&user.username)), None, json).await
}

async fn adjust(app: &App, name: &str, amount: BalanceChange, reason: String, json: bool) -> Result<(), Error> {
    let user = named(app, name).await?;
    let adjustment = Adjustment { user_id: user.id, amount, reason, idempotency_key: None };
    let balance = admin::adjust_balance(app, Actor::CommandLine, adjustment).await?;
    let message = format!("{} has {} tokens, and {} held", output::plain(&user.username), balance.tokens, balance.held);
    report(app, &user, &message, None, json).await
}

async fn delete(app: &App, name: &str, yes: bool, json: bool) -> Result<(), Error> {
    let user = named(app, name).await?;
    let chats = admin::chats_of(app, Actor::CommandLine, user.id).await?;
    let (name, rest) = (output::plain(&user.username), ledger::balance(&app.db, user.id).await?.total());
    let with = format!("{} and all sessions, and writes off {rest} tokens", output::count(chats, "chat"));
    if !yes {
        if !std::io::stdin().is_terminal() {
            let message = format!("deleting {name} also deletes {with}; without a terminal, pass --yes to confirm");
            return Err(Error::new(Code::InvalidInput, message));
        }
        output::ask(&format!("Deleting {name} also deletes {with}.\nDelete {name}? [y/N] "));
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).map_err(|error| Error::internal(error))?;
        if !matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
            return Err(Error::new(Code::InvalidInput, format!("{name} was not deleted")));
        }
    }
    admin::delete(app, Actor::CommandLine, user.id).await?;
    if json {
        return output::print_json(&json!({ "id": user.id, "username": user.username, "deleted": true }));
    }
    output::print(&format!("deleted {name}\n"))
}

pub(super) async fn named(app: &App, name: &str) -> Result<user::Model, Error> {
    let found = account::find_by_name(app, name).await?;
    found.ok_or_else(|| Error::new(Code::NotFound, format!("there is no user named {}", output::plain(name))))
}
