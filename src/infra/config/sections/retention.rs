//! `[retention]`: retention periods.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use humantime_serde::re::humantime;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `[retention]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Chats, and empty conversations.
    pub chats: RetentionPeriod,
    /// Expired and revoked sessions.
    pub ended_sessions: RetentionPeriod,
    /// Audit events.
    pub audit_events: RetentionPeriod,
    /// Names and notes of deleted users.
    pub deleted_users: RetentionPeriod,
    /// Deliveries to webhooks.
    pub webhook_deliveries: RetentionPeriod,
    /// The interval between two runs.
    #[serde(with = "humantime_serde")]
    pub interval: Duration,
}

/// A retention period; `None` for no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetentionPeriod(pub Option<Duration>);

impl RetentionPeriod {
    /// Returns the time before which rows have exceeded the period; `None` without a limit.
    pub fn before(self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        now.checked_sub_signed(TimeDelta::from_std(self.0?).ok()?)
    }
}

impl<'de> Deserialize<'de> for RetentionPeriod {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "" => Ok(Self(None)),
            text => match humantime::parse_duration(text) {
                Ok(Duration::ZERO) => Err(D::Error::custom("longer than 0, or \"\" for ever")),
                Ok(duration) => Ok(Self(Some(duration))),
                Err(error) => Err(D::Error::custom(format!("\"{text}\" is not a duration, such as \"365d\": {error}"))),
            },
        }
    }
}

impl Serialize for RetentionPeriod {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.0.map(|duration| humantime::format_duration(duration).to_string());
        serializer.serialize_str(&text.unwrap_or_default())
    }
}

impl Retention {
    pub(in crate::infra::config) fn check(&self) -> Result<(), String> {
        if self.interval < Duration::from_secs(60) { Err("retention.interval: at least 1m".to_owned()) } else { Ok(()) }
    }
}
