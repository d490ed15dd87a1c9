//! An engine that is not there yet, comes, goes and comes back.

use bondhu_stack::testing::{Database, Role};
use sqlx::{Connection as _, PgConnection};

use crate::recount::{differences, import, profile, profile_count, say, sqlstate};

async fn remove_engine(owner: &mut PgConnection) {
    sqlx::query("select bondhu.detach_engine()")
        .execute(&mut *owner)
        .await
        .unwrap();
    sqlx::query("drop extension bondhu")
        .execute(&mut *owner)
        .await
        .unwrap();
}

#[tokio::test]
async fn without_an_engine_chat_is_stored_unscored_and_says_so() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    remove_engine(&mut owner).await;

    let mut tx = db.as_user(user).await;
    say(&mut tx, "i am so happy").await;
    tx.commit().await.unwrap();
    assert_eq!(profile_count(&mut owner, user).await, 0);
    for call in [
        "select bondhu.score('hi')",
        "select bondhu.recompute(gen_random_uuid())",
        "select bondhu.rescore()",
    ] {
        let error = sqlx::query(call).execute(&mut owner).await.unwrap_err();
        assert_eq!(sqlstate(&error), "0A000", "{call}");
    }
}

/// Every RPC, and whether it answers with what an engine concludes.
const RPCS: [(&str, bool); 36] = [
    ("assessment_items()", false),
    ("begin_connect('spotify', 'https://app.example')", false),
    ("chat_history()", false),
    ("commit_position()", false),
    ("confirm_connect('code')", false),
    (
        "correct_message((select id from public.chat_messages), 'joy')",
        false,
    ),
    ("dashboard()", true),
    ("disconnect('spotify')", false),
    ("end_session(gen_random_uuid())", false),
    ("erase_my_data(true)", false),
    (
        "explain_message((select id from public.chat_messages))",
        true,
    ),
    ("export_my_data()", false),
    ("hot_document('chat_history')", false),
    ("listening_stats()", false),
    ("log_activity(gen_random_uuid(), 'chat.opened')", false),
    ("mood_mix()", true),
    ("mood_patterns()", true),
    ("mood_trend()", true),
    ("my_consents()", false),
    ("personality_context(null)", true),
    ("personality_evolution('openness')", true),
    ("rate_recommendation('music', 'id', null)", false),
    ("recall('tea')", false),
    ("recently_played()", false),
    ("recommendations('music')", false),
    ("request_sync('spotify')", false),
    ("reset_recommendations()", false),
    ("set_consent('memory', true)", false),
    ("start_session('laptop')", false),
    ("submit_assessment('short', '{\"short_01\": 3}')", false),
    ("top_genres()", false),
    ("touch_session(gen_random_uuid())", false),
    ("trending('moods')", true),
    ("watching_stats()", false),
    ("wellness_card()", true),
    ("wellness_history()", true),
];

#[tokio::test]
async fn without_an_engine_every_rpc_that_reads_its_conclusions_refuses_and_no_other_does() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    let rpcs: Vec<String> = sqlx::query_scalar(
        "select distinct p.proname::text from pg_proc p
         where p.pronamespace = 'public'::regnamespace and has_function_privilege('authenticated', p.oid, 'execute')
           and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
         order by 1",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    let listed: Vec<&str> = RPCS
        .iter()
        .filter_map(|(call, _)| call.split('(').next())
        .collect();
    assert_eq!(rpcs, listed, "an RPC says here whether it needs an engine");

    let mut tx = db.as_user(user).await;
    say(&mut tx, "i am so happy").await;
    tx.commit().await.unwrap();
    let refused = async |call: &str| {
        let mut tx = db.as_user(user).await;
        let answer = sqlx::query(&format!("select * from public.{call}"))
            .fetch_all(&mut *tx)
            .await;
        answer.is_err_and(|error| sqlstate(&error) == "0A000")
    };
    for (call, _) in RPCS {
        assert!(!refused(call).await, "{call} with an engine");
    }
    remove_engine(&mut owner).await;
    for (call, needs_engine) in RPCS {
        assert_eq!(
            refused(call).await,
            needs_engine,
            "{call} without an engine"
        );
    }
}

#[tokio::test]
async fn documents_without_an_engine_say_that_there_is_none() {
    let db = Database::create().await;
    let user = db.user().await;
    remove_engine(&mut db.connect(Role::Owner).await).await;
    let mut worker = db.connect(Role::Worker).await;
    for (document, status) in [
        ("personality_context", "data #>> '{sentiment,data_status}'"),
        ("personality_sentiment", "data ->> 'data_status'"),
    ] {
        let said: (Option<String>, String) = sqlx::query_as(&format!(
            "select data ->> 'engine', {status} from bondhu.{document}_document(array[$1], now())"
        ))
        .bind(user)
        .fetch_one(&mut worker)
        .await
        .unwrap();
        assert_eq!(said, (None, "no_engine".to_owned()), "{document}");
    }
}

#[tokio::test]
async fn an_engine_that_comes_later_scores_what_was_stored() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    remove_engine(&mut owner).await;
    for number in 0..25 {
        import(
            &mut owner,
            user,
            "i am so happy",
            &format!("{number} hours"),
        )
        .await;
    }
    let engine: String = sqlx::query_scalar("select bondhu.install_engine()")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    assert_eq!(engine, "bondhu_native");
    let mut batches = Vec::new();
    loop {
        let rescored: i64 = sqlx::query_scalar("select bondhu.rescore(10)")
            .fetch_one(&mut owner)
            .await
            .unwrap();
        assert_eq!(differences(&mut owner, &[user]).await, Vec::<String>::new());
        batches.push(rescored);
        if rescored == 0 {
            break;
        }
    }
    assert_eq!(batches, [10, 10, 5, 0]);
}

#[tokio::test]
async fn messages_edited_and_deleted_while_the_engine_was_away_are_caught_up_with() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    let edited = import(&mut owner, user, "i am so happy", "0").await;
    let deleted = import(&mut owner, user, "i want to die", "0").await;
    remove_engine(&mut owner).await;
    sqlx::query("update public.chat_messages set message_text = 'this is terrible' where id = $1")
        .bind(edited)
        .execute(&mut owner)
        .await
        .unwrap();
    sqlx::query("delete from public.chat_messages where id = $1")
        .bind(deleted)
        .execute(&mut owner)
        .await
        .unwrap();
    sqlx::query("select bondhu.install_engine()")
        .execute(&mut owner)
        .await
        .unwrap();
    sqlx::query("select bondhu.rescore()")
        .execute(&mut owner)
        .await
        .unwrap();
    assert_eq!(differences(&mut owner, &[user]).await, Vec::<String>::new());
    assert!(!profile::<bool>(&mut owner, user, "needs_support").await);
}

#[tokio::test]
async fn messages_of_an_older_engine_are_scored_anew() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    import(&mut owner, user, "i am so happy", "0").await;
    sqlx::query("update public.chat_messages set engine_version = 0, sentiment_score = 0.1")
        .execute(&mut owner)
        .await
        .unwrap();
    let rescored: i64 = sqlx::query_scalar("select bondhu.rescore()")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    assert_eq!(rescored, 1);
    let score: bool = sqlx::query_scalar("select sentiment_score > 0.5 from public.chat_messages")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    assert!(score);
    assert_eq!(differences(&mut owner, &[user]).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_rescore_goes_on_where_the_last_call_ended_and_is_exact_in_between() {
    let db = Database::create().await;
    let users = [db.user().await, db.user().await];
    let mut owner = db.connect(Role::Owner).await;
    for number in 0..12 {
        for user in users {
            let age = format!("{number} hours");
            import(&mut owner, user, "i am so happy", &age).await;
        }
    }
    sqlx::query("update public.chat_messages set engine_version = 0, sentiment_score = 0.1")
        .execute(&mut owner)
        .await
        .unwrap();
    let mut batches = Vec::new();
    while batches.last() != Some(&0) {
        batches.push(
            sqlx::query_scalar::<_, i64>("select bondhu.rescore(10)")
                .fetch_one(&mut owner)
                .await
                .unwrap(),
        );
        assert_eq!(differences(&mut owner, &users).await, Vec::<String>::new());
    }
    assert_eq!(batches, [10, 10, 4, 0]);
    let outdated: i64 =
        sqlx::query_scalar("select count(*) from public.chat_messages where engine_version = 0")
            .fetch_one(&mut owner)
            .await
            .unwrap();
    assert_eq!(outdated, 0);
}

#[tokio::test]
async fn installing_again_changes_nothing() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    import(&mut owner, user, "i am so happy", "0").await;
    sqlx::query("select bondhu.install_engine()")
        .execute(&mut owner)
        .await
        .unwrap();
    import(&mut owner, user, "i am so happy", "0").await;
    assert_eq!(differences(&mut owner, &[user]).await, Vec::<String>::new());
    assert_eq!(profile::<i64>(&mut owner, user, "message_count").await, 2);
}

#[tokio::test]
async fn an_engine_is_known_however_the_session_prints_names() {
    let db = Database::create().await;
    let mut owner = db.connect(Role::Owner).await;
    sqlx::query("set quote_all_identifiers = on")
        .execute(&mut owner)
        .await
        .unwrap();
    let engine: String = sqlx::query_scalar("select bondhu.install_engine()")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    assert_eq!(engine, "bondhu_native");
}

#[tokio::test]
async fn an_engine_that_lacks_any_function_of_the_contract_is_refused_whole() {
    let db = Database::create().await;
    let mut admin = db.connect(Role::Superuser).await;
    let contract: Vec<String> =
        sqlx::query_scalar("select signature from bondhu.engine_contract()")
            .fetch_all(&mut admin)
            .await
            .unwrap();
    assert!(contract.len() > 10, "{contract:?}");
    for function in contract {
        let mut tx = admin.begin().await.unwrap();
        sqlx::query(&format!(
            "alter function bondhu_native.{function} rename to forget"
        ))
        .execute(&mut *tx)
        .await
        .unwrap();
        let error = sqlx::query("select bondhu.install_engine()")
            .execute(&mut *tx)
            .await
            .unwrap_err();
        assert_eq!(sqlstate(&error), "0A000");
        assert!(error.to_string().contains(&function), "{function}: {error}");
    }
}

#[tokio::test]
async fn every_entry_calls_the_engine_or_refuses_and_keeps_its_signature_and_grants() {
    let db = Database::create().await;
    let mut owner = db.connect(Role::Owner).await;
    // Everything of a function but what it does.
    let entries = "select c.entry, p.oid::regprocedure::text, p.prosecdef, p.provolatile::text, p.proacl::text,
          pg_get_function_result(p.oid) = c.result
        from bondhu.engine_contract() c
        join pg_proc p on p.pronamespace = 'bondhu'::regnamespace and p.proname = c.entry
          and p.oid = to_regprocedure(replace(format('bondhu.%s', c.signature), c.signature, c.entry || substr(c.signature, strpos(c.signature, '('))))
        order by 1";
    type Entry = (String, String, bool, String, Option<String>, bool);
    let attached: Vec<Entry> = sqlx::query_as(entries).fetch_all(&mut owner).await.unwrap();
    assert_eq!(attached.len(), 9);
    assert!(attached.iter().all(|entry| entry.5), "{attached:?}");

    let calls: Vec<(String, bool)> = sqlx::query_as(
        "select format('select bondhu.%I(%s)', c.entry, (select string_agg('null::' || split_part(a, ' ', 2), ', ')
           from unnest(string_to_array(c.arguments, ', ')) a)), c.refuses
         from bondhu.engine_contract() c where c.entry is not null",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    for (call, _) in &calls {
        sqlx::query(call).execute(&mut owner).await.unwrap();
    }
    sqlx::query("select bondhu.detach_engine()")
        .execute(&mut owner)
        .await
        .unwrap();
    for (call, refuses) in &calls {
        let answer = sqlx::query(call).fetch_all(&mut owner).await;
        match answer {
            Ok(rows) => assert!(rows.is_empty() && !refuses, "{call}"),
            Err(error) => assert_eq!(
                (sqlstate(&error).as_str(), *refuses),
                ("0A000", true),
                "{call}"
            ),
        }
    }
    let detached: Vec<Entry> = sqlx::query_as(entries).fetch_all(&mut owner).await.unwrap();
    assert_eq!(detached, attached);
}
