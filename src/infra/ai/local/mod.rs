//! Local models: a GGUF model of the Llama family, run in this process by candle.
//!
//! The weights are on a thread of their own, which processes one request after the other: arithmetic must never run on
//! the async threads. Requests wait in a bounded queue. If the client has disconnected, its request is not started, or
//! is stopped before its next chunk.

mod prompt;
mod worker;

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};

use async_stream::stream;
use candle_core::quantized::gguf_file::Content;
use futures::StreamExt;
use tokio::sync::mpsc;

use self::prompt::Prompter;
use self::worker::{Job, Worker};
use super::stop_sequences::stop_before;
use super::think_tags::split_reasoning;
use super::{Message, Provider, Reply, Request};
use crate::core::error::{Code, Error};
use crate::core::input_file;

/// The maximum number of chunks buffered for a slow reader; then the model waits.
const PIECES: usize = 64;

/// A local model.
pub struct Local {
    jobs: SyncSender<Job>,
    prompter: Arc<Prompter>,
    window: u64,
}

impl Local {
    /// Loads a model and starts its thread. `queue` is the maximum number of queued requests, `seed` that of the
    /// sampling.
    ///
    /// # Errors
    /// INTERNAL if the file can't be read, is not a GGUF file, or not a model of the Llama family; the source names the
    /// file and the reason.
    pub fn open(path: &Path, queue: usize, seed: u64) -> Result<Self, Error> {
        let explain = |error: candle_core::Error| Error::internal(format!("{}: {error}", path.display()));
        let mut file = input_file::open(path).map_err(|error| explain(error.into()))?;
        let content = Content::read(&mut file).map_err(explain)?;
        match content.metadata.get("general.architecture").map(|value| value.to_string()) {
            Some(Ok(family)) if family == "llama" => {}
            found => {
                let found = found.and_then(Result::ok).map_or("unknown", String::as_str);
                let problem = format!("the architecture is {found}; only the llama family is supported");
                return Err(explain(candle_core::Error::Msg(problem)));
            }
        }
        let prompter = Arc::new(Prompter::new(&content).map_err(explain)?);
        let worker = Worker::new(content, &mut file, prompter.clone(), seed).map_err(explain)?;
        let window = worker.window();
        let (jobs, waiting) = sync_channel(queue);
        let thread = std::thread::Builder::new().name("language-model".to_owned());
        // The thread ends when the last sender is dropped, with the provider.
        thread.spawn(move || worker.run(waiting)).map_err(|error| Error::internal(error))?;
        Ok(Self { jobs, prompter, window })
    }
}

impl Provider for Local {
    fn reply(&self, request: Request) -> Reply {
        let jobs = self.jobs.clone();
        let stops = request.sampling.stop.clone();
        let reply = stream! {
            let (events, mut coming) = mpsc::channel(PIECES);
            match jobs.try_send(Job { request, events }) {
                Ok(()) => {
                    while let Some(event) = coming.recv().await {
                        yield event;
                    }
                }
                Err(TrySendError::Full(_)) => {
                    yield Err(Error::new(
                        Code::ProviderUnavailable,
                        "The language model is busy. Try again in a moment.",
                    ));
                }
                Err(TrySendError::Disconnected(_)) => {
                    yield Err(Error::new(Code::ProviderUnavailable, "The language model has stopped."));
                }
            }
        };
        split_reasoning(stop_before(reply.boxed(), stops))
    }

    fn max_input(&self, messages: &[Message]) -> u64 {
        match self.prompter.encode(messages) {
            Ok(prompt) => prompt.len() as u64,
            // The request will fail for the same reason, and cost nothing.
            Err(_) => self.window,
        }
    }

    fn context_window(&self) -> u64 {
        self.window
    }

    fn estimate(&self, text: &str) -> u64 {
        self.prompter.count(text)
    }
}

#[cfg(test)]
mod tests;
