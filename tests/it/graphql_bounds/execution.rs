//! Which operation is executed, and how often each field.

use rstest_reuse::apply;
use serde_json::{Value, json};

use super::{ask, code};
use crate::support::socket::Socket;
use crate::support::{On, TestApp, on_both_databases};

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
    let response = ask(&mia, "query Q { me { id } }").await.json();
    assert_eq!(response["extensions"]["cost"], json!({ "fields": 2, "cost": 2, "depth": 2 }));
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
    let response = mia.graphql("query A { me { id } } query B { me { id } }", json!({})).await;
    assert!(response.get("data").is_none(), "{response}");
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
        let response = mia.graphql(&query, variables).await;
        assert!(response.get("data").is_none() && code(&response) == "INVALID_INPUT", "{response}");
        assert!(response["errors"][0]["message"].as_str().unwrap().starts_with("Variable \"$m\""), "{response}");
    }
    for query in [
        format!("mutation {{ {0} {0} }}", send("", "\"x\"")),
        format!("mutation {{ {0} ... {{ {0} }} }}", send("", "\"x\"")),
        format!("mutation {{ ...F {0} }} fragment F on Mutation {{ {0} }}", send("", "\"x\"")),
    ] {
        let response = mia.graphql(&query, json!({})).await;
        assert!(response["errors"][0]["message"].as_str().unwrap().contains("twice"), "{response}");
    }
    assert_eq!(app.balance(&mia).await, (4000, 0), "nothing was sent");
    mia.data(&query, json!({ "m": "y" })).await;
    assert_eq!(app.balance(&mia).await, (3800, 0));
}
