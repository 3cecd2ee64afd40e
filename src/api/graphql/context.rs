//! What resolvers find in their context: the app, the viewer, and what the client says of itself.

use std::sync::Arc;

use async_graphql::{Context, Result};

use crate::app::App;
use crate::core::error::Error;
use crate::core::viewer::Viewer;

/// The app and the viewer: the first two arguments of every domain function.
pub(super) fn app_and_viewer<'a>(ctx: &Context<'a>) -> Result<(&'a App, Viewer)> {
    Ok((ctx.data::<App>()?, *ctx.data::<Viewer>()?))
}

/// An error that a loader gave to several fields, as the error of one of them.
pub(super) fn shared(error: Arc<Error>) -> Error {
    Error::new(error.code, error.message.clone()).with_source(error)
}
