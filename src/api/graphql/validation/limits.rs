//! Limits of one GraphQL request. A request over a limit is rejected, with an error that names the limit.
//!
//! The library's own limits apply too late: it follows fragments that spread each other for exponential time before it
//! counts, counts aliases of `__typename` as nothing, and parses nested brackets until the stack overflows. So
//! [`super::guard`] and [`super::cost`] check all of this in linear time, the guard before the document is parsed.

/// The limits of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Maximum size of the document, in bytes.
    pub(crate) document_bytes: usize,
    /// Maximum number of lexical tokens of the document: names, values and punctuators.
    pub(crate) tokens: usize,
    /// Maximum nesting of brackets of any kind.
    pub(crate) nesting: usize,
    /// Maximum depth of nested fields; those of fragments count where they are spread.
    pub(crate) depth: usize,
    /// Maximum number of selections; those of fragments count where they are spread.
    pub(crate) fields: usize,
    /// Maximum number of aliases.
    pub(crate) aliases: usize,
    /// Maximum number of root fields: the queries or mutations that are executed.
    pub(crate) root_fields: usize,
    /// Maximum number of directives.
    pub(crate) directives: usize,
    /// Maximum cost: fields times the rows that they are selected of, which bounds the rows that the operation reads.
    /// See [`super::cost`].
    pub(crate) cost: usize,
    /// Maximum nesting of circular lists in introspection: types have fields, which have types, and so on. The rule and
    /// its number are those of `MaxIntrospectionDepthRule` of graphql-js.
    pub(crate) introspection: usize,
    /// Maximum size of the variables as JSON, in bytes.
    pub(crate) variables_bytes: usize,
    /// Maximum nesting of lists and objects in the variables.
    pub(crate) variables_nesting: usize,
}

impl Limits {
    /// The limits in force.
    pub(crate) const STANDARD: Self = Self {
        document_bytes: 32 << 10,
        tokens: 4000,
        nesting: 32,
        depth: 20,
        fields: 1000,
        aliases: 100,
        root_fields: 20,
        directives: 50,
        cost: 55_000,
        introspection: 3,
        variables_bytes: 512 << 10,
        variables_nesting: 10,
    };
}
