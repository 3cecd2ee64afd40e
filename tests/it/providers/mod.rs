//! Each protocol of a remote service through a double: what it is sent, what its responses mean, and who pays.

mod conversations;
mod double;
mod failures;
mod golden;
mod kinds;
mod ollama_models;
mod v1;
