//! What is brought of YouTube.

use super::{List, Parts};

pub(super) const SUBSCRIPTIONS: List = List {
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
};

pub(super) const LIKES: List = List {
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
};

pub(super) const VIDEO_PLAYLISTS: List = List {
    insert: "
        insert into public.video_playlists (user_id, playlist_id, title, item_count, walk_id)
        select distinct on (playlist_id) $1, playlist_id, title, item_count, $3
        from jsonb_to_recordset($2) as r (playlist_id text, title text, item_count integer)
        on conflict (user_id, playlist_id) do update set
          title = excluded.title, item_count = excluded.item_count,
          walk_id = excluded.walk_id, fetched_at = now()",
    touch: Some(
        "update public.video_playlists set walk_id = $3, fetched_at = now()
         where user_id = $1 and playlist_id = any ($2)",
    ),
    stale: Some("from public.video_playlists where user_id = $1 and walk_id <> $2"),
    id: "playlist_id",
    parts: None,
};

/// Scope: the playlist.
pub(super) const VIDEO_PLAYLIST_ITEMS: List = List {
    insert: "
        insert into public.video_playlist_items (user_id, playlist_id, item_id, video_id, walk_id)
        select distinct on (item_id) $1, $4, item_id, video_id, $3
        from jsonb_to_recordset($2) as r (item_id text, video_id text)
        on conflict (user_id, playlist_id, item_id) do update set
          video_id = excluded.video_id, walk_id = excluded.walk_id, fetched_at = now()",
    touch: Some(
        "update public.video_playlist_items set walk_id = $3, fetched_at = now()
         where user_id = $1 and playlist_id = $4 and item_id = any ($2)",
    ),
    stale: Some(
        "from public.video_playlist_items
         where user_id = $1 and walk_id <> $2 and playlist_id = $3",
    ),
    id: "item_id",
    parts: Some(Parts {
        next: "
            select min(playlist_id) from public.video_playlists
            where user_id = $1 and playlist_id > $2",
        finish: None,
    }),
};

/// Scope: the videos asked for. One that is not in the answer cannot be seen any more; but an
/// answer without any takes nothing away.
pub(super) const VIDEO_DETAILS: List = List {
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
    }),
};

/// Scope: the channels asked for. One that is not in the answer is gone; but an answer without any
/// takes nothing away.
pub(super) const CHANNEL_TOPICS: List = List {
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
    }),
};

/// Of a region, not of a user: shared, and asked for when older than half of what may be kept.
/// Scope: the region. US is what a region that the provider does not know falls back to.
pub(super) const VIDEO_CATEGORIES: List = List {
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
    }),
};
