use std::net::IpAddr;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::*;
use crate::core::error::Code;

fn address(last: u8) -> Option<ClientIp> {
    Some(IpAddr::from([203, 0, 113, last]).into())
}

/// The last byte of an address, and the wait for its thread.
type Waiting<'a> = (u8, BoxFuture<'a, HashPermit>);

/// Returns the entries that can start now, in the order of arrival.
fn started(waiting: &mut Vec<Waiting<'_>>) -> Vec<(u8, HashPermit)> {
    let mut started = Vec::new();
    waiting.retain_mut(|(of, start)| match start.now_or_never() {
        Some(permit) => {
            started.push((*of, permit));
            false
        }
        None => true,
    });
    started
}

fn start(queue: &Queue, lane: Lane, of: u8) -> Waiting<'_> {
    let entry = queue.enter(lane, address(of)).unwrap();
    (of, async move { queue.start(entry).await.unwrap() }.boxed())
}

#[test]
fn a_full_lane_rejects_and_one_address_fills_an_eighth_of_it() {
    let queue = Queue::new(1, 32);
    let first = [1, 1, 1, 1].map(|of| queue.enter(Lane::Verification, address(of)).unwrap());
    let rejected = queue.enter(Lane::Verification, address(1)).err().unwrap();
    assert_eq!((rejected.code, rejected.retry_after), (Code::Unavailable, Some(1)));
    let others: Vec<_> = (8..36).map(|of| queue.enter(Lane::Verification, address(of / 4)).unwrap()).collect();
    assert!(queue.enter(Lane::Verification, address(9)).is_err(), "the lane is full");
    assert!(queue.enter(Lane::NewPassword, address(1)).is_ok(), "the other lane is not");
    assert_eq!(queue.waiting(Lane::Verification), 32);
    drop((first, others));
    assert_eq!(queue.waiting(Lane::Verification), 0);
}

#[test]
fn an_address_with_many_hashes_holds_up_another_one_by_a_few() {
    let queue = Queue::new(2, 800);
    let mut waiting: Vec<_> = (0..100).map(|_| start(&queue, Lane::Verification, 1)).collect();
    let mut running = started(&mut waiting);
    assert_eq!(running.len(), 2);
    waiting.push(start(&queue, Lane::Verification, 2));
    assert!(started(&mut waiting).is_empty());
    running.remove(0);
    let next = started(&mut waiting);
    assert_eq!(next.iter().map(|(of, _)| *of).collect::<Vec<_>>(), [2], "before 98 earlier ones");
}

#[test]
fn new_passwords_leave_a_thread_to_verifications() {
    let queue = Queue::new(2, 800);
    let mut waiting: Vec<_> = (0..100).map(|of| start(&queue, Lane::NewPassword, of)).collect();
    let mut running = started(&mut waiting);
    assert_eq!(running.len(), 1);
    waiting.push(start(&queue, Lane::Verification, 200));
    running.extend(started(&mut waiting));
    assert_eq!(running.last().unwrap().0, 200);
    // Verifications do not starve new passwords either.
    waiting.extend((0..10).map(|_| start(&queue, Lane::Verification, 201)));
    assert!(started(&mut waiting).is_empty());
    drop(running);
    let next: Vec<_> = started(&mut waiting).iter().map(|(of, _)| *of).collect();
    assert!(next.contains(&1) && next.contains(&201), "{next:?}");
}

#[test]
fn with_one_thread_a_verification_waits_for_one_new_password() {
    let queue = Queue::new(1, 800);
    let mut waiting: Vec<_> = (0..100).map(|of| start(&queue, Lane::NewPassword, of)).collect();
    let running = started(&mut waiting);
    assert_eq!(running.len(), 1);
    waiting.push(start(&queue, Lane::Verification, 200));
    assert!(started(&mut waiting).is_empty());
    drop(running);
    let mut order = Vec::new();
    loop {
        let next = started(&mut waiting);
        order.extend(next.iter().map(|(of, _)| *of));
        if order.contains(&200) {
            break;
        }
    }
    assert!(order.len() <= 2, "{order:?}");
}

#[test]
fn a_caller_that_disconnects_leaves_the_queue() {
    let queue = Queue::new(1, 800);
    let mut waiting: Vec<_> = (0..3).map(|of| start(&queue, Lane::Verification, of)).collect();
    let running = started(&mut waiting);
    assert_eq!(queue.waiting(Lane::Verification), 2);
    drop(waiting.remove(0));
    assert_eq!(queue.waiting(Lane::Verification), 1);
    drop(running);
    assert_eq!(started(&mut waiting).first().unwrap().0, 2);
    assert_eq!((queue.running(), queue.waiting(Lane::Verification)), (0, 0));
}

#[test]
fn the_memory_of_addresses_is_bounded() {
    let queue = Queue::new(1, 2);
    for number in 0..100u32 {
        let address = Some(IpAddr::from(number.to_be_bytes()).into());
        let entry = queue.enter(Lane::Verification, address).unwrap();
        queue.start(entry).now_or_never().unwrap().unwrap();
    }
    assert!(queue.verifications.turns.lock().unwrap().len() <= 8);
}
