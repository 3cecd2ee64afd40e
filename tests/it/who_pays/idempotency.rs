//! Idempotency keys of other callers, or of other requests.

use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::api_keys::with_key;
use crate::openai_api::{asking, post_raw};
use crate::support::{On, Step, TestApp, on_both_databases};

/// The permissions of an API key are checked before an existing chat is returned.
#[apply(on_both_databases)]
async fn an_idempotency_key_opens_nothing_that_the_api_key_may_not_have(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let body = asking("scripted", false).to_string();
    let retry = [("idempotency-key", "k")];
    let (first, _) = with_key(&mia, json!({ "name": "first", "spendingLimit": { "total": 100 } })).await;
    app.model.play([Step::Say("secret"), Step::End(None)]);
    assert_eq!(post_raw(&first, &body, &retry).await.json()["choices"][0]["message"]["content"], "secret");

    let (bound, _) = with_key(&mia, json!({ "name": "bound", "models": ["echo"] })).await;
    let refused = post_raw(&bound, &body, &retry).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["error"]["code"]), (404, &json!("model_not_found")));
    let (spent, _) = with_key(&mia, json!({ "name": "spent", "spendingLimit": { "total": 100 } })).await;
    assert_eq!(post_raw(&spent, &asking("echo", false).to_string(), &[]).await.status, 200);
    let refused = post_raw(&spent, &body, &retry).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["error"]["code"]), (402, &json!("insufficient_quota")));
    // Just revoked, and still in this server's cache: the row decides.
    let (revoked, id) = with_key(&mia, json!({ "name": "revoked" })).await;
    let viewer = app.viewer(&revoked).await;
    mia.data("mutation($id: ID!) { revokeApiKey(input: {apiKeyId: $id}) { errors { code } } }", json!({ "id": id }))
        .await;
    let mut call = crate::openai_api::chat_call_of("scripted", "Hello");
    call.idempotency_key = Some("k".to_owned());
    let refused = jeton::domain::chat::call(&app.app, viewer.require_completions().unwrap(), call).await.err().unwrap();
    assert_eq!(refused.code.as_str(), "UNAUTHENTICATED");
    let (reader, _) = with_key(&mia, json!({ "name": "reader", "scopes": ["READ"] })).await;
    assert_eq!(post_raw(&reader, &body, &retry).await.status, 403);

    // The API key that has paid receives its response on a retry, with nothing left to spend.
    assert_eq!(post_raw(&first, &body, &retry).await.json()["choices"][0]["message"]["content"], "secret");
    assert_eq!(app.balance(&mia).await, (3800, 0));
}

/// The same by GraphQL, where an API key with the scope WRITE sends concurrent messages.
#[apply(on_both_databases)]
async fn messages_at_once_obey_the_same_rule(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let input = json!({ "message": "Hello", "model": "scripted", "idempotencyKey": "k" });
    assert_eq!(mia.say_with(input.clone()).await["chat"]["response"], "ok");
    let (bound, _) = with_key(&mia, json!({ "name": "bound", "models": ["echo"], "scopes": ["WRITE"] })).await;
    let tries = futures::future::join_all((0..20).map(|number| {
        let (client, input) = (if number % 2 == 0 { &mia } else { &bound }, input.clone());
        async move { client.say_with(input).await }
    }));
    for (number, said) in tries.await.into_iter().enumerate() {
        match number % 2 {
            0 => assert_eq!(said["chat"]["response"], "ok"),
            _ => assert_eq!((&said["chat"], &said["errors"][0]["field"]), (&Value::Null, &json!("model")), "{said}"),
        }
    }
    assert_eq!(app.balance(&mia).await, (3900, 0));
}

/// All parameters belong to the idempotency key: also the model, and the replaced chat.
#[apply(on_both_databases)]
async fn an_idempotency_key_stands_for_all_that_was_asked(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let conversation = "mutation { createConversation(input: {}) { conversation { id } } }";
    let conversation = mia.data(conversation, json!({})).await["createConversation"]["conversation"]["id"].take();
    let send = |more: Value| {
        let mut input = json!({ "message": "Hello", "conversationId": conversation, "idempotencyKey": "k" });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        mia.say_with(input)
    };
    let conflict = json!("CONFLICT");
    let first = send(json!({ "model": "scripted" })).await["chat"]["id"].take();
    assert_eq!(send(json!({ "model": "scripted" })).await["chat"]["id"], first);
    assert_eq!(send(json!({ "model": "echo" })).await["errors"][0]["code"], conflict);
    assert_eq!(send(json!({})).await["errors"][0]["code"], conflict, "the model was named");

    let regenerate = "mutation($id: ID!, $k: String!) { regenerate(input: {chatId: $id, idempotencyKey: $k}) {
        chat { id } errors { code } } }";
    let as_message = mia.data(regenerate, json!({ "id": first, "k": "k" })).await;
    assert_eq!(as_message["regenerate"]["errors"][0]["code"], conflict, "a message is no replacement");
    let again = json!({ "id": first, "k": "k-2" });
    let replaced = mia.data(regenerate, again.clone()).await["regenerate"]["chat"]["id"].take();
    assert_eq!(mia.data(regenerate, again).await["regenerate"]["chat"]["id"], replaced);
    app.settled().await;
    let sent = send(json!({ "model": "scripted", "idempotencyKey": "k-2" })).await;
    assert_eq!(sent["errors"][0]["code"], conflict, "a replacement is no message");
    let other = mia.data(regenerate, json!({ "id": replaced, "k": "k-2" })).await;
    assert_eq!(other["regenerate"]["errors"][0]["code"], conflict, "another chat is replaced");
}
