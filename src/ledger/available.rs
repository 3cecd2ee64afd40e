//! What users may still spend, while holds whose amounts depend on it are worked out one after the other.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::key;
use crate::db::Txn;
use crate::entity::user::{self, Column};
use crate::error::Error;
use crate::tokens::Tokens;

/// What each of some users has, and what the limits of their API keys leave of it.
#[derive(Default)]
pub struct Available {
    users: HashMap<i64, Tokens>,
    /// Those that are good; nothing where a key has no limits.
    keys: HashMap<i64, Option<Tokens>>,
}

impl Available {
    /// Looks it up for users, each with the key that is used. Their rows are locked until the transaction ends, in the
    /// order of [`super::lock`].
    ///
    /// # Errors
    /// INTERNAL where the database fails.
    pub async fn find(txn: &Txn, spenders: &[(i64, Option<i64>)], at: DateTime<Utc>) -> Result<Self, Error> {
        let users = user::Entity::find().select_only().columns([Column::Id, Column::Tokens]);
        let users = users.filter(Column::Id.is_in(spenders.iter().map(|(user_id, _)| *user_id)));
        let users = users.order_by_asc(Column::Id).lock_exclusive();
        let users = users.into_tuple::<(i64, Tokens)>().all(txn).await?.into_iter().collect();
        let keys = key::rests_under(txn, spenders.iter().filter_map(|(_, key_id)| *key_id).collect(), at).await?;
        Ok(Self { users, keys })
    }

    /// What may be held for a user under a key.
    ///
    /// # Errors
    /// NOT_FOUND without such a user; UNAUTHENTICATED where the key is good no longer.
    pub fn of(&self, user_id: i64, key_id: Option<i64>) -> Result<Tokens, Error> {
        let tokens = *self.users.get(&user_id).ok_or_else(|| Error::not_found("user"))?;
        let Some(key_id) = key_id else { return Ok(tokens) };
        let rest = self.keys.get(&key_id).ok_or_else(key::ended)?;
        Ok(rest.map_or(tokens, |rest| rest.min(tokens)))
    }

    /// Counts tokens as held: not those of whoever has not as many, who will be refused, or was not looked up.
    ///
    /// # Errors
    /// INTERNAL where a sum is too large.
    pub fn hold(&mut self, user_id: i64, key_id: Option<i64>, amount: Tokens) -> Result<(), Error> {
        // Where no hold depends on it, nobody was looked up.
        if self.users.contains_key(&user_id) && self.of(user_id, key_id).is_ok_and(|rest| amount <= rest) {
            let rests = key_id.and_then(|key_id| self.keys.get_mut(&key_id)).and_then(Option::as_mut);
            for rest in self.users.get_mut(&user_id).into_iter().chain(rests) {
                *rest = rest.minus(amount)?;
            }
        }
        Ok(())
    }
}
