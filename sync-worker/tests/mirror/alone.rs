//! One person's document that cannot be kept is theirs alone to read from Postgres.

use std::time::Duration;

use bondhu_core::cache::{DOCUMENT_MOST_BYTES, Document};
use bondhu_stack::proxy::Proxy;
use bondhu_stack::testing::execute;
use serde_json::{Value, json};
use sync_worker::cache::RedisTarget;
use sync_worker::config::MirrorConfig;
use sync_worker::hot::DocumentSource;
use uuid::Uuid;

use crate::readers::{newest, reader};
use crate::stage::{Running, Stage, eventually};

/// Has the function that builds histories do something else for one person.
async fn spoil(stage: &Stage, user: Uuid, instead: &str) {
    let mut sql = stage.superuser.acquire().await.unwrap();
    let text = format!(
        "alter function bondhu.chat_history_document(uuid[], timestamptz) rename to chat_history_document_kind;
         create function bondhu.chat_history_document(user_ids uuid[], as_of timestamptz)
         returns table (user_id uuid, data json, until timestamptz) language plpgsql volatile
         set search_path = pg_catalog, pg_temp as $$
         begin
           if '{user}' = any (user_ids) then
             {instead};
           end if;
           return query select d.user_id,
             case when d.user_id = '{user}' and {large} then to_json(repeat('x', {too_many})) else d.data end, d.until
             from bondhu.chat_history_document_kind(user_ids, as_of) d;
         end $$;
         grant execute on function bondhu.chat_history_document_kind(uuid[], timestamptz) to bondhu_worker;
         grant execute on function bondhu.chat_history_document(uuid[], timestamptz) to bondhu_worker",
        large = instead == "null",
        too_many = DOCUMENT_MOST_BYTES,
    );
    execute(&mut sql, &text).await;
}

async fn mend(stage: &Stage) {
    let mut sql = stage.superuser.acquire().await.unwrap();
    execute(
        &mut sql,
        "drop function bondhu.chat_history_document(uuid[], timestamptz);
         alter function bondhu.chat_history_document_kind(uuid[], timestamptz) rename to chat_history_document",
    )
    .await;
}

/// What a mirror counts under a name.
pub(crate) fn counted(mirror: &Running, name: &str) -> u64 {
    let text = mirror.metrics.encode().unwrap();
    let count = text
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name} ")));
    count.unwrap().parse().unwrap()
}

/// A value that every reader takes for a miss.
async fn is_left_to_postgres(stage: &Stage, user: Uuid) -> Option<()> {
    let held = stage.held(user, Document::ChatHistory).await?;
    (held["data"] == Value::Null && held["until"] == held["as_of"]).then_some(())
}

/// Everybody's transaction is one batch, so that all are read together.
async fn all_say(stage: &Stage, text: &str) {
    sqlx::query(
        "insert into public.chat_messages (user_id, message_text) select id, $1 from auth.users",
    )
    .bind(text)
    .execute(&stage.superuser)
    .await
    .unwrap();
}

async fn the_others_go_on(instead: &str) {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    let mut people = Vec::new();
    for _ in 0..20 {
        people.push(stage.person().await);
    }
    let spoilt = people[7];
    // Of those who are away there are documents too.
    let away = stage.database.user().await;
    let hot = reader(&stage, &stage.redis_url()).await;
    all_say(&stage, "before").await;
    newest(&hot, away, &stage).await;
    for user in &people {
        stage.reads(*user, &["before"]).await;
    }
    spoil(&stage, spoilt, instead).await;
    all_say(&stage, "after").await;
    for user in people.iter().filter(|user| **user != spoilt) {
        stage.reads(*user, &["before", "after"]).await;
    }
    eventually("the spoilt one is left to Postgres", async || {
        is_left_to_postgres(&stage, spoilt).await
    })
    .await;
    stage.caught_up().await;
    eventually("the watermark says so", async || {
        let state = stage.state().await?;
        (state["apart"] == json!(1)).then_some(())
    })
    .await;
    assert_eq!(counted(&mirror, "bondhu_mirror_apart"), 1);
    assert_eq!(counted(&mirror, "bondhu_mirror_restarts_total"), 0);
    // Again, and now it is not even tried.
    all_say(&stage, "and on").await;
    for user in people.iter().filter(|user| **user != spoilt) {
        stage.reads(*user, &["before", "after", "and on"]).await;
    }
    eventually("the others are served by Redis", async || {
        let (read, source) = newest(&hot, people[0], &stage).await;
        assert_eq!(read.as_deref(), Some("and on"));
        (source == DocumentSource::Redis).then_some(())
    })
    .await;
    is_left_to_postgres(&stage, spoilt).await.unwrap();

    mend(&stage).await;
    let (read, source) = newest(&hot, spoilt, &stage).await;
    assert_eq!(
        (read.as_deref(), source),
        (Some("and on"), DocumentSource::Postgres)
    );
    mirror.stop().await;
    let mirror = stage.following().await;
    all_say(&stage, "mended").await;
    stage
        .reads(spoilt, &["before", "after", "and on", "mended"])
        .await;
    assert_eq!(counted(&mirror, "bondhu_mirror_apart"), 0);
    mirror.stop().await;
}

#[tokio::test]
async fn a_document_that_is_too_large_holds_nobody_else_up() {
    the_others_go_on("null").await;
}

#[tokio::test]
async fn a_document_that_cannot_be_built_holds_nobody_else_up() {
    the_others_go_on("perform 1 / 0").await;
}

#[tokio::test]
async fn a_document_that_takes_too_long_holds_nobody_else_up() {
    the_others_go_on("perform pg_sleep(10)").await;
}

/// Longer than a write may be under way, and shorter than Redis is waited for.
const LATE_BY: Duration = Duration::from_secs(3);

#[tokio::test]
async fn what_came_too_late_is_brought_again_and_nobody_is_left_to_postgres() {
    let stage = Stage::new().await;
    let proxy = Proxy::to(stage.redis_port).await.unwrap();
    let through = MirrorConfig {
        redis: RedisTarget::parse(&format!("redis://127.0.0.1:{}/", proxy.port())).unwrap(),
        ..stage.config()
    };
    let mirror = stage.following_with(&through).await;
    let people = [stage.person().await, stage.person().await];
    all_say(&stage, "before").await;
    for user in people {
        stage.reads(user, &["before"]).await;
    }
    proxy.pause();
    all_say(&stage, "under way").await;
    // Not a wait for something: coming late is what is tested.
    tokio::time::sleep(LATE_BY).await;
    proxy.resume();
    for user in people {
        stage.reads(user, &["before", "under way"]).await;
    }
    stage.caught_up().await;
    assert_eq!(counted(&mirror, "bondhu_mirror_apart"), 0);
    mirror.stop().await;
}

/// What nobody is active for is filled by readers, under the same limit.
#[tokio::test]
async fn what_is_too_large_is_not_filled_either() {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    let user = stage.database.user().await;
    stage.say(user, "here").await;
    stage.caught_up().await;
    spoil(&stage, user, "null").await;
    let hot = reader(&stage, &stage.redis_url()).await;
    for _ in 0..3 {
        let served = hot.read(user, Document::ChatHistory, None).await.unwrap();
        assert_eq!(served.source, DocumentSource::Postgres);
        assert!(served.data.len() > DOCUMENT_MOST_BYTES);
        is_left_to_postgres(&stage, user).await.unwrap();
    }
    mirror.stop().await;
}

/// Together they are more than is read at once; one by one each is small enough.
#[tokio::test]
async fn many_large_documents_are_brought_in_parts() {
    let stage = Stage::new().await;
    let directory = tempfile::tempdir().unwrap();
    let mut people = Vec::new();
    for _ in 0..60 {
        people.push(stage.person().await);
    }
    let mut worker = stage.process(directory.path());
    stage.caught_up().await;
    let long = "\u{995}".repeat(8000);
    sqlx::query(
        "insert into public.chat_messages (user_id, message_text)
         select id, $1 from auth.users, generate_series(1, 40)",
    )
    .bind(&long)
    .execute(&stage.superuser)
    .await
    .unwrap();
    for user in &people {
        eventually("the long history is there", async || {
            let texts = stage.texts(*user).await?;
            (texts.len() == 40 && texts[0] == long).then_some(())
        })
        .await;
    }
    let most = crate::severe::high_water(worker.id());
    assert!(most < 256 << 20, "{} MB", most >> 20);
    worker.kill().unwrap();
    worker.wait().unwrap();
}
