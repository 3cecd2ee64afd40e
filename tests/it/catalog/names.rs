//! Models of the file and of the database with the same name: the file wins, and says so.

use jeton::core::price::Price;
use rstest_reuse::apply;
use serde_json::json;

use super::{KEY, Service, model, mutate, provider};
use crate::support::{On, TestApp, on_both_databases};

#[apply(on_both_databases)]
async fn the_file_wins_and_is_named(on: On) {
    let service = Service::start(KEY).await;
    let app = TestApp::start(on).await;
    let double = provider(&app, "double", &service.url).await;
    model(&app, "shared", &[&double], Price::flat(5)).await;
    let root = app.superuser("root").await;
    let list = "{ catalogModels(search: \"shared\") { nodes { name source shadowsDatabase price { perMessage }
        routes { upstreamModel } } } }";
    let before = root.data(list, json!({})).await["catalogModels"]["nodes"].take();
    let routes = json!([{ "upstreamModel": "small" }]);
    let expected = json!([{ "name": "shared", "source": "DATABASE", "shadowsDatabase": false,
        "price": { "perMessage": 5 }, "routes": routes }]);
    assert_eq!(before, expected);

    let configured = jeton::infra::catalog::Models::new(
        [jeton::infra::catalog::Model {
            name: "shared".to_owned(),
            title: "From the file".to_owned(),
            description: None,
            provider: std::sync::Arc::new(jeton::infra::ai::echo::Echo),
            price: Price::flat(9),
            max_output: 100,
            concurrency: None,
            origin: Default::default(),
        }],
        "shared",
    );
    let outside = jeton::app::Dependencies {
        clock: app.clock.clone(),
        random: jeton::core::random::Random::seeded(3),
        models: configured,
        secrets: jeton::infra::secrets::Secrets::open(&app.app.config(), &jeton::core::random::Random::seeded(1))
            .unwrap(),
    };
    let file = jeton::app::App::new(app.app.config().as_ref().clone(), app.app.db.clone(), outside).unwrap();
    jeton::domain::catalog::refresh(&file).await.unwrap();
    let root = root.at(jeton::server::router(&file));
    let now = root.data(list, json!({})).await["catalogModels"]["nodes"].take();
    let expected = json!([{ "name": "shared", "source": "FILE", "shadowsDatabase": true,
        "price": { "perMessage": 9 }, "routes": [] }]);
    assert_eq!(now, expected);
    let said = root.say("shared", "Hello").await;
    assert_eq!(
        (&said["chat"]["response"], &said["chat"]["cost"]),
        (&json!("AI Response to: Hello"), &json!(9)),
        "{said}"
    );
    let ready = root.get("/readyz").await.text;
    assert!(ready.contains("models of jeton.toml in place of one of the database: 1, the first is shared"), "{ready}");
    // What is shadowed can be removed, and the file stays.
    let deleted = mutate(&root, "deleteModel", json!({ "name": "shared" }), "deletedName").await;
    assert_eq!(deleted, json!({ "deletedName": "shared", "errors": [] }));
    let again = mutate(&root, "deleteModel", json!({ "name": "shared" }), "deletedName").await;
    assert_eq!(again["errors"][0]["message"], "This model is from jeton.toml, and can't be changed here.");
    assert_eq!(root.say("shared", "Hello").await["chat"]["cost"], 9);
}
