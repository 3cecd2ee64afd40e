//! The models that can be used, for everyone.

use crate::app::App;
use crate::core::error::Error;
use crate::core::pagination::{KeyedPage, PageRequest, check_search};
use crate::infra::catalog::{Entry, Model};

/// Maximum number of names of a filter.
pub const MAX_NAMES: usize = 100;

/// A valid filter of models.
#[derive(Clone, Debug)]
pub struct ModelFilter {
    /// Lower-case words, each of which is a part of the name, the title or the description.
    words: Vec<String>,
    names: Option<Vec<String>>,
}

impl ModelFilter {
    /// Creates a filter by the words of a search, and by names; unset ones match all.
    ///
    /// # Errors
    /// INVALID_INPUT for a search that is too long, or too many names.
    pub fn new(search: Option<String>, names: Option<Vec<String>>) -> Result<Self, Error> {
        let search = search.unwrap_or_default();
        check_search(&search)?;
        if names.as_ref().is_some_and(|names| names.len() > MAX_NAMES) {
            return Err(Error::field("names", format!("At most {MAX_NAMES} names.")));
        }
        let words = search.to_lowercase().split_whitespace().map(str::to_owned).collect();
        Ok(Self { words, names })
    }

    fn matches(&self, name: &str, entry: &Entry) -> bool {
        entry.enabled
            && self.names.as_ref().is_none_or(|names| names.iter().any(|one| one == name))
            && (self.words.is_empty() || has_words(&entry.model, &self.words))
    }
}

fn has_words(Model { name, title, description, .. }: &Model, words: &[String]) -> bool {
    let text = format!("{title} {name} {}", description.as_deref().unwrap_or_default()).to_lowercase();
    words.iter().all(|word| text.contains(word))
}

/// Returns a page of the models that can be used, by name.
///
/// # Errors
/// INVALID_INPUT for a cursor of another list.
pub fn usable(app: &App, filter: &ModelFilter, page: PageRequest) -> Result<KeyedPage<Entry>, Error> {
    page.of_map(app.models().entries(), |name, entry| filter.matches(name, entry))
}

/// Returns the number of the models on all pages.
pub fn count_usable(app: &App, filter: &ModelFilter) -> u64 {
    let models = app.models();
    if filter.words.is_empty() && filter.names.is_none() {
        return models.count() as u64;
    }
    models.entries().iter().filter(|(name, entry)| filter.matches(name, entry)).count() as u64
}
