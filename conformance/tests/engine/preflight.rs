//! A project that has objects of Bondhu's names: they are listed, and nothing is changed.

use bondhu_stack::paths;
use bondhu_stack::schema::{self, SqlFile};
use bondhu_stack::testing::{Database, Role, execute};
use sqlx::PgConnection;
use sqlx::postgres::PgDatabaseError;

use crate::portable;

const HINT: &str = "Nothing was changed. sync-worker adopt plan says what can be taken over (docs/adopting.md); rename what cannot.";

/// What a project has, and what is named of it.
const FOREIGN: [(&str, &str); 21] = [
    (
        "create table public.memories (id integer)",
        "table public.memories",
    ),
    (
        "create table public.music_library (id integer) partition by range (id)",
        "table public.music_library",
    ),
    (
        "create view public.consents as select 1 as one",
        "view public.consents",
    ),
    (
        "create materialized view public.erasures as select 1 as one",
        "materialized view public.erasures",
    ),
    (
        "create sequence public.chat_messages_seq_seq",
        "sequence public.chat_messages_seq_seq",
    ),
    // Tables, views, indexes and sequences share their names.
    (
        "create view public.video_likes_by_age as select 1 as one",
        "view public.video_likes_by_age",
    ),
    (
        "create table public.notes (id integer); create index sentiment_buckets on public.notes (id)",
        "index public.sentiment_buckets",
    ),
    (
        "create table public.talks (id integer); create index chat_messages_by_time on public.talks (id)",
        "index public.chat_messages_by_time",
    ),
    (
        "create table public.visits (id integer constraint user_sessions_pkey primary key)",
        "index public.user_sessions_pkey",
    ),
    (
        "create type public.video_likes as enum ('like')",
        "type public.video_likes",
    ),
    (
        "create domain public.video_playlists as text",
        "type public.video_playlists",
    ),
    (
        "create type public.music_playlists as (one integer)",
        "composite type public.music_playlists",
    ),
    (
        "create function public.dashboard(text) returns text language sql as 'select $1'",
        "function public.dashboard(text)",
    ),
    (
        "create function public.wellness_card() returns integer language sql as 'select 1'",
        "function public.wellness_card()",
    ),
    (
        "create procedure public.recall(words text[], most integer) language sql as 'select 1'",
        "procedure public.recall(text[], integer)",
    ),
    (
        "create aggregate public.trending (integer) (sfunc = pg_catalog.int4pl, stype = integer)",
        "aggregate public.trending(integer)",
    ),
    (
        "create function public.greet() returns trigger language plpgsql as 'begin return new; end';
         create trigger bondhu_create_profile after insert on auth.users
           for each row execute function public.greet()",
        "trigger bondhu_create_profile on auth.users",
    ),
    (
        "create publication bondhu_mirror",
        "publication bondhu_mirror",
    ),
    ("create schema bondhu", "schema bondhu"),
    ("create schema bondhu_portable", "schema bondhu_portable"),
    (
        "create schema bondhu_native; create table bondhu_native.of_the_app (id integer)",
        "schema bondhu_native",
    ),
];

/// Nothing of this is in the way.
const BESIDE: &str = "
    create schema app;
    create table app.chat_messages (id integer primary key, seq bigint generated always as identity);
    create index chat_messages_by_time on app.chat_messages (id);
    create view app.personality_profiles as select 1 as one;
    create type app.memories as enum ('fond');
    create function app.dashboard() returns integer language sql as 'select 1';
    create function app.dashboard(text) returns integer language sql as 'select 1';
    create table public.profiles (id uuid primary key references auth.users on delete cascade, dashboard text);
    create table public.chat_history (id uuid primary key);
    create table public.recommendations (id uuid primary key);
    create type public.chat_messages_by_session as enum ('named like an index');
    create function public.memories() returns integer language sql as 'select 1';
    create function public.handle_new_user() returns trigger
      language plpgsql as 'begin insert into public.profiles (id) values (new.id); return new; end';
    create trigger on_auth_user_created after insert on auth.users
      for each row execute function public.handle_new_user();
    create trigger bondhu_create_profile after insert on public.profiles
      for each row execute function public.handle_new_user();
    create schema bondhu_native";

/// Both generations of the app that Bondhu takes over, as far as the names go.
const APP: &str = r#"
    create table public.profiles (
      id uuid primary key references auth.users on delete cascade,
      full_name text, personality_openness integer, personality_completed_at timestamptz
    );
    create view public.personality_profiles as
      select id, personality_openness, personality_completed_at,
        personality_completed_at is not null as has_completed_personality_assessment
      from public.profiles;
    create table public.chat_messages (
      id uuid primary key default gen_random_uuid(),
      seq bigint generated always as identity,
      user_id uuid not null references auth.users on delete cascade,
      message_text text, sender_type text, "timestamp" timestamptz default now(),
      session_id uuid default gen_random_uuid(), mood_detected text, sentiment_score numeric(5, 2)
    );
    create index chat_messages_by_time on public.chat_messages (user_id, "timestamp");
    create table public.chat_history (
      id uuid primary key default gen_random_uuid(),
      user_id uuid not null references auth.users on delete cascade,
      message text, response text, created_at timestamptz default now()
    );
    create table public.listening_history (
      history_id bigserial constraint listening_history_pkey primary key,
      user_id uuid not null references auth.users on delete cascade,
      track_id text, played_at timestamptz, unique (user_id, track_id, played_at)
    );
    create table public.recommendations (id uuid primary key default gen_random_uuid());
    create type public.memories as enum ('fond', 'painful');
    create function public.get_personality_context(user_id uuid) returns jsonb
      language sql security definer as 'select to_jsonb(p) from public.profiles p where p.id = $1'"#;

fn preflight() -> SqlFile {
    SqlFile::read(&paths::checkout().join("sql/10_foundation/05_preflight.sql")).unwrap()
}

async fn a_project() -> (Database, PgConnection) {
    let db = Database::create_for_restore(true).await;
    let owner = db.connect(Role::Owner).await;
    (db, owner)
}

/// What the preflight says: SQLSTATE, message and hint.
async fn refusal(owner: &mut PgConnection) -> Option<(String, String, String)> {
    let preflight = preflight();
    let answer = sqlx::raw_sql(preflight.text.as_str()).execute(owner).await;
    let error = answer.err()?.into_database_error().unwrap();
    let reported = error.downcast_ref::<PgDatabaseError>();
    Some((
        reported.code().to_owned(),
        reported.message().to_owned(),
        reported.hint().unwrap_or_default().to_owned(),
    ))
}

/// What it has to say of these.
fn naming(objects: &[&str]) -> Option<(String, String, String)> {
    let mut sorted = objects.to_vec();
    sorted.sort_unstable();
    let needs = match objects.len() {
        1 => "object of this project has a name that Bondhu needs",
        _ => "objects of this project have names that Bondhu needs",
    };
    let message = format!("{} {needs}: {}", objects.len(), sorted.join(", "));
    Some(("42710".to_owned(), message, HINT.to_owned()))
}

/// How many relations, functions, types and schemas there are.
async fn counts(owner: &mut PgConnection) -> (i64, i64, i64, i64) {
    sqlx::query_as(
        "select (select count(*) from pg_class), (select count(*) from pg_proc),
           (select count(*) from pg_type), (select count(*) from pg_namespace)",
    )
    .fetch_one(owner)
    .await
    .unwrap()
}

#[test]
fn it_is_the_first_of_all() {
    assert_eq!(schema::files().unwrap()[0].name(), preflight().name());
}

#[tokio::test]
async fn each_kind_of_object_of_a_name_that_is_needed_is_named() {
    let (_db, mut owner) = a_project().await;
    let mut wrong = Vec::new();
    for (statements, object) in FOREIGN {
        assert_eq!(refusal(&mut owner).await, None);
        execute(&mut owner, &format!("begin; {statements}")).await;
        let said = refusal(&mut owner).await;
        if said != naming(&[object]) {
            wrong.push(format!("{statements}\nsaid: {said:?}"));
        }
        execute(&mut owner, "rollback").await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[tokio::test]
async fn all_are_named_at_once_and_nothing_is_changed() {
    let (_db, mut owner) = a_project().await;
    for (statements, _) in FOREIGN {
        execute(&mut owner, statements).await;
    }
    let before = counts(&mut owner).await;
    let expected = naming(&FOREIGN.map(|(_, object)| object));
    assert_eq!(refusal(&mut owner).await, expected);

    let (_, message, hint) = expected.unwrap();
    let stopped = schema::apply(&mut owner).await.unwrap_err().to_string();
    assert!(
        stopped.contains(&format!("{message} (42710)")) && stopped.contains(&hint),
        "{stopped}"
    );
    assert_eq!(counts(&mut owner).await, before);
}

#[tokio::test]
async fn other_names_and_other_schemas_are_no_matter() {
    let (_db, mut owner) = a_project().await;
    execute(&mut owner, BESIDE).await;
    assert_eq!(refusal(&mut owner).await, None);
    schema::apply(&mut owner).await.unwrap();
    assert_eq!(refusal(&mut owner).await, None);
}

#[tokio::test]
async fn of_the_app_what_is_in_the_way_is_named_and_what_goes_along_with_it_is_not() {
    let (_db, mut owner) = a_project().await;
    execute(&mut owner, APP).await;
    let in_the_way = [
        "table public.chat_messages",
        "table public.listening_history",
        "type public.memories",
        "view public.personality_profiles",
    ];
    assert_eq!(refusal(&mut owner).await, naming(&in_the_way));

    execute(
        &mut owner,
        "create schema before_bondhu;
         alter table public.chat_messages set schema before_bondhu;
         alter table public.listening_history set schema before_bondhu;
         alter type public.memories set schema before_bondhu;
         alter view public.personality_profiles set schema before_bondhu",
    )
    .await;
    assert_eq!(refusal(&mut owner).await, None);
    schema::apply(&mut owner).await.unwrap();
}

#[tokio::test]
async fn where_bondhu_is_there_it_says_nothing() {
    let (_db, mut owner) = portable::with_both().await;
    assert_eq!(refusal(&mut owner).await, None);
    execute(
        &mut owner,
        "create function public.dashboard(text) returns text
           language sql set search_path = pg_catalog, pg_temp as 'select $1';
         select bondhu.detach_engine()",
    )
    .await;
    assert_eq!(refusal(&mut owner).await, None);
}

#[tokio::test]
async fn where_bondhu_was_it_finds_nothing() {
    let (_db, mut owner) = portable::with_both().await;
    execute(
        &mut owner,
        "select bondhu.uninstall('delete all that Bondhu has stored')",
    )
    .await;
    assert_eq!(refusal(&mut owner).await, None);
}
