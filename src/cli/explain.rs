//! Errors as operators read them.

use std::error::Error as StdError;

use super::output;
use crate::core::error::{Error, UNAVAILABLE};

/// Renders an error for the operator in one line: the message and, unlike for clients, the chain of causes.
pub fn explain(error: &Error) -> String {
    let message = match error.fields.as_slice() {
        [] => error.message.clone(),
        fields => {
            fields.iter().map(|error| format!("{}: {}", error.field, error.message)).collect::<Vec<_>>().join(" ")
        }
    };
    let mut parts: Vec<String> = Vec::new();
    let mut texts = vec![message];
    let mut cause = StdError::source(error);
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    let last = texts.last().cloned().unwrap_or_default();
    for text in texts {
        // Some messages are for clients only. Many libraries repeat the cause in their own message.
        let is_repeated = parts.last().is_some_and(|before| before.contains(text.trim_end_matches('.')));
        let for_clients = ["Internal error.", UNAVAILABLE].contains(&text.as_str());
        if !is_repeated && (!for_clients || text == last) {
            parts.push(text);
        }
    }
    let line = parts.iter().map(|part| part.trim_end_matches('.')).collect::<Vec<_>>().join(": ");
    let ends_as_sentence = parts.last().is_some_and(|part| part.ends_with('.'));
    // It may contain names, paths and text from files and services.
    let line = output::plain(&line.split_whitespace().collect::<Vec<_>>().join(" "));
    format!("{line}{}", if ends_as_sentence { "." } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::error::Code;

    #[test]
    fn operators_learn_the_causes_but_each_only_once() {
        let inner = std::io::Error::other("disk on fire");
        let error = Error::new(Code::Internal, "cannot open data").with_source(Error::internal(inner));
        assert_eq!(explain(&error), "cannot open data: disk on fire");
        assert_eq!(explain(&Error::internal("a: b")), "a: b");
        let named = Error::new(Code::Internal, "cannot open \u{1b}[2Jdata").with_source("of \u{9b}31m\u{202e}name");
        assert_eq!(explain(&named), "cannot open \\u{1b}[2Jdata: of \\u{9b}31m\\u{202e}name");
        assert_eq!(explain(&Error::field("username", "Too long.")), "username: Too long.");
        let repeated = Error::new(Code::Internal, "reading failed: disk on fire");
        assert_eq!(explain(&repeated.with_source("disk on fire")), "reading failed: disk on fire");
    }
}
