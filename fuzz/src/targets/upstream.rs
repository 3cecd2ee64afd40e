//! Responses of upstreams, whole and streamed.

use axum::http::StatusCode;
use jeton::infra::entity::chat::{self, Status};
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::{Value, json};

use super::Harness;

impl Harness {
    /// An upstream's response: in the first line the kind of call (`reply`, `stream` or `whole`) and the chunk size in
    /// bytes, and then the body.
    pub fn upstream(&mut self, data: &[u8]) {
        let line = data.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let sent = data.get(line.len() + 1..).unwrap_or_default();
        let Ok(line) = str::from_utf8(line) else { return };
        let (way, size) = line.split_once(' ').unwrap_or((line, ""));
        let size = size.parse::<u8>().unwrap_or(64).max(1).into();
        *self.upstream.lock().unwrap() = (size, sent.to_vec());
        let user = self.user.clone();
        let messages = json!([{ "role": "user", "content": "Hello" }]);
        match way {
            "reply" => {
                let document = "mutation { sendMessage(input: {model: \"upstream\", message: \"Hello\"}) {
                    chat { response status cost } balance { tokens held } errors { code } } }";
                self.execute(Some(&user), document, Value::Null);
            }
            "whole" => {
                let body = json!({ "model": "upstream", "messages": messages });
                let answer = self.post(Some(&user), "/v1/chat/completions", body.to_string());
                assert_ne!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
                answer.json();
            }
            _ => {
                let options = json!({ "include_usage": true });
                let body =
                    json!({ "model": "upstream", "messages": messages, "stream": true, "stream_options": options });
                let answer = self.post(Some(&user), "/v1/chat/completions", body.to_string());
                assert_ne!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
                if answer.status == StatusCode::OK {
                    check_passed_on(&answer.body, sent);
                } else {
                    answer.json();
                }
            }
        }
        *self.upstream.lock().unwrap() = Default::default();
    }

    /// An upstream's stream: in the first line the chunk size in bytes, and then the body. Interpreted for
    /// `sendMessage` and passed through at `/v1` it is the same reply, with equal text, usage and status. A reply
    /// without an error is never free.
    pub fn streams(&mut self, data: &[u8]) {
        let line = data.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let sent = data.get(line.len() + 1..).unwrap_or_default();
        let size = str::from_utf8(line).ok().and_then(|line| line.parse::<u8>().ok()).unwrap_or(64).max(1).into();
        *self.upstream.lock().unwrap() = (size, sent.to_vec());
        let user = self.user.clone();
        let document = "mutation { sendMessage(input: {model: \"upstream\", message: \"Hello\"}) { chat { id } } }";
        self.execute(Some(&user), document, Value::Null);
        let read = self.newest_chat();
        let messages = json!([{ "role": "user", "content": "Hello" }]);
        let body = json!({ "model": "upstream", "messages": messages, "stream": true,
            "stream_options": { "include_usage": true } });
        let answer = self.post(Some(&user), "/v1/chat/completions", body.to_string());
        let passed = self.newest_chat();
        assert_ne!(read.id, passed.id);
        for chat in [&read, &passed] {
            assert!(chat.status != Status::Done || chat.cost.0 > 0, "free: {chat:?}");
        }
        let has_error = answer.status != StatusCode::OK || answer.body.windows(7).any(|part| part == b"\"error\"");
        assert!(passed.cost.0 > 0 || has_error, "{passed:?}");
        // A reply without text fails for users, but is passed through to API clients.
        if !read.response.is_empty() && !passed.response.is_empty() {
            assert_eq!((&read.response, read.status), (&passed.response, passed.status));
            // Unreadable events are passed on to API clients, and estimated; users don't get them.
            let is_estimated = passed.usage_estimated && passed.output_units > read.output_units;
            assert!(is_estimated || read.output_units == passed.output_units, "{read:?}\n{passed:?}");
            if !read.usage_estimated && !passed.usage_estimated {
                assert_eq!(read.input_units, passed.input_units);
            }
        }
        *self.upstream.lock().unwrap() = Default::default();
    }

    fn newest_chat(&self) -> chat::Model {
        let newest = chat::Entity::find().order_by_desc(chat::Column::Id).one(self.app.db.read());
        self.runtime.block_on(newest).unwrap().expect("a chat")
    }
}

/// Checks that the received events are a subsequence of those that the upstream sent, possibly with an error event of
/// our own. A response that is not a stream is converted to an event.
fn check_passed_on(received: &[u8], sent: &[u8]) {
    let events = |bytes: &[u8]| {
        let lines = String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\r', "\n");
        let lines = lines.trim_start_matches('\u{feff}').to_owned();
        lines.split("\n\n").map(|event| event.trim_matches('\n').to_owned()).collect::<Vec<_>>()
    };
    let (received, all) = (events(received), events(sent));
    let mut rest = all.iter();
    for event in received.iter().filter(|event| !event.is_empty() && *event != ":") {
        let is_ours = event.starts_with("data: {\"error\":{\"message\":");
        let is_converted = sent.trim_ascii_start().starts_with(b"{");
        assert!(is_ours || is_converted || rest.any(|sent| sent == event), "{event:?} of {all:?}");
    }
}
