use super::*;

async fn source(dir: &tempfile::TempDir, sql: &str) -> Source {
    let path = dir.path().join("db.sqlite3");
    let db = Database::connect(format!("sqlite://{}?mode=rwc", path.display())).await.unwrap();
    let columns = |at: usize| TABLES[at].1.join(", ");
    let schema = format!("CREATE TABLE {USERS} ({}); CREATE TABLE {CHATS} ({});", columns(0), columns(1));
    db.execute_unprepared(&schema.replace("(id", "(id integer PRIMARY KEY")).await.unwrap();
    db.execute_unprepared(sql).await.unwrap();
    db.close().await.unwrap();
    Source::open(&path).await.unwrap()
}

#[tokio::test]
async fn batches_are_bounded_by_bytes_and_values_too() {
    let dir = tempfile::tempdir().unwrap();
    let lengths: [u64; 8] = [1 << 20, 1 << 20, 3 << 20, 5 << 20, 1, MAX_VALUE_BYTES, MAX_VALUE_BYTES + 1, 1];
    let insert = |(id, length): (usize, &u64)| {
        format!("INSERT INTO {CHATS} VALUES ({id}, 1, replace(hex(zeroblob({length} / 2 + 1)), '00', 'ab'), 'x', '');")
    };
    let trim = |(id, length): (usize, &u64)| {
        format!("UPDATE {CHATS} SET message = substr(message, 1, {length}) WHERE id = {id};")
    };
    let sql: String = lengths.iter().enumerate().map(insert).chain(lengths.iter().enumerate().map(trim)).collect();
    let source = source(&dir, &sql).await;
    let (mut place, mut batches) = (i64::MIN, Vec::new());
    loop {
        let rows = source.rows::<5>(CHATS, place, 500).await.unwrap();
        let Some(last) = rows.last() else { break };
        place = last.place;
        batches.push(rows.iter().map(|row| row.values[2].text().map(|text| text.len() as u64)).collect::<Vec<_>>());
    }
    let kept = |at: usize| Some(lengths[at]);
    let expected =
        vec![vec![kept(0), kept(1)], vec![kept(2)], vec![kept(3)], vec![kept(4)], vec![kept(5)], vec![None, kept(7)]];
    assert_eq!(batches, expected);
}

#[tokio::test]
async fn a_statement_has_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let mut source = source(&dir, "").await;
    source.statement_timeout = Duration::from_millis(50);
    let endless =
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 10000000) SELECT count(*) FROM n";
    let error = source.number(endless).await.unwrap_err();
    assert!(error.message.contains("took longer than 50ms"), "{error:?}");
}
