//! The outcome of an attempt: delivered, retried or given up, and whether the webhook stays enabled.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, EntityTrait};
use serde_json::json;

use super::change::record as record_event;
use crate::core::error::Error;
use crate::core::viewer::Actor;
use crate::domain::audit::Action;
use crate::infra::db::Txn;
use crate::infra::entity::webhook::{self, DisabledReason};
use crate::infra::entity::webhook_delivery::{self, State};
use crate::infra::webhook::Attempt;

/// The delay before the first retry, in seconds. Each further one is three times as long.
const FIRST_DELAY: i64 = 5;
/// The maximum delay, in seconds; also that of what a receiver asks for.
const LONGEST_DELAY: i64 = 4 * 3600;
/// A webhook whose attempts have failed for this long is disabled.
const DISABLED_AFTER: TimeDelta = TimeDelta::days(5);
/// The status code by which a receiver asks for no further events.
const GONE: u16 = 410;

/// An attempt that was made.
#[derive(Clone, Debug)]
pub(super) struct Attempted {
    /// The delivery as it was before.
    pub(super) delivery: webhook_delivery::Model,
    /// The result.
    pub(super) attempt: Attempt,
    /// Random bits, which spread the retries.
    pub(super) jitter: u64,
    /// The time of the result.
    pub(super) at: DateTime<Utc>,
}

/// What follows from an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Delivered,
    Retried,
    Failed,
    /// The delivery was deleted, or recorded by another server, meanwhile.
    Overtaken,
}

impl Outcome {
    /// Returns the name for metrics.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Retried => "retried",
            Self::Failed => "failed",
            Self::Overtaken => "overtaken",
        }
    }
}

impl Attempted {
    /// Records the outcome.
    ///
    /// # Errors
    /// INTERNAL if the database fails.
    pub(super) async fn record(&self, txn: &Txn) -> Result<Outcome, Error> {
        use sea_orm::QuerySelect;
        let before = &self.delivery;
        let webhook = webhook::Entity::find_by_id(before.webhook_id).lock_exclusive().one(txn).await?;
        let delivery = webhook_delivery::Entity::find_by_id(before.id).lock_exclusive().one(txn).await?;
        let is_same = |row: &webhook_delivery::Model| row.state == State::Pending && row.attempts == before.attempts;
        let (Some(webhook), Some(delivery)) = (webhook, delivery.filter(is_same)) else {
            return Ok(Outcome::Overtaken);
        };
        let disabled = self.disables(&webhook);
        let outcome = self.outcome(&delivery, disabled.is_some());
        let attempts = delivery.attempts.saturating_add(1);
        let row = webhook_delivery::ActiveModel {
            id: Set(delivery.id),
            state: Set(match outcome {
                Outcome::Delivered => State::Delivered,
                Outcome::Failed => State::Failed,
                Outcome::Retried | Outcome::Overtaken => State::Pending,
            }),
            attempts: Set(attempts),
            next_attempt_at: Set(self.at + self.delay()),
            last_attempt_at: Set(Some(self.at)),
            last_status: Set(self.attempt.status.map(i64::from)),
            last_error: Set(self.attempt.error.clone()),
            finished_at: Set((outcome != Outcome::Retried).then_some(self.at)),
            ..Default::default()
        };
        row.update(txn).await?;
        self.record_health(txn, webhook, disabled).await?;
        Ok(outcome)
    }

    fn outcome(&self, delivery: &webhook_delivery::Model, is_disabled: bool) -> Outcome {
        match self.attempt.error {
            None => Outcome::Delivered,
            Some(_) if is_disabled || self.at + self.delay() > delivery.give_up_at => Outcome::Failed,
            Some(_) => Outcome::Retried,
        }
    }

    /// Returns the delay before the next attempt: exponential, and between 3/4 and 5/4 of it at random.
    fn delay(&self) -> TimeDelta {
        let retries = u32::try_from(self.delivery.attempts).unwrap_or(u32::MAX).min(16);
        let delay = FIRST_DELAY.saturating_mul(3_i64.saturating_pow(retries)).min(LONGEST_DELAY);
        let spread = i64::try_from(self.jitter % 1000).unwrap_or_default();
        let delay = TimeDelta::milliseconds(delay.saturating_mul(750 + spread / 2));
        let asked = self.attempt.retry_after.unwrap_or(Duration::ZERO).as_secs();
        delay.max(TimeDelta::seconds(i64::try_from(asked).unwrap_or(LONGEST_DELAY).min(LONGEST_DELAY)))
    }

    /// Returns why the webhook is disabled now, if it is.
    fn disables(&self, webhook: &webhook::Model) -> Option<DisabledReason> {
        self.attempt.error.as_ref().filter(|_| webhook.enabled)?;
        if self.attempt.status == Some(GONE) {
            return Some(DisabledReason::Gone);
        }
        webhook.failing_since.filter(|since| *since + DISABLED_AFTER <= self.at).map(|_| DisabledReason::Failing)
    }

    /// Records whether the webhook fails, and disables it.
    async fn record_health(
        &self,
        txn: &Txn,
        before: webhook::Model,
        disabled: Option<DisabledReason>,
    ) -> Result<(), Error> {
        let failing_since = self.attempt.error.as_ref().map(|_| before.failing_since.unwrap_or(self.at));
        if failing_since == before.failing_since && disabled.is_none() {
            return Ok(());
        }
        let mut row =
            webhook::ActiveModel { id: Set(before.id), failing_since: Set(failing_since), ..Default::default() };
        let Some(reason) = disabled else {
            row.update(txn).await?;
            return Ok(());
        };
        row.enabled = Set(false);
        row.disabled_reason = Set(Some(reason));
        row.updated_at = Set(self.at);
        let after = row.update(txn).await?;
        let details = json!({
            "reason": match reason { DisabledReason::Gone => "410 Gone", _ => "failing" },
            "status": self.attempt.status,
            "failing_since": failing_since,
        });
        record_event(txn, &Actor::Server, Action::WebhookDisable, &after, details, self.at).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::entity::webhook::Event;

    fn attempted(attempts: i64, jitter: u64, retry_after: Option<u64>) -> Attempted {
        let at = DateTime::UNIX_EPOCH;
        Attempted {
            delivery: webhook_delivery::Model {
                id: 1.into(),
                webhook_id: 1.into(),
                event_id: String::new(),
                event: Event::WebhookTest,
                subject: None,
                payload: String::new(),
                state: State::Pending,
                attempts,
                next_attempt_at: at,
                give_up_at: at + TimeDelta::hours(24),
                last_attempt_at: None,
                last_status: None,
                last_error: None,
                created_at: at,
                finished_at: None,
            },
            attempt: Attempt {
                status: Some(503),
                error: Some("busy".to_owned()),
                retry_after: retry_after.map(Duration::from_secs),
            },
            jitter,
            at,
        }
    }

    #[test]
    fn delays_grow_are_spread_and_obey_the_receiver() {
        let seconds = |attempts, jitter, retry_after| attempted(attempts, jitter, retry_after).delay().as_seconds_f64();
        assert_eq!((seconds(0, 0, None), seconds(0, 500, None), seconds(0, 999, None)), (3.75, 5.0, 6.245));
        assert_eq!((seconds(1, 500, None), seconds(4, 500, None)), (15.0, 405.0));
        assert_eq!((seconds(9, 500, None), seconds(i64::MAX, 500, None)), (14_400.0, 14_400.0));
        assert_eq!((seconds(0, 500, Some(60)), seconds(4, 500, Some(60))), (60.0, 405.0));
        assert_eq!(seconds(0, 500, Some(u64::MAX)), 14_400.0, "it can't stop the retries");
        // The attempts within a day.
        let (mut at, mut attempts) = (0.0, 0);
        while at <= 86_400.0 {
            at += seconds(attempts, 500, None);
            attempts += 1;
        }
        assert_eq!(attempts, 13);
    }
}
