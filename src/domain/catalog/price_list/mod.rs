//! Price lists: files with the prices of models in money, in Jeton's own format, LiteLLM's or OpenRouter's. An entry is
//! read when a model of the catalog matches it, so that an invalid one concerns that model alone.

mod decimal;
mod entry;

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map;

use serde::Deserialize;
use serde_json::value::RawValue;

pub(super) use self::decimal::Decimal;
pub(super) use self::entry::ListedPrice;
use crate::core::error::Error;

/// Maximum size of a list, in bytes.
pub const MAX_LIST_BYTES: usize = 16 << 20;
/// Maximum number of entries of a list.
const MAX_ENTRIES: usize = 20_000;
/// The mark of a list in Jeton's own format.
const OWN_FORMAT: &str = "jeton-prices/1";

/// The format of a price list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(name = "PriceListFormat")]
pub enum Format {
    /// Jeton's own format.
    Jeton,
    /// LiteLLM's `model_prices_and_context_window.json`.
    Litellm,
    /// The answer of OpenRouter's `/api/v1/models`.
    Openrouter,
}

/// A price list.
pub struct PriceList<'a> {
    /// Its format.
    pub format: Format,
    /// The entries for models of the catalog by their names: of the own format only.
    of_models: HashMap<String, Entry<'a>>,
    /// The other entries, by the provider that they are for, if they name one, and the provider's name of the model.
    of_upstreams: HashMap<(Option<String>, String), Entry<'a>>,
}

/// An entry of a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    text: &'a RawValue,
    /// Whether the list has another entry of this name, so that neither counts.
    is_ambiguous: bool,
}

/// The members of an object, each as it was written.
pub(super) type Members<'a> = HashMap<String, &'a RawValue>;

impl<'a> PriceList<'a> {
    /// Parses a list, whose format is recognised.
    ///
    /// # Errors
    /// INVALID_INPUT in the field `list` for a text that is too long, or in no known format.
    pub fn parse(text: &'a str) -> Result<Self, Error> {
        let wrong = |message: String| Error::field("list", message);
        if text.len() > MAX_LIST_BYTES {
            return Err(wrong(format!("At most {MAX_LIST_BYTES} bytes.")));
        }
        let members: Members<'a> =
            serde_json::from_str(text).map_err(|error| wrong(format!("This is no JSON object: {error}.")))?;
        if let Some(format) = members.get("format").filter(|format| format.get().starts_with('"')) {
            return match serde_json::from_str::<Cow<'_, str>>(format.get()).as_deref() {
                Ok(OWN_FORMAT) => Self::own(&members),
                _ => Err(wrong(format!("The format is \"{OWN_FORMAT}\", or the list has no `format`."))),
            };
        }
        match members.get("data").filter(|data| data.get().starts_with('[')) {
            Some(data) => Self::openrouter(data),
            None => Self::litellm(members),
        }
    }

    fn own(members: &Members<'a>) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Names<'a> {
            #[serde(borrow)]
            model: Option<Cow<'a, str>>,
            #[serde(borrow)]
            upstream_model: Option<Cow<'a, str>>,
            #[serde(borrow)]
            provider: Option<Cow<'a, str>>,
        }
        let mut list = Self::empty(Format::Jeton);
        let models = members.get("models").ok_or_else(|| Error::field("list", "`models` is missing."))?;
        for (at, text) in array(models, "models")?.into_iter().enumerate() {
            let wrong = |message: &str| Error::field("list", format!("models[{at}]: {message}"));
            let names: Names<'_> = serde_json::from_str(text.get()).map_err(|error| wrong(&error.to_string()))?;
            match names {
                Names { model: Some(model), upstream_model: None, provider: None } => {
                    add(&mut list.of_models, model.into_owned(), text);
                }
                Names { model: None, upstream_model: Some(name), provider } => {
                    add(&mut list.of_upstreams, (provider.map(Cow::into_owned), name.into_owned()), text);
                }
                _ => return Err(wrong("Name either `model`, or `upstream_model` and possibly its `provider`.")),
            }
        }
        Ok(list)
    }

    fn openrouter(data: &'a RawValue) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Named<'a> {
            #[serde(borrow)]
            id: Cow<'a, str>,
        }
        let mut list = Self::empty(Format::Openrouter);
        for (at, text) in array(data, "data")?.into_iter().enumerate() {
            let named: Named<'_> = serde_json::from_str(text.get())
                .map_err(|error| Error::field("list", format!("data[{at}]: {error}")))?;
            add(&mut list.of_upstreams, (None, named.id.into_owned()), text);
        }
        Ok(list)
    }

    fn litellm(members: Members<'a>) -> Result<Self, Error> {
        let mut list = Self::empty(Format::Litellm);
        check_count(members.len())?;
        // An explanation of the format, with prices of 0.
        let entries = members.into_iter().filter(|(name, text)| name != "sample_spec" && text.get().starts_with('{'));
        for (name, text) in entries {
            add(&mut list.of_upstreams, (None, name), text);
        }
        if !list.of_upstreams.values().any(|entry| entry.text.get().contains("\"litellm_provider\"")) {
            return Err(Error::field(
                "list",
                "This is no known price list: neither Jeton's own format, nor LiteLLM's, nor OpenRouter's.",
            ));
        }
        Ok(list)
    }

    fn empty(format: Format) -> Self {
        Self { format, of_models: HashMap::new(), of_upstreams: HashMap::new() }
    }

    /// Returns the entry of a model of the catalog.
    pub(super) fn of_model(&self, name: &str) -> Option<Entry<'a>> {
        self.of_models.get(name).copied()
    }

    /// Returns the entry of a provider's model.
    pub(super) fn of_upstream(&self, provider: Option<&str>, name: &str) -> Option<Entry<'a>> {
        self.of_upstreams.get(&(provider.map(str::to_owned), name.to_owned())).copied()
    }

    /// Returns the service that an entry of LiteLLM's format names.
    pub(super) fn service_of(entry: Entry<'_>) -> Option<String> {
        let members: Members<'_> = serde_json::from_str(entry.text.get()).ok()?;
        serde_json::from_str(members.get("litellm_provider")?.get()).ok()
    }

    /// Returns the price of an entry.
    ///
    /// # Errors
    /// The problem, for people.
    pub(super) fn price(&self, entry: Entry<'_>) -> Result<ListedPrice, String> {
        if entry.is_ambiguous {
            return Err("The list has more than one entry for it.".to_owned());
        }
        entry::read(self.format, entry.text)
    }
}

fn add<'a, K: std::hash::Hash + Eq>(entries: &mut HashMap<K, Entry<'a>>, key: K, text: &'a RawValue) {
    match entries.entry(key) {
        hash_map::Entry::Occupied(mut known) => known.get_mut().is_ambiguous = true,
        hash_map::Entry::Vacant(free) => drop(free.insert(Entry { text, is_ambiguous: false })),
    }
}

fn array<'a>(text: &'a RawValue, name: &str) -> Result<Vec<&'a RawValue>, Error> {
    let rows: Vec<&RawValue> =
        serde_json::from_str(text.get()).map_err(|error| Error::field("list", format!("`{name}`: {error}.")))?;
    check_count(rows.len())?;
    Ok(rows)
}

fn check_count(entries: usize) -> Result<(), Error> {
    if entries > MAX_ENTRIES { Err(Error::field("list", format!("At most {MAX_ENTRIES} entries."))) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
