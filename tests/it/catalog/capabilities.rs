//! What a model of the database can't do is refused before anything is held.

use jeton::core::price::Price;
use jeton::core::viewer::Actor;
use jeton::domain::catalog::{self, ModelUpdate};
use rstest_reuse::apply;
use serde_json::{Value, json};

use super::{KEY, Service, model, provider};
use crate::support::{On, TestApp, on_both_databases};

#[apply(on_both_databases)]
async fn images_and_tools_are_refused_by_their_member(on: On) {
    let app = TestApp::start(on).await;
    let service = Service::start(KEY).await;
    let double = provider(&app, "double", &service.url).await;
    model(&app, "m", &[&double], Price::per_million(1_000_000, 1_000_000)).await;
    let mia = app.user("mia").await;
    let image = json!([{ "type": "image_url", "image_url": { "url": "https://example.org/a.png" } }]);
    let tool = json!([{ "type": "function", "function": { "name": "f" } }]);
    let call = async |content: &Value, tools: &Value| {
        let messages = json!([{ "role": "user", "content": content }]);
        let body = json!({ "model": "m", "messages": messages, "tools": tools, "max_tokens": 10, "stream": true });
        mia.post("/v1/chat/completions", body).await
    };
    let text = json!("Hello");
    for (content, tools, param, message) in [
        (&image, &Value::Null, "messages", "This model does not read images."),
        (&text, &tool, "tools", "This model does not call tools."),
    ] {
        let refused = call(content, tools).await;
        let error = refused.json()["error"].take();
        assert_eq!((refused.status.as_u16(), &error["param"]), (400, &json!(param)), "{error}");
        assert_eq!(error["message"], message);
    }
    assert!(service.seen().is_empty(), "nothing was sent");
    assert_eq!(app.balance(&mia).await, (4000, 0), "nothing is held");

    let able = ModelUpdate { images: Some(true), tools: Some(true), ..ModelUpdate::default() };
    catalog::update_model(&app.app, Actor::CommandLine, "m", able).await.unwrap();
    assert_eq!(call(&text, &tool).await.status, 200);
    assert_eq!(call(&text, &json!([])).await.status, 200);
}
