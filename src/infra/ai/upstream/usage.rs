//! The usage that an upstream reports, under any of the names that upstreams use.

use serde_json::Value;

use crate::infra::ai::{Usage, members};

/// The maximum length of a count, in bytes of JSON.
const MAX_COUNT_BYTES: usize = 64;

/// The names of the counts of a usage: input, output, and their sum.
const INPUT: [&str; 6] =
    ["prompt_tokens", "input_tokens", "promptTokens", "inputTokens", "promptTokenCount", "prompt_eval_count"];
const OUTPUT: [&str; 6] =
    ["completion_tokens", "output_tokens", "completionTokens", "outputTokens", "candidatesTokenCount", "eval_count"];
const TOTAL: [&str; 3] = ["total_tokens", "totalTokens", "totalTokenCount"];

/// Parses a usage, each count by any of the names that upstreams use; `None` without a count. 0 means unknown.
pub(super) fn usage_of(json: &str) -> Option<Usage> {
    let members = json.starts_with('{').then(|| members(json).ok()?)??;
    let number = |names: &[&str]| {
        let known = members.iter().filter(|(name, _)| names.contains(&&**name));
        known.filter_map(|(_, value)| count(value.get())).max()
    };
    let (input, output, total) = (number(&INPUT), number(&OUTPUT), number(&TOTAL));
    if input.is_none() && output.is_none() {
        return None;
    }
    let rest = |known: Option<u64>| total.unwrap_or_default().saturating_sub(known.unwrap_or_default());
    Some(Usage::of(input.unwrap_or_else(|| rest(output)), output.unwrap_or_else(|| rest(input))))
}

/// Parses the usage within an object.
pub(super) fn usage_in(json: &str) -> Option<Usage> {
    let members = members(json).ok()??;
    members.iter().filter(|(name, _)| name == "usage").find_map(|(_, value)| usage_of(value.get()))
}

/// Parses a count, given as a number or as text. Negative ones are ignored.
fn count(json: &str) -> Option<u64> {
    let whole = |number: f64| (number >= 0.0).then_some(number.ceil() as u64);
    // No valid count is longer.
    let value = (json.len() <= MAX_COUNT_BYTES).then(|| serde_json::from_str::<Value>(json).ok())??;
    match value {
        Value::Number(number) => number.as_u64().or_else(|| number.as_f64().and_then(whole)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}
