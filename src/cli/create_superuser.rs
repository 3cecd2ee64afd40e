//! `jeton createsuperuser`: creates the first superuser. There are no built-in accounts or passwords.

use super::{output, password, user};
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::tokens::Tokens;
use crate::core::viewer::Actor;
use crate::domain::account::admin::{self, UserUpdate};
use crate::domain::account::{self, Roles};

/// Arguments of `jeton createsuperuser`.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// The username
    #[arg(long, value_name = "NAME", default_value = "admin")]
    username: String,
    /// The initial balance
    #[arg(long, value_name = "TOKENS", default_value_t = 10_000, allow_negative_numbers = true, value_parser = user::balance())]
    tokens: i64,
    /// Promote an existing user of this name to an active superuser; password and balance stay as they are
    #[arg(long)]
    promote: bool,
    #[command(flatten)]
    password: password::Args,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(app: &App, args: Args) -> Result<(), Error> {
    // Looked up before the password prompt. If the name is taken in the meantime, the database rejects the insert.
    let Some(there) = account::find_by_name(app, &args.username).await? else {
        user::check_name(&args.username)?;
        let password = args.password.obtain(&app.random, &args.username)?;
        let roles = Roles { is_staff: true, is_superuser: true };
        let grant = Some(Tokens(args.tokens));
        let made = admin::create(app, Actor::CommandLine, &args.username, password.text.clone(), roles, grant).await?;
        let message = format!("created the superuser {} with {} tokens", output::plain(&made.username), args.tokens);
        return user::report(app, &made, &message, Some(&password), args.json).await;
    };
    let name = output::plain(&there.username);
    if !args.promote {
        let message = format!(
            "there is already a user named {name}; choose another name with --username, or make {name} a superuser \
             with --promote"
        );
        return Err(Error::new(Code::Conflict, message));
    }
    let change = UserUpdate { active: Some(true), staff: Some(true), superuser: Some(true) };
    let promoted = admin::update(app, Actor::CommandLine, there.id, change).await?;
    let message = format!("{name} is an active superuser now; password and balance are unchanged");
    user::report(app, &promoted, &message, None, args.json).await
}
