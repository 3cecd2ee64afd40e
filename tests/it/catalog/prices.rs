//! Prices from price lists: proposed, held back, confirmed, and applied all or not at all.

use jeton::core::price::Price;
use jeton::core::viewer::Actor;
use jeton::domain::catalog::{self, ModelUpdate, NewModel, Route};
use jeton::infra::entity::provider;
use rstest_reuse::apply;
use serde_json::{Value, json};

use super::{KEY, mutate, provider_of};
use crate::support::installation::Installation;
use crate::support::{Client, On, TestApp, on_both_databases};

/// One unit of money is a million prepaid tokens, so that a price per million in money is one in tokens, too.
const SETTINGS: &str = "ledger.tokens_per_unit = 1000000\nledger.signup_grant = 1000000";

async fn add(app: &TestApp, name: &str, routes: &[(&provider::Model, &str)], price: Price) {
    let route = |(provider, upstream): &(&provider::Model, &str)| Route {
        provider_id: provider.id,
        upstream_model: (*upstream).to_owned(),
        order: None,
        weight: None,
    };
    let routes = Some(routes.iter().map(route).collect());
    let new = NewModel { name: name.to_owned(), settings: ModelUpdate { routes, ..Default::default() }, price };
    catalog::create_model(&app.app, Actor::CommandLine, new).await.unwrap();
}

const PROPOSED: &str = "format tokensPerUnit hasMore models unmatched proposals { model entry matchedBy rank version
    proposed { perMillionInput perMillionOutput perMillionCacheRead perMessage } needsConfirmation problem note
    changes { part before after ratio needsConfirmation } }";

async fn propose(root: &Client, list: &Value, markup: Option<&str>) -> Value {
    mutate(root, "proposePrices", json!({ "list": list.to_string(), "markup": markup }), PROPOSED).await
}

async fn apply_prices(root: &Client, changes: &[(&str, i64, i64)], confirmed: &[&str]) -> Value {
    let change = |(model, version, input): &(&str, i64, i64)| {
        json!({ "model": model, "version": version,
        "price": { "perMillionInput": input, "perMillionOutput": 2 * input } })
    };
    let changes: Vec<_> = changes.iter().map(change).collect();
    let input = json!({ "changes": changes, "confirmed": confirmed });
    mutate(root, "applyPrices", input, "versions { model version }").await
}

#[apply(on_both_databases)]
async fn entries_are_found_by_the_routes_of_models(on: On) {
    let app = TestApp::with(on, SETTINGS).await;
    let root = app.superuser("root").await;
    let openai = provider_of(&app.app, "OpenAI", "https://api.openai.com/v1", Some(KEY)).await;
    let groq = provider_of(&app.app, "Groq", "https://api.groq.com/openai/v1", Some(KEY)).await;
    let azure = provider_of(&app.app, "Azure", "https://mine.openai.azure.com/openai/v1", Some(KEY)).await;
    let router = provider_of(&app.app, "Router", "https://openrouter.ai/api/v1", Some(KEY)).await;
    let local = provider_of(&app.app, "vLLM", "http://127.0.0.1:8000/v1", None).await;
    let price = Price::per_million(100_000, 200_000);
    add(&app, "by prefix", &[(&azure, "gpt")], price).await;
    add(&app, "by service", &[(&openai, "gpt")], price).await;
    add(&app, "by second route", &[(&groq, "gpt"), (&openai, "gpt")], price).await;
    add(&app, "of another", &[(&groq, "gpt")], price).await;
    add(&app, "of unknown service", &[(&local, "gpt")], price).await;
    add(&app, "routed", &[(&router, "openai/gpt")], price).await;

    let entry = |provider: &str, input: f64| {
        json!({ "litellm_provider": provider, "mode": "chat",
        "input_cost_per_token": input, "output_cost_per_token": 2e-7 })
    };
    let list = json!({ "sample_spec": {}, "gpt": entry("openai", 1e-7), "azure/gpt": entry("azure", 2e-7) });
    let found = propose(&root, &list, None).await;
    let ways = |found: &Value| {
        let of = |row: &Value| {
            let cell = |name: &str| row[name].as_str().unwrap().to_owned();
            format!("{}: {} {} {}", cell("model"), cell("entry"), cell("matchedBy"), row["rank"])
        };
        found["proposals"].as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(
        ways(&found),
        [
            "by prefix: azure/gpt PROVIDER 1",
            "by second route: gpt PROVIDER 6",
            "by service: gpt PROVIDER 2",
            "of unknown service: gpt NAME 3"
        ]
    );
    assert_eq!((&found["format"], &found["models"]), (&json!("LITELLM"), &json!(6)));
    assert_eq!(found["unmatched"], json!(["of another", "routed"]));
    // The price of the first is doubled, and those of the others are the same.
    let change =
        json!({ "part": "INPUT", "before": 100_000, "after": 200_000, "ratio": 2.0, "needsConfirmation": false });
    assert_eq!(found["proposals"][0]["changes"][0], change, "{found}");
    assert_eq!(found["proposals"][2]["changes"], json!([]));

    let list = json!({ "data": [{ "id": "openai/gpt", "pricing": { "prompt": "0.0000001", "completion": "-1" } }] });
    let found = propose(&root, &list, None).await;
    assert_eq!(
        ways(&found),
        ["by second route: openai/gpt VENDOR 8", "by service: openai/gpt VENDOR 4", "routed: openai/gpt PROVIDER 2"]
    );
    let [problem, proposed] = ["problem", "proposed"].map(|name| &found["proposals"][0][name]);
    assert!(problem.as_str().unwrap().contains("the price varies") && proposed.is_null(), "{found}");

    let list = json!({ "format": "jeton-prices/1", "models": [
        { "model": "routed", "per_million_input": 1, "per_million_output": 2 },
        { "upstream_model": "gpt", "per_million_input": "0.1", "per_million_output": "0.25" },
        { "upstream_model": "gpt", "provider": "Groq", "per_message": 1 } ] });
    let found = propose(&root, &list, Some("10%")).await;
    assert_eq!(
        ways(&found)[1..],
        [
            "by second route: gpt PROVIDER 2",
            "by service: gpt NAME 3",
            "of another: gpt PROVIDER 2",
            "of unknown service: gpt NAME 3",
            "routed: routed MODEL 0"
        ]
    );
    let proposed = json!({ "perMillionInput": 110_000, "perMillionOutput": 275_000, "perMillionCacheRead": 110_000,
        "perMessage": 0 });
    assert_eq!(found["proposals"][0]["proposed"], proposed);
    // Ten times the input is no more than that, and the markup makes it more.
    assert_eq!(found["proposals"][5]["needsConfirmation"], true);
    let found = propose(&root, &list, None).await;
    assert_eq!(found["proposals"][5]["needsConfirmation"], false, "{found}");

    for (list, markup, field) in
        [("{}", None, "list"), ("[]", None, "list"), ("{}", Some("x"), "markup"), ("{}", Some("-1"), "markup")]
    {
        let input = json!({ "list": list, "markup": markup });
        assert_eq!(mutate(&root, "proposePrices", input, "format").await["errors"][0]["field"], field, "{list}");
    }
}

#[apply(on_both_databases)]
async fn prices_are_applied_all_or_not_at_all(on: On) {
    let app = TestApp::with(on, SETTINGS).await;
    let root = app.superuser("root").await;
    let local = provider_of(&app.app, "vLLM", "http://127.0.0.1:8000/v1", None).await;
    for name in ["one", "two", "three"] {
        add(&app, name, &[(&local, name)], Price::per_million(100, 200)).await;
    }
    let version = async |model: &str| {
        let query = "query($model: String!) { priceChanges(model: $model) { nodes { version { version } changedBy { username } } } }";
        root.data(query, json!({ "model": model })).await["priceChanges"]["nodes"][0].take()
    };
    let first = json!({ "version": { "version": 1 }, "changedBy": null });
    let message = |payload: &Value| payload["errors"][0]["message"].as_str().unwrap_or_default().to_owned();

    // One that is held back, unknown, of the file or stale holds up all.
    let held_back = apply_prices(&root, &[("one", 1, 200), ("two", 1, 1001), ("three", 1, 0)], &["three"]).await;
    assert!(message(&held_back).ends_with("confirmed by the model's name: two."), "{held_back}");
    assert_eq!((&held_back["errors"][0]["field"], &held_back["versions"]), (&json!("confirmed"), &json!([])));
    for (changes, code, part) in [
        (vec![("one", 1, 200), ("nine", 1, 200)], "INVALID_INPUT", "There is no model nine."),
        (vec![("one", 1, 200), ("echo", 1, 200)], "INVALID_INPUT", "From jeton.toml, and can't be changed here: echo."),
        (vec![("one", 1, 200), ("one", 1, 300)], "INVALID_INPUT", "more than one price of one"),
        (vec![("one", 1, 200), ("two", 2, 300)], "CONFLICT", "was changed since the comparison, of two."),
        (vec![("one", 1, -1)], "INVALID_INPUT", "one: A price per million is between"),
        (vec![], "INVALID_INPUT", "Between 1 and 500 prices."),
    ] {
        let refused = apply_prices(&root, &changes, &[]).await;
        assert_eq!(refused["errors"][0]["code"], code, "{refused}");
        assert!(message(&refused).contains(part), "{refused}");
    }
    let refused = apply_prices(&root, &[("one", 1, 200)], &["two"]).await;
    assert_eq!(refused["errors"][0]["field"], "confirmed", "{refused}");
    assert_eq!(version("one").await, first);

    let applied = apply_prices(&root, &[("one", 1, 200), ("two", 1, 1001), ("three", 1, 100)], &["two"]).await;
    let versions = json!([{ "model": "one", "version": 2 }, { "model": "two", "version": 2 },
        { "model": "three", "version": 1 }]);
    assert_eq!(applied, json!({ "versions": versions, "errors": [] }), "the same price is no new version");
    assert_eq!(version("two").await, json!({ "version": { "version": 2 }, "changedBy": { "username": "root" } }));
    assert_eq!(app.app.models().entry("two").unwrap().model.price, Price::per_million(1001, 2002));
    let trail = "{ auditTrail(actions: [MODEL_SET_PRICE]) { nodes { targetName actorName details } } }";
    let trail = root.data(trail, json!({})).await["auditTrail"]["nodes"].take();
    let names: Vec<_> = trail.as_array().unwrap().iter().map(|node| &node["targetName"]).collect();
    assert_eq!(names, ["two", "one"]);
    assert!(trail[0]["details"].as_str().unwrap().contains("\"version\":2"), "{trail}");
}

#[apply(on_both_databases)]
async fn many_models_are_proposed_page_by_page(on: On) {
    let app = TestApp::start(on).await;
    let root = app.superuser("root").await;
    let local = provider_of(&app.app, "vLLM", "http://127.0.0.1:8000/v1", None).await;
    let count = catalog::MAX_PROPOSALS + 3;
    for number in 0..count {
        add(&app, &format!("m{number:04}"), &[(&local, "gpt")], Price::flat(1)).await;
    }
    let list = json!({ "format": "jeton-prices/1", "models": [{ "upstream_model": "gpt", "per_message": "0.002" }] });
    let page = async |after: Value| {
        let input = json!({ "list": list.to_string(), "after": after });
        mutate(&root, "proposePrices", input, PROPOSED).await
    };
    let first = page(Value::Null).await;
    assert_eq!((&first["hasMore"], &first["models"]), (&json!(true), &json!(count)), "{}", first["errors"]);
    let last = &first["proposals"][catalog::MAX_PROPOSALS - 1]["model"];
    let second = page(last.clone()).await;
    assert_eq!((&second["hasMore"], second["proposals"].as_array().unwrap().len()), (&json!(false), 3));
    let change = |proposal: &Value| json!({ "model": proposal["model"], "version": 1, "price": { "perMessage": 2 } });
    let changes: Vec<_> = first["proposals"].as_array().unwrap().iter().map(change).collect();
    let applied = mutate(&root, "applyPrices", json!({ "changes": changes }), "versions { version }").await;
    assert_eq!(applied["versions"].as_array().unwrap().len(), catalog::MAX_PROPOSALS, "{}", applied["errors"]);
}

/// Returns the price list of the documentation.
fn documented_list() -> String {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations/catalog.md")).unwrap();
    let example = page.split("```json\n").skip(1).find(|text| text.contains("jeton-prices/1")).unwrap();
    example.split("```").next().unwrap().to_owned()
}

#[apply(on_both_databases)]
async fn operators_apply_the_documented_list_on_the_command_line(on: On) {
    let installation = Installation::new(on, &[("JETON_LEDGER__TOKENS_PER_UNIT", "1000000")]).await;
    let failed = |arguments: &[&str]| {
        let output = installation.run(arguments, "");
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let address = ["--kind", "openai", "--base-url", "http://127.0.0.1:9/v1"];
    installation.ok(&[&["provider", "add", "openai"], &address[..]].concat());
    let model = |name: &str, upstream: &str, input: &str, output: &str| {
        let route = ["model", "add", name, "--provider", "openai", "--upstream", upstream];
        installation.ok(&[&route[..], &["--per-million-input", input, "--per-million-output", output]].concat());
    };
    model("fast", "gpt-5-mini", "200000", "1500000");
    model("flat", "flat", "0", "0");
    model("other", "other", "5", "5");
    let dir = tempfile::tempdir().unwrap();
    let list = dir.path().join("prices.json");
    std::fs::write(&list, documented_list()).unwrap();
    let list = list.to_str().unwrap();

    let proposed = installation.ok(&["model", "propose-prices", list, "--markup", "20%"]);
    assert!(proposed.contains("2 prices differ, of 2 models in the list and 3 in the database"), "{proposed}");
    let row = |text: &str, part: &str| text.lines().find(|line| line.contains(part)).unwrap_or_default().to_owned();
    let cells = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let input = ["fast", "gpt-5-mini", "million", "input", "200000", "300000", "x1.50"];
    assert_eq!(cells(&row(&proposed, "million input")), input, "{proposed}");
    assert!(row(&proposed, "a message").ends_with("confirm"), "{proposed}");
    let proposed: Value = serde_json::from_str(&installation.ok(&["model", "propose-prices", list, "--json"])).unwrap();
    assert_eq!(proposed["unmatched"], json!(["other"]));
    assert_eq!(proposed["proposals"][0]["proposed"]["per_million_cache_read"], 25_000, "{proposed}");

    assert!(failed(&["model", "apply-prices", list, "--confirm", "other"]).contains("no price for the model other"));
    assert!(failed(&["model", "propose-prices", list, "--markup", "0"]).contains("markup"));
    assert!(failed(&["model", "propose-prices", "/dev/zero"]).contains("cannot read /dev/zero"));
    let applied = installation.ok(&["model", "apply-prices", list, "--markup", "20%"]);
    assert!(applied.contains("1 price set\n") && applied.contains("1 price held back"), "{applied}");
    let applied = installation.ok(&["model", "apply-prices", list, "--markup", "20%", "--confirm", "flat"]);
    assert!(applied.contains("1 price set\n") && !applied.contains("held back"), "{applied}");
    let listed: Value = serde_json::from_str(&installation.ok(&["model", "list", "--json"])).unwrap();
    let of = |name: &str| listed.as_array().unwrap().iter().find(|model| model["name"] == name).unwrap();
    assert_eq!((&of("fast")["per_million_input"], &of("flat")["per_message"]), (&json!(300_000), &json!(6_000)));
}
