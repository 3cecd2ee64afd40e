//! The data in the context of resolvers: the app, the viewer and the client info.

use std::sync::Arc;

use async_graphql::{Context, Result};

use crate::app::App;
use crate::core::error::Error;
use crate::core::viewer::Viewer;

/// Returns the app and the viewer, the first two arguments of every domain function.
pub(super) fn app_and_viewer<'a>(ctx: &Context<'a>) -> Result<(&'a App, Viewer)> {
    Ok((ctx.data::<App>()?, *ctx.data::<Viewer>()?))
}

/// Returns the error of a data loader, which several fields share, as an error of one field.
pub(super) fn shared(error: Arc<Error>) -> Error {
    Error::new(error.code, error.message.clone()).with_source(error)
}
