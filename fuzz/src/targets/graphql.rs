//! GraphQL: documents, cursors and global ids.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::Harness;
use super::documents::{self, WRAPPINGS};

impl Harness {
    /// GraphQL: a document, and after a line `---` its variables. The viewer is the user, or by a comment in the first
    /// line anonymous (`#nobody`) or the superuser (`#root`). A response never has more objects than the document
    /// costs, and a query costs the same if its selections are wrapped.
    pub fn graphql(&mut self, data: &[u8]) {
        let Ok(text) = str::from_utf8(data) else { return };
        let (document, variables) = text.split_once("\n---\n").unwrap_or((text, "null"));
        let Ok(variables) = serde_json::from_str::<Value>(variables) else { return };
        let access = match document.lines().next() {
            Some("#nobody") => None,
            Some("#root") => Some(self.root.clone()),
            _ => Some(self.user.clone()),
        };
        let answered = self.execute(access.as_deref(), document, variables.clone());
        let cost = answered.pointer("/extensions/cost");
        if let Some(cost) = cost.and_then(|cost| cost["cost"].as_u64()) {
            assert!(objects(&answered["data"]) <= cost + 1, "{cost}: {answered}");
        }
        let refused =
            || answered["errors"][0]["message"].as_str().is_some_and(|message| message.contains(", more than "));
        for wrapping in WRAPPINGS {
            let Some(wrapped) = self.schema.wrapped(document, || Some(wrapping)) else { return };
            if !documents::is_query(document) {
                return;
            }
            let wrapped_answer = self.execute(access.as_deref(), &wrapped, variables.clone());
            match (cost, wrapped_answer.pointer("/extensions/cost")) {
                (Some(plain), Some(wrapped)) => {
                    assert_eq!(
                        (&plain["cost"], &plain["depth"]),
                        (&wrapped["cost"], &wrapped["depth"]),
                        "{wrapping:?}"
                    );
                }
                (None, Some(_)) => assert!(!refused(), "{wrapping:?}: {answered}"),
                // A wrapped document is longer, and may exceed the limits of lexical tokens or of nesting.
                (_, None) => {}
            }
        }
    }

    /// Cursors and global ids: the input as the decoded content of their Base64, and as the plain argument.
    pub fn cursors(&mut self, data: &[u8]) {
        const DOCUMENT: &str = "query($c: String, $id: ID!) {
            node(id: $id) { __typename }
            chatHistory(first: 2, after: $c) { nodes { id } }
            best: chatHistory(last: 2, before: $c, search: \"a\", orderBy: BEST) { nodes { id } }
            conversations(last: 2, before: $c) { nodes { id } }
            ledgerHistory(first: 2, after: $c) { nodes { id } }
            sessions(first: 2, before: $c) { nodes { id } }
            byName: users(first: 2, after: $c, orderBy: NAME) { nodes { id } }
            byTokens: users(last: 2, before: $c, orderBy: MOST_TOKENS) { nodes { id } }
            newest: users(first: 2, after: $c, before: $c) { nodes { id } pageInfo { hasNextPage endCursor } }
            auditTrail(first: 2, after: $c, targetId: $id) { nodes { id } }
        }";
        let root = self.root.clone();
        let encoded = BASE64_URL_SAFE_NO_PAD.encode(data);
        self.execute(Some(&root), DOCUMENT, json!({ "c": encoded, "id": encoded }));
        if let Ok(text) = str::from_utf8(data) {
            self.execute(Some(&root), DOCUMENT, json!({ "c": text, "id": text }));
        }
    }
}

/// Counts the objects in a response.
fn objects(value: &Value) -> u64 {
    match value {
        Value::Object(object) => 1 + object.values().map(objects).sum::<u64>(),
        Value::Array(list) => list.iter().map(objects).sum(),
        _ => 0,
    }
}
