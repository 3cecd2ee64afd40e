//! What is counted and timed, for whoever watches the server: written here, read at the listener of `[metrics]`.
//!
//! Counting costs a few atomic additions, timing a short lock. Labels are names that the configuration or the code
//! knows, never what people bring: no names of users, no paths as they were asked for. What can be read off when somebody
//! looks (open turns, connections, memory) is not kept here, but gathered by `server`.

use std::fmt;
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::core::tokens::Tokens;

/// Everything that is counted and timed.
pub struct Metrics {
    registry: Registry,
    /// The transaction that takes a hold and stores the message.
    pub hold: Timer,
    /// The transaction that closes a chat and settles its hold, with its repetitions.
    pub settle: Timer,
    /// How long followers of a reply take to take a part of it: what comes meanwhile waits for so long.
    pub stream_lag: Timer,
    /// How often a follower missed news and had to read the saved text.
    pub stream_lagged: Counter,
    /// Chats of servers that died, ended by this one.
    pub swept: Counter,
    turns: Family<Turn, Counter>,
    turn_seconds: Family<ModelLabel, Histogram, fn() -> Histogram>,
    first_chunk: Family<ModelLabel, Histogram, fn() -> Histogram>,
    charged: Family<ModelLabel, Counter>,
    over_hold: Family<ModelLabel, Counter>,
    errors: Family<ErrorLabels, Counter>,
    rate_limited: Family<KindLabel, Counter>,
    removed: Family<KindLabel, Counter>,
    requests: Family<RequestLabels, Histogram, fn() -> Histogram>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ModelLabel {
    model: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Turn {
    model: String,
    end: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ErrorLabels {
    transport: &'static str,
    code: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    method: &'static str,
    status: &'static str,
}

impl Metrics {
    /// Nothing counted yet. `batches` is what the database counts by itself: the jobs that are committed together.
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
            over_hold: Family::default(),
            errors: Family::default(),
            rate_limited: Family::default(),
            removed: Family::default(),
            requests: Family::new_with_constructor(quick),
            registry: Registry::default(),
        };
        registry.register("turns", "Turns that have ended, by model and end", new.turns.clone());
        registry.register("tokens_charged", "Tokens charged for turns, by model", new.charged.clone());
        let over = "Turns whose usage would have cost more than their hold, by model";
        registry.register("usage_over_hold", over, new.over_hold.clone());
        registry.register("errors", "Requests and operations refused, by transport and code", new.errors.clone());
        registry.register(
            "rate_limited",
            "What was refused by a limit on how much may be done, by limit",
            new.rate_limited.clone(),
        );
        registry.register(
            "stream_lagged",
            "Parts of replies that a follower read from the database",
            new.stream_lagged.clone(),
        );
        registry.register("chats_swept", "Chats of servers that died, ended by this one", new.swept.clone());
        registry.register("retention_removed", "Rows deleted or made anonymous by retention", new.removed.clone());
        registry.register("database_batch_jobs", "Write transactions that SQLite's writer committed together", batches);
        let seconds = |registry: &mut Registry, name: &str, help: &str, timing: &Timer| {
            registry.register_with_unit(name, help, Unit::Seconds, timing.0.clone());
        };
        seconds(&mut registry, "hold", "Taking a hold and storing the message", &new.hold);
        seconds(&mut registry, "settle", "Closing a chat and settling its hold", &new.settle);
        seconds(&mut registry, "stream_lag", "What a follower takes to take a part of a reply", &new.stream_lag);
        let turn = "Whole turns, from the hold to the settled end, by model";
        registry.register_with_unit("turn_duration", turn, Unit::Seconds, new.turn_seconds.clone());
        let first = "What a model takes to the first piece of its reply";
        registry.register_with_unit("time_to_first_chunk", first, Unit::Seconds, new.first_chunk.clone());
        let requests = "HTTP requests until the answer begins, by route, method and class of status";
        registry.register_with_unit("http_request_duration", requests, Unit::Seconds, new.requests.clone());
        Self { registry, ..new }
    }

    /// A turn has ended in this way, at this cost, after this time.
    pub fn turn(&self, model: &str, end: String, cost: Tokens, took: Duration) {
        let of_model = ModelLabel { model: model.to_owned() };
        self.turn_seconds.get_or_create(&of_model).observe(took.as_secs_f64());
        self.charged.get_or_create(&of_model).inc_by(u64::try_from(cost.0).unwrap_or(0));
        self.turns.get_or_create(&Turn { model: of_model.model, end }).inc();
    }

    /// The usage of a turn would have cost more than its hold.
    pub fn usage_over_hold(&self, model: &str) {
        self.over_hold.get_or_create(&ModelLabel { model: model.to_owned() }).inc();
    }

    /// The reply, with a clock on the first of its events that is a piece.
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

    /// A transport has refused something, or failed at it: the code as it is written in answers.
    pub fn error(&self, transport: &'static str, code: &str) {
        self.errors.get_or_create(&ErrorLabels { transport, code: code.to_owned() }).inc();
    }

    /// Passes on what a limit of this kind said, and counts its refusals.
    ///
    /// # Errors
    /// The limit's own.
    pub fn count_rate_limited<T, E>(&self, kind: &'static str, outcome: Result<T, E>) -> Result<T, E> {
        if outcome.is_err() {
            self.rate_limited.get_or_create(&KindLabel { kind }).inc();
        }
        outcome
    }

    /// Retention has removed so many of a kind.
    pub fn removed(&self, kind: &'static str, count: u64) {
        self.removed.get_or_create(&KindLabel { kind }).inc_by(count);
    }

    /// A request to this route was answered, or an answer of many parts begun.
    pub fn request(&self, route: &str, method: &'static str, status: u16, took: Duration) {
        let status = match status {
            100..200 => "1xx",
            200..300 => "2xx",
            300..400 => "3xx",
            400..500 => "4xx",
            _ => "5xx",
        };
        let asked = RequestLabels { route: route.to_owned(), method, status };
        self.requests.get_or_create(&asked).observe(took.as_secs_f64());
    }

    /// Everything as text (OpenMetrics 1.0), together with what others have gathered.
    ///
    /// # Errors
    /// Where a metric can't be written.
    pub fn page(&self, gathered: &[Registry]) -> Result<String, fmt::Error> {
        let mut page = String::new();
        for registry in [&self.registry].into_iter().chain(gathered) {
            text::encode_registry(&mut page, registry)?;
        }
        text::encode_eof(&mut page)?;
        Ok(page)
    }
}

/// How long something takes, each time.
pub struct Timer(Histogram);

impl Timer {
    /// Times what is awaited.
    pub async fn of<T>(&self, work: impl Future<Output = T>) -> T {
        let since = Instant::now();
        let done = work.await;
        self.since(since);
        done
    }

    /// It began then and ends now.
    pub fn since(&self, began: Instant) {
        self.0.observe(began.elapsed().as_secs_f64());
    }
}

/// From half a millisecond to eight seconds.
fn quick() -> Histogram {
    Histogram::new(exponential_buckets(0.0005, 2.0, 15))
}

/// From a hundredth of a second to five minutes.
fn slow() -> Histogram {
    Histogram::new(exponential_buckets(0.01, 2.0, 16))
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
