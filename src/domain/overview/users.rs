//! The list of users by what they did.

use crate::app::App;
use crate::core::error::Error;
use crate::core::pagination::{Page, PageRequest};
use crate::core::viewer::Staff;
use crate::domain::account::admin::{self, UserFilter, UserOrder};
use crate::domain::chat::usage;
use crate::domain::ledger;
use crate::infra::entity::user;

/// Returns users, in any order of the filter, for staff.
///
/// # Errors
/// INVALID_INPUT for a cursor of another order, or a search that is too long or has too many words; INTERNAL if the
/// database fails.
pub async fn users(
    app: &App,
    staff: Staff,
    filter: UserFilter,
    page: PageRequest,
) -> Result<Page<user::Entity>, Error> {
    let actor = staff.into();
    match filter.order {
        UserOrder::MostTokens | UserOrder::FewestTokens => {
            let balances = ledger::all_balances(&app.db, staff).await?;
            admin::ranked(app, actor, filter, page, |id, _| balances.get(&id).copied()).await
        }
        UserOrder::MostSpent | UserOrder::LeastSpent => {
            let spent = usage::spent(app, None).await?;
            admin::ranked(app, actor, filter, page, |id, _| spent.get(&id).copied().unwrap_or(0)).await
        }
        UserOrder::RecentlyActive | UserOrder::LeastRecentlyActive => {
            let active = usage::last_active(app, None).await?;
            admin::ranked(app, actor, filter, page, |id, _| active.get(&id).copied()).await
        }
        UserOrder::RecentLogin | UserOrder::LeastRecentLogin => {
            admin::ranked(app, actor, filter, page, |_, login| login).await
        }
        _ => admin::users(app, actor, filter, page).await,
    }
}
