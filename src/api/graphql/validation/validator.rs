//! The validator of documents and variables against the schema. Must not execute anything.

use std::sync::LazyLock;

use apollo_compiler::ast::{DirectiveList as Directives, FieldDefinition, VariableDefinition};
use apollo_compiler::parser::Parser;
use apollo_compiler::schema::{Component, ExtendedType, Schema};
use apollo_compiler::validation::{DiagnosticList, Valid};
use apollo_compiler::{Node, name, ty};
use async_graphql::{Pos, ServerError};

use super::limits::Limits;
use super::values::{MAX_ERRORS, ValueChecks};
use super::variables::{self, DocumentVariables};
use crate::core::error::Error;

/// Maximum length of a name that gets a suggestion, in bytes: a comparison takes time in proportion to the product of
/// both lengths.
const MAX_SUGGESTED_BYTES: usize = 50;

/// Returns the validator of the schema that is served.
///
/// # Errors
/// INTERNAL if the schema is invalid, which the tests rule out.
pub(crate) fn standard() -> Result<&'static Validator, Error> {
    static STANDARD: LazyLock<Result<Validator, String>> =
        LazyLock::new(|| Validator::of(&super::super::schema::sdl()));
    STANDARD.as_ref().map_err(|invalid| Error::internal(std::io::Error::other(invalid.as_str())))
}

/// A validator of documents and variables against a schema.
pub(crate) struct Validator {
    pub(super) schema: Valid<Schema>,
}

impl Validator {
    /// Returns a validator of a schema in the schema definition language.
    ///
    /// # Errors
    /// The errors of the schema.
    pub(crate) fn of(sdl: &str) -> Result<Self, String> {
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
    pub(crate) fn check(&self, text: &str, suggestions: bool) -> Result<DocumentVariables, Vec<ServerError>> {
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
            ValueChecks { schema: &self.schema, document: &document, operation, errors: &mut errors }.operation();
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
        let (Some(ty), Some(requested), None) = (names.next(), names.next(), names.next()) else { return };
        if requested.len() > MAX_SUGGESTED_BYTES {
            return;
        }
        let fields = match self.schema.types.get(ty) {
            Some(ExtendedType::Object(ty)) => &ty.fields,
            Some(ExtendedType::Interface(ty)) => &ty.fields,
            _ => return,
        };
        let distances = fields.keys().map(|field| (strsim::damerau_levenshtein(field, requested), field));
        // The same distance as in graphql-js.
        let similar = distances.filter(|(distance, _)| *distance <= requested.len() * 2 / 5 + 1).min();
        if let Some((_, field)) = similar {
            error.message.push_str(&format!(". Did you mean `{field}`?"));
        }
    }

    /// Checks that the variables of an operation can be coerced (6.1.2).
    ///
    /// # Errors
    /// The error of the first variable that cannot be coerced.
    pub(crate) fn check_variables(
        &self,
        declared: &[Node<VariableDefinition>],
        given: Option<&serde_json::Map<String, serde_json::Value>>,
    ) -> Result<(), String> {
        variables::check(&self.schema, declared, given)
    }
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
