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
    /// Prepaid tokens for each image in the input, in addition to its model tokens.
    pub per_image: i64,
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
    /// The price for each image in the input.
    Image,
}

/// A line of a receipt: a quantity at a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// What was charged.
    pub part: Part,
    /// How many: answered messages, images, or model tokens.
    pub quantity: u64,
    /// The price in prepaid tokens.
    pub price: Tokens,
    /// The quantity that the price is for: 1 message or image, or a million model tokens.
    pub per: i64,
}

impl Line {
    /// Returns the amount in millionths of a prepaid token: exact, before the sum is rounded.
    pub fn millionths(&self) -> i128 {
        let amount = i128::from(self.quantity).saturating_mul(self.price.0.into());
        amount.saturating_mul((Price::MILLION / self.per.max(1)).into())
    }
}

/// An upper bound of the input of a chat, from which its hold is calculated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InputBound {
    /// The most model tokens.
    pub units: u64,
    /// The number of images.
    pub images: u64,
}

impl Price {
    /// The number of model tokens that a price is for.
    pub const MILLION: i64 = 1_000_000;
    /// Largest price per message, and per image.
    pub const MAX_PER_MESSAGE: i64 = 1_000_000_000;
    /// Largest price per million, so that no product of a price and a usage can overflow.
    pub const MAX_PER_MILLION: i64 = 1_000_000_000_000;

    /// Returns a price for input and output, whatever parts they have.
    pub const fn per_million(input: i64, output: i64) -> Self {
        let (cache_read, cache_write, reasoning) = (input, input, output);
        Self { per_message: 0, input, cache_read, cache_write, output, reasoning, per_image: 0 }
    }

    /// Returns a price for each answered message alone.
    pub const fn flat(per_message: i64) -> Self {
        Self { per_message, ..Self::per_million(0, 0) }
    }

    /// Returns all parts, each with its price.
    pub const fn parts(self) -> [(Part, i64); 7] {
        let Self { per_message, input, cache_read, cache_write, output, reasoning, per_image } = self;
        [
            (Part::Message, per_message),
            (Part::Input, input),
            (Part::CacheRead, cache_read),
            (Part::CacheWrite, cache_write),
            (Part::Output, output),
            (Part::Reasoning, reasoning),
            (Part::Image, per_image),
        ]
    }

    /// Returns whether the price depends on the usage.
    pub fn is_metered(self) -> bool {
        let Self { per_message: _, input, cache_read, cache_write, output, reasoning, per_image } = self;
        [input, cache_read, cache_write, output, reasoning, per_image].iter().any(|price| *price > 0)
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
        self.cost(1, usage)
    }

    /// Returns the metered price alone: the cost of a truncated reply.
    pub fn of_usage(self, usage: Usage) -> Tokens {
        self.cost(0, usage)
    }

    fn cost(self, messages: u64, usage: Usage) -> Tokens {
        Self::sum(&self.lines(messages, usage))
    }

    /// Returns the lines of a receipt: one for each part of the price, also where nothing is charged.
    pub fn lines(self, messages: u64, usage: Usage) -> [Line; 7] {
        let line = |part, quantity, price, per| Line { part, quantity, price: Tokens(price), per };
        [
            line(Part::Message, messages, self.per_message, 1),
            line(Part::Image, usage.images, self.per_image, 1),
            line(Part::Input, usage.uncached_input(), self.input, Self::MILLION),
            line(Part::CacheRead, usage.cache_read, self.cache_read, Self::MILLION),
            line(Part::CacheWrite, usage.cache_write, self.cache_write, Self::MILLION),
            line(Part::Output, usage.answer(), self.output, Self::MILLION),
            line(Part::Reasoning, usage.reasoning, self.reasoning, Self::MILLION),
        ]
    }

    /// Returns the cost by lines: their sum, rounded up once.
    pub fn sum(lines: &[Line]) -> Tokens {
        Self::rounded_up(Self::millionths(lines))
    }

    /// Returns the sum of lines in millionths of a prepaid token.
    pub fn millionths(lines: &[Line]) -> i128 {
        lines.iter().map(Line::millionths).fold(0, i128::saturating_add)
    }

    /// Returns a price per million as one per thousand, rounded up: for clients of earlier versions.
    pub const fn per_thousand(per_million: i64) -> i64 {
        per_million.saturating_add(999) / 1000
    }

    /// Returns the largest cost of a complete reply with at most this input and output, each in its dearest part.
    pub fn most(self, input: InputBound, output: u64) -> Tokens {
        let (per_input, per_output) = self.dearest();
        let dearest = Self { input: per_input, output: per_output, ..self };
        dearest.of_reply(Usage { images: input.images, ..Usage::of(input.units, output) })
    }

    /// Returns the longest reply, in model tokens, that `tokens` pay for in addition to the flat price and the input, all
    /// in their dearest parts; `None` if they do not cover these.
    pub fn affordable_output(self, tokens: Tokens, input: InputBound) -> Option<u64> {
        let (per_input, per_output) = self.dearest();
        let dearest = Self { input: per_input, ..self };
        let fixed = dearest.lines(1, Usage { images: input.images, ..Usage::of(input.units, 0) });
        let rest = i128::from(tokens.0) * i128::from(Self::MILLION);
        let rest = rest.saturating_sub(Self::millionths(&fixed));
        if rest < 0 {
            return None;
        }
        match per_output {
            0 => Some(u64::MAX),
            price => Some(u64::try_from(rest / i128::from(price)).unwrap_or(u64::MAX)),
        }
    }

    /// Returns the dearest price of input, and that of output.
    fn dearest(self) -> (i64, i64) {
        (self.input.max(self.cache_read).max(self.cache_write), self.output.max(self.reasoning))
    }

    /// Returns millionths of a prepaid token as whole ones, rounded up.
    pub fn rounded_up(millionths: i128) -> Tokens {
        let per = i128::from(Self::MILLION);
        Tokens(i64::try_from(millionths.saturating_add(per - 1) / per).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests;
