//! Adjustments of balances by operators.

use futures::future::join_all;
use jeton::core::error::Code;
use jeton::core::ids::UserId;
use jeton::core::tokens::Tokens;
use jeton::core::viewer::Actor;
use jeton::domain::account::admin::{self, Adjustment, BalanceChange};
use rstest_reuse::apply;

use crate::support::{On, TestApp, on_both_databases};

#[apply(on_both_databases)]
async fn adjustments_and_messages_at_once_lose_nothing(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let sending = join_all((0..30).map(|i| {
        let mia = mia.clone();
        async move { mia.say("echo", &i.to_string()).await }
    }));
    let adjusting = join_all((0..30).map(|_| adjust(&app, mia.user_id(), 7, None)));
    let (_, adjusted) = tokio::join!(sending, adjusting);
    assert!(adjusted.iter().all(Result::is_ok));
    assert_eq!(app.balance(&mia).await, (4000 - 3000 + 210, 0));
}

#[apply(on_both_databases)]
async fn an_adjustment_is_made_once_and_never_below_nothing(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let all = join_all((0..10).map(|_| adjust(&app, mia.user_id(), 500, Some("top-up-1")))).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    assert_eq!(app.balance(&mia).await, (4500, 0));
    assert_eq!(adjust(&app, mia.user_id(), 400, Some("top-up-1")).await, Err(Code::Conflict));
    assert_eq!(adjust(&app, mia.user_id(), -4501, None).await, Err(Code::InvalidInput));
    assert_eq!(adjust(&app, mia.user_id(), Tokens::MAX_BALANCE.0, None).await, Err(Code::InvalidInput));
    assert_eq!(adjust(&app, mia.user_id(), i64::MIN, None).await, Err(Code::InvalidInput));
    assert_eq!(app.balance(&mia).await, (4500, 0));
    adjust(&app, mia.user_id(), -4500, None).await.unwrap();
    assert_eq!(app.balance(&mia).await, (0, 0));
}

async fn adjust(app: &TestApp, user_id: UserId, amount: i64, key: Option<&str>) -> Result<i64, Code> {
    let adjustment = Adjustment {
        user_id,
        amount: BalanceChange::By(Tokens(amount)),
        reason: "a test".to_owned(),
        idempotency_key: key.map(str::to_owned),
    };
    let adjusted = admin::adjust_balance(&app.app, Actor::CommandLine, adjustment).await;
    adjusted.map(|balance| balance.tokens.0).map_err(|error| error.code)
}
