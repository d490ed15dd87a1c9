//! The public chart of a region: asked for once for everybody in it, and nobody's sync depends on it.

use std::sync::Arc;

use serde_json::{Value, json};
use sync_worker::provider::Provider;

use crate::fixture::World;
use crate::puppet::{Puppet, RecordedCall};

impl World {
    /// The regions whose chart was asked for, and what was answered.
    fn chart_requests(&self) -> Vec<(String, u16)> {
        let requests = self.requests("/youtube/v3/videos").into_iter();
        requests
            .filter(|request| request.query.get("chart").is_some())
            .map(|request| {
                let region = request.query.get("regionCode").unwrap();
                (region.to_owned(), request.status.as_u16())
            })
            .collect()
    }

    /// What is stored of a region.
    async fn chart(&self, region: &str) -> Vec<Value> {
        let videos: Value =
            sqlx::query_scalar("select videos from bondhu.video_charts where region = $1")
                .bind(region)
                .fetch_one(&self.admin)
                .await
                .unwrap();
        videos.as_array().unwrap().clone()
    }

    async fn let_charts_age(&self) {
        sqlx::query("update bondhu.video_charts set ask_again_at = now()")
            .execute(&self.admin)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_chart_is_asked_for_once_for_everybody_of_a_region_and_again_after_six_hours() {
    let world = World::new().await;
    let us = ("US".to_owned(), 200);
    for account in 1..=4 {
        world.linked(Provider::YouTube, account).await;
    }
    assert_eq!(world.sync().await, 4);
    assert_eq!(world.chart_requests(), std::slice::from_ref(&us));
    let chart = world.chart("US").await;
    let ranks: Vec<_> = chart
        .iter()
        .map(|video| video["rank"].as_u64().unwrap())
        .collect();
    assert_eq!(ranks, (1..=50).collect::<Vec<_>>());
    for video in &chart {
        for field in ["video_id", "title", "channel_id", "channel_title"] {
            assert!(video[field].is_string(), "{field}: {video}");
        }
    }
    let fresh: bool = sqlx::query_scalar(
        "select fetched_at > now() - interval '10 min'
           and ask_again_at = fetched_at + interval '6 hours' from bondhu.video_charts",
    )
    .fetch_one(&world.admin)
    .await
    .unwrap();
    assert!(fresh);

    world.let_time_pass().await;
    assert_eq!(world.sync().await, 4);
    assert_eq!(world.chart_requests().len(), 1, "it is fresh");

    world.let_charts_age().await;
    world.let_time_pass().await;
    assert_eq!(world.sync().await, 4);
    assert_eq!(world.chart_requests(), [us.clone(), us]);
    assert_eq!(world.chart("US").await, chart);
}

#[tokio::test]
async fn each_region_has_its_own_and_one_that_has_none_is_left_alone_as_long() {
    let world = World::new().await;
    for (account, locale) in [(1, "bn-BD"), (2, "en-ZZ")] {
        let user = world.linked(Provider::YouTube, account).await;
        sqlx::query("update public.companion_profiles set locale = $2 where user_id = $1")
            .bind(user)
            .bind(locale)
            .execute(&world.admin)
            .await
            .unwrap();
    }
    for _ in 0..2 {
        world.let_time_pass().await;
        assert_eq!(world.sync().await, 2);
        let mut asked = world.chart_requests();
        asked.sort();
        assert_eq!(asked, [("BD".to_owned(), 200), ("ZZ".to_owned(), 400)]);
    }
    assert_eq!(world.chart("BD").await.len(), 50);
    assert_eq!(world.chart("ZZ").await, Vec::<Value>::new());
    let statuses: Vec<String> =
        sqlx::query_scalar("select distinct status from public.provider_connections")
            .fetch_all(&world.admin)
            .await
            .unwrap();
    assert_eq!(statuses, ["ok"], "neither sync lacks anything");
}

fn is_chart(asked: &RecordedCall) -> bool {
    asked.list() == "/videos?regionCode"
}

/// A provider of which everything is empty but the chart.
fn charting(
    chart: impl Fn(&RecordedCall) -> Option<Value>,
) -> impl Fn(&RecordedCall) -> Option<Value> {
    move |asked: &RecordedCall| {
        if is_chart(asked) {
            chart(asked)
        } else {
            Some(asked.page(Provider::YouTube, &[]))
        }
    }
}

#[tokio::test]
async fn a_chart_that_cannot_be_had_fails_no_sync_and_takes_none_away() {
    let world = World::new().await;
    let puppet = Puppet::new(&world, Provider::YouTube).await;
    let user = puppet.link(&world, 1).await[0];
    let videos: Arc<Vec<Value>> = Arc::new(
        (0..60)
            .map(|n| json!({ "id": format!("v{n}"), "snippet": { "title": format!("Video {n}") } }))
            .collect(),
    );
    let bytes = |page: Option<Value>| page.map(|page| page.to_string().into_bytes());

    // No JSON, a page without a list, and then 404.
    puppet.says(move |asked| {
        if is_chart(asked) {
            Some(b"<html>".to_vec())
        } else {
            bytes(Some(asked.page(Provider::YouTube, &[])))
        }
    });
    puppet.sync(&world).await;
    assert_eq!(world.status(user, Provider::YouTube).await, "ok");
    let unanswered = "bondhu.video_charts where fetched_at is null and $1 is not null";
    assert_eq!(world.count(unanswered, user).await, 1);
    world.let_charts_age().await;
    let page = charting(|_| Some(json!({ "items": 7 })));
    puppet.says(move |asked| bytes(page(asked)));
    puppet.sync(&world).await;
    assert_eq!(world.status(user, Provider::YouTube).await, "ok");
    assert_eq!(world.count(unanswered, user).await, 1);

    world.let_charts_age().await;
    let page = {
        let videos = Arc::clone(&videos);
        charting(move |asked| Some(asked.page(Provider::YouTube, &videos)))
    };
    puppet.says(move |asked| bytes(page(asked)));
    puppet.sync(&world).await;
    let chart = world.chart("US").await;
    assert_eq!(chart.len(), 50, "one page of it");
    assert_eq!(
        (&chart[49]["video_id"], &chart[49]["rank"]),
        (&json!("v49"), &json!(50))
    );

    // Refused, and empty.
    drop(puppet.asked());
    for answer in [None, Some(json!({ "items": [] }))] {
        world.let_charts_age().await;
        let page = charting(move |_| answer.clone());
        puppet.says(move |asked| bytes(page(asked)));
        puppet.sync(&world).await;
        assert_eq!(world.status(user, Provider::YouTube).await, "ok");
        assert_eq!(world.chart("US").await, chart);
        puppet.sync(&world).await;
        let asked = puppet.asked().into_iter().filter(is_chart).count();
        assert_eq!(asked, 1, "an answer holds for six hours");
    }
}

#[tokio::test]
async fn a_chart_past_its_retention_is_pruned() {
    let world = World::new().await;
    let user = world.linked(Provider::YouTube, 1).await;
    world.sync().await;
    let charts = "bondhu.video_charts where $1 is not null";
    for (days, left) in [(29, 1), (31, 0)] {
        sqlx::query(
            "update bondhu.video_charts set fetched_at = now() - make_interval(days => $1)",
        )
        .bind(days)
        .execute(&world.admin)
        .await
        .unwrap();
        sqlx::query("call bondhu.prune()")
            .execute(&world.admin)
            .await
            .unwrap();
        assert_eq!(world.count(charts, user).await, left, "{days}");
    }
}
