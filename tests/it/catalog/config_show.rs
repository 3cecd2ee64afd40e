//! `jeton config show`: the models and providers in force, with their sources.

use axum::{Json, Router};
use rstest_reuse::apply;
use serde_json::json;

use super::KEY;
use crate::support::installation::Installation;
use crate::support::{On, on_both_databases};

/// Returns the cells of the row that begins with these.
fn row(shown: &str, begin: &[&str]) -> Option<Vec<String>> {
    let cells = |line: &str| {
        let line = line.strip_prefix("# ")?;
        Some(line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect::<Vec<_>>())
    };
    shown.lines().filter_map(cells).find(|cells| cells.iter().zip(begin).all(|(cell, begin)| cell == begin))
}

#[apply(on_both_databases)]
async fn config_show_lists_models_and_providers_with_their_sources(on: On) {
    let found = Json(json!({ "models": [{ "name": "qwen3:0.6b" }] }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ollama = listener.local_addr().unwrap().to_string();
    let router = Router::new().fallback(move || async move { found });
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let installation = Installation::new(on, &[("JETON_OLLAMA__DETECT", "true"), ("OLLAMA_HOST", &ollama)]).await;
    let url = ["--base-url", "http://127.0.0.1:9/v1", "--key-stdin", "--first-byte-timeout", "20"];
    let added = installation.run(&[&["provider", "add", "double", "--kind", "openai"], &url[..]].concat(), KEY);
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    let refused = ["provider", "add", "other", "--kind", "ollama", "--connect-timeout", "61"];
    let refused = String::from_utf8(installation.run(&refused, "").stderr).unwrap();
    assert!(refused.contains("Between 1 and 60"), "{refused}");
    let listed: serde_json::Value = serde_json::from_str(&installation.ok(&["provider", "list", "--json"])).unwrap();
    assert_eq!((&listed[0]["first_byte_timeout_ms"], &listed[0]["idle_timeout_ms"]), (&json!(20_000), &json!(null)));
    for name in ["small", "hidden", "off"] {
        installation.ok(&["model", "add", name, "--provider", "double"]);
    }
    installation.ok(&["model", "disable", "off"]);
    let file = "[models.hidden]\nprovider = 'echo'\nprice = { per_message = 1 }\n";
    std::fs::write(installation.data.path().join("jeton.toml"), file).unwrap();

    let shown = installation.ok(&["config", "show"]);
    for expected in [
        ["small", "database", "enabled", "double"],
        ["off", "database", "disabled", "double"],
        ["hidden", "database", "not in force", "double"],
        ["hidden", "jeton.toml", "enabled", "echo"],
        ["qwen3:0.6b", "Ollama", "enabled", "ollama"],
    ] {
        assert_eq!(row(&shown, &expected[..2]).unwrap_or_default(), expected, "{shown}");
    }
    assert_eq!(row(&shown, &["double"]).unwrap(), ["double", "openai", "http://127.0.0.1:9/v1"], "{shown}");
    assert!(shown.contains("# Default model: echo (jeton.toml or the environment)\n"), "{shown}");
    assert!(!shown.contains(&KEY[..12]) && !shown.contains("wxyz"), "{shown}");
    assert!(shown.parse::<toml::Table>().is_ok(), "the output is still TOML: {shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn config_show_without_a_database_shows_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("none").join("jeton.db");
    let missing_url = format!("sqlite://{}", missing.display());
    for (url, why) in [
        (missing_url.as_str(), "does not exist"),
        ("postgres://jeton:hidden-password@127.0.0.1:9/jeton", "127.0.0.1:9"),
    ] {
        let settings = [("JETON_DATABASE__URL", url), ("JETON_DATABASE__ACQUIRE_TIMEOUT", "1s")];
        let installation = Installation::new(On::Sqlite, &settings).await;
        let shown = installation.ok(&["config", "show"]);
        assert!(shown.contains("# the database can't be read: ") && shown.contains(why), "{shown}");
        assert_eq!(row(&shown, &["echo"]).unwrap(), ["echo", "jeton.toml", "enabled", "echo"], "{shown}");
        assert!(!shown.contains("hidden-password"), "{shown}");
    }
    assert!(!missing.parent().unwrap().exists(), "nothing is created");
}
