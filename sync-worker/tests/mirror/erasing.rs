//! What a person has erased is nowhere.

use std::process::Stdio;

use bondhu_stack::installation::Installation;
use bondhu_stack::testing::Role;
use redis::AsyncCommands as _;
use tokio::io::AsyncReadExt as _;
use uuid::Uuid;

use crate::stage::{Stage, eventually};

/// Rows for a person, where they have none, then a marker in every text and every document of theirs that takes one.
const MARKING: &str = r#"
create function bondhu.mark_for_test(person uuid, marker text) returns integer language plpgsql as $$
declare
  c record;
  marked integer := 0;
begin
  insert into public.session_activities (user_id, session_id, activity)
    select user_id, id, 'chat.opened' from public.user_sessions where user_id = person;
  insert into public.memories (user_id, memory_text, category, confidence) values (person, 'Likes tea.', 'preference', 0.9);
  insert into public.memory_evidence (user_id, memory_id, message_id)
    select person, m.id, said.id from public.memories m, public.chat_messages said where m.user_id = person and said.user_id = person limit 1;
  insert into public.assessments (user_id, form) values (person, 'short');
  insert into public.provider_connections (user_id, provider, status) values (person, 'spotify', 'ok');
  insert into bondhu.sync_jobs (user_id, provider) values (person, 'spotify');
  insert into public.listening_history (user_id, played_at, track_id, track_name) values (person, now(), 't', 'Song');
  insert into public.music_library (user_id, kind, item_id, name, walk_id) values (person, 'album', 'a', 'Album', gen_random_uuid());
  insert into public.video_likes (user_id, video_id, walk_id) values (person, 'v', gen_random_uuid());
  for c in
    select r.relation, a.attname, r.user_column, a.atttypid = 'jsonb'::regtype as is_document
    from bondhu.data_registry() r
    join pg_attribute a on a.attrelid = r.relation::regclass and a.attnum > 0 and not a.attisdropped
    where r.user_column is not null and r.erased <> 'kept' and a.atttypid in ('text'::regtype, 'jsonb'::regtype)
  loop
    begin
      execute format('update %s set %I = %s where %I = $1', c.relation, c.attname,
        case when c.is_document then 'jsonb_build_object(''a'', $2)' else '$2' end, c.user_column) using person, marker;
      marked := marked + 1;
    exception when others then
      null; -- What takes no words can hold none.
    end;
  end loop;
  return marked;
end $$;
create function bondhu.marks_for_test(marker text) returns setof text language plpgsql as $$
declare
  t record;
  found boolean;
begin
  for t in
    select c.oid::regclass as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'm') and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
  loop
    execute format('select exists (select from %s t where strpos(to_jsonb(t)::text, $1) > 0)', t.name) into found using marker;
    if found then
      return next t.name::text;
    end if;
  end loop;
  return query select format('statistics of %s.%s', s.tablename, s.attname) from pg_stats s
    where strpos(to_jsonb(s)::text, marker) > 0 and s.schemaname <> 'pg_catalog';
end $$;
"#;

fn holds(place: &[u8], marker: &str) -> bool {
    memchr::memmem::find(place, marker.as_bytes()).is_some()
}

async fn dumped(stage: &Stage) -> Vec<u8> {
    let pg_dump = Installation::debian_15().unwrap().programs.join("pg_dump");
    let output = tokio::process::Command::new(pg_dump)
        .arg(stage.database.url(Role::Superuser))
        .output()
        .await
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// The keys in Redis under which the marker is.
async fn kept_in_redis(stage: &Stage, marker: &str) -> Vec<String> {
    let mut redis = stage.connect().await;
    let mut kept = Vec::new();
    for key in redis.keys::<_, Vec<String>>("*").await.unwrap() {
        let kind: String = redis::cmd("TYPE")
            .arg(&key)
            .query_async(&mut redis)
            .await
            .unwrap();
        let value: Vec<u8> = if kind == "string" {
            redis.get(&key).await.unwrap()
        } else {
            redis::cmd("DUMP")
                .arg(&key)
                .query_async(&mut redis)
                .await
                .unwrap()
        };
        if holds(&value, marker) {
            kept.push(key);
        }
    }
    kept
}

async fn marks(stage: &Stage, marker: &str) -> Vec<String> {
    sqlx::query_scalar("select bondhu.marks_for_test($1)")
        .bind(marker)
        .fetch_all(&stage.superuser)
        .await
        .unwrap()
}

#[tokio::test]
async fn what_is_erased_is_in_no_table_dump_log_or_key_of_redis() {
    let stage = Stage::new().await;
    let directory = tempfile::tempdir().unwrap();
    let mut command = tokio::process::Command::from(stage.command(directory.path()));
    let mut worker = command
        .env("BONDHU_LOG", "trace")
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stderr = worker.stderr.take().unwrap();
    let log = tokio::spawn(async move {
        let mut log = Vec::new();
        stderr.read_to_end(&mut log).await.unwrap();
        log
    });
    let user = stage.person().await;
    let marker = format!("marker{}", Uuid::new_v4().simple());
    stage.taste(user).await;
    stage.say(user, "I am so happy").await;
    sqlx::raw_sql(MARKING)
        .execute(&stage.superuser)
        .await
        .unwrap();
    let marked: i32 = sqlx::query_scalar("select bondhu.mark_for_test($1, $2)")
        .bind(user)
        .bind(&marker)
        .fetch_one(&stage.superuser)
        .await
        .unwrap();
    assert!(marked >= 12, "{marked} columns took a marker");
    sqlx::query("analyze")
        .execute(&stage.superuser)
        .await
        .unwrap();
    // What is not erased is found.
    assert!(marks(&stage, &marker).await.len() >= 6);
    assert!(holds(&dumped(&stage).await, &marker));
    eventually("Redis holds it", async || {
        (!kept_in_redis(&stage, &marker).await.is_empty()).then_some(())
    })
    .await;

    let mut request = stage.database.as_user(user).await;
    let finished: Option<String> =
        sqlx::query_scalar("select erase_my_data(true) ->> 'finished_at'")
            .fetch_one(&mut *request)
            .await
            .unwrap();
    request.commit().await.unwrap();
    assert!(finished.is_some());
    stage.caught_up().await;
    eventually("Redis has followed", async || {
        kept_in_redis(&stage, &marker)
            .await
            .is_empty()
            .then_some(())
    })
    .await;
    sqlx::query("vacuum analyze")
        .execute(&stage.superuser)
        .await
        .unwrap();

    assert_eq!(marks(&stage, &marker).await, Vec::<String>::new());
    assert!(!holds(&dumped(&stage).await, &marker), "a dump holds it");
    worker.start_kill().unwrap();
    worker.wait().await.unwrap();
    let log = log.await.unwrap();
    assert!(log.len() > 1_000, "the worker logs");
    assert!(!holds(&log, &marker), "the worker's log holds it");
    let data: String = sqlx::query_scalar("show data_directory")
        .fetch_one(&stage.superuser)
        .await
        .unwrap();
    let server_log = std::fs::read(format!("{data}.log")).unwrap();
    assert!(!holds(&server_log, &marker), "the server's log holds it");
}
