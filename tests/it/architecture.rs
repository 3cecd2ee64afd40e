//! The import rules of the design: which room may use which.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const LEAVES: &[&str] = &[
    "byte_budget",
    "clock",
    "error",
    "input_file",
    "json",
    "jwt",
    "keyed_hash",
    "metrics",
    "page",
    "password",
    "private_files",
    "random",
    "rate_limit",
    "recording",
    "tokens",
    "trace_context",
    "viewer",
];

/// What each room may import, beside itself.
fn rules() -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut rules = BTreeMap::new();
    for leaf in LEAVES {
        // Leaves may know errors and tokens, nothing of the house.
        rules.insert(*leaf, vec!["error", "tokens"]);
    }
    // Its queue is bounded by address.
    rules.insert("password", vec!["error", "tokens", "rate_limit", "viewer"]);
    rules.insert("recording", vec!["byte_budget"]);
    let with_leaves = |more: &[&'static str]| [LEAVES, more].concat();
    rules.insert("config", with_leaves(&[]));
    rules.insert("secrets", with_leaves(&["config"]));
    rules.insert("telemetry", with_leaves(&["config"]));
    rules.insert("db", with_leaves(&[]));
    rules.insert("entity", with_leaves(&[]));
    rules.insert("ai", with_leaves(&[]));
    rules.insert("cluster", with_leaves(&[]));
    rules.insert("limits", with_leaves(&["config", "cluster"]));
    rules.insert("request_body", with_leaves(&[]));
    rules.insert("app", with_leaves(&["config", "secrets", "db", "entity", "ai", "cluster", "limits", "request_body"]));
    let base = ["app", "config", "secrets", "db", "entity", "ai", "cluster"];
    let domain = |more: &[&'static str]| with_leaves(&[&base[..], more].concat());
    rules.insert("neighbours", domain(&[]));
    rules.insert("ledger", domain(&[]));
    rules.insert("audit", domain(&[]));
    rules.insert("account", domain(&["ledger", "audit"]));
    rules.insert("session", domain(&["ledger", "audit", "account"]));
    rules.insert("chat", domain(&["ledger", "audit"]));
    let rooms = ["ledger", "audit", "account", "session", "chat"];
    rules.insert("transfer", domain(&rooms));
    for transport in ["graphql", "rest", "openai"] {
        rules.insert(transport, domain(&[&rooms[..], &["request_body"]].concat()));
    }
    rules.insert("retention", domain(&["ledger", "audit", "session", "chat"]));
    rules.insert("web", Vec::new());
    let serving = ["retention", "neighbours", "graphql", "rest", "openai", "web", "request_body"];
    rules.insert("server", domain(&[&rooms[..], &serving].concat()));
    rules.insert(
        "cli",
        domain(&[&rooms[..], &["retention", "graphql", "rest", "openai", "server", "telemetry", "transfer"]].concat()),
    );
    rules.insert("lib", Vec::new());
    rules.insert("main", vec!["cli"]);
    rules
}

#[test]
fn rooms_import_only_what_lies_below_them() {
    let (rules, mut broken) = (rules(), Vec::new());
    for (file, room, text) in sources() {
        let allowed = rules.get(room.as_str()).unwrap_or_else(|| panic!("{room} has no rule: {}", file.display()));
        for used in imports(&text) {
            if used != room && !allowed.contains(&used.as_str()) {
                broken.push(format!("{} uses {used}", file.display()));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn the_web_stays_in_the_transports() {
    let transports = ["graphql", "rest", "openai", "web", "server", "cli"];
    let mut broken = Vec::new();
    for (file, room, text) in sources() {
        if transports.contains(&room.as_str()) {
            continue;
        }
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            // Closed lists derive their GraphQL form where they are defined, so that they are not defined twice.
            let graphql = line.contains("async_graphql") && !line.contains("async_graphql::Enum");
            if (line.contains("axum::") || graphql) && room != "ai" {
                broken.push(format!("{}: {line}", file.display()));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn only_the_ledger_writes_balances_and_entries() {
    let mut broken = Vec::new();
    for (file, room, text) in sources() {
        let writes = ["ledger_entry::ActiveModel", "Column::Tokens,", "Column::Held,"];
        if room != "ledger" && room != "entity" && writes.iter().any(|write| text.contains(write)) {
            broken.push(file.display().to_string());
        }
        if room != "session" && room != "entity" && text.contains("session::ActiveModel") {
            broken.push(file.display().to_string());
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn no_source_file_is_longer_than_500_lines() {
    let long: Vec<_> = sources()
        .into_iter()
        .filter(|(_, _, text)| text.lines().count() > 500)
        .map(|(file, _, _)| file.display().to_string())
        .collect();
    assert_eq!(long, Vec::<String>::new());
}

/// What a GraphQL answer is made of draws on the budget of its operation: texts are `Text`, the payloads of mutations and
/// the events of subscriptions `Payload`.
#[test]
fn answers_of_graphql_are_bounded() {
    let (mut texts, mut payloads, mut broken) = (0, 0, Vec::new());
    for (file, room, text) in sources() {
        if room != "graphql" {
            continue;
        }
        let name = file.display().to_string();
        for resolver in text.split("    async fn ").skip(1) {
            // A resolver: its result is behind its arguments, before its body.
            let head = resolver.split(" {\n").next().unwrap();
            let Some((arguments, result)) = head.rsplit_once("-> ") else { continue };
            let is_type = name.contains("types/") && arguments.contains("(&self");
            if is_type && (result.contains("str") || result.contains("String")) {
                broken.push(format!("{name}: {head}"));
            }
            let is_root = name.contains("mutation/") || name.ends_with("subscription.rs");
            if is_root && arguments.contains("ctx: &Context") && !result.contains("Payload<") {
                broken.push(format!("{name}: {head}"));
            }
            payloads += usize::from(is_root && result.contains("Payload<"));
        }
        for object in text.split("derive(SimpleObject)").skip(1) {
            let fields = object.split("\n}").next().unwrap();
            broken.extend(fields.lines().filter(|line| line.contains("String")).map(|line| format!("{name}: {line}")));
        }
        texts += text.matches("Text<").count();
    }
    assert_eq!(broken, Vec::<String>::new());
    assert!(texts > 40 && payloads > 25, "{texts} {payloads}");
}

/// Every source file, its room and its text.
fn sources() -> Vec<(PathBuf, String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut open, mut found) = (vec![root.clone()], Vec::new());
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let inside = path.strip_prefix(&root).unwrap().to_owned();
                let room = inside.components().next().unwrap().as_os_str().to_str().unwrap();
                let room = room.trim_end_matches(".rs").to_owned();
                found.push((inside, room, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(found.len() > 20, "the sources are there");
    found
}

/// The rooms that a file names, in `use` lines and in paths: `crate::room` and `use crate::{room, ..}`.
fn imports(text: &str) -> Vec<String> {
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut rooms = Vec::new();
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            Some(group) => {
                let group = group.split("};").next().unwrap();
                let mut depth = 0;
                let mut word = String::new();
                for letter in group.chars().chain([',']) {
                    match letter {
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        ',' if depth == 0 => {
                            rooms.push(word.trim().split("::").next().unwrap().to_owned());
                            word.clear();
                            continue;
                        }
                        _ => {}
                    }
                    word.push(letter);
                }
            }
            None => rooms.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()),
        }
    }
    rooms.retain(|room: &String| {
        !room.is_empty() && room.chars().all(|c| c.is_lowercase() || c.is_numeric() || c == '_')
    });
    rooms
}
