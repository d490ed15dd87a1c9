//! What restores lose: profiles, triggers, the right to use the engine. Readers stay right, and
//! one call mends it.

use bondhu_stack::testing::{Database, Role, execute};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::recount::{differences, import, say, sqlstate};

/// Somebody who was restored without triggers, and so without a profile.
async fn restored_user(db: &Database) -> Uuid {
    let user = Uuid::new_v4();
    execute(
        &mut db.connect(Role::Superuser).await,
        &format!(
            "set session_replication_role = replica; insert into auth.users (id) values ('{user}')"
        ),
    )
    .await;
    user
}

async fn verified(owner: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar(
        "select concat_ws(' ', relation, figure, stored) from bondhu.verify() order by 1",
    )
    .fetch_all(owner)
    .await
    .unwrap()
}

async fn context(db: &Database, user: Uuid) -> Value {
    let mut tx = db.as_user(user).await;
    sqlx::query_scalar("select public.personality_context()")
        .fetch_one(&mut *tx)
        .await
        .unwrap()
}

#[tokio::test]
async fn somebody_whose_profile_is_lost_is_read_with_its_defaults() {
    let db = Database::create().await;
    let user = restored_user(&db).await;
    let mut tx = db.as_user(user).await;
    say(&mut tx, "i want to kill myself").await;
    tx.commit().await.unwrap();

    let context = context(&db, user).await;
    assert_eq!(context["sentiment"]["needs_support"], true);
    assert_eq!(context["profile"]["time_zone"], "UTC");
    assert_eq!(context["profile"]["onboarding_state"], "new");
    let mut worker = db.connect(Role::Worker).await;
    for document in [
        "personality_context",
        "personality_sentiment",
        "chat_history",
        "session_active",
        "music_profile",
        "music_spotify",
        "video_youtube",
        "recommendations",
    ] {
        let rows: i64 = sqlx::query_scalar(&format!(
            "select count(*) from bondhu.{document}_document(array[$1]::uuid[], now())"
        ))
        .bind(user)
        .fetch_one(&mut worker)
        .await
        .unwrap();
        assert_eq!(rows, 1, "{document}");
    }
    let mut tx = db.as_user(user).await;
    let zone: String = sqlx::query_scalar("select time_zone from public.mood_patterns()")
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    assert_eq!(zone, "UTC");
}

#[tokio::test]
async fn a_lost_profile_is_named_and_healed_by_its_user_by_a_session_and_by_the_installer() {
    let db = Database::create().await;
    let written = restored_user(&db).await;
    let visiting = restored_user(&db).await;
    let healed = restored_user(&db).await;
    let mut owner = db.connect(Role::Owner).await;
    assert_eq!(verified(&mut owner).await, ["companion_profiles row"; 3]);

    let mut tx = db.as_user(visiting).await;
    execute(&mut tx, "select start_session('laptop')").await;
    tx.commit().await.unwrap();
    assert_eq!(verified(&mut owner).await, ["companion_profiles row"; 2]);

    let mut tx = db.as_user(written).await;
    execute(
        &mut tx,
        "insert into public.companion_profiles (time_zone) values ('Asia/Dhaka') \
         on conflict (user_id) do update set time_zone = excluded.time_zone",
    )
    .await;
    tx.commit().await.unwrap();
    assert_eq!(
        context(&db, written).await["profile"]["time_zone"],
        "Asia/Dhaka"
    );

    execute(&mut owner, "select bondhu.install_engine()").await;
    assert_eq!(verified(&mut owner).await, Vec::<String>::new());
    let rows: i64 =
        sqlx::query_scalar("select count(*) from public.companion_profiles where user_id = $1")
            .bind(healed)
            .fetch_one(&mut owner)
            .await
            .unwrap();
    assert_eq!(rows, 1);
}

#[tokio::test]
async fn every_trigger_there_is_is_expected_and_every_expected_one_is_missed() {
    let db = Database::create().await;
    let mut superuser = db.connect(Role::Superuser).await;
    let triggers: Vec<(String, String)> = sqlx::query_as(
        "select format('%s.%s', n.nspname, c.relname), t.tgname::text
         from pg_trigger t
         join pg_class c on c.oid = t.tgrelid
         join pg_namespace n on n.oid = c.relnamespace
         where not t.tgisinternal and n.nspname in ('auth', 'bondhu', 'public') order by 1, 2",
    )
    .fetch_all(&mut superuser)
    .await
    .unwrap();
    let expected: Vec<(String, String)> = sqlx::query_as(
        "select relation, name from bondhu.expected_triggers() where with_engine is not false order by 1, 2",
    )
    .fetch_all(&mut superuser)
    .await
    .unwrap();
    assert_eq!(triggers, expected);

    for (relation, name) in &triggers {
        for (change, state) in [
            (
                format!("alter table {relation} disable trigger {name}"),
                "disabled",
            ),
            (
                format!("alter table {relation} enable replica trigger {name}"),
                "disabled",
            ),
            (format!("drop trigger {name} on {relation}"), "missing"),
        ] {
            execute(&mut superuser, &format!("begin; {change}")).await;
            assert_eq!(
                verified(&mut superuser).await,
                [format!("{relation} trigger {name} {state}")],
                "{change}"
            );
            execute(&mut superuser, "rollback").await;
        }
    }
}

#[tokio::test]
async fn the_owner_mends_disabled_triggers_and_the_one_on_auth_users() {
    let db = Database::create().await;
    let mut superuser = db.connect(Role::Superuser).await;
    let mut owner = db.connect(Role::Owner).await;
    execute(
        &mut superuser,
        "alter table auth.users disable trigger bondhu_create_profile;
         alter table public.chat_messages disable trigger user;
         alter table bondhu.settings disable trigger user;
         alter table public.companion_profiles disable trigger user",
    )
    .await;
    let user = db.user().await;
    import(&mut owner, user, "i am so happy", "0").await;
    assert!(verified(&mut owner).await.len() > 8);
    execute(
        &mut owner,
        "select bondhu.install_engine(); select bondhu.rescore()",
    )
    .await;
    assert_eq!(verified(&mut owner).await, Vec::<String>::new());
    assert_eq!(differences(&mut owner, &[user]).await, Vec::<String>::new());

    execute(
        &mut superuser,
        "drop trigger bondhu_create_profile on auth.users",
    )
    .await;
    execute(&mut owner, "select bondhu.install_engine()").await;
    db.user().await;
    assert_eq!(verified(&mut owner).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_session_whose_triggers_are_off_scores_nothing_and_says_so() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    execute(&mut owner, "set session_replication_role = replica").await;
    sqlx::query(
        "insert into public.chat_messages (user_id, message_text) values ($1, 'i am so happy')",
    )
    .bind(user)
    .execute(&mut owner)
    .await
    .unwrap();
    let error = sqlx::query("select bondhu.rescore()")
        .execute(&mut owner)
        .await
        .unwrap_err();
    assert_eq!(sqlstate(&error), "55000");
    execute(&mut owner, "reset session_replication_role").await;
    let rescored: i64 = sqlx::query_scalar("select bondhu.rescore()")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    assert_eq!(rescored, 1);
    assert_eq!(verified(&mut owner).await, Vec::<String>::new());
}

/// As a restore by a superuser leaves it: the engine belongs to the superuser.
async fn engine_of_a_superuser(db: &Database) -> PgConnection {
    let mut superuser = db.connect(Role::Superuser).await;
    execute(
        &mut superuser,
        "select bondhu.detach_engine(); drop extension bondhu; drop schema bondhu_native; create extension bondhu",
    )
    .await;
    superuser
}

#[tokio::test]
async fn an_engine_that_a_superuser_created_is_refused_to_the_owner_with_a_remedy_that_works() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut superuser = engine_of_a_superuser(&db).await;
    let mut owner = db.connect(Role::Owner).await;
    let error = sqlx::query("select bondhu.install_engine()")
        .execute(&mut owner)
        .await
        .unwrap_err();
    assert_eq!(sqlstate(&error), "42501");
    let remedy = error
        .as_database_error()
        .unwrap()
        .downcast_ref::<sqlx::postgres::PgDatabaseError>()
        .hint()
        .unwrap()
        .strip_prefix("Let a superuser run ")
        .unwrap()
        .to_owned();
    execute(&mut superuser, &remedy).await;

    let mut tx = db.as_user(user).await;
    say(&mut tx, "i am so happy").await;
    tx.commit().await.unwrap();
    assert_eq!(context(&db, user).await["engine"]["name"], "bondhu_native");
    execute(&mut owner, "select bondhu.install_engine()").await;
    assert_eq!(verified(&mut owner).await, Vec::<String>::new());
    let foreign: Vec<String> = sqlx::query_scalar(
        "select p.oid::regprocedure::text from pg_proc p
         where p.pronamespace = 'bondhu'::regnamespace and p.proowner <> 'postgres'::regrole",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert_eq!(
        foreign,
        Vec::<String>::new(),
        "what a superuser repairs stays the owner's"
    );
}
