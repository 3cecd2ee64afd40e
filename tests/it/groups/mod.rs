//! Groups: members, and wallets from which they pay.

mod administration;
mod closing;
mod paying;

use base64::Engine;
use jeton::core::ids::GroupId;
use jeton::core::tokens::Tokens;
use jeton::core::viewer::Actor;
use jeton::domain::group::{self, GroupAdjustment, GroupInput};
use jeton::infra::entity::group_member::Role;
use serde_json::{Value, json};

use crate::support::{Client, TestApp};

/// Creates a group with this balance and these members.
pub async fn group(app: &TestApp, name: &str, tokens: i64, members: &[&Client]) -> GroupId {
    let input = GroupInput { name: name.to_owned(), description: None };
    let created = group::create(&app.app, Actor::CommandLine, input).await.unwrap();
    if tokens > 0 {
        grant(app, created.id, tokens).await;
    }
    if !members.is_empty() {
        let ids = members.iter().map(|client| client.user_id()).collect();
        group::add_members(&app.app, Actor::CommandLine, created.id, ids, Role::Member).await.unwrap();
    }
    created.id
}

pub async fn grant(app: &TestApp, group_id: GroupId, tokens: i64) {
    let adjustment =
        GroupAdjustment { group_id, amount: Tokens(tokens), reason: "for the group".to_owned(), idempotency_key: None };
    group::adjust(&app.app, Actor::CommandLine, adjustment).await.unwrap();
}

/// Returns the global id of a group.
pub fn global_id(id: GroupId) -> String {
    base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(format!("Group:{id}"))
}

/// Has a group pay for a user's messages, or the user's own wallet. Returns the payload.
pub async fn choose(client: &Client, id: Option<GroupId>) -> Value {
    let choose = "mutation($id: ID) { it: setPayer(input: {groupId: $id}) { user { payer { name } } \
                  errors { code field message } } }";
    client.data(choose, json!({ "id": id.map(global_id) })).await["it"].take()
}

/// Returns the available and the held tokens of a group.
pub async fn balance(app: &TestApp, id: GroupId) -> (i64, i64) {
    let balance = jeton::domain::ledger::balance(&app.app.db, id).await.unwrap();
    (balance.tokens.0, balance.held.0)
}
