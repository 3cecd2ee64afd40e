//! Parses the body of a chat completion into an API call of the domain.

use axum::body::Bytes;
use serde::Deserialize;

use super::error::ApiError;
use super::{local_messages, local_params};
use crate::app::App;
use crate::domain::chat::{Admission, ApiCall};
use crate::infra::ai::{FromMember, Passthrough, RawRequest, Request};
use crate::infra::catalog::Model;

/// A parsed chat completion request.
pub(super) struct CompletionRequest {
    pub(super) call: ApiCall,
    /// Whether to stream the response.
    pub(super) stream: bool,
    /// Whether the stream ends with a chunk that has the usage.
    pub(super) show_usage: bool,
}

#[derive(Default, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: Option<bool>,
}

impl FromMember for StreamOptions {
    const KIND: &'static str = "an object, in which `include_usage` is true or false";
}

/// Parses a call. Takes time in proportion to the body.
///
/// # Errors
/// Invalid or unsupported parameters; a model that does not exist.
pub(super) fn read(
    app: &App,
    body: Bytes,
    idempotency_key: Option<String>,
    admission: Option<Admission>,
) -> Result<CompletionRequest, ApiError> {
    let raw = RawRequest::parse(body)?;
    let name: String = raw.read("model")?.ok_or_else(|| ApiError::missing("model"))?;
    let models = app.models();
    let model = models.get(Some(&name)).ok_or_else(|| ApiError::no_model(&name))?;
    match raw.messages() {
        None => return Err(ApiError::missing("messages")),
        Some(0) => return Err(ApiError::invalid_param("messages", "empty_array", "`messages` is empty.".to_owned())),
        Some(_) => {}
    }
    let stream = raw.read::<bool>("stream")?.unwrap_or_default();
    let options: Option<StreamOptions> = raw.read("stream_options")?;
    if options.is_some() && !stream {
        return Err(ApiError::param("stream_options", "`stream_options` is only allowed with `stream`."));
    }
    let show_usage = options.and_then(|options| options.include_usage).unwrap_or_default();
    model.check_capabilities(&raw)?;
    let choices = model.provider.answers(&raw)?;
    let max_output = limit(&raw)?;
    let text = if app.config().v1.store_api_messages { local_messages::said_last(&raw) } else { String::new() };
    let fingerprint = idempotency_key.is_some().then(|| app.api_key_hasher.of(raw.body()));
    let request = request(model, raw, stream, show_usage)?;
    let call = ApiCall { model: name, request, max_output, choices, text, idempotency_key, fingerprint, admission };
    Ok(CompletionRequest { call, stream, show_usage })
}

fn request(model: &Model, raw: RawRequest, stream: bool, show_usage: bool) -> Result<Request, ApiError> {
    if model.provider.max_input_of_call(&raw).is_some() {
        let passing = Some(Passthrough { call: raw, stream, show_usage });
        return Ok(Request { passing, ..Request::default() });
    }
    let sampling = local_params::sampling(&raw, model)?;
    Ok(Request { messages: local_messages::messages(&raw, model)?.into(), sampling, ..Request::default() })
}

/// Returns the smaller of the two output limits that a call may set, in model tokens.
fn limit(raw: &RawRequest) -> Result<Option<u64>, ApiError> {
    let mut limit: Option<u64> = None;
    for name in ["max_tokens", "max_completion_tokens"] {
        let Some(given) = raw.read::<u64>(name)? else { continue };
        if given == 0 {
            let message =
                format!("Invalid '{name}': integer below minimum value. Expected a value >= 1, but got 0 instead.");
            return Err(ApiError::invalid_param(name, "integer_below_min_value", message));
        }
        limit = Some(limit.map_or(given, |limit| limit.min(given)));
    }
    Ok(limit)
}
