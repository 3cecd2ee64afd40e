//! The routes of a model: in their order, by turns of their weight, and in place of each other.

use jeton::core::price::Price;
use jeton::core::viewer::Actor;
use jeton::domain::catalog::{self, ModelUpdate, ProviderUpdate, Route};
use jeton::infra::entity::provider::Header;
use rstest_reuse::apply;
use sea_orm::EntityTrait;
use serde_json::json;

use super::{KEY, Service, model, provider};
use crate::support::{On, TestApp, on_both_databases};

/// Sets the routes of the model `m`: provider, order and weight.
async fn set(app: &TestApp, routes: &[(&provider::Model, i64, i64)]) {
    let route = |(provider, order, weight): &(&provider::Model, i64, i64)| Route {
        provider_id: provider.id,
        upstream_model: "small".to_owned(),
        order: Some(*order),
        weight: Some(*weight),
    };
    let update = ModelUpdate { routes: Some(routes.iter().map(route).collect()), ..ModelUpdate::default() };
    catalog::update_model(&app.app, Actor::CommandLine, "m", update).await.unwrap();
}

#[apply(on_both_databases)]
async fn routes_are_tried_in_their_order_and_by_turns(on: On) {
    let app = TestApp::with(on, "ledger.signup_grant = 1000000").await;
    let (first, second) = (Service::start(KEY).await, Service::start(KEY).await);
    let (one, two) = (provider(&app, "one", &first.url).await, provider(&app, "two", &second.url).await);
    let down = provider(&app, "down", "http://127.0.0.1:9/v1").await;
    model(&app, "m", &[&one, &two], Price::flat(1)).await;
    let mia = app.user("mia").await;
    let mut before = (0, 0);
    // Returns how many of these messages each service has answered.
    let mut say = async |messages: usize| {
        for _ in 0..messages {
            let said = mia.say("m", "Hello").await;
            assert_eq!(said["chat"]["response"], "I am small.", "{said}");
        }
        let now = (first.seen().len(), second.seen().len());
        let of_these = (now.0 - before.0, now.1 - before.1);
        before = now;
        of_these
    };
    assert_eq!(say(4).await, (4, 0), "in the order of the list");
    set(&app, &[(&one, 2, 1), (&two, 1, 1)]).await;
    assert_eq!(say(4).await, (0, 4), "in the order of the numbers");
    set(&app, &[(&one, 1, 3), (&two, 1, 1)]).await;
    assert_eq!(say(8).await, (6, 2), "by turns");
    set(&app, &[(&down, 1, 1), (&two, 2, 1)]).await;
    assert_eq!(say(2).await, (0, 2), "in place of one that is down");

    // Further headers, from the next message on.
    let headers = Some(vec![Header { name: "X-Title".to_owned(), value: "Jeton".to_owned() }]);
    let update = ProviderUpdate { headers, ..ProviderUpdate::default() };
    catalog::update_provider(&app.app, Actor::CommandLine, two.id, update).await.unwrap();
    assert_eq!(say(1).await, (0, 1));
    assert_eq!(second.title.lock().unwrap().as_deref(), Some("Jeton"));
}

#[apply(on_both_databases)]
async fn the_catalog_is_copied_with_everything_else(on: On) {
    let app = TestApp::start(on).await;
    let service = Service::start(KEY).await;
    let double = provider(&app, "double", &service.url).await;
    model(&app, "m", &[&double], Price::flat(7)).await;
    let mia = app.user("mia").await;
    mia.say("m", "Hello").await;
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", dir.path().join("copy.db").display());
    let to = jeton::infra::db::Db::connect(&url, 4).await.unwrap();
    jeton::transfer::copy(&app.app.db, &to, "the test", &|_| {}).await.unwrap();
    assert_eq!(provider::Entity::find().all(to.read()).await.unwrap().len(), 1);
    // With the same secret, the copy has the key.
    let (copy, router) = app.on(to);
    catalog::refresh(&copy).await.unwrap();
    let said = mia.at(router).say_with(json!({ "model": "m", "message": "Hello" })).await;
    assert_eq!((&said["chat"]["response"], &said["chat"]["cost"]), (&json!("I am small."), &json!(7)), "{said}");
    copy.db.clone().close().await.unwrap();
}
