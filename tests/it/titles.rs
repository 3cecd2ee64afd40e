//! Titles of conversations by a model.

use std::time::Duration;

use jeton::infra::ai::Usage;
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::money::until;
use crate::support::{Client, On, Step, TestApp, on_both_databases};

/// The model of titles is one of the tests' own, which the configuration has to name, too.
const TITLES: &str = "turns.title_model = 'metered'\nmodels.metered = { provider = 'echo', price = {} }";

async fn conversation(client: &Client, title: Option<&str>) -> Value {
    let create = "mutation($title: String) { createConversation(input: {title: $title}) { conversation { id } } }";
    client.data(create, json!({ "title": title })).await["createConversation"]["conversation"]["id"].take()
}

async fn title(client: &Client, id: &Value) -> Value {
    client.data("query($id: ID!) { conversation(id: $id) { title } }", json!({ "id": id })).await["conversation"]["title"].take()
}

async fn say(client: &Client, id: &Value, text: &str) {
    let sent = client.say_with(json!({ "message": text, "model": "scripted", "conversationId": id })).await;
    assert_eq!(sent["errors"], json!([]));
}

/// Plays a reply, and then the answer of the model of titles.
fn play(app: &TestApp, title: &'static str) {
    app.model.play([Step::Say("Paris."), Step::End(Some(Usage::of(5, 2)))]);
    app.model.play([Step::Think("Hm"), Step::Say(title), Step::End(Some(Usage::of(40, 4)))]);
}

#[apply(on_both_databases)]
async fn a_title_at_the_expense_of_the_operator_costs_the_user_nothing_and_is_counted(on: On) {
    let app = TestApp::with(on, TITLES).await;
    let mia = app.user("mia").await;
    let id = conversation(&mia, None).await;
    play(&app, "\"Capital of France.\"");
    say(&mia, &id, "What is the capital of France?").await;
    until(|| async { title(&mia, &id).await == "Capital of France" }).await;
    app.settled().await;
    assert_eq!(app.balance(&mia).await, (3900, 0));
    let page = app.app.metrics.page(&[]).unwrap();
    assert!(page.contains("jeton_titles_total{model=\"metered\"} 1"), "{page}");
    let heard = app.model.heard();
    assert!(heard[1].messages[1].content.contains("What is the capital of France?"));
    assert!(heard[1].max_output <= 256);
    // Only the first reply names it.
    say(&mia, &id, "Thanks").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!((title(&mia, &id).await, app.model.heard().len()), (json!("Capital of France"), 3));
}

#[apply(on_both_databases)]
async fn a_title_that_the_user_pays_for_is_a_chat_in_the_history(on: On) {
    let app = TestApp::with(on, "turns.title_model = 'answering'\nturns.title_paid_by = 'user'").await;
    let mia = app.user("mia").await;
    let id = conversation(&mia, None).await;
    play(&app, "Capital of France");
    say(&mia, &id, "What is the capital of France?").await;
    until(|| async { title(&mia, &id).await == "Capital of France" }).await;
    app.settled().await;
    assert_eq!(app.balance(&mia).await, (3800, 0));
    let history = "{ chatHistory { nodes { message response cost conversation { id } } } }";
    let newest = mia.data(history, json!({})).await["chatHistory"]["nodes"][0].take();
    let expected = json!({ "message": "Title for a conversation", "response": "Capital of France", "cost": 100, "conversation": null });
    assert_eq!(newest, expected);
    // The title itself is not named again, and the context of the conversation is without it.
    assert_eq!(app.model.heard().len(), 2);
    say(&mia, &id, "And of Italy?").await;
    assert_eq!(app.model.heard()[2].messages.len(), 3);
}

#[apply(on_both_databases)]
#[case::it_fails(vec![Step::Fail])]
#[case::it_says_nothing(vec![Step::Say(" \n"), Step::End(None)])]
#[case::it_only_thinks(vec![Step::Think("Hm"), Step::End(None)])]
#[case::it_breaks_off(vec![Step::Say("Cap"), Step::BreakOff])]
async fn a_title_that_fails_leaves_the_first_words(on: On, #[case] script: Vec<Step>) {
    let app = TestApp::with(on, "turns.title_model = 'answering'").await;
    let mia = app.user("mia").await;
    let id = conversation(&mia, None).await;
    app.model.play([Step::Say("Paris."), Step::End(None)]);
    app.model.play(script);
    say(&mia, &id, "What is the capital of France?").await;
    until(|| async { app.model.heard().len() == 2 }).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(title(&mia, &id).await, "What is the capital of France?");
    assert_eq!(app.balance(&mia).await, (3900, 0));
}

#[apply(on_both_databases)]
async fn a_title_of_the_user_stays_and_a_failed_reply_is_not_named(on: On) {
    let app = TestApp::with(on, "turns.title_model = 'answering'").await;
    let mia = app.user("mia").await;
    let named = conversation(&mia, Some("My own")).await;
    say(&mia, &named, "Hello").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!((title(&mia, &named).await, app.model.heard().len()), (json!("My own"), 1));
    let id = conversation(&mia, None).await;
    app.model.play([Step::Fail]);
    let sent = mia.say_with(json!({ "message": "Hello", "model": "scripted", "conversationId": id })).await;
    assert_eq!(sent["chat"]["status"], "FAILED");
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!((title(&mia, &id).await, app.model.heard().len()), (json!("Hello"), 2));
}
