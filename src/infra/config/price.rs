//! `[models.NAME] price`: the price of a model as it is written in the file.

use serde::{Deserialize, Serialize};

use crate::core::price::Price as ModelPrice;

/// The price of a model. A part that is omitted is 0; that of a cache is the one of the input, that of reasoning the one
/// of the output, as far as they are omitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Price {
    /// Prepaid tokens for each answered message.
    pub per_message: i64,
    /// Prepaid tokens per million model tokens of input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_million_input: Option<i64>,
    /// Prepaid tokens per million model tokens of input that the provider reads from its prompt cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_million_cache_read: Option<i64>,
    /// Prepaid tokens per million model tokens of input that the provider writes to its prompt cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_million_cache_write: Option<i64>,
    /// Prepaid tokens per million model tokens of output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_million_output: Option<i64>,
    /// Prepaid tokens per million model tokens of reasoning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_million_reasoning: Option<i64>,
    /// Prepaid tokens for each image in the input, in addition to its model tokens.
    #[serde(skip_serializing_if = "is_zero")]
    pub per_image: i64,
    /// The deprecated key, per 1000 model tokens of input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_1k_input: Option<i64>,
    /// The deprecated key, per 1000 model tokens of output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_1k_output: Option<i64>,
}

fn is_zero(price: &i64) -> bool {
    *price == 0
}

/// Model tokens of the deprecated keys, a thousandth of those of the new ones.
const THOUSANDS_PER_MILLION: i64 = 1000;

impl Price {
    /// Returns the price in force.
    pub fn price(&self) -> ModelPrice {
        let deprecated = |per_1k: Option<i64>| per_1k.map(|price| price.saturating_mul(THOUSANDS_PER_MILLION));
        let input = self.per_million_input.or(deprecated(self.per_1k_input)).unwrap_or_default();
        let output = self.per_million_output.or(deprecated(self.per_1k_output)).unwrap_or_default();
        ModelPrice {
            per_message: self.per_message,
            input,
            cache_read: self.per_million_cache_read.unwrap_or(input),
            cache_write: self.per_million_cache_write.unwrap_or(input),
            output,
            reasoning: self.per_million_reasoning.unwrap_or(output),
            per_image: self.per_image,
        }
    }

    /// Returns the deprecated keys that are used, each with the one that replaces it.
    pub fn deprecated_keys(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let keys = [
            ("per_1k_input", "per_million_input", self.per_1k_input),
            ("per_1k_output", "per_million_output", self.per_1k_output),
        ];
        keys.into_iter().filter_map(|(deprecated, new, value)| value.map(|_| (deprecated, new)))
    }

    /// Checks that each part is within its range, and given by one key.
    ///
    /// # Errors
    /// A message that names the key.
    pub(super) fn check(&self) -> Result<(), String> {
        let million = ModelPrice::MAX_PER_MILLION;
        let parts = [
            ("per_message", Some(self.per_message), ModelPrice::MAX_PER_MESSAGE),
            ("per_image", Some(self.per_image), ModelPrice::MAX_PER_MESSAGE),
            ("per_million_input", self.per_million_input, million),
            ("per_million_cache_read", self.per_million_cache_read, million),
            ("per_million_cache_write", self.per_million_cache_write, million),
            ("per_million_output", self.per_million_output, million),
            ("per_million_reasoning", self.per_million_reasoning, million),
            ("per_1k_input", self.per_1k_input, million / THOUSANDS_PER_MILLION),
            ("per_1k_output", self.per_1k_output, million / THOUSANDS_PER_MILLION),
        ];
        for (name, value, most) in parts {
            if let Some(value) = value.filter(|value| !(0..=most).contains(value)) {
                return Err(format!("{name} = {value}: between 0 and {most}"));
            }
        }
        for (deprecated, new) in self.deprecated_keys() {
            let is_given = match new {
                "per_million_input" => self.per_million_input.is_some(),
                _ => self.per_million_output.is_some(),
            };
            if is_given {
                return Err(format!(
                    "{deprecated}: {new} is given, too; remove {deprecated}, which is its deprecated name"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deprecated_keys_mean_the_same_and_omitted_parts_follow_their_whole() {
        let deprecated = Price { per_1k_input: Some(3), per_1k_output: Some(15), ..Price::default() };
        let new = Price { per_million_input: Some(3000), per_million_output: Some(15_000), ..Price::default() };
        assert_eq!(deprecated.price(), new.price());
        assert_eq!(new.price(), ModelPrice::per_million(3000, 15_000));
        assert_eq!(
            deprecated.deprecated_keys().map(|(key, _)| key).collect::<Vec<_>>(),
            ["per_1k_input", "per_1k_output"]
        );
        let cached = Price { per_million_cache_read: Some(300), ..new };
        assert_eq!(cached.price(), ModelPrice { cache_read: 300, ..new.price() });
    }

    #[test]
    fn a_part_is_given_once_and_within_its_range() {
        assert_eq!(Price::default().check(), Ok(()));
        let both = Price { per_1k_input: Some(1), per_million_input: Some(1), ..Price::default() };
        assert!(both.check().is_err_and(|error| error.contains("per_1k_input")), "{both:?}");
        for wrong in [
            Price { per_message: -1, ..Price::default() },
            Price { per_million_reasoning: Some(ModelPrice::MAX_PER_MILLION + 1), ..Price::default() },
            Price { per_1k_output: Some(ModelPrice::MAX_PER_MESSAGE + 1), ..Price::default() },
        ] {
            assert!(wrong.check().is_err(), "{wrong:?}");
        }
    }
}
