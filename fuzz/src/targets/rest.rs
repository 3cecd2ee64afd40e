//! REST requests and access tokens.

use axum::body::{Body, Bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, Request, StatusCode, Uri};
use jeton::core::jwt::TokenKind;
use serde_json::Value;

use super::{Harness, SIGNING_KEY};

impl Harness {
    /// A REST request: method, path and media type in the first line, and then the body.
    pub fn rest(&mut self, data: &[u8]) {
        let line = data.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let body = Bytes::copy_from_slice(data.get(line.len() + 1..).unwrap_or_default());
        let mut words = line.splitn(3, |byte| *byte == b' ');
        let mut word = || words.next().unwrap_or_default();
        let (Ok(method), Ok(uri)) = (Method::from_bytes(word()), Uri::try_from(word())) else { return };
        let Ok(media_type) = HeaderValue::from_bytes(word()) else { return };
        if !uri.path().starts_with("/api/") {
            return;
        }
        let bodiless = method == Method::HEAD || uri.path() == "/api/openapi.json";
        let request = Request::builder().method(method).uri(uri).header(CONTENT_TYPE, media_type);
        let user = self.user.clone();
        let answer = self.send(Some(&user), request.body(Body::from(body)).unwrap());
        assert!(!answer.status.is_server_error(), "{}", answer.status);
        if !bodiless && answer.status != StatusCode::NO_CONTENT {
            let answered = answer.json();
            assert!(answered.is_object() || answered.is_array(), "{answered}");
        }
    }

    /// Tokens: the input as a token, and as the claims of a token that is signed here.
    pub fn jwt(&mut self, data: &[u8]) {
        let mut tokens = vec![data.to_vec()];
        if let Ok(claims) = serde_json::from_slice::<Value>(data) {
            let header = jsonwebtoken::Header { kid: self.key_id(), ..Default::default() };
            let key = jsonwebtoken::EncodingKey::from_secret(SIGNING_KEY.as_bytes());
            tokens.extend(jsonwebtoken::encode(&header, &claims, &key).map(String::into_bytes));
        }
        for token in tokens {
            if let Ok(text) = str::from_utf8(&token) {
                let now = self.app.clock.now();
                let kinds =
                    [TokenKind::Access, TokenKind::Refresh].map(|kind| self.app.keys.verify(text, kind, now).is_ok());
                assert_ne!(kinds, [true, true], "a token is of one kind");
            }
            let Ok(header) = HeaderValue::from_bytes(&[&b"Bearer "[..], &token].concat()) else { continue };
            for path in ["/api/user/profile/", "/v1/models"] {
                let request = Request::get(path).header(AUTHORIZATION, header.clone()).body(Body::empty()).unwrap();
                let answer = self.send(None, request);
                assert!([200, 401, 403].contains(&answer.status.as_u16()), "{path}: {}", answer.status);
                assert!(answer.json().is_object());
            }
        }
    }

    /// Returns the id (`kid`) of the signing key.
    fn key_id(&self) -> Option<String> {
        jsonwebtoken::decode_header(&self.user).unwrap().kid
    }
}
