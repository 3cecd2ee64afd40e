//! The root of all queries.

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

/// Days of an overview where no argument tells.
pub(super) const DEFAULT_DAYS: i32 = 30;
/// Users of an overview where no argument tells.
pub(super) const DEFAULT_SPENDERS: i32 = 10;

/// What can be read.
pub struct Query;

/// What can be read.
#[Object]
impl Query {
    /// Who is asking; null for nobody in particular.
    async fn me(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        Ok(account::me(app, viewer).await?.map(User::from))
    }

    /// What you have.
    async fn balance(&self, ctx: &Context<'_>) -> Result<Option<Balance>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        Ok(Some(ledger::balance(&app.db, viewer.require_read()?.id).await?.into()))
    }

    /// One of your chats.
    async fn chat(&self, ctx: &Context<'_>, #[graphql(desc = "Its global id.")] id: ID) -> Result<Option<Chat>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        viewer.require_read()?;
        Ok(Some(chat::find(app, viewer, Kind::Chat.row(&id)?).await?.into()))
    }

    /// Your chats, newest first, or those that a search finds.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a GraphQL field")]
    async fn chat_history(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Words that all are in the message or the answer, in any script, case and accents; of the last one \
                    its beginning does. Looks at the 1000 newest chats that match and have ended."
        )]
        search: Option<String>,
        #[graphql(desc = "In which order a search gives what it finds; the newest first where it is left out.")]
        order_by: Option<ChatOrder>,
        #[graphql(desc = "Only those of this conversation.")] conversation_id: Option<ID>,
        #[graphql(desc = "So many from the start, 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "So many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
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
        #[graphql(desc = "Its global id.")] id: ID,
    ) -> Result<Option<Conversation>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        viewer.require_read()?;
        Ok(Some(conversation::find(app, viewer, Kind::Conversation.row(&id)?).await?.into()))
    }

    /// Your conversations, those with the newest message first.
    async fn conversations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the start, 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "So many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Option<ConnectionOf<Conversation>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        viewer.require_read()?;
        let page = page(first, last, after, before)?;
        Ok(Some(types::conversations(ctx, conversation::list(app, viewer, page)).await?))
    }

    /// Your sessions that are still good, newest first.
    async fn sessions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the start, 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "So many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Option<ConnectionOf<Session>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        viewer.require_read()?;
        let page = page(first, last, after, before)?;
        Ok(Some(types::sessions(ctx, session::list(app, viewer, page)).await?))
    }

    /// Your API keys, those that have ended too, newest first.
    async fn api_keys(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the start, 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "So many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Option<ConnectionOf<ApiKey>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        viewer.require_session()?;
        let page = page(first, last, after, before)?;
        Ok(Some(types::api_keys(ctx, api_key::list(app, viewer, page)).await?))
    }

    /// Everybody's API keys, newest first. For staff.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a GraphQL field")]
    async fn user_api_keys(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only this user's.")] user_id: Option<ID>,
        #[graphql(desc = "A part of the name, or how the key begins.")] search: Option<String>,
        #[graphql(desc = "So many from the start, 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "So many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Option<ConnectionOf<ApiKey>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let actor = Actor::from_viewer(viewer)?;
        let user_id = user_id.map(|id| Kind::User.row(&id)).transpose()?;
        let filter = api_key::ApiKeyFilter { user_id, search };
        let page = page(first, last, after, before)?;
        Ok(Some(types::api_keys(ctx, api_key::all(app, actor, filter, page)).await?))
    }

    /// Why your balance is what it is, newest first.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a GraphQL field")]
    async fn ledger_history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those of this moment or later.")] since: Option<DateTime<Utc>>,
        #[graphql(desc = "Only those before this moment.")] until: Option<DateTime<Utc>>,
        #[graphql(desc = "So many from the start, 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "So many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Option<ConnectionOf<LedgerEntry>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let own = viewer.require_read()?.id;
        let filter = ledger::EntryFilter { user_id: Some(own), period: TimeRange { since, until } };
        let page = page(first, last, after, before)?;
        Ok(Some(types::entries(ctx, ledger::history(&app.db, filter, page)).await?))
    }

    /// The models that answer, by name.
    async fn models(&self, ctx: &Context<'_>) -> Result<Vec<Model>> {
        let (app, _) = app_and_viewer(ctx)?;
        let wrap = |model: &crate::infra::catalog::Model| Model {
            model: model.clone(),
            default: app.models.is_default(model),
        };
        Ok(app.models.iter().map(wrap).collect())
    }

    /// Anything by its global id; null where there is no such thing, or it is not yours to see.
    async fn node(&self, ctx: &Context<'_>, #[graphql(desc = "The global id.")] id: ID) -> Result<Option<Node>> {
        match self.find_node(ctx, &id).await {
            Err(error) if matches!(error.code, Code::NotFound | Code::Unauthenticated | Code::Forbidden) => Ok(None),
            found => Ok(found?),
        }
    }

    /// Everybody. For staff.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a GraphQL field")]
    async fn users(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Part of the name.")] search: Option<String>,
        #[graphql(desc = "May log in, or may not.")] active: Option<bool>,
        #[graphql(desc = "Are staff, or are not.")] staff: Option<bool>,
        #[graphql(desc = "Are superusers, or are not.")] superuser: Option<bool>,
        #[graphql(desc = "In which order; the newest first where it is left out.")] order_by: Option<admin::UserOrder>,
        #[graphql(desc = "So many from the start, 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "So many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Option<ConnectionOf<User>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let order = order_by.unwrap_or_default();
        let filter = admin::UserFilter { search, active, staff, superuser, order };
        let actor = Actor::from_viewer(viewer)?;
        let page = page(first, last, after, before)?;
        Ok(Some(types::users(ctx, admin::users(app, actor, filter, page), order).await?))
    }

    /// Somebody. For staff.
    async fn user(&self, ctx: &Context<'_>, #[graphql(desc = "Their global id.")] id: ID) -> Result<Option<User>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let actor = Actor::from_viewer(viewer)?;
        Ok(Some(admin::find(app, actor, Kind::User.row(&id)?).await?.into()))
    }

    /// Everybody's chats, newest first. For staff.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a GraphQL field")]
    async fn chats(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Words of the message or the answer, as in `chatHistory`; or a part of the user's name. Looks at the \
                    1000 newest chats that match either."
        )]
        search: Option<String>,
        #[graphql(desc = "Only this user's.")] user_id: Option<ID>,
        #[graphql(desc = "Only those that this model answered.")] model: Option<String>,
        #[graphql(desc = "Only those in this state.")] status: Option<Status>,
        #[graphql(desc = "Only those that came at this moment or later.")] since: Option<DateTime<Utc>>,
        #[graphql(desc = "Only those that came before this moment.")] until: Option<DateTime<Utc>>,
        #[graphql(desc = "So many from the start, 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "So many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Option<ConnectionOf<Chat>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        viewer.require_staff()?;
        let user_id = user_id.map(|id| Kind::User.row(&id)).transpose()?;
        let wanted = AdminChatFilter { search, user_id, model, status, period: TimeRange { since, until } };
        let page = page(first, last, after, before)?;
        Ok(Some(types::chats(ctx, chat::all(app, viewer, wanted, page)).await?))
    }

    /// What was used on each of the last days, today included, the oldest first. For staff.
    async fn usage(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many days, 1 to 366; 30 where it is left out.")] days: Option<i32>,
    ) -> Result<Option<Vec<UsageDay>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let used = usage::by_day(app, viewer, days.unwrap_or(DEFAULT_DAYS)).await?;
        Ok(Some(used.into_iter().map(UsageDay::from).collect()))
    }

    /// Who spent most in the last days, today included. For staff.
    async fn top_spenders(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many days, 1 to 366; 30 where it is left out.")] days: Option<i32>,
        #[graphql(desc = "So many users, 1 to 100; 10 where it is left out.")] first: Option<i32>,
    ) -> Result<Option<Vec<Spender>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let spent =
            usage::top_spenders(app, viewer, days.unwrap_or(DEFAULT_DAYS), first.unwrap_or(DEFAULT_SPENDERS)).await?;
        Ok(Some(spent.into_iter().map(Spender).collect()))
    }

    /// How many messages are being answered, on all servers. For staff.
    async fn open_turns(&self, ctx: &Context<'_>) -> Result<Option<u64>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        Ok(Some(usage::open_turns(app, viewer).await?))
    }

    /// Everybody's ledger entries, newest first. For staff.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a GraphQL field")]
    async fn ledger_entries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only this user's.")] user_id: Option<ID>,
        #[graphql(desc = "Only those of this moment or later.")] since: Option<DateTime<Utc>>,
        #[graphql(desc = "Only those before this moment.")] until: Option<DateTime<Utc>>,
        #[graphql(desc = "So many from the start, 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "So many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Option<ConnectionOf<LedgerEntry>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        viewer.require_staff()?;
        let user_id = user_id.map(|id| Kind::User.row(&id)).transpose()?;
        let filter = ledger::EntryFilter { user_id, period: TimeRange { since, until } };
        let page = page(first, last, after, before)?;
        Ok(Some(types::entries(ctx, ledger::history(&app.db, filter, page)).await?))
    }

    /// What operators did, newest first. For staff.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a GraphQL field")]
    async fn audit_trail(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only what this user did.")] actor_id: Option<ID>,
        #[graphql(
            desc = "Only what was done to this object, a user (and what is theirs), a chat or an API key, which may be gone."
        )]
        target_id: Option<ID>,
        #[graphql(desc = "Only those of this moment or later.")] since: Option<DateTime<Utc>>,
        #[graphql(desc = "Only those before this moment.")] until: Option<DateTime<Utc>>,
        #[graphql(desc = "So many from the start, 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "So many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
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
