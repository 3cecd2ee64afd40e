//! `jeton import-django`: imports users and chats of the Django application, and prints the report.

use std::path::PathBuf;

use serde_json::json;

use super::{output, progress};
use crate::app::App;
use crate::core::error::Error;
use crate::transfer::django::{self, Counts, Report};

/// Arguments of `jeton import-django`.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// The SQLite database of the Django application; it is opened read-only
    file: PathBuf,
    /// Report what would be imported, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(app: &App, args: Args) -> Result<(), Error> {
    let report = django::import(app, &args.file, !args.dry_run, progress::shown().as_ref()).await?;
    if args.json {
        let Report { users, chats, remarks, more_remarks } = &report;
        return output::print_json(&json!({ "dry_run": args.dry_run, "users": users, "chats": chats,
            "remarks": remarks, "more_remarks": more_remarks }));
    }
    let mut text = String::new();
    for (what, counts) in [("users", report.users), ("chats", report.chats)] {
        let Counts { in_file, imported, new_id, known, left_out } = counts;
        text.push_str(&format!(
            "{what}: {in_file} in the file, {imported} imported ({new_id} with a new id), {known} imported earlier, \
             {left_out} skipped\n"
        ));
    }
    for remark in &report.remarks {
        text.push_str(&format!("  {}\n", output::plain(remark)));
    }
    if report.more_remarks > 0 {
        text.push_str(&format!("  and {} more remarks\n", report.more_remarks));
    }
    if args.dry_run {
        text.push_str("Nothing was written: this was a dry run.\n");
    }
    output::print(&text)
}
