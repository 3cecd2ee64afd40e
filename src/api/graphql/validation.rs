//! Validation of documents and coercion of variables before execution: sections 5 and 6.1.2 of the specification.
//!
//! apollo-compiler validates. This module adds the checks that it lacks: duplicate fields of an input object (5.6.3),
//! variables within lists and objects (5.8.5), and literals of this schema's custom scalars. async-graphql then
//! executes documents in its fast mode, since its own rules reject valid documents and accept invalid ones: it ignores
//! the directives of `__typename`. `make clients` compares all of this with graphql-js.

use std::collections::HashSet;
use std::sync::LazyLock;

use apollo_compiler::ast::{
    Argument, DirectiveList as Directives, FieldDefinition, InputValueDefinition, Type, Value, VariableDefinition,
};
use apollo_compiler::executable::{DirectiveList, ExecutableDocument, Operation, Selection, SelectionSet};
use apollo_compiler::parser::Parser;
use apollo_compiler::schema::{Component, ExtendedType, Schema};
use apollo_compiler::validation::{DiagnosticList, Valid};
use apollo_compiler::{Name, Node, name, ty};
use async_graphql::{Pos, ScalarType, ServerError};
use chrono::{DateTime, Utc};

use super::limits::Limits;
use crate::core::error::Error;
use crate::core::tokens::Tokens;

/// Maximum number of validation errors that are reported for one document.
const MAX_ERRORS: usize = 10;
/// Maximum length of a name that gets a suggestion, in bytes: a comparison takes time in proportion to the product of
/// both lengths.
const MAX_SUGGESTED_BYTES: usize = 50;
/// A check whether a value is valid for a scalar.
type ScalarCheck = fn(async_graphql::Value) -> bool;
/// The custom scalars with their checks.
const CUSTOM_SCALARS: [(&str, ScalarCheck); 2] =
    [("Tokens", |value| Tokens::parse(value).is_ok()), ("DateTime", |value| DateTime::<Utc>::parse(value).is_ok())];

/// Returns the validator of the schema that is served.
///
/// # Errors
/// INTERNAL if the schema is invalid, which the tests rule out.
pub(super) fn standard() -> Result<&'static Validator, Error> {
    static STANDARD: LazyLock<Result<Validator, String>> = LazyLock::new(|| Validator::of(&super::sdl()));
    STANDARD.as_ref().map_err(|invalid| Error::internal(std::io::Error::other(invalid.as_str())))
}

/// A validator of documents and variables against a schema.
pub(super) struct Validator {
    schema: Valid<Schema>,
}

/// The variables that each operation of a valid document declares, by its name: all that coercion needs. The whole
/// document takes about thirty times the memory of its text.
pub(super) struct DocumentVariables(Vec<(Option<Name>, Vec<Node<VariableDefinition>>)>);

impl DocumentVariables {
    /// Returns the variables of the operation with this name, or of the only one if `None`; `None` if there is no such
    /// one.
    pub(super) fn of_operation(&self, name: Option<&str>) -> Option<&[Node<VariableDefinition>]> {
        let operation = match (name, self.0.as_slice()) {
            (None, [only]) => Some(only),
            (None, _) => None,
            (Some(name), all) => all.iter().find(|(own, _)| own.as_deref() == Some(name)),
        };
        operation.map(|(_, variables)| variables.as_slice())
    }
}

impl Validator {
    /// Returns a validator of a schema in the schema definition language.
    ///
    /// # Errors
    /// The errors of the schema.
    pub(super) fn of(sdl: &str) -> Result<Self, String> {
        let mut schema = Schema::parse(sdl, "schema.graphql").map_err(|invalid| invalid.to_string())?;
        // The specification of September 2025 has this field, and async-graphql resolves it.
        if let Some(ExtendedType::Object(of_types)) = schema.types.get_mut("__Type") {
            let is_one_of = FieldDefinition {
                description: None,
                name: name!("isOneOf"),
                arguments: Vec::new(),
                ty: ty!(Boolean),
                directives: Directives::default(),
            };
            of_types.make_mut().fields.insert(name!("isOneOf"), Component::new(is_one_of));
        }
        let schema = schema.validate().map_err(|invalid| invalid.to_string())?;
        Ok(Self { schema })
    }

    /// Validates a document. It must be within the limits of [`super::guard`].
    ///
    /// # Errors
    /// The first validation errors, with their locations.
    pub(super) fn check(&self, text: &str, suggestions: bool) -> Result<DocumentVariables, Vec<ServerError>> {
        let reported = |found: &DiagnosticList| {
            let mut errors = errors_of(found);
            if suggestions {
                errors.iter_mut().for_each(|error| self.suggest(error));
            }
            errors
        };
        let mut parser = Parser::new().recursion_limit(4 * Limits::STANDARD.nesting);
        let parsed = parser.parse_executable(&self.schema, text, "document");
        let document = parsed.map_err(|invalid| reported(&invalid.errors))?;
        let document = document.validate(&self.schema).map_err(|invalid| reported(&invalid.errors))?;
        let mut errors = Vec::new();
        for operation in document.operations.iter() {
            ValueChecks { validator: self, document: &document, operation, errors: &mut errors }.operation();
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let declared = document.operations.iter().map(|each| (each.name.clone(), each.variables.clone()));
        Ok(DocumentVariables(declared.collect()))
    }

    /// Adds a suggestion, the field with the most similar name, to the error that a type has no such field.
    fn suggest(&self, error: &mut ServerError) {
        if !error.message.starts_with("type `") {
            return;
        }
        let mut names = error.message.split('`').skip(1).step_by(2);
        let (Some(ty), Some(asked), None) = (names.next(), names.next(), names.next()) else { return };
        if asked.len() > MAX_SUGGESTED_BYTES {
            return;
        }
        let fields = match self.schema.types.get(ty) {
            Some(ExtendedType::Object(ty)) => &ty.fields,
            Some(ExtendedType::Interface(ty)) => &ty.fields,
            _ => return,
        };
        let distances = fields.keys().map(|field| (strsim::damerau_levenshtein(field, asked), field));
        // The same distance as in graphql-js.
        let similar = distances.filter(|(distance, _)| *distance <= asked.len() * 2 / 5 + 1).min();
        if let Some((_, field)) = similar {
            error.message.push_str(&format!(". Did you mean `{field}`?"));
        }
    }

    /// Checks that the variables of an operation can be coerced (6.1.2).
    ///
    /// # Errors
    /// The error of the first variable that cannot be coerced.
    pub(super) fn check_variables(
        &self,
        declared: &[Node<VariableDefinition>],
        given: Option<&serde_json::Map<String, serde_json::Value>>,
    ) -> Result<(), String> {
        for VariableDefinition { name, ty, default_value, .. } in declared.iter().map(|each| &**each) {
            match given.and_then(|given| given.get(name.as_str())) {
                Some(value) => self.coerce(ty, value).map_err(|error| match error {
                    None => format!("Variable \"${name}\" of type \"{ty}\" must not be null."),
                    Some(error) => format!("Variable \"${name}\" got an invalid value: {error}"),
                })?,
                None if ty.is_non_null() && default_value.is_none() => {
                    return Err(format!("Variable \"${name}\" of required type \"{ty}\" was not provided."));
                }
                None => {}
            }
        }
        Ok(())
    }

    /// Checks that a value of a variable can be coerced to a type.
    ///
    /// # Errors
    /// A message; `None` for a null that is not allowed, for which the caller has the message.
    fn coerce(&self, ty: &Type, value: &serde_json::Value) -> Result<(), Option<String>> {
        use serde_json::Value as Json;
        if value.is_null() {
            return if ty.is_non_null() { Err(None) } else { Ok(()) };
        }
        if ty.is_list() {
            // A value that is not a list is coerced to a list with one element.
            let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            return items.iter().enumerate().try_for_each(|(index, item)| {
                let coerced = self.coerce(ty.item_type(), item);
                coerced.map_err(|error| Some(error.unwrap_or_else(|| format!("element {index} must not be null."))))
            });
        }
        let name = ty.inner_named_type();
        let fits = match (self.schema.types.get(name), value) {
            (Some(ExtendedType::InputObject(of)), Json::Object(fields)) => {
                if let Some(unknown) = fields.keys().find(|field| !of.fields.contains_key(field.as_str())) {
                    return Err(Some(format!("Field \"{}\" is not defined by type \"{name}\".", shortened(unknown))));
                }
                for (field, of) in &of.fields {
                    match fields.get(field.as_str()) {
                        Some(value) => self.coerce(&of.ty, value).map_err(|error| {
                            let null = || format!("Field \"{name}.{field}\" must not be null.");
                            Some(error.unwrap_or_else(null))
                        })?,
                        None if of.is_required() => {
                            return Err(Some(format!(
                                "Field \"{name}.{field}\" of required type \"{}\" was not provided.",
                                of.ty
                            )));
                        }
                        None => {}
                    }
                }
                true
            }
            (Some(ExtendedType::Enum(of)), Json::String(value)) => of.values.contains_key(value.as_str()),
            (Some(ExtendedType::Scalar(_)), value) => match name.as_str() {
                "Int" => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
                "String" => value.is_string(),
                "Boolean" => value.is_boolean(),
                "ID" => value.is_string() || value.is_i64() || value.is_u64(),
                // No custom scalar is an object or a list: large ones are not converted in vain.
                _ if value.is_array() || value.is_object() => false,
                custom => custom_scalar(custom)
                    .is_none_or(|check| async_graphql::Value::from_json(value.clone()).is_ok_and(check)),
            },
            _ => false,
        };
        if fits { Ok(()) } else { Err(Some(format!("{} is no {name}.", shortened(&value.to_string())))) }
    }
}

/// Returns the start of a text, short enough for an error message.
fn shortened(text: &str) -> &str {
    text.get(..text.floor_char_boundary(50)).unwrap_or(text)
}

/// Returns the check of a custom scalar; `None` for other types.
fn custom_scalar(name: &str) -> Option<ScalarCheck> {
    CUSTOM_SCALARS.iter().find(|(scalar, _)| *scalar == name).map(|(_, check)| *check)
}

/// Returns the first diagnostics as errors of a response.
fn errors_of(found: &DiagnosticList) -> Vec<ServerError> {
    let each = found.iter().take(MAX_ERRORS).map(|diagnostic| diagnostic.to_json());
    each.map(|error| {
        let locations = error.locations.iter().map(|at| Pos { line: at.line, column: at.column });
        ServerError { locations: locations.collect(), ..ServerError::new(error.message, None) }
    })
    .collect()
}

/// The checks of literals and variables of one operation, including those of the fragments that it spreads.
struct ValueChecks<'a> {
    validator: &'a Validator,
    document: &'a ExecutableDocument,
    operation: &'a Operation,
    errors: &'a mut Vec<ServerError>,
}

impl<'a> ValueChecks<'a> {
    fn operation(&mut self) {
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
            if let Some(definition) = self.validator.schema.directive_definitions.get(&directive.name) {
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
                    if let Some(ExtendedType::InputObject(of)) = self.validator.schema.types.get(ty.inner_named_type())
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

#[cfg(test)]
mod tests;
