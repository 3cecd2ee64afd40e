//! Changes by hand: of each column, of rows, of heads.

use std::time::Duration;

use futures::future::join_all;
use jeton::domain::retention;
use jeton::infra::db::Db;
use rstest_reuse::apply;
use serde_json::json;

use super::{adjust, damages, entries, filled, forget, keep, restore, sql};
use crate::support::{Client, On, PASSWORD, TestApp, on_both_databases};

#[apply(on_both_databases)]
async fn a_change_of_any_column_names_the_row(on: On) {
    let app = TestApp::start(on).await;
    let (mia, _) = filled(&app).await;
    let db = &app.app.db;
    let rows = entries(&app, &mia).await;
    assert_eq!(damages(db).await, Vec::<String>::new());
    keep(db).await;
    let (adjusted, last) = (rows[2].id, rows[3].id);
    let later = if on == On::Sqlite {
        "replace(created_at, '.123456', '.123457')"
    } else {
        "created_at + interval '1 microsecond'"
    };
    let changed = format!("ledger entry {adjusted} (number 3) was changed");
    let mut changes = vec![
        ("id", "id + 1000", format!("ledger entry {} (number 3) was changed", adjusted.0 + 1000)),
        ("amount", "amount + 1", changed.clone()),
        ("balance_after", "balance_after + 1", changed.clone()),
        ("reason", "'IMPORTED'", changed.clone()),
        ("note", "'of the chair'", changed.clone()),
        ("note", "NULL", changed.clone()),
        ("idempotency_key", "'twice'", changed.clone()),
        ("idempotency_key", "NULL", changed.clone()),
        ("chat_id", "999", changed.clone()),
        ("api_key_id", "5", changed.clone()),
        ("actor_id", "5", changed.clone()),
        ("requested_balance", "5", changed.clone()),
        ("created_at", later, changed.clone()),
        ("hash", "replace(hash, substr(hash, 1, 1), 'x')", changed.clone()),
        ("hash", "NULL", changed.clone()),
        ("erasable_digest", "hash", changed.clone()),
        ("erasable_digest", "NULL", changed.clone()),
        ("erasable_salt", "'other'", changed.clone()),
        ("erasable_salt", "NULL", changed.clone()),
        ("seq", "99", format!("ledger entry {last}: number 3 of the chain is missing")),
        ("wallet_id", "(SELECT max(id) FROM wallet)", format!("ledger entry {adjusted}")),
    ];
    if on == On::Sqlite {
        changes.push(("created_at", "replace(created_at, '.123456', '.1234567')", changed.clone()));
        changes.push(("reason", "x'00'", changed.clone()));
        changes.push(("hash", "1.5", changed));
    }
    for (column, to, expected) in changes {
        sql(db, &format!("UPDATE ledger_entry SET {column} = {to} WHERE id = {adjusted}")).await;
        let found = damages(db).await;
        assert!(found.iter().any(|found| found.contains(&expected)), "{column} = {to}: {found:?}");
        let chains = if column == "wallet_id" { 2 } else { 1 };
        assert_eq!(found.len(), chains, "only the first row of a chain: {column} = {to}: {found:?}");
        restore(db).await;
    }
    // A note on an entry that was posted without one.
    sql(db, &format!("UPDATE ledger_entry SET note = 'paid' WHERE id = {last}")).await;
    assert!(damages(db).await[0].contains(&format!("ledger entry {last} (number 4) was changed: its note")));
    restore(db).await;
    // All of it erased at once, as retention does for a deleted user.
    let erased = "note = NULL, idempotency_key = NULL, erasable_salt = NULL";
    sql(db, &format!("UPDATE ledger_entry SET {erased} WHERE id = {adjusted}")).await;
    assert!(damages(db).await[0].contains("its note is erased, but the account is not deleted"));
    forget(db).await;
}

#[apply(on_both_databases)]
async fn removed_inserted_and_swapped_rows_are_found(on: On) {
    let app = TestApp::start(on).await;
    let (mia, tom) = filled(&app).await;
    let db = &app.app.db;
    let rows = entries(&app, &mia).await;
    let [first, second, third, fourth] = [0, 1, 2, 3].map(|at| rows[at].id.0);
    let user = mia.user_id();
    keep(db).await;
    let copy = "INSERT INTO ledger_entry (wallet_id, amount, balance_after, reason, created_at, seq, hash)
                SELECT wallet_id, amount, balance_after, reason, created_at";
    let all = [first, second, third, fourth].map(|id| id.to_string()).join(", ");
    // Two rows cannot have the same number at any moment, so swaps go by another one.
    let swapped = |columns: &str| {
        format!(
            "UPDATE ledger_entry SET seq = -1 WHERE id = {second};
             UPDATE ledger_entry SET seq = 2 WHERE id = {third};
             UPDATE ledger_entry SET seq = 3 WHERE id = {second}; {columns}"
        )
    };
    let hashes = format!(
        "UPDATE ledger_entry SET hash = k.hash FROM kept AS k
         WHERE ledger_entry.id IN ({second}, {third}) AND k.wallet_id = ledger_entry.wallet_id AND k.seq = ledger_entry.seq"
    );
    let chats = format!(
        "UPDATE ledger_entry SET chat_id = NULL WHERE id IN ({second}, {fourth});
         UPDATE ledger_entry SET chat_id = k.chat_id FROM kept AS k
         WHERE ledger_entry.id IN ({second}, {fourth}) AND k.id = {second} + {fourth} - ledger_entry.id"
    );
    let of_tom = entries(&app, &tom).await[1].id;
    for (change, expected) in [
        (
            format!("DELETE FROM ledger_entry WHERE id = {first}"),
            format!("ledger entry {second}: number 1 of the chain is missing"),
        ),
        (
            format!("DELETE FROM ledger_entry WHERE id = {second}"),
            format!("ledger entry {third}: number 2 of the chain is missing"),
        ),
        (
            format!("DELETE FROM ledger_entry WHERE id IN ({second}, {third})"),
            format!("ledger entry {fourth}: numbers 2 to 3 of the chain are missing"),
        ),
        (
            format!("DELETE FROM ledger_entry WHERE id = {fourth}"),
            format!("ledger entry {third}: number 4 of the chain is missing"),
        ),
        (
            format!("DELETE FROM ledger_entry WHERE id IN ({all})"),
            format!("user {user}: ledger: numbers 1 to 4 of the chain are missing"),
        ),
        (swapped(""), format!("ledger entry {third} (number 2) was changed")),
        (swapped(&hashes), format!("ledger entry {third} (number 2) was changed")),
        (chats, format!("ledger entry {second} (number 2) was changed")),
        (format!("{copy}, 5, hash FROM kept WHERE id = {fourth}"), " (number 5) was inserted".to_owned()),
        (format!("{copy}, NULL, NULL FROM kept WHERE id = {fourth}"), " is in no chain".to_owned()),
        (format!("{copy}, 0, hash FROM kept WHERE id = {fourth}"), " (number 0) was changed".to_owned()),
        (
            format!("UPDATE wallet SET ledger_hash = '{}' WHERE user_id = {user}", "ab".repeat(32)),
            format!("ledger entry {fourth} (number 4) is the last one, but the wallet's row has another hash"),
        ),
        (
            format!("UPDATE wallet SET ledger_hash = 'x' WHERE user_id = {user}"),
            "the wallet's row has another hash".to_owned(),
        ),
        (
            format!("UPDATE wallet SET ledger_seq = 9 WHERE user_id = {user}"),
            "numbers 5 to 9 of the chain are missing".to_owned(),
        ),
        (format!("UPDATE wallet SET ledger_seq = 3 WHERE user_id = {user}"), "has another hash".to_owned()),
        (
            format!("UPDATE ledger_entry SET hash = (SELECT hash FROM kept WHERE id = {fourth}) WHERE id = {of_tom}"),
            format!("user {}: ledger entry {of_tom} (number 2) was changed", tom.user_id()),
        ),
    ] {
        sql(db, &change).await;
        let found = damages(db).await;
        assert!(matches!(found.as_slice(), [one] if one.contains(&expected)), "{change}: {found:?}");
        restore(db).await;
    }
    forget(db).await;
}

async fn delete_account(client: &Client) {
    let delete = format!("mutation {{ deleteAccount(input: {{password: \"{PASSWORD}\"}}) {{ deletedId }} }}");
    client.data(&delete, json!({})).await;
}

#[apply(on_both_databases)]
async fn of_a_deleted_user_the_chain_ends_with_the_account(on: On) {
    let app = TestApp::with(on, "retention.deleted_users = '30d'\nauth.access_ttl = '100d'").await;
    let (mia, _) = filled(&app).await;
    delete_account(&mia).await;
    let db = &app.app.db;
    let rows = entries(&app, &mia).await;
    assert_eq!(rows.len(), 5);
    assert_eq!(damages(db).await, Vec::<String>::new());
    keep(db).await;
    sql(db, &format!("DELETE FROM ledger_entry WHERE id = {}", rows[4].id)).await;
    let found = damages(db).await;
    assert!(found[0].contains(&format!("ledger entry {}: number 5 of the chain is missing", rows[3].id)), "{found:?}");
    // Also if the row was changed with it.
    sql(db, "UPDATE wallet SET ledger_seq = 4, ledger_hash = (SELECT hash FROM kept WHERE kept.wallet_id = wallet.id AND seq = 4) \
             WHERE ledger_seq = 5").await;
    let found = damages(db).await;
    assert!(
        found[0].contains(&format!("ledger entry {} (number 4) is the last one of a deleted", rows[3].id)),
        "{found:?}"
    );
    restore(db).await;
    // Retention erases note, key and salt. The digest stays, and with it the chain.
    app.clock.advance(Duration::from_secs(31 * 86_400));
    retention::run(&app.app).await.unwrap();
    let erased = entries(&app, &mia).await;
    assert_eq!((&erased[2].note, &erased[2].idempotency_key, &erased[2].erasable_salt), (&None, &None, &None));
    assert_eq!((&erased[2].erasable_digest, &erased[2].hash), (&rows[2].erasable_digest, &rows[2].hash));
    assert_eq!(damages(db).await, Vec::<String>::new());
    sql(db, &format!("UPDATE ledger_entry SET note = 'of the chain' WHERE id = {}", rows[2].id)).await;
    assert!(damages(db).await[0].contains("(number 3) was changed"));
    forget(db).await;
}

#[apply(on_both_databases)]
async fn entries_of_several_servers_at_once_are_one_chain(on: On) {
    let app = TestApp::with(on, "turns.open_per_user = 1000\nlimits.messages_per_minute_per_user = 100000").await;
    let (mia, tom) = (app.user("mia").await, app.user("tom").await);
    let (other, router) = app.on(Db::connect(&app.place.url(), 8).await.unwrap());
    let clients = [&mia, &tom].map(|client| [client.clone(), client.at(router.clone())]);
    let sending = join_all((0..60).map(|number: usize| {
        let client = clients[number % 2][number / 2 % 2].clone();
        async move { client.say("echo", &number.to_string()).await }
    }));
    let adjusting = join_all((0..20).map(|_| adjust(&app, &mia, 3, None)));
    tokio::join!(sending, adjusting);
    app.settled().await;
    assert_eq!(damages(&app.app.db).await, Vec::<String>::new());
    let rows = entries(&app, &mia).await;
    assert_eq!(rows.len(), 1 + 30 + 20);
    assert!(rows.is_sorted_by_key(|row| row.id), "the ids of a chain ascend");
    other.db.clone().close().await.unwrap();
}
