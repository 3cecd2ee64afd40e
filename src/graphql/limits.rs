//! What one GraphQL request may ask for. Over a limit it is refused, with an error that names the limit.

use async_graphql::{ObjectType, SchemaBuilder, SubscriptionType};

/// The limits of one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Fields within fields.
    pub(super) depth: usize,
    /// Fields in all, fragments counted where they are spread.
    pub(super) complexity: usize,
    /// Selection sets, lists and objects within each other, checked while the document is read.
    pub(super) nesting: usize,
    /// Directives on one field.
    pub(super) directives: usize,
}

impl Limits {
    /// The limits in force.
    pub(super) const STANDARD: Self = Self { depth: 20, complexity: 1000, nesting: 32, directives: 10 };

    /// Puts the limits on a schema.
    pub(super) fn apply<Q, M, S>(self, schema: SchemaBuilder<Q, M, S>) -> SchemaBuilder<Q, M, S>
    where
        Q: ObjectType + 'static,
        M: ObjectType + 'static,
        S: SubscriptionType + 'static,
    {
        schema
            .limit_depth(self.depth)
            .limit_complexity(self.complexity)
            .limit_recursive_depth(self.nesting)
            .limit_directives(self.directives)
    }
}
