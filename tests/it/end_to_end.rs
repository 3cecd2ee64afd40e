//! The real binary: its commands, shutdown, crashes, and the real language model.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::support::installation::{Installation, client};
use crate::support::{On, PASSWORD, on_both_databases};

fn model() -> PathBuf {
    let named = std::env::var_os("JETON_TEST_MODEL").map(PathBuf::from);
    named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("models/SmolLM2-135M-Instruct.Q4_1.gguf"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_model_answers_a_stranger() {
    let path = model();
    let settings = [("JETON_DEFAULT_MODEL", "smollm2"), ("JETON_MODELS__SMOLLM2__PATH", path.to_str().unwrap())];
    let installation = Installation::new(On::Sqlite, &settings).await;
    let server = installation.serve();
    let access = server.register("mia").await;
    let ask = r#"mutation { sendMessage(input: {message: "What is the capital of France?"}) {
        chat { response status model cost } balance { tokens held } errors { message } } }"#;
    let answer = server.data(Some(&access), ask).await["sendMessage"].take();
    assert!(answer["chat"]["response"].as_str().unwrap().contains("Paris"), "{answer}");
    assert_eq!(answer["chat"]["model"], "smollm2");
    assert_eq!(answer["balance"], json!({ "tokens": 3900, "held": 0 }));
    let (status, answer) = server.post("/api/chat/", Some(&access), json!({ "message": "Say hello." })).await;
    assert_eq!((status, &answer["tokens_remaining"]), (200, &json!(3800)));
    assert!(!answer["response"].as_str().unwrap().is_empty());
    assert!(server.terminate());
    assert!(installation.ok(&["verify"]).contains("clean"));
}

#[apply(on_both_databases)]
async fn a_killed_server_charges_nobody_twice_and_holds_nothing(on: On) {
    let installation = Installation::new(on, &[("JETON_TURNS__LEASE", "1s")]).await;
    let server = installation.serve();
    let access = server.register("mia").await;
    let (url, sending) = (format!("{}/api/chat/", server.url), access.clone());
    let senders: Vec<_> = (0..60)
        .map(|i| {
            let (url, access) = (url.clone(), sending.clone());
            tokio::spawn(async move {
                let body = json!({ "message": format!("message {i}") });
                let sent = client().post(url).bearer_auth(access).json(&body).send().await;
                sent.is_ok_and(|answer| answer.status() == 200)
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(60)).await;
    server.kill();
    let mut answered = 0;
    for sender in senders {
        answered += usize::from(sender.await.unwrap());
    }

    let server = installation.serve();
    // The sweeper closes the first server's open chats once their lease has expired.
    let start = Instant::now();
    let balance = loop {
        let balance = server.data(Some(&access), "{ balance { tokens held } }").await["balance"].take();
        if balance["held"] == 0 || start.elapsed() > Duration::from_secs(20) {
            break balance;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(balance["held"], 0);
    let chats = server.data(Some(&access), "{ chatHistory(first: 100) { nodes { status cost } } }").await;
    let chats = chats["chatHistory"]["nodes"].as_array().unwrap().clone();
    let done = chats.iter().filter(|chat| chat["status"] == "DONE").count();
    assert!(done >= answered, "every answer that was seen is in the history: {done} of {answered}");
    assert!(chats.iter().all(|chat| chat["status"] == "DONE" || chat["status"] == "INTERRUPTED"));
    assert_eq!(balance["tokens"], 4000 - 100 * done as i64, "every answer was charged once");
    assert!(installation.ok(&["verify"]).contains("clean"));
}

#[apply(on_both_databases)]
async fn operators_have_their_commands(on: On) {
    let installation = Installation::new(on, &[]).await;
    let made = installation.run(&["createsuperuser", "--password-stdin"], &format!("{PASSWORD}\n"));
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let again = installation.run(&["createsuperuser_custom", "--password-stdin"], &format!("{PASSWORD}\n"));
    assert!(!again.status.success());
    assert!(String::from_utf8_lossy(&again.stderr).contains("--promote"), "the error says what to do");

    let show = |name: &str| serde_json::from_str::<Value>(&installation.ok(&["user", "show", name, "--json"])).unwrap();
    assert_eq!(show("admin")["tokens"], 10_000);
    let created = installation.run(&["user", "create", "mia", "--password-stdin"], &format!("{PASSWORD}\n"));
    assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
    // While the server runs, on the same database.
    let server = installation.serve();
    let login = json!({ "username": "mia", "password": PASSWORD });
    let (_, pair) = server.post("/api/token/", None, login.clone()).await;
    let access = pair["access"].as_str().unwrap().to_owned();
    installation.ok(&["user", "set-balance", "mia", "250"]);
    installation.ok(&["user", "grant", "mia", "50", "--reason", "a gift"]);
    assert_eq!(server.data(Some(&access), "{ balance { tokens } }").await["balance"]["tokens"], 300);
    installation.ok(&["user", "promote", "mia"]);
    assert_eq!(show("mia")["is_staff"], true, "{}", show("mia"));
    installation.ok(&["user", "demote", "mia"]);
    installation.ok(&["user", "deactivate", "mia"]);
    assert_eq!(server.post("/api/token/", None, login.clone()).await.0, 401);
    installation.ok(&["user", "activate", "mia"]);
    assert_eq!(server.post("/api/token/", None, login).await.0, 200);
    let made = installation.ok(&["api-key", "create", "mia", "--name", "tool", "--daily", "150", "--json"]);
    let key: Value = serde_json::from_str(&made).unwrap();
    let secret = key["secret"].as_str().unwrap();
    let call = json!({ "model": "echo", "messages": [{ "role": "user", "content": "Hi" }] });
    assert_eq!(server.post("/v1/chat/completions", Some(secret), call.clone()).await.0, 200);
    assert_eq!(server.post("/v1/chat/completions", Some(secret), call.clone()).await.0, 402);
    assert!(installation.ok(&["api-key", "list", "mia"]).contains(&secret[..15]));
    installation.ok(&["api-key", "revoke", &secret[..15]]);
    assert_eq!(server.post("/v1/chat/completions", Some(secret), call).await.0, 401);
    installation.ok(&["user", "delete", "mia", "--yes"]);
    assert!(!installation.run(&["user", "show", "mia"], "").status.success());
    assert!(installation.ok(&["user", "list"]).contains("admin"));
    assert!(installation.ok(&["verify"]).contains("clean"));
}

/// An API key is shown once, on creation, and never logged at any level.
#[tokio::test(flavor = "multi_thread")]
async fn the_secret_of_a_key_is_nowhere() {
    let installation = Installation::new(On::Sqlite, &[("JETON_LOG__FILTER", "trace")]).await;
    let log = installation.data.path().join("log");
    let server = installation.serve_with_log(std::fs::File::create(&log).unwrap().into());
    let access = server.register("mia").await;
    let create = "mutation { createApiKey(input: {name: \"k\", scopes: [COMPLETIONS, WRITE]}) { secret } }";
    let secret = server.data(Some(&access), create).await["createApiKey"]["secret"].as_str().unwrap().to_owned();
    let (visible, hidden) = secret.split_at(16);
    assert!(visible.starts_with("jt-") && hidden.len() == 64);
    let mut responses = Vec::new();
    let call = json!({ "model": "echo", "messages": [{ "role": "user", "content": "Hi" }] });
    let wrong = json!({ "model": "none" });
    for (path, body) in [
        ("/v1/chat/completions", call.clone()),
        ("/v1/chat/completions", wrong),
        ("/graphql", json!({ "query": "{ me { id } apiKeys { nodes { name } } }" })),
        ("/graphql", json!({ "query": "mutation { sendMessage(input: {message: \"Hi\"}) { errors { code } } }" })),
        ("/api/chat/", json!({ "message": "Hi" })),
        ("/v1/nothing", json!({})),
    ] {
        responses.push(server.post(path, Some(&secret), body).await.1.to_string());
    }
    // Almost the key, and the key in the wrong places.
    responses.push(
        server
            .post("/v1/chat/completions", Some(&secret.replace(visible, "jt-000000000000-")), call.clone())
            .await
            .1
            .to_string(),
    );
    responses.push(server.post("/v1/chat/completions", Some(&secret[..79]), call).await.1.to_string());
    let search =
        format!("{{ userApiKeys(search: \"{secret}\") {{ nodes {{ name }} }} apiKeys {{ nodes {{ prefix }} }} }}");
    responses.push(server.post("/graphql", Some(&access), json!({ "query": search })).await.1.to_string());
    let refused = json!({ "username": "mia", "password": secret });
    responses.push(server.post("/api/token/", None, refused).await.1.to_string());
    assert!(server.terminate());
    responses.push(installation.ok(&["api-key", "list", "--json"]));
    for text in &responses {
        assert!(!text.contains(hidden), "{text}");
    }
    let url = installation.place.url();
    let database = Path::new(url.strip_prefix("sqlite://").unwrap()).parent().unwrap().to_owned();
    let in_dir = |dir: &Path| std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().path()).collect::<Vec<_>>();
    let files = [in_dir(installation.data.path()), in_dir(&database)].concat();
    assert!(files.iter().any(|path| path.ends_with("jeton.db")), "{files:?}");
    for path in files {
        let bytes = std::fs::read(&path).unwrap();
        let found = bytes.windows(hidden.len()).any(|window| window == hidden.as_bytes());
        assert!(!found, "{}", path.display());
    }
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("/v1/chat/completions"), "the log was written, and everything with it: {}", log.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_asked_to_stop_finishes_what_is_open() {
    let path = model();
    let settings = [("JETON_MODELS__SMOLLM2__PATH", path.to_str().unwrap())];
    let installation = Installation::new(On::Sqlite, &settings).await;
    let server = installation.serve();
    let access = server.register("mia").await;
    let url = format!("{}/api/chat/", server.url);
    let sending = tokio::spawn(async move {
        let sent = client().post(url).bearer_auth(access).json(&json!({ "message": "Hello" })).send().await;
        sent.unwrap().status().as_u16()
    });
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert!(server.terminate());
    // Refused connections are acceptable, lost responses are not.
    if let Ok(status) = sending.await {
        assert_eq!(status, 200);
    }
    assert!(installation.ok(&["verify"]).contains("clean"));
}

#[tokio::test]
async fn a_signing_key_that_others_can_read_is_not_served_on_a_network() {
    use std::os::unix::fs::PermissionsExt;
    let installation = Installation::new(On::Sqlite, &[]).await;
    installation.ok(&["migrate"]);
    let key = installation.data.path().join("signing.key");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600, "as it is made");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let mut command = installation.command(&["serve"]);
    let output = command.env("JETON_HTTP__LISTEN", "0.0.0.0:0").output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && stderr.contains("chmod 600"), "{stderr}");
    // On a loopback address it is only a warning.
    drop(installation.serve());
}

#[tokio::test]
async fn what_is_wrong_with_the_configuration_is_named() {
    let installation = Installation::new(On::Sqlite, &[]).await;
    let error_of = |file: &str| {
        let path = installation.data.path().join("wrong.toml");
        std::fs::write(&path, file).unwrap();
        let output = installation.run(&["--config", path.to_str().unwrap(), "config", "check"], "");
        assert!(!output.status.success(), "{file}");
        String::from_utf8(output.stderr).unwrap()
    };
    for (file, named) in [
        ("[http]\nlisten_on = 'x'", "listen_on"),
        ("[models.gpt]\nprovider = 'openai'\nprice = { per_message = 1 }", "base_url"),
        ("[models.gpt]\nprovider = 'echo'\nprice = { per_message = -1 }", "per_message"),
        ("[models.gpt]\nprovider = 'echo'\nprise = 1", "prise"),
        ("[auth]\nsecret = 'short'", "auth.secret"),
        ("[turns]\nlease = 'soon'", "lease"),
        ("[turns]\nlease = '900ms'", "turns.lease"),
        ("default_model = ", "wrong.toml"),
    ] {
        assert!(error_of(file).contains(named), "{file}: {}", error_of(file));
    }
    let digits = error_of("[auth]\nsecret = 12345678901234567");
    assert!(digits.contains("auth.secret") && !digits.contains("12345678901234567"), "no secret is printed: {digits}");
    let missing = installation.run(&["--config", "nowhere.toml", "config", "check"], "");
    assert!(String::from_utf8_lossy(&missing.stderr).contains("nowhere.toml"));
    let mut manual = String::new();
    std::fs::File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/src/infra/config/default.toml"))
        .unwrap()
        .read_to_string(&mut manual)
        .unwrap();
    assert_eq!(installation.ok(&["config", "default"]), manual);
    assert_eq!(installation.ok(&["schema"]), jeton::api::graphql::sdl());
}
