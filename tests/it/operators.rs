//! Limits of staff: actions on each other and on themselves, the daily limit; and idempotency keys of adjustments.

use std::time::Duration;

use jeton::core::error::{Code, Error};
use jeton::core::ids::UserId;
use jeton::core::tokens::Tokens;
use jeton::core::viewer::Actor;
use jeton::domain::account::admin::{self, Adjustment, BalanceChange};
use jeton::domain::ledger::Balance;
use jeton::infra::entity::user;
use rstest_reuse::apply;
use sea_orm::ActiveModelTrait;
use sea_orm::ActiveValue::Set;
use serde_json::{Value, json};

use crate::support::{Client, On, PASSWORD, TestApp, on_both_databases};

const ADJUST: &str = "mutation($id: ID!, $amount: Tokens!, $key: String) {
    adjustBalance(input: {userId: $id, amount: $amount, reason: \"thanks\", idempotencyKey: $key}) {
        balance { tokens held } errors { code field } } }";

/// Returns the client's actor, as its credential is checked now.
async fn actor(app: &TestApp, client: &Client) -> Actor {
    Actor::from(app.viewer(client).await.require_staff().unwrap())
}

async fn adjust(
    app: &TestApp,
    actor: Actor,
    user: &Client,
    amount: BalanceChange,
    (reason, key): (&str, Option<&str>),
) -> Result<Balance, Error> {
    let (reason, idempotency_key) = (reason.to_owned(), key.map(str::to_owned));
    admin::adjust_balance(&app.app, actor, Adjustment { user_id: user.user_id(), amount, reason, idempotency_key })
        .await
}

/// Returns the code of an error; `None` on success.
fn wrong<T>(outcome: Result<T, Error>) -> Option<Code> {
    outcome.err().map(|error| error.code)
}

async fn give(app: &TestApp, actor: Actor, user: &Client, amount: i64) -> Option<Code> {
    wrong(adjust(app, actor, user, BalanceChange::By(Tokens(amount)), ("a reason", None)).await)
}

#[apply(on_both_databases)]
async fn balances_of_operators_are_for_superusers_who_are_watched(on: On) {
    let app = TestApp::start(on).await;
    let (staff, other, root) = (app.staff("operator").await, app.staff("other").await, app.superuser("root").await);
    for (target, amount) in [(&root, -4000), (&root, 1), (&other, -1), (&other, 1), (&staff, 1), (&staff, -1)] {
        let variables = json!({ "id": target.global_id().await, "amount": amount });
        assert_eq!(staff.code(ADJUST, variables).await, "FORBIDDEN", "{amount}");
    }
    for client in [&staff, &other, &root] {
        assert_eq!(app.ledger(client).await, [("SignupGrant".to_owned(), 4000)]);
    }
    for (target, tokens) in [(&other, 4001), (&root, 4001)] {
        let variables = json!({ "id": target.global_id().await, "amount": 1 });
        assert_eq!(root.data(ADJUST, variables).await["adjustBalance"]["balance"]["tokens"], tokens);
    }
    assert_eq!(give(&app, Actor::CommandLine, &root, 1).await, None);
    let trail = "{ auditTrail(first: 3) { nodes { action actorName targetName details } } }";
    let events = root.data(trail, json!({})).await["auditTrail"]["nodes"].take();
    let events = events.as_array().unwrap().iter().map(|event| {
        assert_eq!(event["action"], "balance.adjust");
        let details: Value = serde_json::from_str(event["details"].as_str().unwrap()).unwrap();
        (event["actorName"].clone(), event["targetName"].clone(), details["own"].clone())
    });
    let expected = [
        (json!("(command line)"), json!("root"), Value::Null),
        (json!("root"), json!("root"), json!(true)),
        (json!("root"), json!("other"), Value::Null),
    ];
    assert_eq!(events.collect::<Vec<_>>(), expected);
}

/// Changes a user's roles in a slow transaction; concurrent operations that need the row finish after it.
async fn during_a_change<T>(app: &TestApp, user_id: UserId, is_staff: bool, meanwhile: impl Future<Output = T>) -> T {
    let (begun, mut has_begun) = tokio::sync::mpsc::unbounded_channel();
    let db = app.app.db.clone();
    let changing = tokio::spawn(async move {
        let change = db.write((user_id, is_staff, begun), |txn, (user_id, is_staff, begun)| {
            Box::pin(async move {
                let row = user::ActiveModel { id: Set(*user_id), is_staff: Set(*is_staff), ..Default::default() };
                row.update(txn).await?;
                begun.send(()).unwrap();
                tokio::time::sleep(Duration::from_millis(300)).await;
                Ok(())
            })
        });
        change.await.unwrap();
    });
    has_begun.recv().await.unwrap();
    let outcome = meanwhile.await;
    changing.await.unwrap();
    outcome
}

#[apply(on_both_databases)]
async fn who_may_is_decided_by_the_roles_of_the_moment(on: On) {
    let app = TestApp::start(on).await;
    let staff = app.staff("operator").await;
    let acting = actor(&app, &staff).await;
    let password = || PASSWORD.into();
    let inactive = admin::UserUpdate { active: Some(false), ..Default::default() };
    // A target that is promoted concurrently.
    let users = [app.user("a").await, app.user("b").await, app.user("c").await, app.user("d").await];
    let [a, b, c, d] = &users;
    let adjusted = during_a_change(&app, a.user_id(), true, give(&app, acting, a, 1)).await;
    let updated = admin::update(&app.app, acting, b.user_id(), inactive);
    let updated = wrong(during_a_change(&app, b.user_id(), true, updated).await);
    let deleted = wrong(during_a_change(&app, c.user_id(), true, admin::delete(&app.app, acting, c.user_id())).await);
    let set = admin::set_password(&app.app, acting, d.user_id(), password());
    let set = wrong(during_a_change(&app, d.user_id(), true, set).await);
    assert_eq!([adjusted, updated, deleted, set], [Some(Code::Forbidden); 4]);
    for user in &users {
        assert_eq!(app.ledger(user).await, [("SignupGrant".to_owned(), 4000)]);
    }
    // An actor that is demoted concurrently.
    let mia = app.user("mia").await;
    let adjusted = during_a_change(&app, staff.user_id(), false, give(&app, acting, &mia, 1)).await;
    assert_eq!(adjusted, Some(Code::Forbidden));
    let created = admin::create(&app.app, acting, "new", password(), Default::default(), None);
    assert_eq!(wrong(created.await), Some(Code::Forbidden));
    assert_eq!(wrong(admin::delete(&app.app, acting, mia.user_id()).await), Some(Code::Forbidden));
    assert_eq!(app.ledger(&mia).await, [("SignupGrant".to_owned(), 4000)]);
}

#[apply(on_both_databases)]
async fn what_staff_give_out_in_a_day_is_limited(on: On) {
    let settings = "ledger.staff_daily_limit = 10000\nauth.access_ttl = '100d'";
    let app = TestApp::with(on, settings).await;
    let (mia, tom) = (app.user("mia").await, app.user("tom").await);
    let (staff, other, root) = (app.staff("operator").await, app.staff("other").await, app.superuser("root").await);
    let (acting, other) = (actor(&app, &staff).await, actor(&app, &other).await);
    let limited = Some(Code::RateLimited);
    let variables = json!({ "id": mia.global_id().await, "amount": 6000, "key": "k" });
    let adjusted = staff.data(ADJUST, variables.clone()).await;
    assert_eq!(adjusted["adjustBalance"]["balance"]["tokens"], 10_000);
    assert_eq!(give(&app, acting, &mia, 4001).await, limited);
    // A deduction does not raise the allowance.
    assert_eq!(give(&app, acting, &mia, -5000).await, None);
    assert_eq!(give(&app, acting, &tom, 4001).await, limited);
    let error = adjust(&app, acting, &tom, BalanceChange::To(Tokens(8001)), ("x", None)).await.unwrap_err();
    assert_eq!(error.message, "Staff may give out 10000 tokens a day (UTC); 4000 are left today.");
    assert_eq!(error.retry_after, Some(12 * 3600));
    assert_eq!(give(&app, acting, &tom, 4000).await, None);
    assert_eq!(give(&app, acting, &tom, 1).await, limited);
    // A duplicate idempotency key grants nothing.
    let again = staff.data(ADJUST, variables).await;
    assert_eq!(again["adjustBalance"], json!({ "balance": { "tokens": 5000, "held": 0 }, "errors": [] }));
    // The initial balance of a new account counts, too.
    let create = "mutation($name: String!) {
        createUser(input: {username: $name, password: \"tr0ub4dor&3-staple\"}) { user { id } errors { code message } } }";
    let refused = staff.data(create, json!({ "name": "mule" })).await["createUser"].take();
    assert_eq!((&refused["user"], &refused["errors"][0]["code"]), (&Value::Null, &json!("RATE_LIMITED")), "{refused}");
    assert!(jeton::domain::account::find_by_name(&app.app, "mule").await.unwrap().is_none());
    assert_eq!((app.balance(&mia).await, app.balance(&tom).await), ((5000, 0), (8000, 0)));
    // Other actors have their own limits, or none.
    assert_eq!(give(&app, other, &tom, 10_000).await, None);
    assert_eq!(give(&app, actor(&app, &root).await, &tom, 1_000_000).await, None);
    assert_eq!(give(&app, Actor::CommandLine, &tom, 1_000_000).await, None);
    // The clock starts at noon.
    app.clock.advance(Duration::from_secs(12 * 3600 - 1));
    assert_eq!(give(&app, acting, &mia, 1).await, limited);
    app.clock.advance(Duration::from_secs(1));
    for name in ["one", "two"] {
        assert_eq!(staff.data(create, json!({ "name": name })).await["createUser"]["errors"], json!([]));
    }
    assert_eq!(staff.data(create, json!({ "name": "three" })).await["createUser"]["errors"][0]["code"], "RATE_LIMITED");
    assert_eq!(give(&app, acting, &mia, 2001).await, limited);
    assert_eq!(give(&app, acting, &mia, 2000).await, None);
    // Deleting a created account refunds no allowance.
    let one = jeton::domain::account::find_by_name(&app.app, "one").await.unwrap().unwrap();
    admin::delete(&app.app, acting, one.id).await.unwrap();
    assert_eq!(give(&app, acting, &mia, 1).await, limited);
    let app = TestApp::with(on, "ledger.staff_daily_limit = 0").await;
    let (mia, staff) = (app.user("mia").await, app.staff("operator").await);
    assert_eq!(give(&app, actor(&app, &staff).await, &mia, 1_000_000_000).await, None, "no limit");
}

#[apply(on_both_databases)]
async fn grants_at_once_do_not_pass_the_limit_together(on: On) {
    let settings = "ledger.staff_daily_limit = 5000\nledger.signup_grant = 1000";
    let app = TestApp::with(on, settings).await;
    // Some with lower ids than the actors, some with higher ones.
    let before = [app.user("a").await, app.user("b").await];
    let staff = [app.staff("one").await, app.staff("two").await];
    let behind = [app.user("c").await, app.user("d").await];
    let acting = [actor(&app, &staff[0]).await, actor(&app, &staff[1]).await];
    let users = || before.iter().chain(&behind);
    let giving = users().cycle().take(16).flat_map(|user| acting.map(|acting| give(&app, acting, user, 1000)));
    let creating = (0..8).map(async |number| {
        let password = PASSWORD.into();
        wrong(admin::create(&app.app, acting[0], &format!("new{number}"), password, Default::default(), None).await)
    });
    let (given, created) = tokio::join!(futures::future::join_all(giving), futures::future::join_all(creating));
    let outcomes = || given.iter().chain(&created);
    assert!(outcomes().all(|outcome| [None, Some(Code::RateLimited)].contains(outcome)), "{given:?} {created:?}");
    assert_eq!(outcomes().filter(|outcome| outcome.is_none()).count(), 10, "five thousand each");
    let mut sum = 0;
    for user in users() {
        sum += app.balance(user).await.0 - 1000;
    }
    let made = i64::try_from(created.iter().filter(|outcome| outcome.is_none()).count()).unwrap();
    assert_eq!(sum + 1000 * made, 10_000);
}

#[apply(on_both_databases)]
async fn a_key_stands_for_everything_that_was_asked(on: On) {
    let app = TestApp::start(on).await;
    let (mia, tom, root) = (app.user("mia").await, app.user("tom").await, app.superuser("root").await);
    let (root, shell) = (actor(&app, &root).await, Actor::CommandLine);
    let by = |amount| BalanceChange::By(Tokens(amount));
    let to = |amount| BalanceChange::To(Tokens(amount));
    let tokens = |outcome: Result<Balance, Error>| outcome.unwrap().tokens.0;
    assert_eq!(tokens(adjust(&app, root, &mia, by(600), ("thanks", Some("k"))).await), 4600);
    assert_eq!(tokens(adjust(&app, root, &mia, by(600), (" thanks ", Some("k"))).await), 4600, "as it was asked");
    for (what, user, amount, reason) in [
        ("another reason", &mia, by(600), "no thanks"),
        ("another amount", &mia, by(601), "thanks"),
        ("another user", &tom, by(600), "thanks"),
        ("a balance instead of an amount", &mia, to(4600), "thanks"),
    ] {
        let code = wrong(adjust(&app, root, user, amount, (reason, Some("k"))).await);
        assert_eq!(code, Some(Code::Conflict), "{what}");
    }
    // Idempotency keys are scoped to the actor.
    assert_eq!(tokens(adjust(&app, shell, &tom, by(1), ("x", Some("k"))).await), 4001);
    // A duplicate of setting a balance changes nothing, whatever was spent since.
    assert_eq!(tokens(adjust(&app, shell, &mia, to(500), ("set", Some("s"))).await), 500);
    mia.say("echo", "Hello").await;
    assert_eq!(tokens(adjust(&app, shell, &mia, to(500), ("set", Some("s"))).await), 400);
    for (what, amount, reason) in [
        ("another balance", to(400), "set"),
        ("another reason", to(500), "reset"),
        ("the amount that it was", by(-4100), "set"),
    ] {
        let code = wrong(adjust(&app, shell, &mia, amount, (reason, Some("s"))).await);
        assert_eq!(code, Some(Code::Conflict), "{what}");
    }
    // Concurrent duplicates are one adjustment and one audit event, even if the amount is 0.
    let at_once = (0..8).map(|_| adjust(&app, root, &tom, by(0), ("nothing", Some("z"))));
    assert!(futures::future::join_all(at_once).await.into_iter().all(|outcome| tokens(outcome) == 4001));
    let entries = |amounts: &[i64]| {
        let adjusted = amounts.iter().map(|amount| ("Adjustment".to_owned(), *amount));
        std::iter::once(("SignupGrant".to_owned(), 4000)).chain(adjusted).collect::<Vec<_>>()
    };
    assert_eq!(app.ledger(&tom).await, entries(&[1, 0]));
    let mut of_mia = entries(&[600, -4100]);
    of_mia.push(("ChatDone".to_owned(), -100));
    assert_eq!(app.ledger(&mia).await, of_mia);
    let page = jeton::core::pagination::PageRequest::newest(100, None);
    let events = jeton::domain::audit::trail(
        &app.app,
        app.viewer(&app.superuser("second").await).await.require_staff().unwrap(),
        Default::default(),
        page,
    );
    let adjusted = events.await.unwrap().rows.into_iter().filter(|event| event.action == "balance.adjust").count();
    assert_eq!(adjusted, 4);
}
