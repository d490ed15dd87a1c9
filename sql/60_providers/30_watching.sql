-- Data from YouTube: subscriptions, liked videos and playlists. There is no watch history.

create table public.video_subscriptions (
  user_id uuid not null references auth.users (id) on delete cascade,
  channel_id text not null,
  title text,
  subscribed_at timestamptz,
  topics text[],
  topics_at timestamptz,
  walk_id uuid not null,
  fetched_at timestamptz not null default now(),

  primary key (user_id, channel_id)
);
comment on table public.video_subscriptions is 'Channels the user follows on YouTube.';
comment on column public.video_subscriptions.topics is 'Wikipedia titles of the channel''s topicCategories; null when it has none. Fetched at topics_at.';

create table public.video_likes (
  user_id uuid not null references auth.users (id) on delete cascade,
  video_id text not null,
  title text,
  channel_id text,
  channel_title text,
  category_id text,
  topics text[] not null default '{}',
  published_at timestamptz,
  walk_id uuid not null,
  fetched_at timestamptz not null default now(),

  primary key (user_id, video_id)
);
comment on table public.video_likes is 'Videos the user liked on YouTube. Deleted and private ones are not listed there.';
comment on column public.video_likes.topics is 'Wikipedia titles of topicDetails.topicCategories, e.g. Music.';
comment on column public.video_likes.walk_id is 'The pull that last found this row; rows that a complete walk did not find are deleted.';

create table public.video_playlists (
  user_id uuid not null references auth.users (id) on delete cascade,
  playlist_id text not null,
  title text,
  item_count integer,
  walk_id uuid not null,
  fetched_at timestamptz not null default now(),

  primary key (user_id, playlist_id),
  constraint items_are_counted check (item_count >= 0)
);
comment on table public.video_playlists is 'The user''s own playlists on YouTube.';

create table public.video_playlist_items (
  user_id uuid not null,
  playlist_id text not null,
  item_id text not null,
  video_id text not null,
  title text,
  channel_id text,
  channel_title text,
  category_id text,
  topics text[],
  published_at timestamptz,
  details_at timestamptz,
  walk_id uuid not null,
  fetched_at timestamptz not null default now(),

  primary key (user_id, playlist_id, item_id),
  constraint video_playlist_items_playlist_fkey foreign key (user_id, playlist_id)
    references public.video_playlists (user_id, playlist_id) on delete cascade
);
comment on table public.video_playlist_items is 'Items of the user''s own playlists. A video that is no longer visible keeps its position, without details.';
comment on column public.video_playlist_items.details_at is 'When the video''s title, channel, category and topics were fetched; null: not yet.';

create index video_playlists_by_age on public.video_playlists (fetched_at);
create index video_subscriptions_by_age on public.video_subscriptions (fetched_at);
create index video_likes_by_age on public.video_likes (fetched_at);

create table bondhu.video_categories (
  region text not null,
  category_id text not null,
  title text not null,
  fetched_at timestamptz not null default now(),

  primary key (region, category_id)
);
comment on table bondhu.video_categories is 'YouTube''s category titles by region (ISO 3166-1 alpha-2), kept at most settings.video_retention_days.';

create function bondhu.video_region(of_user uuid) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(upper(substring(p.locale from '[-_]([A-Za-z]{2})(?:$|[-_])')), 'US')
  from bondhu.people p
  where p.user_id = of_user
$$;
comment on function bondhu.video_region(uuid) is 'The region in the user''s locale, as BD in bn-BD; US when it names none.';
revoke all on function bondhu.video_region(uuid) from public, anon, authenticated, service_role;
grant execute on function bondhu.video_region(uuid) to bondhu_worker;

alter table public.video_subscriptions enable row level security;
alter table public.video_likes enable row level security;
alter table public.video_playlists enable row level security;
alter table public.video_playlist_items enable row level security;
revoke all on public.video_subscriptions, public.video_likes, public.video_playlists,
  public.video_playlist_items,
  bondhu.video_categories
  from public, anon, authenticated, service_role;
grant select on public.video_subscriptions, public.video_likes, public.video_playlists,
  public.video_playlist_items
  to authenticated, service_role;
grant select, insert, update, delete on public.video_subscriptions, public.video_likes, public.video_playlists,
  public.video_playlist_items,
  bondhu.video_categories
  to bondhu_worker;

create policy "a user reads their own subscriptions" on public.video_subscriptions
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker keeps subscriptions" on public.video_subscriptions
  to bondhu_worker using (true) with check (true);
create policy "a user reads their own likes" on public.video_likes
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker keeps likes" on public.video_likes
  to bondhu_worker using (true) with check (true);
create policy "a user reads their own video playlists" on public.video_playlists
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker keeps video playlists" on public.video_playlists
  to bondhu_worker using (true) with check (true);
create policy "a user reads their own video playlist items" on public.video_playlist_items
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker keeps video playlist items" on public.video_playlist_items
  to bondhu_worker using (true) with check (true);
