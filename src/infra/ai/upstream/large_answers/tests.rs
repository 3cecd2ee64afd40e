use futures::poll;

use super::*;

#[tokio::test]
async fn a_permit_belongs_to_the_bytes_until_they_are_gone() {
    let permits = LargeAnswers::default();
    let mut small = LargeAnswer::default();
    permits.take(&mut small, FREE).await;
    assert!(small.0.is_none());
    let mut held = Vec::new();
    for _ in 0..LARGE_ANSWERS {
        let mut permit = LargeAnswer::default();
        permits.take(&mut permit, FREE + 1).await;
        held.push(permit.bytes(vec![0; 4]));
    }
    let mut waiting = LargeAnswer::default();
    {
        let mut next = std::pin::pin!(permits.take(&mut waiting, FREE + 1));
        assert!(poll!(next.as_mut()).is_pending());
        let part = held.pop().unwrap().slice(1..2);
        assert!(poll!(next.as_mut()).is_pending(), "a slice of it is not dropped");
        drop(part);
        next.await;
    }
    assert!(waiting.0.is_some());
}
