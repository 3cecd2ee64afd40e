//! Backups while the server is running, and restoring them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;

use crate::support::On;
use crate::support::installation::{Installation, client};

pub fn database(installation: &Installation) -> PathBuf {
    PathBuf::from(installation.place.url().strip_prefix("sqlite://").unwrap())
}

pub fn refused(installation: &Installation, arguments: &[&str]) -> String {
    let output = installation.run(arguments, "");
    assert!(!output.status.success(), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_holds_all_that_was_answered_before_it() {
    let installation = Installation::new(On::Sqlite, &[("JETON_LEDGER__SIGNUP_GRANT", "100000000")]).await;
    let server = installation.serve();
    let access = server.register("mia").await;
    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
    let senders: Vec<_> = (0..8)
        .map(|sender| {
            let (url, access) = (format!("{}/api/chat/", server.url), access.clone());
            let (stop, answered) = (stop.clone(), answered.clone());
            tokio::spawn(async move {
                let client = client();
                for number in 0.. {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    let message = format!("message {number} of {sender}");
                    let sent = client.post(&url).bearer_auth(&access).json(&json!({ "message": message })).send().await;
                    assert_eq!(sent.unwrap().status(), 200);
                    answered.lock().unwrap().push(message);
                }
            })
        })
        .collect();
    let mut backups = Vec::new();
    for number in 0..3 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let before = answered.lock().unwrap().clone();
        let file = installation.data.path().join(format!("backup {number}"));
        let said = installation.ok(&["backup", file.to_str().unwrap()]);
        assert!(said.contains("signing.key"), "it says what else to keep: {said}");
        backups.push((before, file));
    }
    let after = answered.lock().unwrap().len();
    stop.store(true, Ordering::SeqCst);
    for sender in senders {
        sender.await.unwrap();
    }
    assert!(after > backups[0].0.len(), "there was load meanwhile");
    for (before, file) in backups {
        let elsewhere = Installation::new(On::Sqlite, &[]).await;
        std::fs::remove_dir(database(&elsewhere).parent().unwrap()).unwrap();
        elsewhere.ok(&["restore", file.to_str().unwrap()]);
        assert!(elsewhere.ok(&["verify"]).contains("clean"));
        let text = elsewhere.ok(&["export", "-"]);
        let chats: Vec<serde_json::Value> = text
            .lines()
            .skip(1)
            .map(|line| serde_json::from_str(line).unwrap())
            .filter(|line: &serde_json::Value| line["table"] == "chat")
            .collect();
        let done = |message: &String| {
            chats.iter().any(|chat| chat["row"]["message"] == message.as_str() && chat["row"]["status"] == "DONE")
        };
        assert!(before.iter().all(done), "nothing that was answered before the backup is missing");
    }
    assert!(server.terminate());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_overwrites_nothing_and_takes_nothing_that_is_broken() {
    let installation = Installation::new(On::Sqlite, &[]).await;
    let server = installation.serve();
    server.register("mia").await;
    let path = |name: &str| installation.data.path().join(name).to_str().unwrap().to_owned();
    let file = path("backup");
    installation.ok(&["backup", &file]);
    assert!(refused(&installation, &["backup", &file]).contains("not overwritten"));
    server.register("tom").await;

    assert!(refused(&installation, &["restore", &file]).contains("--replace"));
    assert!(refused(&installation, &["restore", &file, "--replace"]).contains("stop the server"));
    assert!(server.terminate());
    let said = installation.ok(&["restore", &file, "--replace"]);
    let users = installation.ok(&["user", "list"]);
    assert!(users.contains("mia") && !users.contains("tom"), "{users}");
    let kept = said.lines().next().unwrap().rsplit(' ').next().unwrap().to_owned();
    assert!(Path::new(&kept).exists(), "{said}");

    // The replaced database is complete as well.
    let elsewhere = Installation::new(On::Sqlite, &[]).await;
    elsewhere.ok(&["restore", &kept]);
    assert!(elsewhere.ok(&["user", "list"]).contains("tom"));

    let whole = std::fs::read(&file).unwrap();
    std::fs::write(path("cut"), &whole[..whole.len() / 2]).unwrap();
    std::fs::write(path("text"), "no database at all".repeat(100)).unwrap();
    std::fs::write(path("empty"), "").unwrap();
    for (name, sql, message) in [
        ("newer", "INSERT INTO seaql_migrations VALUES ('m29990101_000001_later', 1)", "newer version"),
        ("poor", "UPDATE wallet SET tokens = 5", "disagree with the ledger"),
        ("unfinished", "INSERT INTO unfinished VALUES (1, 'a test', '2026-01-01T00:00:00+00:00')", "not complete"),
        ("cut", "", "cut"),
        ("text", "", "can't be read"),
        ("empty", "", "no database of Jeton"),
        ("missing", "", "can't be opened"),
    ] {
        let bad = path(name);
        if !sql.is_empty() {
            std::fs::copy(&file, &bad).unwrap();
            let db = sea_orm::Database::connect(format!("sqlite://{bad}")).await.unwrap();
            sea_orm::ConnectionTrait::execute_unprepared(&db, sql).await.unwrap();
            db.close().await.unwrap();
        }
        let target = Installation::new(On::Sqlite, &[]).await;
        let wrong = refused(&target, &["restore", &bad]);
        assert!(wrong.contains(message), "{name}: {wrong}");
        let left: Vec<_> = std::fs::read_dir(database(&target).parent().unwrap()).unwrap().collect();
        assert!(left.is_empty(), "{name}: {left:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_is_backed_up_by_its_own_program() {
    let installation = Installation::new(On::Postgres, &[]).await;
    assert!(refused(&installation, &["backup", "x"]).contains("pg_dump"));
    assert!(refused(&installation, &["restore", "x"]).contains("pg_restore"));
}
