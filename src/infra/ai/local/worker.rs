//! The worker thread: owns the weights and processes one request after the other.

use std::fs::File;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use candle_core::quantized::gguf_file::Content;
use candle_core::{Device, Result, Tensor};
use candle_transformers::generation::{LogitsProcessor, Sampling};
use candle_transformers::utils::apply_repeat_penalty;
use tokio::sync::mpsc::Sender;

use super::prompt::Prompter;
use super::weights::Weights;
use crate::core::error::{Code, Error};
use crate::core::finish_reason::FinishReason;
use crate::infra::ai::{Event, Request, Sampling as SamplingParams, Usage};

/// The default temperature. Low, since a small model answers factual questions best with its most likely tokens.
const TEMPERATURE: f64 = 0.2;
const TOP_P: f64 = 0.9;
/// The repeat penalty, since small models repeat themselves without it.
const REPEAT_PENALTY: f32 = 1.1;
/// The number of last tokens that the repeat penalty applies to.
const REPEAT_WINDOW: usize = 64;

/// The maximum number of tokens per forward pass. A power of two.
const LONGEST_PART: usize = 256;

/// A request, and the channel of its events.
pub(super) struct Job {
    pub(super) request: Request,
    pub(super) events: Sender<std::result::Result<Event, Error>>,
}

pub(super) struct Worker {
    weights: Weights,
    prompter: Arc<Prompter>,
    sampler: LogitsProcessor,
    seed: u64,
    window: usize,
    /// The tokens in the KV cache, from the beginning of the context.
    read: Vec<u32>,
}

/// The reader has disconnected: no one pays for the rest.
struct ReceiverClosed;

impl Worker {
    pub(super) fn new(content: Content, file: &mut File, prompter: Arc<Prompter>, seed: u64) -> Result<Self> {
        let (weights, window) = Weights::load(content, file)?;
        let sampler = LogitsProcessor::from_sampling(seed, Sampling::TopP { p: TOP_P, temperature: TEMPERATURE });
        Ok(Self { weights, prompter, sampler, seed, window, read: Vec::new() })
    }

    pub(super) fn window(&self) -> u64 {
        self.window as u64
    }

    pub(super) fn run(mut self, waiting: Receiver<Job>) {
        while let Ok(Job { request, events }) = waiting.recv() {
            if events.is_closed() {
                continue;
            }
            // A panic inside of the arithmetic must not make the model unavailable for all others.
            let answered = std::panic::catch_unwind(AssertUnwindSafe(|| self.answer(&request, &events)));
            let outcome = match answered {
                Ok(Ok(Ok((usage, finish)))) => {
                    events.blocking_send(Ok(Event::Finish(finish))).ok();
                    Ok(Event::Done(Some(usage)))
                }
                Ok(Ok(Err(ReceiverClosed))) => continue,
                Ok(Err(error)) => Err(error),
                Err(_) => Err(failed("a panic")),
            };
            events.blocking_send(outcome).ok();
        }
    }

    fn answer(
        &mut self,
        request: &Request,
        events: &Sender<std::result::Result<Event, Error>>,
    ) -> std::result::Result<std::result::Result<(Usage, FinishReason), ReceiverClosed>, Error> {
        let prompt = self.prompter.encode(&request.messages).map_err(failed)?;
        if prompt.is_empty() || prompt.len() >= self.window {
            let message =
                format!("The message is too long for this model, which reads at most {} model tokens.", self.window);
            return Err(Error::new(Code::InvalidInput, message));
        }
        let room = self.window - prompt.len();
        let limit = usize::try_from(request.max_output).unwrap_or(usize::MAX).min(room);
        let prompter = self.prompter.clone();
        self.seed = self.seed.wrapping_add(1);
        let mut own = own_sampler(&request.sampling, self.seed);
        let mut text = prompter.tokenizer().decode_stream(true);
        let mut output = Vec::new();
        let new = self.new_of(&prompt);
        let mut next = self.next(new, &output, own.as_mut()).map_err(failed)?;
        let mut usage = Usage::of(prompt.len() as u64, 0);
        loop {
            usage.output += 1;
            if prompter.is_end(next) {
                return Ok(Ok((usage, FinishReason::Stop)));
            }
            output.push(next);
            // There is no chunk while a character is incomplete, so readers never receive half of one.
            let piece = text.step(next).map_err(failed)?;
            if let Some(piece) = piece.filter(|piece| !piece.is_empty())
                && events.blocking_send(Ok(Event::Chunk(piece))).is_err()
            {
                return Ok(Err(ReceiverClosed));
            }
            if events.is_closed() {
                return Ok(Err(ReceiverClosed));
            }
            if usage.output as usize >= limit {
                return Ok(Ok((usage, FinishReason::Length)));
            }
            next = self.next(&[next], &output, own.as_mut()).map_err(failed)?;
        }
    }

    /// Returns the part of a prompt that is not in the KV cache: only the new tokens, if the prompt continues the
    /// cached ones, as with the next message of a conversation. Otherwise the cache is cleared, since it can't be
    /// truncated.
    fn new_of<'a>(&mut self, prompt: &'a [u32]) -> &'a [u32] {
        match prompt.strip_prefix(self.read.as_slice()) {
            Some(new) if !new.is_empty() => new,
            _ => {
                self.weights.clear_kv_cache();
                self.read.clear();
                prompt
            }
        }
    }

    /// Reads more tokens, and samples the one that follows the output. The repeat penalty does not apply to the
    /// question, whose words its answer often needs.
    fn next(&mut self, more: &[u32], output: &[u32], own: Option<&mut LogitsProcessor>) -> Result<u32> {
        // If this fails, the state of the KV cache is unknown, and the next request clears it.
        let mut read = std::mem::take(&mut self.read);
        let mut rest = more;
        let logits = loop {
            let fixed = self.weights.fixed_part(read.len(), rest.len());
            let (part, later) = rest.split_at(fixed.unwrap_or_else(|| part_len(read.len(), rest.len())));
            let input = Tensor::new(part, &Device::Cpu)?.unsqueeze(0)?;
            let logits = self.weights.forward(&input, read.len())?;
            read.extend_from_slice(part);
            rest = later;
            if rest.is_empty() {
                break logits;
            }
        };
        self.read = read;
        let recent = output.get(output.len().saturating_sub(REPEAT_WINDOW)..).unwrap_or(output);
        own.unwrap_or(&mut self.sampler).sample(&apply_repeat_penalty(&logits, REPEAT_PENALTY, recent)?)
    }
}

/// Returns the number of tokens for the next forward pass, of `len` remaining ones from this position.
///
/// The library keeps a mask for each pair of a length and an end that it has met: gigabytes for all possible pairs.
/// Powers of two that end at their multiples are few: less than 80 MB for a window of 4096.
fn part_len(position: usize, len: usize) -> usize {
    let fits = 1 << len.max(1).ilog2();
    let aligned = if position == 0 { LONGEST_PART } else { 1 << position.trailing_zeros() };
    LONGEST_PART.min(fits).min(aligned)
}

/// Returns a sampler for the client's sampling parameters; `None` if there are none.
fn own_sampler(params: &SamplingParams, seed: u64) -> Option<LogitsProcessor> {
    let SamplingParams { temperature, top_p, seed: own_seed, stop: _ } = params;
    if temperature.is_none() && top_p.is_none() && own_seed.is_none() {
        return None;
    }
    let temperature = temperature.unwrap_or(TEMPERATURE);
    let sampling =
        if temperature <= 0.0 { Sampling::ArgMax } else { Sampling::TopP { p: top_p.unwrap_or(TOP_P), temperature } };
    Some(LogitsProcessor::from_sampling(own_seed.unwrap_or(seed), sampling))
}

fn failed(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(Code::ProviderUnavailable, "The language model failed.").with_source(cause)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn prompts_of_all_lengths_are_read_in_few_different_parts() {
        let mut met = HashSet::new();
        for known in [0, 1, 17, 100, 255, 1000, 3000] {
            for len in 1..1096 {
                let (mut position, mut rest) = (known, len);
                while rest > 0 {
                    let part = part_len(position, rest);
                    assert!(part > 0 && part <= rest);
                    (position, rest) = (position + part, rest - part);
                    met.insert((part, position));
                }
            }
        }
        let masks: usize = met.into_iter().filter(|(part, _)| *part > 1).map(|(part, end)| part * end).sum();
        assert!(masks < 80_000_000, "{masks} bytes of masks");
    }
}
