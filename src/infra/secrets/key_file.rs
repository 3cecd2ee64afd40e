//! The file of the signing keys: its lines are read, and replaced as a whole.

#[cfg(unix)]
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use chrono::{DateTime, SecondsFormat, Utc};
use secrecy::{ExposeSecret, SecretString};
use tempfile::NamedTempFile;

use crate::core::error::Error;
use crate::core::input_file;

/// The minimum length of a secret: fewer bytes can be found by brute force.
const MIN_BYTES: usize = 32;

/// The maximum size of the file, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

const UNTIL: &str = "until=";
const HASHES: &str = "hashes";
/// The prefix and suffix of draft file names.
const DRAFT: (&str, &str) = ("signing.key.", ".draft");

/// A line of the file: a secret and its attributes.
#[derive(Clone)]
pub(super) struct KeyFileEntry {
    pub(super) text: SecretString,
    pub(super) until: Option<DateTime<Utc>>,
    pub(super) hashes: bool,
}

/// Reads the lines of the file.
///
/// # Errors
/// INTERNAL that names the file, the line and the reason.
pub(super) fn read(path: &Path) -> Result<Vec<KeyFileEntry>, Error> {
    let bytes = input_file::read(path, MAX_FILE_BYTES).map_err(|error| about(path, error))?;
    let text = SecretString::from(String::from_utf8(bytes).map_err(|_| about(path, "it is no UTF-8"))?);
    let lines = text.expose_secret().lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let lines: Vec<KeyFileEntry> = lines
        .map(|(at, line)| parse(line).map_err(|wrong| about(path, format!("line {}: {wrong}", at + 1))))
        .collect::<Result<_, _>>()?;
    match lines.first() {
        None => Err(about(path, "it holds no secret")),
        Some(first) if first.until.is_some() => Err(about(path, "the first secret is one that has been replaced")),
        Some(_) => Ok(lines),
    }
}

/// Parses a line. The error does not repeat its text, which may be the secret.
fn parse(line: &str) -> Result<KeyFileEntry, String> {
    let mut words = line.split_whitespace();
    let text = words.next().unwrap_or_default();
    if text.len() < MIN_BYTES {
        return Err(format!("at least {MIN_BYTES} bytes are needed"));
    }
    let mut parsed = KeyFileEntry { text: text.into(), until: None, hashes: false };
    for mark in words {
        match mark.strip_prefix(UNTIL).map(DateTime::parse_from_rfc3339) {
            Some(Ok(until)) => parsed.until = Some(until.to_utc()),
            None if mark == HASHES => parsed.hashes = true,
            _ => return Err(format!("only {UNTIL}TIME and {HASHES} may follow a secret")),
        }
    }
    Ok(parsed)
}

/// Writes the lines to a temporary file and moves it into place, so that no one reads a partial file. The temporary
/// name is unpredictable, and the file is private from the beginning.
pub(super) fn place(
    path: &Path,
    lines: &[KeyFileEntry],
    put: impl FnOnce(NamedTempFile, &Path) -> io::Result<()>,
) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut draft = tempfile::Builder::new().prefix(DRAFT.0).suffix(DRAFT.1).tempfile_in(directory)?;
    for line in lines {
        let until = line.until.map(|until| format!(" {UNTIL}{}", until.to_rfc3339_opts(SecondsFormat::Secs, true)));
        let hashes = if line.hashes { format!(" {HASHES}") } else { String::new() };
        writeln!(draft, "{}{}{hashes}", line.text.expose_secret(), until.unwrap_or_default())?;
    }
    draft.as_file().sync_all()?;
    put(draft, path)?;
    // A rename is durable once its directory is synced.
    #[cfg(unix)]
    File::open(directory)?.sync_all()?;
    Ok(())
}

/// Removes drafts of killed rotations, which contain secrets. The caller must hold the lock of rotations.
pub(super) fn remove_drafts(directory: &Path) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_draft = name.to_str().is_some_and(|name| name.starts_with(DRAFT.0) && name.ends_with(DRAFT.1));
        if is_draft
            && entry.file_type().is_ok_and(|kind| kind.is_file())
            && let Err(error) = std::fs::remove_file(entry.path())
        {
            tracing::warn!(file = %entry.path().display(), %error, "failed to remove an abandoned signing key draft");
        }
    }
}

pub(super) fn about(path: &Path, wrong: impl std::fmt::Display) -> Error {
    Error::internal(format!("{}: {wrong}", path.display()))
}
