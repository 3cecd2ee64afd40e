//! The queries of rows that violate an invariant.

use sea_orm::ColumnTrait;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Func, IntoIden, JoinType, Query, SelectStatement};

use crate::infra::entity::chat::{self, Status};
use crate::infra::entity::wallet::{self, Column};
use crate::infra::entity::{api_key, group, ledger_entry, user};

/// Larger than any balance; a sum beyond it counts as this value, and so equals no balance.
const FAR: i64 = 1 << 62;

pub(super) fn balances() -> SelectStatement {
    let entries = sums(Query::select().from(ledger_entry::Entity).take(), "amount", "wallet_id");
    let open = Query::select().from(chat::Entity).and_where(Expr::col(chat::Column::Status).eq(Status::Pending)).take();
    let open = sums(open, "hold", "wallet_id");
    let wallet = |column| Expr::col((wallet::Entity, column));
    let total = |table: &'static str| Expr::expr(Func::coalesce([Expr::col((table, "total")), Expr::val(0i64)]));
    // Added only if the sum cannot overflow.
    let far = wallet(Column::Tokens).gt(FAR / 2).or(wallet(Column::Held).gt(FAR / 2));
    let added = wallet(Column::Tokens).add(wallet(Column::Held));
    let differs: Expr = Expr::case(far, true).finally(added.ne(total("entries"))).into();
    Query::select()
        .expr_as(wallet(Column::Id), "wallet_id")
        .exprs([Column::UserId, Column::GroupId, Column::Tokens, Column::Held].map(wallet))
        .expr_as(total("entries"), "entries")
        .expr_as(total("open"), "open")
        .from(wallet::Entity)
        .join_subquery(
            JoinType::LeftJoin,
            entries,
            Alias::new("entries").into_iden(),
            Expr::col(("entries", "wallet_id")).equals((wallet::Entity, Column::Id)),
        )
        .join_subquery(
            JoinType::LeftJoin,
            open,
            Alias::new("open").into_iden(),
            Expr::col(("open", "wallet_id")).equals((wallet::Entity, Column::Id)),
        )
        .and_where(
            wallet(Column::Tokens)
                .lt(0)
                .or(wallet(Column::Held).lt(0))
                .or(wallet(Column::Held).ne(total("open")))
                .or(differs),
        )
        .take()
}

/// Returns the query of the wallets whose entries do not add up to zero, although they have no row, or their owner is
/// deleted and the row says the same.
pub(super) fn leftovers() -> SelectStatement {
    let owner = |column| Expr::col((wallet::Entity, column));
    let entry = |column| Expr::col((ledger_entry::Entity, column));
    let alive = Query::select().column(user::Column::Id).from(user::Entity).take();
    let is_filled = owner(Column::Tokens).ne(0).or(owner(Column::Held).ne(0));
    let groups = Query::select().column(group::Column::Id).from(group::Entity).take();
    let of_user = owner(Column::UserId).is_not_null().and(owner(Column::UserId).not_in_subquery(alive));
    let of_group = owner(Column::GroupId).is_not_null().and(owner(Column::GroupId).not_in_subquery(groups));
    let is_orphan = of_user.or(of_group);
    let is_orphan = is_orphan.and(is_filled);
    Query::select()
        .expr_as(entry(ledger_entry::Column::WalletId), "wallet_id")
        .expr(owner(Column::UserId))
        .expr(owner(Column::GroupId))
        .expr_as(sum("amount"), "entries")
        .from(ledger_entry::Entity)
        .left_join(wallet::Entity, owner(Column::Id).equals((ledger_entry::Entity, ledger_entry::Column::WalletId)))
        .and_where(owner(Column::Id).is_null().or(is_orphan))
        .add_group_by([entry(ledger_entry::Column::WalletId), owner(Column::UserId), owner(Column::GroupId)])
        .and_having(sum("amount").ne(0))
        .take()
}

pub(super) fn users_without_wallets() -> SelectStatement {
    let with =
        Query::select().column(Column::UserId).from(wallet::Entity).and_where(Column::UserId.is_not_null()).take();
    Query::select()
        .expr_as(Expr::col(user::Column::Id), "user_id")
        .from(user::Entity)
        .and_where(Expr::col(user::Column::Id).not_in_subquery(with))
        .take()
}

pub(super) fn keys() -> SelectStatement {
    let of_keys = |column: &'static str| Expr::col(column).is_not_null();
    let entries = Query::select().from(ledger_entry::Entity).and_where(of_keys("api_key_id")).take();
    let entries = sums(entries, "amount", "api_key_id");
    let open = Query::select()
        .from(chat::Entity)
        .and_where(Expr::col(chat::Column::Status).eq(Status::Pending))
        .and_where(of_keys("api_key_id"))
        .take();
    let open = sums(open, "hold", "api_key_id");
    let key = |column| Expr::col((api_key::Entity, column));
    let total = |table: &'static str| Expr::expr(Func::coalesce([Expr::col((table, "total")), Expr::val(0i64)]));
    let paid = || Expr::val(0i64).sub(total("entries"));
    Query::select()
        .expr_as(key(api_key::Column::Id), "key_id")
        .expr_as(key(api_key::Column::Spent), "spent")
        .expr_as(paid(), "paid")
        .expr_as(key(api_key::Column::Held), "held")
        .expr_as(total("open"), "open")
        .from(api_key::Entity)
        .join_subquery(
            JoinType::LeftJoin,
            entries,
            Alias::new("entries").into_iden(),
            Expr::col(("entries", "api_key_id")).equals((api_key::Entity, api_key::Column::Id)),
        )
        .join_subquery(
            JoinType::LeftJoin,
            open,
            Alias::new("open").into_iden(),
            Expr::col(("open", "api_key_id")).equals((api_key::Entity, api_key::Column::Id)),
        )
        .and_where(key(api_key::Column::Spent).ne(paid()).or(key(api_key::Column::Held).ne(total("open"))))
        .take()
}

pub(super) fn chats() -> SelectStatement {
    let entry = |column| Expr::col((ledger_entry::Entity, column));
    // `i64::MIN`, the only number whose negation overflows, is no payment of any chat.
    let amount = || entry(ledger_entry::Column::Amount);
    let negated = || Expr::val(0i64).sub(amount());
    let paid = || -> Expr { Expr::case(amount().eq(i64::MIN), i64::MAX).finally(negated()).into() };
    let open = || Expr::col((chat::Entity, chat::Column::Status)).eq(Status::Pending);
    let cost = || Expr::col((chat::Entity, chat::Column::Cost));
    let right = paid().eq(cost());
    Query::select()
        .expr_as(Expr::col((chat::Entity, chat::Column::Id)), "chat_id")
        .expr_as(cost(), "cost")
        .expr_as(paid(), "paid")
        .from(chat::Entity)
        .left_join(ledger_entry::Entity, entry(ledger_entry::Column::ChatId).equals((chat::Entity, chat::Column::Id)))
        .and_where(
            (open().and(entry(ledger_entry::Column::Id).is_not_null()))
                .or(open().not().and(entry(ledger_entry::Column::Id).is_null().or(right.not()))),
        )
        .take()
}

/// Returns the sums of a column per wallet or key, as a table `name(by, total)`.
fn sums(mut from: SelectStatement, column: &'static str, by: &'static str) -> SelectStatement {
    from.column(by).expr_as(sum(column), "total").group_by_col(by).take()
}

/// Returns the sum of a column, clamped to [`FAR`] in both directions so that it never overflows: the high and low
/// halves are summed separately. The casts are for PostgreSQL, whose sums of integers are decimals.
fn sum(column: &'static str) -> Expr {
    let (high, low) = (format!("sum({column} >> 32)"), format!("sum({column} & 4294967295)"));
    Expr::cust(format!(
        "CASE WHEN {high} BETWEEN -536870912 AND 536870911 \
         THEN CAST({high} AS bigint) * 4294967296 + CAST({low} AS bigint) \
         WHEN {high} > 0 THEN {FAR} WHEN {high} < 0 THEN -{FAR} END"
    ))
}
