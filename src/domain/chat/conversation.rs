//! Conversations: ordered chats that share a context.

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter};

use super::changes::{Change, ChangeKind};
use crate::app::App;
use crate::core::error::{Error, FieldError};
use crate::core::ids::{ConversationId, GroupId};
use crate::core::pagination::{Page, PageRequest, Sort};
use crate::core::viewer::{Reader, Writer};
use crate::domain::ledger;
use crate::infra::db::Txn;
use crate::infra::entity::conversation::{self, Column};

/// Maximum length of a title, in characters.
pub const MAX_TITLE_CHARS: usize = 200;
/// Maximum length of a system prompt, in characters.
pub const MAX_SYSTEM_PROMPT_CHARS: usize = 4000;
/// Approximate maximum length of a title that is generated from a message, in characters.
const MADE_TITLE_CHARS: usize = 60;

/// A conversation to be created.
#[derive(Clone, Debug, Default)]
pub struct Create {
    /// The title; generated from the first message if `None`.
    pub title: Option<String>,
    /// The system prompt, which applies to the whole conversation.
    pub system_prompt: Option<String>,
    /// The model of messages that name none.
    pub model: Option<String>,
}

/// Creates an empty conversation.
///
/// # Errors
/// INVALID_INPUT with all field errors.
pub async fn create(app: &App, writer: Writer, input: Create) -> Result<conversation::Model, Error> {
    let mut errors = Vec::new();
    let mut add_error = |field, problem: Result<(), String>| {
        errors.extend(problem.err().map(|message| FieldError { field, message }));
    };
    let title = input.title.as_deref().map(one_line).unwrap_or_default();
    add_error("title", check_length(&title, MAX_TITLE_CHARS));
    let system_prompt = input.system_prompt.filter(|prompt| !prompt.trim().is_empty());
    add_error("system_prompt", check_length(system_prompt.as_deref().unwrap_or_default(), MAX_SYSTEM_PROMPT_CHARS));
    if input.model.is_some() && app.models().get(input.model.as_deref()).is_none() {
        add_error("model", Err("There is no such model.".to_owned()));
    }
    if !errors.is_empty() {
        return Err(Error::invalid(errors));
    }
    let now = app.clock.now();
    let row = conversation::ActiveModel {
        id: NotSet,
        user_id: Set(writer.id),
        title: Set(title),
        system_prompt: Set(system_prompt),
        model: Set(input.model),
        payer_group_id: Set(None),
        pinned_at: Set(None),
        archived_at: Set(None),
        created_at: Set(now),
        active_at: Set(now.timestamp_micros()),
    };
    let made = app.db.write(row, |txn, row| Box::pin(async move { Ok(row.clone().insert(txn).await?) })).await?;
    Change::of_conversation(ChangeKind::Created, made.id).publish(&app.bus, writer.id);
    Ok(made)
}

/// A change of a conversation; `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct ConversationUpdate {
    /// The new title.
    pub title: Option<String>,
    /// The new system prompt of the messages from now on; `Some(None)` or a blank text removes it.
    pub system_prompt: Option<Option<String>>,
    /// The new model of messages that name none; `Some(None)` for the default model.
    pub model: Option<Option<String>>,
    /// The group that pays from now on; `Some(None)` for the default of the owner.
    pub payer: Option<Option<GroupId>>,
    /// Whether it is pinned.
    pub pinned: Option<bool>,
    /// Whether it is archived. The next message ends it.
    pub archived: Option<bool>,
}

/// A filter of the viewer's own conversations.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConversationFilter {
    /// Archived conversations instead of the others.
    pub archived: bool,
    /// By whether it is pinned; all if `None`.
    pub pinned: Option<bool>,
}

/// Changes one of the viewer's own conversations. A reply in progress keeps what it began with.
///
/// # Errors
/// NOT_FOUND also for a conversation of another user; INVALID_INPUT with all field errors, also for a payer that the user
/// does not belong to.
pub async fn update(
    app: &App,
    writer: Writer,
    id: ConversationId,
    change: ConversationUpdate,
) -> Result<conversation::Model, Error> {
    let mut errors = Vec::new();
    let mut check = |field, problem: Result<(), String>| {
        errors.extend(problem.err().map(|message| FieldError { field, message }));
    };
    let title = change.title.as_deref().map(one_line);
    if let Some(title) = &title {
        let blank = title.is_empty().then(|| "This field may not be blank.".to_owned());
        check("title", blank.map_or_else(|| check_length(title, MAX_TITLE_CHARS), Err));
    }
    let system_prompt = change.system_prompt.map(|prompt| prompt.filter(|prompt| !prompt.trim().is_empty()));
    if let Some(Some(prompt)) = &system_prompt {
        check("system_prompt", check_length(prompt, MAX_SYSTEM_PROMPT_CHARS));
    }
    if let Some(Some(model)) = &change.model
        && app.models().get(Some(model)).is_none()
    {
        check("model", Err("There is no such model.".to_owned()));
    }
    if !errors.is_empty() {
        return Err(Error::invalid(errors));
    }
    let now = app.clock.now();
    let changed = conversation::ActiveModel {
        title: title.map_or(NotSet, Set),
        system_prompt: system_prompt.map_or(NotSet, Set),
        model: change.model.map_or(NotSet, Set),
        payer_group_id: change.payer.map_or(NotSet, Set),
        pinned_at: change.pinned.map_or(NotSet, |pinned| Set(pinned.then_some(now))),
        archived_at: change.archived.map_or(NotSet, |archived| Set(archived.then_some(now))),
        ..Default::default()
    };
    if !changed.is_changed() {
        return find(app, writer.reader(), id).await;
    }
    let payer = change.payer.flatten();
    let changed = app.db.write((writer.id, id, changed, payer), |txn, (user_id, id, changed, payer)| {
        Box::pin(async move {
            ledger::check_payer(txn, *user_id, *payer).await?;
            let update = conversation::Entity::update_many().set(changed.clone());
            let own = update.filter(Column::Id.eq(*id)).filter(Column::UserId.eq(*user_id));
            Ok(own.exec_with_returning(txn).await?.into_iter().next())
        })
    });
    let changed = changed.await?.ok_or_else(|| Error::not_found("conversation"))?;
    Change::of_conversation(ChangeKind::Updated, id).publish(&app.bus, writer.id);
    Ok(changed)
}

/// Renames one of the viewer's own conversations.
///
/// # Errors
/// NOT_FOUND also for a conversation of another user; INVALID_INPUT for an empty or long title.
pub async fn rename(app: &App, writer: Writer, id: ConversationId, title: &str) -> Result<conversation::Model, Error> {
    update(app, writer, id, ConversationUpdate { title: Some(title.to_owned()), ..Default::default() }).await
}

/// Returns one of the viewer's own conversations.
///
/// # Errors
/// NOT_FOUND also for a conversation of another user.
pub async fn find(app: &App, reader: Reader, id: ConversationId) -> Result<conversation::Model, Error> {
    let own = conversation::Entity::owned_by(reader.id).filter(Column::Id.eq(id));
    own.one(app.db.read()).await?.ok_or_else(|| Error::not_found("conversation"))
}

/// Returns the viewer's own conversations, most recently active first.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn list(
    app: &App,
    reader: Reader,
    filter: ConversationFilter,
    page: PageRequest,
) -> Result<Page<conversation::Entity>, Error> {
    let is_null = |column: Column, null: bool| if null { column.is_null() } else { column.is_not_null() };
    let mut own = conversation::Entity::owned_by(reader.id).filter(is_null(Column::ArchivedAt, !filter.archived));
    if let Some(pinned) = filter.pinned {
        own = own.filter(is_null(Column::PinnedAt, !pinned));
    }
    let sort = Sort { key: Some(Column::ActiveAt), id: Column::Id, ascending: false };
    page.load_by(app.db.read(), own, sort).await
}

/// Returns the conversations with these ids, in no particular order. The caller has checked that the viewer may see
/// them.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn by_ids(app: &App, ids: &[ConversationId]) -> Result<Vec<conversation::Model>, Error> {
    Ok(conversation::Entity::find().filter(Column::Id.is_in(ids.iter().copied())).all(app.db.read()).await?)
}

/// Updates the conversation's time of activity, in the transaction that opens a chat, generates a title if it has none,
/// and takes it out of the archive.
///
/// # Errors
/// NOT_FOUND if the conversation was deleted meanwhile.
pub(super) async fn touch(
    txn: &Txn,
    id: ConversationId,
    message: &str,
    at: chrono::DateTime<chrono::Utc>,
) -> Result<(), Error> {
    let untitled = Expr::case(Column::Title.eq(""), made_title(message)).finally(Expr::col(Column::Title));
    let touched = conversation::Entity::update_many()
        .col_expr(Column::ActiveAt, Expr::value(at.timestamp_micros()))
        .col_expr(Column::Title, untitled.into())
        .col_expr(Column::ArchivedAt, Expr::value(None::<chrono::DateTime<chrono::Utc>>))
        .filter(Column::Id.eq(id))
        .exec(txn)
        .await?;
    if touched.rows_affected == 1 { Ok(()) } else { Err(Error::not_found("conversation")) }
}

/// Lets a title that was generated from the first message follow it, in the transaction that replaces that message by
/// another one. A title that the user gave stays.
///
/// # Errors
/// INTERNAL if the database fails.
pub(super) async fn retitle(txn: &Txn, id: ConversationId, old_message: &str, message: &str) -> Result<(), Error> {
    let (old, new) = (made_title(old_message), made_title(message));
    if old != new && !new.is_empty() {
        let made = conversation::Entity::update_many().col_expr(Column::Title, Expr::value(new));
        made.filter(Column::Id.eq(id)).filter(Column::Title.eq(old)).exec(txn).await?;
    }
    Ok(())
}

fn check_length(text: &str, max_chars: usize) -> Result<(), String> {
    if text.chars().count() > max_chars {
        Err(format!("Use at most {max_chars} characters."))
    } else if text.contains('\0') {
        Err("Null characters are not allowed.".to_owned())
    } else {
        Ok(())
    }
}

/// Returns the text in one line, with single spaces. Text longer than any title is cut, still too long to be accepted.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if line.len() > 4 * MAX_TITLE_CHARS {
            break;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// Returns the beginning of a message, cut between words if possible.
pub(super) fn made_title(message: &str) -> String {
    let line = one_line(message);
    let Some((cut, _)) = line.char_indices().nth(MADE_TITLE_CHARS) else { return line };
    let head = line.get(..cut).unwrap_or_default();
    // A word that is longer than half of the title is cut.
    let words = head.rfind(' ').filter(|end| end * 2 > cut).and_then(|end| head.get(..end));
    format!("{}…", words.unwrap_or(head))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_cut_between_words_and_never_within_a_character() {
        assert_eq!(made_title("  What is\n the capital? "), "What is the capital?");
        let long = "word ".repeat(30);
        assert_eq!(made_title(&long), format!("{}…", "word ".repeat(12).trim_end()));
        assert!(check_length(&one_line(&"a ".repeat(100_000)), MAX_TITLE_CHARS).is_err());
        assert!(one_line(&"a ".repeat(100_000)).len() < 1000);
        let no_spaces = "語".repeat(100);
        assert_eq!(made_title(&no_spaces), format!("{}…", "語".repeat(60)));
    }
}
