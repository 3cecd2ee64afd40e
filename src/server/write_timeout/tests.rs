use std::collections::VecDeque;

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::Instant;

use super::*;

/// A peer that reads bytes as the test defines it, and is always flushed.
struct Peer(VecDeque<Poll<usize>>);

impl AsyncWrite for Peer {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        self.0.pop_front().unwrap().map(Ok)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Writes once for each step; returns the deadline after each, if any.
async fn deadlines(steps: &[Poll<usize>], flush_at_the_end: bool) -> Vec<Option<Instant>> {
    let mut io = WriteTimeout::new(Peer(steps.iter().copied().collect()), Duration::from_secs(3600));
    let mut cx = Context::from_waker(std::task::Waker::noop());
    let mut seen = Vec::new();
    for _ in steps {
        let _ = Pin::new(&mut io).poll_write(&mut cx, b"x");
        seen.push(io.pending.as_ref().map(|pending| pending.deadline.deadline()));
        // Makes later deadlines differ from earlier ones.
        sleep(Duration::from_millis(2)).await;
    }
    if flush_at_the_end {
        let _ = Pin::new(&mut io).poll_flush(&mut cx);
        seen.push(io.pending.as_ref().map(|pending| pending.deadline.deadline()));
    }
    seen
}

const BLOCKED: Poll<usize> = Poll::Pending;

const fn takes(bytes: usize) -> Poll<usize> {
    Poll::Ready(bytes)
}

#[tokio::test]
async fn only_enough_progress_starts_the_timer_again() {
    let free = deadlines(&[takes(10), takes(10)], false).await;
    assert_eq!(free, [None, None], "no timer if no write is pending");
    let little = deadlines(&[BLOCKED, takes(1), BLOCKED, takes(MIN_PROGRESS - 2), BLOCKED], false).await;
    assert!(little[0].is_some() && little.iter().all(|deadline| *deadline == little[0]), "{little:?}");
    let enough = deadlines(&[BLOCKED, takes(1), takes(MIN_PROGRESS - 1), BLOCKED], false).await;
    assert!(enough[2].is_none() && enough[3] > enough[0], "{enough:?}");
}

#[tokio::test]
async fn what_is_flushed_is_timed_no_longer_unless_it_is_blocked() {
    let flushed = deadlines(&[BLOCKED, takes(1)], true).await;
    assert!(flushed[1].is_some() && flushed[2].is_none(), "{flushed:?}");
    let blocked = deadlines(&[BLOCKED, takes(1), BLOCKED], true).await;
    assert!(blocked.iter().all(|deadline| deadline.is_some() && *deadline == blocked[0]), "{blocked:?}");
}

#[tokio::test]
async fn peers_that_take_nothing_or_a_byte_now_and_then_are_timed_out() {
    for takes_a_little in [false, true] {
        let (io, mut peer) = duplex(1000);
        let mut io = WriteTimeout::new(io, Duration::from_millis(30));
        let large = vec![0; 1 << 20];
        let reading = async {
            loop {
                sleep(Duration::from_millis(1)).await;
                if takes_a_little {
                    peer.read_u8().await.unwrap();
                }
            }
        };
        let outcome = tokio::select! {
            outcome = io.write_all(&large) => outcome,
            () = reading => unreachable!(),
            () = sleep(Duration::from_secs(20)) => panic!("the write does not end"),
        };
        assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
