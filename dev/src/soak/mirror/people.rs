//! The people who write and read during the soak, and what their reads show.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use anyhow::Result;
use futures::future::BoxFuture;
use rand::seq::SliceRandom as _;
use sqlx::PgPool;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::faults::Faults;
use super::seen::Seen;
use crate::rig::mirror::{MirrorRig, token};
use bondhu_stack::data_api;

const PEOPLE: usize = 12;

/// Between two actions of a person; there are [`PEOPLE`].
const PAUSE: Duration = Duration::from_millis(15);

/// A request that takes longer is given up: who asks is told nothing wrong by it.
const PATIENCE: Duration = Duration::from_secs(3);

/// Somebody who counts up in messages.
struct Person {
    id: Uuid,
    token: String,
    /// When each number was known to be committed; `None` while that is not known.
    committed: RwLock<Vec<Option<Instant>>>,
}

impl Person {
    fn numbers(&self) -> std::sync::RwLockReadGuard<'_, Vec<Option<Instant>>> {
        self.committed
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, number: usize, at: Option<Instant>) {
        let mut committed = self
            .committed
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        committed.resize(number + 1, None);
        committed[number] = at;
    }
}

/// Whoever acts holds it for reading; whoever takes it for writing finds everybody at rest.
pub(super) type Gate = Arc<tokio::sync::RwLock<()>>;

pub(super) struct People {
    everybody: Vec<Arc<Person>>,
    gate: Gate,
}

impl People {
    /// Half of them are here with a session, half are only ever read.
    pub(super) async fn sign_up(rig: &MirrorRig) -> Result<Self> {
        let database = rig.superuser()?;
        let mut people = Vec::new();
        for number in 0..PEOPLE {
            let id = Uuid::new_v4();
            sqlx::query("insert into auth.users (id, email) values ($1, $2)")
                .bind(id)
                .bind(format!("{id}@example.org"))
                .execute(&database)
                .await?;
            if number % 2 == 0 {
                sqlx::query(
                    "insert into public.user_sessions (user_id, device_id) values ($1, 'phone')",
                )
                .bind(id)
                .execute(&database)
                .await?;
            }
            people.push(Arc::new(Person {
                id,
                token: token(id)?,
                committed: RwLock::new(vec![None]),
            }));
        }
        Ok(Self {
            everybody: people,
            gate: Gate::default(),
        })
    }

    /// With which they can be stopped for a while.
    pub(super) fn gate(&self) -> Gate {
        Arc::clone(&self.gate)
    }

    /// Lets each of them write and read until `stop`.
    pub(super) fn act(
        self,
        faults: &Faults,
        seen: &Arc<Seen>,
        stop: &CancellationToken,
    ) -> Result<BoxFuture<'static, ()>> {
        let api = faults.rig().pool("authenticator", 8)?;
        let superuser = faults.rig().superuser()?;
        let mut acting = JoinSet::new();
        for person in self.everybody {
            let actor = Actor {
                person,
                api: api.clone(),
                superuser: superuser.clone(),
                http: bondhu_stack::http::client()?,
                workers: faults.workers(),
                seen: Arc::clone(seen),
                gate: Arc::clone(&self.gate),
            };
            let stop = stop.clone();
            acting.spawn(async move { stop.run_until_cancelled(actor.act()).await });
        }
        Ok(Box::pin(async move {
            while acting.join_next().await.is_some() {}
        }))
    }
}

struct Actor {
    person: Arc<Person>,
    api: PgPool,
    superuser: PgPool,
    http: reqwest::Client,
    workers: Arc<RwLock<Vec<String>>>,
    seen: Arc<Seen>,
    gate: Gate,
}

impl Actor {
    async fn act(self) {
        for number in 1.. {
            let _here = self.gate.read().await;
            let written = tokio::time::timeout(PATIENCE, self.write(number)).await;
            match written {
                Ok(Ok(position)) => {
                    self.person.put(number, Some(Instant::now()));
                    self.seen.wrote();
                    // With the position it has to be there.
                    if let Some((read, _)) = self.read(Some(&position)).await
                        && read < number
                    {
                        self.seen.lacked_what_was_asked_for();
                    }
                }
                _ => self.person.put(number, None),
            }
            tokio::time::sleep(PAUSE).await;
            if let Some((read, begun)) = self.read(None).await {
                let lacking = self
                    .person
                    .numbers()
                    .iter()
                    .skip(read + 1)
                    .flatten()
                    .next()
                    .copied();
                if let Some(committed) = lacking
                    && let Some(age) = begun.checked_duration_since(committed)
                {
                    self.seen.lacked(age);
                }
            }
        }
    }

    /// A position that the write lies before.
    async fn write(&self, number: usize) -> sqlx::Result<String> {
        let mut request = data_api::as_user(&self.api, self.person.id).await?;
        sqlx::query("insert into public.chat_messages (message_text) values ($1)")
            .bind(number.to_string())
            .execute(&mut *request)
            .await?;
        request.commit().await?;
        sqlx::query_scalar("select pg_current_wal_insert_lsn()::text")
            .fetch_one(&self.superuser)
            .await
    }

    /// The newest number that a worker shows, and when it was asked; `None` when none answers.
    async fn read(&self, min_lsn: Option<&str>) -> Option<(usize, Instant)> {
        let mut workers = self
            .workers
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        workers.shuffle(&mut rand::rng());
        for worker in workers {
            let (begun, calm) = (Instant::now(), self.seen.is_calm());
            let mut request = self
                .http
                .get(format!("{worker}/v1/hot/chat_history"))
                .timeout(PATIENCE)
                .bearer_auth(&self.person.token);
            if let Some(position) = min_lsn {
                request = request.query(&[("min_lsn", position)]);
            }
            let Ok(answer) = request.send().await else {
                continue;
            };
            if !answer.status().is_success() {
                continue;
            }
            let redis = answer
                .headers()
                .get("bondhu-source")
                .is_some_and(|source| source == "redis");
            let Ok(document) = answer.json::<serde_json::Value>().await else {
                continue;
            };
            self.seen
                .read(redis, min_lsn.is_some(), calm && self.seen.is_calm());
            let newest = document.as_array().and_then(|messages| messages.last());
            let text = newest.and_then(|message| message["message_text"].as_str());
            let number = text.map_or(Some(0), |text| text.parse().ok());
            return number.map(|number| (number, begun));
        }
        None
    }
}
