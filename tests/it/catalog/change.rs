//! A superuser connects a provider, takes over models, and sets prices, while users chat.

use rstest_reuse::apply;
use serde_json::{Value, json};

use super::{KEY, Service, mutate};
use crate::support::{On, TestApp, on_both_databases};

#[apply(on_both_databases)]
async fn from_nothing_to_a_chat_without_a_restart(on: On) {
    let app = TestApp::start(on).await;
    let (root, mia) = (app.superuser("root").await, app.user("mia").await);
    let service = Service::start(KEY).await;
    let input =
        json!({ "name": "double", "kind": "OPENAI", "baseUrl": service.url, "key": "sk-wrong-0123456789abcdef" });
    let created = mutate(&root, "createProvider", input, "provider { id kind keyLastFour keyProblem }").await;
    let id = created["provider"]["id"].clone();
    assert_eq!(created["provider"]["keyLastFour"], "cdef", "{created}");
    let steps = "steps { kind succeeded message }";
    let tested = mutate(&root, "testProvider", json!({ "providerId": id }), steps).await;
    let last = tested["steps"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["kind"], &last["succeeded"]), (&json!("KEY"), &json!(false)), "{tested}");
    let message = last["message"].as_str().unwrap();
    assert!(
        message.starts_with("The provider rejects the API key (401)") && !message.contains("sk-wrong"),
        "{message}"
    );

    let changed =
        mutate(&root, "updateProvider", json!({ "providerId": id, "key": KEY }), "provider { keyLastFour }").await;
    assert_eq!(changed, json!({ "provider": { "keyLastFour": "wxyz" }, "errors": [] }));
    let tested = mutate(&root, "testProvider", json!({ "providerId": id, "upstreamModel": "small" }), steps).await;
    let kinds: Vec<_> =
        tested["steps"].as_array().unwrap().iter().map(|step| (&step["kind"], &step["succeeded"])).collect();
    let (kind, yes) = (|kind: &str| json!(kind), json!(true));
    let expected = ["NAME", "CONNECTION", "KEY", "MODEL"].map(kind);
    assert_eq!(kinds, expected.iter().map(|kind| (kind, &yes)).collect::<Vec<_>>(), "{tested}");
    let listed = root.data("query($id: ID!) { providerModels(id: $id) { name } }", json!({ "id": id })).await;
    assert_eq!(listed["providerModels"], json!([{ "name": "small" }, { "name": "large" }]));
    let found = async |search: &str| {
        let query = "query($search: String) { providers(search: $search) { nodes { name } totalCount } }";
        root.data(query, json!({ "search": search })).await["providers"].take()
    };
    assert_eq!(found(" OUB").await, json!({ "nodes": [{ "name": "double" }], "totalCount": 1 }));
    assert_eq!(found("d%e").await, json!({ "nodes": [], "totalCount": 0 }));

    for (name, price) in [("small", json!({ "perMessage": 3 })), ("large", json!({ "perMillionInput": 1_000_000 }))] {
        let route = json!({ "providerId": id, "upstreamModel": name });
        let input = json!({ "name": name, "title": "A model", "routes": [route], "price": price });
        let created = mutate(&root, "createModel", input, "model { name source enabled problem }").await;
        let expected = json!({ "name": name, "source": "DATABASE", "enabled": true, "problem": null });
        assert_eq!(created, json!({ "model": expected, "errors": [] }));
    }
    let listed = root.data("query($id: ID!) { providerModels(id: $id) { added } }", json!({ "id": id })).await;
    assert_eq!(listed["providerModels"], json!([{ "added": true }, { "added": true }]));
    let said = mia.say("small", "Hello").await;
    assert_eq!((&said["chat"]["response"], &said["chat"]["cost"]), (&json!("I am small."), &json!(3)), "{said}");
    assert_eq!(mia.say("large", "Hello").await["chat"]["cost"], 7);
    let models = mia.data("{ models { name title } }", json!({})).await["models"].take();
    assert!(models.as_array().unwrap().contains(&json!({ "name": "small", "title": "A model" })), "{models}");

    let listed = mia.get("/v1/models/small").await.json();
    let capabilities = json!({ "images": false, "tools": false, "reasoning": false });
    assert_eq!((&listed["name"], &listed["capabilities"]), (&json!("A model"), &capabilities), "{listed}");
    assert!(listed["context_window"].is_u64() && listed["price"]["per_message"] == 3, "{listed}");
    assert_eq!(mia.get("/v1/models/echo").await.json()["capabilities"], Value::Null);

    let price = json!({ "name": "small", "price": { "perMessage": 8, "perMillionOutput": 400_000 } });
    let set =
        mutate(&root, "setModelPrice", price.clone(), "version model { price { perMessage perMillionReasoning } }")
            .await;
    let expected = json!({ "perMessage": 8, "perMillionReasoning": 400_000 });
    assert_eq!(set, json!({ "version": 2, "model": { "price": expected }, "errors": [] }));
    assert_eq!(mutate(&root, "setModelPrice", price, "version").await["version"], 2, "it has this price");
    assert_eq!(mia.say("small", "Hello").await["chat"]["cost"], 10);
    let changes =
        "{ priceChanges(model: \"small\") { totalCount nodes { changedBy { username } version { version } } } }";
    let changes = root.data(changes, json!({})).await["priceChanges"].take();
    let change = |version| json!({ "changedBy": { "username": "root" }, "version": { "version": version } });
    assert_eq!(changes, json!({ "totalCount": 2, "nodes": [change(2), change(1)] }));

    mutate(&root, "updateModel", json!({ "name": "small", "enabled": false }), "model { enabled }").await;
    assert_eq!(mia.say("small", "Hello").await["errors"][0]["field"], "model");
    let used = mutate(&root, "deleteProvider", json!({ "providerId": id }), "deletedProviderId").await;
    assert_eq!(used["errors"][0]["code"], "CONFLICT");
    assert_eq!(used["errors"][0]["message"], "These models use the provider: large, small. Remove their routes first.");
    for name in ["small", "large"] {
        assert_eq!(mutate(&root, "deleteModel", json!({ "name": name }), "deletedName").await["deletedName"], name);
    }
    let deleted = mutate(&root, "deleteProvider", json!({ "providerId": id }), "deletedProviderId").await;
    assert_eq!(deleted, json!({ "deletedProviderId": id, "errors": [] }));

    let trail =
        root.data("{ auditTrail { nodes { action targetName details } } }", json!({})).await["auditTrail"].take();
    let of_catalog = |action: &&str| !action.starts_with("user.");
    let actions: Vec<_> = trail["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["action"].as_str().unwrap())
        .filter(of_catalog)
        .collect();
    assert_eq!(
        actions,
        [
            "provider.delete",
            "model.delete",
            "model.delete",
            "model.update",
            "model.set_price",
            "model.create",
            "model.create",
            "provider.update",
            "provider.create"
        ]
    );
    assert_eq!(trail["nodes"][7]["details"], json!(r#"{"key":{"from":"..cdef","to":"..wxyz"}}"#));
    assert!(service.seen().iter().any(|(key, path)| key == KEY && path == "/v1/chat/completions"));
}

#[apply(on_both_databases)]
async fn what_is_wrong_with_an_input_is_told_by_its_field(on: On) {
    let app = TestApp::start(on).await;
    let root = app.superuser("root").await;
    let wrong = async |name: &str, input: Value| {
        let payload = mutate(&root, name, input, "__typename").await;
        let errors = payload["errors"].as_array().unwrap();
        errors.iter().map(|error| error["field"].as_str().unwrap_or("-").to_owned()).collect::<Vec<_>>().join(" ")
    };
    let provider = |more: Value| {
        let mut input = json!({ "name": "one", "kind": "OPENAI", "baseUrl": "http://10.0.0.1/v1", "key": KEY });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    for (more, field) in [
        (json!({ "name": " " }), "name"),
        (json!({ "baseUrl": null }), "baseUrl"),
        (json!({ "baseUrl": "ftp://x" }), "baseUrl"),
        (json!({ "baseUrl": "https://me:pw@x/v1" }), "baseUrl"),
        (json!({ "baseUrl": "https://x/v1?key=1" }), "baseUrl"),
        (json!({ "key": "with space" }), "key"),
        (json!({ "key": "" }), "key"),
        (json!({ "headers": [{ "name": "Authorization", "value": "x" }] }), "headers"),
        (json!({ "headers": [{ "name": "x y", "value": "x" }] }), "headers"),
        (json!({ "headers": [{ "name": "x", "value": "a\nb" }] }), "headers"),
        (json!({ "headers": [{ "name": "x", "value": "1" }, { "name": "X", "value": "2" }] }), "headers"),
        (json!({ "maxRetries": -1 }), "maxRetries"),
        (json!({ "circuitCooldownSeconds": 0 }), "circuitCooldownSeconds"),
        (json!({ "name": "", "baseUrl": "x", "maxRetries": 11 }), "name baseUrl maxRetries"),
    ] {
        assert_eq!(wrong("createProvider", provider(more.clone())).await, field, "{more}");
    }
    let one = mutate(&root, "createProvider", provider(json!({})), "provider { id }").await["provider"]["id"].take();
    assert_eq!(wrong("createProvider", provider(json!({}))).await, "name", "taken");
    let two = provider(json!({ "name": "two", "kind": "GEMINI", "baseUrl": null }));
    let two = mutate(&root, "createProvider", two, "provider { id baseUrl }").await["provider"].take();
    assert_eq!(two["baseUrl"], "https://generativelanguage.googleapis.com/v1beta");
    // A key is sent to another host only by those who have it.
    let moved = json!({ "providerId": one, "baseUrl": "http://10.0.0.2/v1" });
    assert_eq!(wrong("updateProvider", moved).await, "key");
    let moved = json!({ "providerId": one, "baseUrl": "http://10.0.0.2/v1", "key": KEY });
    assert_eq!(wrong("updateProvider", moved).await, "");
    assert_eq!(wrong("updateProvider", json!({ "providerId": one, "baseUrl": "http://10.0.0.2/v2" })).await, "");
    assert_eq!(wrong("updateProvider", json!({ "providerId": "x" })).await, "-");

    let route = |id: &Value| json!({ "providerId": id, "upstreamModel": "up" });
    let model = |more: Value| {
        let mut input = json!({ "name": "m", "price": {}, "routes": [route(&one)] });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    for (more, field) in [
        (json!({ "name": "echo" }), "name"),
        (json!({ "name": "a\nb" }), "name"),
        (json!({ "title": "x".repeat(81) }), "title"),
        (json!({ "contextWindow": 0, "maxOutput": -1 }), "contextWindow maxOutput"),
        (json!({ "maxConcurrent": -1 }), "maxConcurrent"),
        (json!({ "routes": [] }), "routes"),
        (json!({ "routes": [route(&json!("x"))] }), "routes"),
        (json!({ "routes": [route(&one), route(&two["id"])] }), "routes"),
        (json!({ "price": { "perMessage": -1 } }), "price"),
        (json!({ "price": { "perMillionInput": 1_000_000_000_001_i64 } }), "price"),
    ] {
        assert_eq!(wrong("createModel", model(more.clone())).await, field, "{more}");
    }
    assert_eq!(wrong("createModel", model(json!({}))).await, "");
    assert_eq!(wrong("createModel", model(json!({}))).await, "name", "taken");
    assert_eq!(wrong("updateModel", json!({ "name": "m", "routes": [route(&two["id"])] })).await, "");
    assert_eq!(wrong("updateModel", json!({ "name": "none" })).await, "-");
    let file = mutate(&root, "setModelPrice", json!({ "name": "echo", "price": {} }), "version").await;
    assert_eq!(file["errors"][0]["message"], "This model is from jeton.toml, and can't be changed here.");
}
