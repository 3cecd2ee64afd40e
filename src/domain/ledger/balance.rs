//! Balances of wallets.

use crate::core::error::Error;
use crate::core::tokens::Tokens;
use crate::infra::entity::wallet;

/// The prepaid tokens of a wallet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// The spendable tokens.
    pub tokens: Tokens,
    /// The tokens on hold for open chats.
    pub held: Tokens,
}

impl Balance {
    /// Returns the sum of spendable and held tokens, which equals the sum of the ledger entries.
    pub fn total(self) -> Tokens {
        // Neither summand exceeds `Tokens::MAX_BALANCE`, so the sum fits.
        Tokens(self.tokens.0.saturating_add(self.held.0))
    }

    /// Returns the balance with `amount` more tokens on hold, or fewer if it is negative.
    pub(super) fn reserve(self, amount: Tokens) -> Result<Self, Error> {
        Ok(Self { tokens: self.tokens.minus(amount)?, held: self.held.plus(amount)? })
    }
}

impl From<&wallet::Model> for Balance {
    fn from(wallet: &wallet::Model) -> Self {
        Self { tokens: wallet.tokens, held: wallet.held }
    }
}
