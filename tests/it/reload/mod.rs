//! Reloading the configuration file while the server runs.

mod binary;
mod limits;
mod models;
mod under_load;

use std::path::PathBuf;

use jeton::core::error::Error;
use jeton::domain::reload::{ReloadSource, Reloaded, reload};
use jeton::infra::telemetry::LogFilter;

use crate::support::{On, TestApp};

/// An application with a configuration file.
pub struct Reloading {
    pub app: TestApp,
    file: PathBuf,
    source: ReloadSource,
    _directory: tempfile::TempDir,
}

/// A file without the language model, which no test needs.
const BASE: &str = "default_model = 'echo'\n[models.smollm2]\npath = 'missing.gguf'\n";

impl Reloading {
    /// Starts with these settings, and the file with the same.
    pub async fn start(on: On, settings: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("jeton.toml");
        let text = format!("{BASE}{settings}");
        std::fs::write(&file, &text).unwrap();
        let app = TestApp::with(on, &text).await;
        let source = ReloadSource::new(Some(&file), LogFilter::default());
        Self { app, file, source, _directory: directory }
    }

    /// Reloads a file with these settings.
    pub async fn with(&self, settings: &str) -> Result<Reloaded, Error> {
        self.with_text(&format!("{BASE}{settings}")).await
    }

    /// Reloads a file with this text.
    pub async fn with_text(&self, text: &str) -> Result<Reloaded, Error> {
        std::fs::write(&self.file, text).unwrap();
        reload(&self.app.app, &self.source).await
    }
}

/// Returns a model of an OpenAI-compatible service, with these further keys.
pub fn model(name: &str, url: &str, keys: &str) -> String {
    format!("[models.{name}]\nprovider = 'openai'\nbase_url = '{url}'\nupstream_model = 'small'\n{keys}\n")
}
