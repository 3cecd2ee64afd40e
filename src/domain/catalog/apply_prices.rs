//! Applying proposed prices: all of a chosen set, or none.

use std::collections::{HashMap, HashSet};

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::change::{announce, begin};
use super::model;
use super::model_input::validate_price;
use super::price::store;
use super::price_difference::{PartChange, part_changes};
use crate::app::App;
use crate::core::error::{Code, Error, FieldError};
use crate::core::price::Price;
use crate::core::viewer::Actor;
use crate::infra::entity::{self, price};

/// Maximum number of prices that are applied at once.
pub const MAX_APPLIED: usize = 500;
/// Maximum number of names in an error message.
const MAX_NAMED: usize = 10;

/// A price to apply.
#[derive(Clone, Debug)]
pub struct NewPrice {
    /// The name of the model.
    pub model: String,
    /// The number of the version that the price was compared with.
    pub version: i64,
    /// The price.
    pub price: Price,
}

/// Sets the prices of models of the database in one transaction, each as a new version. A price that a model has already
/// is no new version. Returns the versions that are in force, in the order of `prices`.
///
/// # Errors
/// FORBIDDEN unless by a superuser; INVALID_INPUT with all field errors: for unknown models, those of the configuration
/// file, prices out of range, and changes that are [held back](PartChange::needs_confirmation) and not in `confirmed`;
/// CONFLICT if the price of a model was changed since the comparison. The messages name the models.
pub async fn apply_prices(
    app: &App,
    actor: Actor,
    prices: Vec<NewPrice>,
    confirmed: Vec<String>,
) -> Result<Vec<price::Model>, Error> {
    actor.require_superuser()?;
    validate(app, &prices, &confirmed)?;
    let input = (actor, prices, confirmed, app.clock.now());
    let versions = app.db.write(input, |txn, (actor, prices, confirmed, at)| {
        Box::pin(async move {
            begin(txn, actor).await?;
            let names = prices.iter().map(|new| new.model.as_str());
            let rows = entity::model::Entity::find().filter(entity::model::Column::Name.is_in(names)).all(txn).await?;
            let ids = rows.iter().map(|row| row.price_id);
            let versions = price::Entity::find().filter(price::Column::Id.is_in(ids)).all(txn).await?;
            let versions: HashMap<_, _> = versions.into_iter().map(|version| (version.id, version)).collect();
            let rows: HashMap<_, _> = rows.into_iter().map(|row| (row.name.clone(), row)).collect();
            let mut pairs = Vec::with_capacity(prices.len());
            let mut unknown = Vec::new();
            for new in prices {
                let row = rows.get(&new.model);
                match row.and_then(|row| Some((new, row, versions.get(&row.price_id)?))) {
                    Some(pair) => pairs.push(pair),
                    None => unknown.push(new.model.as_str()),
                }
            }
            if !unknown.is_empty() {
                return Err(Error::field("changes", format!("There is no model {}.", named(&unknown))));
            }
            check(&pairs, confirmed)?;
            let mut applied = Vec::with_capacity(pairs.len());
            for (new, row, before) in pairs {
                applied.push(store(txn, actor, row, before, new.price, *at).await?);
            }
            Ok(applied)
        })
    });
    let versions = versions.await?;
    announce(app).await?;
    Ok(versions)
}

/// Checks what is known without the database.
fn validate(app: &App, prices: &[NewPrice], confirmed: &[String]) -> Result<(), Error> {
    let mut errors = Vec::new();
    let mut add = |field, message: String| errors.push(FieldError { field, message });
    if prices.is_empty() || prices.len() > MAX_APPLIED {
        return Err(Error::field("changes", format!("Between 1 and {MAX_APPLIED} prices.")));
    }
    let mut names = HashSet::new();
    let repeated: Vec<_> = prices.iter().map(|new| new.model.as_str()).filter(|name| !names.insert(*name)).collect();
    if !repeated.is_empty() {
        add("changes", format!("There is more than one price of {}.", named(&repeated)));
    }
    for file in ["jeton.toml", "Ollama"] {
        let of_file = prices.iter().map(|new| new.model.as_str());
        let of_file: Vec<_> = of_file.filter(|name| model::owner(app, name) == Some(file)).collect();
        if !of_file.is_empty() {
            add("changes", format!("From {file}, and can't be changed here: {}.", named(&of_file)));
        }
    }
    for new in prices {
        if let Err(error) = validate_price(new.price) {
            add("changes", format!("{}: {}", shortened(&new.model), error.message));
            break;
        }
    }
    let foreign: Vec<_> = confirmed.iter().map(String::as_str).filter(|name| !names.contains(*name)).collect();
    if !foreign.is_empty() {
        add("confirmed", format!("There is no price to apply of {}.", named(&foreign)));
    }
    if errors.is_empty() { Ok(()) } else { Err(Error::invalid(errors)) }
}

type Pair<'a> = (&'a NewPrice, &'a entity::model::Model, &'a price::Model);

/// Checks that the prices are those that the proposal compared with, and that each large change is confirmed.
fn check(pairs: &[Pair<'_>], confirmed: &[String]) -> Result<(), Error> {
    let names = |matches: &dyn Fn(&Pair<'_>) -> bool| {
        pairs.iter().filter(|pair| matches(pair)).map(|(new, ..)| new.model.as_str()).collect::<Vec<_>>()
    };
    let stale = names(&|(new, _, before)| new.version != before.version);
    if !stale.is_empty() {
        let message = format!("The price was changed since the comparison, of {}. Compare again.", named(&stale));
        return Err(Error::new(Code::Conflict, message));
    }
    let held_back = names(&|(new, _, before)| {
        let changes = part_changes(before.price(), new.price);
        changes.iter().any(PartChange::needs_confirmation) && !confirmed.contains(&new.model)
    });
    if held_back.is_empty() {
        return Ok(());
    }
    let message = "A change by more than a factor of ten, or to or from zero, has to be confirmed by the model's name:";
    Err(Error::field("confirmed", format!("{message} {}.", named(&held_back))))
}

/// Returns the first names of a list, and the number of the others.
fn named(names: &[&str]) -> String {
    let first: Vec<_> = names.iter().take(MAX_NAMED).map(|name| shortened(name)).collect();
    match names.len().saturating_sub(MAX_NAMED) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

fn shortened(name: &str) -> &str {
    name.get(..name.floor_char_boundary(400)).unwrap_or(name)
}
