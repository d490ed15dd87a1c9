//! What was made under former settings, or while messages changed unseen: asked for, it is exact at once,
//! and it is made anew a user at a time.

use bondhu_stack::testing::{Database, Role, execute};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::recount::{import, profile, say, settle};
use crate::sequences::wrong;

async fn versions(connection: &mut PgConnection, users: &[Uuid]) -> Vec<i64> {
    sqlx::query_scalar(
        "select p.settings_version from unnest($1::uuid[]) with ordinality u (id, n)
         join public.personality_profiles p on p.user_id = u.id order by u.n",
    )
    .bind(users)
    .fetch_all(connection)
    .await
    .unwrap()
}

async fn current(connection: &mut PgConnection) -> i64 {
    sqlx::query_scalar("select version from bondhu.settings")
        .fetch_one(connection)
        .await
        .unwrap()
}

async fn people(db: &Database, owner: &mut PgConnection) -> [Uuid; 3] {
    let users = [db.user().await, db.user().await, db.user().await];
    for user in users {
        for (text, age) in [
            ("i am so happy", "0"),
            ("i want to die", "20 hours"),
            ("this is terrible", "30 hours"),
            ("thank you so much", "9 days"),
        ] {
            import(owner, user, text, age).await;
        }
    }
    users
}

#[tokio::test]
async fn nobody_waits_for_a_change_of_settings() {
    let db = Database::create().await;
    let mut owner = db.connect(Role::Owner).await;
    let users = people(&db, &mut owner).await;

    // Neither a message for the settings, nor the settings for a message.
    let mut writing = db.as_user(users[0]).await;
    say(&mut writing, "i am so happy").await;
    let mut setting = owner.begin().await.unwrap();
    execute(
        &mut setting,
        "set local lock_timeout = '1s'; update bondhu.settings set window_hours = 48, min_messages = 2",
    )
    .await;
    let mut other = db.as_user(users[1]).await;
    execute(&mut other, "set local lock_timeout = '1s'").await;
    say(&mut other, "this is terrible").await;
    other.commit().await.unwrap();
    setting.commit().await.unwrap();
    writing.commit().await.unwrap();

    let now = current(&mut owner).await;
    assert!(
        versions(&mut owner, &users)
            .await
            .iter()
            .all(|of| *of < now)
    );
    assert_eq!(wrong(&mut owner, &users).await, Vec::<String>::new());
    let mut next = db.as_user(users[1]).await;
    say(&mut next, "i love you").await;
    next.commit().await.unwrap();
    assert_eq!(versions(&mut owner, &users[1..2]).await, [now]);
    assert_eq!(wrong(&mut owner, &users).await, Vec::<String>::new());

    sqlx::raw_sql("call bondhu.keep_profiles_fresh()")
        .execute(&mut owner)
        .await
        .unwrap();
    assert_eq!(versions(&mut owner, &users).await, [now; 3]);
    assert_eq!(wrong(&mut owner, &users).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_switch_of_a_provider_renews_documents_and_nothing_else_of_it_does() {
    let db = Database::create().await;
    let mut owner = db.connect(Role::Owner).await;
    let before = current(&mut owner).await;
    for (change, version) in [
        ("requests_per_window = requests_per_window + 1", before),
        ("llm_use_allowed = llm_use_allowed", before),
        ("llm_use_allowed = not llm_use_allowed", before + 1),
    ] {
        let sql =
            format!("update bondhu.provider_settings set {change} where provider = 'youtube'");
        execute(&mut owner, &sql).await;
        assert_eq!(current(&mut owner).await, version, "{change}");
    }
    // Nobody sets it back.
    execute(&mut owner, "update bondhu.settings set version = 1").await;
    assert_eq!(current(&mut owner).await, before + 1);
}

#[tokio::test]
async fn who_changed_while_no_engine_was_attached_is_counted_anew_and_nobody_else() {
    let db = Database::create().await;
    let mut owner = db.connect(Role::Owner).await;
    let users = people(&db, &mut owner).await;
    let engine: String =
        sqlx::query_scalar("select split_part(bondhu.engine() ->> 'name', '_', 2)")
            .fetch_one(&mut owner)
            .await
            .unwrap();
    let before = versions(&mut owner, &users).await;
    execute(&mut owner, "select bondhu.detach_engine()").await;
    for (user, sql) in [
        (
            users[0],
            "delete from public.chat_messages where user_id = $1 and message_text like '%die'",
        ),
        (
            users[1],
            "update public.chat_messages set message_text = 'ok' where user_id = $1 and message_text like '%terrible'",
        ),
        (
            users[2],
            "insert into public.chat_messages (user_id, message_text) values ($1, 'i love you')",
        ),
        (
            users[2],
            "update public.chat_messages set session_id = null where user_id = $1",
        ),
    ] {
        sqlx::query(sql)
            .bind(user)
            .execute(&mut owner)
            .await
            .unwrap();
    }
    execute(
        &mut owner,
        &format!("select bondhu.install_engine('{engine}')"),
    )
    .await;
    let after = versions(&mut owner, &users).await;
    assert_eq!((after[0], after[1], after[2]), (0, 0, before[2]));
    assert_eq!(current(&mut owner).await, before[2]);
    assert_eq!(wrong(&mut owner, &users).await, Vec::<String>::new());

    // By the next message, here of a statement with two commands.
    sqlx::query(
        "with gone as (delete from public.chat_messages where user_id = $1 and message_text like 'thank%')
         insert into public.chat_messages (user_id, message_text) values ($1, 'this is terrible')",
    )
    .bind(users[0])
    .execute(&mut owner)
    .await
    .unwrap();
    assert_eq!(versions(&mut owner, &users[..1]).await, [before[2]]);
    assert_eq!(wrong(&mut owner, &users).await, Vec::<String>::new());
    settle(&mut owner).await;
    execute(&mut owner, "select bondhu.rescore()").await;
    assert_eq!(wrong(&mut owner, &users).await, Vec::<String>::new());
}

#[tokio::test]
async fn everybody_is_counted_anew_where_nothing_saw_what_changed() {
    let db = Database::create().await;
    let mut owner = db.connect(Role::Owner).await;
    let users = people(&db, &mut owner).await;
    // As `drop extension … cascade` leaves it.
    execute(
        &mut owner,
        "drop trigger bondhu_fold_inserted on public.chat_messages;
         drop trigger bondhu_fold_updated on public.chat_messages;
         drop trigger bondhu_fold_deleted on public.chat_messages;
         delete from public.chat_messages where message_text like '%die';
         delete from public.personality_profiles where user_id = (select min(user_id::text)::uuid from public.personality_profiles)",
    )
    .await;
    execute(&mut owner, "select bondhu.detach_engine()").await;
    execute(&mut owner, "select bondhu.install_engine(case when to_regnamespace('bondhu_portable') is null then 'native' else 'portable' end)").await;
    assert_eq!(wrong(&mut owner, &users).await, Vec::<String>::new());
    sqlx::raw_sql("call bondhu.keep_profiles_fresh()")
        .execute(&mut owner)
        .await
        .unwrap();
    let now = current(&mut owner).await;
    assert_eq!(versions(&mut owner, &users).await, [now; 3]);
    assert_eq!(wrong(&mut owner, &users).await, Vec::<String>::new());
}

#[tokio::test]
async fn an_assessment_is_where_traits_start() {
    let db = Database::create().await;
    let mut owner = db.connect(Role::Owner).await;
    let user = db.user().await;
    let assess = |at: &str, openness: i32| {
        format!(
            "insert into public.assessments (user_id, form, started_at, completed_at, openness, conscientiousness,
               extraversion, agreeableness, neuroticism)
             values ('{user}', 'short', {at}, {at}, {openness}, 50, 99, 1, 33.33)"
        )
    };
    // Before there is a message: a profile all the same.
    execute(&mut owner, &assess("now() - interval '2 days'", 80)).await;
    assert_eq!(
        profile::<String>(&mut owner, user, "openness::text").await,
        "80.00"
    );
    for (text, age) in [
        ("why? i wonder", "1 hour"),
        ("i am so happy", "0"),
        ("i love you", "0"),
    ] {
        import(&mut owner, user, text, age).await;
    }
    assert_eq!(wrong(&mut owner, &[user]).await, Vec::<String>::new());
    let history: i64 = sqlx::query_scalar("select count(*) from public.personality_history")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    // The latest counts; an older one that comes in later does not.
    for (at, openness) in [
        ("now() - interval '1 day'", 20),
        ("now() - interval '3 days'", 5),
    ] {
        execute(&mut owner, &assess(at, openness)).await;
        assert_eq!(
            profile::<Vec<i64>>(&mut owner, user, "baseline_traits").await,
            [2_000, 5_000, 9_900, 100, 3_333]
        );
        assert_eq!(wrong(&mut owner, &[user]).await, Vec::<String>::new());
    }
    // History is of what chat moves.
    import(&mut owner, user, "ok", "0").await;
    let later: i64 = sqlx::query_scalar("select count(*) from public.personality_history")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    assert_eq!(later, history);
    // Of a statement that changes messages, too; and while there is no engine.
    execute(
        &mut owner,
        "with a as (delete from public.assessments), b as (delete from public.chat_messages where message_text = 'ok')
         update public.chat_messages set message_text = 'this is terrible' where message_text like 'why%'",
    )
    .await;
    assert_eq!(wrong(&mut owner, &[user]).await, Vec::<String>::new());
    assert_eq!(
        profile::<Vec<i64>>(&mut owner, user, "baseline_traits").await,
        [5_000; 5]
    );
    execute(
        &mut owner,
        "delete from auth.users; select 1 / (not exists (select from public.personality_profiles))::integer",
    )
    .await;
}

#[tokio::test]
async fn what_a_person_sets_right_counts_in_place_of_the_score() {
    let db = Database::create().await;
    let mut owner = db.connect(Role::Owner).await;
    let user = db.user().await;
    let crisis = import(&mut owner, user, "i want to die", "1 hour").await;
    let happy = import(&mut owner, user, "i am so happy", "0").await;
    for sql in [
        "update public.chat_messages set corrected_sentiment = 0.9, corrected_mood = 'calm' where id = $1",
        "update public.chat_messages set corrected_mood = null where id = $1",
        "select bondhu.rescore()  where $1::uuid is not null",
        "update public.chat_messages set engine_version = engine_version - 1 where id = $1",
        "select bondhu.rescore()  where $1::uuid is not null",
        "update public.chat_messages set counts = false where id = $1",
    ] {
        sqlx::query(sql)
            .bind(crisis)
            .execute(&mut owner)
            .await
            .unwrap();
        assert_eq!(
            wrong(&mut owner, &[user]).await,
            Vec::<String>::new(),
            "{sql}"
        );
        // A crisis is noticed either way.
        assert!(
            profile::<bool>(&mut owner, user, "needs_support").await,
            "{sql}"
        );
    }
    assert_eq!(profile::<i64>(&mut owner, user, "message_count").await, 1);
    let (kept, noted): (String, i64) = sqlx::query_as(
        "select corrected_sentiment::text, (select count(*) from bondhu.safety_events) from public.chat_messages where id = $1",
    )
    .bind(crisis)
    .fetch_one(&mut owner)
    .await
    .unwrap();
    assert_eq!((kept.as_str(), noted), ("0.90", 1));
    // Another text is another message.
    for id in [crisis, happy] {
        sqlx::query("update public.chat_messages set corrected_mood = 'tired', message_text = message_text || ' today' where id = $1")
            .bind(id)
            .execute(&mut owner)
            .await
            .unwrap();
    }
    let corrected: i64 = sqlx::query_scalar(
        "select count(*) from public.chat_messages where num_nonnulls(corrected_sentiment, corrected_mood) > 0",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    assert_eq!(corrected, 0);
    assert_eq!(wrong(&mut owner, &[user]).await, Vec::<String>::new());
    execute(&mut owner, "delete from public.chat_messages").await;
    assert_eq!(wrong(&mut owner, &[user]).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_person_of_whom_nothing_counts_has_no_profile() {
    let db = Database::create().await;
    let mut owner = db.connect(Role::Owner).await;
    let user = db.user().await;
    let insert =
        "insert into public.chat_messages (user_id, message_text, counts) values ($1, $2, false)";
    sqlx::query(insert)
        .bind(user)
        .bind("i am so happy")
        .execute(&mut owner)
        .await
        .unwrap();
    let profiles = "select count(*) from public.personality_profiles";
    let none: i64 = sqlx::query_scalar(profiles)
        .fetch_one(&mut owner)
        .await
        .unwrap();
    assert_eq!(none, 0);
    assert_eq!(wrong(&mut owner, &[user]).await, Vec::<String>::new());
    sqlx::query(insert)
        .bind(user)
        .bind("i want to die")
        .execute(&mut owner)
        .await
        .unwrap();
    assert!(profile::<bool>(&mut owner, user, "needs_support").await);
    assert_eq!(profile::<i64>(&mut owner, user, "message_count").await, 0);
    assert_eq!(wrong(&mut owner, &[user]).await, Vec::<String>::new());
}
