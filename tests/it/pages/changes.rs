//! Changes of conversations and chats, on each transport.

use futures::{Stream, StreamExt};
use jeton::core::error::Error;
use jeton::domain::chat::{self, ChangeKind, ConversationChange};
use rstest_reuse::apply;
use serde_json::{Value, json};

use super::{EDIT, conversation, send};
use crate::support::socket::{Events, Socket};
use crate::support::{Client, On, Step, TestApp, on_both_databases};

const CHANGED: &str = "subscription { conversationChanged {
    kind conversationId chatId conversation { title } chat { message status } } }";

/// The next change: its kind and the id that it is about.
async fn next(events: &mut Events) -> (String, Value) {
    let change = events.hear().await["data"]["conversationChanged"].take();
    let id = if change["chatId"].is_null() { change["conversationId"].clone() } else { change["chatId"].clone() };
    (change["kind"].as_str().unwrap().to_owned(), id)
}

async fn rename(client: &Client, conversation: &Value, title: &str) {
    let query = "mutation($id: ID!, $title: String!) {
        renameConversation(input: {conversationId: $id, title: $title}) { errors { code } } }";
    client.data(query, json!({ "id": conversation, "title": title })).await;
}

#[apply(on_both_databases)]
async fn another_page_learns_what_changed_in_order(on: On) {
    let app = TestApp::start(on).await;
    let (mia, tom) = (app.user("mia").await, app.user("tom").await);
    let address = app.serve().await;
    let mut page = Events::open(address, mia.access.as_deref(), CHANGED, json!({})).await;
    let mut socket = Socket::begin(address, mia.access.as_deref()).await;
    socket.subscribe("1", CHANGED, json!({})).await;
    let mut theirs = Events::open(address, tom.access.as_deref(), CHANGED, json!({})).await;
    let nothing =
        json!({ "kind": "RELOAD", "conversationId": null, "chatId": null, "conversation": null, "chat": null });
    assert_eq!(page.hear().await["data"]["conversationChanged"], nothing);
    assert_eq!(socket.hear_next("1").await["data"]["conversationChanged"], nothing);
    assert_eq!(next(&mut theirs).await.0, "RELOAD");

    let id = conversation(&mia).await;
    assert_eq!(next(&mut page).await, ("CREATED".to_owned(), id.clone()));
    assert_eq!(socket.hear_next("1").await["data"]["conversationChanged"]["kind"], "CREATED");
    let first = send(&mia, &id, "Hello").await["id"].take();
    let started = page.hear().await["data"]["conversationChanged"].take();
    assert_eq!((&started["kind"], &started["chatId"]), (&json!("CHAT_STARTED"), &first));
    assert_eq!((&started["conversationId"], &started["conversation"]["title"]), (&id, &json!("Hello")));
    assert_eq!(started["chat"]["message"], "Hello");
    let finished = page.hear().await["data"]["conversationChanged"].take();
    assert_eq!(finished["kind"], "CHAT_FINISHED");
    assert_eq!(finished["chat"], json!({ "message": "Hello", "status": "DONE" }));
    rename(&mia, &id, "Talk").await;
    assert_eq!(next(&mut page).await, ("UPDATED".to_owned(), id.clone()));
    let mut edited = mia.data(EDIT, json!({ "input": { "chatId": first, "message": "Again" } })).await;
    let second = edited["editMessage"]["chat"]["id"].take();
    assert_eq!(next(&mut page).await, ("CHAT_REPLACED".to_owned(), second.clone()));
    assert_eq!(next(&mut page).await, ("CHAT_FINISHED".to_owned(), second.clone()));
    let choose = "mutation($id: ID!) { chooseVersion(input: {chatId: $id}) { errors { code } } }";
    mia.data(choose, json!({ "id": first })).await;
    assert_eq!(next(&mut page).await, ("VERSION_CHOSEN".to_owned(), first.clone()));
    // A failed message ends too; a rejected one is no change.
    app.model.play([Step::Fail]);
    let failed = mia.say("scripted", "Alone").await["chat"]["id"].take();
    assert_eq!(next(&mut page).await, ("CHAT_STARTED".to_owned(), failed.clone()));
    assert_eq!(next(&mut page).await, ("CHAT_FINISHED".to_owned(), failed));
    assert_eq!(mia.say("none", "x").await["chat"], Value::Null);
    // API calls are no chats of the pages.
    let call = json!({ "model": "echo", "messages": [{ "role": "user", "content": "x" }] });
    assert_eq!(mia.post("/v1/chat/completions", call).await.status, 200);
    let delete = "mutation($id: ID!) { deleteChat(input: {chatId: $id}) { errors { code } } }";
    mia.data(delete, json!({ "id": second })).await;
    let deleted = page.hear().await["data"]["conversationChanged"].take();
    assert_eq!((&deleted["kind"], &deleted["chatId"]), (&json!("CHAT_DELETED"), &second));
    assert_eq!((&deleted["chat"], &deleted["conversationId"]), (&Value::Null, &id));
    let delete = "mutation($id: ID!) { deleteConversation(input: {conversationId: $id}) { errors { code } } }";
    mia.data(delete, json!({ "id": id })).await;
    let deleted = page.hear().await["data"]["conversationChanged"].take();
    assert_eq!((&deleted["kind"], &deleted["conversationId"]), (&json!("DELETED"), &id));
    assert_eq!(deleted["conversation"], Value::Null);
    // The other user has heard none of it.
    let own = conversation(&tom).await;
    assert_eq!(next(&mut theirs).await, ("CREATED".to_owned(), own));
}

async fn kind(changes: &mut (impl Stream<Item = Result<ConversationChange, Error>> + Unpin)) -> ChangeKind {
    changes.next().await.unwrap().unwrap().kind
}

/// A page that missed events is told so, and nothing is kept for it meanwhile.
#[apply(on_both_databases)]
async fn a_page_that_misses_changes_is_told_to_reload(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let reader = app.viewer(&mia).await.require_read().unwrap();
    let mut changes = Box::pin(chat::watch(&app.app, reader));
    assert_eq!(kind(&mut changes).await, ChangeKind::Reload);
    let id = conversation(&mia).await;
    for number in 0..40 {
        rename(&mia, &id, &format!("Title {number}")).await;
    }
    assert_eq!(kind(&mut changes).await, ChangeKind::Reload);
    rename(&mia, &id, "The last").await;
    assert_eq!(kind(&mut changes).await, ChangeKind::Updated);
}
