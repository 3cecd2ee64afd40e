//! The state that all transports share. Holds, and must not decide anything.

use std::sync::{Arc, PoisonError, RwLock};

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
    facts: RwLock<(usize, Arc<SchemaFacts>)>,
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
            facts: RwLock::new(facts(app.models().count())),
            documents: documents::documents(),
            budgets: Budgets::of(&app.config()),
            expensive: Expensive::new(),
        })
    }

    /// Returns the facts of the schema, for the number of models as of now.
    pub(super) fn facts(&self) -> Arc<SchemaFacts> {
        let models = self.app.models().count();
        let known = self.facts.read().unwrap_or_else(PoisonError::into_inner).clone();
        if known.0 == models {
            return known.1;
        }
        let now = facts(models);
        *self.facts.write().unwrap_or_else(PoisonError::into_inner) = now.clone();
        now.1
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

fn facts(models: usize) -> (usize, Arc<SchemaFacts>) {
    (models, Arc::new(SchemaFacts::of(&schema::types(), models)))
}
