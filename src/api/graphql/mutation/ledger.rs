//! Mutations of balances, for staff. They only translate: the domain decides.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use super::super::context::app_and_viewer;
use super::super::error::{UserError, outcome};
use super::super::execution::bounded::Payload;
use super::super::id::RowId;
use super::super::types::Balance;
use crate::core::ids::UserId;
use crate::core::tokens::Tokens;
use crate::core::viewer::Actor;
use crate::domain::account::admin::{self, Adjustment, BalanceChange};

#[derive(Default)]
pub(super) struct LedgerMutation;

/// An adjustment of a balance.
#[derive(InputObject)]
struct AdjustBalanceInput {
    /// The global id of the user.
    user_id: ID,
    /// The amount, in prepaid tokens: positive for a credit, negative for a debit. The balance must stay between 0 and
    /// 2^53 - 1.
    amount: Tokens,
    /// The reason, 1 to 500 characters. The user can read it.
    reason: String,
    /// Idempotency key: a request with the same key adjusts the balance only once; with other input it fails with
    /// CONFLICT. 1 to 255 visible ASCII characters.
    idempotency_key: Option<String>,
}

/// An adjusted balance.
#[derive(SimpleObject)]
struct AdjustBalancePayload {
    /// The user's balance; null if it was not adjusted.
    balance: Option<Balance>,
    /// Validation errors; empty on success.
    errors: Vec<UserError>,
}

#[Object]
impl LedgerMutation {
    /// Adjusts a balance by a credit or a debit. For staff; only superusers may adjust balances of staff, their own
    /// included. Credits of one staff member per day (UTC) are limited by `ledger.staff_daily_limit`.
    async fn adjust_balance(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The adjustment.")] input: AdjustBalanceInput,
    ) -> Result<Payload<AdjustBalancePayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let actor = Actor::from(viewer.require_staff()?);
        let AdjustBalanceInput { user_id, amount, reason, idempotency_key } = input;
        let adjusted = async {
            let adjustment = Adjustment {
                user_id: UserId::parse(&user_id)?,
                amount: BalanceChange::By(amount),
                reason,
                idempotency_key,
            };
            admin::adjust_balance(app, actor, adjustment).await
        };
        let (balance, errors) = outcome(adjusted.await)?;
        Ok(Payload(AdjustBalancePayload { balance: balance.map(Balance::from), errors }))
    }
}
