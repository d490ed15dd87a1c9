//! The commands of docs/backup.md, run as they stand there.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use bondhu_stack::paths;
use bondhu_stack::testing::{Database, Role, execute};
use sqlx::PgConnection;
use tempfile::TempDir;
use uuid::Uuid;

use crate::portable::add_portable_engine;
use crate::recount::{differences, import, say};

/// The blocks of shell under a heading, in order.
fn commands(heading: &str) -> Vec<String> {
    let page = std::fs::read_to_string(paths::checkout().join("docs/backup.md")).unwrap();
    let section = page
        .split("\n## ")
        .find(|section| section.starts_with(&format!("{heading}\n")))
        .unwrap_or_else(|| panic!("docs/backup.md has no heading {heading:?}"));
    let blocks: Vec<String> = section
        .split("```sh\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next().map(str::to_owned))
        .collect();
    assert!(!blocks.is_empty(), "no commands under {heading:?}");
    blocks
}

/// A person at a shell.
struct Shell {
    directory: TempDir,
}

impl Shell {
    /// With `pg_dump` and `pg_restore` of the server's version, where it comes with them: those
    /// have to fit, and `psql` need not.
    async fn open(db: &Database) -> Self {
        let programs: String =
            sqlx::query_scalar("select setting from pg_config where name = 'BINDIR'")
                .fetch_one(&mut db.connect(Role::Superuser).await)
                .await
                .unwrap();
        let directory = tempfile::tempdir().unwrap();
        for program in ["pg_dump", "pg_restore"] {
            let original = Path::new(&programs).join(program);
            if original.exists() {
                symlink(original, directory.path().join(program)).unwrap();
            }
        }
        Self { directory }
    }

    /// Runs a block; what it printed.
    fn run(&self, block: &str, source: &str, target: &str) -> String {
        let here = self.directory.path().display();
        let path = format!("{here}:{}", std::env::var("PATH").unwrap());
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", block])
            .current_dir(&self.directory)
            .env("PATH", path)
            .env("SOURCE", source)
            .env("TARGET", target)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{block}\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    fn all(&self, heading: &str, source: &str, target: &str) -> String {
        commands(heading)
            .iter()
            .map(|block| self.run(block, source, target))
            .collect()
    }
}

/// A database in which somebody has lived.
pub(crate) async fn lived_in() -> (Database, [Uuid; 2]) {
    let db = Database::create().await;
    let users = [db.user().await, db.user().await];
    let mut owner = db.connect(Role::Owner).await;
    for (place, user) in users.into_iter().enumerate() {
        for number in 0..30 {
            let text = ["i am so happy", "this is terrible", "i want to die"][(number + place) % 3];
            import(&mut owner, user, text, &format!("{} hours", number * 5)).await;
        }
        let mut tx = db.as_user(user).await;
        execute(
            &mut tx,
            "select start_session('laptop'); update companion_profiles set time_zone = 'Asia/Dhaka'",
        )
        .await;
        tx.commit().await.unwrap();
    }
    execute(
        &mut owner,
        "update bondhu.settings set window_hours = 48;
         update bondhu.provider_settings set client_id = 'ours';
         insert into public.provider_connections (user_id, provider) select id, 'spotify' from auth.users;
         insert into bondhu.provider_tokens (user_id, provider, kind, sealed)
           select id, 'spotify', 'refresh', '\\x00' from auth.users",
    )
    .await;
    (db, users)
}

/// A fingerprint of each table.
async fn contents(connection: &mut PgConnection) -> BTreeMap<String, String> {
    let tables: Vec<String> = sqlx::query_scalar(
        "select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where (n.nspname in ('public', 'bondhu') or c.oid = 'auth.users'::regclass) and c.relkind = 'r'",
    )
    .fetch_all(&mut *connection)
    .await
    .unwrap();
    let mut fingerprints = BTreeMap::new();
    for table in tables {
        let fingerprint: String = sqlx::query_scalar(&format!(
            "select count(*) || ' ' || coalesce(md5(string_agg(t::text, ';' order by t::text)), '') from {table} t"
        ))
        .fetch_one(&mut *connection)
        .await
        .unwrap();
        fingerprints.insert(table, fingerprint);
    }
    fingerprints
}

async fn is_whole(shell: &Shell, source: &Database, target: &Database, users: [Uuid; 2]) {
    let mut owner = target.connect(Role::Owner).await;
    assert_eq!(
        contents(&mut source.connect(Role::Superuser).await).await,
        contents(&mut target.connect(Role::Superuser).await).await
    );
    let verify = &commands("Verify")[0];
    assert_eq!(shell.run(verify, "", &target.url(Role::Owner)), "");
    assert_eq!(differences(&mut owner, &users).await, Vec::<String>::new());

    // It goes on as it did: for people, for the worker, for who signs up.
    for user in users {
        let mut tx = target.as_user(user).await;
        say(&mut tx, "i am so happy").await;
        let context: serde_json::Value = sqlx::query_scalar("select public.personality_context()")
            .fetch_one(&mut *tx)
            .await
            .unwrap();
        assert_eq!(context["engine"]["name"], "bondhu_native");
        assert_eq!(context["profile"]["time_zone"], "Asia/Dhaka");
        tx.commit().await.unwrap();
    }
    let documents: i64 = sqlx::query_scalar(
        "select count(*) from bondhu.personality_context_document($1, now()) where data ->> 'engine' is not null",
    )
    .bind(users.as_slice())
    .fetch_one(&mut target.connect(Role::Worker).await)
    .await
    .unwrap();
    assert_eq!(documents, 2);
    target.user().await;
    let published: Vec<String> = sqlx::query_scalar(
        "select tablename::text from pg_publication_tables where pubname = 'bondhu_mirror' order by 1",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert_eq!(published.len(), 9, "{published:?}");
    assert_eq!(shell.run(verify, "", &target.url(Role::Owner)), "");
}

#[tokio::test]
async fn a_dump_restored_by_a_superuser_is_whole() {
    let (source, users) = lived_in().await;
    let target = Database::create_for_restore(false).await;
    let shell = Shell::open(&source).await;
    let url = target.url(Role::Superuser);
    shell.run(&commands("Dump")[0], &source.url(Role::Superuser), "");
    shell.all("Restore as a superuser", "", &url);
    is_whole(&shell, &source, &target, users).await;
}

#[tokio::test]
async fn a_dump_restored_by_the_owner_is_whole() {
    let (source, users) = lived_in().await;
    let target = Database::create_for_restore(true).await;
    let shell = Shell::open(&source).await;
    shell.run(&commands("Dump")[0], &source.url(Role::Superuser), "");
    shell.all("Restore as postgres", "", &target.url(Role::Owner));
    is_whole(&shell, &source, &target, users).await;
}

#[tokio::test]
async fn data_restored_by_the_owner_into_a_migrated_project_are_whole() {
    let (source, users) = lived_in().await;
    let target = Database::create().await;
    let shell = Shell::open(&source).await;
    // What a hosted project's owner may dump.
    shell.run(&commands("Dump")[1], &source.url(Role::Owner), "");
    shell.all("Restore data only", "", &target.url(Role::Owner));
    is_whole(&shell, &source, &target, users).await;
}

#[tokio::test]
async fn what_verify_names_is_mended_by_what_the_page_says() {
    let (db, users) = lived_in().await;
    let shell = Shell::open(&db).await;
    let url = db.url(Role::Owner);
    execute(
        &mut db.connect(Role::Superuser).await,
        "set session_replication_role = replica;
         delete from public.companion_profiles; delete from public.sentiment_buckets;
         drop trigger bondhu_create_profile on auth.users",
    )
    .await;
    let [verify, mend] = commands("Verify").try_into().unwrap();
    assert_ne!(shell.run(&verify, "", &url), "");
    shell.run(&mend, "", &url);
    assert_eq!(shell.run(&verify, "", &url), "");
    let mut owner = db.connect(Role::Owner).await;
    assert_eq!(differences(&mut owner, &users).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_clone_for_staging_holds_no_token_and_syncs_nothing() {
    let (db, _) = lived_in().await;
    let shell = Shell::open(&db).await;
    shell.all("Clone to staging", "", &db.url(Role::Owner));
    let left: (i64, i64) = sqlx::query_as(
        "select (select count(*) from bondhu.provider_tokens), (select count(*) from bondhu.claim_syncs('staging', 10))",
    )
    .fetch_one(&mut db.connect(Role::Owner).await)
    .await
    .unwrap();
    assert_eq!(left, (0, 0));
}

#[tokio::test]
async fn a_copy_for_a_diff_holds_nothing_of_the_engine() {
    let (source, _) = lived_in().await;
    add_portable_engine(&mut source.connect(Role::Owner).await).await;
    let target = Database::create_for_restore(false).await;
    let shell = Shell::open(&source).await;
    shell.all(
        "`supabase db diff` beside the extension",
        &source.url(Role::Superuser),
        &target.url(Role::Superuser),
    );
    let traces: i64 = sqlx::query_scalar(
        "select (select count(*) from pg_trigger where tgfoid::regproc::text ~ 'bondhu_native')
              + (select count(*) from pg_proc where prosrc ~ 'bondhu_native\\.')",
    )
    .fetch_one(&mut target.connect(Role::Superuser).await)
    .await
    .unwrap();
    assert_eq!(traces, 0);
}

#[tokio::test]
async fn bondhu_is_taken_out_and_what_an_app_built_on_it_is_named_first() {
    let (db, _) = lived_in().await;
    let shell = Shell::open(&db).await;
    let mut owner = db.connect(Role::Owner).await;
    execute(
        &mut owner,
        "create view public.of_the_app as select message_text from public.chat_messages",
    )
    .await;
    let refused = sqlx::query("select bondhu.uninstall('delete all that Bondhu has stored')")
        .execute(&mut owner)
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("of_the_app"), "{refused}");
    execute(&mut owner, "drop view public.of_the_app").await;

    shell.all("Uninstall", "", &db.url(Role::Owner));
    let left: (Option<String>, i64) =
        sqlx::query_as("select to_regnamespace('bondhu')::text, (select count(*) from auth.users)")
            .fetch_one(&mut owner)
            .await
            .unwrap();
    assert_eq!(left, (None, 2));
}
