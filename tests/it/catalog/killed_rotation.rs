//! A rotation of the signing key by the real command, which is killed on its way: every key of a provider is readable after
//! the next start.

use std::collections::BTreeSet;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use jeton::infra::db::Db;
use jeton::infra::entity::provider;
use rstest_reuse::apply;
use sea_orm::EntityTrait;
use serde_json::json;

use super::{KEY, Service};
use crate::support::installation::{Installation, Server};
use crate::support::{On, PASSWORD, on_both_databases};

/// Enough that a rotation is killed in the middle of them.
const PROVIDERS: usize = 60;
const TIMEOUT: Duration = Duration::from_secs(60);

/// Returns the ids of the secrets that keys are encrypted under, one for each key.
async fn secret_ids(db: &Db) -> Vec<String> {
    let rows = provider::Entity::find().all(db.read()).await.unwrap();
    rows.into_iter().map(|row| row.seal_id.unwrap()).collect()
}

/// Waits until this is so, or the command has ended by itself.
async fn wait_until(command: Option<&mut Child>, mut is_so: impl AsyncFnMut() -> bool) {
    let (begun, mut command) = (Instant::now(), command);
    while !is_so().await {
        if command.as_mut().is_some_and(|command| command.try_wait().unwrap().is_some()) {
            return;
        }
        assert!(begun.elapsed() < TIMEOUT);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn log_in(server: &Server) -> String {
    let login =
        format!(r#"mutation {{ login(input: {{username: "root", password: "{PASSWORD}"}}) {{ accessToken }} }}"#);
    server.data(None, &login).await["login"]["accessToken"].as_str().unwrap().to_owned()
}

#[apply(on_both_databases)]
async fn every_key_is_readable_after_a_rotation_that_was_killed_on_its_way(on: On) {
    let service = Service::start(KEY).await;
    let installation = Installation::new(on, &[]).await;
    let made =
        installation.run(&["createsuperuser", "--username", "root", "--password-stdin"], &format!("{PASSWORD}\n"));
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let server = installation.serve();
    let access = log_in(&server).await;
    let keys: BTreeSet<_> = (0..PROVIDERS).map(|number| format!("sk-of-provider-{number:03}-0123456789")).collect();
    let mut ids = Vec::new();
    for key in &keys {
        let query = "mutation($input: CreateProviderInput!) { createProvider(input: $input) { provider { id } } }";
        let input = json!({ "name": key, "kind": "OPENAI", "baseUrl": service.url, "key": key });
        let body = json!({ "query": query, "variables": { "input": input } });
        let (_, answer) = server.post("/graphql", Some(&access), body).await;
        ids.push(answer["data"]["createProvider"]["provider"]["id"].as_str().unwrap().to_owned());
    }
    assert!(server.terminate());
    let file = installation.data.path().join("signing.key");
    let db = Db::connect(&installation.place.url(), 2).await.unwrap();

    for reencrypted in [0, 1, PROVIDERS / 3, PROVIDERS * 2 / 3] {
        let (secret, before) = (secret_ids(&db).await.remove(0), std::fs::read(&file).unwrap());
        let mut rotation = installation.command(&["signing-key", "rotate"]);
        let mut rotation = rotation.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let done = async || secret_ids(&db).await.iter().filter(|id| **id != secret).count();
        wait_until(Some(&mut rotation), async || {
            std::fs::read(&file).unwrap() != before && done().await >= reencrypted
        })
        .await;
        rotation.kill().unwrap();
        rotation.wait().unwrap();
        println!("killed after {} of {PROVIDERS} keys", done().await);
        assert_ne!(std::fs::read(&file).unwrap(), before, "it has begun");

        let server = installation.serve();
        let access = log_in(&server).await;
        let problems = server.data(Some(&access), "{ providers(first: 100) { nodes { keyProblem } } }").await;
        let problems = problems["providers"]["nodes"].as_array().unwrap().clone();
        assert!(
            problems.len() == PROVIDERS && problems.iter().all(|node| node["keyProblem"].is_null()),
            "{problems:?}"
        );
        let before = service.seen().len();
        for id in &ids {
            // The service rejects all of them, but has seen them.
            let body =
                json!({ "query": "query($id: ID!) { providerModels(id: $id) { name } }", "variables": { "id": id } });
            server.post("/graphql", Some(&access), body).await;
        }
        let sent: BTreeSet<_> = service.seen().split_off(before).into_iter().map(|(key, _)| key).collect();
        assert_eq!(sent, keys);
        // The start encrypts what is left.
        wait_until(None, async || secret_ids(&db).await.into_iter().collect::<BTreeSet<_>>().len() == 1).await;
        assert_ne!(secret_ids(&db).await[0], secret);
        assert!(server.terminate());
    }
    db.close().await.unwrap();
}
