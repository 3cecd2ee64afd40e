//! `jeton api-key`: manages API keys.

use chrono::{DateTime, NaiveDate, Utc};
use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use serde_json::{Value, json};

use super::output;
use super::user::named;
use crate::app::App;
use crate::core::error::Error;
use crate::core::pagination::PageRequest;
use crate::core::tokens::Tokens;
use crate::core::viewer::{Actor, Scope};
use crate::domain::session::api_key::{self, ApiKeyFilter, NewApiKey, SpendingLimits};
use crate::infra::entity::api_key::{AllowedModels, Model};

/// Keys per page that a listing reads.
const BATCH: u64 = 1000;

/// Arguments of `jeton api-key`.
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
    /// Create a key for a user; the key is shown only once
    Create {
        /// The user's name, in any case
        user: String,
        /// The name of the key
        #[arg(long)]
        name: String,
        /// A scope of the key; can be repeated [default: completions]
        #[arg(long, value_parser = PossibleValuesParser::new(Scope::ALL.map(Scope::name)))]
        scope: Vec<String>,
        /// A model that the key may use; can be repeated [default: all]
        #[arg(long)]
        model: Vec<String>,
        /// The last day on which the key is valid (UTC), such as 2026-12-31 [default: it does not expire]
        #[arg(long, value_name = "DATE")]
        until: Option<NaiveDate>,
        /// The name of the group that pays [default: the user's own choice]
        #[arg(long, value_name = "GROUP")]
        payer: Option<String>,
        /// Spending limit in total
        #[arg(long, value_name = "TOKENS")]
        limit: Option<i64>,
        /// Spending limit for each day (UTC)
        #[arg(long, value_name = "TOKENS")]
        daily: Option<i64>,
        /// Spending limit for each month (UTC)
        #[arg(long, value_name = "TOKENS")]
        monthly: Option<i64>,
    },
    /// List keys, newest first
    List {
        /// Only keys of this user
        user: Option<String>,
        /// Only keys whose name contains this text, or whose prefix starts with it
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
    },
    /// Revoke a key immediately
    Revoke {
        /// The prefix of the key, as `list` shows it
        prefix: String,
    },
}

pub(super) async fn run(app: &App, args: Args) -> Result<(), Error> {
    let json = args.json;
    match args.command {
        Command::Create { user, name, scope, model, until, payer, limit, daily, monthly } => {
            let user = named(app, &user).await?;
            let payer = match payer {
                Some(payer) => Some(super::group::find(app, &payer).await?.id),
                None => None,
            };
            let new = NewApiKey {
                name,
                payer,
                scopes: Scope::ALL.into_iter().filter(|known| scope.iter().any(|name| name == known.name())).collect(),
                models: (!model.is_empty()).then_some(model),
                expires_at: until.map(end_of),
                limits: SpendingLimits {
                    total: limit.map(Tokens),
                    per_day: daily.map(Tokens),
                    per_month: monthly.map(Tokens),
                },
            };
            let (key, secret) = api_key::create_for(app, user.id, new).await?;
            if json {
                let mut value = as_json(&key);
                if let Some(fields) = value.as_object_mut() {
                    fields.insert("secret".to_owned(), json!(secret));
                }
                return output::print_json(&value);
            }
            output::print(&format!("the key of {} (shown only now): {secret}\n", output::plain(&user.username)))
        }
        Command::List { user, search } => list(app, user, search, json).await,
        Command::Revoke { prefix } => {
            let key = api_key::revoke_by_prefix(app, &prefix).await?;
            if json {
                return output::print_json(&as_json(&key));
            }
            output::print(&format!("revoked {} ({})\n", output::plain(&key.prefix), output::plain(&key.name)))
        }
    }
}

/// Returns the end of a day: midnight (UTC) after it.
fn end_of(day: NaiveDate) -> DateTime<Utc> {
    let next = day.succ_opt().unwrap_or(day);
    DateTime::from_naive_utc_and_offset(next.into(), Utc)
}

async fn list(app: &App, user: Option<String>, search: Option<String>, json: bool) -> Result<(), Error> {
    let user_id = match user {
        Some(name) => Some(named(app, &name).await?.id),
        None => None,
    };
    let (mut keys, mut older_than) = (Vec::new(), None);
    loop {
        let filter = ApiKeyFilter { user_id, search: search.clone() };
        let slice = api_key::all(app, Actor::CommandLine, filter, PageRequest::newest(BATCH, older_than)).await?;
        older_than = slice.rows.last().map(|key| key.id.0);
        keys.extend(slice.rows);
        if !slice.has_next {
            break;
        }
    }
    if json {
        return output::print_json(&keys.iter().map(as_json).collect());
    }
    let now = app.clock.now();
    let limit = |limit: Option<Tokens>| limit.map_or_else(|| "-".to_owned(), |limit| limit.to_string());
    let rows: Vec<_> = keys
        .iter()
        .map(|key| {
            vec![
                key.prefix.clone(),
                key.user_id.to_string(),
                output::plain(&key.name),
                key.scopes.to_string(),
                if key.is_valid(now) { "active" } else { "inactive" }.to_owned(),
                key.spent.to_string(),
                limit(key.total_limit),
                limit(key.daily_limit),
                limit(key.monthly_limit),
                key.last_used_at.map_or_else(|| "never".to_owned(), |at| at.format("%Y-%m-%d %H:%M").to_string()),
            ]
        })
        .collect();
    let titles = ["KEY", "USER", "NAME", "SCOPES", "STATE", "SPENT", "LIMIT", "DAILY", "MONTHLY", "LAST USED"];
    output::print(&output::table(&titles, &rows))
}

/// Returns the key as JSON, without its secret.
fn as_json(key: &Model) -> Value {
    json!({
        "id": key.id,
        "prefix": key.prefix,
        "user_id": key.user_id,
        "name": key.name,
        "scopes": key.scopes.iter().map(Scope::name).collect::<Vec<_>>(),
        "models": key.models.as_ref().map(AllowedModels::names),
        "spent": key.spent,
        "held": key.held,
        "total_limit": key.total_limit,
        "daily_limit": key.daily_limit,
        "monthly_limit": key.monthly_limit,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
    })
}
