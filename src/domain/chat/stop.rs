//! Stopping replies, on whichever server their turns run.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::events::{TurnCommand, command_topic};
use super::finished_chat::FinishedChat;
use super::history::find;
use super::reply_stream::wait_until_finished;
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::ids::ChatId;
use crate::core::viewer::Writer;

/// Timeout for a stopped chat to close, once its usage is known.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// Interval at which a stop command is resent.
const RESEND_INTERVAL: Duration = Duration::from_secs(1);

/// Stops the reply of one of the viewer's own chats, on whichever server its turn runs, and waits until it is closed.
/// The output until then is kept and paid for. A closed chat stays unchanged.
///
/// # Errors
/// NOT_FOUND also for a chat of another user; TIMEOUT if its server does not respond: then the chat ends with its
/// lease.
pub async fn stop(app: &App, writer: Writer, chat_id: ChatId) -> Result<FinishedChat, Error> {
    let chat = find(app, writer.reader(), chat_id).await?;
    stop_any(app, chat.id).await
}

/// Stops the reply of any user's chat. The caller has checked that the viewer may stop it.
pub(super) async fn stop_any(app: &App, chat_id: ChatId) -> Result<FinishedChat, Error> {
    // The turn may wait for the usage reported by the upstream.
    let deadline = Instant::now() + app.config().v1.usage_wait_timeout + STOP_TIMEOUT;
    while Instant::now() < deadline {
        // Sent repeatedly, since bus messages may be lost.
        app.bus.publish(&command_topic(chat_id), || TurnCommand::Stop.encode());
        if let Ok(ended) = timeout(RESEND_INTERVAL, wait_until_finished(app, chat_id)).await {
            return ended;
        }
    }
    Err(Error::new(Code::Timeout, "The answer could not be stopped in time."))
}
