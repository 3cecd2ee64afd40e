//! GraphQL over HTTP: media types, methods, statuses, limits.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use crate::support::client::Answer;
use crate::support::{On, TestApp};

async fn post(app: &TestApp, content_type: &str, accept: &str, body: &str) -> Answer {
    let mut request = Request::post("/graphql");
    for (name, value) in [("content-type", content_type), ("accept", accept)] {
        if !value.is_empty() {
            request = request.header(name, value);
        }
    }
    app.anonymous().send(request.body(Body::from(body.to_owned())).unwrap()).await
}

fn media_type(answer: &Answer) -> &str {
    answer.headers["content-type"].to_str().unwrap().split(';').next().unwrap()
}

const NEW: &str = "application/graphql-response+json";
const OLD: &str = "application/json";

#[tokio::test(flavor = "multi_thread")]
async fn the_media_type_is_the_one_that_was_asked_for() {
    let app = TestApp::start(On::Sqlite).await;
    let body = r#"{"query":"{ me { id } }"}"#;
    for (accept, expected) in [
        ("", OLD),
        ("*/*", OLD),
        (OLD, OLD),
        (NEW, NEW),
        ("application/graphql-response+json;q=1, application/json;q=0.9", NEW),
        ("application/json;q=0.5, application/graphql-response+json", NEW),
        ("application/graphql-response+json; Q=0.2, APPLICATION/JSON;q=0.9", OLD),
        ("application/json;q=0, */*", NEW),
        ("application/graphql-response+json;q=0, application/*", OLD),
        ("text/html;q=0.1, application/json", OLD),
        ("image/png, */*;q=0.1", OLD),
        ("application/json;charset=utf-8", OLD),
    ] {
        let answer = post(&app, OLD, accept, body).await;
        assert_eq!((answer.status.as_u16(), media_type(&answer)), (200, expected), "{accept}");
        assert_eq!(answer.json(), json!({ "data": { "me": null } }));
    }
    for nothing in ["image/png", "application/json;q=0, application/graphql-response+json;q=0", "*/*;q=0"] {
        assert_eq!(post(&app, OLD, nothing, body).await.status, 406, "{nothing}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_a_foreign_page_could_send_are_refused() {
    let app = TestApp::start(On::Sqlite).await;
    let body = r#"{"query":"{ __typename }"}"#;
    for content_type in [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/json; charset=latin1",
    ] {
        assert_eq!(post(&app, content_type, NEW, body).await.status, 415, "{content_type}");
    }
    assert_eq!(post(&app, "application/json; charset=UTF-8", NEW, body).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_was_not_executed_has_no_data() {
    let app = TestApp::start(On::Sqlite).await;
    let cases = [
        ("not json", 400, 400),
        ("{}", 400, 400),
        ("[]", 400, 400),
        (r#"[{"query":"{ __typename }"}]"#, 400, 400),
        (r#"{"query":1}"#, 400, 400),
        (r#"{"query":"{ __typename }","variables":[]}"#, 400, 400),
        (r#"{"query":"{ __typename }","operationName":1}"#, 400, 400),
        (r#"{"query":"{ __typename }","extensions":""}"#, 400, 400),
        (r#"{"query":"{"}"#, 400, 200),
        (r#"{"query":"{ nothing }"}"#, 400, 200),
    ];
    for (body, new, old) in cases {
        for (accept, status) in [(NEW, new), (OLD, old)] {
            let answer = post(&app, OLD, accept, body).await;
            assert_eq!(answer.status, status, "{accept}: {body}: {answer:?}");
            assert!(answer.json()["errors"][0]["message"].is_string(), "{body}");
            assert!(answer.json().get("data").is_none(), "{body}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn get_is_for_queries() {
    let app = TestApp::start(On::Sqlite).await;
    let anonymous = app.anonymous();
    let query = anonymous
        .get("/graphql?query=query+A+%7Bme%7Bid%7D%7D+query+B+%7B__typename%7D&operationName=B&variables=%7B%7D")
        .await;
    assert_eq!(query.json(), json!({ "data": { "__typename": "Query" } }));
    let mutation = anonymous.get("/graphql?query=mutation%7Blogout(input:%7B%7D)%7Berrors%7Bcode%7D%7D%7D").await;
    assert_eq!((mutation.status.as_u16(), mutation.headers["allow"].to_str().unwrap()), (405, "POST"));
    assert_eq!(anonymous.get("/graphql?query=%7B__typename%7D&variables=1").await.status, 400);
    let page =
        anonymous.send(Request::get("/graphql").header("accept", "text/html").body(Body::empty()).unwrap()).await;
    assert_eq!(page.headers["location"], "/graphiql", "browsers are led to a page");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_credential_refuses_the_request() {
    let app = TestApp::start(On::Sqlite).await;
    let mia = app.user("mia").await;
    for header in ["Bearer", "Bearer x", "Basic bWlhOm1pYQ==", &format!("Bearer {}", mia.refresh.clone().unwrap())] {
        let request = Request::post("/graphql").header("content-type", OLD).header("authorization", header);
        let answer = mia.send(request.body(Body::from(r#"{"query":"{ me { id } }"}"#)).unwrap()).await;
        assert_eq!(answer.status, 401, "{header}");
        assert_eq!(answer.json()["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{header}");
        assert_eq!(answer.headers["www-authenticate"], "Bearer realm=\"api\"");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_or_too_deep_is_refused() {
    let app = TestApp::with(On::Sqlite, "http.max_body_bytes = 2000").await;
    let large = json!({ "query": "{ __typename }", "variables": { "x": "y".repeat(3000) } }).to_string();
    assert_eq!(post(&app, OLD, NEW, &large).await.status, 413);
    let deep = format!("{}id{}", "{ me { balance ".repeat(30), "} }".repeat(30));
    assert_eq!(post(&app, OLD, NEW, &json!({ "query": deep }).to_string()).await.status, 400);
    let app = TestApp::start(On::Sqlite).await;
    let wide: String = (0..600).map(|i| format!("a{i}:me{{id}} ")).collect();
    assert_eq!(post(&app, OLD, NEW, &json!({ "query": format!("{{ {wide} }}") }).to_string()).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_carry_an_id_and_no_faults_of_the_browser() {
    let app = TestApp::start(On::Sqlite).await;
    let answer = app.anonymous().get("/healthz").await;
    assert_eq!(answer.headers["x-request-id"].len(), 32);
    // A client's own request id is kept, except one that would flood the log.
    for (sent, kept) in [(128, true), (129, false)] {
        let id = "x".repeat(sent);
        let request = Request::get("/healthz").header("x-request-id", &id);
        let answer = app.anonymous().send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.headers["x-request-id"] == id.as_str(), kept);
    }
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    assert_eq!(answer.headers["x-frame-options"], "DENY");
    assert_eq!(answer.headers["referrer-policy"], "same-origin");
    assert_eq!(app.anonymous().get("/readyz").await.text, "ready\n");
}

/// The attacks of graphql-cop, and those that the library alone does not withstand.
#[tokio::test(flavor = "multi_thread")]
async fn what_would_cost_too_much_is_refused_by_the_name_of_its_limit() {
    let app = TestApp::with(On::Sqlite, "http.max_body_bytes = 10000000").await;
    let aliases = |count: usize, field: &str| (0..count).map(|n| format!("a{n}:{field} ")).collect::<String>();
    let mut bomb = "{...f0}".to_owned();
    for n in 0..25 {
        bomb += &format!("fragment f{n} on Query{{...f{m} ...f{m}}}", m = n + 1);
    }
    bomb += "fragment f25 on Query{__typename}";
    let login = "login(input:{username:\"x\",password:\"y\"}){errors{code}}";
    let circular = "{__schema{types{fields{type{fields{type{fields{type{fields{name}}}}}}}}}}".to_owned();
    let start = std::time::Instant::now();
    for (document, limit) in [
        (bomb, "1000 fields"),
        (format!("{{me{{{}}}}}", aliases(101, "__typename")), "100 aliases"),
        (format!("{{{}}}", aliases(20_000, "__typename")), "bytes"),
        (format!("mutation{{{}}}", aliases(100, login)), "20 fields of the operation itself"),
        (format!("{{__typename {}}}", "@aa ".repeat(60)), "50 directives"),
        (format!("{{{}}}", "__typename ".repeat(500)), "20 fields of the operation itself"),
        (circular, "3 lists of introspection"),
        ("{".repeat(1_000_000), "bytes"),
        (format!("{{a(x:{})}}", "[".repeat(10_000)), "32 brackets"),
        (format!("query($a:{}Int{}){{__typename}}", "[".repeat(10_000), "]".repeat(10_000)), "32 brackets"),
        (
            "{users(first:100){nodes{id}} chats(first:100){nodes{user{id}}} a".to_owned()
                + &"{b".repeat(25)
                + &"}".repeat(26),
            "20 fields within",
        ),
        (
            "{chats(first:100){nodes{user{id} conversation{chats(first:100){nodes{id message model cost hold}}}}}}"
                .to_owned(),
            "costs",
        ),
    ] {
        let answer = post(&app, OLD, NEW, &json!({ "query": document }).to_string()).await;
        assert_eq!(answer.status, 400, "{limit}");
        let message = answer.json()["errors"][0]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(limit), "{limit}: {message}");
    }
    assert!(start.elapsed().as_secs() < 20, "none of them cost much");
    let nested = (0..100).fold(json!(1), |inner, _| json!([inner]));
    for (variables, limit) in [(json!({ "a": nested }), "10 lists"), (json!({ "a": "x".repeat(600_000) }), "bytes")] {
        let body = json!({ "query": "{ __typename }", "variables": variables }).to_string();
        let message = post(&app, OLD, NEW, &body).await.json()["errors"][0]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(limit), "{limit}: {message}");
    }
    // The usual introspection query of tools is allowed.
    let typical = include_str!("introspection.graphql");
    let answer = post(&app, OLD, NEW, &json!({ "query": typical }).to_string()).await;
    assert_eq!((answer.status.as_u16(), answer.json().get("errors")), (200, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn costs_are_shown_and_suggestions_are_not_where_it_is_configured() {
    let app = TestApp::start(On::Sqlite).await;
    let request = Request::post("/graphql").header("content-type", OLD).header("x-jeton-show-cost", "1");
    let body = r#"{"query":"query($n:Int){ chatHistory(first:$n) { nodes { id message } } }","variables":{"n":10}}"#;
    let response = app.anonymous().send(request.body(Body::from(body)).unwrap()).await.json();
    assert_eq!(response["extensions"]["cost"], json!({ "fields": 4, "cost": 31, "depth": 3 }));
    let mistyped = json!({ "query": "{ balanc { tokens } }" }).to_string();
    let response = post(&app, OLD, NEW, &mistyped).await.text;
    assert!(response.contains("Did you mean"), "{response}");
    let app = TestApp::with(On::Sqlite, "graphql.suggestions = false\ngraphql.introspection = false").await;
    let response = post(&app, OLD, NEW, &mistyped).await.text;
    assert!(!response.contains("Did you mean"), "{response}");
    let asked = json!({ "query": "{ __schema { types { name } } }" }).to_string();
    let response = post(&app, OLD, NEW, &asked).await.json();
    assert!(response["data"]["__schema"].is_null(), "{response}");
}
