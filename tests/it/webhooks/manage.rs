//! Superusers manage webhooks over GraphQL.

use jeton::domain::webhook::deliver_due;
use rstest_reuse::apply;
use serde_json::{Value, json};

use super::{LOCAL, Receiver, Reply, global_id};
use crate::catalog::mutate;
use crate::support::{On, TestApp, on_both_databases};

const SHOWN: &str = "name url events enabled disabledReason failingSince createdBy { username }";

#[apply(on_both_databases)]
async fn a_webhook_is_added_tested_changed_and_removed(on: On) {
    let app = TestApp::with(on, LOCAL).await;
    let root = app.superuser("root").await;
    let receiver = Receiver::start(&[]).await;
    let input =
        json!({ "name": " hook ", "url": receiver.url, "events": ["CHAT_FAILED", "USER_CREATED", "USER_CREATED"] });
    let created = mutate(&root, "createWebhook", input, &format!("webhook {{ id {SHOWN} }} secret")).await;
    let id = created["webhook"]["id"].clone();
    let secret = created["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("whsec_") && secret.len() == 50, "{secret}");
    let expected = json!({
        "id": id, "name": "hook", "url": receiver.url, "events": ["USER_CREATED", "CHAT_FAILED"], "enabled": true,
        "disabledReason": null, "failingSince": null, "createdBy": { "username": "root" },
    });
    assert_eq!(created["webhook"], expected);

    let tested =
        mutate(&root, "sendTestWebhook", json!({ "webhookId": id }), "delivery { id state event lastStatus }").await;
    assert_eq!(
        (&tested["delivery"]["state"], &tested["delivery"]["event"]),
        (&json!("DELIVERED"), &json!("WEBHOOK_TEST"))
    );
    assert!(receiver.received()[0].is_signed_by(&secret.clone().into()));

    app.user("mia").await;
    receiver.play([Reply::Status(503)]);
    deliver_due(&app.app).await.unwrap();
    let log = "query($id: ID!, $state: WebhookDeliveryState) { webhook(id: $id) { failingSince deliveries(first: 5, state: $state) \
               { totalCount nodes { id event state attempts lastStatus lastError payload nextAttemptAt finishedAt } } } }";
    let pending = root.data(log, json!({ "id": id, "state": "PENDING" })).await["webhook"].take();
    let delivery = pending["deliveries"]["nodes"][0].clone();
    assert_eq!(
        (&delivery["event"], &delivery["lastStatus"], &delivery["attempts"]),
        (&json!("USER_CREATED"), &json!(503), &json!(1))
    );
    assert_eq!(delivery["lastError"], "The receiver responded 503 Service Unavailable.");
    assert!(pending["failingSince"].is_string() && delivery["nextAttemptAt"].is_string(), "{pending}");
    assert!(delivery["payload"].as_str().unwrap().starts_with(r#"{"type":"user.created","timestamp":"#));
    let all = root.data(log, json!({ "id": id })).await["webhook"].take();
    assert_eq!(all["deliveries"]["totalCount"], 2);

    let resent =
        mutate(&root, "resendWebhookDelivery", json!({ "deliveryId": delivery["id"] }), "delivery { state }").await;
    assert_eq!(resent, json!({ "delivery": { "state": "PENDING" }, "errors": [] }));
    assert_eq!(deliver_due(&app.app).await.unwrap(), 1);
    let node =
        "query($id: ID!) { node(id: $id) { ... on WebhookDelivery { state attempts } ... on Webhook { name } } }";
    let found = root.data(node, json!({ "id": delivery["id"] })).await["node"].take();
    assert_eq!(found, json!({ "state": "DELIVERED", "attempts": 2 }));
    assert_eq!(root.data(node, json!({ "id": id })).await["node"], json!({ "name": "hook" }));

    let update = json!({ "webhookId": id, "name": "other", "events": ["BALANCE_LOW"], "enabled": false });
    let changed = mutate(&root, "updateWebhook", update, "webhook { name events enabled disabledReason }").await;
    let expected =
        json!({ "name": "other", "events": ["BALANCE_LOW"], "enabled": false, "disabledReason": "OPERATOR" });
    assert_eq!(changed, json!({ "webhook": expected, "errors": [] }));
    let disabled =
        mutate(&root, "resendWebhookDelivery", json!({ "deliveryId": delivery["id"] }), "delivery { id }").await;
    assert_eq!(disabled["errors"][0]["code"], "CONFLICT");
    let listed = root.data("{ webhooks { totalCount nodes { name } } }", json!({})).await;
    assert_eq!(listed["webhooks"], json!({ "totalCount": 1, "nodes": [{ "name": "other" }] }));

    let deleted = mutate(&root, "deleteWebhook", json!({ "webhookId": id }), "deletedWebhookId").await;
    assert_eq!(deleted, json!({ "deletedWebhookId": id, "errors": [] }));
    assert_eq!(root.data(node, json!({ "id": delivery["id"] })).await["node"], Value::Null, "with its log");
    let trail = root.data("{ auditTrail { nodes { action targetName targetId details } } }", json!({})).await;
    let nodes = trail["auditTrail"]["nodes"].as_array().unwrap();
    let actions: Vec<_> = nodes.iter().map(|node| node["action"].as_str().unwrap()).collect();
    assert_eq!(actions[..3], ["webhook.delete", "webhook.update", "user.create"]);
    assert_eq!(nodes[1]["targetId"], id);
    assert!(!trail.to_string().contains("sesame"), "the address may hold a credential: {trail}");
}

#[apply(on_both_databases)]
async fn what_is_wrong_with_a_webhook_is_told_by_its_field(on: On) {
    let app = TestApp::with(on, LOCAL).await;
    let root = app.superuser("root").await;
    let webhook = |more: Value| {
        let mut input = json!({ "name": "hook", "url": "https://hooks.example/x?y", "events": ["USER_CREATED"] });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    for (more, field) in [
        (json!({ "name": " " }), "name"),
        (json!({ "name": "x".repeat(101) }), "name"),
        (json!({ "name": "a\nb" }), "name"),
        (json!({ "url": "" }), "url"),
        (json!({ "url": "hooks.example" }), "url"),
        (json!({ "url": "ftp://hooks.example" }), "url"),
        (json!({ "url": "https://me:pw@hooks.example" }), "url"),
        (json!({ "url": "https://hooks.example/#x" }), "url"),
        (json!({ "url": format!("https://hooks.example/{}", "x".repeat(1000)) }), "url"),
        (json!({ "events": [] }), "events"),
        (json!({ "events": ["WEBHOOK_TEST"] }), "events"),
    ] {
        let payload = mutate(&root, "createWebhook", webhook(more.clone()), "secret").await;
        assert_eq!((&payload["errors"][0]["field"], &payload["secret"]), (&json!(field), &Value::Null), "{more}");
    }
    let one = mutate(&root, "createWebhook", webhook(json!({})), "webhook { id }").await;
    assert_eq!(one["errors"], json!([]));
    let taken = mutate(&root, "createWebhook", webhook(json!({})), "webhook { id }").await;
    assert_eq!(taken["errors"][0]["message"], "This name is taken.");
    for number in 1..50 {
        mutate(&root, "createWebhook", webhook(json!({ "name": format!("hook {number}") })), "webhook { id }").await;
    }
    let full = mutate(&root, "createWebhook", webhook(json!({ "name": "one more" })), "webhook { id }").await;
    assert_eq!(full["errors"][0]["message"], "There are at most 50 webhooks.");
    for (name, input) in [
        ("updateWebhook", json!({ "webhookId": global_id("Webhook", 999) })),
        ("deleteWebhook", json!({ "webhookId": global_id("Webhook", 999) })),
        ("rotateWebhookSecret", json!({ "webhookId": "x" })),
        ("sendTestWebhook", json!({ "webhookId": global_id("Webhook", 999) })),
        ("resendWebhookDelivery", json!({ "deliveryId": global_id("WebhookDelivery", 999) })),
    ] {
        let payload = mutate(&root, name, input, "__typename").await;
        assert_eq!(payload["errors"][0]["code"], "NOT_FOUND", "{name}");
    }
}
