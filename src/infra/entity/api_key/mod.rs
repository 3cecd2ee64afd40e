//! API keys: credentials of API clients, with spending limits.

mod columns;

use sea_orm::entity::prelude::*;
use sea_orm::{Condition, Select};

pub use self::columns::{AllowedModels, Day, Month};
use crate::core::ids::{ApiKeyId, GroupId, UserId};
use crate::core::tokens::Tokens;
use crate::core::viewer::Scopes;

/// An API key of a user. Deleted only together with its user.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_key")]
pub struct Model {
    /// Primary key; increases over time.
    #[sea_orm(primary_key)]
    pub id: ApiKeyId,
    /// The owner, who pays.
    pub user_id: UserId,
    /// The display name chosen by its owner.
    pub name: String,
    /// The public prefix of the key, for look-ups and display.
    #[sea_orm(unique)]
    pub prefix: String,
    /// The keyed hash (HMAC-SHA-256, in hexadecimal) of the whole key.
    pub secret_hash: String,
    /// The scopes.
    pub scopes: Scopes,
    /// The allowed models; `None` for all.
    pub models: Option<AllowedModels>,
    /// The spending limit in total, in prepaid tokens; `None` for no limit.
    pub total_limit: Option<Tokens>,
    /// The spending limit per day (UTC).
    pub daily_limit: Option<Tokens>,
    /// The spending limit per month (UTC).
    pub monthly_limit: Option<Tokens>,
    /// Prepaid tokens that open chats hold under this key. Only `ledger` writes it.
    pub held: Tokens,
    /// Prepaid tokens spent in total. Only `ledger` writes it.
    pub spent: Tokens,
    /// The day of `spent_in_day`.
    pub day: Day,
    /// Prepaid tokens spent on that day. Only `ledger` writes it.
    pub spent_in_day: Tokens,
    /// The month of `spent_in_month`.
    pub month: Month,
    /// Prepaid tokens spent in that month. Only `ledger` writes it.
    pub spent_in_month: Tokens,
    /// The group that pays; `None` for the default of the owner.
    pub payer_group_id: Option<GroupId>,
    /// Creation time.
    pub created_at: DateTimeUtc,
    /// Expiry time; `None` if it does not expire.
    pub expires_at: Option<DateTimeUtc>,
    /// Time of the last use, accurate to a minute.
    pub last_used_at: Option<DateTimeUtc>,
    /// Revocation time.
    pub revoked_at: Option<DateTimeUtc>,
    /// The owner.
    #[sea_orm(belongs_to, from = "user_id", to = "id")]
    pub user: BelongsTo<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// Returns a query for the keys of one user.
    pub fn owned_by(user_id: UserId) -> Select<Self> {
        Self::find().filter(Column::UserId.eq(user_id))
    }
}

/// Returns the condition for keys that are valid at this time, as [`Model::is_valid`].
pub fn valid_at(at: DateTimeUtc) -> Condition {
    let not_expired = Condition::any().add(Column::ExpiresAt.is_null()).add(Column::ExpiresAt.gt(at));
    Condition::all().add(Column::RevokedAt.is_null()).add(not_expired)
}

impl Model {
    /// Returns whether the key is valid at this time: neither revoked nor expired.
    pub fn is_valid(&self, at: DateTimeUtc) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| end > at)
    }

    /// Returns the prepaid tokens spent on the day of `at`.
    pub fn spent_today(&self, at: DateTimeUtc) -> Tokens {
        if self.day >= Day::of(at) { self.spent_in_day } else { Tokens::ZERO }
    }

    /// Returns the prepaid tokens spent in the month of `at`.
    pub fn spent_this_month(&self, at: DateTimeUtc) -> Tokens {
        if self.month >= Month::of(at) { self.spent_in_month } else { Tokens::ZERO }
    }
}
