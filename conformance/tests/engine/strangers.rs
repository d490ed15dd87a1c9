//! What somebody tries who may only create databases: the extension is trusted, the tables are theirs.

use bondhu_stack::testing::{Database, Role, execute};
use sqlx::{Connection as _, PgConnection};
use url::Url;

use crate::recount::sqlstate;

const TABLE: &str = "create table public.chat_messages (
    user_id uuid default gen_random_uuid(), id uuid default gen_random_uuid(), seq bigint,
    created_at timestamptz default now(), sender_type text default 'user', message_text text,
    sentiment_score numeric(3, 2), mood_detected text, support_level text, engine_version integer,
    corrected_sentiment numeric(3, 2), corrected_mood text, counts boolean default true);";
const LEARNING: &str =
    "create schema bondhu; create table bondhu.people_not_learnt_from (user_id uuid primary key)";
const SCORE: &str =
    "create trigger score before insert or update on public.chat_messages for each row
     execute function bondhu_native.score_message();";
const INSERT: &str = "insert into public.chat_messages (message_text) values ('i am happy')";

/// A database of a role that may do nothing but create it, with the extension.
struct Stranger {
    db: Database,
    name: String,
    own: PgConnection,
}

impl Stranger {
    async fn create(encoding: &str) -> Self {
        Self::create_after("", encoding).await
    }

    /// The same, where something was done before the extension was created.
    async fn create_after(before: &str, encoding: &str) -> Self {
        let db = Database::create().await;
        let name = format!("{}_stranger", db.name());
        let mut admin = db.connect(Role::Superuser).await;
        for sql in [
            format!("create role {name} login createdb"),
            format!(
                "create database {name} owner {name} template template0 encoding '{encoding}' locale 'C'"
            ),
        ] {
            execute(&mut admin, &sql).await;
        }
        let mut url = Url::parse(&db.url(Role::Superuser)).unwrap();
        url.set_username(&name).unwrap();
        url.set_path(&name);
        let own = PgConnection::connect(url.as_str()).await.unwrap();
        let mut stranger = Self { db, name, own };
        execute(&mut stranger.own, before).await;
        execute(&mut stranger.own, "create extension bondhu").await;
        execute(&mut stranger.own, LEARNING).await;
        stranger
    }

    /// The SQLSTATE that a statement is refused with.
    async fn refused(&mut self, sql: &str) -> String {
        match sqlx::raw_sql(sql).execute(&mut self.own).await {
            Ok(_) => panic!("not refused: {sql}"),
            Err(error) => sqlstate(&error),
        }
    }

    async fn end(mut self) {
        let one: i32 = sqlx::query_scalar("select 1")
            .fetch_one(&mut self.own)
            .await
            .unwrap();
        assert_eq!(one, 1);
        drop(self.own);
        let mut admin = self.db.connect(Role::Superuser).await;
        for sql in [
            format!("drop database {} with (force)", self.name),
            format!("drop role {}", self.name),
        ] {
            execute(&mut admin, &sql).await;
        }
    }
}

/// Postgres runs the script of a trusted extension as a superuser, and looks for what it names in the
/// extension's schema too, which may be there before.
#[tokio::test]
async fn nothing_in_the_schema_is_run_when_the_extension_is_created() {
    let called = "language plpgsql as $$ begin raise exception 'called as %', current_user; end $$";
    let traps = [
        format!("create function bondhu_native.format(text, text, name) returns text {called}"),
        format!("create function bondhu_native.format(text, text, text) returns text {called}"),
        format!("create function bondhu_native.pg_get_userbyid(oid) returns name {called}"),
        format!("create function bondhu_native.equal(name, text) returns boolean {called}"),
        "create operator bondhu_native.= (leftarg = name, rightarg = text, function = bondhu_native.equal)"
            .to_owned(),
    ];
    let before = format!("create schema bondhu_native; {}", traps.join("; "));
    let mut stranger = Stranger::create_after(&before, "UTF8").await;
    let score: i64 = sqlx::query_scalar("select count(*) from bondhu_native.score('i am happy')")
        .fetch_one(&mut stranger.own)
        .await
        .unwrap();
    assert_eq!(score, 1);
    stranger.end().await;
}

#[tokio::test]
async fn a_text_that_is_a_number_is_refused() {
    let mut stranger = Stranger::create("UTF8").await;
    execute(&mut stranger.own, &format!("{TABLE}{SCORE}")).await;
    // What was found out about the table is found out anew whenever it changes.
    for (alter, insert, code) in [
        (
            "alter message_text type bigint using 7",
            "(message_text) values (4096)",
            Some("42804"),
        ),
        (
            "alter message_text type text",
            "(message_text) values ('i am happy')",
            None,
        ),
        (
            "alter mood_detected type bigint using 7",
            "(message_text) values ('i am happy')",
            Some("42804"),
        ),
        (
            "alter mood_detected type text",
            "(message_text) values ('i am happy')",
            None,
        ),
        (
            "alter sentiment_score type numeric(4, 1)",
            "(message_text) values ('i am happy')",
            Some("42804"),
        ),
        (
            "alter sentiment_score type numeric(3, 2)",
            "(message_text) values ('i am happy')",
            None,
        ),
        (
            "drop engine_version",
            "(message_text) values ('i am happy')",
            Some("55000"),
        ),
        (
            "add engine_version integer",
            "(message_text) values ('i am happy')",
            None,
        ),
        (
            "rename sender_type to sender",
            "(message_text) values ('i am happy')",
            Some("55000"),
        ),
    ] {
        execute(
            &mut stranger.own,
            &format!("alter table public.chat_messages {alter}"),
        )
        .await;
        let insert = format!("insert into public.chat_messages {insert}");
        match code {
            Some(code) => assert_eq!(stranger.refused(&insert).await, code, "{alter}"),
            None => execute(&mut stranger.own, &insert).await,
        }
    }
    stranger.end().await;
}

#[tokio::test]
async fn a_change_that_is_rolled_back_is_forgotten() {
    let mut stranger = Stranger::create("UTF8").await;
    execute(&mut stranger.own, &format!("{TABLE}{SCORE}{INSERT}")).await;
    execute(&mut stranger.own, "begin; savepoint a").await;
    execute(
        &mut stranger.own,
        "alter table public.chat_messages alter mood_detected type bigint using 7",
    )
    .await;
    execute(&mut stranger.own, "savepoint b").await;
    assert_eq!(stranger.refused(INSERT).await, "42804");
    execute(&mut stranger.own, "rollback to a").await;
    execute(&mut stranger.own, INSERT).await;
    execute(&mut stranger.own, "rollback").await;
    execute(&mut stranger.own, INSERT).await;
    stranger.end().await;
}

#[tokio::test]
async fn long_and_packed_texts_are_read_whole() {
    let mut stranger = Stranger::create("UTF8").await;
    execute(&mut stranger.own, &format!("{TABLE}{SCORE}")).await;
    for storage in ["plain", "extended", "external", "main"] {
        let sql = format!(
            "alter table public.chat_messages alter message_text set storage {storage};
             insert into public.chat_messages (message_text)
               select 'i am so happy ' || string_agg(md5(n::text), ' ') from generate_series(1, 150) n;
             insert into public.chat_messages (message_text) values ('i am so happy ' || repeat('ok ', 2000)), ('i am so happy');
             update public.chat_messages set message_text = message_text || ' today';
             update public.chat_messages set sender_type = sender_type, message_text = message_text;"
        );
        execute(&mut stranger.own, &sql).await;
    }
    let unscored: i64 =
        sqlx::query_scalar("select count(*) from public.chat_messages where mood_detected is null")
            .fetch_one(&mut stranger.own)
            .await
            .unwrap();
    assert_eq!(unscored, 0);
    stranger.end().await;
}

#[tokio::test]
async fn triggers_at_the_wrong_place_say_so() {
    let mut stranger = Stranger::create("UTF8").await;
    execute(&mut stranger.own, TABLE).await;
    for (trigger, code) in [
        (
            "after insert on public.chat_messages for each row execute function bondhu_native.score_message()",
            "39P01",
        ),
        (
            "before insert on public.chat_messages for each statement execute function bondhu_native.score_message()",
            "39P01",
        ),
        (
            "before insert on public.chat_messages for each row execute function bondhu_native.fold_messages()",
            "39P01",
        ),
        (
            "after insert on public.chat_messages for each row execute function bondhu_native.fold_messages()",
            "39P01",
        ),
        (
            "before insert on public.chat_messages for each statement execute function bondhu_native.fold_messages()",
            "39P01",
        ),
        // Without the rows of the statement.
        (
            "after insert on public.chat_messages for each statement execute function bondhu_native.fold_messages()",
            "39P01",
        ),
        (
            "after insert on public.chat_messages for each row when (new.seq is null) execute function bondhu_native.fold_messages()",
            "39P01",
        ),
    ] {
        execute(&mut stranger.own, &format!("create trigger a {trigger}")).await;
        assert_eq!(stranger.refused(INSERT).await, code, "{trigger}");
        execute(&mut stranger.own, "drop trigger a on public.chat_messages").await;
    }
    execute(
        &mut stranger.own,
        "create constraint trigger a after insert on public.chat_messages deferrable initially deferred
           for each row execute function bondhu_native.score_message()",
    )
    .await;
    assert_eq!(stranger.refused(INSERT).await, "39P01");
    execute(
        &mut stranger.own,
        "drop table public.chat_messages;
         create view public.chat_messages as select 'user' as sender_type, null::bigint as message_text;
         create trigger a instead of insert on public.chat_messages for each row execute function bondhu_native.score_message()",
    )
    .await;
    let into_view = "insert into public.chat_messages values ('user', 4096)";
    assert_eq!(stranger.refused(into_view).await, "39P01");
    stranger.end().await;
}

#[tokio::test]
async fn functions_called_by_hand_do_no_harm() {
    let mut stranger = Stranger::create("UTF8").await;
    for call in [
        "select bondhu_native.score_message()",
        "select bondhu_native.fold_messages()",
        "select * from bondhu_native.personality(array[null, gen_random_uuid()], 'infinity')",
        "select * from bondhu_native.patterns(array[[null, gen_random_uuid()]], '-infinity')",
        "select * from bondhu_native.wellness(gen_random_uuid(), '-infinity', 'infinity')",
        "select * from bondhu_native.verify(array[gen_random_uuid()])",
        "select bondhu_native.recompute(gen_random_uuid())",
        "select bondhu_native.refresh(array[gen_random_uuid()])",
    ] {
        stranger.refused(call).await;
    }
    for call in [
        "select bondhu_native.score(null), bondhu_native.explain(null), bondhu_native.refresh(null)",
        "select bondhu_native.score(''), bondhu_native.explain(''), bondhu_native.score(repeat('happy ', 100000))",
    ] {
        execute(&mut stranger.own, call).await;
    }
    stranger.end().await;
}

#[tokio::test]
async fn a_database_in_another_encoding_is_served_or_refused() {
    for encoding in ["SQL_ASCII", "LATIN1"] {
        let mut stranger = Stranger::create(encoding).await;
        execute(&mut stranger.own, &format!("{TABLE}{SCORE}{INSERT}")).await;
        stranger
            .refused("insert into public.chat_messages (message_text) values ('caf' || chr(233))")
            .await;
        execute(&mut stranger.own, INSERT).await;
        stranger.end().await;
    }
}

#[tokio::test]
async fn partitions_of_the_messages_are_refused_and_say_why() {
    let mut stranger = Stranger::create("UTF8").await;
    execute(
        &mut stranger.own,
        &format!(
            "{} create table public.part partition of public.chat_messages default; {SCORE}",
            TABLE.replace(");", ") partition by range (created_at);")
        ),
    )
    .await;
    assert_eq!(stranger.refused(INSERT).await, "0A000");
    stranger.end().await;
}
