//! What is served about a person.

use bondhu_stack::template;
use bondhu_stack::testing::{Database, Role};
use serde_json::Value;

use crate::recount::{import, say, sqlstate};

#[tokio::test]
async fn the_context_is_the_callers_own_and_exact() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut tx = db.as_user(user).await;
    for _ in 0..5 {
        say(&mut tx, "i am so happy").await;
    }
    let context: Value = sqlx::query_scalar("select public.personality_context()")
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    assert_eq!(context["sentiment"]["message_count"], 5);
    assert_eq!(context["sentiment"]["dominant_mood"], "joy");
    assert_eq!(
        context["sentiment"]["communication_style"],
        "enthusiastic_energetic"
    );
    assert!(context["traits"]["extraversion"].as_f64().unwrap() > 50.0);
    let engine = if template::is_portable() {
        "bondhu_portable"
    } else {
        "bondhu_native"
    };
    assert_eq!(context["engine"]["name"], engine);
    assert_eq!(context["profile"]["time_zone"], "UTC");
}

#[tokio::test]
async fn nobody_and_somebody_silent_get_an_answer_of_their_own() {
    let db = Database::create().await;
    let mut tx = db.as_anon().await;
    let error = sqlx::query("select public.personality_context()")
        .execute(&mut *tx)
        .await
        .unwrap_err();
    assert_eq!(sqlstate(&error), "42501");
    let mut tx = db.as_user(db.user().await).await;
    let context: Value = sqlx::query_scalar("select public.personality_context()")
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    assert_eq!(context["sentiment"]["data_status"], "insufficient_data");
    assert_eq!(context["traits"]["openness"].as_f64(), Some(50.0));
    assert_eq!(context["sentiment"]["mean_sentiment"], Value::Null);
}

#[tokio::test]
async fn documents_say_until_when_they_stand() {
    let db = Database::create().await;
    let (user, silent) = (db.user().await, db.user().await);
    let mut owner = db.connect(Role::Owner).await;
    import(
        &mut owner,
        user,
        "i am so happy",
        "23 hours 59 minutes 30 seconds",
    )
    .await;
    let mut worker = db.connect(Role::Worker).await;
    for document in [
        "personality_context_document",
        "personality_sentiment_document",
    ] {
        let sql = format!(
            "select user_id, until - (select max(created_at) from public.chat_messages) <= interval '24 hours'
             from bondhu.{document}($1, now()) order by user_id = $2"
        );
        let rows: Vec<(uuid::Uuid, Option<bool>)> = sqlx::query_as(&sql)
            .bind([user, silent, uuid::Uuid::new_v4()])
            .bind(silent)
            .fetch_all(&mut worker)
            .await
            .unwrap();
        assert_eq!(rows, [(user, Some(true)), (silent, None)], "{document}");
    }
}

#[tokio::test]
async fn tastes_enter_the_context_only_where_the_provider_and_the_person_allow_it() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut admin = db.connect(Role::Superuser).await;
    sqlx::query(
        "insert into public.music_preferences
           (user_id, provider, top_genres, top_artists, recently_played, plays_by_hour, plays_by_weekday, play_count, computed_at)
         select $1, provider, '[{\"genre\": \"baul\"}]', '[]', '[]', array_fill(0, array[24]), array_fill(0, array[7]), 0, now()
         from unnest(array['spotify', 'youtube']) provider",
    )
    .bind(user)
    .execute(&mut admin)
    .await
    .unwrap();
    let music = "select data -> 'music' from bondhu.personality_context_document(array[$1], now())";
    let undecided: Value = sqlx::query_scalar(music)
        .bind(user)
        .fetch_one(&mut admin)
        .await
        .unwrap();
    assert!(undecided.is_null());
    sqlx::query("insert into public.consents (user_id, purpose, is_given) values ($1, 'provider_prompts', true)")
        .bind(user)
        .execute(&mut admin)
        .await
        .unwrap();
    let closed: Value = sqlx::query_scalar(music)
        .bind(user)
        .fetch_one(&mut admin)
        .await
        .unwrap();
    assert!(closed["spotify"].is_null() && closed["youtube"].is_object());
    sqlx::query("update bondhu.provider_settings set llm_use_allowed = true")
        .execute(&mut admin)
        .await
        .unwrap();
    let open: Value = sqlx::query_scalar(music)
        .bind(user)
        .fetch_one(&mut admin)
        .await
        .unwrap();
    assert_eq!(open["spotify"]["top_genres"][0]["genre"], "baul");
}
