//! Prices: what a model costs, in prepaid tokens. Whole numbers only; the cost of a chat is rounded up once.

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

/// The model tokens that a price is for.
const PER: i128 = 1_000_000;

impl Price {
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
        let [input, cache_read, cache_write, output, reasoning] = [
            (usage.fresh_input(), self.input),
            (usage.cache_read, self.cache_read),
            (usage.cache_write, self.cache_write),
            (usage.answer(), self.output),
            (usage.reasoning, self.reasoning),
        ]
        .map(|(units, price)| i128::from(units).saturating_mul(price.into()));
        Self::rounded_up(
            input
                .saturating_add(cache_read)
                .saturating_add(cache_write)
                .saturating_add(output)
                .saturating_add(reasoning),
        )
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
        let rest = (i128::from(tokens.0) - i128::from(self.per_message)) * PER;
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

    fn rounded_up(millionths: i128) -> Tokens {
        Tokens(i64::try_from(millionths.saturating_add(PER - 1) / PER).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests;
