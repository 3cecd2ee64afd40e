//! Runs the fuzz targets on all their seeds, which include every input that was once a finding.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[path = "../../fuzz/src/documents.rs"]
pub mod documents;
#[path = "../../fuzz/src/targets/mod.rs"]
mod targets;

use targets::{Harness, TARGETS};

#[test]
fn every_seed_is_answered_as_it_has_to_be() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let named: BTreeSet<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let found: BTreeSet<_> =
        fs::read_dir(&seeds).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(found, named, "each target has seeds");
    let mut harness = Harness::start();
    for (name, target) in TARGETS {
        let mut files: Vec<_> = fs::read_dir(seeds.join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        for file in files {
            // Printed only if the test fails.
            println!("{}", file.display());
            target(&mut harness, &fs::read(&file).unwrap());
        }
    }
    harness.verify();
}
