//! Another version of the portable engine comes while people write: `bondhu-dev migration engine_version`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use bondhu_core::score::ENGINE_VERSION;
use bondhu_dev::portable;
use bondhu_stack::migrations::{self, Migration};
use bondhu_stack::schema::SqlFile;
use bondhu_stack::testing::{Database, Role, execute};
use bondhu_stack::{data_api, template};
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

const NEXT: i32 = ENGINE_VERSION + 1;

/// The migration of a pretended version with the model of this one, which the history then has.
fn pretended(history: &mut Vec<Migration>, version: i32) -> SqlFile {
    let (name, text) = portable::another(history, version).unwrap();
    let sql = SqlFile {
        path: format!("{name}.sql").into(),
        text,
    };
    history.push(Migration {
        version: "99991231235959".to_owned(),
        name,
        sql: sql.clone(),
    });
    sql
}

async fn with_portable_engine() -> (Database, PgConnection) {
    let database = Database::create().await;
    let mut owner = database.connect(Role::Owner).await;
    if !template::is_portable() {
        let engine = template::portable_engine().unwrap();
        engine.run(&mut owner).await.unwrap();
    }
    (database, owner)
}

/// One session, as the Data API keeps it for many requests.
async fn session(database: &Database) -> PgPool {
    PgPoolOptions::new()
        .max_connections(1)
        .connect(&database.url(Role::Authenticator))
        .await
        .unwrap()
}

/// Writes in a request of the session, with the statement that it has prepared.
async fn say(session: &PgPool, user: Uuid, text: &str) {
    let mut request = data_api::as_user(session, user).await.unwrap();
    sqlx::query("insert into public.chat_messages (message_text) values ($1)")
        .bind(text)
        .execute(&mut *request)
        .await
        .unwrap();
    execute(&mut request, &format!("execute said('{text}')")).await;
    request.commit().await.unwrap();
}

async fn import(owner: &mut PgConnection, user: Uuid, text: &str) -> Result<Uuid, sqlx::Error> {
    sqlx::query_scalar(
        "insert into public.chat_messages (user_id, message_text, created_at)
         values ($1, $2, now() - interval '30 hours') returning id",
    )
    .bind(user)
    .bind(text)
    .fetch_one(owner)
    .await
}

async fn number(connection: &mut PgConnection, sql: &str) -> i64 {
    sqlx::query_scalar(sql)
        .fetch_one(connection)
        .await
        .unwrap_or_else(|error| panic!("{error}: {sql}"))
}

/// How many messages a version has scored.
async fn scored_by(owner: &mut PgConnection, version: i32) -> i64 {
    let of = "select count(*) from public.chat_messages where engine_version";
    number(owner, &format!("{of} = {version}")).await
}

/// Functions and tables of a version.
async fn parts(owner: &mut PgConnection, version: i32) -> (i64, i64) {
    let functions = format!(
        "select count(*) from pg_proc where pronamespace = 'bondhu_portable'::regnamespace and proname ~ '_v{version}$'"
    );
    let tables =
        format!("select count(*) from bondhu_portable.tables t where t.version = {version}");
    (
        number(owner, &functions).await,
        number(owner, &tables).await,
    )
}

/// Every text has been read in one way, as if there were no versions: they have one model.
async fn read_alike(owner: &mut PgConnection) {
    let readings = "select count(*) from (
        select from public.chat_messages group by message_text
        having count(distinct (sentiment_score, mood_detected, support_level)) > 1) t";
    assert_eq!(number(owner, readings).await, 0);
}

async fn engine(owner: &mut PgConnection) -> (String, i32) {
    sqlx::query_as("select e ->> 'name', (e ->> 'version')::integer from bondhu.engine() e")
        .fetch_one(owner)
        .await
        .unwrap()
}

#[tokio::test]
async fn open_sessions_go_on_with_another_version_and_what_two_before_left_goes() {
    let (database, mut owner) = with_portable_engine().await;
    execute(&mut owner, "select bondhu.install_engine('portable')").await;
    let mut history = migrations::list().unwrap();
    let users = [database.user().await, database.user().await];
    for user in users {
        for text in ["i am so happy", "this is terrible", "i want to die"] {
            import(&mut owner, user, text).await.unwrap();
        }
    }
    let open = session(&database).await;
    execute(
        &mut open.acquire().await.unwrap(),
        "prepare said(text) as insert into public.chat_messages (message_text) values ($1)",
    )
    .await;
    // Until its plan is a generic one.
    for _ in 0..8 {
        say(&open, users[0], "i am so happy").await;
    }
    // One whose transaction sees what there was before.
    let mut older = database.connect(Role::Owner).await;
    import(&mut older, users[1], "i am so sad").await.unwrap();
    execute(&mut older, "begin isolation level repeatable read").await;
    let version = number(&mut older, "select version::bigint from bondhu.settings").await;
    let before = scored_by(&mut owner, ENGINE_VERSION).await;
    assert_eq!(before, 6 + 16 + 1);

    let update = pretended(&mut history, NEXT);
    update.run(&mut owner).await.unwrap();
    assert_eq!(
        engine(&mut owner).await,
        ("bondhu_portable".to_owned(), NEXT)
    );
    say(&open, users[0], "i am so happy").await;
    assert_eq!(scored_by(&mut owner, NEXT).await, 2);
    let error = import(&mut older, users[1], "i am so sad")
        .await
        .unwrap_err();
    let code = error.as_database_error().and_then(|error| error.code());
    assert_eq!(code.as_deref(), Some("40001"), "{error}");
    execute(&mut older, "rollback").await;
    import(&mut older, users[1], "i am so sad").await.unwrap();
    assert_eq!(scored_by(&mut owner, NEXT).await, 3);
    let settings = "select count(*) from bondhu.settings where engine_version";
    let raised = format!("{settings} = {NEXT} and version > {version}");
    assert_eq!(number(&mut owner, &raised).await, 1);

    let mut rescored = 0;
    loop {
        let some = number(&mut owner, "select bondhu.rescore(5)").await;
        if some == 0 {
            break;
        }
        rescored += some;
    }
    assert_eq!(rescored, before);
    assert_eq!(scored_by(&mut owner, ENGINE_VERSION).await, 0);
    read_alike(&mut owner).await;
    execute(&mut owner, "select bondhu.refresh_profiles(100000)").await;
    assert_eq!(
        number(&mut owner, "select count(*) from bondhu.verify()").await,
        0
    );

    let all = parts(&mut owner, NEXT).await;
    assert!(all.0 > all.1 && all.1 > 20, "{all:?}");
    assert_eq!(parts(&mut owner, ENGINE_VERSION).await, all);
    let update = pretended(&mut history, NEXT + 1);
    update.run(&mut owner).await.unwrap();
    assert_eq!(parts(&mut owner, ENGINE_VERSION).await, (0, 0));
    assert_eq!(parts(&mut owner, NEXT).await, all);
    assert_eq!(parts(&mut owner, NEXT + 1).await, all);
    say(&open, users[0], "i am so happy").await;
    assert_eq!(scored_by(&mut owner, NEXT + 1).await, 2);
    read_alike(&mut owner).await;
}

#[tokio::test]
async fn a_version_is_refused_where_the_former_one_is_not_there() {
    let (_database, mut owner) = with_portable_engine().await;
    let update = pretended(&mut migrations::list().unwrap(), NEXT);
    execute(
        &mut owner,
        "delete from bondhu_portable.tables where name in ('natures', 'heads')",
    )
    .await;
    let said = update.run(&mut owner).await.unwrap_err().to_string();
    for part in [
        "(55000)",
        "natures, heads.",
        "hint: Apply the earlier migrations first",
    ] {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
    assert_eq!(parts(&mut owner, NEXT).await, (0, 0));
    execute(&mut owner, "drop schema bondhu_portable cascade").await;
    let said = update.run(&mut owner).await.unwrap_err().to_string();
    assert!(said.contains("(55000)"), "{said}");
}

#[tokio::test]
async fn a_native_engine_stays_where_the_portable_one_is_updated() {
    let (_database, mut owner) = with_portable_engine().await;
    execute(&mut owner, "select bondhu.install_engine('native')").await;
    let update = pretended(&mut migrations::list().unwrap(), NEXT);
    update.run(&mut owner).await.unwrap();
    let native = ("bondhu_native".to_owned(), ENGINE_VERSION);
    assert_eq!(engine(&mut owner).await, native);
}
