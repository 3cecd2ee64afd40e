//! The input of webhooks, and its validation.

use sea_orm::Iterable;

use crate::core::error::{Error, FieldError};
use crate::infra::entity::webhook::Event;
use crate::infra::webhook::Client;

/// Maximum number of webhooks.
pub(super) const MAX_WEBHOOKS: u64 = 50;
const MAX_NAME_CHARS: usize = 100;
const MAX_URL_BYTES: usize = 1000;

/// A webhook to add.
#[derive(Clone, Debug)]
pub struct NewWebhook {
    /// The unique name.
    pub name: String,
    /// The address.
    pub url: String,
    /// The events that it receives.
    pub events: Vec<Event>,
}

/// A change of a webhook; unset fields stay.
#[derive(Clone, Debug, Default)]
pub struct WebhookUpdate {
    /// The unique name.
    pub name: Option<String>,
    /// The address.
    pub url: Option<String>,
    /// The events that it receives: all of them.
    pub events: Option<Vec<Event>>,
    /// Whether events are sent to it.
    pub enabled: Option<bool>,
}

impl WebhookUpdate {
    /// Validates a change, and returns it in its stored form.
    ///
    /// # Errors
    /// INVALID_INPUT with all field errors.
    pub(super) fn validated(mut self, client: &Client) -> Result<Self, Error> {
        let mut errors = Vec::new();
        let mut check = |field, result: Result<(), String>| {
            errors.extend(result.err().map(|message| FieldError { field, message }));
        };
        if let Some(name) = &mut self.name {
            *name = name.trim().to_owned();
            check("name", check_name(name));
        }
        if let Some(url) = &mut self.url {
            *url = url.trim().to_owned();
            check("url", check_url(client, url));
        }
        if let Some(events) = &mut self.events {
            check("events", check_events(events));
            // In the order of the list, each once.
            *events = Event::iter().filter(|event| events.contains(event)).collect();
        }
        if errors.is_empty() { Ok(self) } else { Err(Error::invalid(errors)) }
    }
}

fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS {
        return Err(format!("Between 1 and {MAX_NAME_CHARS} characters."));
    }
    if name.contains(char::is_control) {
        return Err("Use one line of text.".to_owned());
    }
    Ok(())
}

fn check_url(client: &Client, url: &str) -> Result<(), String> {
    if url.len() > MAX_URL_BYTES {
        return Err(format!("Use at most {MAX_URL_BYTES} characters."));
    }
    client.check(url)
}

fn check_events(events: &[Event]) -> Result<(), String> {
    if events.is_empty() {
        return Err("Choose at least one event.".to_owned());
    }
    if events.contains(&Event::WebhookTest) {
        return Err("Every webhook receives tests; choose other events.".to_owned());
    }
    Ok(())
}

/// Returns events as they are stored.
pub(super) fn as_json(events: &[Event]) -> String {
    serde_json::Value::from_iter(events.iter().map(|event| event.name())).to_string()
}
