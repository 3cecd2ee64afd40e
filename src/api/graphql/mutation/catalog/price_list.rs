//! Mutations of prices from price lists.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};

use super::super::super::context::app_and_viewer;
use super::super::super::error::{UserError, outcome};
use super::super::super::execution::bounded::{Payload, Text};
use super::super::super::types::{PriceInput, PriceProposal, PriceVersion};
use crate::core::tokens::Tokens;
use crate::domain::catalog::{self, NewPrice, PriceListFormat, Propose};

#[derive(Default)]
pub(in super::super) struct PriceListMutation;

/// A price list to compare with the catalog.
#[derive(InputObject)]
struct ProposePricesInput {
    /// The text of the list: in Jeton's own format, that of LiteLLM's `model_prices_and_context_window.json`, or that of
    /// OpenRouter's `/api/v1/models`. The variables of a request limit its length; the entries of a longer list are sent in
    /// parts.
    list: String,
    /// The markup on each price: a factor (`1.2`), or a percentage (`20%`), at most 20 characters. None if omitted.
    markup: Option<String>,
    /// The name of the model after which to start, for the next proposals.
    after: Option<String>,
}

/// A price to apply.
#[derive(InputObject)]
struct PriceChangeInput {
    /// The name of the model.
    model: String,
    /// The number of the version that the price was compared with.
    version: i64,
    /// The price.
    price: PriceInput,
}

/// Prices to apply.
#[derive(InputObject)]
struct ApplyPricesInput {
    /// The prices, 1 to 500: all of them are applied, or none.
    changes: Vec<PriceChangeInput>,
    /// The names of the models whose large changes are confirmed.
    confirmed: Option<Vec<String>>,
}

/// The proposals of a price list.
#[derive(SimpleObject)]
struct ProposePricesPayload {
    /// The format of the list; null for none.
    format: Option<PriceListFormat>,
    /// The prepaid tokens that one unit of the list's currency was converted to, without the markup.
    tokens_per_unit: Tokens,
    /// The models that the list has, by name, at most 500; also those whose price stays.
    proposals: Vec<PriceProposal>,
    /// Whether there are more: `after` the last one.
    has_more: bool,
    /// The number of models of the database that are in force.
    models: u64,
    /// The names of those that the list does not have, at most 100.
    unmatched: Vec<Text<'static>>,
    /// Validation errors; empty on success.
    errors: Vec<UserError>,
}

/// Applied prices.
#[derive(SimpleObject)]
struct ApplyPricesPayload {
    /// The versions that are in force, in the order of the changes; empty if none was applied.
    versions: Vec<PriceVersion>,
    /// Validation errors; empty on success.
    errors: Vec<UserError>,
}

#[Object]
impl PriceListMutation {
    /// Compares a price list with the models of the database. Nothing is applied. For superusers.
    async fn propose_prices(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The price list.")] input: ProposePricesInput,
    ) -> Result<Payload<ProposePricesPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let actor = viewer.require_superuser()?.into();
        let ProposePricesInput { list, markup, after } = input;
        let request = Propose { list: &list, markup: markup.as_deref(), after: after.as_deref() };
        let (found, errors) = outcome(catalog::propose_prices(app, actor, request))?;
        let tokens_per_unit = Tokens(app.config().ledger.tokens_per_unit);
        Ok(Payload(match found {
            Some(found) => ProposePricesPayload {
                format: Some(found.format),
                tokens_per_unit,
                proposals: found.proposals.into_iter().map(PriceProposal).collect(),
                has_more: found.has_more,
                models: u64::try_from(found.models).unwrap_or(u64::MAX),
                unmatched: found.unmatched.into_iter().map(Text::from).collect(),
                errors,
            },
            None => ProposePricesPayload {
                format: None,
                tokens_per_unit,
                proposals: Vec::new(),
                has_more: false,
                models: 0,
                unmatched: Vec::new(),
                errors,
            },
        }))
    }

    /// Sets the prices of several models, from the next message on: all of them, or none. A change by more than a factor of
    /// ten, or to or from zero, has to be confirmed by the model's name. CONFLICT if a price was changed since the
    /// comparison. For superusers.
    async fn apply_prices(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The prices.")] input: ApplyPricesInput,
    ) -> Result<Payload<ApplyPricesPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let actor = viewer.require_superuser()?.into();
        let new = |PriceChangeInput { model, version, price }| NewPrice { model, version, price: price.into() };
        let prices = input.changes.into_iter().map(new).collect();
        let applied = catalog::apply_prices(app, actor, prices, input.confirmed.unwrap_or_default());
        let (versions, errors) = outcome(applied.await)?;
        let versions = versions.unwrap_or_default().into_iter().map(PriceVersion::from).collect();
        Ok(Payload(ApplyPricesPayload { versions, errors }))
    }
}
