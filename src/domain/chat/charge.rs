//! The charge of a chat: its usage and its cost, by the outcome of its turn. The rules are also in
//! `docs/concepts/billing.md`.

use super::finished_chat::INTERRUPTED;
use super::outcome::{GeneratedOutput, Outcome};
use crate::core::error::Code;
use crate::core::tokens::{Price, Tokens};
use crate::infra::ai::{Request, Usage};
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
    pub(super) reason: Reason,
    /// The cost of the usage, if it exceeds the hold.
    pub(super) over_hold: Option<Tokens>,
    /// Seconds after which to retry the model.
    pub(super) retry_after: Option<u64>,
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
        let output =
            [&written.text, &written.other, &written.thoughts, &written.unseen].into_iter().map(|text| count(text));
        let counted: u64 = output.sum();
        let omitted = u128::from(counted) * written.omitted as u128 / (written.in_memory().max(1) as u128);
        let output = counted.saturating_add(u64::try_from(omitted).unwrap_or(u64::MAX));
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
                Self { usage: Usage { input, output: usage.output.max(output) }, estimated }
            }
            None => Self { usage: Usage { input: input(), output }, estimated: true },
        }
    }
}

impl ClosedChat {
    /// Applies the rules of who pays what. The cost never exceeds the hold.
    pub(super) fn new(
        mut chat: chat::Model,
        price: Price,
        outcome: Outcome,
        written: GeneratedOutput,
        used: MeteredUsage,
        store_reply: bool,
    ) -> Self {
        let (usage, nothing) = (used.usage, written.is_empty());
        let is_billed = written.reported.is_some_and(|reported| reported.output > 0);
        let (whole, metered) = (price.of_reply(usage.input, usage.output), price.of_usage(usage.input, usage.output));
        let (status, reason, cost, error) = match outcome {
            // Reasoning alone is no answer: it is paid for as usage, without the flat price.
            Outcome::Done if written.has_no_answer() && !nothing => (Status::Done, Reason::ChatDone, metered, None),
            Outcome::Done => (Status::Done, Reason::ChatDone, whole, None),
            Outcome::Failed(error) => {
                tracing::warn!(chat = chat.id.0, model = chat.model, ?error, "provider call failed");
                let (reason, cost) = match nothing && !is_billed {
                    true => (Reason::ChatFailed, Tokens::ZERO),
                    false => (Reason::ChatBrokenOff, metered),
                };
                (Status::Failed, reason, cost, Some(error))
            }
            // The output is paid for like a complete reply. Without output, the user pays what the upstream bills
            // anyway.
            Outcome::Stopped(limit) => {
                if let Some(limit) = &limit {
                    tracing::info!(chat = chat.id.0, model = chat.model, %limit.message, "reply reached a limit");
                }
                let cost = match nothing && !written.abandoned {
                    true if written.accepted || is_billed => metered,
                    true => Tokens::ZERO,
                    false => whole,
                };
                (Status::Stopped, Reason::ChatStopped, cost, limit)
            }
            Outcome::Interrupted | Outcome::AlreadyClosed => {
                if store_reply {
                    chat.response = written.text;
                }
                return Self::interrupted(chat);
            }
        };
        if !nothing || !used.estimated || cost > Tokens::ZERO {
            let units = |count: u64| Some(i64::try_from(count).unwrap_or(i64::MAX));
            (chat.input_units, chat.output_units) = (units(usage.input), units(usage.output));
            chat.usage_estimated = used.estimated;
        }
        chat.first_chunk_at = written.first_chunk_at;
        chat.finish_reason = written.finish.filter(|_| status == Status::Done);
        chat.response = if store_reply { written.text } else { String::new() };
        chat.status = status;
        chat.cost = Ord::min(cost, chat.hold);
        let retry_after = error.as_ref().and_then(|error| error.retry_after);
        (chat.error_code, chat.error_message) = error.map(|error| (error.code, error.message)).unzip();
        let over_hold = (cost > chat.hold).then_some(cost);
        Self { chat, reason, over_hold, retry_after }
    }

    /// The server that ran the turn died, or shuts down: free of charge, and the text until then stays.
    pub(super) fn interrupted(mut chat: chat::Model) -> Self {
        chat.status = Status::Interrupted;
        chat.error_code = Some(Code::ProviderUnavailable);
        chat.error_message = Some(INTERRUPTED.to_owned());
        Self { chat, reason: Reason::ChatInterrupted, over_hold: None, retry_after: None }
    }
}
