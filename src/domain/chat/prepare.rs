//! Preparing a chat: the message or API call is validated, and gets its model, price and context. Nothing is stored.

use chrono::{DateTime, TimeDelta, Utc};

use super::admission::{self, Admission};
use super::versions::ReplacedChat;
use super::{context, conversation};
use crate::app::App;
use crate::core::error::{Error, FieldError};
use crate::core::ids::{ApiKeyId, ConversationId, GroupId, PriceId, UserId};
use crate::core::price::{InputBound, Price};
use crate::core::viewer::{Identity, Reader, Writer};
use crate::domain::ledger::{self, Spender};
use crate::domain::pricing;
use crate::infra::ai::Request;
use crate::infra::catalog::Model;
use crate::infra::entity;

/// A message to send.
#[derive(Clone, Debug, Default)]
pub struct SendMessage {
    /// The text of the message.
    pub message: String,
    /// The name of the model; defaults to the conversation's, or else the configured default.
    pub model: Option<String>,
    /// Idempotency key: a duplicate returns the first chat.
    pub idempotency_key: Option<String>,
    /// The conversation whose earlier chats are the context; `None` for a message without context.
    pub conversation_id: Option<ConversationId>,
}

/// A call of an API client.
#[derive(Clone, Debug)]
pub struct ApiCall {
    /// The name of the model.
    pub model: String,
    /// The request to the model. Its output limit is ignored.
    pub request: Request,
    /// The output limit requested by the caller, for each choice.
    pub max_output: Option<u64>,
    /// The number of choices requested.
    pub choices: u64,
    /// The last user message: the stored text, if calls are stored.
    pub text: String,
    /// Idempotency key.
    pub idempotency_key: Option<String>,
    /// The keyed hash of the whole call: a duplicate key requires the same fingerprint.
    pub fingerprint: Option<String>,
    /// The proof that the rate limit has counted the call already.
    pub admission: Option<Admission>,
}

/// A validated message or API call, before it is paid for.
pub(super) struct PreparedChat {
    pub(super) user_id: UserId,
    /// The group that the conversation chose to pay.
    pub(super) payer: Option<GroupId>,
    pub(super) api_key_id: Option<ApiKeyId>,
    /// The stored text.
    pub(super) message: String,
    /// What identifies the message or call under its idempotency key, in addition to the other columns: for a call,
    /// whose text need not be stored, a keyed hash of the whole request.
    pub(super) fingerprint: Option<String>,
    /// Whether this is an API call, which has a context of its own.
    pub(super) is_call: bool,
    /// Whether the reply is stored.
    pub(super) store_reply: bool,
    pub(super) model: String,
    /// Whether the client named the model; a retry has to name it too.
    pub(super) is_model_named: bool,
    pub(super) idempotency_key: Option<String>,
    pub(super) conversation_id: Option<ConversationId>,
    /// The chat that this one replaces in the context.
    pub(super) replaces: Option<ReplacedChat>,
    /// The number of earlier chats omitted from the context.
    pub(super) omitted_chats: i64,
    /// The request to the model.
    pub(super) request: Request,
    pub(super) price: Price,
    /// The version of the price.
    pub(super) price_id: PriceId,
    pub(super) input_bound: InputBound,
    /// The number of choices requested, each up to the output limit.
    pub(super) choices: u64,
    pub(super) at: DateTime<Utc>,
    pub(super) lease_until: DateTime<Utc>,
}

/// A message whose length, model and conversation are valid, before any further work.
pub(super) struct ValidMessage {
    input: SendMessage,
    conversation: Option<entity::conversation::Model>,
    /// The trimmed text.
    message: String,
    model: Model,
    /// The chat that it is to replace in the context.
    replaces: Option<ReplacedChat>,
}

/// Validates a message, counts it against the rate limit, and builds the context.
pub(super) async fn prepare_message(
    app: &App,
    writer: Writer,
    input: SendMessage,
    replaces: Option<ReplacedChat>,
) -> Result<(PreparedChat, Model, Admission), Error> {
    let valid = validate_message(app, writer.reader(), input, replaces).await?;
    // Before the context is read, which may take far more than the message.
    let admission = admission::count(app, *writer).await?;
    let (opening, model) = with_context(app, *writer, valid).await?;
    Ok((opening, model, admission))
}

/// Validates a message.
pub(super) async fn validate_message(
    app: &App,
    reader: Reader,
    input: SendMessage,
    replaces: Option<ReplacedChat>,
) -> Result<ValidMessage, Error> {
    let conversation = match input.conversation_id {
        Some(id) => Some(conversation::find(app, reader, id).await?),
        None => None,
    };
    let message = input.message.trim().to_owned();
    let mut fields = Vec::new();
    if let Err(problem) = check_message(&message, app.config().turns.max_message_chars) {
        fields.push(FieldError { field: "message", message: problem });
    }
    let preferred = conversation.as_ref().and_then(|conversation| conversation.model.clone());
    let model = app.models().get(input.model.as_deref().or(preferred.as_deref())).cloned();
    if model.is_none() {
        fields.push(FieldError { field: "model", message: "There is no such model.".to_owned() });
    }
    if let Err(error) = ledger::check_idempotency_key(input.idempotency_key.as_deref()) {
        fields.extend(error.fields);
    }
    let Some(model) = model.filter(|_| fields.is_empty()) else { return Err(Error::invalid(fields)) };
    model.check_available()?;
    Ok(ValidMessage { input, conversation, message, model, replaces })
}

/// Builds the context of a valid message. The caller has counted it against a rate limit.
pub(super) async fn with_context(
    app: &App,
    identity: Identity,
    valid: ValidMessage,
) -> Result<(PreparedChat, Model), Error> {
    let ValidMessage { input, conversation, message, model, replaces } = valid;
    let replaced_id = replaces.map(|replaced| replaced.in_context_id);
    let context = context::build_context(app, &model, conversation.as_ref(), &message, replaced_id).await?;
    let at = app.clock.now();
    let request = Request { messages: context.messages.into(), max_output: model.max_output, ..Request::default() };
    let fingerprint = fingerprint(&input, replaces);
    let opening = PreparedChat {
        user_id: identity.id,
        payer: conversation.and_then(|conversation| conversation.payer_group_id),
        api_key_id: identity.api_key(),
        message,
        fingerprint,
        is_call: false,
        store_reply: true,
        model: model.name.clone(),
        is_model_named: input.model.is_some(),
        idempotency_key: input.idempotency_key,
        conversation_id: input.conversation_id,
        replaces,
        price: model.price,
        price_id: pricing::version_id(app, &model).await?,
        input_bound: model.input_bound(&request),
        choices: 1,
        omitted_chats: context.omitted,
        request,
        at,
        lease_until: lease_deadline(app, at),
    };
    Ok((opening, model))
}

/// Validates an API call, which has a context of its own.
pub(super) async fn prepare_call(app: &App, identity: Identity, call: ApiCall) -> Result<(PreparedChat, Model), Error> {
    ledger::check_idempotency_key(call.idempotency_key.as_deref())?;
    let model = app.models().get(Some(&call.model)).cloned();
    let model = model.ok_or_else(|| Error::field("model", "There is no such model."))?;
    model.check_available()?;
    let mut request = call.request;
    request.max_output = call.max_output.unwrap_or(model.max_output).min(model.max_output);
    let (at, store_reply) = (app.clock.now(), app.config().v1.store_api_messages);
    let opening = PreparedChat {
        user_id: identity.id,
        payer: None,
        api_key_id: identity.api_key(),
        // PostgreSQL stores no NUL in text.
        message: if store_reply { call.text.replace('\0', "\u{fffd}") } else { String::new() },
        fingerprint: call.fingerprint,
        is_call: true,
        store_reply,
        model: model.name.clone(),
        is_model_named: true,
        idempotency_key: call.idempotency_key,
        conversation_id: None,
        replaces: None,
        omitted_chats: 0,
        price: model.price.for_answers(call.choices.max(1)),
        price_id: pricing::version_id(app, &model).await?,
        input_bound: model.input_bound(&request),
        choices: call.choices.max(1),
        request,
        at,
        lease_until: lease_deadline(app, at),
    };
    Ok((opening, model))
}

fn check_message(message: &str, max_chars: usize) -> Result<(), String> {
    if message.is_empty() {
        Err("This field may not be blank.".to_owned())
    } else if message.chars().count() > max_chars {
        Err(format!("Use at most {max_chars} characters."))
    } else if message.contains('\0') {
        Err("Null characters are not allowed.".to_owned())
    } else {
        Ok(())
    }
}

impl PreparedChat {
    /// Returns who spends.
    pub(super) fn spender(&self) -> Spender {
        Spender { user_id: self.user_id, payer: self.payer, api_key_id: self.api_key_id }
    }

    /// Returns the user and the idempotency key.
    pub(super) fn key(&self) -> Option<(UserId, String)> {
        Some((self.user_id, self.idempotency_key.clone()?))
    }
}

/// Returns the time at which a turn that renews its lease now counts as dead.
pub(super) fn lease_deadline(app: &App, now: DateTime<Utc>) -> DateTime<Utc> {
    now + TimeDelta::from_std(app.config().turns.lease).unwrap_or(TimeDelta::MAX)
}

/// The [fingerprint](PreparedChat::fingerprint) of a message whose client named the model.
pub(super) const MODEL_NAMED: &str = "model";

/// Returns what identifies a message under its idempotency key, in addition to the columns of the chat.
fn fingerprint(input: &SendMessage, replaces: Option<ReplacedChat>) -> Option<String> {
    input.idempotency_key.as_ref()?;
    let named = input.model.is_some().then(|| MODEL_NAMED.to_owned());
    let parts: Vec<_> = named.into_iter().chain(replaces.map(|replaced| format!("replaces {}", replaced.id))).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}
