//! Several servers, and servers that die: each event is delivered once as a rule, and at least once always.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jeton::app::App;
use jeton::domain::webhook::{self as domain, deliver_due};
use jeton::infra::entity::webhook::Event;
use jeton::infra::entity::webhook_delivery::State;
use rstest_reuse::apply;
use tokio::sync::Semaphore;

use super::{Receiver, Reply, deliveries, webhook, with_receiver};
use crate::support::{On, TestApp, on_both_databases};

async fn another(app: &TestApp) -> App {
    let server = app.second_server();
    domain::refresh(&server).await.unwrap();
    server
}

#[apply(on_both_databases)]
async fn two_servers_deliver_each_event_once(on: On) {
    let (app, receiver, ..) = with_receiver(on, &[]).await;
    let other = another(&app).await;
    for number in 0..30 {
        app.user(&format!("user{number}")).await;
    }
    let mut sent = 0;
    while sent < 30 {
        let (one, two) = tokio::join!(deliver_due(&app.app), deliver_due(&other));
        sent += one.unwrap() + two.unwrap();
    }
    let ids: BTreeSet<_> = receiver.received().iter().map(|one| one.header("webhook-id").to_owned()).collect();
    assert_eq!((ids.len(), receiver.received().len()), (30, 30));
    assert!(deliveries(&app.app).await.iter().all(|row| row.state == State::Delivered));
}

#[apply(on_both_databases)]
async fn what_a_killed_server_has_not_recorded_is_sent_again_by_another(on: On) {
    let app = TestApp::with(on, "webhooks.allow_private_networks = true\nwebhooks.timeout = '30s'").await;
    let receiver = Receiver::start(&[Reply::Hang]).await;
    webhook(&app.app, "hook", &receiver.url, &[Event::UserCreated]).await;
    app.user("mia").await;
    let (killed, other) = (app.second_server(), another(&app).await);
    domain::refresh(&killed).await.unwrap();
    let running = tokio::spawn(async move { deliver_due(&killed).await });
    while receiver.received().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    running.abort();
    running.await.unwrap_err();
    assert_eq!(deliver_due(&other).await.unwrap(), 0, "the lease of the killed server holds");
    app.clock.advance(Duration::from_secs(61));
    assert_eq!(deliver_due(&other).await.unwrap(), 1);
    let [first, second] = receiver.received().try_into().unwrap();
    assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
    let [row] = deliveries(&app.app).await.try_into().unwrap();
    assert_eq!((row.state, row.attempts), (State::Delivered, 1));
}

#[apply(on_both_databases)]
async fn a_server_that_lost_its_lease_records_nothing(on: On) {
    let gate = Arc::new(Semaphore::new(0));
    let app = TestApp::with(on, "webhooks.allow_private_networks = true\nwebhooks.timeout = '30s'").await;
    let receiver = Receiver::start(&[Reply::Wait(gate.clone())]).await;
    webhook(&app.app, "hook", &receiver.url, &[Event::UserCreated]).await;
    app.user("mia").await;
    let other = another(&app).await;
    let paused = app.app.clone();
    let running = tokio::spawn(async move { deliver_due(&paused).await });
    while receiver.received().is_empty() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    app.clock.advance(Duration::from_secs(61));
    assert_eq!(deliver_due(&other).await.unwrap(), 1);
    gate.add_permits(1);
    running.await.unwrap().unwrap_err();
    let [row] = deliveries(&app.app).await.try_into().unwrap();
    assert_eq!((row.state, row.attempts), (State::Delivered, 1));
}

#[apply(on_both_databases)]
async fn a_webhook_that_another_server_deleted_fails_no_one(on: On) {
    let (app, receiver, row, _) = with_receiver(on, &[]).await;
    let other = another(&app).await;
    domain::delete(&other, jeton::core::viewer::Actor::CommandLine, row.id).await.unwrap();
    // This server does not know it yet.
    app.user("mia").await;
    domain::refresh(&app.app).await.unwrap();
    assert_eq!(deliver_due(&app.app).await.unwrap(), 0);
    assert_eq!(receiver.received().len(), 0);
}
