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

fn start(queues: &Queues, kind: QueueKind, of: u8) -> Waiting<'_> {
    let entry = queues.enter(kind, address(of)).unwrap();
    (of, async move { queues.start(entry).await.unwrap() }.boxed())
}

#[test]
fn a_full_lane_rejects_and_one_address_fills_an_eighth_of_it() {
    let queues = Queues::new(1, 32);
    let first = [1, 1, 1, 1].map(|of| queues.enter(QueueKind::Verification, address(of)).unwrap());
    let rejected = queues.enter(QueueKind::Verification, address(1)).err().unwrap();
    assert_eq!((rejected.code, rejected.retry_after), (Code::Unavailable, Some(1)));
    let others: Vec<_> = (8..36).map(|of| queues.enter(QueueKind::Verification, address(of / 4)).unwrap()).collect();
    assert!(queues.enter(QueueKind::Verification, address(9)).is_err(), "the queue is full");
    assert!(queues.enter(QueueKind::NewPassword, address(1)).is_ok(), "the other queue is not");
    assert_eq!(queues.waiting(QueueKind::Verification), 32);
    drop((first, others));
    assert_eq!(queues.waiting(QueueKind::Verification), 0);
}

#[test]
fn an_address_with_many_hashes_holds_up_another_one_by_a_few() {
    let queues = Queues::new(2, 800);
    let mut waiting: Vec<_> = (0..100).map(|_| start(&queues, QueueKind::Verification, 1)).collect();
    let mut running = started(&mut waiting);
    assert_eq!(running.len(), 2);
    waiting.push(start(&queues, QueueKind::Verification, 2));
    assert!(started(&mut waiting).is_empty());
    running.remove(0);
    let next = started(&mut waiting);
    assert_eq!(next.iter().map(|(of, _)| *of).collect::<Vec<_>>(), [2], "before 98 earlier ones");
}

#[test]
fn new_passwords_leave_a_thread_to_verifications() {
    let queues = Queues::new(2, 800);
    let mut waiting: Vec<_> = (0..100).map(|of| start(&queues, QueueKind::NewPassword, of)).collect();
    let mut running = started(&mut waiting);
    assert_eq!(running.len(), 1);
    waiting.push(start(&queues, QueueKind::Verification, 200));
    running.extend(started(&mut waiting));
    assert_eq!(running.last().unwrap().0, 200);
    // Verifications do not starve new passwords either.
    waiting.extend((0..10).map(|_| start(&queues, QueueKind::Verification, 201)));
    assert!(started(&mut waiting).is_empty());
    drop(running);
    let next: Vec<_> = started(&mut waiting).iter().map(|(of, _)| *of).collect();
    assert!(next.contains(&1) && next.contains(&201), "{next:?}");
}

#[test]
fn with_one_thread_a_verification_waits_for_one_new_password() {
    let queues = Queues::new(1, 800);
    let mut waiting: Vec<_> = (0..100).map(|of| start(&queues, QueueKind::NewPassword, of)).collect();
    let running = started(&mut waiting);
    assert_eq!(running.len(), 1);
    waiting.push(start(&queues, QueueKind::Verification, 200));
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
    let queues = Queues::new(1, 800);
    let mut waiting: Vec<_> = (0..3).map(|of| start(&queues, QueueKind::Verification, of)).collect();
    let running = started(&mut waiting);
    assert_eq!(queues.waiting(QueueKind::Verification), 2);
    drop(waiting.remove(0));
    assert_eq!(queues.waiting(QueueKind::Verification), 1);
    drop(running);
    assert_eq!(started(&mut waiting).first().unwrap().0, 2);
    assert_eq!((queues.running(), queues.waiting(QueueKind::Verification)), (0, 0));
}

#[test]
fn the_memory_of_addresses_is_bounded() {
    let queues = Queues::new(1, 2);
    for number in 0..100u32 {
        let address = Some(IpAddr::from(number.to_be_bytes()).into());
        let entry = queues.enter(QueueKind::Verification, address).unwrap();
        queues.start(entry).now_or_never().unwrap().unwrap();
    }
    assert!(queues.verifications.turns.lock().unwrap().len() <= 8);
}
