//! Opening a chat: a prepared message is paid for by a hold and stored, in one transaction.

use std::collections::HashSet;

use futures::future::BoxFuture;
use sea_orm::ActiveValue::NotSet;
use sea_orm::{IntoActiveModel, TransactionTrait};

use super::idempotency::{DuplicateAction, find_duplicates, release_idempotency_key, resolve_duplicate};
use super::prepare::PreparedChat;
use super::{conversation, versions};
use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::ChatId;
use crate::core::price::{InputBound, Price};
use crate::core::tokens::Tokens;
use crate::domain::ledger::{self, Balance, Hold, ReservedHold, SpendableBalances};
use crate::infra::ai::Request;
use crate::infra::db::{Batch, BatchJob, BatchResult, Txn};
use crate::infra::entity::chat::{self, Status};

/// An opened chat, whose hold is taken.
pub(super) struct OpenedChat {
    /// The row, PENDING.
    pub(super) chat: chat::Model,
    /// The owner's balance after the hold.
    pub(super) balance: Balance,
    /// The request to the model, limited to what the hold pays for.
    pub(super) request: Request,
    /// Whether the reply is stored.
    pub(super) store_reply: bool,
    /// The price of the chat, with the flat part multiplied by the number of choices.
    pub(super) price: Price,
    /// The number of choices requested.
    pub(super) choices: u64,
    /// The maximum of input model tokens. Computed only for a metered price.
    pub(super) input_bound: InputBound,
}

pub(super) enum OpenResult {
    New(Box<OpenedChat>),
    /// A duplicate of an idempotency key, which belongs to this chat.
    Duplicate(Box<chat::Model>),
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
            Some(Ok(DuplicateAction::ReturnFirst)) => {
                *outcome = first.cloned().map(|first| Ok(OpenResult::Duplicate(Box::new(first))))
            }
            Some(Err(error)) => *outcome = Some(Err(error)),
            // Opened below, like those with the same key as another in this batch: the second finds the row of the
            // first.
            Some(Ok(DuplicateAction::OpenNew)) => {}
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
            DuplicateAction::ReturnFirst => return Ok(OpenResult::Duplicate(Box::new(first))),
            DuplicateAction::OpenNew => release_idempotency_key(txn, first.id).await?,
        }
    }
    let ready = ReservedChat::new(opening, &mut available)?;
    let stored = store(txn, vec![ready]).await?.pop();
    let opened = stored.ok_or_else(|| Error::internal("a chat was not stored"))?;
    if let Some(replaced) = opening.replaces {
        versions::replace(txn, replaced.in_context_id, &opened.chat).await?;
    }
    Ok(OpenResult::New(Box::new(opened)))
}

/// A chat whose hold is reserved in memory, and not yet written.
struct ReservedChat<'a> {
    opening: &'a PreparedChat,
    reserved: ReservedHold,
    max_output: u64,
}

/// Returns the hold that the chat would take of these balances.
///
/// # Errors
/// As opening it: INSUFFICIENT_TOKENS, among others.
pub(super) fn hold_of(opening: &PreparedChat, available: &mut SpendableBalances) -> Result<Tokens, Error> {
    Ok(ReservedChat::new(opening, available)?.reserved.hold.amount)
}

/// Loads the spendable balances. It also serializes concurrent retries, since the users' wallets are locked.
async fn available(txn: &Txn, openings: &[PreparedChat]) -> Result<SpendableBalances, Error> {
    let at = openings.iter().map(|opening| opening.at).max().unwrap_or_default();
    let spenders: Vec<_> = openings.iter().map(PreparedChat::spender).collect();
    SpendableBalances::find(txn, &spenders, at).await
}

impl<'a> ReservedChat<'a> {
    /// Reserves the flat price, or that of the longest reply that the balance, and the limits of the API key, pay for.
    fn new(opening: &'a PreparedChat, available: &mut SpendableBalances) -> Result<Self, Error> {
        let &PreparedChat { price, input_bound, choices, at, .. } = opening;
        let spender = opening.spender();
        let (mut amount, mut max_output) = (Tokens(price.per_message), opening.request.max_output);
        if price.is_metered() {
            let spendable = available.of(spender)?;
            let affordable = price.affordable_output(spendable, input_bound);
            let affordable = affordable.map(|output| output / choices).filter(|output| *output > 0);
            // The shortest reply is a model token for each choice.
            let least = || ledger::insufficient(price.most(input_bound, choices), spendable);
            max_output = affordable.ok_or_else(least)?.min(max_output);
            amount = price.most(input_bound, max_output.saturating_mul(choices));
        }
        let hold = Hold { spender, model: opening.model.clone(), amount, at };
        Ok(Self { opening, reserved: available.hold(hold)?, max_output })
    }

    fn row(&self) -> chat::Model {
        let opening = self.opening;
        chat::Model {
            id: ChatId::default(),
            user_id: opening.user_id,
            wallet_id: Some(self.reserved.wallet_id),
            conversation_id: opening.conversation_id,
            replaced_by_id: None,
            first_version_id: opening.replaces.map(|replaced| replaced.first_version_id),
            context_left_out: opening.omitted_chats,
            model: opening.model.clone(),
            status: Status::Pending,
            message: opening.message.clone(),
            response: String::new(),
            error_code: None,
            error_message: None,
            hold: self.reserved.hold.amount,
            cost: Tokens::ZERO,
            reasoning: None,
            reasoning_ms: None,
            price_id: Some(opening.price_id),
            messages_charged: None,
            input_units: None,
            cache_read_units: None,
            cache_write_units: None,
            output_units: None,
            reasoning_units: None,
            images: None,
            usage_estimated: false,
            idempotency_key: opening.idempotency_key.clone(),
            api_key_id: opening.api_key_id,
            fingerprint: opening.fingerprint.clone(),
            created_at: opening.at,
            finish_reason: None,
            first_chunk_at: None,
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
        holds.push(ready.reserved.clone());
    }
    let mut batch = Batch::default();
    ledger::reserve(&mut batch, &holds)?;
    let new = rows.iter().cloned().map(|row| chat::ActiveModel { id: NotSet, ..row.into_active_model() });
    let ids = batch.execute_and_insert(txn, new.collect()).await?;
    let opened = ready.iter().zip(rows).zip(ids).map(|((ready, row), id)| {
        let id = ChatId(id);
        let request = Request { max_output: ready.max_output, ..ready.opening.request.clone() };
        let &PreparedChat { store_reply, price, choices, input_bound, .. } = ready.opening;
        let (chat, balance) = (chat::Model { id, ..row }, ready.reserved.balance);
        OpenedChat { chat, balance, request, store_reply, price, choices, input_bound }
    });
    Ok(opened.collect())
}
