//! Every answer that `standin/specs/wire-examples.json` has of the providers, in the middle of a pull
//! or of linking, and what becomes of it. An example that is added there fails here until it is
//! said what it leads to.

use bondhu_standin::Fault;
use serde_json::Value;
use sync_worker::provider::Provider;
use uuid::Uuid;

use crate::fixture::World;

const TOP_ARTISTS: &str = "/spotify/v1/me/top/artists";
const PLAYLIST_ITEMS: &str = "/spotify/v1/playlists/*";
const RECENTLY_PLAYED: &str = "/spotify/v1/me/player/recently-played";
const SPOTIFY_TOKEN: &str = "/spotify/api/token";
const SUBSCRIPTIONS: &str = "/youtube/v3/subscriptions";
const VIDEO_PLAYLIST_ITEMS: &str = "/youtube/v3/playlistItems";
const GOOGLE_TOKEN: &str = "/google/token";

/// Where an example is answered, and what follows.
enum Case {
    /// To this path, after so many proper answers; then status, code and hours to wait.
    Pull(&'static str, u32, &'static str, Option<&'static str>, Wait),
    /// To a refresh; the refresh token that the next one shows, `None` for the same again.
    Refresh(&'static str, Option<&'static str>),
    /// To the exchange of a code; the error that the app gets.
    Link(&'static str, &'static str),
}

/// Who waits.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wait {
    Nobody,
    /// This connection, at least so many seconds.
    Connection(f64),
    /// Everybody at this provider, at least so many seconds.
    Provider(f64),
}

fn case(group: &str, name: &str) -> Case {
    use Wait::{Connection, Nobody, Provider};
    match (group, name) {
        ("spotify", "token_refresh_without_rotation" | "token_refresh_empty_refresh_token") => {
            Case::Refresh(SPOTIFY_TOKEN, None)
        }
        ("spotify", "token_refresh_rotated") => Case::Refresh(SPOTIFY_TOKEN, Some("AQ-rotated")),
        ("spotify", "token_invalid_grant_expired" | "token_invalid_grant_revoked") => Case::Pull(
            SPOTIFY_TOKEN,
            0,
            "needs_reauth",
            Some("consent_ended"),
            Nobody,
        ),
        ("spotify", "token_invalid_client") => Case::Pull(
            SPOTIFY_TOKEN,
            0,
            "failing",
            Some("app_refused"),
            Provider(60.0),
        ),
        ("spotify", "api_401") => Case::Pull(TOP_ARTISTS, 0, "ok", None, Nobody),
        ("spotify", "api_403_playlist_not_owned_or_removed_endpoint") => {
            Case::Pull(PLAYLIST_ITEMS, 0, "partial", Some("foreign_list"), Nobody)
        }
        ("spotify", "api_403_user_not_registered") => Case::Pull(
            TOP_ARTISTS,
            0,
            "needs_reauth",
            Some("not_allow_listed"),
            Nobody,
        ),
        ("spotify", "api_403_owner_without_premium") => Case::Pull(
            TOP_ARTISTS,
            1,
            "failing",
            Some("app_refused"),
            Provider(600.0),
        ),
        ("spotify", "api_429_rate") => Case::Pull(
            TOP_ARTISTS,
            1,
            "failing",
            Some("rate_limited"),
            Connection(2.0),
        ),
        ("spotify", "api_429_rate_no_header") => Case::Pull(
            TOP_ARTISTS,
            1,
            "failing",
            Some("rate_limited"),
            Connection(1.0),
        ),
        ("spotify", "api_429_quota") => Case::Pull(
            TOP_ARTISTS,
            1,
            "failing",
            Some("quota_exceeded"),
            Provider(48_900.0),
        ),
        ("spotify", "recently_played_exhausted") => {
            Case::Pull(RECENTLY_PLAYED, 0, "ok", None, Nobody)
        }
        ("google", "token_refresh") => Case::Refresh(GOOGLE_TOKEN, None),
        ("google", "token_without_youtube_scope") => Case::Link(GOOGLE_TOKEN, "scope_missing"),
        ("google", "token_invalid_grant") => Case::Pull(
            GOOGLE_TOKEN,
            0,
            "needs_reauth",
            Some("consent_ended"),
            Nobody,
        ),
        ("youtube", "quotaExceeded") => Case::Pull(
            SUBSCRIPTIONS,
            1,
            "failing",
            Some("quota_exceeded"),
            Provider(1.0),
        ),
        ("youtube", "rateLimitExceeded") => Case::Pull(
            SUBSCRIPTIONS,
            1,
            "failing",
            Some("rate_limited"),
            Connection(1.0),
        ),
        ("youtube", "forbidden_scope") => {
            Case::Pull(SUBSCRIPTIONS, 0, "partial", Some("scope_missing"), Nobody)
        }
        ("youtube", "accessNotConfigured") => Case::Pull(
            SUBSCRIPTIONS,
            1,
            "failing",
            Some("app_refused"),
            Provider(600.0),
        ),
        ("youtube", "youtubeSignupRequired") => {
            Case::Pull(SUBSCRIPTIONS, 0, "needs_reauth", Some("no_channel"), Nobody)
        }
        ("youtube", "unauthorized" | "invalidPageToken") => {
            Case::Pull(SUBSCRIPTIONS, 1, "ok", None, Nobody)
        }
        ("youtube", "playlistNotFound") => Case::Pull(VIDEO_PLAYLIST_ITEMS, 0, "ok", None, Nobody),
        _ => panic!("wire-examples.json: say here what {group}.{name} leads to"),
    }
}

#[tokio::test]
async fn every_recorded_answer_leads_to_what_it_should() {
    let examples: Value =
        serde_json::from_str(include_str!("../../../standin/specs/wire-examples.json")).unwrap();
    for group in ["spotify", "google", "youtube"] {
        for name in examples[group].as_object().unwrap().keys() {
            let provider = match group {
                "spotify" => Provider::Spotify,
                _ => Provider::YouTube,
            };
            let what = format!("{group}.{name}");
            let fault = |path| Fault::recorded(path, group, name).unwrap();
            let world = World::new().await;
            match case(group, name) {
                Case::Pull(path, after, status, code, wait) => {
                    let user = world.linked(provider, 1).await;
                    if path.ends_with("/token") {
                        end_access(&world).await;
                    }
                    world.standin.inject(fault(path).after(after));
                    world.sync().await;
                    let standing = world.standing(user, provider).await;
                    assert_eq!(
                        (
                            standing.status.as_str(),
                            standing.last_error_code.as_deref()
                        ),
                        (status, code),
                        "{what}"
                    );
                    assert_waits(&world, user, provider, wait, &what).await;
                }
                Case::Refresh(path, rotated) => {
                    world.linked(provider, 1).await;
                    end_access(&world).await;
                    world.standin.inject(fault(path));
                    world.sync().await;
                    // The example's access token opens nothing: there is a second refresh.
                    let shown: Vec<String> = world
                        .requests(path)
                        .iter()
                        .filter_map(|r| r.form.get("refresh_token").map(str::to_owned))
                        .collect();
                    assert_eq!(shown.len(), 2, "{what}");
                    assert_eq!(shown[1], rotated.unwrap_or(&shown[0]), "{what}");
                }
                Case::Link(path, error) => {
                    let user = world.database.user().await;
                    world.standin.inject(fault(path));
                    let back = world.come_back(user, provider).await;
                    assert_eq!(back["error"], error, "{what}");
                }
            }
            assert_eq!(world.standin.faults_outstanding(), 0, "{what} was not met");
        }
    }
}

/// The stored access tokens end, so that the next pull refreshes first.
async fn end_access(world: &World) {
    sqlx::query("update bondhu.provider_tokens set expires_at = now() where kind = 'access'")
        .execute(&world.admin)
        .await
        .unwrap();
}

async fn assert_waits(world: &World, user: Uuid, provider: Provider, wait: Wait, what: &str) {
    let connection = world.held_back_for(user, provider).await;
    let everybody: Option<f64> = sqlx::query_scalar(
        "select extract(epoch from blocked_until - now())::float8
         from bondhu.provider_settings where provider = $1",
    )
    .bind(provider.name())
    .fetch_one(&world.admin)
    .await
    .unwrap();
    let (connection_waits, everybody_waits) = match wait {
        Wait::Nobody => (None, None),
        Wait::Connection(seconds) => (Some(seconds), None),
        Wait::Provider(seconds) => (None, Some(seconds)),
    };
    // The seconds that the test itself took are gone from the wait.
    let fits = |is: Option<f64>, least: Option<f64>| match (is, least) {
        (is, None) => is.is_none(),
        (is, Some(least)) => is.is_some_and(|is| is > least - 30.0),
    };
    assert!(
        fits(connection, connection_waits) && fits(everybody, everybody_waits),
        "{what}: the connection waits {connection:?} s, everybody {everybody:?} s"
    );
}
