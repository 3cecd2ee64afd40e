//! The models that an Ollama on this machine, or on a named host, has: asked once, at the start of the server.
//!
//! It must not delay the start noticeably, and never fails it: an Ollama that does not answer in a moment has no models.

use std::time::Duration;

use futures::{StreamExt, stream};
use reqwest::{Client, RequestBuilder, redirect};
use serde_json::{Value, json};

const CONNECT_TIMEOUT: Duration = Duration::from_millis(300);
/// The timeout of all requests together.
const TIMEOUT: Duration = Duration::from_secs(1);
/// The maximum number of models, and of those asked about at the same time.
const MAX_MODELS: usize = 100;
const MAX_CONCURRENT: usize = 8;
/// The maximum size of a response, in bytes: licenses and templates are in it.
const MAX_RESPONSE_BYTES: usize = 4 << 20;
/// The port of an address without one.
const PORT: u16 = 11434;

/// A model of an Ollama.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OllamaModel {
    /// Its name there.
    pub name: String,
    /// The most model tokens that it reads and writes together; `None` if Ollama does not say.
    pub context_length: Option<u64>,
}

/// Returns the base URL for an address as `OLLAMA_HOST` has it: with or without a scheme and a port. The address on which
/// Ollama listens on all interfaces stands for this machine.
pub fn base_url(host: &str) -> String {
    let host = host.trim().trim_end_matches('/');
    let (scheme, place) = host.split_once("://").unwrap_or(("http", host));
    let (name, port) = match place.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            (name, Some(port.to_owned()))
        }
        _ => (place, None),
    };
    let name = if matches!(name, "" | "0.0.0.0" | "[::]") { "127.0.0.1" } else { name };
    let port = match port {
        Some(port) => format!(":{port}"),
        // A scheme has a port of its own, and perhaps a path follows.
        None if host.contains("://") => String::new(),
        None => format!(":{PORT}"),
    };
    format!("{scheme}://{name}{port}")
}

/// Returns the models that can chat; none if there is no Ollama, or if it does not answer in a moment.
pub async fn list(base_url: &str) -> Vec<OllamaModel> {
    let client = Client::builder().connect_timeout(CONNECT_TIMEOUT).redirect(redirect::Policy::none()).build();
    let Ok(client) = client else { return Vec::new() };
    tokio::time::timeout(TIMEOUT, list_all(&client, base_url)).await.ok().flatten().unwrap_or_default()
}

async fn list_all(client: &Client, base_url: &str) -> Option<Vec<OllamaModel>> {
    let tags = read(client.get(format!("{base_url}/api/tags"))).await?;
    let models = tags.get("models")?.as_array()?;
    let names = models.iter().filter_map(|model| model.get("name")?.as_str());
    let names: Vec<_> = names.filter(|name| is_printable(name)).take(MAX_MODELS).map(str::to_owned).collect();
    let shown = stream::iter(names).map(|name| async move {
        let shown = read(client.post(format!("{base_url}/api/show")).json(&json!({ "model": name }))).await;
        describe(name, &shown.unwrap_or_default())
    });
    Some(shown.buffered(MAX_CONCURRENT).filter_map(std::future::ready).collect().await)
}

/// Returns a model as `/api/show` describes it; `None` if it can't chat.
fn describe(name: String, shown: &Value) -> Option<OllamaModel> {
    let capabilities = shown.get("capabilities").and_then(Value::as_array);
    if capabilities.is_some_and(|list| !list.iter().any(|capability| capability == "completion")) {
        return None;
    }
    // The name of the count begins with that of the architecture.
    let info = shown.get("model_info").and_then(Value::as_object);
    let count = info.and_then(|info| info.iter().find(|(key, _)| key.ends_with(".context_length")));
    let context_length = count.and_then(|(_, count)| count.as_u64()).filter(|count| *count > 0);
    Some(OllamaModel { name, context_length })
}

fn is_printable(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic())
}

async fn read(request: RequestBuilder) -> Option<Value> {
    let mut response = request.send().await.ok().filter(|response| response.status().is_success())?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_RESPONSE_BYTES {
            return None;
        }
    }
    serde_json::from_slice(&body).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_ollama() {
        for (host, url) in [
            ("", "http://127.0.0.1:11434"),
            ("0.0.0.0", "http://127.0.0.1:11434"),
            ("0.0.0.0:8080", "http://127.0.0.1:8080"),
            (":8080", "http://127.0.0.1:8080"),
            ("[::]:11434", "http://127.0.0.1:11434"),
            ("gpu.example", "http://gpu.example:11434"),
            ("gpu.example:80", "http://gpu.example:80"),
            ("https://gpu.example/", "https://gpu.example"),
            ("https://gpu.example/ollama", "https://gpu.example/ollama"),
            ("http://127.0.0.1:9999", "http://127.0.0.1:9999"),
        ] {
            assert_eq!(base_url(host), url, "{host}");
        }
    }

    #[test]
    fn models_without_chat_are_left_out() {
        let show = |text: &str| describe("m".to_owned(), &serde_json::from_str(text).unwrap());
        let model = |context_length| Some(OllamaModel { name: "m".to_owned(), context_length });
        let chat = r#"{"model_info":{"general.architecture":"qwen3","qwen3.context_length":40960},"capabilities":["completion","thinking"]}"#;
        assert_eq!(show(chat), model(Some(40960)));
        assert_eq!(show("{}"), model(None));
        assert_eq!(show(r#"{"capabilities":["embedding"]}"#), None);
    }

    #[tokio::test]
    async fn nothing_that_answers_is_no_error_and_no_wait() {
        rustls::crypto::ring::default_provider().install_default().ok();
        assert_eq!(list("http://127.0.0.1:9").await, []);
        // It accepts, and never answers.
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        let began = std::time::Instant::now();
        assert_eq!(list(&url).await, []);
        assert!(began.elapsed() < TIMEOUT * 2);
    }
}
