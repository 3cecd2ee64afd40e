//! `jeton signing-key`: the keys that access and refresh tokens are signed with. They need no database.

use clap::Subcommand;

use super::output;
use crate::core::clock::Clock;
use crate::core::error::Error;
use crate::core::random::Random;
use crate::infra::config::Config;
use crate::infra::secrets::{self, Secrets};

/// Which command.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Sign with a new key. Tokens of the one before are good until they end; API keys stay good. Servers that run take
    /// it up within seconds
    Rotate {
        /// The key before has leaked: its tokens are good no longer, and everybody logs in again
        #[arg(long)]
        revoke: bool,
    },
    /// List the keys by the names that tokens carry (`kid`), without what is secret of them
    List,
}

pub(super) fn run(config: &Config, command: Command) -> Result<(), Error> {
    let (random, now) = (Random::system(), Clock::system().now());
    match command {
        Command::Rotate { revoke } => {
            let rotated = secrets::rotate(config, &random, now, revoke)?;
            let mut text = format!("{} signs from now on\n", rotated.signs);
            for (id, until) in &rotated.retired {
                text.push_str(&format!("tokens of {id} are good until {}\n", until.format("%F %T UTC")));
            }
            if revoke {
                text.push_str("tokens from before are good no longer\n");
            }
            output::print(&text)
        }
        Command::List => {
            let keys = Secrets::open(config, &random)?.signing;
            let lines = keys.iter().enumerate().map(|(at, key)| match key.until {
                Some(until) if until <= now => format!("{} hashes API keys; no token of it is good\n", key.id),
                Some(until) => format!("{} good until {}\n", key.id, until.format("%F %T UTC")),
                None if at == 0 => format!("{} signs\n", key.id),
                None => format!("{} good while it is configured\n", key.id),
            });
            output::print(&lines.collect::<String>())
        }
    }
}
