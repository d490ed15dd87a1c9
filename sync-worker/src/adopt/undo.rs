//! The way back: what was is there again as it was, with what people have written, changed and deleted since.

use sqlx::{Acquire as _, PgConnection};

use super::error::AdoptError;
use super::judged::Kind;
use super::migrations;
use super::shapes::{MessageColumns, SCHEMA, Shapes};
use super::state::{Adoption, Step, is_installed};

/// What went back, and what stays of Bondhu, which an owner cannot remove.
#[derive(Debug)]
pub(super) struct Undone {
    /// Messages written since, in the app's shape.
    pub(super) written: u64,
    /// Messages deleted or changed since, likewise there.
    pub(super) changed: u64,
    pub(super) objects: usize,
    pub(super) stays: Vec<String>,
}

/// Puts everything back, in one transaction.
///
/// # Errors
/// No adoption has begun, or something of the app's depends on Bondhu: nothing was changed.
pub(super) async fn undo(database: &mut PgConnection) -> Result<Undone, AdoptError> {
    let adoption = Adoption::expect(database).await?;
    let shapes = Shapes::read(database).await?;
    let installed = is_installed(database).await?;
    let mut transaction = database.begin().await?;
    // The app's own triggers may need its path.
    sqlx::raw_sql(
        "set local statement_timeout = 0; set local lock_timeout = '10s'; set local search_path to default",
    )
    .execute(&mut *transaction)
    .await?;
    let mut undone = Undone {
        written: 0,
        changed: 0,
        objects: adoption.moved.0.len(),
        stays: Vec::new(),
    };
    if installed {
        if let Some(taken) = Step::read(&mut transaction, Kind::Messages).await? {
            let last = taken
                .after
                .as_ref()
                .and_then(|after| after.get(0)?.as_i64());
            sqlx::raw_sql("lock table public.chat_messages in share row exclusive mode")
                .execute(&mut *transaction)
                .await?;
            undone.changed = carry_changes(&mut transaction, &shapes, last.unwrap_or(0)).await?;
        }
        undone.written = carry_new(&mut transaction, &shapes).await?;
        undone.stays = sqlx::query_scalar(
            "select unnest(bondhu.uninstall('delete all that Bondhu has stored'))",
        )
        .fetch_all(&mut *transaction)
        .await?;
    }
    // As before it: uninstalling may have taken another role.
    sqlx::raw_sql(
        "drop table if exists before_bondhu.adopted_messages;
         drop table before_bondhu.adoption_steps, before_bondhu.adoption",
    )
    .execute(&mut *transaction)
    .await?;
    for moved in &adoption.moved.0 {
        sqlx::raw_sql(&moved.back())
            .execute(&mut *transaction)
            .await?;
    }
    sqlx::raw_sql(&format!("drop schema {SCHEMA}"))
        .execute(&mut *transaction)
        .await?;
    migrations::forget(&mut transaction, &adoption.records_made).await?;
    transaction.commit().await?;
    Ok(undone)
}

/// Rows of the ledger that were imported, up to `$1`.
const TAKEN: &str = "before_bondhu.adopted_messages l where l.left_because is null and l.n <= $1";

/// What people deleted is deleted, and what they changed is changed.
async fn carry_changes(
    database: &mut PgConnection,
    shapes: &Shapes,
    last: i64,
) -> Result<u64, sqlx::Error> {
    let mut statements = Vec::new();
    let gone = format!(
        "select l.key, l.sender from {TAKEN} and l.source = '{{source}}' and not exists (
           select from public.chat_messages c where c.user_id = l.user_id and c.id = l.id)"
    );
    if shapes.message_columns().is_some() {
        let gone = gone.replace("{source}", "chat_messages");
        statements.push(format!(
            "delete from before_bondhu.chat_messages t using ({gone}) g where t.id = g.key"
        ));
        statements.push(format!(
            "update before_bondhu.chat_messages t set message_text = c.message_text
             from (select l.* from {TAKEN} and l.source = 'chat_messages') l
             join public.chat_messages c on c.user_id = l.user_id and c.id = l.id
             where t.id = l.key and t.message_text <> c.message_text"
        ));
    }
    if shapes.has_exchanges() {
        let gone = gone.replace("{source}", "chat_history");
        // An exchange goes when nothing of it is left, which the parts that were never taken are not.
        for (sender, column) in [("user", "message"), ("ai", "response")] {
            statements.push(format!(
                "update before_bondhu.chat_history t set {column} = '' from ({gone}) g where t.id = g.key and g.sender = '{sender}'"
            ));
            statements.push(format!(
                "update before_bondhu.chat_history t set {column} = c.message_text
                 from (select l.* from {TAKEN} and l.source = 'chat_history' and l.sender = '{sender}') l
                 join public.chat_messages c on c.user_id = l.user_id and c.id = l.id
                 where t.id = l.key and t.{column} <> c.message_text"
            ));
        }
        statements.push(format!(
            "delete from before_bondhu.chat_history t using ({gone}) g
             where t.id = g.key and coalesce(t.message, '') = '' and coalesce(t.response, '') = ''"
        ));
    }
    let mut rows = 0;
    for statement in statements {
        rows += sqlx::query(&statement)
            .bind(last)
            .execute(&mut *database)
            .await?
            .rows_affected();
    }
    Ok(rows)
}

/// Messages that were written since, in the app's shape.
async fn carry_new(database: &mut PgConnection, shapes: &Shapes) -> Result<u64, sqlx::Error> {
    let known: bool =
        sqlx::query_scalar("select to_regclass('before_bondhu.adopted_messages') is not null")
            .fetch_one(&mut *database)
            .await?;
    let new = if known {
        "public.chat_messages c where not exists (
           select from before_bondhu.adopted_messages l where l.user_id = c.user_id and l.id = c.id)"
    } else {
        "public.chat_messages c where true"
    };
    let statement = match shapes.message_columns() {
        Some(columns) => as_messages(&columns, new),
        None if shapes.has_exchanges() => as_exchanges(new),
        None => return Ok(0),
    };
    let written = sqlx::query(&statement).execute(database).await?;
    Ok(written.rows_affected())
}

fn as_messages(columns: &MessageColumns, new: &str) -> String {
    let mut names = vec!["id", "user_id", "message_text", "sender_type", columns.at];
    let mut values = vec![
        "c.id".to_owned(),
        "c.user_id".to_owned(),
        "c.message_text".to_owned(),
        "c.sender_type".to_owned(),
        "c.created_at".to_owned(),
    ];
    if let Some(kind) = &columns.session {
        names.push("session_id");
        values.push(format!("c.session_id::{kind}"));
    }
    if columns.mood {
        names.push("mood_detected");
        values.push("c.mood_detected".to_owned());
    }
    if columns.score {
        names.push("sentiment_score");
        values.push("c.sentiment_score".to_owned());
    }
    format!(
        "insert into before_bondhu.chat_messages ({}) select {} from {new} order by c.created_at, c.seq",
        names.join(", "),
        values.join(", ")
    )
}

/// What a person said, with the companion's next message unless they spoke again before it.
fn as_exchanges(new: &str) -> String {
    format!(
        "insert into before_bondhu.chat_history (id, user_id, message, response, created_at)
         select c.id, c.user_id, case when c.sender_type = 'user' then c.message_text else '' end,
           case when c.sender_type = 'ai' then c.message_text when c.next_sender = 'ai' then c.next_text else '' end, c.created_at
         from (
           select c.*,
             lag(c.sender_type) over person as former_sender,
             lead(c.sender_type) over person as next_sender, lead(c.message_text) over person as next_text
           from {new}
           window person as (partition by c.user_id order by c.created_at, c.seq)
         ) c
         where c.sender_type = 'user' or c.former_sender is distinct from 'user'
         order by c.created_at, c.seq"
    )
}
