//! Keys at rest: encrypted, shown by no one, and readable after every rotation.

use std::process::Command;
use std::sync::Arc;

use jeton::app::{App, Dependencies};
use jeton::core::price::Price;
use jeton::core::random::Random;
use jeton::domain::catalog;
use jeton::infra::catalog::Models;
use jeton::infra::entity::provider;
use jeton::infra::secrets::Secrets;
use rstest_reuse::apply;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, Set};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{KEY, Service, model, mutate, provider_of};
use crate::support::installation::Installation;
use crate::support::{Client, On, PASSWORD, TestApp, on_both_databases};

const OLD: &str = "a signing key for tests, and for tests only";
const NEW: &str = "another signing key, after the first rotation";

/// Returns a server on the same database with these secrets, the first one current.
async fn server(app: &TestApp, secrets: &[&str]) -> App {
    let mut config = app.app.config().as_ref().clone();
    config.auth.secret = secrets[0].into();
    config.auth.previous_secrets = secrets[1..].iter().map(|secret| (*secret).into()).collect();
    config.auth.api_key_pepper = OLD.into();
    let outside = Dependencies {
        clock: app.clock.clone(),
        random: Random::seeded(4),
        models: Models::none(),
        secrets: Secrets::open(&config, &Random::seeded(1)).unwrap(),
    };
    let server = App::new(config, app.app.db.clone(), outside).unwrap();
    catalog::refresh(&server).await.unwrap();
    server
}

/// Returns the keys of a server's providers by name; `None` where one can't be decrypted.
fn keys(app: &App) -> Vec<(String, Option<String>)> {
    let key = |provider: &Arc<jeton::infra::catalog::ConnectedProvider>| {
        let key = provider.key.clone().ok().flatten().map(|key| key.expose_secret().to_owned());
        (provider.row.name.clone(), key)
    };
    app.models().providers().map(key).collect()
}

async fn rows(app: &App) -> Vec<provider::Model> {
    provider::Entity::find().all(app.db.read()).await.unwrap()
}

#[apply(on_both_databases)]
async fn every_key_is_readable_after_a_rotation_that_was_killed(on: On) {
    let app = TestApp::start(on).await;
    for number in 0..4 {
        provider_of(&app.app, &format!("p{number}"), "http://127.0.0.1:9", Some(&format!("{KEY}{number}"))).await;
    }
    provider_of(&app.app, "without", "http://127.0.0.1:9", None).await;
    let expected: Vec<_> = (0..4)
        .map(|number| (format!("p{number}"), Some(format!("{KEY}{number}"))))
        .chain([("without".to_owned(), None)])
        .collect();
    assert_eq!(keys(&app.app), expected);
    let before = rows(&app.app).await;

    // As if the server had been killed after two keys of four.
    let rotating = server(&app, &[NEW, OLD]).await;
    assert_eq!(catalog::reencrypt(&rotating).await.unwrap(), 4);
    for row in before.iter().skip(2).filter(|row| row.sealed_key.is_some()) {
        let row = provider::ActiveModel {
            id: Set(row.id),
            sealed_key: Set(row.sealed_key.clone()),
            seal_id: Set(row.seal_id.clone()),
            ..Default::default()
        };
        row.update(app.app.db.read()).await.unwrap();
    }
    let restarted = server(&app, &[NEW, OLD]).await;
    assert_eq!(keys(&restarted), expected, "both secrets are known");
    assert_eq!(catalog::secrets_in_use(&restarted).await.unwrap().len(), 2);
    assert_eq!(catalog::reencrypt(&restarted).await.unwrap(), 2);
    assert_eq!(catalog::reencrypt(&restarted).await.unwrap(), 0);
    assert_eq!(catalog::secrets_in_use(&restarted).await.unwrap(), [restarted.encryption.current_id()]);
    assert_eq!(keys(&server(&app, &[NEW]).await), expected, "the old secret is not needed any more");
    // A server that runs with the old secret keeps what it has decrypted.
    catalog::refresh(&app.app).await.unwrap();
    assert_eq!(keys(&app.app), expected);
}

#[apply(on_both_databases)]
async fn a_key_that_cannot_be_decrypted_is_told_and_is_not_no_key(on: On) {
    let app = TestApp::start(on).await;
    let service = Service::start(KEY).await;
    let one = provider_of(&app.app, "one", &service.url, Some(KEY)).await;
    let two = provider_of(&app.app, "two", &service.url, Some(KEY)).await;
    model(&app, "m", &[&one], Price::flat(1)).await;
    let (mia, root) = (app.user("mia").await, app.superuser("root").await);
    let other = server(&app, &[NEW]).await;
    let at = |client: &Client| {
        // Tokens of the first server are invalid at the other one, which has another secret.
        let user = client.user_id();
        let (other, router) = (other.clone(), jeton::server::router(&other));
        async move {
            let row = jeton::infra::entity::user::Entity::find_by_id(user).one(other.db.read()).await.unwrap().unwrap();
            Client::new(router, Some(jeton::domain::session::create(&other, row, &Default::default()).await.unwrap()))
        }
    };
    let (mia, root) = (at(&mia).await, at(&root).await);
    let ready = root.get("/readyz").await;
    assert_eq!(ready.status, 200);
    assert!(
        ready.text.contains("providers with an API key that can't be decrypted: 2, the first is one"),
        "{}",
        ready.text
    );
    let shown = root.data("{ providers { nodes { name keyProblem keyLastFour } } }", json!({})).await;
    for node in shown["providers"]["nodes"].as_array().unwrap() {
        assert!(node["keyProblem"].as_str().unwrap().contains("a secret that this server does not have"), "{shown}");
        assert_eq!(node["keyLastFour"], "wxyz");
    }
    let send = "mutation { sendMessage(input: {message: \"x\", model: \"m\"}) { errors { code } } }";
    assert_eq!(mia.code(send, json!({})).await, "UNAVAILABLE");
    assert_eq!(app.balance(&mia).await, (4000, 0), "nothing is held");
    assert!(service.seen().is_empty(), "no request without the key");
    // The row of another provider is no place for a key: the row is part of what is encrypted.
    let taken = provider::ActiveModel {
        sealed_key: Set(two.sealed_key.clone()),
        ..provider::Model { id: one.id, ..two.clone() }.into_active_model()
    };
    let moved = provider::ActiveModel { id: Set(one.id), sealed_key: taken.sealed_key, ..Default::default() };
    moved.update(app.app.db.read()).await.unwrap();
    assert_eq!(keys(&server(&app, &[OLD]).await)[0], ("one".to_owned(), None));
    // Entered again, it is used.
    let id = super::global_id(&one);
    let entered =
        mutate(&root, "updateProvider", json!({ "providerId": id, "key": KEY }), "provider { keyProblem }").await;
    assert_eq!(entered, json!({ "provider": { "keyProblem": null }, "errors": [] }));
    assert_eq!(mia.say("m", "Hello").await["chat"]["response"], "I am small.");
}

#[apply(on_both_databases)]
async fn the_key_of_a_provider_is_nowhere(on: On) {
    let service = Service::start(KEY).await;
    let installation = Installation::new(on, &[("JETON_LOG__FILTER", "trace")]).await;
    let made =
        installation.run(&["createsuperuser", "--username", "root", "--password-stdin"], &format!("{PASSWORD}\n"));
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let log = installation.data.path().join("log");
    let running = installation.serve_with_log(std::fs::File::create(&log).unwrap().into());
    let login =
        format!(r#"mutation {{ login(input: {{username: "root", password: "{PASSWORD}"}}) {{ accessToken }} }}"#);
    let access = running.data(None, &login).await["login"]["accessToken"].as_str().unwrap().to_owned();
    let mut answers = Vec::new();
    let mut call = async |query: &str, variables: Value| {
        let body = json!({ "query": query, "variables": variables });
        let (_, answer) = running.post("/graphql", Some(&access), body).await;
        answers.push(answer.to_string());
        answer
    };
    let create = "mutation($input: CreateProviderInput!) { createProvider(input: $input) { provider { id keyLastFour } errors { message } } }";
    let input = json!({ "name": "double", "kind": "OPENAI", "baseUrl": service.url, "key": KEY });
    let id = call(create, json!({ "input": input })).await["data"]["createProvider"]["provider"]["id"].clone();
    assert!(id.is_string(), "{answers:?}");
    let wrong = json!({ "name": "double", "kind": "OPENAI", "baseUrl": "x", "key": format!("{KEY} {KEY}") });
    call(create, json!({ "input": wrong })).await;
    let model = "mutation($id: ID!) { createModel(input: {name: \"m\", price: {}, routes: [{providerId: $id, upstreamModel: \"up\"}]}) { errors { message } } }";
    call(model, json!({ "id": id })).await;
    let test =
        "mutation($id: ID!) { testProvider(input: {providerId: $id, upstreamModel: \"up\"}) { steps { message } } }";
    let send =
        "mutation { sendMessage(input: {message: \"Hi\", model: \"m\"}) { chat { response error { message } } } }";
    for accepted in [KEY, "another"] {
        // The service repeats the key that it rejects.
        service.accept(accepted);
        call(test, json!({ "id": id })).await;
        call(send, json!({})).await;
        call("query($id: ID!) { providerModels(id: $id) { name } }", json!({ "id": id })).await;
    }
    call(
        "{ providers { nodes { name baseUrl keyLastFour keyProblem headers { name value } } } catalogModels { nodes { name } }
        auditTrail { nodes { details targetName } } }",
        json!({}),
    )
    .await;
    let ready = crate::support::installation::client().get(format!("{}/readyz", running.url)).send().await.unwrap();
    answers.push(ready.text().await.unwrap());
    assert!(running.terminate());
    assert!(service.seen().iter().filter(|(key, _)| key == KEY).count() > 3, "it was sent");

    // A rotation, with the real commands; the key is readable afterwards.
    answers.push(installation.ok(&["signing-key", "rotate", "--revoke"]));
    answers.push(installation.ok(&["signing-key", "rotate"]));
    service.accept(KEY);
    let running = installation.serve();
    let access = running.data(None, &login).await["login"]["accessToken"].as_str().unwrap().to_owned();
    let said = running.data(Some(&access), send).await;
    assert_eq!(said["sendMessage"]["chat"]["response"], "I am up.", "{said}");
    assert!(running.terminate());

    let export = installation.data.path().join("export.jsonl");
    installation.ok(&["export", export.to_str().unwrap()]);
    let hidden = &KEY[..KEY.len() - 4];
    for text in &answers {
        assert!(!text.contains(hidden), "{text}");
    }
    if let crate::support::Place::Sqlite(dir) = &installation.place {
        let found = Command::new("grep").args(["-rlaF", hidden]).arg(dir.path()).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&found.stdout), "");
        installation.ok(&["backup", installation.data.path().join("backup.db").to_str().unwrap()]);
    }
    let found = Command::new("grep").args(["-rlaF", hidden]).arg(installation.data.path()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "", "neither log, export nor backup");
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("/graphql"), "the log was written, and everything with it: {}", log.len());
    let exported = std::fs::read_to_string(&export).unwrap();
    assert!(exported.contains("sealed_key") && exported.contains("wxyz"), "the ciphertext is in the export");
}
