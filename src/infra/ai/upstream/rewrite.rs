//! The body of a passed-on call for its upstream: the model name and the output limit are replaced, the usage is
//! requested, and everything else is passed on unchanged.

use bytes::Bytes;
use serde_json::{Value, json};

use super::Inner;
use super::params::{LIMITS, folded};
use crate::infra::ai::{Passthrough, RawRequest};

/// The option of a stream by which a call requests the usage.
const INCLUDE_USAGE: &str = "include_usage";

/// Returns the body of the upstream request, in segments that share the memory of the call.
pub(super) fn body(shared: &Inner, passing: &Passthrough, model: &str, max_output: u64) -> Vec<Bytes> {
    let mut changes: Vec<_> = shared.params.forced().collect();
    changes.push(("model", json!(model).to_string()));
    let mut limits: Vec<_> = LIMITS.into_iter().filter(|name| is_there(&passing.call, name)).collect();
    let mut renamed = None;
    match (limits.as_slice(), shared.max_tokens_param) {
        ([], _) => limits.push(shared.limit_name()),
        // An upstream may ignore a name that it does not know, and with it the limit that the hold was calculated from.
        // A null under the name that it knows gets the value.
        ([only], Some(known)) if *only != known && passing.call.get(known).is_some() => limits.push(known),
        ([only], Some(known)) if *only != known => renamed = Some((*only, known)),
        _ => {}
    }
    changes.extend(limits.into_iter().map(|name| (name, max_output.to_string())));
    if passing.stream {
        changes.extend(stream_options(passing).map(|options| ("stream_options", options)));
    }
    passing.call.with(&changes, renamed)
}

/// Requests the usage, if the client has not: the event with it is then removed from the response. A second spelling of
/// the same member would revert it at an upstream that ignores case.
fn stream_options(passing: &Passthrough) -> Option<String> {
    let given = passing.call.get("stream_options").and_then(|json| serde_json::from_str(json).ok());
    let mut options: serde_json::Map<String, Value> = given.unwrap_or_default();
    let count = options.len();
    options.retain(|name, _| name == INCLUDE_USAGE || folded(name) != folded(INCLUDE_USAGE));
    if passing.show_usage && options.len() == count {
        return None;
    }
    options.insert(INCLUDE_USAGE.to_owned(), true.into());
    Some(Value::from(options).to_string())
}

fn is_there(call: &RawRequest, name: &str) -> bool {
    call.get(name).is_some_and(|value| value.trim() != "null")
}
