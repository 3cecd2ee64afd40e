//! Chats: sending a message, running its turn, following the reply, reading the history.
//!
//! Every message is paid for by a hold that is taken before the request to the model, in the same transaction that
//! stores the message. The turn then runs in a task of its own and does not depend on the caller's connection.
//!
//! The way of a message: [`send()`] or [`call`], `prepare`, `open` (hold), `turn` (the provider's stream), `charge` (who
//! pays what), `close` (settlement).

mod admission;
mod api_call;
mod begin;
mod changes;
mod charge;
mod close;
mod context;
pub mod conversation;
mod delete;
mod estimate;
mod events;
mod export;
mod finished_chat;
mod history;
mod idempotency;
pub mod import;
mod open;
mod outbox;
mod outcome;
mod prepare;
mod publisher;
pub mod reads;
mod reasoning;
mod receipt;
pub mod receipt_file;
mod reply_stream;
mod response_sink;
pub mod retention;
mod saver;
mod search;
mod send;
mod stop;
mod sweeper;
mod title;
mod turn;
pub mod usage;
mod versions;

pub use self::admission::{Admission, admit};
pub use self::api_call::{ApiCallHandle, call};
pub use self::changes::{ChangeKind, ConversationChange, watch};
pub use self::delete::{delete, delete_conversation};
pub use self::estimate::{Estimate, estimate};
pub use self::export::{Format, export};
pub use self::finished_chat::{FinishedChat, failure, limit};
pub use self::history::{AdminChatFilter, ChatOrder, HistoryFilter, all, answered, by_ids, find, find_any, history};
pub use self::prepare::{ApiCall, SendMessage};
pub use self::receipt::{Receipt, receipt};
pub use self::reply_stream::{ReplyDelta, ReplyPosition, ReplyStreamItem, follow};
pub use self::search::{index_rest, run_indexer};
pub use self::send::{ReplaceMessage, replace, send, start};
pub use self::stop::stop;
pub use self::sweeper::{run_sweeper, sweep};
pub use self::versions::{MAX_VERSIONS, choose, versions};
