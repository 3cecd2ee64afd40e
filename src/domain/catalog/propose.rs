//! Proposing prices from a price list: the difference to the prices in force. Nothing is applied.

use super::price_difference::{PartChange, part_changes};
use super::price_list::{Decimal, Format, PriceList};
use super::price_match::{self, PriceMatch};
use crate::app::App;
use crate::core::error::Error;
use crate::core::price::Price;
use crate::core::viewer::Actor;
use crate::infra::catalog::{DatabaseModel, Entry, Source};

/// Maximum number of proposals that are returned at once.
pub const MAX_PROPOSALS: usize = 500;
/// Maximum number of names of models that the list does not have.
pub const MAX_UNMATCHED: usize = 100;
const MAX_MARKUP_CHARS: usize = 20;
/// The largest factor of a markup.
const MAX_MARKUP: i64 = 1000;

/// A request for proposals.
#[derive(Clone, Copy, Debug)]
pub struct Propose<'a> {
    /// The price list.
    pub list: &'a str,
    /// The markup: a factor (`1.2`), or a percentage (`20%`); none if `None`.
    pub markup: Option<&'a str>,
    /// The name of the model after which to start; from the first one if `None`.
    pub after: Option<&'a str>,
}

/// The proposals of a list.
#[derive(Clone, Debug)]
pub struct Proposals {
    /// The format of the list.
    pub format: Format,
    /// The matched models, by name, at most [`MAX_PROPOSALS`].
    pub proposals: Vec<Proposal>,
    /// Whether there are more of them.
    pub has_more: bool,
    /// The number of models of the database that are in force.
    pub models: usize,
    /// The names of those that the list does not have, at most [`MAX_UNMATCHED`].
    pub unmatched: Vec<String>,
}

/// The proposed price of a model.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// The name of the model.
    pub model: String,
    /// The title of the model.
    pub title: String,
    /// The number of the version of the price in force.
    pub version: i64,
    /// The price in force.
    pub current: Price,
    /// The name of the list's entry.
    pub entry: String,
    /// How the entry was found.
    pub matched_by: PriceMatch,
    /// The order of the ways in which an entry is found: the smallest counts.
    pub rank: usize,
    /// The proposed price, or why there is none.
    pub price: Result<Price, String>,
    /// What the proposed price leaves out.
    pub note: Option<String>,
}

impl Proposal {
    /// Returns the parts that change; none without a proposed price.
    pub fn changes(&self) -> Vec<PartChange> {
        self.price.as_ref().map(|price| part_changes(self.current, *price)).unwrap_or_default()
    }

    /// Returns whether the model is to be confirmed by name before the price is applied.
    pub fn needs_confirmation(&self) -> bool {
        self.changes().iter().any(PartChange::needs_confirmation)
    }
}

/// Compares a price list with the models of the database that are in force. One unit of the list's currency is worth
/// `ledger.tokens_per_unit` prepaid tokens.
///
/// # Errors
/// FORBIDDEN unless by a superuser; INVALID_INPUT for a list in no known format, and for a markup out of range.
pub fn propose_prices(app: &App, actor: Actor, request: Propose<'_>) -> Result<Proposals, Error> {
    actor.require_superuser()?;
    let markup = request.markup.map(parse_markup).transpose()?.unwrap_or(Decimal::ONE);
    let rate = Decimal::whole(app.config().ledger.tokens_per_unit).times(markup);
    let rate = rate.ok_or_else(|| Error::field("markup", "It has too many digits."))?;
    let list = PriceList::parse(request.list)?;
    let catalog = app.models();
    let mut found =
        Proposals { format: list.format, proposals: Vec::new(), has_more: false, models: 0, unmatched: Vec::new() };
    for (name, entry) in catalog.entries() {
        let Some(own) = in_force(app, entry) else { continue };
        found.models += 1;
        let matched = price_match::find(&list, &catalog, name, &own.routes);
        match matched {
            None if found.unmatched.len() < MAX_UNMATCHED => found.unmatched.push(name.clone()),
            None => {}
            Some(_) if request.after.is_some_and(|after| name.as_str() <= after) => {}
            Some(_) if found.proposals.len() == MAX_PROPOSALS => found.has_more = true,
            Some(matched) => {
                let current = own.price.price();
                let listed = list.price(matched.entry);
                found.proposals.push(Proposal {
                    model: name.clone(),
                    title: entry.model.title.clone(),
                    version: own.price.version,
                    current,
                    entry: matched.name,
                    matched_by: matched.by,
                    rank: matched.rank,
                    note: listed.as_ref().ok().and_then(|listed| listed.note.clone()),
                    price: listed.and_then(|listed| listed.converted(rate, current)),
                });
            }
        }
    }
    Ok(found)
}

/// Returns what the database has of a model, if that is in force.
fn in_force<'a>(app: &App, entry: &'a Entry) -> Option<&'a DatabaseModel> {
    // The command line runs without the models of the file.
    let is_of_file = app.config().models.contains_key(&entry.model.name);
    let is_own = entry.model.origin.source == Source::Database && !is_of_file;
    entry.row.as_deref().filter(|_| is_own)
}

/// Parses a markup as a factor.
fn parse_markup(text: &str) -> Result<Decimal, Error> {
    let wrong = || {
        let message = format!("A factor such as 1.2, or a percentage such as 20%; the factor is at most {MAX_MARKUP}.");
        Error::field("markup", message)
    };
    let text = text.trim();
    if text.chars().count() > MAX_MARKUP_CHARS {
        return Err(wrong());
    }
    let factor = match text.strip_suffix('%') {
        Some(percent) => {
            Decimal::parse(percent.trim_end()).ok().and_then(|percent| percent.shifted(-2).plus(Decimal::ONE))
        }
        None => Decimal::parse(text).ok(),
    };
    let is_within = |factor: &Decimal| !factor.is_zero() && factor.rounded_up().is_some_and(|up| up <= MAX_MARKUP);
    factor.filter(is_within).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_markup_is_a_factor_or_a_percentage() {
        let factor = |text: &str| parse_markup(text).ok();
        assert_eq!(factor("20%"), factor("1.2"));
        assert_eq!(factor(" 0 % "), Some(Decimal::ONE));
        assert_eq!(factor("7.5%"), factor("1.075"));
        assert!(factor("1000").is_some() && factor("0.001").is_some());
        for wrong in ["", "%", "-5%", "-1", "0", "1000.1", "100000%", "1,2", "1e99", "111111111111111111111"] {
            assert_eq!(factor(wrong), None, "{wrong}");
        }
    }
}
