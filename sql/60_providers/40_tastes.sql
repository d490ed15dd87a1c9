-- Tastes: what the worker computes (with the rules of bondhu-core) after each pull.
-- Unknown is null, never 0.

create table public.music_preferences (
  user_id uuid not null references auth.users (id) on delete cascade,
  provider text not null references bondhu.provider_settings (provider),
  top_genres jsonb not null,
  mood_profile jsonb,
  diversity numeric(4, 3),
  top_artists jsonb not null,
  recently_played jsonb not null,
  plays_by_hour integer[] not null,
  plays_by_weekday integer[] not null,
  play_count bigint not null,
  trait_evidence jsonb,
  computed_at timestamptz not null,

  primary key (user_id, provider),
  constraint top_genres_is_a_list check (jsonb_typeof(top_genres) = 'array'),
  constraint mood_profile_is_an_object check (jsonb_typeof(mood_profile) = 'object'),
  constraint diversity_is_a_share check (diversity between 0 and 1),
  constraint top_artists_is_a_list check (jsonb_typeof(top_artists) = 'array'),
  constraint recently_played_is_a_list check (jsonb_typeof(recently_played) = 'array'),
  constraint plays_have_every_hour check (cardinality(plays_by_hour) = 24),
  constraint plays_have_every_weekday check (cardinality(plays_by_weekday) = 7),
  constraint trait_evidence_is_an_object check (jsonb_typeof(trait_evidence) = 'object'),
  constraint plays_are_counted check (play_count >= 0)
);
create index music_preferences_by_provider on public.music_preferences (provider);
comment on table public.music_preferences is
  'Musical taste, one row per linked account with music; deleted when that is unlinked. On YouTube, music is category 10, music topics and artists'' own channels.';
comment on column public.music_preferences.top_genres is 'Heaviest first: [{genre, weight, source}]; weights are shares of all genre evidence, 0..1.';
comment on column public.music_preferences.mood_profile is '{energy, valence, danceability, acousticness, confidence, source}, each 0..1, source audio_features or genres; null without evidence.';
comment on column public.music_preferences.diversity is 'Gini–Simpson index of the genre weights: 0 one genre, towards 1 many alike; null without genres.';
comment on column public.music_preferences.plays_by_weekday is 'Like plays_by_hour, by weekday from Monday.';
comment on column public.music_preferences.trait_evidence is
  '{openness, extraversion}: shares 0..1 of genres associated with the trait (Rentfrow & Gosling 2003). Weak evidence, kept apart from the traits concluded from messages; null without such genres.';
comment on column public.music_preferences.plays_by_hour is 'Known plays per hour of the day, in the user''s time zone at computed_at.';

create table public.video_preferences (
  user_id uuid primary key references auth.users (id) on delete cascade,
  top_categories jsonb not null,
  top_topics jsonb not null,
  top_channels jsonb not null,
  recent_channels jsonb not null,
  subscription_count bigint not null,
  like_count bigint not null,
  playlist_count bigint not null,
  computed_at timestamptz not null,

  constraint top_categories_is_a_list check (jsonb_typeof(top_categories) = 'array'),
  constraint top_topics_is_a_list check (jsonb_typeof(top_topics) = 'array'),
  constraint top_channels_is_a_list check (jsonb_typeof(top_channels) = 'array'),
  constraint recent_channels_is_a_list check (jsonb_typeof(recent_channels) = 'array'),
  constraint videos_are_counted check (least(subscription_count, like_count, playlist_count) >= 0)
);
comment on table public.video_preferences is 'Taste in videos from linked accounts; deleted when they are unlinked.';
comment on column public.video_preferences.top_categories is 'Most frequent first: [{name, weight}]; weights are shares, 0..1, of the liked and playlist videos that have a category. top_topics likewise, with the topics of subscribed channels.';
comment on column public.video_preferences.recent_channels is 'Subscribed to last, newest first: [{channel_id, title, subscribed_at}].';
comment on column public.video_preferences.top_channels is 'Most liked first: [{channel_id, title, likes, subscribed}].';

alter table public.music_preferences enable row level security;
alter table public.video_preferences enable row level security;
revoke all on public.music_preferences, public.video_preferences from public, anon, authenticated, service_role;
grant select on public.music_preferences, public.video_preferences to authenticated, service_role;
grant select, insert, update, delete on public.music_preferences, public.video_preferences to bondhu_worker;

create policy "a user reads their own music preferences" on public.music_preferences
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker keeps music preferences" on public.music_preferences
  to bondhu_worker using (true) with check (true);
create policy "a user reads their own video preferences" on public.video_preferences
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker keeps video preferences" on public.video_preferences
  to bondhu_worker using (true) with check (true);

create function bondhu.music_profile_document(user_ids uuid[], as_of timestamptz)
returns table (user_id uuid, data json, until timestamptz)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
  return query
    select
      p.user_id,
      (
        select jsonb_object_agg(m.provider, to_jsonb(m) - '{user_id,provider}'::text[])
        from public.music_preferences m
        where m.user_id = p.user_id
      )::json,
      null::timestamptz
    from unnest(user_ids) wanted (id)
    join bondhu.people p on p.user_id = wanted.id
    where as_of is not null;
end
$$;
comment on function bondhu.music_profile_document(uuid[], timestamptz) is
  'Redis document music:profile: musical taste by provider; null data for a user without music.';

create function bondhu.music_spotify_document(user_ids uuid[], as_of timestamptz)
returns table (user_id uuid, data json, until timestamptz)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
  return query
    select p.user_id, (to_jsonb(m) - '{user_id,provider}'::text[])::json, null::timestamptz
    from unnest(user_ids) wanted (id)
    join bondhu.people p on p.user_id = wanted.id
    left join public.music_preferences m on m.user_id = p.user_id and m.provider = 'spotify'
    where as_of is not null;
end
$$;
comment on function bondhu.music_spotify_document(uuid[], timestamptz) is 'Redis document music:spotify; null data for a user without Spotify.';

create function bondhu.video_youtube_document(user_ids uuid[], as_of timestamptz)
returns table (user_id uuid, data json, until timestamptz)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
  return query
    select p.user_id, (to_jsonb(v) - 'user_id')::json, null::timestamptz
    from unnest(user_ids) wanted (id)
    join bondhu.people p on p.user_id = wanted.id
    left join public.video_preferences v on v.user_id = p.user_id
    where as_of is not null;
end
$$;
comment on function bondhu.video_youtube_document(uuid[], timestamptz) is 'Redis document video:youtube; null data for a user without videos.';

revoke all on function bondhu.music_profile_document(uuid[], timestamptz), bondhu.music_spotify_document(uuid[], timestamptz),
  bondhu.video_youtube_document(uuid[], timestamptz)
  from public, anon, authenticated, service_role;
grant execute on function bondhu.music_profile_document(uuid[], timestamptz), bondhu.music_spotify_document(uuid[], timestamptz),
  bondhu.video_youtube_document(uuid[], timestamptz)
  to bondhu_worker;
