//! The input of providers, and its validation.

use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use crate::core::error::{Error, FieldError};
use crate::infra::ai::upstream::Timeouts;
use crate::infra::config;
use crate::infra::entity::provider::{Header, Kind};

const MAX_NAME_CHARS: usize = 100;
const MAX_URL_BYTES: usize = 500;
const MAX_KEY_BYTES: usize = 4096;
/// Maximum number of further headers.
pub const MAX_HEADERS: usize = 20;
const MAX_HEADER_BYTES: usize = 1000;
const MAX_RETRIES: u32 = 10;
const DEFAULT_RETRIES: u32 = 2;
const MAX_COOLDOWN: Duration = Duration::from_hours(24);
const DEFAULT_COOLDOWN: Duration = Duration::from_secs(30);
/// The maximum timeout of connecting. Each one has an HTTP client of its own.
const MAX_CONNECT_TIMEOUT: Duration = Duration::from_mins(1);
/// The maximum of the other timeouts.
const MAX_TIMEOUT: Duration = Duration::from_hours(1);
/// The minimum length of a key whose last characters are shown, in bytes: of a shorter one they would give away too much.
const MIN_SHOWN_KEY_BYTES: usize = 16;

/// Headers that this server sets itself, and those with credentials, which belong in the encrypted key.
const RESERVED_HEADERS: [&str; 14] = [
    "accept-encoding",
    "api-key",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "host",
    "proxy-authorization",
    "te",
    "transfer-encoding",
    "upgrade",
    "x-api-key",
    "x-goog-api-key",
];

/// A provider to connect.
#[derive(Clone, Debug)]
pub struct NewProvider {
    /// The unique name.
    pub name: String,
    /// The protocol.
    pub kind: Kind,
    /// The base URL; defaults to that of the official service, if there is one.
    pub base_url: Option<String>,
    /// The API key; `None` if none is sent.
    pub key: Option<SecretString>,
    /// Further headers of each request.
    pub headers: Vec<Header>,
    /// The maximum number of retries.
    pub max_retries: Option<u32>,
    /// The cool-down after repeated failures.
    pub circuit_cooldown: Option<Duration>,
    /// The timeouts.
    pub timeouts: Timeouts,
}

/// A change of a provider; unset fields stay.
#[derive(Clone, Debug, Default)]
pub struct ProviderUpdate {
    /// The unique name.
    pub name: Option<String>,
    /// The base URL. Another host, port or scheme requires the key again.
    pub base_url: Option<String>,
    /// The API key; `Some(None)` removes it.
    pub key: Option<Option<SecretString>>,
    /// Further headers of each request.
    pub headers: Option<Vec<Header>>,
    /// The maximum number of retries.
    pub max_retries: Option<u32>,
    /// The cool-down after repeated failures.
    pub circuit_cooldown: Option<Duration>,
    /// The timeout of connecting; `Some(None)` for the default, as for the others.
    pub connect_timeout: Option<Option<Duration>>,
    /// The timeout from a request to the first byte of its response.
    pub first_byte_timeout: Option<Option<Duration>>,
    /// The timeout between two parts of a response.
    pub idle_timeout: Option<Option<Duration>>,
}

/// Validates a new provider, and returns it with its defaults.
///
/// # Errors
/// INVALID_INPUT with all field errors.
pub(super) fn validate_new(new: NewProvider) -> Result<NewProvider, Error> {
    let default = kind_of_config(new.kind).default_base_url();
    let base_url = new.base_url.filter(|url| !url.trim().is_empty()).or_else(|| default.map(str::to_owned));
    let update = ProviderUpdate {
        name: Some(new.name),
        base_url: Some(base_url.unwrap_or_default()),
        key: Some(new.key),
        headers: Some(new.headers),
        max_retries: new.max_retries.or(Some(DEFAULT_RETRIES)),
        circuit_cooldown: new.circuit_cooldown.or(Some(DEFAULT_COOLDOWN)),
        connect_timeout: Some(new.timeouts.connect),
        first_byte_timeout: Some(new.timeouts.first_byte),
        idle_timeout: Some(new.timeouts.idle),
    };
    let ProviderUpdate { name, base_url, key, headers, max_retries, circuit_cooldown, .. } = validate(update)?;
    Ok(NewProvider {
        name: name.unwrap_or_default(),
        kind: new.kind,
        base_url,
        key: key.flatten(),
        headers: headers.unwrap_or_default(),
        max_retries,
        circuit_cooldown,
        timeouts: new.timeouts,
    })
}

/// Validates a change, and returns it in its stored form.
///
/// # Errors
/// INVALID_INPUT with all field errors.
pub(super) fn validate(mut update: ProviderUpdate) -> Result<ProviderUpdate, Error> {
    let mut errors = Vec::new();
    let mut check = |field, result: Result<(), String>| {
        errors.extend(result.err().map(|message| FieldError { field, message }));
    };
    if let Some(name) = &mut update.name {
        *name = name.trim().to_owned();
        check("name", check_name(name, MAX_NAME_CHARS));
    }
    if let Some(url) = &mut update.base_url {
        *url = url.trim().trim_end_matches('/').to_owned();
        check("base_url", check_url(url));
    }
    if let Some(Some(key)) = &mut update.key {
        *key = key.expose_secret().trim().into();
        check("key", check_key(key.expose_secret()));
    }
    if let Some(headers) = &mut update.headers {
        headers.iter_mut().for_each(|header| header.name.make_ascii_lowercase());
        check("headers", check_headers(headers));
    }
    if update.max_retries.is_some_and(|retries| retries > MAX_RETRIES) {
        check("max_retries", Err(format!("Between 0 and {MAX_RETRIES}.")));
    }
    if update.circuit_cooldown.is_some_and(|rest| rest < Duration::from_secs(1) || rest > MAX_COOLDOWN) {
        check("circuit_cooldown_seconds", Err(format!("Between 1 and {}.", MAX_COOLDOWN.as_secs())));
    }
    for (field, timeout, most) in [
        ("connect_timeout_seconds", update.connect_timeout, MAX_CONNECT_TIMEOUT),
        ("first_byte_timeout_seconds", update.first_byte_timeout, MAX_TIMEOUT),
        ("idle_timeout_seconds", update.idle_timeout, MAX_TIMEOUT),
    ] {
        if timeout.flatten().is_some_and(|timeout| timeout < Duration::from_secs(1) || timeout > most) {
            check(field, Err(format!("Between 1 and {}.", most.as_secs())));
        }
    }
    if errors.is_empty() { Ok(update) } else { Err(Error::invalid(errors)) }
}

/// Checks a name: one line of text without spaces around it.
pub(super) fn check_name(name: &str, most: usize) -> Result<(), String> {
    if name.is_empty() || name.chars().count() > most {
        return Err(format!("Between 1 and {most} characters."));
    }
    if name.contains(char::is_control) || name.trim() != name {
        return Err("Use one line of text, without spaces around it.".to_owned());
    }
    Ok(())
}

/// Checks an address. Private networks are allowed: an operator chose it, and Ollama is in one.
fn check_url(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err(
            "This kind of provider has no default address. Enter one, such as https://api.example/v1.".to_owned()
        );
    }
    if text.len() > MAX_URL_BYTES {
        return Err(format!("Use at most {MAX_URL_BYTES} characters."));
    }
    let url = Url::parse(text).map_err(|error| format!("This is not a URL: {error}."))?;
    if !["http", "https"].contains(&url.scheme()) || url.host_str().is_none_or(str::is_empty) {
        return Err("Use an address that begins with http:// or https://.".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("Put no user name and no password into the address. The key has a field of its own.".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("Put no `?` and no `#` into the address.".to_owned());
    }
    Ok(())
}

fn check_key(key: &str) -> Result<(), String> {
    if key.is_empty() || key.len() > MAX_KEY_BYTES {
        return Err(format!("Between 1 and {MAX_KEY_BYTES} characters."));
    }
    if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("A key has only letters, digits and punctuation of ASCII.".to_owned());
    }
    Ok(())
}

fn check_headers(headers: &[Header]) -> Result<(), String> {
    if headers.len() > MAX_HEADERS {
        return Err(format!("Use at most {MAX_HEADERS} headers."));
    }
    for (at, Header { name, value }) in headers.iter().enumerate() {
        if name.len() > MAX_HEADER_BYTES || value.len() > MAX_HEADER_BYTES {
            return Err(format!("Use at most {MAX_HEADER_BYTES} characters for a header."));
        }
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            return Err("The name of a header has only letters, digits and hyphens.".to_owned());
        }
        if HeaderValue::from_str(value).is_err() || value.trim().is_empty() || value.contains('\t') {
            return Err(format!("The value of the header `{name}` is one line of text."));
        }
        if RESERVED_HEADERS.contains(&name.as_str()) {
            return Err(format!("The header `{name}` is set automatically; a key belongs into the field of the key."));
        }
        if headers.iter().take(at).any(|earlier| earlier.name == *name) {
            return Err(format!("The header `{name}` occurs twice."));
        }
    }
    Ok(())
}

/// Returns whether two addresses have the same scheme, host and port.
pub(super) fn is_same_origin(one: &str, other: &str) -> bool {
    let origin = |url: &str| Url::parse(url).map(|url| url.origin());
    origin(one).is_ok_and(|one| origin(other).is_ok_and(|other| one == other))
}

/// Returns the last four characters of a key, as far as they may be shown.
pub(super) fn last_four(key: &SecretString) -> Option<String> {
    let key = key.expose_secret();
    let shown = key.get(key.len().saturating_sub(4)..);
    shown.filter(|_| key.len() >= MIN_SHOWN_KEY_BYTES).map(str::to_owned)
}

fn kind_of_config(kind: Kind) -> config::Provider {
    match kind {
        Kind::Openai => config::Provider::Openai,
        Kind::Responses => config::Provider::Responses,
        Kind::Anthropic => config::Provider::Anthropic,
        Kind::Gemini => config::Provider::Gemini,
        Kind::Ollama => config::Provider::Ollama,
    }
}
