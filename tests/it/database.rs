//! Connections, migrations, and write transactions: single, batched, and when one of a batch fails.

use futures::future::join_all;
use jeton::core::error::{Code, Error};
use jeton::core::ids::UserId;
use jeton::core::tokens::Tokens;
use jeton::infra::db::Db;
use jeton::infra::entity::{user, wallet};
use rstest_reuse::apply;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, PaginatorTrait, QueryFilter};

use crate::support::{On, Place, TestApp, on_both_databases};

fn wallet(user_id: UserId) -> wallet::ActiveModel {
    wallet::ActiveModel {
        id: NotSet,
        user_id: Set(Some(user_id)),
        group_id: Set(None),
        tokens: Set(Tokens::ZERO),
        held: Set(Tokens::ZERO),
        ledger_seq: NotSet,
        ledger_hash: NotSet,
    }
}

fn row(name: &str) -> user::ActiveModel {
    user::ActiveModel {
        id: NotSet,
        username: Set(name.to_owned()),
        username_key: Set(name.to_owned()),
        username_skeleton: Set(None),
        password_hash: Set(String::new()),
        is_active: Set(true),
        is_staff: Set(false),
        is_superuser: Set(false),
        payer_group_id: Set(None),
        session_epoch: Set(0),
        created_at: Set(chrono::DateTime::UNIX_EPOCH),
        last_login_at: Set(None),
    }
}

#[apply(on_both_databases)]
async fn servers_that_start_at_once_migrate_once(on: On) {
    let place = Place::make(on).await;
    let servers = join_all((0..4).map(|_| async { Db::connect(&place.url(), 2).await.unwrap() })).await;
    assert!(!servers[0].is_migrated().await.unwrap());
    for migrated in join_all(servers.iter().map(Db::migrate)).await {
        migrated.unwrap();
    }
    assert!(servers[3].is_migrated().await.unwrap());
    place.clear(&servers[0]).await;
}

#[apply(on_both_databases)]
async fn of_jobs_committed_together_a_failing_one_undoes_only_itself(on: On) {
    let app = TestApp::start(on).await;
    let jobs = join_all((0..90).map(|i| {
        app.app.db.write(i, |txn, &i| {
            Box::pin(async move {
                let inserted = row(&format!("user {i}")).insert(txn).await?;
                wallet(inserted.id).insert(txn).await?;
                match i % 3 {
                    0 => Ok(inserted.id),
                    1 => Err(Error::not_found("reason")),
                    // A panic on PostgreSQL is in the caller's task; on SQLite it must not stop the writer.
                    _ if txn.get_database_backend() == DbBackend::Sqlite => panic!("a job panics"),
                    _ => Err(Error::internal("a job fails")),
                }
            })
        })
    }));
    for (i, outcome) in jobs.await.into_iter().enumerate() {
        match i % 3 {
            0 => assert!(outcome.is_ok()),
            1 => assert_eq!(outcome.unwrap_err().code, Code::NotFound),
            _ => {
                let error = outcome.unwrap_err();
                assert_eq!(error.code, Code::Internal, "{error:?}");
            }
        }
    }
    assert_eq!(user::Entity::find().count(app.app.db.read()).await.unwrap(), 30);
    app.user("afterwards").await;
}

/// Regression: SQLite once reported a full disk, since its statement journal (`SQLITE_STMTJRNL_SPILL`) was configured
/// to keep more in memory than SQLite can write at once.
#[apply(on_both_databases)]
async fn much_can_be_undone_within_a_transaction(on: On) {
    use sea_orm::TransactionTrait;
    use sea_orm::sea_query::Expr;

    let app = TestApp::start(on).await;
    let changed = app.app.db.write((), |txn, ()| {
        Box::pin(async move {
            let long = |letter: &str| letter.repeat(8000);
            for number in 0..400 {
                let user = user::ActiveModel { password_hash: Set(long("a")), ..row(&format!("user {number}")) };
                wallet(user.insert(txn).await?.id).insert(txn).await?;
            }
            let part = txn.begin().await?;
            let all = user::Entity::update_many().col_expr(user::Column::PasswordHash, Expr::value(long("b")));
            let changed = all.exec(&part).await?.rows_affected;
            part.rollback().await?;
            Ok(changed)
        })
    });
    assert_eq!(changed.await.unwrap(), 400);
    let users = user::Entity::find().all(app.app.db.read()).await.unwrap();
    assert!(users.len() == 400 && users.iter().all(|user| user.password_hash.starts_with('a')));
}

#[apply(on_both_databases)]
async fn the_database_itself_refuses_a_negative_balance(on: On) {
    let app = TestApp::start(on).await;
    for (tokens, held) in [(-1, 0), (0, -1)] {
        let mut bad = wallet(UserId(900));
        (bad.tokens, bad.held) = (Set(Tokens(tokens)), Set(Tokens(held)));
        let refused = app.app.db.write(bad, |txn, bad| Box::pin(async move { Ok(bad.clone().insert(txn).await?) }));
        assert_eq!(refused.await.unwrap_err().code, Code::Internal);
    }
}

#[apply(on_both_databases)]
async fn verify_names_a_chat_whose_cost_does_not_follow_from_its_price(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    mia.say("echo", "Hello").await;
    let change = async |set: &'static str| {
        let write = app.app.db.write(set, |txn, set| {
            let sql = format!("UPDATE {set}");
            Box::pin(async move { Ok(txn.execute_unprepared(&sql).await?) })
        });
        write.await.unwrap();
        let findings = jeton::domain::ledger::verify(&app.app.db).await.unwrap();
        findings.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    // A price that was changed by hand.
    let found = change("price SET per_message = 90 WHERE model = 'echo'").await;
    assert_eq!(found, ["chat 1: cost 100, but its usage at its price costs 90"]);
    assert_eq!(change("price SET per_message = 100 WHERE model = 'echo'").await, [""; 0]);
    let found = change("chat SET messages_charged = 3").await;
    assert_eq!(found, [""; 0], "the hold limits the cost");
    let found = change("chat SET messages_charged = 0").await;
    assert_eq!(found, ["chat 1: cost 100, but its usage at its price costs 0"]);
    let found = change("chat SET messages_charged = 1, price_id = 999").await;
    assert_eq!(found, ["chat 1: the version of its price is missing"]);
    change("chat SET price_id = (SELECT id FROM price WHERE model = 'echo')").await;
}

#[apply(on_both_databases)]
async fn verify_finds_what_is_broken(on: On) {
    let app = TestApp::start(on).await;
    let stray = app.app.db.write((), |txn, ()| {
        Box::pin(async move {
            let id = row("rich").insert(txn).await?.id;
            let rich = wallet::ActiveModel { tokens: Set(Tokens(5)), ..wallet(id) };
            rich.insert(txn).await?;
            Ok((id, row("without").insert(txn).await?.id))
        })
    });
    let (id, without) = stray.await.unwrap();
    let findings = jeton::domain::ledger::verify(&app.app.db).await.unwrap();
    let reported: Vec<_> = findings.iter().map(ToString::to_string).collect();
    let rich = format!("user {id}: tokens 5 + held 0, but the ledger says 0 and open chats hold 0");
    assert_eq!(reported, [rich, format!("user {without} has no wallet")]);
    let fixed = app.app.db.write([id, without], |txn, ids| {
        Box::pin(async move {
            wallet::Entity::delete_many().filter(wallet::Column::UserId.is_in(ids.iter().copied())).exec(txn).await?;
            Ok(user::Entity::delete_many().filter(user::Column::Id.is_in(ids.iter().copied())).exec(txn).await?)
        })
    });
    fixed.await.unwrap();
}
