//! Verification of the columns' types, which SQLite does not enforce.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, Statement};

use super::violation::IntegrityViolation;
use crate::core::error::Error;

/// The columns that are summed or compared, and whether they may be null.
const NUMBERS: [(&str, &[(&str, bool)]); 4] = [
    ("wallet", &[("user_id", true), ("group_id", true), ("tokens", false), ("held", false), ("ledger_seq", false)]),
    ("api_key", &[("user_id", false), ("held", false), ("spent", false)]),
    ("chat", &[("user_id", false), ("wallet_id", true), ("api_key_id", true), ("hold", false), ("cost", false)]),
    (
        "ledger_entry",
        &[
            ("wallet_id", false),
            ("member_id", true),
            ("api_key_id", true),
            ("chat_id", true),
            ("amount", false),
            ("seq", true),
        ],
    ),
];

/// Returns the columns with values that are no integers. PostgreSQL stores none.
pub(super) async fn types(txn: &DatabaseTransaction) -> Result<Vec<IntegrityViolation>, Error> {
    let mut findings = Vec::new();
    if txn.get_database_backend() != DbBackend::Sqlite {
        return Ok(findings);
    }
    for (table, columns) in NUMBERS {
        let count = |(column, nullable): &(&str, bool)| {
            let allowed = if *nullable { "'integer', 'null'" } else { "'integer'" };
            format!("count(*) FILTER (WHERE typeof({column}) NOT IN ({allowed}))")
        };
        let counts = columns.iter().map(count).collect::<Vec<_>>().join(", ");
        let sql = format!("SELECT {counts} FROM \"{table}\"");
        let Some(row) = txn.query_one_raw(Statement::from_string(DbBackend::Sqlite, sql)).await? else { continue };
        for (at, (column, _)) in columns.iter().enumerate() {
            let rows: i64 = row.try_get_by_index(at)?;
            if rows > 0 {
                findings.push(IntegrityViolation::Type { table, column, rows });
            }
        }
    }
    Ok(findings)
}
