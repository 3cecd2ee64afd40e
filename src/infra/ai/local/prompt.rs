//! Prompts: renders messages with the model's own chat template and encodes them with its tokenizer, both from its
//! file.

use candle_core::quantized::gguf_file::{Content, Value};
use candle_core::{Error, Result};
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, context};
use tokenizers::Tokenizer;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;

use super::tokenizer;
use crate::infra::ai::{Message, Role};

/// Model tokens that end a turn in the models of this family, if the vocabulary has them.
const TURN_ENDS: [&str; 8] =
    ["<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "<|eom_id|>", "</s>", "<end_of_turn>", "<|end|>"];

/// Delimits the placeholder of a message's content while the template is rendered: private-use characters around its
/// index.
const MARK: char = '\u{f8ff}';

/// Encodes prompts for one model.
pub(super) struct Prompter {
    template: Environment<'static>,
    /// Encodes control tokens as such: for the text of the template.
    tokenizer: Tokenizer,
    /// Encodes everything as plain text: for the content of users.
    plain: Tokenizer,
    /// The same for replies of the model: encodes to the exact tokens that it generated, which may then be cached.
    own: Tokenizer,
    bos: String,
    eos: String,
    ends: Vec<u32>,
}

impl Prompter {
    pub(super) fn new(content: &Content) -> Result<Self> {
        let tokenizer = tokenizer::open(content)?;
        let mut plain = tokenizer.clone();
        plain.set_encode_special_tokens(true);
        let mut own = plain.clone();
        if let Some(pre) = without_space(content) {
            own.with_pre_tokenizer(Some(pre));
        }
        let source = content.metadata.get("tokenizer.chat_template");
        let source = source.ok_or_else(|| Error::Msg("the file has no chat template".to_owned()))?;
        let token = |key: &str| content.metadata.get(key).and_then(|id| id.to_u32().ok());
        let eos_id = token("tokenizer.ggml.eos_token_id");
        let text = |id: Option<u32>| id.and_then(|id| tokenizer.id_to_token(id)).unwrap_or_default();
        let mut ends: Vec<u32> = TURN_ENDS.iter().filter_map(|end| tokenizer.token_to_id(end)).collect();
        ends.extend(eos_id);
        Ok(Self {
            template: environment(source)?,
            bos: text(token("tokenizer.ggml.bos_token_id")),
            eos: text(eos_id),
            ends,
            tokenizer,
            plain,
            own,
        })
    }

    /// Encodes messages as a prompt.
    ///
    /// The template is rendered with placeholders, and each content is then encoded as plain text in the position of
    /// its placeholder: no text of a user can end the user's turn or begin another.
    pub(super) fn encode(&self, messages: &[Message]) -> Result<Vec<u32>> {
        let marked: Vec<_> = messages
            .iter()
            .enumerate()
            .map(|(index, message)| context! { role => role(message.role), content => format!("{MARK}{index}{MARK}") })
            .collect();
        let rendered = self.template.get_template("chat").and_then(|template| {
            template.render(context! {
                messages => marked,
                add_generation_prompt => true,
                bos_token => &self.bos,
                eos_token => &self.eos,
            })
        });
        let rendered = rendered.map_err(Error::wrap)?;
        let mut tokens = Vec::new();
        // Between two marks is an index; everything else is text of the template.
        for (position, part) in rendered.split(MARK).enumerate() {
            let encoded = if position % 2 == 0 {
                self.tokenizer.encode(part, false)
            } else {
                let message = part.parse::<usize>().ok().and_then(|index| messages.get(index));
                let is_own = message.is_some_and(|message| message.role == Role::Assistant);
                let tokenizer = if is_own { &self.own } else { &self.plain };
                tokenizer.encode(message.map_or("", |message| message.content.as_str()), false)
            };
            tokens.extend_from_slice(encoded.map_err(Error::wrap)?.get_ids());
        }
        Ok(tokens)
    }

    /// Counts the model tokens of a text.
    pub(super) fn count(&self, text: &str) -> u64 {
        // A text that can't be encoded has at most one token per byte.
        self.plain.encode(text, false).map_or(text.len(), |encoded| encoded.len()) as u64
    }

    /// Returns whether this token ends the model's turn.
    pub(super) fn is_end(&self, token: u32) -> bool {
        self.ends.contains(&token)
    }

    pub(super) fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }
}

/// Returns a pre-tokenizer without the space that the library puts before every text, for those models that have one.
/// Only for replies: with no such space anywhere, the small model got two of ten easy questions wrong.
fn without_space(content: &Content) -> Option<PreTokenizerWrapper> {
    let bytes = ByteLevel::new(false, true, true);
    let named = content.metadata.get("tokenizer.ggml.pre").and_then(|value| value.to_string().ok());
    match named.map(String::as_str) {
        Some("smollm") => Some(Sequence::new(vec![Digits::new(true).into(), bytes.into()]).into()),
        Some("gpt-2" | "default") => Some(bytes.into()),
        _ => None,
    }
}

fn environment(source: &Value) -> Result<Environment<'static>> {
    let mut environment = Environment::new();
    // The whitespace settings with which the templates' authors render them.
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().map_err(Error::wrap)?;
    environment.set_syntax(syntax);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.add_function("raise_exception", |message: String| -> std::result::Result<String, minijinja::Error> {
        Err(minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, message))
    });
    environment.add_template_owned("chat", source.to_string()?.clone()).map_err(Error::wrap)?;
    Ok(environment)
}

fn role(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    }
}
