//! Reads through Redis: what is served, from where, and that it is never older than asked for.

use std::sync::Arc;

use bondhu_core::cache::Document;
use bondhu_stack::testing::Role;
use chrono::{TimeDelta, Utc};
use redis::AsyncCommands as _;
use serde_json::{Value, json};
use sync_worker::cache::RedisTarget;
use sync_worker::hot::{DocumentSource, HotReader, Served};
use sync_worker::telemetry::Metrics;
use uuid::Uuid;

use crate::stage::{Stage, eventually};

/// A reader and what it counts.
struct Reader {
    hot: Arc<HotReader>,
    metrics: Arc<Metrics>,
}

impl Reader {
    async fn of(stage: &Stage) -> Self {
        let metrics = Arc::new(Metrics::default());
        let redis = RedisTarget::parse(&stage.redis_url()).unwrap();
        let database = stage.database.pool(Role::Worker).await;
        Self {
            hot: HotReader::new(database, 4, Some(redis), Arc::clone(&metrics)),
            metrics,
        }
    }

    async fn read(&self, user: Uuid, document: Document) -> (Value, DocumentSource) {
        parsed(self.hot.read(user, document, None).await.unwrap())
    }

    fn fills(&self) -> u64 {
        let text = self.metrics.encode().unwrap();
        let fills = text
            .lines()
            .find_map(|line| line.strip_prefix("bondhu_hot_fills_total "));
        fills.unwrap().parse().unwrap()
    }
}

fn parsed(served: Served) -> (Value, DocumentSource) {
    (serde_json::from_str(&served.data).unwrap(), served.source)
}

fn texts(document: &Value) -> Vec<&str> {
    let messages = document.as_array().unwrap().iter();
    messages
        .map(|message| message["message_text"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn what_is_missing_is_read_from_postgres_once_and_kept() {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    let user = stage.database.user().await;
    stage.say(user, "long ago").await;
    stage.caught_up().await;

    let reader = Reader::of(&stage).await;
    let (first, source) = reader.read(user, Document::ChatHistory).await;
    assert_eq!(
        (texts(&first), source),
        (vec!["long ago"], DocumentSource::Postgres)
    );
    let (again, source) = reader.read(user, Document::ChatHistory).await;
    assert_eq!((again, source), (first, DocumentSource::Redis));

    stage.say(user, "and now").await;
    stage.reads(user, &["long ago", "and now"]).await;
    let (now, source) = reader.read(user, Document::ChatHistory).await;
    assert_eq!(
        (texts(&now), source),
        (vec!["long ago", "and now"], DocumentSource::Redis)
    );
    mirror.stop().await;
}

#[tokio::test]
async fn a_chart_is_kept_for_its_region_until_it_is_due_or_switched_off() {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    let user = stage.database.user().await;
    stage.caught_up().await;
    let reader = Reader::of(&stage).await;
    let read = async |region: &str| {
        let served = reader.hot.trending(user, &region.parse().unwrap()).await;
        parsed(served.unwrap())
    };
    let (none, source) = read("BD").await;
    assert_eq!(
        (none["state"].as_str(), source),
        (Some("no_chart_yet"), DocumentSource::Postgres)
    );
    let mut redis = stage.connect().await;
    let left: i64 = redis.ttl("trending:BD").await.unwrap();
    assert!(
        (50..=60).contains(&left),
        "one may come at any time: {left}"
    );
    let _: () = redis.del("trending:BD").await.unwrap();
    let chart = "insert into bondhu.video_charts (region, videos, fetched_at, ask_again_at)
                 select 'BD', '[{\"rank\": 1, \"video_id\": \"v\"}]', now(), now() + interval '6 hours' where $1 is not null";
    stage.run(chart, user).await;
    for source in [DocumentSource::Postgres, DocumentSource::Redis] {
        let (chart, found) = read("bd").await;
        assert_eq!(
            (chart["items"][0]["video_id"].as_str(), found),
            (Some("v"), source)
        );
    }
    let left: i64 = redis.ttl("trending:BD").await.unwrap();
    assert!((21_500..=21_600).contains(&left), "{left}");
    assert_eq!(
        read("US").await.0["state"],
        "no_chart_yet",
        "of another region"
    );

    // Junk is nothing.
    let _: () = redis.set("trending:BD", "{\"data\": 1}").await.unwrap();
    assert_eq!(read("BD").await.1, DocumentSource::Postgres);
    assert_eq!(read("BD").await.1, DocumentSource::Redis);
    stage
        .run(
            "update bondhu.provider_settings set enabled = false where provider = 'youtube' and $1 is not null",
            user,
        )
        .await;
    stage.caught_up().await;
    let (off, source) = read("BD").await;
    assert_eq!(
        (off["state"].as_str(), source),
        (Some("provider_off"), DocumentSource::Postgres)
    );
    mirror.stop().await;
}

#[tokio::test]
async fn many_who_miss_the_same_document_let_one_fill_it() {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    let user = stage.database.user().await;
    stage.caught_up().await;
    let reader = Reader::of(&stage).await;
    let reads = (0..40).map(|_| reader.read(user, Document::PersonalityContext));
    let read = futures::future::join_all(reads).await;
    assert!(
        read.iter()
            .all(|(document, _)| document["profile"].is_object())
    );
    assert_eq!(reader.fills(), 1);
    mirror.stop().await;
}

#[tokio::test]
async fn that_there_is_nothing_is_remembered_until_there_is() {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    let user = stage.database.user().await;
    stage.caught_up().await;
    let reader = Reader::of(&stage).await;
    for source in [DocumentSource::Postgres, DocumentSource::Redis] {
        assert_eq!(
            reader.read(user, Document::MusicProfile).await,
            (Value::Null, source)
        );
    }
    stage.taste(user).await;
    eventually("the taste is served", async || {
        let (document, source) = reader.read(user, Document::MusicProfile).await;
        (document.is_object() && source == DocumentSource::Redis).then_some(())
    })
    .await;
    mirror.stop().await;
}

#[tokio::test]
async fn without_a_mirror_that_keeps_up_postgres_is_read() {
    let mut stage = Stage::new().await;
    let user = stage.person().await;
    let old = "f".repeat(24);
    stage
        .put(user, Document::ChatHistory, &old, &json!("not this"))
        .await;
    let reader = Reader::of(&stage).await;
    for _ in 0..2 {
        let (document, source) = reader.read(user, Document::ChatHistory).await;
        assert_eq!((document, source), (json!([]), DocumentSource::Postgres));
    }
    stage.redis.take().unwrap().stop();
    let (document, source) = reader.read(user, Document::ChatHistory).await;
    assert_eq!((document, source), (json!([]), DocumentSource::Postgres));

    let database = stage.database.pool(Role::Worker).await;
    let without = HotReader::new(database, 4, None, Arc::default());
    let served = without.read(user, Document::ChatHistory, None).await;
    assert_eq!(
        parsed(served.unwrap()),
        (json!([]), DocumentSource::Postgres)
    );
}

#[tokio::test]
async fn a_value_of_another_epoch_of_former_settings_or_past_its_instant_is_replaced() {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    let user = stage.database.user().await;
    stage.caught_up().await;
    let reader = Reader::of(&stage).await;
    let (_, source) = reader.read(user, Document::PersonalitySentiment).await;
    assert_eq!(source, DocumentSource::Postgres);
    let held = stage
        .held(user, Document::PersonalitySentiment)
        .await
        .unwrap();

    for change in [
        json!({"v": format!("00000001{}", &held["v"].as_str().unwrap()[8..])}),
        json!({"until": Utc::now() - TimeDelta::seconds(1)}),
        json!({"settings": held["settings"].as_i64().unwrap() - 1}),
    ] {
        stage
            .change(user, Document::PersonalitySentiment, &change)
            .await;
        let (_, source) = reader.read(user, Document::PersonalitySentiment).await;
        assert_eq!(source, DocumentSource::Postgres, "{change}");
        let (_, source) = reader.read(user, Document::PersonalitySentiment).await;
        assert_eq!(source, DocumentSource::Redis, "after {change}");
    }
    mirror.stop().await;
}

#[tokio::test]
async fn a_value_near_its_end_is_served_and_made_anew_meanwhile() {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    let user = stage.database.user().await;
    stage.say(user, "hello").await;
    stage.caught_up().await;
    let reader = Reader::of(&stage).await;
    reader.read(user, Document::ChatHistory).await;
    let old = Utc::now() - Document::ChatHistory.ttl();
    stage
        .change(user, Document::ChatHistory, &json!({"as_of": old}))
        .await;

    let served = reader.hot.read(user, Document::ChatHistory, None).await;
    let served = served.unwrap();
    assert_eq!(served.source, DocumentSource::Redis);
    assert!(served.as_of < old + TimeDelta::seconds(1));
    eventually("it is made anew", async || {
        let served = reader.hot.read(user, Document::ChatHistory, None).await;
        let served = served.unwrap();
        assert_eq!(served.source, DocumentSource::Redis);
        (served.as_of > old + TimeDelta::seconds(1)).then_some(())
    })
    .await;
    mirror.stop().await;
}

/// The reader has no session, so that its document is filled, evicted and filled again while the
/// writer goes on.
#[tokio::test]
async fn who_asks_for_what_they_wrote_always_reads_it() {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    let user = stage.database.user().await;
    stage.caught_up().await;
    let reader = Reader::of(&stage).await;
    for number in 1..=60 {
        stage.say(user, &format!("message {number}")).await;
        let written = stage.written().await;
        if number % 3 == 0 {
            stage.forget(user, Document::ChatHistory).await;
        }
        let reads = (0..4).map(|_| reader.hot.read(user, Document::ChatHistory, Some(written)));
        for served in futures::future::join_all(reads).await {
            let (document, source) = parsed(served.unwrap());
            let newest = format!("message {number}");
            assert_eq!(
                texts(&document).last(),
                Some(&newest.as_str()),
                "{source:?}"
            );
        }
    }
    mirror.stop().await;
}

#[tokio::test]
async fn a_mirror_that_was_stopped_and_replaced_brings_nothing_back() {
    let stage = Stage::new().await;
    let mut redis = stage.connect().await;
    let script = redis::Script::new(concat!(
        include_str!("../../src/cache/lua/versions.lua"),
        include_str!("../../src/cache/lua/set_newer.lua")
    ));
    let key = Document::ChatHistory.key(Uuid::nil());
    let now: (i64, i64) = redis::cmd("TIME").query_async(&mut redis).await.unwrap();
    let mut write = async |good_until: i64| -> Result<Vec<u64>, redis::RedisError> {
        script
            .key(&key)
            .key(Document::ChatHistory.lease_key(Uuid::nil()))
            .arg("0".repeat(24))
            .arg(good_until)
            .arg(format!(r#"{{"v":"{}"}}"#, "0".repeat(24)))
            .arg(60_000)
            .invoke_async(&mut redis)
            .await
    };
    let late = write(now.0 * 1000 - 1).await.unwrap_err();
    assert_eq!(late.code(), Some("LATE"), "{late}");
    assert_eq!(write(now.0 * 1000 + 60_000).await.unwrap(), [1]);
}
