//! `jeton provider`: manages the providers of the database. A key comes from standard input or from a variable of the
//! environment, and never from an argument, which other users of the machine could read.

use std::io::Read;
use std::time::Duration;

use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use sea_orm::{ActiveEnum, Iterable};
use secrecy::SecretString;
use serde_json::json;

use super::output;
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::ids::ProviderId;
use crate::core::viewer::Actor;
use crate::domain::catalog::{self, NewProvider, ProviderUpdate};
use crate::infra::ai::upstream::Timeouts;
use crate::infra::entity::provider::{Header, Kind, Model};

/// Maximum size of a key on standard input, in bytes.
const MAX_KEY_BYTES: u64 = 64 << 10;

/// Arguments of `jeton provider`.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

/// Source of the key
#[derive(Debug, clap::Args)]
#[group(skip)]
struct KeyArgs {
    /// Read the API key from standard input, which must contain nothing else
    #[arg(long, conflicts_with = "key_env")]
    key_stdin: bool,
    /// Read the API key from this variable of the environment
    #[arg(long, value_name = "VARIABLE")]
    key_env: Option<String>,
}

/// The timeouts
#[derive(Debug, clap::Args)]
#[group(skip)]
struct TimeoutArgs {
    /// The timeout of connecting [default: 10]
    #[arg(long, value_name = "SECONDS")]
    connect_timeout: Option<u32>,
    /// The timeout from a request to the first byte of its response [default: that of the turn]
    #[arg(long, value_name = "SECONDS")]
    first_byte_timeout: Option<u32>,
    /// The timeout between two parts of a response [default: that of the turn]
    #[arg(long, value_name = "SECONDS")]
    idle_timeout: Option<u32>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the providers of the database
    List,
    /// Connect a provider
    Add {
        /// The unique name
        name: String,
        /// The protocol
        #[arg(long, value_parser = PossibleValuesParser::new(["openai", "responses", "anthropic", "gemini", "ollama"]))]
        kind: String,
        /// The base URL [default: that of the official service]
        #[arg(long)]
        base_url: Option<String>,
        /// A further header of each request, as `NAME: VALUE`; can be repeated
        #[arg(long)]
        header: Vec<String>,
        #[command(flatten)]
        timeouts: TimeoutArgs,
        #[command(flatten)]
        key: KeyArgs,
    },
    /// Set or remove the API key of a provider
    SetKey {
        /// The name of the provider
        name: String,
        #[command(flatten)]
        key: KeyArgs,
        /// Remove the key: none is sent
        #[arg(long, conflicts_with_all = ["key_stdin", "key_env"])]
        remove: bool,
    },
    /// Test the connection of a provider; fails if a step fails
    Test {
        /// The name of the provider
        name: String,
        /// The provider's name of a model that is to reply with a few model tokens
        #[arg(long)]
        model: Option<String>,
    },
    /// Remove a provider that no model uses, and its API key
    Remove {
        /// The name of the provider
        name: String,
    },
}

pub(super) async fn run(app: &App, args: Args) -> Result<(), Error> {
    catalog::refresh(app).await?;
    let actor = Actor::CommandLine;
    match args.command {
        Command::List => list(app, args.json),
        Command::Add { name, kind, base_url, header, timeouts, key } => {
            let kind = Kind::iter().find(|known| known.to_value() == kind);
            let kind = kind.ok_or_else(|| Error::field("kind", "There is no such kind."))?;
            let headers = header.iter().map(|header| parse_header(header)).collect::<Result<_, _>>()?;
            let key = key.read()?;
            let new = NewProvider {
                name,
                kind,
                base_url,
                key,
                headers,
                max_retries: None,
                circuit_cooldown: None,
                timeouts: timeouts.timeouts(),
            };
            let created = catalog::create_provider(app, actor, new).await?;
            told(&created, "connected", args.json)
        }
        Command::SetKey { name, key, remove } => {
            let key = key.read()?;
            if key.is_none() && !remove {
                return Err(Error::field("key", "Name the source of the key: --key-stdin, --key-env, or --remove."));
            }
            let update = ProviderUpdate { key: Some(key), ..ProviderUpdate::default() };
            let changed = catalog::update_provider(app, actor, named(app, &name)?, update).await?;
            told(&changed, "key set:", args.json)
        }
        Command::Test { name, model } => test(app, &name, model.as_deref(), args.json).await,
        Command::Remove { name } => {
            catalog::delete_provider(app, actor, named(app, &name)?).await?;
            output::print(&format!("removed {}\n", output::plain(&name)))
        }
    }
}

/// Returns the id of a provider.
///
/// # Errors
/// NOT_FOUND without such a provider.
pub(super) fn named(app: &App, name: &str) -> Result<ProviderId, Error> {
    let found = app.models().providers().find(|provider| provider.row.name == name).map(|provider| provider.row.id);
    found.ok_or_else(|| Error::not_found("provider"))
}

fn list(app: &App, json: bool) -> Result<(), Error> {
    let models = app.models();
    if json {
        return output::print_json(&models.providers().map(|provider| as_json(&provider.row)).collect());
    }
    let row = |provider: &std::sync::Arc<crate::infra::catalog::ConnectedProvider>| {
        let row = &provider.row;
        let key = match (&provider.key, &row.key_last_four) {
            (Err(_), _) => "can't be decrypted".to_owned(),
            (Ok(None), _) => "none".to_owned(),
            (Ok(Some(_)), last) => format!("..{}", last.as_deref().unwrap_or_default()),
        };
        vec![row.name.clone(), row.kind.to_value(), row.base_url.clone(), key]
    };
    let rows: Vec<_> = models.providers().map(row).collect();
    output::print(&output::table(&["name", "kind", "address", "key"], &rows))
}

async fn test(app: &App, name: &str, model: Option<&str>, json: bool) -> Result<(), Error> {
    let steps = catalog::test_provider(app, Actor::CommandLine, named(app, name)?, model).await?;
    if json {
        let step = |step: &crate::infra::ai::upstream::probe::TestStep| {
            json!({
                "step": format!("{:?}", step.kind).to_lowercase(),
                "succeeded": step.succeeded,
                "message": step.message,
                "milliseconds": u64::try_from(step.duration.as_millis()).unwrap_or(u64::MAX),
            })
        };
        output::print_json(&steps.iter().map(step).collect())?;
    } else {
        let line = |step: &crate::infra::ai::upstream::probe::TestStep| {
            format!("{} {}\n", if step.succeeded { "ok    " } else { "failed" }, output::plain(&step.message))
        };
        output::print(&steps.iter().map(line).collect::<String>())?;
    }
    match steps.iter().all(|step| step.succeeded) {
        true => Ok(()),
        false => Err(Error::new(Code::ProviderUnavailable, "The test failed.")),
    }
}

fn told(row: &Model, what: &str, json: bool) -> Result<(), Error> {
    if json {
        return output::print_json(&as_json(row));
    }
    output::print(&format!("{what} {} ({})\n", output::plain(&row.name), output::plain(&row.base_url)))
}

fn as_json(row: &Model) -> serde_json::Value {
    json!({
        "name": row.name,
        "kind": row.kind,
        "base_url": row.base_url,
        "key_last_four": row.key_last_four,
        "key_set_at": row.key_set_at,
        "headers": row.headers(),
        "connect_timeout_ms": row.connect_timeout_ms,
        "first_byte_timeout_ms": row.first_byte_timeout_ms,
        "idle_timeout_ms": row.idle_timeout_ms,
    })
}

fn parse_header(text: &str) -> Result<Header, Error> {
    let parts = text.split_once(':');
    let (name, value) = parts.ok_or_else(|| Error::field("headers", "A header is written `NAME: VALUE`."))?;
    Ok(Header { name: name.trim().to_owned(), value: value.trim().to_owned() })
}

impl TimeoutArgs {
    fn timeouts(&self) -> Timeouts {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        Timeouts {
            connect: self.connect_timeout.map(seconds),
            first_byte: self.first_byte_timeout.map(seconds),
            idle: self.idle_timeout.map(seconds),
        }
    }
}

impl KeyArgs {
    /// Reads the key; `None` if no source is named.
    fn read(&self) -> Result<Option<SecretString>, Error> {
        if let Some(name) = &self.key_env {
            #[expect(clippy::disallowed_methods, reason = "the operator names the variable, so it is read here")]
            let value = std::env::var(name);
            let missing = |_| Error::field("key", format!("The environment variable {name} is not set."));
            return value.map(|key| Some(key.into())).map_err(missing);
        }
        if !self.key_stdin {
            return Ok(None);
        }
        let mut key = String::new();
        let read = std::io::stdin().take(MAX_KEY_BYTES).read_to_string(&mut key);
        read.map_err(|error| {
            Error::new(Code::InvalidInput, "cannot read the key from standard input").with_source(error)
        })?;
        Ok(Some(key.into()))
    }
}
