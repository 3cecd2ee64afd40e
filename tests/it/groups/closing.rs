//! Members who leave, groups and accounts that are deleted, while messages are answered.

use std::sync::Arc;

use jeton::core::error::Code;
use jeton::core::random::Random;
use jeton::core::viewer::Actor;
use jeton::domain::account::admin;
use jeton::domain::group as groups;
use jeton::domain::ledger::proof::checkpoint;
use jeton::infra::entity::{ledger_entry, wallet};
use jeton::infra::secrets::Secrets;
use rstest_reuse::apply;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::json;
use tokio::sync::Semaphore;

use super::{balance, choose, group};
use crate::money::until;
use crate::support::scripted::Step;
use crate::support::{On, TestApp, on_both_databases};

#[apply(on_both_databases)]
async fn a_reply_is_paid_as_it_began(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let team = group(&app, "Team", 1000, &[&mia]).await;
    choose(&mia, Some(team)).await;
    let gate = Arc::new(Semaphore::new(0));
    app.model.play([Step::Say("slow"), Step::Wait(gate.clone()), Step::End(None)]);
    let sending = tokio::spawn({
        let mia = mia.clone();
        async move { mia.say("scripted", "Hello").await }
    });
    until(|| async { balance(&app, team).await == (900, 100) }).await;
    // It can't be deleted while it pays.
    let refused = groups::delete(&app.app, Actor::CommandLine, team).await.unwrap_err();
    assert_eq!(refused.code, Code::Conflict);
    groups::remove_member(&app.app, Actor::CommandLine, team, mia.user_id()).await.unwrap();
    gate.add_permits(1);
    assert_eq!(sending.await.unwrap()["chat"]["status"], "DONE");
    app.settled().await;
    assert_eq!((app.balance(&mia).await, balance(&app, team).await), ((4000, 0), (900, 0)));
    mia.say("echo", "from my own").await;
    app.settled().await;
    assert_eq!((app.balance(&mia).await, balance(&app, team).await), ((3900, 0), (900, 0)));
}

#[apply(on_both_databases)]
async fn an_account_that_is_deleted_leaves_nothing_held_by_its_groups(on: On) {
    let app = TestApp::start(on).await;
    let (mia, tom) = (app.user("mia").await, app.user("tom").await);
    let team = group(&app, "Team", 1000, &[&mia, &tom]).await;
    for member in [&mia, &tom] {
        choose(member, Some(team)).await;
    }
    let gate = Arc::new(Semaphore::new(0));
    for _ in 0..2 {
        app.model.play([Step::Say("slow"), Step::Wait(gate.clone()), Step::End(None)]);
    }
    let sending: Vec<_> = [&mia, &tom]
        .map(|member| {
            let member = member.clone();
            tokio::spawn(async move { member.say_with(json!({ "model": "scripted", "message": "Hello" })).await })
        })
        .into();
    until(|| async { balance(&app, team).await == (800, 200) }).await;
    admin::delete(&app.app, Actor::CommandLine, mia.user_id()).await.unwrap();
    assert_eq!(balance(&app, team).await, (900, 100), "only what is held for tom");
    gate.add_permits(2);
    for sending in sending {
        drop(sending.await);
    }
    app.settled().await;
    assert_eq!(balance(&app, team).await, (900, 0));
}

#[apply(on_both_databases)]
async fn of_a_deleted_group_the_ledger_stays(on: On) {
    let app = TestApp::start(on).await;
    let (mia, tom) = (app.user("mia").await, app.user("tom").await);
    let team = group(&app, "Team", 1000, &[&mia, &tom]).await;
    for member in [&mia, &tom] {
        choose(member, Some(team)).await;
        member.say("echo", "from the team").await;
    }
    app.settled().await;
    groups::delete(&app.app, Actor::CommandLine, team).await.unwrap();
    let entries = ledger_entry::Entity::of_group(team).order_by_asc(ledger_entry::Column::Seq);
    let entries = entries.all(app.app.db.read()).await.unwrap();
    let amounts: Vec<_> = entries.iter().map(|entry| entry.amount.0).collect();
    assert_eq!(amounts, [1000, -100, -100, -800]);
    let closed = wallet::Entity::find().filter(wallet::Column::GroupId.eq(team)).one(app.app.db.read()).await.unwrap();
    let closed = closed.unwrap();
    assert_eq!((closed.tokens.0, closed.held.0, closed.ledger_seq), (0, 0, 4));
    for member in [&mia, &tom] {
        member.say("echo", "from my own").await;
    }
    app.settled().await;
    assert_eq!((app.balance(&mia).await, app.balance(&tom).await), ((3900, 0), (3900, 0)));
    assert_eq!(mia.data("{ me { payer { name } } }", json!({})).await["me"]["payer"], json!(null));
    // The head of its chain stays in checkpoints.
    let secrets = Secrets::open(&app.app.config(), &Random::seeded(1)).unwrap();
    let signer = secrets.ledger_signer().unwrap();
    let mut file = Vec::new();
    let heads = checkpoint::write(&app.app.db, &signer, app.app.clock.now(), &mut file).await.unwrap();
    assert_eq!(heads, 3);
    // The name is free again, and another group has another wallet.
    let again = group(&app, "Team", 10, &[]).await;
    assert_eq!(balance(&app, again).await, (10, 0));
}
