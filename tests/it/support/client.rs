//! A client of the whole server that calls its router directly, without a network.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use jeton::core::ids::UserId;
use jeton::domain::session::TokenPair;
use serde_json::{Value, json};
use tower::ServiceExt;

/// A client that is logged in as one user, or anonymous.
#[derive(Clone)]
pub struct Client {
    router: Router,
    pub access: Option<String>,
    pub refresh: Option<String>,
    id: Option<UserId>,
}

/// A response.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

impl Client {
    pub fn new(router: Router, logged_in: Option<TokenPair>) -> Self {
        let (access, refresh, id) = match logged_in {
            Some(TokenPair { access_token, refresh_token, user }) => {
                (Some(access_token), Some(refresh_token), Some(user.id))
            }
            None => (None, None, None),
        };
        Self { router, access, refresh, id }
    }

    /// Returns a client of another server with the same user and tokens.
    pub fn at(&self, router: Router) -> Self {
        Self { router, ..self.clone() }
    }

    pub fn user_id(&self) -> UserId {
        self.id.expect("a client with a user")
    }

    /// Returns the user's global id in the GraphQL API.
    pub async fn global_id(&self) -> String {
        self.data("{ me { id } }", json!({})).await["me"]["id"].as_str().unwrap().to_owned()
    }

    pub async fn send(&self, mut request: Request<Body>) -> Answer {
        if let (Some(access), false) = (&self.access, request.headers().contains_key("authorization")) {
            request.headers_mut().insert("authorization", format!("Bearer {access}").parse().unwrap());
        }
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        let request = Request::post(path).header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// Returns the whole GraphQL response.
    pub async fn graphql(&self, query: &str, variables: Value) -> Value {
        let answer = self.post("/graphql", json!({ "query": query, "variables": variables })).await;
        let json = answer.json();
        assert!(json.is_object(), "{answer:?}");
        json
    }

    /// Returns the data of a GraphQL response, which must have no errors.
    pub async fn data(&self, query: &str, variables: Value) -> Value {
        let mut answer = self.graphql(query, variables).await;
        assert_eq!(answer.get("errors"), None, "{query}");
        answer["data"].take()
    }

    /// Returns the code of the first error of a GraphQL response.
    pub async fn code(&self, query: &str, variables: Value) -> String {
        let answer = self.graphql(query, variables).await;
        answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_else(|| panic!("no error: {answer}")).to_owned()
    }

    /// Sends a message. Returns the payload.
    pub async fn say(&self, model: &str, message: &str) -> Value {
        self.say_with(json!({ "model": model, "message": message })).await
    }

    pub async fn say_with(&self, input: Value) -> Value {
        let query = "mutation($input: SendMessageInput!) { sendMessage(input: $input) {
            chat { id message response model status cost hold error { code message } usage { input output estimated } }
            balance { tokens held }
            errors { code message field } } }";
        self.data(query, json!({ "input": input })).await["sendMessage"].take()
    }
}
