//! Rejects requests that are too large before they are parsed: the text of a document, in one pass over its bytes, and
//! its variables. The cost of the operation is computed by [`super::cost`], not here.

use serde_json::Map;

use super::limits::Limits;

/// Checks the text of a document before it is parsed.
///
/// # Errors
/// A message that names the limit.
pub(crate) fn check_text(document: &str, limits: &Limits) -> Result<(), String> {
    if document.len() > limits.document_bytes {
        return Err(format!("The document has more than {} bytes.", limits.document_bytes));
    }
    let (mut tokens, mut nesting) = (0, 0usize);
    let mut rest = document.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        match first {
            b' ' | b'\t' | b'\r' | b'\n' | b',' | 0xef | 0xbb | 0xbf => continue,
            b'#' => {
                let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len());
                rest = rest.get(end..).unwrap_or_default();
                continue;
            }
            b'{' | b'[' | b'(' => nesting += 1,
            b'}' | b']' | b')' => nesting = nesting.saturating_sub(1),
            b'"' => rest = rest.get(string_len(rest)..).unwrap_or_default(),
            first if is_word(*first) => {
                let end = rest.iter().position(|byte| !is_word(*byte)).unwrap_or(rest.len());
                rest = rest.get(end..).unwrap_or_default();
            }
            _ => {}
        }
        tokens += 1;
        if tokens > limits.tokens {
            return Err(format!("The document has more than {} tokens.", limits.tokens));
        }
        if nesting > limits.nesting {
            return Err(format!("The document has more than {} brackets within each other.", limits.nesting));
        }
    }
    Ok(())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'.')
}

/// Returns the length of a string after its opening quote, closing quote included.
fn string_len(rest: &[u8]) -> usize {
    if rest.starts_with(b"\"\"") {
        let mut position = 2;
        while let Some(text) = rest.get(position..).filter(|text| !text.is_empty()) {
            if text.starts_with(b"\\\"\"\"") {
                position += 4;
            } else if text.starts_with(b"\"\"\"") {
                return position + 3;
            } else {
                position += 1;
            }
        }
        // An empty string, or an unterminated one, which the parser reports.
        return if rest.get(2) == Some(&b'"') { rest.len() } else { 2 };
    }
    let mut position = 0;
    while let Some(byte) = rest.get(position) {
        match byte {
            b'\\' => position += 2,
            b'"' => return position + 1,
            b'\n' | b'\r' => return position,
            _ => position += 1,
        }
    }
    rest.len()
}

/// Checks the variables.
///
/// # Errors
/// A message that names the limit.
pub(crate) fn check_variables(variables: &Map<String, serde_json::Value>, limits: &Limits) -> Result<(), String> {
    // Variables that were parsed within the body limit can always be serialized.
    if serde_json::to_string(variables).is_ok_and(|text| text.len() > limits.variables_bytes) {
        return Err(format!("The variables have more than {} bytes.", limits.variables_bytes));
    }
    if variables.values().any(|value| is_deeper(value, limits.variables_nesting)) {
        let message = "lists and objects within each other";
        return Err(format!("The variables have more than {} {message}.", limits.variables_nesting));
    }
    Ok(())
}

fn is_deeper(value: &serde_json::Value, levels: usize) -> bool {
    let inner = |value: &serde_json::Value| levels == 0 || is_deeper(value, levels - 1);
    match value {
        serde_json::Value::Array(values) => levels == 0 || values.iter().any(inner),
        serde_json::Value::Object(fields) => levels == 0 || fields.values().any(inner),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_of_the_text_is_named() {
        let rejects = |text: &str, by: &str| {
            let message = check_text(text, &Limits::STANDARD).unwrap_err();
            assert!(message.contains(by), "{message}");
        };
        rejects(&"{a}".repeat(20_000), "bytes");
        rejects(&format!("{{{}}}", "a ".repeat(5000)), "4000 tokens");
        rejects(&"{a".repeat(100), "32 brackets");
        rejects(&format!("{{a(x:{}1{})}}", "[".repeat(40), "]".repeat(40)), "32 brackets");
        let text = "{a(x:\"}}}{{{\\\"[[[\", y:\"\"\"{{{ \\\"\"\" [[[ \"\"\", z:\"\") # {{{[[[\n b}";
        assert_eq!(check_text(text, &Limits::STANDARD), Ok(()));
    }
}
