//! Receipts and checkpoints: what is kept outside of the database.

use std::time::Duration;

use futures::future::join_all;
use jeton::app::App;
use jeton::core::ids::ChatId;
use jeton::core::random::Random;
use jeton::core::signature::Signer;
use jeton::domain::chat::receipt_file::{ReceiptFile, write};
use jeton::domain::ledger;
use jeton::domain::ledger::proof::{Published, checkpoint, write_if_due};
use jeton::infra::entity::chat;
use jeton::infra::secrets::Secrets;
use rstest_reuse::apply;
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::json;

use super::{adjust, damages, entries, filled, sql};
use crate::support::installation::Installation;
use crate::support::{On, PASSWORD, Step, TestApp, on_both_databases};

fn signer(app: &App) -> Signer {
    Secrets::open(&app.config(), &Random::seeded(1)).unwrap().ledger_signer().unwrap()
}

async fn checkpoint_of(app: &TestApp) -> Vec<u8> {
    let mut file = Vec::new();
    checkpoint::write(&app.app.db, &signer(&app.app), app.clock.now(), &mut file).await.unwrap();
    file
}

/// Compares a checkpoint; returns what is wrong.
async fn compared(app: &TestApp, file: &[u8]) -> Result<Vec<String>, String> {
    let compared = checkpoint::compare(&app.app.db, &mut &file[..]).await;
    compared.map(|(_, findings)| findings).map_err(|error| error.message.to_string())
}

async fn chat_ids(app: &TestApp) -> Vec<ChatId> {
    let chats = chat::Entity::find().order_by_asc(chat::Column::Id).all(app.app.db.read()).await.unwrap();
    chats.into_iter().map(|chat| chat.id).collect()
}

#[apply(on_both_databases)]
async fn a_receipt_is_checked_without_the_server(on: On) {
    let app = TestApp::start(on).await;
    let (mia, _) = filled(&app).await;
    app.model.play([Step::Say("Seven words of the metered model"), Step::End(None)]);
    mia.say("metered", "What does it cost?").await;
    app.settled().await;
    let rows = entries(&app, &mia).await;
    let chats = chat_ids(&app).await;
    for (chat_id, number) in [(chats[0], 2), (chats[2], 4), (chats[3], 5)] {
        let file = write(&app.app, &signer(&app.app), chat_id).await.unwrap();
        let receipt = ReceiptFile::read(file.as_bytes()).unwrap();
        assert_eq!(
            (receipt.wallet_id(), receipt.public_key()),
            (rows[0].wallet_id.0, signer(&app.app).public_key().as_str())
        );
        let proven = receipt.check(None).unwrap();
        assert!(proven[0].contains("version 1 of the price"), "{proven:?}");
        assert!(proven[1].contains(&format!("(number {number} of wallet {})", rows[0].wallet_id)), "{proven:?}");
        assert!(
            proven[2].contains(&format!("number 5 with the hash {}", rows[4].hash.as_ref().unwrap())),
            "{proven:?}"
        );
        // Any hash from the entry on is a published head; none before it is.
        for row in &rows {
            let published = Published::parse(row.hash.as_ref().unwrap()).unwrap();
            assert_eq!(receipt.check(Some(published)).is_ok(), row.seq.unwrap() >= number, "{row:?}");
        }
        let checkpoint = checkpoint_of(&app).await;
        let (_, head) = checkpoint::head_of(receipt.wallet_id(), &mut checkpoint.as_slice()).unwrap();
        let (seq, hash) = head.unwrap();
        receipt.check(Some(Published { seq: Some(seq), hash })).unwrap();
        let older = receipt.check(Some(Published { seq: Some(number - 1), hash })).unwrap_err();
        assert!(older.message.contains("is older than this one"), "{older:?}");
        let newer = receipt.check(Some(Published { seq: Some(6), hash })).unwrap_err();
        assert!(newer.message.contains("print a new receipt"), "{newer:?}");
    }
    let missing = write(&app.app, &signer(&app.app), ChatId(999)).await.unwrap_err();
    assert_eq!(missing.code, jeton::core::error::Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_byte_of_a_receipt_is_found() {
    let app = TestApp::start(On::Sqlite).await;
    filled(&app).await;
    let file = write(&app.app, &signer(&app.app), chat_ids(&app).await[0]).await.unwrap().into_bytes();
    assert!(ReceiptFile::read(&file).is_ok());
    for at in 0..file.len() {
        for other in [file[at] ^ 1, b' ', b'0', file[at].to_ascii_uppercase()] {
            let mut changed = file.clone();
            changed[at] = other;
            assert!(changed == file || ReceiptFile::read(&changed).is_err(), "byte {at} is {}", char::from(other));
        }
        let (mut shorter, mut longer) = (file.clone(), file.clone());
        shorter.remove(at);
        longer.insert(at, b' ');
        assert!(ReceiptFile::read(&shorter).is_err() && ReceiptFile::read(&longer).is_err(), "byte {at}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_receipt_is_found_though_its_seal_is_valid() {
    let app = TestApp::start(On::Sqlite).await;
    filled(&app).await;
    let file = write(&app.app, &signer(&app.app), chat_ids(&app).await[0]).await.unwrap();
    let forged = Signer::from_seed(&[7; 32]).unwrap();
    let content = file.split_once("\"receipt\": ").unwrap().1.split_once(",\n\"seal\"").unwrap().0;
    let sealed = |content: &str| {
        use jeton::domain::ledger::proof::{Seal, SealKind, sha256};
        let seal = Seal::new(&forged, SealKind::Receipt, &sha256(content.as_bytes()));
        let seal = serde_json::to_string_pretty(&seal).unwrap();
        format!("{{\n\"receipt\": {content},\n\"seal\": {seal}\n}}\n")
    };
    assert!(
        ReceiptFile::read(sealed(content).as_bytes()).unwrap().check(None).is_ok(),
        "by another key, which it names"
    );
    for (from, to, wrong) in [
        ("\"cost\": 100", "\"cost\": 99", "its cost is not the sum"),
        ("\"hold\": 100", "\"hold\": 50", "its cost is not the sum"),
        ("\"quantity\": 1", "\"quantity\": 2", "its lines do not follow"),
        ("\"per\": 1\n", "\"per\": 0\n", "its lines do not follow"),
        ("\"per_message\": 100", "\"per_message\": 99", "its lines do not follow"),
        ("\"messages_charged\": 1", "\"messages_charged\": null", "it has a price or lines"),
        ("\"amount\": -100", "\"amount\": -101", "not the payment of its chat"),
        ("\"amount\": -100", "\"amount\": -9223372036854775808", "not the payment of its chat"),
        ("\"balance_after\": 3900", "\"balance_after\": 3901", "the hash of its ledger entry"),
        ("\"seq\": 2", "\"seq\": 9223372036854775807", "the hash of its ledger entry"),
        ("\"reason\": \"CHAT_DONE\"", "\"reason\": \"CHAT_FAILED\"", "the hash of its ledger entry"),
        ("\"seq\": 4,", "\"seq\": 5,", "does not lead to its head"),
        ("\"path\": [\n", "\"path\": [\n\"00\",\n", "its path has a digest that is none"),
        ("\"version\": 1,\n  \"chat\"", "\"version\": 2,\n  \"chat\"", "another format or version"),
    ] {
        assert!(content.contains(from), "{from}: {content}");
        let receipt = ReceiptFile::read(sealed(&content.replacen(from, to, 1)).as_bytes());
        let error = receipt.and_then(|receipt| receipt.check(None)).unwrap_err();
        assert!(error.message.contains(wrong), "{to}: {error:?}");
    }
}

#[apply(on_both_databases)]
async fn a_history_that_was_rewritten_with_new_hashes_is_found_by_an_older_checkpoint(on: On) {
    let app = TestApp::start(on).await;
    let (mia, tom) = filled(&app).await;
    let leo = app.user("leo").await;
    let delete = format!("mutation {{ deleteAccount(input: {{password: \"{PASSWORD}\"}}) {{ deletedId }} }}");
    leo.data(&delete, json!({})).await;
    let file = checkpoint_of(&app).await;
    assert_eq!(file.iter().filter(|byte| **byte == b'\n').count(), 1 + 3 + 1, "a deleted user too");
    mia.say("echo", "after it").await;
    adjust(&app, &tom, 7, None).await;
    app.settled().await;
    assert_eq!(compared(&app, &file).await, Ok(Vec::new()), "later entries continue it");
    let id = entries(&app, &mia).await[2].id;
    let db = &app.app.db;
    let add = async |amount: i64| {
        sql(db, &format!("UPDATE ledger_entry SET amount = amount + {amount} WHERE id = {id}")).await;
        sql(db, &format!("UPDATE wallet SET tokens = tokens + {amount} WHERE user_id = {}", mia.user_id())).await;
        migration::compute_ledger_chains(db.read()).await.unwrap();
    };
    add(1000).await;
    assert_eq!(ledger::verify(db).await.unwrap(), [], "it is consistent in itself");
    let found = compared(&app, &file).await.unwrap();
    let wallet = entries(&app, &mia).await[0].wallet_id;
    // Of tom the chain is as it was: he has an adjustment with a new salt, but after the checkpoint.
    assert!(
        matches!(found.as_slice(), [one] if one.contains(&format!("wallet {wallet}: ledger entry number 4 has another hash"))),
        "{found:?}"
    );
    let wallet = entries(&app, &leo).await[0].wallet_id;
    sql(db, "CREATE TABLE kept AS SELECT * FROM ledger_entry").await;
    sql(db, &format!("DELETE FROM ledger_entry WHERE wallet_id = {wallet}")).await;
    let missing = format!("user {}: ledger: numbers 1 to 2 of the chain are missing", leo.user_id());
    assert_eq!(damages(db).await, [missing], "also of a deleted user");
    let found = compared(&app, &file).await.unwrap();
    assert!(found.iter().any(|one| one.contains(&format!("wallet {wallet}: ledger entry number 2 is missing"))));
    sql(db, &format!("INSERT INTO ledger_entry SELECT * FROM kept WHERE wallet_id = {wallet}; DROP TABLE kept")).await;
    add(-1000).await;
}

#[apply(on_both_databases)]
async fn a_changed_checkpoint_is_found(on: On) {
    let app = TestApp::start(on).await;
    let (mia, _) = filled(&app).await;
    let file = checkpoint_of(&app).await;
    let wallet = entries(&app, &mia).await[0].wallet_id.0;
    let step = if on == On::Sqlite { 1 } else { 29 };
    for at in (0..file.len()).step_by(step) {
        let mut changed = file.clone();
        changed[at] = if file[at] == b'1' { b'2' } else { b'1' };
        let read = checkpoint::head_of(wallet, &mut changed.as_slice());
        assert!(read.is_err(), "byte {at} of {}", String::from_utf8_lossy(&file));
        assert!(checkpoint::head_of(wallet, &mut &file[..at]).is_err(), "cut off at {at}");
    }
    let lines: Vec<_> = file.split_inclusive(|byte| *byte == b'\n').collect();
    for wrong in [
        [lines[0], lines[2], lines[1], lines[3]].concat(),
        [lines[0], lines[1], lines[3]].concat(),
        [lines[0], lines[1], lines[1], lines[2], lines[3]].concat(),
        [&file, lines[1]].concat(),
        [&file, &b"\n"[..]].concat(),
    ] {
        assert!(compared(&app, &wrong).await.is_err(), "{}", String::from_utf8_lossy(&wrong));
    }
    assert_eq!(compared(&app, &file).await, Ok(Vec::new()));
}

#[apply(on_both_databases)]
async fn of_several_servers_one_writes_a_checkpoint_each_interval(on: On) {
    let data = tempfile::tempdir().unwrap();
    let toml = format!("ledger.checkpoint_interval = '1d'\ndata.dir = '{}'", data.path().display());
    let app = TestApp::with(on, &toml).await;
    filled(&app).await;
    let servers: Vec<_> = (0..3).map(|_| app.second_server()).collect();
    let written = async || {
        let all = join_all(servers.iter().map(write_if_due)).await;
        all.into_iter().filter_map(Result::unwrap).collect::<Vec<_>>()
    };
    let first = written().await;
    assert_eq!(first.len(), 1);
    let file = std::fs::read(&first[0]).unwrap();
    assert_eq!(compared(&app, &file).await, Ok(Vec::new()));
    assert!(written().await.is_empty());
    app.clock.advance(Duration::from_secs(86_400));
    assert_eq!(written().await.len(), 1);
    let files = std::fs::read_dir(data.path().join("checkpoints")).unwrap();
    assert_eq!(files.count(), 2, "and no drafts");
}

#[apply(on_both_databases)]
async fn operators_print_and_verify_by_commands(on: On) {
    let installation = Installation::new(on, &[]).await;
    let server = installation.serve();
    server.register("mia").await;
    assert!(server.terminate());
    let path = |name: &str| installation.data.path().join(name).display().to_string();
    let save = |name: &str, content: &str| std::fs::write(path(name), content).unwrap();
    let old = installation.ok(&["checkpoint"]);
    save("old", &old);
    let key = installation.ok(&["checkpoint", "--public-key"]).trim().to_owned();
    assert!(old.contains(&format!("\"public_key\":\"{key}\"")), "{old}");
    installation.ok(&["user", "grant", "mia", "5", "--reason", "a gift"]);
    let clean = installation.ok(&["verify", "--checkpoint", &path("old")]);
    assert!(clean.contains("ledger is clean") && clean.contains("it continues the checkpoint of"), "{clean}");
    // After a rotation the key of the checkpoint is a previous one; after its end it has to be named.
    installation.ok(&["signing-key", "rotate"]);
    assert_ne!(installation.ok(&["checkpoint", "--public-key"]).trim(), key);
    installation.ok(&["verify", "--checkpoint", &path("old")]);
    save("foreign", &old.replace("\"seq\":1", "\"seq\":2"));
    let output = installation.run(&["verify", "--checkpoint", &path("foreign")], "");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("the checkpoint is not valid"), "{output:?}");
    let output = installation.run(&["receipt", "1"], "");
    assert!(String::from_utf8_lossy(&output.stderr).contains("chat"), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_is_verified_by_a_command_without_configuration() {
    let app = TestApp::start(On::Sqlite).await;
    let (mia, _) = filled(&app).await;
    let dir = tempfile::tempdir().unwrap();
    let (receipt, checkpoint) = (dir.path().join("receipt"), dir.path().join("checkpoint"));
    std::fs::write(&receipt, write(&app.app, &signer(&app.app), chat_ids(&app).await[0]).await.unwrap()).unwrap();
    std::fs::write(&checkpoint, checkpoint_of(&app).await).unwrap();
    let (receipt, checkpoint) = (receipt.display().to_string(), checkpoint.display().to_string());
    let (key, head) = (signer(&app.app).public_key(), entries(&app, &mia).await[3].hash.clone().unwrap());
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_jeton"));
        // An invalid configuration, and a database that does not exist.
        command.args(["verify", "--receipt", &receipt]).args(arguments).current_dir(dir.path());
        command.env("JETON_DATABASE__URL", "postgres://nowhere.invalid/x").env("JETON_NO__SUCH__KEY", "x");
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    };
    let (ok, text) = run(&[]);
    assert!(ok && text.contains("not proven:\n  that the chain is the server's"), "{text}");
    let (ok, text) = run(&["--head", &head, "--key", &key]);
    assert!(ok && text.contains("the chain agrees with the published head") && text.contains("--key names"), "{text}");
    let (ok, text) = run(&["--checkpoint", &checkpoint, "--key", &key, "--json"]);
    assert!(ok && text.contains("\"valid\": true") && text.contains("the checkpoint of 2026-03-01"), "{text}");
    let (ok, text) = run(&["--head", &"ab".repeat(32)]);
    assert!(!ok && text.contains("the published hash is not in its path"), "{text}");
    let (ok, text) = run(&["--key", &"ab".repeat(32)]);
    assert!(!ok && text.contains("signed by another key"), "{text}");
    let (ok, text) = run(&["--head", "x"]);
    assert!(!ok && text.contains("--head is no hash"), "{text}");
}
