//! Planned faults, the request log, starting and stopping.

use std::time::Duration;

use bondhu_standin::{Fault, Outcome, Provider, Standin, StandinConfig};

use crate::client::App;
use crate::descriptions::wire_example;

const TOP: &str = "/spotify/v1/me/top/artists";

#[tokio::test]
async fn a_fault_answers_as_often_as_planned_and_then_never_again() {
    let app = App::with(StandinConfig {
        faults: vec![
            Fault::spotify_rate_limit(TOP, Duration::from_secs(48_925))
                .times(2)
                .after(1),
        ],
        ..StandinConfig::default()
    })
    .await;
    let token = app.access_token(Provider::Spotify).await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        let answer = app.spotify(&token, "/me/top/artists").await;
        if answer.status == 429 {
            assert_eq!(answer.header("retry-after"), "48925");
        }
        statuses.push(answer.status.as_u16());
        assert_eq!(
            app.spotify(&token, "/me").await.status,
            200,
            "other paths are spared"
        );
    }
    assert_eq!(statuses, [200, 429, 429, 200]);
    assert_eq!(app.standin.faults_outstanding(), 0);
}

#[tokio::test]
async fn a_recorded_answer_can_be_injected_by_name() {
    let app = App::start().await;
    let token = app.access_token(Provider::Spotify).await;
    app.standin
        .inject(Fault::recorded("/spotify/v1/*", "spotify", "api_429_quota").unwrap());
    let answer = app.spotify(&token, "/me").await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body),
        (429, &wire_example("spotify", "api_429_quota")["body"])
    );
    let unknown = Fault::recorded("/spotify/v1/*", "spotify", "no such answer").unwrap_err();
    assert!(unknown.to_string().contains("spotify.no such answer"));
}

#[tokio::test]
async fn server_errors_come_in_the_providers_envelope() {
    let app = App::start().await;
    let token = app.access_token(Provider::YouTube).await;
    app.standin.inject(Fault::server_error("/youtube/v3/*"));
    let answer = app
        .youtube(&token, "/subscriptions?part=snippet&mine=true")
        .await;
    assert_eq!(
        (
            answer.status.as_u16(),
            answer.body["error"]["code"].as_u64()
        ),
        (500, Some(500))
    );
}

#[tokio::test]
async fn a_truncated_answer_breaks_off_and_half_a_body_does_not_parse() {
    let app = App::start().await;
    let token = app.access_token(Provider::Spotify).await;
    let url = format!("{}/me/top/artists", app.standin.spotify_api_url());
    let get = || app.http().get(&url).bearer_auth(&token).send();

    app.standin.inject(Fault::on(TOP, Outcome::Truncated));
    let response = get().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.bytes().await.is_err(), "the connection breaks");

    app.standin.inject(Fault::on(TOP, Outcome::HalfABody));
    let half = get().await.unwrap().bytes().await.unwrap();
    assert!(serde_json::from_slice::<serde_json::Value>(&half).is_err());
}

#[tokio::test]
async fn a_delayed_answer_is_later_than_a_clients_patience() {
    let app = App::start().await;
    let token = app.access_token(Provider::Spotify).await;
    app.standin
        .inject(Fault::on(TOP, Outcome::Delayed(Duration::from_secs(30))));
    let url = format!("{}/me/top/artists", app.standin.spotify_api_url());
    let request = app
        .http()
        .get(&url)
        .bearer_auth(&token)
        .timeout(Duration::from_millis(100));
    assert!(request.send().await.unwrap_err().is_timeout());
    assert_eq!(app.spotify(&token, "/me/top/artists").await.status, 200);
}

#[tokio::test]
async fn the_log_tells_what_was_asked_and_answered() {
    let app = App::start().await;
    let token = app.access_token(Provider::Spotify).await;
    app.spotify(&token, "/me/top/artists?limit=51").await;
    let log = app.standin.requests();
    let paths: Vec<&str> = log.iter().map(|request| request.path.as_str()).collect();
    assert_eq!(paths, ["/spotify/authorize", "/spotify/api/token", TOP]);
    assert_eq!(log[1].form.get("grant_type"), Some("authorization_code"));
    assert_eq!(log[2].query.get("limit"), Some("51"));
    assert_eq!(log[2].bearer(), Some(token.as_str()));
    assert_eq!(log[2].status, 400);
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let app = App::start().await;
    let port = url::Url::parse(app.standin.base_url())
        .unwrap()
        .port()
        .unwrap();
    let error = Standin::start(StandinConfig {
        port,
        ..StandinConfig::default()
    })
    .await
    .unwrap_err();
    assert!(
        error.to_string().contains(&format!("127.0.0.1:{port}")),
        "{error}"
    );
}

#[tokio::test]
async fn after_a_shutdown_the_port_is_free() {
    let standin = Standin::start(StandinConfig::default()).await.unwrap();
    let port = url::Url::parse(standin.base_url()).unwrap().port().unwrap();
    standin.shutdown().await.unwrap();
    let again = Standin::start(StandinConfig {
        port,
        ..StandinConfig::default()
    })
    .await
    .unwrap();
    again.shutdown().await.unwrap();
}
