//! Browser sessions: the refresh token is stored in a cookie that no script can read.
//!
//! A request opts in with the header `X-Jeton-Session: cookie`. A cross-origin page can't send that header without a
//! preflight, which is never granted, so a forged cross-origin request has no session although the browser sends the
//! cookie. `SameSite=Strict` is a second line of defense against the same attack.

use std::time::Duration;

use async_graphql::Context;
use axum::http::HeaderMap;
use axum::http::header::{COOKIE, SET_COOKIE};

use crate::app::App;

const HEADER: &str = "x-jeton-session";
const NAME: &str = "jeton_refresh";

/// Whether a request opts in to a cookie session, and the refresh token of its cookie.
#[derive(Clone, Default)]
pub(crate) struct CookieSession {
    wanted: bool,
    refresh_token: Option<String>,
}

impl CookieSession {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        if headers.get(HEADER).is_none_or(|value| value != "cookie") {
            return Self::default();
        }
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut cookies = cookies.flat_map(|value| value.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
        let refresh_token = cookies.find(|(name, _)| *name == NAME).map(|(_, token)| token.to_owned());
        Self { wanted: true, refresh_token }
    }

    /// Returns the refresh token of the cookie, if the request opted in.
    pub(crate) fn refresh_token(&self) -> Option<String> {
        self.refresh_token.clone()
    }

    /// Stores a refresh token in the cookie. Without opt-in, returns it for the response instead.
    pub(crate) fn keep(&self, ctx: &Context<'_>, app: &App, refresh_token: String) -> Option<String> {
        if !self.wanted {
            return Some(refresh_token);
        }
        set(ctx, app, &refresh_token, app.config().auth.refresh_ttl);
        None
    }

    /// Deletes the cookie, if the request opted in.
    pub(crate) fn clear(&self, ctx: &Context<'_>, app: &App) {
        if self.wanted {
            set(ctx, app, "", Duration::ZERO);
        }
    }
}

fn set(ctx: &Context<'_>, app: &App, value: &str, life: Duration) {
    let secure = if app.config().http.is_tls() { "; Secure" } else { "" };
    let age = life.as_secs();
    let cookie = format!("{NAME}={value}; Path=/graphql; Max-Age={age}; HttpOnly; SameSite=Strict{secure}");
    ctx.append_http_header(SET_COOKIE, cookie);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_counts_only_with_the_header() {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, "a=b; jeton_refresh=token; c=d".parse().unwrap());
        assert_eq!(CookieSession::of(&headers).refresh_token(), None);
        headers.insert(HEADER, "cookie".parse().unwrap());
        assert_eq!(CookieSession::of(&headers).refresh_token().as_deref(), Some("token"));
    }
}
