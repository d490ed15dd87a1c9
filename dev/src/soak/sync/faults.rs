//! What goes wrong around the worker, one thing at a time.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rand::Rng as _;
use serde_json::json;

use super::undisturbed::{Reference, Soak};
use crate::rig::sync::{Difference, Rig, settled};
use bondhu_standin::{self, Reply};

const SPOTIFY: &str = "/spotify/v1/*";
const YOUTUBE: &str = "/youtube/v3/*";
const TOP_ARTISTS: &str = "/spotify/v1/me/top/artists";

const REACHED_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// Something that goes wrong.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    name: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// A provider answers to a path as it should not.
    Answer(&'static str, Answer),
    /// Something happens when the walk has come to a page.
    Event(Event),
    /// The worker's clock differs: as `faketime` writes it.
    Clock(&'static str),
}

#[derive(Clone, Copy, Debug)]
enum Answer {
    RateLimit(Duration),
    Recorded(&'static str, &'static str),
    Status(u16),
    HalfABody,
    Truncated,
    NotJson,
    Reset,
    SlowBody(Duration),
    NullItems,
    ForeignNext,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    TokensExpire,
    PostgresRestarts,
    RedisGoes,
}

const fn answer(name: &'static str, path: &'static str, answer: Answer) -> Fault {
    let kind = Kind::Answer(path, answer);
    Fault { name, kind }
}

const fn event(name: &'static str, event: Event) -> Fault {
    let kind = Kind::Event(event);
    Fault { name, kind }
}

const fn clock(name: &'static str, offset: &'static str) -> Fault {
    let kind = Kind::Clock(offset);
    Fault { name, kind }
}

/// Everything that a worker has to survive.
pub const FAULTS: [Fault; 23] = [
    answer(
        "Spotify: next leads elsewhere",
        TOP_ARTISTS,
        Answer::ForeignNext,
    ),
    answer(
        "429 for 2 s",
        SPOTIFY,
        Answer::RateLimit(Duration::from_secs(2)),
    ),
    answer(
        "429 for 13 h",
        SPOTIFY,
        Answer::RateLimit(Duration::from_hours(13)),
    ),
    answer(
        "QUOTA_EXCEEDED",
        SPOTIFY,
        Answer::Recorded("spotify", "api_429_quota"),
    ),
    answer(
        "quotaExceeded",
        YOUTUBE,
        Answer::Recorded("youtube", "quotaExceeded"),
    ),
    answer(
        "rateLimitExceeded",
        YOUTUBE,
        Answer::Recorded("youtube", "rateLimitExceeded"),
    ),
    answer("Spotify: 500", SPOTIFY, Answer::Status(500)),
    answer("Spotify: 502", SPOTIFY, Answer::Status(502)),
    answer("YouTube: 500", YOUTUBE, Answer::Status(500)),
    answer("Spotify: half a body", SPOTIFY, Answer::HalfABody),
    answer(
        "YouTube: a body that breaks off",
        YOUTUBE,
        Answer::Truncated,
    ),
    answer("Spotify: a page for people", SPOTIFY, Answer::NotJson),
    answer("YouTube: a page for people", YOUTUBE, Answer::NotJson),
    answer("Spotify: connection reset", SPOTIFY, Answer::Reset),
    answer("YouTube: connection reset", YOUTUBE, Answer::Reset),
    answer(
        "Spotify: slow bodies",
        SPOTIFY,
        Answer::SlowBody(Duration::from_secs(1)),
    ),
    answer("Spotify: null items", SPOTIFY, Answer::NullItems),
    answer("YouTube: null items", YOUTUBE, Answer::NullItems),
    event("access tokens expire in mid-walk", Event::TokensExpire),
    event("Postgres restarts", Event::PostgresRestarts),
    event("Redis is gone", Event::RedisGoes),
    clock("the worker's clock is two hours ahead", "+2h"),
    clock("the worker's clock is two hours behind", "-2h"),
];

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Fault {
    /// Where it strikes, if it is an answer of a provider's.
    fn path(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Answer(path, _) => Some(path),
            Kind::Event(_) | Kind::Clock(_) => None,
        }
    }

    /// Whether a provider answers as it should not; others are of the machine.
    pub fn is_answer(&self) -> bool {
        self.path().is_some()
    }
}

impl Answer {
    /// As the stand-in plans it.
    fn on(self, path: &str) -> Result<bondhu_standin::Fault> {
        let outcome = match self {
            Self::RateLimit(wait) => {
                return Ok(bondhu_standin::Fault::spotify_rate_limit(path, wait));
            }
            Self::Recorded(provider, name) => {
                return bondhu_standin::Fault::recorded(path, provider, name);
            }
            Self::Status(status) => bondhu_standin::Outcome::Reply(Reply::new(status, json!({}))),
            Self::HalfABody => bondhu_standin::Outcome::HalfABody,
            Self::Truncated => bondhu_standin::Outcome::Truncated,
            Self::NotJson => bondhu_standin::Outcome::NotJson,
            Self::Reset => bondhu_standin::Outcome::Reset,
            Self::SlowBody(delay) => bondhu_standin::Outcome::SlowBody(delay),
            Self::NullItems => bondhu_standin::Outcome::NullItems,
            Self::ForeignNext => bondhu_standin::Outcome::ForeignNext,
        };
        Ok(bondhu_standin::Fault::on(path, outcome))
    }
}

impl Soak {
    /// Lets each of `faults` happen at a random page of one pull of everything; how the end
    /// differs from the undisturbed one.
    ///
    /// # Errors
    /// A fault was not met, or a connection does not come to rest.
    pub async fn suffer(
        &mut self,
        faults: &[Fault],
        undisturbed: &Reference,
    ) -> Result<Difference> {
        const NAME: &str = "faulty";
        let database = self.rig.database(NAME, undisturbed.people).await?;
        // In the first half: a walk that goes on after a fault does not come by again.
        let mut moment = |of_pages: usize| self.moments.random_range(0..(of_pages / 2).max(1));
        let mut environment = Vec::new();
        let mut redis = None;
        for fault in faults {
            match fault.kind {
                Kind::Answer(path, answer) => {
                    // Faults of one path wait for each other.
                    let others = faults.iter().filter(|other| other.path() == Some(path));
                    let pages = undisturbed.pages_of(path) / others.count();
                    let fault = answer.on(path)?.after(u32::try_from(moment(pages))?);
                    self.rig.standin.inject(fault);
                }
                Kind::Event(Event::RedisGoes) => {
                    let (server, mirror) = self.rig.redis(NAME).await?;
                    redis = Some(server);
                    environment.extend(mirror);
                }
                Kind::Event(Event::TokensExpire | Event::PostgresRestarts) => {}
                Kind::Clock(offset) => environment.extend(clock_environment(offset)?),
            }
        }

        let mut calls = self.rig.standin.calls();
        let mut worker = self.rig.worker(NAME, &environment).await?;
        for fault in faults {
            let Kind::Event(event) = fault.kind else {
                continue;
            };
            calls += moment(undisturbed.pages() / faults.len()) as u64;
            reached(calls, &self.rig).await?;
            match event {
                Event::TokensExpire => self.rig.standin.expire_access_tokens(),
                Event::PostgresRestarts => self.rig.restart_postgres().await?,
                Event::RedisGoes => drop(redis.take()),
            }
        }
        settled(&database, &mut worker).await?;
        // Else the providers are asked again and again for what is here.
        let due_soon: i64 = sqlx::query_scalar(
            "select count(*) from public.provider_connections where next_sync_at < now() + interval '30 minutes'",
        )
        .fetch_one(&database)
        .await?;
        ensure!(
            due_soon == 0,
            "{due_soon} connections are due again at once"
        );
        ensure!(worker.stop(), "the worker did not end well");
        let outstanding = self.rig.standin.faults_outstanding();
        ensure!(outstanding == 0, "{outstanding} faults were not met");
        let difference = self
            .stored_rows(&database)
            .await?
            .difference(&undisturbed.rows);
        database.close().await;
        self.rig.remove(NAME).await?;
        Ok(difference)
    }
}

/// Waits until that many calls have come.
async fn reached(calls: u64, rig: &Rig) -> Result<()> {
    let deadline = Instant::now() + REACHED_WITHIN;
    while rig.standin.calls() < calls {
        ensure!(Instant::now() < deadline, "the walk stands still");
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// Gives a process another clock: Debian's package `faketime`.
fn clock_environment(offset: &str) -> Result<[(&'static str, String); 3]> {
    let library = format!(
        "/usr/lib/{}-linux-gnu/faketime/libfaketime.so.1",
        std::env::consts::ARCH
    );
    ensure!(
        std::path::Path::new(&library).exists(),
        "{library} is missing: run dev/setup.sh test, which installs the package faketime"
    );
    Ok([
        ("LD_PRELOAD", library),
        ("FAKETIME", offset.to_owned()),
        // What is measured from a start is not the time of day.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ])
}
