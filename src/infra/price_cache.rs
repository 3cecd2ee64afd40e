//! The versions of prices that this server has met. They never change, so they are never read twice.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use crate::core::ids::PriceId;
use crate::core::price::Price;
use crate::infra::entity::price;

/// The versions by id, and the current one of each model.
#[derive(Default)]
pub struct PriceCache {
    current: RwLock<HashMap<String, (Price, PriceId)>>,
    by_id: RwLock<HashMap<PriceId, price::Model>>,
}

impl PriceCache {
    /// Returns the id of a model's current version, if it has this price.
    pub fn current(&self, model: &str, price: Price) -> Option<PriceId> {
        let known = self.current.read().unwrap_or_else(PoisonError::into_inner).get(model).copied();
        known.filter(|(known, _)| *known == price).map(|(_, id)| id)
    }

    /// Makes a version the current one of its model.
    pub fn set_current(&self, version: &price::Model) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        current.insert(version.model.clone(), (version.price(), version.id));
    }

    /// Returns a version that was read before.
    pub fn get(&self, id: PriceId) -> Option<price::Model> {
        self.by_id.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Remembers a version.
    pub fn insert(&self, version: price::Model) {
        self.by_id.write().unwrap_or_else(PoisonError::into_inner).insert(version.id, version);
    }
}
