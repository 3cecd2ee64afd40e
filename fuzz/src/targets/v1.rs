//! Calls of `/v1/chat/completions`.

use std::time::Duration;

use axum::body::Bytes;
use jeton::infra::ai::RawRequest;
use serde_json::Value;

use super::{Answer, Harness};

impl Harness {
    /// A call of `/v1/chat/completions`. The input is also repeated within larger calls, whose parsing time must be
    /// linear in their size.
    pub fn v1(&mut self, data: &[u8]) {
        if let Ok(pattern) = str::from_utf8(data)
            && data.len() <= 2000
        {
            check_linear(pattern);
        }
        if let Ok(call) = RawRequest::parse(Bytes::copy_from_slice(data)) {
            assert_eq!(call.with(&[], None).concat(), data, "an unchanged call keeps its bytes");
            let changed = call.with(&[("model", "\"other\"".to_owned()), ("max_tokens", "7".to_owned())], None);
            let changed = RawRequest::parse(changed.concat().into()).expect("a rewritten call can be parsed");
            assert_eq!((changed.get("model"), changed.get("max_tokens")), (Some("\"other\""), Some("7")));
            call.max_input(1000, 16_384);
        }
        let user = self.user.clone();
        let answer = self.post(Some(&user), "/v1/chat/completions", data.to_vec());
        // The upstream's response is empty, and so counts as truncated.
        assert!([500, 501, 504].iter().all(|fault| answer.status != *fault), "{}", answer.status);
        check_completion(&answer);
    }
}

/// Returns the CPU time of this thread, which does not depend on other processes.
fn cpu_time() -> Duration {
    nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID.now().unwrap().into()
}

/// Number of attempts, all of which must exceed the linear bound to count as a failure.
const ATTEMPTS: u32 = 5;

/// Checks that ten times as many members, messages, content parts or characters take at most fifteen times as long to
/// parse.
fn check_linear(pattern: &str) {
    const SHORT: usize = 20_000;
    for (separator, before, after) in [
        (",", "{", "}"),
        (",", "{\"messages\":[", "]}"),
        (",", "{\"messages\":[{\"content\":[", "]}]}"),
        ("", "{\"messages\":[{\"content\":\"", "\"}]}"),
    ] {
        let time_of = |bytes: usize| {
            let count = bytes / (pattern.len() + separator.len()).max(1);
            // `#` makes the names of members unique.
            let all: Vec<_> = (0..count).map(|number| pattern.replacen('#', &number.to_string(), 1)).collect();
            let body = Bytes::from(format!("{before}{}{after}", all.join(separator)));
            let run = || {
                let start = cpu_time();
                RawRequest::parse(body.clone()).map(|call| call.max_input(1000, 16_384)).ok();
                cpu_time() - start
            };
            (0..3).map(|_| run()).min().unwrap_or_default()
        };
        let is_linear = |_| time_of(SHORT * 10) <= (time_of(SHORT) * 15).max(Duration::from_millis(5));
        assert!((0..ATTEMPTS).any(is_linear), "{before}..{after} of {pattern:?}");
    }
}

/// Checks that a completion is one JSON object, or a stream of events with one each.
fn check_completion(answer: &Answer) {
    if !answer.body.starts_with(b"data: ") {
        assert!(answer.json().is_object());
        return;
    }
    let text = str::from_utf8(&answer.body).unwrap();
    for event in text.split_terminator("\n\n") {
        let data = event.strip_prefix("data: ").unwrap_or_else(|| panic!("{event}"));
        assert!(data == "[DONE]" || serde_json::from_str::<Value>(data).unwrap().is_object(), "{event}");
    }
}
