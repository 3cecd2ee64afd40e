//! Trying a provider for its operator: each step by itself, told in plain words, without the key.

use std::time::Duration;

use futures::StreamExt;
use reqwest::Url;
use serde_json::Value;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};

use super::endpoint::Upstream;
use super::params::Params;
use super::redact::Redactor;
use super::{Protocol, Remote, Settings, UpstreamConfig, client};
use crate::infra::ai::{Event, Message, Provider, Request, Role};

/// The timeout of resolving a name, and of connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The timeout of listing the models.
const LIST_TIMEOUT: Duration = Duration::from_secs(10);
/// The timeout of a reply. A model may have to be loaded first.
const REPLY_TIMEOUT: Duration = Duration::from_secs(30);
/// The output that is requested of a model: some services reject less.
const MAX_OUTPUT: u64 = 16;
/// The maximum size of a list of models, in bytes.
const MAX_LIST_BYTES: usize = 8 << 20;
/// The maximum number of models of a list.
pub const MAX_LISTED: usize = 1000;
/// The maximum length of what came back in a message, in bytes.
const MAX_EXCERPT_BYTES: usize = 300;

/// A step of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(name = "ProviderTestStepKind")]
pub enum StepKind {
    /// The name of the host is resolved (DNS).
    Name,
    /// A connection is opened (TCP).
    Connection,
    /// The certificate is checked (TLS), for https.
    Certificate,
    /// The models are listed, with the API key.
    Key,
    /// A model replies.
    Model,
}

/// The result of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestStep {
    /// The step.
    pub kind: StepKind,
    /// Whether it succeeded.
    pub succeeded: bool,
    /// What was tried, and what came back.
    pub message: String,
    /// How long it took.
    pub duration: Duration,
}

/// A model that a provider lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedModel {
    /// The provider's name of the model.
    pub name: String,
    /// The title, if the provider has one.
    pub title: Option<String>,
    /// The context window in model tokens, if the provider tells it.
    pub context_window: Option<u64>,
    /// The maximum output in model tokens, if the provider tells it.
    pub max_output: Option<u64>,
}

struct Steps(Vec<TestStep>);

impl Steps {
    /// Adds the result of a step; returns whether it succeeded.
    fn add(&mut self, kind: StepKind, begun: Instant, result: Result<String, String>) -> bool {
        let succeeded = result.is_ok();
        let message = result.unwrap_or_else(|message| message);
        self.0.push(TestStep { kind, succeeded, message, duration: begun.elapsed() });
        succeeded
    }
}

/// Tests a provider, up to the first step that fails. The model is tested if its name is not empty.
pub async fn test(protocol: Protocol, config: UpstreamConfig) -> Vec<TestStep> {
    let mut steps = Steps(Vec::new());
    run(&mut steps, protocol, config).await;
    steps.0
}

async fn run(steps: &mut Steps, protocol: Protocol, config: UpstreamConfig) -> Option<()> {
    let begun = Instant::now();
    let url = Url::parse(&config.base_url).map_err(|error| format!("The address is not a URL: {error}."));
    let (host, port, is_https) = match &url {
        Ok(url) => {
            // Without the brackets of an IPv6 address.
            let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
            (host, url.port_or_known_default().unwrap_or_default(), url.scheme() == "https")
        }
        Err(wrong) => {
            steps.add(StepKind::Name, begun, Err(wrong.clone()));
            return None;
        }
    };
    let found = match timeout(CONNECT_TIMEOUT, lookup_host((host.as_str(), port))).await {
        Ok(Ok(found)) => Ok(found.collect::<Vec<_>>()),
        Ok(Err(error)) => Err(format!("The name {host} was not found: {error}.")),
        Err(_) => Err(format!("The name {host} was not resolved within {} s.", CONNECT_TIMEOUT.as_secs())),
    };
    let told = found.as_ref().map_err(Clone::clone).and_then(|found| match found.first() {
        Some(first) => Ok(format!("{host} is {}.", first.ip())),
        None => Err(format!("The name {host} has no address.")),
    });
    steps.add(StepKind::Name, begun, told).then_some(())?;
    let begun = Instant::now();
    let connected = timeout(CONNECT_TIMEOUT, TcpStream::connect(found.unwrap_or_default().as_slice())).await;
    let told = match connected {
        Ok(Ok(_)) => Ok(format!("Connected to port {port}.")),
        Ok(Err(error)) => Err(format!("No connection to port {port}: {error}.")),
        Err(_) => Err(format!("No connection to port {port} within {} s.", CONNECT_TIMEOUT.as_secs())),
    };
    steps.add(StepKind::Connection, begun, told).then_some(())?;
    let begun = Instant::now();
    let listed = fetch_list(&protocol, &config).await;
    if is_https {
        let told = match &listed {
            Err(ListFailure::Connection(wrong)) => Err(format!("No secure connection: {wrong}.")),
            _ => Ok("The certificate is valid.".to_owned()),
        };
        steps.add(StepKind::Certificate, begun, told).then_some(())?;
    }
    let told = listed.map(|models| match models.len() {
        1 => "It lists 1 model.".to_owned(),
        count => format!("It lists {count} models."),
    });
    steps.add(StepKind::Key, begun, told.map_err(ListFailure::message)).then_some(())?;
    if !config.upstream_model.is_empty() {
        let begun = Instant::now();
        let told = reply(protocol, config).await;
        steps.add(StepKind::Model, begun, told);
    }
    Some(())
}

/// Lists the models of a provider.
///
/// # Errors
/// Why it lists none, in plain words.
pub async fn list(protocol: &Protocol, config: &UpstreamConfig) -> Result<Vec<ListedModel>, String> {
    fetch_list(protocol, config).await.map_err(ListFailure::message)
}

enum ListFailure {
    /// No connection.
    Connection(String),
    /// What came back.
    Response(String),
}

impl ListFailure {
    fn message(self) -> String {
        match self {
            Self::Connection(message) => format!("The request failed: {message}."),
            Self::Response(message) => message,
        }
    }
}

async fn fetch_list(protocol: &Protocol, config: &UpstreamConfig) -> Result<Vec<ListedModel>, ListFailure> {
    use ListFailure::{Connection, Response};
    let failed = |error: crate::core::error::Error| Response(format!("The settings are not usable: {error:?}"));
    let client = client(config.timeouts).map_err(failed)?;
    let late = || Response(format!("There was no answer within {} s.", LIST_TIMEOUT.as_secs()));
    let upstream = Upstream::new(protocol.wire(), config.clone(), client).map_err(failed)?;
    let redactor = Redactor::new(upstream.key.as_ref());
    let answer = timeout(LIST_TIMEOUT, send(protocol, config, &upstream)).await.map_err(|_| late())?;
    let (status, body) = answer.map_err(|error| Connection(redactor.text(&error)))?;
    let text = redactor.text(&String::from_utf8_lossy(&body));
    let excerpt = text.get(..text.floor_char_boundary(MAX_EXCERPT_BYTES)).unwrap_or_default().trim().to_owned();
    let is_key = text.contains("API_KEY_INVALID");
    match status {
        200..300 => {}
        401 | 403 => return Err(Response(format!("The provider rejects the API key ({status}): {excerpt}"))),
        400 if is_key => return Err(Response(format!("The provider rejects the API key ({status}): {excerpt}"))),
        404 => {
            return Err(Response(format!(
                "There is no list of models at this address ({status}): check the base URL."
            )));
        }
        300..400 => return Err(Response(format!("The address redirects elsewhere ({status}): check the base URL."))),
        _ => return Err(Response(format!("The provider responded {status}: {excerpt}"))),
    }
    let json: Value = serde_json::from_str(&text).unwrap_or_default();
    models(&json).ok_or_else(|| Response(format!("The answer is no list of models: {excerpt}")))
}

/// Requests the list. Returns its status and its body.
async fn send(protocol: &Protocol, config: &UpstreamConfig, upstream: &Upstream) -> Result<(u16, Vec<u8>), String> {
    let path = match protocol {
        Protocol::ChatCompletions(_) | Protocol::Responses(_) => "models",
        Protocol::Anthropic(_) => "models?limit=1000",
        Protocol::Gemini(_) => "models?pageSize=1000",
        Protocol::Ollama(_) => "api/tags",
    };
    let url = format!("{}/{path}", config.base_url.trim_end_matches('/'));
    let sent = upstream.client.get(url).headers(upstream.headers.clone()).send().await;
    let mut response = sent.map_err(|error| causes(&error.without_url()))?;
    let (status, mut body) = (response.status().as_u16(), Vec::new());
    while let Some(chunk) = response.chunk().await.map_err(|error| causes(&error.without_url()))? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_LIST_BYTES {
            return Err(format!("the answer is longer than {MAX_LIST_BYTES} bytes"));
        }
    }
    Ok((status, body))
}

/// Returns an error with its causes, of which the last one tells most.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// Reads a list of models, whatever the protocol; `None` if it is no list.
fn models(json: &Value) -> Option<Vec<ListedModel>> {
    let list = json.get("data").or_else(|| json.get("models")).unwrap_or(json).as_array()?;
    let text = |model: &Value, keys: &[&str]| {
        let value = keys.iter().find_map(|key| model.get(*key)?.as_str());
        value.map(str::to_owned).filter(|text| !text.is_empty() && !text.contains(char::is_control))
    };
    let units = |model: &Value, keys: &[&str]| keys.iter().find_map(|key| model.get(*key)?.as_u64());
    let model = |model: &Value| {
        let name = text(model, &["id", "name"])?;
        Some(ListedModel {
            name: name.strip_prefix("models/").map_or(name.clone(), str::to_owned),
            title: text(model, &["display_name", "displayName"]),
            context_window: units(model, &["context_length", "inputTokenLimit", "max_model_len", "max_input_tokens"]),
            max_output: units(model, &["outputTokenLimit", "max_tokens"]),
        })
    };
    Some(list.iter().filter_map(model).take(MAX_LISTED).collect())
}

/// Has a model generate a few model tokens.
async fn reply(protocol: Protocol, config: UpstreamConfig) -> Result<String, String> {
    let model = config.upstream_model.clone();
    let settings = Settings {
        protocol,
        upstreams: vec![config],
        max_retries: 0,
        context_window: 4096,
        units_per_image: 0,
        max_tokens_param: None,
        circuit_cooldown: REPLY_TIMEOUT,
        params: Params::new(&[], &[], &std::collections::BTreeMap::new(), &[], &[]),
    };
    let provider = Remote::new(settings).map_err(|error| format!("The settings are not usable: {error:?}"))?;
    let message = Message::new(Role::User, "Say OK.");
    let request = Request { messages: [message].into(), max_output: MAX_OUTPUT, ..Request::default() };
    let mut events = provider.reply(request);
    let replied = async {
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Accepted | Event::KeepAlive | Event::Usage(_)) => {}
                Ok(_) => return Ok(format!("{model} replies.")),
                // The cause is redacted where it arises.
                Err(error) => {
                    let cause = error.source.as_ref().map(ToString::to_string).unwrap_or_default();
                    return Err(format!("{model} does not reply: {} {cause}", error.message).trim_end().to_owned());
                }
            }
        }
        Err(format!("{model} does not reply."))
    };
    let late = || Err(format!("{model} did not reply within {} s.", REPLY_TIMEOUT.as_secs()));
    timeout(REPLY_TIMEOUT, replied).await.unwrap_or_else(|_| late())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_all_protocols_are_read() {
        let read = |text: &str| models(&serde_json::from_str(text).unwrap());
        let model = |name: &str, title: Option<&str>, context_window, max_output| ListedModel {
            name: name.to_owned(),
            title: title.map(str::to_owned),
            context_window,
            max_output,
        };
        for (list, expected) in [
            (r#"{"object":"list","data":[{"id":"gpt","object":"model"}]}"#, model("gpt", None, None, None)),
            (
                r#"{"data":[{"type":"model","id":"opus","display_name":"Opus"}]}"#,
                model("opus", Some("Opus"), None, None),
            ),
            (
                r#"{"models":[{"name":"models/flash","displayName":"Flash","inputTokenLimit":9,"outputTokenLimit":5}]}"#,
                model("flash", Some("Flash"), Some(9), Some(5)),
            ),
            (r#"{"models":[{"name":"qwen3:0.6b","size":1}]}"#, model("qwen3:0.6b", None, None, None)),
        ] {
            assert_eq!(read(list), Some(vec![expected]), "{list}");
        }
        assert_eq!(read("{}"), None);
        assert_eq!(read(r#"{"data":[{}, {"id":""}, {"id":7}]}"#), Some(Vec::new()));
    }
}
