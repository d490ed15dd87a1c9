-- What Spotify brings: what was played, and the account's top artists and tracks.

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
  'Plays, from Spotify''s recently played. The provider keeps the last 50 only, so polls must come in time.';

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
comment on column public.music_top_items.genres is 'Null when the provider sends none: the field is deprecated there.';
comment on column public.music_top_items.walk_id is 'The pull that last saw this row; what a complete walk did not see is swept.';

alter table public.listening_history enable row level security;
alter table public.music_top_items enable row level security;
revoke all on public.listening_history, public.music_top_items from public, anon, authenticated, service_role;
grant select on public.listening_history, public.music_top_items to authenticated, service_role;
grant select, insert, update, delete on public.listening_history, public.music_top_items to bondhu_worker;

create policy "a user reads their own listening" on public.listening_history
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker keeps listening" on public.listening_history
  to bondhu_worker using (true) with check (true);
create policy "a user reads their own top items" on public.music_top_items
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker keeps top items" on public.music_top_items
  to bondhu_worker using (true) with check (true);
