//! Members of groups, whom operators add and remove.

use std::collections::HashSet;

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ActiveEnum, ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect};
use serde_json::json;

use super::manage::{lock_group, record};
use super::payer::forget_payer;
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::ids::{GroupId, UserId};
use crate::core::viewer::Actor;
use crate::domain::account::admin;
use crate::domain::audit::Action;
use crate::infra::db::Txn;
use crate::infra::entity::group_member::{self, Column, Role, Source};
use crate::infra::entity::user;

/// Maximum number of users that one request adds.
pub const MAX_ADDED: usize = 500;

/// Adds users to a group. Those who are members already stay as they are. Returns the number of new members.
///
/// # Errors
/// FORBIDDEN unless by an operator; NOT_FOUND without such a group; CONFLICT for the default group, which everyone
/// belongs to; INVALID_INPUT without users, for too many, or for one who does not exist.
pub async fn add_members(
    app: &App,
    actor: Actor,
    id: GroupId,
    user_ids: Vec<UserId>,
    role: Role,
) -> Result<usize, Error> {
    actor.require_operator()?;
    if user_ids.is_empty() || user_ids.len() > MAX_ADDED {
        return Err(Error::field("user_ids", format!("Between 1 and {MAX_ADDED} users.")));
    }
    let input = (actor, id, user_ids, role, app.clock.now());
    let added = app.db.write(input, |txn, (actor, id, user_ids, role, at)| {
        Box::pin(async move {
            let actor = admin::lock_actor(txn, *actor).await?;
            let group = lock_group(txn, *id).await?;
            if group.is_default {
                return Err(Error::new(Code::Conflict, "Every user belongs to the default group already."));
            }
            let wanted: HashSet<_> = user_ids.iter().copied().collect();
            let named = user::Entity::find().filter(user::Column::Id.is_in(wanted.iter().copied()));
            let mut named = named.all(txn).await?;
            if named.len() != wanted.len() {
                return Err(Error::field("user_ids", "There is no such user."));
            }
            let known = group_member::Entity::find().filter(Column::GroupId.eq(*id));
            let known = known.filter(Column::UserId.is_in(wanted)).select_only().column(Column::UserId);
            let known: HashSet<UserId> = known.into_tuple().all(txn).await?.into_iter().collect();
            named.retain(|user| !known.contains(&user.id));
            if named.is_empty() {
                return Ok(0);
            }
            let rows = named.iter().map(|user| group_member::ActiveModel {
                id: NotSet,
                group_id: Set(*id),
                user_id: Set(user.id),
                role: Set(*role),
                source: Set(Source::Manual),
                created_at: Set(*at),
            });
            group_member::Entity::insert_many(rows).exec_without_returning(txn).await?;
            let names: Vec<_> = named.iter().map(|user| user.username.as_str()).collect();
            let details = json!({ "users": names, "role": role.to_value() });
            record(txn, &actor, Action::GroupMemberAdd, &group, details, *at).await?;
            Ok(named.len())
        })
    });
    added.await
}

/// Changes the role of a member.
///
/// # Errors
/// FORBIDDEN unless by an operator; NOT_FOUND without such a member.
pub async fn set_role(
    app: &App,
    actor: Actor,
    id: GroupId,
    user_id: UserId,
    role: Role,
) -> Result<group_member::Model, Error> {
    actor.require_operator()?;
    let input = (actor, id, user_id, role, app.clock.now());
    let changed = app.db.write(input, |txn, (actor, id, user_id, role, at)| {
        Box::pin(async move {
            let actor = admin::lock_actor(txn, *actor).await?;
            let group = lock_group(txn, *id).await?;
            let (member, name) = find(txn, *id, *user_id).await?;
            let mut row = member.into_active_model();
            row.role = Set(*role);
            let changed = row.update(txn).await?;
            let details = json!({ "user": name, "role": role.to_value() });
            record(txn, &actor, Action::GroupMemberUpdate, &group, details, *at).await?;
            Ok(changed)
        })
    });
    changed.await
}

/// Removes a member from a group, which no longer pays for the user: the user's own wallet does, from the next message on.
///
/// # Errors
/// FORBIDDEN unless by an operator; NOT_FOUND without such a member.
pub async fn remove_member(app: &App, actor: Actor, id: GroupId, user_id: UserId) -> Result<(), Error> {
    actor.require_operator()?;
    let removed = app.db.write((actor, id, user_id, app.clock.now()), |txn, (actor, id, user_id, at)| {
        Box::pin(async move {
            let actor = admin::lock_actor(txn, *actor).await?;
            let group = lock_group(txn, *id).await?;
            let (member, name) = find(txn, *id, *user_id).await?;
            group_member::Entity::delete_by_id(member.id).exec(txn).await?;
            forget_payer(txn, *id, Some(*user_id)).await?;
            record(txn, &actor, Action::GroupMemberRemove, &group, json!({ "user": name }), *at).await
        })
    });
    removed.await
}

/// Returns a member, and the user's name.
async fn find(txn: &Txn, id: GroupId, user_id: UserId) -> Result<(group_member::Model, String), Error> {
    let member = group_member::Entity::find().filter(Column::GroupId.eq(id)).filter(Column::UserId.eq(user_id));
    let member = member.one(txn).await?.ok_or_else(|| Error::not_found("member"))?;
    let user = user::Entity::find_by_id(user_id).one(txn).await?;
    Ok((member, user.map(|user| user.username).unwrap_or_default()))
}
