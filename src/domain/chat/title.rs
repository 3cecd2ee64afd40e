//! Titles of conversations by a model, in place of the first words of the first message (`turns.title_model`).
//!
//! A title is asked for after the first reply of a conversation. No one waits for it, and a failure changes nothing. Who
//! pays is configured: the operator, which the log and a metric say, or the user, by a chat of its own in the history.

use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use tokio::time::timeout;

use super::begin::{StartRequest, Started, begin};
use super::changes::{Change, ChangeKind};
use super::conversation::made_title;
use super::prepare::{PreparedChat, lease_deadline};
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::ids::{ConversationId, GroupId};
use crate::core::viewer::Identity;
use crate::domain::pricing;
use crate::infra::ai::{Event, Message, Request, Role};
use crate::infra::catalog::Model;
use crate::infra::config::TitlePayer;
use crate::infra::entity::chat::{self, Status};
use crate::infra::entity::conversation;

/// `turns.title_model` for the model that has answered.
const ANSWERING: &str = "answering";
/// The maximum output, in model tokens: a model that reasons needs more than the title.
const MAX_OUTPUT: u64 = 256;
/// How much of the message and of the reply the model reads, in characters.
const MAX_EXCERPT_CHARS: usize = 1000;
/// How long the operator's model may take.
const MAX_WAIT: Duration = Duration::from_secs(60);
/// The message of the chat by which a user pays for a title, as the history shows it.
const MESSAGE: &str = "Title for a conversation";
const INSTRUCTIONS: &str = "You give conversations their titles. Answer with nothing but a title of two to six words, in \
    the language of the message, without quotation marks and without a full stop.";

/// Asks for the title of a conversation if `finished` is its first reply, and its title is made from the first words.
/// Boxed, since a title that the user pays for is a chat itself.
pub(super) fn suggest(app: App, identity: Identity, finished: chat::Model) -> BoxFuture<'static, ()> {
    async move {
        match suggested(&app, identity, &finished).await {
            Ok(()) => {}
            Err(error) => tracing::info!(chat = finished.id.0, ?error, "no title by a model; the first words stay"),
        }
    }
    .boxed()
}

async fn suggested(app: &App, identity: Identity, finished: &chat::Model) -> Result<(), Error> {
    let Some(conversation_id) = finished.conversation_id.filter(|_| finished.status == Status::Done) else {
        return Ok(());
    };
    let config = app.config();
    let name = match config.turns.title_model.as_str() {
        "" => return Ok(()),
        ANSWERING => finished.model.as_str(),
        name => name,
    };
    let models = app.models();
    let Some(model) = models.get(Some(name)).filter(|_| !finished.response.is_empty()) else { return Ok(()) };
    if !is_first(app, conversation_id, finished).await? {
        return Ok(());
    }
    let request = request(finished);
    let title = match config.turns.title_paid_by {
        TitlePayer::Operator => by_operator(app, model, request).await?,
        TitlePayer::User => {
            let conversation = conversation::Entity::find_by_id(conversation_id).one(app.db.read()).await?;
            let payer = conversation.and_then(|conversation| conversation.payer_group_id);
            by_user(app, identity, payer, model, request).await?
        }
    };
    let title = clean(&title);
    if title.is_empty() {
        return Ok(());
    }
    let old = made_title(&finished.message);
    let named = app.db.write((conversation_id, old, title), |txn, (id, old, title)| {
        Box::pin(async move {
            // A title that the user has given meanwhile stays.
            let update = conversation::Entity::update_many()
                .col_expr(conversation::Column::Title, Expr::value(title.as_str()))
                .filter(conversation::Column::Id.eq(*id))
                .filter(conversation::Column::Title.eq(old.as_str()));
            Ok(update.exec(txn).await?.rows_affected == 1)
        })
    });
    if named.await? {
        Change::of_conversation(ChangeKind::Updated, conversation_id).publish(&app.bus, identity.id);
    }
    Ok(())
}

/// Returns whether the conversation has no other chat, and the title that was made from its message.
async fn is_first(app: &App, id: ConversationId, finished: &chat::Model) -> Result<bool, Error> {
    let conversation = conversation::Entity::find_by_id(id).one(app.db.read()).await?;
    if conversation.is_none_or(|conversation| conversation.title != made_title(&finished.message)) {
        return Ok(false);
    }
    let chats = chat::Entity::find().filter(chat::Column::ConversationId.eq(id));
    Ok(chats.count(app.db.read()).await? == 1)
}

fn request(finished: &chat::Model) -> Request {
    let excerpt = |text: &str| text.chars().take(MAX_EXCERPT_CHARS).collect::<String>();
    let content = format!("Message:\n{}\n\nReply:\n{}", excerpt(&finished.message), excerpt(&finished.response));
    let messages = vec![Message::new(Role::System, INSTRUCTIONS), Message::new(Role::User, content)];
    Request { messages: messages.into(), max_output: MAX_OUTPUT, ..Request::default() }
}

/// Asks the model at the operator's expense. The concurrency limit of the model counts it as any message.
async fn by_operator(app: &App, model: &Model, request: Request) -> Result<String, Error> {
    let _place = model.acquire()?;
    let mut reply = model.provider.reply(request);
    let mut title = String::new();
    let read = async {
        while let Some(event) = reply.next().await {
            match event? {
                Event::Chunk(text) => title.push_str(&text),
                Event::Done(usage) => {
                    let usage = usage.unwrap_or_default();
                    app.metrics.title(&model.name, usage);
                    tracing::info!(model = model.name, input = usage.input, output = usage.output, "title generated");
                    return Ok(());
                }
                _ => {}
            }
        }
        Err(Error::new(Code::ProviderUnavailable, "The title was truncated."))
    };
    let took_too_long = |_| Error::new(Code::Timeout, "The model of titles took too long.");
    tokio::select! {
        read = timeout(MAX_WAIT, read) => read.map_err(took_too_long)??,
        // A shutdown does not wait for a title.
        () = app.stopping.cancelled() => return Ok(String::new()),
    }
    Ok(title)
}

/// Asks the model by a chat that the user pays for, by the rules of any other.
async fn by_user(
    app: &App,
    identity: Identity,
    payer: Option<GroupId>,
    model: &Model,
    request: Request,
) -> Result<String, Error> {
    let at = app.clock.now();
    let opening = PreparedChat {
        user_id: identity.id,
        payer,
        api_key_id: identity.api_key(),
        message: MESSAGE.to_owned(),
        fingerprint: None,
        is_call: false,
        store_reply: true,
        model: model.name.clone(),
        is_model_named: true,
        idempotency_key: None,
        conversation_id: None,
        replaces: None,
        omitted_chats: 0,
        input_bound: model.input_bound(&request),
        request,
        price: model.price,
        price_id: pricing::version_id(app, model).await?,
        choices: 1,
        at,
        lease_until: lease_deadline(app, at),
    };
    let start = StartRequest { caller: None, admission: None, after: None };
    match begin(app, identity, opening, model.clone(), start).await? {
        Started::New { end, .. } => {
            let chat = end.await.map_err(|error| Error::internal(error))??.chat;
            Ok(if chat.status == Status::Done { chat.response } else { String::new() })
        }
        Started::Duplicate(chat) => Err(Error::internal(format!("the title is chat {}", chat.id))),
    }
}

/// Returns what a model has answered as a title: one short line without quotation marks.
fn clean(answer: &str) -> String {
    let line = answer.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let line = line.trim_start_matches("Title:").replace('\0', "");
    let marks = |character: char| character.is_whitespace() || "\"'`*#“”„«».".contains(character);
    made_title(line.trim_matches(marks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_become_short_lines_without_decoration() {
        for (answer, title) in [
            ("Capital of France", "Capital of France"),
            ("\n \"Capital of France.\"\nIt is short.", "Capital of France"),
            ("Title: **Capital   of France**", "Capital of France"),
            ("„Hauptstadt“", "Hauptstadt"),
            (" \n", ""),
        ] {
            assert_eq!(clean(answer), title, "{answer}");
        }
        assert!(clean(&"word ".repeat(100)).chars().count() <= 61);
    }
}
