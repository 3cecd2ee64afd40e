//! Shared code of the fuzz targets: a harness that is reused for a number of runs, and the targets themselves.

use std::cell::RefCell;

pub mod documents;
pub mod doors;

use doors::{Door, House};

/// Runs after which the ledger is verified and the harness recreated: ever-growing histories would only slow the fuzzer
/// down.
const RUNS: u32 = 1000;

thread_local! {
    static HOUSE: RefCell<Option<(House, u32)>> = const { RefCell::new(None) };
}

/// Runs a fuzz target on an input.
pub fn knock(door: Door, data: &[u8]) {
    HOUSE.with_borrow_mut(|kept| {
        let (house, runs) = kept.get_or_insert_with(|| (House::open(), 0));
        door(house, data);
        *runs += 1;
        if *runs == RUNS {
            house.verify();
            *kept = None;
        }
    });
}
