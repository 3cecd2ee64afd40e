//! What was said, for those who come later: a list that grows, is finished once, and is followed by any number of readers
//! from its beginning.

use std::sync::{Arc, Mutex, PoisonError};

use async_stream::stream;
use futures::Stream;
use tokio::sync::watch;

/// A list that grows until it is finished.
pub struct Recording<T> {
    parts: Mutex<Vec<T>>,
    /// How many parts there are, and whether those are all.
    state: watch::Sender<(usize, bool)>,
}

impl<T> Default for Recording<T> {
    fn default() -> Self {
        Self { parts: Mutex::default(), state: watch::Sender::new((0, false)) }
    }
}

impl<T: Clone + Send + 'static> Recording<T> {
    /// Adds a part.
    pub fn push(&self, part: T) {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.push(part);
        let count = parts.len();
        drop(parts);
        self.state.send_modify(|(known, _)| *known = count);
    }

    /// How much it holds, where each part weighs so much.
    pub fn weigh(&self, weigh: impl Fn(&T) -> usize) -> usize {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).iter().map(weigh).sum()
    }

    /// Nothing comes any more.
    pub fn finish(&self) {
        self.state.send_modify(|(_, finished)| *finished = true);
    }

    /// Everything from the beginning, then what comes, until the list is finished.
    pub fn follow(self: Arc<Self>) -> impl Stream<Item = T> + Send {
        stream! {
            let mut state = self.state.subscribe();
            let mut told = 0;
            loop {
                let (count, finished) = *state.borrow_and_update();
                while told < count {
                    let part = self.parts.lock().unwrap_or_else(PoisonError::into_inner).get(told).cloned();
                    let Some(part) = part else { break };
                    told += 1;
                    yield part;
                }
                // The list holds its own end of the channel, so that it is never closed.
                if finished || state.changed().await.is_err() {
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;

    #[tokio::test]
    async fn whoever_comes_hears_everything_once() {
        let recording = Arc::new(Recording::default());
        recording.push(1);
        let mut early = Box::pin(recording.clone().follow());
        assert_eq!(early.next().await, Some(1));
        assert!(futures::poll!(early.next()).is_pending());
        recording.push(2);
        let mut late = Box::pin(recording.clone().follow());
        assert_eq!((early.next().await, late.next().await), (Some(2), Some(1)));
        recording.push(3);
        recording.finish();
        assert_eq!(early.collect::<Vec<_>>().await, [3]);
        assert_eq!(late.collect::<Vec<_>>().await, [2, 3]);
        assert_eq!(recording.clone().follow().collect::<Vec<_>>().await, [1, 2, 3]);
        assert_eq!(recording.weigh(|part| *part), 6);
    }
}
