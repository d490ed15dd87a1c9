//! Whether Redis is right: every key against Postgres, as of the document's own instant.

use bondhu_core::cache::Document;
use chrono::{DateTime, Utc};
use redis::AsyncCommands as _;
use serde_json::Value;
use uuid::Uuid;

use crate::stage::Stage;

/// Compares every key of the present epoch while nobody writes; returns how many there are. What was
/// made under former settings no reader takes.
pub(crate) async fn at_rest(stage: &Stage) -> usize {
    let epoch = format!("{:08x}", stage.epoch().await);
    let settings = stage.state().await.unwrap()["settings"].as_i64().unwrap();
    let mut redis = stage.connect().await;
    let keys: Vec<String> = redis.keys("*").await.unwrap();
    let mut compared = 0;
    for key in keys {
        let Some((document, user)) = Document::of_key(&key) else {
            continue;
        };
        let Some(text) = redis.get::<_, Option<String>>(&key).await.unwrap() else {
            continue;
        };
        let value: Value = serde_json::from_str(&text).unwrap();
        if !value["v"].as_str().unwrap().starts_with(&epoch)
            || value["settings"].as_i64().unwrap_or_default() < settings
        {
            continue;
        }
        let as_of: DateTime<Utc> = value["as_of"].as_str().unwrap().parse().unwrap();
        let built = stage
            .built_as_of(user.parse::<Uuid>().unwrap(), document, as_of)
            .await;
        assert_eq!(
            built.unwrap_or_default(),
            value["data"],
            "{key} as of {as_of}"
        );
        compared += 1;
    }
    assert!(compared > 0, "there is nothing in Redis");
    compared
}
