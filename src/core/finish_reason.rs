//! The finish reason of a reply: why the model ended it.

use sea_orm::entity::prelude::*;

/// Why the model ended a reply. The names are those of OpenAI's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, async_graphql::Enum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FinishReason {
    /// The reply is complete, or reached a stop sequence.
    Stop,
    /// The reply reached its output limit, or the end of the context window.
    Length,
    /// A filter of the provider withheld the rest.
    ContentFilter,
    /// The model waits for the result of tools.
    ToolCalls,
}

impl FinishReason {
    /// Returns the finish reason that an upstream names: in OpenAI's words, or in those of other providers behind
    /// compatible routes. `None` for an unknown one.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "stop" | "stop_sequence" | "end_turn" | "eos" | "eos_token" | "complete" | "completed" => Self::Stop,
            "length" | "max_tokens" | "max_output_tokens" | "model_length" | "model_context_window_exceeded" => {
                Self::Length
            }
            "content_filter" | "content_filtered" | "safety" | "recitation" | "blocklist" | "prohibited_content"
            | "spii" | "refusal" => Self::ContentFilter,
            "tool_calls" | "tool_call" | "tool_use" | "function_call" => Self::ToolCalls,
            _ => return None,
        })
    }

    /// Returns the name in OpenAI's API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ContentFilter => "content_filter",
            Self::ToolCalls => "tool_calls",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::FinishReason;

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
            assert_eq!(FinishReason::parse(name), reason, "{name}");
        }
    }
}
