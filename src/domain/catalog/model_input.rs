//! The input of models, and its validation.

use serde_json::{Value, json};

use super::provider_input::check_name;
use crate::core::error::{Error, FieldError};
use crate::core::ids::ProviderId;
use crate::core::price::Price;

const MAX_NAME_CHARS: usize = 100;
const MAX_TITLE_CHARS: usize = 80;
const MAX_DESCRIPTION_CHARS: usize = 300;
const MAX_UPSTREAM_CHARS: usize = 200;
/// Maximum number of routes of a model.
pub const MAX_ROUTES: usize = 16;
const MAX_WEIGHT: i64 = 1000;
/// The largest number of model tokens: beyond any model, and small enough for every product with a price.
const MAX_UNITS: u64 = 100_000_000;
const MAX_CONCURRENT: u32 = 1_000_000;
const DEFAULT_CONTEXT_WINDOW: u64 = 16_384;
const DEFAULT_MAX_OUTPUT: u64 = 1024;

/// A route of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The provider.
    pub provider_id: ProviderId,
    /// The provider's name of the model.
    pub upstream_model: String,
    /// The order: routes with a smaller number are tried first. Defaults to the place in the list.
    pub order: Option<i64>,
    /// The share of the requests among routes with the same order; defaults to 1.
    pub weight: Option<i64>,
}

/// A model to add.
#[derive(Clone, Debug)]
pub struct NewModel {
    /// The unique name, which clients choose.
    pub name: String,
    /// The other settings.
    pub settings: ModelUpdate,
    /// The price.
    pub price: Price,
}

/// A change of a model; unset fields stay.
#[derive(Clone, Debug, Default)]
pub struct ModelUpdate {
    /// The title that people see; `Some(None)` shows the name.
    pub title: Option<Option<String>>,
    /// What the model is good for; `Some(None)` removes it.
    pub description: Option<Option<String>>,
    /// The context window in model tokens.
    pub context_window: Option<u64>,
    /// The maximum output in model tokens.
    pub max_output: Option<u64>,
    /// The maximum number of concurrent messages; 0 for no limit.
    pub max_concurrent: Option<u32>,
    /// Whether it reads images.
    pub images: Option<bool>,
    /// Whether it calls tools.
    pub tools: Option<bool>,
    /// Whether it reasons before it answers.
    pub reasoning: Option<bool>,
    /// Whether it can be used.
    pub enabled: Option<bool>,
    /// The routes.
    pub routes: Option<Vec<Route>>,
}

/// Validates a new model, and returns it with its defaults.
///
/// # Errors
/// INVALID_INPUT with all field errors.
pub(super) fn validate_new(mut new: NewModel) -> Result<NewModel, Error> {
    new.name = new.name.trim().to_owned();
    let mut errors = Vec::new();
    if let Err(message) = check_name(&new.name, MAX_NAME_CHARS) {
        errors.push(FieldError { field: "name", message });
    }
    if let Err(error) = validate_price(new.price) {
        errors.extend(error.fields);
    }
    let settings = &mut new.settings;
    settings.context_window.get_or_insert(DEFAULT_CONTEXT_WINDOW);
    settings.max_output.get_or_insert(DEFAULT_MAX_OUTPUT);
    settings.max_concurrent.get_or_insert(0);
    for flag in [&mut settings.images, &mut settings.tools, &mut settings.reasoning] {
        flag.get_or_insert(false);
    }
    settings.enabled.get_or_insert(true);
    settings.routes.get_or_insert_default();
    match validate(new.settings) {
        Ok(settings) => new.settings = settings,
        Err(error) => return Err(Error::invalid(errors.into_iter().chain(error.fields).collect())),
    }
    if errors.is_empty() { Ok(new) } else { Err(Error::invalid(errors)) }
}

/// Validates a change, and returns it in its stored form.
///
/// # Errors
/// INVALID_INPUT with all field errors.
pub(super) fn validate(mut update: ModelUpdate) -> Result<ModelUpdate, Error> {
    let mut errors = Vec::new();
    let mut add = |field, message: String| errors.push(FieldError { field, message });
    for (field, text, most) in
        [("title", &mut update.title, MAX_TITLE_CHARS), ("description", &mut update.description, MAX_DESCRIPTION_CHARS)]
    {
        let Some(text) = text else { continue };
        *text = text.take().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        if let Some(Err(message)) = text.as_deref().map(|text| check_name(text, most)) {
            add(field, message);
        }
    }
    for (field, units) in [("context_window", update.context_window), ("max_output", update.max_output)] {
        if units.is_some_and(|units| !(1..=MAX_UNITS).contains(&units)) {
            add(field, format!("Between 1 and {MAX_UNITS}."));
        }
    }
    if update.max_concurrent.is_some_and(|most| most > MAX_CONCURRENT) {
        add("max_concurrent", format!("Between 0 and {MAX_CONCURRENT}."));
    }
    if let Some(routes) = &mut update.routes {
        if routes.is_empty() || routes.len() > MAX_ROUTES {
            add("routes", format!("Between 1 and {MAX_ROUTES} routes."));
        }
        for (at, route) in routes.iter_mut().enumerate() {
            route.upstream_model = route.upstream_model.trim().to_owned();
            if let Err(message) = check_name(&route.upstream_model, MAX_UPSTREAM_CHARS) {
                add("routes", format!("The provider's name of the model: {message}"));
            }
            let order = route.order.get_or_insert(i64::try_from(at).unwrap_or(i64::MAX));
            if !(0..=MAX_WEIGHT).contains(order) || !(1..=MAX_WEIGHT).contains(route.weight.get_or_insert(1)) {
                add(
                    "routes",
                    format!("The order is between 0 and {MAX_WEIGHT}, the weight between 1 and {MAX_WEIGHT}."),
                );
            }
        }
    }
    // One error for each field is enough.
    errors.dedup_by_key(|error| error.field);
    if errors.is_empty() { Ok(update) } else { Err(Error::invalid(errors)) }
}

/// Checks the provider's name of a model that is to be tested; empty for none.
///
/// # Errors
/// INVALID_INPUT in the field `upstream_model`.
pub(super) fn check_upstream_model(name: &str) -> Result<(), Error> {
    let checked = if name.is_empty() { Ok(()) } else { check_name(name, MAX_UPSTREAM_CHARS) };
    checked.map_err(|message| Error::field("upstream_model", message))
}

/// Checks that each part of a price is within its range.
///
/// # Errors
/// INVALID_INPUT in the field `price`.
pub(super) fn validate_price(price: Price) -> Result<(), Error> {
    let Price { per_message, input, cache_read, cache_write, output, reasoning, per_image } = price;
    let metered = [input, cache_read, cache_write, output, reasoning];
    if !(0..=Price::MAX_PER_MESSAGE).contains(&per_message) {
        return Err(Error::field("price", format!("A price per message is between 0 and {}.", Price::MAX_PER_MESSAGE)));
    }
    if !(0..=Price::MAX_PER_MESSAGE).contains(&per_image) {
        return Err(Error::field("price", format!("A price per image is between 0 and {}.", Price::MAX_PER_MESSAGE)));
    }
    if metered.iter().any(|part| !(0..=Price::MAX_PER_MILLION).contains(part)) {
        return Err(Error::field("price", format!("A price per million is between 0 and {}.", Price::MAX_PER_MILLION)));
    }
    Ok(())
}

/// Returns the parts of a price as JSON, for the audit trail and the command line.
pub fn price_as_json(price: Price) -> Value {
    let Price { per_message, input, cache_read, cache_write, output, reasoning, per_image } = price;
    json!({
        "per_message": per_message,
        "per_million_input": input,
        "per_million_cache_read": cache_read,
        "per_million_cache_write": cache_write,
        "per_million_output": output,
        "per_million_reasoning": reasoning,
        "per_image": per_image,
    })
}
