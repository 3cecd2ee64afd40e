//! `jeton signing-key`: manages the signing keys of access and refresh tokens. A rotation also
//! encrypts the API keys of providers and the secrets of webhooks again, under the new key.

use chrono::{DateTime, Utc};
use clap::Subcommand;

use super::{bring_up_to_date, connect, output};
use crate::core::clock::Clock;
use crate::core::error::Error;
use crate::core::random::Random;
use crate::domain::{catalog, webhook};
use crate::infra::catalog::Models;
use crate::infra::config::Config;
use crate::infra::secrets::{self, RotationResult, Secrets};

/// Subcommands of `jeton signing-key`.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Sign with a new key. Tokens of the previous key stay valid until they expire; API keys stay valid. Running
    /// servers load the new key within seconds
    Rotate {
        /// Revoke the previous key, which has leaked: its tokens become invalid, and all users must log in again
        #[arg(long)]
        revoke: bool,
    },
    /// List the keys by key ID (`kid`), without their secrets
    List,
}

pub(super) async fn run(config: &Config, command: Command) -> Result<(), Error> {
    let (random, now) = (Random::system(), Clock::system().now());
    match command {
        Command::Rotate { revoke } => {
            let rotated = rotate(config, now, revoke).await?;
            let mut text = format!("{} is the signing key now\n", rotated.signs);
            for (id, until) in &rotated.retired {
                text.push_str(&format!("tokens of {id} are valid until {}\n", until.format("%F %T UTC")));
            }
            if revoke {
                text.push_str("tokens of earlier keys are no longer valid\n");
            }
            output::print(&text)
        }
        Command::List => {
            let keys = Secrets::open(config, &random)?.signing;
            let lines = keys.iter().enumerate().map(|(at, key)| match key.until {
                Some(until) if until <= now => {
                    format!("{} hashes API keys, or decrypts those of providers; its tokens have expired\n", key.id)
                }
                Some(until) => format!("{} valid until {}\n", key.id, until.format("%F %T UTC")),
                None if at == 0 => format!("{} signs\n", key.id),
                None => format!("{} valid while it is configured\n", key.id),
            });
            output::print(&lines.collect::<String>())
        }
    }
}

/// Rotates the signing key, and encrypts the API keys of providers under the new one. The order makes it safe to kill: the
/// previous key stays in the file, until no API key is encrypted under it.
async fn rotate(config: &Config, now: DateTime<Utc>, revoke: bool) -> Result<RotationResult, Error> {
    if secrets::file(config).is_none() {
        // An error that says what to do instead.
        return secrets::rotate(config, &Random::system(), now, revoke, &[]);
    }
    let app = connect(config.clone(), Models::none()).await?;
    bring_up_to_date(&app).await?;
    let mut in_use = catalog::secrets_in_use(&app).await?;
    in_use.extend(webhook::secrets_in_use(&app).await?);
    let rotated = secrets::rotate(config, &app.random, now, revoke, &in_use)?;
    app.reload_keys().await;
    catalog::refresh(&app).await?;
    catalog::reencrypt(&app).await?;
    webhook::reencrypt(&app).await?;
    app.bus.sent().await;
    Ok(rotated)
}
