//! Opening a chat: the message is validated, then paid for by a hold and stored, in one transaction.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;
use sea_orm::ActiveValue::NotSet;
use sea_orm::{EntityTrait, IntoActiveModel, TransactionTrait};

use super::idempotency::{DuplicateAction, find_duplicates, fingerprint, release_idempotency_key, resolve_duplicate};
use super::{ApiCall, SendMessage, context, conversation};
use crate::app::App;
use crate::core::error::{Error, FieldError};
use crate::core::tokens::{Price, Tokens};
use crate::core::viewer::{Identity, Viewer};
use crate::domain::ledger::{self, Balance, Hold, SpendableBalances};
use crate::infra::ai::Request;
use crate::infra::catalog::Model;
use crate::infra::db::{BatchJob, BatchResult, Txn};
use crate::infra::entity::chat::{self, Status};

/// A validated message or API call, before it is paid for.
pub(super) struct PreparedChat {
    pub(super) user_id: i64,
    pub(super) api_key_id: Option<i64>,
    /// The stored text.
    pub(super) message: String,
    /// What identifies the message or call under its idempotency key, in addition to the other columns: for a call,
    /// whose text need not be stored, a keyed hash of the whole request.
    pub(super) fingerprint: Option<String>,
    /// Whether this is an API call, which has a context of its own.
    pub(super) is_call: bool,
    /// Whether the reply is stored.
    pub(super) kept: bool,
    pub(super) model: String,
    /// Whether the client named the model; a retry has to name it too.
    pub(super) model_named: bool,
    pub(super) idempotency_key: Option<String>,
    pub(super) conversation_id: Option<i64>,
    /// The chat that this one replaces in the context.
    replaces: Option<i64>,
    /// The number of earlier chats omitted from the context.
    omitted_chats: i64,
    /// The request to the model.
    request: Request,
    price: Price,
    input_bound: u64,
    /// The number of choices requested, each up to the output limit.
    choices: u64,
    at: DateTime<Utc>,
    lease_until: DateTime<Utc>,
}

/// An opened chat, whose hold is taken.
pub(super) struct OpenedChat {
    /// The row, PENDING.
    pub(super) chat: chat::Model,
    /// The owner's balance after the hold.
    pub(super) balance: Balance,
    /// The request to the model, limited to what the hold pays for.
    pub(super) request: Request,
    /// Whether the reply is stored.
    pub(super) kept: bool,
    /// The price of the chat, with the flat part multiplied by the number of choices.
    pub(super) price: Price,
    /// The maximum of input model tokens. Computed only for a metered price.
    pub(super) input_bound: u64,
}

pub(super) enum OpenResult {
    New(Box<OpenedChat>),
    /// A duplicate of an idempotency key, which belongs to this chat.
    Seen(Box<chat::Model>),
}

/// Validates a message, and builds the context.
pub(super) async fn check(
    app: &App,
    viewer: Viewer,
    input: SendMessage,
    replaces: Option<i64>,
) -> Result<(PreparedChat, Model), Error> {
    let identity = viewer.require_write()?;
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
    let context = context::build_context(app, &model, conversation.as_ref(), &message, replaces).await?;
    let at = app.clock.now();
    // Counting may cost as much as reading the text; a flat price does not need it.
    let input_bound = if model.price.is_metered() { model.provider.max_input(&context.messages) } else { 0 };
    let fingerprint = fingerprint(&input, replaces);
    let opening = PreparedChat {
        user_id: identity.id,
        api_key_id: identity.api_key(),
        message,
        fingerprint,
        is_call: false,
        kept: true,
        model: model.name.clone(),
        model_named: input.model.is_some(),
        idempotency_key: input.idempotency_key,
        conversation_id: input.conversation_id,
        replaces,
        price: model.price,
        input_bound,
        choices: 1,
        omitted_chats: context.left_out,
        request: Request { messages: context.messages, max_output: model.max_output, ..Request::default() },
        at,
        lease_until: lease_deadline(app, at),
    };
    Ok((opening, model))
}

/// Validates an API call, which has a context of its own.
pub(super) fn check_call(app: &App, identity: Identity, call: ApiCall) -> Result<(PreparedChat, Model), Error> {
    ledger::check_idempotency_key(call.idempotency_key.as_deref())?;
    let model = app.models.get(Some(&call.model)).cloned();
    let model = model.ok_or_else(|| Error::field("model", "There is no such model."))?;
    let mut request = call.request;
    request.max_output = call.max_output.unwrap_or(model.max_output).min(model.max_output);
    let input_bound = match &request.passing {
        _ if !model.price.is_metered() => 0,
        Some(passing) => model.provider.max_input_of_call(&passing.call).unwrap_or(u64::MAX),
        None => model.provider.max_input(&request.messages),
    };
    let (at, kept) = (app.clock.now(), app.config.v1.store_api_messages);
    let opening = PreparedChat {
        user_id: identity.id,
        api_key_id: identity.api_key(),
        // PostgreSQL stores no NUL in text.
        message: if kept { call.text.replace('\0', "\u{fffd}") } else { String::new() },
        fingerprint: call.fingerprint,
        is_call: true,
        kept,
        model: model.name.clone(),
        model_named: true,
        idempotency_key: call.idempotency_key,
        conversation_id: None,
        replaces: None,
        omitted_chats: 0,
        price: model.price.for_answers(call.choices.max(1)),
        input_bound,
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
        Err(format!("Ensure this field has no more than {max_chars} characters."))
    } else if message.contains('\0') {
        Err("Null characters are not allowed.".to_owned())
    } else {
        Ok(())
    }
}

/// Returns the time at which a turn that renews its lease now counts as dead.
pub(super) fn lease_deadline(app: &App, now: DateTime<Utc>) -> DateTime<Utc> {
    now + TimeDelta::from_std(app.config.turns.lease).unwrap_or(TimeDelta::MAX)
}

/// Takes the hold and stores the chat.
#[tracing::instrument(name = "hold", level = "debug", skip_all)]
pub(super) async fn open(app: &App, opening: PreparedChat) -> Result<OpenResult, Error> {
    // A replacement also changes another chat, which no statement does for a batch.
    if opening.replaces.is_some() {
        return app.metrics.hold.of(app.db.write(opening, |txn, opening| Box::pin(open_one(txn, opening)))).await;
    }
    app.metrics.hold.of(app.db.write_batched(opening)).await
}

impl BatchJob for PreparedChat {
    type Output = OpenResult;

    fn run<'t>(txn: &'t Txn, all: &'t [Self]) -> BoxFuture<'t, BatchResult<OpenResult>> {
        Box::pin(open_batch(txn, all))
    }
}

/// Opens a batch of chats that replace no others.
async fn open_batch(txn: &Txn, openings: &[PreparedChat]) -> BatchResult<OpenResult> {
    if let [only] = openings {
        return Ok(vec![Ok(open_one(txn, only).await?)]);
    }
    let mut available = available(txn, openings).await?;
    let known = find_duplicates(txn, openings).await?;
    let mut outcomes: Vec<Option<Result<OpenResult, Error>>> = openings.iter().map(|_| None).collect();
    let (mut new, mut new_keys) = (Vec::new(), HashSet::new());
    for (opening, outcome) in openings.iter().zip(&mut outcomes) {
        let first = opening.key().and_then(|key| known.get(&key));
        match first.map(|first| resolve_duplicate(opening, first, &available)) {
            Some(Ok(DuplicateAction::Seen)) => {
                *outcome = first.cloned().map(|first| Ok(OpenResult::Seen(Box::new(first))))
            }
            Some(Err(error)) => *outcome = Some(Err(error)),
            // Opened below, like those with the same key as another in this batch: the second finds the row of the
            // first.
            Some(Ok(DuplicateAction::Anew)) => {}
            None if opening.key().is_some_and(|key| !new_keys.insert(key)) => {}
            None => new.push((opening, outcome)),
        }
    }
    let mut ready = Vec::with_capacity(new.len());
    for (opening, outcome) in new {
        match ReservedChat::new(opening, &mut available) {
            Ok(one) => ready.push((one, outcome)),
            Err(error) => *outcome = Some(Err(error)),
        }
    }
    let (ready, places): (Vec<_>, Vec<_>) = ready.into_iter().unzip();
    for (place, stored) in places.into_iter().zip(store(txn, ready).await?) {
        *place = Some(Ok(OpenResult::New(Box::new(stored))));
    }
    let mut complete = Vec::with_capacity(openings.len());
    for (opening, outcome) in openings.iter().zip(outcomes) {
        complete.push(match outcome {
            Some(outcome) => outcome,
            None => {
                let savepoint = txn.begin().await?;
                let outcome = open_one(&savepoint, opening).await;
                if outcome.is_ok() {
                    savepoint.commit().await?
                } else {
                    savepoint.rollback().await?
                }
                outcome
            }
        });
    }
    Ok(complete)
}

async fn open_one(txn: &Txn, opening: &PreparedChat) -> Result<OpenResult, Error> {
    let mut available = available(txn, std::slice::from_ref(opening)).await?;
    if let Some(first) = find_duplicates(txn, std::slice::from_ref(opening)).await?.into_values().next() {
        match resolve_duplicate(opening, &first, &available)? {
            DuplicateAction::Seen => return Ok(OpenResult::Seen(Box::new(first))),
            DuplicateAction::Anew => release_idempotency_key(txn, first.id).await?,
        }
    }
    let ready = ReservedChat::new(opening, &mut available)?;
    let stored = store(txn, vec![ready]).await?.pop();
    let opened = stored.ok_or_else(|| Error::internal("a chat was not stored"))?;
    if let Some(replaced) = opening.replaces {
        context::replace(txn, replaced, &opened.chat).await?;
    }
    Ok(OpenResult::New(Box::new(opened)))
}

/// A chat whose hold is reserved in memory, and not yet written.
struct ReservedChat<'a> {
    opening: &'a PreparedChat,
    hold: Hold,
    /// The owner's balance after the hold.
    balance: Balance,
    max_output: u64,
}

/// Loads the spendable balances. It also serializes concurrent retries, since the users' rows are locked.
async fn available(txn: &Txn, openings: &[PreparedChat]) -> Result<SpendableBalances, Error> {
    let at = openings.iter().map(|opening| opening.at).max().unwrap_or_default();
    let spenders: Vec<_> = openings.iter().map(|opening| (opening.user_id, opening.api_key_id)).collect();
    SpendableBalances::find(txn, &spenders, at).await
}

impl<'a> ReservedChat<'a> {
    /// Reserves the flat price, or that of the longest reply that the balance, and the limits of the API key, pay for.
    fn new(opening: &'a PreparedChat, available: &mut SpendableBalances) -> Result<Self, Error> {
        let &PreparedChat { user_id, api_key_id, price, input_bound, choices, at, .. } = opening;
        let (mut amount, mut max_output) = (Tokens(price.per_message), opening.request.max_output);
        if price.is_metered() {
            let affordable = price.affordable_output(available.of(user_id, api_key_id)?, input_bound);
            let affordable = affordable.map(|output| output / choices).filter(|output| *output > 0);
            max_output = affordable.ok_or_else(ledger::insufficient)?.min(max_output);
            amount = price.of_reply(input_bound, max_output.saturating_mul(choices));
        }
        let hold = Hold { user_id, api_key_id, model: opening.model.clone(), amount, at };
        let balance = available.hold(&hold)?;
        Ok(Self { opening, hold, balance, max_output })
    }

    fn row(&self) -> chat::Model {
        let opening = self.opening;
        chat::Model {
            id: 0,
            user_id: opening.user_id,
            conversation_id: opening.conversation_id,
            replaced_by_id: None,
            context_left_out: opening.omitted_chats,
            model: opening.model.clone(),
            status: Status::Pending,
            message: opening.message.clone(),
            response: String::new(),
            error_code: None,
            error_message: None,
            hold: self.hold.amount,
            cost: Tokens::ZERO,
            input_units: None,
            output_units: None,
            usage_estimated: false,
            idempotency_key: opening.idempotency_key.clone(),
            api_key_id: opening.api_key_id,
            fingerprint: opening.fingerprint.clone(),
            created_at: opening.at,
            finished_at: None,
            lease_until: Some(opening.lease_until),
        }
    }
}

/// Writes the holds and stores the chats.
async fn store(txn: &Txn, ready: Vec<ReservedChat<'_>>) -> Result<Vec<OpenedChat>, Error> {
    if ready.is_empty() {
        return Ok(Vec::new());
    }
    let (mut rows, mut holds) = (Vec::with_capacity(ready.len()), Vec::with_capacity(ready.len()));
    for ready in &ready {
        if let Some(id) = ready.opening.conversation_id {
            conversation::touch(txn, id, &ready.opening.message, ready.opening.at).await?;
        }
        rows.push(ready.row());
        holds.push(ready.hold.clone());
    }
    let new = rows.iter().cloned().map(|row| chat::ActiveModel { id: NotSet, ..row.into_active_model() });
    let ids = ledger::reserve(txn, &holds, chat::Entity::insert_many(new)).await?;
    let opened = ready.iter().zip(rows).zip(ids).map(|((ready, row), id)| {
        let request = Request { max_output: ready.max_output, ..ready.opening.request.clone() };
        let &PreparedChat { kept, price, input_bound, .. } = ready.opening;
        OpenedChat { chat: chat::Model { id, ..row }, balance: ready.balance, request, kept, price, input_bound }
    });
    Ok(opened.collect())
}

impl PreparedChat {
    /// Returns the user and the idempotency key.
    pub(super) fn key(&self) -> Option<(i64, String)> {
        Some((self.user_id, self.idempotency_key.clone()?))
    }
}
