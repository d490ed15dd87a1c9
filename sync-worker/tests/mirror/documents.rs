//! What Redis holds when all is well.

use bondhu_core::cache::Document;
use redis::AsyncCommands as _;
use serde_json::json;
use sync_worker::doctor::published_as_expected;
use uuid::Uuid;

use crate::stage::{Stage, eventually, version};

#[tokio::test]
async fn a_committed_message_is_in_redis_under_a_newer_version() {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    let user = stage.person().await;

    stage.say(user, "good morning").await;
    stage.reads(user, &["good morning"]).await;
    let first = stage.held(user, Document::ChatHistory).await.unwrap();
    stage.say(user, "how are you?").await;
    stage.reads(user, &["good morning", "how are you?"]).await;
    let second = stage.held(user, Document::ChatHistory).await.unwrap();

    assert!(version(&second) > version(&first), "{second} after {first}");
    assert_eq!(version(&second).len(), 24);
    assert_eq!(
        &version(&second)[..8],
        format!("{:08x}", stage.epoch().await)
    );
    assert!(
        mirror
            .metrics
            .encode()
            .unwrap()
            .contains("bondhu_mirror_lag_seconds_count")
    );
    mirror.stop().await;
}

#[tokio::test]
async fn a_person_who_chats_has_every_document_with_its_lifetime() {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    let user = stage.person().await;
    stage.taste(user).await;
    stage.say(user, "I love this song").await;
    stage.caught_up().await;

    let mut redis = stage.connect().await;
    for document in Document::ALL {
        let held = stage
            .held(user, document)
            .await
            .unwrap_or_else(|| panic!("{document:?} is not there"));
        let built = stage.built(user, document).await.unwrap();
        if document != Document::PersonalityContext && document != Document::PersonalitySentiment {
            assert_eq!(held["data"], built, "{document:?}");
        }
        assert!(held["as_of"].is_string(), "{held}");
        let lifetime: u64 = redis.pttl(document.key(user)).await.unwrap();
        let longest = u64::try_from(document.ttl().as_millis()).unwrap();
        assert!(
            (1..=longest).contains(&lifetime),
            "{document:?} lives {lifetime} ms"
        );
    }
    let session_lifetime: u64 = redis.ttl(Document::SessionActive.key(user)).await.unwrap();
    assert!(
        session_lifetime <= 30 * 60,
        "a session's document ends with the session: {session_lifetime} s"
    );
    mirror.stop().await;
}

#[tokio::test]
async fn nothing_is_written_for_somebody_who_is_away_and_was_not_read() {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    let user = stage.database.user().await;
    stage.say(user, "a message from an old phone").await;
    stage.caught_up().await;

    for document in Document::ALL {
        assert_eq!(stage.held(user, document).await, None, "{document:?}");
    }
    mirror.stop().await;
}

#[tokio::test]
async fn a_key_that_is_there_follows_also_when_its_owner_is_away() {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    let user = stage.database.user().await;
    stage
        .put(user, Document::ChatHistory, &"0".repeat(24), &json!([]))
        .await;

    stage.say(user, "still here").await;
    stage.reads(user, &["still here"]).await;
    mirror.stop().await;
}

#[tokio::test]
async fn an_older_write_never_replaces_a_newer_one() {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    let user = stage.person().await;
    stage.caught_up().await;
    // As a mirror that leads since then would write it.
    let newer = format!("{:08x}{:016x}", stage.epoch().await + 1, 1);
    stage
        .put(
            user,
            Document::ChatHistory,
            &newer,
            &json!("from the future"),
        )
        .await;

    stage.say(user, "too old to be written").await;
    stage.caught_up().await;
    let held = stage.held(user, Document::ChatHistory).await.unwrap();
    assert_eq!(held["data"], "from the future");
    mirror.stop().await;
}

#[tokio::test]
async fn a_deleted_user_leaves_nothing_but_the_mark_that_it_is_gone() {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    let user = stage.person().await;
    stage.taste(user).await;
    stage.say(user, "forget me").await;
    stage.reads(user, &["forget me"]).await;

    stage
        .run("delete from auth.users where id = $1", user)
        .await;
    stage.caught_up().await;
    let mut redis = stage.connect().await;
    let left: Vec<String> = redis.keys(format!("*{user}*")).await.unwrap();
    assert!(!left.is_empty());
    for key in left {
        let text: String = redis.get(&key).await.unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(value["data"].is_null(), "{key} holds {text}");
        let lifetime: u64 = redis.pttl(&key).await.unwrap();
        assert!(lifetime <= 60_000, "{key} lives {lifetime} ms");
    }
    mirror.stop().await;
}

#[tokio::test]
async fn what_a_disconnected_provider_brought_goes_from_redis_too() {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    let user = stage.person().await;
    stage.taste(user).await;
    eventually("the taste is there", async || {
        stage.held(user, Document::MusicProfile).await
    })
    .await;

    stage
        .run(
            "delete from public.music_preferences where user_id = $1",
            user,
        )
        .await;
    stage.caught_up().await;
    let held = async |document| stage.held(user, document).await.unwrap()["data"].clone();
    assert!(held(Document::MusicProfile).await.is_null());
    assert!(
        held(Document::VideoYoutube).await.is_object(),
        "the other provider's stays"
    );
    mirror.stop().await;
}

#[tokio::test]
async fn truncating_a_table_empties_the_documents_built_from_it() {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    let people = [stage.person().await, stage.person().await];
    for user in people {
        stage.say(user, "soon gone").await;
        stage.reads(user, &["soon gone"]).await;
    }
    sqlx::query("truncate public.chat_messages cascade")
        .execute(&stage.superuser)
        .await
        .unwrap();
    for user in people {
        stage.reads(user, &[]).await;
    }
    mirror.stop().await;
}

#[tokio::test]
async fn after_many_writers_every_document_is_what_postgres_says() {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    let mut people: Vec<Uuid> = Vec::new();
    for _ in 0..6 {
        people.push(stage.person().await);
    }
    let stage = &stage;
    let writers = people.iter().map(|user| async move {
        for number in 0..25 {
            stage.say(*user, &format!("message {number}")).await;
        }
    });
    futures::future::join_all(writers).await;
    stage.caught_up().await;

    for user in people {
        assert_eq!(stage.texts(user).await.unwrap().len(), 25);
        for document in [Document::ChatHistory, Document::SessionActive] {
            let held = stage.held(user, document).await.unwrap();
            assert_eq!(
                Some(&held["data"]),
                stage.built(user, document).await.as_ref(),
                "{document:?}"
            );
        }
        let (held, built) = (
            stage
                .held(user, Document::PersonalitySentiment)
                .await
                .unwrap(),
            stage
                .built(user, Document::PersonalitySentiment)
                .await
                .unwrap(),
        );
        assert_eq!(held["data"]["message_count"], built["message_count"]);
    }
    mirror.stop().await;
}

#[tokio::test]
async fn what_a_person_lets_into_prompts_is_in_their_context_at_once_and_no_longer() {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    let user = stage.person().await;
    stage.taste(user).await;
    stage.say(user, "I love this film").await;
    let videos = async || {
        let held = stage.held(user, Document::PersonalityContext).await;
        held.is_some_and(|held| held["data"]["video"].is_object())
    };
    stage.caught_up().await;
    assert!(!videos().await);
    for allowed in [true, false] {
        let mut request = stage.database.as_user(user).await;
        sqlx::query("select set_consent('provider_prompts', $1)")
            .bind(allowed)
            .execute(&mut *request)
            .await
            .unwrap();
        request.commit().await.unwrap();
        stage.caught_up().await;
        assert_eq!(videos().await, allowed);
    }
    mirror.stop().await;
}

#[tokio::test]
async fn the_watermark_moves_while_nothing_happens() {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    let at = async || stage.state().await.unwrap()["ts"].as_i64().unwrap();
    let before = at().await;
    eventually("it is renewed", async || {
        (at().await > before).then_some(())
    })
    .await;
    assert!(at().await <= chrono::Utc::now().timestamp_millis());
    mirror.stop().await;
}

#[tokio::test]
async fn the_publication_lists_exactly_the_keys_of_the_documents_sources() {
    let stage = Stage::new().await;
    let differences = async || {
        published_as_expected(&stage.superuser, "bondhu_mirror")
            .await
            .unwrap()
    };
    assert_eq!(differences().await, Vec::<String>::new());

    for change in [
        "alter publication bondhu_mirror drop table public.companion_profiles",
        "alter publication bondhu_mirror add table public.listening_history (user_id, id)",
        "alter publication bondhu_mirror drop table public.chat_messages",
        "alter publication bondhu_mirror add table public.chat_messages",
    ] {
        let _ = sqlx::query(change).execute(&stage.superuser).await;
    }
    let found = differences().await;
    assert!(
        found.contains(&"public.companion_profiles is missing".to_owned()),
        "{found:?}"
    );
    assert!(
        found.contains(
            &"public.chat_messages should be published by its key (id, user_id)".to_owned()
        ),
        "{found:?}"
    );
}
