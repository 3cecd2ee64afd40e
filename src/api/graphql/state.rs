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
#[derive(Clone)]
pub(super) struct Graphql {
    pub(super) app: App,
    pub(super) schema: Schema,
    pub(super) facts: Arc<SchemaFacts>,
    pub(super) documents: Documents,
    pub(super) budgets: Arc<Budgets>,
    pub(super) expensive: Arc<Expensive>,
}

impl Graphql {
    /// Returns the state of a server.
    pub(super) fn new(app: &App) -> Self {
        Self {
            app: app.clone(),
            schema: schema::schema(app),
            facts: Arc::new(SchemaFacts::of(&schema::types(), app.models.iter().count())),
            documents: documents::documents(),
            budgets: Budgets::of(&app.config),
            expensive: Arc::new(Expensive::new()),
        }
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
