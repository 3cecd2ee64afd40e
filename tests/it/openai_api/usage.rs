//! Usage and charges.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures::StreamExt;
use futures::future::join_all;
use rstest_reuse::apply;
use serde_json::{Value, json};

use super::{Does, app_with, chat_call, chats, upstream, viewer};
use crate::support::{On, TestApp, on_both_databases};

/// Output up to the end of a stop sequence counts as usage, though it is not returned.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_text_does_not_shrink_the_usage_and_may_leave_nothing() {
    let app = TestApp::start(On::Sqlite).await;
    let mia = app.user("mia").await;
    let ask = async |stop: Value, stream: bool| {
        let messages = json!([{ "role": "user", "content": "one two three" }]);
        let call = json!({ "model": "echo", "messages": messages, "stop": stop, "stream": stream });
        mia.post("/v1/chat/completions", call).await
    };
    let whole = ask(Value::Null, false).await.json();
    let all = whole["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
    let cut = ask(json!([all]), false).await;
    assert_eq!(cut.status, 200, "{}", cut.text);
    let cut = cut.json();
    assert_eq!(cut["choices"][0]["message"]["content"], "");
    assert_eq!(cut["choices"][0]["finish_reason"], "stop");
    assert_eq!(cut["usage"]["completion_tokens"], whole["usage"]["completion_tokens"]);
    let stream = ask(json!(all), true).await;
    assert!(stream.text.ends_with("data: [DONE]\n\n") && !stream.text.contains("error"), "{}", stream.text);
}

/// 200 streams, half of them aborted by their clients: each costs what the upstream generated for it.
#[apply(on_both_databases)]
async fn whoever_hangs_up_pays_what_was_produced(on: On, #[values("30s", "0s")] drain: &str) {
    let (url, heard) = upstream(Does::Words { tell_usage: true }).await;
    let app = app_with(
        on,
        &format!("v1.usage_wait_timeout = '{drain}'\nturns.open_per_user = 1000\nledger.signup_grant = 1000000"),
        &[&url],
    )
    .await;
    let mia = app.user("mia").await;
    let address = app.serve().await;
    let http = reqwest::Client::new();
    let access = mia.access.clone().unwrap();
    let calls = (0..200u64).map(|number| {
        let (http, access) = (http.clone(), access.clone());
        async move {
            let body = json!({ "model": "by_unit", "stream": true, "max_tokens": 200,
                "messages": [{ "role": "user", "content": format!("{number} {}", 20 + number % 60) }] });
            let call = http.post(format!("http://{address}/v1/chat/completions")).bearer_auth(access).json(&body);
            let mut answer = call.send().await.unwrap();
            assert_eq!(answer.status(), 200);
            let id = answer.headers()["x-jeton-chat-id"].to_str().unwrap().to_owned();
            let mut heard = Vec::new();
            while let Some(chunk) = answer.chunk().await.unwrap() {
                heard.extend_from_slice(&chunk);
                if number % 2 == 0 && heard.len() as u64 > number * 7 {
                    break;
                }
            }
            (number, id, said(&heard))
        }
    });
    let calls = join_all(calls).await;
    app.settled().await;
    let produced = heard.produced.lock().unwrap().clone();
    let mut estimated = 0;
    for (number, id, said) in calls {
        let id = BASE64_URL_SAFE_NO_PAD.encode(format!("Chat:{id}"));
        let query = "query($id: ID!) { chat(id: $id) { status cost usage { input output estimated } } }";
        let chat = mia.data(query, json!({ "id": id })).await["chat"].take();
        let asked = format!("{number} {}", 20 + number % 60);
        let words: Vec<_> = produced.iter().filter(|(by, _)| *by == asked).map(|(_, word)| word.as_str()).collect();
        let units = |name: &str| chat["usage"][name].as_i64().unwrap();
        assert_eq!(chat["cost"], units("input") + units("output"), "{chat}");
        if chat["usage"]["estimated"] == true {
            // A local estimate after a disconnect: no less than the client received (a word may be tokenized
            // differently at the end of the text), and no more than the upstream sent, the last of which may have been
            // in transit.
            estimated += 1;
            assert_eq!((&chat["status"], number % 2), (&json!("STOPPED"), 0));
            let count = |text: &str| tiktoken_rs::o200k_base_singleton().encode_ordinary(text).len() as i64;
            let (most, least) = (count(&words.concat()), count(&said) - 1);
            assert!((least..=most).contains(&units("output")), "{chat}: {least} to {most}");
        } else {
            assert_eq!((&chat["status"], units("input")), (&json!("DONE"), 5));
            assert_eq!(units("output"), words.len() as i64, "{chat}");
        }
    }
    // Within the timeout, the upstream's own usage is awaited.
    if drain == "30s" { assert_eq!(estimated, 0) } else { assert!(estimated > 50, "{estimated}") }
}

/// Returns the text of the complete events of a stream.
fn said(stream: &[u8]) -> String {
    let stream = String::from_utf8_lossy(stream);
    let whole = stream.rsplit_once("\n\n").map_or("", |(whole, _)| whole);
    let events = whole.lines().filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok());
    events.filter_map(|event| event["choices"][0]["delta"]["content"].as_str().map(str::to_owned)).collect()
}

/// The local estimate, without usage from the upstream: within 2 % of what it generated.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_counted_here_is_right_within_two_hundredths() {
    let (url, heard) = upstream(Does::Words { tell_usage: false }).await;
    let app = app_with(On::Sqlite, "v1.usage_wait_timeout = '0s'\nledger.signup_grant = 1000000", &[&url]).await;
    let mia = app.user("mia").await;
    for stay in [5u64, 50, 400] {
        heard.produced.lock().unwrap().clear();
        let call = chat_call(&format!("{stay} 1000"));
        let mut called =
            jeton::domain::chat::call(&app.app, viewer(&app, &mia).await.require_completions().unwrap(), call)
                .await
                .unwrap();
        for _ in 0..stay {
            called.events.next().await.unwrap();
        }
        drop(called);
        app.settled().await;
        let chat = &chats(&mia).await[0];
        assert_eq!((&chat["status"], &chat["usage"]["estimated"]), (&json!("STOPPED"), &json!(true)));
        let said: String = heard.produced.lock().unwrap().iter().map(|(_, word)| word.as_str()).collect();
        let expected = tiktoken_rs::o200k_base_singleton().encode_ordinary(&said).len() as f64;
        let counted = chat["usage"]["output"].as_f64().unwrap();
        // The upstream's last chunks may not have arrived.
        let on_its_way = 3.0 * 6.0;
        assert!((counted - expected).abs() <= expected * 0.02 + on_its_way, "{counted} of {expected}");
    }
}
