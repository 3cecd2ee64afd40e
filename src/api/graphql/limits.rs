//! What one GraphQL request may ask for. Over a limit it is refused, with an error that names the limit.
//!
//! The library's own limits come too late: it follows fragments that spread each other for exponential time before it
//! counts, counts aliases of `__typename` as nothing, and reads brackets within brackets until the stack is full. So
//! [`super::guard`] and [`super::cost`] check all of this in linear time, the first half before the document is parsed.

/// The limits of one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Bytes of the document.
    pub(super) document_bytes: usize,
    /// Names, values and signs of the document.
    pub(super) tokens: usize,
    /// Brackets of any kind within each other.
    pub(super) nesting: usize,
    /// Selections within selections, those of fragments counted where they are spread.
    pub(super) depth: usize,
    /// Selections in all, those of fragments counted where they are spread.
    pub(super) fields: usize,
    /// Fields that are called by another name.
    pub(super) aliases: usize,
    /// Fields of the operation itself: each query or mutation that is run.
    pub(super) root_fields: usize,
    /// Directives in all.
    pub(super) directives: usize,
    /// Fields times the rows that they are selected of, which bounds the rows that running it touches: see
    /// [`super::cost`].
    pub(super) cost: usize,
    /// Lists of the schema within each other, in introspection: types have fields, which have types, and so on. The
    /// rule and its number are those of `MaxIntrospectionDepthRule` of graphql-js.
    pub(super) introspection: usize,
    /// Bytes of the variables, written as JSON.
    pub(super) variables_bytes: usize,
    /// Lists and objects of the variables within each other.
    pub(super) variables_nesting: usize,
}

impl Limits {
    /// The limits in force.
    pub(super) const STANDARD: Self = Self {
        document_bytes: 32 << 10,
        tokens: 4000,
        nesting: 32,
        depth: 20,
        fields: 1000,
        aliases: 100,
        root_fields: 20,
        directives: 50,
        cost: 50_000,
        introspection: 3,
        variables_bytes: 512 << 10,
        variables_nesting: 10,
    };
}
