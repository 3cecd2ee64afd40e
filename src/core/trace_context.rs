//! Trace context propagation: from the headers of a request, into a concurrent task, into the headers of a call.
//!
//! The context is the W3C's `traceparent`. If no traces are exported, nothing here has an effect.

use opentelemetry::global;
use opentelemetry_http::{HeaderExtractor, HeaderInjector};
use reqwest::header::HeaderMap;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Makes the span of a request part of the trace that its headers name.
pub fn join(span: &Span, headers: &HeaderMap) {
    if headers.contains_key("traceparent") {
        let parent = global::get_text_map_propagator(|propagator| propagator.extract(&HeaderExtractor(headers)));
        // Fails only for a span that has already started, which then has a trace of its own.
        span.set_parent(parent).ok();
    }
}

/// Makes a span without a parent part of the current trace, without keeping the current span open until it ends.
pub fn beside(span: Span) -> Span {
    if !span.is_disabled() {
        span.set_parent(Span::current().context()).ok();
    }
    span
}

/// Returns the headers that propagate the trace to another server.
pub fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    let context = Span::current().context();
    global::get_text_map_propagator(|propagator| {
        propagator.inject_context(&context, &mut HeaderInjector(&mut headers))
    });
    headers
}
