//! The messages of the app in the order in which they are imported, each with the id that it has from then on or the
//! reason why it is left. It is made once: nobody writes to what was moved.

use sqlx::{Acquire as _, PgConnection};

/// Makes it, unless it is there.
///
/// # Errors
/// When the database refuses.
pub(super) async fn make(database: &mut PgConnection, messages: &str) -> Result<(), sqlx::Error> {
    let made: bool =
        sqlx::query_scalar("select to_regclass('before_bondhu.adopted_messages') is not null")
            .fetch_one(&mut *database)
            .await?;
    if made {
        return Ok(());
    }
    let mut transaction = database.begin().await?;
    // It reads every text once.
    sqlx::raw_sql(&format!(
        "set local statement_timeout = 0;
         create table before_bondhu.adopted_messages as
           select row_number() over (order by m.user_id, m.at, m.sender desc, m.source, m.id) as n,
             m.user_id, m.id, m.source, m.key, m.sender, m.at, m.session_id, m.left_because
           from ({messages}) m;
         alter table before_bondhu.adopted_messages add primary key (n);
         create index on before_bondhu.adopted_messages (user_id, id);
         create index on before_bondhu.adopted_messages (user_id, session_id);
         alter table before_bondhu.adopted_messages enable row level security;
         revoke all on before_bondhu.adopted_messages from public, anon, authenticated, service_role"
    ))
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    sqlx::raw_sql("analyze before_bondhu.adopted_messages")
        .execute(database)
        .await?;
    Ok(())
}
