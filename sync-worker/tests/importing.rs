//! What somebody said elsewhere, brought in.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::Write as _;
use std::str::FromStr as _;

use bondhu_stack::testing::{Database, Role};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use sqlx::PgConnection;
use sqlx::postgres::PgConnectOptions;
use sync_worker::history::{ImportError, import_messages};
use tempfile::NamedTempFile;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

fn file(content: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(content.as_bytes()).unwrap();
    file
}

async fn import(db: &Database, content: &str, user: &str) -> Result<(), ImportError> {
    let owner = PgConnectOptions::from_str(&db.url(Role::Owner)).unwrap();
    let file = file(content);
    import_messages(&owner, file.path(), user, 100, &CancellationToken::new()).await
}

/// What is stored of somebody, in its order.
async fn stored(
    owner: &mut PgConnection,
    user: Uuid,
) -> Vec<(Uuid, Option<Uuid>, String, String, DateTime<Utc>, bool)> {
    sqlx::query_as(
        "select id, session_id, sender_type, message_text, created_at, engine_version is not null
         from public.chat_messages where user_id = $1 order by created_at, seq",
    )
    .bind(user)
    .fetch_all(owner)
    .await
    .unwrap()
}

async fn differences(owner: &mut PgConnection) -> i64 {
    sqlx::query_scalar("select count(*) from bondhu.verify()")
        .fetch_one(owner)
        .await
        .unwrap()
}

/// A line each: the companion's answers at the time of what they answer, and written first.
fn lines(exchanges: i64) -> String {
    let began = Utc::now() - TimeDelta::days(1);
    (0..exchanges)
        .flat_map(|n| {
            let at = (began + TimeDelta::seconds(n)).to_rfc3339();
            [("ai", "I hear you"), ("user", "I am so happy today")].map(|(sender, text)| {
                json!({"text": format!("{text}, {n}"), "sender": sender, "at": at, "session": "tea"}).to_string()
            })
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[tokio::test]
async fn lines_come_in_once_in_order_and_are_learnt_from() {
    let db = Database::create().await;
    let (user, other) = (db.user().await, db.user().await);
    let mut owner = db.connect(Role::Owner).await;
    let lines = lines(600);
    import(&db, &lines, &user.to_string()).await.unwrap();

    let first = stored(&mut owner, user).await;
    assert_eq!(first.len(), 1_200);
    for (place, (_, session, sender, text, _, scored)) in first.iter().enumerate() {
        assert_eq!(sender, ["user", "ai"][place % 2]);
        assert!(
            text.ends_with(&format!(", {}", place / 2)),
            "{text} at {place}"
        );
        assert_eq!(*scored, sender == "user");
        assert_eq!(*session, first[0].1);
    }
    let sessions: Vec<(Uuid, String)> =
        sqlx::query_as("select id, end_reason from public.user_sessions where user_id = $1")
            .bind(user)
            .fetch_all(&mut owner)
            .await
            .unwrap();
    assert_eq!(sessions, [(first[0].1.unwrap(), "ended".to_owned())]);

    import(&db, &lines, &user.to_string()).await.unwrap();
    assert_eq!(stored(&mut owner, user).await, first);
    assert!(stored(&mut owner, other).await.is_empty());
    assert_eq!(differences(&mut owner).await, 0);
}

#[tokio::test]
async fn an_export_comes_in_for_who_is_named_by_email() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Superuser).await;
    sqlx::query("update auth.users set email = 'Ada@Example.org' where id = $1")
        .bind(user)
        .execute(&mut owner)
        .await
        .unwrap();
    let node = |parent: Option<&str>, role: &str, text: &str| {
        json!({"parent": parent, "message": {
            "author": {"role": role}, "create_time": 1_600_000_000.5, "recipient": "all",
            "content": {"content_type": "text", "parts": [text]}}})
    };
    let export = json!([{
        "conversation_id": "c", "id": "c", "title": "Tea", "current_node": "b",
        "mapping": {"a": node(None, "user", "shall we have tea?"), "b": node(Some("a"), "assistant", "gladly")}
    }]);
    import(&db, &export.to_string(), "ada@example.org")
        .await
        .unwrap();
    let said: Vec<_> = stored(&mut owner, user)
        .await
        .into_iter()
        .map(|(_, _, sender, text, at, _)| (sender, text, at.timestamp_millis()))
        .collect();
    assert_eq!(
        said,
        [
            (
                "user".to_owned(),
                "shall we have tea?".to_owned(),
                1_600_000_000_500
            ),
            ("ai".to_owned(), "gladly".to_owned(), 1_600_000_000_500),
        ]
    );
    // Over for longer than sessions are kept.
    let sessions: i64 = sqlx::query_scalar("select count(*) from public.user_sessions")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    assert_eq!(sessions, 0);
}

#[tokio::test]
async fn one_that_was_stopped_goes_on_when_it_is_run_again() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    let (file, options) = (
        file(&lines(2_000)),
        PgConnectOptions::from_str(&db.url(Role::Owner)).unwrap(),
    );
    let stop = CancellationToken::new();
    let named = user.to_string();
    let stopped = async {
        while stored(&mut owner, user).await.is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        stop.cancel();
    };
    let (ended, ()) = tokio::join!(
        import_messages(&options, file.path(), &named, 10, &stop),
        stopped
    );
    assert!(matches!(ended, Err(ImportError::Stopped)), "{ended:?}");
    let before = stored(&mut owner, user).await.len();
    assert!((1..4_000).contains(&before), "{before}");

    import_messages(
        &options,
        file.path(),
        &named,
        100,
        &CancellationToken::new(),
    )
    .await
    .unwrap();
    let all = stored(&mut owner, user).await;
    assert_eq!(all.len(), 4_000);
    assert!(all.windows(2).all(|pair| pair[0].2 != pair[1].2));
    assert_eq!(differences(&mut owner).await, 0);
}

#[tokio::test]
async fn what_cannot_be_taken_is_left_and_its_neighbours_come_in() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    let at = |second: i64| DateTime::from_timestamp(1_700_000_000 + second, 0).unwrap();
    let line = |second: i64, text: &str| {
        json!({"text": text, "sender": "user", "at": at(second).to_rfc3339()}).to_string()
    };
    let (longest, heaviest) = ("a".repeat(8_000), "🎉".repeat(6_000));
    // Joined by what is no letter; a tab; letters from right to left.
    let odd = "👩\u{200d}💻\tآج میں خوش ہوں";
    let said = ["first", odd, &longest, &heaviest, "last"];
    let left = [
        "nonsense".to_owned(),
        line(90, " \u{200b}\u{2800}\n"),
        line(91, "a\0b"),
        line(92, &"a".repeat(8_001)),
        line(93, &"🎉".repeat(6_001)),
        line(10_000_000_000, "in the future"),
        line(-10_000_000_000, "before 1900"),
    ];
    let mut content = "\u{feff}".to_owned();
    for (second, text) in (0..).zip(said) {
        content += &format!("{}\r\n\r\n", line(second, text));
        content += &left.join("\r\n");
        content += "\r\n";
    }
    import(&db, &content, &user.to_string()).await.unwrap();
    let stored: Vec<_> = stored(&mut owner, user)
        .await
        .into_iter()
        .map(|(_, session, _, text, at, _)| (session, text, at))
        .collect();
    let expected: Vec<_> = (0..)
        .zip(said)
        .map(|(second, text)| (None::<Uuid>, text.to_owned(), at(second)))
        .collect();
    assert_eq!(stored, expected);
    assert_eq!(differences(&mut owner).await, 0);
}

#[tokio::test]
async fn who_has_everything_erased_meanwhile_gets_no_more_of_it() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    let (file, options) = (
        file(&lines(2_000)),
        PgConnectOptions::from_str(&db.url(Role::Owner)).unwrap(),
    );
    let (named, never) = (user.to_string(), CancellationToken::new());
    let forgotten = async {
        while stored(&mut owner, user).await.is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        // So few messages go in the call itself.
        let mut person = db.as_user(user).await;
        sqlx::query("select public.erase_my_data(true)")
            .execute(&mut *person)
            .await
            .unwrap();
        person.commit().await.unwrap();
    };
    let (ended, ()) = tokio::join!(
        import_messages(&options, file.path(), &named, 10, &never),
        forgotten
    );
    assert!(matches!(ended, Err(ImportError::BeingErased)), "{ended:?}");
    assert!(stored(&mut owner, user).await.is_empty());
    let sessions: i64 = sqlx::query_scalar("select count(*) from public.user_sessions")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    assert_eq!(sessions, 0);

    // Who wants it after all has it.
    import_messages(&options, file.path(), &named, 100, &never)
        .await
        .unwrap();
    assert_eq!(stored(&mut owner, user).await.len(), 4_000);
    assert_eq!(differences(&mut owner).await, 0);
}

#[tokio::test]
async fn nobody_and_who_is_being_forgotten_get_nothing() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Superuser).await;
    for nobody in [
        "nobody@example.org",
        "",
        "%",
        &Uuid::from_u128(7).to_string(),
    ] {
        let refused = import(&db, &lines(1), nobody).await;
        assert!(
            matches!(refused, Err(ImportError::NoAccount(_))),
            "{refused:?}"
        );
    }
    for (id, email) in [
        (user, "Ada@example.org"),
        (db.user().await, "ada@example.ORG"),
    ] {
        sqlx::query("update auth.users set email = $2 where id = $1")
            .bind(id)
            .bind(email)
            .execute(&mut owner)
            .await
            .unwrap();
    }
    let refused = import(&db, &lines(1), "ada@example.org").await;
    assert!(
        matches!(refused, Err(ImportError::Ambiguous(_))),
        "{refused:?}"
    );
    let broken = import(&db, "[{\"mapping\": {}", &user.to_string()).await;
    assert!(
        matches!(broken, Err(ImportError::NoExport(_))),
        "{broken:?}"
    );
    sqlx::query(
        "insert into public.erasures (user_id, up_to_seq, with_account, rows_erased) values ($1, 0, false, '{}')",
    )
    .bind(user)
    .execute(&mut owner)
    .await
    .unwrap();
    let refused = import(&db, &lines(1), &user.to_string()).await;
    assert!(
        matches!(refused, Err(ImportError::BeingErased)),
        "{refused:?}"
    );
}
