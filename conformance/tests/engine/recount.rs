//! An independent recount from raw messages, and the means to make messages.

use sqlx::PgConnection;
use uuid::Uuid;

/// What the stored state of `users` gets wrong; empty when it is exact.
pub async fn differences(connection: &mut PgConnection, users: &[Uuid]) -> Vec<String> {
    // Compiling the query would take a hundred times longer than running it.
    sqlx::query("set jit = off")
        .execute(&mut *connection)
        .await
        .expect("a setting");
    sqlx::query_scalar(include_str!("recount.sql"))
        .bind(users)
        .fetch_all(connection)
        .await
        .expect("a recount")
}

/// Makes anew what is from before settings changed, as cron does.
pub async fn settle(connection: &mut PgConnection) {
    let made: i64 = sqlx::query_scalar("select bondhu.refresh_profiles(100000)")
        .fetch_one(&mut *connection)
        .await
        .expect("a count");
    let left: i64 = sqlx::query_scalar(
        "select count(*) from public.personality_profiles p join bondhu.settings s on s.version <> p.settings_version",
    )
    .fetch_one(connection)
    .await
    .expect("a count");
    assert_eq!(left, 0, "{made} were made anew");
}

/// Everything derived about `users`, but for the log.
pub async fn derived(connection: &mut PgConnection, users: &[Uuid]) -> serde_json::Value {
    sqlx::query_scalar(
        "select jsonb_build_object(
           'companion_profiles', (select jsonb_agg(to_jsonb(p) - 'landmark_traits' - 'landmark_style' order by p.user_id)
                        from public.personality_profiles p where p.user_id = any ($1)),
           'buckets', (select jsonb_agg(to_jsonb(b) order by b.user_id, b.bucket_start)
                       from public.sentiment_buckets b where b.user_id = any ($1)))",
    )
    .bind(users)
    .fetch_one(connection)
    .await
    .expect("derived rows")
}

/// Writes a message `age` ago (a Postgres interval), as an import does.
pub async fn import(connection: &mut PgConnection, user: Uuid, text: &str, age: &str) -> Uuid {
    sqlx::query_scalar(
        "insert into public.chat_messages (user_id, message_text, created_at)
         values ($1, $2, now() - $3::interval) returning id",
    )
    .bind(user)
    .bind(text)
    .bind(age)
    .fetch_one(connection)
    .await
    .expect("a message")
}

/// Writes a message as the signed-in user of the transaction.
pub async fn say(connection: &mut PgConnection, text: &str) -> Uuid {
    sqlx::query_scalar("insert into public.chat_messages (message_text) values ($1) returning id")
        .bind(text)
        .fetch_one(connection)
        .await
        .expect("a message")
}

/// SQLSTATE of a refused statement.
pub fn sqlstate(error: &sqlx::Error) -> String {
    let database = error
        .as_database_error()
        .expect("an answer of the database");
    database.code().expect("a SQLSTATE").into_owned()
}

/// The one profile figure.
pub async fn profile<T>(connection: &mut PgConnection, user: Uuid, column: &str) -> T
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
{
    let sql = format!("select {column} from public.personality_profiles where user_id = $1");
    sqlx::query_scalar(&sql)
        .bind(user)
        .fetch_one(connection)
        .await
        .expect("a profile")
}

/// How many profiles a user has: none before the first scored message.
pub async fn profile_count(connection: &mut PgConnection, user: Uuid) -> i64 {
    sqlx::query_scalar("select count(*) from public.personality_profiles where user_id = $1")
        .bind(user)
        .fetch_one(connection)
        .await
        .expect("a count")
}
