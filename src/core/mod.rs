//! Leaf modules: types and algorithms that know neither the domain nor any transport. They run no SQL of their own,
//! apart from the pages of `pagination`.

pub mod byte_budget;
pub mod clock;
pub mod credential_cache;
pub mod encryption;
pub mod error;
pub mod finish_reason;
pub mod ids;
pub mod input_file;
pub mod json;
pub mod jwt;
pub mod keyed_hash;
pub mod pagination;
pub mod password;
pub mod price;
pub mod private_files;
pub mod random;
pub mod replay_log;
pub mod signature;
pub mod throttle;
pub mod tokens;
pub mod trace_context;
pub mod usage;
pub mod viewer;
pub mod webhook_signature;
