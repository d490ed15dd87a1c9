//! Linking accounts as a browser does, and waiting for what they bring.

use std::time::Duration;

use anyhow::{Result, bail};
use sqlx::PgPool;

use super::claims::{Claims, same};
use super::people::Person;
use bondhu_stack::stack::Stack;
use bondhu_stack::{consent, data_api, wait};
use bondhu_standin::catalogue::music::TimeRange;
use bondhu_standin::catalogue::video::Visibility;

/// pg_cron plans once a minute; the rest is for the pull.
const SYNCED_WITHIN: Duration = Duration::from_secs(180);

/// Walks through consent for both providers.
pub(super) async fn link(
    stack: &Stack,
    api: &PgPool,
    people: &[Person],
    claims: &mut Claims,
) -> Result<()> {
    let [person, stranger, ..] = people else {
        bail!("the demo has fewer than two people")
    };
    for provider in ["spotify", "youtube"] {
        let code = consent::code(api, person.id, provider).await?;

        let mut request = data_api::as_user(api, stranger.id).await?;
        let stolen = sqlx::query("select public.confirm_connect($1)")
            .bind(&code)
            .execute(&mut *request)
            .await;
        claims.refused(
            &format!("{provider}: another person cannot use the consent"),
            "P0002",
            &stolen,
        );
        drop(request);

        let confirmed = consent::confirm(api, person.id, &code).await?;
        claims.check(
            &format!("{provider}: who began confirms the consent"),
            same(&provider, &confirmed.as_str()).map(|_| ""),
        );

        let mut request = data_api::as_user(api, person.id).await?;
        let again = sqlx::query("select public.confirm_connect($1)")
            .bind(&code)
            .execute(&mut *request)
            .await;
        claims.refused(&format!("{provider}: a code works once"), "P0002", &again);
    }
    let mut request = data_api::as_user(api, person.id).await?;
    let allowed = sqlx::query("select public.set_consent('provider_prompts', true)")
        .execute(&mut *request)
        .await;
    request.commit().await?;
    claims.check(
        "she lets what they tell into prompts, as far as the provider does",
        allowed.map(|_| "").map_err(anyhow::Error::from),
    );
    let verified = stack
        .standin
        .requests()
        .iter()
        .filter(|r| r.form.get("code_verifier").is_some_and(|v| v.len() >= 43))
        .count();
    claims.equal(
        "both codes were exchanged with a PKCE verifier",
        &2,
        &verified,
    );
    Ok(())
}

/// Waits until both connections are synced.
pub(super) async fn synced(stack: &mut Stack, database: &PgPool, person: &Person) -> Result<()> {
    wait::until("pg_cron to plan and the worker to pull", SYNCED_WITHIN, async || {
        stack.check_running()?;
        let connections: Vec<(String, String, Option<String>)> =
            sqlx::query_as("select provider, status, last_error from public.provider_connections where user_id = $1 order by provider")
                .bind(person.id)
                .fetch_all(database)
                .await?;
        if let Some((provider, _, error)) = connections.iter().find(|(_, status, _)| status == "needs_reauth") {
            bail!("{provider} asks for consent again: {}", error.as_deref().unwrap_or_default());
        }
        if connections.len() == 2 && connections.iter().all(|(_, status, _)| status == "ok") {
            return Ok(Ok(()));
        }
        let state = connections.iter().map(|(provider, status, error)| match error {
            Some(error) => format!("{provider} {status} ({error})"),
            None => format!("{provider} {status}"),
        });
        Ok(Err(state.collect::<Vec<_>>().join(", ")))
    })
    .await
}

/// Compares what was stored with what the stand-in's account holds.
pub(super) async fn check(
    stack: &Stack,
    database: &PgPool,
    person: &Person,
    claims: &mut Claims,
) -> Result<()> {
    let planned: i64 = sqlx::query_scalar(
        "select count(*) from bondhu.cron_history(1000) where name = 'bondhu-plan-syncs' and status = 'succeeded'",
    )
    .fetch_one(database)
    .await?;
    claims.check(
        "pg_cron ran the planner",
        match planned {
            0 => Err("no run that succeeded".to_owned()),
            runs => Ok(format!("{runs} times")),
        },
    );

    let expected = stack.standin.with_account(1, |account| {
        let ranges = [TimeRange::Short, TimeRange::Medium, TimeRange::Long];
        let plays = account
            .music
            .plays
            .iter()
            .take(50)
            .filter(|play| !play.track.is_local())
            .count();
        [
            (
                "top artists",
                ranges
                    .map(|range| account.music.top_artists(range).len())
                    .iter()
                    .sum::<usize>(),
            ),
            ("plays", plays),
            ("subscriptions", account.video.subscriptions.len()),
            (
                "liked videos that can be seen",
                account
                    .video
                    .liked
                    .iter()
                    .filter(|video| video.visibility == Visibility::Public)
                    .count(),
            ),
        ]
    });
    let stored: (i64, i64, i64, i64) = sqlx::query_as(
        "select (select count(*) from public.music_top_items where user_id = $1 and kind = 'artist'), \
                (select count(*) from public.listening_history where user_id = $1), \
                (select count(*) from public.video_subscriptions where user_id = $1), \
                (select count(*) from public.video_likes where user_id = $1)",
    )
    .bind(person.id)
    .fetch_one(database)
    .await?;
    for ((what, expected), stored) in expected
        .into_iter()
        .zip([stored.0, stored.1, stored.2, stored.3])
    {
        claims.check(
            &format!("{what} are stored as the provider lists them"),
            same(&i64::try_from(expected)?, &stored),
        );
    }

    let in_clear: i64 = {
        let tokens: Vec<Vec<u8>> = stack
            .standin
            .requests()
            .iter()
            .filter_map(|request| request.bearer().map(|token| token.as_bytes().to_vec()))
            .collect();
        sqlx::query_scalar("select count(*) from bondhu.provider_tokens t, unnest($1::bytea[]) token where position(token in t.sealed) > 0")
            .bind(tokens)
            .fetch_one(database)
            .await?
    };
    claims.equal("no token is stored in clear", &0, &in_clear);
    Ok(())
}
