//! `jeton group`: manages groups, their members and balances.

use std::collections::HashMap;

use clap::Subcommand;
use serde_json::{Value, json};

use super::output;
use super::user::named;
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::pagination::PageRequest;
use crate::core::tokens::Tokens;
use crate::core::viewer::Actor;
use crate::domain::account::admin;
use crate::domain::group::{self, GroupAdjustment, GroupInput, GroupUpdate};
use crate::domain::ledger::{self, Balance};
use crate::infra::entity::group::Model;
use crate::infra::entity::group_member::Role;

/// Rows per page that a listing reads.
const BATCH: u64 = 1000;

/// Arguments of `jeton group`.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the groups, newest first
    List,
    /// Create a group
    Create {
        /// The unique name
        name: String,
        /// What the group is for
        #[arg(long)]
        description: Option<String>,
    },
    /// Change the name or the description of a group
    Update {
        /// The name of the group
        group: String,
        /// The new name
        #[arg(long)]
        name: Option<String>,
        /// The new description
        #[arg(long)]
        description: Option<String>,
    },
    /// Delete a group, and write off its balance; its members stay users
    Delete {
        /// The name of the group
        group: String,
    },
    /// List the members of a group, newest first
    Members {
        /// The name of the group
        group: String,
    },
    /// Add users to a group
    Add {
        /// The name of the group
        group: String,
        /// The users' names, in any case
        #[arg(required = true)]
        users: Vec<String>,
        /// As managers of the group
        #[arg(long)]
        manager: bool,
    },
    /// Change the role of a member
    SetRole {
        /// The name of the group
        group: String,
        /// The member's name, in any case
        user: String,
        /// The role
        #[arg(value_parser = ["member", "manager"])]
        role: String,
    },
    /// Remove a member from a group
    Remove {
        /// The name of the group
        group: String,
        /// The member's name, in any case
        user: String,
    },
    /// Add tokens to the balance of a group, or subtract them if the number is negative
    Grant {
        /// The name of the group
        group: String,
        /// The amount
        #[arg(allow_negative_numbers = true)]
        tokens: i64,
        /// The reason, which managers of the group can read
        #[arg(long)]
        reason: String,
    },
}

pub(super) async fn run(app: &App, args: Args) -> Result<(), Error> {
    let (actor, json) = (Actor::CommandLine, args.json);
    group::ensure_default(app).await?;
    match args.command {
        Command::List => list(app, json).await,
        Command::Create { name, description } => {
            let created = group::create(app, actor, GroupInput { name, description }).await?;
            report(app, &created, "created", json).await
        }
        Command::Update { group, name, description } => {
            let id = find(app, &group).await?.id;
            let changed = group::update(app, actor, id, GroupUpdate { name, description }).await?;
            report(app, &changed, "changed", json).await
        }
        Command::Delete { group } => {
            let found = find(app, &group).await?;
            let rest = ledger::balance(&app.db, found.id).await?.total();
            group::delete(app, actor, found.id).await?;
            output::print(&format!("deleted {}, and wrote off {rest} tokens\n", output::plain(&found.name)))
        }
        Command::Members { group } => members(app, &find(app, &group).await?, json).await,
        Command::Add { group, users, manager } => {
            let found = find(app, &group).await?;
            let mut ids = Vec::with_capacity(users.len());
            for user in &users {
                ids.push(named(app, user).await?.id);
            }
            let role = if manager { Role::Manager } else { Role::Member };
            let added = group::add_members(app, actor, found.id, ids, role).await?;
            report(app, &found, &format!("{} added to", output::count(added as u64, "member")), json).await
        }
        Command::SetRole { group, user, role } => {
            let (found, user) = (find(app, &group).await?, named(app, &user).await?);
            let wanted = if role == "manager" { Role::Manager } else { Role::Member };
            group::set_role(app, actor, found.id, user.id, wanted).await?;
            report(app, &found, &format!("{} is a {role} of", output::plain(&user.username)), json).await
        }
        Command::Remove { group, user } => {
            let (found, user) = (find(app, &group).await?, named(app, &user).await?);
            group::remove_member(app, actor, found.id, user.id).await?;
            report(app, &found, &format!("{} is no longer a member of", output::plain(&user.username)), json).await
        }
        Command::Grant { group, tokens, reason } => {
            let found = find(app, &group).await?;
            let amount = Tokens(tokens);
            let adjustment = GroupAdjustment { group_id: found.id, amount, reason, idempotency_key: None };
            group::adjust(app, actor, adjustment).await?;
            report(app, &found, "granted to", json).await
        }
    }
}

async fn list(app: &App, json: bool) -> Result<(), Error> {
    let (mut groups, mut older_than) = (Vec::new(), None);
    loop {
        let page = group::all(app, Actor::CommandLine, PageRequest::newest(BATCH, older_than)).await?;
        older_than = page.rows.last().map(|group| group.id.0);
        groups.extend(page.rows);
        if !page.has_next {
            break;
        }
    }
    let ids: Vec<_> = groups.iter().map(|group| group.id).collect();
    let balances = ledger::balances_of_groups(&app.db, &ids).await?;
    let members = group::members_counted(app, &ids).await?;
    let groups = groups.iter().filter_map(|group| Some((group, *balances.get(&group.id)?)));
    let count = |group: &Model| members.get(&group.id).copied().unwrap_or(0);
    if json {
        return output::print_json(&groups.map(|(group, balance)| as_json(group, balance)).collect());
    }
    let rows: Vec<_> = groups
        .map(|(group, balance)| {
            let members = if group.is_default { "everyone".to_owned() } else { count(group).to_string() };
            let (tokens, held) = (balance.tokens.to_string(), balance.held.to_string());
            vec![group.id.to_string(), output::plain(&group.name), members, tokens, held]
        })
        .collect();
    output::print(&output::table(&["ID", "NAME", "MEMBERS", "TOKENS", "HELD"], &rows))
}

async fn members(app: &App, found: &Model, json: bool) -> Result<(), Error> {
    let (mut rows, mut older_than) = (Vec::new(), None);
    loop {
        let page = group::members(app, found.id, PageRequest::newest(BATCH, older_than)).await?;
        older_than = page.rows.last().map(|member| member.id);
        let ids: Vec<_> = page.rows.iter().map(|member| member.user_id).collect();
        let users = admin::by_ids(app, &ids).await?;
        let names: HashMap<_, _> = users.into_iter().map(|user| (user.id, user.username)).collect();
        rows.extend(page.rows.iter().filter_map(|member| {
            let role = if member.role == Role::Manager { "manager" } else { "member" };
            Some((names.get(&member.user_id)?.clone(), role, member.created_at))
        }));
        if !page.has_next {
            break;
        }
    }
    if json {
        let rows = rows.iter().map(|(name, role, at)| json!({ "username": name, "role": role, "created_at": at }));
        return output::print_json(&rows.collect());
    }
    let rows: Vec<_> = rows
        .iter()
        .map(|(name, role, at)| vec![output::plain(name), (*role).to_owned(), at.format("%Y-%m-%d").to_string()])
        .collect();
    output::print(&output::table(&["NAME", "ROLE", "SINCE"], &rows))
}

/// Returns the group of this name.
pub(super) async fn find(app: &App, name: &str) -> Result<Model, Error> {
    let found = group::find_by_name(app, Actor::CommandLine, name).await?;
    found.ok_or_else(|| Error::new(Code::NotFound, format!("there is no group named {}", output::plain(name))))
}

async fn report(app: &App, group: &Model, done: &str, json: bool) -> Result<(), Error> {
    let balance = ledger::balance(&app.db, group.id).await?;
    if json {
        return output::print_json(&as_json(group, balance));
    }
    output::print(&format!("{done} {}, which has {} tokens\n", output::plain(&group.name), balance.tokens))
}

/// Returns the group as JSON: the GraphQL API's field names in snake case.
fn as_json(group: &Model, balance: Balance) -> Value {
    json!({
        "id": group.id,
        "name": group.name,
        "description": group.description,
        "is_default": group.is_default,
        "tokens": balance.tokens,
        "held": balance.held,
        "created_at": group.created_at,
    })
}
