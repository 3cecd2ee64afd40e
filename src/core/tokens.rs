//! Prepaid tokens, the unit that balances count, and prices in it. Whole numbers only; every sum is checked.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::core::error::{Code, Error};

/// An amount of prepaid tokens. Signed, since ledger entries also debit; balances are never negative.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sea_orm::DeriveValueType,
)]
#[serde(transparent)]
pub struct Tokens(pub i64);

impl Tokens {
    /// Zero.
    pub const ZERO: Self = Self(0);
    /// The largest balance: 2^53 - 1, the largest integer that JSON clients with floating-point numbers read exactly.
    pub const MAX_BALANCE: Self = Self((1 << 53) - 1);

    /// Returns `self + other`.
    ///
    /// # Errors
    /// [`Code::InvalidInput`] if the sum does not fit.
    pub fn plus(self, other: Self) -> Result<Self, Error> {
        self.0.checked_add(other.0).map(Self).ok_or_else(out_of_range)
    }

    /// Returns `self - other`.
    ///
    /// # Errors
    /// [`Code::InvalidInput`] if the difference does not fit.
    pub fn minus(self, other: Self) -> Result<Self, Error> {
        self.0.checked_sub(other.0).map(Self).ok_or_else(out_of_range)
    }
}

fn out_of_range() -> Error {
    Error::new(Code::InvalidInput, "That amount of tokens is out of range.")
}

impl fmt::Display for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The price of a model: the sum of its components; an omitted one is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Price {
    /// Prepaid tokens for each answered message.
    pub per_message: i64,
    /// Prepaid tokens per 1000 model tokens of input.
    pub per_1k_input: i64,
    /// Prepaid tokens per 1000 model tokens of output.
    pub per_1k_output: i64,
}

impl Price {
    /// Largest price of each kind, so that no product of a price and a usage can overflow.
    pub const MAX: i64 = 1_000_000_000;

    /// Returns whether the price depends on the model tokens of a reply.
    pub fn is_metered(self) -> bool {
        self.per_1k_input > 0 || self.per_1k_output > 0
    }

    /// Returns the price of a call that requests several choices: the flat price is due for each. The metered price
    /// counts all of them anyway.
    #[must_use]
    pub fn for_answers(self, answers: u64) -> Self {
        let answers = i64::try_from(answers).unwrap_or(i64::MAX);
        Self { per_message: self.per_message.saturating_mul(answers), ..self }
    }

    /// Returns the cost of a complete reply: the flat price and the metered price, rounded up once.
    pub fn of_reply(self, input: u64, output: u64) -> Tokens {
        Tokens(self.per_message.saturating_add(self.of_usage(input, output).0))
    }

    /// Returns the metered price alone: the cost of a truncated reply.
    pub fn of_usage(self, input: u64, output: u64) -> Tokens {
        let thousandths = i128::from(input)
            .saturating_mul(self.per_1k_input.into())
            .saturating_add(i128::from(output).saturating_mul(self.per_1k_output.into()));
        Tokens(i64::try_from(thousandths.saturating_add(999) / 1000).unwrap_or(i64::MAX))
    }

    /// Returns the longest reply, in model tokens, that `tokens` pay for in addition to the flat price and `input`;
    /// `None` if they do not cover these.
    pub fn affordable_output(self, tokens: Tokens, input: u64) -> Option<u64> {
        let thousandths = i128::from(tokens.0) * 1000
            - i128::from(self.per_message) * 1000
            - i128::from(input).saturating_mul(self.per_1k_input.into());
        if thousandths < 0 {
            return None;
        }
        match self.per_1k_output {
            0 => Some(u64::MAX),
            price => Some(u64::try_from(thousandths / i128::from(price)).unwrap_or(u64::MAX)),
        }
    }

    /// Checks that each component is within its range.
    ///
    /// # Errors
    /// A message that names the component that is negative or too large.
    pub fn check(self) -> Result<(), String> {
        let parts = [
            ("per_message", self.per_message),
            ("per_1k_input", self.per_1k_input),
            ("per_1k_output", self.per_1k_output),
        ];
        match parts.iter().find(|(_, value)| !(0..=Self::MAX).contains(value)) {
            Some((name, value)) => Err(format!("{name} = {value}: between 0 and {}", Self::MAX)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
