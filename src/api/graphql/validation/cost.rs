//! Cost analysis of operations: the maximum number of rows that an operation reads, times the fields that are selected
//! of each. It follows the types of the schema, so that a selection has the same cost in every spelling, and takes time
//! linear in the size of the document, whatever its content. It executes nothing.

use std::collections::HashMap;

use async_graphql::Name;
use async_graphql::Positioned;
use async_graphql::parser::types::{
    Directive, ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet,
};
use async_graphql_value::{ConstValue, Value};
use serde_json::Map;

use super::facts::{Rows, SchemaFacts, TypeId};
use super::limits::Limits;

/// Default number of rows of a page.
const DEFAULT_ROWS: usize = crate::core::pagination::DEFAULT_SIZE as usize;
/// Maximum number of rows of a page.
const MAX_ROWS: usize = crate::core::pagination::MAX_SIZE as usize;
/// Size of arguments with the cost of one row, in bytes: the library copies them for each row of which a field is
/// resolved.
const ARGUMENT_BYTES: usize = 1024;
/// Size of a value in memory, in addition to its text, in bytes.
const VALUE_BYTES: usize = 64;

/// The cost of an operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    /// The number of selections; those of fragments count where they are spread.
    pub(crate) fields: usize,
    /// Fields times the rows that they are selected of.
    pub(crate) cost: usize,
    /// The part of the cost that applies to each row of the connection that the selection belongs to.
    per_row: usize,
    /// The part of the cost that applies once to the list of all types, in introspection.
    in_total: usize,
    /// The depth of nested fields.
    pub(crate) depth: usize,
    /// The number of fields of this selection itself.
    own_fields: usize,
    /// The depth of nested selections, including those of fragments.
    nesting: usize,
    aliases: usize,
    directives: usize,
    /// The depth of nested circular lists in introspection.
    introspection: usize,
}

/// Returns the cost of the operation to execute, including the fragments that it spreads.
///
/// # Errors
/// A message that names the exceeded limit, or a fragment that spreads itself.
pub(crate) fn weigh(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    variables: Option<&Map<String, serde_json::Value>>,
    facts: &SchemaFacts,
    limits: &Limits,
) -> Result<Cost, String> {
    let (cost, of_fragments) = measure(document, operation, variables, facts, limits.nesting)?;
    for (found, limit, what) in [
        (cost.nesting, limits.nesting, "selections within each other"),
        (cost.fields, limits.fields, "fields"),
        (cost.own_fields, limits.root_fields, "fields of the operation itself"),
        (cost.aliases, limits.aliases, "aliases"),
        (cost.directives, limits.directives, "directives"),
        (cost.depth, limits.depth, "fields within each other"),
        (cost.introspection, limits.introspection, "lists of introspection within each other"),
    ] {
        if found > limit {
            return Err(format!("The operation has more than {limit} {what}."));
        }
    }
    let found = cost.cost.max(of_fragments);
    if found > limits.cost {
        return Err(format!("The operation costs {found}, more than {}. Request smaller pages.", limits.cost));
    }
    Ok(cost)
}

/// Returns the cost of an operation, and the cost of the most expensive fragment.
fn measure(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    variables: Option<&Map<String, serde_json::Value>>,
    facts: &SchemaFacts,
    nesting: usize,
) -> Result<(Cost, usize), String> {
    let variables = Variable::all(operation, variables);
    let mut analyzer = CostAnalyzer { document, variables, facts, nesting, known: HashMap::new() };
    let mut of_fragments = 0;
    // All fragments, even unused ones, since the library processes them too.
    for name in document.fragments.keys() {
        of_fragments = analyzer.fragment(name, None, 0)?.cost.max(of_fragments);
    }
    let mut cost = analyzer.set(&operation.selection_set.node, facts.root(operation.ty), 0)?;
    cost.directives = cost.directives.saturating_add(operation.directives.len());
    Ok((cost, of_fragments))
}

struct CostAnalyzer<'a> {
    document: &'a ExecutableDocument,
    variables: HashMap<&'a str, Variable>,
    facts: &'a SchemaFacts,
    /// Maximum depth of nested selections. Bounds our own stack.
    nesting: usize,
    /// The cached cost of each fragment, by the type that it is spread in; `None` while it is computed.
    known: HashMap<(&'a Name, Option<TypeId>), Option<Cost>>,
}

impl<'a> CostAnalyzer<'a> {
    /// Returns the cost of a fragment that is spread in a selection of the type `at`.
    fn fragment(&mut self, name: &'a Name, at: Option<TypeId>, level: usize) -> Result<Cost, String> {
        let Some(fragment) = self.document.fragments.get(name) else {
            // Validation reports the unknown fragment.
            return Ok(Cost::default());
        };
        let ty = self.facts.narrowed(at, &fragment.node.type_condition.node.on.node);
        match self.known.get(&(name, ty)) {
            Some(Some(cost)) => return Ok(*cost),
            Some(None) => return Err(format!("The fragment `{name}` spreads itself.")),
            None => {}
        }
        self.known.insert((name, ty), None);
        let mut cost = self.set(&fragment.node.selection_set.node, ty, level)?;
        cost.directives = cost.directives.saturating_add(fragment.node.directives.len());
        self.known.insert((name, ty), Some(cost));
        Ok(cost)
    }

    fn set(&mut self, set: &'a SelectionSet, ty: Option<TypeId>, level: usize) -> Result<Cost, String> {
        if level > self.nesting {
            return Err(format!("The operation has more than {} selections within each other.", self.nesting));
        }
        let mut sum = Cost::default();
        for selection in &set.items {
            let cost = match &selection.node {
                Selection::Field(field) => self.field(&field.node, ty, level)?,
                Selection::FragmentSpread(spread) => {
                    let cost = self.fragment(&spread.node.fragment_name.node, ty, level + 1)?;
                    cost.spread(&spread.node.directives)
                }
                Selection::InlineFragment(inline) => {
                    let condition = inline.node.type_condition.as_ref();
                    let ty = condition.map_or(ty, |condition| self.facts.narrowed(ty, &condition.node.on.node));
                    let cost = self.set(&inline.node.selection_set.node, ty, level + 1)?;
                    cost.spread(&inline.node.directives)
                }
            };
            sum = sum.beside(cost);
        }
        Ok(sum)
    }

    fn field(&mut self, field: &'a Field, ty: Option<TypeId>, level: usize) -> Result<Cost, String> {
        let facts = self.facts.field(ty, &field.name.node).copied();
        let inner = self.set(&field.selection_set.node, facts.and_then(|facts| facts.ty), level + 1)?;
        let rows = facts.map_or(Rows::One, |facts| facts.rows);
        let requested = |argument: &str| self.requested_size(field, argument);
        // Rows of a page outside of a connection: their number is unknown, so the maximum counts. No such document is
        // valid.
        let inner_cost = inner.cost.saturating_add(inner.per_row.saturating_mul(MAX_ROWS));
        let all = |rows: usize| rows.saturating_mul(inner_cost.max(1)).saturating_add(inner.in_total);
        let (mut per_row, mut in_total) = (0, 0);
        let cost = match rows {
            Rows::One => inner_cost.saturating_add(inner.in_total).saturating_add(1),
            Rows::Connection => {
                // Pages that are too large are rejected later, by their own limit.
                let rows = requested("first").max(requested("last")).unwrap_or(DEFAULT_ROWS).max(1);
                rows.saturating_mul(inner.per_row.saturating_add(1)).saturating_add(1).saturating_add(inner.cost)
            }
            Rows::OfConnection => {
                per_row = inner_cost.max(1);
                0
            }
            Rows::AtMost(rows) => all(rows).saturating_add(1),
            Rows::InTotal(rows) => {
                in_total = all(rows);
                1
            }
            Rows::Requested { argument, default, each } => {
                all(requested(argument).unwrap_or(default).saturating_mul(each)).saturating_add(1)
            }
        };
        let mut read = facts.map_or(0, |facts| facts.read + if is_given(field, "search") { facts.searched } else { 0 });
        let arguments = field.arguments.iter().map(|(_, value)| self.bytes(&value.node));
        read = read.saturating_add(arguments.fold(0, usize::saturating_add) / ARGUMENT_BYTES);
        Ok(Cost {
            fields: inner.fields.saturating_add(1),
            cost: cost.saturating_add(read),
            per_row,
            in_total,
            depth: inner.depth.saturating_add(1),
            own_fields: 1,
            nesting: if field.selection_set.node.items.is_empty() { 0 } else { inner.nesting.saturating_add(1) },
            aliases: inner.aliases.saturating_add(usize::from(field.alias.is_some())),
            directives: inner.directives.saturating_add(field.directives.len()),
            introspection: inner.introspection + usize::from(facts.is_some_and(|facts| facts.is_circular)),
        })
    }

    /// Returns the number in an argument; `None` if it is not a valid size, so that the field uses its default.
    fn requested_size(&self, field: &Field, argument: &str) -> Option<usize> {
        let given = field.arguments.iter().filter(|(name, _)| name.node == argument);
        let numbers = given.filter_map(|(_, value)| match &value.node {
            Value::Number(count) => count.as_u64(),
            Value::Variable(name) => self.variables.get(name.as_str())?.number,
            _ => None,
        });
        numbers.max().map(|count| usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// Returns the size of an argument with its variables, in bytes.
    fn bytes(&self, value: &Value) -> usize {
        let inner = match value {
            Value::Variable(name) => self.variables.get(name.as_str()).map_or(0, |variable| variable.bytes),
            Value::String(text) => text.len(),
            Value::List(values) => values.iter().map(|value| self.bytes(value)).fold(0, usize::saturating_add),
            Value::Object(fields) => {
                let fields = fields.iter().map(|(name, value)| name.len().saturating_add(self.bytes(value)));
                fields.fold(0, usize::saturating_add)
            }
            _ => 0,
        };
        inner.saturating_add(VALUE_BYTES)
    }
}

/// The properties of a variable that the cost depends on.
#[derive(Clone, Copy)]
struct Variable {
    /// `None` if it is not a valid size.
    number: Option<u64>,
    bytes: usize,
}

impl Variable {
    /// Returns all variables: given values, and defaults of the others.
    fn all<'a>(
        operation: &'a OperationDefinition,
        given: Option<&'a Map<String, serde_json::Value>>,
    ) -> HashMap<&'a str, Self> {
        let defaults = operation.variable_definitions.iter().filter_map(|definition| {
            let default = &definition.node.default_value.as_ref()?.node;
            let number = if let ConstValue::Number(number) = default { number.as_u64() } else { None };
            Some((definition.node.name.node.as_str(), Self { number, bytes: default.to_string().len() }))
        });
        let given = given.into_iter().flatten();
        let given =
            given.map(|(name, value)| (name.as_str(), Self { number: value.as_u64(), bytes: json_bytes(value) }));
        defaults.chain(given).collect()
    }
}

/// Returns the size of a JSON value, in bytes. Its nesting has been checked before.
fn json_bytes(value: &serde_json::Value) -> usize {
    let inner: usize = match value {
        serde_json::Value::String(text) => text.len(),
        serde_json::Value::Array(values) => values.iter().map(json_bytes).sum(),
        serde_json::Value::Object(fields) => {
            fields.iter().map(|(name, value)| VALUE_BYTES + name.len() + json_bytes(value)).sum()
        }
        _ => 0,
    };
    VALUE_BYTES + inner
}

/// Returns whether an argument may have a value.
fn is_given(field: &Field, argument: &str) -> bool {
    field.arguments.iter().any(|(name, value)| name.node == argument && value.node != Value::Null)
}

impl Cost {
    /// Returns the cost of two sibling selections.
    fn beside(self, other: Self) -> Self {
        Self {
            fields: self.fields.saturating_add(other.fields),
            cost: self.cost.saturating_add(other.cost),
            per_row: self.per_row.saturating_add(other.per_row),
            in_total: self.in_total.saturating_add(other.in_total),
            depth: self.depth.max(other.depth),
            own_fields: self.own_fields.saturating_add(other.own_fields),
            nesting: self.nesting.max(other.nesting),
            aliases: self.aliases.saturating_add(other.aliases),
            directives: self.directives.saturating_add(other.directives),
            introspection: self.introspection.max(other.introspection),
        }
    }

    /// Returns the cost of a spread of this fragment: even an empty spread takes work.
    fn spread(self, directives: &[Positioned<Directive>]) -> Self {
        Self {
            fields: self.fields.saturating_add(1),
            nesting: self.nesting.saturating_add(1),
            directives: self.directives.saturating_add(directives.len()),
            ..self
        }
    }
}

#[cfg(test)]
mod tests;
