//! Users and their balances.

use sea_orm::entity::prelude::*;

use crate::core::tokens::Tokens;

/// A person with a balance.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user")]
pub struct Model {
    /// Never used again, also after a deletion.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// As it was chosen: NFKC, 1 to 50 characters.
    #[sea_orm(unique)]
    pub username: String,
    /// The name folded, so that names which look alike share it. See [`crate::domain::account::name`].
    #[sea_orm(unique)]
    pub username_key: String,
    /// The skeleton of the name, which confusable names share. None: no name is compared with it. See [`crate::domain::account::name`].
    #[sea_orm(indexed)]
    pub username_skeleton: Option<String>,
    /// In PHC string format.
    pub password_hash: String,
    /// May log in.
    pub is_active: bool,
    /// May see everybody and adjust balances.
    pub is_staff: bool,
    /// May do everything.
    pub is_superuser: bool,
    /// What can be spent. Only `ledger` writes it.
    pub tokens: Tokens,
    /// What open chats hold. Only `ledger` writes it.
    pub held: Tokens,
    /// Sessions of an earlier epoch have ended. Counting up ends all sessions at once.
    pub session_epoch: i64,
    /// When the account was made.
    pub created_at: DateTimeUtc,
    /// When the user last logged in.
    pub last_login_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// Staff or superuser.
    pub fn is_operator(&self) -> bool {
        self.is_staff || self.is_superuser
    }
}
