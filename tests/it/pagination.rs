//! Lists: cursors, sizes, counts.

use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::support::{Client, On, TestApp, on_both_databases};

async fn page(client: &Client, arguments: &str) -> Value {
    let query = format!(
        "{{ chatHistory{arguments} {{ nodes {{ message }} pageInfo {{ startCursor endCursor hasNextPage hasPreviousPage }} }} }}"
    );
    client.data(&query, json!({})).await["chatHistory"].take()
}

fn messages(page: &Value) -> Vec<&str> {
    page["nodes"].as_array().unwrap().iter().map(|chat| chat["message"].as_str().unwrap()).collect()
}

#[apply(on_both_databases)]
async fn pages_go_forward_and_backward_without_gaps(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    for message in ["1", "2", "3", "4", "5"] {
        mia.say("echo", message).await;
    }
    let first = page(&mia, "(first: 2)").await;
    assert_eq!(messages(&first), ["5", "4"]);
    assert_eq!(first["pageInfo"]["hasNextPage"], true);
    assert_eq!(first["pageInfo"]["hasPreviousPage"], false);
    // New rows do not shift pages.
    mia.say("echo", "6").await;
    let cursor = &first["pageInfo"]["endCursor"];
    let second = page(&mia, &format!("(first: 2, after: {cursor})")).await;
    assert_eq!(messages(&second), ["3", "2"]);
    let cursor = &second["pageInfo"]["endCursor"];
    let third = page(&mia, &format!("(first: 2, after: {cursor})")).await;
    assert_eq!(messages(&third), ["1"]);
    assert_eq!(third["pageInfo"]["hasNextPage"], false);
    let cursor = &third["pageInfo"]["startCursor"];
    let back = page(&mia, &format!("(last: 3, before: {cursor})")).await;
    assert_eq!(messages(&back), ["4", "3", "2"]);
    assert_eq!(back["pageInfo"]["hasPreviousPage"], true);
    assert_eq!(messages(&page(&mia, "(last: 2)").await), ["2", "1"]);
}

#[apply(on_both_databases)]
async fn sizes_and_cursors_that_make_no_sense_are_refused_by_name(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    for (arguments, field) in [
        ("(first: 101)", "first"),
        ("(first: 0)", "first"),
        ("(last: -1)", "last"),
        ("(first: 1, last: 1)", "last"),
        ("(after: \"x\")", "after"),
        ("(before: \"Q2hhdDox\")", "before"),
    ] {
        let answer = mia
            .graphql(&format!("{{ chatHistory{arguments} {{ nodes {{ id }} }} me {{ username }} }}"), json!({}))
            .await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "INVALID_INPUT", "{arguments}");
        assert_eq!(answer["errors"][0]["extensions"]["fields"][0]["field"], field, "{arguments}");
        assert_eq!(
            answer["data"],
            json!({ "chatHistory": null, "me": { "username": "mia" } }),
            "only the field is null"
        );
    }
}
