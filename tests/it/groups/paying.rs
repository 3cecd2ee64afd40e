//! Who pays: the user's own wallet, or that of a group.

use futures::future::join_all;
use jeton::core::viewer::Actor;
use jeton::domain::group as groups;
use jeton::infra::db::Db;
use jeton::infra::entity::ledger_entry;
use rstest_reuse::apply;
use sea_orm::QueryOrder;
use serde_json::json;

use super::{balance, choose, global_id, group};
use crate::api_keys::with_key;
use crate::support::scripted::Step;
use crate::support::{On, TestApp, on_both_databases};

#[apply(on_both_databases)]
async fn a_group_pays_for_its_members_if_they_choose_it(on: On) {
    let app = TestApp::start(on).await;
    let (mia, tom) = (app.user("mia").await, app.user("tom").await);
    let team = group(&app, "Team", 250, &[&mia]).await;
    // Membership alone changes nothing.
    mia.say("echo", "from my own").await;
    app.settled().await;
    assert_eq!((app.balance(&mia).await, balance(&app, team).await), ((3900, 0), (250, 0)));
    let chosen = choose(&mia, Some(team)).await;
    assert_eq!(chosen, json!({ "user": { "payer": { "name": "Team" } }, "errors": [] }));
    let refused = choose(&tom, Some(team)).await;
    assert_eq!(refused["errors"][0]["field"], "payerGroupId", "{refused}");
    let paid = mia.say("echo", "from the team").await;
    assert_eq!(paid["balance"], json!({ "tokens": 3900, "held": 0 }), "the own balance is shown");
    app.settled().await;
    assert_eq!((app.balance(&mia).await, balance(&app, team).await), ((3900, 0), (150, 0)));
    assert_eq!(app.ledger(&mia).await.len(), 2, "the own ledger has the grant and the first message");
    // The ledger of the group names who has spent.
    let history = "query($id: ID!) { group(id: $id) { balance { tokens } members { totalCount } ledgerHistory { nodes {
        amount reason user { username } group { name } chat { payer { name } } } } } }";
    let seen = app.staff("staff").await.data(history, json!({ "id": global_id(team) })).await;
    let newest = json!({
        "amount": -100, "reason": "CHAT_DONE", "user": { "username": "mia" }, "group": { "name": "Team" },
        "chat": { "payer": { "name": "Team" } },
    });
    assert_eq!(seen["group"]["ledgerHistory"]["nodes"][0], newest);
    assert_eq!(seen["group"]["balance"]["tokens"], 150);
    // A member sees the balance, but neither the members nor who spent what; others see nothing.
    let member = mia.data(history, json!({ "id": global_id(team) })).await;
    assert_eq!(member["group"], json!({ "balance": { "tokens": 150 }, "members": null, "ledgerHistory": null }));
    assert_eq!(tom.code(history, json!({ "id": global_id(team) })).await, "NOT_FOUND");
    // What the group can't pay is not taken from the own balance.
    mia.say("echo", "the last one").await;
    let poor = mia.say("echo", "too much").await;
    assert_eq!(poor["errors"][0]["code"], "INSUFFICIENT_TOKENS");
    app.settled().await;
    assert_eq!((app.balance(&mia).await, balance(&app, team).await), ((3900, 0), (50, 0)));
    assert_eq!(choose(&mia, None).await, json!({ "user": { "payer": null }, "errors": [] }));
    mia.say("echo", "from my own again").await;
    app.settled().await;
    assert_eq!((app.balance(&mia).await, balance(&app, team).await), ((3800, 0), (50, 0)));
    // The chain of the group has the member in its hashes.
    let entries = ledger_entry::Entity::of_group(team).order_by_asc(ledger_entry::Column::Seq);
    let entries = entries.all(app.app.db.read()).await.unwrap();
    let members: Vec<_> = entries.iter().map(|entry| entry.member_id).collect();
    assert_eq!(members, [None, Some(mia.user_id()), Some(mia.user_id())]);
}

#[apply(on_both_databases)]
async fn a_conversation_chooses_before_an_api_key_and_that_before_the_user(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let [by_user, by_key, by_conversation] = [
        group(&app, "by user", 1000, &[&mia]).await,
        group(&app, "by key", 1000, &[&mia]).await,
        group(&app, "by conversation", 1000, &[&mia]).await,
    ];
    let left = async || {
        app.settled().await;
        let mut left = vec![app.balance(&mia).await.0];
        for id in [by_user, by_key, by_conversation] {
            left.push(balance(&app, id).await.0);
        }
        left
    };
    choose(&mia, Some(by_user)).await;
    mia.say("echo", "one").await;
    assert_eq!(left().await, [4000, 900, 1000, 1000]);
    let (key, _) =
        with_key(&mia, json!({ "name": "k", "scopes": ["READ", "WRITE"], "payerGroupId": global_id(by_key) })).await;
    key.say("echo", "two").await;
    assert_eq!(left().await, [4000, 900, 900, 1000]);
    let create = "mutation { it: createConversation(input: {}) { conversation { id } } }";
    let id = mia.data(create, json!({})).await["it"]["conversation"]["id"].take();
    let update =
        "mutation($id: ID!, $payer: ID) { it: updateConversation(input: {conversationId: $id, payerGroupId: $payer}) {
        conversation { payer { name } } errors { field } } }";
    let set = mia.data(update, json!({ "id": id, "payer": global_id(by_conversation) })).await;
    assert_eq!(set["it"]["conversation"]["payer"]["name"], "by conversation");
    for client in [&mia, &key] {
        client.say_with(json!({ "message": "three", "conversationId": id })).await;
    }
    assert_eq!(left().await, [4000, 900, 900, 800]);
    let elsewhere = group(&app, "elsewhere", 0, &[]).await;
    let refused = mia.data(update, json!({ "id": id, "payer": global_id(elsewhere) })).await;
    assert_eq!(refused["it"]["errors"][0]["field"], "payerGroupId");
    let create_key =
        "mutation($id: ID!) { it: createApiKey(input: {name: \"x\", payerGroupId: $id}) { errors { field } } }";
    let refused = mia.data(create_key, json!({ "id": global_id(elsewhere) })).await;
    assert_eq!(refused["it"]["errors"][0]["field"], "payerGroupId");
    // An estimate asks the same wallet.
    let estimate =
        "query($id: ID!) { it: estimateMessage(input: {message: \"x\", conversationId: $id}) { available } }";
    assert_eq!(mia.data(estimate, json!({ "id": id })).await["it"]["available"], 800);
    // Without the memberships, the own balance pays.
    for group_id in [by_user, by_key, by_conversation] {
        groups::remove_member(&app.app, Actor::CommandLine, group_id, mia.user_id()).await.unwrap();
    }
    for client in [&mia, &key] {
        client.say_with(json!({ "message": "four", "conversationId": id })).await;
    }
    assert_eq!(left().await, [3800, 900, 900, 800]);
}

#[apply(on_both_databases)]
async fn everyone_belongs_to_the_default_group(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    groups::ensure_default(&app.app).await.unwrap();
    groups::ensure_default(&app.app).await.unwrap();
    let mine = "{ myGroups { nodes { id name isDefault memberCount balance { tokens } } } }";
    let mine = mia.data(mine, json!({})).await;
    let id = mine["myGroups"]["nodes"][0]["id"].as_str().unwrap().to_owned();
    let expected =
        json!([{ "id": id, "name": "Everyone", "isDefault": true, "memberCount": null, "balance": { "tokens": 0 } }]);
    assert_eq!(mine["myGroups"]["nodes"], expected);
    let found = groups::find_by_name(&app.app, Actor::CommandLine, "Everyone").await.unwrap().unwrap();
    super::grant(&app, found.id, 300).await;
    choose(&mia, Some(found.id)).await;
    mia.say("echo", "from everyone's").await;
    app.settled().await;
    assert_eq!((app.balance(&mia).await, balance(&app, found.id).await), ((4000, 0), (200, 0)));
    let delete = groups::delete(&app.app, Actor::CommandLine, found.id).await.unwrap_err();
    assert_eq!(delete.message, "The default group can't be deleted.");
    let ids = vec![mia.user_id()];
    let role = jeton::infra::entity::group_member::Role::Member;
    assert!(groups::add_members(&app.app, Actor::CommandLine, found.id, ids, role).await.is_err());
}

#[apply(on_both_databases)]
async fn members_who_spend_at_once_never_overdraw_their_group(on: On) {
    let app = TestApp::with(on, "turns.open_per_user = 1000\nlimits.messages_per_minute_per_user = 100000").await;
    let members = [app.user("mia").await, app.user("tom").await, app.user("leo").await];
    let team = group(&app, "Team", 3000, &[&members[0], &members[1], &members[2]]).await;
    for member in &members {
        choose(member, Some(team)).await;
    }
    let (other, router) = app.on(Db::connect(&app.place.url(), 8).await.unwrap());
    let sending = join_all((0..120).map(|number: usize| {
        let member = &members[number % 3];
        let client = if number.is_multiple_of(2) { member.clone() } else { member.at(router.clone()) };
        async move { client.say("echo", "one of many").await["errors"][0]["code"].as_str().map(str::to_owned) }
    }));
    let codes = sending.await;
    let answered = codes.iter().filter(|code| code.is_none()).count();
    let poor = codes.iter().filter(|code| code.as_deref() == Some("INSUFFICIENT_TOKENS")).count();
    assert_eq!((answered, poor), (30, 90), "{codes:?}");
    app.settled().await;
    while other.turn_permits.taken() > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(balance(&app, team).await, (0, 0));
    for member in &members {
        assert_eq!(app.balance(member).await, (4000, 0));
    }
}

#[apply(on_both_databases)]
async fn a_metered_message_is_limited_to_what_the_group_can_pay(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let team = group(&app, "Team", 3, &[&mia]).await;
    choose(&mia, Some(team)).await;
    app.model.play([Step::Say("As much as three tokens pay for"), Step::End(None)]);
    let paid = mia.say("metered", "x").await;
    assert_eq!(paid["errors"], json!([]), "{paid}");
    app.settled().await;
    let (tokens, held) = balance(&app, team).await;
    assert!(tokens < 3 && held == 0, "{tokens}");
    assert_eq!(app.balance(&mia).await, (4000, 0));
}
