//! Estimates: what a message would cost if it were sent now. Nothing is stored, reserved or charged, and no model is
//! asked.

use sea_orm::{ColumnTrait, QueryFilter, QueryOrder, QuerySelect};

use super::history::find;
use super::open::hold_of;
use super::prepare::{PreparedChat, SendMessage, validate_message, with_context};
use super::versions::{ReplacedChat, replaced_chat};
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::ids::{ChatId, UserId};
use crate::core::tokens::Tokens;
use crate::core::usage::Usage;
use crate::core::viewer::Reader;
use crate::domain::ledger::SpendableBalances;
use crate::infra::catalog::Model;
use crate::infra::entity::chat::{self, Column, Status};

/// The length of a reply that is expected of a model that the user has not used of late, in model tokens.
const TYPICAL_OUTPUT: u64 = 300;
/// The number of the user's newest chats whose replies are looked at.
const RECENT_CHATS: u64 = 50;

/// What a message would cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// The likely cost: exact at a flat price, otherwise of a reply as long as the user's last ones by this model. At
    /// most the hold.
    pub expected: Tokens,
    /// The hold, which is the maximum cost: what would be reserved now, or the least that would have to be available.
    pub hold: Tokens,
    /// What is available: of the balance, or of the limits of the API key if that is less.
    pub available: Tokens,
    /// Whether that pays for the message.
    pub affordable: bool,
}

/// Estimates a message by the rule of the hold itself: sent now, with an unchanged balance, it would reserve exactly
/// [`Estimate::hold`], and cost at most as much. `replaces` is the chat that it would replace.
///
/// Bounded like a message, in the same order: by its length, by a rate of its own, and by the context that is read.
///
/// # Errors
/// As [`super::start`], except INSUFFICIENT_TOKENS, which is a result here; RATE_LIMITED after too many estimates.
pub async fn estimate(
    app: &App,
    reader: Reader,
    input: SendMessage,
    replaces: Option<ChatId>,
) -> Result<Estimate, Error> {
    let (mut input, mut replaced) = (input, None::<ReplacedChat>);
    if let Some(id) = replaces {
        let before = find(app, reader, id).await?;
        replaced = Some(replaced_chat(app, &before).await?);
        input.conversation_id = before.conversation_id;
        input.model = Some(input.model.unwrap_or(before.model));
    }
    let valid = validate_message(app, reader, input, replaced).await?;
    app.metrics.count_rate_limited("estimates", app.rate_limits.estimate(reader.id).await)?;
    let (prepared, model) = with_context(app, *reader, valid).await?;
    let mut balances = SpendableBalances::read(&app.db, prepared.spender(), prepared.at).await?;
    let available = balances.of(prepared.spender())?;
    let (hold, affordable) = match hold_of(&prepared, &mut balances) {
        Ok(hold) => (hold, true),
        Err(Error { code: Code::InsufficientTokens, shortage: Some(shortage), .. }) => {
            (Tokens(shortage.required), false)
        }
        Err(error) => return Err(error),
    };
    let expected = Ord::min(expected(app, reader.id, &prepared, &model).await?, hold);
    Ok(Estimate { expected, hold, available, affordable })
}

async fn expected(app: &App, user_id: UserId, prepared: &PreparedChat, model: &Model) -> Result<Tokens, Error> {
    let price = prepared.price;
    if !price.is_metered() {
        return Ok(price.of_reply(Usage::default()));
    }
    let input = prepared.request.messages.iter().map(|message| model.provider.estimate(&message.content)).sum();
    let output = match usual_output(app, user_id, &model.name).await? {
        Some(output) => output,
        None => TYPICAL_OUTPUT,
    };
    Ok(price.of_reply(Usage::of(input, output.min(model.max_output))))
}

/// Returns the mean length of the user's last replies by this model, in model tokens.
async fn usual_output(app: &App, user_id: UserId, model: &str) -> Result<Option<u64>, Error> {
    let recent = chat::Entity::owned_by(user_id).filter(Column::Status.eq(Status::Done)).order_by_desc(Column::Id);
    let recent = recent.limit(RECENT_CHATS).select_only().columns([Column::Model, Column::OutputUnits]);
    let recent: Vec<(String, Option<i64>)> = recent.into_tuple().all(app.db.read()).await?;
    let lengths: Vec<u64> = recent
        .into_iter()
        .filter(|(name, _)| name == model)
        .filter_map(|(_, output)| u64::try_from(output?).ok())
        .collect();
    let count = u64::try_from(lengths.len()).unwrap_or(u64::MAX);
    let sum = lengths.iter().fold(0u64, |sum, length| sum.saturating_add(*length));
    Ok(sum.checked_div(count))
}
