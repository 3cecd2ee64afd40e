//! Parameters that would cost more than their hold.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::StreamExt;
use jeton::infra::ai::upstream::Params;
use rstest::rstest;
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::openai_api::{DONE, Does, STOP, app_with, asking, piece, post_raw, upstream};
use crate::support::{On, TestApp, on_both_databases, openai_with};

#[apply(on_both_databases)]
async fn each_answer_of_a_call_has_the_flat_price(on: On) {
    let (url, heard) = upstream(Does::Stream(Duration::ZERO, vec![piece("One"), STOP.into(), DONE.into()])).await;
    let app = app_with(on, "", &[&url]).await;
    let mia = app.user("mia").await;
    let with = |answers: u64| {
        let mut body = asking("upstream", true);
        body["n"] = json!(answers);
        mia.post("/v1/chat/completions", body)
    };
    let three = with(3).await;
    assert_eq!((three.status.as_u16(), &three.headers["x-jeton-hold"]), (200, &"300".parse().unwrap()));
    assert_eq!(app.balance(&mia).await, (3700, 0));
    let many = with(128).await;
    assert_eq!((many.status.as_u16(), &many.json()["error"]["code"]), (402, &json!("insufficient_quota")));
    assert_eq!(with(129).await.json()["error"]["param"], "n");
    assert_eq!(heard.calls.load(Ordering::SeqCst), 1, "what can't be paid is not asked");
    assert_eq!(app.balance(&mia).await, (3700, 0));
    // A stop is charged in full too: all choices were being generated.
    let (url, _) = upstream(Does::Hang(vec![piece("One")])).await;
    let app = app_with(on, "v1.usage_wait_timeout = '100ms'", &[&url]).await;
    let mia = app.user("mia").await;
    let mut call = crate::openai_api::chat_call_of("upstream", "Hello");
    call.choices = 4;
    let mut called =
        jeton::domain::chat::call(&app.app, app.viewer(&mia).await.require_completions().unwrap(), call).await.unwrap();
    called.events.next().await.unwrap();
    drop(called);
    app.settled().await;
    assert_eq!(app.balance(&mia).await, (3600, 0));
}

#[apply(on_both_databases)]
async fn parameters_that_the_hold_does_not_pay_for_are_rejected_by_name(on: On) {
    let (url, heard) = upstream(Does::Stream(Duration::ZERO, vec![piece("One"), STOP.into(), DONE.into()])).await;
    let app = app_with(on, "", &[&url]).await;
    let mia = app.user("mia").await;
    let search = json!([{ "type": "web_search" }]);
    let mut body = asking("by_unit", true);
    body["tools"] = search;
    assert_eq!(mia.post("/v1/chat/completions", body).await.json()["error"]["param"], "tools");
    for name in [
        "additional_drop_params",
        "n_predict\0",
        "max_tokens\u{200b}",
        "n_predict",
        "max_new_tokens",
        "best_of",
        "min_tokens",
        "Max_Tokens",
        "maxTokens",
        "max_token\u{17f}",
        "N",
        "MODEL",
        "models",
        "prediction",
        "extra_body",
        "api_base",
        "num_return_sequences",
        "ignore_eos",
    ] {
        let mut body = asking("by_unit", true);
        body[name] = json!(5000);
        let refused = mia.post("/v1/chat/completions", body).await;
        let error = &refused.json()["error"];
        assert_eq!((refused.status.as_u16(), &error["param"]), (400, &json!(name)), "{error}");
        assert_eq!(error["code"], "unsupported_parameter");
    }
    let mut body = asking("by_unit", true);
    body["service_tier"] = json!("priority");
    assert_eq!(mia.post("/v1/chat/completions", body.clone()).await.json()["error"]["param"], "service_tier");
    assert_eq!(heard.calls.load(Ordering::SeqCst), 0);
    assert_eq!(app.balance(&mia).await, (4000, 0));
    // Parameters without effect, and those that no upstream is known to charge for, are allowed.
    body["service_tier"] = json!("auto");
    body["n_predict"] = Value::Null;
    body["a_field_of_the_future"] = json!({ "x": 1 });
    assert_eq!(mia.post("/v1/chat/completions", body).await.status, 200);
}

/// A second spelling would override the request for usage at an upstream that ignores case.
#[tokio::test(flavor = "multi_thread")]
async fn the_usage_is_asked_for_once() {
    let (url, heard) = upstream(Does::Stream(Duration::ZERO, vec![piece("One"), STOP.into(), DONE.into()])).await;
    let app = app_with(On::Sqlite, "", &[&url]).await;
    let mia = app.user("mia").await;
    for options in [
        json!({ "include_usage": true, "include_u\u{17f}age": false }),
        json!({ "Include_Usage": false, "include_obfuscation": false }),
    ] {
        let mut body = asking("by_unit", true);
        body["stream_options"] = options.clone();
        mia.post("/v1/chat/completions", body).await;
        let sent: Value = serde_json::from_str(&heard.bodies.lock().unwrap().last().unwrap().1).unwrap();
        let mut expected = json!({ "include_usage": true });
        if let Some(other) = options.get("include_obfuscation") {
            expected["include_obfuscation"] = other.clone();
        }
        assert_eq!(sent["stream_options"], expected);
    }
}

/// An upstream ignores an unknown parameter, and with it the output limit that the hold is calculated from.
#[rstest]
#[case::unset(None, [
    ("\"max_completion_tokens\" : 9", "\"max_completion_tokens\" : 9"),
    ("\"max_tokens\":9", "\"max_tokens\":9"),
    ("\"max_tokens\":9,\"max_completion_tokens\":5", "\"max_tokens\":5,\"max_completion_tokens\":5"),
])]
#[case::older(Some("max_tokens"), [
    ("\"max_completion_tokens\" : 9", "\"max_tokens\" : 9"),
    ("\"max_tokens\":9,\"max_completion_tokens\":5", "\"max_tokens\":5,\"max_completion_tokens\":5"),
    ("\"max_completion_tokens\":null,\"max_tokens\":9", "\"max_completion_tokens\":null,\"max_tokens\":9"),
])]
#[case::newer(Some("max_completion_tokens"), [
    ("\"max_completion_tokens\" : 9", "\"max_completion_tokens\" : 9"),
    ("\"max_tokens\":9", "\"max_completion_tokens\":9"),
    ("\"max_tokens\":9,\"max_completion_tokens\":null", "\"max_tokens\":9,\"max_completion_tokens\":9"),
])]
#[tokio::test(flavor = "multi_thread")]
async fn the_output_limit_goes_by_the_name_that_the_upstream_knows(
    #[case] limit_name: Option<&'static str>,
    #[case] calls: [(&str, &str); 3],
) {
    let (url, heard) = upstream(Does::Stream(Duration::ZERO, vec![piece("One"), STOP.into(), DONE.into()])).await;
    let provider = openai_with(&[&url], 0, |settings| settings.max_tokens_param = limit_name);
    let app = TestApp::with_provider(On::Sqlite, "", Arc::new(provider)).await;
    let mia = app.user("mia").await;
    let messages = "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"stream\":true,\"stream_options\":{\"include_usage\":true}";
    for (given, sent) in calls {
        post_raw(&mia, &format!("{{\"model\":\"by_unit\",{given},{messages}}}"), &[]).await;
        let last = heard.bodies.lock().unwrap().last().unwrap().1.clone();
        assert_eq!(last, format!("{{\"model\":\"gpt-test\",{sent},{messages}}}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_decide_which_parameters_pass() {
    let (url, heard) = upstream(Does::Stream(Duration::ZERO, vec![piece("One"), STOP.into(), DONE.into()])).await;
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let forced = [("store".to_owned(), json!(false))].into();
    let params = Params::new(&[], &names(&["temperature", "best_of"]), &forced, &names(&["n", "best_of"]), &[]);
    let app =
        TestApp::with_provider(On::Sqlite, "", Arc::new(openai_with(&[&url], 0, |settings| settings.params = params)))
            .await;
    let mia = app.user("mia").await;
    let call = |more: Value| {
        let mut body = asking("upstream", true);
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        mia.post("/v1/chat/completions", body)
    };
    assert_eq!(call(json!({ "seed": 1 })).await.json()["error"]["param"], "seed", "not in the allow-list");
    let priced = call(json!({ "temperature": 0, "n": 2, "best_of": 3, "store": true })).await;
    assert_eq!((priced.status.as_u16(), &priced.headers["x-jeton-hold"]), (200, &"600".parse().unwrap()));
    let sent: Value = serde_json::from_str(&heard.bodies.lock().unwrap()[0].1).unwrap();
    assert_eq!(sent["store"], false);
}
