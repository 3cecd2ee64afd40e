//! `[ollama]`: the models of an Ollama that is found at the start.

use serde::{Deserialize, Serialize};

use crate::core::price::Price;

/// `[ollama]`
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Ollama {
    /// Whether the models of an Ollama on this machine, or on that of the environment variable `OLLAMA_HOST`, are offered
    /// beside the configured ones.
    pub detect: bool,
    /// The price of each message to one of them, in prepaid tokens.
    pub price: i64,
}

impl Ollama {
    /// Returns the address of the Ollama, as the environment variable `OLLAMA_HOST` has it; an empty one stands for this
    /// machine.
    pub fn host() -> String {
        #[expect(clippy::disallowed_methods, reason = "Ollama's own variable, which its clients read too")]
        std::env::var("OLLAMA_HOST").unwrap_or_default()
    }

    /// Checks the price. The error names the key.
    pub(in crate::infra::config) fn check(&self) -> Result<(), String> {
        match self.price {
            ..0 => Err("ollama.price: not negative".to_owned()),
            price if price > Price::MAX_PER_MESSAGE => Err(format!("ollama.price: at most {}", Price::MAX_PER_MESSAGE)),
            _ => Ok(()),
        }
    }
}
