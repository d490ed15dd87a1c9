//! Whatever somebody sends to the linking routes, and however often at once.

use bondhu_standin::Fault;
use reqwest::StatusCode;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use sync_worker::provider::Provider;
use sync_worker::vault::{Owner, TokenKind};
use url::Url;

use crate::fixture::{APP, World, refusal};
use crate::secrets::access_token;

/// Percent-encoded values that no parameter of ours has.
const ODD: [&str; 14] = [
    "%00",
    "a%00b",
    "%ff",
    "%c3%28",
    "%ed%a0%80",
    "%0d%0aset-cookie:%20a=b",
    "%1b%5b31m",
    "%7f",
    "%F0%9F%98%80",
    "%25%30%30",
    "%E2%80%AE",
    "..%2f..%2f",
    "%3Cscript%3E",
    "",
];

#[tokio::test]
async fn odd_bytes_in_any_parameter_are_refused_and_use_nothing_up() {
    let world = World::new().await;
    let user = world.database.user().await;
    let begun = world.begin_connect(user, "spotify", APP).await.unwrap();
    let callback = world.consent(begun).await;
    let query = callback.query().unwrap().to_owned();
    let state = callback
        .query_pairs()
        .find(|(name, _)| name == "state")
        .unwrap()
        .1
        .into_owned();
    let at = |path: &str, query: &str| -> Url {
        format!("{}{path}?{query}", world.worker_url)
            .parse()
            .unwrap()
    };
    let own = "/oauth/spotify/callback";
    let huge = "A".repeat(20_000);
    for odd in ODD.into_iter().chain([huge.as_str()]) {
        for (url, expected) in [
            (at(own, &format!("state={odd}")), 400),
            (at(own, &format!("state={odd}&code=x")), 400),
            (at(own, &format!("state={state}{odd}x&code=x")), 400),
            (at(own, &format!("state={state}&state={odd}&code=x")), 400),
            (at(&format!("/oauth/{odd}x/callback"), &query), 404),
        ] {
            let status = world.open(url.clone()).await.0.as_u16();
            assert_eq!(status, expected, "{url}");
        }
    }
    for odd in ["%00", "a%0d%0ab", "%ff", "%F0%9F%98%80", "", huge.as_str()] {
        let url = at(own, &format!("state={state}&code={odd}"));
        assert_eq!(world.open(url.clone()).await.0.as_u16(), 400, "{url}");
    }
    assert!(world.requests("/spotify/api/token").is_empty());
    assert_eq!(
        world.open(callback).await.0,
        StatusCode::SEE_OTHER,
        "the state was not used up"
    );
}

#[tokio::test]
async fn what_a_consent_page_says_is_passed_on_only_as_far_as_it_is_known() {
    let world = World::new().await;
    let user = world.database.user().await;
    for (said, code) in [
        ("access_denied", "access_denied"),
        ("temporarily_unavailable", "provider_error"),
        ("call%20%2B1%20900%20now%20%3Cscript%3E", "provider_error"),
        ("%00%0d%0a", "provider_error"),
    ] {
        let begun = world.begin_connect(user, "spotify", APP).await.unwrap();
        let callback = world.consent(begun).await;
        let state = callback
            .query_pairs()
            .find(|(name, _)| name == "state")
            .unwrap()
            .1
            .into_owned();
        let url = format!(
            "{}/oauth/spotify/callback?state={state}&error={said}",
            world.worker_url
        );
        let (status, back) = world.open(url.parse().unwrap()).await;
        assert_eq!(status, StatusCode::SEE_OTHER);
        let back: std::collections::HashMap<_, _> =
            back.unwrap().query_pairs().into_owned().collect();
        assert_eq!(back["error"], code);
        assert!(!back["error_description"].contains("900"), "{back:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_no_link_is_refused_in_words_and_repeated_to_nobody() {
    let world = World::new().await;
    let bearer = access_token(world.database.user().await);
    let deep = format!("{}{}", "[".repeat(8_000), "]".repeat(8_000));
    let huge = format!(
        r#"{{"provider":"spotify","refresh_token":"{}"}}"#,
        "A".repeat(70_000)
    );
    let long = format!(
        r#"{{"provider":"spotify","refresh_token":"{}"}}"#,
        "A".repeat(9_000)
    );
    for (body, status, code) in [
        ("", 400, "bad_request"),
        ("null", 400, "bad_request"),
        (r#"["spotify","s3cret"]"#, 400, "bad_request"),
        (r#""s3cret""#, 400, "bad_request"),
        (r#"{"provider":"spotify"}"#, 400, "bad_request"),
        (
            r#"{"provider":"spotify","refresh_token":{"s3cret":1}}"#,
            400,
            "bad_request",
        ),
        (
            r#"{"provider":["spotify"],"refresh_token":"s3cret"}"#,
            400,
            "bad_request",
        ),
        (
            r#"{"provider":"spotify","refresh_token":""}"#,
            400,
            "bad_request",
        ),
        (
            r#"{"provider":"spotify","refresh_token":"s3cret\u0000"}"#,
            400,
            "bad_request",
        ),
        (
            r#"{"provider":"spotify","refresh_token":"s3cret\r\nHost: x"}"#,
            400,
            "bad_request",
        ),
        (
            r#"{"provider":"spotify","refresh_token":"s3cret\ud800"}"#,
            400,
            "bad_request",
        ),
        (
            r#"{"provider":"spotify","refresh_token":"s3cret","refresh_token":"s3cret"}"#,
            400,
            "bad_request",
        ),
        (
            r#"{"provider":"spotify\u0000","refresh_token":"s3cret"}"#,
            404,
            "unknown_provider",
        ),
        (deep.as_str(), 400, "bad_request"),
        (long.as_str(), 400, "bad_request"),
        (huge.as_str(), 413, "too_large"),
    ] {
        let answer = reqwest::Client::new()
            .post(format!("{}/link", world.worker_url))
            .bearer_auth(&bearer)
            .body(body.to_owned())
            .send()
            .await
            .unwrap();
        let shown: String = body.chars().take(80).collect();
        assert_eq!(answer.status().as_u16(), status, "{shown}");
        let said = answer.text().await.unwrap();
        assert!(!said.contains("s3cret"), "{said}");
        let said: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(said["code"], code, "{shown}");
    }
    assert!(world.requests("/spotify/api/token").is_empty());
}

#[tokio::test]
async fn an_answer_of_the_apps_own_is_not_sent_back_with_ours() {
    let world = World::new().await;
    let user = world.database.user().await;
    for own in [
        "?code=mine",
        "?x=1&code=mine",
        "?code",
        "?CODE=mine",
        "?c%6Fde=mine",
        "?%63%6F%64%65=mine",
        "?x;code=mine",
        "?code%3Dmine",
        "?provider=spotify",
        "?error=none",
        "?error%5fdescription=fine",
        "?error_description=fine",
        "?code[]=mine",
        "#code=mine",
        "?x=1#/linked?provider=spotify",
    ] {
        let refused = world
            .begin_connect(user, "spotify", &format!("{APP}/linked{own}"))
            .await;
        assert_eq!(refusal(&refused.unwrap_err()).0, "22023", "{own}");
    }
    for other in [
        "?encode=1",
        "?codes=1",
        "?x=code",
        "?x=code=1",
        "?provider_id=1",
        "/code?from=x",
        "?errors=0",
        "?state=1",
    ] {
        let begun = world
            .begin_connect(user, "spotify", &format!("{APP}/linked{other}"))
            .await;
        assert!(begun.is_ok(), "{other}");
    }
}

#[tokio::test]
async fn one_code_confirmed_many_times_at_once_links_once() {
    let world = World::new().await;
    let user = world.database.user().await;
    let code = world
        .come_back(user, Provider::Spotify)
        .await
        .remove("code")
        .unwrap();
    let all = futures::future::join_all((0..8).map(|_| world.confirm_connect(user, &code))).await;
    assert_eq!(all.iter().filter(|one| one.is_ok()).count(), 1);
    for refused in all.iter().filter_map(|one| one.as_ref().err()) {
        assert_eq!(refusal(refused).0, "P0002");
    }
}

#[tokio::test]
async fn one_state_opened_many_times_at_once_asks_the_provider_once() {
    let world = World::new().await;
    let user = world.database.user().await;
    let begun = world.begin_connect(user, "spotify", APP).await.unwrap();
    let callback = world.consent(begun).await;
    let all = futures::future::join_all((0..8).map(|_| world.open(callback.clone()))).await;
    let sent_back = all
        .iter()
        .filter(|(status, _)| *status == StatusCode::SEE_OTHER)
        .count();
    assert_eq!(sent_back, 1);
    assert_eq!(world.requests("/spotify/api/token").len(), 1);
}

#[tokio::test]
async fn two_accounts_confirmed_at_once_are_never_mixed() {
    for _ in 0..5 {
        let world = World::new().await;
        let user = world.database.user().await;
        let mut codes = Vec::new();
        for account in [1, 2] {
            world.standin.sign_in(account);
            codes.push(
                world
                    .come_back(user, Provider::Spotify)
                    .await
                    .remove("code")
                    .unwrap(),
            );
        }
        // One of them brought no refresh token, which a second consent may do.
        sqlx::query(
            "update bondhu.pending_connections set sealed_refresh = null where account_id = $1",
        )
        .bind(
            world
                .standin
                .with_account(2, |account| account.spotify_id.clone()),
        )
        .execute(&world.admin)
        .await
        .unwrap();
        let pending: Vec<(String, Vec<u8>, Option<Vec<u8>>)> = sqlx::query_as(
            "select account_id, sealed_access, sealed_refresh from bondhu.pending_connections",
        )
        .fetch_all(&world.admin)
        .await
        .unwrap();
        let (one, two) = tokio::join!(
            world.confirm_connect(user, &codes[0]),
            world.confirm_connect(user, &codes[1])
        );
        one.unwrap();
        two.unwrap();
        let stored: (String, Vec<u8>, Option<Vec<u8>>) = sqlx::query_as(
            "select c.account_id,
                    (select sealed from bondhu.provider_tokens where kind = 'access'),
                    (select sealed from bondhu.provider_tokens where kind = 'refresh')
             from public.provider_connections c",
        )
        .fetch_one(&world.admin)
        .await
        .unwrap();
        assert!(pending.contains(&stored));
    }
}

#[tokio::test]
async fn a_name_that_cannot_be_stored_costs_no_consent() {
    let world = World::new().await;
    for (number, sent, kept) in [
        (1, "A\0da".repeat(500), None),
        (2, "Ada\u{7}".repeat(500), Some("AdaAda")),
    ] {
        let user = world.database.user().await;
        world
            .standin
            .with_account(number, |account| account.display_name = sent);
        world.link(user, Provider::Spotify, number).await;
        let name: Option<String> = sqlx::query_scalar(
            "select left(account_name, 6) from public.provider_connections
             where user_id = $1 and coalesce(char_length(account_name), 0) <= 200",
        )
        .bind(user)
        .fetch_one(&world.admin)
        .await
        .unwrap();
        assert_eq!(name.as_deref(), kept);
    }
}

#[tokio::test]
async fn a_wait_that_the_provider_asked_for_is_not_linked_away() {
    let world = World::new().await;
    let user = world.linked(Provider::Spotify, 1).await;
    let wait = std::time::Duration::from_secs(48_925);
    world.standin.inject(Fault::spotify_rate_limit(
        "/spotify/v1/me/top/artists",
        wait,
    ));
    world.sync().await;
    world.link(user, Provider::Spotify, 1).await;
    assert!(world.held_back_for(user, Provider::Spotify).await.unwrap() > 48_000.0);
    assert_eq!(world.sync().await, 0);
}

#[tokio::test]
async fn a_consent_opens_for_the_user_who_began_and_nobody_else() {
    let world = World::new().await;
    let (victim, attacker) = (world.database.user().await, world.database.user().await);
    // The attacker's own link, opened in the victim's browser, with the victim's consent.
    let code = world
        .come_back(attacker, Provider::Spotify)
        .await
        .remove("code")
        .unwrap();
    assert_eq!(
        refusal(&world.confirm_connect(victim, &code).await.unwrap_err()).0,
        "P0002"
    );
    let sealed: Vec<u8> =
        sqlx::query_scalar("select sealed_refresh from bondhu.pending_connections")
            .fetch_one(&world.admin)
            .await
            .unwrap();
    let provider = Provider::Spotify;
    let open = |user| {
        world
            .context
            .vault
            .open(Owner { user, provider }, TokenKind::Refresh, &sealed)
    };
    assert!(open(victim).is_err());
    assert!(!open(attacker).unwrap().expose_secret().is_empty());
}
