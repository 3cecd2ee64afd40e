//! Validation of documents and coercion of variables before execution: sections 5 and 6.1.2 of the specification.
//!
//! apollo-compiler validates. This module adds the checks that it lacks: duplicate fields of an input object (5.6.3),
//! variables within lists and objects (5.8.5), and literals of this schema's custom scalars. async-graphql then
//! executes documents in its fast mode, since its own rules reject valid documents and accept invalid ones: it ignores
//! the directives of `__typename`. `make clients` compares all of this with graphql-js.

pub(super) mod cost;
pub(super) mod documents;
pub(super) mod facts;
pub(super) mod guard;
pub(super) mod limits;
pub(super) mod operation;
mod scalars;
mod validator;
mod values;
mod variables;

pub(super) use self::validator::standard;
pub(super) use self::variables::DocumentVariables;

#[cfg(test)]
mod tests;
