//! Subscriptions to a reply: every chunk once, in order, and one end.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt};
use jeton::core::error::{Code, Error};
use jeton::core::ids::ChatId;
use jeton::core::tokens::Tokens;
use jeton::core::viewer::{Actor, Viewer};
use jeton::domain::account::admin::{self, Adjustment, BalanceChange};
use jeton::domain::chat::{self, ReplyStreamItem};
use jeton::domain::ledger;
use jeton::domain::session;
use rstest_reuse::apply;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::support::socket::Socket;
use crate::support::{Client, On, Step, TestApp, on_both_databases};

const FOLLOW: &str = "subscription($id: ID!, $after: Int) { replyStream(chatId: $id, after: $after) { __typename
    ... on ReplyDelta { seq offset text }
    ... on ReplyFinished { chat { status response } balance { tokens held } }
    ... on ReplyFailed { chat { status response } code message } } }";
const STOP: &str = "mutation($id: ID!) { stopMessage(input: {chatId: $id}) { chat { status } errors { code } } }";

/// Sends a message to the scripted model in the background. Returns the chat's id.
pub(crate) async fn start(client: &Client) -> Value {
    let start =
        "mutation { startMessage(input: {message: \"Hello\", model: \"scripted\"}) { chat { id } errors { code } } }";
    let mut started = client.data(start, json!({})).await["startMessage"].take();
    assert_eq!(started["errors"], json!([]));
    started["chat"]["id"].take()
}

pub(crate) async fn viewer(app: &TestApp, client: &Client) -> Viewer {
    let token = client.access.as_deref().unwrap();
    Viewer::User(session::authenticate(&app.app, token).await.unwrap())
}

/// Returns the newest chat's row id.
pub(crate) async fn newest(app: &TestApp, viewer: Viewer) -> ChatId {
    let page = jeton::core::pagination::PageRequest::newest(1, None);
    chat::history(&app.app, viewer.require_read().unwrap(), chat::HistoryFilter::default(), page).await.unwrap().rows[0]
        .id
}

/// Concatenates all chunks of a stream, and checks for gaps. Returns the text and the single end.
pub(crate) async fn whole(
    feed: impl Stream<Item = Result<ReplyStreamItem, Error>>,
    after: usize,
) -> (String, chat::FinishedChat) {
    let (mut feed, mut text, mut position) = (pin!(feed), String::new(), after);
    let mut end = None;
    while let Some(fed) = tokio::time::timeout(Duration::from_secs(20), feed.next()).await.expect("it continues") {
        assert!(end.is_none(), "nothing comes behind the end");
        match fed.unwrap() {
            ReplyStreamItem::Delta(delta) => {
                assert_eq!(delta.offset, position, "no gap and no repetition");
                assert_eq!(delta.end, position + delta.text.chars().count());
                position = delta.end;
                text.push_str(&delta.text);
            }
            ReplyStreamItem::Reasoning(delta) => panic!("no reasoning was generated: {delta:?}"),
            ReplyStreamItem::Ended(ended) => end = Some(*ended),
        }
    }
    (text, end.expect("an end"))
}

#[apply(on_both_databases)]
async fn parts_come_one_by_one_and_then_one_end(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let gate = Arc::new(Semaphore::new(0));
    let wait = || Step::Wait(gate.clone());
    app.model.play([wait(), Step::Say("Ça "), wait(), Step::Say("va 😀"), wait(), Step::End(None)]);
    let id = start(&mia).await;
    let mut socket = Socket::begin(app.serve().await, mia.access.as_deref()).await;
    socket.subscribe("1", FOLLOW, json!({ "id": id })).await;
    gate.add_permits(1);
    let part = |seq: usize, offset: usize, text: &str| json!({ "data": { "replyStream": { "__typename": "ReplyDelta", "seq": seq, "offset": offset, "text": text } } });
    assert_eq!(socket.hear_next("1").await, part(3, 0, "Ça "), "a part comes before the next is made");
    gate.add_permits(1);
    assert_eq!(socket.hear_next("1").await, part(7, 3, "va 😀"));
    // On another device, and from an offset.
    socket.subscribe("2", FOLLOW, json!({ "id": id, "after": 4 })).await;
    assert_eq!(socket.hear_next("2").await, part(7, 4, "a 😀"));
    gate.add_permits(1);
    let end = json!({ "data": { "replyStream": { "__typename": "ReplyFinished",
        "chat": { "status": "DONE", "response": "Ça va 😀" }, "balance": { "tokens": 3900, "held": 0 } } } });
    let mut completed = 0;
    while completed < 2 {
        let message = socket.hear().await;
        match message["type"].as_str().unwrap() {
            "next" => assert_eq!(message["payload"], end),
            "complete" => completed += 1,
            other => panic!("{other}"),
        }
    }
    // A finished reply can be followed, too.
    socket.subscribe("3", FOLLOW, json!({ "id": id })).await;
    assert_eq!(socket.hear_next("3").await, part(7, 0, "Ça va 😀"));
    assert_eq!(socket.hear_next("3").await, end);
    assert_eq!(socket.hear().await["type"], "complete");
}

#[apply(on_both_databases)]
async fn a_reply_can_be_resumed_at_every_character(on: On) {
    let app = TestApp::with(on, "turns.save_interval = '5ms'").await;
    let mia = app.user("mia").await;
    let viewer = viewer(&app, &mia).await;
    let pieces = ["Zwölf ", "Boxkämpfer ", "jagen 🥊", "🥊 ", "Viktor ", "quer ", "über ", "den ", "Sylter ", "Deich"];
    let text = pieces.concat();
    let gate = Arc::new(Semaphore::new(0));
    let mut script: Vec<_> = pieces.iter().flat_map(|piece| [Step::Wait(gate.clone()), Step::Say(piece)]).collect();
    script.push(Step::End(None));
    app.model.play(script);
    start(&mia).await;
    let id = newest(&app, viewer).await;
    let followers: Vec<_> = (0..=text.chars().count())
        .map(|after| {
            let (app, rest) = (app.app.clone(), text.chars().skip(after).collect::<String>());
            tokio::spawn(async move {
                // They subscribe at different times.
                tokio::time::sleep(Duration::from_millis(after as u64 * 3)).await;
                let (heard, end) = whole(
                    chat::follow(
                        &app,
                        viewer.require_read().unwrap(),
                        id,
                        chat::ReplyPosition { reply: after, reasoning: 0 },
                    )
                    .await
                    .unwrap(),
                    after,
                )
                .await;
                assert_eq!(heard, rest, "from {after}");
                end.chat.response
            })
        })
        .collect();
    for _ in pieces {
        gate.add_permits(1);
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
    for follower in followers {
        assert_eq!(follower.await.unwrap(), text);
    }
}

#[apply(on_both_databases)]
async fn between_the_last_piece_and_the_settlement_nothing_is_lost(on: On) {
    // Partial replies are not saved: the row has no text until the chat is closed.
    let app = TestApp::with(on, "turns.save_interval = '10s'").await;
    let mia = app.user("mia").await;
    let viewer = viewer(&app, &mia).await;
    let gate = Arc::new(Semaphore::new(0));
    app.model.play([Step::Say("All of it"), Step::Wait(gate.clone()), Step::End(None)]);
    start(&mia).await;
    let id = newest(&app, viewer).await;
    // Another transaction locks the user's wallet, so that the settlement has to wait.
    let (locked, unlock) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (db, user_id, ours) = (app.app.db.clone(), mia.user_id(), (locked.clone(), unlock.clone()));
    let holder = tokio::spawn(async move {
        db.write((user_id, ours), |txn, (user_id, (locked, unlock))| {
            Box::pin(async move {
                ledger::balance_for_update(txn, *user_id).await?;
                locked.add_permits(1);
                unlock.acquire().await.unwrap().forget();
                Ok(())
            })
        })
        .await
    });
    locked.acquire().await.unwrap().forget();
    gate.add_permits(1);
    // The provider has finished; the turn waits for its settlement, and receives no more commands.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let follower = tokio::spawn({
        let app = app.app.clone();
        async move {
            whole(
                chat::follow(&app, viewer.require_read().unwrap(), id, chat::ReplyPosition::default()).await.unwrap(),
                0,
            )
            .await
        }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!follower.is_finished());
    unlock.add_permits(1);
    holder.await.unwrap().unwrap();
    let (text, ended) = follower.await.unwrap();
    assert_eq!((text.as_str(), ended.chat.response.as_str()), ("All of it", "All of it"));
    assert_eq!((ended.balance.tokens, ended.balance.held), (Tokens(3900), Tokens(0)));
}

#[apply(on_both_databases)]
async fn stopping_that_races_the_natural_end_is_told_as_one_end(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let viewer = viewer(&app, &mia).await;
    for round in 0..20 {
        let gate = Arc::new(Semaphore::new(0));
        app.model.play([Step::Say("ok"), Step::Wait(gate.clone()), Step::Say(" then"), Step::End(None)]);
        let global = start(&mia).await;
        let id = newest(&app, viewer).await;
        let follower = tokio::spawn({
            let app = app.app.clone();
            async move {
                whole(
                    chat::follow(&app, viewer.require_read().unwrap(), id, chat::ReplyPosition::default())
                        .await
                        .unwrap(),
                    0,
                )
                .await
            }
        });
        let ending = async {
            tokio::time::sleep(Duration::from_micros(round * 200)).await;
            gate.add_permits(1);
        };
        let (stopped, ()) = tokio::join!(mia.data(STOP, json!({ "id": global })), ending);
        assert_eq!(stopped["stopMessage"]["errors"], json!([]));
        let (text, ended) = follower.await.unwrap();
        assert_eq!(text, ended.chat.response);
        assert_eq!(json!(format!("{:?}", ended.chat.status).to_uppercase()), stopped["stopMessage"]["chat"]["status"]);
        assert_eq!(ended.chat.cost, if text.is_empty() { Tokens(0) } else { Tokens(100) });
    }
    assert_eq!(app.ledger(&mia).await.len(), 21, "one entry for each");
}

#[apply(on_both_databases)]
async fn a_follower_who_lags_behind_misses_nothing(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let viewer = viewer(&app, &mia).await;
    let gate = Arc::new(Semaphore::new(0));
    let mut script = vec![Step::Say("first "), Step::Wait(gate.clone())];
    script.extend(vec![Step::Say("and more "); 5000]);
    script.push(Step::End(None));
    app.model.play(script);
    start(&mia).await;
    let id = newest(&app, viewer).await;
    let mut feed = Box::pin(
        chat::follow(&app.app, viewer.require_read().unwrap(), id, chat::ReplyPosition::default()).await.unwrap(),
    );
    let Some(Ok(ReplyStreamItem::Delta(first))) = feed.next().await else { panic!("a part") };
    gate.add_permits(1);
    // Far more messages than the bus buffers are published.
    app.settled().await;
    let (rest, ended) = whole(feed, first.end).await;
    assert_eq!(first.text + &rest, ended.chat.response);
    assert_eq!(rest.len(), 5000 * "and more ".len());
}

#[apply(on_both_databases)]
async fn another_server_without_news_reads_what_is_saved(on: On) {
    let app = TestApp::with(on, "turns.save_interval = '20ms'").await;
    let mia = app.user("mia").await;
    let viewer = viewer(&app, &mia).await;
    let gate = Arc::new(Semaphore::new(0));
    app.model.play([Step::Say("Half "), Step::Wait(gate.clone()), Step::Say("and half"), Step::End(None)]);
    start(&mia).await;
    let id = newest(&app, viewer).await;
    // It has a separate bus.
    let other = app.second_server();
    let following = tokio::spawn(async move {
        whole(
            chat::follow(&other, viewer.require_read().unwrap(), id, chat::ReplyPosition::default()).await.unwrap(),
            0,
        )
        .await
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    gate.add_permits(1);
    let (text, ended) = following.await.unwrap();
    assert_eq!((text.as_str(), ended.chat.response.as_str()), ("Half and half", "Half and half"));
}

#[apply(on_both_databases)]
async fn failures_are_told_with_what_there_was(on: On) {
    let app = TestApp::start(on).await;
    let (mia, tom) = (app.user("mia").await, app.user("tom").await);
    let address = app.serve().await;
    app.model.play([Step::Say("Half"), Step::Fail]);
    let id = start(&mia).await;
    let mut socket = Socket::begin(address, mia.access.as_deref()).await;
    socket.subscribe("1", FOLLOW, json!({ "id": id })).await;
    assert_eq!(socket.hear_next("1").await["data"]["replyStream"]["text"], "Half");
    assert_eq!(
        socket.hear_next("1").await["data"]["replyStream"],
        json!({ "__typename": "ReplyFailed", "chat": { "status": "FAILED", "response": "Half" },
            "code": "PROVIDER_UNAVAILABLE", "message": "The model is not available." })
    );
    assert_eq!(socket.hear().await["type"], "complete");
    // Invalid arguments, and a chat of another user.
    let code = |answer: Value| answer["errors"][0]["extensions"]["code"].as_str().unwrap().to_owned();
    socket.subscribe("2", FOLLOW, json!({ "id": id, "after": -1 })).await;
    assert_eq!(code(socket.hear_next("2").await), "INVALID_INPUT");
    let mut theirs = Socket::begin(address, tom.access.as_deref()).await;
    theirs.subscribe("1", FOLLOW, json!({ "id": id })).await;
    assert_eq!(code(theirs.hear_next("1").await), "NOT_FOUND");
    let mut anonymous = Socket::begin(address, None).await;
    anonymous.subscribe("1", FOLLOW, json!({ "id": id })).await;
    assert_eq!(code(anonymous.hear_next("1").await), "UNAUTHENTICATED");
}

#[apply(on_both_databases)]
async fn a_chat_that_is_deleted_ends_its_followers(on: On) {
    let app = TestApp::start(on).await;
    let mia = app.user("mia").await;
    let viewer = viewer(&app, &mia).await;
    app.model.play([Step::Say("Half"), Step::Hang]);
    start(&mia).await;
    let id = newest(&app, viewer).await;
    let mut feed = Box::pin(
        chat::follow(&app.app, viewer.require_read().unwrap(), id, chat::ReplyPosition::default()).await.unwrap(),
    );
    assert!(matches!(feed.next().await, Some(Ok(ReplyStreamItem::Delta(_)))));
    chat::delete(&app.app, viewer, id).await.unwrap();
    // It was stopped first; a late read finds it deleted.
    match feed.next().await {
        Some(Ok(ReplyStreamItem::Ended(ended))) => assert_eq!(ended.chat.response, "Half"),
        Some(Err(error)) => assert_eq!(error.code, Code::NotFound),
        other => panic!("{other:?}"),
    }
    assert_eq!(app.ledger(&mia).await[1], ("ChatStopped".to_owned(), -100), "what was produced is paid for");
    assert_eq!(chat::find(&app.app, viewer.require_read().unwrap(), id).await.unwrap_err().code, Code::NotFound);
}

#[apply(on_both_databases)]
async fn the_balance_is_told_whenever_it_changes(on: On) {
    let app = TestApp::start(on).await;
    let (mia, tom) = (app.user("mia").await, app.user("tom").await);
    let mut changes = Box::pin(ledger::watch_balance(&app.app, viewer(&app, &mia).await.require_read().unwrap()));
    let mut next = async || {
        let next =
            tokio::time::timeout(Duration::from_secs(5), changes.next()).await.expect("a change").unwrap().unwrap();
        (next.tokens.0, next.held.0)
    };
    assert_eq!(next().await, (4000, 0));
    let gate = Arc::new(Semaphore::new(0));
    app.model.play([Step::Wait(gate.clone()), Step::Say("ok"), Step::End(None)]);
    start(&mia).await;
    assert_eq!(next().await, (3900, 100));
    tom.say("echo", "Somebody else's does not count").await;
    gate.add_permits(1);
    assert_eq!(next().await, (3900, 0));
    let adjustment = Adjustment {
        user_id: mia.user_id(),
        amount: BalanceChange::By(Tokens(50)),
        reason: "a gift".to_owned(),
        idempotency_key: None,
    };
    admin::adjust_balance(&app.app, Actor::CommandLine, adjustment).await.unwrap();
    assert_eq!(next().await, (3950, 0));
}
