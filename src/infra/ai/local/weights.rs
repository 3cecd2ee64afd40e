//! The weights of a local model, of whatever architecture its file names.

use std::fs::File;

use candle_core::quantized::gguf_file::{Content, Value};
use candle_core::{Device, Error, Result, Tensor};
use candle_transformers::models::{
    quantized_gemma3, quantized_llama, quantized_phi3, quantized_qwen2, quantized_qwen3,
};

/// The architectures that can be run, as GGUF files name them.
const ARCHITECTURES: [&str; 5] = ["llama", "qwen2", "qwen3", "gemma3", "phi3"];
/// The longest context, in tokens: the library precomputes positions of the Llama family up to it, and caches of the
/// others take memory for all of it.
const MAX_WINDOW: usize = quantized_llama::MAX_SEQ_LEN;

/// The weights of a model.
pub(super) enum Weights {
    Llama(quantized_llama::ModelWeights),
    Qwen2(quantized_qwen2::ModelWeights),
    Qwen3(quantized_qwen3::ModelWeights),
    Gemma3(quantized_gemma3::ModelWeights),
    Phi3(quantized_phi3::ModelWeights),
}

/// Returns the architecture of a file.
///
/// # Errors
/// A message with the architectures that can be run, if this one can't.
pub(super) fn architecture(content: &Content) -> Result<&'static str> {
    let named = content.metadata.get("general.architecture").and_then(|value| value.to_string().ok());
    let named = named.map_or("unknown", String::as_str);
    let known = ARCHITECTURES.into_iter().find(|known| *known == named);
    known.ok_or_else(|| {
        Error::Msg(format!("the architecture is {named}; those that can be run are {}", ARCHITECTURES.join(", ")))
    })
}

impl Weights {
    /// Loads the weights. Returns them with the context window in tokens.
    pub(super) fn load(mut content: Content, file: &mut File) -> Result<(Self, usize)> {
        let (architecture, device) = (architecture(&content)?, &Device::Cpu);
        let key = format!("{architecture}.context_length");
        let context = content.metadata.get(&key).and_then(|length| length.to_u32().ok());
        let window = context.map_or(MAX_WINDOW, |length| MAX_WINDOW.min(length as usize));
        // Memory is reserved for the whole context, which may be very long.
        content.metadata.insert(key, Value::U32(u32::try_from(window).unwrap_or(u32::MAX)));
        let weights = match architecture {
            "qwen2" => Self::Qwen2(quantized_qwen2::ModelWeights::from_gguf(content, file, device)?),
            "qwen3" => Self::Qwen3(quantized_qwen3::ModelWeights::from_gguf(content, file, device)?),
            "gemma3" => Self::Gemma3(quantized_gemma3::ModelWeights::from_gguf(content, file, device)?),
            "phi3" => Self::Phi3(quantized_phi3::ModelWeights::from_gguf(false, content, file, device)?),
            _ => Self::Llama(quantized_llama::ModelWeights::from_gguf(content, file, device)?),
        };
        Ok((weights, window))
    }

    /// Reads tokens at a position of the context. Returns the logits of the token that follows.
    pub(super) fn forward(&mut self, tokens: &Tensor, position: usize) -> Result<Tensor> {
        let logits = match self {
            Self::Llama(weights) => weights.forward(tokens, position),
            Self::Qwen2(weights) => weights.forward(tokens, position),
            Self::Qwen3(weights) => weights.forward(tokens, position),
            Self::Gemma3(weights) => weights.forward(tokens, position),
            Self::Phi3(weights) => weights.forward(tokens, position),
        };
        logits?.squeeze(0)
    }

    /// Returns how many of `rest` tokens to read at once at a position, if the library can't read any number of them:
    /// Gemma's masks are wrong for several tokens behind others.
    pub(super) fn fixed_part(&self, position: usize, rest: usize) -> Option<usize> {
        matches!(self, Self::Gemma3(_)).then_some(if position == 0 { rest } else { 1 })
    }

    /// Clears the KV cache.
    pub(super) fn clear_kv_cache(&mut self) {
        match self {
            Self::Llama(weights) => weights.clear_kv_cache(),
            Self::Qwen2(weights) => weights.clear_kv_cache(),
            Self::Qwen3(weights) => weights.clear_kv_cache(),
            // These clear it by themselves when they read from the beginning.
            Self::Gemma3(_) | Self::Phi3(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
