//! Model-based tests of balances: random histories of sequential steps against a small model, and of concurrent steps
//! against the invariants. Each case ends with `verify`, as every test does.

use std::collections::HashMap;
use std::time::Duration;

use futures::future::join_all;
use jeton::domain::chat;
use jeton::infra::ai::Usage;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Value, json};

use crate::api_keys::with_key;
use crate::support::{Client, On, Step, TestApp};

/// A step of a history.
#[derive(Clone, Debug)]
enum Op {
    /// A message at a flat price, under this idempotency key.
    Flat(Script, Option<u8>),
    /// A message at a metered price that consumes this.
    Metered(u64, u64),
    /// A message by an API key with a total spending limit of 300.
    UnderKey(Script),
    /// An operator adds or deducts tokens, under this idempotency key.
    Adjust(i64, Option<u8>),
    /// The oldest open message is stopped.
    Stop,
    /// The oldest chat is deleted.
    Delete,
    /// The server stops renewing leases, and another one sweeps.
    Die,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Script {
    Answer,
    Fail,
    BreakOff,
    Hang,
}

impl Script {
    fn steps(self) -> Vec<Step> {
        match self {
            Script::Answer => vec![Step::Say("yes"), Step::End(None)],
            Script::Fail => vec![Step::Fail],
            Script::BreakOff => vec![Step::Say("ye"), Step::BreakOff],
            Script::Hang => vec![Step::Say("y"), Step::Hang],
        }
    }
}

fn op() -> impl Strategy<Value = Op> {
    let script = prop_oneof![3 => Just(Script::Answer), 1 => Just(Script::Fail), 1 => Just(Script::BreakOff), 2 => Just(Script::Hang)];
    let key = prop::option::weighted(0.3, 0..3u8);
    prop_oneof![
        4 => (script.clone(), key.clone()).prop_map(|(script, key)| Op::Flat(script, key)),
        2 => (0..3000u64, 0..3000u64).prop_map(|(input, output)| Op::Metered(input, output)),
        4 => script.prop_map(Op::UnderKey),
        2 => (-500..500i64, key).prop_map(|(amount, key)| Op::Adjust(amount, key)),
        2 => Just(Op::Stop),
        1 => Just(Op::Delete),
        1 => Just(Op::Die),
    ]
}

/// The system under test.
struct World {
    app: TestApp,
    mia: Client,
    program: Client,
    staff: Client,
    mia_id: String,
}

const SEND: &str = "mutation($input: SendMessageInput!) { it: sendMessage(input: $input) { chat { id cost hold status } errors { code } } }";
const START: &str = "mutation($input: StartMessageInput!) { it: startMessage(input: $input) { chat { id cost hold status } errors { code } } }";
const ADJUST: &str = "mutation($input: AdjustBalanceInput!) { it: adjustBalance(input: $input) { errors { code } } }";
const STOP: &str =
    "mutation($id: ID!) { it: stopMessage(input: {chatId: $id}) { chat { id cost hold status } errors { code } } }";
const DELETE: &str = "mutation($id: ID!) { it: deleteChat(input: {chatId: $id}) { errors { code } } }";
const RESPONSE: &str = "query($id: ID!) { it: chat(id: $id) { response status } }";

impl World {
    async fn new(on: On) -> Self {
        let app = TestApp::with(on, "auth.access_ttl = '1000d'\nledger.signup_grant = 2000").await;
        let (mia, staff) = (app.user("mia").await, app.staff("staff").await);
        let input = json!({ "name": "k", "scopes": ["WRITE"], "spendingLimit": { "total": 300 } });
        let (program, _) = with_key(&mia, input).await;
        let mia_id = mia.global_id().await;
        Self { app, mia, program, staff, mia_id }
    }

    async fn send(&self, client: &Client, script: Script, key: Option<u8>) -> Value {
        let query = if script == Script::Hang { START } else { SEND };
        let input = json!({ "model": "scripted", "message": "x", "idempotencyKey": key.map(|key| format!("k{key}")) });
        let mut it = client.data(query, json!({ "input": input })).await["it"].take();
        // The text of a hanging turn was received before it is stopped, so that it costs the flat price.
        if script == Script::Hang && it["chat"]["status"] == "PENDING" {
            loop {
                let chat = self.mia.data(RESPONSE, json!({ "id": it["chat"]["id"] })).await["it"].take();
                if chat["response"] != "" || chat["status"] != "PENDING" {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
        it.take()
    }

    async fn adjust(&self, amount: i64, key: Option<u8>) -> Value {
        let key = key.map(|key| format!("a{key}"));
        let input = json!({ "userId": self.mia_id, "amount": amount, "reason": "x", "idempotencyKey": key });
        self.staff.data(ADJUST, json!({ "input": input })).await["it"].take()
    }

    async fn die(&self) {
        self.app.clock.advance(Duration::from_secs(31));
        chat::sweep(&self.app.second_server()).await.unwrap();
    }

    /// Ends the turns of swept chats, which would continue for a while.
    async fn end(&self, hanging: &[Value]) {
        for id in hanging {
            self.mia.graphql(STOP, json!({ "id": id })).await;
        }
        self.app.settled().await;
    }
}

/// The model: the expected state.
struct Model {
    tokens: i64,
    held: i64,
    key_rest: i64,
    /// Open chats, oldest first, and what each holds under the key.
    open: Vec<(Value, i64)>,
    all: Vec<Value>,
    hanging: Vec<Value>,
    sent: HashMap<u8, Value>,
    adjusted: HashMap<u8, i64>,
}

impl Model {
    /// Applies a message at the flat price to the balance.
    fn flat(&mut self, response: &Value, script: Script, under_key: bool) -> Result<(), TestCaseError> {
        let affordable = self.tokens >= 100 && (!under_key || self.key_rest >= 100);
        if !affordable {
            prop_assert_eq!(&response["errors"][0]["code"], "INSUFFICIENT_TOKENS", "{}", response);
            return Ok(());
        }
        let of_key = if under_key { 100 } else { 0 };
        let chat = &response["chat"];
        prop_assert_eq!(&chat["hold"], 100, "{}", response);
        self.all.push(chat["id"].clone());
        match script {
            Script::Answer => {
                prop_assert_eq!(&chat["cost"], 100);
                self.tokens -= 100;
                self.key_rest -= of_key;
            }
            Script::Fail | Script::BreakOff => prop_assert_eq!(&chat["cost"], 0),
            Script::Hang => {
                self.tokens -= 100;
                self.held += 100;
                self.key_rest -= of_key;
                self.open.push((chat["id"].clone(), of_key));
                self.hanging.push(chat["id"].clone());
            }
        }
        Ok(())
    }
}

async fn one_after_the_other(on: On, ops: Vec<Op>) -> Result<(), TestCaseError> {
    let world = World::new(on).await;
    let mut model = Model {
        tokens: 2000,
        held: 0,
        key_rest: 300,
        open: Vec::new(),
        all: Vec::new(),
        hanging: Vec::new(),
        sent: HashMap::new(),
        adjusted: HashMap::new(),
    };
    let right = steps(&world, &mut model, ops).await;
    // Also after a failure, so that it can be reported.
    world.end(&model.hanging).await;
    right
}

async fn steps(world: &World, model: &mut Model, ops: Vec<Op>) -> Result<(), TestCaseError> {
    for op in ops {
        match op.clone() {
            Op::Flat(script, Some(key)) if model.sent.contains_key(&key) => {
                // Waiting for the end of a hanging turn would block forever.
                let response = world.send(&world.mia, Script::Hang, Some(key)).await;
                let _ = script;
                prop_assert_eq!(&response["chat"]["id"], &model.sent[&key]);
            }
            Op::Flat(script, key) => {
                world.app.model.play(script.steps());
                let response = world.send(&world.mia, script, key).await;
                if response["chat"].is_null() {
                    world.app.model.forget();
                } else if let Some(key) = key {
                    model.sent.insert(key, response["chat"]["id"].clone());
                }
                model.flat(&response, script, false)?;
            }
            Op::UnderKey(script) => {
                world.app.model.play(script.steps());
                let response = world.send(&world.program, script, None).await;
                if response["chat"].is_null() {
                    world.app.model.forget();
                }
                model.flat(&response, script, true)?;
            }
            Op::Metered(input, output) => {
                world.app.model.play([Step::Say("x"), Step::End(Some(Usage::of(input, output)))]);
                let wanted = json!({ "model": "metered", "message": "x" });
                let response = world.mia.data(SEND, json!({ "input": wanted })).await["it"].take();
                if response["chat"].is_null() {
                    world.app.model.forget();
                    prop_assert_eq!(&response["errors"][0]["code"], "INSUFFICIENT_TOKENS");
                } else {
                    let (hold, cost) =
                        (response["chat"]["hold"].as_i64().unwrap(), response["chat"]["cost"].as_i64().unwrap());
                    let price = i64::try_from((input * 10 + output * 30).div_ceil(1000)).unwrap();
                    prop_assert_eq!(cost, price.min(hold));
                    prop_assert!(hold <= model.tokens);
                    model.tokens -= cost;
                    model.all.push(response["chat"]["id"].clone());
                }
            }
            Op::Adjust(amount, key) => {
                let response = world.adjust(amount, key).await;
                let code = &response["errors"][0]["code"];
                let before = key.and_then(|key| model.adjusted.get(&key).copied());
                if let Some(before) = before {
                    prop_assert_eq!(code, &if before == amount { Value::Null } else { json!("CONFLICT") });
                } else if model.tokens + amount < 0 {
                    prop_assert_eq!(code, "INVALID_INPUT");
                } else {
                    prop_assert_eq!(code, &Value::Null);
                    model.tokens += amount;
                    model.adjusted.extend(key.map(|key| (key, amount)));
                }
            }
            Op::Stop if !model.open.is_empty() => {
                let (id, _) = model.open.remove(0);
                let response = world.mia.data(STOP, json!({ "id": id })).await["it"].take();
                prop_assert_eq!(
                    (&response["chat"]["status"], &response["chat"]["cost"]),
                    (&json!("STOPPED"), &json!(100))
                );
                model.held -= 100;
            }
            Op::Delete if !model.all.is_empty() => {
                let id = model.all.remove(0);
                world.mia.data(DELETE, json!({ "id": id })).await;
                if let Some(place) = model.open.iter().position(|(open, _)| *open == id) {
                    // Stopped and charged first.
                    model.open.remove(place);
                    model.held -= 100;
                }
                model.sent.retain(|_, sent| *sent != id);
            }
            Op::Die => {
                world.die().await;
                for (_, of_key) in model.open.drain(..) {
                    model.tokens += 100;
                    model.held -= 100;
                    model.key_rest += of_key;
                }
            }
            Op::Stop | Op::Delete => {}
        }
        prop_assert_eq!(world.app.balance(&world.mia).await, (model.tokens, model.held), "after {:?}", op);
    }
    Ok(())
}

async fn at_once(on: On, ops: Vec<Op>) -> Result<(), TestCaseError> {
    let world = World::new(on).await;
    let hanging = std::sync::Mutex::new(Vec::new());
    let note = |response: &Value| {
        if response["chat"]["status"] == "PENDING" {
            hanging.lock().unwrap().push(response["chat"]["id"].clone());
        }
    };
    let mut right = Ok(());
    for batch in ops.chunks(6) {
        let steps = batch.iter().map(|op| async {
            match op.clone() {
                // With an idempotency key another request may be waiting for the same chat, which must not hang.
                Op::Flat(Script::Hang, Some(key)) => {
                    world.app.model.play(Script::Answer.steps());
                    note(&world.send(&world.mia, Script::Answer, Some(key)).await);
                }
                Op::Flat(script, key) => {
                    world.app.model.play(script.steps());
                    note(&world.send(&world.mia, Script::Hang, key).await);
                }
                Op::UnderKey(script) => {
                    world.app.model.play(script.steps());
                    note(&world.send(&world.program, Script::Hang, None).await);
                }
                Op::Metered(input, output) => {
                    world.app.model.play([Step::Say("x"), Step::End(Some(Usage::of(input, output)))]);
                    let wanted = json!({ "model": "metered", "message": "x" });
                    note(&world.mia.data(START, json!({ "input": wanted })).await["it"]);
                }
                Op::Adjust(amount, key) => drop(world.adjust(amount, key).await),
                Op::Stop | Op::Delete => {
                    let oldest = hanging.lock().unwrap().first().cloned();
                    let query = if matches!(op, Op::Stop) { STOP } else { DELETE };
                    if let Some(id) = oldest {
                        world.mia.graphql(query, json!({ "id": id })).await;
                    }
                }
                Op::Die => world.die().await,
            }
        });
        join_all(steps).await;
        let findings = jeton::domain::ledger::verify(&world.app.app.db).await.unwrap();
        if !findings.is_empty() {
            right = Err(TestCaseError::fail(format!("{findings:?}")));
            break;
        }
    }
    let hanging = hanging.lock().unwrap().clone();
    world.end(&hanging).await;
    right
}

/// Runs this number of random histories of each kind. `PROPTEST_CASES` overrides it.
fn histories(on: On, cases: u32) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let config = Config { failure_persistence: None, max_shrink_iters: 20, ..Config::with_cases(cases) };
    let run = |at_the_same_time: bool| {
        let ops = prop::collection::vec(op(), 10..40);
        TestRunner::new(config.clone()).run(&ops, |ops| {
            let case =
                async { if at_the_same_time { at_once(on, ops).await } else { one_after_the_other(on, ops).await } };
            // In a task, since the end of a test application blocks in place.
            runtime.block_on(async { tokio::task::unconstrained(case).await })
        })
    };
    for at_the_same_time in [false, true] {
        if let Err(failure) = run(at_the_same_time) {
            panic!("at once: {at_the_same_time}: {failure}");
        }
    }
}

fn cases(usual: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(usual)
}

#[test]
fn random_histories_are_right_on_sqlite() {
    histories(On::Sqlite, cases(5));
}

#[test]
fn random_histories_are_right_on_postgres() {
    histories(On::Postgres, cases(3));
}
