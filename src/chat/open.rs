//! Opening a chat: the message is checked, then paid for by a hold and stored, in one transaction.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter};

use super::{Call, Send, context, conversation};
use crate::ai::Request;
use crate::app::{App, Model};
use crate::db::Txn;
use crate::entity::chat::{self, Column, Status};
use crate::error::{Code, Error, FieldError};
use crate::ledger::{self, Balance};
use crate::tokens::{Price, Tokens};
use crate::viewer::{Identity, Viewer};

/// A message or call that was checked and is to be paid for.
pub(super) struct Opening {
    user_id: i64,
    api_key_id: Option<i64>,
    /// What is stored of it.
    message: String,
    /// What recognises the call, where its text is not stored.
    fingerprint: Option<String>,
    /// Whether the reply is stored.
    pub(super) kept: bool,
    model: String,
    /// The client named the model, so a retry has to name it too.
    model_named: bool,
    idempotency_key: Option<String>,
    conversation_id: Option<i64>,
    /// The chat whose place in the context this one takes.
    replaces: Option<i64>,
    /// Earlier chats that the model does not see.
    left_out: i64,
    /// What the model is asked.
    request: Request,
    price: Price,
    input_bound: u64,
    /// How many replies are asked for at once, each up to the limit of the output.
    choices: u64,
    at: DateTime<Utc>,
    lease_until: DateTime<Utc>,
}

/// A chat whose hold is taken.
pub(super) struct Opened {
    /// The row, PENDING.
    pub(super) chat: chat::Model,
    /// What the owner has with the hold taken.
    pub(super) balance: Balance,
    /// What the model is asked: no more than the hold pays for.
    pub(super) request: Request,
    /// Whether the reply is stored.
    pub(super) kept: bool,
}

pub(super) enum Open {
    New(Opened),
    /// The idempotency key was used before, for this chat.
    Seen(chat::Model),
}

/// Checks the message, and gathers what the model is to see.
pub(super) async fn check(
    app: &App,
    viewer: Viewer,
    input: Send,
    replaces: Option<i64>,
) -> Result<(Opening, Model), Error> {
    let identity = viewer.writer()?;
    let conversation = match input.conversation_id {
        Some(id) => Some(conversation::find(app, viewer, id).await?),
        None => None,
    };
    let message = input.message.trim().to_owned();
    let mut mistakes = Vec::new();
    if let Err(problem) = check_message(&message, app.config.turns.max_message_chars) {
        mistakes.push(FieldError { field: "message", message: problem });
    }
    let preferred = conversation.as_ref().and_then(|conversation| conversation.model.clone());
    let model = app.models.get(input.model.as_deref().or(preferred.as_deref()));
    if model.is_none() {
        mistakes.push(FieldError { field: "model", message: "There is no such model.".to_owned() });
    }
    if let Err(error) = ledger::check_idempotency_key(input.idempotency_key.as_deref()) {
        mistakes.extend(error.fields);
    }
    let Some(model) = model.filter(|_| mistakes.is_empty()).cloned() else { return Err(Error::invalid(mistakes)) };
    let context = context::gather(app, &model, conversation.as_ref(), &message, replaces).await?;
    let at = app.clock.now();
    // Counting may cost as much as reading the text; a flat price does not need it.
    let input_bound = if model.price.is_metered() { model.provider.input_bound(&context.messages) } else { 0 };
    let opening = Opening {
        user_id: identity.id,
        api_key_id: identity.api_key(),
        message,
        fingerprint: None,
        kept: true,
        model: model.name.clone(),
        model_named: input.model.is_some(),
        idempotency_key: input.idempotency_key,
        conversation_id: input.conversation_id,
        replaces,
        price: model.price,
        input_bound,
        choices: 1,
        left_out: context.left_out,
        request: Request { messages: context.messages, max_output: model.max_output, ..Request::default() },
        at,
        lease_until: lease_from(app, at),
    };
    Ok((opening, model))
}

/// Checks a call, which brings its own context.
pub(super) fn check_call(app: &App, identity: Identity, call: Call) -> Result<(Opening, Model), Error> {
    ledger::check_idempotency_key(call.idempotency_key.as_deref())?;
    let model = app.models.get(Some(&call.model)).cloned();
    let model = model.ok_or_else(|| Error::field("model", "There is no such model."))?;
    let mut request = call.request;
    request.max_output = call.max_output.unwrap_or(model.max_output).min(model.max_output);
    let input_bound = match &request.passing {
        _ if !model.price.is_metered() => 0,
        Some(passing) => model.provider.bound_of_call(&passing.call).unwrap_or(u64::MAX),
        None => model.provider.input_bound(&request.messages),
    };
    let (at, kept) = (app.clock.now(), app.config.v1.store_api_messages);
    let opening = Opening {
        user_id: identity.id,
        api_key_id: identity.api_key(),
        // PostgreSQL stores no NUL in text.
        message: if kept { call.text.replace('\0', "\u{fffd}") } else { String::new() },
        fingerprint: call.idempotency_key.is_some().then(|| app.hashes.of(&call.fingerprint)),
        kept,
        model: model.name.clone(),
        model_named: true,
        idempotency_key: call.idempotency_key,
        conversation_id: None,
        replaces: None,
        left_out: 0,
        price: model.price,
        input_bound,
        choices: call.choices.max(1),
        request,
        at,
        lease_until: lease_from(app, at),
    };
    Ok((opening, model))
}

fn check_message(message: &str, max_chars: usize) -> Result<(), String> {
    if message.is_empty() {
        Err("This field may not be blank.".to_owned())
    } else if message.chars().count() > max_chars {
        Err(format!("Ensure this field has no more than {max_chars} characters."))
    } else if message.contains('\0') {
        Err("Null characters are not allowed.".to_owned())
    } else {
        Ok(())
    }
}

/// When a turn that gives a sign of life now counts as dead without another.
pub(super) fn lease_from(app: &App, now: DateTime<Utc>) -> DateTime<Utc> {
    now + TimeDelta::from_std(app.config.turns.lease).unwrap_or(TimeDelta::MAX)
}

/// Takes the hold and stores the chat.
#[tracing::instrument(name = "hold", level = "debug", skip_all)]
pub(super) async fn open(app: &App, opening: Opening) -> Result<Open, Error> {
    app.metrics.hold.of(app.db.write(opening, |txn, opening| Box::pin(in_transaction(txn, opening)))).await
}

async fn in_transaction(txn: &Txn, opening: &Opening) -> Result<Open, Error> {
    let mut hold = Tokens(opening.price.per_message);
    let mut request = opening.request.clone();
    if opening.idempotency_key.is_some() || opening.price.is_metered() {
        // The lock makes retries that arrive at once see each other, and keeps the balance still while the longest
        // affordable reply is worked out.
        let user = ledger::find_for_update(txn, opening.user_id).await?;
        match seen(txn, opening).await? {
            // Programs try again by themselves when a call has failed, and mean another try.
            Some(chat) if opening.fingerprint.is_some() && failed_for_free(&chat) => release_key(txn, chat.id).await?,
            Some(chat) => return Ok(Open::Seen(chat)),
            None => {}
        }
        if opening.price.is_metered() {
            let mut tokens = user.tokens;
            if let Some(key_id) = opening.api_key_id {
                tokens = ledger::rest_under(txn, key_id, opening.at).await?.map_or(tokens, |rest| rest.min(tokens));
            }
            let affordable = opening.price.affordable_output(tokens, opening.input_bound);
            let affordable = affordable.map(|output| output / opening.choices).filter(|output| *output > 0);
            request.max_output = affordable.ok_or_else(ledger::insufficient)?.min(request.max_output);
            let output = request.max_output.saturating_mul(opening.choices);
            hold = opening.price.of_reply(opening.input_bound, output);
        }
    }
    let balance = ledger::hold(txn, opening.user_id, hold).await?;
    if let Some(key_id) = opening.api_key_id {
        let key = ledger::hold_under(txn, key_id, hold, opening.at).await?;
        if !key.allows(&opening.model) {
            return Err(Error::field("model", "There is no such model."));
        }
    }
    if let Some(id) = opening.conversation_id {
        conversation::touch(txn, id, &opening.message, opening.at).await?;
    }
    let row = chat::ActiveModel {
        id: NotSet,
        user_id: Set(opening.user_id),
        conversation_id: Set(opening.conversation_id),
        replaced_by_id: Set(None),
        context_left_out: Set(opening.left_out),
        model: Set(opening.model.clone()),
        status: Set(Status::Pending),
        message: Set(opening.message.clone()),
        response: Set(String::new()),
        error_code: Set(None),
        error_message: Set(None),
        hold: Set(hold),
        cost: Set(Tokens::ZERO),
        input_units: Set(None),
        output_units: Set(None),
        usage_estimated: Set(false),
        idempotency_key: Set(opening.idempotency_key.clone()),
        api_key_id: Set(opening.api_key_id),
        fingerprint: Set(opening.fingerprint.clone()),
        created_at: Set(opening.at),
        finished_at: Set(None),
        lease_until: Set(Some(opening.lease_until)),
    };
    let chat = row.insert(txn).await?;
    if let Some(replaced) = opening.replaces {
        context::replace(txn, replaced, &chat).await?;
    }
    Ok(Open::New(Opened { chat, balance, request, kept: opening.kept }))
}

fn failed_for_free(chat: &chat::Model) -> bool {
    matches!(chat.status, Status::Failed | Status::Interrupted) && chat.cost == Tokens::ZERO
}

/// Lets another chat have the key of this one.
async fn release_key(txn: &Txn, chat_id: i64) -> Result<(), Error> {
    let released = chat::Entity::update_many().col_expr(Column::IdempotencyKey, Expr::value(None::<String>));
    released.filter(Column::Id.eq(chat_id)).exec(txn).await?;
    Ok(())
}

async fn seen(txn: &Txn, opening: &Opening) -> Result<Option<chat::Model>, Error> {
    let Some(key) = &opening.idempotency_key else { return Ok(None) };
    let first = chat::Entity::of(opening.user_id).filter(Column::IdempotencyKey.eq(key)).one(txn).await?;
    match first {
        Some(chat)
            if chat.message != opening.message
                || chat.fingerprint != opening.fingerprint
                || chat.conversation_id != opening.conversation_id
                || (opening.model_named && chat.model != opening.model) =>
        {
            Err(Error::new(Code::Conflict, "This idempotency key was used for another message."))
        }
        first => Ok(first),
    }
}
