use super::*;

#[test]
fn an_owner_gets_its_share_and_everything_is_given_back() {
    let budget = ByteBudget::new(1000, 300);
    let mut one = budget.reserve("one", 200).ok().unwrap();
    assert_eq!(budget.reserve("one", 101).err(), Some(Exhausted::Owner));
    assert_eq!(one.grow(101), Err(Exhausted::Owner));
    assert_eq!((one.grow(100), one.bytes(), budget.in_use()), (Ok(()), 300, 300));
    one.shrink_to(50);
    one.shrink_to(60);
    assert_eq!((one.bytes(), budget.in_use()), (50, 50));
    assert_eq!(budget.reserve("one", usize::MAX).err(), Some(Exhausted::Owner));
    let two = budget.reserve("two", 300);
    drop((one, two));
    assert_eq!(budget.in_use(), 0);
    assert!(budget.lock().by_owner.is_empty());
}

#[test]
fn however_many_take_all_they_can_get_another_one_still_gets_something() {
    let budget = ByteBudget::new(96_000, 24_000);
    let mut taken = Vec::new();
    for owner in 0..20 {
        let mut reservation = budget.reserve(owner, 0).ok().unwrap();
        while reservation.grow(100).is_ok() {}
        taken.push(reservation);
    }
    assert!(taken[..3].iter().all(|reservation| reservation.bytes() == 24_000));
    assert!(budget.in_use() < 96_000);
    assert_eq!(budget.reserve(0, 24_000).err(), Some(Exhausted::Owner));
    assert_eq!(budget.reserve(99, 24_000).err(), Some(Exhausted::Total));
    // The first owners keep what they reserved before the later ones, which share the remainder.
    assert!(taken.windows(2).all(|pair| pair[0].bytes() >= pair[1].bytes()));
    taken.drain(..10);
    assert!(budget.reserve(99, 24_000).is_ok());
}
