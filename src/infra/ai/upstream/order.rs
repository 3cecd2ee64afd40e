//! The order in which the upstreams of a model are tried: by their position, and by turns among those with the same one.

use std::sync::atomic::{AtomicU64, Ordering};

use super::endpoint::Upstream;

/// The order. Without weights it is always the same.
pub(super) struct Order {
    /// The indices of the upstreams and their weights, by position.
    groups: Vec<Vec<(usize, u64)>>,
    turn: AtomicU64,
}

impl Order {
    pub(super) fn of(upstreams: &[Upstream]) -> Self {
        Self::new(upstreams.iter().map(|upstream| (upstream.position, upstream.weight)))
    }

    fn new(upstreams: impl Iterator<Item = (i64, i64)>) -> Self {
        let mut sorted: Vec<_> = upstreams.enumerate().collect();
        sorted.sort_by_key(|(_, (position, _))| *position);
        let groups = sorted.chunk_by(|(_, (one, _)), (_, (other, _))| one == other);
        let weighted = |(at, (_, weight)): &(usize, (i64, i64))| (*at, u64::try_from(*weight).unwrap_or_default());
        Self { groups: groups.map(|group| group.iter().map(weighted).collect()).collect(), turn: AtomicU64::new(0) }
    }

    /// Returns the indices for the next request: in each group, the one whose turn it is, and then those behind it.
    pub(super) fn next(&self) -> Vec<usize> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let mut order = Vec::new();
        for group in &self.groups {
            let total: u64 = group.iter().map(|(_, weight)| weight).sum();
            let mut place = turn.checked_rem(total).unwrap_or_default();
            let first = group.iter().position(|(_, weight)| {
                let is_first = place < *weight;
                place = place.saturating_sub(*weight);
                is_first
            });
            let (before, from) = group.split_at(first.unwrap_or_default());
            order.extend(from.iter().chain(before).map(|(at, _)| *at));
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upstreams_are_tried_by_position_and_by_turns() {
        let plain = Order::new([(0, 0), (0, 0), (0, 0)].into_iter());
        assert_eq!((plain.next(), plain.next()), (vec![0, 1, 2], vec![0, 1, 2]));
        let ordered = Order::new([(2, 1), (1, 3), (1, 1)].into_iter());
        let mut firsts = Vec::new();
        for _ in 0..4 {
            let next = ordered.next();
            assert_eq!(next.last(), Some(&0));
            firsts.extend(next.first().copied());
        }
        assert_eq!(firsts, [1, 1, 1, 2], "three of four");
    }
}
