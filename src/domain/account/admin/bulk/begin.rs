//! Which users a change applies to.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::super::adjust::{check_staff_limit, staff_limit};
use super::super::filter::UserFilter;
use super::super::lock::lock;
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::ids::UserId;
use crate::core::tokens::Tokens;
use crate::core::viewer::{Actor, Staff};
use crate::domain::ledger;
use crate::infra::db::Txn;
use crate::infra::entity::{bulk_change, user};

/// Maximum number of users that one request changes.
pub const MAX_USERS: usize = 5000;

/// How long an idempotency key is remembered. Later changes delete the older ones with the users that they name.
const REMEMBERED: TimeDelta = TimeDelta::days(30);

/// A change that is about to begin.
#[derive(Clone, Debug)]
pub(super) struct Begin {
    pub(super) staff: Staff,
    pub(super) filter: UserFilter,
    /// The number of matching users that the operator confirmed.
    pub(super) expected: u64,
    pub(super) idempotency_key: Option<String>,
    /// The whole request, which a retry has to repeat.
    pub(super) request: String,
    /// The amount that each user is about to receive.
    pub(super) grant: Tokens,
}

/// The users of a change.
#[derive(Clone, Debug)]
pub(super) struct Confirmed {
    pub(super) user_ids: Vec<UserId>,
    /// A random name, the same for each retry.
    pub(super) name: String,
}

/// Determines the users, and stores them with the idempotency key; or returns those of the first request with the key.
///
/// # Errors
/// UNAUTHENTICATED or FORBIDDEN for an actor that is no longer an active operator; INVALID_INPUT for an invalid key or
/// filter, or too many users; CONFLICT if another number of users matches than was confirmed, or the idempotency key
/// was used for another request; RATE_LIMITED if all grants together exceed the staff member's limit of today.
pub(super) async fn begin(app: &App, input: Begin) -> Result<Confirmed, Error> {
    ledger::check_idempotency_key(input.idempotency_key.as_deref())?;
    if input.filter.user_ids.as_ref().is_some_and(|ids| ids.len() > MAX_USERS) {
        return Err(too_many());
    }
    input.filter.select()?;
    let fingerprint = app.api_key_hasher.of(input.request.as_bytes());
    let (name, limit, at) = (app.random.hex128(), staff_limit(app), app.clock.now());
    app.db
        .write((input, fingerprint, name, at), move |txn, (input, fingerprint, name, at)| {
            Box::pin(determine(txn, input, (fingerprint.as_str(), name.as_str()), limit, *at))
        })
        .await
}

async fn determine(
    txn: &Txn,
    input: &Begin,
    (fingerprint, name): (&str, &str),
    limit: Option<Tokens>,
    at: DateTime<Utc>,
) -> Result<Confirmed, Error> {
    // The lock also serializes concurrent requests with the same key.
    let (actor, _) = lock(txn, Actor::from(input.staff), None).await?;
    if let Some(key) = &input.idempotency_key {
        let same = bulk_change::Entity::find()
            .filter(bulk_change::Column::ActorId.eq(input.staff.id))
            .filter(bulk_change::Column::IdempotencyKey.eq(key));
        if let Some(first) = same.one(txn).await? {
            if first.fingerprint != fingerprint {
                return Err(Error::new(Code::Conflict, "This idempotency key was used for another change."));
            }
            let user_ids = first.user_ids.split(',').filter_map(|id| id.parse().ok().map(UserId)).collect();
            return Ok(Confirmed { user_ids, name: first.name });
        }
    }
    let matching = input.filter.select()?.select_only().column(user::Column::Id);
    let matching = matching.column(user::Column::IsStaff).column(user::Column::IsSuperuser);
    let matching = matching.order_by_asc(user::Column::Id).limit(MAX_USERS as u64 + 1);
    let matching: Vec<(UserId, bool, bool)> = matching.into_tuple().all(txn).await?;
    let plain = matching.iter().filter(|(_, is_staff, is_superuser)| !is_staff && !is_superuser).count();
    let user_ids: Vec<UserId> = matching.into_iter().map(|(id, ..)| id).collect();
    if user_ids.len() > MAX_USERS {
        return Err(too_many());
    }
    if user_ids.len() as u64 != input.expected {
        let message = format!("{} users match now, not {}. Check the list again.", user_ids.len(), input.expected);
        return Err(Error::new(Code::Conflict, message));
    }
    // All or nothing, as far as it can be known before.
    let sum = Tokens(input.grant.0.saturating_mul(i64::try_from(plain).unwrap_or(i64::MAX)));
    check_staff_limit(txn, actor, (Tokens::ZERO, sum), limit, at).await?;
    if let Some(key) = &input.idempotency_key {
        let forgotten = bulk_change::Column::CreatedAt.lt(at - REMEMBERED);
        bulk_change::Entity::delete_many().filter(forgotten).exec(txn).await?;
        let stored: Vec<_> = user_ids.iter().map(ToString::to_string).collect();
        let row = bulk_change::ActiveModel {
            id: NotSet,
            actor_id: Set(input.staff.id),
            idempotency_key: Set(key.clone()),
            fingerprint: Set(fingerprint.to_owned()),
            name: Set(name.to_owned()),
            user_ids: Set(stored.join(",")),
            created_at: Set(at),
        };
        row.insert(txn).await?;
    }
    Ok(Confirmed { user_ids, name: name.to_owned() })
}

fn too_many() -> Error {
    Error::field("filter", format!("At most {MAX_USERS} users at once. Narrow the filter."))
}
