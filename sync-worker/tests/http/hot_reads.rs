//! `GET /v1/hot/{document}`.

use std::time::Instant;

use bondhu_stack::testing::{Database, Role, redis};
use serde_json::{Value, json};

use crate::worker::{APP, DEADLINE, header, serving, token};

#[tokio::test]
async fn a_signed_in_user_reads_their_own_document_and_nobody_elses() {
    let database = Database::create().await;
    let (ada, bela) = (database.user().await, database.user().await);
    let mut request = database.as_user(ada).await;
    sqlx::query("insert into public.chat_messages (message_text) values ('mine alone')")
        .execute(&mut *request)
        .await
        .unwrap();
    request.commit().await.unwrap();
    let redis = redis().await;
    let mirror = [
        ("BONDHU_REPLICATION_URL", database.url(Role::Replication)),
        ("REDIS_URL", redis.url()),
        ("BONDHU_SLOT", database.name().to_owned()),
    ];
    let worker = serving(&database, &mirror).await;

    let hot = worker.hot("chat_history");
    let begun = Instant::now();
    let answer = loop {
        let request = hot.try_clone().unwrap().bearer_auth(token(ada));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        if header(&answer, "bondhu-source") == "redis" {
            break answer;
        }
        assert!(begun.elapsed() < DEADLINE, "it is never kept");
    };
    assert_eq!(header(&answer, "cache-control"), "private, no-store");
    assert!(header(&answer, "vary").contains("authorization"));
    assert!(header(&answer, "bondhu-as-of").ends_with('Z'));
    let tag = header(&answer, "etag").to_owned();
    let document: Value = answer.json().await.unwrap();
    assert_eq!(document[0]["message_text"], "mine alone");

    let known = hot.try_clone().unwrap().bearer_auth(token(ada));
    let known = known.header("if-none-match", format!("\"other\", W/{tag}"));
    let answer = known.send().await.unwrap();
    assert_eq!(answer.status(), 304);
    assert_eq!(answer.text().await.unwrap(), "");

    let others = hot.try_clone().unwrap().bearer_auth(token(bela));
    assert_eq!(
        others.send().await.unwrap().json::<Value>().await.unwrap(),
        json!([])
    );
}

#[tokio::test]
async fn a_read_without_redis_comes_from_postgres_and_a_refusal_says_what_to_do() {
    let database = Database::create().await;
    let user = database.user().await;
    let worker = serving(&database, &[]).await;
    let answer = worker.hot("music_profile").bearer_auth(token(user));
    let answer = answer.send().await.unwrap();
    assert_eq!(header(&answer, "bondhu-source"), "postgres");
    assert_eq!(answer.text().await.unwrap(), "null");

    let refused = [
        (worker.hot("chat_history"), 401, "Authorization: Bearer"),
        (
            worker.hot("chat_history").bearer_auth("a.b.c"),
            401,
            "malformed",
        ),
        (
            worker.hot("passwords").bearer_auth(token(user)),
            404,
            "there are: personality_context",
        ),
        (
            worker
                .hot("chat_history?min_lsn=1")
                .bearer_auth(token(user)),
            400,
            "16/B374D848",
        ),
    ];
    for (request, status, says) in refused {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status, "{says}");
        assert_eq!(header(&answer, "cache-control"), "private, no-store");
        let message: Value = answer.json().await.unwrap();
        assert!(
            message["message"].as_str().unwrap().contains(says),
            "{message}"
        );
    }
}

#[tokio::test]
async fn only_pages_of_listed_origins_may_read() {
    let database = Database::create().await;
    let worker = serving(&database, &[]).await;
    for (origin, allowed) in [(APP, true), ("https://app.example.org.evil.example", false)] {
        let url = format!("{}/v1/hot/chat_history", worker.url);
        let preflight = worker.client.request(reqwest::Method::OPTIONS, url);
        let preflight = preflight
            .header("origin", origin)
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "authorization");
        let answer = preflight.send().await.unwrap();
        let may = answer.headers().get("access-control-allow-origin");
        assert_eq!(may.is_some_and(|may| may == origin), allowed, "{origin}");
    }
}
