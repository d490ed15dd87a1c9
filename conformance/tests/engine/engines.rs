//! Two engines in one database: what either keeps of the same random history is the same, row by row.
//!
//! Each history happens twice in each transaction, so that both see one now(): to users whose
//! messages the native engine folds, and to as many whose messages the portable one does.

use std::fmt::Write as _;

use bondhu_stack::data_api::assume;
use bondhu_stack::testing::{Database, Role, execute};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::portable::with_both;
use crate::sequences::{TEXTS, pass};

/// Histories in a test run. `HISTORIES=250 cargo test -p bondhu-conformance engines` plays more.
const HISTORIES: u64 = 16;

/// Names the histories to play.
const PLAYED: &str = "HISTORIES";

const ENGINES: [&str; 2] = ["native", "portable"];
const USERS: usize = 3;

/// Both engines, the portable one not yet attached: its triggers are there and disabled.
async fn with_both_engines() -> (Database, PgConnection) {
    let (db, mut owner) = with_both().await;
    execute(
        &mut owner,
        "create trigger portable_score before insert or update of message_text, sender_type on public.chat_messages
           for each row execute function bondhu_portable.score_message();
         create trigger portable_inserted after insert on public.chat_messages
           referencing new table as new_messages for each statement execute function bondhu_portable.fold_messages();
         create trigger portable_updated after update on public.chat_messages
           referencing old table as old_messages new table as new_messages
           for each statement execute function bondhu_portable.fold_messages();
         create trigger portable_deleted after delete on public.chat_messages
           referencing old table as old_messages for each statement execute function bondhu_portable.fold_messages();
         alter table public.chat_messages disable trigger portable_score;
         alter table public.chat_messages disable trigger portable_inserted;
         alter table public.chat_messages disable trigger portable_updated;
         alter table public.chat_messages disable trigger portable_deleted;",
    )
    .await;
    (db, owner)
}

/// Lets one engine, and no other, see what happens to messages.
async fn attach(connection: &mut PgConnection, engine: usize) -> sqlx::Result<()> {
    let mut sql = String::from("reset role;");
    let triggers = [
        [
            "bondhu_score_message",
            "bondhu_fold_inserted",
            "bondhu_fold_updated",
            "bondhu_fold_deleted",
        ],
        [
            "portable_score",
            "portable_inserted",
            "portable_updated",
            "portable_deleted",
        ],
    ];
    for (number, names) in triggers.iter().enumerate() {
        let action = if number == engine {
            "enable"
        } else {
            "disable"
        };
        for name in names {
            write!(
                sql,
                "alter table public.chat_messages {action} trigger {name};"
            )
            .unwrap();
        }
    }
    sqlx::raw_sql(&sql).execute(connection).await.map(drop)
}

struct History {
    random: StdRng,
    /// The users of either engine, in the same order.
    users: [Vec<Uuid>; 2],
    /// Whether statements have several commands. Which of them records a change is the engine's own,
    /// and the log outside the law: then it is not compared.
    several: bool,
    log: String,
    steps: usize,
}

impl History {
    fn text(&mut self) -> &'static str {
        TEXTS[self.random.random_range(0..TEXTS.len())]
    }

    fn user(&mut self) -> String {
        format!("$u{}", self.random.random_range(0..USERS))
    }

    fn ago(&mut self) -> String {
        let minutes = match self.random.random_range(0..8) {
            0 | 1 => self.random.random_range(0..20),
            2 | 3 => self.random.random_range(0..1_500),
            4 => self.random.random_range(0..3_000),
            // The edges of the windows.
            5 => 1_440 * self.random.random_range(1..3),
            6 => 60 * self.random.random_range(0..200),
            _ => 1_440 * self.random.random_range(0..200),
        };
        format!("now() - interval '{minutes} minutes'")
    }

    fn row(&mut self) -> String {
        let (user, text, at) = (self.user(), self.text(), self.ago());
        let id = Uuid::from_u128(self.random.random());
        format!("('{user}', '{id}', '{text}', {at})")
    }

    fn rows(&mut self, most: usize) -> String {
        let rows: Vec<_> = (0..self.random.random_range(1..most))
            .map(|_| self.row())
            .collect();
        rows.join(", ")
    }

    /// Who does what. `$u0`, `$u1`, … stand for the users of either engine, `$engine` for its name.
    fn operation(&mut self) -> (&'static str, String) {
        let (user, other, text, at) = (self.user(), self.user(), self.text(), self.ago());
        let id = Uuid::from_u128(self.random.random());
        let number = self.random.random_range(0..5);
        let messages = "public.chat_messages";
        let into = format!("insert into {messages} (user_id, id, message_text, created_at) values");
        let one = format!(
            "where user_id = '{user}' and id = (select id from {messages}
               where user_id = '{user}' order by created_at desc, id offset {number} limit 1)"
        );
        match self.random.random_range(0..100) {
            0..16 => (
                "authenticated",
                format!("insert into {messages} (user_id, id, message_text) values ('$u0', '{id}', '{text}')"),
            ),
            16..30 => ("service_role", format!("{into} {}", self.row())),
            30..40 => ("service_role", format!("{into} {}", self.rows(9))),
            // As `copy` would: one statement, whole.
            40..43 => ("postgres", format!("{into} {}", self.rows(60))),
            43..51 => (
                "postgres",
                format!("update {messages} set message_text = '{text}' {one}"),
            ),
            51..58 => ("postgres", format!("delete from {messages} {one}")),
            58..61 => (
                "service_role",
                format!(
                    "delete from {messages} where user_id in ('{user}', '{other}')
                       and ('x' || right(id::text, 1))::bit(4)::integer % 3 = {}",
                    number % 3
                ),
            ),
            61..65 => (
                "service_role",
                format!(
                    "update {messages} set sender_type = case sender_type when 'ai' then 'user' else 'ai' end {one}"
                ),
            ),
            65..69 => (
                "service_role",
                format!("update {messages} set user_id = '{other}', session_id = null {one}"),
            ),
            69..73 => (
                "postgres",
                format!("update {messages} set created_at = {at} {one}"),
            ),
            73..75 => (
                "postgres",
                format!("update {messages} set session_id = null where user_id = '{user}'"),
            ),
            75..79 if self.several => (
                "postgres",
                format!(
                    "with gone as (delete from {messages} {one} returning id)
                     insert into {messages} (user_id, id, message_text, created_at)
                     select '{user}', m.id, '{text}', {at}
                     from ((select id from {messages} where user_id = '{user}' and id not in (select id from gone)
                            order by id limit {number})
                           union all select '{id}'::uuid) m
                     on conflict (user_id, id) do update set message_text = excluded.message_text"
                ),
            ),
            75..84 => (
                "service_role",
                format!(
                    "insert into {messages} (user_id, id, sender_type, message_text) values ('{user}', '{id}', 'ai', '{text}')"
                ),
            ),
            84..89 => (
                "postgres",
                format!("select bondhu_$engine.refresh(array['{user}', null, '{other}']::uuid[])"),
            ),
            89..92 => (
                "postgres",
                format!("select bondhu_$engine.recompute('{user}')"),
            ),
            92..95 => (
                "postgres",
                format!("select bondhu.record_wellness_of('{user}') from public.personality_profiles where user_id = '{user}'"),
            ),
            95..97 => {
                let zone = ["Asia/Kathmandu", "America/St_Johns", "Pacific/Kiritimati", "Europe/Berlin"]
                    [number % 4];
                (
                    "postgres",
                    format!("update public.companion_profiles set time_zone = '{zone}' where user_id = '{user}'"),
                )
            }
            97 => ("postgres", format!("delete from bondhu.safety_events where user_id = '{user}'")),
            _ => ("postgres", format!("truncate {messages}")),
        }
    }

    fn rendered(&self, operation: &str, engine: usize) -> String {
        let mut sql = operation.replace("$engine", ENGINES[engine]);
        for (number, user) in self.users[engine].iter().enumerate() {
            sql = sql.replace(&format!("$u{number}"), &user.to_string());
        }
        sql
    }

    async fn step(&mut self, connection: &mut PgConnection) -> sqlx::Result<()> {
        let (role, operation) = self.operation();
        writeln!(self.log, "-- as {role}\n{operation};").unwrap();
        self.steps += 1;
        for engine in 0..ENGINES.len() {
            attach(connection, engine).await?;
            assume(connection, role, Some(self.users[engine][0])).await?;
            sqlx::raw_sql(&self.rendered(&operation, engine))
                .execute(&mut *connection)
                .await?;
        }
        sqlx::raw_sql("reset role")
            .execute(&mut *connection)
            .await?;
        let kept = [
            kept(connection, &self.users[0], self.several).await?,
            kept(connection, &self.users[1], self.several).await?,
        ];
        assert_same(&kept[0], &kept[1], &self.log);
        let said = [
            said(connection, ENGINES[0], &self.users[0]).await?,
            said(connection, ENGINES[1], &self.users[1]).await?,
        ];
        assert_same(&said[0], &said[1], &self.log);
        Ok(())
    }

    /// One transaction.
    async fn transaction(&mut self, connection: &mut PgConnection) -> sqlx::Result<()> {
        if self.random.random_bool(0.25) {
            let all = self.users.concat();
            let shift = if self.random.random_bool(0.5) {
                format!("{} days", [1, 1, 2, 30][self.random.random_range(0..4)])
            } else {
                format!("{} minutes", self.random.random_range(1..60) * 15)
            };
            writeln!(self.log, "-- {shift} pass").unwrap();
            let forget = "update public.personality_profiles set wellness_until = null where true;
                          delete from public.wellness_days where true";
            sqlx::raw_sql(&format!("{}; {forget}", pass(&all, &shift)))
                .execute(connection)
                .await?;
            return Ok(());
        }
        let mut transaction = connection.begin().await?;
        self.log.push_str("begin;\n");
        for _ in 0..self.random.random_range(1..4) {
            if self.random.random_bool(0.2) {
                self.log.push_str("savepoint s;\n");
                let mut savepoint = (*transaction).begin().await?;
                self.step(&mut savepoint).await?;
                if self.random.random_bool(0.5) {
                    self.log.push_str("rollback to s;\n");
                    savepoint.rollback().await?;
                } else {
                    savepoint.commit().await?;
                }
            } else {
                self.step(&mut transaction).await?;
            }
        }
        self.log.push_str("commit;\n");
        transaction.commit().await
    }
}

fn assert_same(native: &[Value], portable: &[Value], log: &str) {
    for (a, b) in native.iter().zip(portable) {
        assert_eq!(a, b, "native, portable, after\n{log}");
    }
    assert_eq!(
        native.len(),
        portable.len(),
        "native, portable, after\n{log}"
    );
}

/// Every row about `users` that is derived, with the users' numbers in place of their ids.
async fn kept(
    connection: &mut PgConnection,
    users: &[Uuid],
    without_log: bool,
) -> sqlx::Result<Vec<Value>> {
    sqlx::query_scalar(
        "with u as (select id, n from unnest($1::uuid[]) with ordinality x (id, n))
         select row from (
           select n, 1 as part, m.id::text as name, to_jsonb(m) - '{user_id,seq,updated_at}'::text[] as row
           from u join public.chat_messages m on m.user_id = u.id
           union all
           select n, 2, '', to_jsonb(p) - 'user_id' - case when $2 then '{landmark_traits,landmark_style}'::text[] else '{}' end from u join public.personality_profiles p on p.user_id = u.id
           union all
           select n, 3, b.bucket_start::text, to_jsonb(b) - 'user_id' from u join public.sentiment_buckets b on b.user_id = u.id
           union all
           select n, 4, concat(h.changed_at, h.before, h.after, h.window_end, h.evidence), to_jsonb(h)
           from u cross join lateral (
             select h.changed_at, h.before, h.after, h.window_start, h.window_end, h.message_count, (
               select array_agg(concat(e.message_id, ' ', e.weight) order by e.message_id)
               from public.personality_history_evidence e where e.user_id = h.user_id and e.history_id = h.id) as evidence
             from public.personality_history h where h.user_id = u.id and not $2
           ) h
           union all
           select n, 5, e.message_id::text, to_jsonb(e) - 'user_id' from u join bondhu.safety_events e on e.user_id = u.id
           union all
           select n, 6, w.day::text, to_jsonb(w) - 'user_id' from u join public.wellness_days w on w.user_id = u.id
         ) rows
         order by n, part, name",
    )
    .bind(users)
    .bind(without_log)
    .fetch_all(connection)
    .await
}

/// What an engine answers about `users`.
async fn said(
    connection: &mut PgConnection,
    engine: &str,
    users: &[Uuid],
) -> sqlx::Result<Vec<Value>> {
    let sql = format!(
        "with u as (select id, n from unnest($1::uuid[]) with ordinality x (id, n)),
           t as (select now() + hours * interval '1 hour' as t
                 from unnest(array[-5, 0, 3, 23, 25, 49, 700, 4400]) hours)
         select row from (
           select t.t, n, 1 as part, '' as name, (to_jsonb(p) - 'user_id') || jsonb_build_object(
             'digits', concat_ws(' ', p.openness, p.neuroticism, p.trait_confidence, p.mean_sentiment, p.sentiment_volatility)) as row
           from t cross join bondhu_{engine}.personality(array(select id from u order by n), t.t) p join u on u.id = p.user_id
           union all
           select t.t, n, 2, '', (to_jsonb(p) - 'user_id') || jsonb_build_object('digits', (p.hour_means, p.weekday_means, p.inertia)::text)
           from t cross join bondhu_{engine}.patterns(array(select id from u order by n), t.t) p join u on u.id = p.user_id
           union all
           select null, n, 3, w.day::text, to_jsonb(w) || jsonb_build_object('digits', w::text)
           from u cross join lateral bondhu_{engine}.wellness(u.id, now()::date - 40, now()::date + 2) w
           union all
           select null, n, 4, '', to_jsonb(v) - 'user_id' || jsonb_build_object('n', n)
           from bondhu_{engine}.verify(array(select id from u order by n)) v join u on u.id = v.user_id
         ) rows
         order by t, n, part, name, row"
    );
    sqlx::query_scalar(&sql)
        .bind(users)
        .fetch_all(connection)
        .await
}

async fn play(seeds: std::ops::Range<u64>) {
    let (db, _owner) = with_both_engines().await;
    let mut superuser = db.connect(Role::Superuser).await;
    let mut steps = 0;
    for seed in seeds.clone() {
        if seed % 8 == 0 {
            let hours = [24, 72, 30, 168][usize::try_from(seed / 8).unwrap() % 4];
            let least = [5, 2, 3][usize::try_from(seed / 8).unwrap() % 3];
            execute(
                &mut superuser,
                &format!(
                    "update bondhu.settings set window_hours = {hours}, min_messages = {least}"
                ),
            )
            .await;
        }
        let users = || -> Vec<Uuid> { (0..USERS).map(|_| Uuid::new_v4()).collect() };
        let users = [users(), users()];
        sqlx::query("insert into auth.users (id, email) select u, u || '@example.org' from unnest($1::uuid[]) u")
            .bind(users.concat())
            .execute(&mut superuser)
            .await
            .unwrap();
        let mut history = History {
            random: StdRng::seed_from_u64(seed),
            users,
            several: seed % 4 == 3,
            log: String::new(),
            steps: 0,
        };
        let most = history.random.random_range(10..30);
        while history.steps < most {
            if let Err(error) = history.transaction(&mut superuser).await {
                panic!("seed {seed}: {error}\n{}", history.log);
            }
        }
        steps += history.steps;
    }
    println!("{} histories, {steps} steps", seeds.end - seeds.start);
}

#[tokio::test]
async fn both_engines_keep_and_say_the_same_of_random_histories() {
    let played = std::env::var(PLAYED).map_or(HISTORIES, |number| number.parse().unwrap());
    play(0..played).await;
}

#[tokio::test]
async fn the_portable_engine_is_closed_to_clients_and_stays_on_its_table() {
    let (_db, mut owner) = with_both_engines().await;
    let open: Vec<String> = sqlx::query_scalar(
        "select p.oid::regprocedure || ' to ' || r.rolname
         from pg_proc p
         cross join pg_roles r
         where p.pronamespace = 'bondhu_portable'::regnamespace
           and r.rolname in ('anon', 'authenticated', 'service_role', 'bondhu_worker')
           and (has_function_privilege(r.oid, p.oid, 'execute')
             or has_schema_privilege(r.oid, p.pronamespace, 'usage'))",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert!(open.is_empty(), "{open:#?}");

    for (sql, code) in [
        (
            "create table public.elsewhere (id integer);
             create trigger fold after insert on public.elsewhere referencing new table as new_messages
               for each statement execute function bondhu_portable.fold_messages();
             insert into public.elsewhere values (1)",
            "39P01",
        ),
        (
            "create trigger astray before delete on public.chat_messages
               for each statement execute function bondhu_portable.score_message();
             delete from public.chat_messages where false",
            "39P01",
        ),
    ] {
        let mut transaction = owner.begin().await.unwrap();
        let error = sqlx::raw_sql(sql).execute(&mut *transaction).await.unwrap_err();
        let refusal = error.as_database_error().expect("a refusal");
        assert_eq!(refusal.code().as_deref(), Some(code), "{refusal}");
        transaction.rollback().await.unwrap();
    }
}
