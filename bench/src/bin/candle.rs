//! Baseline of the local model: the same as candle's own example (`quantized`). The prompt is processed in one forward
//! pass, then one token is generated at a time, with the example's sampling. Prints the seconds of each run as JSON.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark should stop at anything unexpected"
)]

use std::fs::File;
use std::path::PathBuf;
use std::time::Instant;

use candle_core::quantized::gguf_file::Content;
use candle_core::{Device, Tensor};
use candle_transformers::generation::LogitsProcessor;
use candle_transformers::models::quantized_llama::ModelWeights;
use candle_transformers::utils::apply_repeat_penalty;
use clap::Parser;
use serde_json::json;

const TEMPERATURE: f64 = 0.8;
const REPEAT_PENALTY: f32 = 1.1;
const REPEAT_WINDOW: usize = 64;

#[derive(Parser)]
struct Args {
    /// The GGUF file
    #[arg(long)]
    model: PathBuf,
    /// Model tokens of input and of output, such as 40:60; can be repeated
    work: Vec<String>,
}

fn main() -> candle_core::Result<()> {
    let args = Args::parse();
    let mut file = File::open(&args.model)?;
    let content = Content::read(&mut file)?;
    let mut weights = ModelWeights::from_gguf(content, &mut file, &Device::Cpu)?;
    let mut sampler = LogitsProcessor::new(299_792_458, Some(TEMPERATURE), None);
    let mut took = Vec::new();
    // The first run is the warm-up.
    for (number, work) in args.work.iter().take(1).chain(&args.work).enumerate() {
        let (read, write) = work.split_once(':').expect("two numbers");
        let (read, write): (u32, usize) = (read.parse().expect("a number"), write.parse().expect("a number"));
        // The values of the tokens do not matter.
        let mut tokens: Vec<u32> = (0..read).map(|token| 1000 + token * 7 % 20_000).collect();
        let begun = Instant::now();
        let logits = weights.forward(&Tensor::new(tokens.as_slice(), &Device::Cpu)?.unsqueeze(0)?, 0)?.squeeze(0)?;
        let mut next = sampler.sample(&logits)?;
        let read_s = begun.elapsed().as_secs_f64();
        for _ in 1..write {
            tokens.push(next);
            let input = Tensor::new(&[next], &Device::Cpu)?.unsqueeze(0)?;
            let logits = weights.forward(&input, tokens.len() - 1)?.squeeze(0)?;
            let recent = tokens.get(tokens.len().saturating_sub(REPEAT_WINDOW)..).unwrap_or(&tokens);
            next = sampler.sample(&apply_repeat_penalty(&logits, REPEAT_PENALTY, recent)?)?;
        }
        if number > 0 {
            let total_s = begun.elapsed().as_secs_f64();
            took.push(json!({ "read": read, "write": write, "read_s": read_s, "total_s": total_s }));
        }
    }
    println!("{}", json!(took));
    Ok(())
}
