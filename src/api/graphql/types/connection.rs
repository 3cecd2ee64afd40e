//! Paginated lists, as cursor connections of the Relay specification.

use std::borrow::Cow;
use std::sync::Arc;

use async_graphql::connection::{Connection, CursorType, Edge};
use async_graphql::parser::types::Field;
use async_graphql::registry::{MetaType, MetaTypeName, Registry};
use async_graphql::{Context, ContextSelectionSet, Object, OutputType, Positioned, ServerResult, Value};
use futures::future::BoxFuture;
use sea_orm::EntityTrait;

use super::super::execution::budget::Budget;
use super::super::execution::row_bytes::RowBytes;
use super::super::id;
use crate::app::App;
use crate::core::error::Error;
use crate::core::pagination::{self, Page, PageRequest};

/// A connection of `T`: one page of a list.
pub(crate) type ConnectionOf<T> = Connection<Cursor, T, TotalCount>;

/// A keyset cursor: the position of a row in its list.
pub(crate) struct Cursor(pagination::Cursor);

impl Cursor {
    /// Returns the cursor of an element in a list that is sorted by a unique text.
    pub(super) fn of_text(text: String) -> Self {
        Self(pagination::Cursor { key: Some(pagination::SortKey::Text(text)), id: 0 })
    }
}

impl CursorType for Cursor {
    type Error = Error;

    fn decode_cursor(text: &str) -> Result<Self, Error> {
        id::from_cursor("after", Some(text.to_owned()))?.map(Self).ok_or_else(|| Error::not_found("cursor"))
    }

    fn encode_cursor(&self) -> String {
        id::cursor(self.0.clone())
    }
}

/// The pagination arguments of every connection, with their descriptions.
const ARGUMENTS: [(&str, &str); 4] = [
    ("first", "Returns the first *n* elements (1–100, default 20)."),
    ("last", "Returns the last *n* elements (1–100)."),
    ("after", "Returns the elements after this cursor."),
    ("before", "Returns the elements before this cursor."),
];

/// Describes the pagination arguments of all connections, when it is registered after them. It is no type of the schema:
/// the attribute of an argument takes a literal only, and the library has no other way to change its registry.
pub(crate) enum PageArguments {}

impl OutputType for PageArguments {
    fn type_name() -> Cow<'static, str> {
        "PageArguments".into()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        for ty in registry.types.values_mut() {
            let MetaType::Object { fields, .. } = ty else { continue };
            let is_paged = |ty: &str| MetaTypeName::concrete_typename(ty).ends_with("Connection");
            for field in fields.values_mut().filter(|field| is_paged(&field.ty)) {
                for (name, description) in ARGUMENTS {
                    if let Some(argument) = field.args.get_mut(name) {
                        argument.description = Some(description.to_owned());
                    }
                }
            }
        }
        Self::type_name().into_owned()
    }

    async fn resolve(&self, _: &ContextSelectionSet<'_>, _: &Positioned<Field>) -> ServerResult<Value> {
        match *self {}
    }
}

/// Returns the page request of the four pagination arguments of a connection.
///
/// # Errors
/// INVALID_INPUT for sizes out of range, for both `first` and `last`, and for invalid cursors.
pub(crate) fn page(
    first: Option<i32>,
    last: Option<i32>,
    after: Option<String>,
    before: Option<String>,
) -> Result<PageRequest, Error> {
    PageRequest::new(first, last, id::from_cursor("after", after)?, id::from_cursor("before", before)?)
}

/// Returns a connection of the rows of a page. Reads the page once the budget of the operation admits another list.
pub(crate) async fn connection<E, T>(
    ctx: &Context<'_>,
    slice: impl Future<Output = Result<Page<E>, Error>>,
    cursor: impl Fn(&E::Model) -> pagination::Cursor,
    wrap: fn(E::Model) -> T,
) -> async_graphql::Result<ConnectionOf<T>>
where
    E: EntityTrait<Model: RowBytes + Clone + Send + Sync>,
    T: OutputType,
{
    let budget = ctx.data::<Arc<Budget>>()?;
    let turn = budget.list().await;
    let mut slice = slice.await?;
    drop(turn);
    let rows = std::mem::take(&mut slice.rows);
    budget.read(rows.iter().map(RowBytes::row_bytes).sum());
    let (has_previous, has_next, is_exact) = (slice.has_previous, slice.has_next, !slice.is_truncated);
    let count: Count = Box::new(move |app| {
        let slice = slice.clone();
        Box::pin(async move { slice.total(app.db.read()).await })
    });
    let count = TotalCount { count, is_exact };
    let mut list = Connection::with_additional_fields(has_previous, has_next, count);
    list.edges.extend(rows.into_iter().map(|row| Edge::new(Cursor(cursor(&row)), wrap(row))));
    Ok(list)
}

type Count = Box<dyn Fn(App) -> BoxFuture<'static, Result<u64, Error>> + Send + Sync>;

pub(crate) struct TotalCount {
    count: Count,
    is_exact: bool,
}

impl TotalCount {
    /// Returns a count of a list in memory.
    pub(super) fn of(count: impl Fn(&App) -> u64 + Send + Sync + 'static) -> Self {
        let count =
            move |app: App| -> BoxFuture<'static, Result<u64, Error>> { Box::pin(std::future::ready(Ok(count(&app)))) };
        Self { count: Box::new(count), is_exact: true }
    }

    /// Returns a count that is known already.
    pub(super) fn known(total: u64) -> Self {
        Self { count: Box::new(move |_| Box::pin(std::future::ready(Ok(total)))), is_exact: true }
    }
}

/// The total count of a list, computed on demand.
#[Object]
impl TotalCount {
    /// The number of elements on all pages. Counted only if selected.
    async fn total_count(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<u64>> {
        let _turn = ctx.data::<Arc<Budget>>()?.list().await;
        Ok(Some((self.count)(ctx.data::<App>()?.clone()).await?))
    }

    /// Whether `totalCount` is the number of all elements. False for a search with more results than it covers: only
    /// the newest of them are listed and counted.
    async fn total_is_exact(&self) -> bool {
        self.is_exact
    }
}
