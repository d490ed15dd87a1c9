//! Settings that change: nobody is served what was made under former ones, and nobody waits for
//! everybody.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bondhu_core::cache::Document;
use bondhu_core::cache::position::Lsn;
use bondhu_stack::testing::execute;
use sync_worker::hot::{DocumentSource, HotReader};
use uuid::Uuid;

use crate::alone::counted;
use crate::oracle;
use crate::readers::{people, reader};
use crate::stage::{Stage, eventually};

const SAID: [&str; 3] = ["one", "two", "three"];

/// Changes settings; returns a position after the commit.
async fn set(stage: &Stage, change: &str) -> Lsn {
    sqlx::query(&format!("update bondhu.settings set {change}"))
        .execute(&stage.superuser)
        .await
        .unwrap();
    stage.written().await
}

/// The version of the settings.
async fn version(stage: &Stage) -> i64 {
    sqlx::query_scalar("select version from bondhu.settings")
        .fetch_one(&stage.superuser)
        .await
        .unwrap()
}

/// The version that the watermark names.
async fn named(stage: &Stage) -> i64 {
    stage.state().await.unwrap()["settings"].as_i64().unwrap()
}

/// A person with a session and a history that is in Redis.
async fn who_said_it(stage: &Stage) -> Uuid {
    let user = stage.person().await;
    for text in SAID {
        stage.say(user, text).await;
    }
    stage.reads(user, &SAID).await;
    user
}

/// The texts of a history as it is served, and from where.
async fn history(
    reader: &Arc<HotReader>,
    user: Uuid,
    min_lsn: Option<Lsn>,
) -> (Vec<String>, DocumentSource) {
    let served = reader.read(user, Document::ChatHistory, min_lsn).await;
    let served = served.unwrap();
    let document: serde_json::Value = serde_json::from_str(&served.data).unwrap();
    let messages = document.as_array().unwrap().iter();
    let texts = messages.map(|message| message["message_text"].as_str().unwrap().to_owned());
    (texts.collect(), served.source)
}

#[tokio::test]
async fn everybody_reads_by_the_new_settings_at_once_and_the_mirror_re_reads_nobody() {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    let people = people(&stage, 6).await;
    for user in &people {
        for text in SAID {
            stage.say(*user, text).await;
        }
    }
    stage.caught_up().await;
    let reader = reader(&stage, &stage.redis_url()).await;
    for user in &people {
        history(&reader, *user, None).await;
        let (texts, source) = history(&reader, *user, None).await;
        assert_eq!(
            (&*texts, source),
            (&SAID.map(String::from)[..], DocumentSource::Redis)
        );
    }
    let documents = counted(&mirror, "bondhu_mirror_documents_total");
    let former = version(&stage).await;

    let changed = set(&stage, "chat_history_document_size = 2").await;
    for user in &people {
        let (texts, source) = history(&reader, *user, Some(changed)).await;
        assert_eq!(texts, ["two", "three"], "from {source:?}");
    }
    stage.caught_up().await;
    for user in &people {
        assert_eq!(history(&reader, *user, None).await.0, ["two", "three"]);
        let (texts, source) = history(&reader, *user, None).await;
        assert_eq!(texts, ["two", "three"]);
        assert_eq!(source, DocumentSource::Redis, "it is filled");
    }
    assert_eq!(named(&stage).await, version(&stage).await);

    // What nobody asked for is as it was; whoever asks has it made anew.
    let document = Document::SessionActive;
    let held = async || stage.held(people[0], document).await.unwrap()["settings"].clone();
    assert_eq!(held().await, former);
    for source in [DocumentSource::Postgres, DocumentSource::Redis] {
        let served = reader.read(people[0], document, None).await.unwrap();
        assert_eq!(served.source, source);
    }
    assert_eq!(held().await, version(&stage).await);
    let now = counted(&mirror, "bondhu_mirror_documents_total");
    assert_eq!(now, documents, "documents that the mirror wrote");

    stage.say(people[0], "four").await;
    stage.reads(people[0], &["three", "four"]).await;
    let held = stage.held(people[0], Document::ChatHistory).await.unwrap();
    assert_eq!(held["settings"], version(&stage).await);
    stage.caught_up().await;
    oracle::at_rest(&stage).await;
    mirror.stop().await;
}

#[tokio::test]
async fn a_setting_that_no_document_depends_on_makes_none_a_miss() {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    let user = who_said_it(&stage).await;
    stage.caught_up().await;
    let documents = counted(&mirror, "bondhu_mirror_documents_total");
    let former = named(&stage).await;
    set(&stage, "lease_seconds = lease_seconds + 1").await;
    stage.caught_up().await;
    assert_eq!(named(&stage).await, former);
    let reader = reader(&stage, &stage.redis_url()).await;
    let (_, source) = history(&reader, user, None).await;
    assert_eq!(source, DocumentSource::Redis);
    let now = counted(&mirror, "bondhu_mirror_documents_total");
    assert_eq!(now, documents, "documents that the mirror wrote");
    mirror.stop().await;
}

#[tokio::test]
async fn the_watermark_never_passes_a_change_of_settings_without_its_version() {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    stage.caught_up().await;
    let over = AtomicBool::new(false);
    let changing = async {
        let mut changes = Vec::new();
        for size in 1..=40 {
            let at = set(&stage, &format!("chat_history_document_size = {size}")).await;
            changes.push((at, version(&stage).await));
        }
        stage.caught_up().await;
        over.store(true, Ordering::Relaxed);
        changes
    };
    let watching = async {
        let mut states = Vec::new();
        while !over.load(Ordering::Relaxed) {
            let state = stage.state().await.unwrap();
            let lsn = u64::from_str_radix(state["lsn"].as_str().unwrap(), 16).unwrap();
            states.push((Lsn(lsn), state["settings"].as_i64().unwrap()));
        }
        states
    };
    let (changes, states) = tokio::join!(changing, watching);
    assert!(states.is_sorted(), "neither ever goes back");
    for (lsn, named) in states {
        let passed = changes.iter().rfind(|(at, _)| *at <= lsn);
        let version = passed.map_or(0, |(_, version)| *version);
        assert!(named >= version, "{named} at {lsn}, where it is {version}");
    }
    assert_eq!(named(&stage).await, version(&stage).await);
    mirror.stop().await;
}

#[tokio::test]
async fn settings_that_changed_while_no_mirror_ran_are_known_from_its_first_moment() {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    let user = who_said_it(&stage).await;
    stage.caught_up().await;
    let epoch = stage.epoch().await;
    mirror.stop().await;

    set(&stage, "chat_history_document_size = 2").await;
    let mirror = stage.following().await;
    assert_eq!(named(&stage).await, version(&stage).await);
    assert_eq!(stage.epoch().await, epoch);
    let reader = reader(&stage, &stage.redis_url()).await;
    assert_eq!(history(&reader, user, None).await.0, ["two", "three"]);
    mirror.stop().await;
}

/// As a restore does it, which no trigger counts.
#[tokio::test]
async fn settings_that_go_back_begin_a_new_epoch() {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    let user = who_said_it(&stage).await;
    set(&stage, "chat_history_document_size = 3").await;
    set(&stage, "chat_history_document_size = 4").await;
    stage.caught_up().await;
    assert!(named(&stage).await > 1);
    let epoch = stage.epoch().await;

    let mut sql = stage.superuser.acquire().await.unwrap();
    execute(&mut sql, "set session_replication_role = replica").await;
    execute(
        &mut sql,
        "update bondhu.settings set version = 1, chat_history_document_size = 2",
    )
    .await;
    execute(&mut sql, "reset session_replication_role").await;
    let written = stage.written().await;
    let reader = reader(&stage, &stage.redis_url()).await;
    let (texts, source) = history(&reader, user, Some(written)).await;
    assert_eq!(texts, ["two", "three"], "from {source:?}");
    eventually("a new epoch begins", async || {
        (stage.epoch().await > epoch).then_some(())
    })
    .await;
    stage.reads(user, &["two", "three"]).await;
    stage.caught_up().await;
    assert_eq!(named(&stage).await, 1);
    oracle::at_rest(&stage).await;
    mirror.stop().await;
}

#[tokio::test]
async fn another_row_of_settings_of_the_same_version_concerns_everybody() {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    let user = who_said_it(&stage).await;
    stage.caught_up().await;
    let (epoch, former) = (stage.epoch().await, named(&stage).await);
    let mut sql = stage.superuser.acquire().await.unwrap();
    execute(
        &mut sql,
        "begin;
         create temporary table kept on commit drop as select * from bondhu.settings;
         update kept set chat_history_document_size = 2;
         delete from bondhu.settings;
         insert into bondhu.settings select * from kept;
         commit",
    )
    .await;
    let written = stage.written().await;
    let reader = reader(&stage, &stage.redis_url()).await;
    let (texts, source) = history(&reader, user, Some(written)).await;
    assert_eq!(texts, ["two", "three"], "from {source:?}");
    stage.reads(user, &["two", "three"]).await;
    stage.caught_up().await;
    assert_eq!((stage.epoch().await, named(&stage).await), (epoch, former));
    oracle::at_rest(&stage).await;
    mirror.stop().await;
}
