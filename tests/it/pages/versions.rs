//! Versions of a message: counted, chosen, continued and deleted.

use std::sync::Arc;

use rstest_reuse::apply;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::{EDIT, REGENERATE, conversation, send, shown};
use crate::support::{Client, On, Step, TestApp, on_both_databases};

const CHOOSE: &str = "mutation($id: ID!) { chooseVersion(input: {chatId: $id}) {
    chat { id replacedById } errors { code field } } }";

/// Returns the ids and messages of the chats in the context, oldest first.
async fn context(client: &Client, conversation: &Value) -> Vec<(Value, String)> {
    let query =
        "query($id: ID!) { conversation(id: $id) { chats(replaced: false, first: 100) { nodes { id message } } } }";
    let found = client.data(query, json!({ "id": conversation })).await;
    let nodes = found["conversation"]["chats"]["nodes"].as_array().unwrap().clone();
    nodes.iter().rev().map(|chat| (chat["id"].clone(), chat["message"].as_str().unwrap().to_owned())).collect()
}

async fn messages(client: &Client, conversation: &Value) -> String {
    let chats = context(client, conversation).await;
    chats.into_iter().map(|(_, message)| message).collect::<Vec<_>>().join(" ")
}

async fn edit(app: &TestApp, client: &Client, chat: &Value, message: &str) -> Value {
    let mut edited = client.data(EDIT, json!({ "input": { "chatId": chat, "message": message } })).await;
    assert_eq!(edited["editMessage"]["errors"], json!([]));
    app.settled().await;
    edited["editMessage"]["chat"]["id"].take()
}

async fn choose(client: &Client, chat: &Value) {
    let chosen = client.data(CHOOSE, json!({ "id": chat })).await["chooseVersion"].take();
    assert_eq!(chosen, json!({ "chat": { "id": chat, "replacedById": null }, "errors": [] }));
}

async fn refused(client: &Client, chat: &Value) -> Value {
    client.data(CHOOSE, json!({ "id": chat })).await["chooseVersion"]["errors"][0]["code"].take()
}

/// Returns the number of a version, and how many there are; null for the only one.
async fn number(client: &Client, chat: &Value) -> Value {
    let query = "query($id: ID!) { chat(id: $id) { versions { number count previousId nextId } } }";
    client.data(query, json!({ "id": chat })).await["chat"]["versions"].take()
}

#[apply(on_both_databases)]
async fn a_chosen_version_comes_back_with_what_was_said_after_it(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let id = conversation(&mia).await;
    send(&mia, &id, "A").await;
    let b = send(&mia, &id, "B").await["id"].take();
    send(&mia, &id, "C").await;
    let b2 = edit(&app, &mia, &b, "B2").await;
    send(&mia, &id, "D").await;
    assert_eq!(messages(&mia, &id).await, "A B2 D");
    let charged = app.balance(&mia).await;
    choose(&mia, &b).await;
    assert_eq!(messages(&mia, &id).await, "A B C");
    // The one that is there stays, and choosing costs nothing.
    choose(&mia, &b).await;
    assert_eq!((messages(&mia, &id).await.as_str(), app.balance(&mia).await), ("A B C", charged));
    send(&mia, &id, "E").await;
    assert_eq!(
        shown(&app),
        ["user: A", "assistant: ok", "user: B", "assistant: ok", "user: C", "assistant: ok", "user: E"]
    );
    for _ in 0..3 {
        choose(&mia, &b2).await;
        assert_eq!(messages(&mia, &id).await, "A B2 D");
        choose(&mia, &b).await;
        assert_eq!(messages(&mia, &id).await, "A B C E");
    }
    // A third version, and one within a continuation.
    let b3 = edit(&app, &mia, &b, "B3").await;
    send(&mia, &id, "F").await;
    choose(&mia, &b2).await;
    let d = context(&mia, &id).await.pop().unwrap().0;
    let d2 = edit(&app, &mia, &d, "D2").await;
    for (chat, expected) in [
        (&b, "A B C E"),
        (&b3, "A B3 F"),
        (&b2, "A B2 D2"),
        (&d, "A B2 D"),
        (&b3, "A B3 F"),
        (&b, "A B C E"),
        (&b2, "A B2 D"),
        (&d2, "A B2 D2"),
        (&b, "A B C E"),
    ] {
        choose(&mia, chat).await;
        assert_eq!(messages(&mia, &id).await, expected);
    }
    assert_eq!(number(&mia, &b).await, json!({ "number": 1, "count": 3, "previousId": null, "nextId": b2 }));
    assert_eq!(number(&mia, &b2).await, json!({ "number": 2, "count": 3, "previousId": b, "nextId": b3 }));
    assert_eq!(number(&mia, &d2).await, json!({ "number": 2, "count": 2, "previousId": d, "nextId": null }));
    let first = context(&mia, &id).await.remove(0).0;
    assert_eq!(number(&mia, &first).await, Value::Null);
    // A version of a message that is not in the context now.
    assert_eq!(refused(&mia, &d).await, "CONFLICT");
    assert_eq!(messages(&mia, &id).await, "A B C E");
}

/// All orders of a few acts: exactly one version of each message is in the context, in the order of the messages.
#[apply(on_both_databases)]
async fn whatever_is_chosen_there_is_one_version_of_each_message(on: On) {
    let app = TestApp::with(on, "ledger.signup_grant = 1000000").await;
    let mia = app.user("mia").await;
    let id = conversation(&mia).await;
    // The path of each chat: its message, which contains those before it.
    let mut known: Vec<(Value, String)> = Vec::new();
    let mut random = 7_u64;
    let mut next = |below: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(random >> 33).unwrap() % below
    };
    for step in 0..60 {
        let now = context(&mia, &id).await;
        let path = now.last().map(|(_, message)| message.clone()).unwrap_or_default();
        match next(3) {
            0 if !now.is_empty() => {
                let place = next(now.len());
                let before = if place == 0 { String::new() } else { now[place - 1].1.clone() };
                let message = format!("{before}/{step}");
                let new = edit(&app, &mia, &now[place].0, &message).await;
                known.push((new, message));
            }
            1 if !known.is_empty() => {
                let (chat, message) = known[next(known.len())].clone();
                let answer = mia.data(CHOOSE, json!({ "id": chat })).await["chooseVersion"].take();
                let now = context(&mia, &id).await;
                if answer["errors"] == json!([]) {
                    assert!(now.iter().any(|(in_context, _)| *in_context == chat), "{message}");
                } else {
                    assert_eq!(answer["errors"][0]["code"], "CONFLICT");
                }
            }
            _ => {
                let message = format!("{path}/{step}");
                let new = send(&mia, &id, &message).await["id"].take();
                known.push((new, message));
            }
        }
        // Each message continues the one before it, so no version stands beside another.
        let now = context(&mia, &id).await;
        for pair in now.windows(2) {
            let (before, after) = (&pair[0].1, &pair[1].1);
            assert_eq!(after.rsplit_once('/').unwrap().0, before, "{now:?}");
        }
        assert!(now.first().is_none_or(|(_, first)| first.matches('/').count() == 1), "{now:?}");
        assert!(!now.is_empty());
    }
}

#[apply(on_both_databases)]
async fn an_open_answer_forbids_to_choose_and_a_failed_version_is_one_too(on: On) {
    let app = TestApp::start(on).await;
    let (mia, tom) = (app.user("mia").await, app.user("tom").await);
    let id = conversation(&mia).await;
    let a = send(&mia, &id, "A").await["id"].take();
    let gate = Arc::new(Semaphore::new(0));
    app.model.play([Step::Wait(gate.clone()), Step::Say("again"), Step::End(None)]);
    let again = mia.data(REGENERATE, json!({ "input": { "chatId": a } })).await["regenerate"]["chat"]["id"].take();
    assert_eq!(refused(&mia, &a).await, "CONFLICT");
    gate.add_permits(1);
    app.settled().await;
    assert_eq!(refused(&tom, &a).await, "NOT_FOUND");
    choose(&mia, &a).await;
    choose(&mia, &again).await;
    // Without any text the earlier version returns, and the failed one is a version that has no text.
    app.model.play([Step::Fail]);
    let failed = mia.data(REGENERATE, json!({ "input": { "chatId": again } })).await["regenerate"]["chat"]["id"].take();
    app.settled().await;
    assert_eq!(number(&mia, &failed).await["number"], 3);
    choose(&mia, &a).await;
    send(&mia, &id, "B").await;
    assert_eq!(shown(&app), ["user: A", "assistant: ok", "user: B"]);
    let ids: Vec<_> = context(&mia, &id).await.into_iter().map(|(id, _)| id).collect();
    assert!(ids.contains(&a) && !ids.contains(&failed) && !ids.contains(&again), "{ids:?}");
    // What replaces the failed one replaces the one that returned, which is not in the context beside it.
    app.model.play([Step::Fail]);
    let failed = mia.data(REGENERATE, json!({ "input": { "chatId": a } })).await["regenerate"]["chat"]["id"].take();
    app.settled().await;
    app.model.play([Step::Say("third"), Step::End(None)]);
    let third = mia.data(REGENERATE, json!({ "input": { "chatId": failed } })).await["regenerate"]["chat"]["id"].take();
    app.settled().await;
    assert_eq!(shown(&app), ["user: A"]);
    send(&mia, &id, "D").await;
    assert_eq!(shown(&app), ["user: A", "assistant: third", "user: D"]);
    // Its continuation stays that of the version which had it, however versions are chosen.
    let fourth = mia.data(REGENERATE, json!({ "input": { "chatId": third } })).await["regenerate"]["chat"]["id"].take();
    app.settled().await;
    for version in [&third, &failed, &a, &fourth, &third, &a] {
        choose(&mia, version).await;
    }
    assert_eq!(messages(&mia, &id).await, "A B");
    // Without a conversation there is no context to change.
    let alone = mia.say("scripted", "Alone").await["chat"]["id"].take();
    assert_eq!(refused(&mia, &alone).await, "INVALID_INPUT");
}

#[apply(on_both_databases)]
async fn deleting_a_version_brings_back_one_at_most(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let delete = async |chat: &Value| {
        let query = "mutation($id: ID!) { deleteChat(input: {chatId: $id}) { errors { code } } }";
        assert_eq!(mia.data(query, json!({ "id": chat })).await["deleteChat"]["errors"], json!([]));
    };
    let id = conversation(&mia).await;
    let a = send(&mia, &id, "A").await["id"].take();
    let a2 = edit(&app, &mia, &a, "A2").await;
    let a3 = edit(&app, &mia, &a2, "A3").await;
    // One that is not in the context: the others stay what they are.
    delete(&a2).await;
    assert_eq!(messages(&mia, &id).await, "A3");
    assert_eq!(number(&mia, &a3).await, json!({ "number": 2, "count": 2, "previousId": a, "nextId": null }));
    choose(&mia, &a).await;
    choose(&mia, &a3).await;
    // The last one in the context: an earlier one returns.
    delete(&a3).await;
    assert_eq!(messages(&mia, &id).await, "A");
    assert_eq!(number(&mia, &a).await, Value::Null);
    // One with a continuation: nothing returns beside it.
    edit(&app, &mia, &a, "A4").await;
    send(&mia, &id, "B").await;
    let a4 = context(&mia, &id).await.remove(0).0;
    delete(&a4).await;
    assert_eq!(messages(&mia, &id).await, "B");
    // The first one: its successors stay versions of one message.
    let id = conversation(&mia).await;
    let c = send(&mia, &id, "C").await["id"].take();
    let c2 = edit(&app, &mia, &c, "C2").await;
    let c3 = edit(&app, &mia, &c2, "C3").await;
    delete(&c).await;
    assert_eq!(number(&mia, &c3).await["count"], 2);
    choose(&mia, &c2).await;
    assert_eq!(messages(&mia, &id).await, "C2");
}

#[apply(on_both_databases)]
async fn a_message_has_so_many_versions_and_no_more(on: On) {
    let app = TestApp::with(on, "ledger.signup_grant = 1000000").await;
    let mia = app.user("mia").await;
    let id = conversation(&mia).await;
    let mut chat = send(&mia, &id, "A").await["id"].take();
    let first = chat.clone();
    for _ in 1..50 {
        chat = edit(&app, &mia, &chat, "A").await;
    }
    let balance = app.balance(&mia).await;
    let over = mia.data(EDIT, json!({ "input": { "chatId": chat, "message": "A" } })).await["editMessage"].take();
    assert_eq!(over, json!({ "chat": null, "errors": [{ "code": "INVALID_INPUT", "field": "chatId" }] }));
    assert_eq!(app.balance(&mia).await, balance, "nothing is held");
    assert_eq!(number(&mia, &first).await["count"], 50);
    // For a whole page, by the data loader.
    let query = "query($id: ID!) { conversation(id: $id) { chats(first: 50) { nodes { versions { number } } } } }";
    let all = mia.data(query, json!({ "id": id })).await;
    let numbers = all["conversation"]["chats"]["nodes"].as_array().unwrap().iter();
    let numbers: Vec<_> = numbers.map(|chat| chat["versions"]["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=50).rev().collect::<Vec<_>>());
}

/// Chats that were replaced before versions were counted.
#[apply(on_both_databases)]
async fn versions_of_before_are_found(on: On) {
    use migration::MigratorTrait;
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let id = conversation(&mia).await;
    send(&mia, &id, "A").await;
    let b = send(&mia, &id, "B").await["id"].take();
    let c = send(&mia, &id, "C").await["id"].take();
    let b2 = edit(&app, &mia, &b, "B2").await;
    send(&mia, &id, "D").await;
    let b3 = edit(&app, &mia, &b2, "B3").await;
    let db = sea_orm::Database::connect(app.place.url()).await.unwrap();
    // Down to before the one that counts versions, however many follow it.
    let all = migration::Migrator::migrations();
    let at = all.iter().position(|migration| migration.name().ends_with("000014_first_version")).unwrap();
    migration::Migrator::down(&db, Some(u32::try_from(all.len() - at).unwrap())).await.unwrap();
    migration::Migrator::up(&db, None).await.unwrap();
    db.close().await.unwrap();
    assert_eq!(number(&mia, &b2).await, json!({ "number": 2, "count": 3, "previousId": b, "nextId": b3 }));
    assert_eq!(number(&mia, &c).await, Value::Null);
    for (chat, expected) in [(&b, "A B C"), (&b2, "A B2 D"), (&b3, "A B3"), (&b, "A B C")] {
        choose(&mia, chat).await;
        assert_eq!(messages(&mia, &id).await, expected);
    }
}

#[apply(on_both_databases)]
async fn a_generated_title_follows_the_first_message(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let title = async |id: &Value| {
        let found = mia.data("query($id: ID!) { conversation(id: $id) { title } }", json!({ "id": id })).await;
        found["conversation"]["title"].as_str().unwrap().to_owned()
    };
    let id = conversation(&mia).await;
    let first = send(&mia, &id, "slow, tell  me everything").await["id"].take();
    let second = send(&mia, &id, "B").await["id"].take();
    assert_eq!(title(&id).await, "slow, tell me everything");
    // Of a later message it is none.
    let later = edit(&app, &mia, &second, "B2").await;
    assert_eq!(title(&id).await, "slow, tell me everything");
    let other = edit(&app, &mia, &first, "A table").await;
    assert_eq!(title(&id).await, "A table");
    choose(&mia, &first).await;
    assert_eq!(title(&id).await, "slow, tell me everything");
    choose(&mia, &second).await;
    choose(&mia, &later).await;
    assert_eq!(title(&id).await, "slow, tell me everything");
    choose(&mia, &other).await;
    assert_eq!(title(&id).await, "A table");
    // The user's own title stays.
    let rename =
        "mutation($id: ID!) { renameConversation(input: {conversationId: $id, title: \"Mine\"}) { errors { code } } }";
    mia.data(rename, json!({ "id": id })).await;
    choose(&mia, &first).await;
    edit(&app, &mia, &first, "something else").await;
    assert_eq!(title(&id).await, "Mine");
}
