//! Limits that a reload changes, and keys that need a restart.

use std::time::Duration;

use rstest_reuse::apply;
use serde_json::json;

use super::Reloading;
use crate::support::{On, on_both_databases};

#[apply(on_both_databases)]
async fn limits_are_in_force_at_once(on: On) {
    let reloading = Reloading::start(on, "").await;
    let mia = reloading.app.user("mia").await;
    assert_eq!(mia.say("echo", "Hello").await["errors"], json!([]));
    let settings = "[limits]\nmessages_per_minute_per_user = 2\n[turns]\nmax_message_chars = 5\nlease = '60s'\n\
                    chunk_timeout = '7s'\n[graphql]\nstreams_per_user = 1\n[http]\nlisten = '127.0.0.1:9999'\n";
    let reloaded = reloading.with(settings).await.unwrap();
    let applied = [
        "graphql.streams_per_user",
        "limits.messages_per_minute_per_user",
        "turns.chunk_timeout",
        "turns.max_message_chars",
    ];
    assert_eq!(reloaded.applied, applied);
    assert_eq!(reloaded.needs_restart, ["auth.secret", "database.url", "http.listen", "turns.lease"]);
    let app = &reloading.app.app;
    assert_eq!(app.config().turns.chunk_timeout, Duration::from_secs(7));
    assert_eq!(app.config().turns.lease, Duration::from_secs(30));
    let length = mia.data("{ server { maxMessageChars } }", json!({})).await;
    assert_eq!(length["server"]["maxMessageChars"], 5);
    assert_eq!(mia.say("echo", "Hello!").await["errors"][0]["field"], "message");
    let codes = [mia.say("echo", "Hi").await, mia.say("echo", "Hi").await, mia.say("echo", "Hi").await]
        .map(|said| said["errors"][0]["code"].as_str().unwrap_or("OK").to_owned());
    assert_eq!(codes.last().unwrap(), "RATE_LIMITED", "{codes:?}");
    let first = app.user_streams.take(mia.user_id());
    assert!(first.is_ok() && app.user_streams.take(mia.user_id()).is_err());
    // A limit that did not change keeps its count.
    reloading.with(&settings.replace("max_message_chars = 5", "max_message_chars = 6")).await.unwrap();
    assert_eq!(mia.say("echo", "Hi").await["errors"][0]["code"], "RATE_LIMITED");
    reloading.with("").await.unwrap();
    assert_eq!(mia.say("echo", "Hello again").await["errors"], json!([]));
}
