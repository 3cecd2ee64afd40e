//! `jeton export` and `jeton import`: a whole database as JSON Lines. The first line lists the tables, each further one
//! is a row, and the last one has row counts and checksums, so that a truncated file is detected.

mod export;
mod import;
mod reader;

pub use self::export::{export, export_to};
pub use self::import::import;
