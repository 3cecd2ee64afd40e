//! Operational sections: metrics, telemetry and retention.

use std::net::SocketAddr;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use humantime_serde::re::humantime;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::addresses::{as_public_url, public_url};

/// `[metrics]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// The listen address for Prometheus; `None` for no listener.
    #[serde(with = "address")]
    pub listen: Option<SocketAddr>,
}

/// `[telemetry]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// The URL of the OTLP collector, without `/v1/traces`; if empty, no spans are exported.
    #[serde(serialize_with = "as_public_url")]
    pub otlp_endpoint: String,
}

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

/// Serialization of an optional address, as empty text if `None`.
mod address {
    use super::{Deserialize, Deserializer, Error, Serializer, SocketAddr};

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| {
                D::Error::custom(format!("\"{text}\" is not an address with a port, such as \"127.0.0.1:9100\""))
            }),
        }
    }

    pub(super) fn serialize<S: Serializer>(address: &Option<SocketAddr>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&address.map(|address| address.to_string()).unwrap_or_default())
    }
}

impl Metrics {
    pub(super) fn check(&self, http: SocketAddr) -> Result<(), String> {
        // Port 0 is any free port.
        match self.listen {
            Some(listen) if listen.port() == http.port() && http.port() != 0 && overlap(listen, http) => {
                Err("metrics.listen: another address or port than http.listen, since metrics must not be public"
                    .to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// Returns whether two listeners on the same port have overlapping addresses.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified()
}

impl Telemetry {
    pub(super) fn check(&self) -> Result<(), String> {
        let endpoint = &self.otlp_endpoint;
        if endpoint.is_empty() || endpoint.starts_with("http://") || endpoint.starts_with("https://") {
            return Ok(());
        }
        let endpoint = public_url(endpoint);
        Err(format!("telemetry.otlp_endpoint: \"{endpoint}\" does not begin with http:// or https://"))
    }
}

impl Retention {
    pub(super) fn check(&self) -> Result<(), String> {
        if self.interval < Duration::from_secs(60) { Err("retention.interval: at least 1m".to_owned()) } else { Ok(()) }
    }
}
