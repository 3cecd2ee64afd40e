use super::*;
use crate::core::random::Random;

fn bound(units: u64) -> InputBound {
    InputBound { units, images: 0 }
}

const METERED: Price = Price::per_million(10_000, 30_000);

#[test]
fn usage_is_rounded_up_once() {
    assert_eq!(METERED.of_reply(Usage::of(0, 0)), Tokens(0));
    assert_eq!(METERED.of_reply(Usage::of(1, 0)), Tokens(1));
    assert_eq!(METERED.of_reply(Usage::of(50, 50)), Tokens(2));
    assert_eq!(METERED.of_reply(Usage::of(1000, 1000)), Tokens(40));
}

#[test]
fn each_part_has_its_own_price() {
    let price = Price {
        per_message: 1,
        input: 3_000_000,
        cache_read: 300_000,
        cache_write: 3_750_000,
        output: 15_000_000,
        reasoning: 20_000_000,
        per_image: 7,
    };
    let usage = Usage { input: 100, cache_read: 60, cache_write: 30, output: 20, reasoning: 5, images: 2 };
    // 10 x 3 + 60 x 0.3 + 30 x 3.75 + 15 x 15 + 5 x 20 + 2 x 7 = 499.5
    assert_eq!(price.of_usage(usage), Tokens(500));
    assert_eq!(price.of_reply(usage), Tokens(501));
    // 100 x 3.75 + 20 x 20 + 2 x 7
    assert_eq!(price.most(InputBound { units: 100, images: 2 }, 20), Tokens(1 + 789));
    assert_eq!(price.affordable_output(Tokens(1 + 789), InputBound { units: 100, images: 2 }), Some(20));
    assert_eq!(price.affordable_output(Tokens(1 + 788), InputBound { units: 100, images: 2 }), Some(19));
    let images_alone = Price { per_image: 7, ..Price::flat(100) };
    assert!(images_alone.is_metered() && !Price::flat(100).is_metered());
    assert_eq!(images_alone.of_reply(usage), Tokens(114));
}

#[test]
fn what_is_affordable_costs_no_more_than_the_balance_and_one_unit_more_does() {
    for tokens in [0, 1, 7, 40, 4000] {
        for input in [0, 1, 99, 100, 1000] {
            match METERED.affordable_output(Tokens(tokens), bound(input)) {
                Some(output) => {
                    assert!(METERED.most(bound(input), output) <= Tokens(tokens));
                    assert!(METERED.most(bound(input), output + 34) > Tokens(tokens));
                }
                None => assert!(METERED.most(bound(input), 0) > Tokens(tokens)),
            }
        }
    }
}

#[test]
fn no_usage_within_its_bounds_costs_more_than_its_hold() {
    let random = Random::seeded(20);
    for _ in 0..20_000 {
        let next = |most: u64| random.u64() % most;
        let per = |_| (next(4) * next(40_000_000)) as i64;
        let [input, cache_read, cache_write, output, reasoning] = [0; 5].map(per);
        let (per_message, per_image) = (next(3) as i64, next(5) as i64);
        let price = Price { per_message, input, cache_read, cache_write, output, reasoning, per_image };
        let (most_input, most_output) = (next(1000), next(1000));
        let (read_in, written) = (next(most_input + 1), next(most_output + 1));
        let usage = Usage {
            input: read_in,
            cache_read: next(1200),
            cache_write: next(1200),
            output: written,
            reasoning: next(1200),
            images: next(4),
        };
        let cost = price.of_reply(usage.normalized());
        let most = price.most(InputBound { units: most_input, images: usage.images }, most_output);
        assert!(cost <= most, "{price:?} {usage:?}");
        // Nothing is counted twice: with one price for all parts, only the whole matters.
        let same = Price { per_message, per_image, ..Price::per_million(price.input, price.output) };
        let whole = Usage { images: usage.images, ..Usage::of(usage.input, usage.output) };
        assert_eq!(same.of_reply(usage.normalized()), same.of_reply(whole));
    }
}

#[test]
fn prices_per_thousand_cost_what_they_did() {
    let random = Random::seeded(21);
    for _ in 0..10_000 {
        let (per_input, per_output) = ((random.u64() % 5000) as i64, (random.u64() % 5000) as i64);
        let (input, output) = (random.u64() % 100_000, random.u64() % 100_000);
        let before = (input as i64 * per_input + output as i64 * per_output + 999) / 1000;
        let price = Price::per_million(per_input * 1000, per_output * 1000);
        assert_eq!(price.of_usage(Usage::of(input, output)), Tokens(before));
    }
}

#[test]
fn the_flat_part_is_due_for_each_answer() {
    let price = Price { per_message: 100, ..METERED };
    assert_eq!(price.for_answers(1), price);
    assert_eq!(price.for_answers(3).of_reply(Usage::of(50, 50)), Tokens(302));
    assert_eq!(price.for_answers(u64::MAX).of_reply(Usage::of(1, 1)), Tokens(i64::MAX));
}

#[test]
fn nothing_overflows() {
    let most = Price::MAX_PER_MILLION;
    let dear = Price { per_message: Price::MAX_PER_MESSAGE, ..Price::per_million(most, most) };
    assert_eq!(dear.of_reply(Usage::of(u64::MAX, u64::MAX)), Tokens(i64::MAX));
    assert_eq!(dear.most(bound(u64::MAX), u64::MAX), Tokens(i64::MAX));
    assert_eq!(dear.affordable_output(Tokens(i64::MAX), bound(u64::MAX)), None);
}
