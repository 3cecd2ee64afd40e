//! The charge of a chat: its usage and its cost, by the outcome of its turn. The rules are also in
//! `docs/concepts/billing.md`.

use chrono::{DateTime, Utc};

use super::finished_chat::INTERRUPTED;
use super::outcome::{GeneratedOutput, Outcome};
use crate::core::error::Code;
use crate::core::price::Price;
use crate::core::tokens::Tokens;
use crate::infra::ai::{ReasoningBlock, Request, Usage};
use crate::infra::catalog::Model;
use crate::infra::entity::chat::{self, Status};
use crate::infra::entity::ledger_entry::Reason;

/// Maximum bytes of text per model token for any tokenizer; a reported usage with fewer model tokens contradicts the
/// text.
const BYTES_PER_UNIT: u64 = 128;

/// A closed chat, before it is written.
pub(super) struct ClosedChat {
    /// The row as it will be, except for the time.
    pub(super) chat: chat::Model,
    /// The reasoning blocks that are stored with it.
    pub(super) blocks: Vec<ReasoningBlock>,
    pub(super) reason: Reason,
    /// The cost of the usage, if it exceeds the hold.
    pub(super) over_hold: Option<Tokens>,
    /// Seconds after which to retry the model.
    pub(super) retry_after: Option<u64>,
}

/// What a chat may be charged with.
#[derive(Clone, Copy)]
pub(super) struct Charged {
    /// The price, with the flat part multiplied by the number of choices.
    pub(super) price: Price,
    /// The number of choices.
    pub(super) choices: u64,
}

/// The parts of the price that are due.
enum Charge {
    /// The flat price and the usage.
    Whole,
    /// The usage alone.
    Usage,
    /// Nothing.
    Nothing,
}

/// The usage of a chat.
#[derive(Clone, Copy)]
pub(super) struct MeteredUsage {
    pub(super) usage: Usage,
    /// Whether it is an estimate: the provider did not report it.
    pub(super) estimated: bool,
}

impl MeteredUsage {
    /// Returns the usage reported by the provider, or an estimate, which is marked.
    ///
    /// For a reply that ended early, an upstream bills more than is visible: its whole input, of which only
    /// `input_bound` is certain, and its reasoning. So no reported number is reduced by what is visible.
    pub(super) fn of(
        model: &Model,
        request: &Request,
        input_bound: Option<u64>,
        written: &GeneratedOutput,
        outcome: &Outcome,
    ) -> Self {
        let used = Self::of_units(model, request, input_bound, written, outcome);
        Self { usage: Usage { images: request.images(), ..used.usage }, ..used }
    }

    fn of_units(
        model: &Model,
        request: &Request,
        input_bound: Option<u64>,
        written: &GeneratedOutput,
        outcome: &Outcome,
    ) -> Self {
        let is_whole = matches!(outcome, Outcome::Done);
        // An upstream that reports no output for a text, or no input, has not reported what it billed.
        let is_credible = |usage: &Usage| {
            let most = usage.output.saturating_mul(BYTES_PER_UNIT).saturating_add(BYTES_PER_UNIT);
            usage.input > 0 && (usage.output > 0 || written.is_empty()) && written.len() as u64 <= most
        };
        let is_trusted = !model.provider.reports_usage() || written.reported.as_ref().is_some_and(is_credible);
        if let Some(usage) = written.reported.filter(|_| is_whole && is_trusted) {
            return Self { usage, estimated: false };
        }
        let count = |text: &str| model.provider.count(text);
        let [text, other, shown, unseen] =
            [&written.text, &written.other, &written.reasoning, &written.unseen].map(|text| count(text));
        let counted = text.saturating_add(other).saturating_add(shown).saturating_add(unseen);
        let whole = |counted: u64| {
            let omitted = u128::from(counted) * written.omitted as u128 / (written.in_memory().max(1) as u128);
            counted.saturating_add(u64::try_from(omitted).unwrap_or(u64::MAX))
        };
        let output = whole(counted);
        let hidden = u128::from(unseen) * written.unseen_reasoning as u128 / (written.unseen.len().max(1) as u128);
        let reasoning = whole(shown.saturating_add(u64::try_from(hidden).unwrap_or(u64::MAX)));
        let bound = input_bound.filter(|_| !is_whole && model.provider.reports_usage());
        let input = || match (&request.passing, bound) {
            (_, Some(bound)) => bound,
            (Some(passing), None) => {
                ["messages", "tools"].iter().filter_map(|name| passing.call.get(name)).map(count).sum()
            }
            (None, None) => request.messages.iter().map(|message| count(&message.content)).sum(),
        };
        match written.reported {
            Some(usage) => {
                let input = if usage.input == 0 { input() } else { usage.input };
                let estimated = output > usage.output || usage.input == 0;
                let counted = Usage { reasoning, ..Usage::of(input, output) };
                Self { usage: usage.max(counted), estimated }
            }
            None => {
                let counted = Usage { reasoning, ..Usage::of(input(), output) };
                Self { usage: counted.normalized(), estimated: true }
            }
        }
    }
}

impl ClosedChat {
    /// Applies the rules of who pays what. The cost never exceeds the hold.
    pub(super) fn new(
        mut chat: chat::Model,
        Charged { price, choices }: Charged,
        outcome: Outcome,
        written: GeneratedOutput,
        used: MeteredUsage,
        store_reply: bool,
        ended_at: DateTime<Utc>,
    ) -> Self {
        let (usage, nothing) = (used.usage, written.is_empty());
        let is_billed = written.reported.is_some_and(|reported| reported.output > 0);
        let (status, reason, charge, error) = match outcome {
            // Reasoning alone is no answer: it is paid for as usage, without the flat price.
            Outcome::Done if written.has_no_answer() && !nothing => {
                (Status::Done, Reason::ChatDone, Charge::Usage, None)
            }
            Outcome::Done => (Status::Done, Reason::ChatDone, Charge::Whole, None),
            Outcome::Failed(error) => {
                tracing::warn!(chat = chat.id.0, model = chat.model, ?error, "provider call failed");
                let (reason, charge) = match nothing && !is_billed {
                    true => (Reason::ChatFailed, Charge::Nothing),
                    false => (Reason::ChatBrokenOff, Charge::Usage),
                };
                (Status::Failed, reason, charge, Some(error))
            }
            // The output is paid for like a complete reply. Without output, the user pays what the upstream bills
            // anyway.
            Outcome::Stopped(limit) => {
                if let Some(limit) = &limit {
                    tracing::info!(chat = chat.id.0, model = chat.model, %limit.message, "reply reached a limit");
                }
                let charge = match nothing && !written.abandoned {
                    true if written.accepted || is_billed => Charge::Usage,
                    true => Charge::Nothing,
                    false => Charge::Whole,
                };
                (Status::Stopped, Reason::ChatStopped, charge, limit)
            }
            Outcome::Interrupted | Outcome::AlreadyClosed => {
                if store_reply {
                    (chat.response, chat.reasoning) = (written.text, shown(written.reasoning));
                }
                return Self::interrupted(chat);
            }
        };
        let (cost, messages_charged) = match charge {
            Charge::Whole => (price.of_reply(usage), i64::try_from(choices).ok()),
            Charge::Usage => (price.of_usage(usage), Some(0)),
            Charge::Nothing => (Tokens::ZERO, None),
        };
        chat.messages_charged = messages_charged;
        if !nothing || !used.estimated || cost > Tokens::ZERO {
            let units = |count: u64| Some(i64::try_from(count).unwrap_or(i64::MAX));
            let part = |count: u64| units(count).filter(|units| *units > 0);
            (chat.input_units, chat.output_units) = (units(usage.input), units(usage.output));
            chat.cache_read_units = part(usage.cache_read);
            chat.cache_write_units = part(usage.cache_write);
            chat.reasoning_units = part(usage.reasoning);
            chat.images = part(usage.images);
            chat.usage_estimated = used.estimated;
        }
        chat.first_chunk_at = written.first_chunk_at;
        chat.finish_reason = written.finish.filter(|_| status == Status::Done);
        chat.reasoning_ms = written.reasoning_since.map(|since| {
            let end = written.answer_since.unwrap_or(ended_at);
            (end - since).num_milliseconds().max(0)
        });
        let mut blocks = Vec::new();
        if store_reply {
            (chat.response, chat.reasoning) = (written.text, shown(written.reasoning));
            // Only the context of a later message of the conversation has them.
            blocks = if chat.conversation_id.is_some() { written.blocks } else { blocks };
        }
        chat.status = status;
        chat.cost = Ord::min(cost, chat.hold);
        let retry_after = error.as_ref().and_then(|error| error.retry_after);
        (chat.error_code, chat.error_message) = error.map(|error| (error.code, error.message)).unzip();
        let over_hold = (cost > chat.hold).then_some(cost);
        Self { chat, blocks, reason, over_hold, retry_after }
    }

    /// The server that ran the turn died, or shuts down: free of charge, and the text until then stays.
    pub(super) fn interrupted(mut chat: chat::Model) -> Self {
        chat.status = Status::Interrupted;
        chat.error_code = Some(Code::ProviderUnavailable);
        chat.error_message = Some(INTERRUPTED.to_owned());
        Self { chat, blocks: Vec::new(), reason: Reason::ChatInterrupted, over_hold: None, retry_after: None }
    }
}

/// Returns the reasoning as it is stored: nothing rather than an empty text.
fn shown(reasoning: String) -> Option<String> {
    Some(reasoning).filter(|text| !text.is_empty())
}
