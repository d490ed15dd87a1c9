//! Sessions that get into each other's way.

use bondhu_stack::testing::{Database, Role};

use crate::recount::{differences, import};

/// Waits until a backend of the database waits for a lock while it runs `statement`.
async fn until_waiting(db: &Database, statement: &str) {
    let mut watcher = db.connect(Role::Superuser).await;
    let begun = std::time::Instant::now();
    loop {
        let waits: bool = sqlx::query_scalar(
            "select exists (select from pg_stat_activity
             where datname = current_database() and wait_event_type = 'Lock' and query like $1)",
        )
        .bind(format!("{statement}%"))
        .fetch_one(&mut watcher)
        .await
        .unwrap();
        if waits {
            return;
        }
        assert!(begun.elapsed().as_secs() < 20, "{statement} never waits");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_deleted_also_while_their_messages_are_being_edited() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    sqlx::query(
        "insert into public.chat_messages (user_id, message_text, created_at)
         select $1, 'I am so happy', now() - n * interval '1 hour' from generate_series(0, 19) n",
    )
    .bind(user)
    .execute(&mut owner)
    .await
    .unwrap();

    // The profile is held, so that the edit holds its messages and waits; the deletion then
    // holds the user and waits for the edit.
    let pool = db.pool(Role::Owner).await;
    let mut holder = pool.begin().await.unwrap();
    sqlx::query("select from public.personality_profiles where user_id = $1 for update")
        .bind(user)
        .execute(&mut *holder)
        .await
        .unwrap();
    let edit = async {
        let mut connection = db.connect(Role::Owner).await;
        sqlx::query("update public.chat_messages set message_text = 'I am so sad and lonely' where user_id = $1")
            .bind(user)
            .execute(&mut connection)
            .await
    };
    let delete = async {
        until_waiting(&db, "update public.chat_messages").await;
        let mut connection = db.connect(Role::Superuser).await;
        sqlx::query("delete from auth.users where id = $1")
            .bind(user)
            .execute(&mut connection)
            .await
    };
    let release = async {
        until_waiting(&db, "delete from auth.users").await;
        holder.rollback().await
    };
    let (edited, deleted, released) = tokio::join!(edit, delete, release);
    released.unwrap();
    edited.unwrap();
    deleted.unwrap();
    let left: i64 = sqlx::query_scalar(
        "select (select count(*) from public.chat_messages) + (select count(*) from public.personality_history)
              + (select count(*) from public.sentiment_buckets) + (select count(*) from public.personality_profiles)",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn settings_that_change_between_two_messages_of_a_transaction_lose_neither() {
    let db = Database::create().await;
    let user = db.user().await;
    let pool = db.pool(Role::Owner).await;
    let mut transaction = pool.begin().await.unwrap();
    for statement in [
        "insert into public.chat_messages (user_id, message_text) values ($1, 'I am so happy')",
        "update bondhu.settings set window_hours = 48 where $1::uuid is not null",
        "insert into public.chat_messages (user_id, message_text) values ($1, 'I am so happy too')",
    ] {
        sqlx::query(statement)
            .bind(user)
            .execute(&mut *transaction)
            .await
            .unwrap();
    }
    transaction.commit().await.unwrap();
    let mut owner = db.connect(Role::Owner).await;
    assert_eq!(differences(&mut owner, &[user]).await, Vec::<String>::new());
    sqlx::query("delete from public.chat_messages where user_id = $1")
        .bind(user)
        .execute(&mut owner)
        .await
        .unwrap();
    assert_eq!(differences(&mut owner, &[user]).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_transaction_that_began_before_a_message_may_edit_it() {
    let db = Database::create().await;
    let user = db.user().await;
    let pool = db.pool(Role::Owner).await;
    let mut earlier = pool.begin().await.unwrap();
    sqlx::query("select now()")
        .execute(&mut *earlier)
        .await
        .unwrap();
    let mut owner = db.connect(Role::Owner).await;
    import(&mut owner, user, "i am so happy", "0").await;
    sqlx::query("update public.chat_messages set message_text = 'this is terrible'")
        .execute(&mut *earlier)
        .await
        .unwrap();
    earlier.commit().await.unwrap();
    assert_eq!(differences(&mut owner, &[user]).await, Vec::<String>::new());
}

/// Consent to learning, withdrawn; what is forgotten besides.
async fn withdraw(db: &Database, user: uuid::Uuid, forget: bool, then: impl Future<Output = ()>) {
    let pool = db.pool(Role::Owner).await;
    let mut transaction = pool.begin().await.unwrap();
    sqlx::query("select set_config('request.jwt.claims', jsonb_build_object('sub', $1::uuid, 'role', 'authenticated')::text, true)")
        .bind(user)
        .execute(&mut *transaction)
        .await
        .unwrap();
    sqlx::query("select public.set_consent('learning', false, $1)")
        .bind(forget)
        .execute(&mut *transaction)
        .await
        .unwrap();
    then.await;
    transaction.commit().await.unwrap();
}

async fn counting(db: &Database, user: uuid::Uuid) -> Vec<bool> {
    let mut owner = db.connect(Role::Owner).await;
    assert_eq!(differences(&mut owner, &[user]).await, Vec::<String>::new());
    sqlx::query_scalar("select counts from public.chat_messages where user_id = $1 order by seq")
        .bind(user)
        .fetch_all(&mut owner)
        .await
        .unwrap()
}

const SAID: &str =
    "insert into public.chat_messages (user_id, message_text) values ($1, 'I am so happy')";

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_being_stored_while_its_author_withdraws_does_not_count() {
    let db = Database::create().await;
    let user = db.user().await;
    let say = async {
        let mut connection = db.connect(Role::Owner).await;
        sqlx::query(SAID)
            .bind(user)
            .execute(&mut connection)
            .await
            .unwrap();
    };
    // It is read before the withdrawal commits, and then waits for the account.
    let (begun, begins) = tokio::sync::oneshot::channel();
    let withdrawal = withdraw(&db, user, false, async {
        begun.send(()).unwrap();
        until_waiting(&db, "insert into public.chat_messages").await;
    });
    let message = async {
        begins.await.unwrap();
        say.await;
    };
    tokio::join!(withdrawal, message);
    assert_eq!(counting(&db, user).await, [false]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_yet_committed_is_forgotten_too() {
    let db = Database::create().await;
    let user = db.user().await;
    let pool = db.pool(Role::Owner).await;
    let mut message = pool.begin().await.unwrap();
    sqlx::query(SAID)
        .bind(user)
        .execute(&mut *message)
        .await
        .unwrap();
    let commits = async {
        until_waiting(&db, "select public.set_consent").await;
        message.commit().await.unwrap();
    };
    tokio::join!(withdraw(&db, user, true, async {}), commits);
    assert_eq!(counting(&db, user).await, [false]);
}
