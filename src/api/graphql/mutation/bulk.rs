//! Mutations of many users at once, for staff. They only translate: the domain decides.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use super::super::context::app_and_viewer;
use super::super::error::{UserError, outcome};
use super::super::execution::bounded::Payload;
use super::super::id::RowId;
use crate::core::error::Error;
use crate::core::ids::UserId;
use crate::core::tokens::Tokens;
use crate::domain::account::admin::{self, ActivationResult, AdjustMany, AdjustManyResult, SetActive, UserFilter};

#[derive(Default)]
pub(super) struct BulkMutation;

/// A filter of users, as that of `users`. Omitted fields match all.
#[derive(InputObject)]
struct UserFilterInput {
    /// Search words: all of them must occur in the username, in any order.
    search: Option<String>,
    /// Filters by `isActive`.
    active: Option<bool>,
    /// Filters by `isStaff`.
    staff: Option<bool>,
    /// Filters by `isSuperuser`.
    superuser: Option<bool>,
    /// Only users with at least this spendable balance.
    min_tokens: Option<Tokens>,
    /// Only users with at most this spendable balance.
    max_tokens: Option<Tokens>,
    /// Only these users, by global id; at most 5000.
    user_ids: Option<Vec<ID>>,
}

impl UserFilterInput {
    fn filter(self) -> Result<UserFilter, Error> {
        let Self { search, active, staff, superuser, min_tokens, max_tokens, user_ids } = self;
        let parse = |ids: Vec<ID>| ids.iter().map(UserId::parse).collect::<Result<_, _>>();
        let user_ids = user_ids.map(parse).transpose()?;
        let order = admin::UserOrder::default();
        Ok(UserFilter { search, active, staff, superuser, min_tokens, max_tokens, user_ids, order })
    }
}

/// An adjustment of the balances of all users who match a filter.
#[derive(InputObject)]
struct AdjustBalancesInput {
    /// The users. Operators among them are skipped.
    filter: UserFilterInput,
    /// The number of users who match the filter, operators included, as it was confirmed; if another number matches
    /// now, nothing happens, and the error is CONFLICT. At most 5000.
    expected_count: u32,
    /// The amount for each user, in prepaid tokens: positive for a credit, negative for a debit.
    amount: Tokens,
    /// The reason, 1 to 500 characters. The users can read it.
    reason: String,
    /// Idempotency key: a request with the same key continues the first one, and adjusts no balance twice; with other
    /// input it fails with CONFLICT. Remembered for 30 days. 1 to 255 visible ASCII characters.
    idempotency_key: String,
}

/// The result of adjusting many balances, including that of earlier requests with the same idempotency key.
#[derive(SimpleObject)]
struct AdjustBalancesPayload {
    /// The number of users whose balance was adjusted.
    adjusted: u64,
    /// The sum of the adjustments, in prepaid tokens.
    total: Tokens,
    /// The number of operators who matched, and were skipped.
    skipped_operators: u64,
    /// The number of users who were skipped, since their balance would have left the range of 0 to 2^53 - 1.
    skipped_out_of_range: u64,
    /// Errors; empty on success. After an error, a request with the same idempotency key continues.
    errors: Vec<UserError>,
}

/// The activation or deactivation of all users who match a filter.
#[derive(InputObject)]
struct SetUsersActiveInput {
    /// The users. Operators among them are skipped.
    filter: UserFilterInput,
    /// The number of users who match the filter, operators included, as it was confirmed; if another number matches
    /// now, nothing happens, and the error is CONFLICT. At most 5000.
    expected_count: u32,
    /// Whether the users may log in. Deactivating a user ends all sessions of the user.
    active: bool,
    /// Idempotency key: a request with the same key continues the first one; with other input it fails with CONFLICT.
    /// Remembered for 30 days. 1 to 255 visible ASCII characters.
    idempotency_key: Option<String>,
}

/// The result of activating or deactivating many users.
#[derive(SimpleObject)]
struct SetUsersActivePayload {
    /// The global ids of the users who were changed, for undoing it; those who already were as requested are not among
    /// them.
    changed_user_ids: Vec<ID>,
    /// The number of operators who matched, and were skipped.
    skipped_operators: u64,
    /// Errors; empty on success.
    errors: Vec<UserError>,
}

#[Object]
impl BulkMutation {
    /// Adjusts the balances of all users who match a filter, in batches, each user once. For staff. Credits of one
    /// staff member per day (UTC) are limited by `ledger.staff_daily_limit`: beyond it, no user is credited.
    async fn adjust_balances(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The users and the adjustment.")] input: AdjustBalancesInput,
    ) -> Result<Payload<AdjustBalancesPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let staff = viewer.require_staff()?;
        let AdjustBalancesInput { filter, expected_count, amount, reason, idempotency_key } = input;
        let adjusted = async {
            let (filter, expected) = (filter.filter()?, expected_count.into());
            admin::adjust_many(app, staff, AdjustMany { filter, expected, amount, reason, idempotency_key }).await
        };
        let (done, errors) = outcome(adjusted.await)?;
        let AdjustManyResult { adjusted, total, operators, out_of_range } = done.unwrap_or_default();
        let (skipped_operators, skipped_out_of_range) = (operators, out_of_range);
        Ok(Payload(AdjustBalancesPayload { adjusted, total, skipped_operators, skipped_out_of_range, errors }))
    }

    /// Activates or deactivates all users who match a filter, in batches. For staff. The same mutation undoes it, with
    /// the ids of the users who were changed.
    async fn set_users_active(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The users and their new state.")] input: SetUsersActiveInput,
    ) -> Result<Payload<SetUsersActivePayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let staff = viewer.require_staff()?;
        let SetUsersActiveInput { filter, expected_count, active, idempotency_key } = input;
        let changed = async {
            let (filter, expected) = (filter.filter()?, expected_count.into());
            admin::set_active(app, staff, SetActive { filter, expected, active, idempotency_key }).await
        };
        let (done, errors) = outcome(changed.await)?;
        let ActivationResult { changed, operators } = done.unwrap_or_default();
        let changed_user_ids = changed.into_iter().map(RowId::global).collect();
        Ok(Payload(SetUsersActivePayload { changed_user_ids, skipped_operators: operators, errors }))
    }
}
