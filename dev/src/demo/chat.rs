//! Sending messages, and trying what must be refused.

use anyhow::{Context, Result};
use sqlx::PgPool;
use uuid::Uuid;

use super::claims::Claims;
use super::lines::Lines;
use super::people::Person;
use bondhu_stack::data_api;
use bondhu_stack::wait::Progress;

const BATCH: usize = 500;

/// When the imported messages were said: hours ago, on both sides of the 24 hour window.
const IMPORTED_HOURS_AGO: [f64; 8] = [47.0, 36.0, 30.0, 25.0, 24.5, 23.5, 12.0, 2.0];

/// What was sent.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// Stored messages per person.
    pub(super) stored: Vec<i64>,
    /// Lines that the database refused.
    pub(super) refused: usize,
    /// Messages per second, all people together.
    pub(super) per_second: f64,
}

/// Sends every line, each person in turn, in batches.
pub(super) async fn send(api: &PgPool, people: &[Person], lines: &Lines) -> Result<Sent> {
    let mut sent = Sent {
        stored: vec![0; people.len()],
        ..Sent::default()
    };
    let mut progress = Progress::default();
    let begun = std::time::Instant::now();
    for (index, person) in people.iter().enumerate() {
        let own: Vec<&str> = lines
            .fit
            .iter()
            .skip(index)
            .step_by(people.len())
            .map(String::as_str)
            .collect();
        for batch in own.chunks(BATCH) {
            let mut request = data_api::as_user(api, person.id).await?;
            let stored = sqlx::query(
                "insert into public.chat_messages (id, session_id, message_text) \
                 select gen_random_uuid(), $1, line from unnest($2::text[]) line",
            )
            .bind(person.session)
            .bind(batch)
            .execute(&mut *request)
            .await
            .with_context(|| format!("{} cannot send messages", person.name))?;
            request.commit().await?;
            sent.stored[index] += i64::try_from(stored.rows_affected())?;
            let total: i64 = sent.stored.iter().sum();
            progress.show(&format!(
                "{total} of {} messages sent, scored and folded in",
                lines.fit.len()
            ));
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate for people to read")]
    let rate = lines.fit.len() as f64 / begun.elapsed().as_secs_f64();
    sent.per_second = rate;
    for line in &lines.unfit {
        match write(api, &people[0], "message_text", line).await {
            Ok(()) => sent.stored[0] += 1,
            Err(_) => sent.refused += 1,
        }
    }
    Ok(sent)
}

/// Brings older messages in with the service key, as a move from another system does.
pub(super) async fn import(api: &PgPool, people: &[Person], lines: &Lines) -> Result<i64> {
    let mut request = data_api::as_service(api).await?;
    let mut imported = 0;
    for (index, person) in people.iter().enumerate() {
        let own = lines.fit.iter().cycle().skip(index).step_by(people.len());
        for (hours_ago, line) in IMPORTED_HOURS_AGO.into_iter().zip(own) {
            sqlx::query(
                "insert into public.chat_messages (user_id, message_text, created_at) \
                 values ($1, $2, now() - make_interval(secs => $3 * 3600))",
            )
            .bind(person.id)
            .bind(line)
            .bind(hours_ago)
            .execute(&mut *request)
            .await
            .context("an import with the service key")?;
            imported += 1;
        }
    }
    request.commit().await?;
    Ok(imported)
}

/// Tries what a client may not do.
pub(super) async fn forge(api: &PgPool, people: &[Person], claims: &mut Claims) -> Result<()> {
    let attempts: [(&str, &str, &str, &str); 6] = [
        (
            "a forged score is refused",
            "message_text, sentiment_score",
            "'hello', 1.00",
            "42501",
        ),
        (
            "a forged companion's message is refused",
            "message_text, sender_type",
            "'hello', 'ai'",
            "42501",
        ),
        (
            "a forged time is refused",
            "message_text, created_at",
            "'hello', now() - interval '1 day'",
            "42501",
        ),
        (
            "a blank message is refused",
            "message_text",
            "E' \\n'",
            "23514",
        ),
        (
            "a message of 8,001 characters is refused",
            "message_text",
            "repeat('x', 8001)",
            "23514",
        ),
        (
            "a message in another's name is refused",
            "message_text, user_id",
            "'hello', $1",
            "42501",
        ),
    ];
    for (claim, columns, values, sqlstate) in attempts {
        let mut request = data_api::as_user(api, people[0].id).await?;
        let sql = format!("insert into public.chat_messages ({columns}) values ({values})");
        let mut query = sqlx::query(&sql);
        if values.contains("$1") {
            query = query.bind(people[1].id);
        }
        let answer = query.execute(&mut *request).await;
        claims.refused(claim, sqlstate, &answer);
    }

    let mut request = data_api::as_user(api, people[0].id).await?;
    let foreign: i64 =
        sqlx::query_scalar("select count(*) from public.chat_messages where user_id <> $1")
            .bind(people[0].id)
            .fetch_one(&mut *request)
            .await?;
    claims.equal("nobody sees another's messages", &0, &foreign);

    let mut request = data_api::as_anon(api).await?;
    let answer = sqlx::query("select from public.chat_messages")
        .execute(&mut *request)
        .await;
    claims.refused("who has not signed in sees no table", "42501", &answer);
    Ok(())
}

/// Writes one message, committed; returns its id.
pub(super) async fn write_one(api: &PgPool, person: &Person, text: &str) -> Result<Uuid> {
    let mut request = data_api::as_user(api, person.id).await?;
    let id = sqlx::query_scalar(
        "insert into public.chat_messages (session_id, message_text) values ($1, $2) returning id",
    )
    .bind(person.session)
    .bind(text)
    .fetch_one(&mut *request)
    .await?;
    request.commit().await?;
    Ok(id)
}

/// Deletes messages; returns how many there were.
pub(super) async fn delete(api: &PgPool, person: &Person, ids: &[Uuid]) -> Result<u64> {
    let mut request = data_api::as_user(api, person.id).await?;
    let gone = sqlx::query("delete from public.chat_messages where id = any ($1)")
        .bind(ids)
        .execute(&mut *request)
        .await?;
    request.commit().await?;
    Ok(gone.rows_affected())
}

async fn write(api: &PgPool, person: &Person, column: &str, value: &str) -> sqlx::Result<()> {
    let mut request = data_api::as_user(api, person.id).await?;
    let sql = format!("insert into public.chat_messages ({column}) values ($1)");
    sqlx::query(&sql).bind(value).execute(&mut *request).await?;
    request.commit().await
}
