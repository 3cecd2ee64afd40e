//! What the fuzz targets share: a house that lasts for some runs, and its doors.

use std::cell::RefCell;

pub mod documents;
pub mod doors;

use doors::{Door, House};

/// So often the books are checked, and everything starts anew: histories that grow for ever would only be slow.
const RUNS: u32 = 1000;

thread_local! {
    static HOUSE: RefCell<Option<(House, u32)>> = const { RefCell::new(None) };
}

/// Tries this at a door.
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
