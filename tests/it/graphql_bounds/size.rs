//! The size of responses.

use rstest_reuse::apply;
use serde_json::{Value, json};

use super::code;
use crate::support::socket::{Event, Events, Socket};
use crate::support::{Client, On, Step, TestApp, on_both_databases};

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
    let response = mia.graphql(query, variables.clone()).await;
    assert_eq!(code(&response), TOO_LARGE);
    assert!(response["errors"][0]["message"].as_str().unwrap().contains("30000 bytes"), "{response}");
    let mut events = Events::open(address, mia.access.as_deref(), query, variables.clone()).await;
    assert_eq!(code(&events.hear().await), TOO_LARGE);
    assert_eq!(events.next().await, Event::Complete);
    let mut socket = Socket::begin(address, mia.access.as_deref()).await;
    socket.subscribe("1", query, variables.clone()).await;
    let response = socket.hear().await;
    assert_eq!(
        (&response["type"], &response["payload"][0]["extensions"]["code"]),
        (&json!("error"), &json!(TOO_LARGE))
    );
    // Many small values count as much as few long ones.
    let aliases: String =
        (0..100).map(|number| format!("a{number}: ")).map(|alias| format!("{alias}createdAt ")).collect();
    for number in 0..10 {
        mia.say("echo", &format!("m{number}")).await;
    }
    let response = mia.graphql(&format!("{{ chatHistory {{ nodes {{ {aliases} }} }} }}"), json!({})).await;
    assert_eq!(code(&response), TOO_LARGE);
    let echoed = "x".repeat(1000);
    let aliases: String = (0..40).map(|number| format!("a{number}: clientMutationId ")).collect();
    let log_out = format!("mutation($c: String) {{ logout(input: {{clientMutationId: $c}}) {{ {aliases} }} }}");
    let response = mia.graphql(&log_out, json!({ "c": echoed })).await;
    assert_eq!((code(&response), &response["data"]), (TOO_LARGE, &Value::Null));
    assert!(
        response["errors"][0]["message"].as_str().unwrap().starts_with("The mutation was carried out"),
        "{response}"
    );
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
    let response = mia.graphql(&send("id response"), json!({})).await;
    assert_eq!((code(&response), &response["data"]), (TOO_LARGE, &Value::Null), "{response}");
    assert!(
        response["errors"][0]["message"].as_str().unwrap().starts_with("The mutation was carried out"),
        "{response}"
    );
    let again = mia.data(&send("id cost status"), json!({})).await;
    assert_eq!(again["sendMessage"]["chat"]["status"], "DONE");
    assert_eq!(app.balance(&mia).await, (4000 - 200, 0), "two chats, each paid once");
    // The reply is received in chunks; its final event is too large.
    let follow = "subscription($id: ID!) { replyStream(chatId: $id) { ... on ReplyDelta { offset }
        ... on ReplyFinished { chat { response } } } }";
    let mut events = Events::open(address, mia.access.as_deref(), follow, json!({ "id": old })).await;
    assert_eq!(events.hear().await["data"]["replyStream"]["offset"], 0);
    let response = events.hear().await;
    assert_eq!((code(&response), &response["data"]), (TOO_LARGE, &Value::Null));
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
    let response = mia.graphql("{ chatHistory { nodes { id } } }", json!({})).await;
    assert_eq!(code(&response), TOO_LARGE);
    assert!(response["errors"][0]["message"].as_str().unwrap().contains("rows of more than 40000 bytes"), "{response}");
    mia.data("{ chatHistory(last: 1) { nodes { id } } }", json!({})).await;
}
