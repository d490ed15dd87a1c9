//! The table of refusals in docs/frontend.md: each code is met by who does what it says, and there is no other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;

use bondhu_stack::testing::{Database, Role, execute};
use bondhu_stack::{paths, schema};

/// What a signed-in user has to do for each code.
const PROVOCATIONS: &[(&str, &str)] = &[
    ("22007", "select mood_trend('the day before')"),
    ("22008", "select mood_trend('2026-13-01')"),
    ("22023", "select mood_trend(bucket => 'minute')"),
    ("22P02", "select touch_session('the first one')"),
    (
        "22P05",
        r#"select log_activity(gen_random_uuid(), 'chat.opened', '{"said": "\u0000"}')"#,
    ),
    ("23502", "update companion_profiles set time_zone = null"),
    (
        "23503",
        "insert into chat_messages (message_text, session_id) values ('Hello', gen_random_uuid())",
    ),
    (
        "23505",
        "insert into chat_messages (id, message_text)
         select '00000000-0000-4000-8000-000000000001', 'Hello' from generate_series(1, 2)",
    ),
    (
        "23514",
        "insert into chat_messages (message_text) values (' ')",
    ),
    (
        "25006", // as on a replica
        "set transaction read only; update companion_profiles set locale = 'en'",
    ),
    (
        "42501",
        "insert into chat_messages (message_text, sentiment_score) values ('Hello', 1)",
    ),
    (
        "54001",
        "select log_activity(gen_random_uuid(), 'chat.opened', repeat('[', 1000000)::jsonb)",
    ),
    ("55000", "select request_sync('spotify')"),
    ("P0002", "select touch_session(gen_random_uuid())"),
];

fn documented() -> BTreeSet<String> {
    let page = fs::read_to_string(paths::checkout().join("docs/frontend.md")).unwrap();
    let (_, table) = page
        .split_once("| SQLSTATE | means |\n|---|---|\n")
        .expect("the table of refusals");
    table
        .lines()
        .map_while(|line| line.strip_prefix("| "))
        .flat_map(|row| row.split(" | ").next().unwrap().split(", "))
        .map(str::to_owned)
        .collect()
}

#[track_caller]
fn sqlstate(answer: Result<sqlx::postgres::PgQueryResult, sqlx::Error>) -> String {
    let error = answer.expect_err("a refusal");
    let code = error.as_database_error().and_then(|e| e.code());
    code.unwrap_or_else(|| panic!("{error}")).into_owned()
}

#[tokio::test]
async fn every_refusal_of_the_page_for_frontends_is_met_and_no_other() {
    let database = Database::create().await;
    let user = database.user().await;
    let mut met = BTreeSet::new();
    for (code, statement) in PROVOCATIONS {
        let mut request = database.as_user(user).await;
        let answer = sqlx::raw_sql(statement).execute(&mut *request).await;
        assert_eq!(sqlstate(answer), *code, "{statement}");
        met.insert((*code).to_owned());
    }

    let mut nobody = database.as_user(user).await;
    execute(
        &mut nobody,
        "select set_config('request.jwt.claims', '', true)",
    )
    .await;
    let answer = sqlx::raw_sql("select personality_context()")
        .execute(&mut *nobody)
        .await;
    met.insert(sqlstate(answer));

    let mut owner = database.connect(Role::Owner).await;
    execute(&mut owner, "select bondhu.detach_engine()").await;
    let mut request = database.as_user(user).await;
    let answer = sqlx::raw_sql("select mood_patterns()")
        .execute(&mut *request)
        .await;
    met.insert(sqlstate(answer));

    assert_eq!(met, documented());
}

#[test]
fn every_code_that_the_schema_raises_is_on_the_page_for_frontends() {
    let documented = documented();
    let mut raised = BTreeSet::new();
    for file in schema::files().unwrap() {
        // No API role may call what is in there.
        let is_for_owners = [
            "05_preflight.sql",
            "60_engine.sql",
            "30_rescoring.sql",
            "40_uninstall.sql",
        ]
        .iter()
        .any(|name| file.name().ends_with(name));
        if is_for_owners {
            continue;
        }
        for after in file.text.split("errcode = '").skip(1) {
            raised.insert(after[..5].to_owned());
        }
    }
    assert!(raised.len() > 5, "{raised:?}");
    let missing: Vec<_> = raised.difference(&documented).collect();
    assert!(
        missing.is_empty(),
        "not in the table of docs/frontend.md: {missing:?}"
    );
}
