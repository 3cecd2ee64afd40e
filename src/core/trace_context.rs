//! Where a trace goes on: from the headers of a request, into a task beside it, into the headers of a call.
//!
//! The W3C's `traceparent`. Where no traces are exported, nothing here does anything.

use opentelemetry::global;
use opentelemetry_http::{HeaderExtractor, HeaderInjector};
use reqwest::header::HeaderMap;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Lets the span of a request belong to the trace that its headers name.
pub fn join(span: &Span, headers: &HeaderMap) {
    if headers.contains_key("traceparent") {
        let parent = global::get_text_map_propagator(|propagator| propagator.extract(&HeaderExtractor(headers)));
        // Only a span that has begun already refuses; it then has a trace of its own.
        span.set_parent(parent).ok();
    }
}

/// Lets a span without a parent belong to the trace of this one, without keeping this one open for as long.
pub fn beside(span: Span) -> Span {
    if !span.is_disabled() {
        span.set_parent(Span::current().context()).ok();
    }
    span
}

/// What tells another server of the trace.
pub fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    let context = Span::current().context();
    global::get_text_map_propagator(|propagator| {
        propagator.inject_context(&context, &mut HeaderInjector(&mut headers))
    });
    headers
}
