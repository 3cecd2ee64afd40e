//! Shared code of the fuzz targets: a harness that is reused for a number of runs, and the targets themselves.

use std::cell::RefCell;

pub mod documents;
pub mod targets;

use targets::{Harness, Target};

/// Runs after which the ledger is verified and the harness recreated: ever-growing histories would only slow the fuzzer
/// down.
const RUNS: u32 = 1000;

thread_local! {
    static HARNESS: RefCell<Option<(Harness, u32)>> = const { RefCell::new(None) };
}

/// Runs a fuzz target on an input.
pub fn run(target: Target, data: &[u8]) {
    HARNESS.with_borrow_mut(|kept| {
        let (harness, runs) = kept.get_or_insert_with(|| (Harness::start(), 0));
        target(harness, data);
        *runs += 1;
        if *runs == RUNS {
            harness.verify();
            *kept = None;
        }
    });
}
