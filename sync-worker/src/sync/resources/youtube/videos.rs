//! Liked videos, what is told of videos in playlists, and the categories of both.

use bondhu_core::retry::Failure;
use serde_json::{Value, json};

use super::{EACH_SYNC, SCOPES};
use crate::provider::Provider;
use crate::providers::{Item, youtube};
use crate::sync::resource::{Parts, Resource, Statements};

const VIDEO_PARTS: (&str, &str) = ("part", "snippet,topicDetails");

pub(super) static LIKED_VIDEOS: Resource = Resource {
    name: "youtube.liked_videos",
    provider: Provider::YouTube,
    scopes: SCOPES,
    walked_every: EACH_SYNC,
    page: |asked| Box::pin(asked.youtube("/videos", &[VIDEO_PARTS, ("myRating", "like")], video)),
    is_paged: true,
    hides_items: true,
    is_optional: false,
    subset: "",
    statements: &Statements {
        insert: "
            insert into public.video_likes
              (user_id, video_id, title, channel_id, channel_title, category_id, topics, published_at, walk_id)
            select distinct on (video_id)
              $1, video_id, title, channel_id, channel_title, category_id, topics, published_at, $3
            from jsonb_to_recordset($2) as r (video_id text, title text, channel_id text, channel_title text,
              category_id text, topics text[], published_at timestamptz)
            on conflict (user_id, video_id) do update set
              title = excluded.title, channel_id = excluded.channel_id, channel_title = excluded.channel_title,
              category_id = excluded.category_id, topics = excluded.topics,
              published_at = excluded.published_at, walk_id = excluded.walk_id, fetched_at = now()",
        touch: Some(
            "update public.video_likes set walk_id = $3, fetched_at = now()
             where user_id = $1 and video_id = any ($2)",
        ),
        stale: Some("from public.video_likes where user_id = $1 and walk_id <> $2"),
        id: "video_id",
        parts: None,
    },
};

/// Subset: the videos asked for. One that is not in the answer cannot be seen any more; but an
/// answer without any takes nothing away.
pub(super) static VIDEO_DETAILS: Resource = Resource {
    name: "youtube.video_details",
    provider: Provider::YouTube,
    scopes: SCOPES,
    walked_every: EACH_SYNC,
    page: |asked| Box::pin(asked.youtube_by_id("/videos", &[VIDEO_PARTS], video)),
    is_paged: false,
    hides_items: false,
    is_optional: false,
    subset: "",
    statements: &Statements {
        insert: "
            update public.video_playlist_items i
            set (title, channel_id, channel_title, category_id, topics, published_at) = (
                  select r.title, r.channel_id, r.channel_title, r.category_id, r.topics, r.published_at
                  where $2 <> '[]'
                  union all
                  select i.title, i.channel_id, i.channel_title, i.category_id, i.topics, i.published_at
                  where $2 = '[]'),
                details_at = now()
            from unnest(string_to_array($4, ',')) asked (video_id)
            left join jsonb_to_recordset($2) as r (video_id text, title text, channel_id text, channel_title text,
              category_id text, topics text[], published_at timestamptz) using (video_id)
            where i.user_id = $1 and i.video_id = asked.video_id and $3 is not null",
        touch: None,
        stale: None,
        id: "video_id",
        parts: Some(Parts {
            next: "
                select string_agg(old.video_id, ',' order by old.video_id)
                from (
                  select distinct i.video_id
                  from public.video_playlist_items i, bondhu.settings s
                  where i.user_id = $1 and i.video_id > $2 and i.video_id not like '%,%'
                    and (i.details_at is null or i.details_at < now() - make_interval(days => s.video_retention_days) / 2)
                  order by i.video_id
                  limit 50
                ) old",
            finish: None,
            refused: Some(Failure::Refused),
        }),
    },
};

/// Of a region, not of a user: shared, and asked for when older than half of what may be kept.
/// Subset: the region. US is what a region that the provider does not know falls back to.
pub(super) static VIDEO_CATEGORIES: Resource = Resource {
    name: "youtube.video_categories",
    provider: Provider::YouTube,
    scopes: SCOPES,
    walked_every: EACH_SYNC,
    page: |asked| {
        Box::pin(async {
            let query = [("part", "snippet"), ("regionCode", asked.position.part)];
            asked.youtube_page("/videoCategories", &query, category).await
        })
    },
    is_paged: false,
    hides_items: false,
    is_optional: false,
    subset: "",
    statements: &Statements {
        insert: "
            insert into bondhu.video_categories (region, category_id, title)
            select distinct on (category_id) $4, category_id, title
            from jsonb_to_recordset($2) as r (category_id text, title text)
            where $1 is not null and $3 is not null
            on conflict (region, category_id) do update set title = excluded.title, fetched_at = now()",
        touch: None,
        stale: None,
        id: "category_id",
        parts: Some(Parts {
            next: "
                select min(region)
                from (values ('US'), (bondhu.video_region($1))) wanted (region)
                where region > $2
                  and not exists (
                    select from bondhu.video_categories c, bondhu.settings s
                    where c.region = wanted.region
                      and c.fetched_at > now() - make_interval(days => s.video_retention_days) / 2)",
            finish: None,
            // A region that the provider does not know: another's titles stand in.
            refused: None,
        }),
    },
};

/// <https://developers.google.com/youtube/v3/docs/videos#resource>
fn video(video: Item<'_>, _: u32) -> Option<Value> {
    let snippet = video.object("snippet");
    Some(json!({
        "video_id": video.needed_id("id")?,
        "title": snippet.and_then(|s| s.text("title")),
        "channel_id": snippet.and_then(|s| s.id("channelId")),
        "channel_title": snippet.and_then(|s| s.text("channelTitle")),
        "category_id": snippet.and_then(|s| s.id("categoryId")),
        "published_at": snippet.and_then(|s| s.time("publishedAt")),
        "topics": youtube::topics(video).unwrap_or_default(),
    }))
}

/// <https://developers.google.com/youtube/v3/docs/videoCategories#resource>
fn category(category: Item<'_>, _: u32) -> Option<Value> {
    let title = category.needed_object("snippet")?.needed_text("title")?;
    Some(json!({ "category_id": category.needed_id("id")?, "title": title }))
}
