//! The GraphQL API, which is the complete API. Translates between GraphQL and the domain, and must not decide anything.
//!
//! [`transport`] receives requests, [`execution`] runs their operations, [`validation`] rejects those that are not valid or
//! too large before they run. The resolvers lie by domain noun in [`query`], [`mutation`] and [`types`].

mod context;
mod error;
mod execution;
mod id;
mod mutation;
mod query;
mod schema;
mod state;
mod subscription;
mod transport;
mod types;
mod validation;

pub use self::schema::sdl;
pub use self::transport::router;
