//! Request parameters of passed-on calls: which are rejected, which the operator sets, and which request more than one
//! choice.
//!
//! A hold is calculated from the parameters that are known here. One that an upstream obeys and that is not known here,
//! such as another name of the output limit, could lead to a response that the hold does not pay for.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Deserialize;
use serde_json::Value;

use crate::core::json;
use crate::infra::ai::{InvalidRequest, RawRequest};

/// The maximum number of choices of a call, as at OpenAI.
const MAX_ANSWERS: u64 = 128;
/// The maximum number of values in `tools`, including nested ones.
const MAX_TOOL_VALUES: usize = 100_000;
/// The maximum length of a parameter of which only some values are rejected, in bytes.
const MAX_VALUE_BYTES: usize = 16 << 10;
/// Parameters that every call may have, even if there is an allow-list.
const BASIC: [&str; 4] = ["model", "messages", "stream", "stream_options"];

/// The parameter names of the output limit, the older one first.
pub(super) const LIMITS: [&str; 2] = ["max_tokens", "max_completion_tokens"];

/// The rules for request parameters.
pub struct Params {
    /// By folded name: the only values that are rejected (empty: all).
    rejected: HashMap<String, Vec<String>>,
    /// The allow-list: if it is not empty, everything else is rejected.
    allowed: HashSet<String>,
    forced: Vec<(String, String)>,
    answers: Vec<String>,
    tools: HashSet<String>,
    /// By folded name: the only accepted spelling of a parameter that is known here.
    spellings: HashMap<String, String>,
}

impl Params {
    /// Creates rules: `rejected` has names, or `name=value` for single values; `allowed` is the allow-list, if it is
    /// not empty; `forced` are set in each call; `answers` are the parameters with a number of choices; `tools` are the
    /// allowed types of tools.
    pub fn new(
        rejected: &[String],
        allowed: &[String],
        forced: &BTreeMap<String, Value>,
        answers: &[String],
        tools: &[String],
    ) -> Self {
        let mut by_name: HashMap<String, Vec<String>> = HashMap::new();
        for entry in rejected {
            match entry.split_once('=') {
                Some((name, value)) => by_name.entry(folded(name)).or_default().push(value.to_owned()),
                None => drop(by_name.insert(folded(entry), Vec::new())),
            }
        }
        let forced: Vec<_> = forced.iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
        let known = BASIC.into_iter().chain(LIMITS).map(str::to_owned);
        let known = known.chain(answers.iter().cloned()).chain(forced.iter().map(|(name, _)| name.clone()));
        Self {
            rejected: by_name,
            allowed: allowed.iter().cloned().collect(),
            spellings: known.map(|name| (folded(&name), name)).collect(),
            forced,
            answers: answers.to_vec(),
            tools: tools.iter().cloned().collect(),
        }
    }

    /// Checks the parameters of a call. Returns the number of choices that it requests.
    ///
    /// # Errors
    /// The first parameter that is rejected.
    pub(super) fn check(&self, call: &RawRequest) -> Result<u64, InvalidRequest> {
        for name in call.names() {
            if let Some(message) = self.rejection(name, call.get(name).unwrap_or_default()) {
                return Err(InvalidRequest {
                    code: Some("unsupported_parameter"),
                    ..InvalidRequest::param(name, message)
                });
            }
        }
        self.check_tools(call)?;
        let mut all = 1u64;
        for name in &self.answers {
            all = all.saturating_mul(call.read::<u64>(name)?.unwrap_or(1));
            if !(1..=MAX_ANSWERS).contains(&all) {
                let message = format!("`{name}` must be between 1 and {MAX_ANSWERS}.");
                return Err(InvalidRequest::param(name, message));
            }
        }
        Ok(all)
    }

    /// Checks the types of tools: those that the upstream runs itself are billed per use.
    fn check_tools(&self, call: &RawRequest) -> Result<(), InvalidRequest> {
        #[derive(Deserialize)]
        struct Tool<'a> {
            #[serde(borrow, default, rename = "type")]
            kind: Option<Cow<'a, str>>,
        }
        let Some(json) = call.get("tools").filter(|json| json.trim() != "null") else { return Ok(()) };
        let wrong = |message: String| InvalidRequest {
            code: Some("unsupported_value"),
            ..InvalidRequest::param("tools", message)
        };
        if json::shape(json.as_bytes()).values > MAX_TOOL_VALUES {
            return Err(wrong(format!("`tools` has more than {MAX_TOOL_VALUES} values.")));
        }
        let tools: Vec<Tool<'_>> =
            serde_json::from_str(json).map_err(|_| wrong("`tools` must be a list of objects.".to_owned()))?;
        let mut kinds = tools.iter().filter_map(|tool| tool.kind.as_deref());
        match kinds.find(|kind| !self.tools.contains(*kind)) {
            Some(kind) => Err(wrong(format!("Tools of the type `{kind}` may not be used here."))),
            None => Ok(()),
        }
    }

    fn rejection(&self, name: &str, json: &str) -> Option<String> {
        let by = folded(name);
        match self.spellings.get(&by) {
            Some(spelling) if spelling == name => return None,
            // Upstreams that ignore case would accept it, and of two the last one.
            Some(spelling) => return Some(format!("`{name}` must be spelled `{spelling}`.")),
            None => {}
        }
        if json.trim() == "null" {
            return None;
        }
        match self.rejected.get(&by) {
            Some(values) if values.is_empty() => return Some(format!("`{name}` may not be set here.")),
            Some(_) if json.len() > MAX_VALUE_BYTES => {
                return Some(format!("`{name}` has more than {MAX_VALUE_BYTES} bytes."));
            }
            Some(values) => {
                let value = serde_json::from_str::<Value>(json).unwrap_or_default();
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                if values.iter().any(|rejected| rejected.eq_ignore_ascii_case(text.trim())) {
                    return Some(format!("`{name}` may not be `{text}` here."));
                }
            }
            None => {}
        }
        if !self.allowed.is_empty() && !self.allowed.contains(name) {
            return Some(format!("`{name}` is not among the parameters that this model accepts."));
        }
        None
    }

    /// Returns the parameters that are set in each call: names and JSON values.
    pub(super) fn forced(&self) -> impl Iterator<Item = (&str, String)> {
        self.forced.iter().map(|(name, value)| (name.as_str(), value.clone()))
    }
}

/// Folds a name like the most lenient parser: Go's JSON decoder ignores case, and folds two letters beyond ASCII;
/// others accept `maxTokens` for `max_tokens`, or drop unprintable characters.
pub(super) fn folded(name: &str) -> String {
    let letters = name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase);
    letters.map(|letter| if letter == '\u{17f}' { 's' } else { letter }).collect()
}

#[cfg(test)]
mod tests;
