//! The server's secrets: the signing keys of tokens, and the pepper of API key hashes. From the configuration, or from
//! the file `signing.key` in the data directory, which is created at the first start.
//!
//! The file has one secret per line, the signing one first. A secret may be followed by attributes: `until=TIME` (RFC
//! 3339) on one that has been replaced, whose tokens are valid until then; `hashes` on the pepper of API keys. If no
//! line has that attribute, the file has only one line, which is the pepper. So API keys stay valid when the signing
//! key is rotated.

#[cfg(unix)]
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use secrecy::{ExposeSecret, SecretString};
use tempfile::NamedTempFile;

use crate::core::error::{Code, Error};
use crate::core::input_file;
use crate::core::jwt;
use crate::core::keyed_hash::KeyedHash;
use crate::core::private_files;
use crate::core::random::Random;
use crate::infra::config::Config;

/// The minimum length of a secret: fewer bytes can be found by brute force.
const MIN_BYTES: usize = 32;

/// The maximum size of the file, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

const UNTIL: &str = "until=";
const HASHES: &str = "hashes";
/// The prefix and suffix of draft file names.
const DRAFT: (&str, &str) = ("signing.key.", ".draft");

/// The server's secrets.
pub struct Secrets {
    /// The signing keys: the current one first, then previous ones whose tokens are still valid.
    pub signing: Vec<jwt::KeyMaterial>,
    /// The pepper of API keys and call fingerprints.
    pub hashing: SecretString,
}

/// A line of the file: a secret and its attributes.
#[derive(Clone)]
struct KeyFileEntry {
    text: SecretString,
    until: Option<DateTime<Utc>>,
    hashes: bool,
}

impl Secrets {
    /// Returns the secrets of the configuration, or those of the file, which is created if it is missing.
    ///
    /// # Errors
    /// INTERNAL that names the file and the reason.
    pub fn open(config: &Config, random: &Random) -> Result<Self, Error> {
        if let Some(configured) = Self::configured(config)? {
            return Ok(configured);
        }
        let path = path(config);
        if !path.exists() {
            private_files::create_dir(&config.data.dir).map_err(|error| about(&config.data.dir, error))?;
            let line = KeyFileEntry { text: new_secret(random), until: None, hashes: false };
            place(&path, &[line], |draft, path| match draft.persist_noclobber(path) {
                // Of two servers that start at the same time the first one wins.
                Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(()),
                placed => placed.map(drop).map_err(|error| error.error),
            })
            .map_err(|error| about(&path, error))?;
        }
        Self::of_lines(&read(&path)?)
    }

    /// Reads the secrets of the file, which may have been rotated; `None` if they are configured.
    ///
    /// # Errors
    /// As [`Secrets::open`].
    pub fn reload(config: &Config) -> Result<Option<Self>, Error> {
        if is_configured(config) {
            return Ok(None);
        }
        Self::of_lines(&read(&path(config))?).map(Some)
    }

    fn configured(config: &Config) -> Result<Option<Self>, Error> {
        if !is_configured(config) {
            return Ok(None);
        }
        let auth = &config.auth;
        let all = std::iter::once(&auth.secret).chain(&auth.previous_secrets);
        let hashing = Some(&auth.api_key_pepper).filter(|secret| !secret.expose_secret().is_empty());
        Ok(Some(Self {
            signing: all.map(|text| signing(text, None)).collect::<Result<_, _>>()?,
            hashing: hashing.unwrap_or(&auth.secret).clone(),
        }))
    }

    fn of_lines(lines: &[KeyFileEntry]) -> Result<Self, Error> {
        let hashing = lines.iter().find(|line| line.hashes).or(lines.first());
        let hashing = hashing.ok_or_else(|| Error::internal("there is no secret"))?.text.clone();
        Ok(Self {
            signing: lines.iter().map(|line| signing(&line.text, line.until)).collect::<Result<_, _>>()?,
            hashing,
        })
    }
}

/// The result of a rotation.
pub struct RotationResult {
    /// The id of the new signing key.
    pub signs: String,
    /// The ids of previous keys, each with the time until which its tokens are valid.
    pub retired: Vec<(String, DateTime<Utc>)>,
}

/// Rotates the signing key: puts a new secret first in the file. Tokens of the previous one stay valid until they
/// expire, or, with `at_once`, are invalid immediately.
///
/// # Errors
/// CONFLICT if the secret is configured; INTERNAL that names the file.
pub fn rotate(config: &Config, random: &Random, now: DateTime<Utc>, at_once: bool) -> Result<RotationResult, Error> {
    if is_configured(config) {
        let message = "the signing key is configured (auth.secret): give it a new value there, move the one before to \
                       auth.previous_secrets, and the first one ever to auth.api_key_pepper";
        return Err(Error::new(Code::Conflict, message));
    }
    Secrets::open(config, random)?;
    let path = path(config);
    // Of two concurrent rotations one waits for the other, and continues from its result.
    let lock = config.data.dir.join("signing.key.lock");
    let lock = private_files::options().create(true).open(&lock).map_err(|error| about(&lock, error))?;
    lock.lock().map_err(|error| about(&path, error))?;
    remove_drafts(&config.data.dir);
    let mut lines = read(&path)?;
    let none_marked = !lines.iter().any(|line| line.hashes);
    let longest = config.auth.access_ttl.max(config.auth.refresh_ttl);
    let end = if at_once { now } else { later(now, longest) };
    for (at, line) in lines.iter_mut().enumerate() {
        line.hashes |= none_marked && at == 0;
        line.until = Some(line.until.unwrap_or(end).min(end));
    }
    lines.retain(|line| line.hashes || line.until.is_some_and(|until| until > now));
    lines.insert(0, KeyFileEntry { text: new_secret(random), until: None, hashes: false });
    place(&path, &lines, |draft, path| draft.persist(path).map(drop).map_err(|error| error.error))
        .map_err(|error| about(&path, error))?;
    let mut keys = Secrets::of_lines(&lines)?.signing.into_iter();
    let signs = keys.next().map(|key| key.id).unwrap_or_default();
    let retired = keys.filter_map(|key| key.until.filter(|until| *until > now).map(|until| (key.id, until))).collect();
    Ok(RotationResult { signs, retired })
}

/// Returns the path of the key file; `None` if the secrets are configured.
pub fn file(config: &Config) -> Option<PathBuf> {
    (!is_configured(config)).then(|| path(config))
}

fn is_configured(config: &Config) -> bool {
    !config.auth.secret.expose_secret().is_empty()
}

fn path(config: &Config) -> PathBuf {
    config.data.dir.join("signing.key")
}

fn signing(text: &SecretString, until: Option<DateTime<Utc>>) -> Result<jwt::KeyMaterial, Error> {
    let hash = KeyedHash::new(text.expose_secret().as_bytes(), "jeton: names of keys").map_err(Error::internal)?;
    let id = hash.of(b"").chars().take(16).collect();
    Ok(jwt::KeyMaterial { id, text: text.clone(), until })
}

fn new_secret(random: &Random) -> SecretString {
    format!("{}{}", random.hex128(), random.hex128()).into()
}

fn later(now: DateTime<Utc>, by: Duration) -> DateTime<Utc> {
    chrono::TimeDelta::from_std(by).ok().and_then(|by| now.checked_add_signed(by)).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

fn read(path: &Path) -> Result<Vec<KeyFileEntry>, Error> {
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
fn place(
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
fn remove_drafts(directory: &Path) {
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

fn about(path: &Path, wrong: impl std::fmt::Display) -> Error {
    Error::internal(format!("{}: {wrong}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn config(dir: &Path) -> Config {
        let mut config = Config::from_toml("[auth]\naccess_ttl = '1h'\nrefresh_ttl = '2h'").unwrap();
        config.data.dir = dir.to_owned();
        config
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn a_rotation_keeps_old_keys_for_the_life_of_their_tokens_and_the_hashes_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let (config, random) = (config(dir.path()), Random::seeded(1));
        let first = Secrets::open(&config, &random).unwrap();
        let hashing = first.hashing.expose_secret().to_owned();
        let names =
            |secrets: &Secrets| secrets.signing.iter().map(|key| (key.id.clone(), key.until)).collect::<Vec<_>>();
        let one = first.signing[0].id.clone();

        let rotated = rotate(&config, &random, at(0), false).unwrap();
        assert_eq!(rotated.retired, [(one.clone(), at(7200))]);
        let secrets = Secrets::reload(&config).unwrap().unwrap();
        assert_eq!(names(&secrets), [(rotated.signs.clone(), None), (one.clone(), Some(at(7200)))]);
        assert_eq!(secrets.hashing.expose_secret(), hashing);

        // The key in the middle is removed in its time; the first stays as the pepper only.
        let two = rotated.signs;
        let three = rotate(&config, &random, at(7000), false).unwrap().signs;
        let four = rotate(&config, &random, at(20_000), false).unwrap().signs;
        let secrets = Secrets::open(&config, &random).unwrap();
        let expected = [(four, None), (three, Some(at(27_200))), (one, Some(at(7200)))];
        assert_eq!(names(&secrets), expected, "not {two}");
        assert_eq!(secrets.hashing.expose_secret(), hashing);

        // A leaked key is invalid immediately.
        let rotated = rotate(&config, &random, at(20_001), true).unwrap();
        assert_eq!(rotated.retired, []);
        let secrets = Secrets::open(&config, &random).unwrap();
        assert!(secrets.signing[1..].iter().all(|key| key.until.unwrap() <= at(20_001)));
        assert_eq!(secrets.hashing.expose_secret(), hashing);
    }

    #[test]
    fn a_rotation_removes_what_a_killed_one_has_left() {
        let dir = tempfile::tempdir().unwrap();
        let (config, random) = (config(dir.path()), Random::seeded(1));
        Secrets::open(&config, &random).unwrap();
        fs::write(dir.path().join("signing.key.abc.draft"), "secret").unwrap();
        fs::write(dir.path().join("signing.key.mine"), "").unwrap();
        rotate(&config, &random, at(0), false).unwrap();
        assert!(!dir.path().join("signing.key.abc.draft").exists());
        assert!(dir.path().join("signing.key.mine").exists());
    }

    #[test]
    fn rotations_at_once_all_leave_their_key() {
        let dir = tempfile::tempdir().unwrap();
        let (config, random) = (config(dir.path()), Random::seeded(1));
        Secrets::open(&config, &random).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| rotate(&config, &random, at(0), false).unwrap());
            }
        });
        assert_eq!(Secrets::open(&config, &random).unwrap().signing.len(), 9);
        let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "the file and its lock: {left:?}");
    }

    #[test]
    fn what_is_wrong_with_the_file_is_told_without_its_secrets() {
        let dir = tempfile::tempdir().unwrap();
        let (config, random) = (config(dir.path()), Random::seeded(1));
        let good = "x".repeat(32);
        for (text, wrong) in [
            (format!("{good}{}", " ".repeat(1 << 20)), "larger than"),
            (String::new(), "it holds no secret"),
            ("secretsecret".to_owned(), "line 1: at least 32 bytes are needed"),
            (format!("{good}\n\n{good} secretsecret"), "line 3: only until=TIME and hashes may follow"),
            (format!("{good} until=secretsecret"), "line 1: only until=TIME and hashes may follow"),
            (format!("{good} until=2026-01-01T00:00:00Z"), "the first secret is one that has been replaced"),
        ] {
            fs::write(dir.path().join("signing.key"), &text).unwrap();
            let Err(error) = Secrets::open(&config, &random) else { panic!("{text} was taken") };
            let told = format!("{error:?}");
            assert!(told.contains(wrong) && told.contains("signing.key"), "{told}");
            assert!(!told.contains("secretsecret") && !told.contains(&good), "{told}");
        }
    }

    #[test]
    fn configured_secrets_are_rotated_in_the_configuration() {
        let dir = tempfile::tempdir().unwrap();
        let (mut config, random) = (config(dir.path()), Random::seeded(1));
        config.auth.secret = "a configured secret of 32 bytes or more".into();
        config.auth.previous_secrets = vec!["the one that it was before, just as long".into()];
        let secrets = Secrets::open(&config, &random).unwrap();
        assert_eq!(secrets.signing.len(), 2);
        assert_eq!(secrets.hashing.expose_secret(), config.auth.secret.expose_secret());
        config.auth.api_key_pepper = "the very first secret of this installation".into();
        assert!(Secrets::open(&config, &random).unwrap().hashing.expose_secret().starts_with("the very first"));
        assert_eq!(rotate(&config, &random, at(0), false).err().map(|error| error.code), Some(Code::Conflict));
        assert!(fs::read_dir(dir.path()).unwrap().next().is_none(), "no file is created");
    }
}
