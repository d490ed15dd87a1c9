//! Two engines in one database: what either keeps of the same random history is the same, row by row.
//!
//! Each history happens twice in each transaction, so that both see one now(): to users whose
//! messages the native engine folds, and to as many whose messages the portable one does.

mod compared;
mod history;

use std::fmt::Write as _;

use bondhu_stack::data_api::assume;
use bondhu_stack::template;
use bondhu_stack::testing::{Database, Role, execute};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::portable::with_both;
use crate::sequences::pass;
use compared::{answers, assert_same, stored_rows};
use history::{ENGINES, History, USERS};

/// Histories in a test run. `HISTORIES=250 cargo test -p bondhu-conformance engines` plays more.
const HISTORIES: u64 = 16;

/// Names the histories to play.
const PLAYED: &str = "HISTORIES";

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
         -- They call the engine that is attached.
         alter table public.assessments disable trigger user;
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

impl History {
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
        let rows = [
            stored_rows(connection, &self.users[0], self.several).await?,
            stored_rows(connection, &self.users[1], self.several).await?,
        ];
        assert_same(&rows[0], &rows[1], &self.log);
        let answers = [
            answers(connection, ENGINES[0], &self.users[0]).await?,
            answers(connection, ENGINES[1], &self.users[1]).await?,
        ];
        assert_same(&answers[0], &answers[1], &self.log);
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
            sqlx::raw_sql(&pass(&all, &shift))
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
    // Once attached its schema is open to the roles that call it.
    if template::is_portable() {
        return;
    }
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
