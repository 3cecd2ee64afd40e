//! Every architecture with tiny random weights: the file is read, and answers depend on nothing but the prompt.

use std::path::Path;

use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use futures::StreamExt;

use crate::core::random::Random;
use crate::infra::ai::local::Local;
use crate::infra::ai::{Event, Message, Provider, Request, Role, Sampling};

const HIDDEN: usize = 32;
const HEADS: usize = 2;
const HEAD: usize = 16;
const FEED_FORWARD: usize = 64;
const TEMPLATE: &str = "{% for message in messages %}<|im_start|>{{ message.role }} {{ message.content }}<|im_end|>\
    {% endfor %}<|im_start|>assistant ";

/// The entries of a file, written at once.
struct File {
    architecture: &'static str,
    metadata: Vec<(String, Value)>,
    tensors: Vec<(String, QTensor)>,
    random: Random,
}

impl File {
    fn new(architecture: &'static str) -> Self {
        let mut file = Self { architecture, metadata: Vec::new(), tensors: Vec::new(), random: Random::seeded(5) };
        file.metadata.push(("general.architecture".to_owned(), Value::String(architecture.to_owned())));
        let head = u32::try_from(HEAD).unwrap();
        for (key, value) in [
            ("attention.head_count", 2),
            ("attention.head_count_kv", 2),
            ("attention.key_length", head),
            ("attention.value_length", head),
            ("attention.sliding_window", 64),
            ("block_count", 1),
            ("context_length", 1 << 20),
            ("embedding_length", 32),
            ("feed_forward_length", 64),
            ("rope.dimension_count", head),
        ] {
            file.metadata.push((format!("{architecture}.{key}"), Value::U32(value)));
        }
        for (key, value) in [("attention.layer_norm_rms_epsilon", 1e-5), ("rope.freq_base", 10_000.0)] {
            file.metadata.push((format!("{architecture}.{key}"), Value::F32(value)));
        }
        file
    }

    fn tensor(&mut self, name: &str, shape: &[usize]) {
        let count: usize = shape.iter().product();
        let numbers: Vec<f32> = (0..count).map(|_| (self.random.u64() % 2000) as f32 / 1000.0 - 1.0).collect();
        let tensor = Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap();
        self.tensors.push((name.to_owned(), QTensor::quantize(&tensor, GgmlDType::F32).unwrap()));
    }

    fn layers(&mut self, vocabulary: usize) {
        let wide = HEADS * HEAD;
        self.tensor("token_embd.weight", &[vocabulary, HIDDEN]);
        self.tensor("output_norm.weight", &[HIDDEN]);
        self.tensor("output.weight", &[vocabulary, HIDDEN]);
        for norm in ["attn_norm", "ffn_norm", "post_attention_norm", "post_ffw_norm"] {
            self.tensor(&format!("blk.0.{norm}.weight"), &[HIDDEN]);
        }
        for norm in ["attn_q_norm", "attn_k_norm"] {
            self.tensor(&format!("blk.0.{norm}.weight"), &[HEAD]);
        }
        for part in ["q", "k", "v"] {
            self.tensor(&format!("blk.0.attn_{part}.weight"), &[wide, HIDDEN]);
            self.tensor(&format!("blk.0.attn_{part}.bias"), &[wide]);
        }
        self.tensor("blk.0.attn_qkv.weight", &[3 * wide, HIDDEN]);
        self.tensor("blk.0.attn_output.weight", &[HIDDEN, wide]);
        // Phi has the gate in the same tensor.
        let up = if self.architecture == "phi3" { 2 * FEED_FORWARD } else { FEED_FORWARD };
        self.tensor("blk.0.ffn_up.weight", &[up, HIDDEN]);
        self.tensor("blk.0.ffn_gate.weight", &[FEED_FORWARD, HIDDEN]);
        self.tensor("blk.0.ffn_down.weight", &[HIDDEN, FEED_FORWARD]);
    }

    /// Adds a tokenizer, and returns the size of its vocabulary.
    fn tokenizer(&mut self, sentence_piece: bool) -> usize {
        let control = ["<unk>", "<|im_start|>", "<|im_end|>"].map(str::to_owned);
        let mut pieces: Vec<(String, i32)> = control.into_iter().map(|piece| (piece, 3)).collect();
        if sentence_piece {
            pieces.extend((0..=255).map(|byte| (format!("<0x{byte:02X}>"), 6)));
            pieces.push(("\u{2581}".to_owned(), 1));
        } else {
            pieces.push(("\u{120}".to_owned(), 1));
        }
        pieces.extend(('!'..='~').map(|letter| (letter.to_string(), 1)));
        pieces.push(("he".to_owned(), 1));
        let strings = |pieces: &[(String, i32)]| pieces.iter().map(|(piece, _)| Value::String(piece.clone())).collect();
        let kind = if sentence_piece { "llama" } else { "gpt2" };
        let scores = (0..pieces.len()).map(|place| Value::F32(-(place as f32))).collect();
        for (key, value) in [
            ("ggml.model", Value::String(kind.to_owned())),
            ("ggml.pre", Value::String("default".to_owned())),
            ("ggml.tokens", Value::Array(strings(&pieces))),
            ("ggml.scores", Value::Array(scores)),
            ("ggml.token_type", Value::Array(pieces.iter().map(|(_, kind)| Value::I32(*kind)).collect())),
            ("ggml.merges", Value::Array(vec![Value::String("h e".to_owned())])),
            ("ggml.unknown_token_id", Value::U32(0)),
            ("ggml.eos_token_id", Value::U32(2)),
            ("chat_template", Value::String(TEMPLATE.to_owned())),
        ] {
            self.metadata.push((format!("tokenizer.{key}"), value));
        }
        pieces.len()
    }

    fn write(&self, path: &Path) {
        let metadata: Vec<_> = self.metadata.iter().map(|(key, value)| (key.as_str(), value)).collect();
        let tensors: Vec<_> = self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
        gguf_file::write(&mut std::fs::File::create(path).unwrap(), &metadata, &tensors).unwrap();
    }
}

async fn answer(model: &Local, question: &str) -> (String, u64) {
    let messages = vec![Message::new(Role::User, question)];
    let sampling = Sampling { temperature: Some(0.0), ..Sampling::default() };
    let mut reply = model.reply(Request { messages: messages.into(), max_output: 8, sampling, ..Request::default() });
    let mut text = String::new();
    while let Some(event) = reply.next().await {
        match event.unwrap_or_else(|error| panic!("{error:?}")) {
            Event::Chunk(piece) | Event::Reasoning { text: piece, .. } => text.push_str(&piece),
            Event::Done(usage) => return (text, usage.unwrap().input),
            _ => {}
        }
    }
    panic!("the reply was truncated");
}

#[tokio::test]
async fn every_architecture_answers_by_its_prompt_alone() {
    let dir = tempfile::tempdir().unwrap();
    for (architecture, sentence_piece) in
        [("llama", false), ("llama", true), ("qwen2", false), ("qwen3", false), ("gemma3", true), ("phi3", true)]
    {
        let path = dir.path().join(format!("{architecture}.gguf"));
        let mut file = File::new(architecture);
        let vocabulary = file.tokenizer(sentence_piece);
        file.layers(vocabulary);
        file.write(&path);
        let model = Local::open(&path, 4, 1).unwrap();
        assert_eq!(model.context_window(), 4096, "{architecture}");
        let first = answer(&model, "hello there, what is this?").await;
        let messages = [Message::new(Role::User, "hello there, what is this?")];
        assert_eq!(first.1, model.max_input(&messages), "{architecture}");
        let other = answer(&model, "Something else!").await;
        assert_eq!(answer(&model, "hello there, what is this?").await, first, "{architecture}");
        assert_eq!(answer(&model, "Something else!").await, other, "{architecture}");
        // A space that both kinds put before a text, and twice "he", which is one token.
        assert_eq!(model.count("hehe"), 3, "{architecture}");
    }
}

#[test]
fn an_unknown_architecture_is_named_with_those_that_can_be_run() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mamba.gguf");
    let mut file = File::new("mamba");
    file.tokenizer(false);
    file.tensor("token_embd.weight", &[4, 4]);
    file.write(&path);
    let error = format!("{:?}", Local::open(&path, 1, 1).err().unwrap());
    assert!(error.contains("mamba") && error.contains("llama, qwen2, qwen3, gemma3, phi3"), "{error}");
}
