//! `jeton provider` and `jeton model`: a provider, two models and a price on the command line, while a server runs.

use std::time::{Duration, Instant};

use rstest_reuse::apply;
use serde_json::{Value, json};

use super::{KEY, Service};
use crate::support::installation::Installation;
use crate::support::{On, on_both_databases};

#[apply(on_both_databases)]
async fn operators_connect_a_provider_on_the_command_line(on: On) {
    let service = Service::start(KEY).await;
    let installation = Installation::new(on, &[]).await;
    let server = installation.serve();
    let access = server.register("mia").await;
    let failed = |arguments: &[&str], input: &str| {
        let output = installation.run(arguments, input);
        assert!(!output.status.success(), "{arguments:?}");
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };
    let add = ["provider", "add", "double", "--kind", "openai", "--base-url", &service.url, "--key-stdin"];
    let added = installation.run(&add, "sk-wrong-0123456789abcdef\n");
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    assert!(failed(&add, KEY).contains("This name is taken"));
    let tested = failed(&["provider", "test", "double"], "");
    assert!(tested.contains("rejects the API key (401)") && !tested.contains("sk-wrong"), "{tested}");
    let set = installation.run(&["provider", "set-key", "double", "--key-stdin"], KEY);
    assert!(set.status.success());
    let tested = installation.ok(&["provider", "test", "double", "--model", "small"]);
    assert!(tested.contains("It lists 2 models.") && tested.contains("small replies."), "{tested}");
    assert!(failed(&["provider", "set-key", "double"], "").contains("--key-stdin"));
    let listed = installation.ok(&["provider", "list"]);
    assert!(listed.contains("double") && listed.contains("..wxyz") && !listed.contains(&KEY[..20]), "{listed}");

    installation.ok(&["model", "add", "small", "--provider", "double", "--per-message", "3"]);
    installation.ok(&["model", "add", "other", "--provider", "double", "--upstream", "large", "--title", "Other"]);
    installation.ok(&["model", "disable", "other"]);
    assert!(
        failed(&["model", "add", "echo", "--provider", "double"], "").contains("jeton.toml has a model of this name")
    );
    assert!(failed(&["model", "price", "echo"], "").contains("This model is from jeton.toml"));
    let listed: Value = serde_json::from_str(&installation.ok(&["model", "list", "--json"])).unwrap();
    let of = |name: &str| listed.as_array().unwrap().iter().find(|model| model["name"] == name).unwrap().clone();
    assert_eq!((&of("small")["source"], &of("small")["enabled"]), (&json!("database"), &json!(true)), "{listed}");
    assert_eq!((&of("echo")["source"], &of("other")["enabled"]), (&json!("jeton.toml"), &json!(false)));

    let send = "mutation { sendMessage(input: {message: \"Hi\", model: \"small\"}) { chat { response cost } errors { message } } }";
    for (price, cost) in [(None, 3), (Some("11"), 11)] {
        if let Some(price) = price {
            let set = installation.ok(&["model", "price", "small", "--per-message", price]);
            assert_eq!(set, "version 2 of the price of small\n");
        }
        let begun = Instant::now();
        loop {
            let said = server.data(Some(&access), send).await["sendMessage"].take();
            if said["chat"] == json!({ "response": "I am small.", "cost": cost }) {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(1), "the running server knows it: {said}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    assert!(failed(&["provider", "remove", "double"], "").contains("These models use the provider: other, small"));
    for name in ["small", "other"] {
        installation.ok(&["model", "remove", name]);
    }
    installation.ok(&["provider", "remove", "double"]);
    assert!(server.terminate());
}
