-- Data from Spotify: plays, top artists and tracks, the library and playlists.

create table public.listening_history (
  user_id uuid not null references auth.users (id) on delete cascade,
  played_at timestamptz not null,
  track_id text not null,
  track_name text not null,
  artist_names text[] not null default '{}',
  isrc text,
  duration_ms integer,
  context_uri text,
  fetched_at timestamptz not null default now(),

  primary key (user_id, played_at, track_id),
  constraint duration_is_positive check (duration_ms >= 0)
);
comment on table public.listening_history is
  'Plays, from Spotify''s recently played. The provider keeps only the last 50, so that late polls miss some.';

create table public.music_top_items (
  user_id uuid not null references auth.users (id) on delete cascade,
  kind text not null,
  time_range text not null,
  rank integer not null,
  item_id text not null,
  name text not null,
  artist_names text[] not null default '{}',
  genres text[],
  isrc text,
  walk_id uuid not null,
  fetched_at timestamptz not null default now(),

  primary key (user_id, kind, time_range, rank),
  constraint top_item_kind_is_known check (kind in ('artist', 'track')),
  constraint time_range_is_known check (time_range in ('short_term', 'medium_term', 'long_term')),
  constraint rank_starts_at_one check (rank >= 1)
);
comment on table public.music_top_items is
  'Top artists and tracks per range: short_term about 4 weeks, medium_term about 6 months, long_term about a year.';
comment on column public.music_top_items.genres is 'Null when the provider sends none: it has deprecated the field.';
comment on column public.music_top_items.walk_id is 'The pull that last found this row; rows that a complete walk did not find are deleted.';

create table public.listening_gaps (
  user_id uuid not null references auth.users (id) on delete cascade,
  after_play timestamptz not null,
  before_play timestamptz not null,
  found_at timestamptz not null default now(),

  primary key (user_id, after_play),
  constraint gap_has_a_length check (after_play < before_play)
);
comment on table public.listening_gaps is
  'Where listening_history may lack plays: a poll found only newer plays, as many as the provider keeps. Nothing is known between the two instants.';

create table public.music_library (
  user_id uuid not null references auth.users (id) on delete cascade,
  kind text not null,
  item_id text not null,
  name text not null,
  artist_names text[] not null default '{}',
  genres text[],
  isrc text,
  added_at timestamptz,
  walk_id uuid not null,
  fetched_at timestamptz not null default now(),

  primary key (user_id, kind, item_id),
  constraint library_kind_is_known check (kind in ('album', 'artist', 'track'))
);
comment on table public.music_library is 'Saved albums and tracks, and followed artists.';
comment on column public.music_library.added_at is 'When it was saved; null for artists, for which the provider sends no date.';

create table public.music_playlists (
  user_id uuid not null references auth.users (id) on delete cascade,
  playlist_id text not null,
  name text,
  owner_id text,
  collaborative boolean not null default false,
  snapshot_id text,
  item_count integer,
  items_snapshot_id text,
  walk_id uuid not null,
  fetched_at timestamptz not null default now(),

  primary key (user_id, playlist_id),
  constraint items_are_counted check (item_count >= 0)
);
comment on table public.music_playlists is 'Playlists the user owns or follows.';
comment on column public.music_playlists.items_snapshot_id is
  'The snapshot whose items are in music_playlist_items; they are fetched again when snapshot_id differs. Null: never fetched, as for playlists of others.';

create table public.music_playlist_items (
  user_id uuid not null,
  playlist_id text not null,
  position integer not null,
  track_id text not null,
  name text not null,
  artist_names text[] not null default '{}',
  isrc text,
  added_at timestamptz,
  walk_id uuid not null,
  fetched_at timestamptz not null default now(),

  primary key (user_id, playlist_id, position),
  constraint music_playlist_items_playlist_fkey foreign key (user_id, playlist_id)
    references public.music_playlists (user_id, playlist_id) on delete cascade,
  constraint position_starts_at_zero check (position >= 0)
);
comment on table public.music_playlist_items is
  'Tracks of the user''s own and collaborative playlists with their positions; the provider does not list those of others. Without local files and episodes.';

create table bondhu.track_features (
  track_id text primary key,
  energy numeric(4, 3) not null,
  valence numeric(4, 3) not null,
  danceability numeric(4, 3) not null,
  acousticness numeric(4, 3) not null,
  fetched_at timestamptz not null default now(),

  constraint features_are_shares check (
    energy between 0 and 1 and valence between 0 and 1 and danceability between 0 and 1 and acousticness between 0 and 1
  )
);
comment on table bondhu.track_features is
  'Spotify''s audio features of tracks, where the app has extended access. About recordings, not users.';

create table bondhu.recording_genres (
  isrc text primary key,
  genres text[] not null,
  source text not null,
  fetched_at timestamptz not null default now()
);
comment on table bondhu.recording_genres is
  'Genres of recordings from another source (musicbrainz), where the worker is configured to fetch them; empty: none known. About recordings, not users.';
create index music_top_items_by_recording on public.music_top_items (isrc) where kind = 'track' and isrc is not null;

alter table public.listening_history enable row level security;
alter table public.listening_gaps enable row level security;
alter table public.music_top_items enable row level security;
alter table public.music_library enable row level security;
alter table public.music_playlists enable row level security;
alter table public.music_playlist_items enable row level security;
revoke all on public.listening_history, public.listening_gaps, public.music_top_items,
  public.music_library, public.music_playlists, public.music_playlist_items,
  bondhu.track_features, bondhu.recording_genres
  from public, anon, authenticated, service_role;
grant select on public.listening_history, public.listening_gaps, public.music_top_items,
  public.music_library, public.music_playlists, public.music_playlist_items
  to authenticated, service_role;
grant select, insert, update, delete on public.listening_history, public.listening_gaps, public.music_top_items,
  public.music_library, public.music_playlists, public.music_playlist_items,
  bondhu.track_features, bondhu.recording_genres
  to bondhu_worker;

create policy "a user reads their own listening" on public.listening_history
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker keeps listening" on public.listening_history
  to bondhu_worker using (true) with check (true);
create policy "a user reads their own listening gaps" on public.listening_gaps
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker keeps listening gaps" on public.listening_gaps
  to bondhu_worker using (true) with check (true);
create policy "a user reads their own top items" on public.music_top_items
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker keeps top items" on public.music_top_items
  to bondhu_worker using (true) with check (true);
create policy "a user reads their own library" on public.music_library
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker keeps library" on public.music_library
  to bondhu_worker using (true) with check (true);
create policy "a user reads their own playlists" on public.music_playlists
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker keeps playlists" on public.music_playlists
  to bondhu_worker using (true) with check (true);
create policy "a user reads their own playlist items" on public.music_playlist_items
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker keeps playlist items" on public.music_playlist_items
  to bondhu_worker using (true) with check (true);
