//! Bounds of the execution of a GraphQL operation: cost in rows, time, and size of the response, on each transport.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::fuzz_corpus::documents::{Choices, Schema, WRAPPINGS, Wrapping};
use crate::support::client::Answer;
use crate::support::socket::{Event, Events, Socket};
use crate::support::{Client, On, Step, TestApp, on_both_databases};

/// Sends an operation, and requests its cost.
async fn ask(client: &Client, query: &str) -> Answer {
    let request = Request::post("/graphql").header("content-type", "application/json").header("x-jeton-show-cost", "1");
    client.send(request.body(Body::from(json!({ "query": query }).to_string())).unwrap()).await
}

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
    let app = TestApp::with(on, "ledger.signup_grant = 1000000").await;
    let (mia, root, ids) = inhabited(&app).await;
    let schema = Schema::new();
    let mut random = StdRng::seed_from_u64(7);
    let (mut executed, mut most, mut failed) = (0, 0, Vec::new());
    for _ in 0..250 {
        let length = random.random_range(5..250);
        let bytes: Vec<u8> = (0..length).map(|_| random.random()).collect();
        let query = schema.query(&mut Choices::new(&bytes), &ids);
        let client = if random.random() { &mia } else { &root };
        let told = ask(client, &query).await.json();
        let how = random.random_range(0..WRAPPINGS.len());
        let wrapped = schema.wrapped(&query, || Some(WRAPPINGS[how])).unwrap();
        let told_wrapped = ask(client, &wrapped).await.json();
        let Some(cost) = told.pointer("/extensions/cost/cost").and_then(Value::as_u64) else {
            failed.push(told["errors"][0]["message"].as_str().unwrap().to_owned());
            assert!(told_wrapped.pointer("/extensions/cost").is_none(), "{told_wrapped}: {wrapped}");
            continue;
        };
        let (objects, values) = objects_and_values(&told["data"]);
        assert!(objects <= cost + 1 && values <= cost, "{objects} objects, {values} values, cost {cost}: {query}");
        (executed, most) = (executed + 1, most.max(objects));
        // Twice as many brackets may exceed the limit.
        if let Some(wrapped_cost) = told_wrapped.pointer("/extensions/cost") {
            assert_eq!(
                (&wrapped_cost["cost"], &wrapped_cost["depth"]),
                (&json!(cost), &told["extensions"]["cost"]["depth"]),
                "{wrapped}"
            );
            assert_eq!(told_wrapped["data"], told["data"], "{wrapped}");
        }
    }
    assert!(executed > 100 && most > 500, "{executed} executed, {most} objects at most: {failed:?}");
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
                many(30, &|_| "fields{args{name type{name}} type{name}}".to_owned())
            ),
            "costs",
        ),
    ] {
        let told = |answer: &Answer| answer.json()["errors"][0]["message"].as_str().unwrap_or_default().to_owned();
        let plain = ask(&mia, &attack).await;
        assert!(told(&plain).contains(limit), "{limit}: {}", plain.text);
        for wrapping in WRAPPINGS {
            let wrapped = schema.wrapped(&attack, || Some(wrapping)).unwrap();
            let answer = ask(&mia, &wrapped).await;
            assert!(told(&answer).contains("more than"), "{limit}: {wrapping:?}: {}", answer.text);
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
    let nobody = app.anonymous();
    let uses = "chats(first: 1, after: $a) { nodes { id } } ".repeat(110);
    let query = format!("query($a: String) {{ conversation(id: \"x\") {{ {uses} }} }}");
    let told = nobody.graphql(&query, json!({ "a": "x".repeat(500_000) })).await;
    assert!(told["errors"][0]["message"].as_str().unwrap().contains("costs"), "{told}");
    assert!(nobody.graphql(&query, json!({ "a": "x" })).await.get("data").is_some());
    let unknown = nobody.graphql("query($x: [Nope!] = [1]) { me { id } }", json!({})).await;
    assert_eq!(
        (code(&unknown), &unknown["errors"][0]["message"]),
        ("INVALID_INPUT", &json!("cannot find type `Nope` in this document"))
    );
}

/// Chats in conversations, for slow queries.
async fn with_history(app: &TestApp) -> (Client, Value) {
    let mia = app.user("mia").await;
    let made = mia.data("mutation { createConversation(input: {}) { conversation { id } } }", json!({})).await;
    let conversation = made["createConversation"]["conversation"]["id"].clone();
    for number in 0..50 {
        mia.say_with(json!({ "message": format!("m{number}"), "conversationId": conversation, "model": "echo" })).await;
    }
    (mia, conversation)
}

/// Many database statements, each for a row of another list: no machine executes it within a millisecond.
const LONG: &str = "chats(first: 50) { nodes { conversation { chats(first: 30) { nodes { id user { id } } } } } }";
const TIMEOUT: &str = "TIMEOUT";

fn code(told: &Value) -> &str {
    told["errors"][0]["extensions"]["code"].as_str().unwrap_or_else(|| panic!("{told}"))
}

#[apply(on_both_databases)]
async fn the_time_of_a_query_holds_on_every_transport(on: On) {
    let app = TestApp::with(on, "graphql.query_timeout = '1ms'\nledger.signup_grant = 1000000").await;
    let ((mia, _), address) = (with_history(&app).await, app.serve().await);
    let query = format!("query Q {{ conversations(first: 1) {{ nodes {{ {LONG} }} }} }}");
    let told = mia.graphql(&query, json!({})).await;
    assert_eq!((code(&told), &told["errors"][0]["message"]), (TIMEOUT, &json!("The query took too long.")));
    let encoded: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
    assert_eq!(code(&mia.get(&format!("/graphql?query={encoded}")).await.json()), TIMEOUT);
    let mut events = Events::open(address, mia.access.as_deref(), &query, json!({})).await;
    let told = events.hear().await;
    assert_eq!((code(&told), &told["errors"][0]["message"]), (TIMEOUT, &json!("The query took too long.")));
    assert_eq!(events.next().await, Event::Complete);
    let mut socket = Socket::begin(address, mia.access.as_deref()).await;
    socket.subscribe("1", &query, json!({})).await;
    let told = socket.hear().await;
    assert_eq!((&told["type"], &told["payload"][0]["extensions"]["code"]), (&json!("error"), &json!(TIMEOUT)));
    // Fast queries are answered in the meantime.
    socket.subscribe("1", "{ __typename }", json!({})).await;
    assert_eq!(socket.hear_next("1").await["data"]["__typename"], "Query");
}

#[apply(on_both_databases)]
async fn what_a_mutation_selects_has_a_time_of_its_own(on: On) {
    let app = TestApp::with(on, "graphql.query_timeout = '1ms'\nledger.signup_grant = 1000000").await;
    let ((mia, conversation), address) = (with_history(&app).await, app.serve().await);
    let before = app.ledger(&mia).await.len();
    let send = |selection: &str| {
        format!(
            "mutation M($c: ID!) {{ sendMessage(input: {{message: \"x\", model: \"echo\", conversationId: $c,
                idempotencyKey: \"k\"}}) {{ chat {{ {selection} }} errors {{ code }} }} }}"
        )
    };
    let told = mia.graphql(&send(&format!("conversation {{ {LONG} }}")), json!({ "c": conversation })).await;
    assert_eq!((code(&told), &told["data"]), (TIMEOUT, &Value::Null), "{told}");
    assert!(told["errors"][0]["message"].as_str().unwrap().starts_with("The mutation was carried out"), "{told}");
    assert_eq!(told["errors"][0]["path"], json!(["sendMessage"]));
    // It was: the same idempotency key finds it, and it is charged once.
    let again = mia.data(&send("status"), json!({ "c": conversation })).await;
    assert_eq!(again["sendMessage"]["chat"]["status"], "DONE");
    assert_eq!(app.ledger(&mia).await.len(), before + 1);
    // The mutation itself has no such timeout.
    let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    app.model.play([Step::Wait(gate.clone()), Step::Say("late"), Step::End(None)]);
    let opening = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        gate.add_permits(1);
    });
    assert_eq!(mia.say("scripted", "slow").await["chat"]["response"], "late");
    opening.await.unwrap();
    // On the other transports too.
    let mut socket = Socket::begin(address, mia.access.as_deref()).await;
    socket.subscribe("1", &send(&format!("conversation {{ {LONG} }}")), json!({ "c": conversation })).await;
    let told = socket.hear_next("1").await;
    assert_eq!((code(&told), &told["data"]), (TIMEOUT, &Value::Null));
    let mut events = Events::open(
        address,
        mia.access.as_deref(),
        &send(&format!("conversation {{ {LONG} }}")),
        json!({ "c": conversation }),
    )
    .await;
    assert_eq!(code(&events.hear().await), TIMEOUT);
    // The same for each event of a subscription; earlier events are delivered.
    let chat = mia.data(&send("id"), json!({ "c": conversation })).await["sendMessage"]["chat"]["id"].take();
    let follow = format!(
        "subscription($id: ID!) {{ replyStream(chatId: $id) {{ ... on ReplyDelta {{ text }}
            ... on ReplyFinished {{ chat {{ conversation {{ {LONG} }} }} }} }} }}"
    );
    socket.subscribe("2", &follow, json!({ "id": chat })).await;
    let mut told = socket.hear().await;
    while told["type"] == "complete" || told["payload"].pointer("/data/replyStream/text").is_some() {
        told = socket.hear().await;
    }
    assert_eq!(
        (&told["type"], code(&told["payload"]), &told["payload"]["data"]),
        (&json!("next"), TIMEOUT, &Value::Null)
    );
}

/// A chat with a long reply.
async fn with_long_reply(app: &TestApp) -> (Client, Value) {
    let mia = app.user("mia").await;
    let piece: &'static str = Box::leak("\"long\"\n".repeat(3000).into_boxed_str());
    app.model.play([Step::Say(piece), Step::End(None)]);
    let sent = mia
        .data("mutation { startMessage(input: {message: \"Hi\", model: \"scripted\"}) { chat { id } } }", json!({}))
        .await;
    app.settled().await;
    (mia, sent["startMessage"]["chat"]["id"].clone())
}

const TOO_LARGE: &str = "PAYLOAD_TOO_LARGE";

#[apply(on_both_databases)]
async fn answers_are_bounded_on_every_transport(on: On) {
    let app = TestApp::with(on, "graphql.max_response_bytes = 30000").await;
    let ((mia, id), address) = (with_long_reply(&app).await, app.serve().await);
    let query = "query($id: ID!) { chat(id: $id) { response } }";
    let variables = json!({ "id": id });
    let told = mia.graphql(query, variables.clone()).await;
    assert_eq!(code(&told), TOO_LARGE);
    assert!(told["errors"][0]["message"].as_str().unwrap().contains("30000 bytes"), "{told}");
    let mut events = Events::open(address, mia.access.as_deref(), query, variables.clone()).await;
    assert_eq!(code(&events.hear().await), TOO_LARGE);
    assert_eq!(events.next().await, Event::Complete);
    let mut socket = Socket::begin(address, mia.access.as_deref()).await;
    socket.subscribe("1", query, variables.clone()).await;
    let told = socket.hear().await;
    assert_eq!((&told["type"], &told["payload"][0]["extensions"]["code"]), (&json!("error"), &json!(TOO_LARGE)));
    // Many small values count as much as few long ones.
    let aliases: String =
        (0..100).map(|number| format!("a{number}: ")).map(|alias| format!("{alias}createdAt ")).collect();
    for number in 0..10 {
        mia.say("echo", &format!("m{number}")).await;
    }
    let told = mia.graphql(&format!("{{ chatHistory {{ nodes {{ {aliases} }} }} }}"), json!({})).await;
    assert_eq!(code(&told), TOO_LARGE);
    let echoed = "x".repeat(1000);
    let aliases: String = (0..40).map(|number| format!("a{number}: clientMutationId ")).collect();
    let log_out = format!("mutation($c: String) {{ logout(input: {{clientMutationId: $c}}) {{ {aliases} }} }}");
    let told = mia.graphql(&log_out, json!({ "c": echoed })).await;
    assert_eq!((code(&told), &told["data"]), (TOO_LARGE, &Value::Null));
    assert!(told["errors"][0]["message"].as_str().unwrap().starts_with("The mutation was carried out"), "{told}");
}

#[apply(on_both_databases)]
async fn a_large_answer_to_a_mutation_is_no_second_charge(on: On) {
    let app = TestApp::with(on, "graphql.max_response_bytes = 30000").await;
    let ((mia, old), address) = (with_long_reply(&app).await, app.serve().await);
    let piece: &'static str = Box::leak("long ".repeat(8000).into_boxed_str());
    app.model.play([Step::Say(piece), Step::End(None)]);
    let send = |selection: &str| {
        format!(
            "mutation {{ sendMessage(input: {{message: \"x\", model: \"scripted\", idempotencyKey: \"k\"}}) {{
                chat {{ {selection} }} errors {{ code }} }} }}"
        )
    };
    let told = mia.graphql(&send("id response"), json!({})).await;
    assert_eq!((code(&told), &told["data"]), (TOO_LARGE, &Value::Null), "{told}");
    assert!(told["errors"][0]["message"].as_str().unwrap().starts_with("The mutation was carried out"), "{told}");
    let again = mia.data(&send("id cost status"), json!({})).await;
    assert_eq!(again["sendMessage"]["chat"]["status"], "DONE");
    assert_eq!(app.balance(&mia).await, (4000 - 200, 0), "two chats, each paid once");
    // The reply is received in chunks; its final event is too large.
    let follow = "subscription($id: ID!) { replyStream(chatId: $id) { ... on ReplyDelta { offset }
        ... on ReplyFinished { chat { response } } } }";
    let mut events = Events::open(address, mia.access.as_deref(), follow, json!({ "id": old })).await;
    assert_eq!(events.hear().await["data"]["replyStream"]["offset"], 0);
    let told = events.hear().await;
    assert_eq!((code(&told), &told["data"]), (TOO_LARGE, &Value::Null));
    assert_eq!(events.next().await, Event::Complete);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_nobody_selects_count_too() {
    let app = TestApp::with(On::Sqlite, "graphql.max_response_bytes = 20000").await;
    let (mia, _) = with_long_reply(&app).await;
    assert_eq!(
        mia.data("{ chatHistory { nodes { id } } }", json!({})).await["chatHistory"]["nodes"].as_array().unwrap().len(),
        1
    );
    let piece: &'static str = Box::leak("long ".repeat(8000).into_boxed_str());
    app.model.play([Step::Say(piece), Step::End(None)]);
    mia.data("mutation { startMessage(input: {message: \"Hi\", model: \"scripted\"}) { chat { id } } }", json!({}))
        .await;
    app.settled().await;
    let told = mia.graphql("{ chatHistory { nodes { id } } }", json!({})).await;
    assert_eq!(code(&told), TOO_LARGE);
    assert!(told["errors"][0]["message"].as_str().unwrap().contains("rows of more than 40000 bytes"), "{told}");
    mia.data("{ chatHistory(last: 1) { nodes { id } } }", json!({})).await;
}

/// The only operation of a document is the operation, whether it has a name, and whether the request says it.
#[tokio::test(flavor = "multi_thread")]
async fn the_only_operation_is_the_operation() {
    let app = TestApp::start(On::Sqlite).await;
    let address = app.serve().await;
    let mia = app.user("mia").await;
    for path in ["/graphql", "/graphql/stream"] {
        let mutation = "mutation%20M%7BsendMessage(input:%7Bmessage:%22x%22,model:%22echo%22%7D)%7Bchat%7Bid%7D%7D%7D";
        for name in ["", "&operationName=M", "&operationName="] {
            let answer = mia.get(&format!("{path}?query={mutation}{name}")).await;
            assert_eq!(
                (answer.status.as_u16(), answer.headers["allow"].to_str().unwrap()),
                (405, "POST"),
                "{path}{name}"
            );
        }
    }
    assert_eq!(app.balance(&mia).await, (4000, 0), "nothing was sent");
    let told = ask(&mia, "query Q { me { id } }").await.json();
    assert_eq!(told["extensions"]["cost"], json!({ "fields": 2, "cost": 2, "depth": 2 }));
    let failing = mia
        .graphql(
            "mutation M { changePassword(input: {oldPassword: \"a\", newPassword: \"b\"}) { errors { code } } }",
            json!({}),
        )
        .await;
    assert!(failing["data"]["changePassword"]["errors"][0]["code"].is_string(), "{failing}");
    let refused = app.anonymous().graphql("mutation M { logout(input: {}) { errors { code } } }", json!({})).await;
    assert_eq!(refused["data"], Value::Null, "the field can't be null: {refused}");
    let mut socket = Socket::begin(address, mia.access.as_deref()).await;
    socket.subscribe("1", "subscription S { a: balanceChanged { held } b: balanceChanged { held } }", json!({})).await;
    assert_eq!(socket.hear().await["type"], "error");
    // With two operations, a request without a name selects neither.
    let told = mia.graphql("query A { me { id } } query B { me { id } }", json!({})).await;
    assert!(told.get("data").is_none(), "{told}");
    let skipped = mia.graphql("{ me @skip(if: true) { id } }", json!({})).await;
    assert_eq!(skipped, json!({ "data": {} }), "everything was skipped");
}

/// A mutation executes nothing if a variable is missing, and no field twice that the specification merges into one.
#[apply(on_both_databases)]
async fn a_mutation_runs_as_a_whole_and_each_field_once(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let send = |alias: &str, message: &str| {
        format!("{alias}sendMessage(input: {{message: {message}, model: \"echo\"}}) {{ chat {{ id }} }} ")
    };
    let query = format!("mutation M($m: String!) {{ {} {} }}", send("a: ", "\"x\""), send("b: ", "$m"));
    for variables in [json!({}), json!({ "m": null })] {
        let told = mia.graphql(&query, variables).await;
        assert!(told.get("data").is_none() && code(&told) == "INVALID_INPUT", "{told}");
        assert!(told["errors"][0]["message"].as_str().unwrap().starts_with("Variable \"$m\""), "{told}");
    }
    for query in [
        format!("mutation {{ {0} {0} }}", send("", "\"x\"")),
        format!("mutation {{ {0} ... {{ {0} }} }}", send("", "\"x\"")),
        format!("mutation {{ ...F {0} }} fragment F on Mutation {{ {0} }}", send("", "\"x\"")),
    ] {
        let told = mia.graphql(&query, json!({})).await;
        assert!(told["errors"][0]["message"].as_str().unwrap().contains("twice"), "{told}");
    }
    assert_eq!(app.balance(&mia).await, (4000, 0), "nothing was sent");
    mia.data(&query, json!({ "m": "y" })).await;
    assert_eq!(app.balance(&mia).await, (3800, 0));
}
