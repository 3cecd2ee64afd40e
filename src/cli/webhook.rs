//! `jeton webhook`: manages webhooks, and shows their deliveries.

use clap::Subcommand;
use sea_orm::{ActiveEnum, Iterable};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::output;
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::ids::WebhookDeliveryId;
use crate::core::pagination::PageRequest;
use crate::core::viewer::Actor;
use crate::domain::webhook::{self, DeliveryFilter, NewWebhook};
use crate::infra::entity::webhook::{Event, Model};
use crate::infra::entity::webhook_delivery::{self, State};

/// Number of deliveries that are shown by default.
const DELIVERIES: u64 = 20;

/// Arguments of `jeton webhook`.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the webhooks
    List,
    /// Add a webhook, and print its secret, which is never shown again
    Add {
        /// The unique name
        name: String,
        /// The address: https or http
        url: String,
        /// An event that it receives, such as `user.created`; can be repeated [default: all]
        #[arg(long = "event", value_name = "EVENT")]
        events: Vec<String>,
    },
    /// Remove a webhook and the log of its deliveries
    Remove {
        /// The name of the webhook
        name: String,
    },
    /// Send a test to a webhook; fails if the receiver does not accept it
    Test {
        /// The name of the webhook
        name: String,
    },
    /// Show the newest deliveries of a webhook
    Deliveries {
        /// The name of the webhook
        name: String,
        /// Maximum number of deliveries
        #[arg(long, default_value_t = DELIVERIES, value_parser = clap::value_parser!(u64).range(1..=1000))]
        limit: u64,
        /// Show only failed deliveries
        #[arg(long)]
        failed: bool,
    },
    /// Send a delivery again; a running server does it
    Resend {
        /// The number of the delivery, as `deliveries` shows it
        delivery: i64,
    },
}

pub(super) async fn run(app: &App, args: Args) -> Result<(), Error> {
    let actor = Actor::CommandLine;
    match args.command {
        Command::List => list(app, args.json),
        Command::Add { name, url, events } => {
            let new = NewWebhook { name, url, events: parse_events(&events)? };
            let (created, secret) = webhook::create(app, actor, new).await?;
            let secret = secret.expose_secret();
            if args.json {
                let mut shown = as_json(&created);
                if let Some(shown) = shown.as_object_mut() {
                    shown.insert("secret".to_owned(), secret.into());
                }
                return output::print_json(&shown);
            }
            output::print(&format!("added {}; its secret, shown only now: {secret}\n", output::plain(&created.name)))
        }
        Command::Remove { name } => {
            webhook::delete(app, actor, named(app, &name)?.id).await?;
            output::print(&format!("removed {}\n", output::plain(&name)))
        }
        Command::Test { name } => {
            let delivery = webhook::test(app, actor, named(app, &name)?.id).await?;
            told(&delivery, args.json)?;
            match delivery.state {
                State::Delivered => Ok(()),
                State::Pending | State::Failed => Err(Error::new(Code::Unavailable, "The test was not accepted.")),
            }
        }
        Command::Deliveries { name, limit, failed } => {
            let filter = DeliveryFilter { state: failed.then_some(State::Failed) };
            let page = PageRequest::newest(limit, None);
            let rows = webhook::deliveries(app, actor, named(app, &name)?.id, filter, page).await?.rows;
            deliveries(&rows, args.json)
        }
        Command::Resend { delivery } => {
            let resent = webhook::resend(app, actor, WebhookDeliveryId(delivery)).await?;
            told(&resent, args.json)
        }
    }
}

fn parse_events(names: &[String]) -> Result<Vec<Event>, Error> {
    if names.is_empty() {
        return Ok(subscribable().collect());
    }
    let parse = |name: &String| {
        let all = || subscribable().map(Event::name).collect::<Vec<_>>().join(", ");
        Event::named(name)
            .ok_or_else(|| Error::field("events", format!("There is no event {name}; there are {}.", all())))
    };
    names.iter().map(parse).collect()
}

fn subscribable() -> impl Iterator<Item = Event> {
    Event::iter().filter(|event| *event != Event::WebhookTest)
}

fn named(app: &App, name: &str) -> Result<Model, Error> {
    let found = app.webhooks.all().iter().find(|one| one.row.name == name).map(|one| one.row.clone());
    found.ok_or_else(|| Error::not_found("webhook"))
}

fn list(app: &App, json: bool) -> Result<(), Error> {
    let known = app.webhooks.all();
    if json {
        return output::print_json(&known.iter().map(|one| as_json(&one.row)).collect());
    }
    let row = |row: &Model| {
        let state = match (row.disabled_reason, row.failing_since) {
            (Some(reason), _) => format!("disabled ({})", reason.to_value()),
            (None, Some(since)) => format!("failing since {}", since.format("%F %T UTC")),
            (None, None) => "enabled".to_owned(),
        };
        let events: Vec<_> = row.events().into_iter().map(Event::name).collect();
        vec![row.name.clone(), row.url.clone(), state, events.join(" ")]
    };
    let rows: Vec<_> = known.iter().map(|one| row(&one.row)).collect();
    output::print(&output::table(&["name", "address", "state", "events"], &rows))
}

fn deliveries(rows: &[webhook_delivery::Model], json: bool) -> Result<(), Error> {
    if json {
        return output::print_json(&rows.iter().map(delivery_as_json).collect());
    }
    let row = |row: &webhook_delivery::Model| {
        vec![
            row.id.to_string(),
            row.created_at.format("%F %T").to_string(),
            row.event.name(),
            row.state.to_value(),
            row.attempts.to_string(),
            row.last_error.clone().unwrap_or_default(),
        ]
    };
    let rows: Vec<_> = rows.iter().map(row).collect();
    output::print(&output::table(&["number", "time (UTC)", "event", "state", "attempts", "last error"], &rows))
}

fn told(row: &webhook_delivery::Model, json: bool) -> Result<(), Error> {
    if json {
        return output::print_json(&delivery_as_json(row));
    }
    let why = row.last_error.as_ref().map(|error| format!(": {}", output::plain(error))).unwrap_or_default();
    output::print(&format!("{} {} is {}{why}\n", row.event.name(), row.event_id, row.state.to_value()))
}

fn as_json(row: &Model) -> Value {
    json!({
        "name": row.name,
        "url": row.url,
        "events": row.events().into_iter().map(Event::name).collect::<Vec<_>>(),
        "enabled": row.enabled,
        "disabled_reason": row.disabled_reason.map(|reason| reason.to_value()),
        "failing_since": row.failing_since,
        "created_at": row.created_at,
    })
}

fn delivery_as_json(row: &webhook_delivery::Model) -> Value {
    json!({
        "number": row.id,
        "event_id": row.event_id,
        "event": row.event.name(),
        "state": row.state.to_value(),
        "attempts": row.attempts,
        "next_attempt_at": (row.state == State::Pending).then_some(row.next_attempt_at),
        "last_attempt_at": row.last_attempt_at,
        "last_status": row.last_status,
        "last_error": row.last_error,
        "created_at": row.created_at,
        "finished_at": row.finished_at,
    })
}
