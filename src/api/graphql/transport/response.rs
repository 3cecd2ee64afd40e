//! HTTP responses: a GraphQL response in one of two media types, and rejections of requests that were not executed.

use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response as HttpResponse};

use super::super::execution::answer::Answer;
use super::super::execution::request::RequestRejection;

/// The media type of a response.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ResponseFormat {
    Response,
    Json,
}

/// Returns the response to a request that was rejected.
pub(super) fn reject(media: ResponseFormat, rejection: RequestRejection) -> HttpResponse {
    let answer = Answer::rejected(&rejection);
    let RequestRejection { status, well_formed, code, retry_after, .. } = rejection;
    let status = if well_formed && media == ResponseFormat::Json { StatusCode::OK } else { status };
    let mut response = write(media, status, answer);
    response.extensions_mut().insert(code);
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    }
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if status == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Bearer realm=\"api\"");
        response.headers_mut().insert(axum::http::header::WWW_AUTHENTICATE, challenge);
    }
    response
}

/// Returns the HTTP response.
pub(super) fn write(media: ResponseFormat, status: StatusCode, mut answer: Answer) -> HttpResponse {
    let content_type = match media {
        ResponseFormat::Response => "application/graphql-response+json; charset=utf-8",
        ResponseFormat::Json => "application/json; charset=utf-8",
    };
    let cookies = std::mem::take(&mut answer.headers);
    (status, cookies, [(CONTENT_TYPE, content_type)], answer.into_body()).into_response()
}
