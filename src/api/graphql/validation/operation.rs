//! Checks of the operation to execute: the cost of its document, and the root fields of mutations and subscriptions.

use std::collections::HashSet;

use async_graphql::parser::types::{DocumentOperations, ExecutableDocument, OperationType, Selection, SelectionSet};

use super::cost::{self, Cost};
use super::facts::SchemaFacts;
use super::limits::Limits;

/// Returns the kind and the cost of the operation to execute; `None` if the name selects none.
///
/// # Errors
/// A message for a document over a cost limit, and for mutations and subscriptions with unsupported root fields.
pub(crate) fn check_operation(
    document: &ExecutableDocument,
    name: Option<&str>,
    variables: Option<&serde_json::Map<String, serde_json::Value>>,
    facts: &SchemaFacts,
) -> Result<Option<(OperationType, Cost)>, String> {
    let operations = &document.operations;
    let wanted = match (operations, name) {
        (DocumentOperations::Single(operation), _) => Some(operation),
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name),
        // A single operation is selected, whether it has a name or not.
        (DocumentOperations::Multiple(_), None) if operations.iter().len() == 1 => {
            operations.iter().next().map(|(_, operation)| operation)
        }
        (DocumentOperations::Multiple(_), None) => None,
    };
    let mut selected = None;
    // All operations of the document are checked, since all of them are validated.
    for (_, operation) in operations.iter() {
        let cost = cost::weigh(document, &operation.node, variables, facts, &Limits::STANDARD)?;
        if wanted.is_some_and(|wanted| std::ptr::eq(wanted, operation)) {
            selected = Some((operation.node.ty, cost));
        }
    }
    let Some(operation) = wanted.map(|operation| &operation.node) else { return Ok(selected) };
    let set = &operation.selection_set.node;
    match operation.ty {
        OperationType::Query => {}
        OperationType::Mutation => check_each_once(document, set, &mut HashSet::new())?,
        OperationType::Subscription => {
            // The specification requires one root field. The library would execute several, and none in a fragment.
            if !matches!(set.items.as_slice(), [field] if matches!(field.node, Selection::Field(_))) {
                return Err("A subscription selects exactly one field, and not by a fragment.".to_owned());
            }
        }
    }
    Ok(selected)
}

/// Checks that a mutation has each root field once. The specification merges fields with the same response key; the
/// library would execute each, and charge a message twice.
fn check_each_once<'a>(
    document: &'a ExecutableDocument,
    set: &'a SelectionSet,
    seen: &mut HashSet<&'a str>,
) -> Result<(), String> {
    // The cost analysis has excluded circular fragments, and bounded their number.
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => {
                let name = field.node.response_key().node.as_str();
                if field.node.name.node != "__typename" && !seen.insert(name) {
                    let message =
                        format!("A mutation has each field once, or by another alias; `{name}` is there twice.");
                    return Err(message);
                }
            }
            Selection::InlineFragment(inline) => check_each_once(document, &inline.node.selection_set.node, seen)?,
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = document.fragments.get(&spread.node.fragment_name.node) {
                    check_each_once(document, &fragment.node.selection_set.node, seen)?;
                }
            }
        }
    }
    Ok(())
}
