//! Refuses documents that would cost too much, before the library looks at them. Each operation is weighed in time that
//! grows with the bytes of the document and no faster, whatever is in it.

use std::collections::HashMap;

use async_graphql::Name;
use async_graphql::parser::types::{ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet};
use async_graphql_value::{ConstValue, Value};
use serde_json::Map;

use super::limits::Limits;

/// Rows of a list where no argument tells how many.
const DEFAULT_ROWS: usize = crate::page::DEFAULT_SIZE as usize;
/// Fields of introspection that are lists of what has such lists again.
const LISTS: [&str; 4] = ["fields", "inputFields", "interfaces", "possibleTypes"];

/// What an operation asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cost {
    /// Selections in all.
    pub(super) fields: usize,
    /// Fields times the rows of the lists that they are in.
    pub(super) cost: usize,
    /// Selections within selections.
    pub(super) depth: usize,
    aliases: usize,
    directives: usize,
    introspection: usize,
}

/// Looks at the text, before it is parsed.
///
/// # Errors
/// A sentence that names the limit.
pub(super) fn check_text(document: &str, limits: &Limits) -> Result<(), String> {
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

/// The length of a string whose first quote was read, up to and with the last one.
fn string_len(rest: &[u8]) -> usize {
    if rest.starts_with(b"\"\"") {
        let mut place = 2;
        while let Some(text) = rest.get(place..).filter(|text| !text.is_empty()) {
            if text.starts_with(b"\\\"\"\"") {
                place += 4;
            } else if text.starts_with(b"\"\"\"") {
                return place + 3;
            } else {
                place += 1;
            }
        }
        // An empty string, or one that never ends, which the parser will say.
        return if rest.get(2) == Some(&b'"') { rest.len() } else { 2 };
    }
    let mut place = 0;
    while let Some(byte) = rest.get(place) {
        match byte {
            b'\\' => place += 2,
            b'"' => return place + 1,
            b'\n' | b'\r' => return place,
            _ => place += 1,
        }
    }
    rest.len()
}

/// Looks at the variables.
///
/// # Errors
/// A sentence that names the limit.
pub(super) fn check_variables(variables: &Map<String, serde_json::Value>, limits: &Limits) -> Result<(), String> {
    // Whatever was read within the limit of the body can be written again.
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

/// Weighs the operation that is to run, and what it spreads.
///
/// # Errors
/// A sentence that names the limit; fragments that spread each other in a circle.
pub(super) fn weigh(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    variables: Option<&Map<String, serde_json::Value>>,
    limits: &Limits,
) -> Result<Cost, String> {
    let mut scale = Scale { document, operation, variables, limits, known: HashMap::new() };
    // All fragments, also those that are not spread: the library will look at them too.
    for name in document.fragments.keys() {
        scale.fragment(name, 0)?;
    }
    let set = &operation.selection_set.node;
    let mut cost = scale.set(set, 0)?;
    let too_many = |limit: usize, what: &str| Err(format!("The operation has more than {limit} {what}."));
    if cost.fields > limits.fields {
        return too_many(limits.fields, "fields");
    }
    // Now it is certain that following all fragments is little work.
    let roots = scale.roots(set);
    cost.directives = cost.directives.saturating_add(operation.directives.len());
    for (found, limit, what) in [
        (roots, limits.root_fields, "fields of the operation itself"),
        (cost.aliases, limits.aliases, "aliases"),
        (cost.directives, limits.directives, "directives"),
        (cost.depth, limits.depth, "fields within each other"),
        (cost.introspection, limits.introspection, "lists of introspection within each other"),
    ] {
        if found > limit {
            return too_many(limit, what);
        }
    }
    if cost.cost > limits.cost {
        return Err(format!("The operation costs {}, more than {}. Ask for shorter pages.", cost.cost, limits.cost));
    }
    Ok(cost)
}

struct Scale<'a> {
    document: &'a ExecutableDocument,
    operation: &'a OperationDefinition,
    variables: Option<&'a Map<String, serde_json::Value>>,
    limits: &'a Limits,
    /// What each fragment costs; nothing while it is being weighed.
    known: HashMap<&'a Name, Option<Cost>>,
}

impl<'a> Scale<'a> {
    fn fragment(&mut self, name: &'a Name, level: usize) -> Result<Cost, String> {
        match self.known.get(name) {
            Some(Some(cost)) => return Ok(*cost),
            Some(None) => return Err(format!("The fragment `{name}` spreads itself.")),
            None => {}
        }
        let Some(fragment) = self.document.fragments.get(name) else {
            // The library will name it.
            return Ok(Cost::default());
        };
        self.known.insert(name, None);
        let mut cost = self.set(&fragment.node.selection_set.node, level)?;
        cost.directives = cost.directives.saturating_add(fragment.node.directives.len());
        self.known.insert(name, Some(cost));
        Ok(cost)
    }

    fn set(&mut self, set: &'a SelectionSet, level: usize) -> Result<Cost, String> {
        // Bounds our own stack: fragments that spread fragments make chains as long as the document.
        if level > self.limits.nesting {
            return Err(format!("The document has more than {} selections within each other.", self.limits.nesting));
        }
        let mut sum = Cost::default();
        for selection in &set.items {
            let cost = match &selection.node {
                Selection::Field(field) => self.field(&field.node, level)?,
                Selection::FragmentSpread(spread) => {
                    let mut cost = self.fragment(&spread.node.fragment_name.node, level + 1)?;
                    cost.directives = cost.directives.saturating_add(spread.node.directives.len());
                    // A spread of nothing is work too.
                    Cost { fields: cost.fields.saturating_add(1), ..cost }
                }
                Selection::InlineFragment(inline) => {
                    let mut cost = self.set(&inline.node.selection_set.node, level + 1)?;
                    cost.directives = cost.directives.saturating_add(inline.node.directives.len());
                    Cost { fields: cost.fields.saturating_add(1), ..cost }
                }
            };
            sum = Cost {
                fields: sum.fields.saturating_add(cost.fields),
                cost: sum.cost.saturating_add(cost.cost),
                aliases: sum.aliases.saturating_add(cost.aliases),
                directives: sum.directives.saturating_add(cost.directives),
                depth: sum.depth.max(cost.depth),
                introspection: sum.introspection.max(cost.introspection),
            };
        }
        Ok(sum)
    }

    fn field(&mut self, field: &'a Field, level: usize) -> Result<Cost, String> {
        let inner = self.set(&field.selection_set.node, level + 1)?;
        let rows = self.rows(field);
        Ok(Cost {
            fields: inner.fields.saturating_add(1),
            cost: inner.cost.saturating_mul(rows).saturating_add(1),
            aliases: inner.aliases.saturating_add(usize::from(field.alias.is_some())),
            directives: inner.directives.saturating_add(field.directives.len()),
            depth: inner.depth.saturating_add(1),
            introspection: inner.introspection.saturating_add(usize::from(LISTS.contains(&field.name.node.as_str()))),
        })
    }

    /// How many rows the list of a field has at most, as far as it tells; one for what is no list.
    fn rows(&self, field: &Field) -> usize {
        let asked = field.arguments.iter().find(|(name, _)| matches!(name.node.as_str(), "first" | "last"));
        let count = match asked.map(|(_, value)| &value.node) {
            Some(Value::Number(count)) => count.as_u64(),
            Some(Value::Variable(name)) => self.variable(name),
            _ => None,
        };
        let is_page = || {
            let parts = field.selection_set.node.items.iter();
            parts
                .filter_map(|part| if let Selection::Field(part) = &part.node { Some(part) } else { None })
                .any(|part| matches!(part.node.name.node.as_str(), "nodes" | "edges"))
        };
        match count {
            // Pages that are too long are refused later, by their own limit.
            Some(count) => usize::try_from(count).unwrap_or(usize::MAX).max(1),
            None if is_page() => DEFAULT_ROWS,
            None => 1,
        }
    }

    fn variable(&self, name: &Name) -> Option<u64> {
        if let Some(given) = self.variables.and_then(|variables| variables.get(name.as_str())) {
            return given.as_u64();
        }
        let definitions = self.operation.variable_definitions.iter();
        let mut definitions = definitions.filter(|definition| definition.node.name.node == *name);
        match &definitions.next()?.node.default_value.as_ref()?.node {
            ConstValue::Number(count) => count.as_u64(),
            _ => None,
        }
    }

    /// The fields of the operation itself, those of fragments counted where they are spread.
    fn roots(&self, set: &SelectionSet) -> usize {
        let roots = set.items.iter().map(|selection| match &selection.node {
            Selection::Field(_) => 1,
            Selection::InlineFragment(inline) => self.roots(&inline.node.selection_set.node),
            Selection::FragmentSpread(spread) => {
                let fragment = self.document.fragments.get(&spread.node.fragment_name.node);
                fragment.map_or(0, |fragment| self.roots(&fragment.node.selection_set.node))
            }
        });
        roots.sum()
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    fn weighed(text: &str) -> Result<Cost, String> {
        check_text(text, &Limits::STANDARD)?;
        let document = async_graphql::parser::parse_query(text).map_err(|error| error.to_string())?;
        let operation = document.operations.iter().next().unwrap().1.node.clone();
        weigh(&document, &operation, None, &Limits::STANDARD)
    }

    fn refused(text: &str, by: &str) {
        let refused = weighed(text).unwrap_err();
        assert!(refused.contains(by), "{refused}");
    }

    #[test]
    fn each_limit_is_named() {
        refused(&"{a}".repeat(20_000), "bytes");
        refused(&format!("{{{}}}", "a ".repeat(5000)), "4000 tokens");
        refused(&"{a".repeat(100), "32 brackets");
        refused(&format!("{{a(x:{}1{})}}", "[".repeat(40), "]".repeat(40)), "32 brackets");
        refused(&format!("{{{}b{}}}", "a{".repeat(21), "}".repeat(21)), "20 fields within each other");
        refused(&format!("{{a{{{}}}}}", "b ".repeat(1000)), "1000 fields");
        let aliases = (0..101).fold(String::new(), |mut text, number| {
            write!(text, "a{number}:__typename ").unwrap();
            text
        });
        refused(&format!("{{a{{{aliases}}}}}"), "100 aliases");
        refused(&format!("{{{}}}", "a ".repeat(21)), "20 fields of the operation itself");
        refused(&format!("{{a {}}}", "@x ".repeat(51)), "50 directives");
        refused(
            "{__schema{types{fields{type{fields{type{fields{type{fields{name}}}}}}}}}}",
            "3 lists of introspection",
        );
        refused("{a(first:100){nodes{b(first:100){nodes{c d e f g}}}}}", "costs 60201");
    }

    #[test]
    fn fragments_are_weighed_once_and_counted_often() {
        // Each spreads the next one twice: two to the power of sixty fields, by the library's way of counting.
        let mut bomb = "{...f0}".to_owned();
        for number in 0..60 {
            write!(bomb, "fragment f{number} on Q{{...f{next} ...f{next}}}", next = number + 1).unwrap();
        }
        bomb.push_str("fragment f60 on Q{a}");
        let start = std::time::Instant::now();
        assert!(weighed(&bomb).is_err());
        let mut wide = "{x{...f0}}".to_owned();
        for number in 0..20 {
            write!(wide, "fragment f{number} on Q{{...f{next} ...f{next}}}", next = number + 1).unwrap();
        }
        wide.push_str("fragment f20 on Q{a}");
        refused(&wide, "1000 fields");
        assert!(start.elapsed().as_secs() < 5);
        refused("{...a} fragment a on Q{b{...a}}", "spreads itself");
        refused("{x} fragment a on Q{...b} fragment b on Q{...a}", "spreads itself");
        let chain: String = (0..300).map(|n| format!("fragment f{n} on Q{{...f{}}}", n + 1)).collect();
        refused(&format!("{{...f0}}{chain}"), "32 selections");
    }

    #[test]
    fn what_people_ask_for_is_fine() {
        let cost = weighed(
            "query($n:Int=7){a:me{id} chats(first:$n){nodes{id ...c @skip(if:false)}totalCount}} fragment c on Chat{x}",
        );
        let expected = Cost {
            fields: 8,
            cost: 1 + 1 + 1 + 7 * (1 + 2 + 1),
            depth: 3,
            aliases: 1,
            directives: 1,
            introspection: 0,
        };
        assert_eq!(cost, Ok(expected));
        let text = "{a(x:\"}}}{{{\\\"[[[\", y:\"\"\"{{{ \\\"\"\" [[[ \"\"\", z:\"\") # {{{[[[\n b}";
        assert_eq!(weighed(text).unwrap().fields, 2);
    }
}
