//! The start-up banner of `serve`, on one screen: the endpoints, the models, the data directory and what to try next.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use crate::core::price::Price;
use crate::infra::catalog::{Model, Models, OmissionReason, OmittedModel};
use crate::infra::config::{Config, DEFAULT, Provider, Registration};

/// The maximum number of models of an Ollama that are named.
const MAX_FOUND: usize = 5;

/// Returns the banner of a server that listens on `address`. `ollama` are the names of the models that were found at an
/// Ollama.
pub(super) fn text(
    config: &Config,
    models: &Models,
    omitted: &[OmittedModel],
    ollama: &[String],
    address: SocketAddr,
) -> String {
    let scheme = if config.http.tls_certificate.is_some() { "https" } else { "http" };
    let base = format!("{scheme}://{}", reachable(address));
    let mut text = format!("\nJeton {} serves on {base}\n\n", env!("CARGO_PKG_VERSION"));
    if reachable(address) != address {
        line(&mut text, "listens on", &format!("{address}: all addresses of this machine"));
    }
    line(&mut text, "browser", &format!("{base}/          the chat; operators go to {base}/admin/"));
    let graphiql = if config.graphql.graphiql { "   in a browser: GraphiQL, to try it out" } else { "" };
    line(&mut text, "GraphQL", &format!("{base}/graphql{graphiql}"));
    line(&mut text, "REST", &format!("{base}/api/      described by {base}/api/openapi.json"));
    line(&mut text, "OpenAI", &format!("{base}/v1        for OpenAI's clients, with an API key of the account page"));
    line(&mut text, "health", &format!("{base}/healthz"));
    let configured = models.iter().filter(|model| !ollama.contains(&model.name));
    let (default, others): (Vec<_>, Vec<_>) = configured.partition(|model| models.is_default(model));
    for model in &default {
        line(&mut text, "model", &format!("{}, unless a message names another", describe(config, model)));
    }
    for model in &others {
        line(&mut text, if default.is_empty() { "model" } else { "" }, &describe(config, model));
    }
    if !ollama.is_empty() {
        line(&mut text, "Ollama", &found(config, ollama));
    }
    line(&mut text, "database", &config.shown_database_url());
    line(&mut text, "data", &absolute(&config.data.dir));
    for omitted in omitted {
        text.push_str(&warning(config, omitted));
    }
    text.push_str(&next(config, &base));
    text
}

fn line(text: &mut String, title: &str, value: &str) {
    // Writing into a string can't fail.
    writeln!(text, "  {title:<11} {value}").ok();
}

/// Returns the address at which a local client reaches the listener: the address itself, or loopback if it is
/// unspecified (all addresses).
pub(super) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn describe(config: &Config, model: &Model) -> String {
    let settings = config.models.get(&model.name);
    let who = match settings.map(|settings| settings.provider) {
        Some(Provider::Local) => "answers in this process",
        Some(Provider::Openai) => "answered by an OpenAI-compatible service",
        Some(Provider::Responses) => "answered by OpenAI's Responses API",
        Some(Provider::Anthropic) => "answered by Anthropic's API",
        Some(Provider::Gemini) => "answered by Google's Gemini API",
        Some(Provider::Ollama) => "answered by Ollama",
        Some(Provider::Echo) | None => "only repeats the message",
    };
    format!("{} ({who}), {}", model.name, price(model.price))
}

/// Returns the line about the models of an Ollama, of which there may be many.
fn found(config: &Config, names: &[String]) -> String {
    let shown = names.iter().take(MAX_FOUND).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(MAX_FOUND);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let price = price(Price::flat(config.ollama.price));
    format!("{shown}{more}: found here, {price} (see [ollama] in the configuration)")
}

fn price(price: Price) -> String {
    let parts: Vec<_> = [
        (price.per_message, "a message"),
        (price.input, "per million model tokens read"),
        (price.output, "per million model tokens written"),
    ]
    .iter()
    .filter(|(tokens, _)| *tokens > 0)
    .map(|(tokens, what)| format!("{tokens} tokens {what}"))
    .collect();
    if parts.is_empty() { "free".to_owned() } else { parts.join(" + ") }
}

fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}

/// Returns the warning about an omitted model. It is prominent, since the server answers all the same, but not as
/// its operator expects.
fn warning(config: &Config, omitted: &OmittedModel) -> String {
    let OmittedModel { model, reason } = omitted;
    let consequence = if *model == config.default_model {
        "The echo model answers instead: it only repeats the message."
    } else {
        "It is omitted."
    };
    let OmissionReason::FileMissing(path) = reason else {
        return format!("\n  !! Local models are not in this build: {model}\n  !! {consequence}\n");
    };
    // `make model` fetches only the model of the default configuration.
    let is_default = DEFAULT.contains(&format!("path = \"{}\"", path.display()));
    let remedy = if is_default {
        "Fetch it with `make model`, and restart.".to_owned()
    } else {
        format!("Put a GGUF file there, or fix models.{model}.path, and restart.")
    };
    format!("\n  !! The file of the model {model} is missing: {}\n  !! {consequence}\n  !! {remedy}\n", absolute(path))
}

/// Returns commands to try next, for a POSIX-like shell with `$RANDOM` (bash, zsh). They can be pasted repeatedly.
fn next(config: &Config, base: &str) -> String {
    let begin = match config.auth.registration {
        Registration::Open => format!(
            "Try it (paste this into bash):\n\n  J={base} U=guest$RANDOM P=pass-$RANDOM-$RANDOM-$RANDOM\n  \
             curl -sS $J/api/register/ -d username=$U -d password=$P -d password2=$P; echo\n"
        ),
        Registration::Closed => format!(
            "Registration is closed. Create an account (`jeton user create NAME`), put its name and password into the\n\
             first line, and try it (in bash):\n\n  J={base} U=NAME P=PASSWORD\n"
        ),
    };
    format!(
        "\n{begin}  T=$(curl -sS $J/api/token/ -d username=$U -d password=$P | sed 's/.*\"access\":\"\\([^\"]*\\)\".*/\\1/')\n  \
         Q='mutation {{ sendMessage(input: {{ message: \\\"What is the capital of France?\\\" }})'\n  \
         Q=\"$Q {{ chat {{ response cost }} balance {{ tokens }} errors {{ message }} }} }}\"\n  \
         curl -sS $J/graphql -H \"Authorization: Bearer $T\" -H 'Content-Type: application/json' \\\n    \
         -d \"{{\\\"query\\\": \\\"$Q\\\"}}\"; echo\n\n\
         Ctrl-C stops it. `jeton createsuperuser` creates the first superuser, `jeton help` lists all commands.\n\n"
    )
}

#[cfg(test)]
mod tests;
