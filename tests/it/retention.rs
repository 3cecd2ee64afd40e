//! Retention: removes expired data, and nothing else; balances and usage statistics stay unchanged.

use std::time::{Duration, Instant};

use jeton::core::tokens::Tokens;
use jeton::core::viewer::Actor;
use jeton::domain::account::admin::{self, Adjustment, BalanceChange};
use jeton::domain::chat::{self as chats, usage};
use jeton::domain::retention::{self, RunOutcome, Target};
use jeton::infra::entity::chat::Status;
use jeton::infra::entity::ledger_entry::Reason;
use jeton::infra::entity::{audit_event, chat, conversation, job_lease, ledger_entry, session, wallet};
use rstest_reuse::apply;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, Statement,
};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::support::installation::Installation;
use crate::support::{Client, On, PASSWORD, Step, TestApp, on_both_databases};

const DAY: Duration = Duration::from_secs(86_400);

async fn counted(app: &TestApp) -> u64 {
    chat::Entity::find().count(app.app.db.read()).await.unwrap()
}

/// Returns the removed rows, of kinds with at least one.
fn gone(ran: RunOutcome) -> Vec<(Target, u64)> {
    let RunOutcome::Done(removed) = ran else { panic!("{ran:?}") };
    removed.into_iter().filter(|(_, count)| *count > 0).collect()
}

async fn run(app: &TestApp) -> Vec<(Target, u64)> {
    gone(retention::run(&app.app).await.unwrap())
}

/// Inserts chats of the current time that are finished and free, with their ledger entries.
async fn many_chats(app: &TestApp, client: &Client, count: usize) {
    let (user_id, now) = (client.user_id(), app.clock.now());
    let total = app.balance(client).await.0;
    let write = app.app.db.write(count, move |txn, &count| {
        Box::pin(async move {
            let row = chat::ActiveModel {
                id: NotSet,
                user_id: Set(user_id),
                wallet_id: Set(None),
                conversation_id: Set(None),
                replaced_by_id: Set(None),
                first_version_id: Set(None),
                context_left_out: Set(0),
                model: Set("echo".to_owned()),
                status: Set(Status::Done),
                message: Set("many".to_owned()),
                response: Set("many".to_owned()),
                error_code: Set(None),
                error_message: Set(None),
                hold: Set(Tokens::ZERO),
                cost: Set(Tokens::ZERO),
                reasoning: Set(None),
                reasoning_ms: Set(None),
                price_id: Set(None),
                messages_charged: Set(None),
                input_units: Set(None),
                cache_read_units: Set(None),
                cache_write_units: Set(None),
                images: Set(None),
                output_units: Set(None),
                reasoning_units: Set(None),
                usage_estimated: Set(false),
                idempotency_key: Set(None),
                api_key_id: Set(None),
                fingerprint: Set(None),
                created_at: Set(now),
                finish_reason: Set(None),
                first_chunk_at: Set(None),
                finished_at: Set(Some(now)),
                lease_until: Set(None),
            };
            for batch in vec![row; count].chunks(500) {
                chat::Entity::insert_many(batch.to_vec()).exec_without_returning(txn).await?;
            }
            let chats = chat::Entity::owned_by(user_id).filter(chat::Column::Message.eq("many")).all(txn).await?;
            let wallet = wallet::Entity::find().filter(wallet::Column::UserId.eq(user_id)).one(txn).await?;
            let wallet_id = wallet.unwrap().id;
            let entries = chats.iter().map(|chat| ledger_entry::ActiveModel {
                id: NotSet,
                wallet_id: Set(wallet_id),
                member_id: Set(None),
                amount: Set(Tokens::ZERO),
                balance_after: Set(Tokens(total)),
                reason: Set(Reason::ChatDone),
                note: Set(None),
                chat_id: Set(Some(chat.id)),
                actor_id: Set(None),
                api_key_id: Set(None),
                idempotency_key: Set(None),
                requested_balance: Set(None),
                created_at: Set(now),
                seq: Set(None),
                hash: Set(None),
                erasable_digest: Set(None),
                erasable_salt: Set(None),
            });
            for batch in entries.collect::<Vec<_>>().chunks(500) {
                ledger_entry::Entity::insert_many(batch.to_vec()).exec_without_returning(txn).await?;
            }
            migration::compute_ledger_chains(txn).await?;
            Ok(())
        })
    });
    write.await.unwrap();
}

async fn new_conversation(client: &Client) -> Value {
    let query = "mutation { createConversation(input: {}) { conversation { id } } }";
    client.data(query, json!({})).await["createConversation"]["conversation"]["id"].take()
}

async fn totals(client: &Client) -> Value {
    client.data("{ usage(days: 60) { day model messages tokens activeUsers failures } }", json!({})).await
}

#[apply(on_both_databases)]
async fn old_chats_go_and_money_and_usage_stay(on: On) {
    let app =
        TestApp::with(on, "retention.chats = '30d'\nretention.webhook_deliveries = ''\nauth.access_ttl = '100d'").await;
    let (mia, root) = (app.user("mia").await, app.superuser("root").await);
    let (silent, lively) = (new_conversation(&mia).await, new_conversation(&mia).await);
    mia.say("echo", "alone").await;
    mia.say_with(json!({ "message": "whale", "conversationId": silent })).await;
    mia.say_with(json!({ "message": "in both times", "conversationId": lively })).await;
    app.model.play([Step::Fail]);
    mia.say("scripted", "fails").await;
    let permits = std::sync::Arc::new(Semaphore::new(0));
    app.model.play([Step::Say("still"), Step::Wait(permits.clone()), Step::End(None)]);
    let start = "mutation { startMessage(input: {message: \"open\", model: \"scripted\"}) { chat { id } } }";
    mia.data(start, json!({})).await;

    app.clock.advance(29 * DAY);
    assert_eq!(run(&app).await, [], "nothing is old enough");
    app.clock.advance(2 * DAY);
    mia.say_with(json!({ "message": "new", "conversationId": lively })).await;
    usage::count_days(&app.app).await.unwrap();
    let (ledger, balance, used) = (app.ledger(&mia).await, app.balance(&mia).await, totals(&root).await);

    let expected = [(Target::Chats, 4), (Target::Conversations, 0)];
    assert_eq!(retention::due(&app.app).await.unwrap(), expected, "a conversation is without chats only afterwards");
    assert_eq!(counted(&app).await, 6, "looking removes nothing");
    assert_eq!(run(&app).await, [(Target::Chats, 4), (Target::Conversations, 1)]);
    assert_eq!(run(&app).await, []);
    let left = chat::Entity::find().order_by_asc(chat::Column::Id).all(app.app.db.read()).await.unwrap();
    assert_eq!(left.iter().map(|chat| chat.message.as_str()).collect::<Vec<_>>(), ["open", "new"]);
    assert_eq!(conversation::Entity::find().count(app.app.db.read()).await.unwrap(), 1, "the silent one went");
    let found = mia.data("{ chatHistory(search: \"whale\") { totalCount } }", json!({})).await;
    assert_eq!(found["chatHistory"]["totalCount"], 0, "nor does a search find it");
    assert_eq!((app.ledger(&mia).await, app.balance(&mia).await), (ledger, balance));
    assert_eq!(totals(&root).await, used);

    permits.add_permits(1);
    app.settled().await;
    assert_eq!(app.balance(&mia).await.1, 0, "the open one ended as ever");
}

#[apply(on_both_databases)]
async fn a_day_that_is_not_counted_keeps_its_chats(on: On) {
    let app = TestApp::with(on, "retention.chats = '1h'\nauth.access_ttl = '100d'").await;
    let (mia, root) = (app.user("mia").await, app.superuser("root").await);
    mia.say("echo", "today").await;
    app.clock.advance(Duration::from_secs(5 * 3600));
    assert_eq!(run(&app).await, [], "five hours old, and of today");
    app.clock.advance(DAY);
    mia.say("echo", "tomorrow").await;
    assert_eq!(run(&app).await, [(Target::Chats, 1)], "the run itself counts the days that are over");
    let used = totals(&root).await;
    let days = used["usage"].as_array().unwrap().iter().filter(|used| used["model"] == Value::Null);
    assert_eq!(days.map(|used| used["messages"].as_i64().unwrap()).sum::<i64>(), 2);
}

#[apply(on_both_databases)]
async fn of_deleted_users_the_amounts_stay(on: On) {
    let app = TestApp::with(on, "retention.deleted_users = '30d'\nauth.access_ttl = '100d'").await;
    let (mia, tom, root) = (app.user("mia").await, app.staff("tommaso").await, app.superuser("root").await);
    let adjust = |actor: Actor, of: &Client, key: &str, reason: &str| {
        let input = Adjustment {
            user_id: of.user_id(),
            amount: BalanceChange::By(Tokens(7)),
            reason: reason.to_owned(),
            idempotency_key: Some(key.to_owned()),
        };
        admin::adjust_balance(&app.app, actor, input)
    };
    let root_acts = Actor::User(app.viewer(&root).await.require_session().unwrap());
    let tom_acts = Actor::User(app.viewer(&tom).await.require_session().unwrap());
    adjust(root_acts, &tom, "order-tommaso", "for tommaso's birthday").await.unwrap();
    adjust(tom_acts, &mia, "order-mia", "for mia").await.unwrap();
    tom.say("echo", "of tommaso").await;
    let id =
        tom.data("{ chatHistory(first: 1) { nodes { id } } }", json!({})).await["chatHistory"]["nodes"][0]["id"].take();
    root.data("mutation($id: ID!) { deleteChat(input: {chatId: $id}) { deletedId } }", json!({ "id": id })).await;
    let delete = format!("mutation {{ deleteAccount(input: {{password: \"{PASSWORD}\"}}) {{ deletedId }} }}");
    tom.data(&delete, json!({})).await;

    let db = app.app.db.read();
    let rows = async || {
        let entries = ledger_entry::Entity::find().order_by_asc(ledger_entry::Column::Id).all(db).await.unwrap();
        let events = audit_event::Entity::find().order_by_asc(audit_event::Column::Id).all(db).await.unwrap();
        (entries, events)
    };
    let (before, _) = rows().await;
    app.clock.advance(29 * DAY);
    assert_eq!(run(&app).await, []);
    assert_eq!(rows().await.0, before);
    app.clock.advance(2 * DAY);
    assert_eq!(run(&app).await.len(), 2, "notes in the ledger, and names in the trail");
    assert_eq!(run(&app).await, [], "what is erased is not erased again");

    let (after, events) = rows().await;
    let numbers = |entries: &[ledger_entry::Model]| {
        let numbers =
            entries.iter().map(|entry| (entry.id, entry.wallet_id, entry.amount, entry.balance_after, entry.reason));
        numbers.collect::<Vec<_>>()
    };
    assert_eq!(numbers(&before), numbers(&after), "the ledger counts as before");
    let shown = format!("{after:?} {events:?}");
    assert!(!shown.contains("tommaso"), "{shown}");
    assert!(shown.contains("for mia") && shown.contains("order-mia"), "what is of others stays: {shown}");
    let of_tom: Vec<_> =
        events.iter().filter(|event| event.target_id == tom.user_id().0 && event.action == "balance.adjust").collect();
    assert_eq!((of_tom[0].actor_name.as_str(), of_tom[0].target_name.as_str()), ("root", "(erased)"));
    let details: Value = serde_json::from_str(&of_tom[0].details).unwrap();
    assert_eq!(details["amount"], 7, "{details}");
    assert_eq!(details.get("reason"), None);
}

#[apply(on_both_databases)]
async fn sessions_and_audit_events_go_by_their_own_times(on: On) {
    let toml = "retention.ended_sessions = '10d'\nretention.audit_events = '20d'\nauth.refresh_ttl = '30d'\nauth.access_ttl = '100d'";
    let app = TestApp::with(on, toml).await;
    let (mia, tom) = (app.user("mia").await, app.user("tom").await);
    mia.data("mutation { logout(input: {}) { errors { code } } }", json!({})).await;
    app.clock.advance(11 * DAY);
    assert_eq!(run(&app).await, [(Target::Sessions, 1)]);
    assert_eq!(tom.data("{ me { username } }", json!({})).await["me"]["username"], "tom", "whose session continues");
    app.clock.advance(10 * DAY);
    assert_eq!(run(&app).await, [(Target::AuditEvents, 2)], "that the two were made");
    app.clock.advance(20 * DAY);
    assert_eq!(run(&app).await, [(Target::Sessions, 1)], "it ran out eleven days ago");
    assert_eq!(session::Entity::find().count(app.app.db.read()).await.unwrap(), 0);
}

#[apply(on_both_databases)]
async fn of_servers_that_begin_at_once_one_does_it(on: On) {
    let app = TestApp::with(on, "retention.chats = '30d'").await;
    let mia = app.user("mia").await;
    many_chats(&app, &mia, 700).await;
    app.clock.advance(40 * DAY);
    let servers: Vec<_> = (0..4).map(|_| app.second_server()).collect();
    let ran = futures::future::join_all(servers.iter().map(retention::run_if_due)).await;
    let (done, not): (Vec<_>, Vec<_>) = ran.into_iter().map(Result::unwrap).partition(|ran| *ran != RunOutcome::NotNow);
    assert_eq!((done.len(), not.len()), (1, 3));
    assert_eq!(gone(done.into_iter().next().unwrap()), [(Target::Chats, 700)]);
    assert_eq!(counted(&app).await, 0);
    // Once per interval, on any server.
    assert_eq!(retention::run_if_due(&app.app).await.unwrap(), RunOutcome::NotNow);
    app.clock.advance(DAY - Duration::from_secs(1));
    assert_eq!(retention::run_if_due(&app.app).await.unwrap(), RunOutcome::NotNow);
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(gone(retention::run_if_due(&app.app).await.unwrap()), []);
}

#[apply(on_both_databases)]
async fn a_run_that_dies_in_the_middle_is_taken_over(on: On) {
    let app = TestApp::with(on, "retention.chats = '30d'").await;
    let mia = app.user("mia").await;
    many_chats(&app, &mia, 2000).await;
    app.clock.advance(40 * DAY);
    let dying = app.second_server();
    // Both in one task: the run is suspended while the chats are counted, and is dropped once some were removed.
    let seen = async {
        loop {
            let left = counted(&app).await;
            if left < 2000 {
                return left;
            }
        }
    };
    let left = tokio::select! {
        biased;
        left = seen => left,
        ran = retention::run(&dying) => panic!("over before anybody looked: {ran:?}"),
    };
    assert!(left > 0 && left % 200 == 0, "whole batches: {left} are left");
    assert_eq!(retention::run(&app.app).await.unwrap(), RunOutcome::NotNow, "for all that anybody knows it is alive");
    app.clock.advance(Duration::from_secs(61));
    let left = counted(&app).await;
    assert_eq!(run(&app).await, [(Target::Chats, left)], "the next one continues with what is left");
    assert_eq!(counted(&app).await, 0);
}

async fn job_of(app: &TestApp) -> Option<job_lease::Model> {
    job_lease::Entity::find_by_id("retention").one(app.app.db.read()).await.unwrap()
}

/// Returns whether a suspended run has no transaction open, and none on the way to the database.
async fn rests_between_writes(app: &TestApp) -> bool {
    for _ in 0..2 {
        if !is_between_writes(app).await || open_transactions(app).await > 0 {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    true
}

/// Returns the number of open transactions on PostgreSQL. SQLite has one writer, which `is_between_writes` waits for.
async fn open_transactions(app: &TestApp) -> i64 {
    let db = app.app.db.read();
    if db.get_database_backend() != DbBackend::Postgres {
        return 0;
    }
    let open = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()";
    let row = db.query_one_raw(Statement::from_string(DbBackend::Postgres, open)).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

/// Returns whether no transaction has locked the job's row.
async fn is_between_writes(app: &TestApp) -> bool {
    let lock = app.app.db.write((), |txn, ()| {
        Box::pin(async move {
            let name = job_lease::Column::Name;
            let same = job_lease::Entity::update_many().col_expr(name, Expr::col(name)).filter(name.eq("retention"));
            Ok(same.exec(txn).await?)
        })
    });
    tokio::time::timeout(Duration::from_secs(1), lock).await.is_ok_and(|locked| locked.is_ok())
}

#[apply(on_both_databases)]
async fn a_run_that_was_taken_for_dead_writes_nothing_any_more(on: On) {
    let app = TestApp::with(on, "retention.chats = '30d'").await;
    let mia = app.user("mia").await;
    many_chats(&app, &mia, 1000).await;
    app.clock.advance(40 * DAY);
    let slow = app.second_server();
    let mut running = Box::pin(retention::run(&slow));
    // It is suspended without an open transaction, for which another run would wait on PostgreSQL.
    let begun = async { while job_of(&app).await.and_then(|job| job.holder).is_none() {} };
    tokio::select! {
        biased;
        () = begun => {}
        ran = &mut running => panic!("{ran:?}"),
    }
    while !rests_between_writes(&app).await {
        tokio::select! {
            biased;
            () = tokio::time::sleep(Duration::from_millis(1)) => {}
            ran = &mut running => panic!("{ran:?}"),
        }
    }
    // It is suspended for a minute, and another run starts.
    app.clock.advance(Duration::from_secs(61));
    let left = counted(&app).await;
    assert_eq!(run(&app).await, [(Target::Chats, left)]);
    many_chats(&app, &mia, 1).await;
    app.clock.advance(40 * DAY);
    let ran = running.await;
    // Either it noticed its lost claim, or found nothing left to remove; it must not remove the new chat.
    assert!(!matches!(&ran, Ok(RunOutcome::Done(removed)) if removed.iter().any(|(_, count)| *count > 0)), "{ran:?}");
    assert_eq!(counted(&app).await, 1);
}

#[apply(on_both_databases)]
async fn messages_are_answered_while_old_chats_go(on: On) {
    let app =
        TestApp::with(on, "retention.chats = '30d'\nauth.access_ttl = '100d'\nledger.signup_grant = 1000000").await;
    let mia = app.user("mia").await;
    many_chats(&app, &mia, 4000).await;
    chats::index_rest(&app.app).await.unwrap();
    app.clock.advance(40 * DAY);
    let server = app.second_server();
    let running = tokio::spawn(async move { retention::run(&server).await });
    let (mut answered, mut slowest) = (0, Duration::ZERO);
    while !running.is_finished() {
        let began = Instant::now();
        assert_eq!(mia.say("echo", "meanwhile").await["chat"]["status"], "DONE");
        (answered, slowest) = (answered + 1, slowest.max(began.elapsed()));
    }
    println!("{on:?}: {answered} messages were answered meanwhile, the slowest in {slowest:?}");
    assert_eq!(gone(running.await.unwrap().unwrap()), [(Target::Chats, 4000)]);
    assert!(answered >= 10, "between the batches there is room: {answered}");
}

#[apply(on_both_databases)]
async fn a_server_that_stops_leaves_the_rest_to_the_others_at_once(on: On) {
    let app = TestApp::with(on, "retention.chats = '30d'").await;
    let mia = app.user("mia").await;
    many_chats(&app, &mia, 300).await;
    app.clock.advance(40 * DAY);
    usage::count_days(&app.app).await.unwrap();
    let stopping = app.second_server();
    stopping.stopping.cancel();
    assert_eq!(retention::run_if_due(&stopping).await.unwrap(), RunOutcome::Stopped(vec![(Target::Chats, 0)]));
    assert_eq!(gone(retention::run_if_due(&app.app).await.unwrap()), [(Target::Chats, 300)]);
}

#[apply(on_both_databases)]
async fn the_command_line_says_what_would_go_before_it_goes(on: On) {
    let forever = Installation::new(on, &[("JETON_RETENTION__WEBHOOK_DELIVERIES", "")]).await;
    assert!(forever.ok(&["retention", "--dry-run"]).starts_with("nothing is removed"));
    let installation = Installation::new(
        on,
        &[("JETON_RETENTION__ENDED_SESSIONS", "1s"), ("JETON_RETENTION__WEBHOOK_DELIVERIES", "")],
    )
    .await;
    let server = installation.serve();
    let mia = server.register("mia").await;
    server.data(Some(&mia), "mutation { logout(input: {}) { errors { code } } }").await;
    drop(server);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let last_line =
        |text: String| text.lines().last().unwrap().split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(last_line(installation.ok(&["retention", "--dry-run"])), ["ended", "sessions", "1"]);
    assert_eq!(last_line(installation.ok(&["retention", "run", "--dry-run"])), ["ended", "sessions", "1"]);
    assert_eq!(last_line(installation.ok(&["retention", "run"])), ["ended", "sessions", "1"]);
    assert_eq!(last_line(installation.ok(&["retention", "run"])), ["ended", "sessions", "0"]);
    assert!(!installation.run(&["retention"], "").status.success(), "nothing goes by accident");
    installation.ok(&["verify"]);
}

#[test]
fn times_that_make_no_sense_are_refused_by_name() {
    let error = |toml: &str| jeton::infra::config::Config::from_toml(toml).unwrap_err().to_string();
    assert!(
        error("retention.chats = 'soon'").starts_with("retention.chats: \"soon\" is not a duration, such as \"365d\"")
    );
    assert!(error("retention.chats = '0s'").starts_with("retention.chats: longer than 0"));
    assert!(error("retention.interval = '1s'").starts_with("retention.interval: at least 1m"));
    let config = jeton::infra::config::Config::from_toml("retention.chats = '365d'").unwrap();
    assert!(jeton::infra::config::Config::from_toml(&config.shown()).is_ok(), "what is shown can be read again");
}
