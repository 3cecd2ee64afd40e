//! Proposed prices, and what chats would have cost at them.

use async_graphql::{Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::execution::bounded::Text;
use super::model::Price;
use crate::core::price::Part;
use crate::core::tokens::Tokens;
use crate::domain::catalog::{self, PartChange, PriceMatch, Proposal};

pub(crate) struct PriceProposal(pub(crate) Proposal);

/// The price that a price list proposes for a model. Nothing is applied before `applyPrices`.
#[Object]
impl PriceProposal {
    /// The name of the model.
    async fn model(&self) -> Text<'_> {
        self.0.model.as_str().into()
    }

    /// The title of the model, for people.
    async fn title(&self) -> Text<'_> {
        self.0.title.as_str().into()
    }

    /// The name of the list's entry.
    async fn entry(&self) -> Text<'_> {
        self.0.entry.as_str().into()
    }

    /// How the entry was found.
    async fn matched_by(&self) -> PriceMatch {
        self.0.matched_by
    }

    /// The order of the ways in which an entry is found. If a long list is sent in parts, the proposal with the smallest rank
    /// counts.
    async fn rank(&self) -> u64 {
        u64::try_from(self.0.rank).unwrap_or(u64::MAX)
    }

    /// The number of the version of the price in force, for `applyPrices`.
    async fn version(&self) -> i64 {
        self.0.version
    }

    /// The price in force.
    async fn current(&self) -> Price {
        self.0.current.into()
    }

    /// The proposed price; null with a problem.
    async fn proposed(&self) -> Option<Price> {
        self.0.price.as_ref().ok().copied().map(Price::from)
    }

    /// The parts that change; none if the price stays.
    async fn changes(&self) -> Vec<PricePartChange> {
        self.0.changes().into_iter().map(PricePartChange::from).collect()
    }

    /// Whether a part changes by more than a factor of ten, or to or from zero: `applyPrices` takes it only if the model is
    /// confirmed by name.
    async fn needs_confirmation(&self) -> bool {
        self.0.needs_confirmation()
    }

    /// Why there is no proposed price; null with one.
    async fn problem(&self) -> Option<Text<'_>> {
        self.0.price.as_ref().err().map(|problem| problem.as_str().into())
    }

    /// What the proposed price leaves out; null for nothing.
    async fn note(&self) -> Option<Text<'_>> {
        self.0.note.as_deref().map(Text::from)
    }
}

/// A change of a part of a price.
#[derive(SimpleObject)]
pub(crate) struct PricePartChange {
    /// The part.
    part: Part,
    /// The price in force, in prepaid tokens.
    before: Tokens,
    /// The proposed price, in prepaid tokens.
    after: Tokens,
    /// The proposed price for each token of the one in force; null if that is 0.
    ratio: Option<f64>,
    /// Whether the part changes by more than a factor of ten, or to or from zero.
    needs_confirmation: bool,
}

impl From<PartChange> for PricePartChange {
    fn from(change: PartChange) -> Self {
        let (ratio, needs_confirmation) = (change.ratio(), change.needs_confirmation());
        let PartChange { part, before, after } = change;
        Self { part, before: Tokens(before), after: Tokens(after), ratio, needs_confirmation }
    }
}

/// What chats have cost, and would have cost at another price.
#[derive(SimpleObject)]
pub(crate) struct PricePreview {
    /// The number of chats that were charged.
    chats: u64,
    /// When the first of them was opened; null without one.
    since: Option<DateTime<Utc>>,
    /// Their input in model tokens, with all that was read from a cache or written to one.
    input: u64,
    /// Of the input, what was read from the provider's prompt cache.
    cache_read: u64,
    /// Of the input, what was written to the provider's prompt cache.
    cache_write: u64,
    /// Their output in model tokens, with reasoning.
    output: u64,
    /// Of the output, the reasoning.
    reasoning: u64,
    /// Images in the input.
    images: u64,
    /// What they have cost, in prepaid tokens.
    charged: Tokens,
    /// What they would have cost, in prepaid tokens: each chat rounded up, as when it is charged.
    proposed: Tokens,
}

impl From<catalog::PricePreview> for PricePreview {
    fn from(preview: catalog::PricePreview) -> Self {
        let catalog::PricePreview { chats, since, usage, charged, proposed } = preview;
        Self {
            chats,
            since,
            input: usage.input,
            cache_read: usage.cache_read,
            cache_write: usage.cache_write,
            output: usage.output,
            reasoning: usage.reasoning,
            images: usage.images,
            charged,
            proposed,
        }
    }
}
