//! What is brought of Spotify.

use super::{List, Parts};

/// What the account is called by now; one that the provider does not tell stays.
pub(super) const ACCOUNT: List = List {
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

pub(super) const LISTENING_HISTORY: List = List {
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
pub(super) const TOP_ITEMS: List = List {
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
pub(super) const LIBRARY: List = List {
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

pub(super) const MUSIC_PLAYLISTS: List = List {
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
pub(super) const MUSIC_PLAYLIST_ITEMS: List = List {
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
pub(super) const AUDIO_FEATURES: List = List {
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
