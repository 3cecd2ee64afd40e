//! The command line of `jeton user`.

use clap::Subcommand;
use clap::builder::RangedI64ValueParser;

use crate::cli::password;
use crate::core::tokens::Tokens;

/// Arguments of `jeton user`.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(in crate::cli) struct Args {
    /// Print JSON
    #[arg(long, global = true)]
    pub(super) json: bool,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List users, newest first
    List {
        /// Only usernames that contain this text (case-insensitive)
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        /// Only staff members
        #[arg(long)]
        staff: bool,
        /// Only inactive users, who cannot log in
        #[arg(long)]
        inactive: bool,
    },
    /// Show one user
    Show {
        /// The user's name, in any case
        name: String,
    },
    /// Create a user, whether or not registration is open
    Create {
        /// The username: 1 to 50 letters, digits and signs _ . @ + -
        name: String,
        /// The initial balance [default: ledger.signup_grant]
        #[arg(long, allow_negative_numbers = true, value_parser = balance())]
        tokens: Option<i64>,
        /// Make the user a staff member, who sees all users and their chats, manages plain users and adjusts their balances
        #[arg(long)]
        staff: bool,
        /// Make the user a superuser, who may do everything
        #[arg(long)]
        superuser: bool,
        #[command(flatten)]
        password: password::Args,
    },
    /// Activate a user, who can log in again
    Activate {
        /// The user's name, in any case
        name: String,
    },
    /// Deactivate a user: revoke all sessions and reject log-ins
    Deactivate {
        /// The user's name, in any case
        name: String,
    },
    /// Set a user's password, and revoke all sessions
    SetPassword {
        /// The user's name, in any case
        name: String,
        #[command(flatten)]
        password: password::Args,
    },
    /// Set a user's available balance
    SetBalance {
        /// The user's name, in any case
        name: String,
        /// The new available balance; holds of open chats are not affected
        #[arg(allow_negative_numbers = true, value_parser = balance())]
        tokens: i64,
        /// The reason, for the ledger
        #[arg(long, default_value = "set on the command line")]
        reason: String,
    },
    /// Add tokens to a user's balance, or deduct some (-100)
    Grant {
        /// The user's name, in any case
        name: String,
        /// The number of tokens
        #[arg(allow_negative_numbers = true)]
        tokens: i64,
        /// The reason, for the ledger
        #[arg(long, default_value = "granted on the command line")]
        reason: String,
    },
    /// Make a user a superuser
    Promote {
        /// The user's name, in any case
        name: String,
        /// Make the user a staff member only, who sees all users and their chats, manages plain users and adjusts their balances
        #[arg(long)]
        staff: bool,
    },
    /// Make a superuser or staff member a plain user
    Demote {
        /// The user's name, in any case
        name: String,
    },
    /// Delete a user with all chats and sessions. The ledger keeps its entries
    Delete {
        /// The user's name, in any case
        name: String,
        /// Do not ask for confirmation
        #[arg(long)]
        yes: bool,
    },
}

/// Returns clap's parser of a balance: 0 to [`Tokens::MAX_BALANCE`].
pub(in crate::cli) fn balance() -> RangedI64ValueParser<i64> {
    clap::value_parser!(i64).range(0..=Tokens::MAX_BALANCE.0)
}
