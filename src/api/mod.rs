//! Transports: a credential becomes a viewer, an input a call of the domain, and its result a response. They decide nothing.

pub mod graphql;
pub mod openai;
pub mod rest;
pub mod web;
