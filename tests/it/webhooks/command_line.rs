//! `jeton webhook`: added, tested, listed, sent again and removed on the command line.

use std::time::{Duration, Instant};

use rstest_reuse::apply;
use serde_json::Value;

use super::{Receiver, Reply};
use crate::support::installation::Installation;
use crate::support::{On, on_both_databases};

#[apply(on_both_databases)]
async fn operators_manage_webhooks_on_the_command_line(on: On) {
    let receiver = Receiver::start(&[Reply::Status(500)]).await;
    let installation = Installation::new(on, &[("JETON_WEBHOOKS__ALLOW_PRIVATE_NETWORKS", "true")]).await;
    let failed = |arguments: &[&str]| {
        let output = installation.run(arguments, "");
        assert!(!output.status.success(), "{arguments:?}");
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };
    assert!(failed(&["webhook", "add", "hook", "ftp://x"]).contains("begins with https://"));
    assert!(failed(&["webhook", "add", "hook", &receiver.url, "--event", "x.y"]).contains("There is no event x.y"));
    let added = installation.ok(&["webhook", "add", "hook", &receiver.url, "--event", "user.created"]);
    let secret = added.trim().rsplit(' ').next().unwrap().to_owned();
    assert!(secret.starts_with("whsec_"), "{added}");
    let tested = failed(&["webhook", "test", "hook"]);
    assert!(tested.contains("webhook.test msg_") && tested.contains("500"), "{tested}");
    installation.ok(&["webhook", "test", "hook"]);
    let listed = installation.ok(&["webhook", "list"]);
    assert!(listed.contains("hook") && listed.contains("enabled") && listed.contains("user.created"), "{listed}");
    let log: Value = serde_json::from_str(&installation.ok(&["webhook", "deliveries", "hook", "--json"])).unwrap();
    let states: Vec<_> = log.as_array().unwrap().iter().map(|row| row["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["delivered", "failed"]);
    let shown = installation.ok(&["webhook", "deliveries", "hook", "--failed"]);
    assert!(shown.contains("webhook.test") && shown.lines().count() == 2, "{shown}");

    let number = log[1]["number"].to_string();
    installation.ok(&["webhook", "resend", &number]);
    let server = installation.serve();
    let begun = Instant::now();
    while receiver.received().len() < 3 {
        assert!(begun.elapsed() < Duration::from_secs(30), "a running server sends it");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let received = receiver.received();
    assert_eq!(received[2].header("webhook-id"), received[0].header("webhook-id"));
    assert!(received.iter().all(|one| one.is_signed_by(&secret.clone().into())));
    assert!(server.terminate());
    installation.ok(&["webhook", "remove", "hook"]);
    assert!(failed(&["webhook", "test", "hook"]).to_lowercase().contains("webhook"));
}
