//! Coercion of variables (6.1.2), checked before execution.

use apollo_compiler::ast::{Type, VariableDefinition};
use apollo_compiler::schema::{ExtendedType, Schema};
use apollo_compiler::{Name, Node};

use super::scalars::custom_scalar;

/// The variables that each operation of a valid document declares, by its name: all that coercion needs. The whole
/// document takes about thirty times the memory of its text.
pub(crate) struct DocumentVariables(pub(super) Vec<(Option<Name>, Vec<Node<VariableDefinition>>)>);

impl DocumentVariables {
    /// Returns the variables of the operation with this name, or of the only one if `None`; `None` if there is no such
    /// one.
    pub(crate) fn of_operation(&self, name: Option<&str>) -> Option<&[Node<VariableDefinition>]> {
        let operation = match (name, self.0.as_slice()) {
            (None, [only]) => Some(only),
            (None, _) => None,
            (Some(name), all) => all.iter().find(|(own, _)| own.as_deref() == Some(name)),
        };
        operation.map(|(_, variables)| variables.as_slice())
    }
}

/// Checks that the variables of an operation can be coerced (6.1.2).
///
/// # Errors
/// The error of the first variable that cannot be coerced.
pub(super) fn check(
    schema: &Schema,
    declared: &[Node<VariableDefinition>],
    given: Option<&serde_json::Map<String, serde_json::Value>>,
) -> Result<(), String> {
    for VariableDefinition { name, ty, default_value, .. } in declared.iter().map(|each| &**each) {
        match given.and_then(|given| given.get(name.as_str())) {
            Some(value) => coerce(schema, ty, value).map_err(|error| match error {
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
fn coerce(schema: &Schema, ty: &Type, value: &serde_json::Value) -> Result<(), Option<String>> {
    use serde_json::Value as Json;
    if value.is_null() {
        return if ty.is_non_null() { Err(None) } else { Ok(()) };
    }
    if ty.is_list() {
        // A value that is not a list is coerced to a list with one element.
        let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        return items.iter().enumerate().try_for_each(|(index, item)| {
            let coerced = coerce(schema, ty.item_type(), item);
            coerced.map_err(|error| Some(error.unwrap_or_else(|| format!("element {index} must not be null."))))
        });
    }
    let name = ty.inner_named_type();
    let fits = match (schema.types.get(name), value) {
        (Some(ExtendedType::InputObject(of)), Json::Object(fields)) => {
            if let Some(unknown) = fields.keys().find(|field| !of.fields.contains_key(field.as_str())) {
                return Err(Some(format!("Field \"{}\" is not defined by type \"{name}\".", shortened(unknown))));
            }
            for (field, of) in &of.fields {
                match fields.get(field.as_str()) {
                    Some(value) => coerce(schema, &of.ty, value).map_err(|error| {
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

/// Returns the start of a text, short enough for an error message.
fn shortened(text: &str) -> &str {
    text.get(..text.floor_char_boundary(50)).unwrap_or(text)
}
