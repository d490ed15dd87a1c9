//! What `doctor` finds, and what it says to do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::Command;

use bondhu_stack::process::free_port;
use bondhu_stack::schema;
use bondhu_stack::testing::{Database, Role, execute, redis};
use sync_worker::config::Environment;
use sync_worker::doctor::{Finding, Level, Report, examine};

mod providers;

const KEY: &str = "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

type Pairs = Vec<(&'static str, String)>;

fn pairs(database: &Database) -> Pairs {
    vec![("DATABASE_URL", database.url(Role::Worker))]
}

fn with_mirror(database: &Database, redis_url: String) -> Pairs {
    let mut pairs = pairs(database);
    pairs.extend([
        ("BONDHU_REPLICATION_URL", database.url(Role::Replication)),
        ("REDIS_URL", redis_url),
        ("BONDHU_SLOT", database.name().to_owned()),
    ]);
    pairs
}

async fn examined(pairs: Pairs) -> Report {
    // Another test may have been first, and then there is a provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    examine(&pairs.into_iter().collect::<Environment>()).await
}

/// The one finding that says `what`.
fn finding<'a>(report: &'a Report, what: &str) -> &'a Finding {
    let found: Vec<&Finding> = report
        .findings
        .iter()
        .filter(|finding| finding.what.contains(what))
        .collect();
    assert_eq!(found.len(), 1, "{what:?} in\n{report}");
    found[0]
}

fn assert_finding(report: &Report, level: Level, what: &str, remedy: &str) {
    let finding = finding(report, what);
    assert_eq!(finding.level, level, "{finding:?}");
    assert!(
        finding
            .remedy
            .as_deref()
            .unwrap_or_default()
            .contains(remedy),
        "{finding:?}"
    );
}

#[tokio::test]
async fn a_stack_that_is_whole_has_no_failures() {
    let database = Database::create().await;
    let redis = redis().await;
    let report = examined(with_mirror(&database, redis.url())).await;
    assert_eq!(report.failures(), 0, "{report}");
    for what in [
        "the worker signs in as bondhu_worker",
        "the schema is there, with all 8 documents",
        "publication bondhu_mirror lists exactly",
        "is not there yet: the mirror makes it",
        "which may replicate",
        "no mirror has written to this Redis yet",
    ] {
        assert_finding(&report, Level::Ok, what, "");
    }
}

#[tokio::test]
async fn a_redis_that_is_down_is_a_failure_with_a_remedy() {
    let database = Database::create().await;
    let port = free_port().unwrap();
    let report = examined(with_mirror(&database, format!("redis://127.0.0.1:{port}"))).await;
    assert_finding(&report, Level::Fail, "Redis cannot be used", "REDIS_URL");
    assert_eq!(report.failures(), 1, "{report}");
}

#[tokio::test]
async fn a_database_that_is_down_is_a_failure_and_the_rest_is_looked_at_all_the_same() {
    let redis = redis().await;
    let port = free_port().unwrap();
    let url = format!("postgres://bondhu_worker@127.0.0.1:{port}/bondhu");
    let report = examined(vec![
        ("DATABASE_URL", url.clone()),
        ("BONDHU_REPLICATION_URL", url),
        ("REDIS_URL", redis.url()),
    ])
    .await;
    assert_finding(
        &report,
        Level::Fail,
        "Postgres of DATABASE_URL cannot be reached",
        "start Postgres",
    );
    assert!(
        report
            .findings
            .iter()
            .any(|finding| finding.what.starts_with("Redis 7")),
        "{report}"
    );
}

#[tokio::test]
async fn a_missing_variable_and_a_bad_key_are_findings_not_ends() {
    let report = examined(vec![("BONDHU_TOKEN_KEYS", "k1:short".to_owned())]).await;
    assert_finding(
        &report,
        Level::Fail,
        "DATABASE_URL is not set",
        "DATABASE_URL=postgres://",
    );
    assert_finding(
        &report,
        Level::Fail,
        "BONDHU_TOKEN_KEYS cannot be used",
        "keygen",
    );
}

#[tokio::test]
async fn missing_policies_of_realtime_are_named() {
    let database = Database::create().await;
    let report = examined(pairs(&database)).await;
    assert!(!report.to_string().contains("Realtime"), "{report}");
    let mut superuser = database.connect(Role::Superuser).await;
    schema::realtime()
        .unwrap()
        .run(&mut superuser)
        .await
        .unwrap();
    let report = examined(pairs(&database)).await;
    assert_finding(
        &report,
        Level::Warn,
        "policies bondhu_hear_own_topic, bondhu_send_to_own_topic are missing",
        "select bondhu.authorize_realtime()",
    );
    execute(
        &mut database.connect(Role::Owner).await,
        "select bondhu.authorize_realtime()",
    )
    .await;
    let report = examined(pairs(&database)).await;
    assert_finding(
        &report,
        Level::Ok,
        "users may join their private Realtime channel",
        "",
    );
}

#[tokio::test]
async fn an_empty_database_is_told_to_be_migrated() {
    let database = Database::create().await;
    let mut superuser = database.connect(Role::Superuser).await;
    execute(&mut superuser, "drop schema bondhu cascade").await;
    let report = examined(pairs(&database)).await;
    assert_finding(
        &report,
        Level::Fail,
        "the schema is not there",
        "apply the migrations",
    );
}

#[tokio::test]
async fn a_role_that_no_policy_binds_is_a_warning() {
    let database = Database::create().await;
    let report = examined(vec![("DATABASE_URL", database.url(Role::Owner))]).await;
    assert_finding(
        &report,
        Level::Warn,
        "signs in as postgres, which no policy binds",
        "bondhu_worker",
    );
}

#[tokio::test]
async fn a_database_without_an_engine_is_a_warning_that_says_what_to_do() {
    let database = Database::create().await;
    let mut owner = database.connect(Role::Owner).await;
    let with = examined(pairs(&database)).await;
    assert_finding(&with, Level::Ok, "the engine is bondhu_native", "");
    execute(&mut owner, "select bondhu.detach_engine()").await;
    let without = examined(pairs(&database)).await;
    assert_finding(
        &without,
        Level::Warn,
        "there is no engine",
        "select bondhu.install_engine()",
    );
}

#[tokio::test]
async fn what_a_restore_has_lost_is_named_and_its_remedies_work() {
    let database = Database::create().await;
    let mut superuser = database.connect(Role::Superuser).await;
    execute(
        &mut superuser,
        "drop trigger bondhu_create_profile on auth.users;
         alter table public.chat_messages disable trigger bondhu_score_message;
         insert into auth.users (id) values ('11111111-1111-4111-8111-111111111111');
         insert into public.chat_messages (user_id, message_text) values ('11111111-1111-4111-8111-111111111111', 'hi')",
    )
    .await;
    let report = examined(pairs(&database)).await;
    assert_finding(
        &report,
        Level::Fail,
        "triggers are lost: bondhu_create_profile on auth.users (missing), \
         bondhu_score_message on public.chat_messages (disabled)",
        "bondhu.install_engine()",
    );
    assert_finding(
        &report,
        Level::Warn,
        "1 user(s) have no profile",
        "bondhu.install_engine()",
    );
    assert_finding(
        &report,
        Level::Warn,
        "1 message(s) are stored unscored",
        "bondhu.rescore()",
    );

    let mut owner = database.connect(Role::Owner).await;
    execute(
        &mut owner,
        "select bondhu.install_engine(); select bondhu.rescore()",
    )
    .await;
    let mended = examined(pairs(&database)).await;
    assert_finding(&mended, Level::Ok, "every trigger is there and enabled", "");
    assert_eq!(mended.failures(), 0, "{mended}");
    assert!(!mended.to_string().contains("no profile"), "{mended}");
    assert!(!mended.to_string().contains("unscored"), "{mended}");
}

#[tokio::test]
async fn a_schema_that_belongs_to_a_superuser_is_a_warning() {
    let database = Database::create().await;
    let mut superuser = database.connect(Role::Superuser).await;
    execute(
        &mut superuser,
        "alter table public.chat_messages owner to supabase_admin",
    )
    .await;
    let report = examined(pairs(&database)).await;
    assert_finding(
        &report,
        Level::Warn,
        "belongs to supabase_admin, a superuser",
        "without --no-owner",
    );
}

#[tokio::test]
async fn what_a_table_needs_while_it_grows_is_looked_at() {
    let database = Database::create().await;
    let report = examined(pairs(&database)).await;
    assert!(!report.to_string().contains("vacuum"), "{report}");
    let mut owner = database.connect(Role::Owner).await;
    execute(
        &mut owner,
        "alter table public.sentiment_buckets set (autovacuum_enabled = false);
         create table public.messages_of_2026 () inherits (public.chat_messages);
         grant select on public.messages_of_2026 to authenticated",
    )
    .await;
    let report = examined(pairs(&database)).await;
    assert_finding(
        &report,
        Level::Warn,
        "vacuum does not keep up with public.sentiment_buckets, or is off for it",
        "autovacuum_vacuum_cost_limit",
    );
    assert_finding(
        &report,
        Level::Fail,
        "anybody may read other people's rows in public.messages_of_2026",
        "enable row level security",
    );
    execute(
        &mut owner,
        "revoke all on public.messages_of_2026 from anon, authenticated",
    )
    .await;
    let report = examined(pairs(&database)).await;
    assert_eq!(report.failures(), 0, "{report}");
}

#[tokio::test]
async fn a_slot_without_a_bound_is_a_warning_for_hosted_and_own_servers() {
    let database = Database::create().await;
    let redis = redis().await;
    let report = examined(with_mirror(&database, redis.url())).await;
    for remedy in [
        "alter system set max_slot_wal_keep_size",
        "supabase postgres-config update --config max_slot_wal_keep_size=4GB",
    ] {
        assert_finding(&report, Level::Warn, "lets WAL grow without bound", remedy);
    }
}

#[tokio::test]
async fn any_role_that_may_log_in_and_replicate_does_for_the_mirror() {
    let database = Database::create().await;
    let redis = redis().await;
    let role = format!("{}_mirror", database.name());
    let mut superuser = database.connect(Role::Superuser).await;
    execute(
        &mut superuser,
        &format!("create role {role} login replication"),
    )
    .await;
    let url = database
        .url(Role::Replication)
        .replace("postgres@", &format!("{role}@"));
    let mut pairs = with_mirror(&database, redis.url());
    pairs.retain(|(name, _)| *name != "BONDHU_REPLICATION_URL");
    pairs.push(("BONDHU_REPLICATION_URL", url));
    let report = examined(pairs).await;
    execute(&mut superuser, &format!("drop role {role}")).await;
    assert_finding(
        &report,
        Level::Ok,
        &format!("signs in as {role}, which may replicate"),
        "",
    );
    assert_eq!(report.failures(), 0, "{report}");
}

#[tokio::test]
async fn a_publication_out_of_line_is_a_failure() {
    let database = Database::create().await;
    let mut superuser = database.connect(Role::Superuser).await;
    execute(
        &mut superuser,
        "alter publication bondhu_mirror drop table public.music_preferences",
    )
    .await;
    let report = examined(pairs(&database)).await;
    assert_finding(
        &report,
        Level::Fail,
        "public.music_preferences is missing",
        "sql/70_operation/20_publication.sql",
    );
}

#[tokio::test]
async fn the_command_prints_a_line_each_and_fails_when_something_does() {
    let directory = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_sync-worker"))
        .arg("doctor")
        .current_dir(&directory)
        .env_clear()
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.starts_with("FAIL  DATABASE_URL is not set — set DATABASE_URL"),
        "{said}"
    );
}
