//! From one engine to another, on a live system.

use bondhu_stack::template;
use bondhu_stack::testing::{Database, Role};

use crate::portable::with_both;
use crate::recount::{differences, import, profile, say, sqlstate};

#[tokio::test]
async fn engines_change_places_and_nothing_is_lost_nor_written_anew() {
    let (db, mut owner) = with_both().await;
    let users = [db.user().await, db.user().await];
    let rows = "select array_agg(p::text || p.xmin::text order by p.user_id) from public.personality_profiles p";
    for (engine, schema) in [
        ("'portable'", "bondhu_portable"),
        ("", "bondhu_native"),
        ("'portable'", "bondhu_portable"),
        ("'portable'", "bondhu_portable"),
        ("'native'", "bondhu_native"),
    ] {
        for user in users {
            import(&mut owner, user, "i am so happy", "30 hours").await;
            import(&mut owner, user, "i want to die", "1 hour").await;
            let gone = import(&mut owner, user, "this is terrible", "0").await;
            sqlx::query("delete from public.chat_messages where id = $1")
                .bind(gone)
                .execute(&mut owner)
                .await
                .unwrap();
        }
        let before: Vec<String> = sqlx::query_scalar(rows)
            .fetch_one(&mut owner)
            .await
            .unwrap();
        let attached: String =
            sqlx::query_scalar(&format!("select bondhu.install_engine({engine})"))
                .fetch_one(&mut owner)
                .await
                .unwrap();
        assert_eq!(attached, schema);
        let named: String = sqlx::query_scalar("select bondhu.engine() ->> 'name'")
            .fetch_one(&mut owner)
            .await
            .unwrap();
        assert_eq!(named, schema);
        let after: Vec<String> = sqlx::query_scalar(rows)
            .fetch_one(&mut owner)
            .await
            .unwrap();
        assert_eq!(before, after);
        assert_eq!(differences(&mut owner, &users).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn messages_come_in_while_another_engine_waits_to_be_attached() {
    let (db, mut owner) = with_both().await;
    let user = db.user().await;
    let mut busy = db.as_user(user).await;
    say(&mut busy, "i am so happy").await;
    let installing = tokio::spawn(async move {
        sqlx::query("select bondhu.install_engine('portable')")
            .execute(&mut owner)
            .await
    });
    for _ in 0..3 {
        // What hosted projects allow a statement.
        let mut other = db.as_user(db.user().await).await;
        sqlx::query("set local statement_timeout = '8s'")
            .execute(&mut *other)
            .await
            .unwrap();
        say(&mut other, "this is terrible").await;
        other.commit().await.unwrap();
    }
    assert!(!installing.is_finished());
    busy.commit().await.unwrap();
    installing.await.unwrap().unwrap();
    let mut tx = db.as_user(user).await;
    say(&mut tx, "i am so sad").await;
    tx.commit().await.unwrap();
    let mut owner = db.connect(Role::Owner).await;
    assert_eq!(differences(&mut owner, &[user]).await, Vec::<String>::new());
    assert_eq!(profile::<i64>(&mut owner, user, "message_count").await, 2);
}

#[tokio::test]
async fn an_engine_that_is_not_there_is_refused_by_name() {
    // Both are there.
    if template::is_portable() {
        return;
    }
    let db = Database::create().await;
    let mut owner = db.connect(Role::Owner).await;
    for (engine, code) in [("portable", "0A000"), ("fast", "22023")] {
        let error = sqlx::query("select bondhu.install_engine($1)")
            .bind(engine)
            .execute(&mut owner)
            .await
            .unwrap_err();
        assert_eq!(sqlstate(&error), code, "{error}");
    }
    let engine: String = sqlx::query_scalar("select bondhu.engine() ->> 'name'")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    assert_eq!(engine, "bondhu_native");
}
