//! Request bodies: parses JSON and both kinds of form into fields, and applies Django's rules for text fields. Rules of
//! the domain are not here.

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use futures::FutureExt;
use http_body_util::BodyExt;
use serde_json::{Map, Value};

use super::error::{ApiError, add};
use crate::app::App;
use crate::core::error::{Error, FieldError};
use crate::core::json;
use crate::infra::request_body;

/// Maximum number of fields of a form, and of values of a JSON text.
const MAX_FIELDS: usize = 1000;
const MAX_VALUES: usize = 10_000;

/// The fields of a request body, and the field errors found so far.
pub(super) struct FormFields {
    given: Map<String, Value>,
    /// The fields that were read, in declaration order, which is the order of the field errors.
    declared: Vec<String>,
    errors: Map<String, Value>,
}

/// The value of an uploaded file: anything but text, so that it fails as "Not a valid string.".
const FILE: Value = Value::Bool(true);

impl FormFields {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// Bodies that are too large or too slow, an unsupported media type, and syntax errors.
    pub(super) async fn read(app: &App, request: Request) -> Result<Self, ApiError> {
        let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = match request.into_body().collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => return Err(request_body::reason(&error).into()),
        };
        let given = match media_type {
            _ if body.is_empty() => Map::new(),
            None => return Err(ApiError::MediaType(String::new())),
            Some(media_type) => app.bodies.work(body.len(), move || parse(&media_type, body)).await??,
        };
        Ok(Self::new(given))
    }

    fn new(given: Map<String, Value>) -> Self {
        Self { given, declared: Vec::new(), errors: Map::new() }
    }

    /// Returns a text field without surrounding white space. Field errors are collected for [`FormFields::check`].
    pub(super) fn text(&mut self, field: &str, max_chars: usize) -> String {
        let text = self.given(field).trim().to_owned();
        if text.chars().count() > max_chars {
            self.add_error(field, &format!("Ensure this field has no more than {max_chars} characters."));
        }
        self.without_nul(field, text)
    }

    /// Returns a password as it was sent, since the password rules decide which white space counts. Field errors are
    /// collected for [`FormFields::check`].
    pub(super) fn password(&mut self, field: &str) -> String {
        let password = self.given(field);
        self.without_nul(field, password)
    }

    fn given(&mut self, field: &str) -> String {
        self.declared.push(field.to_owned());
        let text = match self.given.get(field) {
            None => return self.add_error(field, "This field is required."),
            Some(Value::Null) => return self.add_error(field, "This field may not be null."),
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => {
                return self.add_error(field, "Not a valid string.");
            }
        };
        if text.trim().is_empty() {
            return self.add_error(field, "This field may not be blank.");
        }
        text
    }

    fn without_nul(&mut self, field: &str, text: String) -> String {
        if text.contains('\0') {
            self.add_error(field, "Null characters are not allowed.");
        }
        text
    }

    /// Adds a field error. Returns the empty text, which stands for the field.
    pub(super) fn add_error(&mut self, field: &str, message: &str) -> String {
        add(&mut self.errors, field, message);
        String::new()
    }

    /// Returns the rejection of the request: its field errors, and those of the domain for fields without any.
    pub(super) fn reject(mut self, error: Error) -> ApiError {
        let is_new = |field: &FieldError| !self.errors.contains_key(field.field);
        let new: Vec<_> = error.fields.into_iter().filter(is_new).collect();
        for error in new {
            self.add_error(error.field, &error.message);
        }
        ApiError::Fields(self.in_order())
    }

    /// Rejects the request if there is any field error.
    ///
    /// # Errors
    /// The field errors, in declaration order.
    pub(super) fn check(self) -> Result<(), ApiError> {
        if self.errors.is_empty() { Ok(()) } else { Err(ApiError::Fields(self.in_order())) }
    }

    fn in_order(mut self) -> Map<String, Value> {
        self.declared.into_iter().filter_map(|field| self.errors.remove_entry(&field)).collect()
    }
}

/// Parses a body. Takes time in proportion to the body, and not much more memory.
fn parse(media_type: &str, body: Bytes) -> Result<Map<String, Value>, ApiError> {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/json" => from_json(&body),
        "application/x-www-form-urlencoded" => {
            if form_urlencoded::parse(&body).nth(MAX_FIELDS).is_some() {
                return Err(too_many_fields());
            }
            let pairs = form_urlencoded::parse(&body);
            Ok(pairs.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect())
        }
        "multipart/form-data" => {
            // The whole body is in memory, so the future never waits.
            let broken = || Err(ApiError::Syntax("Multipart form parse error - the form is truncated".to_owned()));
            from_multipart(media_type, body).now_or_never().unwrap_or_else(broken)
        }
        _ => Err(ApiError::MediaType(media_type.to_owned())),
    }
}

fn too_many_fields() -> ApiError {
    ApiError::Syntax(format!("The form has more than {MAX_FIELDS} fields."))
}

fn from_json(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    if json::shape(body).values > MAX_VALUES {
        return Err(ApiError::Syntax(format!("JSON parse error - more than {MAX_VALUES} values")));
    }
    let value =
        serde_json::from_slice(body).map_err(|error| ApiError::Syntax(format!("JSON parse error - {error}")))?;
    // Python's type names, as in Django's message.
    let kind = match value {
        Value::Object(object) => return Ok(object),
        Value::Null => return Err(ApiError::NotAnObject("No data provided".to_owned())),
        Value::Array(_) => "list",
        Value::String(_) => "str",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
    };
    Err(ApiError::NotAnObject(format!("Invalid data. Expected a dictionary, but got {kind}.")))
}

async fn from_multipart(media_type: &str, body: Bytes) -> Result<Map<String, Value>, ApiError> {
    let broken = |error: multer::Error| ApiError::Syntax(format!("Multipart form parse error - {error}"));
    let boundary = multer::parse_boundary(media_type).map_err(broken)?;
    let whole = futures::stream::once(async move { Ok::<_, std::convert::Infallible>(body) });
    let mut parts = multer::Multipart::new(whole, boundary);
    let (mut fields, mut parsed) = (Map::new(), 0);
    while let Some(part) = parts.next_field().await.map_err(broken)? {
        parsed += 1;
        if parsed > MAX_FIELDS {
            return Err(too_many_fields());
        }
        let (name, is_file) = (part.name().unwrap_or_default().to_owned(), part.file_name().is_some());
        let text = part.bytes().await.map_err(broken)?;
        let value = if is_file { FILE } else { String::from_utf8_lossy(&text).into_owned().into() };
        fields.insert(name, value);
    }
    Ok(fields)
}

#[cfg(test)]
mod tests;
