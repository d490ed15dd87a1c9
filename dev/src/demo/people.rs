//! The demo's people, acting through the Data API's role switch.

use anyhow::{Context, Result};
use sqlx::PgPool;
use uuid::Uuid;

use bondhu_stack::data_api;

const NAMES: [&str; 3] = ["Ada", "Bashir", "Chitra"];

/// Somebody who has signed up.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) name: &'static str,
    pub(super) id: Uuid,
    pub(super) session: Uuid,
}

/// Signs three people up, lets each name themselves and start a session.
pub(super) async fn sign_up(auth: &PgPool, api: &PgPool) -> Result<Vec<Person>> {
    let mut people = Vec::new();
    for name in NAMES {
        let id = Uuid::new_v4();
        // What Supabase Auth does at a sign-up.
        sqlx::query("insert into auth.users (id, email, aud, role) values ($1, $2, 'authenticated', 'authenticated')")
            .bind(id)
            .bind(format!("{}@example.org", name.to_lowercase()))
            .execute(auth)
            .await
            .context("auth.users")?;

        let mut request = data_api::as_user(api, id).await?;
        sqlx::query(
            "update public.companion_profiles set display_name = $1, time_zone = 'Asia/Dhaka'",
        )
        .bind(name)
        .execute(&mut *request)
        .await
        .context("a profile")?;
        let session = sqlx::query_scalar("select public.start_session('phone')")
            .fetch_one(&mut *request)
            .await
            .context("start_session")?;
        request.commit().await?;
        people.push(Person { name, id, session });
    }
    Ok(people)
}
