//! The browser client as static files.

use axum::body::Body;
use axum::http::Request;

use crate::support::client::Answer;
use crate::support::{Client, On, TestApp};

async fn get(client: &Client, path: &str, header: (&str, &str)) -> Answer {
    client.send(Request::get(path).header(header.0, header.1).body(Body::empty()).unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_the_client_and_other_paths_are_not() {
    let app = TestApp::start(On::Sqlite).await;
    let anonymous = app.anonymous();
    for path in [
        "/",
        "/c/Q29udmVyc2F0aW9uOjE",
        "/login",
        "/account",
        "/groups/R3JvdXA6MQ",
        "/admin",
        "/admin/",
        "/admin/users/x/delete",
        "/graphiql",
    ] {
        let page = get(&anonymous, path, ("accept", "text/html")).await;
        assert!(page.headers["content-type"].to_str().unwrap().starts_with("text/html"), "{path}");
        if page.status == 404 {
            assert!(page.text.contains("make web"), "a server without a client says how to build it");
            continue;
        }
        assert_eq!((page.status.as_u16(), &page.headers["cache-control"]), (200, &"no-cache".parse().unwrap()));
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.contains("script-src 'self'")
                && !policy.contains("script-src 'self' 'unsafe")
                && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        let again = get(&anonymous, path, ("if-none-match", page.headers["etag"].to_str().unwrap())).await;
        assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""));
        // Names with a hash are immutable.
        let script = page.text.split('"').find(|part| part.starts_with("/assets/") && part.ends_with(".js")).unwrap();
        let script = get(&anonymous, script, ("accept", "*/*")).await;
        assert_eq!(script.headers["cache-control"], "public, max-age=31536000, immutable");
    }
    // Unknown paths serve the client, which shows an error.
    for path in ["/nothing", "/chat/1", "/c/1/2"] {
        let page = get(&anonymous, path, ("accept", "text/html,*/*;q=0.8")).await;
        assert_eq!(page.status, 404, "{path}");
        assert_eq!(
            page.text.contains("<script"),
            get(&anonymous, "/", ("accept", "*/*")).await.text.contains("<script")
        );
        assert!(page.text.is_empty() || page.headers.contains_key("content-security-policy"), "{path}");
    }
    for path in ["/nothing", "/assets/nothing.js", "/assets/../Cargo.toml", "/assets/%2e%2e/%2e%2e/Cargo.toml"] {
        assert_eq!(get(&anonymous, path, ("accept", "*/*")).await.status, 404, "{path}");
    }
}
