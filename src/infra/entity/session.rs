//! Sessions: access and refresh tokens belong to a session and are invalid after its end.

use crate::core::ids::{SessionId, UserId};
use sea_orm::entity::prelude::*;

/// A log-in on one device.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "session")]
pub struct Model {
    /// Primary key; the `session_id` claim of the tokens.
    #[sea_orm(primary_key)]
    pub id: SessionId,
    /// The user.
    pub user_id: UserId,
    /// The user's `session_epoch` at the log-in.
    pub epoch: i64,
    /// The `jti` of the only valid refresh token.
    pub refresh_jti: String,
    /// The `User-Agent` header of the log-in.
    pub user_agent: Option<String>,
    /// The client's address at the log-in: of IPv6 the network.
    pub address: Option<String>,
    /// Time of the log-in.
    pub created_at: DateTimeUtc,
    /// Time of the last refresh.
    pub last_used_at: DateTimeUtc,
    /// Expiry time of the refresh token.
    pub expires_at: DateTimeUtc,
    /// Revocation time.
    pub revoked_at: Option<DateTimeUtc>,
    /// The `jti` of the previous refresh token, until it is reused.
    pub previous_jti: Option<String>,
    /// Time of the last rotation of the refresh token.
    pub rotated_at: Option<DateTimeUtc>,
    /// A keyed hash of the client that rotated it.
    pub rotated_by: Option<String>,
    /// The user.
    #[sea_orm(belongs_to, from = "user_id", to = "id")]
    pub user: BelongsTo<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
