//! Searching the databases' indexes.

use std::time::Duration;

use sea_orm::{DbBackend, FromQueryResult, Statement, Value};
use tokio::time::timeout;

use super::index::index_rest;
use super::words::searched;
use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::{ChatId, ConversationId, UserId};

/// Maximum number of chats that a search covers, the newest ones that match.
pub(in crate::domain::chat) const MAX_FOUND: u64 = 1000;
/// The timeout of a search for chats that have just closed to be indexed.
const QUERY_TIMEOUT: Duration = Duration::from_secs(1);

/// Ordering of chats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, async_graphql::Enum)]
#[graphql(name = "ChatOrder")]
pub enum ChatOrder {
    /// Newest first.
    #[default]
    Newest,
    /// Best matches of a search first; without a search, newest first.
    Best,
}

/// The chats that are searched.
pub(in crate::domain::chat) struct SearchScope {
    /// The owner; all users if `None`.
    pub(in crate::domain::chat) user_id: Option<UserId>,
    pub(in crate::domain::chat) conversation_id: Option<ConversationId>,
    pub(in crate::domain::chat) order: ChatOrder,
}

/// The chats that a search found.
pub(in crate::domain::chat) struct Found {
    /// At most [`MAX_FOUND`] ids, in the order of the scope.
    pub(in crate::domain::chat) ids: Vec<ChatId>,
    /// Whether older chats match too.
    pub(in crate::domain::chat) is_truncated: bool,
}

impl Found {
    /// Drops the oldest chat of one more than [`MAX_FOUND`].
    pub(in crate::domain::chat) fn new(mut ids: Vec<ChatId>) -> Self {
        let is_truncated = ids.len() as u64 > MAX_FOUND;
        if let Some(oldest) = ids.iter().min().copied().filter(|_| is_truncated) {
            ids.retain(|id| *id != oldest);
        }
        Self { ids, is_truncated }
    }
}

/// Returns the ids of the chats that contain all words, the last one as a prefix.
///
/// # Errors
/// INVALID_INPUT for a search without words or with too many.
pub(in crate::domain::chat) async fn find(app: &App, wanted: SearchScope, search: &str) -> Result<Found, Error> {
    let words = searched(search)?;
    if let Ok(indexed) = timeout(QUERY_TIMEOUT, index_rest(app)).await {
        indexed?;
    }
    let backend = app.db.read().get_database_backend();
    let (sql, mut values) = match backend {
        DbBackend::Postgres => postgres(&wanted, &words),
        _ => sqlite(&wanted, &words),
    };
    // One more than are returned shows whether there are more.
    values.push((MAX_FOUND as i64 + 1).into());
    #[derive(FromQueryResult)]
    struct Row {
        id: ChatId,
    }
    let statement = Statement::from_sql_and_values(backend, sql, values);
    let rows = Row::find_by_statement(statement).all(app.db.read()).await?;
    Ok(Found::new(rows.into_iter().map(|row| row.id).collect()))
}

/// Returns the query for SQLite's FTS5, which has the user and the conversation among the words of its index.
fn sqlite(wanted: &SearchScope, words: &[String]) -> (&'static str, Vec<Value>) {
    let mut terms = Vec::new();
    terms.extend(wanted.user_id.map(|id| format!("_user_{id}")));
    terms.extend(wanted.conversation_id.map(|id| format!("_conversation_{id}")));
    terms.extend(words.iter().map(|word| format!("\"{word}\"")));
    let query = format!("{}*", terms.join(" AND "));
    let newest = "SELECT rowid AS id FROM chat_search WHERE chat_search MATCH $1 ORDER BY rowid DESC LIMIT $2";
    let best = "SELECT id FROM (SELECT rowid AS id, rank AS score FROM chat_search WHERE chat_search MATCH $1 \
                ORDER BY rowid DESC LIMIT $2) ORDER BY score, id DESC";
    (if wanted.order == ChatOrder::Best { best } else { newest }, vec![query.into()])
}

/// Returns the query for PostgreSQL's text search, by a function of the migration.
fn postgres(wanted: &SearchScope, words: &[String]) -> (&'static str, Vec<Value>) {
    let query = format!("'{}':*", words.join("' & '"));
    let best = wanted.order == ChatOrder::Best;
    let values = vec![query.into(), wanted.user_id.into(), wanted.conversation_id.into(), best.into()];
    ("SELECT id FROM chat_search($1, $2, $3, $4, $5)", values)
}
