//! What one person, or one address, may take of what all share.

use reqwest::StatusCode;
use serde_json::{Value, json};
use sync_worker::provider::Provider;
use url::Url;

use crate::fixture::{APP, World};
use crate::secrets::access_token;

const LEDGER: &str = "bondhu.provider_ledger where $1 is not null and requests > 0";

/// Claims of an account that nobody is known by.
fn anonymous_token(user: uuid::Uuid) -> String {
    crate::secrets::token_with(user, &json!({ "is_anonymous": true }))
}

impl World {
    /// `POST /link` from an address: the status, the code, and how long to wait.
    async fn link_from(
        &self,
        address: &str,
        bearer: &str,
        token: &str,
    ) -> (u16, String, Option<u64>) {
        let answer = reqwest::Client::new()
            .post(format!("{}/link", self.worker_url))
            .header("x-forwarded-for", address)
            .bearer_auth(bearer)
            .json(&json!({ "provider": "spotify", "refresh_token": token }))
            .send()
            .await
            .unwrap();
        let wait = answer.headers().get("retry-after");
        let wait = wait.map(|wait| wait.to_str().unwrap().parse().unwrap());
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap();
        (status, body["code"].as_str().unwrap().to_owned(), wait)
    }

    /// Opens a URL from an address.
    async fn open_from(&self, address: &str, url: Url) -> StatusCode {
        let browser = sync_worker::providers::http_client().unwrap();
        let request = browser.get(url).header("x-forwarded-for", address);
        request.send().await.unwrap().status()
    }
}

#[tokio::test]
async fn tokens_that_nobody_gave_cost_the_shared_budget_nothing_and_end() {
    let world = World::new().await;
    let user = world.database.user().await;
    let bearer = access_token(user);
    let mut refused = Vec::new();
    for n in 0..30 {
        // Another address each time: it is the person who is counted.
        let from = format!("198.51.100.{n}");
        refused.push(world.link_from(&from, &bearer, "nobody gave this").await);
    }
    assert_eq!(world.count(LEDGER, user).await, 0, "no call, no charge");
    let asked = world.requests("/spotify/api/token").len();
    assert_eq!(asked, 10, "then they are not looked at");
    assert!(
        refused[..10]
            .iter()
            .all(|(status, code, _)| (*status, code.as_str()) == (422, "consent_ended"))
    );
    for (status, code, wait) in &refused[10..] {
        assert_eq!((*status, code.as_str()), (429, "too_many_attempts"));
        assert!(
            wait.is_some_and(|wait| (1..=600).contains(&wait)),
            "{wait:?}"
        );
    }
    let other = access_token(world.database.user().await);
    let (status, ..) = world
        .link_from("198.51.100.1", &other, "nobody gave this")
        .await;
    assert_eq!(status, 422, "another person may");
}

#[tokio::test]
async fn one_address_may_try_for_many_people_and_not_without_end() {
    let world = World::new().await;
    let mut last = (0, String::new(), None);
    for _ in 0..61 {
        let bearer = access_token(uuid::Uuid::new_v4());
        last = world
            .link_from("203.0.113.7", &bearer, "nobody gave this")
            .await;
    }
    assert_eq!((last.0, last.1.as_str()), (429, "too_many_attempts"));
    assert_eq!(world.requests("/spotify/api/token").len(), 60);

    let user = world.database.user().await;
    let begun = world.begin_connect(user, "spotify", APP).await.unwrap();
    let callback = world.consent(begun).await;
    let from_there = world.open_from("203.0.113.7", callback.clone()).await;
    assert_eq!(from_there, StatusCode::TOO_MANY_REQUESTS);
    let from_elsewhere = world.open_from("203.0.113.8", callback).await;
    assert_eq!(
        from_elsewhere,
        StatusCode::SEE_OTHER,
        "the consent was not used up"
    );
}

#[tokio::test]
async fn codes_that_nobody_gave_cost_the_shared_budget_nothing_and_end() {
    let world = World::new().await;
    let user = world.database.user().await;
    let mut statuses = Vec::new();
    for _ in 0..12 {
        let begun = world.begin_connect(user, "youtube", APP).await.unwrap();
        let mut callback = world.consent(begun).await;
        let query: Vec<(String, String)> = callback.query_pairs().into_owned().collect();
        callback
            .query_pairs_mut()
            .clear()
            .extend_pairs(query.into_iter().map(|(name, value)| {
                let value = if name == "code" {
                    "nobody-gave-this".to_owned()
                } else {
                    value
                };
                (name, value)
            }));
        statuses.push(world.open(callback).await.0.as_u16());
    }
    assert_eq!(statuses, [vec![303; 10], vec![429; 2]].concat());
    assert_eq!(world.count(LEDGER, user).await, 0);
    assert_eq!(world.requests("/google/token").len(), 10);
}

#[tokio::test]
async fn an_anonymous_account_links_nothing_unless_the_setting_says_so() {
    let world = World::new().await;
    let user = world.database.user().await;
    let token = world.brought_token(Provider::Spotify, 3).await;
    let body = json!({ "provider": "spotify", "refresh_token": token });
    let asked = world.requests("/spotify/api/token").len();
    let (status, answer) = world
        .post_link(Some(&anonymous_token(user)), body.clone())
        .await;
    assert_eq!(
        (status, answer["code"].as_str()),
        (StatusCode::FORBIDDEN, Some("anonymous_account"))
    );
    assert!(
        answer["message"].as_str().unwrap().contains("sign in"),
        "{answer}"
    );
    assert_eq!(world.requests("/spotify/api/token").len(), asked);

    for statement in [
        "alter table bondhu.settings add column if not exists anonymous_may_link boolean not null default false",
        "update bondhu.settings set anonymous_may_link = true",
    ] {
        sqlx::query(statement).execute(&world.admin).await.unwrap();
    }
    let (status, answer) = world.post_link(Some(&anonymous_token(user)), body).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
}
