//! The import rules of the design: which layer and which module may use which.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The layers, lowest first. A module uses those of the layers below its own, and of its own layer those that
/// [`edges`] lists.
const LAYERS: &[&str] = &["core", "infra", "app", "domain", "api", "transfer", "server", "cli", "main"];

/// What a module may use of its own layer. Those that are not listed use none of it.
fn edges() -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut edges = BTreeMap::new();
    let mut allow = |module: &'static str, used: &[&'static str]| edges.insert(module, used.to_vec());
    // Every module of core may use errors, ids and tokens.
    for (_, module, _) in sources() {
        if module.starts_with("core::") {
            allow(module.leak(), &["core::error", "core::ids", "core::tokens"]);
        }
    }
    allow("core::credential_cache", &["core::viewer"]);
    allow("core::password", &["core::error", "core::throttle", "core::tokens", "core::viewer"]);
    allow("core::replay_log", &["core::byte_budget", "core::ids"]);
    allow("core::price", &["core::random", "core::tokens", "core::usage"]);
    allow("infra::price_cache", &["infra::entity"]);
    allow("infra::catalog", &["infra::ai", "infra::config", "infra::entity"]);
    allow("infra::request_body", &["infra::metrics"]);
    allow("infra::secrets", &["infra::config"]);
    allow("infra::telemetry", &["infra::config"]);
    allow("infra::webhook", &["infra::config", "infra::entity"]);
    allow("infra::user_watch", &["infra::db", "infra::entity"]);
    allow("infra::rate_limit", &["infra::cluster", "infra::config"]);
    allow("domain::ledger", &["domain::job"]);
    allow("domain::account", &["domain::audit", "domain::ledger", "domain::webhook"]);
    allow("domain::session", &["domain::account", "domain::audit", "domain::ledger"]);
    allow("domain::catalog", &["domain::audit", "domain::pricing"]);
    allow("domain::group", &["domain::account", "domain::audit", "domain::ledger"]);
    allow("domain::chat", &["domain::audit", "domain::ledger", "domain::pricing", "domain::webhook"]);
    allow("domain::reload", &["domain::audit", "domain::catalog", "domain::pricing"]);
    allow("domain::overview", &["domain::account", "domain::chat", "domain::ledger"]);
    allow(
        "domain::retention",
        &["domain::audit", "domain::chat", "domain::job", "domain::ledger", "domain::session", "domain::webhook"],
    );
    allow("domain::webhook", &["domain::audit", "domain::job"]);
    edges
}

/// What a module of a higher layer must not use, though it lies below.
const FORBIDDEN: &[(&str, &[&str])] = &[
    // It serves embedded files, and needs nothing.
    ("api::web", &["core", "infra", "app", "domain"]),
    // Data transfer of whole databases is below the APIs.
    ("transfer", &["api"]),
];

#[test]
fn modules_use_only_the_layers_below_them_and_the_edges_that_are_allowed() {
    let (edges, mut broken) = (edges(), Vec::new());
    let layer = |module: &str| {
        let name = module.split("::").next().unwrap();
        LAYERS.iter().position(|layer| *layer == name)
    };
    for (file, module, text) in sources() {
        if module == "lib" || LAYERS.contains(&module.as_str()) && file.ends_with("mod.rs") && module_is_a_list(&text) {
            continue;
        }
        let own = layer(&module).unwrap_or_else(|| panic!("{module} lies in no layer: {}", file.display()));
        for used in imports(&text).into_iter().filter(|used| *used != module) {
            let below =
                layer(&used).unwrap_or_else(|| panic!("{} uses {used}, which lies in no layer", file.display()));
            let is_edge = edges.get(module.as_str()).is_some_and(|allowed| allowed.contains(&used.as_str()));
            let is_forbidden =
                FORBIDDEN.iter().any(|(by, what)| *by == module && what.contains(&used.split("::").next().unwrap()));
            if is_forbidden || below > own || (below == own && !is_edge) {
                broken.push(format!("{}: {module} uses {used}", file.display()));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}

/// Returns whether a file has only documentation and `pub mod` lines.
fn module_is_a_list(text: &str) -> bool {
    text.lines().all(|line| line.is_empty() || line.starts_with("//!") || line.starts_with("pub mod "))
}

#[test]
fn the_web_stays_in_the_transports() {
    let mut broken = Vec::new();
    for (file, module, text) in sources() {
        if ["api", "server", "cli"].contains(&module.split("::").next().unwrap()) {
            continue;
        }
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            // Enums derive their GraphQL type where they are defined, so that they are not defined twice.
            let graphql = line.contains("async_graphql") && !line.contains("async_graphql::Enum");
            if line.contains("axum::") || graphql {
                broken.push(format!("{}: {line}", file.display()));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn only_the_ledger_writes_balances_and_entries() {
    let mut broken = Vec::new();
    for (file, module, text) in sources() {
        let writes = [
            "ledger_entry::ActiveModel",
            "Column::Tokens,",
            "Column::Held,",
            "Column::LedgerSeq,",
            "Column::LedgerHash,",
        ];
        if module != "domain::ledger" && module != "infra::entity" && writes.iter().any(|write| text.contains(write)) {
            broken.push(file.display().to_string());
        }
        if module != "domain::session" && module != "infra::entity" && text.contains("session::ActiveModel") {
            broken.push(file.display().to_string());
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn no_source_file_is_longer_than_400_lines() {
    let long: Vec<_> = sources()
        .into_iter()
        .filter(|(_, _, text)| text.lines().count() > 400)
        .map(|(file, _, _)| file.display().to_string())
        .collect();
    assert_eq!(long, Vec::<String>::new());
}

/// Files that import each other can only be understood together. A file and those in the folder of its name are one
/// module, so imports between them do not count.
#[test]
fn no_files_import_each_other_in_a_circle() {
    let files: BTreeMap<Vec<String>, Vec<Vec<String>>> = sources()
        .into_iter()
        .filter(|(file, ..)| !file.ends_with("tests.rs"))
        .map(|(file, _, text)| {
            let mut path: Vec<_> =
                file.iter().map(|name| name.to_str().unwrap().trim_end_matches(".rs").to_owned()).collect();
            path.pop_if(|name| name == "mod");
            let code = text.split("#[cfg(test)]").next().unwrap();
            let imports = code.split("\nuse ").skip(1).map(|rest| rest.split(';').next().unwrap());
            let used = imports.flat_map(paths).filter_map(|used| resolve(&path, &used)).collect();
            (path, used)
        })
        .collect();
    let target = |used: &[String]| {
        (1..=used.len()).rev().map(|length| used[..length].to_vec()).find(|path| files.contains_key(path))
    };
    let edges: BTreeMap<_, Vec<_>> = files
        .iter()
        .map(|(path, used)| {
            let used = used.iter().filter_map(|used| target(used));
            (path, used.filter(|used| !path.starts_with(used) && !used.starts_with(path)).collect())
        })
        .collect();
    let mut circles = Vec::new();
    for start in edges.keys() {
        let (mut open, mut seen) = (edges[*start].clone(), Vec::new());
        while let Some(path) = open.pop() {
            if path == **start {
                circles.push(start.join("::"));
                break;
            }
            if !seen.contains(&path) {
                open.extend(edges[&path].iter().cloned());
                seen.push(path);
            }
        }
    }
    assert_eq!(circles, Vec::<String>::new(), "each of these files is in a circle");
}

/// Expands a tree of imports: `a::{b, c::{d, e}}`.
fn paths(tree: &str) -> Vec<String> {
    let Some((head, inside)) = tree.split_once('{') else {
        return vec![tree.split(" as ").next().unwrap().trim().to_owned()];
    };
    let inside = &inside[..inside.rfind('}').unwrap()];
    let (mut parts, mut depth) = (vec![String::new()], 0);
    for letter in inside.chars() {
        depth += i32::from(letter == '{') - i32::from(letter == '}');
        if letter == ',' && depth == 0 { parts.push(String::new()) } else { parts.last_mut().unwrap().push(letter) }
    }
    parts.iter().flat_map(|part| paths(part)).map(|part| format!("{}{part}", head.trim())).collect()
}

/// Returns the path from the root of the sources; `None` for another crate.
fn resolve(file: &[String], used: &str) -> Option<Vec<String>> {
    let mut names = used.split("::").peekable();
    let mut path = match *names.peek()? {
        "crate" => Vec::new(),
        "self" | "super" => file.to_vec(),
        _ => return None,
    };
    while let Some(name) = names.next_if(|name| ["crate", "self", "super"].contains(name)) {
        if name == "super" {
            path.pop()?;
        }
    }
    path.extend(names.map(str::to_owned));
    Some(path)
}

/// All parts of a GraphQL response draw on the budget of its operation: texts are `Text`, the payloads of mutations and
/// the events of subscriptions `Payload`.
#[test]
fn answers_of_graphql_are_bounded() {
    let (mut texts, mut payloads, mut broken) = (0, 0, Vec::new());
    for (file, module, text) in sources() {
        if module != "api::graphql" {
            continue;
        }
        let name = file.display().to_string();
        for resolver in text.split("    async fn ").skip(1) {
            // A resolver: its result type is between arguments and body.
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

/// Every source file, its module (of a layer that is a folder of modules, `layer::module`) and its text.
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
                let names: Vec<_> = inside.iter().map(|name| name.to_str().unwrap().trim_end_matches(".rs")).collect();
                let module = module_of(&names).unwrap_or_else(|| names[0].to_owned());
                found.push((inside, module, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(found.len() > 20, "the sources are there");
    found
}

/// The layers whose folders hold modules.
const FOLDERS: &[&str] = &["api", "domain", "infra", "core"];

fn module_of(names: &[impl AsRef<str>]) -> Option<String> {
    let (layer, module) = (names.first()?.as_ref(), names.get(1)?.as_ref());
    (FOLDERS.contains(&layer) && module != "mod").then(|| format!("{layer}::{module}"))
}

/// The modules that a file names, in `use` lines and in paths: `crate::core::error`, `use crate::domain::{audit,
/// ledger};`.
fn imports(text: &str) -> Vec<String> {
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut modules = Vec::new();
    for rest in code.split("crate::").skip(1) {
        let name = |rest: &str| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        let layer = name(rest);
        match rest.strip_prefix(&format!("{layer}::")) {
            Some(inside) if FOLDERS.contains(&layer.as_str()) => match inside.strip_prefix('{') {
                Some(group) => {
                    let group = group.split('}').next().unwrap();
                    assert!(!group.contains('{'), "a group within a group: {group}");
                    modules.extend(group.split(',').map(|item| format!("{layer}::{}", name(item.trim()))));
                }
                None => modules.push(format!("{layer}::{}", name(inside))),
            },
            _ if rest.starts_with('{') => panic!("imports begin with a layer: crate::{}", &rest[..40.min(rest.len())]),
            _ => modules.push(layer),
        }
    }
    modules.retain(|module| !module.is_empty() && !module.ends_with("::"));
    modules
}
