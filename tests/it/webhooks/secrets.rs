//! Secrets: shown once, rotated without a gap, encrypted at rest, and found nowhere.

use std::process::Stdio;
use std::time::Duration;

use jeton::app::{App, Dependencies};
use jeton::core::random::Random;
use jeton::core::viewer::Actor;
use jeton::domain::webhook::{self as domain, deliver_due};
use jeton::infra::catalog::Models;
use jeton::infra::entity::webhook_delivery::State;
use jeton::infra::secrets::Secrets;
use rstest_reuse::apply;
use secrecy::ExposeSecret;
use serde_json::Value;

use super::{Receiver, deliveries, find, with_receiver};
use crate::support::installation::Installation;
use crate::support::{On, TestApp, on_both_databases};

#[apply(on_both_databases)]
async fn after_a_rotation_the_old_secret_signs_too_for_a_day(on: On) {
    let (app, receiver, row, old) = with_receiver(on, &[]).await;
    let (rotated, new) = domain::rotate_secret(&app.app, Actor::CommandLine, row.id).await.unwrap();
    assert!(rotated.previous_until.is_some() && old.expose_secret() != new.expose_secret());
    domain::test(&app.app, Actor::CommandLine, row.id).await.unwrap();
    app.clock.advance(Duration::from_secs(24 * 3600 + 1));
    domain::test(&app.app, Actor::CommandLine, row.id).await.unwrap();
    let [first, second] = receiver.received().try_into().unwrap();
    assert!(first.is_signed_by(&old) && first.is_signed_by(&new));
    assert!(first.header("webhook-signature").split(' ').all(|signature| signature.starts_with("v1,")));
    assert!(!second.is_signed_by(&old) && second.is_signed_by(&new));
}

async fn server(app: &TestApp, secrets: &[&str]) -> App {
    let mut config = app.app.config().as_ref().clone();
    config.auth.secret = secrets[0].into();
    config.auth.previous_secrets = secrets[1..].iter().map(|secret| (*secret).into()).collect();
    let outside = Dependencies {
        clock: app.clock.clone(),
        random: Random::seeded(4),
        models: Models::none(),
        secrets: Secrets::open(&config, &Random::seeded(1)).unwrap(),
    };
    let server = App::new(config, app.app.db.clone(), outside).unwrap();
    domain::refresh(&server).await.unwrap();
    server
}

#[apply(on_both_databases)]
async fn secrets_follow_a_rotation_of_the_servers_secret(on: On) {
    const OLD: &str = "a signing key for tests, and for tests only";
    const NEW: &str = "another signing key, after the first rotation";
    let (app, receiver, row, first) = with_receiver(on, &[]).await;
    let (_, second) = domain::rotate_secret(&app.app, Actor::CommandLine, row.id).await.unwrap();
    let rotated = server(&app, &[NEW, OLD]).await;
    assert_eq!(domain::secrets_in_use(&rotated).await.unwrap().len(), 2);
    assert_eq!(domain::reencrypt(&rotated).await.unwrap(), 1);
    assert_eq!(domain::reencrypt(&rotated).await.unwrap(), 0);
    let current = rotated.encryption.current_id();
    assert_eq!(domain::secrets_in_use(&rotated).await.unwrap(), [current.clone(), current]);
    let later = server(&app, &[NEW]).await;
    domain::test(&later, Actor::CommandLine, row.id).await.unwrap();
    let received = receiver.received().pop().unwrap();
    assert!(received.is_signed_by(&first) && received.is_signed_by(&second));
    // A server without the secret sends nothing, and says why.
    let foreign = server(&app, &["a signing key that never was one of this server"]).await;
    let tested = domain::test(&foreign, Actor::CommandLine, row.id).await.unwrap();
    assert_eq!((tested.state, receiver.received().len()), (State::Failed, 1));
    assert!(tested.last_error.unwrap().contains("can't be decrypted"));
}

#[apply(on_both_databases)]
async fn the_secret_and_the_address_are_found_nowhere(on: On) {
    let receiver = Receiver::start(&[]).await;
    let installation = Installation::new(on, &[("JETON_WEBHOOKS__ALLOW_PRIVATE_NETWORKS", "true")]).await;
    let added = installation.ok(&["webhook", "add", "hook", &receiver.url, "--json"]);
    let secret = serde_json::from_str::<Value>(&added).unwrap()["secret"].as_str().unwrap().to_owned();
    let log = tempfile::NamedTempFile::new().unwrap();
    let server = installation.serve_with_log(Stdio::from(log.reopen().unwrap()));
    server.register("mia").await;
    let begun = std::time::Instant::now();
    while receiver.received().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(30), "a server delivers what happens");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(receiver.received()[0].is_signed_by(&secret.clone().into()));
    assert!(server.terminate());
    let plain = secret.trim_start_matches("whsec_");
    let export = installation.ok(&["export", "-"]);
    assert!(export.contains("\"hook\"") && !export.contains(plain), "an export has the ciphertext");
    let logged = std::fs::read_to_string(log.path()).unwrap();
    assert!(!logged.contains(plain) && !logged.contains("sesame"), "{logged}");
    assert!(!installation.ok(&["webhook", "list"]).contains(plain));
    let deliveries = installation.ok(&["webhook", "deliveries", "hook", "--json"]);
    assert!(deliveries.contains("user.created") && !deliveries.contains(plain), "{deliveries}");
}

#[apply(on_both_databases)]
async fn a_debug_form_shows_no_secret(on: On) {
    let (app, _, row, secret) = with_receiver(on, &[]).await;
    app.user("mia").await;
    deliver_due(&app.app).await.unwrap();
    let debug = format!("{:?} {:?}", find(&app.app, &row).await, deliveries(&app.app).await);
    let sealed = find(&app.app, &row).await.sealed_secret.0;
    assert!(!debug.contains(secret.expose_secret()) && !debug.contains(&sealed));
}
