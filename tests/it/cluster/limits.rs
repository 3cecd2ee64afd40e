//! Rate limits that servers share.

use std::time::Duration;

use rstest_reuse::apply;
use serde_json::{Value, json};

use super::{OwnRedis, Two, over, redis};
use crate::support::installation::client;
use crate::support::{Client, On, PASSWORD, on_both_databases};

#[apply(on_both_databases)]
async fn limits_are_counted_together_over_redis(on: On) {
    let limits = "limits.messages_per_minute_per_user = 3\nauth.login_attempts_before_delay = 3";
    let servers = Two::start(on, &over(&redis(), limits)).await;
    let mia = servers.one.user("mia").await;
    let elsewhere = servers.at_two(&mia);
    let sent = |payload: &Value| payload["errors"][0]["code"].as_str().unwrap_or("sent").to_owned();
    assert_eq!(sent(&mia.say("echo", "one").await), "sent");
    assert_eq!(sent(&elsewhere.say("echo", "two").await), "sent");
    assert_eq!(sent(&mia.say("echo", "three").await), "sent");
    assert_eq!(sent(&elsewhere.say("echo", "four").await), "RATE_LIMITED");
    assert_eq!(sent(&mia.say("echo", "five").await), "RATE_LIMITED");
    let tom = servers.one.user("tom").await;
    assert_eq!(sent(&servers.at_two(&tom).say("echo", "Somebody else").await), "sent");

    // Failed log-ins of one username: three without a delay, then every attempt is delayed on each server.
    let log_in = async |client: &Client, name: &str, password: &str| {
        let answer = client.post("/api/token/", json!({ "username": name, "password": password })).await;
        answer.status.as_u16()
    };
    let (here, there) = (servers.one.anonymous(), servers.at_two(&servers.one.anonymous()));
    for server in [&here, &there, &here, &there] {
        assert_eq!(log_in(server, "mia", "wrong").await, 401);
    }
    assert_eq!(log_in(&here, "mia", PASSWORD).await, 429);
    assert_eq!(log_in(&there, "mia", PASSWORD).await, 429);
    assert_eq!(log_in(&there, "tom", PASSWORD).await, 200);
    servers.one.clock.advance(Duration::from_secs(2));
    assert_eq!(log_in(&here, "mia", PASSWORD).await, 200, "the wait has an end");
    for server in [&there, &here, &there] {
        assert_eq!(log_in(server, "mia", "wrong").await, 401, "and a success forgets");
    }
    // Redis does not receive the usernames.
    let mut connection = ::redis::Client::open(redis()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<String> = ::redis::cmd("KEYS").arg("*").query_async(&mut connection).await.unwrap();
    assert!(keys.iter().any(|key| key.contains("guesses by name")), "{keys:?}");
    assert!(!keys.iter().any(|key| key.contains("mia") || key.contains("tom")), "{keys:?}");
}

#[apply(on_both_databases)]
async fn api_keys_and_addresses_are_counted_together_over_redis(on: On) {
    let limits = "limits.messages_per_minute_per_key = 2\nlimits.registrations_per_hour_per_address = 100
        limits.registration_burst_per_address = 2
        limits.refreshes_per_minute_per_address = 2\nhttp.trusted_proxies = ['127.0.0.0/8']";
    let servers = Two::start(on, &over(&redis(), limits)).await;
    let mia = servers.one.user("mia").await;
    let create = "mutation { createApiKey(input: {name: \"k\", scopes: [COMPLETIONS]}) { secret } }";
    let key = mia.data(create, json!({})).await["createApiKey"]["secret"].as_str().unwrap().to_owned();
    let bases = [servers.one.serve().await, servers.serve_two().await].map(|address| format!("http://{address}"));
    let post = async |server: usize, path: &str, body: Value| {
        let request = client().post(format!("{}{path}", bases[server])).json(&body).bearer_auth(&key);
        request.header("x-forwarded-for", "203.0.113.7").send().await.unwrap().status().as_u16()
    };
    let call = json!({ "model": "echo", "messages": [{ "role": "user", "content": "Hi" }] });
    for (server, status) in [(0, 200), (1, 200), (0, 429), (1, 429)] {
        assert_eq!(post(server, "/v1/chat/completions", call.clone()).await, status);
    }
    for (server, name, status) in [(0, "a", 201), (1, "b", 201), (0, "c", 429), (1, "d", 429)] {
        let body = json!({ "username": name, "password": PASSWORD, "password2": PASSWORD });
        assert_eq!(post(server, "/api/register/", body).await, status, "{name}");
    }
    let refresh = json!({ "refresh": mia.refresh });
    for (server, status) in [(1, 200), (0, 200), (1, 429), (0, 429)] {
        assert_eq!(post(server, "/api/token/refresh/", refresh.clone()).await, status);
    }
}

/// An attacker who can write to Redis can delay users up to the configured limits, but no longer, and gets nothing for
/// free.
#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_writes_into_redis_blocks_nobody_for_long() {
    let own = OwnRedis::start();
    let limits =
        "limits.messages_per_minute_per_user = 3\nauth.login_attempts_before_delay = 3\nauth.login_max_delay = '1m'";
    let servers = Two::start(On::Sqlite, &over(&own.url(), limits)).await;
    let mia = servers.one.user("mia").await;
    let log_in = async |password: &str| {
        let body = json!({ "username": "mia", "password": password });
        let answer = servers.one.anonymous().post("/api/token/", body).await;
        (answer.status.as_u16(), answer.headers.get("retry-after").map(|wait| wait.to_str().unwrap().to_owned()))
    };
    assert_eq!(log_in("wrong").await.0, 401);
    assert_eq!(mia.say("echo", "one").await["errors"], json!([]));
    let mut connection = ::redis::Client::open(own.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<String> = ::redis::cmd("KEYS").arg("*").query_async(&mut connection).await.unwrap();
    for value in ["9e300", "1e18", "-9e300", "inf", "nan", "-nan", "", "x"] {
        for key in &keys {
            let kind: String = ::redis::cmd("TYPE").arg(key).query_async(&mut connection).await.unwrap();
            let () = match kind.as_str() {
                "hash" => {
                    let set = ::redis::cmd("HSET").arg(key).arg("count").arg(value).arg("until").arg(value).clone();
                    set.query_async(&mut connection).await.unwrap()
                }
                _ => ::redis::cmd("SET").arg(key).arg(value).query_async(&mut connection).await.unwrap(),
            };
        }
        let (status, wait) = log_in("wrong").await;
        let wait: u64 = wait.map_or(0, |wait| wait.parse().unwrap());
        assert!(matches!(status, 401 | 429) && wait <= 60, "{value}: {status}, {wait}");
        let sent = mia.post("/api/chat/", json!({ "message": "again" })).await;
        let wait = sent.headers.get("retry-after").map_or(0, |wait| wait.to_str().unwrap().parse().unwrap());
        assert!(matches!(sent.status.as_u16(), 200 | 201 | 429) && wait <= 60, "{value}: {}, {wait}", sent.status);
        servers.one.clock.advance(Duration::from_secs(120));
    }
    assert_eq!(servers.one.app.bus.health().unwrap().counted_alone, 0, "Redis has decided each");
}
