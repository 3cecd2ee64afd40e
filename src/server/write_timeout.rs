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
mod tests;
