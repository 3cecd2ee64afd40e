//! The tokenizer of a local model, from its file: byte-level BPE, or SentencePiece.

use std::collections::HashMap;

use candle_core::quantized::gguf_file::{Content, Value};
use candle_core::quantized::tokenizer::TokenizerFromGguf;
use candle_core::{Error, Result};
use tokenizers::decoders::byte_fallback::ByteFallback;
use tokenizers::decoders::fuse::Fuse;
use tokenizers::decoders::sequence::Sequence as Decoders;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::normalizers::{Prepend, Replace, Sequence as Normalizers};
use tokenizers::{AddedToken, Tokenizer};

/// The character that SentencePiece writes for a space.
const SPACE: &str = "\u{2581}";
/// The types of tokens in a file: control tokens, and those that its author added.
const CONTROL: u32 = 3;
const USER_DEFINED: u32 = 4;

/// Returns the tokenizer of a file.
pub(super) fn open(content: &Content) -> Result<Tokenizer> {
    let kind = content.metadata.get("tokenizer.ggml.model").and_then(|value| value.to_string().ok());
    match kind.map(String::as_str) {
        Some("llama") => sentence_piece(content),
        _ => Tokenizer::from_gguf(content),
    }
}

/// Returns a SentencePiece tokenizer of the BPE kind. Its file has scores in place of merges: two pieces are merged if
/// their whole is a piece, those of the best score first.
fn sentence_piece(content: &Content) -> Result<Tokenizer> {
    let pieces = list(content, "tokenizer.ggml.tokens", |value| value.to_string().cloned())?;
    let scores = list(content, "tokenizer.ggml.scores", Value::to_f32)?;
    let types = list(content, "tokenizer.ggml.token_type", |value| match value {
        Value::I32(kind) => Ok(u32::try_from(*kind).unwrap_or_default()),
        value => value.to_u32(),
    })?;
    let ids: HashMap<&str, u32> = (0..).zip(&pieces).map(|(id, piece)| (piece.as_str(), id)).collect();
    let mut merges = Vec::new();
    for (piece, score) in pieces.iter().zip(&scores) {
        for (place, _) in piece.char_indices().skip(1) {
            let (left, right) = piece.split_at(place);
            if let (Some(first), Some(second)) = (ids.get(left), ids.get(right)) {
                merges.push((*score, *first, *second, left, right));
            }
        }
    }
    merges.sort_by(|one, other| other.0.total_cmp(&one.0).then((one.1, one.2).cmp(&(other.1, other.2))));
    let merges = merges.into_iter().map(|(_, _, _, left, right)| (left.to_owned(), right.to_owned())).collect();
    let vocabulary: Vocab = ids.iter().map(|(piece, id)| ((*piece).to_owned(), *id)).collect();
    let mut model = BPE::builder().vocab_and_merges(vocabulary, merges).byte_fallback(true).fuse_unk(true);
    let id = |key: &str| content.metadata.get(key).and_then(|id| id.to_u32().ok());
    if let Some(unknown) = id("tokenizer.ggml.unknown_token_id").and_then(|id| pieces.get(id as usize)) {
        model = model.unk_token(unknown.clone());
    }
    let mut tokenizer = Tokenizer::new(model.build().map_err(Error::wrap)?);
    let spaces = Replace::new(" ", SPACE).map_err(Error::wrap)?;
    let has_prefix = content.metadata.get("tokenizer.ggml.add_space_prefix").and_then(|value| value.to_bool().ok());
    let mut normalizers = Vec::new();
    if has_prefix.unwrap_or(true) {
        normalizers.push(Prepend::new(SPACE.to_owned()).into());
    }
    normalizers.push(spaces.into());
    tokenizer.with_normalizer(Some(Normalizers::new(normalizers))).map_err(Error::wrap)?;
    let readable = Replace::new(SPACE, " ").map_err(Error::wrap)?;
    let decoders = vec![readable.into(), ByteFallback::new().into(), Fuse::new().into()];
    tokenizer.with_decoder(Some(Decoders::new(decoders)));
    let of_type = |wanted: u32, is_special: bool| -> Vec<AddedToken> {
        let pieces = pieces.iter().zip(&types).filter(move |(_, kind)| **kind == wanted);
        pieces.map(|(piece, _)| AddedToken::from(piece.clone(), is_special).normalized(false)).collect()
    };
    tokenizer.add_special_tokens(of_type(CONTROL, true)).map_err(Error::wrap)?;
    tokenizer.add_tokens(of_type(USER_DEFINED, false)).map_err(Error::wrap)?;
    Ok(tokenizer)
}

fn list<T>(content: &Content, key: &str, read: impl Fn(&Value) -> Result<T>) -> Result<Vec<T>> {
    let found = content.metadata.get(key).ok_or_else(|| Error::Msg(format!("the file has no {key}")))?;
    found.to_vec()?.iter().map(read).collect()
}
