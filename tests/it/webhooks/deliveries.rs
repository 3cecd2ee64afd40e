//! Receivers that fail, hang, redirect, answer late or reset the connection, and what follows from it.

use std::time::Duration;

use jeton::core::viewer::Actor;
use jeton::domain::webhook::{self as domain, WebhookUpdate, deliver_due};
use jeton::infra::entity::audit_event;
use jeton::infra::entity::webhook::{DisabledReason, Event};
use jeton::infra::entity::webhook_delivery::State;
use rstest_reuse::apply;
use sea_orm::EntityTrait;

use super::{LOCAL, Receiver, Reply, all_events, deliveries, find, webhook, with_receiver};
use crate::support::{On, TestApp, on_both_databases};

const HOUR: Duration = Duration::from_secs(3600);

#[apply(on_both_databases)]
async fn an_event_is_signed_and_delivered_once(on: On) {
    let (app, receiver, _, secret) = with_receiver(on, &[]).await;
    app.user("mia").await;
    assert_eq!(deliver_due(&app.app).await.unwrap(), 1);
    assert_eq!(deliver_due(&app.app).await.unwrap(), 0);
    let [received] = receiver.received().try_into().unwrap();
    assert!(received.is_signed_by(&secret), "{received:?}");
    assert_eq!(received.header("content-type"), "application/json");
    assert!(received.header("user-agent").starts_with("jeton/"));
    assert_eq!(received.header("webhook-timestamp"), app.clock.now().timestamp().to_string());
    let body = received.json();
    assert_eq!((&body["type"], &body["data"]["username"]), (&"user.created".into(), &"mia".into()), "{body}");
    assert_eq!(body["timestamp"], "2026-03-01T12:00:00.123456Z");
    let [row] = deliveries(&app.app).await.try_into().unwrap();
    assert_eq!((row.state, row.attempts, row.last_status, row.last_error), (State::Delivered, 1, Some(204), None));
    assert_eq!(row.event_id, received.header("webhook-id"));
    assert!(row.event_id.starts_with("msg_") && !row.event_id.contains('.'));
}

#[apply(on_both_databases)]
async fn failures_are_retried_with_the_same_id_and_named(on: On) {
    let (app, receiver, row, secret) = with_receiver(on, &[]).await;
    app.user("mia").await;
    let private = "http://127.0.0.1:1/private".to_owned();
    let cases = [
        (Reply::Status(500), Some(500), "The receiver responded 500 Internal Server Error."),
        (Reply::Redirect(private), Some(302), "Redirects are not followed"),
        (Reply::Hang, None, "did not respond in time"),
        (Reply::Late(Duration::from_secs(20)), None, "did not respond in time"),
        (Reply::RetryAfter(429, "3600"), Some(429), "429"),
        (Reply::Status(404), Some(404), "404"),
    ];
    for (attempt, (reply, status, why)) in cases.into_iter().enumerate() {
        receiver.play([reply.clone()]);
        assert_eq!(deliver_due(&app.app).await.unwrap(), 1, "{reply:?}");
        assert_eq!(deliver_due(&app.app).await.unwrap(), 0, "not before the delay is over");
        let [delivery] = deliveries(&app.app).await.try_into().unwrap();
        assert_eq!(
            (delivery.state, delivery.attempts, delivery.last_status),
            (State::Pending, attempt as i64 + 1, status)
        );
        let error = delivery.last_error.unwrap();
        assert!(error.contains(why) && !error.contains("sesame"), "{error}");
        assert!(delivery.next_attempt_at > app.clock.now());
        if matches!(reply, Reply::RetryAfter(..)) {
            assert_eq!((delivery.next_attempt_at - app.clock.now()).num_seconds(), 3600);
        }
        app.clock.advance(HOUR + Duration::from_secs(1));
    }
    assert_eq!(deliver_due(&app.app).await.unwrap(), 1);
    let [delivery] = deliveries(&app.app).await.try_into().unwrap();
    assert_eq!((delivery.state, delivery.attempts, delivery.last_error), (State::Delivered, 7, None));
    let received = receiver.received();
    assert_eq!(received.len(), 7);
    assert!(received.iter().all(|one| one.is_signed_by(&secret) && one.body == received[0].body));
    assert!(received.iter().all(|one| one.header("webhook-id") == received[0].header("webhook-id")));
    assert_ne!(received[0].header("webhook-timestamp"), received[6].header("webhook-timestamp"));
    assert_eq!(find(&app.app, &row).await.failing_since, None);
}

#[apply(on_both_databases)]
async fn resets_and_closed_ports_are_failures(on: On) {
    let app = TestApp::with(on, LOCAL).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    webhook(&app.app, "resets", &url, &all_events()).await;
    app.user("mia").await;
    tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        drop(socket);
    });
    for attempts in 1..=2 {
        // The second one finds nothing that listens.
        assert_eq!(deliver_due(&app.app).await.unwrap(), 1);
        let [delivery] = deliveries(&app.app).await.try_into().unwrap();
        assert_eq!((delivery.state, delivery.attempts, delivery.last_status), (State::Pending, attempts, None));
        assert!(!delivery.last_error.unwrap().contains("http://"), "without the address");
        app.clock.advance(HOUR);
    }
}

#[apply(on_both_databases)]
async fn a_body_without_an_end_is_not_read(on: On) {
    let (app, receiver, ..) = with_receiver(on, &[Reply::Endless]).await;
    app.user("mia").await;
    assert_eq!(deliver_due(&app.app).await.unwrap(), 1);
    assert_eq!(deliveries(&app.app).await[0].state, State::Delivered);
    assert_eq!(receiver.received().len(), 1);
}

#[apply(on_both_databases)]
async fn after_a_day_a_delivery_has_failed_and_can_be_sent_again(on: On) {
    let (app, receiver, _, _) = with_receiver(on, &[]).await;
    app.user("mia").await;
    let mut attempts = 0;
    while deliveries(&app.app).await[0].state == State::Pending {
        receiver.play([Reply::Status(500)]);
        attempts += deliver_due(&app.app).await.unwrap();
        app.clock.advance(HOUR / 2);
        assert!(attempts < 40);
    }
    let [failed] = deliveries(&app.app).await.try_into().unwrap();
    let took = failed.finished_at.unwrap() - failed.created_at;
    assert!((19..=24).contains(&took.num_hours()), "{took}");
    app.clock.advance(100 * HOUR);
    assert_eq!(deliver_due(&app.app).await.unwrap(), 0);
    domain::resend(&app.app, Actor::CommandLine, failed.id).await.unwrap();
    assert_eq!(deliver_due(&app.app).await.unwrap(), 1);
    let [again] = deliveries(&app.app).await.try_into().unwrap();
    assert_eq!((again.state, again.attempts), (State::Delivered, failed.attempts + 1));
    let received = receiver.received();
    assert_eq!(received.last().unwrap().header("webhook-id"), failed.event_id);
}

#[apply(on_both_databases)]
async fn a_receiver_that_is_gone_is_disabled(on: On) {
    let (app, receiver, row, _) = with_receiver(on, &[Reply::Status(410)]).await;
    app.user("mia").await;
    assert_eq!(deliver_due(&app.app).await.unwrap(), 1);
    let after = find(&app.app, &row).await;
    assert_eq!((after.enabled, after.disabled_reason), (false, Some(DisabledReason::Gone)));
    assert_eq!(deliveries(&app.app).await[0].state, State::Failed);
    let trail = audit_event::Entity::find().all(app.app.db.read()).await.unwrap();
    let event = trail.iter().find(|event| event.action == "webhook.disable").unwrap();
    assert_eq!((event.actor_name.as_str(), event.target_name.as_str()), ("(server)", "hook"));
    // Nothing is written for it any more, and nothing is sent again.
    app.user("tom").await;
    assert_eq!(deliveries(&app.app).await.len(), 1);
    let error = domain::resend(&app.app, Actor::CommandLine, deliveries(&app.app).await[0].id).await.unwrap_err();
    assert_eq!(error.message, "This webhook is disabled. Enable it first.");
    let enable = WebhookUpdate { enabled: Some(true), ..Default::default() };
    let enabled = domain::update(&app.app, Actor::CommandLine, row.id, enable).await.unwrap();
    assert_eq!((enabled.enabled, enabled.disabled_reason, enabled.failing_since), (true, None, None));
    app.user("kim").await;
    assert_eq!(deliver_due(&app.app).await.unwrap(), 1);
    assert_eq!(receiver.received().last().unwrap().json()["data"]["username"], "kim");
}

#[apply(on_both_databases)]
async fn a_receiver_that_fails_for_days_is_disabled_and_the_rest_given_up(on: On) {
    let (app, receiver, row, _) = with_receiver(on, &[]).await;
    let mut number = 0;
    while find(&app.app, &row).await.enabled {
        app.user(&format!("user{number}")).await;
        receiver.play((0..8).map(|_| Reply::Status(500)));
        deliver_due(&app.app).await.unwrap();
        app.clock.advance(12 * HOUR);
        number += 1;
        assert!(number < 20);
    }
    assert_eq!(number, 11, "five days after the first failure");
    assert_eq!(find(&app.app, &row).await.disabled_reason, Some(DisabledReason::Failing));
    app.clock.advance(25 * HOUR);
    assert_eq!(deliver_due(&app.app).await.unwrap(), 0);
    let rows = deliveries(&app.app).await;
    assert!(rows.iter().all(|row| row.state == State::Failed), "{rows:?}");
    assert!(rows.iter().any(|row| row.last_error.as_deref() == Some("The webhook was disabled.")), "{rows:?}");
}

#[apply(on_both_databases)]
async fn a_slow_receiver_does_not_delay_others(on: On) {
    let app = TestApp::with(on, "webhooks.allow_private_networks = true\nwebhooks.timeout = '30s'").await;
    let (slow, fast) =
        (Receiver::start(&std::array::from_fn::<_, 50, _>(|_| Reply::Hang)).await, Receiver::start(&[]).await);
    webhook(&app.app, "slow", &slow.url, &[Event::UserCreated]).await;
    webhook(&app.app, "fast", &fast.url, &[Event::UserCreated]).await;
    for number in 0..10 {
        app.user(&format!("user{number}")).await;
    }
    let server = app.app.clone();
    let delivering = tokio::spawn(async move { deliver_due(&server).await });
    let delivered = async || deliveries(&app.app).await.iter().filter(|row| row.state == State::Delivered).count();
    while delivered().await < 10 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(fast.received().len(), 10);
    assert!(slow.received().len() <= 4, "at most four at a time");
    app.app.stopping.cancel();
    delivering.await.unwrap().unwrap();
    let rows = deliveries(&app.app).await;
    assert_eq!(rows.iter().filter(|row| row.state == State::Pending).count(), 10, "those of the slow one");
}

#[apply(on_both_databases)]
async fn a_test_is_sent_at_once_and_not_retried(on: On) {
    let (app, receiver, row, secret) = with_receiver(on, &[Reply::Status(500)]).await;
    let failed = domain::test(&app.app, Actor::CommandLine, row.id).await.unwrap();
    assert_eq!((failed.state, failed.attempts, failed.last_status), (State::Failed, 1, Some(500)));
    let passed = domain::test(&app.app, Actor::CommandLine, row.id).await.unwrap();
    assert_eq!((passed.state, passed.last_status), (State::Delivered, Some(204)));
    assert_eq!(deliver_due(&app.app).await.unwrap(), 0);
    let received = receiver.received();
    assert!(received[1].is_signed_by(&secret));
    assert_eq!(received[1].json()["type"], "webhook.test");
    let disable = WebhookUpdate { enabled: Some(false), ..Default::default() };
    domain::update(&app.app, Actor::CommandLine, row.id, disable).await.unwrap();
    let tested = domain::test(&app.app, Actor::CommandLine, row.id).await.unwrap();
    assert_eq!(tested.state, State::Delivered, "also while it is disabled");
}

#[apply(on_both_databases)]
async fn the_log_is_deleted_after_its_period(on: On) {
    let (app, ..) = with_receiver(on, &[]).await;
    app.user("mia").await;
    deliver_due(&app.app).await.unwrap();
    app.clock.advance(30 * 24 * HOUR);
    jeton::domain::retention::run(&app.app).await.unwrap();
    assert_eq!(deliveries(&app.app).await.len(), 1);
    app.clock.advance(25 * HOUR);
    jeton::domain::retention::run(&app.app).await.unwrap();
    assert_eq!(deliveries(&app.app).await.len(), 0);
}
