//! `jeton config`: prints the default or the effective configuration, checks it, and has a running server reload it.

use std::path::Path;

use clap::Subcommand;

use super::{in_force, load, output};
use crate::core::error::{Code, Error};
use crate::domain::reload::Reloaded;
use crate::infra::config::{Config, DEFAULT, Provider};
use crate::infra::telemetry;
use crate::server::control;

/// Subcommands of `jeton config`.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print the default configuration, which explains every key
    Default,
    /// Print the effective configuration without secrets, where each value comes from (defaults, file or environment), and
    /// the models and providers in force
    Show,
    /// Check that `serve` would accept the configuration
    Check,
    /// Have the running server on this machine read its file again; exit code 1 if the file has an error
    Reload,
}

pub(super) async fn run(file: Option<&Path>, command: Command) -> Result<(), Error> {
    match command {
        Command::Default => output::print(DEFAULT),
        Command::Show => {
            let invalid = |error| Error::new(Code::InvalidInput, format!("configuration: {error}"));
            let shown = Config::load_and_show(file).map_err(invalid)?;
            output::print(&format!("{shown}{}", in_force::text(load(file)?).await))
        }
        Command::Check => output::print(&check(file, &load(file)?)?),
        Command::Reload => output::print(&reload(&load(file)?).await?),
    }
}

/// Has the server of this configuration reload it. Returns the report.
async fn reload(config: &Config) -> Result<String, Error> {
    let Reloaded { applied, needs_restart } = control::request_reload(config).await?;
    let mut text = String::new();
    for key in &applied {
        text.push_str(&format!("applied: {key}\n"));
    }
    for key in &needs_restart {
        text.push_str(&format!("needs a restart: {key}\n"));
    }
    if text.is_empty() {
        text.push_str("nothing has changed\n");
    }
    Ok(text)
}

/// Checks what loading does not, since it needs more than the configuration itself: the log filter, the upstreams' API
/// keys and the model files. Returns the report.
fn check(file: Option<&Path>, config: &Config) -> Result<String, Error> {
    telemetry::filter(&config.log)?;
    let mut text = String::new();
    for (name, model) in &config.models {
        for upstream in model.all_upstreams() {
            let explain = |error: Error| Error::new(Code::InvalidInput, format!("models.{name}: {}", error.message));
            upstream.api_key().map_err(explain)?;
        }
        if let Some(path) = model.path.as_deref().filter(|path| model.provider == Provider::Local && !path.exists()) {
            text.push_str(&format!("models.{name}: the file {} is missing\n", output::path(path)));
        }
    }
    let from = match file {
        Some(file) => format!("{}, the environment", output::path(file)),
        None if Path::new("jeton.toml").is_file() => "jeton.toml, the environment".to_owned(),
        None => "no file, the environment".to_owned(),
    };
    text.push_str(&format!("the configuration is valid (defaults, {from})\n"));
    Ok(text)
}
