//! The usage that an upstream reports, under any of the names and conventions that upstreams use, in normal form: parts
//! are within their whole, and nothing is counted twice.

use serde_json::Value;

use crate::infra::ai::{Members, Usage, members};

/// The maximum length of a count, in bytes of JSON.
const MAX_COUNT_BYTES: usize = 64;

/// The names of the counts of a usage: input, output, and their sum.
const INPUT: [&str; 6] =
    ["prompt_tokens", "input_tokens", "promptTokens", "inputTokens", "promptTokenCount", "prompt_eval_count"];
const OUTPUT: [&str; 6] =
    ["completion_tokens", "output_tokens", "completionTokens", "outputTokens", "candidatesTokenCount", "eval_count"];
const TOTAL: [&str; 3] = ["total_tokens", "totalTokens", "totalTokenCount"];
/// Members with details of the input and the output.
const INPUT_DETAILS: [&str; 2] = ["prompt_tokens_details", "input_tokens_details"];
const OUTPUT_DETAILS: [&str; 2] = ["completion_tokens_details", "output_tokens_details"];
/// The names of the parts: of OpenAI's details, of DeepSeek, Moonshot, Anthropic and Gemini.
const CACHE_READ: [&str; 5] = [
    "cached_tokens",
    "prompt_cache_hit_tokens",
    "cache_read_input_tokens",
    "cacheReadInputTokens",
    "cachedContentTokenCount",
];
const CACHE_WRITE: [&str; 4] =
    ["cache_write_tokens", "cache_creation_input_tokens", "cacheWriteInputTokens", "cache_creation_tokens"];
const REASONING: [&str; 2] = ["reasoning_tokens", "thoughtsTokenCount"];
/// Anthropic's names: its `input_tokens` has what the cache had no part in.
const BESIDE_INPUT: [&str; 2] = ["cache_read_input_tokens", "cache_creation_input_tokens"];

/// Parses a usage, each count by any of the names that upstreams use; `None` without a count. 0 means unknown.
pub(super) fn usage_of(json: &str) -> Option<Usage> {
    let members = object(json)?;
    let (input, output, total) = (number(&members, &INPUT), number(&members, &OUTPUT), number(&members, &TOTAL));
    if input.is_none() && output.is_none() {
        return None;
    }
    let rest = |known: Option<u64>| total.unwrap_or_default().saturating_sub(known.unwrap_or_default());
    let details = |names: &[&str]| details(&members, names);
    let (of_input, of_output) = (details(&INPUT_DETAILS), details(&OUTPUT_DETAILS));
    let part =
        |of: &Members<'_>, names: &[&str]| number(of, names).or_else(|| number(&members, names)).unwrap_or_default();
    let cache_read = part(&of_input, &CACHE_READ);
    let cache_write = part(&of_input, &CACHE_WRITE);
    let reasoning = part(&of_output, &REASONING);
    let mut input = input.unwrap_or_else(|| rest(output));
    // A proxy that names the input as OpenAI does includes the cache, as OpenAI does.
    let is_anthropic = number(&members, &["input_tokens"]).is_some() && number(&members, &["prompt_tokens"]).is_none();
    if is_anthropic && of_input.is_empty() && number(&members, &BESIDE_INPUT).is_some() {
        input = input.saturating_add(cache_read).saturating_add(cache_write);
    }
    let mut output = output.unwrap_or_else(|| rest(Some(input)));
    // xAI and Gemini do not count reasoning as output, but in the total. Gemini's compatible routes do not name it.
    let beyond = total.unwrap_or_default().saturating_sub(input.saturating_add(output));
    let excluded = match beyond {
        0 if reasoning > output => reasoning,
        beyond if reasoning == 0 || beyond == reasoning => beyond,
        _ => 0,
    };
    output = output.saturating_add(excluded);
    Some(Usage { input, cache_read, cache_write, output, reasoning: reasoning.max(excluded), images: 0 }.normalized())
}

/// Parses the usage within an object.
pub(super) fn usage_in(json: &str) -> Option<Usage> {
    let members = members(json).ok()??;
    members.iter().filter(|(name, _)| name == "usage").find_map(|(_, value)| usage_of(value.get()))
}

fn object(json: &str) -> Option<Members<'_>> {
    json.starts_with('{').then(|| members(json).ok()?)?
}

/// Returns the members of the first of these objects.
fn details<'a>(members: &Members<'a>, names: &[&str]) -> Members<'a> {
    let of_name = members.iter().find(|(name, _)| names.contains(&&**name));
    of_name.and_then(|(_, value)| object(value.get())).unwrap_or_default()
}

/// Returns the largest count of these names.
fn number(members: &Members<'_>, names: &[&str]) -> Option<u64> {
    let known = members.iter().filter(|(name, _)| names.contains(&&**name));
    known.filter_map(|(_, value)| count(value.get())).max()
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

#[cfg(test)]
mod tests;
