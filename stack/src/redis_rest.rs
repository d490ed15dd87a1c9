//! Redis over HTTP, as Upstash offers it to where no TCP connection is kept: a command is a JSON array, its
//! answer `{"result": …}` or `{"error": "…"}`.
//!
//! <https://upstash.com/docs/redis/features/restapi>

use std::net::Ipv4Addr;

use anyhow::{Context, Result};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use redis::aio::MultiplexedConnection;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The service. Dropping it ends it.
#[derive(Debug)]
pub struct RedisRest {
    url: String,
    token: String,
    service: JoinHandle<()>,
}

#[derive(Clone)]
struct Shared {
    redis: redis::Client,
    token: String,
}

impl RedisRest {
    /// In front of the Redis at `redis_url`.
    ///
    /// # Errors
    /// The port is taken, or the address is none of a Redis.
    pub async fn start(port: u16, redis_url: &str) -> Result<Self> {
        let token = format!("{:032x}", rand::random::<u128>());
        let shared = Shared {
            redis: redis::Client::open(redis_url)?,
            token: token.clone(),
        };
        let router = Router::new()
            .route("/", post(one))
            .route("/pipeline", post(pipeline))
            .layer(middleware::from_fn_with_state(shared.clone(), authorize))
            .with_state(shared);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .with_context(|| format!("port {port}"))?;
        let url = format!("http://{}", listener.local_addr()?);
        let service = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                eprintln!("Redis over HTTP ended: {error}");
            }
        });
        Ok(Self {
            url,
            token,
            service,
        })
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What callers send as `Authorization: Bearer …`.
    pub fn token(&self) -> &str {
        &self.token
    }
}

impl Drop for RedisRest {
    fn drop(&mut self) {
        self.service.abort();
    }
}

async fn authorize(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let expected = format!("Bearer {}", shared.token);
    let given = request.headers().get(header::AUTHORIZATION);
    if given.is_some_and(|given| given.as_bytes() == expected.as_bytes()) {
        return next.run(request).await;
    }
    let error = json!({ "error": "WRONGPASS invalid or missing auth token" });
    (StatusCode::UNAUTHORIZED, Json(error)).into_response()
}

async fn one(State(shared): State<Shared>, Json(command): Json<Vec<Value>>) -> Response {
    let mut connection = match connect(&shared).await {
        Ok(connection) => connection,
        Err(error) => return error,
    };
    let answer = run(&mut connection, &command).await;
    let status = if answer.get("error").is_some() {
        StatusCode::BAD_REQUEST
    } else {
        StatusCode::OK
    };
    (status, Json(answer)).into_response()
}

async fn pipeline(State(shared): State<Shared>, Json(commands): Json<Vec<Vec<Value>>>) -> Response {
    let mut connection = match connect(&shared).await {
        Ok(connection) => connection,
        Err(error) => return error,
    };
    let mut answers = Vec::with_capacity(commands.len());
    for command in &commands {
        answers.push(run(&mut connection, command).await);
    }
    Json(answers).into_response()
}

async fn connect(shared: &Shared) -> Result<MultiplexedConnection, Response> {
    let connected = shared.redis.get_multiplexed_async_connection().await;
    connected.map_err(|error| {
        let error = json!({ "error": error.to_string() });
        (StatusCode::BAD_GATEWAY, Json(error)).into_response()
    })
}

async fn run(connection: &mut MultiplexedConnection, command: &[Value]) -> Value {
    let mut words = command.iter().map(|word| match word {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    let Some(name) = words.next() else {
        return json!({ "error": "ERR empty command" });
    };
    let mut redis = redis::cmd(&name);
    for word in words {
        redis.arg(word);
    }
    match redis.query_async::<redis::Value>(connection).await {
        Ok(value) => json!({ "result": as_json(&value) }),
        Err(error) => json!({ "error": error.to_string() }),
    }
}

fn as_json(value: &redis::Value) -> Value {
    match value {
        redis::Value::Int(number) => json!(number),
        redis::Value::BulkString(bytes) => json!(String::from_utf8_lossy(bytes)),
        redis::Value::SimpleString(text) => json!(text),
        redis::Value::Okay => json!("OK"),
        redis::Value::Array(values) => values.iter().map(as_json).collect(),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redis_server::RedisServer;

    #[tokio::test]
    async fn commands_are_answered_and_strangers_are_not() -> Result<()> {
        let redis = RedisServer::temporary().await?;
        let rest = RedisRest::start(0, &redis.url()).await?;
        let client = crate::http::client()?;
        let ask = async |path: &str, token: &str, body: Value| {
            let request = client
                .post(format!("{}{path}", rest.url()))
                .bearer_auth(token)
                .json(&body);
            let answer = request.send().await?;
            let status = answer.status().as_u16();
            anyhow::Ok((status, answer.json::<Value>().await?))
        };
        let token = rest.token();
        let set = ask("/", token, json!(["SET", "a", "α"])).await?;
        assert_eq!(set, (200, json!({ "result": "OK" })));
        let both = ask("/", token, json!(["MGET", "a", "b"])).await?;
        assert_eq!(both, (200, json!({ "result": ["α", null] })));
        let many = ask("/pipeline", token, json!([["GET", "a"], ["NOPE"]])).await?;
        assert_eq!(many.1[0], json!({ "result": "α" }));
        assert!(many.1[1]["error"].is_string());
        assert_eq!(ask("/", token, json!(["NOPE"])).await?.0, 400);
        assert_eq!(ask("/", "wrong", json!(["GET", "a"])).await?.0, 401);
        Ok(())
    }
}
