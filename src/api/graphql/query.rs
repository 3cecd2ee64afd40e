//! The query root. Its resolvers call the domain and decide nothing.

use async_graphql::{Context, ID, Object, Result};
use chrono::{DateTime, Utc};

use super::context::app_and_viewer;
use super::id::{self, Kind};
use super::types::{
    self, ApiKey, AuditEvent, Balance, Chat, ConnectionOf, Conversation, LedgerEntry, Model, Node, Session, Spender,
    UsageDay, User, page,
};
use crate::core::error::{Code, Error};
use crate::core::pagination::TimeRange;
use crate::core::viewer::Actor;
use crate::domain::account;
use crate::domain::account::admin;
use crate::domain::audit;
use crate::domain::chat::{self, AdminChatFilter, ChatOrder, HistoryFilter, conversation, usage};
use crate::domain::ledger;
use crate::domain::session::{self, api_key};
use crate::infra::entity::chat::Status;

/// Default of the argument `days` of an overview.
pub(super) const DEFAULT_DAYS: i32 = 30;
/// Default of the argument `first` of the top spenders.
pub(super) const DEFAULT_SPENDERS: i32 = 10;

/// The query root.
pub struct Query;

/// The query root.
#[Object]
impl Query {
    /// The authenticated user, or null.
    async fn me(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        Ok(account::me(app, viewer).await?.map(User::from))
    }

    /// Your balance.
    async fn balance(&self, ctx: &Context<'_>) -> Result<Option<Balance>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        Ok(Some(ledger::balance(&app.db, viewer.require_read()?.id).await?.into()))
    }

    /// One of your chats.
    async fn chat(&self, ctx: &Context<'_>, #[graphql(desc = "The global id.")] id: ID) -> Result<Option<Chat>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        viewer.require_read()?;
        Ok(Some(chat::find(app, viewer, Kind::Chat.row(&id)?).await?.into()))
    }

    /// Your chats, newest first, or the results of a search.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a GraphQL field")]
    async fn chat_history(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Search terms: all of them must occur in the message or the reply, in any script, ignoring case and \
                    accents; the last one matches as a prefix. Covers the 1000 newest matching finished chats."
        )]
        search: Option<String>,
        #[graphql(desc = "Sort order of search results. Defaults to NEWEST.")] order_by: Option<ChatOrder>,
        #[graphql(desc = "Returns only the chats of this conversation.")] conversation_id: Option<ID>,
        #[graphql(desc = "Returns the first *n* elements (1–100, default 20).")] first: Option<i32>,
        #[graphql(desc = "Returns the last *n* elements (1–100).")] last: Option<i32>,
        #[graphql(desc = "Returns the elements after this cursor.")] after: Option<String>,
        #[graphql(desc = "Returns the elements before this cursor.")] before: Option<String>,
    ) -> Result<Option<ConnectionOf<Chat>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        viewer.require_read()?;
        let conversation_id = conversation_id.map(|id| Kind::Conversation.row(&id)).transpose()?;
        let filter = HistoryFilter { search, order: order_by.unwrap_or_default(), conversation_id, replaced: None };
        let page = page(first, last, after, before)?;
        Ok(Some(types::chats(ctx, chat::history(app, viewer, filter, page)).await?))
    }

    /// One of your conversations.
    async fn conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The global id.")] id: ID,
    ) -> Result<Option<Conversation>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        viewer.require_read()?;
        Ok(Some(conversation::find(app, viewer, Kind::Conversation.row(&id)?).await?.into()))
    }

    /// Your conversations, most recently active first.
    async fn conversations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Returns the first *n* elements (1–100, default 20).")] first: Option<i32>,
        #[graphql(desc = "Returns the last *n* elements (1–100).")] last: Option<i32>,
        #[graphql(desc = "Returns the elements after this cursor.")] after: Option<String>,
        #[graphql(desc = "Returns the elements before this cursor.")] before: Option<String>,
    ) -> Result<Option<ConnectionOf<Conversation>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        viewer.require_read()?;
        let page = page(first, last, after, before)?;
        Ok(Some(types::conversations(ctx, conversation::list(app, viewer, page)).await?))
    }

    /// Your active sessions, newest first.
    async fn sessions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Returns the first *n* elements (1–100, default 20).")] first: Option<i32>,
        #[graphql(desc = "Returns the last *n* elements (1–100).")] last: Option<i32>,
        #[graphql(desc = "Returns the elements after this cursor.")] after: Option<String>,
        #[graphql(desc = "Returns the elements before this cursor.")] before: Option<String>,
    ) -> Result<Option<ConnectionOf<Session>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        viewer.require_read()?;
        let page = page(first, last, after, before)?;
        Ok(Some(types::sessions(ctx, session::list(app, viewer, page)).await?))
    }

    /// Your API keys, including expired and revoked ones, newest first.
    async fn api_keys(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Returns the first *n* elements (1–100, default 20).")] first: Option<i32>,
        #[graphql(desc = "Returns the last *n* elements (1–100).")] last: Option<i32>,
        #[graphql(desc = "Returns the elements after this cursor.")] after: Option<String>,
        #[graphql(desc = "Returns the elements before this cursor.")] before: Option<String>,
    ) -> Result<Option<ConnectionOf<ApiKey>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        viewer.require_session()?;
        let page = page(first, last, after, before)?;
        Ok(Some(types::api_keys(ctx, api_key::list(app, viewer, page)).await?))
    }

    /// The API keys of all users, newest first. For staff.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a GraphQL field")]
    async fn user_api_keys(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Returns only the API keys of this user.")] user_id: Option<ID>,
        #[graphql(desc = "Search text: a part of the name, or the start of the prefix.")] search: Option<String>,
        #[graphql(desc = "Returns the first *n* elements (1–100, default 20).")] first: Option<i32>,
        #[graphql(desc = "Returns the last *n* elements (1–100).")] last: Option<i32>,
        #[graphql(desc = "Returns the elements after this cursor.")] after: Option<String>,
        #[graphql(desc = "Returns the elements before this cursor.")] before: Option<String>,
    ) -> Result<Option<ConnectionOf<ApiKey>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let actor = Actor::from_viewer(viewer)?;
        let user_id = user_id.map(|id| Kind::User.row(&id)).transpose()?;
        let filter = api_key::ApiKeyFilter { user_id, search };
        let page = page(first, last, after, before)?;
        Ok(Some(types::api_keys(ctx, api_key::all(app, actor, filter, page)).await?))
    }

    /// Your ledger entries, newest first.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a GraphQL field")]
    async fn ledger_history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Start of the time range, inclusive.")] since: Option<DateTime<Utc>>,
        #[graphql(desc = "End of the time range, exclusive.")] until: Option<DateTime<Utc>>,
        #[graphql(desc = "Returns the first *n* elements (1–100, default 20).")] first: Option<i32>,
        #[graphql(desc = "Returns the last *n* elements (1–100).")] last: Option<i32>,
        #[graphql(desc = "Returns the elements after this cursor.")] after: Option<String>,
        #[graphql(desc = "Returns the elements before this cursor.")] before: Option<String>,
    ) -> Result<Option<ConnectionOf<LedgerEntry>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let own = viewer.require_read()?.id;
        let filter = ledger::EntryFilter { user_id: Some(own), period: TimeRange { since, until } };
        let page = page(first, last, after, before)?;
        Ok(Some(types::entries(ctx, ledger::history(&app.db, filter, page)).await?))
    }

    /// The available models, sorted by name.
    async fn models(&self, ctx: &Context<'_>) -> Result<Vec<Model>> {
        let (app, _) = app_and_viewer(ctx)?;
        let wrap = |model: &crate::infra::catalog::Model| Model {
            model: model.clone(),
            default: app.models.is_default(model),
        };
        Ok(app.models.iter().map(wrap).collect())
    }

    /// Any object by its global id; null if it does not exist or you may not see it.
    async fn node(&self, ctx: &Context<'_>, #[graphql(desc = "The global id.")] id: ID) -> Result<Option<Node>> {
        match self.find_node(ctx, &id).await {
            Err(error) if matches!(error.code, Code::NotFound | Code::Unauthenticated | Code::Forbidden) => Ok(None),
            found => Ok(found?),
        }
    }

    /// All users. For staff.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a GraphQL field")]
    async fn users(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Search text: a part of the username.")] search: Option<String>,
        #[graphql(desc = "Filters by `isActive`.")] active: Option<bool>,
        #[graphql(desc = "Filters by `isStaff`.")] staff: Option<bool>,
        #[graphql(desc = "Filters by `isSuperuser`.")] superuser: Option<bool>,
        #[graphql(desc = "Sort order. Defaults to NEWEST.")] order_by: Option<admin::UserOrder>,
        #[graphql(desc = "Returns the first *n* elements (1–100, default 20).")] first: Option<i32>,
        #[graphql(desc = "Returns the last *n* elements (1–100).")] last: Option<i32>,
        #[graphql(desc = "Returns the elements after this cursor.")] after: Option<String>,
        #[graphql(desc = "Returns the elements before this cursor.")] before: Option<String>,
    ) -> Result<Option<ConnectionOf<User>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let order = order_by.unwrap_or_default();
        let filter = admin::UserFilter { search, active, staff, superuser, order };
        let actor = Actor::from_viewer(viewer)?;
        let page = page(first, last, after, before)?;
        Ok(Some(types::users(ctx, admin::users(app, actor, filter, page), order).await?))
    }

    /// One user. For staff.
    async fn user(&self, ctx: &Context<'_>, #[graphql(desc = "The global id.")] id: ID) -> Result<Option<User>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let actor = Actor::from_viewer(viewer)?;
        Ok(Some(admin::find(app, actor, Kind::User.row(&id)?).await?.into()))
    }

    /// The chats of all users, newest first. For staff.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a GraphQL field")]
    async fn chats(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Search terms in the message or the reply, as in `chatHistory`, or a part of the username. Covers \
                    the 1000 newest chats that match either."
        )]
        search: Option<String>,
        #[graphql(desc = "Returns only the chats of this user.")] user_id: Option<ID>,
        #[graphql(desc = "Returns only the chats with this model.")] model: Option<String>,
        #[graphql(desc = "Returns only the chats with this status.")] status: Option<Status>,
        #[graphql(desc = "Start of the time range of `createdAt`, inclusive.")] since: Option<DateTime<Utc>>,
        #[graphql(desc = "End of the time range of `createdAt`, exclusive.")] until: Option<DateTime<Utc>>,
        #[graphql(desc = "Returns the first *n* elements (1–100, default 20).")] first: Option<i32>,
        #[graphql(desc = "Returns the last *n* elements (1–100).")] last: Option<i32>,
        #[graphql(desc = "Returns the elements after this cursor.")] after: Option<String>,
        #[graphql(desc = "Returns the elements before this cursor.")] before: Option<String>,
    ) -> Result<Option<ConnectionOf<Chat>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        viewer.require_staff()?;
        let user_id = user_id.map(|id| Kind::User.row(&id)).transpose()?;
        let wanted = AdminChatFilter { search, user_id, model, status, period: TimeRange { since, until } };
        let page = page(first, last, after, before)?;
        Ok(Some(types::chats(ctx, chat::all(app, viewer, wanted, page)).await?))
    }

    /// Daily usage of the last days, today included, oldest first. For staff.
    async fn usage(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The number of days (1–366, default 30).")] days: Option<i32>,
    ) -> Result<Option<Vec<UsageDay>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let used = usage::by_day(app, viewer, days.unwrap_or(DEFAULT_DAYS)).await?;
        Ok(Some(used.into_iter().map(UsageDay::from).collect()))
    }

    /// The users who spent the most tokens in the last days, today included. For staff.
    async fn top_spenders(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The number of days (1–366, default 30).")] days: Option<i32>,
        #[graphql(desc = "Returns the first *n* users (1–100, default 10).")] first: Option<i32>,
    ) -> Result<Option<Vec<Spender>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let spent =
            usage::top_spenders(app, viewer, days.unwrap_or(DEFAULT_DAYS), first.unwrap_or(DEFAULT_SPENDERS)).await?;
        Ok(Some(spent.into_iter().map(Spender).collect()))
    }

    /// The number of chats in progress on all servers. For staff.
    async fn open_turns(&self, ctx: &Context<'_>) -> Result<Option<u64>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        Ok(Some(usage::open_turns(app, viewer).await?))
    }

    /// The ledger entries of all users, newest first. For staff.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a GraphQL field")]
    async fn ledger_entries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Returns only the ledger entries of this user.")] user_id: Option<ID>,
        #[graphql(desc = "Start of the time range, inclusive.")] since: Option<DateTime<Utc>>,
        #[graphql(desc = "End of the time range, exclusive.")] until: Option<DateTime<Utc>>,
        #[graphql(desc = "Returns the first *n* elements (1–100, default 20).")] first: Option<i32>,
        #[graphql(desc = "Returns the last *n* elements (1–100).")] last: Option<i32>,
        #[graphql(desc = "Returns the elements after this cursor.")] after: Option<String>,
        #[graphql(desc = "Returns the elements before this cursor.")] before: Option<String>,
    ) -> Result<Option<ConnectionOf<LedgerEntry>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        viewer.require_staff()?;
        let user_id = user_id.map(|id| Kind::User.row(&id)).transpose()?;
        let filter = ledger::EntryFilter { user_id, period: TimeRange { since, until } };
        let page = page(first, last, after, before)?;
        Ok(Some(types::entries(ctx, ledger::history(&app.db, filter, page)).await?))
    }

    /// The audit trail, newest first. For staff.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a GraphQL field")]
    async fn audit_trail(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Returns only the actions of this user.")] actor_id: Option<ID>,
        #[graphql(
            desc = "Returns only the actions on this object: a user (including the user's chats and API keys), a chat \
                    or an API key. The object may be deleted."
        )]
        target_id: Option<ID>,
        #[graphql(desc = "Start of the time range, inclusive.")] since: Option<DateTime<Utc>>,
        #[graphql(desc = "End of the time range, exclusive.")] until: Option<DateTime<Utc>>,
        #[graphql(desc = "Returns the first *n* elements (1–100, default 20).")] first: Option<i32>,
        #[graphql(desc = "Returns the last *n* elements (1–100).")] last: Option<i32>,
        #[graphql(desc = "Returns the elements after this cursor.")] after: Option<String>,
        #[graphql(desc = "Returns the elements before this cursor.")] before: Option<String>,
    ) -> Result<Option<ConnectionOf<AuditEvent>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        viewer.require_staff()?;
        let actor_id = actor_id.map(|id| Kind::User.row(&id)).transpose()?;
        let target = target_id.map(|id| types::audited(&id)).transpose()?;
        let filter = audit::AuditFilter { actor_id, target, period: TimeRange { since, until } };
        let page = page(first, last, after, before)?;
        Ok(Some(types::events(ctx, audit::trail(app, viewer, filter, page)).await?))
    }
}

impl Query {
    async fn find_node(&self, ctx: &Context<'_>, id: &ID) -> Result<Option<Node>, Error> {
        let (app, viewer) = app_and_viewer(ctx).map_err(|error| Error::internal(error.message))?;
        let Some((kind, row)) = id::any(id) else { return Ok(None) };
        Ok(Some(match kind {
            Kind::User if viewer.require_read()?.id == row => {
                return Ok(account::me(app, viewer).await?.map(User::from).map(Node::User));
            }
            Kind::User => Node::User(admin::find(app, Actor::from_viewer(viewer)?, row).await?.into()),
            Kind::Chat if viewer.require_staff().is_ok() => Node::Chat(chat::find_any(app, viewer, row).await?.into()),
            Kind::Chat => Node::Chat(chat::find(app, viewer, row).await?.into()),
            Kind::Conversation => Node::Conversation(conversation::find(app, viewer, row).await?.into()),
            Kind::LedgerEntry => Node::LedgerEntry(LedgerEntry(ledger::find(&app.db, viewer, row).await?)),
            Kind::Session => Node::Session(Session(session::find(app, viewer, row).await?)),
            Kind::ApiKey => Node::ApiKey(ApiKey(api_key::one(app, viewer, row).await?)),
            Kind::AuditEvent => Node::AuditEvent(AuditEvent(audit::find(app, viewer, row).await?)),
        }))
    }
}
