use super::*;

const METERED: Price = Price { per_message: 0, per_1k_input: 10, per_1k_output: 30 };

#[test]
fn usage_is_rounded_up_once() {
    assert_eq!(METERED.of_reply(0, 0), Tokens(0));
    assert_eq!(METERED.of_reply(1, 0), Tokens(1));
    assert_eq!(METERED.of_reply(50, 50), Tokens(2));
    assert_eq!(METERED.of_reply(1000, 1000), Tokens(40));
}

#[test]
fn what_is_affordable_costs_no_more_than_the_balance_and_one_unit_more_does() {
    for tokens in [0, 1, 7, 40, 4000] {
        for input in [0, 1, 99, 100, 1000] {
            match METERED.affordable_output(Tokens(tokens), input) {
                Some(output) => {
                    assert!(METERED.of_reply(input, output) <= Tokens(tokens));
                    assert!(METERED.of_reply(input, output + 34) > Tokens(tokens));
                }
                None => assert!(METERED.of_reply(input, 0) > Tokens(tokens)),
            }
        }
    }
}

#[test]
fn the_flat_part_is_due_for_each_answer() {
    let price = Price { per_message: 100, ..METERED };
    assert_eq!(price.for_answers(1), price);
    assert_eq!(price.for_answers(3).of_reply(50, 50), Tokens(302));
    assert_eq!(price.for_answers(u64::MAX).of_reply(1, 1), Tokens(i64::MAX));
}

#[test]
fn nothing_overflows() {
    let dear = Price { per_message: Price::MAX, per_1k_input: Price::MAX, per_1k_output: Price::MAX };
    assert_eq!(dear.of_reply(u64::MAX, u64::MAX), Tokens(i64::MAX));
    assert_eq!(dear.affordable_output(Tokens(i64::MAX), u64::MAX), None);
    assert!(Tokens(i64::MAX).plus(Tokens(1)).is_err());
    assert!(Tokens(i64::MIN).minus(Tokens(1)).is_err());
}
