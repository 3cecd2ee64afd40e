//! Which entry of a price list is that of a model: by the provider of its routes, and that provider's name of the model.
//!
//! Names are compared exactly. The first route that has an entry counts.

use super::price_list::{Entry, Format, PriceList};
use crate::infra::catalog::Models;
use crate::infra::entity::model_route;
use crate::infra::entity::provider::{self, Kind};

/// How the entry of a model was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(name = "PriceMatch")]
pub enum PriceMatch {
    /// The list names the model of the catalog. Only lists in Jeton's own format do.
    Model,
    /// The list names the provider, or its service, and its name of the model.
    Provider,
    /// The list has the provider's name of the model, and the provider's service is not known.
    Name,
    /// OpenRouter's list has the model of the vendor who is the provider.
    Vendor,
}

/// A found entry.
pub(super) struct Found<'a> {
    pub(super) entry: Entry<'a>,
    pub(super) name: String,
    pub(super) by: PriceMatch,
    /// The order of the ways in which an entry is found: the smallest counts.
    pub(super) rank: usize,
}

/// A service that is known by its address: the host, LiteLLM's name of it, and OpenRouter's name of it as a vendor.
struct Service {
    host: &'static str,
    litellm: &'static str,
    vendor: Option<&'static str>,
}

const SERVICES: &[Service] = &[
    Service { host: "api.openai.com", litellm: "openai", vendor: Some("openai") },
    Service { host: "api.anthropic.com", litellm: "anthropic", vendor: Some("anthropic") },
    Service { host: "generativelanguage.googleapis.com", litellm: "gemini", vendor: Some("google") },
    Service { host: "api.mistral.ai", litellm: "mistral", vendor: Some("mistralai") },
    Service { host: "api.deepseek.com", litellm: "deepseek", vendor: Some("deepseek") },
    Service { host: "api.x.ai", litellm: "xai", vendor: Some("x-ai") },
    Service { host: "openrouter.ai", litellm: "openrouter", vendor: None },
    Service { host: "api.groq.com", litellm: "groq", vendor: None },
    Service { host: "api.together.xyz", litellm: "together_ai", vendor: None },
];
const AZURE: Service = Service { host: "openai.azure.com", litellm: "azure", vendor: None };
const OLLAMA: Service = Service { host: "", litellm: "ollama", vendor: None };

/// Returns the service of a provider: by its address, and of Ollama by its kind.
fn service_of(provider: &provider::Model) -> Option<&'static Service> {
    if provider.kind == Kind::Ollama {
        return Some(&OLLAMA);
    }
    let url = reqwest::Url::parse(&provider.base_url).ok()?;
    let host = url.host_str()?;
    let is_azure = host.strip_suffix(AZURE.host).is_some_and(|resource| resource.ends_with('.'));
    SERVICES.iter().find(|service| service.host == host).or_else(|| is_azure.then_some(&AZURE))
}

/// Returns the entry of a model with these routes, which are in the order in which they are tried.
pub(super) fn find<'a>(
    list: &PriceList<'a>,
    catalog: &Models,
    model: &str,
    routes: &[model_route::Model],
) -> Option<Found<'a>> {
    if let Some(entry) = list.of_model(model) {
        return Some(Found { entry, name: model.to_owned(), by: PriceMatch::Model, rank: 0 });
    }
    routes.iter().enumerate().find_map(|(at, route)| {
        let provider = &catalog.provider(route.provider_id)?.row;
        let (entry, name, by) = of_route(list, provider, &route.upstream_model)?;
        // A name with the service before it comes first.
        let way = if by == PriceMatch::Provider && name != route.upstream_model { 0 } else { by as usize };
        Some(Found { entry, name, by, rank: 1 + 4 * at + way })
    })
}

fn of_route<'a>(
    list: &PriceList<'a>,
    provider: &provider::Model,
    name: &str,
) -> Option<(Entry<'a>, String, PriceMatch)> {
    let found = |entry, name: &str, by| (entry, name.to_owned(), by);
    let plain = || list.of_upstream(None, name);
    let service = service_of(provider);
    match (list.format, service) {
        (Format::Jeton, _) => list
            .of_upstream(Some(&provider.name), name)
            .map(|entry| found(entry, name, PriceMatch::Provider))
            .or_else(|| plain().map(|entry| found(entry, name, PriceMatch::Name))),
        (_, None) => plain().map(|entry| found(entry, name, PriceMatch::Name)),
        (Format::Litellm, Some(service)) => {
            let prefixed = format!("{}/{name}", service.litellm);
            [prefixed.as_str(), name].into_iter().find_map(|name| {
                let entry = list.of_upstream(None, name)?;
                let is_theirs = PriceList::service_of(entry).as_deref() == Some(service.litellm);
                is_theirs.then(|| found(entry, name, PriceMatch::Provider))
            })
        }
        (Format::Openrouter, Some(Service { litellm: "openrouter", .. })) => {
            plain().map(|entry| found(entry, name, PriceMatch::Provider))
        }
        (Format::Openrouter, Some(service)) => {
            let name = format!("{}/{name}", service.vendor?);
            list.of_upstream(None, &name).map(|entry| found(entry, &name, PriceMatch::Vendor))
        }
    }
}
