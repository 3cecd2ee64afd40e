//! Edge cases: unusual clients, unusual text, and failing upstreams.

mod connections;
mod inputs;
mod upstreams;
