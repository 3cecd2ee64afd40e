//! The time of a query, and of what a mutation selects.

use std::time::Duration;

use rstest_reuse::apply;
use serde_json::{Value, json};

use super::{code, with_history};
use crate::support::socket::{Event, Events, Socket};
use crate::support::{On, Step, TestApp, on_both_databases};

/// Many database statements, each for a row of another list: no machine executes it within a millisecond.
const LONG: &str = "chats(first: 50) { nodes { conversation { chats(first: 30) { nodes { id user { id } } } } } }";
const TIMEOUT: &str = "TIMEOUT";

#[apply(on_both_databases)]
async fn the_time_of_a_query_holds_on_every_transport(on: On) {
    let app = TestApp::with(on, "graphql.query_timeout = '1ms'\nledger.signup_grant = 1000000").await;
    let ((mia, _), address) = (with_history(&app).await, app.serve().await);
    let query = format!("query Q {{ conversations(first: 1) {{ nodes {{ {LONG} }} }} }}");
    let response = mia.graphql(&query, json!({})).await;
    assert_eq!((code(&response), &response["errors"][0]["message"]), (TIMEOUT, &json!("The query took too long.")));
    let encoded: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
    assert_eq!(code(&mia.get(&format!("/graphql?query={encoded}")).await.json()), TIMEOUT);
    let mut events = Events::open(address, mia.access.as_deref(), &query, json!({})).await;
    let response = events.hear().await;
    assert_eq!((code(&response), &response["errors"][0]["message"]), (TIMEOUT, &json!("The query took too long.")));
    assert_eq!(events.next().await, Event::Complete);
    let mut socket = Socket::begin(address, mia.access.as_deref()).await;
    socket.subscribe("1", &query, json!({})).await;
    let response = socket.hear().await;
    assert_eq!((&response["type"], &response["payload"][0]["extensions"]["code"]), (&json!("error"), &json!(TIMEOUT)));
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
    let response = mia.graphql(&send(&format!("conversation {{ {LONG} }}")), json!({ "c": conversation })).await;
    assert_eq!((code(&response), &response["data"]), (TIMEOUT, &Value::Null), "{response}");
    assert!(
        response["errors"][0]["message"].as_str().unwrap().starts_with("The mutation was carried out"),
        "{response}"
    );
    assert_eq!(response["errors"][0]["path"], json!(["sendMessage"]));
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
    let response = socket.hear_next("1").await;
    assert_eq!((code(&response), &response["data"]), (TIMEOUT, &Value::Null));
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
    let mut response = socket.hear().await;
    while response["type"] == "complete" || response["payload"].pointer("/data/replyStream/text").is_some() {
        response = socket.hear().await;
    }
    assert_eq!(
        (&response["type"], code(&response["payload"]), &response["payload"]["data"]),
        (&json!("next"), TIMEOUT, &Value::Null)
    );
}
