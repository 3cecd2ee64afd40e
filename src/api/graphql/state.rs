//! The state that all transports share. Holds, and must not decide anything.

use std::sync::Arc;

use axum::body::Bytes;
use serde::de::DeserializeOwned;

use super::execution::budget::Budgets;
use super::execution::expensive::Expensive;
use super::schema::{self, Schema};
use super::validation::documents::{self, Documents};
use super::validation::facts::SchemaFacts;
use crate::app::App;
use crate::core::error::Error;

/// Size above which requests are parsed on the worker thread for expensive work, in bytes.
const LARGE: usize = 64 << 10;

/// The state that all transports share.
pub(super) struct GraphqlState {
    pub(super) app: App,
    pub(super) schema: Schema,
    pub(super) facts: SchemaFacts,
    pub(super) documents: Documents,
    pub(super) budgets: Arc<Budgets>,
    pub(super) expensive: Expensive,
}

impl GraphqlState {
    /// Returns the state of a server, shared by all requests.
    pub(super) fn new(app: &App) -> Arc<Self> {
        Arc::new(Self {
            app: app.clone(),
            schema: schema::schema(app),
            facts: SchemaFacts::of(&schema::types(), app.models.iter().count()),
            documents: documents::documents(),
            budgets: Budgets::of(&app.config),
            expensive: Expensive::new(),
        })
    }

    /// Parses JSON, a large text on the worker thread for expensive work.
    ///
    /// # Errors
    /// INTERNAL if parsing panics.
    pub(super) async fn read<T: DeserializeOwned + Send + 'static>(
        &self,
        text: Bytes,
    ) -> Result<serde_json::Result<T>, Error> {
        let size = text.len();
        let read = move || serde_json::from_slice(&text);
        if size > LARGE { self.expensive.run(async move { read() }).await } else { Ok(read()) }
    }
}
