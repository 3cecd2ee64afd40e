//! Typed columns of API keys.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use sea_orm::DeriveValueType;
use sea_orm::prelude::DateTimeUtc;
use serde::Deserialize;

/// The models that a key may use. Stored as a JSON array of names; invalid JSON allows no model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, DeriveValueType)]
#[sea_orm(value_type = "String")]
#[serde(from = "String")]
pub struct AllowedModels(Vec<String>);

impl AllowedModels {
    /// Returns the list of these models.
    pub fn new(names: Vec<String>) -> Self {
        Self(names)
    }

    /// Returns the names of the models.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// Returns whether the list has this model.
    pub fn allows(&self, model: &str) -> bool {
        self.0.iter().any(|allowed| allowed == model)
    }
}

impl FromStr for AllowedModels {
    type Err = Infallible;

    fn from_str(stored: &str) -> Result<Self, Infallible> {
        Ok(Self(serde_json::from_str(stored).unwrap_or_default()))
    }
}

impl From<String> for AllowedModels {
    fn from(stored: String) -> Self {
        let Ok(models) = stored.parse();
        models
    }
}

impl fmt::Display for AllowedModels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", serde_json::json!(self.0))
    }
}

/// A day in UTC, such as `2026-01-31`; empty before the first. Later days compare greater, as their texts do.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, DeriveValueType)]
pub struct Day(String);

impl Day {
    /// Returns the day of a time.
    pub fn of(at: DateTimeUtc) -> Self {
        Self(at.format("%Y-%m-%d").to_string())
    }
}

/// A month in UTC, such as `2026-01`; empty before the first. Later months compare greater, as their texts do.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, DeriveValueType)]
pub struct Month(String);

impl Month {
    /// Returns the month of a time.
    pub fn of(at: DateTimeUtc) -> Self {
        Self(at.format("%Y-%m").to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allowed_models_are_a_json_array_and_nothing_else_allows_any() {
        let models = AllowedModels::new(vec!["a".to_owned(), "b\"c".to_owned()]);
        assert_eq!(models.to_string(), r#"["a","b\"c"]"#);
        assert_eq!(models.to_string().parse(), Ok(models.clone()));
        assert!(models.allows("a") && !models.allows("c"));
        for invalid in ["", "a", "{}", "[1]"] {
            assert_eq!(AllowedModels::from(invalid.to_owned()), AllowedModels::default(), "{invalid}");
        }
    }
}
