//! The default model that a superuser chooses at run time.

use jeton::core::price::Price;
use jeton::core::viewer::Actor;
use jeton::domain::catalog;
use jeton::infra::catalog::DefaultSource;
use rstest_reuse::apply;
use serde_json::json;

use super::{KEY, Service, model, mutate, provider};
use crate::support::{Client, On, TestApp, on_both_databases};

async fn answering(client: &Client) -> String {
    let said = client.say_with(json!({ "message": "Hello" })).await;
    said["chat"]["model"].as_str().unwrap_or_else(|| panic!("{said}")).to_owned()
}

#[apply(on_both_databases)]
async fn a_superuser_chooses_the_default_model(on: On) {
    let app = TestApp::start(on).await;
    let service = Service::start(KEY).await;
    let double = provider(&app, "double", &service.url).await;
    model(&app, "m", &[&double], Price::flat(1)).await;
    let (root, mia) = (app.superuser("root").await, app.user("mia").await);
    assert_eq!(answering(&mia).await, "echo");
    let two = app.second_server();
    catalog::refresh(&two).await.unwrap();

    let set = mutate(&root, "setDefaultModel", json!({ "name": "m" }), "model { name default defaultSource }").await;
    assert_eq!(set["model"], json!({ "name": "m", "default": true, "defaultSource": "DATABASE" }), "{set}");
    assert_eq!(answering(&mia).await, "m");
    catalog::refresh(&two).await.unwrap();
    assert_eq!(two.models().default_model(), ("m", DefaultSource::Database));

    // It is neither deleted nor disabled, and an unknown or disabled model is no default.
    for (mutation, input) in
        [("deleteModel", json!({ "name": "m" })), ("updateModel", json!({ "name": "m", "enabled": false }))]
    {
        let errors = mutate(&root, mutation, input, "__typename").await["errors"].take();
        assert_eq!(errors[0]["message"], "This is the default model. Make another one the default first.");
    }
    model(&app, "off", &[&double], Price::flat(1)).await;
    mutate(&root, "updateModel", json!({ "name": "off", "enabled": false }), "__typename").await;
    for name in ["off", "none"] {
        let errors = mutate(&root, "setDefaultModel", json!({ "name": name }), "__typename").await["errors"].take();
        assert_eq!((&errors[0]["field"], &errors[0]["code"]), (&json!("name"), &json!("INVALID_INPUT")), "{errors}");
    }
    // A model of the file, and then that of the configuration again.
    mutate(&root, "setDefaultModel", json!({ "name": "scripted" }), "__typename").await;
    assert_eq!(app.app.models().default_model(), ("scripted", DefaultSource::Database));
    mutate(&root, "deleteModel", json!({ "name": "m" }), "__typename").await;
    let set = mutate(&root, "setDefaultModel", json!({ "name": null }), "model { name defaultSource }").await;
    assert_eq!(set["model"], json!({ "name": "echo", "defaultSource": "PRESET" }), "{set}");
    assert_eq!(answering(&mia).await, "echo");
    let trail = "{ auditTrail(first: 20, actions: [MODEL_SET_DEFAULT]) { nodes { targetName details } } }";
    let trail = root.data(trail, json!({})).await;
    let events = trail["auditTrail"]["nodes"].as_array().unwrap();
    assert_eq!(events.len(), 3, "{trail}");
    assert_eq!(events[1]["targetName"], "scripted");
}

#[apply(on_both_databases)]
async fn the_default_model_of_the_file_wins(on: On) {
    let app = TestApp::with(on, "default_model = 'echo'").await;
    let error =
        catalog::set_default_model(&app.app, Actor::CommandLine, Some("scripted".to_owned())).await.unwrap_err();
    assert!(error.message.contains("sets default_model to \"echo\", and wins"), "{error:?}");
}
