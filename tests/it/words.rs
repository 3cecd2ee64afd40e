//! Private words do not come back: what people read uses the field's terms.

use std::path::Path;
use std::process::Command;

/// A private word, and the reason: the term that says it. As a whole word, in any case.
const WORDS: &[(&str, &str)] = &[
    ("again and again", "periodically, in a loop"),
    ("anew", "recreate, retry"),
    ("at one go", "in one round trip, whole"),
    ("breaks off", "is truncated, is cut off"),
    ("broke off", "was truncated"),
    ("carriers?", "transport"),
    ("deeds?", "audited action"),
    ("doors?", "entry point, the only way to; a fuzz target"),
    ("foreign pages?", "cross-origin page"),
    ("given back", "released, refunded"),
    ("goes on", "continues"),
    ("heard", "received"),
    ("hears", "receives"),
    ("in one piece", "in one round trip, whole"),
    ("in this house", "local"),
    ("knocks?", "request, run"),
    ("mend(s|ed)?", "fix"),
    ("mistakes?", "field error, validation error"),
    ("neighbours?", "peer, cluster member"),
    ("news", "event, notification, subscription"),
    ("nobody", "no user, no client, anonymous"),
    ("now and then", "periodically"),
    ("once more", "retry"),
    ("pictures?", "image"),
    ("reckon(s|ed)?", "estimate"),
    ("rooms", "module, crate, layer"),
    ("seen before", "duplicate"),
    ("set aside", "reserved, buffered"),
    ("sign of life", "heartbeat"),
    ("so many", "at most n, the maximum"),
    ("somebody", "a user, a client"),
    ("strangers?", "unauthenticated client, untrusted input"),
    ("troubled", "unavailable, failed"),
    ("whoever", "the caller, the client"),
    ("wish(es)?", "command"),
];

/// Searches what is compiled or read: sources, documents, the schema. The pages of the client follow in their own time.
const PATHS: &[&str] = &["src", "migration/src", "docs", "*.md", "schema.graphql", ":!CHANGELOG.md"];

#[test]
fn private_words_do_not_come_back() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    if !root.join(".git").exists() {
        // A source archive has no list of its files.
        return;
    }
    let mut found = Vec::new();
    for (word, term) in WORDS {
        let searched = Command::new("git").args(["grep", "-nwiE", word, "--"]).args(PATHS).current_dir(root).output();
        let searched = searched.unwrap();
        // 1 stands for nothing found.
        assert!(searched.status.code().is_some_and(|code| code <= 1), "{searched:?}");
        let lines = String::from_utf8_lossy(&searched.stdout).into_owned();
        found.extend(lines.lines().map(|line| format!("{line}\n    instead of `{word}`: {term}")));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
