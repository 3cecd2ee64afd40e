//! The write timeout of a connection: a client that reads nothing of a response, or next to nothing, is disconnected.
//!
//! It applies to every kind of response, since it lies below HTTP and TLS. No crate provides it: `tokio-io-timeout`
//! restarts its timer with each byte, so that a client that reads one byte periodically would keep its connection for
//! ever.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// Minimum bytes that a client has to read within one timeout, unless fewer are pending. About 1 KiB a second with the
/// default timeout: less than any link that people use, and enough to end every connection in a time that the size of
/// its response bounds.
pub(super) const MIN_PROGRESS: usize = 16 * 1024;

/// A stream whose writes end with [`io::ErrorKind::TimedOut`] if the peer reads less than [`MIN_PROGRESS`] of the
/// pending bytes within the timeout. The timer exists only while a write is pending.
pub(super) struct WriteTimeout<T> {
    io: T,
    timeout: Duration,
    pending: Option<PendingWrite>,
}

/// A write that the peer has not read yet.
struct PendingWrite {
    deadline: Pin<Box<Sleep>>,
    /// Bytes that the peer has read since the timer was started.
    progress: usize,
    /// Whether the last write made no progress.
    is_blocked: bool,
}

impl<T> WriteTimeout<T> {
    pub(super) fn new(io: T, timeout: Duration) -> Self {
        Self { io, timeout, pending: None }
    }

    /// Records the outcome of a write, and fails one that has been pending for too long.
    fn after_write(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match outcome {
            Poll::Pending => {
                let pending = self.pending.get_or_insert_with(|| PendingWrite {
                    deadline: Box::pin(sleep(self.timeout)),
                    progress: 0,
                    is_blocked: true,
                });
                pending.is_blocked = true;
                pending.deadline.as_mut().poll(cx).map(|()| Err(timed_out()))
            }
            Poll::Ready(Ok(count)) => {
                if let Some(pending) = &mut self.pending {
                    pending.is_blocked = false;
                    pending.progress = pending.progress.saturating_add(count);
                    if pending.progress >= MIN_PROGRESS {
                        self.pending = None;
                    }
                }
                outcome
            }
            Poll::Ready(Err(_)) => outcome,
        }
    }
}

fn timed_out() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the client read too little of the response within the write timeout")
}

impl<T: AsyncRead + Unpin> AsyncRead for WriteTimeout<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for WriteTimeout<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write(cx, buf);
        self.after_write(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.after_write(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    /// Ready once all earlier writes are done, so that none is pending any more. TLS also flushes in the middle of a
    /// handshake; then a blocked write is still timed.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        if flushed.is_ready() && self.pending.as_ref().is_some_and(|pending| !pending.is_blocked) {
            self.pending = None;
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
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
}
