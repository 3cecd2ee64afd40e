//! Prometheus metrics: counters and histograms, written by the application and served by the listener of `[metrics]`.
//!
//! Counting costs a few atomic additions, timing a short lock. Label values are names from the configuration or the
//! code, never user input: no usernames, no request paths. Gauges that can be read at scrape time (open turns,
//! connections, memory) are not kept here but gathered by `server`.

mod labels;
mod timer;

use std::fmt;
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt};
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use self::labels::{ErrorLabels, KindLabel, ModelLabel, RequestLabels, ResultLabel, Turn, UnitLabels};
pub use self::timer::Timer;
use self::timer::{quick, slow};
use crate::core::tokens::Tokens;
use crate::core::usage::Usage;

/// All counters and histograms of the application.
pub struct Metrics {
    registry: Registry,
    /// Duration of the transaction that takes a hold and stores the message.
    pub hold: Timer,
    /// Duration of the transaction that closes a chat and settles its hold, including retries.
    pub settle: Timer,
    /// Time that a reply stream takes to accept a chunk: later chunks are delayed by as much.
    pub stream_lag: Timer,
    /// Reply streams that lagged behind the bus and reread the stored reply.
    pub stream_lagged: Counter,
    /// Chats with an expired lease that this server closed.
    pub swept: Counter,
    turns: Family<Turn, Counter>,
    turn_seconds: Family<ModelLabel, Histogram, fn() -> Histogram>,
    first_chunk: Family<ModelLabel, Histogram, fn() -> Histogram>,
    charged: Family<ModelLabel, Counter>,
    units: Family<UnitLabels, Counter>,
    titles: Family<ModelLabel, Counter>,
    over_hold: Family<ModelLabel, Counter>,
    errors: Family<ErrorLabels, Counter>,
    rate_limited: Family<KindLabel, Counter>,
    removed: Family<KindLabel, Counter>,
    config_reloads: Family<ResultLabel, Counter>,
    webhook_deliveries: Family<KindLabel, Counter>,
    requests: Family<RequestLabels, Histogram, fn() -> Histogram>,
}

impl Metrics {
    /// Creates metrics at zero. `batches` is the histogram that the database keeps: jobs per commit.
    pub fn new(batches: Histogram) -> Self {
        let mut registry = Registry::with_prefix("jeton");
        let new = Self {
            hold: Timer(quick()),
            settle: Timer(quick()),
            stream_lag: Timer(quick()),
            stream_lagged: Counter::default(),
            swept: Counter::default(),
            turns: Family::default(),
            turn_seconds: Family::new_with_constructor(slow),
            first_chunk: Family::new_with_constructor(slow),
            charged: Family::default(),
            units: Family::default(),
            titles: Family::default(),
            over_hold: Family::default(),
            errors: Family::default(),
            rate_limited: Family::default(),
            removed: Family::default(),
            config_reloads: Family::default(),
            webhook_deliveries: Family::default(),
            requests: Family::new_with_constructor(quick),
            registry: Registry::default(),
        };
        registry.register("turns", "Finished turns, by model and outcome", new.turns.clone());
        registry.register("tokens_charged", "Prepaid tokens charged for turns, by model", new.charged.clone());
        let units = "Model tokens of finished turns, by model and class; the input without what a cache had a part in";
        registry.register("model_tokens", units, new.units.clone());
        registry.register("titles", "Titles generated at the expense of the operator, by model", new.titles.clone());
        let over = "Turns whose metered usage would have cost more than their hold, by model";
        registry.register("usage_over_hold", over, new.over_hold.clone());
        registry.register("errors", "Error responses, by transport and code", new.errors.clone());
        registry.register(
            "rate_limited",
            "Requests rejected by a rate or concurrency limit, by limit",
            new.rate_limited.clone(),
        );
        registry.register(
            "stream_lagged",
            "Times that a reply stream lagged and reread the reply from the database",
            new.stream_lagged.clone(),
        );
        registry.register("chats_swept", "Chats with an expired lease that this server closed", new.swept.clone());
        registry.register("retention_removed", "Rows deleted or anonymized by retention", new.removed.clone());
        let reloads = "Reloads of the configuration, by result";
        registry.register("config_reloads", reloads, new.config_reloads.clone());
        let attempts = "Attempts to deliver an event to a webhook, by outcome: delivered, retried, failed, overtaken";
        registry.register("webhook_attempts", attempts, new.webhook_deliveries.clone());
        registry.register("database_batch_jobs", "Write transactions per commit of the SQLite writer", batches);
        let seconds = |registry: &mut Registry, name: &str, help: &str, timing: &Timer| {
            registry.register_with_unit(name, help, Unit::Seconds, timing.0.clone());
        };
        seconds(&mut registry, "hold", "Duration of taking a hold and storing the message", &new.hold);
        seconds(&mut registry, "settle", "Duration of closing a chat and settling its hold", &new.settle);
        seconds(&mut registry, "stream_lag", "Time that a reply stream takes to accept a chunk", &new.stream_lag);
        let turn = "Duration of a turn from the hold to the settlement, by model";
        registry.register_with_unit("turn_duration", turn, Unit::Seconds, new.turn_seconds.clone());
        let first = "Time to the first chunk of a reply, by model";
        registry.register_with_unit("time_to_first_chunk", first, Unit::Seconds, new.first_chunk.clone());
        let requests = "Time until the HTTP response starts, by route, method and status class";
        registry.register_with_unit("http_request_duration", requests, Unit::Seconds, new.requests.clone());
        Self { registry, ..new }
    }

    /// Counts a finished turn: its outcome, its cost in prepaid tokens and its duration.
    pub fn turn(&self, model: &str, end: String, cost: Tokens, took: Duration) {
        let of_model = ModelLabel { model: model.to_owned() };
        self.turn_seconds.get_or_create(&of_model).observe(took.as_secs_f64());
        self.charged.get_or_create(&of_model).inc_by(u64::try_from(cost.0).unwrap_or(0));
        self.turns.get_or_create(&Turn { model: of_model.model, end }).inc();
    }

    /// Counts the usage of a finished turn. The classes do not overlap: their sum is the whole.
    pub fn usage(&self, model: &str, usage: Usage) {
        let classes = [
            ("input", usage.uncached_input()),
            ("cache_read", usage.cache_read),
            ("cache_write", usage.cache_write),
            ("output", usage.answer()),
            ("reasoning", usage.reasoning),
        ];
        for (class, units) in classes.into_iter().filter(|(_, units)| *units > 0) {
            self.units.get_or_create(&UnitLabels { model: model.to_owned(), class }).inc_by(units);
        }
    }

    /// Counts a title that was generated at the expense of the operator, with its usage.
    pub fn title(&self, model: &str, usage: Usage) {
        self.titles.get_or_create(&ModelLabel { model: model.to_owned() }).inc();
        self.usage(model, usage);
    }

    /// Counts a turn whose metered usage would have cost more than its hold.
    pub fn usage_over_hold(&self, model: &str) {
        self.over_hold.get_or_create(&ModelLabel { model: model.to_owned() }).inc();
    }

    /// Wraps a reply to observe the time to its first chunk (`is_piece`).
    pub fn time_to_first_chunk<T, E, S>(
        &self,
        model: &str,
        reply: S,
        is_piece: fn(&T) -> bool,
    ) -> impl Stream<Item = Result<T, E>> + use<T, E, S>
    where
        S: Stream<Item = Result<T, E>>,
    {
        let waiting = self.first_chunk.get_or_create_owned(&ModelLabel { model: model.to_owned() });
        let mut waiting = Some((Instant::now(), waiting));
        reply.inspect(move |event| {
            if let Some((since, histogram)) = waiting.take_if(|_| event.as_ref().is_ok_and(is_piece)) {
                histogram.observe(since.elapsed().as_secs_f64());
            }
        })
    }

    /// Counts an error response of a transport by its public error code.
    pub fn error(&self, transport: &'static str, code: &str) {
        self.errors.get_or_create(&ErrorLabels { transport, code: code.to_owned() }).inc();
    }

    /// Returns `outcome` unchanged, and counts it if this kind of limit rejected the request.
    ///
    /// # Errors
    /// Those of the limit.
    pub fn count_rate_limited<T, E>(&self, kind: &'static str, outcome: Result<T, E>) -> Result<T, E> {
        if outcome.is_err() {
            self.rate_limited.get_or_create(&KindLabel { kind }).inc();
        }
        outcome
    }

    /// Adds `count` rows of a kind that retention removed.
    pub fn removed(&self, kind: &'static str, count: u64) {
        self.removed.get_or_create(&KindLabel { kind }).inc_by(count);
    }

    /// Counts a reload of the configuration: `applied` or `failed`.
    pub fn config_reload(&self, result: &'static str) {
        self.config_reloads.get_or_create(&ResultLabel { result }).inc();
    }

    /// Counts an attempt to deliver an event to a webhook by its outcome.
    pub fn webhook_delivery(&self, outcome: &'static str) {
        self.webhook_deliveries.get_or_create(&KindLabel { kind: outcome }).inc();
    }

    /// Observes a request to this route: the time until its response, or the start of a streamed response.
    pub fn request(&self, route: &str, method: &'static str, status: u16, took: Duration) {
        let status = match status {
            100..200 => "1xx",
            200..300 => "2xx",
            300..400 => "3xx",
            400..500 => "4xx",
            _ => "5xx",
        };
        let labels = RequestLabels { route: route.to_owned(), method, status };
        self.requests.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// Returns all metrics as text (OpenMetrics 1.0), including the `gathered` registries.
    ///
    /// # Errors
    /// If a metric can't be encoded.
    pub fn page(&self, gathered: &[Registry]) -> Result<String, fmt::Error> {
        let mut page = String::new();
        for registry in [&self.registry].into_iter().chain(gathered) {
            text::encode_registry(&mut page, registry)?;
        }
        text::encode_eof(&mut page)?;
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_first_good_piece_is_timed_and_only_refusals_of_a_limit_count() {
        let metrics = Metrics::new(Histogram::new([1.0]));
        let reply = futures::stream::iter([Err("busy"), Ok("(accepted)"), Ok("a"), Ok("b")]);
        let reply = metrics.time_to_first_chunk("m", reply, |event| !event.starts_with('('));
        assert_eq!(reply.collect::<Vec<_>>().await.len(), 4);
        assert_eq!(metrics.count_rate_limited::<_, ()>("user", Ok(1)), Ok(1));
        assert_eq!(metrics.count_rate_limited::<(), _>("user", Err(2)), Err(2));
        let page = metrics.page(&[]).unwrap();
        assert!(page.contains("\njeton_time_to_first_chunk_seconds_count{model=\"m\"} 1\n"), "{page}");
        assert!(page.contains("\njeton_rate_limited_total{kind=\"user\"} 1\n"), "{page}");
        assert!(page.ends_with("# EOF\n"));
    }
}
