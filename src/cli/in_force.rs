//! The models and providers that are in force, as comments below the configuration that `jeton config show` prints: the
//! output can still be read as TOML.

use std::collections::BTreeSet;

use sea_orm::ActiveEnum;

use super::explain::explain;
use super::output;
use crate::core::error::{Code, Error};
use crate::core::random::Random;
use crate::domain::catalog::{self, StoredCatalog};
use crate::infra::ai::ollama_models;
use crate::infra::catalog::Models;
use crate::infra::config::{self, Config, Ollama};
use crate::infra::db::{Db, sqlite_file};

/// Returns the models and providers in force with their sources. Without the database, those of the file and of an Ollama,
/// and why there are no others. Nothing is created or migrated.
pub(super) async fn text(mut config: Config) -> String {
    let mut of_ollama = Vec::new();
    if config.ollama.detect {
        let url = ollama_models::base_url(&Ollama::host());
        let found = ollama_models::list(&url).await;
        // Added as `serve` does.
        of_ollama = Models::none().add_ollama(&mut config, &url, &found, &Random::system());
    }
    let stored = read(&config).await;
    let mut text = String::from("\nModels, and where they come from:\n");
    let titles = ["name", "from", "state", "provider"];
    text.push_str(&output::table(&titles, &models(&config, &of_ollama, stored.as_ref().ok())));
    let (default, from) = default_model(&config, stored.as_ref().ok());
    text.push_str(&format!("\nDefault model: {} ({from})\n", output::plain(default)));
    text.push_str("\nProviders of the database:\n");
    match &stored {
        Ok(StoredCatalog { providers, .. }) if providers.is_empty() => text.push_str("none\n"),
        Ok(StoredCatalog { providers, .. }) => {
            let row = |row: &crate::infra::entity::provider::Model| {
                vec![row.name.clone(), row.kind.to_value(), config::public_url(&row.base_url)]
            };
            text.push_str(&output::table(&["name", "kind", "address"], &providers.iter().map(row).collect::<Vec<_>>()));
        }
        Err(error) => text.push_str(&format!("the database can't be read: {}\n", explain(error))),
    }
    text.lines().map(|line| format!("# {line}").trim_end().to_owned() + "\n").collect()
}

async fn read(config: &Config) -> Result<StoredCatalog, Error> {
    let url = config.database_url();
    if let Some(file) = sqlite_file(&url).filter(|file| !file.exists()) {
        return Err(Error::new(Code::NotFound, format!("{} does not exist", output::path(&file))));
    }
    let config::Database { max_connections, acquire_timeout, .. } = config.database;
    let db = Db::connect_within(&url, max_connections, acquire_timeout).await.map_err(|error| {
        Error::new(error.code, format!("cannot open {}", config.shown_database_url())).with_source(error)
    })?;
    let stored = catalog::read_stored(&db).await;
    db.close().await?;
    stored
}

/// Returns the rows of the table of models, by name.
fn models(config: &Config, of_ollama: &[String], stored: Option<&StoredCatalog>) -> Vec<Vec<String>> {
    let of_ollama: BTreeSet<_> = of_ollama.iter().collect();
    let mut rows = Vec::new();
    for (name, model) in &config.models {
        let from = if of_ollama.contains(name) { "Ollama" } else { "jeton.toml" };
        let state = if is_omitted(model) { "omitted: no such file" } else { "enabled" };
        rows.push([name, from, state, model.provider.name()].map(str::to_owned).to_vec());
    }
    for model in stored.into_iter().flat_map(|stored| &stored.models) {
        let state = match (config.models.contains_key(&model.name), model.enabled) {
            // The file wins.
            (true, _) => "not in force",
            (false, true) => "enabled",
            (false, false) => "disabled",
        };
        rows.push([&model.name, "database", state, &model.providers.join(", ")].map(str::to_owned).to_vec());
    }
    rows.sort_by(|one, other| one.first().cmp(&other.first()));
    rows
}

/// Returns the default model, and what has chosen it.
fn default_model<'a>(config: &'a Config, stored: Option<&'a StoredCatalog>) -> (&'a str, &'static str) {
    if config.has_default_model {
        return (&config.default_model, "jeton.toml or the environment");
    }
    let chosen = stored.and_then(|stored| stored.default_model.as_deref());
    let is_usable = |name: &str| match config.models.get(name) {
        Some(model) => !is_omitted(model),
        None => stored.is_some_and(|stored| stored.models.iter().any(|model| model.name == name && model.enabled)),
    };
    match chosen.filter(|name| is_usable(name)) {
        Some(chosen) => (chosen, "database"),
        None if config.models.get(&config.default_model).is_some_and(is_omitted) => {
            ("echo", "in place of the default, which is omitted")
        }
        None => (&config.default_model, "default"),
    }
}

/// Returns whether a server would omit the model, since its file is missing.
fn is_omitted(model: &config::Model) -> bool {
    let is_local = model.provider == config::Provider::Local;
    model.path.as_deref().is_some_and(|path| is_local && !path.exists())
}
