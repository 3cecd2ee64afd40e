//! Queries of groups and members.

use std::collections::HashMap;

use sea_orm::sea_query::{Expr, Func, Query};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::{GroupId, UserId};
use crate::core::pagination::{self, Page, PageRequest};
use crate::core::viewer::{Actor, Reader, Staff, Viewer};
use crate::infra::entity::group_member::{self, Role};
use crate::infra::entity::{group, ledger_entry};

/// Returns the groups whose name has this text, newest first, for staff.
///
/// # Errors
/// INVALID_INPUT for a search that is too long; INTERNAL if the database fails.
pub async fn groups(
    app: &App,
    _: Staff,
    search: Option<&str>,
    page: PageRequest,
) -> Result<Page<group::Entity>, Error> {
    let mut all = group::Entity::find();
    if let Some(search) = search {
        pagination::check_search(search)?;
        let name = Func::lower(Expr::col((group::Entity, group::Column::Name)));
        all = all.filter(pagination::contains(name, &search.trim().to_lowercase()));
    }
    page.load(app.db.read(), all, group::Column::Id).await
}

/// Returns all groups, newest first, for operators.
///
/// # Errors
/// FORBIDDEN unless for an operator; INTERNAL if the database fails.
pub async fn all(app: &App, actor: Actor, page: PageRequest) -> Result<Page<group::Entity>, Error> {
    actor.require_operator()?;
    page.load(app.db.read(), group::Entity::find(), group::Column::Id).await
}

/// Returns the group with this name, for operators; `None` without such a group.
///
/// # Errors
/// FORBIDDEN unless for an operator; INTERNAL if the database fails.
pub async fn find_by_name(app: &App, actor: Actor, name: &str) -> Result<Option<group::Model>, Error> {
    actor.require_operator()?;
    Ok(group::Entity::find().filter(group::Column::Name.eq(name.trim())).one(app.db.read()).await?)
}

/// Returns the groups that the viewer belongs to, newest first; the default group is among them.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn mine(app: &App, reader: Reader, page: PageRequest) -> Result<Page<group::Entity>, Error> {
    page.load(app.db.read(), group::Entity::find().filter(belongs_to(reader.id)), group::Column::Id).await
}

/// Returns the condition for the groups that a user belongs to.
fn belongs_to(user_id: UserId) -> Condition {
    let own = Query::select()
        .column(group_member::Column::GroupId)
        .from(group_member::Entity)
        .and_where(group_member::Column::UserId.eq(user_id))
        .take();
    Condition::any().add(group::Column::IsDefault.eq(true)).add(group::Column::Id.in_subquery(own))
}

/// Returns a group: one of the viewer's own or, for staff, any.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers; NOT_FOUND also for a group that the viewer does not belong to.
pub async fn find(app: &App, viewer: Viewer, id: GroupId) -> Result<group::Model, Error> {
    let reader = viewer.require_read()?;
    let mut group = group::Entity::find_by_id(id);
    if viewer.require_staff().is_err() {
        group = group.filter(belongs_to(reader.id));
    }
    group.one(app.db.read()).await?.ok_or_else(|| Error::not_found("group"))
}

/// Returns the groups with these ids, in no particular order. The caller has checked that the viewer may see them.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn by_ids(app: &App, ids: &[GroupId]) -> Result<Vec<group::Model>, Error> {
    Ok(group::Entity::find().filter(group::Column::Id.is_in(ids.iter().copied())).all(app.db.read()).await?)
}

/// Returns whether the viewer sees the members of a group and the history of its balance: its managers and staff.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn is_managed_by(app: &App, viewer: Viewer, id: GroupId) -> Result<bool, Error> {
    if viewer.require_staff().is_ok() {
        return Ok(true);
    }
    let Ok(reader) = viewer.require_read() else { return Ok(false) };
    let own = group_member::Entity::find()
        .filter(group_member::Column::GroupId.eq(id))
        .filter(group_member::Column::UserId.eq(reader.id))
        .filter(group_member::Column::Role.eq(Role::Manager));
    Ok(own.one(app.db.read()).await?.is_some())
}

/// Returns whether the viewer sees the balance of a group: its members and staff.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn sees_balance(app: &App, viewer: Viewer, group: &group::Model) -> Result<bool, Error> {
    if viewer.require_staff().is_ok() {
        return Ok(true);
    }
    let Ok(reader) = viewer.require_read() else { return Ok(false) };
    let own = group_member::Entity::find().filter(group_member::Column::UserId.eq(reader.id));
    let own = own.filter(group_member::Column::GroupId.eq(group.id));
    Ok(group.is_default || own.one(app.db.read()).await?.is_some())
}

/// Returns the members of a group, newest first. The caller has checked that the viewer may see them.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn members(app: &App, id: GroupId, page: PageRequest) -> Result<Page<group_member::Entity>, Error> {
    let all = group_member::Entity::find().filter(group_member::Column::GroupId.eq(id));
    page.load(app.db.read(), all, group_member::Column::Id).await
}

/// Returns the number of members of groups; those without any are omitted.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn members_counted(app: &App, ids: &[GroupId]) -> Result<HashMap<GroupId, i64>, Error> {
    let counts = group_member::Entity::find()
        .select_only()
        .column(group_member::Column::GroupId)
        .column_as(group_member::Column::Id.count(), "members")
        .filter(group_member::Column::GroupId.is_in(ids.iter().copied()))
        .group_by(group_member::Column::GroupId)
        .order_by_asc(group_member::Column::GroupId);
    Ok(counts.into_tuple::<(GroupId, i64)>().all(app.db.read()).await?.into_iter().collect())
}

/// Returns the ledger entries of a group's wallet, newest first. The caller has checked that the viewer may see them.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn history(app: &App, id: GroupId, page: PageRequest) -> Result<Page<ledger_entry::Entity>, Error> {
    page.load(app.db.read(), ledger_entry::Entity::of_group(id), ledger_entry::Column::Id).await
}
