//! Has the crate built again when the browser client that is embedded in it was.
#![allow(clippy::print_stdout, reason = "how a build script speaks to cargo")]

use std::path::Path;

fn main() {
    // A path that is not there would count as changed, each time.
    let watched = if Path::new("web/dist").exists() { "web/dist" } else { "web" };
    let watched = if Path::new(watched).exists() { watched } else { "build.rs" };
    println!("cargo::rerun-if-changed={watched}");
}
