//! How each resource lies in the database: its statements, in one place.
//!
//! | statement | `$1` | `$2` | `$3` | `$4` |
//! |---|---|---|---|---|
//! | `insert` | user | rows, a JSON array | walk | scope |
//! | `touch` | user | ids | walk | scope |
//! | `stale` | user | walk | scope | |
//! | `next` part | user | the id up to which parts are done | | |
//! | `finish` part | user | part | | |
//!
//! A page is one statement: rows go as one JSON array, so that a list of names within a row
//! needs no second table. The scope says which of a table's rows a resource is.

use super::resource::Resource;

/// The statements of a resource.
#[derive(Debug)]
pub(super) struct List {
    /// Stores a page; what is there already is refreshed.
    pub(super) insert: &'static str,
    /// Marks the rows of an unchanged page as seen. Only where the provider has entity tags.
    pub(super) touch: Option<&'static str>,
    /// The rows that a complete walk did not see, after `select` or `delete`; `None` for what is
    /// history or shared.
    pub(super) stale: Option<&'static str>,
    /// Which column identifies a row of a page.
    pub(super) id: &'static str,
    /// For resources that are walked in parts, such as the items of each playlist.
    pub(super) parts: Option<Parts>,
}

/// A resource in parts.
#[derive(Debug)]
pub(super) struct Parts {
    /// The next part after an id: an id, or several in order joined with commas, so that one with
    /// a comma in it is never asked for among them; null when none is left.
    pub(super) next: &'static str,
    /// Notes that a part was walked to its end.
    pub(super) finish: Option<&'static str>,
}

/// What the account is called by now; one that the provider does not tell stays.
const ACCOUNT: List = List {
    insert: "
        with told as (
          select account_id, owner_id, name
          from jsonb_to_recordset($2) as r (account_id text, owner_id text, name text)
          where $3 is not null and $4 is not null
        ),
        named as (
          update public.provider_connections c
          set account_id = coalesce(told.account_id, c.account_id), account_name = coalesce(told.name, c.account_name)
          from told
          where c.user_id = $1 and c.provider = 'spotify'
            and (c.account_id, c.account_name) is distinct from
                (coalesce(told.account_id, c.account_id), coalesce(told.name, c.account_name))
        )
        update bondhu.sync_jobs j set owner_id = told.owner_id
        from told
        where j.user_id = $1 and j.provider = 'spotify' and told.owner_id <> coalesce(j.owner_id, '')",
    touch: None,
    stale: None,
    id: "account_id",
    parts: None,
};

const LISTENING_HISTORY: List = List {
    // The scope is the newest play known, when what came is full and all of it is newer.
    insert: "
        with gap as (
          insert into public.listening_gaps (user_id, after_play, before_play)
          select $1, nullif($4, '')::timestamptz, min(played_at)
          from jsonb_to_recordset($2) as r (played_at timestamptz)
          having min(played_at) > nullif($4, '')::timestamptz
          on conflict do nothing
        )
        insert into public.listening_history
          (user_id, played_at, track_id, track_name, artist_names, isrc, duration_ms, context_uri)
        select $1, played_at, track_id, track_name, artist_names, isrc, duration_ms, context_uri
        from jsonb_to_recordset($2) as r (played_at timestamptz, track_id text, track_name text,
          artist_names text[], isrc text, duration_ms integer, context_uri text)
        on conflict (user_id, played_at, track_id) do nothing",
    touch: None,
    stale: None,
    id: "track_id",
    parts: None,
};

/// Scope: kind and range, as in `artist.short_term`.
const TOP_ITEMS: List = List {
    insert: "
        insert into public.music_top_items
          (user_id, kind, time_range, rank, item_id, name, artist_names, genres, isrc, walk_id)
        select $1, split_part($4, '.', 1), split_part($4, '.', 2),
               rank, item_id, name, coalesce(artist_names, '{}'), genres, isrc, $3
        from jsonb_to_recordset($2) as r (rank integer, item_id text, name text, artist_names text[],
          genres text[], isrc text)
        on conflict (user_id, kind, time_range, rank) do update set
          item_id = excluded.item_id, name = excluded.name, artist_names = excluded.artist_names,
          genres = excluded.genres, isrc = excluded.isrc, walk_id = excluded.walk_id, fetched_at = now()",
    touch: None,
    stale: Some(
        "from public.music_top_items
         where user_id = $1 and walk_id <> $2
           and kind = split_part($3, '.', 1) and time_range = split_part($3, '.', 2)",
    ),
    id: "item_id",
    parts: None,
};

/// Scope: the kind.
const LIBRARY: List = List {
    insert: "
        insert into public.music_library
          (user_id, kind, item_id, name, artist_names, genres, isrc, added_at, walk_id)
        select distinct on (item_id)
          $1, $4, item_id, name, coalesce(artist_names, '{}'), genres, isrc, added_at, $3
        from jsonb_to_recordset($2) as r (item_id text, name text, artist_names text[], genres text[],
          isrc text, added_at timestamptz)
        order by item_id, added_at
        on conflict (user_id, kind, item_id) do update set
          name = excluded.name, artist_names = excluded.artist_names, genres = excluded.genres,
          isrc = excluded.isrc, added_at = excluded.added_at, walk_id = excluded.walk_id, fetched_at = now()",
    touch: None,
    stale: Some("from public.music_library where user_id = $1 and walk_id <> $2 and kind = $3"),
    id: "item_id",
    parts: None,
};

const MUSIC_PLAYLISTS: List = List {
    insert: "
        insert into public.music_playlists
          (user_id, playlist_id, name, owner_id, collaborative, snapshot_id, item_count, walk_id)
        select distinct on (playlist_id)
          $1, playlist_id, name, owner_id, collaborative, snapshot_id, item_count, $3
        from jsonb_to_recordset($2) as r (playlist_id text, name text, owner_id text, collaborative boolean,
          snapshot_id text, item_count integer)
        on conflict (user_id, playlist_id) do update set
          name = excluded.name, owner_id = excluded.owner_id, collaborative = excluded.collaborative,
          snapshot_id = excluded.snapshot_id, item_count = excluded.item_count,
          walk_id = excluded.walk_id, fetched_at = now()",
    touch: None,
    stale: Some("from public.music_playlists where user_id = $1 and walk_id <> $2"),
    id: "playlist_id",
    parts: None,
};

/// Scope: the playlist.
const MUSIC_PLAYLIST_ITEMS: List = List {
    insert: "
        insert into public.music_playlist_items
          (user_id, playlist_id, position, track_id, name, artist_names, isrc, added_at, walk_id)
        select $1, $4, position, track_id, name, artist_names, isrc, added_at, $3
        from jsonb_to_recordset($2) as r (position integer, track_id text, name text, artist_names text[],
          isrc text, added_at timestamptz)
        on conflict (user_id, playlist_id, position) do update set
          track_id = excluded.track_id, name = excluded.name, artist_names = excluded.artist_names,
          isrc = excluded.isrc, added_at = excluded.added_at, walk_id = excluded.walk_id, fetched_at = now()",
    touch: None,
    stale: Some(
        "from public.music_playlist_items
         where user_id = $1 and walk_id <> $2 and playlist_id = $3",
    ),
    id: "track_id",
    parts: Some(Parts {
        next: "
            select min(p.playlist_id)
            from public.music_playlists p
            join bondhu.sync_jobs j on j.user_id = p.user_id and j.provider = 'spotify'
            where p.user_id = $1 and p.playlist_id > $2
              -- One without a snapshot may have changed at any time.
              and (p.snapshot_id is null or p.items_snapshot_id is distinct from p.snapshot_id)
              and (p.owner_id = j.owner_id or p.collaborative)",
        finish: Some(
            "update public.music_playlists set items_snapshot_id = snapshot_id
             where user_id = $1 and playlist_id = $2",
        ),
    }),
};

/// Of tracks, not of a user: shared and never swept.
const AUDIO_FEATURES: List = List {
    insert: "
        insert into bondhu.track_features (track_id, energy, valence, danceability, acousticness)
        select distinct on (track_id) track_id, energy, valence, danceability, acousticness
        from jsonb_to_recordset($2) as r (track_id text, energy numeric, valence numeric,
          danceability numeric, acousticness numeric)
        where $1 is not null and $3 is not null and $4 is not null
        order by track_id
        on conflict (track_id) do update set
          energy = excluded.energy, valence = excluded.valence,
          danceability = excluded.danceability, acousticness = excluded.acousticness, fetched_at = now()",
    touch: None,
    stale: None,
    id: "track_id",
    // Features do not change: only tracks without are asked for.
    parts: Some(Parts {
        next: "
            select string_agg(unknown.item_id, ',' order by unknown.item_id)
            from (
              select distinct t.item_id
              from public.music_top_items t
              where t.user_id = $1 and t.kind = 'track' and t.item_id > $2 and t.item_id not like '%,%'
                and not exists (select from bondhu.track_features f where f.track_id = t.item_id)
              order by t.item_id
              limit 100
            ) unknown",
        finish: None,
    }),
};

const SUBSCRIPTIONS: List = List {
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

const LIKES: List = List {
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

const VIDEO_PLAYLISTS: List = List {
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
const VIDEO_PLAYLIST_ITEMS: List = List {
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
const VIDEO_DETAILS: List = List {
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
const CHANNEL_TOPICS: List = List {
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
const VIDEO_CATEGORIES: List = List {
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

impl Resource {
    /// Its statements.
    pub(super) const fn list(self) -> &'static List {
        match self {
            Self::Account => &ACCOUNT,
            Self::RecentlyPlayed => &LISTENING_HISTORY,
            Self::TopArtistsShort
            | Self::TopArtistsMedium
            | Self::TopArtistsLong
            | Self::TopTracksShort
            | Self::TopTracksMedium
            | Self::TopTracksLong => &TOP_ITEMS,
            Self::FollowedArtists | Self::SavedAlbums | Self::SavedTracks => &LIBRARY,
            Self::MusicPlaylists => &MUSIC_PLAYLISTS,
            Self::MusicPlaylistItems => &MUSIC_PLAYLIST_ITEMS,
            Self::AudioFeatures => &AUDIO_FEATURES,
            Self::Subscriptions => &SUBSCRIPTIONS,
            Self::LikedVideos => &LIKES,
            Self::VideoPlaylists => &VIDEO_PLAYLISTS,
            Self::VideoPlaylistItems => &VIDEO_PLAYLIST_ITEMS,
            Self::VideoDetails => &VIDEO_DETAILS,
            Self::ChannelTopics => &CHANNEL_TOPICS,
            Self::VideoCategories => &VIDEO_CATEGORIES,
        }
    }

    /// The scope of its rows, where the whole resource has one.
    pub(super) const fn scope(self) -> &'static str {
        match self {
            Self::TopArtistsShort => "artist.short_term",
            Self::TopArtistsMedium => "artist.medium_term",
            Self::TopArtistsLong => "artist.long_term",
            Self::TopTracksShort => "track.short_term",
            Self::TopTracksMedium => "track.medium_term",
            Self::TopTracksLong => "track.long_term",
            Self::FollowedArtists => "artist",
            Self::SavedAlbums => "album",
            Self::SavedTracks => "track",
            Self::Account
            | Self::RecentlyPlayed
            | Self::MusicPlaylists
            | Self::MusicPlaylistItems
            | Self::AudioFeatures
            | Self::Subscriptions
            | Self::LikedVideos
            | Self::VideoPlaylists
            | Self::VideoPlaylistItems
            | Self::VideoDetails
            | Self::ChannelTopics
            | Self::VideoCategories => "",
        }
    }
}
