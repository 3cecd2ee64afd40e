//! An upstream: its address, and the meaning of its error responses.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use reqwest::header::{CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};
use ring::digest::{SHA256, digest};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::breaker::Breaker;
use super::failure::unavailable;
use super::history::History;
use super::protocol::Wire;
use super::redact::Redactor;
use super::timeouts::Timeouts;
use super::{MAX_EXCERPT_BYTES, UpstreamConfig};
use crate::core::error::{Code, Error};
use crate::core::ids::ProviderId;

/// The maximum size of an upstream's error response that is passed on to the client, in bytes.
const MAX_REJECTION_BYTES: usize = 64 << 10;

/// Anthropic's status code of an overload.
const OVERLOADED: u16 = 529;

/// The message if an upstream rejected the request.
const REJECTED: &str = "The language model rejected the message.";

/// The message if an upstream does not accept the account.
const MISCONFIGURED: &str = "The language model is not set up correctly.";

/// An upstream.
pub(super) struct Upstream {
    pub(super) url: String,
    /// The headers of the protocol, with the API key.
    pub(super) headers: HeaderMap,
    /// The API key, to be redacted in responses and the log.
    pub(super) key: Option<SecretString>,
    pub(super) model: String,
    /// The origin of its reasoning blocks: those of another account, or model, can't be read.
    pub(super) origin: String,
    pub(super) provider_id: Option<ProviderId>,
    /// The host and, unless it is that of the scheme, the port: for operators.
    pub(super) host: String,
    pub(super) breaker: Breaker,
    pub(super) history: Arc<History>,
    pub(super) position: i64,
    pub(super) weight: i64,
    pub(super) timeouts: Timeouts,
    /// Has the timeout of connecting.
    pub(super) client: Client,
}

impl Upstream {
    pub(super) fn new(wire: &dyn Wire, address: UpstreamConfig, client: Client) -> Result<Self, Error> {
        let UpstreamConfig {
            base_url,
            api_key,
            upstream_model,
            headers: further,
            position,
            weight,
            timeouts,
            provider_id,
        } = address;
        let url = format!("{}/{}", base_url.trim_end_matches('/'), wire.path(&upstream_model));
        let parsed = reqwest::Url::parse(&url).map_err(|error| Error::internal(format!("base_url: {error}")))?;
        let key = api_key.map(|key| SecretString::from(key.expose_secret().trim()));
        let mut headers: HeaderMap = wire
            .headers()
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        for (name, value) in &further {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| Error::internal(error))?;
            headers.insert(name, HeaderValue::from_str(value).map_err(|error| Error::internal(error))?);
        }
        if let Some(key) = &key {
            let (name, value) = wire.credential(key.expose_secret());
            let mut value = HeaderValue::from_str(&value)
                .map_err(|_| Error::internal("the API key has characters that are invalid in a header"))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let account = key.as_ref().map(account).unwrap_or_default();
        let host = parsed.host_str().unwrap_or_default();
        let origin = format!("{host}{} {upstream_model} {account}", parsed.path());
        let shown = parsed.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        Ok(Self {
            url,
            headers,
            key,
            model: upstream_model,
            origin,
            provider_id,
            host: shown,
            breaker: Breaker::default(),
            history: Arc::default(),
            position,
            weight,
            timeouts,
            client,
        })
    }

    /// Classifies an error response: a wrong key, address or model name is a fault of the configuration, which users
    /// can't fix.
    ///
    /// A passed-on call may be invalid because of its API client, and only the upstream knows the reason.
    pub(super) async fn classify(&self, response: Response, passed_on: bool) -> (Error, Option<(u16, Bytes)>) {
        let status = response.status();
        let mut bytes = Vec::new();
        let mut stream = response.bytes_stream();
        while let Some(Ok(chunk)) = stream.next().await {
            bytes.extend_from_slice(&chunk);
            if bytes.len() >= MAX_REJECTION_BYTES {
                bytes.truncate(MAX_REJECTION_BYTES);
                break;
            }
        }
        let text = Redactor::new(self.key.as_ref()).text(&String::from_utf8_lossy(&bytes));
        if passed_on && is_rejection(status) {
            // It may repeat the user's content, which is for the client only.
            let error =
                Error::new(Code::InvalidInput, REJECTED).with_source(format!("the upstream responded {status}"));
            return (error, Some((status.as_u16(), text.into())));
        }
        let excerpt = text.get(..text.floor_char_boundary(MAX_EXCERPT_BYTES)).unwrap_or_default();
        let cause = format!("the upstream responded {status}: {excerpt}");
        let error = match status.as_u16() {
            401 | 403 | 404 => Error::new(Code::Internal, MISCONFIGURED).with_source(cause),
            400 if is_of_account(&text) => Error::new(Code::Internal, MISCONFIGURED).with_source(cause),
            _ if is_rejection(status) => Error::new(Code::ProviderUnavailable, REJECTED).with_source(cause),
            // The upstream account has no quota: a retry would fail too.
            429 if text.contains("insufficient_quota") => Error::new(Code::Internal, MISCONFIGURED).with_source(cause),
            429 => Error::new(Code::ProviderUnavailable, "The language model is busy. Try again in a moment.")
                .with_source(cause),
            _ => unavailable(cause),
        };
        (error, None)
    }
}

/// Returns a short name of the account of a key, which says nothing about the key.
fn account(key: &SecretString) -> String {
    let digest = digest(&SHA256, key.expose_secret().as_bytes());
    digest.as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// Returns whether an error with the status of a rejected request is one of the account: a wrong key at Gemini, no credit
/// at Anthropic. Only members that no user can write count.
fn is_of_account(body: &str) -> bool {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    // Gemini's may be in a list.
    let body = body.get(0).unwrap_or(&body);
    let reasons = body.pointer("/error/details").and_then(Value::as_array).into_iter().flatten();
    let mut reasons = reasons.filter_map(|detail| detail.get("reason")?.as_str());
    let message = body.pointer("/error/message").and_then(Value::as_str).unwrap_or_default();
    reasons.any(|reason| reason == "API_KEY_INVALID") || message.starts_with("Your credit balance is too low")
}

/// Returns whether a status code rejects the request: the next upstream would reject it too.
pub(super) fn is_rejection(status: StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 413 | 422)
}

/// Returns whether a request that failed with this status code may succeed a moment later.
pub(super) fn is_worth_another_try(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || matches!(status.as_u16(), 500 | 502 | 503 | 504 | OVERLOADED)
}

/// Returns the content encoding of a response, unless it is `identity`.
pub(super) fn encoding(response: &Response) -> Option<&str> {
    let encoding = response.headers().get(CONTENT_ENCODING)?.to_str().unwrap_or("?").trim();
    (!encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity")).then_some(encoding)
}

/// Rounds a delay up to whole seconds, at least one, for `Retry-After`.
pub(super) fn seconds(wait: Duration) -> u64 {
    wait.as_secs_f64().ceil().max(1.0) as u64
}

pub(super) fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}
