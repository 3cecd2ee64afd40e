//! Receipts as files: the calculation of a chat's cost, its ledger entry, and the path from there to the head of the
//! chain, sealed. They are checked without the server: `docs/operations/audit.md` describes what that proves.

use chrono::{DateTime, SecondsFormat, Utc};
use sea_orm::{ActiveEnum, EntityTrait};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::receipt::{lines, receipt};
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::ids::ChatId;
use crate::core::price::{Line, Price};
use crate::core::signature::Signer;
use crate::core::usage::Usage;
use crate::domain::ledger::proof::{EntryPath, Published, Seal, SealKind, entry_path, sha256};
use crate::infra::entity::chat;

/// The name and the version of the format.
const FORMAT: &str = "jeton-receipt";
const VERSION: u32 = 1;

/// The file: the content, byte for byte, and its seal.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<'a> {
    #[serde(borrow)]
    receipt: &'a RawValue,
    seal: Seal,
}

/// The content of a receipt.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    format: String,
    version: u32,
    chat: ChatFields,
    usage: Option<UsageFields>,
    price: Option<PriceFields>,
    lines: Vec<Line>,
    ledger: EntryPath,
}

/// The fields of the chat. Its texts are no part of a receipt.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChatFields {
    id: i64,
    user_id: i64,
    model: String,
    status: String,
    created_at: String,
    finished_at: Option<String>,
    hold: i64,
    cost: i64,
    /// The number of messages that the flat price is charged for.
    messages_charged: Option<i64>,
}

/// The usage in model tokens.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UsageFields {
    input: u64,
    cache_read: u64,
    cache_write: u64,
    output: u64,
    reasoning: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    images: u64,
    estimated: bool,
}

/// The version of the price.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceFields {
    model: String,
    version: i64,
    per_message: i64,
    input: i64,
    cache_read: i64,
    cache_write: i64,
    output: i64,
    reasoning: i64,
    #[serde(default, skip_serializing_if = "is_free")]
    per_image: i64,
}

// What a receipt without images does not have is what receipts of earlier versions do not have.
fn is_zero(count: &u64) -> bool {
    *count == 0
}

fn is_free(price: &i64) -> bool {
    *price == 0
}

/// Returns the file of a chat's receipt.
///
/// # Errors
/// NOT_FOUND without such a chat; CONFLICT while it is open, or if the chain of its entry is damaged.
pub async fn write(app: &App, signer: &Signer, chat_id: ChatId) -> Result<String, Error> {
    let chat = chat::Entity::find_by_id(chat_id).one(app.db.read()).await?.ok_or_else(|| Error::not_found("chat"))?;
    if chat.status == chat::Status::Pending {
        return Err(Error::new(Code::Conflict, "The chat is still open; it has a receipt when it has ended."));
    }
    let calculation = receipt(app, &chat).await?;
    let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Micros, true);
    let content = Content {
        format: FORMAT.to_owned(),
        version: VERSION,
        usage: chat.usage().map(|usage| UsageFields {
            input: usage.input,
            cache_read: usage.cache_read,
            cache_write: usage.cache_write,
            output: usage.output,
            reasoning: usage.reasoning,
            images: usage.images,
            estimated: chat.usage_estimated,
        }),
        price: calculation.as_ref().map(|receipt| {
            let price = receipt.price.price();
            PriceFields {
                model: receipt.price.model.clone(),
                version: receipt.price.version,
                per_message: price.per_message,
                input: price.input,
                cache_read: price.cache_read,
                cache_write: price.cache_write,
                output: price.output,
                reasoning: price.reasoning,
                per_image: price.per_image,
            }
        }),
        lines: calculation.map(|receipt| receipt.lines).unwrap_or_default(),
        ledger: entry_path(&app.db, chat_id).await?,
        chat: ChatFields {
            id: chat.id.0,
            user_id: chat.user_id.0,
            model: chat.model,
            status: chat.status.to_value(),
            created_at: time(chat.created_at),
            finished_at: chat.finished_at.map(time),
            hold: chat.hold.0,
            cost: chat.cost.0,
            messages_charged: chat.messages_charged,
        },
    };
    let content = serde_json::to_string_pretty(&content).map_err(|error| Error::internal(error))?;
    let seal = Seal::new(signer, SealKind::Receipt, &sha256(content.as_bytes()));
    file(&content, &seal)
}

/// Returns the bytes of a file. There is only one form, so that any changed byte is found.
fn file(content: &str, seal: &Seal) -> Result<String, Error> {
    let seal = serde_json::to_string_pretty(seal).map_err(|error| Error::internal(error))?;
    Ok(format!("{{\n\"receipt\": {content},\n\"seal\": {seal}\n}}\n"))
}

/// A receipt that was read from a file, and whose seal is valid.
#[derive(Debug)]
pub struct ReceiptFile {
    content: Content,
    public_key: String,
}

impl ReceiptFile {
    /// Reads a file.
    ///
    /// # Errors
    /// INVALID_INPUT if it is no receipt, or a byte of it was changed.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let read: File<'_> =
            serde_json::from_slice(bytes).map_err(|error| invalid("it is none").with_source(error.to_string()))?;
        let text = read.receipt.get();
        if file(text, &read.seal)?.as_bytes() != bytes {
            return Err(invalid("the file was changed: it does not have the form in which Jeton writes it"));
        }
        read.seal.check(SealKind::Receipt, &sha256(text.as_bytes())).map_err(|why| invalid(&why))?;
        let content: Content = serde_json::from_str(text).map_err(|error| invalid(&error.to_string()))?;
        if (content.format.as_str(), content.version) != (FORMAT, VERSION) {
            return Err(invalid("it is of another format or version than this program reads"));
        }
        Ok(Self { content, public_key: read.seal.public_key })
    }

    /// Returns the id of the wallet that paid.
    pub fn wallet_id(&self) -> i64 {
        self.content.ledger.entry.wallet_id
    }

    /// Returns the public key of the signature.
    pub fn public_key(&self) -> &str {
        &self.public_key
    }

    /// Recomputes the cost, the entry and the path, and searches the published hash in it. Returns what is proven, as
    /// sentences.
    ///
    /// # Errors
    /// INVALID_INPUT that names what is wrong.
    pub fn check(&self, published: Option<Published>) -> Result<Vec<String>, Error> {
        let Content { chat, ledger, .. } = &self.content;
        let mut proven = vec![self.check_cost()?];
        let entry = &ledger.entry;
        let is_member = entry.member_id.is_none_or(|id| id == chat.user_id);
        if (entry.chat_id, entry.amount.checked_neg()) != (Some(chat.id), Some(chat.cost)) || !is_member {
            return Err(invalid("its ledger entry is not the payment of its chat"));
        }
        ledger.check(published).map_err(|why| invalid(&why))?;
        proven.push(format!(
            "ledger entry {} (number {} of wallet {}) charges {} for chat {}, and leads to the balance {}",
            entry.id, entry.seq, entry.wallet_id, chat.cost, chat.id, entry.balance_after
        ));
        proven.push(format!(
            "the entry is in the chain whose head is number {} with the hash {}",
            ledger.head.seq, ledger.head.hash
        ));
        Ok(proven)
    }

    /// Recomputes lines and cost.
    fn check_cost(&self) -> Result<String, Error> {
        let Content { chat, usage, price, lines: written, .. } = &self.content;
        let (Some(price), Some(messages)) = (price, chat.messages_charged) else {
            let is_none = price.is_none() && chat.messages_charged.is_none() && written.is_empty();
            return match (is_none, chat.cost) {
                (true, 0) => Ok("nothing was charged".to_owned()),
                (true, cost) => Ok(format!("{cost} was charged; the receipt has no formula for it")),
                (false, _) => Err(invalid("it has a price or lines, but nothing that is charged")),
            };
        };
        let usage = usage.as_ref().map_or_else(Usage::default, |usage| Usage {
            input: usage.input,
            cache_read: usage.cache_read,
            cache_write: usage.cache_write,
            output: usage.output,
            reasoning: usage.reasoning,
            images: usage.images,
        });
        let of = Price {
            per_message: price.per_message,
            input: price.input,
            cache_read: price.cache_read,
            cache_write: price.cache_write,
            output: price.output,
            reasoning: price.reasoning,
            per_image: price.per_image,
        };
        let expected = lines(messages, &usage, &of);
        if usage.normalized() != usage || *written != expected {
            return Err(invalid("its lines do not follow from its usage and its price"));
        }
        let total = Price::sum(&expected).0;
        if chat.cost != total.min(chat.hold) {
            return Err(invalid("its cost is not the sum of its lines, at most the hold"));
        }
        Ok(format!(
            "the usage at version {} of the price of {} costs {total}; the hold was {}, and {} was charged",
            price.version, price.model, chat.hold, chat.cost
        ))
    }
}

fn invalid(why: &str) -> Error {
    Error::new(Code::InvalidInput, format!("the receipt is not valid: {why}"))
}
