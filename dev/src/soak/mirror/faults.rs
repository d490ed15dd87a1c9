//! The faults, and the servers and workers that they hit.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Result;
use rand::Rng as _;
use rustix::process::Signal;
use sqlx::PgPool;

use crate::rig::mirror::{MirrorRig, SLOT};
use bondhu_stack::proxy::Proxy;
use bondhu_stack::redis_server::RedisServer;
use bondhu_stack::template;
use bondhu_stack::worker::Worker;

/// One leads, the others stand by; all serve reads.
const WORKERS: usize = 3;

/// How long something stays away that comes back by itself.
const A_WHILE_MS: std::ops::Range<u64> = 500..4_000;

/// Rows of a long transaction: some MB of log.
const LONG: i64 = 50_000;

/// One thing that breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    KillWorker,
    KillRedis,
    KillPostgres,
    LeaveRedisDown,
    StopWorker,
    Flush,
    Evict,
    FillUp,
    CutOff,
    DropSlot,
    DropPublication,
    ChangeTables,
    LongTransaction,
}

impl Fault {
    /// Each kind, and how often it comes compared with others.
    pub(super) const ALL: [(Self, u32); 13] = [
        (Self::KillWorker, 6),
        (Self::KillRedis, 3),
        (Self::KillPostgres, 2),
        (Self::LeaveRedisDown, 1),
        (Self::StopWorker, 2),
        (Self::Flush, 2),
        (Self::Evict, 2),
        (Self::FillUp, 1),
        (Self::CutOff, 2),
        (Self::DropSlot, 1),
        (Self::DropPublication, 1),
        (Self::ChangeTables, 1),
        (Self::LongTransaction, 1),
    ];

    /// Those that kill, as they come one upon the other.
    pub(super) const KILLS: [(Self, u32); 3] = [
        (Self::KillWorker, 7),
        (Self::KillRedis, 3),
        (Self::KillPostgres, 1),
    ];

    pub(super) fn kills(self) -> bool {
        matches!(
            self,
            Self::KillWorker | Self::KillRedis | Self::KillPostgres | Self::LeaveRedisDown
        )
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::KillWorker => "worker killed",
            Self::KillRedis => "Redis killed",
            Self::KillPostgres => "Postgres ended at once",
            Self::LeaveRedisDown => "Redis killed and away for a while",
            Self::StopWorker => "worker stopped and woken",
            Self::Flush => "Redis flushed",
            Self::Evict => "keys evicted",
            Self::FillUp => "Redis full",
            Self::CutOff => "network to Redis stands still",
            Self::DropSlot => "slot dropped",
            Self::DropPublication => "publication dropped",
            Self::ChangeTables => "table changed",
            Self::LongTransaction => "long transaction",
        }
    }
}

pub(super) struct Faults {
    workers: Vec<Worker>,
    urls: Arc<RwLock<Vec<String>>>,
    proxy: Proxy,
    rig: MirrorRig,
    database: PgPool,
}

impl Faults {
    /// Starts the workers.
    pub(super) async fn start(rig: MirrorRig) -> Result<Self> {
        let proxy = Proxy::to(rig.redis_port).await?;
        let mut workers = Vec::new();
        for number in 0..WORKERS {
            workers.push(rig.launch(&format!("worker-{number}"), proxy.port())?);
        }
        for worker in &mut workers {
            worker.ready().await?;
        }
        let faults = Self {
            urls: Arc::default(),
            workers,
            proxy,
            database: rig.superuser()?,
            rig,
        };
        faults.publish();
        Ok(faults)
    }

    pub(super) fn rig(&self) -> &MirrorRig {
        &self.rig
    }

    /// As the superuser.
    pub(super) fn database(&self) -> &PgPool {
        &self.database
    }

    /// Where the workers are now.
    pub(super) fn workers(&self) -> Arc<RwLock<Vec<String>>> {
        Arc::clone(&self.urls)
    }

    pub(super) fn redis_url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.rig.redis_port)
    }

    fn publish(&self) {
        let urls = self.workers.iter().map(|worker| worker.url().to_owned());
        *self.urls.write().unwrap_or_else(PoisonError::into_inner) = urls.collect();
    }

    /// Breaks something; returns once it is whole again or heals by itself.
    pub(super) async fn cause(&mut self, fault: Fault) -> Result<()> {
        let (a_while, worker) = {
            let mut rng = rand::rng();
            (
                Duration::from_millis(rng.random_range(A_WHILE_MS)),
                rng.random_range(0..WORKERS),
            )
        };
        match fault {
            Fault::KillWorker => {
                self.workers[worker].kill();
                self.launch_again(worker)?;
            }
            Fault::KillRedis => self.kill_redis(Duration::ZERO).await?,
            Fault::LeaveRedisDown => self.kill_redis(a_while).await?,
            Fault::KillPostgres => {
                self.rig.cluster.stop_immediately();
                self.rig.start_postgres().await?;
            }
            Fault::StopWorker => {
                self.workers[worker].signal(Signal::STOP);
                tokio::time::sleep(a_while * 2).await;
                self.workers[worker].signal(Signal::CONT);
            }
            Fault::Flush => self.redis(&["FLUSHALL"]).await?,
            Fault::Evict => {
                for _ in 0..20 {
                    self.redis(&["EVAL", "local key = redis.call('RANDOMKEY') if key then redis.call('DEL', key) end", "0"]).await?;
                }
            }
            Fault::FillUp => {
                self.redis(&["CONFIG", "SET", "maxmemory", "1"]).await?;
                tokio::time::sleep(a_while).await;
                self.redis(&["CONFIG", "SET", "maxmemory", "0"]).await?;
            }
            Fault::CutOff => {
                self.proxy.pause();
                tokio::time::sleep(a_while).await;
                self.proxy.resume();
            }
            Fault::DropSlot => {
                let server = self.rig.cluster.superuser()?;
                let mut admin = template::connect(&server, None, None).await?;
                // A mirror may take it again between its end and its removal.
                template::drop_slot(&mut admin, SLOT).await.ok();
            }
            Fault::DropPublication => {
                self.run("drop publication bondhu_mirror").await?;
                tokio::time::sleep(a_while).await;
                self.run(include_str!(
                    "../../../../sql/70_operation/20_publication.sql"
                ))
                .await?;
            }
            Fault::ChangeTables => {
                self.run("alter table public.chat_messages add column note text")
                    .await?;
                tokio::time::sleep(a_while).await;
                self.run("alter table public.chat_messages drop column note")
                    .await?;
            }
            Fault::LongTransaction => {
                self.run(&format!(
                    "do $$ begin
                       create temp table long_ago on commit drop as select gen_random_uuid() as id from generate_series(1, {LONG});
                       insert into auth.users (id) select id from long_ago;
                       delete from auth.users u using long_ago l where u.id = l.id;
                     end $$"
                ))
                .await?;
            }
        }
        Ok(())
    }

    /// Starts workers again that have ended by themselves, as a supervisor does; returns how many.
    pub(super) fn start_those_that_ended(&mut self) -> Result<u64> {
        let mut ended = 0;
        for number in 0..WORKERS {
            if self.workers[number].check_running().is_err() {
                self.launch_again(number)?;
                ended += 1;
            }
        }
        Ok(ended)
    }

    fn launch_again(&mut self, number: usize) -> Result<()> {
        self.workers[number] = self
            .rig
            .launch(&format!("worker-{number}"), self.proxy.port())?;
        self.publish();
        Ok(())
    }

    async fn kill_redis(&mut self, away: Duration) -> Result<()> {
        if let Some(mut redis) = self.rig.redis.take() {
            redis.kill();
        }
        tokio::time::sleep(away).await;
        self.rig.redis = Some(RedisServer::temporary_on(self.rig.redis_port).await?);
        Ok(())
    }

    async fn run(&self, sql: &str) -> Result<()> {
        sqlx::raw_sql(sql).execute(&self.database).await?;
        Ok(())
    }

    async fn redis(&self, words: &[&str]) -> Result<()> {
        let client = redis::Client::open(self.redis_url())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let mut command = redis::Cmd::new();
        for word in words {
            command.arg(*word);
        }
        Ok(command.exec_async(&mut connection).await?)
    }
}
