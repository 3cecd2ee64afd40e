//! Logging: which events are written to standard error, and how they look. Standard output belongs to the commands.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};
use crate::error::{Code, Error};

/// Starts logging. Once in a process.
///
/// # Errors
/// INVALID_INPUT that names the key where the filter can't be read; INTERNAL where logging has been started before.
pub fn start(log: &Log) -> Result<(), Error> {
    let lines = tracing_subscriber::fmt().with_env_filter(filter(log)?).with_writer(io::stderr);
    // Colours only for people. On a terminal the library decides, since it heeds NO_COLOR.
    let lines = if io::stderr().is_terminal() { lines } else { lines.with_ansi(false) };
    match log.format {
        LogFormat::Compact => lines.compact().try_init(),
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).try_init(),
    }
    .map_err(Error::internal)
}

/// The filter of the configuration.
///
/// # Errors
/// INVALID_INPUT that names the key where it can't be read.
pub fn filter(log: &Log) -> Result<EnvFilter, Error> {
    EnvFilter::builder().parse(&log.filter).map_err(|error| {
        let message = format!("log.filter: \"{}\" can't be read (try \"info\" or \"jeton=debug\")", log.filter);
        Error::new(Code::InvalidInput, message).with_source(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_filter_names_its_key() {
        let log = |filter: &str| Log { filter: filter.to_owned(), format: LogFormat::Compact };
        for good in ["info", "warn,jeton=debug", "off"] {
            assert!(filter(&log(good)).is_ok(), "{good}");
        }
        let error = filter(&log("jeton=loud")).unwrap_err();
        assert!(error.message.starts_with("log.filter: "), "{error:?}");
    }
}
