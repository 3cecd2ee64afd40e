//! Transports: each turns a credential into a viewer, an input into a call of the domain, and its result into a
//! response. They must not decide anything.

pub mod graphql;
pub mod openai;
pub mod rest;
pub mod web;
