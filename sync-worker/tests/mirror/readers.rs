//! People who write and read back what they wrote.

use std::sync::Arc;

use bondhu_core::cache::Document;
use bondhu_stack::testing::Role;
use sync_worker::cache::RedisTarget;
use sync_worker::hot::{DocumentSource, HotReader};
use uuid::Uuid;

use crate::stage::Stage;

pub(crate) async fn reader(stage: &Stage, redis_url: &str) -> Arc<HotReader> {
    let database = stage.database.pool(Role::Worker).await;
    let redis = RedisTarget::parse(redis_url).unwrap();
    HotReader::new(database, 4, Some(redis), Arc::default())
}

/// The newest message of a user's history.
pub(crate) async fn newest(
    reader: &Arc<HotReader>,
    user: Uuid,
    stage: &Stage,
) -> (Option<String>, DocumentSource) {
    let written = stage.written().await;
    let served = reader
        .read(user, Document::ChatHistory, Some(written))
        .await;
    let served = served.unwrap();
    let document: serde_json::Value = serde_json::from_str(&served.data).unwrap();
    let newest = document.as_array().unwrap().last();
    let text = newest.map(|message| message["message_text"].as_str().unwrap().to_owned());
    (text, served.source)
}

/// Each of `people` counts up in messages and reads each back; returns how many came from Redis.
pub(crate) async fn count_up(
    stage: &Stage,
    reader: &Arc<HotReader>,
    people: &[Uuid],
    to: u32,
) -> usize {
    let counting = people.iter().map(|user| async move {
        let mut from_redis = 0;
        for number in 1..=to {
            let text = format!("number {number}");
            stage.say(*user, &text).await;
            let (read, source) = newest(reader, *user, stage).await;
            assert_eq!(read.as_ref(), Some(&text), "from {source:?}");
            from_redis += usize::from(source == DocumentSource::Redis);
        }
        from_redis
    });
    futures::future::join_all(counting).await.into_iter().sum()
}

pub(crate) async fn people(stage: &Stage, count: usize) -> Vec<Uuid> {
    let mut people = Vec::new();
    for number in 0..count {
        // Some are here and warm, some are only ever filled.
        people.push(if number % 2 == 0 {
            stage.person().await
        } else {
            stage.database.user().await
        });
    }
    people
}
