//! Liked videos, what is told of videos in playlists, the categories of both, and the public chart.

use bondhu_core::retry::Failure;
use serde_json::{Value, json};

use super::SCOPES;
use crate::provider::Provider;
use crate::providers::{Item, Losses, ProviderError, youtube};
use crate::sync::fetched::{Fetched, Items, Onward};
use crate::sync::outcome::SyncError;
use crate::sync::resource::{Depth, Parts, Resource, Statements};
use crate::sync::trail::Sight;

const VIDEO_PARTS: (&str, &str) = ("part", "snippet,topicDetails");

pub(super) static LIKED_VIDEOS: Resource = Resource {
    name: "youtube.liked_videos",
    provider: Provider::YouTube,
    scopes: SCOPES,
    depth: Depth::Library,
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
    depth: Depth::Library,
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
            may_fail: false,
        }),
    },
};

/// Of a region, not of a user: shared, and asked for when older than half of what may be kept.
/// Subset: the region. US is what a region that the provider does not know falls back to.
pub(super) static VIDEO_CATEGORIES: Resource = Resource {
    name: "youtube.video_categories",
    provider: Provider::YouTube,
    scopes: SCOPES,
    depth: Depth::Library,
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
            may_fail: false,
        }),
    },
};

/// Of a region, not of a user: whoever is pulled first of it once 6 hours are over asks for all.
/// Subset: the region.
pub(super) static VIDEO_CHART: Resource = Resource {
    name: "youtube.video_chart",
    provider: Provider::YouTube,
    scopes: SCOPES,
    depth: Depth::Library,
    page: |asked| {
        Box::pin(async {
            let region = asked.position.part;
            let query = [("part", "snippet"), ("chart", "mostPopular"), ("regionCode", region)];
            match asked.youtube("/videos", &query, charted).await {
                Ok(fetched) => first_page(fetched),
                // It has none of this region: kept as an empty one.
                Err(SyncError::Provider(error)) if is_of_the_region(error.failure) => {
                    Ok(asked.fetched(Vec::new(), Onward::End, Sight::default(), Losses::default()))
                }
                Err(error) => Err(error),
            }
        })
    },
    is_paged: true,
    hides_items: false,
    is_optional: false,
    subset: "",
    statements: &Statements {
        // A refusal, which may be of this account alone, takes no chart away: that ages.
        insert: "
            insert into bondhu.video_charts as c (region, videos, fetched_at, ask_again_at)
            select $4, coalesce(jsonb_agg(to_jsonb(r) order by r.rank), '[]'), now(), now() + interval '6 hours'
            from jsonb_to_recordset($2) as r (rank integer, video_id text, title text, channel_id text,
              channel_title text, category_id text, published_at timestamptz)
            where $1 is not null and $3 is not null
            on conflict (region) do update set
              videos = case when excluded.videos = '[]' then c.videos else excluded.videos end,
              fetched_at = case when excluded.videos = '[]' and c.videos <> '[]' then c.fetched_at
                else excluded.fetched_at end,
              ask_again_at = excluded.ask_again_at",
        touch: None,
        stale: None,
        id: "video_id",
        parts: Some(Parts {
            // Taken by whoever asks, for as long as one page may take: of many pulls at once one does.
            next: "
                insert into bondhu.video_charts as c (region, ask_again_at)
                select wanted.region, now() + interval '5 minutes'
                from (values (bondhu.video_region($1))) wanted (region)
                where wanted.region > $2
                on conflict (region) do update set ask_again_at = excluded.ask_again_at
                where c.ask_again_at <= now()
                returning region",
            finish: None,
            refused: None,
            may_fail: true,
        }),
    },
};

/// The chart is what stands on its first page.
fn first_page(fetched: Fetched) -> Result<Fetched, SyncError> {
    if let Onward::Broken(failure) = &fetched.onward
        && matches!(&fetched.items, Items::New(rows, _) if rows.is_empty())
    {
        return Err(ProviderError::new(*failure, "a chart that is no list").into());
    }
    Ok(Fetched {
        onward: Onward::End,
        ..fetched
    })
}

/// Whether a refusal says that there is no chart of a region. `videoChartNotFound` does; other
/// words of it would be said again.
const fn is_of_the_region(failure: Failure) -> bool {
    matches!(
        failure,
        Failure::Gone | Failure::NotOffered | Failure::Refused
    )
}

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

/// A video at its place in the chart.
fn charted(item: Item<'_>, place: u32) -> Option<Value> {
    let mut charted = video(item, place)?;
    charted["rank"] = json!(place + 1);
    Some(charted)
}

/// <https://developers.google.com/youtube/v3/docs/videoCategories#resource>
fn category(category: Item<'_>, _: u32) -> Option<Value> {
    let title = category.needed_object("snippet")?.needed_text("title")?;
    Some(json!({ "category_id": category.needed_id("id")?, "title": title }))
}
