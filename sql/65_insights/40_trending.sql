-- What rises: YouTube's public chart of a region, and moods among many. A mood is told of at least
-- settings.trending_min_people people, in tens, and of nobody who has not allowed it.

create table bondhu.trending_people (
  user_id uuid primary key references auth.users (id) on delete cascade,
  region text not null,
  moods_now integer not null default 0,
  moods_before integer not null default 0,
  counted_until timestamptz not null default '-infinity',

  constraint moods_are_thirteen_flags check (moods_now between 0 and 8191 and moods_before between 0 and 8191)
);
comment on table bondhu.trending_people is
  'Who has allowed to be counted among many (consents trending and learning), and which moods they had. Kept by set_consent() and bondhu.keep_trends_fresh().';
comment on column bondhu.trending_people.region is 'bondhu.video_region() of them.';
comment on column bondhu.trending_people.moods_now is 'Sum of bondhu.mood_flags() of the 7 days until counted_until; 0 of whoever does not count.';
comment on column bondhu.trending_people.moods_before is 'The same of the 7 days before those.';
comment on column bondhu.trending_people.counted_until is 'A full hour of UTC; -infinity: not counted yet.';
create index trending_people_by_age on bondhu.trending_people (counted_until);

alter table bondhu.trending_people enable row level security;
revoke all on bondhu.trending_people from public, anon, authenticated, service_role;
grant select on bondhu.trending_people to service_role;

create function bondhu.mood_flags() returns table (mood text, flag integer)
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select m.mood, 1 << (m.place - 1)::integer
  from unnest(array['angry', 'anxious', 'calm', 'curious', 'disgust', 'grateful', 'joy', 'lonely', 'love', 'neutral', 'sad', 'surprise', 'tired'])
    with ordinality m (mood, place)
$$;
comment on function bondhu.mood_flags() is 'A bit for each mood, so that a person''s moods are one integer.';

create function bondhu.lets_trends_count(of_user uuid) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select bondhu.consented_since(of_user, 'trending') is not null and bondhu.consented_since(of_user, 'learning') is not null
$$;
comment on function bondhu.lets_trends_count(uuid) is 'Whether a user allows that they count among many, and that what they write counts at all.';

create function bondhu.keep_trending_person(of_user uuid) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if bondhu.lets_trends_count(of_user) then
    insert into bondhu.trending_people (user_id, region) values (of_user, bondhu.video_region(of_user))
    on conflict (user_id) do nothing;
  else
    delete from bondhu.trending_people t where t.user_id = of_user;
  end if;
end
$$;
comment on function bondhu.keep_trending_person(uuid) is
  'set_consent() for trending and learning, under bondhu.lock_consents(): who withdraws counts no more at once.';

create function bondhu.moods_of_weeks(of_user uuid, until timestamptz, out moods_now integer, out moods_before integer)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(bit_or(f.flag) filter (where b.bucket_start >= until - interval '168 hours'), 0),
    coalesce(bit_or(f.flag) filter (where b.bucket_start < until - interval '168 hours'), 0)
  from bondhu.buckets(of_user, until - interval '336 hours', until) b
  cross join lateral (values
    ('angry', b.angry), ('anxious', b.anxious), ('calm', b.calm), ('curious', b.curious), ('disgust', b.disgust),
    ('grateful', b.grateful), ('joy', b.joy), ('lonely', b.lonely), ('love', b.love), ('neutral', b.neutral),
    ('sad', b.sad), ('surprise', b.surprise), ('tired', b.tired)
  ) m (mood, messages)
  join bondhu.mood_flags() f on f.mood = m.mood
  where m.messages > 0
    and not bondhu.is_being_erased(of_user)
    -- As json, because an older auth.users lacks the column.
    and exists (select from auth.users u where u.id = of_user and to_jsonb(u) ->> 'is_anonymous' is distinct from 'true')
$$;
comment on function bondhu.moods_of_weeks(uuid, timestamptz) is
  'Which moods a user had in the 7 days until an instant, and in the 7 before, as sums of bondhu.mood_flags(). None of anonymous accounts, nor of what is being erased.';

-- SECURITY DEFINER: the worker calls it where there is no cron, and may not read auth.users.
create function bondhu.refresh_trending(most integer default 100) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  until constant timestamptz := date_trunc('hour', now(), 'UTC');
  due uuid[];
begin
  -- Rows are added by set_consent() alone: one that withdraws meanwhile finds the row that is locked here, waits, and deletes it.
  -- Whom others have locked comes next time, so that nobody waits for this.
  due := array(
    select t.user_id from bondhu.trending_people t
    where t.counted_until < until
    order by t.counted_until
    limit most
    for update skip locked);
  delete from bondhu.trending_people t where t.user_id = any (due) and not bondhu.lets_trends_count(t.user_id);
  update bondhu.trending_people t
  set region = bondhu.video_region(t.user_id), moods_now = w.moods_now, moods_before = w.moods_before, counted_until = until
  from unnest(due) d (user_id)
  cross join lateral bondhu.moods_of_weeks(d.user_id, until) w
  where t.user_id = d.user_id;
  return cardinality(due);
end
$$;
comment on function bondhu.refresh_trending(integer) is
  'Counts anew who was not counted since the full hour, up to `most` people; returns how many. Who withdraws meanwhile waits for it.';

-- A procedure, to commit after each lot: who withdraws waits for a hundred people at most. Those pin search_path themselves.
create procedure bondhu.keep_trends_fresh(seconds integer default 50)
language plpgsql
as $$
declare
  until constant timestamptz := pg_catalog.clock_timestamp() operator(pg_catalog.+) pg_catalog.make_interval(secs => seconds);
  counted integer;
begin
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  loop
    counted := bondhu.refresh_trending();
    commit;
    perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    exit when counted = 0 or clock_timestamp() > until;
  end loop;
end
$$;
comment on procedure bondhu.keep_trends_fresh(integer) is 'bondhu.refresh_trending() for everybody, in lots, for some seconds at most. Run by cron.';
revoke all on procedure bondhu.keep_trends_fresh(integer) from public, anon, authenticated, service_role;

create function bondhu.trending_videos(of_region text) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'kind', 'video', 'region', of_region, 'source', 'youtube',
    'state', case when not s.enabled then 'provider_off' when c.fetched_at is null then 'no_chart_yet' else 'ready' end,
    'as_of', case when s.enabled then c.fetched_at end,
    'items', case when s.enabled and c.fetched_at is not null then c.videos else '[]' end)
  from bondhu.provider_settings s
  left join bondhu.video_charts c on c.region = of_region
  where s.provider = 'youtube'
$$;
comment on function bondhu.trending_videos(text) is 'trending() for videos.';

create function bondhu.trending_moods(of_region text) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  -- Few combinations of moods occur: each is counted once, however many people there are.
  with alike as (
    select t.moods_now, t.moods_before, count(*) as people, min(t.counted_until) filter (where isfinite(t.counted_until)) as counted_until
    from bondhu.trending_people t
    where of_region is null or t.region = of_region
    group by t.moods_now, t.moods_before
  ),
  weeks as (
    select coalesce(sum(a.people) filter (where a.moods_now <> 0), 0)::bigint as people_now,
      coalesce(sum(a.people) filter (where a.moods_before <> 0), 0)::bigint as people_before,
      min(a.counted_until) as counted_until
    from alike a
  ),
  felt as (
    select f.mood,
      coalesce(sum(a.people) filter (where (a.moods_now & f.flag) <> 0), 0)::bigint as people_now,
      coalesce(sum(a.people) filter (where (a.moods_before & f.flag) <> 0), 0)::bigint as people_before
    from bondhu.mood_flags() f cross join alike a
    group by f.mood
  ),
  -- Shares are of tens, too: of exact ones the exact numbers could be told.
  shares as (
    select f.mood, f.people_now / 10 * 10 as people,
      round((f.people_now / 10)::numeric / (w.people_now / 10), 3) as share,
      case when f.people_before >= s.trending_min_people then round((f.people_before / 10)::numeric / (w.people_before / 10), 3) end as share_before
    from felt f cross join weeks w cross join bondhu.settings s
    where f.people_now >= s.trending_min_people
  )
  select jsonb_build_object(
    'kind', 'moods', 'region', of_region, 'min_people', s.trending_min_people,
    -- Without a mood to tell, not even whether anybody is there.
    'as_of', case when exists (select from shares) then w.counted_until end,
    'state', case when exists (select from shares) then 'ready' else 'too_few_people' end,
    'items', (
      select coalesce(jsonb_agg(
        jsonb_build_object('mood', i.mood, 'people', i.people, 'share', i.share, 'rise', i.share - i.share_before)
        order by i.share - i.share_before desc nulls last, i.share desc, i.mood), '[]')
      from shares i))
  from weeks w cross join bondhu.settings s
$$;
comment on function bondhu.trending_moods(text) is 'trending() for moods.';

-- SECURITY DEFINER: clients read none of these tables. Of other people it tells tens, from settings.trending_min_people on.
create function public.trending(kind text, region text default null) returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  caller constant uuid := bondhu.require_user();
begin
  if trending.kind is null or trending.kind not in ('moods', 'video') then
    raise exception using errcode = '22023', message = 'kind is none of what there is', hint = 'There are: moods, video.';
  elsif octet_length(trending.region) <> 2 or trending.region !~ '^[A-Za-z]{2}$' then
    raise exception using errcode = '22023', message = 'region is not two letters',
      hint = 'Send a country''s code as ISO 3166-1 has it, such as BD, or leave it out.';
  end if;
  if trending.kind = 'video' then
    return bondhu.trending_videos(coalesce(upper(trending.region), bondhu.video_region(caller), 'US'));
  end if;
  perform bondhu.require_engine();
  return bondhu.trending_moods(upper(trending.region));
end
$$;
comment on function public.trending(text, text) is
  'What rises. kind video: YouTube''s public chart of a region, without one the caller''s. kind moods: which moods at least min_people people had in 7 days, those of a region or, without one, all who have allowed trending; people in tens, share of all of them 0..1, rise since the 7 days before, null where fewer had it then. 22023 for another kind or a malformed region; 0A000 for moods without an engine.';

revoke all on function bondhu.mood_flags(), bondhu.lets_trends_count(uuid), bondhu.keep_trending_person(uuid),
  bondhu.moods_of_weeks(uuid, timestamptz), bondhu.refresh_trending(integer), bondhu.trending_videos(text), bondhu.trending_moods(text),
  public.trending(text, text)
  from public, anon, authenticated, service_role;
grant execute on function bondhu.refresh_trending(integer), bondhu.trending_videos(text) to bondhu_worker;
grant execute on function public.trending(text, text) to authenticated;
