//! Two servers on one database: a price, a key and a disabled model are in force on both within a second, under load, and
//! each chat costs what the version of its price says.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jeton::app::App;
use jeton::core::price::Price;
use jeton::core::random::Random;
use jeton::core::viewer::Actor;
use jeton::domain::catalog::{self, ModelUpdate, ProviderUpdate};
use jeton::domain::pricing;
use jeton::infra::entity::chat;
use rstest_reuse::apply;
use sea_orm::EntityTrait;

use super::{KEY, Service, model, provider};
use crate::support::{Client, On, TestApp, on_both_databases};

const SECOND: Duration = Duration::from_secs(1);

/// Waits until this is so on a server, and returns how long it took.
async fn within_a_second(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < SECOND, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn changes_are_in_force_everywhere(on: On, settings: &str) {
    let app = TestApp::with(on, &format!("ledger.signup_grant = 100000000\n{settings}")).await;
    let service = Service::start(KEY).await;
    let double = provider(&app, "double", &service.url).await;
    model(&app, "m", &[&double], Price::flat(1)).await;
    let (one, two) = (app.app.clone(), app.second_server());
    catalog::refresh(&two).await.unwrap();
    for server in [&one, &two] {
        tokio::spawn(catalog::run_watcher(server.clone()));
        while server.bus.health().is_some_and(|health| !health.is_up) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    tokio::time::sleep(Duration::from_millis(200)).await;

    // Load: messages at both servers until the end.
    let stop = Arc::new(AtomicBool::new(false));
    let mut loads = Vec::new();
    for number in 0..4 {
        let client = app.user(&format!("user{number}")).await;
        let server = if number % 2 == 0 { &one } else { &two };
        let (client, stop) = (client.at(jeton::server::router(server)), stop.clone());
        loads.push(tokio::spawn(async move {
            let mut sent = 0;
            while !stop.load(Ordering::Relaxed) {
                client.say("m", "Hello").await;
                sent += 1;
            }
            sent
        }));
    }
    let price_at = |server: &App| server.models().entry("m").unwrap().model.price;
    for number in 2..12 {
        let price = Price { per_message: number, ..Price::per_million(number * 1_000_000, number * 2_000_000) };
        let (at, other) = if number % 2 == 0 { (&one, &two) } else { (&two, &one) };
        catalog::set_price(at, Actor::CommandLine, "m", price).await.unwrap();
        assert_eq!(price_at(at), price);
        within_a_second("a price", || price_at(other) == price).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut sent = 0;
    for load in loads {
        sent += load.await.unwrap();
    }
    assert!(sent > 20, "{sent} messages");
    let (mut versions, mut wrong) = (std::collections::BTreeSet::new(), Vec::new());
    for chat in chat::Entity::find().all(app.app.db.read()).await.unwrap() {
        let version = pricing::find(&one, chat.price_id.unwrap()).await.unwrap();
        versions.insert(version.version);
        let cost = version.price().of_reply(chat.usage().unwrap());
        if chat.cost != cost {
            wrong.push((chat.id, chat.cost, cost));
        }
    }
    assert_eq!(wrong, [], "at a mixed price");
    assert!(versions.len() > 3, "messages were sent at {versions:?}");

    // A key, and then a disabled model.
    let mia = app.user("mia").await;
    let at_two = mia.at(jeton::server::router(&two));
    service.accept("sk-the-other-key-0123456789");
    let key = Some(Some("sk-the-other-key-0123456789".into()));
    catalog::update_provider(&one, Actor::CommandLine, double.id, ProviderUpdate { key, ..Default::default() })
        .await
        .unwrap();
    let id = double.id;
    let last = |server: &App| server.models().provider(id).unwrap().row.key_last_four.clone();
    within_a_second("a key", || last(&two).as_deref() == Some("6789")).await;
    assert_eq!(at_two.say("m", "Hello").await["chat"]["response"], "I am small.");
    let disable = ModelUpdate { enabled: Some(false), ..Default::default() };
    catalog::update_model(&one, Actor::CommandLine, "m", disable).await.unwrap();
    within_a_second("a disabled model", || two.models().get(Some("m")).is_none()).await;
    let refused = async |client: &Client| client.say("m", "Hello").await["errors"][0]["field"] == "model";
    assert!(refused(&mia).await && refused(&at_two).await);
    for server in [&one, &two] {
        server.stopping.cancel();
    }
}

#[apply(on_both_databases)]
async fn changes_are_in_force_within_a_second_without_redis(on: On) {
    changes_are_in_force_everywhere(on, "").await;
}

#[apply(on_both_databases)]
async fn changes_are_in_force_within_a_second_over_redis(on: On) {
    let redis = std::env::var("JETON_TEST_REDIS").expect("JETON_TEST_REDIS names a Redis server for tests");
    let own = Random::system().hex128();
    let settings = format!(
        "cluster.redis = '{redis}'\nauth.secret = 'replaced, since the fixture has its own'\nauth.api_key_pepper = '{own}'"
    );
    changes_are_in_force_everywhere(on, &settings).await;
}

#[apply(on_both_databases)]
async fn a_running_turn_ends_with_what_it_began_with(on: On) {
    let app = TestApp::start(on).await;
    // A service that is slow to answer.
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
    let slow = provider(&app, "slow", &url).await;
    model(&app, "m", &[&slow], Price::flat(2)).await;
    let mia = app.user("mia").await;
    let saying = tokio::spawn({
        let mia = mia.clone();
        async move { mia.say("m", "Hello").await }
    });
    while app.balance(&mia).await.1 == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    catalog::set_price(&app.app, Actor::CommandLine, "m", Price::flat(50)).await.unwrap();
    catalog::delete_model(&app.app, Actor::CommandLine, "m").await.unwrap();
    catalog::delete_provider(&app.app, Actor::CommandLine, slow.id).await.unwrap();
    gate.add_permits(1);
    let said = saying.await.unwrap();
    assert_eq!((&said["chat"]["response"], &said["chat"]["cost"]), (&"Late.".into(), &2.into()), "{said}");
}
