//! The entries of price lists: the price of one model in each format.

use serde_json::value::RawValue;

use super::decimal::{Decimal, DecimalError};
use super::{Format, Members};
use crate::core::price::Price;

/// The members of an entry of the own format.
const OWN_MEMBERS: &[&str] = &[
    "model",
    "upstream_model",
    "provider",
    "per_message",
    "per_million_input",
    "per_million_cache_read",
    "per_million_cache_write",
    "per_million_output",
    "per_million_reasoning",
    "per_image",
];
/// The modes of LiteLLM's models that reply to messages.
const MODES: &[&str] = &["chat", "completion", "responses"];

/// The price of one model in money. The parts of model tokens are per model token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct ListedPrice {
    per_message: Option<Decimal>,
    input: Option<Decimal>,
    cache_read: Option<Decimal>,
    cache_write: Option<Decimal>,
    output: Option<Decimal>,
    reasoning: Option<Decimal>,
    per_image: Option<Decimal>,
    /// What the price leaves out, for people.
    pub(in super::super) note: Option<String>,
}

impl ListedPrice {
    /// Converts it to prepaid tokens: `rate` is the number of them for each unit of money, markup included. Each part is
    /// rounded up once. What the list does not have stays as it is in `current`, except for the parts that follow the
    /// input or the output.
    ///
    /// # Errors
    /// The problem of a part that is too large.
    pub(in super::super) fn converted(&self, rate: Decimal, current: Price) -> Result<Price, String> {
        let convert = |part: Option<Decimal>, power: i32, most: i64, name: &str| {
            let Some(part) = part else { return Ok(None) };
            let tokens = part.shifted(power).times(rate).and_then(Decimal::rounded_up);
            match tokens.filter(|tokens| *tokens <= most) {
                Some(tokens) => Ok(Some(tokens)),
                None => Err(format!("The price of {name} is too large, or has too many digits.")),
            }
        };
        let metered = |part, name| convert(part, 6, Price::MAX_PER_MILLION, name);
        let flat = |part, name| convert(part, 0, Price::MAX_PER_MESSAGE, name);
        let (input, output) = (metered(self.input, "the input")?, metered(self.output, "the output")?);
        let follow = |own: Option<i64>, followed: Option<i64>, current| own.or(followed).unwrap_or(current);
        Ok(Price {
            per_message: flat(self.per_message, "a message")?.unwrap_or(current.per_message),
            input: input.unwrap_or(current.input),
            cache_read: follow(metered(self.cache_read, "cached input")?, input, current.cache_read),
            cache_write: follow(metered(self.cache_write, "cache writes")?, input, current.cache_write),
            output: output.unwrap_or(current.output),
            reasoning: follow(metered(self.reasoning, "reasoning")?, output, current.reasoning),
            per_image: flat(self.per_image, "an image")?.unwrap_or(current.per_image),
        })
    }
}

/// Reads an entry.
///
/// # Errors
/// The problem, for people.
pub(super) fn read(format: Format, text: &RawValue) -> Result<ListedPrice, String> {
    let members: Members<'_> = parse(text)?;
    match format {
        Format::Jeton => own(&members),
        Format::Litellm => litellm(&members),
        Format::Openrouter => openrouter(&members),
    }
}

fn own(members: &Members<'_>) -> Result<ListedPrice, String> {
    if let Some(unknown) = members.keys().find(|name| !OWN_MEMBERS.contains(&name.as_str())) {
        return Err(format!("`{}` is no part of a price.", shortened(unknown)));
    }
    let metered = |name| Ok::<_, String>(amount(members, name)?.map(|amount| amount.shifted(-6)));
    let price = ListedPrice {
        per_message: amount(members, "per_message")?,
        input: metered("per_million_input")?,
        cache_read: metered("per_million_cache_read")?,
        cache_write: metered("per_million_cache_write")?,
        output: metered("per_million_output")?,
        reasoning: metered("per_million_reasoning")?,
        per_image: amount(members, "per_image")?,
        note: None,
    };
    if price.input.is_some() != price.output.is_some() {
        return Err("`per_million_input` and `per_million_output` are both there, or neither is.".to_owned());
    }
    Ok(price)
}

fn litellm(members: &Members<'_>) -> Result<ListedPrice, String> {
    let mode: Option<String> = members.get("mode").and_then(|mode| serde_json::from_str(mode.get()).ok());
    if let Some(mode) = mode.filter(|mode| !MODES.contains(&mode.as_str())) {
        return Err(format!("It is a model for \"{}\", not for chats.", shortened(&mode)));
    }
    let mut tiers: Vec<&str> = members.keys().map(String::as_str).filter(|name| name.contains("_above_")).collect();
    tiers.sort_unstable();
    Ok(ListedPrice {
        per_message: None,
        input: Some(needed(members, "input_cost_per_token")?),
        cache_read: amount(members, "cache_read_input_token_cost")?,
        cache_write: amount(members, "cache_creation_input_token_cost")?,
        output: Some(needed(members, "output_cost_per_token")?),
        reasoning: amount(members, "output_cost_per_reasoning_token")?,
        per_image: amount(members, "input_cost_per_image")?,
        note: tiers
            .first()
            .map(|tier| format!("Long messages cost the provider's other price (`{}`).", shortened(tier))),
    })
}

fn openrouter(members: &Members<'_>) -> Result<ListedPrice, String> {
    let pricing = members.get("pricing").ok_or("`pricing` is missing.")?;
    let pricing: Members<'_> = parse(pricing)?;
    let pricing = &pricing;
    Ok(ListedPrice {
        per_message: amount(pricing, "request")?,
        input: Some(needed(pricing, "prompt")?),
        cache_read: amount(pricing, "input_cache_read")?,
        cache_write: amount(pricing, "input_cache_write")?,
        output: Some(needed(pricing, "completion")?),
        // Some models have a 0 here, and bill reasoning as output.
        reasoning: amount(pricing, "internal_reasoning")?.filter(|price| !price.is_zero()),
        per_image: amount(pricing, "image")?,
        note: None,
    })
}

fn parse<'a>(text: &'a RawValue) -> Result<Members<'a>, String> {
    serde_json::from_str(text.get()).map_err(|_| "Its entry is no object.".to_owned())
}

fn needed(members: &Members<'_>, name: &str) -> Result<Decimal, String> {
    amount(members, name)?.ok_or_else(|| format!("`{name}` is missing."))
}

/// Returns an amount, which is a number or a text with one; `None` if it is missing or null.
fn amount(members: &Members<'_>, name: &str) -> Result<Option<Decimal>, String> {
    let Some(text) = members.get(name).map(|text| text.get()).filter(|text| *text != "null") else { return Ok(None) };
    let number = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    match Decimal::parse(number) {
        Ok(amount) => Ok(Some(amount)),
        // OpenRouter's -1 stands for a price that depends on the model that is chosen.
        Err(DecimalError::Negative) => Err(format!("`{name}` is negative ({}): the price varies.", shortened(number))),
        Err(DecimalError::Invalid) => Err(format!("`{name}` is no number ({}).", shortened(text))),
    }
}

/// Returns the start of a text, short enough for a message.
fn shortened(text: &str) -> &str {
    text.get(..text.floor_char_boundary(50)).unwrap_or(text)
}
