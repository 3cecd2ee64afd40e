use toml::{Table, Value};

use super::*;

/// Collects every key of a table and its nested tables; models have their own test.
fn keys(prefix: &str, table: &Table, found: &mut Vec<(String, Value)>) {
    for (key, value) in table {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            Value::Table(inner) if path != "models" => keys(&path, inner, found),
            value => found.push((path, value.clone())),
        }
    }
}

fn rejection(key: &str, value: &str) -> String {
    match Config::from_toml(&format!("{key} = {value}")) {
        Ok(_) => panic!("{key} = {value} is accepted"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn no_number_and_no_duration_is_without_an_upper_bound() {
    let default: Table = super::super::DEFAULT.parse().unwrap();
    let mut all = Vec::new();
    keys("", &default, &mut all);
    let (mut numbers, mut durations) = (0, 0);
    for (key, value) in all {
        let is_kept = key.starts_with("retention.");
        match value {
            Value::Integer(_) => {
                numbers += 1;
                let mut wrong = rejection(&key, &i64::MAX.to_string());
                if !wrong.contains("at most") {
                    wrong = rejection(&key, &u32::MAX.to_string());
                }
                assert!(wrong.starts_with(&key) && wrong.contains("at most"), "{key}: {wrong}");
            }
            Value::String(text) if is_kept || text.starts_with(|c: char| c.is_ascii_digit()) && !text.contains(':') => {
                durations += 1;
                let wrong = rejection(&key, "\"10000000000y\"");
                assert!(wrong.starts_with(&key) && wrong.contains("at most"), "{key}: {wrong}");
            }
            _ => {}
        }
    }
    assert!(numbers > 25 && durations > 20, "{numbers} {durations}");
    for key in ["max_output", "max_queued", "max_concurrent", "max_retries", "context_window", "units_per_image"] {
        let value = if key == "max_retries" { i64::from(u32::MAX) } else { i64::MAX };
        let wrong = rejection(&format!("models.echo.{key}"), &value.to_string());
        assert!(wrong.starts_with(&format!("models.echo.{key}: at most")), "{wrong}");
    }
    for key in ["circuit_cooldown", "connect_timeout", "first_byte_timeout", "idle_timeout"] {
        let wrong = rejection(&format!("models.echo.{key}"), "\"10000000000y\"");
        assert!(wrong.starts_with(&format!("models.echo.{key}: at most")), "{wrong}");
    }
    assert!(rejection("models.echo.idle_timeout", "\"0s\"").starts_with("models.echo.idle_timeout: longer than 0"));
    assert!(rejection("models.echo.price.per_message", &i64::MAX.to_string()).contains("per_message"));
    assert!(rejection("turns", "{ lease = \"0s\", save_interval = \"0s\" }").starts_with("turns.lease"));
}
