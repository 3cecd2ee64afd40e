//! Prices: what a model costs, in prepaid tokens. Whole numbers only; the cost of a chat is rounded up once.

use async_graphql::Enum;
use serde::{Deserialize, Serialize};

use super::tokens::Tokens;
use super::usage::Usage;

/// The price of a model: the sum of its parts. Those of model tokens are per million, as providers list them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Price {
    /// Prepaid tokens for each answered message.
    pub per_message: i64,
    /// Prepaid tokens per million model tokens of input.
    pub input: i64,
    /// Prepaid tokens per million model tokens of input that the provider reads from its prompt cache.
    pub cache_read: i64,
    /// Prepaid tokens per million model tokens of input that the provider writes to its prompt cache.
    pub cache_write: i64,
    /// Prepaid tokens per million model tokens of output.
    pub output: i64,
    /// Prepaid tokens per million model tokens of reasoning.
    pub reasoning: i64,
}

/// A part of a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[graphql(name = "PricePart")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Part {
    /// The price for each answered message.
    Message,
    /// Input that was neither read from the provider's prompt cache nor written to it.
    Input,
    /// Input that the provider read from its prompt cache.
    CacheRead,
    /// Input that the provider wrote to its prompt cache.
    CacheWrite,
    /// Output without reasoning.
    Output,
    /// Reasoning.
    Reasoning,
}

impl Price {
    /// The number of model tokens that a price is for.
    pub const MILLION: i64 = 1_000_000;
    /// Largest price per message.
    pub const MAX_PER_MESSAGE: i64 = 1_000_000_000;
    /// Largest price per million, so that no product of a price and a usage can overflow.
    pub const MAX_PER_MILLION: i64 = 1_000_000_000_000;

    /// Returns a price for input and output, whatever parts they have.
    pub const fn per_million(input: i64, output: i64) -> Self {
        Self { per_message: 0, input, cache_read: input, cache_write: input, output, reasoning: output }
    }

    /// Returns a price for each answered message alone.
    pub const fn flat(per_message: i64) -> Self {
        Self { per_message, ..Self::per_million(0, 0) }
    }

    /// Returns whether the price depends on the model tokens of a reply.
    pub fn is_metered(self) -> bool {
        [self.input, self.cache_read, self.cache_write, self.output, self.reasoning].iter().any(|price| *price > 0)
    }

    /// Returns the price of a call that requests several choices: the flat price is due for each. The metered price
    /// counts all of them anyway.
    #[must_use]
    pub fn for_answers(self, answers: u64) -> Self {
        let answers = i64::try_from(answers).unwrap_or(i64::MAX);
        Self { per_message: self.per_message.saturating_mul(answers), ..self }
    }

    /// Returns the cost of a complete reply: the flat price and the metered price, rounded up once.
    pub fn of_reply(self, usage: Usage) -> Tokens {
        Tokens(self.per_message.saturating_add(self.of_usage(usage).0))
    }

    /// Returns the metered price alone: the cost of a truncated reply.
    pub fn of_usage(self, usage: Usage) -> Tokens {
        let parts = self.metered(usage).map(|(_, units, price)| i128::from(units).saturating_mul(price.into()));
        Self::rounded_up(parts.into_iter().fold(0, i128::saturating_add))
    }

    /// Returns the metered parts: each with its model tokens, and its price per million of them.
    pub fn metered(self, usage: Usage) -> [(Part, u64, i64); 5] {
        [
            (Part::Input, usage.uncached_input(), self.input),
            (Part::CacheRead, usage.cache_read, self.cache_read),
            (Part::CacheWrite, usage.cache_write, self.cache_write),
            (Part::Output, usage.answer(), self.output),
            (Part::Reasoning, usage.reasoning, self.reasoning),
        ]
    }

    /// Returns a price per million as one per thousand, rounded up: for clients of earlier versions.
    pub const fn per_thousand(per_million: i64) -> i64 {
        per_million.saturating_add(999) / 1000
    }

    /// Returns the largest cost of a complete reply with at most this input and output, each in its dearest part.
    pub fn most(self, input: u64, output: u64) -> Tokens {
        let (per_input, per_output) = self.dearest();
        let metered =
            i128::from(input).saturating_mul(per_input).saturating_add(i128::from(output).saturating_mul(per_output));
        Tokens(self.per_message.saturating_add(Self::rounded_up(metered).0))
    }

    /// Returns the longest reply, in model tokens, that `tokens` pay for in addition to the flat price and `input`, all
    /// in their dearest parts; `None` if they do not cover these.
    pub fn affordable_output(self, tokens: Tokens, input: u64) -> Option<u64> {
        let (per_input, per_output) = self.dearest();
        let rest = (i128::from(tokens.0) - i128::from(self.per_message)) * i128::from(Self::MILLION);
        let rest = rest.saturating_sub(i128::from(input).saturating_mul(per_input));
        if rest < 0 {
            return None;
        }
        match per_output {
            0 => Some(u64::MAX),
            price => Some(u64::try_from(rest / price).unwrap_or(u64::MAX)),
        }
    }

    fn dearest(self) -> (i128, i128) {
        (self.input.max(self.cache_read).max(self.cache_write).into(), self.output.max(self.reasoning).into())
    }

    /// Returns millionths of a prepaid token as whole ones, rounded up.
    pub fn rounded_up(millionths: i128) -> Tokens {
        let per = i128::from(Self::MILLION);
        Tokens(i64::try_from(millionths.saturating_add(per - 1) / per).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests;
