//! `jeton verify`: checks that every balance agrees with the ledger and that its chains are whole; or checks a receipt.

use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::json;

use super::output;
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::input_file;
use crate::domain::chat::receipt_file::ReceiptFile;
use crate::domain::ledger;
use crate::domain::ledger::proof::{Published, checkpoint};
use crate::infra::entity::user;
use crate::infra::secrets::Secrets;

/// Maximum size of a receipt in bytes: the path of millions of entries.
const MAX_RECEIPT: u64 = 1 << 30;

/// Arguments of `jeton verify`.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Check a receipt instead, without database and configuration
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// The published hash of a head, which has to be in the receipt's chain
    #[arg(long, value_name = "HASH", requires = "receipt", conflicts_with = "checkpoint")]
    head: Option<String>,
    /// A checkpoint, whose heads have to be in the ledger; or in the receipt's chain, with --receipt
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// A public key that may sign, besides those of the configuration
    #[arg(long, value_name = "PUBLIC_KEY")]
    key: Vec<String>,
}

impl Args {
    /// Returns whether neither database nor configuration is needed.
    pub(super) fn is_offline(&self) -> bool {
        self.receipt.is_some()
    }
}

pub(super) async fn run(app: &App, args: Args) -> Result<ExitCode, Error> {
    let mut findings: Vec<_> = ledger::verify(&app.db).await?.iter().map(ToString::to_string).collect();
    let mut compared = None;
    if let Some(file) = &args.checkpoint {
        let (summary, mut found) = checkpoint::compare(&app.db, &mut BufReader::new(opened(file)?)).await?;
        let keys = Secrets::open(&app.config(), &app.random)?.ledger_public_keys()?;
        let is_known = keys.iter().chain(&args.key).any(|key| *key == summary.public_key);
        if !is_known {
            findings.push(format!(
                "the checkpoint is signed by the key {}, which is none of this configuration; name it by --key if it \
                 was yours",
                summary.public_key
            ));
        }
        findings.append(&mut found);
        compared = Some(summary);
    }
    // Counted without decoding rows: a row may contain a value of a wrong type.
    let users = user::Entity::find().count(app.db.read()).await?;
    if args.json {
        output::print_json(&json!({ "clean": findings.is_empty(), "users": users, "findings": findings }))?;
    } else if findings.is_empty() {
        // Names the database, since an empty one in a wrong place is clean as well.
        let users = output::count(users, "user");
        let mut text = format!("ledger is clean: {users} in {}\n", app.config().shown_database_url());
        if let Some(checkpoint::Summary { time, balances, .. }) = compared {
            let heads = output::count(balances, "head");
            text.push_str(&format!("it continues the checkpoint of {time}: {heads}\n"));
        }
        output::print(&text)?;
    } else {
        output::print(&findings.iter().map(|finding| format!("{finding}\n")).collect::<String>())?;
    }
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Checks a receipt.
pub(super) fn run_offline(args: &Args) -> Result<ExitCode, Error> {
    let Some(file) = &args.receipt else { return Err(Error::internal("there is no receipt")) };
    let bytes = input_file::read(file, MAX_RECEIPT).map_err(|error| unreadable(file, error))?;
    let receipt = ReceiptFile::read(&bytes)?;
    let (published, source) = published(args, &receipt)?;
    let mut proven = receipt.check(published)?;
    let mut open = Vec::new();
    match source {
        Some(source) => proven.push(format!("the chain agrees with {source}")),
        None => open.push("that the chain is the server's: compare its head by --head or --checkpoint".to_owned()),
    }
    open.push(format!(
        "that usage and price are what the server recorded: only the signature by the key {} says so",
        receipt.public_key()
    ));
    if args.key.iter().any(|key| key == receipt.public_key()) {
        proven.push("the receipt is signed by the key that --key names".to_owned());
    } else if args.key.is_empty() {
        open.push("that this key is the server's: name the published key by --key".to_owned());
    } else {
        let message = format!("the receipt is signed by another key than --key names: {}", receipt.public_key());
        return Err(Error::new(Code::InvalidInput, message));
    }
    if args.json {
        output::print_json(&json!({ "valid": true, "proven": proven, "notProven": open }))?;
    } else {
        let list = |title: &str, lines: &[String]| {
            format!("{title}:\n{}", lines.iter().map(|line| format!("  {line}\n")).collect::<String>())
        };
        output::print(&(list("proven", &proven) + &list("not proven", &open)))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the published hash that the receipt is compared with, and where it is from.
fn published(args: &Args, receipt: &ReceiptFile) -> Result<(Option<Published>, Option<String>), Error> {
    if let Some(head) = &args.head {
        let hash = Published::parse(head).ok_or_else(|| {
            Error::new(Code::InvalidInput, "--head is no hash: it has 64 lower-case hexadecimal digits")
        })?;
        return Ok((Some(hash), Some(format!("the published head {head}"))));
    }
    let Some(file) = &args.checkpoint else { return Ok((None, None)) };
    let wallet_id = receipt.wallet_id();
    let (summary, head) = checkpoint::head_of(wallet_id, &mut BufReader::new(opened(file)?))?;
    let (seq, hash) = head.ok_or_else(|| {
        let message = format!("the checkpoint of {} has no head of wallet {wallet_id}: it is older", summary.time);
        Error::new(Code::InvalidInput, message)
    })?;
    let source = format!("the checkpoint of {}, signed by the key {}", summary.time, summary.public_key);
    if !args.key.is_empty() && !args.key.contains(&summary.public_key) {
        let message = format!("the checkpoint is signed by another key than --key names: {}", summary.public_key);
        return Err(Error::new(Code::InvalidInput, message));
    }
    Ok((Some(Published { seq: Some(seq), hash }), Some(source)))
}

fn opened(file: &Path) -> Result<std::fs::File, Error> {
    input_file::open(file).map_err(|error| unreadable(file, error))
}

fn unreadable(file: &Path, error: std::io::Error) -> Error {
    Error::new(Code::InvalidInput, format!("{} can't be read", file.display())).with_source(error)
}
