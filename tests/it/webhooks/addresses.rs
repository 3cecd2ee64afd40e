//! Addresses in private networks are refused: when they are entered, and again when a connection is made.

use jeton::core::viewer::Actor;
use jeton::domain::webhook::{self as domain, deliver_due};
use jeton::infra::entity::webhook::{ActiveModel, Event};
use jeton::infra::entity::webhook_delivery::State;
use rstest_reuse::apply;
use sea_orm::{ActiveModelTrait, Set};
use serde_json::json;

use super::{Receiver, deliveries, webhook};
use crate::catalog::mutate;
use crate::support::{On, TestApp, on_both_databases};

#[apply(on_both_databases)]
async fn private_addresses_are_refused_when_they_are_entered(on: On) {
    let app = TestApp::start(on).await;
    let root = app.superuser("root").await;
    for url in [
        "http://127.0.0.1/",
        "http://127.1:8000/x",
        "http://2130706433/",
        "https://10.1.2.3/hook",
        "http://169.254.169.254/latest/meta-data/",
        "http://100.64.0.1/",
        "http://[::1]/",
        "http://[fd00::1]/",
        "http://[::ffff:192.168.1.1]/",
        "http://[64:ff9b::a00:1]/",
    ] {
        let input = json!({ "name": url, "url": url, "events": ["USER_CREATED"] });
        let payload = mutate(&root, "createWebhook", input, "webhook { id }").await;
        assert_eq!(payload["errors"][0]["field"], "url", "{url}: {payload}");
        assert!(payload["errors"][0]["message"].as_str().unwrap().contains("private network"), "{payload}");
    }
}

#[apply(on_both_databases)]
async fn a_name_of_a_private_address_is_refused_at_the_connection(on: On) {
    let app = TestApp::start(on).await;
    let receiver = Receiver::start(&[]).await;
    // A name is resolved only when a connection is made, since it may have another address by then.
    let named = receiver.url.replace("127.0.0.1", "localhost");
    let (row, _) = webhook(&app.app, "hook", &named, &[Event::UserCreated]).await;
    let tested = domain::test(&app.app, Actor::CommandLine, row.id).await.unwrap();
    assert_eq!((tested.state, tested.last_status), (State::Failed, None));
    let error = tested.last_error.unwrap();
    assert!(error.contains("private network") && !error.contains("localhost"), "{error}");
    // One that was entered while the configuration allowed it.
    let row = ActiveModel { id: Set(row.id), url: Set(receiver.url.clone()), ..Default::default() };
    row.update(app.app.db.read()).await.unwrap();
    domain::refresh(&app.app).await.unwrap();
    app.user("mia").await;
    assert_eq!(deliver_due(&app.app).await.unwrap(), 1);
    let last = deliveries(&app.app).await.pop().unwrap();
    assert!(last.last_error.unwrap().contains("private network"));
    assert_eq!(receiver.received().len(), 0, "nothing was sent");
}
