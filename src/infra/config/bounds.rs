//! Upper bounds of all numbers and durations, so that none overflows a clock, a semaphore or a buffer of that size. Far
//! above what a server can use. A test iterates over the keys of the default file, so that no new key is without a
//! bound.

use std::time::Duration;

use super::{Config, Model};
use crate::core::tokens::Tokens;

const DAY: Duration = Duration::from_secs(86_400);
const YEAR: Duration = Duration::from_secs(366 * 86_400);
/// The maximum of retention periods and lifetimes.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 86_400);

/// The maximum number of things that exist at the same time.
const MOST: u64 = 1_000_000;
/// The maximum of counts per period, and of model tokens.
const MOST_COUNTED: u64 = 1_000_000_000;
/// The maximum size of a body or a response, in bytes.
const LARGEST: u64 = 1 << 30;
/// The maximum size of all bodies or responses together, in bytes.
const LARGEST_IN_ALL: u64 = 1 << 40;

/// Checks the bounds. The error names the key that is out of bounds.
pub(super) fn check(config: &Config) -> Result<(), String> {
    for (key, value, most) in durations(config) {
        check_duration(key, value, most)?;
    }
    for (key, value, most) in counts(config) {
        check_count(key, value, most)?;
    }
    for (key, value) in [
        ("ledger.signup_grant", config.ledger.signup_grant),
        ("ledger.staff_daily_limit", config.ledger.staff_daily_limit),
        ("ledger.tokens_per_unit", config.ledger.tokens_per_unit),
        ("notices.low_balance", config.notices.low_balance),
    ] {
        if value > Tokens::MAX_BALANCE.0 {
            return Err(format!("{key}: at most {}", Tokens::MAX_BALANCE));
        }
    }
    if config.turns.lease.is_zero() {
        return Err("turns.lease: longer than 0".to_owned());
    }
    config.models.iter().try_for_each(|(name, model)| check_model(name, model))
}

fn check_duration(key: &str, value: Duration, most: Duration) -> Result<(), String> {
    let days = most.as_secs() / DAY.as_secs();
    if value > most { Err(format!("{key}: at most {days}d")) } else { Ok(()) }
}

fn check_count(key: &str, value: u64, most: u64) -> Result<(), String> {
    if value > most { Err(format!("{key}: at most {most}")) } else { Ok(()) }
}

fn check_model(name: &str, model: &Model) -> Result<(), String> {
    check_duration(&format!("models.{name}.circuit_cooldown"), model.circuit_cooldown, DAY)?;
    for (key, timeout) in [
        ("connect_timeout", model.connect_timeout),
        ("first_byte_timeout", model.first_byte_timeout),
        ("idle_timeout", model.idle_timeout),
    ] {
        let key = format!("models.{name}.{key}");
        if timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Err(format!("{key}: longer than 0"));
        }
        check_duration(&key, timeout.unwrap_or_default(), DAY)?;
    }
    for (key, value, most) in [
        ("max_output", model.max_output, MOST_COUNTED),
        ("context_window", model.context_window, MOST_COUNTED),
        ("units_per_image", model.units_per_image, MOST_COUNTED),
        // The queue of a local model is allocated in its full length.
        ("max_queued", model.max_queued as u64, 100_000),
        ("max_concurrent", model.max_concurrent as u64, MOST),
        ("max_retries", model.max_retries.into(), 100),
    ] {
        check_count(&format!("models.{name}.{key}"), value, most)?;
    }
    Ok(())
}

fn durations(config: &Config) -> Vec<(&'static str, Duration, Duration)> {
    let Config { http, database, auth, turns, v1, graphql, retention, ledger, webhooks, .. } = config;
    let kept = |key, keep: super::RetentionPeriod| (key, keep.0.unwrap_or_default(), LONGEST);
    vec![
        ("http.hsts", http.hsts, LONGEST),
        ("http.header_timeout", http.header_timeout, DAY),
        ("http.body_timeout", http.body_timeout, DAY),
        ("http.write_timeout", http.write_timeout, DAY),
        ("http.shutdown_delay", http.shutdown_delay, DAY),
        ("http.shutdown_grace", http.shutdown_grace, DAY),
        ("database.acquire_timeout", database.acquire_timeout, DAY),
        ("auth.access_ttl", auth.access_ttl, LONGEST),
        ("auth.refresh_ttl", auth.refresh_ttl, LONGEST),
        ("auth.login_max_delay", auth.login_max_delay, YEAR),
        ("turns.first_chunk_timeout", turns.first_chunk_timeout, DAY),
        ("turns.chunk_timeout", turns.chunk_timeout, DAY),
        ("turns.turn_timeout", turns.turn_timeout, DAY),
        ("turns.save_interval", turns.save_interval, DAY),
        ("turns.lease", turns.lease, YEAR),
        ("v1.usage_wait_timeout", v1.usage_wait_timeout, DAY),
        ("graphql.query_timeout", graphql.query_timeout, DAY),
        ("graphql.heartbeat", graphql.heartbeat, DAY),
        ("graphql.init_timeout", graphql.init_timeout, DAY),
        ("graphql.write_timeout", graphql.write_timeout, DAY),
        kept("retention.chats", retention.chats),
        kept("retention.ended_sessions", retention.ended_sessions),
        kept("retention.audit_events", retention.audit_events),
        kept("retention.deleted_users", retention.deleted_users),
        kept("retention.webhook_deliveries", retention.webhook_deliveries),
        ("webhooks.timeout", webhooks.timeout, DAY),
        ("retention.interval", retention.interval, YEAR),
        ("ledger.checkpoint_interval", ledger.checkpoint_interval, YEAR),
    ]
}

fn counts(config: &Config) -> Vec<(&'static str, u64, u64)> {
    let Config { http, database, auth, turns, limits, v1, graphql, .. } = config;
    vec![
        ("http.max_body_bytes", http.max_body_bytes as u64, LARGEST),
        ("http.max_inflight_body_bytes", http.max_inflight_body_bytes as u64, LARGEST_IN_ALL),
        ("http.max_inflight_body_bytes_per_client", http.max_inflight_body_bytes_per_client as u64, LARGEST_IN_ALL),
        ("http.body_bytes_per_second_per_client", http.body_bytes_per_second_per_client as u64, LARGEST_IN_ALL),
        ("http.max_connections", http.max_connections as u64, MOST),
        ("http.max_connections_per_address", http.max_connections_per_address, MOST),
        ("database.max_connections", database.max_connections.into(), 10_000),
        ("auth.login_attempts_before_delay", auth.login_attempts_before_delay.into(), MOST_COUNTED),
        (
            "auth.login_attempts_before_delay_per_address",
            auth.login_attempts_before_delay_per_address.into(),
            MOST_COUNTED,
        ),
        ("auth.hashing_threads", auth.hashing_threads as u64, 1024),
        ("auth.max_queued_hashes", auth.max_queued_hashes as u64, MOST),
        ("turns.max_message_chars", turns.max_message_chars as u64, 16 << 20),
        ("turns.open_per_user", turns.open_per_user, MOST),
        ("turns.open_per_server", turns.open_per_server as u64, MOST),
        ("limits.messages_per_minute_per_user", limits.messages_per_minute_per_user.into(), MOST_COUNTED),
        ("limits.messages_per_minute_per_key", limits.messages_per_minute_per_key.into(), MOST_COUNTED),
        ("limits.estimates_per_minute_per_user", limits.estimates_per_minute_per_user.into(), MOST_COUNTED),
        ("limits.registrations_per_hour_per_address", limits.registrations_per_hour_per_address.into(), MOST_COUNTED),
        ("limits.registration_burst_per_address", limits.registration_burst_per_address.into(), MOST_COUNTED),
        ("limits.refreshes_per_minute_per_address", limits.refreshes_per_minute_per_address.into(), MOST_COUNTED),
        ("v1.max_body_bytes", v1.max_body_bytes as u64, LARGEST),
        ("v1.max_replay_bytes", v1.max_replay_bytes as u64, LARGEST_IN_ALL),
        ("v1.max_replay_bytes_per_user", v1.max_replay_bytes_per_user as u64, LARGEST_IN_ALL),
        ("v1.insufficient_status", v1.insufficient_status.into(), 429),
        ("graphql.max_response_bytes", graphql.max_response_bytes as u64, LARGEST),
        ("graphql.streams_per_user", graphql.streams_per_user, MOST),
        ("graphql.max_socket_message_bytes", graphql.max_socket_message_bytes as u64, LARGEST),
    ]
}

#[cfg(test)]
mod tests;
