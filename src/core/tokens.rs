//! Prepaid tokens, the unit that balances count. Whole numbers only; every sum is checked.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_checked() {
        assert!(Tokens(i64::MAX).plus(Tokens(1)).is_err());
        assert!(Tokens(i64::MIN).minus(Tokens(1)).is_err());
    }
}
