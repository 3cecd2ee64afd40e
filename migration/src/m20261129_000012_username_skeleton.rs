//! The skeletons of usernames (Unicode Technical Standard 39), by which confusable names are found. Those of existing
//! users are backfilled here. The algorithm is duplicated from the application, since a migration never changes once it
//! has landed.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::string_null;
use sea_orm_migration::sea_orm::{ConnectionTrait, FromQueryResult};
use unicode_security::skeleton;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TABLE: &str = "user";
const COLUMN: &str = "username_skeleton";
const INDEX: &str = "user_username_skeleton";
/// Users per UPDATE statement.
const BATCH: u64 = 500;

#[derive(FromQueryResult)]
struct Row {
    id: i64,
    username: String,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut skeleton = string_null(COLUMN);
        manager.alter_table(Table::alter().table(TABLE).add_column(&mut skeleton).take()).await?;
        fill(manager.get_connection()).await?;
        manager.create_index(Index::create().name(INDEX).table(TABLE).col(COLUMN).take()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name(INDEX).table(TABLE).to_owned()).await?;
        manager.alter_table(Table::alter().table(TABLE).drop_column(COLUMN).take()).await
    }
}

async fn fill(db: &SchemaManagerConnection<'_>) -> Result<(), DbErr> {
    let mut after = i64::MIN;
    loop {
        let query = Query::select()
            .columns(["id", "username"])
            .from(TABLE)
            .and_where(Expr::col("id").gt(after))
            .order_by("id", Order::Asc)
            .limit(BATCH)
            .take();
        let rows: Vec<_> =
            db.query_all(&query).await?.iter().map(|row| Row::from_query_result(row, "")).collect::<Result<_, _>>()?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.id;
        let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
        let case = rows.into_iter().fold(CaseStatement::new(), |case, row| {
            case.case(Expr::col("id").eq(row.id), Expr::val(skeleton_of(&row.username)))
        });
        let update = Query::update().table(TABLE).value(COLUMN, case).and_where(Expr::col("id").is_in(ids)).take();
        db.execute(&update).await?;
    }
}

fn skeleton_of(name: &str) -> String {
    let folded = |text: &str| caseless::default_case_fold_str(&skeleton(text).collect::<String>());
    folded(&folded(name)).chars().map(|c| if c == 'i' { 'l' } else { c }).collect()
}
