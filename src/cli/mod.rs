//! The command line of operators. A command parses its arguments, calls the domain as [`Actor::CommandLine`], and
//! prints; it holds no rules of the domain.
//!
//! Results go to standard output, so that they can be piped; the log, prompts and errors go to standard error. A
//! command may run while the server does.
//!
//! [`Actor::CommandLine`]: crate::core::viewer::Actor::CommandLine

mod api_key;
mod backup;
mod banner;
mod checkpoint;
mod config;
mod create_superuser;
mod explain;
mod group;
mod health;
mod import_django;
mod in_force;
mod model;
mod output;
mod password;
mod price_list;
mod progress;
mod provider;
mod receipt;
mod retention;
mod serve;
mod signing_key;
mod transfer;
mod user;
mod verify;
mod webhook;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::explain::explain;
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::domain::{catalog, webhook as webhooks};
use crate::infra::catalog::Models;
use crate::infra::config::Config;
use crate::infra::telemetry;

/// A self-hosted AI chat server that meters every message against a prepaid token balance.
#[derive(Debug, Parser)]
#[command(name = "jeton", version, arg_required_else_help = true)]
pub struct Cli {
    /// The configuration file [default: jeton.toml, if it exists]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until SIGINT or SIGTERM
    Serve,
    /// Apply pending migrations to the database schema
    Migrate,
    /// Create the first superuser
    #[command(name = "createsuperuser", alias = "createsuperuser_custom")]
    CreateSuperuser(create_superuser::Args),
    /// Manage users
    User(user::Args),
    /// Manage groups, their members and balances
    Group(group::Args),
    /// Manage API keys
    ApiKey(api_key::Args),
    /// Connect providers of models, which running servers then use
    Provider(provider::Args),
    /// Manage the models of the database, and their prices
    Model(model::Args),
    /// Manage webhooks, which receive events
    Webhook(webhook::Args),
    /// Manage the signing keys of access and refresh tokens
    #[command(subcommand)]
    SigningKey(signing_key::Command),
    /// Check that every balance agrees with the ledger, and that no entry was changed or removed; exit code 1 if not
    Verify(verify::Args),
    /// Print the receipt of a chat, which `verify --receipt` checks without the database
    Receipt(receipt::Args),
    /// Print a signed checkpoint of all balances' ledgers, which `verify --checkpoint` compares with later ones
    Checkpoint(checkpoint::Args),
    /// Remove data whose retention period has passed, or report what would be removed
    Retention(retention::Args),
    /// Check whether a running server is ready; exit code 1 if it is not
    Health(health::Args),
    /// Import users and chats of the Django application; a repeated import adds only new rows
    ImportDjango(import_django::Args),
    /// Copy all data into another, empty database: SQLite or PostgreSQL
    Copy(transfer::CopyArgs),
    /// Export all data as JSON Lines
    Export(transfer::ExportArgs),
    /// Import the output of `export` into an empty database
    Import(transfer::ImportArgs),
    /// Back up the SQLite database into a new file; the server may be running
    Backup(backup::BackupArgs),
    /// Restore the SQLite database from a backup
    Restore(backup::RestoreArgs),
    /// Print the GraphQL schema
    Schema,
    /// Show or check the configuration
    #[command(subcommand)]
    Config(config::Command),
}

/// Runs a command on a runtime of its own. Returns a failing exit code also if the command itself succeeded but found a
/// problem.
///
/// The runtime is here and not in the binary: what it runs would be compiled there, after the library and on one core.
///
/// # Errors
/// A message for people.
pub fn run_blocking(cli: Cli) -> Result<ExitCode, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start the runtime: {error}"))?;
    runtime.block_on(run(cli)).map_err(|error| explain(&error))
}

/// Runs a command. Returns a failing exit code also if the command itself succeeded but found a problem.
///
/// # Errors
/// Any error of the command, for [`explain()`] to render.
async fn run(cli: Cli) -> Result<ExitCode, Error> {
    let file = cli.config.as_deref();
    match cli.command {
        Command::Serve => serve::run(file).await?,
        Command::Migrate => migrate(file).await?,
        Command::CreateSuperuser(args) => create_superuser::run(&open(file).await?, args).await?,
        Command::User(args) => {
            let app = open(file).await?;
            user::run(&app, args).await?;
            // Running servers receive the change now, if they share a bus.
            app.bus.sent().await;
        }
        Command::Group(args) => group::run(&open(file).await?, args).await?,
        Command::ApiKey(args) => {
            let app = open(file).await?;
            // A key may be limited to models of the database.
            catalog::refresh(&app).await?;
            api_key::run(&app, args).await?;
        }
        Command::Provider(args) => {
            let app = open(file).await?;
            provider::run(&app, args).await?;
            app.bus.sent().await;
        }
        Command::Model(args) => {
            let app = open(file).await?;
            model::run(&app, args).await?;
            app.bus.sent().await;
        }
        Command::Webhook(args) => webhook::run(&open(file).await?, args).await?,
        Command::SigningKey(command) => signing_key::run(&load_quietly(file)?, command).await?,
        Command::Verify(args) if args.is_offline() => return verify::run_offline(&args),
        Command::Verify(args) => return verify::run(&open(file).await?, args).await,
        Command::Receipt(args) => receipt::run(&open(file).await?, args).await?,
        Command::Checkpoint(args) => checkpoint::run(&open(file).await?, args).await?,
        Command::Retention(args) => retention::run(&open(file).await?, args).await?,
        Command::Health(args) => health::run(&load_quietly(file)?, args).await?,
        Command::ImportDjango(args) => import_django::run(&open(file).await?, args).await?,
        Command::Copy(args) => return transfer::copy(&load_quietly(file)?, args).await,
        Command::Export(args) => transfer::export(&open(file).await?, args).await?,
        Command::Import(args) => transfer::import(&load_quietly(file)?, args).await?,
        // Without migrating: a backup before an upgrade has the old schema.
        Command::Backup(args) => backup::backup(&connect(load_quietly(file)?, Models::none()).await?, args).await?,
        Command::Restore(args) => backup::restore(&load_quietly(file)?, args).await?,
        Command::Schema => output::print(&crate::api::graphql::sdl())?,
        Command::Config(command) => config::run(file, command).await?,
    }
    Ok(ExitCode::SUCCESS)
}

fn load(file: Option<&Path>) -> Result<Config, Error> {
    Config::load(file).map_err(|error| Error::new(Code::InvalidInput, format!("configuration: {error}")))
}

/// Opens the application for a command that may run concurrently with the server: without models, and with a quiet log.
/// Operators also run commands before the first `serve`, so pending migrations are applied.
async fn open(file: Option<&Path>) -> Result<App, Error> {
    let config = load_quietly(file)?;
    let app = connect(config, Models::none()).await?;
    bring_up_to_date(&app).await?;
    // What a command does may be an event.
    webhooks::refresh(&app).await?;
    Ok(app)
}

/// Loads the configuration with a log that leaves the terminal to the command: warnings only, unless configured
/// otherwise.
fn load_quietly(file: Option<&Path>) -> Result<Config, Error> {
    let mut config = load(file)?;
    if Config::from_toml("").is_ok_and(|default| default.log.filter == config.log.filter) {
        config.log.filter = "warn".to_owned();
    }
    telemetry::start(&config.log)?;
    Ok(config)
}

async fn connect(config: Config, models: Models) -> Result<App, Error> {
    let place = format!("{} (data directory {})", config.shown_database_url(), config.data.dir.display());
    App::open(config, models)
        .await
        .map_err(|error| Error::new(error.code, format!("cannot open {place}")).with_source(error))
}

async fn bring_up_to_date(app: &App) -> Result<(), Error> {
    let failed = |error: Error| Error::new(error.code, "cannot bring the schema up to date").with_source(error);
    if app.config().database.migrate {
        app.db.migrate().await.map_err(failed)?;
    } else if !app.db.is_migrated().await? {
        let message = "the database's schema is not up to date; run `jeton migrate` first (database.migrate is false)";
        return Err(Error::new(Code::Conflict, message));
    }
    crate::transfer::check_complete(&app.db).await
}

async fn migrate(file: Option<&Path>) -> Result<(), Error> {
    let app = connect(load_quietly(file)?, Models::none()).await?;
    app.db.migrate().await?;
    output::print(&format!("{} is up to date: {}\n", app.db.name(), app.config().shown_database_url()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
