//! Outgoing webhooks: superusers add addresses that receive events, signed by the scheme of Standard Webhooks.
//!
//! An event is written to the outbox (a delivery for each webhook that receives it) in the transaction of what it reports.
//! One of the servers sends what is due ([`run`]). An event is delivered at least once, with the same id at each attempt,
//! in no particular order. Where no webhook is set up, nothing is written.

mod change;
mod deliver;
mod emit;
mod input;
mod list;
mod outages;
mod outcome;
mod retention;
mod secret;
mod send;
mod snapshot;

pub use self::change::{create, delete, resend, rotate_secret, update};
pub use self::deliver::{deliver_due, run};
pub use self::emit::{NewEvent, balance_changed, emit, of_user};
pub use self::input::{NewWebhook, WebhookUpdate};
pub use self::list::{DeliveryFilter, deliveries, find, find_delivery, page};
pub use self::outages::Outages;
pub use self::retention::{delete_old, old};
pub use self::secret::{reencrypt, secrets_in_use};
pub use self::send::test;
pub use self::snapshot::refresh;
