//! Output types that count against the budget of their operation: texts, and payloads with a bounded selection.

use std::borrow::Cow;
use std::sync::Arc;

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{ContextSelectionSet, OutputType, Positioned, ServerResult, Value};

use super::budget::Budget;

/// A text of the response, a `String` in the schema, whose bytes count. All texts must use this type.
pub(crate) struct Text<'a>(Cow<'a, str>);

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl OutputType for Text<'_> {
    fn type_name() -> Cow<'static, str> {
        <String as OutputType>::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <String as OutputType>::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, _: &Positioned<Field>) -> ServerResult<Value> {
        let fits = ctx.data::<Arc<Budget>>().is_ok_and(|budget| budget.write(json_len(&self.0)));
        // If it does not fit, the whole response becomes an error.
        Ok(if fits { Value::String(self.0.clone().into_owned()) } else { Value::Null })
    }
}

/// The payload of a mutation, or an event of a subscription. Its selection has the budget of a query; the mutation
/// itself, and waiting for the event, do not count.
pub(crate) struct Payload<T>(pub(crate) T);

impl<T: OutputType> OutputType for Payload<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn qualified_type_name() -> String {
        T::qualified_type_name()
    }

    fn introspection_type_name(&self) -> Cow<'static, str> {
        self.0.introspection_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        let failed = |error: async_graphql::Error| ctx.set_error_path(error.into_server_error(field.pos));
        let budget = ctx.data::<Arc<Budget>>().map_err(failed)?;
        match budget.run(self.0.resolve(ctx, field)).await {
            Ok(resolved) => resolved,
            Err(error) => Err(failed(error.into())),
        }
    }
}

/// Returns the size of a text as JSON, in bytes.
fn json_len(text: &str) -> usize {
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 1,
        0..0x20 => 5,
        _ => 0,
    };
    text.len() + 2 + text.bytes().map(escaped).sum::<usize>()
}

#[cfg(test)]
mod tests {
    #[test]
    fn texts_count_as_they_are_written() {
        for text in ["", "abc", "äöü€😀", "\"\\\n\r\t\u{8}\u{c}", "\0\u{1}\u{1f}\u{7f}", "/</script>\u{2028}"] {
            assert_eq!(super::json_len(text), serde_json::to_string(text).unwrap().len(), "{text:?}");
        }
    }
}
