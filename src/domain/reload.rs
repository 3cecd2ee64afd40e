//! Reloading the configuration file: what can change without a restart is in force at once, and what can't is named.
//!
//! Nothing changes if the file has an error. Turns that have begun end with what they began with. Each server reloads its
//! own file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use tokio::sync::Mutex;

use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::viewer::Actor;
use crate::domain::audit::{self, Action, AuditRecord};
use crate::domain::{catalog, pricing};
use crate::infra::config::Config;
use crate::infra::telemetry::{self, LogFilter};

/// Maximum number of keys that an audit event names.
const MAX_AUDITED: usize = 100;

/// The file that is reloaded, and the log whose filter is in it.
#[derive(Clone, Default)]
pub struct ReloadSource {
    file: Option<PathBuf>,
    is_required: bool,
    filter: LogFilter,
    /// Held by a reload, so that the next one begins with its outcome.
    turn: Arc<Mutex<()>>,
}

/// The outcome of a reload.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Reloaded {
    /// The keys whose values have changed.
    pub applied: Vec<String>,
    /// The keys whose values in the file differ from those in force, and need a restart.
    pub needs_restart: Vec<String>,
}

impl ReloadSource {
    /// Remembers the file that the server has started with. `None` stands for `jeton.toml`, if it exists.
    pub fn new(file: Option<&Path>, filter: LogFilter) -> Self {
        let file = file.unwrap_or(Path::new("jeton.toml"));
        // Without the file that it has started with, the server would drop all settings.
        Self { file: Some(file.to_owned()), is_required: file.exists(), filter, turn: Arc::default() }
    }

    fn load(&self) -> Result<Config, Error> {
        let file = self.file.as_deref().filter(|file| self.is_required || file.exists());
        let config = Config::load(file).map_err(|error| error.to_string());
        let checked = config.and_then(|config| match telemetry::filter(&config.log) {
            Ok(_) => Ok(config),
            Err(error) => Err(error.message),
        });
        checked.map_err(|error| Error::new(Code::InvalidInput, error))
    }
}

/// Reads the configuration file again, and applies what can change while the server runs.
///
/// # Errors
/// INVALID_INPUT with the errors of the file; INTERNAL if the database fails. Then nothing has changed.
pub async fn reload(app: &App, source: &ReloadSource) -> Result<Reloaded, Error> {
    let _turn = source.turn.lock().await;
    let read = source.clone();
    let result = match blocking(move || read.load()).await {
        Ok(config) => apply(app, config, &source.filter).await,
        Err(error) => Err(error),
    };
    match &result {
        Ok(Reloaded { applied, needs_restart }) => {
            app.metrics.config_reload("applied");
            tracing::info!(applied = applied.join(", "), "configuration reloaded");
            if !needs_restart.is_empty() {
                tracing::warn!(keys = needs_restart.join(", "), "changed in the file, and in force after a restart");
            }
        }
        Err(error) => {
            app.metrics.config_reload("failed");
            tracing::error!(?error, "configuration reload failed; the previous configuration stays in force");
        }
    }
    result
}

async fn apply(app: &App, file: Config, filter: &LogFilter) -> Result<Reloaded, Error> {
    let next_filter = telemetry::filter(&file.log)?;
    let before = app.config();
    let mut next = before.with_reloadable(&file);
    let (configured, random) = (app.catalog.configured(), app.random.clone());
    let opening = (configured.clone(), before.clone());
    // The weights of a local model are read from a file.
    let (mut models, next) = blocking(move || {
        let (configured, before) = opening;
        let models = configured.reopen(&before, &mut next, &random)?;
        Ok((models, next))
    })
    .await?;
    let mut needs_restart = next.differing_keys(&file);
    // The models of an Ollama are no part of the file.
    needs_restart.retain(|key| !key.starts_with("models."));
    let mut applied = before.differing_keys(&next);
    // A model that was omitted, and whose file is there now.
    let opened = models.entries().keys().filter(|name| configured.entry(name).is_none());
    applied.extend(opened.map(|name| format!("models.{name}")));
    let reloaded =
        Reloaded { applied: applied.into_iter().collect(), needs_restart: needs_restart.into_iter().collect() };
    pricing::store_next(app, &configured, &mut models).await?;
    let pending = catalog::prepare(app).await?;
    record(app, &reloaded).await?;
    // From here on, nothing fails that could leave the server with a part of the file.
    let is_logged = before.log.filter == next.log.filter || filter.replace(next_filter).is_ok();
    if !is_logged {
        tracing::error!("the log filter can't be replaced");
    }
    pending.apply(models);
    app.reconfigure(next);
    Ok(reloaded)
}

async fn record(app: &App, reloaded: &Reloaded) -> Result<(), Error> {
    let details = json!({ "applied": listed(&reloaded.applied), "needs_restart": listed(&reloaded.needs_restart) });
    let server = app.config().http.listen.to_string();
    app.db
        .write((server, details, app.clock.now()), |txn, (server, details, at)| {
            Box::pin(async move {
                let target = ("server", 0, server.as_str());
                let (action, details) = (Action::ConfigReload, details.clone());
                // Signals and the control socket are for those with a shell on the server.
                audit::record(
                    txn,
                    &Actor::CommandLine,
                    AuditRecord { action, target, owner_id: None, details, at: *at },
                )
                .await
            })
        })
        .await
}

/// Returns the keys as text, without those beyond the maximum.
fn listed(keys: &[String]) -> Option<String> {
    let (first, more) = keys.split_at(keys.len().min(MAX_AUDITED));
    let more = if more.is_empty() { String::new() } else { format!(", and {} more", more.len()) };
    Some(first.join(", ") + &more).filter(|text| !text.is_empty())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(Error::internal(error)))
}
