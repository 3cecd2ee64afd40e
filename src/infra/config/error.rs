//! Errors of the configuration, for the operator: the key, and the new name of a key that was renamed.

use std::path::PathBuf;

use figment::error::Kind;

/// The reason why a configuration is invalid, for the operator.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file named on the command line does not exist.
    #[error("there is no configuration file {0}")]
    NoFile(PathBuf),
    /// The file can't be read, or is not a regular file.
    #[error("{path}: {error}")]
    Unreadable {
        /// The path of the file.
        path: String,
        /// The reason.
        error: std::io::Error,
    },
    /// A key is unknown, missing or of the wrong type.
    #[error("{}", in_one_line(.0))]
    Read(Box<figment::Error>),
    /// Each value is well-formed, but they are inconsistent or out of bounds.
    #[error("{0}")]
    Check(String),
}

/// Old names of keys, with their new ones; `*` stands for the name of a model.
pub(super) const RENAMED: &[(&str, &str)] = &[
    ("auth.free_attempts", "auth.login_attempts_before_delay"),
    ("auth.free_attempts_per_address", "auth.login_attempts_before_delay_per_address"),
    ("auth.max_delay", "auth.login_max_delay"),
    ("auth.former_secrets", "auth.previous_secrets"),
    ("auth.hash_secret", "auth.api_key_pepper"),
    ("http.drain", "http.shutdown_delay"),
    ("v1.drain", "v1.usage_wait_timeout"),
    ("retention.every", "retention.interval"),
    ("turns.first_piece_timeout", "turns.first_chunk_timeout"),
    ("turns.piece_timeout", "turns.chunk_timeout"),
    ("models.*.window", "models.*.context_window"),
    ("models.*.rest", "models.*.circuit_cooldown"),
    ("models.*.limit_name", "models.*.max_tokens_param"),
    ("models.*.queue", "models.*.max_queued"),
    ("models.*.retries", "models.*.max_retries"),
];

/// Returns the new name of a renamed key.
fn renamed(path: &[String]) -> Option<String> {
    let matches = |old: &str| {
        let parts: Vec<_> = old.split('.').collect();
        parts.len() == path.len() && parts.iter().zip(path).all(|(part, name)| *part == "*" || part == name)
    };
    let (_, new) = RENAMED.iter().find(|(old, _)| matches(old))?;
    let names = new.split('.').zip(path).map(|(part, name)| if part == "*" { name } else { part });
    Some(names.collect::<Vec<_>>().join("."))
}

/// Formats the first error on one line: its key as the operator wrote it, without the excerpt of the file.
fn in_one_line(error: &figment::Error) -> String {
    let what = match &error.kind {
        Kind::UnknownField(_, known) => match renamed(&error.path) {
            Some(new) => format!("renamed to {new}"),
            None => format!("no such key; there are {}", known.join(", ")),
        },
        kind => kind.to_string(),
    };
    let is_drawing = |line: &str| line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ').starts_with('|');
    let what = what.lines().filter(|line| !is_drawing(line)).collect::<Vec<_>>().join(" ");
    let from = error.metadata.as_ref();
    let file = from.and_then(|from| from.source.as_ref()).map(ToString::to_string);
    let key = match from {
        Some(from) if from.name.contains("environment") => format!("JETON_{}", error.path.join("__").to_uppercase()),
        _ => error.path.join("."),
    };
    let place = if error.path.is_empty() { String::new() } else { format!("{key}: ") };
    format!("{place}{what}{}", file.map_or_else(String::new, |file| format!(" (in {file})")))
}
