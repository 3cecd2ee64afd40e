//! `jeton checkpoint`: prints a signed checkpoint of the ledger.

use std::io::{BufWriter, stdout};

use super::output;
use crate::app::App;
use crate::core::error::Error;
use crate::domain::ledger::proof::checkpoint;
use crate::infra::secrets::Secrets;

/// Arguments of `jeton checkpoint`.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// Print only the public key that verifies the signatures of checkpoints and receipts
    #[arg(long)]
    public_key: bool,
}

pub(super) async fn run(app: &App, args: Args) -> Result<(), Error> {
    let signer = Secrets::open(&app.config(), &app.random)?.ledger_signer()?;
    if args.public_key {
        return output::print(&format!("{}\n", signer.public_key()));
    }
    checkpoint::write(&app.db, &signer, app.clock.now(), &mut BufWriter::new(stdout())).await?;
    Ok(())
}
