//! A scripted model provider.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_stream::stream;
use futures::StreamExt;
use jeton::core::error::{Code, Error};
use jeton::core::finish_reason::FinishReason;
use jeton::infra::ai::{Event, Message, Provider, Reply, Request, Usage};
use tokio::sync::Semaphore;

/// A step of a script.
#[derive(Clone)]
pub enum Step {
    /// Generates text.
    Say(&'static str),
    /// Reasons.
    Think(&'static str),
    /// Gives a sign of life.
    KeepAlive,
    /// Waits until the test gives it a permit.
    Wait(Arc<Semaphore>),
    /// Hangs forever.
    Hang,
    /// Fails.
    Fail,
    /// Ends without a final event: the reply is truncated.
    BreakOff,
    /// Says why it ends.
    Finish(FinishReason),
    /// Ends, and reports its usage.
    End(Option<Usage>),
    /// Panics.
    Panic,
}

/// A provider that plays the given scripts, one for each message; without one, it generates "ok" and ends.
#[derive(Clone, Default)]
pub struct Scripted {
    scripts: Arc<Mutex<VecDeque<Vec<Step>>>>,
    heard: Arc<Mutex<Vec<Request>>>,
}

impl Scripted {
    pub fn play(&self, script: impl Into<Vec<Step>>) {
        self.scripts.lock().unwrap().push_back(script.into());
    }

    /// Removes the script that was given last: its message was rejected.
    pub fn forget(&self) {
        self.scripts.lock().unwrap().pop_back();
    }

    /// Returns the requests so far.
    pub fn heard(&self) -> Vec<Request> {
        self.heard.lock().unwrap().clone()
    }
}

impl Provider for Scripted {
    fn reply(&self, request: Request) -> Reply {
        self.heard.lock().unwrap().push(request);
        let script = self.scripts.lock().unwrap().pop_front();
        let script = script.unwrap_or_else(|| vec![Step::Say("ok"), Step::End(Some(Usage::of(1, 1)))]);
        stream! {
            for step in script {
                match step {
                    Step::Say(piece) => yield Ok(Event::Chunk(piece.to_owned())),
                    Step::Think(text) => yield Ok(Event::Reasoning { text: text.to_owned(), hidden: String::new() }),
                    Step::KeepAlive => yield Ok(Event::KeepAlive),
                    Step::Wait(permits) => permits.acquire().await.unwrap().forget(),
                    Step::Hang => std::future::pending().await,
                    Step::Fail => yield Err(Error::new(Code::ProviderUnavailable, "The model is not available.")),
                    Step::BreakOff => return,
                    Step::Finish(reason) => yield Ok(Event::Finish(reason)),
                    Step::End(usage) => yield Ok(Event::Done(usage)),
                    Step::Panic => panic!("the script says so"),
                }
            }
        }
        .boxed()
    }

    /// One model token per character, so that tests can count them.
    fn max_input(&self, messages: &[Message]) -> u64 {
        messages.iter().map(|message| self.estimate(&message.content)).sum()
    }

    /// Small, so that tests can exhaust it.
    fn context_window(&self) -> u64 {
        2048
    }

    fn estimate(&self, text: &str) -> u64 {
        text.chars().count() as u64
    }
}
