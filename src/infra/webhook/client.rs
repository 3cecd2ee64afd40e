//! The HTTP client of webhooks. It follows no redirect, uses no proxy, connects to public addresses only, and does not
//! read bodies of responses.

use std::error::Error as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use reqwest::{Response, StatusCode, Url, redirect};

use super::address::{PublicResolver, check_literal};
use crate::infra::config;

/// The maximum length of a stored error, in characters.
const MAX_ERROR_CHARS: usize = 300;
/// The maximum number of causes of an error that are shown.
const MAX_CAUSES: usize = 6;
/// How this server names itself.
const AGENT: &str = concat!("jeton/", env!("CARGO_PKG_VERSION"));

/// The client. It is built when it first sends: most servers have no webhook.
pub struct Client {
    built: OnceLock<reqwest::Client>,
    timeout: Duration,
    allow_private: bool,
}

/// A signed message.
pub struct Message<'a> {
    /// The address.
    pub url: &'a str,
    /// The id of the event.
    pub id: &'a str,
    /// The time of the attempt, in seconds since the Unix epoch.
    pub timestamp: i64,
    /// The signatures, separated by spaces.
    pub signatures: String,
    /// The body.
    pub body: String,
}

/// The result of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The status code; `None` without a response.
    pub status: Option<u16>,
    /// Why it failed; `None` if it succeeded.
    pub error: Option<String>,
    /// How long the receiver asks to wait before the next attempt.
    pub retry_after: Option<Duration>,
}

impl Client {
    /// Creates the client.
    pub fn new(config: &config::Webhooks) -> Self {
        Self { built: OnceLock::new(), timeout: config.timeout, allow_private: config.allow_private_networks }
    }

    fn client(&self) -> Result<&reqwest::Client, reqwest::Error> {
        if let Some(built) = self.built.get() {
            return Ok(built);
        }
        let client = reqwest::Client::builder()
            .timeout(self.timeout)
            .redirect(redirect::Policy::none())
            // A proxy would connect to addresses that were not checked.
            .no_proxy()
            .dns_resolver(Arc::new(PublicResolver { allow_private: self.allow_private }))
            // Bodies are not read, so that a connection can't be used twice.
            .pool_max_idle_per_host(0);
        let client = client.build()?;
        Ok(self.built.get_or_init(|| client))
    }

    /// Checks an address as far as it can be checked without resolving its name.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn check(&self, text: &str) -> Result<(), String> {
        let url = Url::parse(text).map_err(|error| format!("This is not a URL: {error}."))?;
        if !["http", "https"].contains(&url.scheme()) || url.host_str().is_none_or(str::is_empty) {
            return Err("Use an address that begins with https:// or http://.".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("Put no user name and no password into the address.".to_owned());
        }
        if url.fragment().is_some() {
            return Err("Put no `#` into the address.".to_owned());
        }
        check_literal(&url, self.allow_private).map_err(|_| {
            "This address is in a private network. The setting webhooks.allow_private_networks allows it.".to_owned()
        })
    }

    /// Sends a message once. A response of success is one with a status code from 200 to 299.
    pub async fn send(&self, message: Message<'_>) -> Attempt {
        if let Err(why) = self.check(message.url) {
            return Attempt { status: None, error: Some(bounded(&why)), retry_after: None };
        }
        let client = match self.client() {
            Ok(client) => client,
            Err(error) => return Attempt { status: None, error: Some(bounded(&cause(error))), retry_after: None },
        };
        let request = client
            .post(message.url)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, AGENT)
            .header("webhook-id", message.id)
            .header("webhook-timestamp", message.timestamp)
            .header("webhook-signature", message.signatures)
            .body(message.body);
        match request.send().await {
            Ok(response) => responded(&response),
            Err(error) => Attempt { status: None, error: Some(bounded(&cause(error))), retry_after: None },
        }
    }
}

fn responded(response: &Response) -> Attempt {
    let status = response.status();
    let error = if status.is_success() {
        None
    } else if status.is_redirection() {
        Some(format!("The receiver responded {status}. Redirects are not followed: enter the final address."))
    } else {
        Some(format!("The receiver responded {status}."))
    };
    let asks = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&status);
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    Attempt { status: Some(status.as_u16()), error, retry_after: retry_after.filter(|_| asks).map(Duration::from_secs) }
}

/// Returns why there is no response, without the address: it may hold a credential of the receiver.
fn cause(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "The receiver did not respond in time.".to_owned();
    }
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = error.source();
    for _ in 0..MAX_CAUSES {
        let Some(next) = source else { break };
        text.push_str(": ");
        text.push_str(&next.to_string());
        source = next.source();
    }
    text
}

fn bounded(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_ERROR_CHARS).collect()
}
