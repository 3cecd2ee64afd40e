//! Parses the command line and dispatches. Everything else is in the library, where tests reach it.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use jeton::cli::{self, Cli};
#[cfg(unix)]
use tikv_jemallocator::Jemalloc;

/// The global allocator. A message makes many small allocations on several threads, for which the system's allocator
/// takes a tenth longer.
#[cfg(unix)]
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // An error means that a provider is installed already, which suffices.
    rustls::crypto::ring::default_provider().install_default().ok();
    cli::run_blocking(cli).unwrap_or_else(|message| {
        // If standard error is closed, only the exit code reports the failure.
        writeln!(std::io::stderr(), "jeton: {message}").ok();
        ExitCode::FAILURE
    })
}
