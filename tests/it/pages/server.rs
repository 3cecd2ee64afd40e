//! The public facts of the server, and the length of messages on each API.

use jeton::domain::chat::{self, SendMessage};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::support::{On, TestApp, on_both_databases};

const SERVER: &str =
    "{ server { maxMessageChars maxSystemPromptChars registration contact currency { code tokensPerUnit }
    passwordRules { minChars maxChars texts } usernameRules { maxChars text } } }";

#[tokio::test(flavor = "multi_thread")]
async fn anyone_may_read_what_forms_need() {
    let app = TestApp::start(On::Sqlite).await;
    let server = app.anonymous().data(SERVER, json!({})).await["server"].take();
    assert_eq!((&server["maxMessageChars"], &server["maxSystemPromptChars"]), (&json!(32_000), &json!(4000)));
    assert_eq!((&server["registration"], &server["contact"]), (&json!("OPEN"), &Value::Null));
    let rules = &server["passwordRules"];
    assert_eq!((&rules["minChars"], &rules["maxChars"]), (&json!(8), &json!(256)));
    assert!(rules["texts"].as_array().unwrap().iter().all(|text| text.as_str().unwrap().ends_with('.')));
    assert_eq!((&server["usernameRules"]["maxChars"], &server["currency"]), (&json!(50), &Value::Null));

    let settings = "auth.registration = 'closed'\nauth.contact = ' ops@example.com '\nturns.max_message_chars = 5
        ledger.currency = 'EUR'";
    let app = TestApp::with(On::Sqlite, settings).await;
    let server = app.anonymous().data(SERVER, json!({})).await["server"].take();
    assert_eq!((&server["registration"], &server["contact"]), (&json!("CLOSED"), &json!("ops@example.com")));
    assert_eq!(server["maxMessageChars"], 5);
    assert_eq!(server["currency"], json!({ "code": "EUR", "tokensPerUnit": 1000 }));
    for wrong in ["auth.contact = 'a\\nb'".replace('\'', "\""), format!("auth.contact = '{}'", "x".repeat(201))] {
        let config = jeton::infra::config::Config::from_toml(&wrong);
        assert!(config.is_err_and(|error| error.to_string().starts_with("auth.contact: one line")), "{wrong}");
    }
}

#[apply(on_both_databases)]
async fn a_message_has_the_length_of_its_api(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    // The longest message, in bytes too, and a character more.
    let longest = "\u{1f600}".repeat(32_000);
    assert_eq!(mia.say("echo", &format!(" {longest}\n")).await["chat"]["status"], "DONE");
    let query = "{ chatHistory(first: 1) { nodes { message } } }";
    let stored = mia.data(query, json!({})).await["chatHistory"]["nodes"][0]["message"].take();
    assert!(stored == *longest, "it is stored whole");
    let refused = mia.say("echo", &format!("{longest}x")).await;
    assert_eq!(refused["errors"][0]["code"], "INVALID_INPUT");
    // The REST route keeps its contract.
    for (chars, status) in [(1000, 200), (1001, 400), (32_000, 400)] {
        let answer = mia.post("/api/chat/", json!({ "message": "x".repeat(chars) })).await;
        assert_eq!(answer.status, status, "{chars}");
        if status == 400 {
            assert_eq!(answer.text, r#"{"message":["Ensure this field has no more than 1000 characters."]}"#);
        }
    }
    assert_eq!(app.balance(&mia).await, (3800, 0));
    let strict = TestApp::with(on, "turns.max_message_chars = 5").await;
    let tom = strict.user("tom").await;
    let answer = tom.post("/api/chat/", json!({ "message": "123456" })).await;
    assert_eq!(answer.text, r#"{"message":["Ensure this field has no more than 5 characters."]}"#);
}

/// The history of the REST route has no more long messages in memory than fit, and a link to the others.
#[apply(on_both_databases)]
async fn the_rest_history_is_bounded_in_bytes(on: On) {
    let app = TestApp::with(on, "ledger.signup_grant = 1000000").await;
    let mia = app.user("mia").await;
    let writer = app.viewer(&mia).await.require_write().unwrap();
    let message = "\u{1f600}".repeat(32_000);
    for number in 0..105 {
        let send = SendMessage { message: format!("{number}{}", &message[..126_000]), ..SendMessage::default() };
        chat::send(&app.app, writer, send).await.unwrap();
    }
    let first = mia.get("/api/chat/").await;
    let rows = first.json().as_array().unwrap().len();
    assert!((60..105).contains(&rows), "{rows}");
    let link = first.headers["link"].to_str().unwrap().to_owned();
    let next = link.split_once('<').unwrap().1.split_once('>').unwrap().0;
    let rest = mia.get(next).await;
    assert_eq!(rest.json().as_array().unwrap().len(), 105 - rows);
    assert!(!rest.headers.contains_key("link"));
    assert!(rest.json()[104 - rows]["message"].as_str().unwrap().starts_with('0'));
    // Short ones are all in one answer, whatever the size of a batch.
    let tom = app.user("tom").await;
    for _ in 0..150 {
        tom.say("echo", "short").await;
    }
    let all = tom.get("/api/chat/").await;
    assert_eq!((all.json().as_array().unwrap().len(), all.headers.contains_key("link")), (150, false));
    let some = tom.get("/api/chat/?limit=120").await;
    assert_eq!((some.json().as_array().unwrap().len(), some.headers.contains_key("link")), (120, true));
}
