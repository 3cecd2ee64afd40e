//! `[data]`: the data directory.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `[data]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// The directory of the SQLite database and the signing key.
    pub dir: PathBuf,
}
