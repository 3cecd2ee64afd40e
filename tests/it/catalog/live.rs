//! Three servers on one database: a price, a key and a disabled model are in force on all within a second, under load, and
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
use crate::support::{On, TestApp, on_both_databases};

/// The time after which a change is taken for lost.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Waits until this is so on all other servers, and prints how long it took: a busy machine may need longer than the second
/// that is promised.
#[expect(clippy::print_stderr, reason = "a figure for people who run the test")]
async fn in_force(what: &str, others: &[&App], is_so: impl Fn(&App) -> bool) {
    let begun = Instant::now();
    while !others.iter().all(|server| is_so(server)) {
        assert!(begun.elapsed() < TIMEOUT, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    eprintln!("{what} is in force on the others after {:?}", begun.elapsed());
}

async fn changes_are_in_force_everywhere(on: On, settings: &str) {
    let app = TestApp::with(on, &format!("ledger.signup_grant = 100000000\n{settings}")).await;
    let service = Service::start(KEY).await;
    let double = provider(&app, "double", &service.url).await;
    model(&app, "m", &[&double], Price::flat(1)).await;
    let servers = [app.app.clone(), app.second_server(), app.second_server()];
    let [one, two, three] = &servers;
    for server in &servers {
        catalog::refresh(server).await.unwrap();
        tokio::spawn(catalog::run_watcher(server.clone()));
        while server.bus.health().is_some_and(|health| !health.is_up) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    tokio::time::sleep(Duration::from_millis(200)).await;

    // Load: messages at all servers until the end.
    let stop = Arc::new(AtomicBool::new(false));
    let mut loads = Vec::new();
    for number in 0..6 {
        let client = app.user(&format!("user{number}")).await;
        let server = &servers[number % servers.len()];
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
    for number in 2..12_u32 {
        let per_message = i64::from(number);
        let price = Price { per_message, ..Price::per_million(per_message * 1_000_000, per_message * 2_000_000) };
        let at = number as usize % servers.len();
        catalog::set_price(&servers[at], Actor::CommandLine, "m", price).await.unwrap();
        let price_at = |server: &App| server.models().entry("m").unwrap().model.price;
        assert_eq!(price_at(&servers[at]), price);
        in_force("a price", &servers.each_ref(), |server| price_at(server) == price).await;
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
        let version = pricing::find(one, chat.price_id.unwrap()).await.unwrap();
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
    let clients = [mia.clone(), mia.at(jeton::server::router(two)), mia.at(jeton::server::router(three))];
    service.accept("sk-the-other-key-0123456789");
    let key = Some(Some("sk-the-other-key-0123456789".into()));
    catalog::update_provider(one, Actor::CommandLine, double.id, ProviderUpdate { key, ..Default::default() })
        .await
        .unwrap();
    let id = double.id;
    let last = |server: &App| server.models().provider(id).unwrap().row.key_last_four.clone();
    in_force("a key", &[two, three], |server| last(server).as_deref() == Some("6789")).await;
    for client in &clients {
        assert_eq!(client.say("m", "Hello").await["chat"]["response"], "I am small.");
    }
    let disable = ModelUpdate { enabled: Some(false), ..Default::default() };
    catalog::update_model(one, Actor::CommandLine, "m", disable).await.unwrap();
    in_force("a disabled model", &[two, three], |server| server.models().get(Some("m")).is_none()).await;
    for client in &clients {
        assert_eq!(client.say("m", "Hello").await["errors"][0]["field"], "model");
    }
    for server in &servers {
        server.stopping.cancel();
    }
}

#[apply(on_both_databases)]
async fn changes_are_in_force_on_three_servers_without_redis(on: On) {
    changes_are_in_force_everywhere(on, "").await;
}

/// Returns the settings of servers with a Redis that no other test uses.
fn over_redis() -> String {
    let redis = std::env::var("JETON_TEST_REDIS").expect("JETON_TEST_REDIS names a Redis server for tests");
    let own = Random::system().hex128();
    format!(
        "cluster.redis = '{redis}'\nauth.secret = 'replaced, since the fixture has its own'\nauth.api_key_pepper = '{own}'"
    )
}

#[apply(on_both_databases)]
async fn changes_are_in_force_on_three_servers_over_redis(on: On) {
    changes_are_in_force_everywhere(on, &over_redis()).await;
}

#[apply(on_both_databases)]
async fn weights_are_kept_on_each_of_three_servers_over_redis(on: On) {
    let app = TestApp::with(on, &format!("ledger.signup_grant = 1000000\n{}", over_redis())).await;
    let doubles = [Service::start(KEY).await, Service::start(KEY).await];
    let (first, second) = (provider(&app, "a", &doubles[0].url).await, provider(&app, "b", &doubles[1].url).await);
    model(&app, "m", &[&first, &second], Price::flat(1)).await;
    let servers = [app.app.clone(), app.second_server(), app.second_server()];
    for server in &servers {
        catalog::refresh(server).await.unwrap();
        tokio::spawn(catalog::run_watcher(server.clone()));
    }
    let route = |(id, weight)| catalog::Route {
        provider_id: id,
        upstream_model: "small".to_owned(),
        order: Some(0),
        weight: Some(weight),
    };
    let routes = Some([(first.id, 3), (second.id, 1)].map(route).to_vec());
    let weighted = ModelUpdate { routes, ..ModelUpdate::default() };
    catalog::update_model(&servers[0], Actor::CommandLine, "m", weighted).await.unwrap();
    let has_weights = |server: &App| {
        let models = server.models();
        let row = models.entry("m").unwrap().row.clone().unwrap();
        row.routes.iter().map(|route| route.weight).eq([3, 1])
    };
    in_force("weights", &servers.each_ref(), has_weights).await;
    let mia = app.user("mia").await;
    for server in &servers {
        let before = doubles.each_ref().map(|double| double.seen().len());
        let client = mia.at(jeton::server::router(server));
        for _ in 0..8 {
            assert_eq!(client.say("m", "Hello").await["chat"]["response"], "I am small.");
        }
        let sent = [0, 1].map(|at| doubles[at].seen().len() - before[at]);
        assert_eq!(sent, [6, 2], "three of four");
        server.stopping.cancel();
    }
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
