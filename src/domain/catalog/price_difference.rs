//! The difference between two prices, and when it needs a confirmation.

use crate::core::price::{Part, Price};

/// A change by more than this factor, either way, needs a confirmation.
const MAX_FACTOR: i128 = 10;

/// A part of a price that differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartChange {
    /// The part.
    pub part: Part,
    /// The price before, in prepaid tokens.
    pub before: i64,
    /// The price after, in prepaid tokens.
    pub after: i64,
}

impl PartChange {
    /// Returns whether the price changes by more than a factor of ten, or to or from zero.
    pub fn needs_confirmation(&self) -> bool {
        let (before, after) = (i128::from(self.before), i128::from(self.after));
        let is_free = |price: i128| price == 0;
        is_free(before) != is_free(after) || after > before * MAX_FACTOR || before > after * MAX_FACTOR
    }

    /// Returns the price after for each token before; `None` if it was free. For people: costs are never calculated by it.
    pub fn ratio(&self) -> Option<f64> {
        (self.before != 0).then(|| self.after as f64 / self.before as f64)
    }
}

/// Returns the parts that differ.
pub fn part_changes(before: Price, after: Price) -> Vec<PartChange> {
    let pairs = before.parts().into_iter().zip(after.parts());
    let changes = pairs.map(|((part, before), (_, after))| PartChange { part, before, after });
    changes.filter(|change| change.before != change.after).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_changes_and_those_of_free_prices_need_a_confirmation() {
        for (before, after, needs) in
            [(10, 100, false), (10, 101, true), (100, 10, false), (101, 10, true), (0, 1, true), (1, 0, true)]
        {
            let change = PartChange { part: Part::Input, before, after };
            assert_eq!(change.needs_confirmation(), needs, "{before} {after}");
        }
        let (before, after) = (Price::per_million(10, 20), Price { cache_read: 5, ..Price::per_million(10, 20) });
        assert_eq!(part_changes(before, after), [PartChange { part: Part::CacheRead, before: 10, after: 5 }]);
        assert_eq!(part_changes(before, before), []);
        assert_eq!(PartChange { part: Part::Input, before: 10, after: 5 }.ratio(), Some(0.5));
    }
}
