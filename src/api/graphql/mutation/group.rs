//! Mutations of groups, for staff; and the choice of the group that pays. They only translate: the domain decides.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use super::super::context::app_and_viewer;
use super::super::error::{UserError, outcome};
use super::super::execution::bounded::Payload;
use super::super::id::RowId;
use super::super::types::{Balance, Group, GroupMember, User};
use crate::core::error::Error;
use crate::core::ids::{GroupId, UserId};
use crate::core::tokens::Tokens;
use crate::domain::account;
use crate::domain::group::{self, GroupAdjustment, GroupInput, GroupUpdate};
use crate::infra::entity::group_member::Role;

#[derive(Default)]
pub(super) struct GroupMutation;

/// A group to create.
#[derive(InputObject)]
struct CreateGroupInput {
    /// The unique name, 1 to 100 characters.
    name: String,
    /// What the group is for, at most 1000 characters.
    description: Option<String>,
}

/// Changes to a group. Omitted fields stay unchanged.
#[derive(InputObject)]
struct UpdateGroupInput {
    /// The global id of the group.
    group_id: ID,
    /// The unique name, 1 to 100 characters.
    name: Option<String>,
    /// What the group is for, at most 1000 characters.
    description: Option<String>,
}

/// The group to delete.
#[derive(InputObject)]
struct DeleteGroupInput {
    /// The global id of the group.
    group_id: ID,
}

/// Users to add to a group.
#[derive(InputObject)]
struct AddGroupMembersInput {
    /// The global id of the group.
    group_id: ID,
    /// The global ids of the users, at most 500. Those who are members already stay as they are.
    user_ids: Vec<ID>,
    /// What they may do in the group. Defaults to MEMBER.
    role: Option<Role>,
}

/// A change of a member's role.
#[derive(InputObject)]
struct UpdateGroupMemberInput {
    /// The global id of the group.
    group_id: ID,
    /// The global id of the member.
    user_id: ID,
    /// What the member may do in the group.
    role: Role,
}

/// The member to remove.
#[derive(InputObject)]
struct RemoveGroupMemberInput {
    /// The global id of the group.
    group_id: ID,
    /// The global id of the member.
    user_id: ID,
}

/// An adjustment of the balance of a group.
#[derive(InputObject)]
struct AdjustGroupBalanceInput {
    /// The global id of the group.
    group_id: ID,
    /// The amount, in prepaid tokens: positive for a credit, negative for a debit. The balance must stay between 0 and
    /// 2^53 - 1.
    amount: Tokens,
    /// The reason, 1 to 500 characters. Managers of the group can read it.
    reason: String,
    /// Idempotency key, as that of `adjustBalance`.
    idempotency_key: Option<String>,
}

/// The group that pays for your messages.
#[derive(InputObject)]
struct SetPayerInput {
    /// The global id of a group that you belong to; null for your own balance.
    group_id: Option<ID>,
}

/// A new group.
#[derive(SimpleObject)]
struct CreateGroupPayload {
    /// The group; null if none was created.
    group: Option<Group>,
    /// Validation errors; empty on success.
    errors: Vec<UserError>,
}

/// A changed group.
#[derive(SimpleObject)]
struct UpdateGroupPayload {
    /// The group; null if it was not changed.
    group: Option<Group>,
    /// Validation errors; empty on success.
    errors: Vec<UserError>,
}

/// A deleted group.
#[derive(SimpleObject)]
struct DeleteGroupPayload {
    /// The global id of the deleted group; null if none was deleted.
    deleted_group_id: Option<ID>,
    /// Errors; empty on success.
    errors: Vec<UserError>,
}

/// Added members.
#[derive(SimpleObject)]
struct AddGroupMembersPayload {
    /// The number of new members; null if none was added because of an error.
    added: Option<i32>,
    /// Validation errors; empty on success.
    errors: Vec<UserError>,
}

/// A changed member.
#[derive(SimpleObject)]
struct UpdateGroupMemberPayload {
    /// The member; null if the role was not changed.
    member: Option<GroupMember>,
    /// Errors; empty on success.
    errors: Vec<UserError>,
}

/// A removed member.
#[derive(SimpleObject)]
struct RemoveGroupMemberPayload {
    /// The global id of the user who is no longer a member; null if none was removed.
    removed_user_id: Option<ID>,
    /// Errors; empty on success.
    errors: Vec<UserError>,
}

/// An adjusted balance of a group.
#[derive(SimpleObject)]
struct AdjustGroupBalancePayload {
    /// The group's balance; null if it was not adjusted.
    balance: Option<Balance>,
    /// Validation errors; empty on success.
    errors: Vec<UserError>,
}

/// The result of choosing who pays.
#[derive(SimpleObject)]
struct SetPayerPayload {
    /// Your account; null if nothing was changed.
    user: Option<User>,
    /// Validation errors; empty on success.
    errors: Vec<UserError>,
}

#[Object]
impl GroupMutation {
    /// Creates a group with an empty balance. For staff. Recorded in the audit trail, as are all changes of groups.
    async fn create_group(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The group.")] input: CreateGroupInput,
    ) -> Result<Payload<CreateGroupPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let actor = viewer.require_staff()?.into();
        let CreateGroupInput { name, description } = input;
        let (created, errors) = outcome(group::create(app, actor, GroupInput { name, description }).await)?;
        Ok(Payload(CreateGroupPayload { group: created.map(Group::from), errors }))
    }

    /// Changes a group. For staff.
    async fn update_group(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The group and its changes.")] input: UpdateGroupInput,
    ) -> Result<Payload<UpdateGroupPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let actor = viewer.require_staff()?.into();
        let UpdateGroupInput { group_id, name, description } = input;
        let update = GroupUpdate { name, description };
        let changed = async { group::update(app, actor, GroupId::parse(&group_id)?, update).await };
        let (changed, errors) = outcome(changed.await)?;
        Ok(Payload(UpdateGroupPayload { group: changed.map(Group::from), errors }))
    }

    /// Deletes a group, and writes off its balance. Its members stay users. The default group can't be deleted, nor a
    /// group that pays for a reply in progress. For staff.
    async fn delete_group(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The group.")] input: DeleteGroupInput,
    ) -> Result<Payload<DeleteGroupPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let actor = viewer.require_staff()?.into();
        let deleted = async { group::delete(app, actor, GroupId::parse(&input.group_id)?).await };
        let (deleted, errors) = outcome(deleted.await)?;
        Ok(Payload(DeleteGroupPayload { deleted_group_id: deleted.map(|()| input.group_id), errors }))
    }

    /// Adds users to a group. For staff.
    async fn add_group_members(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The group and the users.")] input: AddGroupMembersInput,
    ) -> Result<Payload<AddGroupMembersPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let actor = viewer.require_staff()?.into();
        let AddGroupMembersInput { group_id, user_ids, role } = input;
        let added = async {
            let id = GroupId::parse(&group_id)?;
            // Before any id is parsed.
            if user_ids.len() > group::MAX_ADDED {
                return Err(Error::field("user_ids", format!("Between 1 and {} users.", group::MAX_ADDED)));
            }
            let user_ids = user_ids.iter().map(UserId::parse).collect::<Result<_, _>>()?;
            group::add_members(app, actor, id, user_ids, role.unwrap_or(Role::Member)).await
        };
        let (added, errors) = outcome(added.await)?;
        let added = added.map(|added| i32::try_from(added).unwrap_or(i32::MAX));
        Ok(Payload(AddGroupMembersPayload { added, errors }))
    }

    /// Changes the role of a member of a group. For staff.
    async fn update_group_member(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The member and the role.")] input: UpdateGroupMemberInput,
    ) -> Result<Payload<UpdateGroupMemberPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let actor = viewer.require_staff()?.into();
        let UpdateGroupMemberInput { group_id, user_id, role } = input;
        let changed =
            async { group::set_role(app, actor, GroupId::parse(&group_id)?, UserId::parse(&user_id)?, role).await };
        let (changed, errors) = outcome(changed.await)?;
        Ok(Payload(UpdateGroupMemberPayload { member: changed.map(GroupMember), errors }))
    }

    /// Removes a member from a group, which no longer pays for the user. Replies in progress continue, and are charged as
    /// they began. For staff.
    async fn remove_group_member(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The member.")] input: RemoveGroupMemberInput,
    ) -> Result<Payload<RemoveGroupMemberPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let actor = viewer.require_staff()?.into();
        let RemoveGroupMemberInput { group_id, user_id } = input;
        let removed =
            async { group::remove_member(app, actor, GroupId::parse(&group_id)?, UserId::parse(&user_id)?).await };
        let (removed, errors) = outcome(removed.await)?;
        Ok(Payload(RemoveGroupMemberPayload { removed_user_id: removed.map(|()| user_id), errors }))
    }

    /// Adjusts the balance of a group by a credit or a debit. For staff, within the limit of `adjustBalance`.
    async fn adjust_group_balance(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The adjustment.")] input: AdjustGroupBalanceInput,
    ) -> Result<Payload<AdjustGroupBalancePayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let actor = viewer.require_staff()?.into();
        let AdjustGroupBalanceInput { group_id, amount, reason, idempotency_key } = input;
        let adjusted = async {
            let group_id = GroupId::parse(&group_id)?;
            group::adjust(app, actor, GroupAdjustment { group_id, amount, reason, idempotency_key }).await
        };
        let (balance, errors) = outcome(adjusted.await)?;
        Ok(Payload(AdjustGroupBalancePayload { balance: balance.map(Balance::from), errors }))
    }

    /// Chooses who pays for your messages from now on: one of your groups, or your own balance. A conversation or an API
    /// key with a payer of its own keeps it.
    async fn set_payer(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The group.")] input: SetPayerInput,
    ) -> Result<Payload<SetPayerPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let owner = viewer.require_session()?;
        let set = async {
            let group_id = input.group_id.map(|id| GroupId::parse(&id)).transpose()?;
            group::set_payer(app, owner, group_id).await?;
            account::me(app, viewer.require_read()?).await
        };
        let (user, errors) = outcome(set.await)?;
        Ok(Payload(SetPayerPayload { user: user.flatten().map(User::from), errors }))
    }
}
