//! What people meet after the adoption: the app as it was, Bondhu, and each in its place.

use anyhow::{Context, Result, bail, ensure};
use uuid::Uuid;

use super::app::{App, Generation};
use super::meanwhile::Spoken;
use crate::test_runner::test_run::TestRun;
use bondhu_stack::data_api;

/// Whoever writes as the app did is refused, and loses nothing unnoticed.
pub(super) async fn old_writers_are_refused(app: &mut App, generation: Generation) -> Result<()> {
    const PERMISSION: &str = "42501";
    const NO_COLUMN: &str = "42703";
    const NO_TABLE: &str = "42P01";
    let writes = match generation {
        Generation::Messages => [
            (
                NO_COLUMN,
                "insert into public.chat_messages (user_id, message_text, sender_type, \"timestamp\", mood_detected) \
                 values ($1, 'As before', 'user', now(), 'happy')",
            ),
            (
                PERMISSION,
                "insert into public.chat_messages (user_id, message_text, sender_type, session_id, mood_detected, sentiment_score) \
                 values ($1, 'As before', 'user', gen_random_uuid(), 'joy', 0.75)",
            ),
        ],
        Generation::Exchanges => [
            (
                NO_TABLE,
                "insert into public.chat_history (user_id, message, response) values ($1, 'As before', 'As ever')",
            ),
            (
                PERMISSION,
                "insert into public.chat_messages (user_id, message_text, sender_type, session_id, created_at) \
                 values ($1, 'As before', 'user', gen_random_uuid(), now())",
            ),
        ],
    };
    let left_behind = (
        PERMISSION,
        "delete from before_bondhu.chat_messages where user_id = $1",
    );
    let person = app.person(5).await?;
    for (expected, sql) in writes.into_iter().chain([left_behind]) {
        let mut request = data_api::as_user(&app.api, person).await?;
        let code = match sqlx::query(sql).bind(person).execute(&mut *request).await {
            Err(sqlx::Error::Database(error)) => error.code().unwrap_or_default().into_owned(),
            Err(error) => return Err(error).context(sql),
            Ok(_) => bail!("an old writer is let in: {sql}"),
        };
        ensure!(
            code == expected,
            "an old writer gets {code} in place of {expected}: {sql}"
        );
        app.passed += 1;
    }
    Ok(())
}

/// The new interface serves, and what the app keeps does too.
pub(super) async fn app_goes_on(app: &mut App) -> Result<()> {
    let person = app.person(5).await?;
    let message = Spoken::new(person, "I got the job, and I am so happy!");
    message
        .send(&app.api)
        .await
        .context("a message through Bondhu")?;
    app.remember(std::slice::from_ref(&message)).await?;
    let mut request = data_api::as_user(&app.api, person).await?;
    let newest: Uuid = sqlx::query_scalar("select h.id from public.chat_history(1) h")
        .fetch_one(&mut *request)
        .await?;
    ensure!(newest == message.id, "the newest message is {newest}");
    let own: (i64, i64) = sqlx::query_as(
        "select (select count(*) from public.personality_context()), (select count(*) from public.profiles)",
    )
    .fetch_one(&mut *request)
    .await?;
    ensure!(
        own == (1, 1),
        "a person sees {own:?} contexts and profiles in place of their own"
    );
    request.commit().await?;
    app.passed += 2;

    let newcomer = Uuid::new_v4();
    sqlx::query("insert into auth.users (id, email) values ($1, 'newcomer@example.org')")
        .bind(newcomer)
        .execute(&mut app.database)
        .await?;
    let profiles: i64 = sqlx::query_scalar(
        "select (select count(*) from public.profiles p where p.id = $1) \
           + (select count(*) from public.companion_profiles p where p.user_id = $1)",
    )
    .bind(newcomer)
    .fetch_one(&mut app.database)
    .await?;
    sqlx::query("delete from auth.users where id = $1")
        .bind(newcomer)
        .execute(&mut app.database)
        .await?;
    ensure!(
        profiles == 2,
        "a newcomer has {profiles} of the app's profile and Bondhu's"
    );
    app.passed += 1;
    Ok(())
}

/// The worker opens every token that was sealed: it seals them anew with another key.
pub(super) async fn sealed_tokens_open(run: &TestRun, app: &mut App) -> Result<()> {
    app.as_owner("alter role bondhu_worker login").await?;
    app.rotate_keys()?;
    let printed = app.succeed(run, &["reseal"]).await?;
    let resealed: Option<i64> = printed
        .split_whitespace()
        .next()
        .and_then(|count| count.parse().ok());
    let links = app.count("select count(*) from expected_links").await?;
    ensure!(
        resealed >= Some(links),
        "{links} accounts are linked, and reseal says: {printed}"
    );
    app.passed += 1;
    Ok(())
}

/// A person takes back a message of the time before Bondhu.
pub(super) async fn delete_a_message(app: &mut App) -> Result<Uuid> {
    let (person, message): (Uuid, Uuid) = sqlx::query_as(
        "select e.user_id, e.id from expected_messages e \
         where e.source = 'chat_messages' and e.left_because is null and e.session_id is null \
           and not exists (select from public.message_feedback f where f.message_id = e.id) \
         order by e.id limit 1",
    )
    .fetch_one(&mut app.database)
    .await?;
    let mut request = data_api::as_user(&app.api, person).await?;
    let deleted = sqlx::query("delete from public.chat_messages where id = $1")
        .bind(message)
        .execute(&mut *request)
        .await?;
    request.commit().await?;
    ensure!(
        deleted.rows_affected() == 1,
        "a person cannot delete {message}"
    );
    sqlx::query("delete from expected_messages where id = $1")
        .bind(message)
        .execute(&mut app.database)
        .await?;
    Ok(message)
}
