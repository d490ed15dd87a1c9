//! Who may do what, and what the engine refuses.

use bondhu_stack::testing::{Database, Role, execute};

use crate::recount::{import, profile_count, say, sqlstate};

#[tokio::test]
async fn the_triggers_refuse_any_other_table() {
    let db = Database::create().await;
    let mut owner = db.connect(Role::Owner).await;
    for sql in [
        "create table public.decoy (like public.chat_messages)",
        "create trigger scored before insert on public.decoy for each row execute function bondhu_native.score_message()",
        "create trigger folded after insert on public.decoy referencing new table as new_messages
           for each statement execute function bondhu_native.fold_messages()",
    ] {
        sqlx::query(sql).execute(&mut owner).await.unwrap();
    }
    let insert = "insert into public.decoy (user_id, id, seq, sender_type, message_text, counts, created_at, updated_at)
                  values (gen_random_uuid(), gen_random_uuid(), 1, 'user', 'hi', true, now(), now())";
    let error = sqlx::query(insert).execute(&mut owner).await.unwrap_err();
    assert_eq!(sqlstate(&error), "39P01");
    assert!(error.to_string().contains("public.decoy"), "{error}");
    sqlx::query("drop trigger scored on public.decoy")
        .execute(&mut owner)
        .await
        .unwrap();
    let error = sqlx::query(insert).execute(&mut owner).await.unwrap_err();
    assert_eq!(sqlstate(&error), "39P01");
}

#[tokio::test]
async fn the_triggers_refuse_the_wrong_kind_of_trigger() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    sqlx::query("create trigger a_wrong after insert on public.chat_messages for each row execute function bondhu_native.fold_messages()")
        .execute(&mut owner)
        .await
        .unwrap();
    let error =
        sqlx::query("insert into public.chat_messages (user_id, message_text) values ($1, 'hi')")
            .bind(user)
            .execute(&mut owner)
            .await
            .unwrap_err();
    assert_eq!(sqlstate(&error), "39P01");
}

#[tokio::test]
async fn api_roles_reach_neither_the_engine_nor_the_derived_tables() {
    let db = Database::create().await;
    let user = db.user().await;
    for statement in [
        "select bondhu_native.fold_messages()",
        "select bondhu_native.recompute(gen_random_uuid())",
        "select bondhu.recompute(gen_random_uuid())",
        "select bondhu.rescore()",
        "select bondhu.install_engine()",
        "select * from bondhu.personality(array[gen_random_uuid()], now())",
        "select * from bondhu.personality_context_document(array[gen_random_uuid()], now())",
        "update public.personality_profiles set openness = 99",
        "insert into public.sentiment_buckets default values",
        "delete from public.personality_history",
    ] {
        let mut tx = db.as_user(user).await;
        let error = sqlx::query(statement).execute(&mut *tx).await.unwrap_err();
        assert_eq!(sqlstate(&error), "42501", "{statement}");
    }
}

#[tokio::test]
async fn a_user_sees_only_their_own_conclusions() {
    let db = Database::create().await;
    let (user, other) = (db.user().await, db.user().await);
    let mut owner = db.connect(Role::Owner).await;
    for _ in 0..10 {
        import(&mut owner, user, "i am so happy", "0").await;
    }
    for table in [
        "personality_profiles",
        "sentiment_buckets",
        "personality_history",
        "personality_history_evidence",
    ] {
        let sql = format!("select count(user_id) from public.{table}");
        let mut tx = db.as_user(user).await;
        let own: i64 = sqlx::query_scalar(&sql).fetch_one(&mut *tx).await.unwrap();
        assert!(own > 0, "{table}");
        let mut tx = db.as_user(other).await;
        let foreign: i64 = sqlx::query_scalar(&sql).fetch_one(&mut *tx).await.unwrap();
        assert_eq!(foreign, 0, "{table}");
    }
}

#[tokio::test]
async fn a_callers_search_path_does_not_choose_the_operators() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut admin = db.connect(Role::Superuser).await;
    for sql in [
        "create schema trap",
        "grant usage on schema trap to public",
        "create function trap.spring(uuid, uuid) returns boolean language plpgsql as $$ begin raise exception 'sprung'; end $$",
        "create operator trap.= (leftarg = uuid, rightarg = uuid, function = trap.spring)",
    ] {
        sqlx::query(sql).execute(&mut admin).await.unwrap();
    }
    let mut tx = db.as_user(user).await;
    sqlx::query("set local search_path = trap, pg_catalog")
        .execute(&mut *tx)
        .await
        .unwrap();
    say(&mut tx, "hello").await;
    sqlx::query("select public.personality_context()")
        .execute(&mut *tx)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_deleted_auth_user_takes_everything_along() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Superuser).await;
    for _ in 0..30 {
        import(&mut owner, user, "i am so happy", "0").await;
    }
    sqlx::query("delete from auth.users where id = $1")
        .bind(user)
        .execute(&mut owner)
        .await
        .unwrap();
    assert_eq!(profile_count(&mut owner, user).await, 0);
    let left: i64 = sqlx::query_scalar(
        "select (select count(*) from public.chat_messages) + (select count(*) from public.sentiment_buckets)
              + (select count(*) from public.personality_history) + (select count(*) from public.personality_history_evidence)",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_user_may_come_write_and_go_in_one_transaction() {
    let db = Database::create().await;
    let mut owner = db.connect(Role::Superuser).await;
    let mut tx = sqlx::Connection::begin(&mut owner).await.unwrap();
    let user = uuid::Uuid::new_v4();
    sqlx::query("insert into auth.users (id) values ($1)")
        .bind(user)
        .execute(&mut *tx)
        .await
        .unwrap();
    for _ in 0..30 {
        import(&mut tx, user, "i am so happy", "1 hour").await;
    }
    sqlx::query("delete from auth.users where id = $1")
        .bind(user)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(profile_count(&mut owner, user).await, 0);
}

#[tokio::test]
async fn truncating_the_messages_forgets_what_followed_from_them() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    import(&mut owner, user, "i am so happy", "0").await;
    sqlx::query("truncate public.chat_messages cascade")
        .execute(&mut owner)
        .await
        .unwrap();
    assert_eq!(profile_count(&mut owner, user).await, 0);
}

#[tokio::test]
async fn a_session_that_goes_leaves_the_conclusions_alone() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut tx = db.as_user(user).await;
    let session: uuid::Uuid = sqlx::query_scalar("select public.start_session('phone')")
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    sqlx::query("insert into public.chat_messages (session_id, message_text) values ($1, 'hello')")
        .bind(session)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let mut owner = db.connect(Role::Owner).await;
    sqlx::query("delete from public.user_sessions")
        .execute(&mut owner)
        .await
        .unwrap();
    assert_eq!(
        crate::recount::differences(&mut owner, &[user]).await,
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn every_function_that_runs_sql_has_its_search_path_pinned() {
    let db = Database::create().await;
    let mut owner = db.connect(Role::Owner).await;
    // These run none, and one of them for each message.
    let unpinned: Vec<String> = sqlx::query_scalar(
        "select proname::text from pg_proc
         where pronamespace = 'bondhu_native'::regnamespace
           and not coalesce(proconfig, '{}') @> '{\"search_path=pg_catalog, pg_temp\"}'
         order by 1",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert_eq!(
        unpinned,
        ["engine_version", "explain", "score", "score_message"]
    );
}

#[tokio::test]
async fn the_engine_concludes_from_no_row_that_a_policy_hides() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    let mut worker = db.connect(Role::Worker).await;
    for _ in 0..6 {
        import(&mut owner, user, "i am so happy", "0").await;
    }
    for (policy, seen) in [
        ("select 1", 6),
        (
            "create policy less on public.personality_profiles as restrictive to bondhu_worker using (false)",
            0,
        ),
        ("drop policy less on public.personality_profiles", 6),
        (
            r#"alter policy "the worker reads personalities" on public.personality_profiles using (message_count > 6)"#,
            0,
        ),
        (
            r#"alter policy "the worker reads personalities" on public.personality_profiles using (message_count > 5)"#,
            6,
        ),
        (
            r#"drop policy "the worker reads personalities" on public.personality_profiles"#,
            0,
        ),
    ] {
        execute(&mut owner, policy).await;
        let count: i64 = sqlx::query_scalar(
            "select message_count from bondhu_native.personality(array[$1], now())",
        )
        .bind(user)
        .fetch_one(&mut worker)
        .await
        .unwrap();
        assert_eq!(count, seen, "{policy}");
    }
}
