//! Users.

use sea_orm::entity::prelude::*;

use crate::core::ids::{GroupId, UserId};

/// A user, who has a wallet (see [`super::wallet`]).
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user")]
pub struct Model {
    /// Primary key; never reused, even after a deletion.
    #[sea_orm(primary_key)]
    pub id: UserId,
    /// The username as entered: NFKC, 1 to 50 characters.
    #[sea_orm(unique)]
    pub username: String,
    /// The case-folded username, unique for names that look alike. See `domain::account::username`.
    #[sea_orm(unique)]
    pub username_key: String,
    /// The skeleton of the username, which confusable names share; `None` if no name is compared with it. See
    /// `domain::account::username`.
    #[sea_orm(indexed)]
    pub username_skeleton: Option<String>,
    /// The password hash in PHC string format.
    pub password_hash: String,
    /// Whether the user may log in.
    pub is_active: bool,
    /// Whether the user sees all users and their chats, manages plain users and adjusts their balances.
    pub is_staff: bool,
    /// Whether the user has all permissions.
    pub is_superuser: bool,
    /// The group that pays for the user's messages by default; `None` for the user's own wallet.
    pub payer_group_id: Option<GroupId>,
    /// The session epoch. Sessions of an earlier epoch are revoked, so incrementing it revokes all at once.
    pub session_epoch: i64,
    /// Creation time.
    pub created_at: DateTimeUtc,
    /// Time of the last log-in.
    pub last_login_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// Returns whether the user is staff or superuser.
    pub fn is_operator(&self) -> bool {
        self.is_staff || self.is_superuser
    }
}
