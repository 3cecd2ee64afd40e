//! Logging and tracing: which events are written to standard error, their format, and where spans are exported. Must
//! not write to standard output, which belongs to the commands. Metrics are in `metrics`.

use std::fmt;
use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry::{KeyValue, global};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Handle;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, reload};

use crate::core::error::{Code, Error};
use crate::infra::config::{Log, LogFormat, Telemetry, public_url};

/// The timeout for exporting one batch of spans.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);
/// The timeout for exporting the remaining spans on shutdown.
const LAST_SPANS: Duration = Duration::from_secs(5);

/// Starts logging. At most once per process.
///
/// # Errors
/// INVALID_INPUT that names the key if the filter is invalid; INTERNAL if logging has been started before.
pub fn start(log: &Log) -> Result<LogFilter, Error> {
    let (lines, filter) = lines(log)?;
    tracing_subscriber::registry().with(lines).try_init().map_err(|error| Error::internal(error))?;
    Ok(filter)
}

/// The filter of the log, which can be replaced.
#[derive(Clone, Default)]
pub struct LogFilter(Option<reload::Handle<EnvFilter, Registry>>);

impl LogFilter {
    /// Replaces the filter. Without a log, as in tests, this has no effect.
    ///
    /// # Errors
    /// INTERNAL if logging has ended.
    pub fn replace(&self, next: EnvFilter) -> Result<(), Error> {
        self.0.as_ref().map_or(Ok(()), |handle| handle.reload(next)).map_err(|error| Error::internal(error))
    }
}

/// Starts logging and, if a collector is configured, the export of spans. At most once per process, within its runtime.
///
/// # Errors
/// As [`start`]; INVALID_INPUT also if the collector's address is invalid.
pub fn start_with_traces(log: &Log, telemetry: &Telemetry) -> Result<(Traces, LogFilter), Error> {
    if telemetry.otlp_endpoint.is_empty() {
        return Ok((Traces(None), start(log)?));
    }
    let provider = exporting(&telemetry.otlp_endpoint)?;
    global::set_text_map_propagator(TraceContextPropagator::new());
    // Only spans are exported: log events may hold data that must not leave the server.
    let ours = Targets::new().with_target("jeton", LevelFilter::DEBUG);
    let spans = tracing_subscriber::filter::filter_fn(|metadata| metadata.is_span());
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("jeton"))
        .with_location(false)
        .with_threads(false)
        .with_filter(ours)
        .with_filter(spans);
    let (lines, filter) = lines(log)?;
    tracing_subscriber::registry().with(lines).with(layer).try_init().map_err(|error| Error::internal(error))?;
    Ok((Traces(Some(provider)), filter))
}

/// The span exporter; empty if no collector is configured.
pub struct Traces(Option<SdkTracerProvider>);

impl Traces {
    /// Exports the remaining spans and shuts the exporter down.
    pub async fn end(self) {
        let Some(provider) = self.0 else { return };
        let ended = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(LAST_SPANS)).await;
        if let Ok(Err(error)) = ended {
            tracing::warn!(%error, "span exporter shutdown failed");
        }
    }
}

/// Returns the layer that writes log lines, and its filter.
fn lines(log: &Log) -> Result<(Box<dyn Layer<Registry> + Send + Sync>, LogFilter), Error> {
    let (filter, handle) = reload::Layer::new(filter(log)?);
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    // Colours only on a terminal. There the library decides, since it heeds NO_COLOR.
    let lines = if io::stderr().is_terminal() { lines } else { lines.with_ansi(false) };
    let lines = match log.format {
        LogFormat::Compact => lines.compact().with_filter(filter).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).with_filter(filter).boxed(),
    };
    Ok((lines, LogFilter(Some(handle))))
}

/// Parses the filter of the configuration.
///
/// # Errors
/// INVALID_INPUT that names the key if the filter is invalid.
pub fn filter(log: &Log) -> Result<EnvFilter, Error> {
    EnvFilter::builder().parse(&log.filter).map_err(|error| {
        let message = format!("log.filter: \"{}\" is invalid (try \"info\" or \"jeton=debug\")", log.filter);
        Error::new(Code::InvalidInput, message).with_source(error)
    })
}

/// Creates a provider that exports spans in batches on a thread of its own. Sampling, batch size, resource attributes
/// and headers for the collector come from the `OTEL_` environment variables, which the library reads.
fn exporting(endpoint: &str) -> Result<SdkTracerProvider, Error> {
    let client = reqwest::Client::builder().timeout(EXPORT_TIMEOUT).build().map_err(|error| Error::internal(error))?;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Collector { client, runtime: Handle::current(), failing: AtomicBool::new(false) })
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .with_protocol(Protocol::HttpBinary)
        .build()
        .map_err(|error| {
            Error::new(
                Code::InvalidInput,
                format!("telemetry.otlp_endpoint: \"{}\" is not a valid URL", public_url(endpoint)),
            )
            .with_source(error)
        })?;
    let found = Resource::builder().build().get(&"service.name".into());
    let named = Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    let resource = match found {
        Some(name) if !name.as_str().starts_with("unknown_service") => named,
        _ => named.with_service_name("jeton"),
    };
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource.build()).build())
}

/// The HTTP client of the collector: the library's thread sends by a client of this runtime.
struct Collector {
    client: reqwest::Client,
    runtime: Handle,
    /// Set after the first failure, so that an outage is logged once, until an export succeeds.
    failing: AtomicBool,
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Collector")
    }
}

#[async_trait::async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (client, request) = (self.client.clone(), reqwest::Request::try_from(request)?);
        // The library's thread is not part of the runtime.
        let answered = self.runtime.spawn(async move {
            let response = client.execute(request).await.map_err(reqwest::Error::without_url)?;
            let status = response.status();
            Ok::<_, reqwest::Error>((status, response.bytes().await?))
        });
        let answer = answered.await?;
        let trouble = match &answer {
            Ok((status, _)) if status.is_success() => None,
            Ok((status, _)) => Some(status.to_string()),
            Err(error) => Some(error.to_string()),
        };
        let was_failing = self.failing.swap(trouble.is_some(), Ordering::Relaxed);
        match trouble {
            Some(trouble) if !was_failing => tracing::warn!(trouble, "span export failed; spans are dropped"),
            None if was_failing => tracing::info!("span export restored"),
            _ => {}
        }
        let (status, body) = answer?;
        Ok(Response::builder().status(status).body(body)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_filter_names_its_key() {
        let log = |filter: &str| Log { filter: filter.to_owned(), format: LogFormat::Compact };
        for valid in ["info", "warn,jeton=debug", "off"] {
            assert!(filter(&log(valid)).is_ok(), "{valid}");
        }
        let error = filter(&log("jeton=loud")).unwrap_err();
        assert!(error.message.starts_with("log.filter: "), "{error:?}");
    }
}
