//! Indexing closed chats.

use std::time::Duration;

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use tokio::time::timeout;

use super::words::text;
use crate::app::App;
use crate::core::error::Error;
use crate::infra::db::BulkUpdate;
use crate::infra::entity::chat::{self, Column, Status};

/// Chats indexed in one transaction.
const BATCH: u64 = 200;
/// The pause between two such transactions.
const PAUSE: Duration = Duration::from_millis(100);

/// Indexes closed chats in small batches, in a loop, until the server stops.
///
/// Not in the transaction that closes a chat: SQLite's full-text index costs as much as everything else in it, and much
/// less for many chats in a batch. The rate is limited so that indexing does not delay messages.
pub async fn run_indexer(app: App) {
    loop {
        if let Err(error) = index(&app).await {
            tracing::error!(?error, "search indexing failed");
        }
        if timeout(PAUSE, app.stopping.cancelled()).await.is_ok() {
            return;
        }
    }
}

/// Indexes all closed chats.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn index_rest(app: &App) -> Result<(), Error> {
    while index(app).await? && !app.stopping.is_cancelled() {}
    Ok(())
}

/// Indexes a batch of closed chats; returns whether there may be more.
async fn index(app: &App) -> Result<bool, Error> {
    let rest = chat::Entity::find()
        .filter(Expr::col("search_text").is_null())
        .filter(Column::Status.ne(Status::Pending))
        .order_by_asc(Column::Id)
        .limit(BATCH)
        .all(app.db.read())
        .await?;
    if rest.is_empty() {
        return Ok(false);
    }
    let is_full = rest.len() as u64 == BATCH;
    // Off the async threads, since texts may be long.
    let fold = move || rest.into_iter().map(|chat| (chat.id, text(&chat.message, &chat.response))).collect::<Vec<_>>();
    let texts = tokio::task::spawn_blocking(fold).await.map_err(|error| Error::internal(error))?;
    let indexed = app.db.write(texts, |txn, texts| {
        Box::pin(async move {
            let mut update = BulkUpdate::<chat::Entity, _>::new(texts, |(id, _)| *id);
            // A concurrent search, or another server, may have been faster.
            update.set_each("search_text", |(_, text)| text.as_str()).filter(Expr::col("search_text").is_null());
            txn.execute(&update.into_statement()).await?;
            Ok(())
        })
    });
    indexed.await?;
    Ok(is_full)
}
