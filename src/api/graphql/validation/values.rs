//! Checks of the literals and variables of a document that apollo-compiler lacks.

use std::collections::HashSet;

use apollo_compiler::ast::{Argument, InputValueDefinition, Type, Value};
use apollo_compiler::executable::{DirectiveList, ExecutableDocument, Operation, Selection, SelectionSet};
use apollo_compiler::schema::{ExtendedType, Schema};
use apollo_compiler::{Name, Node};
use async_graphql::{Pos, ServerError};

use super::scalars::custom_scalar;

/// Maximum number of validation errors that are reported for one document.
pub(super) const MAX_ERRORS: usize = 10;

/// The checks of literals and variables of one operation, including those of the fragments that it spreads.
pub(super) struct ValueChecks<'a> {
    pub(super) schema: &'a Schema,
    pub(super) document: &'a ExecutableDocument,
    pub(super) operation: &'a Operation,
    pub(super) errors: &'a mut Vec<ServerError>,
}

impl<'a> ValueChecks<'a> {
    pub(super) fn operation(&mut self) {
        for variable in &self.operation.variables {
            if let Some(default) = &variable.default_value {
                self.value(default, &variable.ty, false);
            }
            self.directives(&variable.directives);
        }
        self.directives(&self.operation.directives);
        self.selections(&self.operation.selection_set, &mut HashSet::new());
    }

    fn selections(&mut self, set: &'a SelectionSet, seen: &mut HashSet<&'a Name>) {
        for selection in &set.selections {
            match selection {
                Selection::Field(field) => {
                    self.arguments(&field.arguments, &field.definition.arguments);
                    self.directives(&field.directives);
                    self.selections(&field.selection_set, seen);
                }
                Selection::InlineFragment(inline) => {
                    self.directives(&inline.directives);
                    self.selections(&inline.selection_set, seen);
                }
                Selection::FragmentSpread(spread) => {
                    self.directives(&spread.directives);
                    if let Some(fragment) = self.document.fragments.get(&spread.fragment_name)
                        && seen.insert(&fragment.name)
                    {
                        self.directives(&fragment.directives);
                        self.selections(&fragment.selection_set, seen);
                    }
                }
            }
        }
    }

    fn directives(&mut self, directives: &DirectiveList) {
        for directive in directives {
            if let Some(definition) = self.schema.directive_definitions.get(&directive.name) {
                self.arguments(&directive.arguments, &definition.arguments);
            }
        }
    }

    fn arguments(&mut self, given: &[Node<Argument>], defined: &[Node<InputValueDefinition>]) {
        for argument in given {
            if let Some(definition) = defined.iter().find(|definition| definition.name == argument.name) {
                self.value(&argument.value, &definition.ty, definition.default_value.is_some());
            }
        }
    }

    /// Checks a value at a location of this type, which may have a default.
    fn value(&mut self, value: &Node<Value>, ty: &Type, has_default: bool) {
        match &**value {
            Value::Variable(name) => self.variable(value, name, ty, has_default),
            Value::List(items) if ty.is_list() => {
                items.iter().for_each(|item| self.value(item, ty.item_type(), false));
            }
            Value::List(_) => self.custom_scalar(value, ty, None),
            Value::Object(fields) => {
                let mut names = HashSet::new();
                for (name, field) in fields {
                    if !names.insert(name) {
                        self.error(value, format!("There can be only one input field named \"{name}\"."));
                    }
                    if let Some(ExtendedType::InputObject(of)) = self.schema.types.get(ty.inner_named_type())
                        && let Some(definition) = of.fields.get(name)
                    {
                        self.value(field, &definition.ty, definition.default_value.is_some());
                    }
                }
                self.custom_scalar(value, ty, None);
            }
            Value::Null => {}
            Value::Enum(name) => {
                self.custom_scalar(value, ty, Some(async_graphql::Value::Enum(async_graphql::Name::new(name))))
            }
            Value::String(text) => self.custom_scalar(value, ty, Some(text.as_str().into())),
            Value::Boolean(is) => self.custom_scalar(value, ty, Some((*is).into())),
            Value::Int(number) => self.custom_scalar(value, ty, number_of(number.as_str())),
            Value::Float(number) => self.custom_scalar(value, ty, number_of(number.as_str())),
        }
    }

    /// Checks a literal at the location of a custom scalar; `None` is a literal that no custom scalar accepts.
    fn custom_scalar(&mut self, value: &Node<Value>, ty: &Type, literal: Option<async_graphql::Value>) {
        if let Some(check) = custom_scalar(ty.inner_named_type())
            && !literal.is_some_and(check)
        {
            self.error(value, format!("Expected a value of type \"{ty}\"."));
        }
    }

    /// Checks that a variable is allowed at a location: `IsVariableUsageAllowed` of the specification.
    fn variable(&mut self, value: &Node<Value>, name: &Name, ty: &Type, has_default: bool) {
        let Some(variable) = self.operation.variables.iter().find(|variable| variable.name == *name) else { return };
        let has_value = has_default || variable.default_value.as_ref().is_some_and(|default| !default.is_null());
        let is_allowed = if ty.is_non_null() && !variable.ty.is_non_null() && has_value {
            variable.ty.is_assignable_to(&ty.clone().nullable())
        } else {
            variable.ty.is_assignable_to(ty)
        };
        if !is_allowed {
            let message =
                format!("Variable \"${name}\" of type \"{}\" used in position expecting type \"{ty}\".", variable.ty);
            self.error(value, message);
        }
    }

    fn error(&mut self, value: &Node<Value>, message: String) {
        if self.errors.len() < MAX_ERRORS {
            let range = value.line_column_range(&self.document.sources);
            let location = range.map(|range| Pos { line: range.start.line, column: range.start.column });
            self.errors.push(ServerError::new(message, location));
        }
    }
}

/// Returns a number of async-graphql; `None` if it is too large for one.
fn number_of(text: &str) -> Option<async_graphql::Value> {
    text.parse().ok().map(async_graphql::Value::Number)
}
