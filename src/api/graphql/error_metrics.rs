//! Counts what operations are refused, by code: errors of fields, and mistakes that mutations tell as data.

use async_graphql::Response;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};

use crate::app::App;
use crate::core::error::Code;

tokio::task_local! {
    /// The app that runs the operation: a mutation that tells a mistake as data knows nothing but the mistake.
    static APP: App;
}

/// Runs an operation whose mistakes count.
pub(super) async fn with_error_counting<T>(app: &App, running: impl Future<Output = T>) -> T {
    APP.scope(app.clone(), running).await
}

/// The same for an operation with many answers.
pub(super) fn counting_all(
    app: &App,
    mut running: impl Stream<Item = Response> + Unpin + Send + 'static,
) -> BoxStream<'static, Response> {
    let app = app.clone();
    futures::stream::poll_fn(move |context| APP.sync_scope(app.clone(), || running.poll_next_unpin(context))).boxed()
}

/// A mutation tells a mistake of this kind.
pub(super) fn count(code: Code) {
    // Outside of an operation there is nobody to count for.
    APP.try_with(|app| app.metrics.error("graphql", code.as_str())).ok();
}

/// The errors of an answer.
pub(super) fn count_errors(app: &App, response: &Response) {
    for error in &response.errors {
        let code = error.extensions.as_ref().and_then(|extensions| extensions.get("code"));
        if let Some(async_graphql::Value::String(code)) = code {
            app.metrics.error("graphql", code);
        }
    }
}
