//! What breaks, one thing at a time and sometimes two.

use std::sync::{Arc, RwLock};
use std::time::Duration;

use anyhow::{Context, Result};
use rand::Rng as _;
use rand::seq::IndexedRandom as _;
use rustix::process::Signal;

use crate::mirror_stage::{MirrorStage, SLOT};
use crate::proxy::Proxy;
use crate::redis_server::RedisServer;
use crate::template;
use crate::worker::Worker;

/// Between two faults.
const QUIET_MS: std::ops::Range<u64> = 200..1_500;

#[derive(Debug, Clone, Copy)]
enum Fault {
    KillWorker,
    StopWorker,
    KillRedis,
    Flush,
    Evict,
    FillUp,
    CutOff,
    StopPostgres,
    DropSlot,
}

/// Kills come often, what takes long to heal seldom.
const FAULTS: [(Fault, u32); 9] = [
    (Fault::KillWorker, 8),
    (Fault::StopWorker, 1),
    (Fault::KillRedis, 4),
    (Fault::Flush, 2),
    (Fault::Evict, 3),
    (Fault::FillUp, 1),
    (Fault::CutOff, 2),
    (Fault::StopPostgres, 2),
    (Fault::DropSlot, 1),
];

pub(super) struct Faults {
    workers: [Worker; 2],
    urls: Arc<RwLock<Vec<String>>>,
    proxy: Proxy,
    stage: MirrorStage,
    caused: u64,
    kills: u64,
}

impl Faults {
    /// Starts two workers, one of which leads and one stands by.
    pub(super) async fn over(stage: MirrorStage) -> Result<Self> {
        let proxy = Proxy::to(stage.redis_port).await?;
        let mut workers = [
            stage.launch("worker-0", proxy.port())?,
            stage.launch("worker-1", proxy.port())?,
        ];
        for worker in &mut workers {
            worker.ready().await?;
        }
        let faults = Self {
            urls: Arc::default(),
            workers,
            proxy,
            stage,
            caused: 0,
            kills: 0,
        };
        faults.publish();
        Ok(faults)
    }

    pub(super) fn stage(&self) -> &MirrorStage {
        &self.stage
    }

    /// Where the workers are now.
    pub(super) fn workers(&self) -> Arc<RwLock<Vec<String>>> {
        Arc::clone(&self.urls)
    }

    pub(super) fn redis_url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.stage.redis_port)
    }

    pub(super) fn caused(&self) -> u64 {
        self.caused
    }

    /// Processes killed: workers, Redis, Postgres.
    pub(super) fn kills(&self) -> u64 {
        self.kills
    }

    fn publish(&self) {
        let urls = self.workers.iter().map(|worker| worker.url().to_owned());
        *self
            .urls
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = urls.collect();
    }

    /// Waits a little and breaks something; returns once it is whole again or heals by itself.
    pub(super) async fn cause_one(&mut self) -> Result<()> {
        let (fault, quiet, worker) = {
            let mut rng = rand::rng();
            let (fault, _) = FAULTS
                .choose_weighted(&mut rng, |(_, weight)| *weight)
                .context("there are faults")?;
            (
                *fault,
                rng.random_range(QUIET_MS),
                rng.random_range(0..self.workers.len()),
            )
        };
        tokio::time::sleep(Duration::from_millis(quiet)).await;
        self.caused += 1;
        let a_while = Duration::from_millis(quiet * 2);
        match fault {
            Fault::KillWorker => {
                self.kills += 1;
                self.workers[worker].kill();
                self.workers[worker] = self
                    .stage
                    .launch(&format!("worker-{worker}"), self.proxy.port())?;
                self.publish();
            }
            Fault::StopWorker => {
                self.workers[worker].signal(Signal::STOP);
                tokio::time::sleep(a_while * 2).await;
                self.workers[worker].signal(Signal::CONT);
            }
            Fault::KillRedis => {
                self.kills += 1;
                if let Some(mut redis) = self.stage.redis.take() {
                    redis.kill();
                }
                tokio::time::sleep(a_while).await;
                self.stage.redis = Some(RedisServer::temporary_on(self.stage.redis_port).await?);
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
            Fault::StopPostgres => {
                self.kills += 1;
                self.stage.cluster.stop_immediately();
                self.stage.start_postgres().await?;
            }
            Fault::DropSlot => {
                let server = self.stage.cluster.superuser()?;
                let mut admin = template::connect(&server, None, None).await?;
                // A mirror may take it again between its end and its removal.
                template::drop_slot(&mut admin, SLOT).await.ok();
            }
        }
        Ok(())
    }

    /// Waits until everything is there again.
    pub(super) async fn mend(&mut self) -> Result<()> {
        for worker in &mut self.workers {
            worker.ready().await?;
        }
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
