//! Error metrics of operations, by code: GraphQL errors, and errors that mutations return as data.

use async_graphql::Response;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};

use crate::app::App;
use crate::core::error::Code;

tokio::task_local! {
    /// The app that runs the operation, since the conversion of errors to data has no access to it otherwise.
    static APP: App;
}

/// Runs an operation and counts its errors.
pub(crate) async fn with_error_counting<T>(app: &App, running: impl Future<Output = T>) -> T {
    APP.scope(app.clone(), running).await
}

/// As [`with_error_counting`], for an operation with many responses.
pub(crate) fn counting_all(
    app: &App,
    mut running: impl Stream<Item = Response> + Unpin + Send + 'static,
) -> BoxStream<'static, Response> {
    let app = app.clone();
    futures::stream::poll_fn(move |context| APP.sync_scope(app.clone(), || running.poll_next_unpin(context))).boxed()
}

/// Counts an error that a mutation returns as data.
pub(crate) fn count(code: Code) {
    // Outside of an operation there are no metrics to count in.
    APP.try_with(|app| app.metrics.error("graphql", code.as_str())).ok();
}

/// Counts the GraphQL errors of a response.
pub(crate) fn count_errors(app: &App, response: &Response) {
    for error in &response.errors {
        let code = error.extensions.as_ref().and_then(|extensions| extensions.get("code"));
        if let Some(async_graphql::Value::String(code)) = code {
            app.metrics.error("graphql", code);
        }
    }
}
