//! Sessions of one user from many places at once, and while the account goes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use bondhu_stack::testing::{Database, Role, execute};
use uuid::Uuid;

#[tokio::test]
async fn devices_that_start_together_stay_within_the_number() {
    let database = Database::create().await;
    let user = database.user().await;
    let mut owner = database.connect(Role::Owner).await;
    execute(
        &mut owner,
        "update bondhu.settings set max_active_sessions = 3 where singleton",
    )
    .await;

    let mut requests = Vec::new();
    for _ in 0..8 {
        requests.push(database.as_user(user).await);
    }
    let started = requests
        .into_iter()
        .enumerate()
        .map(|(device, mut request)| async move {
            let id: Uuid = sqlx::query_scalar("select start_session($1)")
                .bind(format!("device {device}"))
                .fetch_one(&mut *request)
                .await
                .unwrap();
            request.commit().await.unwrap();
            id
        });
    futures::future::join_all(started).await;

    let reasons: Vec<Option<String>> =
        sqlx::query_scalar("select end_reason from public.user_sessions where user_id = $1")
            .bind(user)
            .fetch_all(&mut owner)
            .await
            .unwrap();
    assert_eq!(reasons.len(), 8);
    assert_eq!(
        reasons.iter().filter(|reason| reason.is_none()).count(),
        3,
        "{reasons:?}"
    );
    assert!(
        reasons.iter().flatten().all(|reason| reason == "too_many"),
        "{reasons:?}"
    );
}

#[tokio::test]
async fn closing_idle_sessions_waits_for_nobody() {
    let database = Database::create().await;
    let (held, free) = (database.user().await, database.user().await);
    let mut owner = database.connect(Role::Owner).await;
    for user in [held, free] {
        sqlx::query(
            "insert into public.user_sessions (user_id, device_id, started_at, last_seen_at)
             values ($1, 'phone', now() - interval '1 day', now() - interval '1 day')",
        )
        .bind(user)
        .execute(&mut owner)
        .await
        .unwrap();
    }
    // Comes back this moment.
    let mut request = database.as_user(held).await;
    sqlx::query("select touch_session((select id from public.user_sessions))")
        .execute(&mut *request)
        .await
        .unwrap();

    execute(&mut owner, "set lock_timeout = '5s'").await;
    let closed: i64 = sqlx::query_scalar("select bondhu.close_idle_sessions()")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    assert_eq!(closed, 1);
    request.commit().await.unwrap();
    let active: Vec<Uuid> =
        sqlx::query_scalar("select user_id from public.user_sessions where ended_at is null")
            .fetch_all(&mut owner)
            .await
            .unwrap();
    assert_eq!(active, [held]);
}

#[tokio::test]
async fn who_is_being_deleted_waits_and_is_told() {
    let database = Database::create().await;
    let user = database.user().await;
    let mut request = database.as_user(user).await;
    sqlx::query("select start_session('phone')")
        .execute(&mut *request)
        .await
        .unwrap();
    request.commit().await.unwrap();

    let mut superuser = database.connect(Role::Superuser).await;
    execute(
        &mut superuser,
        &format!("begin; delete from auth.users where id = '{user}'"),
    )
    .await;
    let mut again = database.as_user(user).await;
    let starting = sqlx::query("select start_session('phone')").execute(&mut *again);
    let deleting = async {
        let mut watcher = database.connect(Role::Superuser).await;
        let waits = "select exists (select from pg_locks where not granted
                     and database = (select oid from pg_database where datname = current_database()))
                     or exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')";
        while !sqlx::query_scalar::<_, bool>(waits)
            .fetch_one(&mut watcher)
            .await
            .unwrap()
        {
            tokio::task::yield_now().await;
        }
        execute(&mut superuser, "commit").await;
    };
    let (answer, ()) = tokio::join!(starting, deleting);
    let error = answer.unwrap_err();
    let refusal = error.as_database_error().unwrap();
    assert_eq!(refusal.code().as_deref(), Some("28000"), "{error}");
    assert_eq!(refusal.message(), "this account is deleted");
}
