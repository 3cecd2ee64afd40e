//! The shape of a JSON text, measured before it is parsed: a value in memory takes many times the bytes of the shortest
//! text that represents it (`[],` is three).

/// The shape of a JSON text, which bounds the memory that the parsed value takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Depth of nested lists and objects.
    pub nesting: usize,
    /// Maximum number of values, nested ones included.
    pub values: usize,
}

/// Returns the shape of a text, in one pass. For invalid JSON it has no meaning, and parsing fails anyway.
pub fn shape(text: &[u8]) -> Shape {
    let (mut open, mut nesting, mut values) = (0usize, 0usize, 1usize);
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => skip_string(&mut bytes),
            b'[' | b'{' => {
                open += 1;
                values += 1;
                nesting = nesting.max(open);
            }
            b']' | b'}' => open = open.saturating_sub(1),
            b',' => values += 1,
            _ => {}
        }
    }
    Shape { nesting, values }
}

/// Advances past the quote that ends a string.
fn skip_string(bytes: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_nesting_are_counted_and_text_is_not() {
        for (text, nesting, values) in [
            ("1", 0, 1),
            ("[]", 1, 2),
            ("[1,2,3]", 1, 4),
            (r#"{"a":[{"b":null}],"c":"[[[,,,\"[["}"#, 3, 5),
            (r#"["\\",["#, 2, 4),
            ("]]][", 1, 2),
            (r#""never ends [,"#, 0, 1),
        ] {
            assert_eq!(shape(text.as_bytes()), Shape { nesting, values }, "{text}");
        }
    }
}
