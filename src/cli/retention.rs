//! `jeton retention`: removes data whose retention period has passed, or reports it.

use clap::ValueEnum;

use super::output;
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::domain::retention::{self, RunOutcome, Target};

/// Arguments of `jeton retention`.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// Apply [retention] now, instead of on schedule
    #[arg(value_enum, required_unless_present = "dry_run")]
    action: Option<Action>,
    /// Report what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Action {
    /// Remove the data
    Run,
}

pub(super) async fn run(app: &App, args: Args) -> Result<(), Error> {
    if !retention::is_configured(app) {
        return output::print("nothing is removed: no retention period is set under [retention]\n");
    }
    if args.dry_run || args.action.is_none() {
        return output::print(&table("would be removed", &retention::due(app).await?));
    }
    match retention::run(app).await? {
        RunOutcome::Done(removed) | RunOutcome::Stopped(removed) => output::print(&table("removed", &removed)),
        RunOutcome::NotNow => Err(Error::new(Code::Conflict, "retention is running on another server; see its log")),
    }
}

fn table(title: &str, rows: &[(Target, u64)]) -> String {
    let rows: Vec<_> = rows.iter().map(|(what, count)| vec![what.name().to_owned(), count.to_string()]).collect();
    output::table(&["", title], &rows)
}
