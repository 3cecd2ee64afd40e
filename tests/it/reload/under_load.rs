//! Reloads while messages run.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jeton::domain::pricing;
use jeton::infra::entity::{chat, price};
use rstest_reuse::apply;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};

use super::{Reloading, model};
use crate::catalog::Service;
use crate::support::{On, on_both_databases};

#[apply(on_both_databases)]
async fn each_chat_costs_what_the_version_of_its_price_says(on: On) {
    let reloading = Reloading::start(on, "[ledger]\nsignup_grant = 100000000\n").await;
    let service = Service::start("").await;
    let settings = |number: i64| {
        let price = format!("price = {{ per_message = {number}, per_million_input = {number}000000 }}");
        format!("[ledger]\nsignup_grant = 100000000\n{}", model("m", &service.url, &price))
    };
    reloading.with(&settings(1)).await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let mut loads = Vec::new();
    for number in 0..4 {
        let client = reloading.app.user(&format!("user{number}")).await;
        let stop = stop.clone();
        loads.push(tokio::spawn(async move {
            let mut sent = 0;
            while !stop.load(Ordering::Relaxed) {
                let said = client.say("m", "Hello").await;
                assert_eq!(said["chat"]["status"], "DONE", "{said}");
                sent += 1;
            }
            sent
        }));
    }
    let mut last = 1;
    for number in [2, 3, 2, 1, 5, 6, 5, 8] {
        tokio::time::sleep(Duration::from_millis(50)).await;
        reloading.with(&settings(number)).await.unwrap();
        last = number;
    }
    stop.store(true, Ordering::Relaxed);
    let mut sent = 0;
    for load in loads {
        sent += load.await.unwrap();
    }
    let app = &reloading.app.app;
    let (mut versions, mut wrong) = (BTreeSet::new(), Vec::new());
    for chat in chat::Entity::find().all(app.db.read()).await.unwrap() {
        let version = pricing::find(app, chat.price_id.unwrap()).await.unwrap();
        versions.insert(version.version);
        let cost = version.price().of_reply(chat.usage().unwrap());
        if chat.cost != cost {
            wrong.push((chat.id, chat.cost, cost));
        }
    }
    assert_eq!(wrong, [], "at a mixed price");
    assert!(versions.len() > 3 && sent > 20, "{sent} messages were sent at {versions:?}");
    // One version for each reload: none is stored again by a message that was being sent.
    let stored = price::Entity::find().filter(price::Column::Model.eq("m")).count(app.db.read()).await.unwrap();
    assert_eq!((stored, app.models().get(Some("m")).unwrap().price.per_message), (9, last));
}

#[apply(on_both_databases)]
async fn a_running_turn_ends_with_what_it_began_with(on: On) {
    let reloading = Reloading::start(on, "").await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let opened = gate.clone();
    let router = axum::Router::new().fallback(move || {
        let gate = opened.clone();
        async move {
            gate.acquire().await.unwrap().forget();
            let chunk = r#"{"choices":[{"index":0,"delta":{"content":"Late."},"finish_reason":"stop"}]}"#;
            ([("content-type", "text/event-stream")], format!("data: {chunk}\n\ndata: [DONE]\n\n"))
        }
    });
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    reloading.with(&model("m", &url, "price = { per_message = 2 }")).await.unwrap();
    let mia = reloading.app.user("mia").await;
    let saying = tokio::spawn({
        let mia = mia.clone();
        async move { mia.say("m", "Hello").await }
    });
    while reloading.app.balance(&mia).await.1 == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    reloading.with(&model("m", &url, "price = { per_message = 50 }")).await.unwrap();
    reloading.with("[turns]\nfirst_chunk_timeout = '1ms'\nturn_timeout = '1ms'\n").await.unwrap();
    gate.add_permits(1);
    let said = saying.await.unwrap();
    assert_eq!((&said["chat"]["response"], &said["chat"]["cost"]), (&"Late.".into(), &2.into()), "{said}");
}
