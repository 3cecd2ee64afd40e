use toml::{Table, Value};

use super::*;
use crate::infra::config::DEFAULT;

/// Collects every key of a table and its nested tables, without the models.
fn keys(prefix: &str, table: &Table, found: &mut Vec<(String, Value)>) {
    for (key, value) in table {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            Value::Table(_) if path == "models" => {}
            Value::Table(inner) => keys(&path, inner, found),
            value => found.push((path, value.clone())),
        }
    }
}

/// Returns a configuration that differs from the default in this key, or in one more if it can't differ alone.
fn with_another(key: &str, value: &Value) -> Config {
    let other = match (key, value) {
        ("default_model", _) => "\"echo\"".to_owned(),
        ("turns.title_model", _) => "\"answering\"".to_owned(),
        ("turns.title_paid_by", _) => "\"user\"".to_owned(),
        ("auth.registration", _) => "\"closed\"".to_owned(),
        ("log.format", _) => "\"json\"".to_owned(),
        ("http.client_address", _) => "\"forwarded\"".to_owned(),
        ("http.listen" | "metrics.listen", _) => "\"127.0.0.1:9100\"".to_owned(),
        ("telemetry.otlp_endpoint", _) => "\"http://127.0.0.1:4318\"".to_owned(),
        ("ledger.currency", _) => "\"EUR\"".to_owned(),
        ("cluster.redis", _) => {
            "\"redis://127.0.0.1\"\nauth.secret = \"0123456789012345678901234567890123456789\"".to_owned()
        }
        ("auth.secret", _) => "\"0123456789012345678901234567890123456789\"".to_owned(),
        ("auth.previous_secrets", _) => {
            "[\"0123456789012345678901234567890123456789\"]\nauth.secret = \"9876543210987654321098765432109876543210\""
                .to_owned()
        }
        ("auth.api_key_pepper", _) => {
            "\"0123456789012345678901234567890123456789\"\nauth.secret = \"9876543210987654321098765432109876543210\""
                .to_owned()
        }
        ("http.trusted_proxies", _) => "[\"10.0.0.0/8\"]".to_owned(),
        ("http.cors_origins", _) => "[\"https://chat.example\"]".to_owned(),
        ("v1.insufficient_status", _) => "429".to_owned(),
        ("turns.save_interval", _) => "\"400ms\"".to_owned(),
        ("webhooks.timeout", _) => "\"14s\"".to_owned(),
        (_, Value::Boolean(is)) => (!is).to_string(),
        // More room is always consistent.
        (_, Value::Integer(number)) => (number + 1).to_string(),
        (_, Value::String(text)) if text.is_empty() || text.starts_with(|c: char| c.is_ascii_digit()) => {
            "\"61s\"".to_owned()
        }
        (_, Value::String(_)) => "\"other\"".to_owned(),
        _ => panic!("{key} has no other value in this test"),
    };
    Config::from_toml(&format!("{key} = {other}")).unwrap_or_else(|error| panic!("{key} = {other}: {error}"))
}

#[test]
fn every_key_that_differs_is_named_and_every_key_is_taken_over_or_needs_a_restart() {
    let default = Config::from_toml("").unwrap();
    let mut all = Vec::new();
    keys("", &DEFAULT.parse().unwrap(), &mut all);
    let mut reloadable = BTreeSet::new();
    for (key, value) in &all {
        let new = with_another(key, value);
        assert!(default.differing_keys(&new).contains(key), "{key}");
        let next = default.with_reloadable(&new);
        let (applied, left) = (default.differing_keys(&next), next.differing_keys(&new));
        assert!(applied.contains(key) != left.contains(key), "{key}: {applied:?} {left:?}");
        if applied.contains(key) {
            reloadable.insert(key.as_str());
        }
    }
    for key in
        ["http.listen", "database.url", "cluster.redis", "auth.secret", "turns.lease", "ollama.price", "data.dir"]
    {
        assert!(!reloadable.contains(key), "{key}");
    }
    assert!(reloadable.len() > 25, "{reloadable:?}");
    // The page of the configuration lists them.
    let page = include_str!("../../../../docs/operations/configuration.md");
    let (_, list) = page.split_once("## Reload").unwrap();
    for key in reloadable {
        assert!(list.contains(&format!("`{key}`")), "{key} is missing in docs/operations/configuration.md");
    }
}

#[test]
fn a_model_is_compared_with_its_credentials() {
    let model = |url: &str| {
        let text = format!(
            "[models.x]\nprovider = 'openai'\nbase_url = '{url}'\nupstream_model = 'x'\nprice = {{ per_message = 1 }}"
        );
        Config::from_toml(&text).unwrap()
    };
    let (one, other) = (model("https://me:one@api.example/v1"), model("https://me:two@api.example/v1"));
    assert_eq!(one.differing_keys(&other), BTreeSet::from(["models.x".to_owned()]));
    assert!(!one.models["x"].calls_as(&other.models["x"]));
    let mut dearer = one.clone();
    dearer.models.get_mut("x").unwrap().price.per_message = 2;
    assert_eq!(one.differing_keys(&dearer), BTreeSet::from(["models.x.price.per_message".to_owned()]));
    assert!(one.models["x"].calls_as(&dearer.models["x"]));
    let without = Config::from_toml("").unwrap();
    assert_eq!(one.differing_keys(&without), BTreeSet::from(["models.x".to_owned()]));
}
