//! What others write into the log and into Redis: passed over, never believed, and no reason to stop.

use bondhu_core::cache::{Document, STATE_KEY};
use bondhu_stack::testing::{Role, execute};
use chrono::Utc;
use serde_json::{Value, json};
use sync_worker::hot::DocumentSource;
use sync_worker::mirror::Phase;

use crate::oracle;
use crate::readers::{newest, reader};
use crate::severe::high_water;
use crate::stage::{Running, Stage, eventually};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What a worker may need at its most.
const MOST_MEMORY_BYTES: u64 = 128 << 20;

fn restarts(mirror: &Running) -> u64 {
    let text = mirror.metrics.encode().unwrap();
    let count = text
        .lines()
        .find_map(|line| line.strip_prefix("bondhu_mirror_restarts_total "));
    count.unwrap().parse().unwrap()
}

/// Writes a logical message as a role that may do nothing else.
async fn emit(stage: &Stage, transactional: bool, prefix: &str, content: &str) {
    let nobody = stage.database.pool(Role::Superuser).await;
    let mut sql = nobody.acquire().await.unwrap();
    execute(&mut sql, "set role anon").await;
    let text = format!("select pg_logical_emit_message({transactional}, '{prefix}', {content})");
    execute(&mut sql, &text).await;
    execute(&mut sql, "reset role").await;
}

#[tokio::test]
async fn messages_of_other_software_are_passed_over_whatever_their_size() {
    let stage = Stage::new().await;
    let directory = tempfile::tempdir().unwrap();
    let user = stage.person().await;
    let mut worker = stage.process(directory.path());
    stage.say(user, "before").await;
    stage.reads(user, &["before"]).await;
    let epoch = stage.epoch().await;
    for transactional in [true, false] {
        emit(&stage, transactional, "orders", "repeat('x', 1100000)").await;
    }
    emit(&stage, true, "orders", "repeat('x', 150000000)").await;
    stage.say(user, "after").await;
    stage.reads(user, &["before", "after"]).await;
    stage.caught_up().await;
    assert_eq!(stage.epoch().await, epoch, "the stream went on");
    let most = high_water(worker.id());
    assert!(most < MOST_MEMORY_BYTES, "{} MB", most >> 20);
    worker.kill().unwrap();
    worker.wait().unwrap();
}

#[tokio::test]
async fn a_forged_heartbeat_moves_no_clock() {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    let user = stage.person().await;
    stage.say(user, "before").await;
    for transactional in [true, false] {
        let ahead = (Utc::now().timestamp_millis() + DAY_MS).to_string();
        for content in [&ahead, "", "-1", "9223372036854775807"] {
            emit(
                &stage,
                transactional,
                "bondhu.mirror",
                &format!("'{content}'"),
            )
            .await;
        }
    }
    stage.say(user, "after").await;
    stage.reads(user, &["before", "after"]).await;
    stage.caught_up().await;
    let told = stage.state().await.unwrap()["ts"].as_i64().unwrap();
    assert!(told <= Utc::now().timestamp_millis(), "{told} is ahead");
    assert_eq!(restarts(&mirror), 0);
    mirror.stop().await;
}

/// No text at all.
async fn put_list(stage: &Stage, key: &str) {
    let mut list = redis::pipe();
    list.del(key).rpush(key, "junk");
    list.exec_async(&mut stage.connect().await).await.unwrap();
}

/// Under the key of the watermark.
async fn put_state(stage: &Stage, text: &[u8]) {
    redis::cmd("SET")
        .arg(STATE_KEY)
        .arg(text)
        .exec_async(&mut stage.connect().await)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_watermark_ahead_of_the_clock_is_not_trusted_and_heals() {
    let stage = Stage::new().await;
    let user = stage.person().await;
    let mirror = stage.following().await;
    stage.say(user, "before").await;
    stage.caught_up().await;
    let mut state = stage.state().await.unwrap();
    mirror.stop().await;

    state["ts"] = json!(Utc::now().timestamp_millis() + DAY_MS);
    put_state(&stage, state.to_string().as_bytes()).await;
    stage.say(user, "nobody mirrors this").await;
    let reader = reader(&stage, &stage.redis_url()).await;
    let read = reader
        .read(user, Document::ChatHistory, None)
        .await
        .unwrap();
    assert_eq!(
        read.source,
        DocumentSource::Postgres,
        "a dead mirror is trusted"
    );
    assert!(read.data.contains("nobody mirrors this"));

    let mirror = stage.following().await;
    eventually("the instant is one of the past", async || {
        let ts = stage.state().await?["ts"].as_i64()?;
        (0 < ts && ts <= Utc::now().timestamp_millis()).then_some(())
    })
    .await;
    eventually("Redis serves again", async || {
        let (read, source) = newest(&reader, user, &stage).await;
        (source == DocumentSource::Redis && read? == "nobody mirrors this").then_some(())
    })
    .await;
    mirror.stop().await;
}

#[tokio::test]
async fn whatever_is_under_the_watermarks_key_is_replaced() {
    let stage = Stage::new().await;
    let user = stage.person().await;
    let mirror = stage.following().await;
    stage.say(user, "here").await;
    stage.caught_up().await;
    let state = stage.state().await.unwrap();
    let with = |name: &str, value: Value| {
        let mut changed = state.clone();
        changed[name] = value;
        changed.to_string().into_bytes()
    };
    let mut junk = vec![
        b"".to_vec(),
        b"not JSON".to_vec(),
        b"\xff\xfe".to_vec(),
        vec![b'x'; 5000],
        with("epoch", json!("ffffffff")),
        with("epoch", json!("")),
        with("lsn", json!("ffffffffffffffff")),
        with("ts", json!(i64::MAX)),
        with("ts", json!(i64::MIN)),
        with("ts", json!(1e300)),
        with("leader", json!("somebody else")),
    ];
    // A list.
    junk.push(Vec::new());
    let last = junk.len() - 1;
    for (number, text) in junk.iter().enumerate() {
        if number == last {
            put_list(&stage, STATE_KEY).await;
        } else {
            put_state(&stage, text).await;
        }
        let shown = String::from_utf8_lossy(text).into_owned();
        let shown: String = shown.chars().take(200).collect();
        eventually(&format!("the mirror replaces {shown:?}"), async || {
            stage.ask().await;
            let kind: String = redis::cmd("TYPE")
                .arg(STATE_KEY)
                .query_async(&mut stage.connect().await)
                .await
                .unwrap();
            let ours = kind == "string" && stage.raw_state().await != *text;
            ours.then_some(())
        })
        .await;
        stage.say(user, &format!("{number}")).await;
        stage.caught_up().await;
        let epoch = i64::from(stage.epoch().await);
        assert!(
            epoch <= Utc::now().timestamp() + 3600,
            "{epoch} after {shown:?}"
        );
        let ts = stage.state().await.unwrap()["ts"].as_i64().unwrap();
        assert!(ts <= Utc::now().timestamp_millis(), "{ts} after {shown:?}");
    }
    oracle::at_rest(&stage).await;
    mirror.stop().await;
}

/// What a table looked like is read as of each change, so that mending it does not make the changes
/// from before readable.
#[tokio::test]
async fn what_cannot_be_read_is_left_behind_with_a_new_epoch() {
    let stage = Stage::new().await;
    let user = stage.person().await;
    let mirror = stage.following().await;
    stage.say(user, "before").await;
    stage.reads(user, &["before"]).await;
    let epoch = stage.epoch().await;
    let mut sql = stage.superuser.acquire().await.unwrap();
    execute(
        &mut sql,
        "alter publication bondhu_mirror drop table public.chat_messages",
    )
    .await;
    let publish = |columns: &str| {
        format!("alter publication bondhu_mirror add table public.chat_messages ({columns})")
    };
    execute(&mut sql, &publish("id")).await;
    stage.say(user, "unreadable").await;
    mirror
        .until(
            "it says so",
            |phase| matches!(phase, Phase::Failing { reason, .. } if reason.contains("user_id")),
        )
        .await;
    execute(
        &mut sql,
        "alter publication bondhu_mirror drop table public.chat_messages",
    )
    .await;
    execute(&mut sql, &publish("user_id, id")).await;
    stage.reads(user, &["before", "unreadable"]).await;
    assert!(stage.epoch().await > epoch);
    stage.say(user, "after").await;
    stage.reads(user, &["before", "unreadable", "after"]).await;
    mirror.stop().await;
}

/// Values under the keys of documents that no mirror wrote.
#[tokio::test]
async fn whatever_is_under_a_documents_key_is_replaced() {
    let stage = Stage::new().await;
    let user = stage.person().await;
    let mirror = stage.following().await;
    stage.say(user, "first").await;
    stage.reads(user, &["first"]).await;
    let key = Document::ChatHistory.key(user);
    let epoch = stage.epoch().await;
    let value = |v: &str, as_of: &str| {
        format!(r#"{{"v":"{v}","as_of":"{as_of}","until":null,"settings":1000,"data":"junk"}}"#)
    };
    let now = Utc::now().to_rfc3339();
    let junk = [
        value(&"f".repeat(24), &now),
        value(&format!("{epoch:08x}{}", "f".repeat(16)), &now),
        // Of a log that is 512 GiB longer than that of this server, which is new.
        value(&format!("{epoch:08x}{:016x}", 512_u64 << 30), &now),
        value(&format!("{epoch:08x}{:016x}", 1), "9999-01-01T00:00:00Z"),
        "\u{0}".to_owned(),
        "x".repeat(3 << 20),
        "[".repeat(100_000),
    ];
    let reader = reader(&stage, &stage.redis_url()).await;
    let mut texts = vec!["first".to_owned()];
    for (number, text) in junk.iter().enumerate() {
        let mut redis = stage.connect().await;
        redis::cmd("SET")
            .arg(&key)
            .arg(text)
            .exec_async(&mut redis)
            .await
            .unwrap();
        let read = reader
            .read(user, Document::ChatHistory, None)
            .await
            .unwrap();
        assert!(!read.data.contains("junk"), "{number} is served");
        redis::cmd("SET")
            .arg(&key)
            .arg(text)
            .exec_async(&mut redis)
            .await
            .unwrap();
        texts.push(format!("after {number}"));
        stage.say(user, texts.last().unwrap()).await;
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        stage.reads(user, &texts).await;
    }
    for key in [&key, &Document::ChatHistory.lease_key(user)] {
        put_list(&stage, key).await;
    }
    let read = reader
        .read(user, Document::ChatHistory, None)
        .await
        .unwrap();
    assert_eq!(read.source, DocumentSource::Postgres);
    texts.push("after a list".to_owned());
    stage.say(user, "after a list").await;
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    stage.reads(user, &texts).await;
    assert_eq!(restarts(&mirror), 0);
    oracle::at_rest(&stage).await;
    mirror.stop().await;
}
