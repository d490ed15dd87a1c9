//! Memories while everything that they rest on changes at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use bondhu_stack::data_api;
use bondhu_stack::testing::{Database, Role, execute};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use sqlx::postgres::PgArguments;
use sqlx::{Arguments as _, PgPool, Postgres, Row as _};
use uuid::Uuid;

const WRITERS: u64 = 6;
const STEPS: usize = 60;
/// Few, so that many say the same.
const TEXTS: [&str; 4] = ["Has a cat.", "Has a dog.", "Likes tea.", "Works in Dhaka."];

macro_rules! arguments {
    ($($value:expr),+) => {{
        let mut arguments = PgArguments::default();
        $(arguments.add($value).unwrap();)+
        arguments
    }};
}

struct Person {
    id: Uuid,
    api: PgPool,
}

impl Person {
    async fn as_user(&self, sql: &str) -> sqlx::Result<()> {
        let mut request = data_api::as_user(&self.api, self.id).await.unwrap();
        sqlx::query(sql).execute(&mut *request).await?;
        request.commit().await
    }

    /// What a function answers the service role.
    async fn as_service<T>(&self, sql: &str, arguments: PgArguments) -> sqlx::Result<T>
    where
        T: for<'r> sqlx::Decode<'r, Postgres> + sqlx::Type<Postgres> + Send + Unpin,
    {
        let mut request = data_api::as_service(&self.api).await.unwrap();
        let answer = sqlx::query_scalar_with(sql, arguments)
            .fetch_one(&mut *request)
            .await?;
        request.commit().await?;
        Ok(answer)
    }

    /// A message, and its reply.
    async fn exchange(&self, text: &str) -> sqlx::Result<()> {
        let id = Uuid::new_v4();
        self.as_user(&format!(
            "insert into chat_messages (id, message_text) values ('{id}', '{text}')"
        ))
        .await?;
        let claim: Value = self
            .as_service("select claim_reply($1, $2, 10)", arguments!(self.id, id))
            .await?;
        let lease = claim["lease"]
            .as_str()
            .and_then(|id| id.parse::<Uuid>().ok());
        let finish = "select finish_reply($1, $2, $3, 'I see.', 'p', 'm', 'stop', false, 1, 1)";
        let _: Value = self
            .as_service(finish, arguments!(self.id, id, lease))
            .await?;
        Ok(())
    }

    /// A pass that takes its time, and finds that every new message says the same.
    async fn pass(&self, text: &str) -> sqlx::Result<()> {
        let task: Option<Value> = self
            .as_service("select memory_task($1)", arguments!(self.id))
            .await?;
        let Some(task) = task else { return Ok(()) };
        tokio::time::sleep(Duration::from_millis(3)).await;
        let new = task["messages"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|m| m["is_new"] == true);
        let looked: Vec<Value> = new
            .map(|m| json!({ "id": m["id"], "digest": m["digest"] }))
            .collect();
        let ids: Vec<&Value> = looked.iter().map(|m| &m["id"]).collect();
        let held = task["memories"].as_array().unwrap();
        let replaced = held
            .iter()
            .find(|memory| memory["memory_text"] != text)
            .map(|memory| &memory["id"]);
        let found = json!([{ "memory_text": text, "category": "other", "confidence": 0.9, "replaces": replaced, "message_ids": ids }]);
        let lease: Uuid = task["lease"].as_str().unwrap().parse().unwrap();
        let store = "select store_memories($1, $2, $3, $4, 10)";
        let _: i32 = self
            .as_service(store, arguments!(self.id, lease, json!(looked), found))
            .await?;
        Ok(())
    }

    async fn step(&self, random: &mut StdRng) -> sqlx::Result<()> {
        let text = TEXTS[random.random_range(0..TEXTS.len())];
        let some = "(select id from chat_messages where sender_type = 'user' order by md5(id::text || random()) limit 1)";
        match random.random_range(0..100) {
            0..30 => self.exchange(text).await?,
            30..60 => self.pass(text).await?,
            60..75 => {
                let edit = format!(
                    "update chat_messages set message_text = '{text} {}' where id = {some}",
                    random.random::<u32>()
                );
                self.as_user(&edit).await?;
            }
            75..88 => {
                self.as_user(&format!("delete from chat_messages where id = {some}"))
                    .await?;
            }
            88..97 => {
                self.as_user("delete from memories where id = (select id from memories order by md5(id::text || random()) limit 1)").await?;
            }
            _ => {
                self.as_user("select set_consent('memory', false, true)")
                    .await?;
                self.as_user("select set_consent('memory', true)").await?;
            }
        }
        Ok(())
    }
}

/// What somebody who comes too late is told, in the service's own words.
fn is_expected(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    matches!(code.as_deref(), Some("55000" | "P0002"))
}

async fn stirred(person: &Person, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..STEPS {
        if let Err(error) = person.step(&mut random).await {
            assert!(is_expected(&error), "{error:?}");
        }
    }
}

#[tokio::test]
async fn no_memory_is_left_without_a_message_and_nobody_deadlocks() {
    let database = Database::create().await;
    let mut owner = database.connect(Role::Owner).await;
    execute(
        &mut owner,
        "update bondhu.companion_settings set messages_per_minute = 1000, tokens_per_day = 1000000000",
    )
    .await;
    let person = Person {
        id: database.user().await,
        api: database.pool(Role::Authenticator).await,
    };
    futures::future::join_all((0..WRITERS).map(|seed| stirred(&person, seed))).await;

    let row = sqlx::query(
        "select
           (select count(*) from public.memories m where not exists (
              select from public.memory_evidence e where e.user_id = m.user_id and e.memory_id = m.id)) as without_evidence,
           (select count(*) from public.memory_evidence e where not exists (
              select from public.chat_messages m where m.user_id = e.user_id and m.id = e.message_id)) as without_message,
           (select count(*) from bondhu.memory_passes where lease is not null or reserved_tokens > 0) as under_way",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    let counts: [i64; 3] =
        ["without_evidence", "without_message", "under_way"].map(|name| row.get(name));
    assert_eq!(
        counts,
        [0, 0, 0],
        "memories without evidence, evidence without a message, passes under way"
    );
}

#[tokio::test]
async fn an_account_goes_while_its_memories_are_stored() {
    let database = Database::create().await;
    let auth = database.pool(Role::Superuser).await;
    for seed in 0..5 {
        let person = Person {
            id: database.user().await,
            api: database.pool(Role::Authenticator).await,
        };
        let talking = async {
            let mut random = StdRng::seed_from_u64(seed);
            for _ in 0..STEPS {
                if let Err(error) = person.step(&mut random).await {
                    let code = error.as_database_error().and_then(|error| error.code());
                    assert_ne!(code.as_deref(), Some("40P01"), "{error:?}");
                }
            }
        };
        let leaving = async {
            tokio::time::sleep(Duration::from_millis(80 + 20 * seed)).await;
            sqlx::query("delete from auth.users where id = $1")
                .bind(person.id)
                .execute(&auth)
                .await
                .unwrap();
        };
        tokio::join!(talking, leaving);
    }
}
