//! Parameters of calls that are not passed on, to local models and to upstreams with another protocol: the common sampling
//! parameters. All other parameters are rejected by name, since ignoring one would answer a different request. Only the
//! seed is ignored where it is not known: it promises nothing.

use serde::Deserialize;
use serde_json::{Value, json};

use super::error::ApiError;
use crate::infra::ai::{FromMember, RawRequest, Sampling};
use crate::infra::catalog::Model;

/// Maximum number of stop sequences, and their maximum length.
const MAX_STOPS: usize = 4;
const MAX_STOP_BYTES: usize = 200;
/// The parameters that local models accept. The last ones do not affect a response.
const KNOWN: [&str; 16] = [
    "model",
    "messages",
    "stream",
    "stream_options",
    "n",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "seed",
    "stop",
    "user",
    "metadata",
    "store",
    "service_tier",
    "safety_identifier",
];
/// The parameters that only some upstreams accept.
const ADJUSTING: [&str; 3] = ["temperature", "top_p", "stop"];
/// Maximum size of a value that may be a default.
const MAX_NOTHING: usize = 256;

/// Returns whether a parameter has its default value, so that ignoring it changes nothing. Values are compared as JSON,
/// whatever their spelling.
fn says_nothing(name: &str, value: &str) -> bool {
    if value.len() > MAX_NOTHING {
        return false;
    }
    let Ok(value) = serde_json::from_str::<Value>(value) else { return false };
    match name {
        _ if value.is_null() => true,
        "temperature" | "top_p" => value.as_f64() == Some(1.0),
        "stop" => value == json!([]),
        "frequency_penalty" | "presence_penalty" | "top_logprobs" => value.as_f64() == Some(0.0),
        "logprobs" => value == json!(false),
        "parallel_tool_calls" => value.is_boolean(),
        "tools" | "functions" => value == json!([]),
        "tool_choice" | "function_call" => value == json!("none") || value == json!("auto"),
        "response_format" => value == json!({ "type": "text" }),
        "modalities" => value == json!(["text"]),
        "logit_bias" => value == json!({}),
        _ => false,
    }
}

/// Returns the sampling parameters of a call.
///
/// # Errors
/// Unsupported parameters, and values out of range.
pub(super) fn sampling(raw: &RawRequest, model: &Model) -> Result<Sampling, ApiError> {
    let lacks = |name: &str| !KNOWN.contains(&name) || ADJUSTING.contains(&name) && !model.provider.supports(name);
    let model = &model.name;
    for name in raw.names().filter(|name| lacks(name)) {
        if !says_nothing(name, raw.get(name).unwrap_or_default()) {
            return Err(ApiError::unsupported(name, model));
        }
    }
    if raw.read::<f64>("n")?.is_some_and(|choices| choices != 1.0) {
        return Err(ApiError::unsupported_value("n", model));
    }
    let between = |name: &str, least: f64, most: f64| -> Result<Option<f64>, ApiError> {
        let given = raw.read::<f64>(name)?;
        match given {
            Some(value) if value < least => {
                let message = format!(
                    "Invalid '{name}': decimal below minimum value. Expected a value >= {least}, but got {value} \
                     instead."
                );
                Err(ApiError::invalid_param(name, "decimal_below_min_value", message))
            }
            Some(value) if value > most => {
                let message = format!(
                    "Invalid '{name}': decimal above maximum value. Expected a value <= {most}, but got {value} \
                     instead."
                );
                Err(ApiError::invalid_param(name, "decimal_above_max_value", message))
            }
            given => Ok(given),
        }
    };
    let seed = raw.read::<i64>("seed")?.map(i64::cast_unsigned);
    let stop = match raw.read("stop")? {
        None => Vec::new(),
        Some(Stop::One(stop)) => vec![stop],
        Some(Stop::Many(stops)) => stops,
    };
    if stop.len() > MAX_STOPS || stop.iter().any(|stop: &String| stop.is_empty() || stop.len() > MAX_STOP_BYTES) {
        let message = format!("`stop` has at most {MAX_STOPS} texts, each of 1 to {MAX_STOP_BYTES} bytes.");
        return Err(ApiError::param("stop", message));
    }
    Ok(Sampling { temperature: between("temperature", 0.0, 2.0)?, top_p: between("top_p", 0.0, 1.0)?, seed, stop })
}

/// The parameter `stop`: texts before which a reply ends.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stop {
    One(String),
    Many(Vec<String>),
}

impl FromMember for Stop {
    const KIND: &'static str = "a string or a list of strings";
}
