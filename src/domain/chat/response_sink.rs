//! The receivers of a call's answer while it is generated: one connected caller, or a recording for retries.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use hyper::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::app::App;
use crate::core::ids::ChatId;
use crate::core::replay_log::{Recording, ReplayCache};
use crate::infra::ai::Event;

/// Maximum number of chunks buffered for a slow caller, and their bytes; beyond it the upstream has to wait.
const MAX_CHUNKS: usize = 32;
const MAX_CHUNK_BYTES: u32 = 256 << 10;
/// The receiver of a call's answer.
pub(super) enum ResponseSink {
    /// One caller, while the answer is generated.
    Direct(DirectSink),
    /// Any number of callers, also later.
    Replayable(ReplayableSink),
}

/// Sends chunks to one caller, with a bounded number of buffered bytes.
pub(super) struct DirectSink {
    sender: mpsc::Sender<(Event, OwnedSemaphorePermit)>,
    room: Arc<Semaphore>,
    /// Whether the caller has read too slowly, and does not receive the remainder.
    pub(super) lagged: Arc<AtomicBool>,
}

/// Records chunks; the recording is finished on drop.
pub(super) struct ReplayableSink {
    pub(super) answers: Arc<ReplayCache<Event>>,
    pub(super) recording: Arc<Recording<Event>>,
}

impl ResponseSink {
    /// Registers the recording under its chat, for retries.
    pub(super) fn opened(&self, app: &App, chat_id: ChatId) {
        if let ResponseSink::Replayable(recorder) = self {
            app.replay_cache.insert(chat_id, &recorder.recording);
        }
    }

    /// Sends a chunk. A caller who takes none before the timeout counts as disconnected.
    pub(super) async fn send(&mut self, event: Event, write_timeout: Duration) {
        match self {
            ResponseSink::Direct(live) => {
                if !matches!(tokio::time::timeout(write_timeout, live.send(event)).await, Ok(true)) {
                    live.lagged.store(true, Ordering::Relaxed);
                    // Closed for the receiver too, so that `disconnected` returns.
                    *self = ResponseSink::Direct(DirectSink::new().0);
                }
            }
            ResponseSink::Replayable(ReplayableSink { answers, recording }) => {
                let event = as_recorded(event);
                let bytes = event.size();
                answers.push(recording, event, bytes, write_timeout).await;
            }
        }
    }

    /// Waits until the caller has disconnected. With a recording it never returns.
    pub(super) async fn disconnected(&mut self) {
        match self {
            ResponseSink::Direct(live) => live.sender.closed().await,
            ResponseSink::Replayable(_) => std::future::pending().await,
        }
    }

    /// Finishes a recording, by dropping it.
    pub(super) fn finish(self) {}
}

impl DirectSink {
    /// Returns the sink and the stream of its chunks.
    pub(super) fn new() -> (Self, BoxStream<'static, Event>) {
        let (sender, mut receiver) = mpsc::channel::<(Event, OwnedSemaphorePermit)>(MAX_CHUNKS);
        let events = stream::poll_fn(move |context| receiver.poll_recv(context)).map(|(event, _room)| event);
        let room = Arc::new(Semaphore::new(MAX_CHUNK_BYTES as usize));
        (Self { sender, room, lagged: Arc::default() }, events.boxed())
    }

    /// Sends a chunk once there is room for it; returns whether there is a receiver.
    async fn send(&self, event: Event) -> bool {
        // A chunk larger than the whole buffer is sent alone.
        let bytes = u32::try_from(event.size()).unwrap_or(u32::MAX).min(MAX_CHUNK_BYTES);
        let Ok(room) = self.room.clone().acquire_many_owned(bytes).await else { return false };
        self.sender.send((event, room)).await.is_ok()
    }
}

impl Drop for ReplayableSink {
    fn drop(&mut self) {
        self.answers.finish(&self.recording);
    }
}

/// Removes from a chunk what only its own chat needs: followers get the bytes, in a copy that shares no memory.
fn as_recorded(event: Event) -> Event {
    match event {
        Event::RawChunk { bytes, .. } => Event::RawChunk { bytes: Bytes::copy_from_slice(&bytes), text: String::new() },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use futures::poll;

    use super::*;

    #[tokio::test]
    async fn bytes_that_wait_for_a_slow_caller_are_bounded() {
        let (live, mut events) = DirectSink::new();
        let part = |bytes: usize| Event::Chunk("x".repeat(bytes));
        let size = |event: Option<Event>| event.map(|event| event.size());
        assert!(live.send(part(200_000)).await);
        {
            let mut second = std::pin::pin!(live.send(part(100_000)));
            assert!(poll!(second.as_mut()).is_pending());
            assert_eq!(size(events.next().await), Some(200_000));
            assert!(second.await);
        }
        // A chunk larger than the whole buffer is sent alone.
        {
            let mut large = std::pin::pin!(live.send(part(5_000_000)));
            assert!(poll!(large.as_mut()).is_pending());
            assert_eq!(size(events.next().await), Some(100_000));
            assert!(large.await);
        }
        let mut waiting = std::pin::pin!(live.send(part(1)));
        assert!(poll!(waiting.as_mut()).is_pending());
        drop(events);
        assert!(!waiting.await, "the receiver is dropped");
    }
}
