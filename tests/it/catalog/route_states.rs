//! The state of routes: calls, errors, latency and circuit breakers, which a superuser resets on all servers.

use std::sync::Arc;

use jeton::app::App;
use jeton::core::price::Price;
use jeton::core::viewer::Actor;
use jeton::domain::catalog::{self, BreakerSelection};
use jeton::infra::ai::route_state::BreakerStatus;
use rstest_reuse::apply;
use serde_json::{Value, json};

use super::{KEY, Service, global_id, model, mutate, provider};
use crate::support::{Client, On, TestApp, on_both_databases, openai};

const STATES: &str = "routeStates { host upstreamModel provider { name } breaker { status failures since until }
    lastHour { calls stopped errors { kind count } firstByte { p50Ms p95Ms } whole { p50Ms p95Ms } }
    lastError { kind message at } }";

/// Returns the state of the only route of a model.
async fn state(root: &Client, model: &str) -> Value {
    let query = format!("{{ catalogModels(first: 50) {{ nodes {{ name {STATES} }} }} }}");
    let mut listed = root.data(&query, json!({})).await;
    let nodes = listed["catalogModels"]["nodes"].as_array_mut().unwrap();
    nodes.iter_mut().find(|node| node["name"] == model).unwrap()["routeStates"][0].take()
}

fn status(server: &App, model: &str) -> BreakerStatus {
    server.models().entry(model).unwrap().model.provider.routes()[0].breaker.status
}

#[apply(on_both_databases)]
async fn a_route_that_fails_is_shown_and_reset_on_all_servers(on: On) {
    let app = TestApp::with(on, "ledger.signup_grant = 1000000").await;
    let service = Service::start(KEY).await;
    let double = provider(&app, "double", &service.url).await;
    for name in ["m", "other"] {
        model(&app, name, &[&double], Price::flat(1)).await;
    }
    let two = app.second_server();
    catalog::refresh(&two).await.unwrap();
    let (root, mia) = (app.superuser("root").await, app.user("mia").await);
    let at_two = mia.at(jeton::server::router(&two));
    let unused = state(&root, "m").await;
    assert_eq!(unused["breaker"], json!({ "status": "CLOSED", "failures": 0, "since": null, "until": null }));
    assert_eq!((&unused["lastHour"]["calls"], &unused["lastHour"]["firstByte"]), (&json!(0), &Value::Null));
    assert_eq!(mia.say("m", "Hello").await["chat"]["response"], "I am small.");
    let used = state(&root, "m").await;
    let host = service.url.trim_start_matches("http://").trim_end_matches("/v1");
    assert_eq!(
        (&used["host"], &used["provider"], &used["upstreamModel"], &used["lastError"]),
        (&json!(host), &json!({ "name": "double" }), &json!("small"), &Value::Null)
    );
    assert!(used["lastHour"]["firstByte"]["p95Ms"].is_u64() && used["lastHour"]["whole"]["p50Ms"].is_u64(), "{used}");

    // The provider takes another key, and repeats the one that it rejects.
    service.accept("sk-another");
    for client in [&mia, &at_two] {
        for _ in 0..5 {
            assert_eq!(client.say("m", "Hello").await["chat"]["status"], "FAILED");
        }
    }
    let failing = state(&root, "m").await;
    let hour = &failing["lastHour"];
    assert_eq!((&hour["calls"], &hour["stopped"]), (&json!(6), &json!(0)), "of this server: {failing}");
    assert_eq!(hour["errors"], json!([{ "kind": "CONFIGURATION", "count": 5 }]));
    let breaker = &failing["breaker"];
    assert_eq!((&breaker["status"], &breaker["failures"]), (&json!("OPEN"), &json!(5)), "{failing}");
    assert!(breaker["since"].is_string() && breaker["until"].is_string(), "{failing}");
    let error = &failing["lastError"];
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("401") && message.contains("Incorrect API key") && !message.contains(KEY), "{message}");
    assert_eq!(error["kind"], "CONFIGURATION");
    let listed = async |in_use: bool| {
        let query = "query($inUse: Boolean) { catalogModels(source: DATABASE, inUse: $inUse) { nodes { name } } }";
        root.data(query, json!({ "inUse": in_use })).await["catalogModels"]["nodes"].take()
    };
    assert_eq!(listed(true).await, json!([{ "name": "m" }]));
    assert_eq!(listed(false).await, json!([{ "name": "other" }]));
    assert_eq!((status(&app.app, "m"), status(&two, "m")), (BreakerStatus::Open, BreakerStatus::Open));
    let counted = root.data("{ providers { nodes { name modelCount } } }", json!({})).await;
    assert_eq!(counted["providers"]["nodes"], json!([{ "name": "double", "modelCount": 2 }]));
    let page = Client::new(jeton::server::metrics::router(app.app.clone()), None).get("/metrics").await.text;
    for line in [
        r#"jeton_upstream_resting{model="m",upstream="1"} 1"#,
        r#"jeton_upstream_calls_total{model="m",upstream="1"} 6"#,
        r#"jeton_upstream_errors_total{model="m",upstream="1",kind="configuration"} 5"#,
    ] {
        assert!(page.lines().any(|found| found == line), "{line}\n{page}");
    }

    // Only superusers reset it, and name what exists.
    let staff = app.staff("sue").await;
    let reset = "mutation($input: ResetBreakerInput!) { resetBreaker(input: $input) { errors { code } } }";
    assert_eq!(staff.code(reset, json!({ "input": { "model": "m" } })).await, "FORBIDDEN");
    let wrong = mutate(&root, "resetBreaker", json!({}), "model { name }").await;
    assert_eq!((&wrong["model"], &wrong["errors"][0]["field"]), (&Value::Null, &json!("model")), "{wrong}");
    let wrong = mutate(&root, "resetBreaker", json!({ "model": "none" }), "model { name }").await;
    assert_eq!(wrong["errors"][0]["code"], "NOT_FOUND");
    service.accept(KEY);
    let of_route = json!({ "model": "m", "providerId": global_id(&double) });
    let done = mutate(&root, "resetBreaker", of_route, "model { name routeStates { breaker { status } } }").await;
    let closed = json!([{ "breaker": { "status": "CLOSED" } }]);
    assert_eq!(done, json!({ "model": { "name": "m", "routeStates": closed }, "errors": [] }));
    assert_eq!(status(&two, "m"), BreakerStatus::Open);
    catalog::refresh(&two).await.unwrap();
    assert_eq!(status(&two, "m"), BreakerStatus::Closed);
    for client in [&mia, &at_two] {
        assert_eq!(client.say("m", "Hello").await["chat"]["response"], "I am small.");
    }
    let kept = state(&root, "m").await;
    assert_eq!(kept["lastHour"]["calls"], 7, "the calls of the hour stay");
    assert!(kept["breaker"]["since"].is_string(), "{kept}");

    // A provider as a whole; a server that starts later has nothing to reset.
    catalog::reset_breakers(
        &two,
        Actor::CommandLine,
        BreakerSelection { provider_id: Some(double.id), ..BreakerSelection::default() },
    )
    .await
    .unwrap();
    catalog::refresh(&app.second_server()).await.unwrap();
    let trail = "{ auditTrail(actions: [BREAKER_RESET]) { nodes { targetName details } } }";
    let trail = root.data(trail, json!({})).await["auditTrail"]["nodes"].take();
    let event = |target: &str, details: &str| json!({ "targetName": target, "details": details });
    assert_eq!(trail, json!([event("double", "{}"), event("m", r#"{"provider":"double"}"#)]));
}

#[apply(on_both_databases)]
async fn the_breaker_of_a_model_of_the_file_is_reset_by_its_name(on: On) {
    let app = TestApp::with_provider(on, "", Arc::new(openai(&["http://127.0.0.1:9/v1"], 0))).await;
    catalog::refresh(&app.app).await.unwrap();
    let (root, mia) = (app.superuser("root").await, app.user("mia").await);
    let name = app.app.models().iter().find(|model| !model.provider.routes().is_empty()).unwrap().name.clone();
    for _ in 0..5 {
        mia.say(&name, "Hello").await;
    }
    let failing = state(&root, &name).await;
    assert_eq!((&failing["breaker"]["status"], &failing["provider"]), (&json!("OPEN"), &Value::Null), "{failing}");
    assert_eq!(failing["lastHour"]["errors"], json!([{ "kind": "CONNECTION", "count": 5 }]));
    assert!(failing["lastError"]["message"].as_str().unwrap().contains("refused"), "{failing}");
    let done = mutate(&root, "resetBreaker", json!({ "model": name }), "model { source }").await;
    assert_eq!(done, json!({ "model": { "source": "FILE" }, "errors": [] }));
    assert_eq!(status(&app.app, &name), BreakerStatus::Closed);
}
