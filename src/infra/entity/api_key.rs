//! API keys: what programs prove with who is asking, and what each may spend.

use sea_orm::entity::prelude::*;
use sea_orm::{Condition, Select};

use crate::core::tokens::Tokens;

/// A key of one user. Never deleted but with its user.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_key")]
pub struct Model {
    /// Grows with time.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Whose it is, and who pays.
    pub user_id: i64,
    /// What its owner calls it.
    pub name: String,
    /// How the key begins: what it is found by, and recognised by people.
    #[sea_orm(unique)]
    pub prefix: String,
    /// The keyed hash (HMAC-SHA-256, in hexadecimal) of the whole key.
    pub secret_hash: String,
    /// What it may be used for, by name, with commas.
    pub scopes: String,
    /// The models that it may ask, as a JSON array of names; none: all.
    pub models: Option<String>,
    /// What it may spend in all.
    pub total_limit: Option<Tokens>,
    /// What it may spend on one day (UTC).
    pub daily_limit: Option<Tokens>,
    /// What it may spend in one month (UTC).
    pub monthly_limit: Option<Tokens>,
    /// What open chats hold under it. Only `ledger` writes it.
    pub held: Tokens,
    /// What it has spent. Only `ledger` writes it.
    pub spent: Tokens,
    /// The day that `spent_in_day` is of, such as `2026-01-31`; empty before the first.
    pub day: String,
    /// What it has spent on that day. Only `ledger` writes it.
    pub spent_in_day: Tokens,
    /// The month that `spent_in_month` is of, such as `2026-01`.
    pub month: String,
    /// What it has spent in that month. Only `ledger` writes it.
    pub spent_in_month: Tokens,
    /// When it was made.
    pub created_at: DateTimeUtc,
    /// When it ends by itself.
    pub expires_at: Option<DateTimeUtc>,
    /// When it was last used, give or take a minute.
    pub last_used_at: Option<DateTimeUtc>,
    /// When it was ended early.
    pub revoked_at: Option<DateTimeUtc>,
    /// The user.
    #[sea_orm(belongs_to, from = "user_id", to = "id")]
    pub user: BelongsTo<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// The keys of one user.
    pub fn owned_by(user_id: i64) -> Select<Self> {
        Self::find().filter(Column::UserId.eq(user_id))
    }
}

/// Those that are good at this moment, as [`Model::is_good`].
pub fn valid_at(at: DateTimeUtc) -> Condition {
    let not_expired = Condition::any().add(Column::ExpiresAt.is_null()).add(Column::ExpiresAt.gt(at));
    Condition::all().add(Column::RevokedAt.is_null()).add(not_expired)
}

impl Model {
    /// Whether it is good at this moment.
    pub fn is_valid(&self, at: DateTimeUtc) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| end > at)
    }

    /// What it has spent on the day of this moment.
    pub fn spent_today(&self, at: DateTimeUtc) -> Tokens {
        if self.day >= day(at) { self.spent_in_day } else { Tokens::ZERO }
    }

    /// What it has spent in the month of this moment.
    pub fn spent_this_month(&self, at: DateTimeUtc) -> Tokens {
        if self.month >= month(at) { self.spent_in_month } else { Tokens::ZERO }
    }

    /// The models that it may ask; none: all.
    pub fn allowed_models(&self) -> Option<Vec<String>> {
        allowed_models(self.models.as_deref())
    }
}

/// Whether a key with these [`Model::models`] may ask this model.
pub fn allows(models: Option<&str>, model: &str) -> bool {
    allowed_models(models).is_none_or(|allowed| allowed.iter().any(|allowed| allowed == model))
}

fn allowed_models(models: Option<&str>) -> Option<Vec<String>> {
    // What can't be read allows nothing.
    models.map(|models| serde_json::from_str(models).unwrap_or_default())
}

/// The day of a moment, as keys name it.
pub fn day(at: DateTimeUtc) -> String {
    at.format("%Y-%m-%d").to_string()
}

/// The month of a moment, as keys name it.
pub fn month(at: DateTimeUtc) -> String {
    at.format("%Y-%m").to_string()
}
