//! `jeton retention`: what has been kept for long enough, and that it goes now.

use clap::ValueEnum;

use super::output;
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::domain::retention::{self, RunOutcome, Target};

/// What to do.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// Remove now what [retention] says, instead of when it is time
    #[arg(value_enum, required_unless_present = "dry_run")]
    action: Option<Action>,
    /// Say what would go, and remove nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Action {
    /// Remove it
    Run,
}

pub(super) async fn run(app: &App, args: Args) -> Result<(), Error> {
    if !retention::is_configured(app) {
        return output::print("everything is kept for ever: nothing is set under [retention] in the configuration\n");
    }
    if args.dry_run || args.action.is_none() {
        return output::print(&table("would go", &retention::due(app).await?));
    }
    match retention::run(app).await? {
        RunOutcome::Done(removed) | RunOutcome::Stopped(removed) => output::print(&table("gone", &removed)),
        RunOutcome::NotNow => Err(Error::new(Code::Conflict, "a server is at it already; look at its log")),
    }
}

fn table(title: &str, rows: &[(Target, u64)]) -> String {
    let rows: Vec<_> = rows.iter().map(|(what, count)| vec![what.name().to_owned(), count.to_string()]).collect();
    output::table(&["", title], &rows)
}
