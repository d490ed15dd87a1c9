//! People who chat while the import runs.

use std::time::Duration;

use anyhow::{Context, Result};
use sqlx::postgres::PgPool;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use bondhu_stack::data_api;

const BETWEEN_MESSAGES: Duration = Duration::from_millis(50);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A message, as its person knows it.
#[derive(Clone, Debug)]
pub(super) struct Spoken {
    pub(super) user: Uuid,
    pub(super) id: Uuid,
    pub(super) text: String,
}

impl Spoken {
    pub(super) fn new(user: Uuid, text: &str) -> Self {
        Self {
            user,
            id: Uuid::new_v4(),
            text: text.to_owned(),
        }
    }

    /// Sends it as its person, and again as long as statements lock each other out.
    pub(super) async fn send(&self, api: &PgPool) -> sqlx::Result<()> {
        loop {
            match self.try_to_send(api).await {
                Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("40P01") => {}
                sent => return sent,
            }
        }
    }

    async fn try_to_send(&self, api: &PgPool) -> sqlx::Result<()> {
        let mut request = data_api::as_user(api, self.user).await?;
        sqlx::query("insert into public.chat_messages (id, message_text) values ($1, $2)")
            .bind(self.id)
            .bind(&self.text)
            .execute(&mut *request)
            .await?;
        request.commit().await
    }
}

/// Two people who write by turns, as soon as they can.
#[derive(Debug)]
pub(super) struct Meanwhile {
    stop: CancellationToken,
    writing: JoinHandle<Result<Vec<Spoken>>>,
}

impl Meanwhile {
    pub(super) fn start(api: &PgPool, people: [Uuid; 2]) -> Self {
        let stop = CancellationToken::new();
        let writing = tokio::spawn(write(api.clone(), people, stop.clone()));
        Self { stop, writing }
    }

    /// What they wrote.
    pub(super) async fn end(self) -> Result<Vec<Spoken>> {
        self.stop.cancel();
        self.writing.await?
    }
}

async fn write(api: PgPool, people: [Uuid; 2], stop: CancellationToken) -> Result<Vec<Spoken>> {
    let mut spoken = Vec::new();
    while !stop.is_cancelled() {
        if spoken.is_empty() && !has_bondhu(&api).await? {
            tokio::time::sleep(LOOK_EVERY).await;
            continue;
        }
        let text = format!("I am so happy, and this is message {}", spoken.len());
        let message = Spoken::new(people[spoken.len() % 2], &text);
        message
            .send(&api)
            .await
            .with_context(|| format!("while the import ran: {text}"))?;
        spoken.push(message);
        tokio::time::sleep(BETWEEN_MESSAGES).await;
    }
    Ok(spoken)
}

/// Whether Bondhu's tables have taken the place of the app's.
async fn has_bondhu(api: &PgPool) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "select exists (select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
         where n.nspname = 'bondhu' and c.relname = 'settings')",
    )
    .fetch_one(api)
    .await
}
