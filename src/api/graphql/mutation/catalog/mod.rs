//! Mutations of the catalog, for superusers. They only translate: the domain decides.

mod breaker;
mod model;
mod price_list;
mod provider;

pub(super) use self::breaker::BreakerMutation;
pub(super) use self::model::ModelMutation;
pub(super) use self::price_list::PriceListMutation;
pub(super) use self::provider::ProviderMutation;
