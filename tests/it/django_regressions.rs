//! The defects that were measured in the Django application, each with the test that would have caught it.

use std::time::Duration;

use futures::future::join_all;
use jeton::core::ids::SessionId;
use jeton::core::tokens::Tokens;
use jeton::core::viewer::Actor;
use jeton::domain::account::admin::{self, Adjustment, BalanceChange, UserUpdate};
use rstest_reuse::apply;
use secrecy::ExposeSecret;
use serde_json::json;

use crate::support::{On, PASSWORD, Step, TestApp, on_both_databases};

#[apply(on_both_databases)]
async fn defect_1_sixty_posts_at_once_spend_exactly_the_balance(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let answers = join_all((0..60).map(|_| mia.post("/api/chat/", json!({ "message": "Hello" })))).await;
    let mut remaining: Vec<i64> = answers
        .iter()
        .filter(|answer| answer.status == 200)
        .map(|answer| answer.json()["tokens_remaining"].as_i64().unwrap())
        .collect();
    remaining.sort_unstable();
    assert_eq!(remaining, (0..40).map(|i| i * 100).collect::<Vec<_>>(), "each value once");
    assert_eq!(answers.iter().filter(|answer| answer.status == 402).count(), 20);
    assert_eq!(app.balance(&mia).await, (0, 0));
}

#[apply(on_both_databases)]
async fn defect_2_a_top_up_or_deactivation_during_a_message_is_kept(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    app.model.play([Step::Wait(gate.clone()), Step::Say("ok"), Step::End(None)]);
    let sending = tokio::spawn({
        let mia = mia.clone();
        async move { mia.say("scripted", "Hello").await }
    });
    while app.balance(&mia).await != (3900, 100) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let top_up = Adjustment {
        user_id: mia.user_id(),
        amount: BalanceChange::By(Tokens(1000)),
        reason: "top-up".to_owned(),
        idempotency_key: None,
    };
    admin::adjust_balance(&app.app, Actor::CommandLine, top_up).await.unwrap();
    let deactivate = UserUpdate { active: Some(false), ..UserUpdate::default() };
    admin::update(&app.app, Actor::CommandLine, mia.user_id(), deactivate).await.unwrap();
    gate.add_permits(1);
    sending.await.unwrap();
    let user = admin::find(&app.app, Actor::CommandLine, mia.user_id()).await.unwrap();
    assert_eq!((app.balance(&mia).await, user.is_active), ((4900, 0), false));
}

#[apply(on_both_databases)]
async fn defect_3_nothing_is_charged_where_nothing_is_answered(on: On) {
    // A charge is in the same transaction that stores the reply; the hold of a lost turn is released.
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    app.model.play([Step::Fail]);
    let failed = mia.say("scripted", "Hello").await;
    assert_eq!(failed["chat"]["cost"], 0);
    assert_eq!(app.balance(&mia).await, (4000, 0));
    assert_eq!(mia.get("/api/chat/").await.json(), json!([]), "and no empty answer is in the history");
}

#[apply(on_both_databases)]
async fn defect_4_one_name_ten_times_at_once_is_one_account(on: On) {
    let app = TestApp::start(on).await;
    let anonymous = app.anonymous();
    let body = json!({ "username": "mia", "password": PASSWORD, "password2": PASSWORD });
    let answers = join_all((0..10).map(|_| anonymous.post("/api/register/", body.clone()))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    let taken = json!({ "username": ["user with this username already exists."] });
    assert_eq!(answers.iter().filter(|answer| answer.status == 400 && answer.json() == taken).count(), 9);
}

#[apply(on_both_databases)]
async fn defect_5_weak_passwords_are_refused_and_guessing_is_slowed(on: On) {
    let app = TestApp::start(on).await;
    let anonymous = app.anonymous();
    for weak in ["x", "12345678", "password", "mia-winter"] {
        let body = json!({ "username": "mia-winter", "password": weak, "password2": weak });
        let refused = anonymous.post("/api/register/", body).await;
        assert_eq!(refused.status, 400, "{weak}");
        assert!(refused.json()["password"][0].is_string(), "{weak}");
    }
    app.user("mia-winter").await;
    let mut answers = Vec::new();
    for _ in 0..40 {
        let body = json!({ "username": "mia-winter", "password": "wrong password" });
        answers.push(anonymous.post("/api/token/", body).await);
    }
    assert_eq!(answers.iter().filter(|answer| answer.status == 401).count(), 11, "ten are free, one starts the wait");
    let slowed = answers.last().unwrap();
    assert_eq!(slowed.status, 429);
    assert_eq!(slowed.headers["retry-after"], "1");
}

#[apply(on_both_databases)]
async fn defect_6_no_published_key_mints_tokens(on: On) {
    // A random key is created at the first start, readable only for its owner.
    let dir = tempfile::tempdir().unwrap();
    let mut config = jeton::infra::config::Config::from_toml("").unwrap();
    config.data.dir = dir.path().to_owned();
    let models = jeton::infra::catalog::Models::none;
    let first = jeton::app::App::open(config.clone(), models()).await.unwrap();
    let key = std::fs::read_to_string(dir.path().join("signing.key")).unwrap();
    assert_eq!(key.trim().len(), 64);
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(dir.path().join("signing.key")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
    drop(first);
    jeton::app::App::open(config, models()).await.unwrap();
    assert_eq!(std::fs::read_to_string(dir.path().join("signing.key")).unwrap(), key, "the second start keeps it");

    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let forged = {
        let text = "django-insecure-a-key-that-everybody-knows".into();
        // With the `kid` of the server's own key, which is public in any token.
        let id = jsonwebtoken::decode_header(mia.access.as_ref().unwrap()).unwrap().kid.unwrap();
        let secret = jeton::core::jwt::KeyMaterial { id, text, until: None };
        jeton::core::jwt::KeyRing::new(&[secret], jeton::core::jwt::IssuerConfig::default())
    };
    let subject = jeton::core::jwt::Subject {
        kind: jeton::core::jwt::TokenKind::Access,
        user_id: mia.user_id(),
        session_id: SessionId(1),
        jti: "00112233445566778899aabbccddeeff",
    };
    let mut thief = app.anonymous();
    thief.access = Some(forged.sign(subject, app.clock.now(), Duration::from_secs(60)).unwrap());
    assert_eq!(thief.get("/api/user/profile/").await.status, 401);
}

#[apply(on_both_databases)]
async fn defect_7_tokens_end_with_passwords_activity_and_logging_out(on: On) {
    let app = TestApp::start(on).await;
    let (mia, tom, eva) = (app.user("mia").await, app.user("tom").await, app.user("eva").await);
    admin::set_password(&app.app, Actor::CommandLine, mia.user_id(), "another-staple-9".into()).await.unwrap();
    let deactivate = UserUpdate { active: Some(false), ..UserUpdate::default() };
    admin::update(&app.app, Actor::CommandLine, tom.user_id(), deactivate).await.unwrap();
    eva.data("mutation { logout(input: {}) { errors { code } } }", json!({})).await;
    for gone in [mia, tom, eva] {
        assert_eq!(gone.get("/api/user/profile/").await.status, 401);
        assert_eq!(app.anonymous().post("/api/token/refresh/", json!({ "refresh": gone.refresh })).await.status, 401);
    }
}

#[apply(on_both_databases)]
async fn defect_8_staff_cannot_set_the_superusers_password(on: On) {
    let app = TestApp::start(on).await;
    let (mia, staff, root) = (app.user("mia").await, app.staff("operator").await, app.superuser("root").await);
    let set = "mutation($id: ID!) { setPassword(input: {userId: $id, password: \"another-staple-9\"}) { user { id } errors { code } } }";
    let root_id = root.global_id().await;
    assert_eq!(staff.code(set, json!({ "id": root_id })).await, "FORBIDDEN");
    assert_eq!(root.get("/api/user/profile/").await.status, 200);
    let mia_id = mia.global_id().await;
    assert_eq!(staff.data(set, json!({ "id": mia_id })).await["setPassword"]["errors"], json!([]));
    assert_eq!(mia.get("/api/user/profile/").await.status, 401);
}

#[apply(on_both_databases)]
async fn defect_9_whoever_takes_the_name_admin_first_blocks_nobody(on: On) {
    // The superuser's name is the operator's choice, and `--promote` promotes an existing account; the command line
    // itself is tested end to end.
    let app = TestApp::start(on).await;
    let squatter = app.user("admin").await;
    let root = app.superuser("root").await;
    let promote = UserUpdate { staff: Some(true), superuser: Some(true), active: Some(true) };
    let promoted = admin::update(&app.app, Actor::CommandLine, squatter.user_id(), promote).await.unwrap();
    assert!(promoted.is_superuser);
    assert_eq!(root.get("/api/user/profile/").await.status, 200);
}

#[apply(on_both_databases)]
async fn defect_10_nested_json_and_odd_claims_are_refused_and_nothing_breaks(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for path in ["/api/register/", "/api/token/", "/api/chat/", "/graphql"] {
        let request = axum::http::Request::post(path).header("content-type", "application/json");
        let answer = mia.send(request.body(axum::body::Body::from(deep.clone())).unwrap()).await;
        assert_eq!(answer.status, 400, "{path}");
    }
    let key = jsonwebtoken::EncodingKey::from_secret(app.app.config().auth.secret.expose_secret().as_bytes());
    let header = jsonwebtoken::Header::default();
    let good = json!({ "token_type": "access", "exp": 99_999_999_999i64, "iat": 0, "jti": "x",
        "user_id": mia.user_id(), "session_id": 1 });
    for (claim, value) in [
        ("user_id", json!("1")),
        ("user_id", json!([1])),
        ("user_id", json!(1.5)),
        ("user_id", json!(null)),
        ("user_id", json!(i64::MAX)),
        ("exp", json!("tomorrow")),
        ("exp", json!({})),
        ("iat", json!(true)),
        ("token_type", json!(7)),
        ("session_id", json!(-1)),
    ] {
        let mut claims = good.clone();
        claims[claim] = value.clone();
        let mut odd = mia.clone();
        odd.access = Some(jsonwebtoken::encode(&header, &claims, &key).unwrap());
        assert_eq!(odd.get("/api/user/profile/").await.status, 401, "{claim}: {value}");
    }
}
