//! Domain errors on the wire: expected errors of mutations as data, all others as GraphQL errors with a code.

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::OperationType;
use async_graphql::{ErrorExtensionValues, Name, PathSegment, Response, ServerError, SimpleObject, Value};

use super::execution::bounded::Text;
use super::execution::error_metrics;
use crate::core::error::{Code, Error, Shortage};
use crate::core::tokens::Tokens;

/// An error that the user or the client can fix.
#[derive(SimpleObject)]
pub(super) struct UserError {
    /// The error code, for API clients.
    code: Code,
    /// The error message, for users.
    message: Text<'static>,
    /// The input field with the error; null if the error concerns the whole input.
    field: Option<Text<'static>>,
    /// With INSUFFICIENT_TOKENS, the least that has to be available, in prepaid tokens; null otherwise.
    required: Option<Tokens>,
    /// With INSUFFICIENT_TOKENS, what is available, in prepaid tokens: of your balance, or of the limits of the API key
    /// if that is less; null otherwise.
    available: Option<Tokens>,
}

/// Returns the outcome of a mutation: its value, or the expected errors as data.
///
/// # Errors
/// UNAUTHENTICATED, FORBIDDEN and faults of the server, which are GraphQL errors.
pub(super) fn outcome<T>(result: Result<T, Error>) -> Result<(Option<T>, Vec<UserError>), Error> {
    match result {
        Ok(value) => Ok((Some(value), Vec::new())),
        Err(error) if matches!(error.code, Code::Unauthenticated | Code::Forbidden) || error.is_fault() => Err(error),
        Err(error) => Ok((None, counted_user_errors(&error))),
    }
}

/// Returns the expected errors of a mutation as data, and counts them.
pub(super) fn counted_user_errors(error: &Error) -> Vec<UserError> {
    error_metrics::count(error.code);
    user_errors(error)
}

/// Returns an error as data: one element for each field error, or one for the whole input.
pub(super) fn user_errors(error: &Error) -> Vec<UserError> {
    let (required, available) =
        error.shortage.map(|shortage| (Tokens(shortage.required), Tokens(shortage.available))).unzip();
    let one = |message: &str, field: Option<&str>| UserError {
        code: error.code,
        message: message.to_owned().into(),
        field: field.map(|field| camel_case(field).into()),
        required,
        available,
    };
    if error.fields.is_empty() {
        return vec![one(&error.message, None)];
    }
    error.fields.iter().map(|field| one(&field.message, Some(field.field))).collect()
}

/// Sets `extensions.code` of every error of a response, logs faults of the server, and sets failed fields to null.
///
/// Resolvers return domain errors with `?`; async-graphql keeps them as the source. It omits the failed field from the
/// data, where the specification requires null. All fields that can fail are nullable, except the mutations and
/// subscriptions themselves: if one of these fails, the whole data is null.
pub(super) fn finish(response: &mut Response, kind: OperationType) {
    let all_or_nothing = matches!(kind, OperationType::Mutation | OperationType::Subscription);
    let Response { data, errors, .. } = response;
    if *data == Value::Null && errors.is_empty() {
        // Everything was skipped: the library creates no object without fields.
        *data = Value::Object(IndexMap::new());
    }
    // Duplicate errors of the document are merged into one, with all locations.
    errors.dedup_by(|again, first| {
        let is_same = again.path.is_empty() && first.path.is_empty() && again.message == first.message;
        if is_same {
            first.locations.append(&mut again.locations);
        }
        is_same
    });
    for error in errors {
        match error.path.as_slice() {
            [_] if all_or_nothing => *data = Value::Null,
            path => put_null(data, path),
        }
        let extensions = error.extensions.get_or_insert_with(ErrorExtensionValues::default);
        let Some(source) = error.source.as_ref().and_then(|source| source.downcast_ref::<Error>()) else {
            if extensions.get("code").is_none() {
                extensions.set("code", Code::InvalidInput.as_str());
            }
            continue;
        };
        if source.is_logged() {
            tracing::error!(error = ?source, "GraphQL field failed");
        }
        extensions.set("code", source.code.as_str());
        if let Some(seconds) = source.retry_after {
            extensions.set("retryAfter", seconds);
        }
        if let Some(Shortage { required, available }) = source.shortage {
            extensions.set("required", required);
            extensions.set("available", available);
        }
        if !source.fields.is_empty() {
            let fields = source.fields.iter().map(
                |field| async_graphql::value!({ "field": camel_case(field.field), "message": field.message.clone() }),
            );
            extensions.set("fields", fields.collect::<Vec<_>>());
        }
    }
}

fn put_null(data: &mut Value, path: &[PathSegment]) {
    match path.split_first() {
        Some((PathSegment::Field(name), rest)) => {
            if *data == Value::Null {
                // All fields of this object failed, so async-graphql created no object.
                *data = Value::Object(IndexMap::new());
            }
            if let Value::Object(fields) = data {
                put_null(fields.entry(Name::new(name)).or_insert(Value::Null), rest);
            }
        }
        Some((PathSegment::Index(index), rest)) => {
            if let Value::List(elements) = data
                && let Some(element) = elements.get_mut(*index)
            {
                put_null(element, rest);
            }
        }
        None => {}
    }
}

/// Returns a response with a single error, for a request that was not executed.
pub(super) fn error_response(code: Code, message: &str) -> Response {
    let mut error = ServerError::new(message, None);
    error.extensions.get_or_insert_with(ErrorExtensionValues::default).set("code", code.as_str());
    Response::from_errors(vec![error])
}

/// Returns a field name in camel case, as in the schema: `oldPassword` for `old_password`.
fn camel_case(field: &str) -> String {
    let mut words = field.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut name, word| {
        let mut letters = word.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name + letters.as_str()
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn fields_are_spelled_as_in_the_schema() {
        assert_eq!(super::camel_case("idempotency_key"), "idempotencyKey");
        assert_eq!(super::camel_case("message"), "message");
    }
}
