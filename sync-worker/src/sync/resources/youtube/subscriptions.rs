//! Subscriptions, and the topics of their channels.

use bondhu_core::retry::Failure;
use serde_json::{Value, json};

use super::SCOPES;
use crate::provider::Provider;
use crate::providers::{Item, youtube};
use crate::sync::resource::{Depth, Parts, Resource, Statements};

pub(super) static SUBSCRIPTIONS: Resource = Resource {
    name: "youtube.subscriptions",
    provider: Provider::YouTube,
    scopes: SCOPES,
    depth: Depth::Library,
    page: |asked| Box::pin(asked.youtube("/subscriptions", &[("part", "snippet"), ("mine", "true")], subscription)),
    is_paged: true,
    hides_items: true,
    is_optional: false,
    subset: "",
    statements: &Statements {
        insert: "
            insert into public.video_subscriptions (user_id, channel_id, title, subscribed_at, walk_id)
            select distinct on (channel_id) $1, channel_id, title, subscribed_at, $3
            from jsonb_to_recordset($2) as r (channel_id text, title text, subscribed_at timestamptz)
            on conflict (user_id, channel_id) do update set
              title = excluded.title, subscribed_at = excluded.subscribed_at,
              walk_id = excluded.walk_id, fetched_at = now()",
        touch: Some(
            "update public.video_subscriptions set walk_id = $3, fetched_at = now()
             where user_id = $1 and channel_id = any ($2)",
        ),
        stale: Some("from public.video_subscriptions where user_id = $1 and walk_id <> $2"),
        id: "channel_id",
        parts: None,
    },
};

/// Subset: the channels asked for. One that is not in the answer is gone; but an answer without any
/// takes nothing away.
pub(super) static CHANNEL_TOPICS: Resource = Resource {
    name: "youtube.channel_topics",
    provider: Provider::YouTube,
    scopes: SCOPES,
    depth: Depth::Library,
    page: |asked| Box::pin(asked.youtube_by_id("/channels", &[("part", "topicDetails")], topics)),
    is_paged: false,
    hides_items: false,
    is_optional: false,
    subset: "",
    statements: &Statements {
        insert: "
            update public.video_subscriptions v
            set topics = case when $2 = '[]' then v.topics else r.topics end, topics_at = now()
            from unnest(string_to_array($4, ',')) asked (channel_id)
            left join jsonb_to_recordset($2) as r (channel_id text, topics text[]) using (channel_id)
            where v.user_id = $1 and v.channel_id = asked.channel_id and $3 is not null",
        touch: None,
        stale: None,
        id: "channel_id",
        parts: Some(Parts {
            next: "
                select string_agg(old.channel_id, ',' order by old.channel_id)
                from (
                  select v.channel_id
                  from public.video_subscriptions v, bondhu.settings s
                  where v.user_id = $1 and v.channel_id > $2 and v.channel_id not like '%,%'
                    and (v.topics_at is null or v.topics_at < now() - make_interval(days => s.video_retention_days) / 2)
                  order by v.channel_id
                  limit 50
                ) old",
            finish: None,
            refused: Some(Failure::Refused),
            may_fail: false,
        }),
    },
};

/// <https://developers.google.com/youtube/v3/docs/subscriptions#resource>
fn subscription(subscription: Item<'_>, _: u32) -> Option<Value> {
    let snippet = subscription.needed_object("snippet")?;
    let channel = snippet.needed_object("resourceId")?;
    Some(json!({
        "channel_id": channel.needed_id("channelId")?,
        "title": snippet.text("title"),
        "subscribed_at": snippet.time("publishedAt"),
    }))
}

/// <https://developers.google.com/youtube/v3/docs/channels#resource>
fn topics(channel: Item<'_>, _: u32) -> Option<Value> {
    Some(json!({ "channel_id": channel.needed_id("id")?, "topics": youtube::topics(channel) }))
}
