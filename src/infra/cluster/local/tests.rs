use super::*;
use crate::infra::cluster::Bus;

fn message(text: &str) -> BusEvent {
    BusEvent::Message(text.as_bytes().into())
}

#[tokio::test]
async fn news_reach_everybody_who_listens_and_topics_are_forgotten() {
    let bus = Bus::local();
    bus.publish("chat:1", || panic!("there are no subscribers"));
    let (mut one, mut two) = (bus.subscribe("chat:1"), bus.subscribe("chat:1"));
    bus.publish("chat:1", || b"a".to_vec());
    assert_eq!(one.next().await, message("a"));
    assert_eq!(two.next().await, message("a"));
    drop(one);
    assert!(bus.local.has("chat:1"));
    drop(two);
    assert!(!bus.local.has("chat:1"));
}

#[tokio::test]
async fn news_that_wait_can_be_skipped() {
    let bus = Bus::local();
    let mut late = bus.subscribe("t");
    bus.publish("t", || b"a".to_vec());
    late.skip();
    bus.publish("t", || b"b".to_vec());
    assert_eq!(late.next().await, message("b"));
}

#[tokio::test]
async fn a_slow_receiver_is_told_that_it_missed_some() {
    let bus = Bus::local();
    let mut slow = bus.subscribe("t");
    for i in 0..=CAPACITY {
        bus.publish("t", || i.to_string().into_bytes());
    }
    assert_eq!(slow.next().await, BusEvent::Lagged);
    assert_eq!(slow.next().await, message("1"));
}

#[tokio::test]
async fn first_and_last_receivers_are_told_and_those_between_are_not() {
    let local = LocalBus::watched();
    let topics = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<HashSet<_>>();
    let (one, two, _all) = (local.subscribe("t"), local.subscribe("t"), local.subscribe("all:t"));
    assert_eq!(local.changed().await, topics(&["t"]));
    drop(one);
    let nothing = tokio::time::timeout(std::time::Duration::from_millis(20), local.changed()).await;
    assert!(nothing.is_err(), "one subscriber remains");
    let (changed, ()) = tokio::join!(local.changed(), async { drop(two) });
    assert_eq!(changed, topics(&["t"]), "a pending waiter is notified");
    let _three = local.subscribe("u");
    assert_eq!(local.all(), topics(&["u"]));
    let _four = local.subscribe("v");
    assert_eq!(local.changed().await, topics(&["v"]), "listed topics are not reported twice");
}
