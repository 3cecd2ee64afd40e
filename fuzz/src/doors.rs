//! The fuzz targets: functions for each kind of untrusted input that panic if the response violates an invariant. The
//! fuzzer calls them with generated input, and the integration tests with all seeds.
//!
//! They run the whole server on a database of its own, with the echo model and a scripted upstream. Requests go through
//! the router without a network; the upstream is called by real HTTP.

use std::convert::Infallible;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, Request, StatusCode, Uri};
use axum::routing::post;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::DateTime;
use http_body_util::BodyExt;
use jeton::app::{App, Dependencies};
use jeton::core::clock::Clock;
use jeton::core::error::Code;
use jeton::core::jwt::TokenKind;
use jeton::core::random::Random;
use jeton::core::tokens::Price;
use jeton::core::viewer::Actor;
use jeton::domain::account::{Roles, admin};
use jeton::domain::{ledger, session};
use jeton::infra::ai::RawRequest;
use jeton::infra::ai::echo::Echo;
use jeton::infra::ai::openai::{OpenAi, Params, Settings, UpstreamConfig};
use jeton::infra::catalog::{Model, Models};
use jeton::infra::config::Config;
use jeton::infra::db::Db;
use jeton::infra::entity::chat::{self, Status};
use jeton::infra::secrets::Secrets;
use jeton::{server, transfer};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, EntityTrait, QueryOrder};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::documents::{self, Schema, WRAPPINGS};

/// A fuzz target.
pub type Door = fn(&mut House, &[u8]);

/// All fuzz targets, by the names of their seed directories.
pub const DOORS: [(&str, Door); 8] = [
    ("cursors", House::cursors),
    ("django", House::django),
    ("graphql", House::graphql),
    ("jwt", House::jwt),
    ("rest", House::rest),
    ("streams", House::streams),
    ("upstream", House::upstream),
    ("v1", House::v1),
];

const PASSWORD: &str = "tr0ub4dor&3-staple";
const SIGNING_KEY: &str = "a signing key for tests, and for tests only";
/// A configuration under which no user runs out of tokens or is rate-limited.
const CONFIG: &str = "
    ledger.signup_grant = 1_000_000_000_000
    limits.messages_per_minute_per_user = 0
    limits.messages_per_minute_per_key = 0
    v1.store_api_messages = true
";
/// Timeout of a request or an import; no valid one takes this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// The harness: a whole server with a user and a superuser.
pub struct House {
    runtime: tokio::runtime::Runtime,
    app: App,
    router: Router,
    upstream: Said,
    user: String,
    root: String,
    people: u32,
    imports: u32,
    data: tempfile::TempDir,
    schema: Schema,
}

/// The upstream's response: the size of its chunks in bytes, and its body.
type Said = Arc<Mutex<(usize, Vec<u8>)>>;

struct Answer {
    status: StatusCode,
    body: Bytes,
}

impl Answer {
    fn json(&self) -> Value {
        let shown = String::from_utf8_lossy(&self.body);
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{}: {error}: {shown}", self.status))
    }
}

impl House {
    /// Starts a harness with an empty database.
    pub fn open() -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let data = tempfile::tempdir().unwrap();
        let mut config = Config::from_toml(CONFIG).unwrap();
        config.auth.secret = SIGNING_KEY.into();
        config.database.url = format!("sqlite://{}", data.path().join("jeton.db").display()).into();
        let upstream = Said::default();
        let app = runtime.block_on(async {
            let db = Db::connect(&config.database_url(), 2).await.unwrap();
            db.migrate().await.unwrap();
            let random = Random::seeded(1);
            let outside = Dependencies {
                clock: Clock::manual(DateTime::from_timestamp(1_772_366_400, 0).unwrap()),
                secrets: Secrets::open(&config, &random).unwrap(),
                random,
                models: models(serve_upstream(upstream.clone()).await),
            };
            App::new(config, db, outside).unwrap()
        });
        let router = server::router(&app);
        let (user, root) = (String::new(), String::new());
        let mut house =
            Self { runtime, app, router, upstream, user, root, people: 0, imports: 0, data, schema: Schema::new() };
        house.enter();
        house
    }

    /// Verifies the ledger.
    ///
    /// # Panics
    /// If an invariant of the ledger is violated.
    pub fn verify(&self) {
        let findings = self.runtime.block_on(ledger::verify(&self.app.db)).unwrap();
        assert!(findings.is_empty(), "{findings:?}");
    }

    /// Creates a new user and a new superuser, and logs them in: an input may have logged out, deactivated or deleted
    /// the previous ones.
    fn enter(&mut self) {
        self.people += 1;
        let (app, number) = (&self.app, self.people);
        let enter = async |name: &str, is_superuser| {
            let roles = Roles { is_staff: is_superuser, is_superuser };
            // Seeds use the first names; later ones are names that no import could have taken.
            let name = if number == 1 { format!("{name}1") } else { format!("{name}-{number}") };
            let user = admin::create(app, Actor::CommandLine, &name, PASSWORD.into(), roles, None).await.unwrap();
            session::create(app, user, None).await.unwrap().access_token
        };
        (self.user, self.root) =
            self.runtime.block_on(async { (enter("mia", false).await, enter("root", true).await) });
    }

    /// Sends a request. Returns the response once all turns that it started have finished.
    fn ask(&mut self, access: Option<&str>, mut request: Request<Body>) -> Answer {
        if let Some(access) = access {
            request.headers_mut().insert(AUTHORIZATION, format!("Bearer {access}").parse().unwrap());
        }
        let (router, app) = (self.router.clone(), self.app.clone());
        let answered = async {
            let (parts, body) = router.oneshot(request).await.unwrap().into_parts();
            let body = body.collect().await.expect("the body is whole").to_bytes();
            while app.turn_permits.taken() > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Answer { status: parts.status, body }
        };
        let answer = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, answered).await });
        answer.expect("an answer in time")
    }

    fn post(&mut self, access: Option<&str>, path: &str, body: impl Into<Body>) -> Answer {
        let request = Request::post(path).header(CONTENT_TYPE, "application/json").body(body.into()).unwrap();
        self.ask(access, request)
    }

    /// Executes a GraphQL document. Returns the response with its cost, after checks that hold for any response.
    fn ask_graphql(&mut self, access: Option<&str>, document: &str, variables: Value) -> Value {
        let body = json!({ "query": document, "variables": variables }).to_string();
        let request =
            Request::post("/graphql").header(CONTENT_TYPE, "application/json").header("x-jeton-show-cost", "1");
        let answer = self.ask(access, request.body(body.into()).unwrap());
        assert!(!answer.status.is_server_error(), "{}", answer.status);
        let answered = answer.json();
        assert!(answered.get("data").is_some() || answered["errors"][0].is_object(), "{answered}");
        for error in answered["errors"].as_array().into_iter().flatten() {
            assert!(error["message"].is_string(), "{answered}");
            let code = error["extensions"]["code"].as_str().expect("every error has a code");
            assert_ne!(code, "INTERNAL", "{answered}");
        }
        if answer.status == StatusCode::UNAUTHORIZED {
            self.enter();
        }
        answered
    }

    /// GraphQL: a document, and after a line `---` its variables. The viewer is the user, or by a comment in the first
    /// line anonymous (`#nobody`) or the superuser (`#root`). A response never has more objects than the document
    /// costs, and a query costs the same if its selections are wrapped.
    pub fn graphql(&mut self, data: &[u8]) {
        let Ok(text) = str::from_utf8(data) else { return };
        let (document, variables) = text.split_once("\n---\n").unwrap_or((text, "null"));
        let Ok(variables) = serde_json::from_str::<Value>(variables) else { return };
        let access = match document.lines().next() {
            Some("#nobody") => None,
            Some("#root") => Some(self.root.clone()),
            _ => Some(self.user.clone()),
        };
        let answered = self.ask_graphql(access.as_deref(), document, variables.clone());
        let cost = answered.pointer("/extensions/cost");
        if let Some(cost) = cost.and_then(|cost| cost["cost"].as_u64()) {
            assert!(objects(&answered["data"]) <= cost + 1, "{cost}: {answered}");
        }
        let refused =
            || answered["errors"][0]["message"].as_str().is_some_and(|message| message.contains(", more than "));
        for wrapping in WRAPPINGS {
            let Some(wrapped) = self.schema.wrapped(document, || Some(wrapping)) else { return };
            if !documents::is_query(document) {
                return;
            }
            let wrapped_answer = self.ask_graphql(access.as_deref(), &wrapped, variables.clone());
            match (cost, wrapped_answer.pointer("/extensions/cost")) {
                (Some(plain), Some(wrapped)) => {
                    assert_eq!(
                        (&plain["cost"], &plain["depth"]),
                        (&wrapped["cost"], &wrapped["depth"]),
                        "{wrapping:?}"
                    );
                }
                (None, Some(_)) => assert!(!refused(), "{wrapping:?}: {answered}"),
                // A wrapped document is longer, and may exceed the limits of lexical tokens or of nesting.
                (_, None) => {}
            }
        }
    }

    /// Cursors and global ids: the input as the decoded content of their Base64, and as the plain argument.
    pub fn cursors(&mut self, data: &[u8]) {
        const DOCUMENT: &str = "query($c: String, $id: ID!) {
            node(id: $id) { __typename }
            chatHistory(first: 2, after: $c) { nodes { id } }
            best: chatHistory(last: 2, before: $c, search: \"a\", orderBy: BEST) { nodes { id } }
            conversations(last: 2, before: $c) { nodes { id } }
            ledgerHistory(first: 2, after: $c) { nodes { id } }
            sessions(first: 2, before: $c) { nodes { id } }
            byName: users(first: 2, after: $c, orderBy: NAME) { nodes { id } }
            byTokens: users(last: 2, before: $c, orderBy: MOST_TOKENS) { nodes { id } }
            newest: users(first: 2, after: $c, before: $c) { nodes { id } pageInfo { hasNextPage endCursor } }
            auditTrail(first: 2, after: $c, targetId: $id) { nodes { id } }
        }";
        let root = self.root.clone();
        let encoded = BASE64_URL_SAFE_NO_PAD.encode(data);
        self.ask_graphql(Some(&root), DOCUMENT, json!({ "c": encoded, "id": encoded }));
        if let Ok(text) = str::from_utf8(data) {
            self.ask_graphql(Some(&root), DOCUMENT, json!({ "c": text, "id": text }));
        }
    }

    /// Import of a database of the Django application: an SQLite file; or a line for each row, `user` or `chat` and
    /// then its columns, each after a tab: `'` before a text, `x` before bytes, a plain number; anything else is NULL.
    /// In texts `%` is replaced by the number of the import, for names that are not yet taken.
    pub fn django(&mut self, data: &[u8]) {
        self.imports += 1;
        let file = self.data.path().join("django.sqlite3");
        if data.starts_with(b"SQLite format 3\0") {
            std::fs::write(&file, data).unwrap();
        } else {
            self.runtime.block_on(write_django(&file, self.imports, data));
        }
        let app = &self.app;
        let import = |write| {
            let imported = async { transfer::django::import(app, &file, write, &|_| {}).await };
            match self
                .runtime
                .block_on(async { tokio::time::timeout(PATIENCE, imported).await })
                .expect("an end in time")
            {
                Ok(report) => {
                    for counts in [report.users, report.chats] {
                        assert_eq!(counts.in_file, counts.imported + counts.known + counts.left_out, "{report:?}");
                    }
                    Some(report)
                }
                Err(error) => {
                    assert_eq!(error.code, Code::InvalidInput, "{error:?}");
                    None
                }
            }
        };
        if let (Some(planned), Some(done), Some(again)) = (import(false), import(true), import(true)) {
            assert_eq!((planned.users, planned.chats), (done.users, done.chats), "a dry run reports the import");
            assert_eq!((again.users.imported, again.chats.imported), (0, 0), "a repeated import adds nothing");
        }
        std::fs::remove_file(&file).unwrap();
    }

    /// Tokens: the input as a token, and as the claims of a token that is signed here.
    pub fn jwt(&mut self, data: &[u8]) {
        let mut tokens = vec![data.to_vec()];
        if let Ok(claims) = serde_json::from_slice::<Value>(data) {
            let header = jsonwebtoken::Header { kid: self.key_id(), ..Default::default() };
            let key = jsonwebtoken::EncodingKey::from_secret(SIGNING_KEY.as_bytes());
            tokens.extend(jsonwebtoken::encode(&header, &claims, &key).map(String::into_bytes));
        }
        for token in tokens {
            if let Ok(text) = str::from_utf8(&token) {
                let now = self.app.clock.now();
                let kinds =
                    [TokenKind::Access, TokenKind::Refresh].map(|kind| self.app.keys.verify(text, kind, now).is_ok());
                assert_ne!(kinds, [true, true], "a token is of one kind");
            }
            let Ok(header) = HeaderValue::from_bytes(&[&b"Bearer "[..], &token].concat()) else { continue };
            for path in ["/api/user/profile/", "/v1/models"] {
                let request = Request::get(path).header(AUTHORIZATION, header.clone()).body(Body::empty()).unwrap();
                let answer = self.ask(None, request);
                assert!([200, 401, 403].contains(&answer.status.as_u16()), "{path}: {}", answer.status);
                assert!(answer.json().is_object());
            }
        }
    }

    /// Returns the id (`kid`) of the signing key.
    fn key_id(&self) -> Option<String> {
        jsonwebtoken::decode_header(&self.user).unwrap().kid
    }

    /// A REST request: method, path and media type in the first line, and then the body.
    pub fn rest(&mut self, data: &[u8]) {
        let line = data.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let body = Bytes::copy_from_slice(data.get(line.len() + 1..).unwrap_or_default());
        let mut words = line.splitn(3, |byte| *byte == b' ');
        let mut word = || words.next().unwrap_or_default();
        let (Ok(method), Ok(uri)) = (Method::from_bytes(word()), Uri::try_from(word())) else { return };
        let Ok(media_type) = HeaderValue::from_bytes(word()) else { return };
        if !uri.path().starts_with("/api/") {
            return;
        }
        let bodiless = method == Method::HEAD || uri.path() == "/api/openapi.json";
        let request = Request::builder().method(method).uri(uri).header(CONTENT_TYPE, media_type);
        let user = self.user.clone();
        let answer = self.ask(Some(&user), request.body(Body::from(body)).unwrap());
        assert!(!answer.status.is_server_error(), "{}", answer.status);
        if !bodiless && answer.status != StatusCode::NO_CONTENT {
            let answered = answer.json();
            assert!(answered.is_object() || answered.is_array(), "{answered}");
        }
    }

    /// A call of `/v1/chat/completions`. The input is also repeated within larger calls, whose parsing time must be
    /// linear in their size.
    pub fn v1(&mut self, data: &[u8]) {
        if let Ok(pattern) = str::from_utf8(data)
            && data.len() <= 2000
        {
            check_linear(pattern);
        }
        if let Ok(call) = RawRequest::parse(Bytes::copy_from_slice(data)) {
            assert_eq!(call.with(&[], None).concat(), data, "an unchanged call keeps its bytes");
            let changed = call.with(&[("model", "\"other\"".to_owned()), ("max_tokens", "7".to_owned())], None);
            let changed = RawRequest::parse(changed.concat().into()).expect("a rewritten call can be parsed");
            assert_eq!((changed.get("model"), changed.get("max_tokens")), (Some("\"other\""), Some("7")));
            call.max_input(1000, 16_384);
        }
        let user = self.user.clone();
        let answer = self.post(Some(&user), "/v1/chat/completions", data.to_vec());
        // The upstream's response is empty, and so counts as truncated.
        assert!([500, 501, 504].iter().all(|fault| answer.status != *fault), "{}", answer.status);
        check_completion(&answer);
    }

    /// An upstream's response: in the first line the kind of call (`reply`, `stream` or `whole`) and the chunk size in
    /// bytes, and then the body.
    pub fn upstream(&mut self, data: &[u8]) {
        let line = data.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let said = data.get(line.len() + 1..).unwrap_or_default();
        let Ok(line) = str::from_utf8(line) else { return };
        let (way, size) = line.split_once(' ').unwrap_or((line, ""));
        let size = size.parse::<u8>().unwrap_or(64).max(1).into();
        *self.upstream.lock().unwrap() = (size, said.to_vec());
        let user = self.user.clone();
        let messages = json!([{ "role": "user", "content": "Hello" }]);
        match way {
            "reply" => {
                let document = "mutation { sendMessage(input: {model: \"upstream\", message: \"Hello\"}) {
                    chat { response status cost } balance { tokens held } errors { code } } }";
                self.ask_graphql(Some(&user), document, Value::Null);
            }
            "whole" => {
                let body = json!({ "model": "upstream", "messages": messages });
                let answer = self.post(Some(&user), "/v1/chat/completions", body.to_string());
                assert_ne!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
                answer.json();
            }
            _ => {
                let options = json!({ "include_usage": true });
                let body =
                    json!({ "model": "upstream", "messages": messages, "stream": true, "stream_options": options });
                let answer = self.post(Some(&user), "/v1/chat/completions", body.to_string());
                assert_ne!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
                if answer.status == StatusCode::OK {
                    check_passed_on(&answer.body, said);
                } else {
                    answer.json();
                }
            }
        }
        *self.upstream.lock().unwrap() = Default::default();
    }

    /// An upstream's stream: in the first line the chunk size in bytes, and then the body. Interpreted for
    /// `sendMessage` and passed through at `/v1` it is the same reply, with equal text, usage and status. A reply
    /// without an error is never free.
    pub fn streams(&mut self, data: &[u8]) {
        let line = data.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let said = data.get(line.len() + 1..).unwrap_or_default();
        let size = str::from_utf8(line).ok().and_then(|line| line.parse::<u8>().ok()).unwrap_or(64).max(1).into();
        *self.upstream.lock().unwrap() = (size, said.to_vec());
        let user = self.user.clone();
        let document = "mutation { sendMessage(input: {model: \"upstream\", message: \"Hello\"}) { chat { id } } }";
        self.ask_graphql(Some(&user), document, Value::Null);
        let read = self.newest_chat();
        let messages = json!([{ "role": "user", "content": "Hello" }]);
        let body = json!({ "model": "upstream", "messages": messages, "stream": true,
            "stream_options": { "include_usage": true } });
        let answer = self.post(Some(&user), "/v1/chat/completions", body.to_string());
        let passed = self.newest_chat();
        assert_ne!(read.id, passed.id);
        for chat in [&read, &passed] {
            assert!(chat.status != Status::Done || chat.cost.0 > 0, "free: {chat:?}");
        }
        let is_told = answer.status != StatusCode::OK || answer.body.windows(7).any(|part| part == b"\"error\"");
        assert!(passed.cost.0 > 0 || is_told, "{passed:?}");
        // A reply without text fails for users, but is passed through to API clients.
        if !read.response.is_empty() && !passed.response.is_empty() {
            assert_eq!((&read.response, read.status), (&passed.response, passed.status));
            // Unreadable events are passed on to API clients, and estimated; users don't get them.
            let is_estimated = passed.usage_estimated && passed.output_units > read.output_units;
            assert!(is_estimated || read.output_units == passed.output_units, "{read:?}\n{passed:?}");
            if !read.usage_estimated && !passed.usage_estimated {
                assert_eq!(read.input_units, passed.input_units);
            }
        }
        *self.upstream.lock().unwrap() = Default::default();
    }

    fn newest_chat(&self) -> chat::Model {
        let newest = chat::Entity::find().order_by_desc(chat::Column::Id).one(self.app.db.read());
        self.runtime.block_on(newest).unwrap().expect("a chat")
    }
}

/// Counts the objects in a response.
fn objects(value: &Value) -> u64 {
    match value {
        Value::Object(object) => 1 + object.values().map(objects).sum::<u64>(),
        Value::Array(list) => list.iter().map(objects).sum(),
        _ => 0,
    }
}

/// Returns the CPU time of this thread, which does not depend on other processes.
fn cpu_time() -> Duration {
    nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID.now().unwrap().into()
}

/// Number of attempts, all of which must exceed the linear bound to count as a failure.
const TRIES: u32 = 5;

/// Checks that ten times as many members, messages, content parts or characters take at most fifteen times as long to
/// parse.
fn check_linear(pattern: &str) {
    const SHORT: usize = 20_000;
    for (separator, before, after) in [
        (",", "{", "}"),
        (",", "{\"messages\":[", "]}"),
        (",", "{\"messages\":[{\"content\":[", "]}]}"),
        ("", "{\"messages\":[{\"content\":\"", "\"}]}"),
    ] {
        let took = |bytes: usize| {
            let count = bytes / (pattern.len() + separator.len()).max(1);
            // `#` makes the names of members unique.
            let all: Vec<_> = (0..count).map(|number| pattern.replacen('#', &number.to_string(), 1)).collect();
            let body = Bytes::from(format!("{before}{}{after}", all.join(separator)));
            let once = || {
                let began = cpu_time();
                RawRequest::parse(body.clone()).map(|call| call.max_input(1000, 16_384)).ok();
                cpu_time() - began
            };
            (0..3).map(|_| once()).min().unwrap_or_default()
        };
        let is_linear = |_| took(SHORT * 10) <= (took(SHORT) * 15).max(Duration::from_millis(5));
        assert!((0..TRIES).any(is_linear), "{before}..{after} of {pattern:?}");
    }
}

/// Checks that the received events are a subsequence of those that the upstream sent, possibly with an error event of
/// our own. A response that is not a stream is converted to an event.
fn check_passed_on(came: &[u8], said: &[u8]) {
    let events = |bytes: &[u8]| {
        let lines = String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\r', "\n");
        let lines = lines.trim_start_matches('\u{feff}').to_owned();
        lines.split("\n\n").map(|event| event.trim_matches('\n').to_owned()).collect::<Vec<_>>()
    };
    let (came, all) = (events(came), events(said));
    let mut rest = all.iter();
    for event in came.iter().filter(|event| !event.is_empty() && *event != ":") {
        let is_ours = event.starts_with("data: {\"error\":{\"message\":");
        let is_converted = said.trim_ascii_start().starts_with(b"{");
        assert!(is_ours || is_converted || rest.any(|said| said == event), "{event:?} of {all:?}");
    }
}

/// Creates a database like the Django application's. `number` is the time of its first migration, which names the
/// source.
async fn write_django(file: &Path, number: u32, rows: &[u8]) {
    const TABLES: &str = "
        CREATE TABLE django_migrations (applied);
        CREATE TABLE chat_user (id integer PRIMARY KEY, username, password, tokens, is_active, is_staff, is_superuser,
            date_joined, last_login);
        CREATE TABLE chat_chat (id integer PRIMARY KEY, user_id, message, response, timestamp)";
    let mut options = ConnectOptions::new("sqlite:");
    let name = file.to_owned();
    options
        .max_connections(1)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(move |options| options.filename(&name).create_if_missing(true));
    let db = Database::connect(options).await.unwrap();
    db.execute_unprepared(TABLES).await.unwrap();
    db.execute_unprepared(&format!("INSERT INTO django_migrations VALUES ({number})")).await.unwrap();
    for row in rows.split(|byte| *byte == b'\n') {
        let mut cells = row.split(|byte| *byte == b'\t');
        let (table, columns) = match cells.next() {
            Some(b"user") => ("chat_user", 9),
            Some(b"chat") => ("chat_chat", 5),
            _ => continue,
        };
        let values: Vec<_> =
            cells.map(Some).chain(std::iter::repeat(None)).take(columns).map(|cell| literal(cell, number)).collect();
        // A duplicate or non-integer id is already rejected here.
        db.execute_unprepared(&format!("INSERT INTO {table} VALUES ({})", values.join(", "))).await.ok();
    }
    db.close().await.unwrap();
}

/// Returns a cell as an SQL literal.
fn literal(cell: Option<&[u8]>, number: u32) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    match cell {
        Some([b'\'', text @ ..]) => {
            let text: Vec<_> = text.split(|byte| *byte == b'%').collect();
            format!("CAST(x'{}' AS text)", hex(&text.join(number.to_string().as_bytes())))
        }
        Some([b'x', bytes @ ..]) => format!("x'{}'", hex(bytes)),
        Some(text) => match str::from_utf8(text).map(str::parse::<f64>) {
            Ok(Ok(value)) if value.is_finite() => String::from_utf8_lossy(text).into_owned(),
            _ => "NULL".to_owned(),
        },
        None => "NULL".to_owned(),
    }
}

/// Checks that a completion is one JSON object, or a stream of events with one each.
fn check_completion(answer: &Answer) {
    if !answer.body.starts_with(b"data: ") {
        assert!(answer.json().is_object());
        return;
    }
    let text = str::from_utf8(&answer.body).unwrap();
    for event in text.split_terminator("\n\n") {
        let data = event.strip_prefix("data: ").unwrap_or_else(|| panic!("{event}"));
        assert!(data == "[DONE]" || serde_json::from_str::<Value>(data).unwrap().is_object(), "{event}");
    }
}

/// Starts the upstream. Returns its base URL.
async fn serve_upstream(said: Said) -> String {
    let answer = move || {
        let (size, text) = said.lock().unwrap().clone();
        let chunks: Vec<_> = text.chunks(size.max(1)).map(|chunk| Ok::<_, Infallible>(chunk.to_vec())).collect();
        let body = Body::from_stream(futures::stream::iter(chunks));
        std::future::ready(([(CONTENT_TYPE, "text/event-stream")], body))
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/v1/chat/completions", post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}/v1")
}

/// Returns the models `echo`, at a flat price, and `upstream`, at one prepaid token per model token.
fn models(base_url: String) -> Models {
    let address = UpstreamConfig { base_url, api_key: None, upstream_model: "test".to_owned() };
    let rules = jeton::infra::config::Params::default();
    let upstream = OpenAi::new(Settings {
        upstreams: vec![address],
        max_retries: 0,
        context_window: 16_384,
        units_per_image: 1000,
        max_tokens_param: None,
        circuit_cooldown: Duration::ZERO,
        params: Params::new(&rules.reject, &rules.allow, &rules.force, &rules.answers, &rules.tools),
    });
    let flat = Price { per_message: 100, ..Price::default() };
    let metered = Price { per_message: 0, per_1k_input: 1000, per_1k_output: 1000 };
    let model = |name: &str, provider, price| Model {
        name: name.to_owned(),
        provider,
        price,
        max_output: 1024,
        concurrency: None,
    };
    Models::new([model("echo", Arc::new(Echo), flat), model("upstream", Arc::new(upstream.unwrap()), metered)], "echo")
}
