//! A model that does what a test tells it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_stream::stream;
use futures::StreamExt;
use jeton::core::error::{Code, Error};
use jeton::infra::ai::{Event, Message, Provider, Reply, Request, Usage};
use tokio::sync::Semaphore;

/// What the model does next.
#[derive(Clone)]
pub enum Step {
    /// Says something.
    Say(&'static str),
    /// Waits until the test gives it a permit.
    Wait(Arc<Semaphore>),
    /// Says nothing any more, for ever.
    Hang,
    /// Fails.
    Fail,
    /// Ends without saying that it is whole.
    BreakOff,
    /// Ends, and says what it consumed.
    End(Option<Usage>),
    /// Panics.
    Panic,
}

/// Plays the scripts that were given, one for each message; without one, says "ok" and ends.
#[derive(Clone, Default)]
pub struct Scripted {
    scripts: Arc<Mutex<VecDeque<Vec<Step>>>>,
    heard: Arc<Mutex<Vec<Request>>>,
}

impl Scripted {
    pub fn play(&self, script: impl Into<Vec<Step>>) {
        self.scripts.lock().unwrap().push_back(script.into());
    }

    /// Takes back the script that was given last: its message was refused.
    pub fn forget(&self) {
        self.scripts.lock().unwrap().pop_back();
    }

    /// The requests so far.
    pub fn heard(&self) -> Vec<Request> {
        self.heard.lock().unwrap().clone()
    }
}

impl Provider for Scripted {
    fn reply(&self, request: Request) -> Reply {
        self.heard.lock().unwrap().push(request);
        let script = self.scripts.lock().unwrap().pop_front();
        let script = script.unwrap_or_else(|| vec![Step::Say("ok"), Step::End(Some(Usage { input: 1, output: 1 }))]);
        stream! {
            for step in script {
                match step {
                    Step::Say(piece) => yield Ok(Event::Chunk(piece.to_owned())),
                    Step::Wait(permits) => permits.acquire().await.unwrap().forget(),
                    Step::Hang => std::future::pending().await,
                    Step::Fail => yield Err(Error::new(Code::ProviderUnavailable, "The model is not available.")),
                    Step::BreakOff => return,
                    Step::End(usage) => yield Ok(Event::Done(usage)),
                    Step::Panic => panic!("the script says so"),
                }
            }
        }
        .boxed()
    }

    /// A unit for each character, so that tests can count.
    fn max_input(&self, messages: &[Message]) -> u64 {
        messages.iter().map(|message| self.estimate(&message.content)).sum()
    }

    /// Small, so that tests can fill it.
    fn context_window(&self) -> u64 {
        2048
    }

    fn estimate(&self, text: &str) -> u64 {
        text.chars().count() as u64
    }
}
