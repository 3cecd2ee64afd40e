//! Consistency of the configuration: what no single value shows. The bounds of single values are in `bounds`.

use super::{Config, bounds};

/// Checks that the values are consistent. The error names the key.
pub(super) fn check(config: &Config) -> Result<(), String> {
    if !config.models.contains_key(&config.default_model) {
        let names: Vec<_> = config.models.keys().map(String::as_str).collect();
        return Err(format!(
            "default_model: there is no [models.{}]; there are {}",
            config.default_model,
            names.join(", ")
        ));
    }
    let titles = config.turns.title_model.as_str();
    if !["", "answering"].contains(&titles) && !config.models.contains_key(titles) {
        return Err(format!("turns.title_model: there is no [models.{titles}]"));
    }
    for (name, model) in &config.models {
        model.check().map_err(|error| format!("models.{name}{error}"))?;
    }
    // First, since the following checks calculate with these numbers.
    bounds::check(config)?;
    config.cluster.check()?;
    config.auth.check()?;
    config.http.check()?;
    config.metrics.check(config.http.listen)?;
    config.telemetry.check()?;
    config.retention.check()?;
    config.webhooks.check()?;
    config.ledger.check()?;
    config.ollama.check()?;
    if ![402, 429].contains(&config.v1.insufficient_status) {
        return Err("v1.insufficient_status: 402 or 429".to_owned());
    }
    if config.turns.save_interval * 2 > config.turns.lease {
        // Saving renews the lease; a single late save must not let it expire.
        return Err("turns.lease: at least twice turns.save_interval".to_owned());
    }
    let largest = config.http.max_body_bytes.max(config.v1.max_body_bytes);
    if config.http.max_inflight_body_bytes_per_client < largest {
        return Err(
            "http.max_inflight_body_bytes_per_client: at least http.max_body_bytes and v1.max_body_bytes".to_owned()
        );
    }
    if config.http.max_inflight_body_bytes / 2 < largest {
        // One client can use at most half, so that the rest stays available to other clients.
        return Err("http.max_inflight_body_bytes: at least twice http.max_body_bytes and v1.max_body_bytes".to_owned());
    }
    if config.graphql.heartbeat.is_zero() {
        return Err("graphql.heartbeat: longer than 0".to_owned());
    }
    let not_negative = [
        ("ledger.signup_grant", config.ledger.signup_grant),
        ("ledger.staff_daily_limit", config.ledger.staff_daily_limit),
        ("notices.low_balance", config.notices.low_balance),
    ];
    if let Some((key, _)) = not_negative.iter().find(|(_, value)| *value < 0) {
        return Err(format!("{key}: not negative"));
    }
    let at_least_one = [
        ("database.max_connections", config.database.max_connections as usize),
        ("auth.hashing_threads", config.auth.hashing_threads),
        ("auth.max_queued_hashes", config.auth.max_queued_hashes),
        ("limits.registration_burst_per_address", config.limits.registration_burst_per_address as usize),
        ("turns.max_message_chars", config.turns.max_message_chars),
        ("turns.open_per_server", config.turns.open_per_server),
        ("v1.max_body_bytes", config.v1.max_body_bytes),
        ("graphql.max_response_bytes", config.graphql.max_response_bytes),
        ("http.max_connections", config.http.max_connections),
        ("graphql.max_socket_message_bytes", config.graphql.max_socket_message_bytes),
    ];
    match at_least_one.iter().find(|(_, value)| *value == 0) {
        Some((key, _)) => Err(format!("{key}: at least 1")),
        None => Ok(()),
    }
}
