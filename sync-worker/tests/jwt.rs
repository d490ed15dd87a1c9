//! Which access tokens are accepted.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::Utc;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use secrecy::SecretString;
use serde_json::{Value, json};
use sync_worker::jwt::{JwtError, JwtVerifier, SignedIn};
use sync_worker::providers::http_client;
use uuid::Uuid;
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

const SECRET: &str = "the-legacy-secret-of-a-project-that-has-one";

/// A project of Supabase: its public keys, and tokens made with their private halves.
struct Project {
    server: MockServer,
}

/// A P-256 key made for this test alone: PKCS#8 in base64, and the public point.
struct Pair {
    kid: &'static str,
    private: &'static str,
    x: &'static str,
    y: &'static str,
}

const FIRST: Pair = Pair {
    kid: "first",
    private: "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgXP8j79J0CEWWoaOap319qqihCHn6mKTO/Qhh6+gpu7ehRANCAATRBqY9GrcmYEM1lo0N8sQ/QFEuS8hZJx5rntPe1JuV1m+6C5HjpXSCH8KJ0eINnIwDglKgZZghPFKRs/yjxzl6",
    x: "0QamPRq3JmBDNZaNDfLEP0BRLkvIWScea57T3tSbldY",
    y: "b7oLkeOldIIfwonR4g2cjAOCUqBlmCE8UpGz_KPHOXo",
};

const SECOND: Pair = Pair {
    kid: "second",
    private: "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgkgtxJV98sx+s7yYYJb+s8mEDbB2XlKx7gv/Oo0GGGLihRANCAARYI+FkQp9gp3qsXZqfCm/AqzcHWS7SiERDaHlKmgoWEzLxJRvQAO2YLlCmlDR1tIpashjEDARn3X2Mvzn8X441",
    x: "WCPhZEKfYKd6rF2anwpvwKs3B1ku0ohEQ2h5SpoKFhM",
    y: "MvElG9AA7ZguUKaUNHW0ilqyGMQMBGfdfYy_OfxfjjU",
};

impl Project {
    async fn with(keys: &[&Pair]) -> Self {
        let project = Self {
            server: MockServer::start().await,
        };
        project.publish(keys).await;
        project
    }

    /// Replaces the key set.
    async fn publish(&self, keys: &[&Pair]) {
        let mut keys: Vec<Value> = keys.iter().map(|pair| {
            json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": pair.kid, "x": pair.x, "y": pair.y})
        }).collect();
        keys.push(json!({"kty": "a type of tomorrow", "kid": "tomorrow"}));
        keys.push(json!({"kty": "oct", "kid": "oct", "k": URL_SAFE_NO_PAD.encode("published")}));
        self.server.reset().await;
        Mock::given(path("/auth/v1/.well-known/jwks.json"))
            .respond_with(ResponseTemplate::new(200).set_body_json(json!({"keys": keys})))
            .mount(&self.server)
            .await;
    }

    fn verifier(&self, legacy: bool) -> std::sync::Arc<JwtVerifier> {
        let secret = legacy.then(|| SecretString::from(SECRET));
        JwtVerifier::new(
            &self.server.uri().parse().unwrap(),
            secret.as_ref(),
            http_client().unwrap(),
        )
    }

    fn claims(&self, user: Uuid) -> Value {
        json!({
            "iss": format!("{}/auth/v1", self.server.uri()), "aud": "authenticated", "role": "authenticated",
            "sub": user, "exp": Utc::now().timestamp() + 3600,
        })
    }
}

fn header(algorithm: Algorithm, kid: Option<&str>) -> Header {
    Header {
        kid: kid.map(str::to_owned),
        ..Header::new(algorithm)
    }
}

fn signed(pair: &Pair, claims: &Value) -> String {
    let key = EncodingKey::from_ec_der(&der(pair));
    encode(&header(Algorithm::ES256, Some(pair.kid)), claims, &key).unwrap()
}

fn der(pair: &Pair) -> Vec<u8> {
    STANDARD.decode(pair.private).unwrap()
}

fn signed_with_secret(secret: &[u8], kid: Option<&str>, claims: &Value) -> String {
    let key = EncodingKey::from_secret(secret);
    encode(&header(Algorithm::HS256, kid), claims, &key).unwrap()
}

fn authorization(values: &[&str]) -> HeaderMap {
    let values = values.iter().map(|value| value.parse().unwrap());
    values.map(|value| (AUTHORIZATION, value)).collect()
}

#[tokio::test]
async fn a_token_of_a_published_key_names_its_user() {
    let project = Project::with(&[&FIRST]).await;
    let user = Uuid::new_v4();
    let token = signed(&FIRST, &project.claims(user));
    let verifier = project.verifier(false);
    assert_eq!(
        verifier.verify(&token).await,
        Ok(SignedIn {
            user,
            anonymous: false
        })
    );
    let header = format!("bearer {token}");
    assert_eq!(
        verifier.verify_headers(&authorization(&[&header])).await,
        Ok(SignedIn {
            user,
            anonymous: false
        })
    );
    let missing: [&[&str]; 4] = [&[], &[""], &["Basic YWRhOnNlY3JldA=="], &[&header, &header]];
    for missing in missing {
        assert_eq!(
            verifier.verify_headers(&authorization(missing)).await,
            Err(JwtError::Missing),
            "{missing:?}"
        );
    }
}

#[tokio::test]
async fn who_is_anonymous_is_told_apart_and_an_odd_claim_is_no_claim() {
    let project = Project::with(&[&FIRST]).await;
    let verifier = project.verifier(false);
    for (claim, read) in [
        (json!(true), Ok(true)),
        (json!(false), Ok(false)),
        (Value::Null, Ok(false)),
        (json!("true"), Err(JwtError::Malformed)),
        (json!(1), Err(JwtError::Malformed)),
    ] {
        let mut claims = project.claims(Uuid::new_v4());
        claims["is_anonymous"] = claim;
        let verified = verifier.verify(&signed(&FIRST, &claims)).await;
        assert_eq!(
            verified.map(|signed_in| signed_in.anonymous),
            read,
            "{claims}"
        );
    }
}

#[tokio::test]
async fn a_key_that_is_new_is_found_and_one_that_signs_nothing_here_is_not() {
    let project = Project::with(&[&SECOND]).await;
    let claims = project.claims(Uuid::new_v4());
    let (first, second) = (signed(&FIRST, &claims), signed(&SECOND, &claims));
    let verifier = project.verifier(false);
    assert_eq!(verifier.verify(&first).await, Err(JwtError::UnknownKey));
    assert!(verifier.verify(&second).await.is_ok());
    let asked = project.server.received_requests().await.unwrap().len();
    assert_eq!(asked, 1, "an unknown key is not looked for again at once");

    project.publish(&[&FIRST, &SECOND]).await;
    assert!(project.verifier(false).verify(&first).await.is_ok());
}

#[tokio::test]
async fn a_legacy_token_is_accepted_only_while_the_project_has_a_legacy_secret() {
    let project = Project::with(&[&FIRST]).await;
    let user = Uuid::new_v4();
    for kid in [None, Some("a legacy key has an id in no key set")] {
        let token = signed_with_secret(SECRET.as_bytes(), kid, &project.claims(user));
        assert_eq!(
            project.verifier(true).verify(&token).await,
            Ok(SignedIn {
                user,
                anonymous: false
            })
        );
        assert_eq!(
            project.verifier(false).verify(&token).await,
            Err(JwtError::UnknownKey)
        );
    }
}

#[tokio::test]
async fn the_algorithm_is_the_keys_and_never_the_headers() {
    let project = Project::with(&[&FIRST]).await;
    let claims = project.claims(Uuid::new_v4());
    let public = URL_SAFE_NO_PAD.decode(FIRST.x).unwrap();
    let forged = [
        // The public key used as a shared secret, under its own id.
        signed_with_secret(&public, Some(FIRST.kid), &claims),
        // The legacy secret under the id of another type of key.
        signed_with_secret(SECRET.as_bytes(), Some(FIRST.kid), &claims),
        // A secret that somebody published.
        signed_with_secret(b"published", Some("oct"), &claims),
    ];
    let verifier = project.verifier(true);
    for token in forged {
        assert_eq!(verifier.verify(&token).await, Err(JwtError::Signature));
    }
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned = format!(
        "{}.{}.",
        part(json!({"alg": "none", "typ": "JWT"})),
        part(claims.clone())
    );
    assert_eq!(verifier.verify(&unsigned).await, Err(JwtError::Malformed));
}

#[tokio::test]
async fn a_key_that_the_token_brings_along_is_not_used() {
    let project = Project::with(&[&FIRST]).await;
    let attacker = Project::with(&[&SECOND]).await;
    let mut brought = header(Algorithm::ES256, Some(SECOND.kid));
    brought.jku = Some(format!(
        "{}/auth/v1/.well-known/jwks.json",
        attacker.server.uri()
    ));
    let key = EncodingKey::from_ec_der(&der(&SECOND));
    let token = encode(&brought, &project.claims(Uuid::new_v4()), &key).unwrap();
    assert_eq!(
        project.verifier(false).verify(&token).await,
        Err(JwtError::UnknownKey)
    );
    assert!(
        attacker
            .server
            .received_requests()
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn every_claim_has_to_hold() {
    let project = Project::with(&[&FIRST]).await;
    let verifier = project.verifier(false);
    let past = Utc::now().timestamp() - 60;
    let coming = Utc::now().timestamp() + 600;
    let wrong = [
        (
            "iss",
            json!("https://other.supabase.co/auth/v1"),
            JwtError::NotForUs("issuer"),
        ),
        ("aud", json!("anon"), JwtError::NotForUs("audience")),
        ("exp", json!(past), JwtError::Expired),
        ("nbf", json!(coming), JwtError::NotYet),
        ("role", json!("service_role"), JwtError::NotForUs("role")),
        ("sub", json!("1' or true"), JwtError::NotForUs("subject")),
    ];
    for (claim, value, refusal) in wrong {
        let mut claims = project.claims(Uuid::new_v4());
        claims[claim] = value;
        assert_eq!(
            verifier.verify(&signed(&FIRST, &claims)).await,
            Err(refusal),
            "{claim}"
        );
    }
    for claim in ["iss", "aud", "exp", "role", "sub"] {
        let mut claims = project.claims(Uuid::new_v4());
        claims.as_object_mut().unwrap().remove(claim);
        assert!(
            verifier.verify(&signed(&FIRST, &claims)).await.is_err(),
            "without {claim}"
        );
    }
}

#[tokio::test]
async fn what_is_no_token_is_malformed_and_without_keys_nothing_is_accepted() {
    let project = Project::with(&[&FIRST]).await;
    let verifier = project.verifier(false);
    let long = "a".repeat(20_000);
    for text in ["", "a.b", "a.b.c", "....", "ü.ü.ü", &long] {
        assert_eq!(verifier.verify(text).await, Err(JwtError::Malformed));
    }
    let token = signed(&FIRST, &project.claims(Uuid::new_v4()));
    project.server.reset().await;
    assert_eq!(
        project.verifier(false).verify(&token).await,
        Err(JwtError::KeysUnavailable)
    );
}
