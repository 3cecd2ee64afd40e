//! A cache of valid documents.

use std::sync::Arc;

use async_graphql::parser::types::ExecutableDocument;

use super::DocumentVariables;

/// Maximum size of the text of cached documents, in bytes; parsed it takes about ten times as much memory.
const MAX_BYTES: u64 = 1 << 20;

/// A cache of valid documents by their text: clients send the same few documents repeatedly, and parsing and validating
/// one takes longer than all other work before its execution.
pub(crate) type Documents = moka::sync::Cache<String, ValidDocument>;

/// A valid document: parsed for execution, with the variables of its operations.
#[derive(Clone)]
pub(crate) struct ValidDocument {
    pub(crate) parsed: Arc<ExecutableDocument>,
    pub(crate) variables: Arc<DocumentVariables>,
}

/// Returns an empty cache.
pub(crate) fn documents() -> Documents {
    let weight = |text: &String, _: &ValidDocument| u32::try_from(text.len()).unwrap_or(u32::MAX);
    moka::sync::Cache::builder().weigher(weight).max_capacity(MAX_BYTES).build()
}
