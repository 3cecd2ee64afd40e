//! Export of a user's own history, streamed in chunks, so that the file is never in memory as a whole.

use std::collections::HashMap;
use std::fmt::Write;

use async_stream::try_stream;
use chrono::SecondsFormat;
use futures::Stream;
use sea_orm::{ActiveEnum, ColumnTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;

use super::conversation;
use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::{ChatId, ConversationId};
use crate::core::viewer::Reader;
use crate::infra::entity::chat::{self, Column, Status};

/// Chats read by one query.
const PART: u64 = 100;
/// Maximum size of a chunk in bytes: no transport has to take a long reply whole.
const MAX_PART: usize = 1 << 20;

/// Format of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(name = "ExportFormat")]
pub enum Format {
    /// A JSON array with an object for each chat.
    Json,
    /// A readable Markdown document.
    Markdown,
}

/// Exports the viewer's own closed chats, oldest first, of one conversation or all. The concatenated chunks are the
/// file.
///
/// # Errors
/// NOT_FOUND for a conversation of another user.
pub async fn export(
    app: &App,
    reader: Reader,
    format: Format,
    conversation_id: Option<ConversationId>,
) -> Result<impl Stream<Item = Result<String, Error>> + Send + use<>, Error> {
    let mut chats = chat::Entity::owned_by(reader.id).filter(Column::Status.ne(Status::Pending));
    if let Some(id) = conversation_id {
        conversation::find(app, reader, id).await?;
        chats = chats.filter(Column::ConversationId.eq(id));
    }
    let app = app.clone();
    Ok(try_stream! {
        let mut last = ChatId(0);
        let mut titles = HashMap::new();
        let mut first = true;
        yield match format {
            Format::Json => "[".to_owned(),
            Format::Markdown => "# Chats\n".to_owned(),
        };
        loop {
            let page = chats.clone().filter(Column::Id.gt(last)).order_by_asc(Column::Id).limit(PART);
            let page = page.all(app.db.read()).await?;
            let Some(newest) = page.last() else { break };
            last = newest.id;
            name_conversations(&app, &page, &mut titles).await?;
            let mut part = String::new();
            for chat in &page {
                let title = chat.conversation_id.and_then(|id| titles.get(&id)).map(String::as_str);
                match format {
                    Format::Json => {
                        part.push_str(if first { "\n" } else { ",\n" });
                        part.push_str(&as_json(chat, title).to_string());
                    }
                    Format::Markdown => as_markdown(&mut part, chat, title),
                }
                first = false;
                while part.len() > MAX_PART {
                    let rest = part.split_off(part.floor_char_boundary(MAX_PART));
                    yield std::mem::replace(&mut part, rest);
                }
            }
            yield part;
        }
        if format == Format::Json {
            yield "\n]\n".to_owned();
        }
    })
}

async fn name_conversations(
    app: &App,
    page: &[chat::Model],
    titles: &mut HashMap<ConversationId, String>,
) -> Result<(), Error> {
    let mut new: Vec<_> = page.iter().filter_map(|chat| chat.conversation_id).collect();
    new.sort_unstable();
    new.dedup();
    // Only the titles of this page are cached: there may be very many.
    titles.retain(|id, _| new.binary_search(id).is_ok());
    new.retain(|id| !titles.contains_key(id));
    let found = conversation::by_ids(app, &new).await?;
    titles.extend(found.into_iter().map(|conversation| (conversation.id, conversation.title)));
    Ok(())
}

fn as_json(chat: &chat::Model, title: Option<&str>) -> serde_json::Value {
    json!({
        "id": chat.id,
        "conversation": chat.conversation_id.map(|id| json!({ "id": id, "title": title })),
        "created_at": chat.created_at.to_rfc3339_opts(SecondsFormat::Micros, true),
        "model": chat.model,
        "status": chat.status.to_value(),
        "message": chat.message,
        "response": chat.response,
        "cost": chat.cost,
        "reasoning": chat.reasoning,
        "usage": chat.usage().map(|usage| json!({
            "input": usage.input, "cache_read": usage.cache_read, "cache_write": usage.cache_write,
            "output": usage.output, "reasoning": usage.reasoning, "images": usage.images,
            "estimated": chat.usage_estimated,
        })),
        "replaced_by": chat.replaced_by_id,
    })
}

/// The texts of users and models are Markdown already, and stay unchanged.
fn as_markdown(part: &mut String, chat: &chat::Model, title: Option<&str>) {
    let at = chat.created_at.format("%Y-%m-%d %H:%M:%S UTC");
    let title = title.map(|title| format!(" · {title}")).unwrap_or_default();
    let how = match chat.status {
        Status::Done => "",
        Status::Stopped => " · stopped",
        Status::Pending | Status::Failed | Status::Interrupted => " · not complete",
    };
    let replaced = if chat.replaced_by_id.is_some() { " · replaced" } else { "" };
    // Writing into a string can't fail.
    writeln!(part, "\n## {at}{title}\n\n**You:** {}\n", chat.message).ok();
    writeln!(part, "**{}**, {} tokens{how}{replaced}: {}", chat.model, chat.cost, chat.response).ok();
}
