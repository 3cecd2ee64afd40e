//! Checks of this schema's custom scalars.

use async_graphql::ScalarType;
use chrono::{DateTime, Utc};

use crate::core::tokens::Tokens;

/// A check whether a value is valid for a scalar.
pub(super) type ScalarCheck = fn(async_graphql::Value) -> bool;
/// The custom scalars with their checks.
pub(super) const CUSTOM_SCALARS: [(&str, ScalarCheck); 2] =
    [("Tokens", |value| Tokens::parse(value).is_ok()), ("DateTime", |value| DateTime::<Utc>::parse(value).is_ok())];

/// Returns the check of a custom scalar; `None` for other types.
pub(super) fn custom_scalar(name: &str) -> Option<ScalarCheck> {
    CUSTOM_SCALARS.iter().find(|(scalar, _)| *scalar == name).map(|(_, check)| *check)
}
