//! Periodic saves of an open chat: the text so far, and a renewed lease.

use std::future::pending;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::outcome::GeneratedOutput;
use super::prepare::lease_deadline;
use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::ChatId;
use crate::infra::entity::chat::{self, Column, Status};

/// New bytes of a reply that trigger a save before the interval is over.
const SAVE_BYTES: usize = 2048;

/// Saves the text of one chat, one save at a time.
pub(super) struct Saver {
    app: App,
    chat_id: ChatId,
    /// Whether the text is stored; otherwise only the lease is renewed.
    store_reply: bool,
    /// The running save. In a task of its own: while the turn waits for a slow caller, nothing would poll it there, and
    /// it would keep its connection and its locks.
    running: Option<JoinHandle<Result<bool, Error>>>,
    /// The length of the texts, and the time, of the last save.
    saved_len: usize,
    saved_at: Instant,
}

impl Saver {
    /// Returns the saver of a chat that is stored, with its lease, just now.
    pub(super) fn new(app: &App, chat_id: ChatId, store_reply: bool) -> Self {
        Self { app: app.clone(), chat_id, store_reply, running: None, saved_len: 0, saved_at: Instant::now() }
    }

    /// Starts a save if the text has grown much, or the lease needs it.
    pub(super) fn save_growth(&mut self, written: &GeneratedOutput) {
        // A long text less often, so that all saves together cost no more than a few times its size.
        let has_grown = stored_len(written) - self.saved_len >= SAVE_BYTES.max(self.saved_len / 4);
        self.save_if(has_grown, written);
    }

    /// Starts a save if there is new text, or the lease needs it.
    pub(super) fn save_rest(&mut self, written: &GeneratedOutput) {
        self.save_if(stored_len(written) > self.saved_len, written);
    }

    fn save_if(&mut self, is_wanted: bool, written: &GeneratedOutput) {
        let must_renew = || self.saved_at.elapsed() >= self.app.config().turns.lease / 3;
        if self.running.is_some() || !((self.store_reply && is_wanted) || must_renew()) {
            return;
        }
        (self.saved_len, self.saved_at) = (stored_len(written), Instant::now());
        let texts = self.store_reply.then(|| SavedTexts {
            response: written.text.clone(),
            reasoning: Some(written.reasoning.clone()).filter(|text| !text.is_empty()),
            first_chunk_at: written.first_chunk_at,
        });
        let (app, chat_id) = (self.app.clone(), self.chat_id);
        self.running = Some(self.app.tasks.spawn(async move { save(&app, chat_id, texts).await }));
    }

    /// Waits for the end of the running save. Returns whether the chat is still open; never without a running save.
    ///
    /// # Errors
    /// INTERNAL or UNAVAILABLE if the save failed.
    pub(super) async fn saved(&mut self) -> Result<bool, Error> {
        let Some(running) = &mut self.running else { return pending().await };
        let saved = running.await;
        self.running = None;
        saved.map_err(|error| Error::internal(error)).flatten()
    }

    /// Waits for the end of the running save, so that it does not overlap with closing the chat.
    pub(super) async fn finish(&mut self) {
        if let Some(running) = self.running.take() {
            running.await.ok();
        }
    }
}

/// What is stored of an open chat.
struct SavedTexts {
    response: String,
    reasoning: Option<String>,
    first_chunk_at: Option<DateTime<Utc>>,
}

fn stored_len(written: &GeneratedOutput) -> usize {
    written.text.len() + written.reasoning.len()
}

/// Saves the texts so far, if they are stored, and renews the lease; returns whether the chat is still open.
async fn save(app: &App, chat_id: ChatId, texts: Option<SavedTexts>) -> Result<bool, Error> {
    let lease = lease_deadline(app, app.clock.now());
    app.db
        .write((chat_id, texts, lease), |txn, (chat_id, texts, lease)| {
            Box::pin(async move {
                let mut update = chat::Entity::update_many()
                    .col_expr(Column::LeaseUntil, Expr::value(*lease))
                    .filter(Column::Id.eq(*chat_id))
                    .filter(Column::Status.eq(Status::Pending));
                if let Some(SavedTexts { response, reasoning, first_chunk_at }) = texts {
                    update = update
                        .col_expr(Column::Response, Expr::value(response.as_str()))
                        .col_expr(Column::Reasoning, Expr::value(reasoning.as_deref()))
                        .col_expr(Column::FirstChunkAt, Expr::value(*first_chunk_at));
                }
                Ok(update.exec(txn).await?.rows_affected == 1)
            })
        })
        .await
}
