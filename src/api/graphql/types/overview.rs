//! The overview of a period. Read only, for staff: the query has checked that.

use async_graphql::dataloader::DataLoader;
use async_graphql::{Context, ID, Object, Result, SimpleObject};
use tokio::sync::OnceCell;

use super::super::context;
use super::super::execution::bounded::Text;
use super::super::execution::loader::ApiKeys;
use super::super::id::RowId;
use super::{ApiKey, UsageDay, User};
use crate::app::App;
use crate::core::error::Error;
use crate::core::tokens::Tokens;
use crate::core::viewer::Staff;
use crate::domain::chat::usage::{DailyUsage, Period};
use crate::domain::{ledger, overview};

/// Default of the argument `first` of the lists of an overview.
pub(crate) const DEFAULT_ROWS: i32 = 10;
/// Default of the argument `messages` of low balances.
const DEFAULT_MESSAGES: i32 = 10;

pub(crate) struct Overview {
    staff: Staff,
    period: Period,
    /// The usage of the period, read for the first field that needs it.
    used: OnceCell<Vec<DailyUsage>>,
}

impl Overview {
    /// Returns the overview of a period, none of which is read yet.
    pub(crate) fn new(staff: Staff, period: Period) -> Self {
        Self { staff, period, used: OnceCell::new() }
    }

    async fn used(&self, app: &App) -> Result<&[DailyUsage], Error> {
        let used = self.used.get_or_try_init(|| overview::usage(app, self.staff, self.period)).await?;
        Ok(used)
    }
}

/// The overview of a period of whole days in UTC. A chat counts on the day when it was opened. Days that are over are
/// counted once and stored; today is counted on request.
#[Object]
impl Overview {
    /// The totals of the period.
    async fn totals(&self, ctx: &Context<'_>) -> Result<Option<OverviewTotals>> {
        let (app, _) = context::app_and_viewer(ctx)?;
        let used = self.used(app).await?;
        Ok(Some(overview::totals(app, self.staff, self.period, used).await?.into()))
    }

    /// The totals of as many days before the period.
    async fn previous(&self, ctx: &Context<'_>) -> Result<Option<OverviewTotals>> {
        let (app, _) = context::app_and_viewer(ctx)?;
        let previous = self.period.previous();
        let used = overview::usage(app, self.staff, previous).await?;
        Ok(Some(overview::totals(app, self.staff, previous, &used).await?.into()))
    }

    /// The balances of all users now.
    async fn outstanding(&self, ctx: &Context<'_>) -> Result<Option<Outstanding>> {
        let (app, _) = context::app_and_viewer(ctx)?;
        let ledger::Outstanding { users, tokens, held } = ledger::outstanding(&app.db, self.staff).await?;
        Ok(Some(Outstanding { users, tokens: Tokens(tokens), held: Tokens(held) }))
    }

    /// The usage of each day on which messages were sent, of all models together, oldest first.
    async fn days(&self, ctx: &Context<'_>) -> Result<Option<Vec<UsageDay>>> {
        let (app, _) = context::app_and_viewer(ctx)?;
        Ok(Some(overview::days(self.used(app).await?).cloned().map(UsageDay::from).collect()))
    }

    /// The usage of each model, the most expensive first, at most 100.
    async fn models(&self, ctx: &Context<'_>) -> Result<Option<Vec<ModelUsage>>> {
        let (app, _) = context::app_and_viewer(ctx)?;
        let models = overview::models(self.used(app).await?).into_iter().map(|(model, used)| {
            let overview::ModelUsage { messages, tokens, failures } = used;
            ModelUsage { model: model.to_owned().into(), messages, tokens: Tokens(tokens), failures }
        });
        Ok(Some(models.collect()))
    }

    /// What API keys spent, the most expensive first.
    async fn api_keys(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Returns the first *n* API keys (1–100, default 10).")] first: Option<i32>,
    ) -> Result<Option<Vec<ApiKeyUsage>>> {
        let (app, _) = context::app_and_viewer(ctx)?;
        let spent = ledger::spent_by_keys(&app.db, self.staff, self.period.range(), rows(first)?).await?;
        Ok(Some(spent.into_iter().map(ApiKeyUsage).collect()))
    }

    /// The users whose balance pays for fewer messages to the default model than this, the poorest first: active ones
    /// who sent a message in the last 30 days. A message to a metered model counts as one of 500 model tokens of input
    /// and 500 of output.
    async fn low_balances(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The number of messages (1–1000, default 10).")] messages: Option<i32>,
        #[graphql(desc = "Returns the first *n* users (1–100, default 10).")] first: Option<i32>,
    ) -> Result<Option<Vec<User>>> {
        let (app, _) = context::app_and_viewer(ctx)?;
        let messages = messages.unwrap_or(DEFAULT_MESSAGES);
        if !(1..=1000).contains(&messages) {
            return Err(Error::field("messages", "Between 1 and 1000.").into());
        }
        let users = overview::low_balances(app, self.staff, messages.into(), rows(first)?).await?;
        Ok(Some(users.into_iter().map(User::from).collect()))
    }
}

fn rows(first: Option<i32>) -> Result<usize, Error> {
    let count = usize::try_from(first.unwrap_or(DEFAULT_ROWS)).ok().filter(|count| (1..=100).contains(count));
    count.ok_or_else(|| Error::field("first", "Between 1 and 100."))
}

/// The totals of a period.
#[derive(SimpleObject)]
pub(crate) struct OverviewTotals {
    /// The initial balances of new accounts, in prepaid tokens.
    signup_grants: Tokens,
    /// The credits by operators, in prepaid tokens.
    credits: Tokens,
    /// The debits by operators, in prepaid tokens, as a positive number.
    debits: Tokens,
    /// The cost of the messages sent, in prepaid tokens.
    spent: Tokens,
    /// The number of messages sent.
    messages: i64,
    /// The number of chats that failed, or whose server crashed.
    failures: i64,
    /// The number of distinct users who sent messages.
    active_users: u64,
    /// The number of accounts that were created, without those that are deleted.
    sign_ups: u64,
    /// The time from a message to the end of its answer; null without answers.
    answer_time: Option<AnswerTime>,
    /// The time from a message to the first chunk of its answer; null without answers since it is recorded.
    first_chunk_time: Option<AnswerTime>,
}

impl From<overview::Totals> for OverviewTotals {
    fn from(totals: overview::Totals) -> Self {
        let overview::Totals { granted, spent, messages, failures, active_users, sign_ups, times } = totals;
        Self {
            signup_grants: granted.signup_grants,
            credits: granted.credits,
            debits: granted.debits,
            spent: Tokens(spent),
            messages,
            failures,
            active_users,
            sign_ups,
            answer_time: AnswerTime::of(&times.whole),
            first_chunk_time: AnswerTime::of(&times.first_chunk),
        }
    }
}

/// A time that answers took, of the newest 10,000 complete answers of the period.
#[derive(SimpleObject)]
pub(crate) struct AnswerTime {
    /// The median, in milliseconds: half of the answers were faster.
    median_ms: i64,
    /// The 95th percentile, in milliseconds: 19 of 20 answers were faster.
    p95_ms: i64,
}

impl AnswerTime {
    /// Returns the percentiles of ascending times; `None` without times.
    fn of(times: &[i64]) -> Option<Self> {
        let at = |percent: usize| times.get((times.len() * percent).div_ceil(100).saturating_sub(1)).copied();
        Some(Self { median_ms: at(50)?, p95_ms: at(95)? })
    }
}

/// The balances of all users.
#[derive(SimpleObject)]
pub(crate) struct Outstanding {
    /// The number of users.
    users: i64,
    /// The spendable tokens.
    tokens: Tokens,
    /// The tokens reserved for open chats.
    held: Tokens,
}

/// The usage of one model.
#[derive(SimpleObject)]
pub(crate) struct ModelUsage {
    /// The name of the model, which may be no longer available.
    model: Text<'static>,
    /// The number of messages sent.
    messages: i64,
    /// The cost of these messages, in prepaid tokens.
    tokens: Tokens,
    /// The number of chats that failed, or whose server crashed.
    failures: i64,
}

pub(crate) struct ApiKeyUsage(ledger::KeySpending);

/// The usage of one API key.
#[Object]
impl ApiKeyUsage {
    /// The API key; null if it is deleted.
    async fn api_key(&self, ctx: &Context<'_>) -> Result<Option<ApiKey>> {
        let key = ctx.data::<DataLoader<ApiKeys>>()?.load_one(self.0.api_key_id).await.map_err(context::shared)?;
        Ok(key.map(ApiKey))
    }

    /// The global id of the API key, which may be deleted.
    async fn api_key_id(&self) -> ID {
        self.0.api_key_id.global()
    }

    /// The number of messages sent.
    async fn messages(&self) -> i64 {
        self.0.messages
    }

    /// The cost of these messages, in prepaid tokens.
    async fn tokens(&self) -> Tokens {
        Tokens(self.0.tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::AnswerTime;

    #[test]
    fn percentiles_are_times_that_occurred() {
        let of = |times: &[i64]| AnswerTime::of(times).map(|time| (time.median_ms, time.p95_ms));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[7]), Some((7, 7)));
        assert_eq!(of(&[1, 2]), Some((1, 2)));
        let hundred: Vec<i64> = (1..=100).collect();
        assert_eq!(of(&hundred), Some((50, 95)));
    }
}
