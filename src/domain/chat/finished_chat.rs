//! Closed chats as callers get them, with the errors of those that failed.

use crate::core::error::{Code, Error};
use crate::domain::ledger::Balance;
use crate::infra::entity::chat::{self, Status};

/// The error message of a chat whose server died.
pub(super) const INTERRUPTED: &str = "The server stopped before the answer was complete. Nothing was charged.";

/// A closed chat and the user's balance.
#[derive(Clone, Debug)]
pub struct FinishedChat {
    /// The chat, in a status other than PENDING.
    pub chat: chat::Model,
    /// The balance after the settlement.
    pub balance: Balance,
    /// Seconds after which to retry a busy model, if its upstream reports them.
    pub retry_after: Option<u64>,
}

impl FinishedChat {
    /// Returns the error of a failed chat.
    pub fn failure(&self) -> Option<Error> {
        failure(&self.chat).map(|error| Error { retry_after: self.retry_after, ..error })
    }
}

/// Returns the error of a chat that failed or was interrupted.
pub fn failure(chat: &chat::Model) -> Option<Error> {
    let code = match (chat.status, chat.error_code) {
        (Status::Failed | Status::Interrupted, Some(Code::Timeout)) => Code::Timeout,
        (Status::Failed | Status::Interrupted, _) => Code::ProviderUnavailable,
        (Status::Pending | Status::Done | Status::Stopped, _) => return None,
    };
    Some(Error::new(code, chat.error_message.clone().unwrap_or_else(|| INTERRUPTED.to_owned())))
}

/// Returns the error of a reply that a limit of this server ended early. Its output until then is charged.
pub fn limit(chat: &chat::Model) -> Option<Error> {
    let message = chat.error_message.as_deref().filter(|_| chat.status == Status::Stopped)?;
    let code = match chat.error_code {
        Some(Code::Timeout) => Code::Timeout,
        Some(Code::PayloadTooLarge) => Code::PayloadTooLarge,
        _ => Code::ProviderUnavailable,
    };
    Some(Error::new(code, message))
}
