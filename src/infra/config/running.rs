//! The configuration in force, which a reload replaces as a whole.

use std::sync::{Arc, PoisonError, RwLock};

use super::Config;

/// The configuration in force.
pub struct RunningConfig(RwLock<Arc<Config>>);

impl RunningConfig {
    /// Begins with the configuration of the start.
    pub fn new(config: Config) -> Self {
        Self(RwLock::new(Arc::new(config)))
    }

    /// Returns the configuration.
    pub fn get(&self) -> Arc<Config> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces it.
    pub fn replace(&self, config: Config) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
    }
}
