//! A database as the Django application creates it.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::pbkdf2::{PBKDF2_HMAC_SHA256, derive};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement, Value};

const SCHEMA: &str = r#"
CREATE TABLE django_migrations (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, app varchar(255) NOT NULL,
    name varchar(255) NOT NULL, applied datetime NOT NULL);
INSERT INTO django_migrations (app, name, applied) VALUES ('chat', '0001_initial', '2025-08-01 11:59:00.123456');
CREATE TABLE chat_user (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, last_login datetime NULL,
    is_superuser bool NOT NULL, username varchar(50) NOT NULL UNIQUE, password varchar(128) NOT NULL,
    tokens integer NOT NULL, is_active bool NOT NULL, is_staff bool NOT NULL, date_joined datetime NOT NULL);
CREATE TABLE chat_chat (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, message text NOT NULL, response text NOT NULL,
    timestamp datetime NOT NULL, user_id bigint NOT NULL REFERENCES chat_user (id) DEFERRABLE INITIALLY DEFERRED);
"#;

pub struct Django {
    pub dir: tempfile::TempDir,
    db: DatabaseConnection,
}

impl Django {
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", dir.path().join("db.sqlite3").display());
        let db = Database::connect(url).await.unwrap();
        db.execute_unprepared(SCHEMA).await.unwrap();
        // So that a test can store invalid rows.
        db.execute_unprepared("PRAGMA foreign_keys = OFF").await.unwrap();
        Self { dir, db }
    }

    pub fn path(&self) -> PathBuf {
        self.dir.path().join("db.sqlite3")
    }

    pub async fn run(&self, sql: &str, values: Vec<Value>) {
        self.db.execute_raw(Statement::from_sql_and_values(DbBackend::Sqlite, sql, values)).await.unwrap();
    }

    /// Inserts a plain user who joined long ago.
    pub async fn user(&self, id: i64, name: &str, password: &str, tokens: i64) {
        let values = vec![id.into(), name.into(), hash(password, 1000).into(), tokens.into()];
        let sql = "INSERT INTO chat_user VALUES ($1, NULL, 0, $2, $3, $4, 1, 0, '2025-08-01 12:00:00')";
        self.run(sql, values).await;
    }

    pub async fn chat(&self, id: i64, user_id: i64, message: &str) {
        let sql = "INSERT INTO chat_chat VALUES ($1, $2, 'AI Response to: ' || $2, '2025-08-17 09:24:00.123456', $3)";
        self.run(sql, vec![id.into(), message.into(), user_id.into()]).await;
    }
}

/// Returns a password hash in Django's format.
pub fn hash(password: &str, iterations: u32) -> String {
    let mut hash = [0; 32];
    let count = NonZeroU32::new(iterations).unwrap();
    derive(PBKDF2_HMAC_SHA256, count, b"salt", password.as_bytes(), &mut hash);
    format!("pbkdf2_sha256${iterations}$salt${}", STANDARD.encode(hash))
}

/// Reads a file, to check that it is unchanged.
pub fn bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}
