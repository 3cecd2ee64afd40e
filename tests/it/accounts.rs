//! Registration: usernames, passwords, and who may register.

use futures::future::join_all;
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::support::{Client, On, PASSWORD, TestApp, on_both_databases};

const REGISTER: &str = "mutation($name: String!, $password: String!) {
    register(input: {username: $name, password: $password}) {
        accessToken user { username isStaff balance { tokens held } } errors { code message field } } }";

async fn register(client: &Client, name: &str, password: &str) -> Value {
    client.data(REGISTER, json!({ "name": name, "password": password })).await["register"].take()
}

#[apply(on_both_databases)]
async fn a_new_account_has_its_grant_and_is_logged_in(on: On) {
    let app = TestApp::start(on).await;
    let new = register(&app.anonymous(), " Mia ", PASSWORD).await;
    assert_eq!(new["errors"], json!([]));
    let expected = json!({ "username": "Mia", "isStaff": false, "balance": { "tokens": 4000, "held": 0 } });
    assert_eq!(new["user"], expected);
    let mut mia = app.anonymous();
    mia.access = new["accessToken"].as_str().map(str::to_owned);
    let entries = mia.data("{ ledgerHistory { totalCount nodes { reason amount balanceAfter } } }", json!({})).await;
    let expected = json!({ "totalCount": 1,
        "nodes": [{ "reason": "SIGNUP_GRANT", "amount": 4000, "balanceAfter": 4000 }] });
    assert_eq!(entries["ledgerHistory"], expected);
}

#[apply(on_both_databases)]
async fn every_mistake_is_named_in_one_answer(on: On) {
    let app = TestApp::start(on).await;
    let refused = register(&app.anonymous(), "  ", "short").await;
    let fields: Vec<_> = refused["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
    assert_eq!(fields, ["username", "password"]);
    assert_eq!(refused["user"], Value::Null);
}

#[apply(on_both_databases)]
async fn names_that_look_alike_are_one_name(on: On) {
    let app = TestApp::start(on).await;
    for (first, second) in [("Mia", "mIA"), ("éva", "E\u{301}VA"), ("Straße", "strasse"), ("ﬁnn", "FINN")] {
        assert_eq!(register(&app.anonymous(), first, PASSWORD).await["errors"], json!([]), "{first}");
        let taken = register(&app.anonymous(), second, PASSWORD).await;
        assert_eq!(taken["errors"][0]["field"], "username", "{second}");
    }
}

#[apply(on_both_databases)]
async fn a_new_name_does_not_imitate_another_in_another_script(on: On) {
    let app = TestApp::start(on).await;
    app.superuser("admin").await;
    app.user("Paypal").await;
    let anonymous = app.anonymous();
    for imitation in ["\u{430}dmin", "\u{430}dm\u{456}n", "\u{391}DMIN", "p\u{430}yp\u{430}l", "\u{420}aypal"] {
        let response = register(&anonymous, imitation, PASSWORD).await;
        let expected = json!([{ "code": "INVALID_INPUT", "field": "username",
            "message": "This name looks like that of another user, in another script." }]);
        assert_eq!(response["errors"], expected, "{imitation}");
        let old = json!({ "username": imitation, "password": PASSWORD, "password2": PASSWORD });
        let response = anonymous.post("/api/register/", old).await;
        assert_eq!((response.status.as_u16(), response.json().get("username").is_some()), (400, true), "{imitation}");
    }
    // Confusables within one script are allowed; so are names of other scripts that resemble no existing name.
    for name in ["adrnin", "\u{430}\u{43d}\u{43d}\u{430}", "\u{7ba1}\u{7406}\u{5458}", "\u{3b1}\u{3b2}\u{3b3}"] {
        assert_eq!(register(&anonymous, name, PASSWORD).await["errors"], json!([]), "{name}");
    }
}

/// Users from before this rule, and imported ones, stay and can log in; new names are compared with theirs.
#[apply(on_both_databases)]
async fn users_of_before_are_compared_with_and_left_alone(on: On) {
    use migration::MigratorTrait;
    use sea_orm::EntityTrait;

    let app = TestApp::start(on).await;
    app.user("\u{430}dmin").await;
    app.user("IAN").await;
    let skeletons = async || {
        let users = jeton::infra::entity::user::Entity::find().all(app.app.db.read()).await.unwrap();
        users.into_iter().map(|user| user.username_skeleton).collect::<Vec<_>>()
    };
    let expected = skeletons().await;
    assert_eq!(expected, [Some("adrnln".to_owned()), Some("lan".to_owned())]);
    // The state of an older version's database before the last migrations.
    let db = sea_orm::Database::connect(app.place.url()).await.unwrap();
    migration::Migrator::down(&db, Some(3)).await.unwrap();
    migration::Migrator::up(&db, None).await.unwrap();
    db.close().await.unwrap();
    assert_eq!(skeletons().await, expected);
    assert_eq!(register(&app.anonymous(), "admin", PASSWORD).await["errors"][0]["field"], "username");
}

/// All APIs normalize passwords equally: surrounding white space and the Unicode composition do not count.
#[apply(on_both_databases)]
async fn a_password_is_the_same_at_every_door(on: On) {
    let app = TestApp::start(on).await;
    let anonymous = app.anonymous();
    let forms = ["  caf\u{e9} au lait 9", "cafe\u{301} au lait 9\n", "caf\u{e9} au lait 9"];
    for (number, form) in forms.iter().enumerate() {
        assert_eq!(register(&anonymous, &format!("graphql{number}"), form).await["errors"], json!([]), "{form:?}");
        let body =
            json!({ "username": format!("rest{number}"), "password": form, "password2": forms[(number + 1) % 3] });
        assert_eq!(anonymous.post("/api/register/", body).await.status, 201, "{form:?}");
    }
    let log_in = "mutation($n: String!, $p: String!) { login(input: {username: $n, password: $p}) { accessToken } }";
    for name in (0..3).flat_map(|number| [format!("graphql{number}"), format!("rest{number}")]) {
        for form in forms {
            let response = anonymous.data(log_in, json!({ "n": name, "p": form })).await;
            assert!(response["login"]["accessToken"].is_string(), "{name} {form:?}");
            let response = anonymous.post("/api/token/", json!({ "username": name, "password": form })).await;
            assert_eq!(response.status, 200, "{name} {form:?}");
        }
        let wrong = anonymous.data(log_in, json!({ "n": name, "p": "cafe au lait 9" })).await;
        assert!(wrong["login"]["accessToken"].is_null());
    }
    let blank = json!({ "username": "mia", "password": "  \t ", "password2": "  \t " });
    assert_eq!(anonymous.post("/api/register/", blank).await.json()["password"][0], "This field may not be blank.");
}

#[apply(on_both_databases)]
async fn of_ten_who_register_a_name_at_once_one_gets_it(on: On) {
    let app = TestApp::start(on).await;
    let all = join_all((0..10).map(|_| {
        let anonymous = app.anonymous();
        async move { register(&anonymous, "mia", PASSWORD).await }
    }))
    .await;
    assert_eq!(all.iter().filter(|answer| answer["errors"] == json!([])).count(), 1);
    let taken = json!([{ "code": "INVALID_INPUT", "message": "That username is taken.",
        "field": "username" }]);
    assert_eq!(all.iter().filter(|answer| answer["errors"] == taken).count(), 9);
}

#[apply(on_both_databases)]
async fn registration_can_be_closed(on: On) {
    let app = TestApp::with(on, "auth.registration = 'closed'").await;
    assert_eq!(register(&app.anonymous(), "mia", PASSWORD).await["errors"][0]["code"], "FORBIDDEN");
}

#[apply(on_both_databases)]
async fn the_old_routes_name_every_mistake_in_the_order_of_the_fields(on: On) {
    let app = TestApp::start(on).await;
    app.user("mia").await;
    let refused = async |name: &str, password: &str, password2: &str| {
        let body = json!({ "username": name, "password": password, "password2": password2 });
        let answer = app.anonymous().post("/api/register/", body).await;
        assert_eq!(answer.status, 400);
        answer.text
    };
    assert_eq!(
        refused("MIA", "short", "").await,
        r#"{"username":["user with this username already exists."],"password":["Ensure this password has at least 8 characters."],"password2":["This field may not be blank."]}"#
    );
    // Compared only if each of them is valid.
    let mismatch = r#"{"password":["Password fields didn't match."]}"#;
    assert_eq!(refused("tom", PASSWORD, "another").await, mismatch);
    assert_ne!(refused("tom", "short", "another").await, mismatch);
    let token = app.anonymous().get("/api/chat/").await;
    assert_eq!(token.text, r#"{"detail":"Authentication credentials were not provided."}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_is_refused_in_the_words_of_each_transport() {
    let app = TestApp::with(On::Sqlite, "http.max_body_bytes = 1000").await;
    let mia = app.user("mia").await;
    let large = mia.post("/api/chat/", json!({ "message": "x".repeat(2000) })).await;
    assert_eq!((large.status.as_u16(), large.text.as_str()), (413, r#"{"detail":"The request body is too large."}"#));
    let anonymous = app.anonymous().post("/api/chat/", json!({ "message": "x".repeat(2000) })).await;
    assert_eq!(anonymous.status, 401, "credentials come first");
}
