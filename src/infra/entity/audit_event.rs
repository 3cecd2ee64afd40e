//! What operators did, to what. Rows are added, never changed, never deleted.

use sea_orm::entity::prelude::*;

/// One act of an operator.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_event")]
pub struct Model {
    /// Grows with time.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Who did it; none for the command line.
    pub actor_id: Option<i64>,
    /// The name of the actor at that time; `(command line)` for the command line.
    pub actor_name: String,
    /// What was done: `user.create`, `balance.adjust`, ..
    pub action: String,
    /// What kind of object it was done to: `user`, `chat`.
    pub target_type: String,
    /// The id of the object. It may be gone.
    pub target_id: i64,
    /// Whose the object is, where it is not the user.
    pub owner_id: Option<i64>,
    /// The name of the object at that time.
    pub target_name: String,
    /// A JSON object of what changed. No secrets.
    pub details: String,
    /// When.
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
