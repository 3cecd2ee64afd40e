//! The cost of a document bounds what its execution touches.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rstest_reuse::apply;
use serde_json::{Value, json};

use super::{ask, code};
use crate::fuzz_corpus::documents::{Choices, Schema, WRAPPINGS, Wrapping};
use crate::support::client::Answer;
use crate::support::{Client, On, TestApp, on_both_databases};

/// Counts the objects of a response, and all its named values.
fn objects_and_values(value: &Value) -> (u64, u64) {
    let add = |(objects, values): (u64, u64), (more, more_values): (u64, u64)| (objects + more, values + more_values);
    match value {
        Value::Object(object) => {
            object.values().map(objects_and_values).fold((1, object.len().try_into().unwrap()), add)
        }
        Value::Array(list) => list.iter().map(objects_and_values).fold((0, 0), add),
        _ => (0, 0),
    }
}

/// Users with objects of each kind, and their ids.
async fn inhabited(app: &TestApp) -> (Client, Client, Vec<String>) {
    let (mia, root) = (app.user("mia").await, app.superuser("root").await);
    let mut ids = vec!["x".to_owned()];
    for client in [&mia, &root] {
        for number in 0..3 {
            let made = client
                .data("mutation { createConversation(input: {title: \"a\"}) { conversation { id } } }", json!({}))
                .await;
            let conversation = made["createConversation"]["conversation"]["id"].clone();
            for message in 0..25 {
                let input = json!({ "message": format!("a {number} {message}"), "conversationId": conversation, "model": "echo" });
                let said = client.say_with(input).await;
                ids.extend((message == 0).then(|| said["chat"]["id"].as_str().unwrap().to_owned()));
            }
            ids.push(conversation.as_str().unwrap().to_owned());
            let key = "mutation { createApiKey(input: {name: \"a\", models: [\"echo\", \"echo\"]}) { apiKey { id } } }";
            let key = client.data(key, json!({})).await;
            ids.push(key["createApiKey"]["apiKey"]["id"].as_str().unwrap().to_owned());
        }
        ids.push(client.global_id().await);
    }
    let user = mia.global_id().await;
    let adjust =
        "mutation($u: ID!) { adjustBalance(input: {userId: $u, amount: 100000, reason: \"a\"}) { errors { code } } }";
    root.data(adjust, json!({ "u": user })).await;
    (mia, root, ids)
}

/// Runs random queries that are generated from the schema: a response is never larger than the cost of its query, and
/// each query costs the same in equivalent forms.
#[apply(on_both_databases)]
async fn the_cost_bounds_what_is_touched(on: On) {
    let app = TestApp::with(on, "ledger.signup_grant = 1000000\naudit.chat_reads = false").await;
    let (mia, root, ids) = inhabited(&app).await;
    let schema = Schema::new();
    let mut random = StdRng::seed_from_u64(7);
    let (mut executed, mut most, mut failed) = (0, 0, Vec::new());
    for _ in 0..250 {
        let length = random.random_range(5..250);
        let bytes: Vec<u8> = (0..length).map(|_| random.random()).collect();
        let query = schema.query(&mut Choices::new(&bytes), &ids);
        let client = if random.random() { &mia } else { &root };
        let response = ask(client, &query).await.json();
        let how = random.random_range(0..WRAPPINGS.len());
        let wrapped = schema.wrapped(&query, || Some(WRAPPINGS[how])).unwrap();
        let wrapped_response = ask(client, &wrapped).await.json();
        let Some(cost) = response.pointer("/extensions/cost/cost").and_then(Value::as_u64) else {
            failed.push(response["errors"][0]["message"].as_str().unwrap().to_owned());
            assert!(wrapped_response.pointer("/extensions/cost").is_none(), "{wrapped_response}: {wrapped}");
            continue;
        };
        let (objects, values) = objects_and_values(&response["data"]);
        assert!(objects <= cost + 1 && values <= cost, "{objects} objects, {values} values, cost {cost}: {query}");
        (executed, most) = (executed + 1, most.max(objects));
        // Twice as many brackets may exceed the limit.
        if let Some(wrapped_cost) = wrapped_response.pointer("/extensions/cost") {
            assert_eq!(
                (&wrapped_cost["cost"], &wrapped_cost["depth"]),
                (&json!(cost), &response["extensions"]["cost"]["depth"]),
                "{wrapped}"
            );
            assert_eq!(wrapped_response["data"], response["data"], "{wrapped}");
        }
    }
    assert!(executed > 100 && most > 400, "{executed} executed, {most} objects at most: {failed:?}");
    assert!(failed.iter().all(|message| message.contains("more than")), "{failed:?}");
}

/// Each attack that is rejected is rejected in each equivalent form too.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_refused_however_it_is_written() {
    let app = TestApp::start(On::Sqlite).await;
    let mia = app.user("mia").await;
    let schema = Schema::new();
    let nested =
        "{chatHistory{nodes{conversation{chats{nodes{conversation{chats{nodes{conversation{chats{nodes{id}}}}}}}}}}}}";
    let many = |count: usize, each: &dyn Fn(usize) -> String| (0..count).map(each).collect::<String>();
    for (attack, limit) in [
        (nested.to_owned(), "costs"),
        (
            "{chatHistory(first:100){nodes{conversation{chats(first:100){nodes{id message response cost hold}}}}}}"
                .to_owned(),
            "costs",
        ),
        (format!("{{me{{{}}}}}", many(101, &|n| format!("a{n}:id "))), "100 aliases"),
        (format!("{{me{{{}}}}}", "id ".repeat(1000)), "1000 fields"),
        (format!("{{{}}}", "me{id}".repeat(21)), "20 fields of the operation itself"),
        (
            format!("mutation{{{}}}", many(21, &|n| format!("a{n}:logout(input:{{}}){{errors{{code}}}}"))),
            "20 fields of the operation itself",
        ),
        (format!("{{me{{id {}}}}}", "@include(if:true) ".repeat(51)), "50 directives"),
        (
            "{__schema{types{fields{type{fields{type{fields{type{fields{name}}}}}}}}}}".to_owned(),
            "3 lists of introspection",
        ),
        (
            format!(
                "{{__schema{{types{{{}}}}}}}",
                many(40, &|_| "fields{args{name type{name}} type{name}}".to_owned())
            ),
            "costs",
        ),
    ] {
        let message_of =
            |answer: &Answer| answer.json()["errors"][0]["message"].as_str().unwrap_or_default().to_owned();
        let plain = ask(&mia, &attack).await;
        assert!(message_of(&plain).contains(limit), "{limit}: {}", plain.text);
        for wrapping in WRAPPINGS {
            let wrapped = schema.wrapped(&attack, || Some(wrapping)).unwrap();
            let answer = ask(&mia, &wrapped).await;
            assert!(message_of(&answer).contains("more than"), "{limit}: {wrapping:?}: {}", answer.text);
            assert!(answer.json().get("data").is_none(), "{limit}: {wrapping:?}");
        }
    }
    // Regression: the list is in one fragment, its page in another.
    let hidden = schema.wrapped(nested, || Some(Wrapping::Inline)).unwrap();
    let (plain, hidden) = (ask(&mia, nested).await.json(), ask(&mia, &hidden).await.json());
    assert_eq!(plain, hidden, "the same cost to a row");
}

/// Documents that the library would copy for each use and each row, or on which it panics.
#[tokio::test(flavor = "multi_thread")]
async fn variables_are_no_multiplier() {
    let app = TestApp::start(On::Sqlite).await;
    let anonymous = app.anonymous();
    let uses = "chats(first: 1, after: $a) { nodes { id } } ".repeat(125);
    let query = format!("query($a: String) {{ conversation(id: \"x\") {{ {uses} }} }}");
    let response = anonymous.graphql(&query, json!({ "a": "x".repeat(500_000) })).await;
    assert!(response["errors"][0]["message"].as_str().unwrap().contains("costs"), "{response}");
    assert!(anonymous.graphql(&query, json!({ "a": "x" })).await.get("data").is_some());
    let unknown = anonymous.graphql("query($x: [Nope!] = [1]) { me { id } }", json!({})).await;
    assert_eq!(
        (code(&unknown), &unknown["errors"][0]["message"]),
        ("INVALID_INPUT", &json!("cannot find type `Nope` in this document"))
    );
}
