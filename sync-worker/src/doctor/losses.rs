//! What a restore or an upgrade takes without a word: triggers, profiles, scores, the owner's rights.

use sqlx::PgPool;

use super::{Report, ask};

const MEND: &str =
    "run select bondhu.install_engine() as the schema's owner; docs/backup.md has the rest";

pub(super) async fn check(report: &mut Report, database: &PgPool) {
    triggers(report, database).await;
    let lost: Option<i64> = ask(
        database,
        "select count(*) from bondhu.people u
         where not exists (select from public.companion_profiles p where p.user_id = u.user_id)",
    )
    .await;
    if let Some(lost @ 1..) = lost {
        report.warn(
            format!("{lost} user(s) have no profile: the defaults are used for them"),
            MEND,
        );
    }
    let unscored: Option<i64> = ask(
        database,
        "select count(*) from public.chat_messages
         where sender_type = 'user' and engine_version is null and bondhu.engine() is not null",
    )
    .await;
    if let Some(unscored @ 1..) = unscored {
        report.warn(
            format!(
                "{unscored} message(s) are stored unscored, and nothing is concluded from them"
            ),
            "run select bondhu.rescore() until it returns 0",
        );
    }
    owner(report, database).await;
}

async fn triggers(report: &mut Report, database: &PgPool) {
    let lost: Result<Vec<String>, _> = sqlx::query_scalar(
        "select format('%s on %s (%s)', name, relation, state) from bondhu.lost_triggers()",
    )
    .fetch_all(database)
    .await;
    match lost {
        Ok(lost) if lost.is_empty() => report.ok("every trigger is there and enabled"),
        Ok(lost) => report.fail(format!("triggers are lost: {}", lost.join(", ")), MEND),
        Err(error) => report.fail(
            format!("triggers cannot be looked at: {error}"),
            "apply the migrations",
        ),
    }
}

/// Whose the schema is, and whether that role may set the worker's password.
async fn owner(report: &mut Report, database: &PgPool) {
    let found: Result<(String, bool, bool), _> = sqlx::query_as(
        "select r.rolname::text, r.rolsuper,
                current_setting('server_version_num')::integer < 160000
                  or pg_has_role(r.oid, to_regrole('bondhu_worker'), 'member with admin option')
         from pg_class c
         join pg_namespace n on n.oid = c.relnamespace
         join pg_roles r on r.oid = c.relowner
         where n.nspname = 'public' and c.relname = 'chat_messages'",
    )
    .fetch_one(database)
    .await;
    match found {
        Ok((owner, true, _)) => report.warn(
            format!(
                "the schema belongs to {owner}, a superuser, and so does what its functions may do"
            ),
            "restore it with the owners that the dump names (without --no-owner)",
        ),
        Ok((owner, false, false)) => report.warn(
            format!(
                "{owner} does not administer role bondhu_worker, as after an upgrade of Postgres 15"
            ),
            format!("let a superuser run: grant bondhu_worker to {owner} with admin option"),
        ),
        Ok((_, false, true)) => {}
        Err(error) => report.fail(
            format!("the schema's owner cannot be looked up: {error}"),
            "apply the migrations",
        ),
    }
}
