//! Finish reasons as upstreams name them.

use crate::core::finish_reason::FinishReason;

/// Returns the finish reason that an upstream names: in OpenAI's words, or in those of other providers behind compatible
/// routes. `None` for an unknown one.
pub(super) fn finish_reason(name: &str) -> Option<FinishReason> {
    Some(match name.to_ascii_lowercase().as_str() {
        "stop" | "stop_sequence" | "end_turn" | "eos" | "eos_token" | "complete" | "completed" => FinishReason::Stop,
        "length"
        | "max_tokens"
        | "max_output_tokens"
        | "model_length"
        | "model_context_window_exceeded"
        | "pause_turn" => FinishReason::Length,
        "content_filter"
        | "content_filtered"
        | "safety"
        | "recitation"
        | "blocklist"
        | "prohibited_content"
        | "spii"
        | "refusal"
        | "language"
        | "image_safety"
        | "image_recitation"
        | "image_prohibited_content" => FinishReason::ContentFilter,
        "tool_calls" | "tool_call" | "tool_use" | "function_call" => FinishReason::ToolCalls,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_providers_are_known_in_any_case() {
        for (name, reason) in [
            ("stop", Some(FinishReason::Stop)),
            ("STOP", Some(FinishReason::Stop)),
            ("MAX_TOKENS", Some(FinishReason::Length)),
            ("SAFETY", Some(FinishReason::ContentFilter)),
            ("tool_use", Some(FinishReason::ToolCalls)),
            ("", None),
            ("of its own", None),
        ] {
            assert_eq!(finish_reason(name), reason, "{name}");
        }
    }
}
