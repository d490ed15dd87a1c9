//! Five hundred short histories of several people and sessions, with everything that may
//! happen to messages, also across days; and connections that get into each other's way.

use std::fmt::Write as _;

use bondhu_dev::testing::{Database, Role};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::recount::{differences, sqlstate};

const SEQUENCES: u64 = 500;
/// People whose figures are recounted together: one recount costs more than one sequence.
const AT_ONCE: u64 = 10;

const TEXTS: [&str; 10] = [
    "i am so happy today",
    "thank you so much",
    "this is terrible, i hate it",
    "i want to kill myself",
    "so lonely tonight",
    "ok",
    "why does it rain?",
    "i'm exhausted",
    "mon ta khub kharap",
    "i love you",
];

/// People, their sessions, and what was done so far, for the report of a failure.
struct Story {
    random: StdRng,
    users: Vec<Uuid>,
    sessions: Vec<Uuid>,
    told: String,
}

impl Story {
    async fn begin(seed: u64, db: &Database, owner: &mut PgConnection) -> Self {
        let users = vec![db.user().await, db.user().await];
        let mut sessions = Vec::new();
        for user in &users {
            let session = Uuid::new_v4();
            sqlx::query("insert into public.user_sessions (user_id, id, device_id) values ($1, $2, 'phone')")
                .bind(user)
                .bind(session)
                .execute(&mut *owner)
                .await
                .unwrap();
            sessions.push(session);
        }
        Self {
            random: StdRng::seed_from_u64(seed),
            users,
            sessions,
            told: format!("seed {seed}"),
        }
    }

    fn any(&mut self, below: usize) -> usize {
        self.random.random_range(0..below)
    }

    fn text(&mut self) -> &'static str {
        let text = self.any(TEXTS.len());
        TEXTS[text]
    }

    /// Within the windows, about their edges, and far back.
    fn age(&mut self) -> String {
        match self.any(6) {
            0 => "0".into(),
            1 => format!("{} minutes", self.any(2_900)),
            2 => "24:00:00".into(),
            3 => "47:59:59.990".into(),
            4 => format!("{} hours", self.any(80)),
            _ => format!("{} days", self.any(200)),
        }
    }

    /// A statement of an operation, put together: there is nobody to protect from here.
    fn statement(&mut self) -> String {
        let (which, whose, offset) = (self.any(14), self.any(self.users.len()), self.any(4));
        let (user, session) = (self.users[whose], self.sessions[whose]);
        let other = self.users[(whose + 1) % self.users.len()];
        let (text, age) = (self.text(), self.age());
        let text = text.replace('\'', "''");
        let one = format!(
            "user_id = '{user}' and id = (select id from public.chat_messages where user_id = '{user}'
             order by created_at desc, seq offset {offset} limit 1)"
        );
        match which {
            0..=2 => format!(
                "insert into public.chat_messages (user_id, session_id, message_text, created_at)
                 values ('{user}', (select id from public.user_sessions where id = '{session}'), '{text}', now() - interval '{age}')"
            ),
            3 => format!(
                "insert into public.chat_messages (user_id, message_text, created_at)
                 select u, '{text}', now() - n * interval '{age}'
                 from unnest('{{{user},{other}}}'::uuid[]) u, generate_series(0, 3) n"
            ),
            4 => format!(
                "insert into public.chat_messages (user_id, sender_type, message_text) values ('{user}', 'ai', '{text}')"
            ),
            5 | 6 => format!("update public.chat_messages set message_text = '{text}' where {one}"),
            7 => format!("update public.chat_messages set message_text = '{text}' where user_id = '{user}'"),
            8 => format!("delete from public.chat_messages where {one}"),
            9 => format!(
                "delete from public.chat_messages where user_id = '{user}' and created_at < now() - interval '{age}'"
            ),
            10 => format!("update public.chat_messages set user_id = '{other}', session_id = null where {one}"),
            11 => format!(
                "update public.chat_messages
                 set sender_type = case sender_type when 'ai' then 'user' else 'ai' end where {one}"
            ),
            12 => format!("update public.chat_messages set session_id = null where user_id = '{user}'"),
            _ => format!("delete from public.user_sessions where id = '{session}'"),
        }
    }

    async fn run(&mut self, connection: &mut PgConnection, statement: &str) {
        let _ = write!(self.told, "\n{statement};");
        sqlx::raw_sql(statement)
            .execute(connection)
            .await
            .unwrap_or_else(|error| panic!("{error}\n{}", self.told));
    }

    /// A transaction of one to three operations, whole, undone, or undone in part.
    async fn transaction(&mut self, owner: &mut PgConnection) {
        let mut transaction = owner.begin().await.unwrap();
        for _ in 0..=self.any(2) {
            let statement = self.statement();
            match self.any(6) {
                0 => {
                    self.run(&mut transaction, "savepoint before").await;
                    self.run(&mut transaction, &statement).await;
                    self.run(&mut transaction, "rollback to savepoint before")
                        .await;
                }
                1 => {
                    self.run(&mut transaction, "savepoint before").await;
                    self.run(&mut transaction, &statement).await;
                    self.run(&mut transaction, "release savepoint before").await;
                }
                _ => self.run(&mut transaction, &statement).await,
            }
        }
        if self.any(6) == 0 {
            transaction.rollback().await.unwrap();
            self.told.push_str("\nrollback;");
        } else {
            transaction.commit().await.unwrap();
            self.told.push_str("\ncommit;");
        }
    }

    /// COPY, of rows of both people.
    async fn copy(&mut self, owner: &mut PgConnection) {
        let mut rows = String::new();
        for number in 0..6 {
            let (user, text) = (self.users[number % 2], self.text());
            let at = chrono::Utc::now() - chrono::TimeDelta::minutes(self.any(4_000) as i64);
            let _ = writeln!(rows, "{user}\t{text}\t{}", at.to_rfc3339());
        }
        let _ = write!(self.told, "\ncopy:\n{rows}");
        let mut copy = owner
            .copy_in_raw("copy public.chat_messages (user_id, message_text, created_at) from stdin")
            .await
            .unwrap();
        copy.send(rows.as_bytes()).await.unwrap();
        copy.finish().await.unwrap();
    }

    /// Some days pass: everything stored is that much older. Whole days, so that buckets and the
    /// weights of days move along.
    async fn pass_days(&mut self, owner: &mut PgConnection) {
        let days = 1 + self.any(3);
        let users = format!("user_id in ('{}', '{}')", self.users[0], self.users[1]);
        let by = format!("interval '{days} days'");
        for statement in [
            "set session_replication_role = replica".to_owned(),
            format!("update public.chat_messages set created_at = created_at - {by} where {users}"),
            // By way of another century: rows of neighbouring days must not meet.
            format!(
                "update public.sentiment_buckets set bucket_start = bucket_start - interval '36500 days' where {users}"
            ),
            format!(
                "update public.sentiment_buckets set bucket_start = bucket_start + interval '36500 days' - {by} where {users}"
            ),
            format!("update bondhu.safety_events set written_at = written_at - {by} where {users}"),
            format!(
                "update public.personality_profiles set as_of = as_of - {by}, window_oldest = window_oldest - {by},
                   previous_oldest = previous_oldest - {by}, last_crisis_at = last_crisis_at - {by},
                   window_latest = (select array_agg(at - {by} order by n) from unnest(window_latest) with ordinality l (at, n))
                 where {users}"
            ),
            "set session_replication_role = origin".to_owned(),
        ] {
            self.run(owner, &statement).await;
        }
    }
}

async fn verified(connection: &mut PgConnection, users: &[Uuid]) -> Vec<String> {
    let mut wrong = differences(connection, users).await;
    wrong.extend(
        sqlx::query_scalar::<_, String>(
            "select v::text from unnest($1::uuid[]) u cross join lateral bondhu.verify(u) v
             union all
             select 'history without evidence: ' || h.id from public.personality_history h
             where h.user_id = any ($1) and not exists (
               select from public.personality_history_evidence e where e.user_id = h.user_id and e.history_id = h.id)",
        )
        .bind(users)
        .fetch_all(connection)
        .await
        .unwrap(),
    );
    wrong
}

#[tokio::test]
async fn whatever_happens_to_messages_the_figures_are_those_of_a_recount() {
    let db = Database::create().await;
    let mut owner = db.connect(Role::Superuser).await;
    let (mut users, mut stories) = (Vec::new(), Vec::new());
    for seed in 1..=SEQUENCES {
        let mut story = Story::begin(seed, &db, &mut owner).await;
        for _ in 0..4 + story.any(8) {
            match story.any(12) {
                0 => story.copy(&mut owner).await,
                1 => story.pass_days(&mut owner).await,
                _ => story.transaction(&mut owner).await,
            }
        }
        users.extend_from_slice(&story.users);
        stories.push(story.told);
        if seed % AT_ONCE == 0 {
            let wrong = verified(&mut owner, &users).await;
            assert!(wrong.is_empty(), "{wrong:#?}\n{}", stories.join("\n\n"));
            (users, stories) = (Vec::new(), Vec::new());
        }
    }
}

const CONNECTIONS: usize = 8;
const STATEMENTS: usize = 40;

/// Single statements of one connection, over everybody in an order of its own.
async fn write_alone(db: &Database, users: &[Uuid], seed: u64) {
    let mut owner = db.connect(Role::Owner).await;
    let mut random = StdRng::seed_from_u64(seed);
    for number in 0..STATEMENTS {
        let mut order = users.to_vec();
        for index in (1..order.len()).rev() {
            order.swap(index, random.random_range(0..=index));
        }
        let sql = match number % 8 {
            0..=3 => {
                "insert into public.chat_messages (user_id, message_text)
                 select u, $2 from unnest($1::uuid[]) with ordinality t (u, n) order by n"
            }
            4 | 5 => {
                "insert into public.chat_messages (user_id, message_text) select ($1::uuid[])[1], $2"
            }
            6 => {
                "update public.chat_messages set message_text = $2
                 where (user_id, id) in (
                   select user_id, id from public.chat_messages where user_id = ($1::uuid[])[1]
                   order by seq limit 1 for update skip locked)"
            }
            _ => {
                "delete from public.chat_messages
                 where $2::text is not null and (user_id, id) in (
                   select user_id, id from public.chat_messages where user_id = ($1::uuid[])[1]
                   order by seq limit 1 for update skip locked)"
            }
        };
        sqlx::query(sql)
            .bind(&order)
            .bind(TEXTS[random.random_range(0..TEXTS.len())])
            .execute(&mut owner)
            .await
            .unwrap_or_else(|error| panic!("connection {seed}, statement {number}: {error}"));
    }
}

#[tokio::test]
async fn single_statements_of_many_connections_never_deadlock_and_lose_nothing() {
    let db = Database::create().await;
    for people in [1, 12] {
        let mut users = Vec::new();
        for _ in 0..people {
            users.push(db.user().await);
        }
        let writers = (0..CONNECTIONS as u64).map(|seed| write_alone(&db, &users, seed));
        futures::future::join_all(writers).await;
        let mut owner = db.connect(Role::Owner).await;
        assert_eq!(
            verified(&mut owner, &users).await,
            Vec::<String>::new(),
            "{people} people"
        );
    }
}

const TOGETHER: usize = 15;

/// Transactions over two people in turn, retried when they are refused; how often they were.
async fn write_together(db: &Database, users: &[Uuid], isolation: &str, turn: usize) -> usize {
    let mut owner = db.connect(Role::Superuser).await;
    sqlx::raw_sql("set deadlock_timeout = '10ms'")
        .execute(&mut owner)
        .await
        .unwrap();
    let mut refused = 0;
    for number in 0..TOGETHER {
        loop {
            match transact(&mut owner, users, isolation, turn + number).await {
                Ok(()) => break,
                Err(error) => {
                    let state = sqlstate(&error);
                    assert!(["40001", "40P01"].contains(&state.as_str()), "{error}");
                    refused += 1;
                }
            }
        }
    }
    refused
}

async fn transact(
    owner: &mut PgConnection,
    users: &[Uuid],
    isolation: &str,
    turn: usize,
) -> sqlx::Result<()> {
    let mut transaction = owner.begin().await?;
    sqlx::raw_sql(&format!("set transaction isolation level {isolation}"))
        .execute(&mut *transaction)
        .await?;
    for step in 0..users.len() {
        sqlx::query("insert into public.chat_messages (user_id, message_text) values ($1, $2)")
            .bind(users[(turn + step) % users.len()])
            .bind(TEXTS[(turn + step) % TEXTS.len()])
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await
}

#[tokio::test]
async fn transactions_in_each_others_way_are_refused_retriably_and_lose_nothing() {
    let db = Database::create().await;
    for isolation in ["read committed", "repeatable read", "serializable"] {
        let users = [db.user().await, db.user().await];
        let writers = (0..4).map(|turn| write_together(&db, &users, isolation, turn));
        futures::future::join_all(writers).await;
        let mut owner = db.connect(Role::Owner).await;
        assert_eq!(
            verified(&mut owner, &users).await,
            Vec::<String>::new(),
            "{isolation}"
        );
        let stored: i64 = sqlx::query_scalar(
            "select count(*) from public.chat_messages where user_id = any ($1)",
        )
        .bind(&users[..])
        .fetch_one(&mut owner)
        .await
        .unwrap();
        assert_eq!(stored, (4 * TOGETHER * 2) as i64, "{isolation}");
    }
}

#[tokio::test]
async fn verify_finds_any_stored_figure_that_was_tampered_with() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    for text in TEXTS {
        sqlx::query("insert into public.chat_messages (user_id, message_text) values ($1, $2)")
            .bind(user)
            .bind(text)
            .execute(&mut owner)
            .await
            .unwrap();
    }
    // What is of the log, or says which row it is, is no figure.
    let columns: Vec<(String, String, String)> = sqlx::query_as(
        "select c.table_name::text, c.column_name::text, c.data_type::text from information_schema.columns c
         where c.table_schema = 'public' and c.table_name in ('personality_profiles', 'sentiment_buckets')
           and c.column_name not in ('user_id', 'landmark_traits', 'landmark_style', 'wellness_until')",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert!(columns.len() > 45, "{columns:?}");
    for (table, column, kind) in columns {
        let other = match kind.as_str() {
            "boolean" => format!("not {column}"),
            "text" => format!("coalesce({column}, '') || 'x'"),
            "ARRAY" => format!("{column}[2:] || {column}[2]"),
            "timestamp with time zone" => {
                format!("coalesce({column}, now()) - interval '15 minutes'")
            }
            _ => format!("coalesce({column}, 0) + 1"),
        };
        let mut transaction = owner.begin().await.unwrap();
        sqlx::raw_sql(&format!(
            "update public.{table} set {column} = {other} where user_id = '{user}'"
        ))
        .execute(&mut *transaction)
        .await
        .unwrap_or_else(|error| panic!("{table}.{column}: {error}"));
        let found: i64 = sqlx::query_scalar("select count(*) from bondhu.verify($1)")
            .bind(user)
            .fetch_one(&mut *transaction)
            .await
            .unwrap();
        assert!(found > 0, "{table}.{column}");
        transaction.rollback().await.unwrap();
    }
}
