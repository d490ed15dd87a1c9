//! People with linked accounts, and what a worker stores of them that nothing disturbs.

use std::time::Duration;

use anyhow::Result;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use sqlx::PgPool;

use crate::rig::sync::{PROVIDERS, Rig, StoredRows, settled};

/// What providers take for an answer at least: pages are in flight most of the time.
const LATENCY: Duration = Duration::from_millis(5);

/// What an undisturbed worker stores, and what that takes.
#[derive(Debug)]
pub struct Reference {
    pub(super) people: u64,
    pub(super) rows: StoredRows,
    /// Paths that were asked for, in order.
    calls: Vec<String>,
}

impl Reference {
    /// How many pages there are.
    pub fn pages(&self) -> usize {
        self.calls.len()
    }

    /// Those of a path; a trailing `*` matches any rest.
    pub(super) fn pages_of(&self, path: &str) -> usize {
        let calls = self.calls.iter();
        match path.strip_suffix('*') {
            Some(prefix) => calls.filter(|call| call.starts_with(prefix)).count(),
            None => calls.filter(|call| *call == path).count(),
        }
    }
}

/// A stack to be hard on.
#[derive(Debug)]
pub struct Soak {
    pub(super) rig: Rig,
    /// Chooses the moments.
    pub(super) moments: StdRng,
}

impl Soak {
    /// Starts it, with so many people who have linked both providers. `seed` chooses the moments
    /// at which something happens.
    ///
    /// # Errors
    /// A server does not start, or an account cannot be linked.
    pub async fn start(people: u64, seed: u64) -> Result<Self> {
        let rig = Rig::start("soak-sync", false).await?;
        rig.link(people, &PROVIDERS).await?;
        rig.standin.set_latency(LATENCY);
        Ok(Self {
            rig,
            moments: StdRng::seed_from_u64(seed),
        })
    }

    /// Lets an undisturbed worker pull everything of the first `people`.
    ///
    /// # Errors
    /// A connection does not end as `ok`.
    pub async fn undisturbed(&self, people: u64) -> Result<Reference> {
        const NAME: &str = "undisturbed";
        let database = self.rig.database(NAME, people).await?;
        let from = self.rig.standin.requests().len();
        let mut worker = self.rig.worker(NAME, &[]).await?;
        settled(&database, &mut worker).await?;
        worker.stop();
        let requests = self.rig.standin.requests().into_iter().skip(from);
        let rows = self.stored_rows(&database).await?;
        database.close().await;
        self.rig.remove(NAME).await?;
        Ok(Reference {
            people,
            rows,
            calls: requests
                .map(|request| request.path)
                .filter(|path| bondhu_standin::is_api(path))
                .collect(),
        })
    }

    pub(super) async fn stored_rows(&self, database: &PgPool) -> Result<StoredRows> {
        StoredRows::read(database, self.rig.standin.now()).await
    }
}
