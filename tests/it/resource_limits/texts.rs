//! The length of every text that a client sends by GraphQL. Ids and cursors are not among them: they are parsed, and an
//! invalid one is not found.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::parser::types::{InputValueDefinition, TypeKind};
use serde_json::{Map, Value, json};

use super::table::{TEXTS, Text};
use super::{named, schema};
use crate::support::{Client, On, PASSWORD, TestApp};

/// Longer than the limit of any text, and shorter than that of all variables.
const LONG: usize = 100_000;

fn is_text(value: &InputValueDefinition) -> bool {
    named(&value.ty.node).0 == "String" && !["after", "before"].contains(&value.name.node.as_str())
}

#[test]
fn no_text_is_without_a_length() {
    let mut texts = BTreeSet::new();
    for (name, kind) in schema() {
        match kind {
            TypeKind::InputObject(input) => {
                let fields = input.fields.iter().map(|field| &field.node).filter(|field| is_text(field));
                texts.extend(fields.map(|field| format!("{name}.{}", field.name.node)));
            }
            TypeKind::Object(object) => {
                for field in &object.fields {
                    let arguments = field.node.arguments.iter().map(|argument| &argument.node);
                    let arguments = arguments.filter(|argument| is_text(argument));
                    texts.extend(arguments.map(|argument| format!("{}.{}", field.node.name.node, argument.name.node)));
                }
            }
            _ => {}
        }
    }
    assert_eq!(TEXTS.iter().map(|(text, _)| (*text).to_owned()).collect::<BTreeSet<_>>(), texts);
}

/// Each operation with an input, by the name of its type, with the required fields of the input.
fn inputs() -> BTreeMap<String, (String, Vec<String>)> {
    let types: BTreeMap<_, _> = schema().into_iter().collect();
    let mut inputs = BTreeMap::new();
    for (root, operation, selected) in [("Mutation", "mutation", "errors { code }"), ("Query", "query", "__typename")] {
        let TypeKind::Object(object) = &types[root] else { panic!("there is a {root}") };
        for field in &object.fields {
            let Some(argument) = field.node.arguments.iter().find(|argument| argument.node.name.node == "input") else {
                continue;
            };
            let input = named(&argument.node.ty.node).0;
            let TypeKind::InputObject(object) = &types[&input] else { panic!("{input}") };
            let needed = object.fields.iter().filter(|field| !field.node.ty.node.nullable);
            let needed = needed.map(|field| field.node.name.node.to_string()).collect();
            let name = &field.node.name.node;
            let document = format!("{operation}($input: {input}!) {{ it: {name}(input: $input) {{ {selected} }} }}");
            inputs.insert(input, (document, needed));
        }
    }
    inputs
}

struct Given {
    root: Client,
    user: String,
    provider: String,
    group: String,
    webhook: String,
    conversation: Value,
    chat: Value,
}

impl Given {
    async fn new(app: &TestApp) -> Self {
        let root = app.superuser("root").await;
        let user = app.user("mia").await.global_id().await;
        let begin = "mutation { createConversation(input: {}) { conversation { id } } }";
        let conversation = root.data(begin, json!({})).await["createConversation"]["conversation"]["id"].clone();
        let said = root.say_with(json!({ "message": "x", "conversationId": conversation })).await;
        let provider = crate::catalog::provider(app, "for texts", "http://127.0.0.1:9").await;
        let event = jeton::infra::entity::webhook::Event::UserCreated;
        let (webhook, _) = crate::webhooks::webhook(&app.app, "for texts", "https://hooks.example", &[event]).await;
        Self {
            webhook: crate::webhooks::global_id("Webhook", webhook.id.0),
            root,
            provider: crate::catalog::global_id(&provider),
            group: crate::groups::global_id(crate::groups::group(app, "for texts", 0, &[]).await),
            user,
            conversation,
            chat: said["chat"]["id"].clone(),
        }
    }

    /// A valid value of an input's field.
    fn value(&self, field: &str) -> Value {
        match field {
            "userId" => json!(self.user),
            "providerId" => json!(self.provider),
            "groupId" => json!(self.group),
            "webhookId" => json!(self.webhook),
            "events" => json!(["USER_CREATED"]),
            "kind" => json!("OPENAI"),
            "price" => json!({}),
            "changes" => json!([{ "model": "x", "version": 1, "price": {} }]),
            "routes" => json!([{ "providerId": self.provider, "upstreamModel": "x" }]),
            "conversationId" => self.conversation.clone(),
            "chatId" => self.chat.clone(),
            "username" => json!("new-user"),
            "password" | "newPassword" | "oldPassword" => json!(PASSWORD),
            "amount" => json!(1),
            "staff" | "superuser" | "active" => json!(false),
            "filter" => json!({ "search": "nobody" }),
            "expectedCount" => json!(0),
            _ => json!("x"),
        }
    }

    /// Runs the operation with this value; returns the error codes.
    async fn codes(&self, input: &str, field: &str, value: Value) -> Vec<String> {
        let inputs = inputs();
        // An input within another one.
        let (input, field, value) = match input {
            "ProviderHeaderInput" if field == "name" => {
                ("CreateProviderInput", "headers", json!([{ field: value, "value": "x" }]))
            }
            "ProviderHeaderInput" => ("CreateProviderInput", "headers", json!([{ "name": "x", field: value }])),
            "ModelRouteInput" => ("CreateModelInput", "routes", json!([{ "providerId": self.provider, field: value }])),
            "PriceChangeInput" => ("ApplyPricesInput", "changes", json!([{ field: value, "version": 1, "price": {} }])),
            "UserFilterInput" => ("SetUsersActiveInput", "filter", json!({ field: value })),
            _ => (input, field, value),
        };
        let (query, needed) = &inputs[input];
        let mut given: Map<_, _> = needed.iter().map(|field| (field.clone(), self.value(field))).collect();
        given.insert(field.to_owned(), value);
        let answer = self.root.graphql(query, json!({ "input": given })).await;
        let top = answer["errors"].as_array().into_iter().flatten().map(|error| &error["extensions"]["code"]);
        let own = answer["data"]["it"]["errors"].as_array().into_iter().flatten().map(|error| &error["code"]);
        top.chain(own).map(|code| code.as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_over_their_length_are_rejected() {
    let app = TestApp::with(On::Sqlite, "ledger.signup_grant = 1000000").await;
    let given = Given::new(&app).await;
    let mut wrong = Vec::new();
    for (text, length) in TEXTS.iter().filter(|(text, _)| text.contains("Input.")) {
        let (input, field) = text.split_once('.').unwrap();
        let is_list = ["CreateApiKeyInput.models", "ApplyPricesInput.confirmed"].contains(text);
        let long = |chars: usize| if is_list { json!(["x".repeat(chars)]) } else { json!("x".repeat(chars)) };
        let (chars, codes) = match length {
            Text::Chars(chars) => (chars + 1, given.codes(input, field, long(chars + 1)).await),
            Text::Lookup => (LONG, given.codes(input, field, long(LONG)).await),
            // Logging out would end the session of this test.
            Text::Echoed => continue,
        };
        let expected = |code: &String| ["INVALID_INPUT", "NOT_FOUND", "UNAUTHENTICATED"].contains(&code.as_str());
        if codes.is_empty() || !codes.iter().all(expected) {
            wrong.push(format!("{text} of {chars} characters: {codes:?}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    // The length is the reason: a short text in the same place is valid.
    for text in ["CreateConversationInput.title", "SendMessageInput.message", "AdjustBalanceInput.reason"] {
        let (input, field) = text.split_once('.').unwrap();
        assert_eq!(given.codes(input, field, json!("x")).await, Vec::<String>::new(), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn long_texts_find_nothing() {
    let app = TestApp::start(On::Sqlite).await;
    let given = Given::new(&app).await;
    let mut wrong = Vec::new();
    for (text, _) in TEXTS.iter().filter(|(text, _)| !text.contains("Input.")) {
        let (field, argument) = text.split_once('.').unwrap();
        let query = format!("query($text: String) {{ it: {field}({argument}: $text) {{ nodes {{ __typename }} }} }}");
        let answer = given.root.graphql(&query, json!({ "text": "x".repeat(LONG) })).await;
        let code = answer.pointer("/errors/0/extensions/code").and_then(Value::as_str);
        let found = answer["data"]["it"]["nodes"].as_array().map(Vec::len);
        if code != Some("INVALID_INPUT") && found != Some(0) {
            wrong.push(format!("{text}: {code:?}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}
