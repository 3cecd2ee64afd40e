//! Models and their prices, as the catalog has them.

use async_graphql::connection::{Connection, Edge};
use async_graphql::{InputObject, Object, SimpleObject};

use super::super::execution::bounded::Text;
use super::connection::{ConnectionOf, Cursor, TotalCount};
use crate::core::pagination::KeyedPage;
use crate::core::price;
use crate::core::tokens::Tokens;
use crate::domain::catalog::{ModelFilter, count_usable};
use crate::infra::catalog::{self, Entry, Models};

pub(crate) struct Model {
    pub(crate) model: catalog::Model,
    pub(crate) default: bool,
}

/// A model that answers messages.
#[Object]
impl Model {
    /// The name, which the argument `model` takes.
    async fn name(&self) -> Text<'_> {
        self.model.name.as_str().into()
    }

    /// The title for people; the name if none is configured.
    async fn title(&self) -> Text<'_> {
        self.model.title.as_str().into()
    }

    /// What the model is good for, in a sentence or two.
    async fn description(&self) -> Option<Text<'_>> {
        self.model.description.as_deref().map(Text::from)
    }

    /// The price.
    async fn price(&self) -> Price {
        self.model.price.into()
    }

    /// Whether this is the default model, for messages that name none.
    async fn default(&self) -> bool {
        self.default
    }

    /// The context window: maximum input and output in total, in model tokens; null if unlimited.
    async fn window(&self) -> Option<u64> {
        Some(self.model.provider.context_window()).filter(|window| *window < u64::MAX)
    }

    /// The maximum length of a reply, in model tokens.
    async fn max_output(&self) -> u64 {
        self.model.max_output
    }
}

/// Returns a connection of the models that match a filter.
pub(crate) fn models(page: KeyedPage<Entry>, of: &Models, filter: ModelFilter) -> ConnectionOf<Model> {
    let KeyedPage { rows, has_previous, has_next } = page;
    let total = TotalCount::of(move |app| count_usable(app, &filter));
    let mut list = Connection::with_additional_fields(has_previous, has_next, total);
    let wrap = |Entry { model, .. }: Entry| Model { default: of.is_default(&model), model };
    list.edges.extend(rows.into_iter().map(|(name, entry)| Edge::new(Cursor::of_text(name), wrap(entry))));
    list
}

/// The price of a model in prepaid tokens: the sum of its components, rounded up.
#[derive(SimpleObject)]
pub(crate) struct Price {
    /// Price per answered message.
    per_message: Tokens,
    /// Price per million model tokens of input.
    per_million_input: Tokens,
    /// Price per million model tokens of input that the provider reads from its prompt cache.
    per_million_cache_read: Tokens,
    /// Price per million model tokens of input that the provider writes to its prompt cache.
    per_million_cache_write: Tokens,
    /// Price per million model tokens of output.
    per_million_output: Tokens,
    /// Price per million model tokens of reasoning, which is a part of the output.
    per_million_reasoning: Tokens,
    /// Price per image in the input, in addition to its model tokens.
    per_image: Tokens,
    /// Price per 1000 model tokens of input, rounded up.
    #[graphql(name = "per1kInput", deprecation = "Too coarse for cheap models: use `perMillionInput`.")]
    per_1k_input: Tokens,
    /// Price per 1000 model tokens of output, rounded up.
    #[graphql(name = "per1kOutput", deprecation = "Too coarse for cheap models: use `perMillionOutput`.")]
    per_1k_output: Tokens,
}

impl From<price::Price> for Price {
    fn from(price: price::Price) -> Self {
        Self {
            per_message: Tokens(price.per_message),
            per_million_input: Tokens(price.input),
            per_million_cache_read: Tokens(price.cache_read),
            per_million_cache_write: Tokens(price.cache_write),
            per_million_output: Tokens(price.output),
            per_million_reasoning: Tokens(price.reasoning),
            per_image: Tokens(price.per_image),
            per_1k_input: Tokens(price::Price::per_thousand(price.input)),
            per_1k_output: Tokens(price::Price::per_thousand(price.output)),
        }
    }
}

/// A price: the sum of its parts, in prepaid tokens. An omitted part is 0; that of a cache is the one of the input, that of
/// reasoning the one of the output, as far as they are omitted.
#[derive(InputObject)]
pub(crate) struct PriceInput {
    /// Price per answered message.
    per_message: Option<Tokens>,
    /// Price per million model tokens of input.
    per_million_input: Option<Tokens>,
    /// Price per million model tokens of input that the provider reads from its prompt cache.
    per_million_cache_read: Option<Tokens>,
    /// Price per million model tokens of input that the provider writes to its prompt cache.
    per_million_cache_write: Option<Tokens>,
    /// Price per million model tokens of output.
    per_million_output: Option<Tokens>,
    /// Price per million model tokens of reasoning.
    per_million_reasoning: Option<Tokens>,
    /// Price per image in the input, in addition to its model tokens.
    per_image: Option<Tokens>,
}

impl From<PriceInput> for price::Price {
    fn from(input: PriceInput) -> Self {
        let part = |part: Option<Tokens>, default: i64| part.map_or(default, |tokens| tokens.0);
        let (read, written) = (part(input.per_million_input, 0), part(input.per_million_output, 0));
        Self {
            per_message: part(input.per_message, 0),
            input: read,
            cache_read: part(input.per_million_cache_read, read),
            cache_write: part(input.per_million_cache_write, read),
            output: written,
            reasoning: part(input.per_million_reasoning, written),
            per_image: part(input.per_image, 0),
        }
    }
}
