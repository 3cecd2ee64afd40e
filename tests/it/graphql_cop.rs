//! The checks of graphql-cop, by their names, against the configuration that it recommends for production;
//! and many attempts in one request.

use axum::body::Body;
use axum::http::Request;
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::support::client::Answer;
use crate::support::{On, PASSWORD, TestApp, on_both_databases};

const PRODUCTION: &str = "graphql.introspection = false\ngraphql.suggestions = false\ngraphql.graphiql = false";

/// The kind of request of a check.
enum Asked {
    /// A POST of JSON.
    Query(String),
    /// A POST of JSON with a batch of this many queries.
    Batch(&'static str, usize),
    /// A GET with the query in the URL.
    Get(&'static str),
    /// A POST of a form.
    Form(&'static str),
}

async fn ask(app: &TestApp, asked: &Asked) -> Answer {
    let query = |query: &str| json!({ "query": query });
    let encoded = |query: &str| form_urlencoded::Serializer::new(String::new()).append_pair("query", query).finish();
    let anonymous = app.anonymous();
    match asked {
        Asked::Query(document) => anonymous.post("/graphql", query(document)).await,
        Asked::Batch(document, count) => anonymous.post("/graphql", vec![query(document); *count].into()).await,
        Asked::Get(document) => anonymous.get(&format!("/graphql?{}", encoded(document))).await,
        Asked::Form(document) => {
            let request = Request::post("/graphql").header("content-type", "application/x-www-form-urlencoded");
            anonymous.send(request.body(Body::from(encoded(document))).unwrap()).await
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_check_of_graphql_cop_is_safe() {
    let app = TestApp::with(On::Sqlite, PRODUCTION).await;
    let many = |count: usize, part: &dyn Fn(usize) -> String| (0..count).map(part).collect::<String>();
    let aliases = format!("query {{ {} }}", many(101, &|n| format!("alias{n}:__typename \n")));
    let circular = "query { __schema { types { fields { type { fields { type { fields { type { fields { type { name } } } } } } } } } } }";
    let circular_fragment =
        "query { __schema { ...A } } fragment A on __Schema { __typename ...B } fragment B on __Schema { ...A }";
    // (check, request, status, expected text of the response)
    let refused = [
        ("alias overloading", Asked::Query(aliases), 200, "20 fields"),
        ("array-based query batching", Asked::Batch("query { __typename }", 10), 400, "one request at a time"),
        ("circular query by introspection", Asked::Query(circular.to_owned()), 200, "3 lists of introspection"),
        ("circular fragment", Asked::Query(circular_fragment.to_owned()), 200, "spreads itself"),
        ("field duplication", Asked::Query(format!("query {{ {}}}", "__typename \n".repeat(500))), 200, "20 fields"),
        ("field suggestions", Asked::Query("query { __schema { directive } }".to_owned()), 200, "directive"),
        ("mutation over GET", Asked::Get("mutation {__typename}"), 405, "POST"),
        ("POST of a form", Asked::Form("query {__typename}"), 415, "application/json"),
        ("unhandled errors", Asked::Query("qwerty cop { abc }".to_owned()), 200, "expected"),
    ];
    for (check, asked, status, says) in refused {
        let answer = ask(&app, &asked).await;
        assert_eq!(answer.status, status, "{check}: {answer:?}");
        let json = answer.json();
        assert_eq!(json.pointer("/data").unwrap_or(&Value::Null), &Value::Null, "{check}: {json}");
        assert!(answer.text.contains(says), "{check}: {json}");
        // An error that occurs ten times is reported once, or up to the limit; without a trace or a suggestion.
        assert!(json["errors"].as_array().unwrap().len() < 10, "{check}: {json}");
        for trace in ["Did you mean", "exception", "stacktrace", "tracing"] {
            assert!(!answer.text.contains(trace), "{check}: {json}");
        }
    }
    let schema = ask(&app, &Asked::Query("query { __schema { types { name fields { name } } } }".to_owned())).await;
    assert!(schema.json()["data"]["__schema"].is_null(), "introspection: {schema:?}");
    for field in ["__typename", "me"] {
        let selection = if field == "me" { "{ id }" } else { "" };
        let query = format!("query {{ {field} {} {selection} }}", "@aa".repeat(10));
        let response = ask(&app, &Asked::Query(query)).await.json();
        let errors = response["errors"].as_array().map_or(0, Vec::len);
        assert!(errors < 10, "directive overloading: {response}");
    }
    // A query over GET is executed, as the GraphQL over HTTP specification requires: it changes nothing, and no
    // cross-origin page can read the response.
    let read = ask(&app, &Asked::Get("{__typename}")).await;
    assert_eq!(read.json(), json!({ "data": { "__typename": "Query" } }), "GET method query support");
    assert!(!read.headers.contains_key("access-control-allow-origin"));
    assert_eq!(read.json().get("extensions"), None, "trace mode");
    for path in ["/graphql", "/playground", "/console"] {
        let request = Request::get(path).header("accept", "text/html").body(Body::empty()).unwrap();
        let page = app.anonymous().send(request).await;
        for word in ["graphiql.min.css", "GraphQL Playground", "GraphiQL", "graphql-playground"] {
            assert!(!page.text.contains(word), "GraphQL IDE: {path}: {page:?}");
        }
    }
}

/// A hundred attempts in one request, in each possible form, are rejected before the first is executed.
#[apply(on_both_databases)]
async fn a_hundred_tries_in_one_request_are_none(on: On) {
    let settings = "auth.login_attempts_before_delay = 3";
    let app = TestApp::with(on, settings).await;
    let mia = app.user("mia").await;
    let tries = [
        format!("login(input: {{username: \"mia\", password: \"{PASSWORD}\"}}) {{ accessToken errors {{ code }} }}"),
        format!("register(input: {{username: \"NEW\", password: \"{PASSWORD}\"}}) {{ accessToken errors {{ code }} }}"),
        format!(
            "refreshToken(input: {{refreshToken: \"{}\"}}) {{ accessToken errors {{ code }} }}",
            mia.refresh.clone().unwrap()
        ),
    ];
    for one in &tries {
        let aliases: String = (0..100).map(|n| format!("a{n}: {one}\n").replace("NEW", &format!("new{n}"))).collect();
        let response = app.anonymous().graphql(&format!("mutation {{ {aliases} }}"), json!({})).await;
        assert!(
            response["errors"][0]["message"].as_str().unwrap().contains("20 fields")
                || response.to_string().contains("bytes"),
            "{response}"
        );
        assert_eq!(response.get("data"), None);
        let batch: Value = vec![json!({ "query": format!("mutation {{ {one} }}") }); 100].into();
        let response = app.anonymous().post("/graphql", batch).await;
        assert_eq!((response.status.as_u16(), response.json().get("data")), (400, None));
    }
    // None of them was executed: the refresh token is unused, and no account was created.
    let unused = app.anonymous().graphql(&format!("mutation {{ {} }}", tries[2]), json!({})).await;
    assert!(unused["data"]["refreshToken"]["accessToken"].is_string(), "{unused}");
    // Allowed attempts count like any others: three are without a delay, and the fourth is delayed.
    let wrong =
        |n: usize| format!("a{n}: login(input: {{username: \"mia\", password: \"wrong\"}}) {{ errors {{ code }} }}\n");
    let twenty = format!("mutation {{ {} }}", (0..20).map(wrong).collect::<String>());
    for _ in 0..4 {
        let response = app.anonymous().graphql(&twenty, json!({})).await;
        let response = response.to_string();
        assert!(response.contains("UNAUTHENTICATED") || response.contains("RATE_LIMITED"), "{response}");
    }
    let right = app.anonymous().graphql(&format!("mutation {{ {} }}", tries[0]), json!({})).await;
    assert!(right.to_string().contains("RATE_LIMITED"), "{right}");
}
