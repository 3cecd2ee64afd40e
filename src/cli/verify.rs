//! `jeton verify`: checks that every balance agrees with the ledger.

use std::process::ExitCode;

use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::json;

use super::output;
use crate::app::App;
use crate::core::error::Error;
use crate::domain::ledger;
use crate::infra::entity::user;

/// Arguments of `jeton verify`.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(app: &App, args: Args) -> Result<ExitCode, Error> {
    let findings: Vec<_> = ledger::verify(&app.db).await?.iter().map(ToString::to_string).collect();
    // Counted without decoding rows: a row may contain a value of a wrong type.
    let users = user::Entity::find().count(app.db.read()).await?;
    if args.json {
        output::print_json(&json!({ "clean": findings.is_empty(), "users": users, "findings": findings }))?;
    } else if findings.is_empty() {
        // Names the database, since an empty one in a wrong place is clean as well.
        let users = output::count(users, "user");
        output::print(&format!("ledger is clean: {users} in {}\n", app.config.shown_database_url()))?;
    } else {
        output::print(&findings.iter().map(|finding| format!("{finding}\n")).collect::<String>())?;
    }
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
