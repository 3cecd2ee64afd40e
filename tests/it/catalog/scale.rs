//! A catalog of 10,000 models. The times of lists and messages are printed beside those with ten models, and not asserted.

use std::time::{Duration, Instant};

use jeton::core::price::Price;
use jeton::domain::catalog;
use jeton::infra::entity::{catalog_epoch, model, model_route};
use rstest_reuse::apply;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, NotSet, Set};
use serde_json::json;

use super::{KEY, Service, provider};
use crate::support::{Client, On, TestApp, on_both_databases};

/// Returns the median time of a page of the catalog, and of a message.
async fn times(root: &Client) -> (Duration, Duration) {
    let median = |mut times: Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2]
    };
    let (mut pages, mut messages) = (Vec::new(), Vec::new());
    for _ in 0..11 {
        let begun = Instant::now();
        root.data("{ catalogModels(first: 10) { nodes { name price { perMessage } routes { weight } } } }", json!({}))
            .await;
        pages.push(begun.elapsed());
        let begun = Instant::now();
        let said = root.say("m3", "Hello").await;
        messages.push(begun.elapsed());
        assert_eq!(said["chat"]["response"], "I am small.", "{said}");
    }
    (median(pages), median(messages))
}

#[apply(on_both_databases)]
async fn ten_thousand_models_are_listed_and_answer(on: On) {
    let app = TestApp::with(on, "ledger.signup_grant = 1000000").await;
    let service = Service::start(KEY).await;
    let double = provider(&app, "double", &service.url).await;
    for number in 0..10 {
        super::model(&app, &format!("m{number}"), &[&double], Price::flat(1)).await;
    }
    let root = app.superuser("root").await;
    let (page_of_ten, message_of_ten) = times(&root).await;
    let configured = app.app.models().entries().len() - 10;

    let first = model::Entity::find().one(app.app.db.read()).await.unwrap().unwrap();
    let rows = (10..10_000).map(|number| model::ActiveModel {
        id: NotSet,
        name: Set(format!("m{number}")),
        ..first.clone().into_active_model()
    });
    let rows: Vec<_> = rows.map(|row| row.reset_all()).map(|row| model::ActiveModel { id: NotSet, ..row }).collect();
    for rows in rows.chunks(500) {
        model::Entity::insert_many(rows.to_vec()).exec_without_returning(app.app.db.read()).await.unwrap();
    }
    let ids: Vec<_> = model::Entity::find().all(app.app.db.read()).await.unwrap().into_iter().skip(10).collect();
    for rows in ids.chunks(500) {
        let routes = rows.iter().map(|row| model_route::ActiveModel {
            id: NotSet,
            model_id: Set(row.id),
            provider_id: Set(double.id),
            upstream_model: Set("small".to_owned()),
            position: Set(0),
            weight: Set(1),
        });
        model_route::Entity::insert_many(routes).exec_without_returning(app.app.db.read()).await.unwrap();
    }
    let epoch = catalog_epoch::ActiveModel { id: Set(catalog_epoch::ROW), epoch: Set(1_000_000), ..Default::default() };
    epoch.update(app.app.db.read()).await.unwrap();
    let begun = Instant::now();
    catalog::refresh(&app.app).await.unwrap();
    eprintln!("10,000 models are loaded in {:?}", begun.elapsed());
    assert_eq!(app.app.models().entries().len(), 10_000 + configured);
    let begun = Instant::now();
    catalog::update_model(
        &app.app,
        jeton::core::viewer::Actor::CommandLine,
        "m7",
        catalog::ModelUpdate { title: Some(Some("seven".to_owned())), ..Default::default() },
    )
    .await
    .unwrap();
    eprintln!("and one changed in {:?}", begun.elapsed());

    let (page, message) = times(&root).await;
    eprintln!("a page: {page_of_ten:?}, {page:?}; a message: {message_of_ten:?}, {message:?}");
    let mut after = serde_json::Value::Null;
    let query = "query($after: String) { catalogModels(first: 100, after: $after, source: DATABASE) { totalCount
        nodes { name } pageInfo { endCursor hasNextPage } } }";
    let mut names = Vec::new();
    for _ in 0..3 {
        let page = root.data(query, json!({ "after": after })).await["catalogModels"].take();
        assert_eq!((&page["totalCount"], &page["pageInfo"]["hasNextPage"]), (&json!(10_000), &json!(true)));
        names.extend(page["nodes"].as_array().unwrap().iter().map(|node| node["name"].as_str().unwrap().to_owned()));
        after = page["pageInfo"]["endCursor"].clone();
    }
    assert!(names.is_sorted() && names.len() == 300, "{names:?}");
    clients_find_models_of_a_large_catalog(&root).await;
}

#[expect(clippy::print_stderr, reason = "figures for people who run the test")]
async fn clients_find_models_of_a_large_catalog(root: &Client) {
    // The list of all is too much for an operation.
    let all =
        "{ models { name title description default maxOutput price { perMessage perMillionInput perMillionOutput } } }";
    root.code(all, json!({})).await;
    let query = "query($search: String, $names: [String!], $after: String) { defaultModel { name default }
        it: modelsConnection(first: 50, search: $search, names: $names, after: $after) { totalCount
        nodes { name title description default maxOutput price { perMessage perMillionInput } }
        pageInfo { endCursor hasNextPage } } }";
    let first = root.data(query, json!({})).await;
    let page = &first["it"];
    assert!(page["totalCount"].as_u64().unwrap() >= 10_000 && page["pageInfo"]["hasNextPage"] == true, "{page}");
    assert_eq!(first["defaultModel"]["default"], true);
    let begun = Instant::now();
    let found = root.data(query, json!({ "search": "  SEVEN m7 " })).await["it"].take();
    eprintln!("a search takes {:?}", begun.elapsed());
    assert_eq!((&found["totalCount"], &found["nodes"][0]["name"]), (&json!(1), &json!("m7")), "{found}");
    let named = root.data(query, json!({ "names": ["m9999", "none", "m5000"] })).await["it"].take();
    assert_eq!((&named["totalCount"], &named["nodes"][0]["name"]), (&json!(2), &json!("m5000")), "{named}");
    assert_eq!(root.code(query, json!({ "names": vec!["m"; 101] })).await, "INVALID_INPUT");
    let begun = Instant::now();
    let listed = root.get("/v1/models").await;
    eprintln!("/v1/models: {} bytes in {:?}", listed.text.len(), begun.elapsed());
    assert!(listed.json()["data"].as_array().unwrap().len() >= 10_000);
}
