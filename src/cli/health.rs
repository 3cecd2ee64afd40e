//! `jeton health`: the readiness check of a running server, for containers, service managers and scripts without an
//! HTTP client of their own.

use std::time::Duration;

use super::banner::reachable;
use super::output;
use crate::core::error::{Code, Error};
use crate::infra::config::Config;

/// Timeout of the request. The server's own database check takes up to two seconds.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Arguments of `jeton health`.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// The URL of the server [default: the configured listener]
    #[arg(long)]
    url: Option<String>,
}

pub(super) async fn run(config: &Config, args: Args) -> Result<(), Error> {
    let base = args.url.unwrap_or_else(|| own(config));
    let url = format!("{}/readyz", base.trim_end_matches('/'));
    let failed = |why: String| Error::new(Code::ProviderUnavailable, format!("{url}: {why}"));
    let client = reqwest::Client::builder()
        .timeout(TIMEOUT)
        .no_proxy()
        // The certificate names the public host name, while this request connects by address.
        .danger_accept_invalid_certs(true)
        .build()
        .map_err(|error| Error::internal(error))?;
    let answer = client.get(&url).send().await.map_err(|error| {
        let error = error.without_url();
        let mut why: &dyn std::error::Error = &error;
        while let Some(cause) = why.source() {
            why = cause;
        }
        failed(why.to_string())
    })?;
    let status = answer.status();
    let text = answer.text().await.unwrap_or_default();
    if status.is_success() { output::print(&text) } else { Err(failed(format!("{status}: {}", text.trim()))) }
}

/// Returns the URL at which a local client reaches the configured listener.
fn own(config: &Config) -> String {
    let scheme = if config.http.tls_certificate.is_some() { "https" } else { "http" };
    format!("{scheme}://{}", reachable(config.http.listen))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_listens_everywhere_is_asked_on_this_machine() {
        for (listen, expected) in [
            ("0.0.0.0:8000", "http://127.0.0.1:8000"),
            ("[::]:80", "http://[::1]:80"),
            ("192.0.2.7:8000", "http://192.0.2.7:8000"),
        ] {
            let config = Config::from_toml(&format!("[http]\nlisten = \"{listen}\"")).unwrap();
            assert_eq!(own(&config), expected);
        }
    }
}
