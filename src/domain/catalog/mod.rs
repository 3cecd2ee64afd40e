//! The catalog: operators connect providers, add models and set prices while the server runs.
//!
//! Superusers change it, staff read it. Each change is one transaction, which increments the epoch of the catalog; servers
//! compare it with that of their snapshot. Models of the configuration file can't be changed here, and win over those of
//! the database with the same name.

mod apply_prices;
mod breaker;
mod change;
mod default_model;
mod keys;
mod list;
mod load;
mod model;
mod model_input;
mod preview;
mod price;
mod price_difference;
mod price_list;
mod price_match;
mod probe;
mod propose;
mod provider;
mod provider_input;
mod rotation;
mod stored;
mod usable;

pub use self::apply_prices::{MAX_APPLIED, NewPrice, apply_prices};
pub use self::breaker::{BreakerSelection, reset_breakers};
pub use self::default_model::set_default_model;
pub use self::list::{Filter, entry, find_provider, page, price_changes, providers};
pub use self::load::{PendingModels, prepare, readiness_notes, refresh, run_watcher};
pub use self::model::{create_model, delete_model, update_model};
pub use self::model_input::{MAX_ROUTES, ModelUpdate, NewModel, Route, price_as_json};
pub use self::preview::{PricePreview, preview_price};
pub use self::price::set_price;
pub use self::price_difference::PartChange;
pub use self::price_list::{Format as PriceListFormat, MAX_LIST_BYTES};
pub use self::price_match::PriceMatch;
pub use self::probe::{provider_models, test_provider};
pub use self::propose::{MAX_PROPOSALS, MAX_UNMATCHED, Proposal, Proposals, Propose, propose_prices};
pub use self::provider::{create_provider, delete_provider, update_provider};
pub use self::provider_input::{MAX_HEADERS, NewProvider, ProviderUpdate};
pub use self::rotation::{reencrypt, secrets_in_use};
pub use self::stored::{StoredCatalog, StoredModel, read_stored};
pub use self::usable::{MAX_NAMES, ModelFilter, count_usable, usable};
