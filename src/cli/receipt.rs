//! `jeton receipt`: prints the receipt of a chat.

use super::output;
use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::ChatId;
use crate::domain::chat::receipt_file;
use crate::infra::secrets::Secrets;

/// Arguments of `jeton receipt`.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// The id of the chat, a number
    chat_id: i64,
}

pub(super) async fn run(app: &App, args: Args) -> Result<(), Error> {
    let signer = Secrets::open(&app.config(), &app.random)?.ledger_signer()?;
    let receipt = receipt_file::write(app, &signer, ChatId(args.chat_id)).await?;
    output::print_file(receipt.as_bytes())
}
