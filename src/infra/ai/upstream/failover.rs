//! Failover: the upstreams are tried one after the other, and again after a delay, until one begins to respond.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::iter;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Body, Response, StatusCode};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::breaker::Breaker;
use super::endpoint::{Upstream, encoding, is_rejection, is_worth_another_try, retry_after, seconds};
use super::failure::{UpstreamFailure, unavailable};
use super::open_response::OpenResponse;
use super::protocol::OwnCall;
use super::timeouts::{no_first_byte, not_connected};
use super::{Inner, rewrite};
use crate::core::error::{Code, Error};
use crate::core::trace_context;
use crate::infra::ai::route_state::RouteErrorKind;
use crate::infra::ai::{Message, Request};

/// The first delay before a retry; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The maximum delay: an upstream that requests a longer one is not retried.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

impl Inner {
    /// Tries the upstreams one after the other until one begins to respond, and retries all while retries are left.
    /// `accepted` is notified when one has accepted the request.
    pub(super) async fn open(&self, request: &Request, accepted: &Notify) -> Result<OpenResponse, UpstreamFailure> {
        let mut failed = BTreeSet::new();
        let opened = self.open_some(request, accepted, &mut failed).await;
        // A request counts as one failure, whatever its retries.
        for upstream in failed.into_iter().filter_map(|place| self.upstreams.get(place)) {
            upstream.breaker.record_failure(self.circuit_cooldown, Instant::now());
        }
        opened
    }

    /// Does the same, and collects the upstreams that failed.
    async fn open_some(
        &self,
        request: &Request,
        accepted: &Notify,
        failed: &mut BTreeSet<usize>,
    ) -> Result<OpenResponse, UpstreamFailure> {
        let mut pause = FIRST_PAUSE;
        let mut tries = 0;
        loop {
            let may_call =
                |place: &usize| self.upstream(*place, |breaker| breaker.allow(self.circuit_cooldown, Instant::now()));
            let mut candidates: Vec<_> = self.order.next().into_iter().filter(may_call).collect();
            if candidates.is_empty() {
                let may_try = |place: &usize| self.upstream(*place, |breaker| breaker.may_try(Instant::now()));
                candidates.extend((0..self.upstreams.len()).find(may_try));
            }
            let mut failure = self.all_rest();
            for place in candidates {
                let mut asked = self.ask(place, request, accepted).await;
                // What an upstream no longer reads must not end the conversation.
                if asked.as_ref().is_err_and(|failed| failed.is_rejection) && self.sends_reasoning(place, request) {
                    tracing::info!(upstream = place, "request rejected; sent again without earlier reasoning");
                    asked = self.ask(place, &without_reasoning(request), accepted).await;
                }
                match asked {
                    Ok(opened) => {
                        failed.remove(&place);
                        return Ok(opened);
                    }
                    // The next upstream would reject it too.
                    Err(failed) if failed.is_rejection => return Err(failed),
                    Err(lost) => {
                        tracing::info!(upstream = place, error = ?lost.error, "upstream request failed");
                        failed.insert(place);
                        failure = lost;
                    }
                }
            }
            let wait = failure.retry_after.unwrap_or(pause);
            if !failure.again || tries >= self.max_retries || wait > LONGEST_PAUSE {
                return Err(failure);
            }
            tokio::time::sleep(wait).await;
            tries += 1;
            pause *= 2;
        }
    }

    fn upstream(&self, place: usize, may: impl Fn(&Breaker) -> bool) -> bool {
        self.upstreams.get(place).is_some_and(|upstream| may(&upstream.breaker))
    }

    /// Returns whether a request to the upstream has reasoning of earlier replies.
    fn sends_reasoning(&self, place: usize, request: &Request) -> bool {
        let origin = self.upstreams.get(place).map(|upstream| upstream.origin.as_str());
        let mut blocks = request.messages.iter().flat_map(|message| &message.reasoning);
        blocks.any(|block| Some(block.origin.as_str()) == origin)
    }

    /// Returns the failure if every upstream is cooling down.
    fn all_rest(&self) -> UpstreamFailure {
        let now = Instant::now();
        let wait = self.upstreams.iter().map(|upstream| upstream.breaker.wait(now)).min().unwrap_or_default();
        UpstreamFailure::of(Error { retry_after: Some(seconds(wait)), ..unavailable("every upstream is cooling down") })
    }

    /// Sends the request to one upstream.
    async fn ask(&self, place: usize, request: &Request, accepted: &Notify) -> Result<OpenResponse, UpstreamFailure> {
        let Some(upstream) = self.upstreams.get(place) else { return Err(self.all_rest()) };
        let mut call = upstream.history.begin(Instant::now());
        let answered = async {
            let mut response = self.send(upstream, request).await?;
            if response.status().is_success() {
                if let Some(encoding) = encoding(&response) {
                    let cause = format!("the upstream responded in the encoding {encoding}, which was not requested");
                    return Err(UpstreamFailure::of(unavailable(cause)));
                }
                accepted.notify_one();
                let first = response.chunk().await.map_err(|error| upstream.lost(error))?;
                return Ok((first, response));
            }
            let (status, retry_after) = (response.status(), retry_after(&response));
            let is_in_vain = response.headers().get("x-should-retry").is_some_and(|value| value == "false");
            let (error, rejection) = upstream.classify(response, request.passing.is_some()).await;
            let again = is_worth_another_try(status) && !is_in_vain && error.code != Code::Internal;
            // For the client, which may retry.
            let error = Error { retry_after: retry_after.map(seconds), ..error };
            let is_rejection = is_rejection(status) && error.code != Code::Internal;
            let kind = match status {
                _ if error.code == Code::Internal => RouteErrorKind::Configuration,
                _ if is_rejection => RouteErrorKind::Rejected,
                StatusCode::TOO_MANY_REQUESTS => RouteErrorKind::RateLimited,
                _ => RouteErrorKind::Upstream,
            };
            Err(UpstreamFailure { error, kind, again, retry_after, is_rejection, rejection })
        };
        let first_byte = upstream.timeouts.first_byte();
        let answered = match timeout(first_byte, answered).await {
            Ok(answered) => answered,
            Err(_) => Err(unreachable(no_first_byte(first_byte))),
        };
        match answered {
            Ok((first, response)) => {
                let now = Instant::now();
                call.first_byte(now);
                upstream.breaker.record_success(now);
                Ok(OpenResponse { upstream: place, first, response, idle: upstream.timeouts.idle(), call })
            }
            Err(failed) => {
                let now = Instant::now();
                call.fail(failed.kind, failed.shown(), now);
                // An upstream that rejects a request is healthy.
                if failed.is_rejection {
                    upstream.breaker.record_success(now);
                }
                Err(failed)
            }
        }
    }

    async fn send(&self, upstream: &Upstream, request: &Request) -> Result<Response, UpstreamFailure> {
        let (body, bytes) = match &request.passing {
            Some(passing) => {
                let segments = rewrite::body(self, passing, &upstream.model, request.max_output);
                let bytes: usize = segments.iter().map(Bytes::len).sum();
                (Body::wrap_stream(iter(segments.into_iter().map(Ok::<_, Infallible>))), bytes)
            }
            None => {
                let call = OwnCall {
                    model: &upstream.model,
                    request,
                    limit_name: self.limit_name(),
                    origin: &upstream.origin,
                    context_window: self.context_window,
                };
                let body = self.protocol.wire().body(&call);
                let body = body.map_err(|error| UpstreamFailure::of(Error::internal(error)))?;
                let bytes = body.len();
                (body.into(), bytes)
            }
        };
        let call = upstream
            .client
            .post(&upstream.url)
            .headers(trace_context::headers())
            .headers(upstream.headers.clone())
            .header(CONTENT_TYPE, "application/json")
            // Without it, a body in segments would be sent with `Transfer-Encoding: chunked`.
            .header(CONTENT_LENGTH, bytes)
            .header(ACCEPT_ENCODING, "identity")
            .body(body);
        call.send().await.map_err(|error| upstream.lost(error))
    }
}

fn without_reasoning(request: &Request) -> Request {
    let bare = |message: &Message| Message::new(message.role, message.content.clone());
    Request { messages: request.messages.iter().map(bare).collect(), ..request.clone() }
}

impl Upstream {
    /// Returns the failure of a connection.
    fn lost(&self, error: reqwest::Error) -> UpstreamFailure {
        let error = error.without_url();
        match error.is_connect() && error.is_timeout() {
            true => unreachable(not_connected(self.timeouts.connect())),
            false => unreachable(unavailable(error)),
        }
    }
}

/// Returns the failure of an upstream that does not respond, which is worth a retry.
fn unreachable(error: Error) -> UpstreamFailure {
    UpstreamFailure { again: true, kind: RouteErrorKind::Connection, ..UpstreamFailure::of(error) }
}

#[cfg(test)]
mod tests;
