//! Conversations: context, replacement, deletion and export.

use std::sync::Arc;

use futures::StreamExt;
use futures::future::join_all;
use jeton::core::viewer::Viewer;
use jeton::domain::chat::{self, Format};
use jeton::domain::session;
use jeton::infra::ai::Role;
use rstest_reuse::apply;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::support::{Client, On, PASSWORD, Step, TestApp, on_both_databases};

const SEND: &str = "mutation($input: SendMessageInput!) { sendMessage(input: $input) {
    chat { id status response contextLeftOut conversation { id title } } errors { code field message } } }";
const REGENERATE: &str =
    "mutation($input: RegenerateInput!) { regenerate(input: $input) { chat { id message model } errors { code } } }";
const EDIT: &str =
    "mutation($input: EditMessageInput!) { editMessage(input: $input) { chat { id message } errors { code field } } }";

async fn create(client: &Client, input: Value) -> Value {
    let query = "mutation($input: CreateConversationInput!) { createConversation(input: $input) {
        conversation { id title systemPrompt model } errors { code field } } }";
    client.data(query, json!({ "input": input })).await["createConversation"].take()
}

async fn conversation(client: &Client) -> Value {
    create(client, json!({ "model": "scripted" })).await["conversation"]["id"].take()
}

/// Sends a message to a conversation. Returns the chat.
async fn send(client: &Client, conversation: &Value, message: &str) -> Value {
    let input = json!({ "conversationId": conversation, "message": message });
    let mut sent = client.data(SEND, json!({ "input": input })).await["sendMessage"].take();
    assert_eq!(sent["errors"], json!([]));
    sent["chat"].take()
}

/// Returns the messages of the last request to the model, as `role: content`.
fn shown(app: &TestApp) -> Vec<String> {
    let request = app.model.heard().pop().unwrap();
    let name = |role| match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    request.messages.iter().map(|message| format!("{}: {}", name(message.role), message.content)).collect()
}

fn answer(app: &TestApp, text: &'static str) {
    app.model.play([Step::Say(text), Step::End(None)]);
}

/// Returns messages of the conversation, oldest first: all, those in the context, or those that were replaced.
async fn messages(client: &Client, conversation: &Value, arguments: &str) -> Vec<String> {
    let query = format!("query($id: ID!) {{ conversation(id: $id) {{ chats{arguments} {{ nodes {{ message }} }} }} }}");
    let found = client.data(&query, json!({ "id": conversation })).await;
    let nodes = found["conversation"]["chats"]["nodes"].as_array().unwrap().clone();
    nodes.iter().rev().map(|chat| chat["message"].as_str().unwrap().to_owned()).collect()
}

#[apply(on_both_databases)]
async fn the_model_sees_what_was_said_before(on: On) {
    let app = TestApp::start(on).await;
    let (mia, tom) = (app.user("mia").await, app.user("tom").await);
    let made = create(&mia, json!({ "systemPrompt": "Be brief.", "model": "scripted" })).await;
    assert_eq!(made["conversation"]["title"], "");
    let id = &made["conversation"]["id"];
    answer(&app, "Hi.");
    let first = send(&mia, id, "Hello, what   is\nyour name? Tell me more than I want to know about it, please.").await;
    assert_eq!(first["conversation"]["title"], "Hello, what is your name? Tell me more than I want to know…");
    // Failed chats, and chats without a conversation, are not in the context.
    app.model.play([Step::Say("I am"), Step::Fail]);
    let failed = mia.data(SEND, json!({ "input": { "conversationId": id, "message": "Fail" } })).await;
    assert_eq!(failed["sendMessage"]["chat"]["status"], "FAILED");
    mia.say("scripted", "Alone").await;
    assert_eq!(shown(&app), ["user: Alone"]);
    answer(&app, "Bob.");
    let third = send(&mia, id, "And your name?").await;
    let expected = [
        "system: Be brief.",
        "user: Hello, what   is\nyour name? Tell me more than I want to know about it, please.",
        "assistant: Hi.",
        "user: And your name?",
    ];
    assert_eq!(shown(&app), expected);
    assert_eq!(third["contextLeftOut"], 0);
    assert_eq!(third["conversation"]["title"], first["conversation"]["title"], "the first message names it");
    // A conversation of another user is not found.
    let theirs = tom.data(SEND, json!({ "input": { "conversationId": id, "message": "Hi" } })).await;
    assert_eq!(theirs["sendMessage"]["errors"][0]["code"], "NOT_FOUND");
    assert_eq!(tom.code("query($id: ID!) { conversation(id: $id) { id } }", json!({ "id": id })).await, "NOT_FOUND");
    assert_eq!(tom.data("query($id: ID!) { node(id: $id) { id } }", json!({ "id": id })).await["node"], Value::Null);
    assert_eq!(app.balance(&tom).await, (4000, 0));
}

#[apply(on_both_databases)]
async fn the_newest_are_kept_where_the_window_is_short(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let id = conversation(&mia).await;
    // The scripted model has a context window of 2048 model tokens, one per character, half of it for the reply.
    let long: &'static str = Box::leak("x".repeat(300).into_boxed_str());
    for number in 0..5 {
        answer(&app, long);
        send(&mia, &id, &format!("Question {number}")).await;
    }
    let last = send(&mia, &id, "And now?").await;
    assert_eq!(last["contextLeftOut"], 3);
    let shown = shown(&app);
    assert_eq!(shown.len(), 5, "{shown:?}");
    assert_eq!((shown[0].as_str(), shown[2].as_str()), ("user: Question 3", "user: Question 4"));
    assert!(shown[1].ends_with(long));
}

/// More chats than one batch: all that fit are in the context, in order and once.
#[apply(on_both_databases)]
async fn a_long_conversation_of_short_chats_is_read_as_far_as_it_fits(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let id = conversation(&mia).await;
    for number in 0..30 {
        send(&mia, &id, &format!("n{number:02}")).await;
    }
    let last = send(&mia, &id, "And now?").await;
    // Of 1024 model tokens the message takes 24, and each chat 37.
    assert_eq!(last["contextLeftOut"], 3);
    let expected: Vec<_> =
        (3..30).flat_map(|number| [format!("user: n{number:02}"), "assistant: ok".to_owned()]).collect();
    assert_eq!(shown(&app), [expected, vec!["user: And now?".to_owned()]].concat());
}

#[apply(on_both_databases)]
async fn regenerating_and_editing_replace_in_the_context(on: On) {
    let app = TestApp::start(on).await;
    let (mia, tom) = (app.user("mia").await, app.user("tom").await);
    let id = conversation(&mia).await;
    let mut chats = Vec::new();
    for (message, reply) in [("A", "a"), ("B", "b"), ("C", "c")] {
        answer(&app, reply);
        chats.push(send(&mia, &id, message).await["id"].take());
    }
    answer(&app, "c2");
    let again = mia.data(REGENERATE, json!({ "input": { "chatId": chats[2] } })).await["regenerate"].take();
    assert_eq!((&again["errors"], &again["chat"]["message"]), (&json!([]), &json!("C")));
    app.settled().await;
    assert_eq!(shown(&app), ["user: A", "assistant: a", "user: B", "assistant: b", "user: C"]);
    // Editing removes later chats from the context as well.
    answer(&app, "b2");
    let edited =
        mia.data(EDIT, json!({ "input": { "chatId": chats[1], "message": "B2" } })).await["editMessage"].take();
    assert_eq!(edited["errors"], json!([]));
    app.settled().await;
    assert_eq!(shown(&app), ["user: A", "assistant: a", "user: B2"]);
    answer(&app, "d");
    send(&mia, &id, "D").await;
    assert_eq!(shown(&app), ["user: A", "assistant: a", "user: B2", "assistant: b2", "user: D"]);
    assert_eq!(messages(&mia, &id, "").await, ["A", "B", "C", "C", "B2", "D"], "all stay in the history");
    assert_eq!(messages(&mia, &id, "(replaced: false)").await, ["A", "B2", "D"]);
    assert_eq!(messages(&mia, &id, "(replaced: true)").await, ["B", "C", "C"]);
    let replaced = mia.data("query($id: ID!) { chat(id: $id) { replacedById } }", json!({ "id": chats[1] })).await;
    assert_eq!(replaced["chat"]["replacedById"], edited["chat"]["id"]);
    // A replaced chat can't be replaced again, and a chat of another user is not found.
    for (client, chat, code) in
        [(&mia, &chats[1], "CONFLICT"), (&mia, &chats[2], "CONFLICT"), (&tom, &chats[0], "NOT_FOUND")]
    {
        let refused = client.data(REGENERATE, json!({ "input": { "chatId": chat } })).await;
        assert_eq!(refused["regenerate"]["errors"], json!([{ "code": code }]));
    }
    let blank = mia.data(EDIT, json!({ "input": { "chatId": chats[0], "message": " " } })).await;
    assert_eq!(blank["editMessage"]["errors"], json!([{ "code": "INVALID_INPUT", "field": "message" }]));
    assert_eq!(app.balance(&mia).await, (4000 - 600, 0));
}

#[apply(on_both_databases)]
async fn what_fails_gives_back_the_place_it_took(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let id = conversation(&mia).await;
    answer(&app, "a");
    let first = send(&mia, &id, "A").await;
    let gate = Arc::new(Semaphore::new(0));
    app.model.play([Step::Wait(gate.clone()), Step::Fail]);
    mia.data(REGENERATE, json!({ "input": { "chatId": first["id"] } })).await;
    assert_eq!(messages(&mia, &id, "(replaced: true)").await, ["A"], "while there is hope");
    gate.add_permits(1);
    app.settled().await;
    assert_eq!(messages(&mia, &id, "(replaced: true)").await, Vec::<String>::new());
    // A failed replacement does not block another one.
    answer(&app, "b");
    send(&mia, &id, "B").await;
    assert_eq!(shown(&app), ["user: A", "assistant: a", "user: B"]);
    assert_eq!(app.balance(&mia).await, (3800, 0), "the failed one was free");
}

#[apply(on_both_databases)]
async fn of_many_who_replace_at_once_one_is_charged(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let id = conversation(&mia).await;
    let first = send(&mia, &id, "A").await;
    let input = json!({ "input": { "chatId": first["id"] } });
    let all = join_all((0..10).map(|_| mia.data(REGENERATE, input.clone()))).await;
    let made = all.iter().filter(|answer| answer["regenerate"]["errors"] == json!([])).count();
    assert_eq!(made, 1, "{all:?}");
    assert!(all.iter().all(|answer| {
        let regenerate = &answer["regenerate"];
        regenerate["chat"].is_object() || regenerate["errors"] == json!([{ "code": "CONFLICT" }])
    }));
    app.settled().await;
    assert_eq!(app.balance(&mia).await, (3800, 0));
    // With an idempotency key, the others are retries of the first.
    let newest =
        mia.data("{ chatHistory(first: 1) { nodes { id } } }", json!({})).await["chatHistory"]["nodes"][0]["id"].take();
    let input = json!({ "input": { "chatId": newest, "idempotencyKey": "again" } });
    let all = join_all((0..10).map(|_| mia.data(REGENERATE, input.clone()))).await;
    assert!(
        all.iter().all(|answer| answer["regenerate"]["chat"]["id"] == all[0]["regenerate"]["chat"]["id"]),
        "{all:?}"
    );
    assert_eq!(all[0]["regenerate"]["errors"], json!([]));
    app.settled().await;
    assert_eq!(app.balance(&mia).await, (3700, 0));
}

#[apply(on_both_databases)]
async fn an_idempotency_key_stands_for_one_conversation(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let (one, two) = (conversation(&mia).await, conversation(&mia).await);
    let input = |id: &Value| json!({ "input": { "conversationId": id, "message": "Hi", "idempotencyKey": "k" } });
    let (first, again) = (mia.data(SEND, input(&one)).await, mia.data(SEND, input(&one)).await);
    assert_eq!(first["sendMessage"]["chat"]["id"], again["sendMessage"]["chat"]["id"]);
    assert_eq!(mia.data(SEND, input(&two)).await["sendMessage"]["errors"][0]["code"], "CONFLICT");
    assert_eq!(app.balance(&mia).await, (3900, 0));
}

#[apply(on_both_databases)]
async fn conversations_are_listed_by_their_newest_message(on: On) {
    let app = TestApp::start(on).await;
    let (mia, tom) = (app.user("mia").await, app.user("tom").await);
    create(&tom, json!({ "title": "Tom's" })).await;
    let mut ids = Vec::new();
    // The clock is manual: conversations of the same time have an order too.
    for title in ["1", "2", "3", "4", "5"] {
        ids.push(create(&mia, json!({ "title": title, "model": "echo" })).await["conversation"]["id"].take());
    }
    app.clock.advance(std::time::Duration::from_secs(1));
    send(&mia, &ids[1], "Hello").await;
    let mut found = Vec::new();
    let mut after = Value::Null;
    loop {
        let page = "query($after: String) { conversations(first: 2, after: $after) {
            nodes { title } pageInfo { endCursor hasNextPage } totalCount } }";
        let page = mia.data(page, json!({ "after": after })).await["conversations"].take();
        assert_eq!(page["totalCount"], 5);
        found.extend(page["nodes"].as_array().unwrap().iter().map(|node| node["title"].as_str().unwrap().to_owned()));
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
    assert_eq!(found, ["2", "5", "4", "3", "1"]);
    // A cursor of one list is not valid for another.
    let wrong = "query($after: String) { chatHistory(after: $after) { nodes { id } } }";
    assert_eq!(mia.code(wrong, json!({ "after": after })).await, "INVALID_INPUT");

    let rename =
        "mutation($id: ID!, $title: String!) { renameConversation(input: {conversationId: $id, title: $title}) {
        conversation { title } errors { code field } } }";
    let renamed = mia.data(rename, json!({ "id": ids[0], "title": " New\n name " })).await["renameConversation"].take();
    assert_eq!(renamed["conversation"]["title"], "New name");
    for (client, title, error) in [
        (&mia, " ", json!({ "code": "INVALID_INPUT", "field": "title" })),
        (&mia, &"x".repeat(201), json!({ "code": "INVALID_INPUT", "field": "title" })),
        (&tom, "Mine", json!({ "code": "NOT_FOUND", "field": null })),
    ] {
        let refused = client.data(rename, json!({ "id": ids[0], "title": title })).await;
        assert_eq!(refused["renameConversation"]["errors"], json!([error]));
    }
    let long = json!({ "title": "\u{0}", "systemPrompt": "x".repeat(4001), "model": "none" });
    let fields = create(&mia, long).await["errors"].take();
    let fields: Vec<_> = fields.as_array().unwrap().iter().map(|error| error["field"].clone()).collect();
    assert_eq!(fields, [json!("title"), json!("systemPrompt"), json!("model")], "all mistakes at once");
}

#[apply(on_both_databases)]
async fn deleting_stops_pays_and_keeps_the_ledger(on: On) {
    let app = TestApp::start(on).await;
    let (mia, tom) = (app.user("mia").await, app.user("tom").await);
    let id = conversation(&mia).await;
    let first = send(&mia, &id, "A").await;
    app.model.play([Step::Say("Half"), Step::Hang]);
    let start = "mutation($id: ID!) { startMessage(input: {conversationId: $id, message: \"B\"}) { chat { id } } }";
    let open = mia.data(start, json!({ "id": id })).await["startMessage"]["chat"]["id"].take();
    let delete_chat = "mutation($id: ID!) { deleteChat(input: {chatId: $id}) { deletedId errors { code } } }";
    let delete =
        "mutation($id: ID!) { deleteConversation(input: {conversationId: $id}) { deletedId errors { code } } }";
    for (query, of) in [(delete_chat, &first["id"]), (delete, &id)] {
        let theirs = tom.data(query, json!({ "id": of })).await;
        let payload = theirs.as_object().unwrap().values().next().unwrap();
        assert_eq!(payload, &json!({ "deletedId": null, "errors": [{ "code": "NOT_FOUND" }] }));
        assert_eq!(app.anonymous().code(query, json!({ "id": of })).await, "UNAUTHENTICATED");
    }
    let deleted = mia.data(delete_chat, json!({ "id": first["id"] })).await;
    assert_eq!(deleted["deleteChat"], json!({ "deletedId": first["id"], "errors": [] }));
    while mia.data("query($id: ID!) { chat(id: $id) { response } }", json!({ "id": open })).await["chat"]["response"]
        == ""
    {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let deleted = mia.data(delete, json!({ "id": id })).await;
    assert_eq!(deleted["deleteConversation"], json!({ "deletedId": id, "errors": [] }));
    assert_eq!(mia.code("query($id: ID!) { chat(id: $id) { id } }", json!({ "id": open })).await, "NOT_FOUND");
    let ledger = app.ledger(&mia).await;
    let expected = [("SignupGrant", 4000), ("ChatDone", -100), ("ChatStopped", -100)];
    assert_eq!(ledger, expected.map(|(reason, amount)| (reason.to_owned(), amount)));
    let again = mia.data(delete, json!({ "id": id })).await;
    assert_eq!(again["deleteConversation"]["errors"], json!([{ "code": "NOT_FOUND" }]));
}

#[apply(on_both_databases)]
async fn deleting_ones_account_asks_for_the_password(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let id = conversation(&mia).await;
    send(&mia, &id, "A").await;
    app.model.play([Step::Say("Half"), Step::Hang]);
    mia.data(
        "mutation($id: ID!) { startMessage(input: {conversationId: $id, message: \"B\"}) { chat { id } } }",
        json!({ "id": id }),
    )
    .await;
    let delete = "mutation($password: String!) { deleteAccount(input: {password: $password}) { deletedId errors { code field } } }";
    let refused = mia.data(delete, json!({ "password": "wrong" })).await;
    assert_eq!(refused["deleteAccount"]["errors"], json!([{ "code": "INVALID_INPUT", "field": "password" }]));
    let own = mia.global_id().await;
    let deleted = mia.data(delete, json!({ "password": PASSWORD })).await;
    assert_eq!(deleted["deleteAccount"], json!({ "deletedId": own, "errors": [] }));
    assert_eq!(mia.post("/graphql", json!({ "query": "{ me { id } }" })).await.status, 401);
    let ledger = app.ledger(&mia).await;
    assert_eq!(ledger.iter().map(|(_, amount)| amount).sum::<i64>(), 0, "{ledger:?}");
    assert_eq!(app.anonymous().code(delete, json!({ "password": PASSWORD })).await, "UNAUTHENTICATED");
    // The only operator stays.
    let root = app.superuser("root").await;
    let kept = root.data(delete, json!({ "password": PASSWORD })).await;
    assert_eq!(kept["deleteAccount"]["errors"], json!([{ "code": "CONFLICT", "field": null }]));
    // Its turn notices that at the next save.
    app.app.stopping.cancel();
}

#[apply(on_both_databases)]
async fn exports_hold_everything_once(on: On) {
    let app = TestApp::start(on).await;
    let (mia, tom) = (app.user("mia").await, app.user("tom").await);
    let id = create(&mia, json!({ "title": "Talk", "model": "echo" })).await["conversation"]["id"].take();
    tom.say("echo", "Tom's secret").await;
    // More than one chunk.
    for number in 0..30 {
        mia.say("echo", &format!("\"Alone\" {number} 語")).await;
    }
    send(&mia, &id, "Together").await;
    let token = mia.access.clone().unwrap();
    let viewer = Viewer::User(session::authenticate(&app.app, &token).await.unwrap());
    let export = async |format| {
        let parts = chat::export(&app.app, viewer.require_read().unwrap(), format, None).await.unwrap();
        parts.map(Result::unwrap).collect::<Vec<_>>().await
    };
    let parts = export(Format::Json).await;
    assert!(parts.len() >= 3);
    let whole: Value = serde_json::from_str(&parts.concat()).unwrap();
    let chats = whole.as_array().unwrap();
    assert_eq!(chats.len(), 31);
    assert_eq!(chats[0]["message"], "\"Alone\" 0 語");
    assert_eq!(chats[0]["response"], "AI Response to: \"Alone\" 0 語");
    assert_eq!((&chats[0]["cost"], &chats[0]["status"]), (&json!(100), &json!("DONE")));
    assert_eq!(chats[30]["conversation"]["title"], "Talk");
    let markdown = export(Format::Markdown).await.concat();
    assert_eq!(markdown.matches("\n## 2026-03-01 12:00:00 UTC").count(), 31);
    assert!(markdown.contains("· Talk\n\n**You:** Together\n\n**echo**, 100 tokens: AI Response to: Together"));
    assert!(!markdown.contains("secret"));
    let empty = TestApp::start(on).await;
    let ann = empty.user("ann").await;
    let viewer = Viewer::User(session::authenticate(&empty.app, &ann.access.clone().unwrap()).await.unwrap());
    let parts = chat::export(&empty.app, viewer.require_read().unwrap(), Format::Json, None).await.unwrap();
    let parts: Vec<_> = parts.map(Result::unwrap).collect().await;
    assert_eq!(serde_json::from_str::<Value>(&parts.concat()).unwrap(), json!([]));
}
