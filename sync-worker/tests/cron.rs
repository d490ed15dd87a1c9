//! The scheduled jobs, where pg_cron is and where it is not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use bondhu_stack::testing::{Database, Role};
use sync_worker::cron::{self, CronError};

#[tokio::test]
async fn installing_twice_leaves_one_job_of_each() {
    let database = Database::create_with_cron().await;
    let worker = database.pool(Role::Worker).await;
    let plan = cron::plan(&worker).await.unwrap();
    assert_eq!(cron::install(&worker).await.unwrap(), plan.len() as i64);
    assert_eq!(cron::install(&worker).await.unwrap(), plan.len() as i64);

    let jobs = cron::list(&worker).await.unwrap();
    assert_eq!(jobs.len(), plan.len());
    for planned in &plan {
        assert_eq!(
            jobs.iter().filter(|job| planned.is_met_by(job)).count(),
            1,
            "{planned:?} in {jobs:?}"
        );
    }
    let names: Vec<&str> = jobs.iter().map(|job| job.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "bondhu-close-idle-sessions",
            "bondhu-forget-consents",
            "bondhu-go-on-erasing",
            "bondhu-keep-choices",
            "bondhu-plan-syncs",
            "bondhu-prune",
            "bondhu-refresh-profiles",
            "bondhu-refresh-trending"
        ]
    );
}

#[tokio::test]
async fn jobs_are_the_owners_whoever_installs_them_and_whoever_looks() {
    let database = Database::create_with_cron().await;
    let superuser = database.pool(Role::Superuser).await;
    let worker = database.pool(Role::Worker).await;
    cron::install(&superuser).await.unwrap();
    cron::install(&worker).await.unwrap();

    let owners: Vec<String> =
        sqlx::query_scalar("select distinct username from cron.job where jobname like 'bondhu-%'")
            .fetch_all(&superuser)
            .await
            .unwrap();
    assert_eq!(owners, ["postgres"]);
    assert_eq!(
        cron::list(&superuser).await.unwrap(),
        cron::list(&worker).await.unwrap()
    );
}

#[tokio::test]
async fn installing_mends_a_changed_job_and_drops_a_former_one() {
    let database = Database::create_with_cron().await;
    let owner = database.pool(Role::Owner).await;
    cron::install(&owner).await.unwrap();
    for sql in [
        "select cron.schedule('bondhu-plan-syncs', '0 0 1 1 *', 'select 1')",
        "select cron.schedule('bondhu-former', '* * * * *', 'select bondhu.former()')",
        "select cron.schedule('somebody-elses', '* * * * *', 'select 1')",
        "select cron.schedule('bondhu-newsletter', '* * * * *', 'select app.send_newsletter()')",
    ] {
        sqlx::query(sql).execute(&owner).await.unwrap();
    }
    cron::install(&owner).await.unwrap();

    let plan = cron::plan(&owner).await.unwrap();
    let jobs = cron::list(&owner).await.unwrap();
    assert_eq!(jobs.len(), plan.len());
    assert!(
        plan.iter()
            .all(|planned| jobs.iter().any(|job| planned.is_met_by(job))),
        "{jobs:?}"
    );
    cron::remove(&owner).await.unwrap();
    let others: Vec<String> =
        sqlx::query_scalar("select jobname::text from cron.job order by jobname")
            .fetch_all(&owner)
            .await
            .unwrap();
    assert_eq!(
        others,
        ["bondhu-newsletter", "somebody-elses"],
        "other people's jobs are left alone, whatever they are called"
    );
}

#[tokio::test]
async fn removing_leaves_none_and_may_be_repeated() {
    let database = Database::create_with_cron().await;
    let worker = database.pool(Role::Worker).await;
    let installed = cron::install(&worker).await.unwrap();
    assert_eq!(cron::remove(&worker).await.unwrap(), installed);
    assert_eq!(cron::remove(&worker).await.unwrap(), 0);
    assert_eq!(cron::list(&worker).await.unwrap(), []);
}

#[tokio::test]
async fn history_shows_the_latest_runs_of_our_jobs_first() {
    let database = Database::create_with_cron().await;
    let worker = database.pool(Role::Worker).await;
    cron::install(&worker).await.unwrap();
    let job = cron::list(&worker).await.unwrap().remove(0);
    let superuser = database.pool(Role::Superuser).await;
    for (run, status) in [(1_000_001_i64, "succeeded"), (1_000_002, "failed")] {
        sqlx::query(
            "insert into cron.job_run_details (jobid, runid, database, username, command, status, return_message, start_time, end_time)
             values ($1, $2, current_database(), 'postgres', 'select 1', $3, 'said', now(), now())",
        )
        .bind(job.job_id)
        .bind(run)
        .bind(status)
        .execute(&superuser)
        .await
        .unwrap();
    }
    let runs = cron::history(&worker, 2).await.unwrap();
    let seen: Vec<(i64, &str, &str)> = runs
        .iter()
        .map(|r| (r.run_id, r.name.as_str(), r.status.as_str()))
        .collect();
    assert_eq!(
        seen,
        [
            (1_000_002, job.name.as_str(), "failed"),
            (1_000_001, job.name.as_str(), "succeeded")
        ]
    );
    let table = cron::table_of_runs(&runs);
    assert!(
        table.contains("STATUS") && table.lines().count() == 3,
        "{table}"
    );
}

#[tokio::test]
async fn pruning_the_log_of_runs_leaves_those_of_other_jobs() {
    let database = Database::create_with_cron().await;
    let owner = database.pool(Role::Owner).await;
    let superuser = database.pool(Role::Superuser).await;
    sqlx::query(
        "insert into cron.job_run_details (jobid, runid, database, username, command, status, start_time, end_time)
         select place, 2000000 + place, database, 'postgres', command, 'succeeded', ended, ended
         from (values
           (1, current_database(), 'call bondhu.prune()', now() - interval '1 year'),
           (2, current_database(), 'select bondhu.prune()', now()),
           (3, current_database(), 'select app.send_newsletter()', now() - interval '1 year'),
           (4, 'elsewhere', 'select bondhu.prune()', now() - interval '1 year')
         ) run (place, database, command, ended)",
    )
    .execute(&superuser)
    .await
    .unwrap();
    let removed: serde_json::Value = sqlx::query_scalar("call bondhu.prune()")
        .fetch_one(&owner)
        .await
        .unwrap();
    assert_eq!(removed["cron_history"], 1, "{removed}");
    let kept: Vec<i64> = sqlx::query_scalar(
        "select runid - 2000000 from cron.job_run_details where runid > 2000000 order by runid",
    )
    .fetch_all(&superuser)
    .await
    .unwrap();
    assert_eq!(kept, [2, 3, 4]);
}

#[tokio::test]
async fn where_pg_cron_is_not_it_says_so_and_what_to_do() {
    let database = Database::create().await;
    let worker = database.pool(Role::Worker).await;
    for refusal in [
        cron::install(&worker).await.unwrap_err(),
        cron::list(&worker).await.unwrap_err(),
        cron::remove(&worker).await.unwrap_err(),
        cron::history(&worker, 5).await.unwrap_err(),
    ] {
        assert!(matches!(refusal, CronError::Absent { .. }), "{refusal:?}");
        let said = refusal.to_string();
        assert!(
            said.contains("pg_cron is not installed in this database"),
            "{said}"
        );
        assert!(said.contains("create extension pg_cron"), "{said}");
    }
}

#[tokio::test]
async fn a_database_without_the_schema_is_told_from_one_without_pg_cron() {
    let database = Database::create().await;
    let superuser = database.pool(Role::Superuser).await;
    sqlx::query("drop function bondhu.install_cron()")
        .execute(&superuser)
        .await
        .unwrap();
    let error = cron::install(&superuser).await.unwrap_err();
    assert!(matches!(error, CronError::NotMigrated), "{error:?}");
}

#[tokio::test]
async fn pruning_removes_what_is_past_its_retention_and_nothing_else() {
    let database = Database::create().await;
    let owner = database.pool(Role::Owner).await;
    let user = database.user().await;
    for sql in [
        "insert into public.user_sessions (user_id, device_id, started_at, last_seen_at, ended_at, end_reason)
         values ($1, 'old', now() - interval '200 days', now() - interval '200 days', now() - interval '200 days', 'idle'),
                ($1, 'new', now(), now(), now(), 'ended')",
        "insert into public.chat_messages (user_id, message_text, created_at)
         values ($1, 'years ago', now() - interval '5 years')",
        "insert into public.video_likes (user_id, video_id, walk_id, fetched_at)
         values ($1, 'stale', gen_random_uuid(), now() - interval '31 days'),
                ($1, 'fresh', gen_random_uuid(), now())",
    ] {
        sqlx::query(sql).bind(user).execute(&owner).await.unwrap();
    }
    let removed: serde_json::Value = sqlx::query_scalar("call bondhu.prune()")
        .fetch_one(&owner)
        .await
        .unwrap();
    assert_eq!(
        (&removed["user_sessions"], &removed["video_likes"]),
        (&1.into(), &1.into()),
        "{removed}"
    );
    let messages: i64 = sqlx::query_scalar("select count(*) from public.chat_messages")
        .fetch_one(&owner)
        .await
        .unwrap();
    assert_eq!(messages, 1, "messages are never pruned");
}

#[tokio::test]
async fn a_rule_that_cannot_be_kept_fails_the_run_and_holds_no_other_up() {
    let database = Database::create().await;
    let owner = database.pool(Role::Owner).await;
    let user = database.user().await;
    for sql in [
        "insert into public.user_sessions (user_id, device_id, started_at, last_seen_at, ended_at, end_reason)
         values ($1, 'old', now() - interval '200 days', now() - interval '200 days', now() - interval '200 days', 'idle')",
        "insert into public.video_likes (user_id, video_id, walk_id, fetched_at)
         values ($1, 'stale', gen_random_uuid(), now() - interval '31 days')",
    ] {
        sqlx::query(sql).bind(user).execute(&owner).await.unwrap();
    }
    sqlx::raw_sql(
        "create schema app;
         create function app.keep() returns trigger language plpgsql as $$ begin raise exception 'the app keeps these'; end $$;
         create trigger keep before delete on public.video_likes for each row execute function app.keep()",
    )
    .execute(&owner)
    .await
    .unwrap();
    let refused = sqlx::query("call bondhu.prune()")
        .execute(&owner)
        .await
        .unwrap_err();
    assert_eq!(
        refused.as_database_error().unwrap().message(),
        "not pruned: video_likes: the app keeps these"
    );
    let left: (i64, i64) = sqlx::query_as(
        "select (select count(*) from public.user_sessions), (select count(*) from public.video_likes)",
    )
    .fetch_one(&owner)
    .await
    .unwrap();
    assert_eq!(left, (0, 1));

    sqlx::query("drop trigger keep on public.video_likes")
        .execute(&owner)
        .await
        .unwrap();
    let removed: serde_json::Value = sqlx::query_scalar("call bondhu.prune()")
        .fetch_one(&owner)
        .await
        .unwrap();
    assert_eq!(removed["video_likes"], 1, "{removed}");
}
