//! Full-text search in closed chats, the same on both databases.
//!
//! The tokenizer is here, for indexing and for searching: words are runs of letters and digits of any script, folded,
//! without accents. Scripts without spaces between words are indexed as bigrams of characters. The databases get words
//! separated by spaces; the migration has their indexes.

use std::collections::HashSet;
use std::time::Duration;

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
    Statement, Value,
};
use tokio::time::timeout;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::ChatOrder;
use crate::app::App;
use crate::core::error::Error;
use crate::infra::db::BulkUpdate;
use crate::infra::entity::chat::{self, Column, Status};

/// Maximum number of chats that a search covers, the newest ones that match.
pub(super) const MAX_FOUND: u64 = 1000;
/// Maximum words and characters of one search; characters are counted before any further work.
const MAX_WORDS: usize = 32;
const MAX_SEARCH_CHARS: usize = 2000;
/// Maximum indexed text of a chat, in bytes. PostgreSQL's index of one row is at most a megabyte.
const MAX_INDEXED: usize = 200_000;
/// Maximum length of a word, in characters; longer ones are cut. PostgreSQL's are at most 2 KB.
const MAX_WORD_CHARS: usize = 64;
/// Chats indexed in one transaction.
const BATCH: u64 = 200;
/// The pause between two such transactions.
const PAUSE: Duration = Duration::from_millis(100);
/// The timeout of a search for chats that have just closed to be indexed.
const QUERY_TIMEOUT: Duration = Duration::from_secs(1);

/// The chats that are searched.
pub(super) struct SearchScope {
    /// The owner; all users if `None`.
    pub(super) user_id: Option<i64>,
    pub(super) conversation_id: Option<i64>,
    pub(super) order: ChatOrder,
}

/// Returns the ids of the chats that contain all words, the last one as a prefix.
///
/// # Errors
/// INVALID_INPUT for a search without words or with too many.
pub(super) async fn find(app: &App, wanted: SearchScope, search: &str) -> Result<Vec<i64>, Error> {
    let words = searched(search)?;
    if let Ok(indexed) = timeout(QUERY_TIMEOUT, index_rest(app)).await {
        indexed?;
    }
    let backend = app.db.read().get_database_backend();
    let (sql, mut values) = match backend {
        DbBackend::Postgres => postgres(&wanted, &words),
        _ => sqlite(&wanted, &words),
    };
    values.push((MAX_FOUND as i64).into());
    #[derive(FromQueryResult)]
    struct Found {
        id: i64,
    }
    let statement = Statement::from_sql_and_values(backend, sql, values);
    let found = Found::find_by_statement(statement).all(app.db.read()).await?;
    Ok(found.into_iter().map(|found| found.id).collect())
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

/// Returns the indexed text of a chat: its words separated by spaces.
pub(super) fn text(message: &str, response: &str) -> String {
    let mut text = String::new();
    let [message, response] = [message, response].map(|text| text.get(..text.floor_char_boundary(MAX_INDEXED)));
    for word in
        [message, response].map(Option::unwrap_or_default).into_iter().flat_map(words).flat_map(|word| word.indexed())
    {
        if text.len() + word.len() >= MAX_INDEXED {
            break;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&word);
    }
    text
}

/// Returns the words of a search; the last one matches as a prefix.
fn searched(search: &str) -> Result<Vec<String>, Error> {
    if search.chars().nth(MAX_SEARCH_CHARS).is_some() {
        let message = format!("Ensure this field has no more than {MAX_SEARCH_CHARS} characters.");
        return Err(Error::field("search", message));
    }
    let mut words: Vec<_> = words(search).into_iter().flat_map(|word| word.searched()).collect();
    let Some(last) = words.pop() else {
        return Err(Error::field("search", "Give at least one letter or digit."));
    };
    let mut seen = HashSet::new();
    words.retain(|word| seen.insert(word.clone()));
    words.push(last);
    if words.len() > MAX_WORDS {
        return Err(Error::field("search", format!("Ensure this field has no more than {MAX_WORDS} words.")));
    }
    Ok(words)
}

/// A run of letters and digits.
#[derive(Debug, PartialEq)]
enum TextRun {
    /// A word between spaces.
    Spaced(String),
    /// Possibly several words, of a script without spaces between words.
    Unspaced(Vec<char>),
}

impl TextRun {
    /// Returns all bigrams, and the last character alone: a search can match from any position of the run.
    fn indexed(self) -> Vec<String> {
        match self {
            Self::Spaced(word) => vec![word],
            Self::Unspaced(run) => {
                let pairs = run.windows(2).map(String::from_iter);
                pairs.chain(run.last().map(char::to_string)).collect()
            }
        }
    }

    /// Returns all bigrams, which are adjacent in a matching run; a single character is the prefix of a bigram.
    fn searched(self) -> Vec<String> {
        match self {
            Self::Unspaced(run) if run.len() > 1 => run.windows(2).map(String::from_iter).collect(),
            word => word.indexed(),
        }
    }
}

/// Returns the words of a text, folded.
fn words(text: &str) -> Vec<TextRun> {
    let folded: String = caseless::default_case_fold_str(text).nfkd().filter(|c| !is_accent(*c)).nfc().collect();
    let mut words = Vec::new();
    let mut open = None;
    for letter in folded.chars() {
        open = match (open.take(), letter) {
            // Marks belong to the letter before them.
            (open, letter) if !(letter.is_alphanumeric() || open.is_some() && is_combining_mark(letter)) => {
                words.extend(open);
                None
            }
            (Some(TextRun::Unspaced(mut run)), letter) if is_unspaced(letter) => {
                run.push(letter);
                Some(TextRun::Unspaced(run))
            }
            (Some(TextRun::Spaced(mut word)), letter) if !is_unspaced(letter) => {
                if word.chars().count() < MAX_WORD_CHARS {
                    word.push(letter);
                }
                Some(TextRun::Spaced(word))
            }
            (other, letter) => {
                words.extend(other);
                Some(if is_unspaced(letter) {
                    TextRun::Unspaced(vec![letter])
                } else {
                    TextRun::Spaced(letter.to_string())
                })
            }
        };
    }
    words.extend(open);
    words
}

/// Returns whether a mark is usually omitted in searches: accents of Latin, Greek and Cyrillic, points of Hebrew,
/// vowels and the stretching of Arabic. Marks of other scripts are vowels that make the word.
fn is_accent(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5c7}' | '\u{610}'..='\u{61a}' | '\u{640}'
        | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{6d6}'..='\u{6ed}')
}

/// Returns whether a letter is of a script without spaces between words: Thai, Lao, Tibetan, Burmese, Khmer, Japanese,
/// Chinese.
fn is_unspaced(letter: char) -> bool {
    matches!(letter, '\u{e00}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
        | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}')
}

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
    let texts = tokio::task::spawn_blocking(fold).await.map_err(Error::internal)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_folded_and_cut_up_in_any_script() {
        assert_eq!(text("Don't STOP—café, naïve!", ""), "don t stop cafe naive");
        assert_eq!(text("Straße ΣΊΣΥΦΟΣ Ёлка", ""), "strasse σισυφοσ елка");
        assert_eq!(text("مُحَمَّد", "السلام عليكم"), "محمد السلام عليكم");
        assert_eq!(text("東京都 2026年", ""), "東京 京都 都 2026 年");
        assert_eq!(text("ｶﾞﾝﾀﾞﾑ", ""), "ガン ンダ ダム ム");
        assert_eq!(text("한국어 텍스트", ""), "한국어 텍스트");
        assert_eq!(text("हिन्दी", ""), "हिन्दी");
        assert_eq!(text("", " \u{0} '\"*()_ "), "");
    }

    #[test]
    fn searches_hold_nothing_but_words() {
        assert_eq!(searched("c'est \"la\" vie* AND").unwrap(), ["c", "est", "la", "vie", "and"]);
        assert_eq!(searched("京").unwrap(), ["京"]);
        assert_eq!(searched("京都府 京都").unwrap(), ["京都", "都府", "京都"]);
        assert!(searched(" :* ").is_err());
        assert!(searched(&"ab ".repeat(33)).is_ok(), "one word, many times");
        let many: String = (0..40).map(|number| format!("w{number} ")).collect();
        assert!(searched(&many).is_err());
        // A mark that composes with nothing, half a megabyte of it.
        let refused = searched(&"\u{323}".repeat(250_000)).unwrap_err();
        assert_eq!(refused.message, "Ensure this field has no more than 2000 characters.");
    }

    #[test]
    fn no_text_is_too_long_for_an_index() {
        assert!(text(&"x".repeat(1000), "").len() <= MAX_WORD_CHARS * 4);
        let long: String = (0..100_000).map(|number| format!("{number} ")).collect();
        assert!(text("a", &long).len() <= MAX_INDEXED);
    }
}
