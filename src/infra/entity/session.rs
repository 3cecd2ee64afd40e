//! Sessions: what access and refresh tokens belong to, and end with.

use sea_orm::entity::prelude::*;

/// One log-in on one device.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "session")]
pub struct Model {
    /// In the tokens as `session_id`.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Whose it is.
    pub user_id: i64,
    /// The user's `session_epoch` when the session began.
    pub epoch: i64,
    /// The `jti` of the one refresh token that is still good.
    pub refresh_jti: String,
    /// What the client said of itself when it logged in.
    pub user_agent: Option<String>,
    /// When the user logged in.
    pub created_at: DateTimeUtc,
    /// When a token was last bought with the refresh token.
    pub last_used_at: DateTimeUtc,
    /// When the refresh token ends.
    pub expires_at: DateTimeUtc,
    /// When the session was ended early.
    pub revoked_at: Option<DateTimeUtc>,
    /// The `jti` of the previous refresh token, until it was used again.
    pub previous_jti: Option<String>,
    /// When the refresh token was last rotated.
    pub rotated_at: Option<DateTimeUtc>,
    /// A keyed hash of the client that rotated it.
    pub rotated_by: Option<String>,
    /// The user.
    #[sea_orm(belongs_to, from = "user_id", to = "id")]
    pub user: BelongsTo<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
