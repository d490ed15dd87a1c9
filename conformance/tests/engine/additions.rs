//! What an owner adds to the engine's tables works as on any other table, and the law holds.

use bondhu_stack::template;
use bondhu_stack::testing::{Database, Role, execute};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::recount::{import, sqlstate};
use crate::sequences::wrong;

/// The tables that the engine writes a row of at a time, with a column of numbers, one of times
/// and the columns of the primary key.
pub const TABLES: [(&str, &str, &str, &str); 3] = [
    (
        "sentiment_buckets",
        "message_count",
        "bucket_start",
        "user_id, bucket_start",
    ),
    ("personality_profiles", "message_count", "as_of", "user_id"),
    (
        "personality_history",
        "message_count",
        "changed_at",
        "user_id, id",
    ),
];

/// Inserts, edits and deletes that make, change and end rows of every table.
async fn live(owner: &mut PgConnection, users: &[Uuid]) {
    for user in users {
        for (text, age) in [
            ("i am so happy", "0"),
            ("i want to die", "1 hour"),
            ("this is terrible", "2 hours"),
            ("so lonely", "3 hours"),
            ("i hate it here", "4 hours"),
            ("thank you so much", "30 hours"),
            ("so lonely", "9 days"),
        ] {
            import(&mut *owner, *user, text, age).await;
        }
        let sql = format!(
            "insert into public.chat_messages (user_id, message_text, created_at)
             select '{user}', 'i love you', now() - n * interval '7 minutes' from generate_series(0, 20) n;
             update public.chat_messages set message_text = 'ok' where user_id = '{user}' and message_text = 'so lonely';
             delete from public.chat_messages where user_id = '{user}' and message_text = 'thank you so much';
             select bondhu.refresh(array['{user}']::uuid[])"
        );
        execute(&mut *owner, &sql).await;
    }
}

/// The law, with `addition` made to a table that has rows, in the session that made it and in one
/// that did not.
pub async fn holds(table: &str, addition: &str) -> (Database, PgConnection) {
    let db = Database::create().await;
    let owner = holds_in(&db, Role::Owner, table, addition).await;
    (db, owner)
}

async fn holds_in(db: &Database, role: Role, table: &str, addition: &str) -> PgConnection {
    let users = [db.user().await, db.user().await];
    let mut owner = db.connect(role).await;
    let mut other = db.connect(role).await;
    live(&mut owner, &users[..1]).await;
    live(&mut other, &users[..1]).await;
    execute(&mut owner, addition).await;
    for connection in [&mut owner, &mut other] {
        live(&mut *connection, &users).await;
        let found = wrong(&mut *connection, &users).await;
        assert_eq!(found, Vec::<String>::new(), "{table}: {addition}");
        for user in users {
            let sql = format!("select bondhu.recompute('{user}')");
            execute(&mut *connection, &sql).await;
        }
        live(&mut *connection, &users).await;
        let found = wrong(&mut *connection, &users).await;
        assert_eq!(found, Vec::<String>::new(), "{table}: {addition}");
    }
    owner
}

pub async fn number(owner: &mut PgConnection, sql: &str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(owner).await.unwrap()
}

#[tokio::test]
async fn a_check_is_made() {
    for (table, count, ..) in TABLES {
        let check = |bound: i64| {
            format!("alter table public.{table} add constraint added check ({count} < {bound})")
        };
        let (db, mut owner) = holds(table, &check(1000)).await;
        let again = format!(
            "alter table public.{table} drop constraint added; {} not valid",
            check(2)
        );
        execute(&mut owner, &again).await;
        let user = db.user().await;
        let error = sqlx::query(
            "insert into public.chat_messages (user_id, message_text) select $1, 'i love you' from generate_series(1, 9)",
        )
        .bind(user)
        .execute(&mut owner)
        .await
        .unwrap_err();
        assert_eq!(sqlstate(&error), "23514", "{table}: {error}");
    }
}

/// As Supabase's database webhooks, which call `supabase_functions.http_request()`.
fn webhook(table: &str) -> String {
    format!(
        "create table public.calls (table_name text, operation text, new jsonb, old jsonb);
         create function public.call() returns trigger language plpgsql as $$
         begin
           insert into public.calls values (tg_table_name, tg_op, to_jsonb(new), to_jsonb(old));
           return new;
         end $$;
         create trigger added after insert or update or delete on public.{table}
           for each row execute function public.call();"
    )
}

#[tokio::test]
async fn a_webhook_fires_for_each_row_that_changes() {
    for (table, count, ..) in TABLES {
        let (db, mut owner) = holds(table, &webhook(table)).await;
        let user = db.user().await;
        execute(&mut owner, "truncate public.calls").await;
        for _ in 0..3 {
            import(&mut owner, user, "i love you", "0").await;
        }
        let calls = |operation: &str| {
            format!(
                "select count(*) from public.calls where operation = '{operation}' and new ->> 'user_id' = '{user}'"
            )
        };
        if table != "personality_history" {
            assert!(number(&mut owner, &calls("INSERT")).await > 0, "{table}");
            assert!(number(&mut owner, &calls("UPDATE")).await >= 2, "{table}");
            let newest = format!("select max((new ->> '{count}')::bigint) from public.calls");
            assert_eq!(number(&mut owner, &newest).await, 3, "{table}");
        }
        let delete = format!("delete from public.chat_messages where user_id = '{user}'");
        execute(&mut owner, &delete).await;
        if table == "sentiment_buckets" {
            let gone = "select count(*) from public.calls where operation = 'DELETE'";
            assert!(number(&mut owner, gone).await > 0);
        }
    }
}

#[tokio::test]
async fn triggers_of_every_kind_fire() {
    for (table, ..) in TABLES {
        let (_db, mut owner) = holds(
            table,
            &format!(
                "create table public.calls (level text, operation text);
                 create function public.call() returns trigger language plpgsql as $$
                 begin
                   insert into public.calls values (tg_level || ' ' || tg_when, tg_op);
                   return new;
                 end $$;
                 create trigger a before insert or update on public.{table} for each row execute function public.call();
                 create trigger b before insert or update on public.{table} for each statement execute function public.call();
                 create trigger c after insert on public.{table} referencing new table as n
                   for each statement execute function public.call();
                 create constraint trigger d after insert or update on public.{table} deferrable initially deferred
                   for each row execute function public.call();"
            ),
        )
        .await;
        let kinds = "select count(distinct level) from public.calls";
        assert_eq!(number(&mut owner, kinds).await, 4, "{table}");
    }
}

#[tokio::test]
async fn a_rule_is_followed() {
    for table in ["sentiment_buckets", "personality_history"] {
        let (_db, mut owner) = holds(
            table,
            &format!(
                "create table public.calls (user_id uuid);
                 create rule added as on insert to public.{table} do also insert into public.calls values (new.user_id);"
            ),
        )
        .await;
        let calls = number(&mut owner, "select count(*) from public.calls").await;
        assert!(calls > 0, "{table}");
    }
}

#[tokio::test]
async fn a_generated_column_and_a_default_are_filled_in() {
    for (table, count, ..) in TABLES {
        let (_db, mut owner) = holds(
            table,
            &format!(
                "alter table public.{table} add column doubled bigint generated always as ({count} * 2) stored,
                   add column noted text not null default 'new'"
            ),
        )
        .await;
        let unlike = format!(
            "select count(*) from public.{table} where doubled <> {count} * 2 or noted <> 'new'"
        );
        assert_eq!(number(&mut owner, &unlike).await, 0, "{table}");
    }
}

#[tokio::test]
async fn a_foreign_key_of_the_owners_is_checked() {
    let (db, mut owner) = holds(
        "personality_profiles",
        "create table public.moods (mood text primary key);
         insert into public.moods select unnest(array['joy', 'love', 'grateful', 'calm', 'curious', 'surprise',
           'sad', 'lonely', 'anxious', 'angry', 'disgust', 'tired', 'neutral']);
         alter table public.personality_profiles add foreign key (dominant_mood) references public.moods",
    )
    .await;
    execute(
        &mut owner,
        "alter table public.personality_profiles drop constraint personality_profiles_dominant_mood_fkey;
         delete from public.moods where mood = 'love';
         alter table public.personality_profiles add foreign key (dominant_mood) references public.moods not valid",
    )
    .await;
    let user = db.user().await;
    let error = sqlx::query(
        "insert into public.chat_messages (user_id, message_text) select $1, 'i love you' from generate_series(1, 9)",
    )
    .bind(user)
    .execute(&mut owner)
    .await
    .unwrap_err();
    assert_eq!(sqlstate(&error), "23503", "{error}");
}

#[tokio::test]
async fn a_column_that_must_not_be_null_is_not() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    execute(
        &mut owner,
        "alter table public.personality_profiles alter column dominant_mood set default 'joy',
           alter column dominant_mood set not null",
    )
    .await;
    let error =
        sqlx::query("insert into public.chat_messages (user_id, message_text) values ($1, 'hi')")
            .bind(user)
            .execute(&mut owner)
            .await
            .unwrap_err();
    assert_eq!(sqlstate(&error), "23502", "{error}");
}

/// Gives all of it to a role that row security can bind, which the owner on Supabase is not.
const TO_ANOTHER_OWNER: &str = "
    grant usage, create on schema public, bondhu, bondhu_native to authenticator;
    grant usage on schema auth to authenticator;
    grant select, references on auth.users to authenticator;
    grant execute on all functions in schema bondhu_native, auth to authenticator;
    do $$
    declare object text;
    begin
      for object in
        select format('table %s', c.oid::regclass) from pg_class c -- views too
        where c.relnamespace in ('public'::regnamespace, 'bondhu'::regnamespace) and c.relkind in ('r', 'p', 'v')
        union all
        select format('routine %s', p.oid::regprocedure) from pg_proc p
        where p.pronamespace in ('public'::regnamespace, 'bondhu'::regnamespace)
      loop
        execute format('alter %s owner to authenticator', object);
      end loop;
    end $$;";

#[tokio::test]
async fn row_security_that_binds_the_owner_too_hides_nothing_from_the_engine() {
    // The portable engine is the owner, and needs one whom row security does not bind.
    if template::is_portable() {
        return;
    }
    for table in [
        "sentiment_buckets",
        "personality_profiles",
        "personality_history",
        "personality_history_evidence",
        "chat_messages",
    ] {
        let db = Database::create().await;
        execute(&mut db.connect(Role::Superuser).await, TO_ANOTHER_OWNER).await;
        let force = format!("alter table public.{table} force row level security");
        holds_in(&db, Role::Superuser, table, &force).await;
    }
}

#[tokio::test]
async fn a_table_with_children_or_partitions_is_as_good_as_another() {
    for (table, _, _, key) in TABLES {
        holds(
            table,
            &format!("create table public.child () inherits (public.{table})"),
        )
        .await;
        let (_db, mut owner) = holds(
            table,
            &format!(
                "alter table public.{table} rename to before;
                 create table public.{table} (like public.before including defaults) partition by hash (user_id);
                 create table public.part_0 partition of public.{table} for values with (modulus 2, remainder 0);
                 create table public.part_1 partition of public.{table} for values with (modulus 2, remainder 1);
                 alter table public.{table} add primary key ({key});
                 insert into public.{table} select * from public.before;
                 do $$
                 declare
                   trigger text;
                 begin
                   for trigger in
                     select pg_get_triggerdef(oid) from pg_trigger where tgrelid = 'public.before'::regclass and not tgisinternal
                   loop
                     execute replace(trigger, 'public.before', 'public.{table}');
                   end loop;
                 end $$;
                 drop table public.before cascade;"
            ),
        )
        .await;
        let kept = format!("select count(*) from public.{table}");
        assert!(number(&mut owner, &kept).await > 0);
    }
}

#[tokio::test]
async fn a_trigger_may_change_the_row_that_the_engine_holds() {
    let (_db, mut owner) = holds(
        "sentiment_buckets",
        "alter table public.personality_profiles add column seen bigint not null default 0;
         create function public.count_bucket() returns trigger language plpgsql as $$
         begin
           update public.personality_profiles set seen = seen + 1 where user_id = new.user_id;
           return null;
         end $$;
         create trigger added after insert or update on public.sentiment_buckets
           for each row execute function public.count_bucket();",
    )
    .await;
    let seen = "select min(seen) from public.personality_profiles";
    assert!(number(&mut owner, seen).await > 0);
}

#[tokio::test]
async fn a_trigger_may_give_another_table_a_trigger_midway() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    let other = db.user().await;
    import(&mut owner, other, "i am so happy", "0").await;
    execute(
        &mut owner,
        "create table public.calls (user_id uuid);
         create function public.call() returns trigger language plpgsql as $$
         begin
           insert into public.calls values (new.user_id);
           return null;
         end $$;
         create function public.watch_buckets() returns trigger language plpgsql as $$
         begin
           create trigger added after insert on public.sentiment_buckets for each row execute function public.call();
           return null;
         end $$;
         create trigger added after insert on public.personality_profiles
           for each row execute function public.watch_buckets();",
    )
    .await;
    import(&mut owner, user, "i am so happy", "0").await;
    let calls = format!("select count(*) from public.calls where user_id = '{user}'");
    assert_eq!(number(&mut owner, &calls).await, 1);
    assert_eq!(wrong(&mut owner, &[user]).await, Vec::<String>::new());
}
