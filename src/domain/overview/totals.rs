//! The totals of a period, and who is about to run out of tokens.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use crate::app::App;
use crate::core::error::Error;
use crate::core::tokens::Tokens;
use crate::core::usage::Usage;
use crate::core::viewer::Staff;
use crate::domain::account::admin;
use crate::domain::chat::usage::{self, AnswerTimes, DailyUsage, Period};
use crate::domain::ledger::{self, Granted};
use crate::infra::entity::user;

/// The totals of a period.
#[derive(Clone, Debug)]
pub struct Totals {
    /// What users were given.
    pub granted: Granted,
    /// The cost of the chats that were opened, in prepaid tokens.
    pub spent: i64,
    /// The number of chats that were opened.
    pub messages: i64,
    /// Of these, the number that failed, or whose server crashed.
    pub failures: i64,
    /// The number of distinct users who sent messages.
    pub active_users: u64,
    /// The number of accounts that were created.
    pub sign_ups: u64,
    /// The times that answers took.
    pub times: AnswerTimes,
}

/// The usage of one model in a period.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelUsage {
    /// The number of chats.
    pub messages: i64,
    /// Their cost, in prepaid tokens.
    pub tokens: i64,
    /// The number of chats that failed, or whose server crashed.
    pub failures: i64,
}

/// Maximum number of models in the list of a period.
pub const MAX_MODELS: usize = 100;
/// Users with a low balance who are considered, the poorest ones.
const MAX_CANDIDATES: u64 = 1000;
/// Users who sent no message for this time are not about to run dry.
const IN_USE: TimeDelta = TimeDelta::days(30);
/// The message that a balance is measured by, in model tokens of input and of output.
const TYPICAL: Usage = Usage::of(500, 500);

/// Returns the usage of a period, of which [`totals`], [`days`] and [`models`] are made, for staff: it is read once for
/// all of them, since days that are not stored, such as today, are counted for it.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn usage(app: &App, _: Staff, period: Period) -> Result<Vec<DailyUsage>, Error> {
    usage::between(app, period).await
}

/// Returns the totals of a period with this [`usage`](usage()), for staff.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn totals(app: &App, staff: Staff, period: Period, used: &[DailyUsage]) -> Result<Totals, Error> {
    let (mut spent, mut messages, mut failures) = (0, 0, 0);
    for day in days(used) {
        spent += day.tokens;
        messages += day.messages;
        failures += day.failures;
    }
    Ok(Totals {
        granted: ledger::granted(&app.db, staff, period.range()).await?,
        spent,
        messages,
        failures,
        active_users: usage::active_users(app, period).await?,
        sign_ups: admin::signed_up(app, staff, period.range()).await?,
        times: usage::answer_times(app, period).await?,
    })
}

/// Returns the usage of each day on which chats were opened, of all models together, in the order of the [usage](usage()).
pub fn days(used: &[DailyUsage]) -> impl Iterator<Item = &DailyUsage> {
    used.iter().filter(|used| used.model.is_empty())
}

/// Returns the usage of each model, the most expensive first, at most [`MAX_MODELS`].
pub fn models(used: &[DailyUsage]) -> Vec<(&str, ModelUsage)> {
    let mut models: BTreeMap<&str, ModelUsage> = BTreeMap::new();
    for used in used.iter().filter(|used| !used.model.is_empty()) {
        let sum = models.entry(&used.model).or_default();
        sum.messages += used.messages;
        sum.tokens += used.tokens;
        sum.failures += used.failures;
    }
    let mut models: Vec<_> = models.into_iter().collect();
    models.sort_by_key(|(_, used)| std::cmp::Reverse((used.tokens, used.messages)));
    models.truncate(MAX_MODELS);
    models
}

/// Returns the users whose balance pays for fewer than `messages` messages to the default model, the poorest first, for
/// staff: active ones who sent a message in the last 30 days. A message to a metered model counts as one of 500 model
/// tokens of input and 500 of output.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn low_balances(app: &App, staff: Staff, messages: i64, most: usize) -> Result<Vec<user::Model>, Error> {
    let price = app.models().get(None).map(|model| model.price).unwrap_or_default();
    let below = Tokens(price.of_reply(TYPICAL).0.saturating_mul(messages));
    let mut poor = admin::poorest(app, staff, below, MAX_CANDIDATES).await?;
    let ids: Vec<_> = poor.iter().map(|user| user.id).collect();
    let (active, since) = (usage::last_active(app, Some(&ids)).await?, app.clock.now() - IN_USE);
    poor.retain(|user| active.get(&user.id).is_some_and(|at| *at >= since));
    poor.truncate(most);
    Ok(poor)
}
