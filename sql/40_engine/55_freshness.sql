-- What was made under former settings, or before messages changed unseen. It is made anew by the user's next
-- message or by cron, a user at a time: nobody waits for everybody. Until then reads know it.

create function bondhu.is_outdated(of_user uuid) returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (
    select from public.personality_profiles p cross join bondhu.settings s
    where p.user_id = of_user and p.settings_version <> s.version
  );
end
$$;
comment on function bondhu.is_outdated(uuid) is 'Whether what is stored of a user was made under other settings.';

create function bondhu.mark_profiles(users uuid[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  -- In the order in which messages lock them.
  perform from public.personality_profiles p where p.user_id = any (users) order by p.user_id for no key update;
  update public.personality_profiles p set settings_version = 0 where p.user_id = any (users) and p.settings_version <> 0;
end
$$;
comment on function bondhu.mark_profiles(uuid[]) is 'Has the profiles of users counted anew when there is an engine.';

-- SECURITY DEFINER: it fires as whoever writes, who has no rights on profiles.
create function bondhu.mark_changed() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'INSERT' then
    insert into public.personality_profiles (user_id, as_of, window_hours)
    select n.user_id, max(n.created_at), s.window_hours
    from new_messages n cross join bondhu.settings s
    where n.engine_version is not null
    group by n.user_id, s.window_hours
    order by n.user_id
    on conflict (user_id) do update set settings_version = 0;
    update public.chat_messages m set counts = false
    from new_messages n
    join bondhu.people_not_learnt_from p on p.user_id = n.user_id
    where m.user_id = n.user_id and m.id = n.id and m.counts and m.sender_type = 'user';
  elsif tg_op = 'DELETE' then
    perform bondhu.mark_profiles(array(select distinct o.user_id from old_messages o where o.engine_version is not null));
  else
    -- As folding sees it: what leaves how a message is read, its time and its owner alone is no change.
    perform bondhu.mark_profiles(array(
      select distinct c.user_id
      from (
        select r.user_id
        from (
          select -1 as sign, o.user_id, o.id, o.created_at, o.sentiment_score, o.mood_detected, o.support_level,
            o.corrected_sentiment, o.corrected_mood, o.counts
          from old_messages o where o.engine_version is not null
          union all
          select 1, n.user_id, n.id, n.created_at, n.sentiment_score, n.mood_detected, n.support_level,
            n.corrected_sentiment, n.corrected_mood, n.counts
          from new_messages n where n.engine_version is not null
        ) r
        group by r.user_id, r.id, r.created_at, r.sentiment_score, r.mood_detected, r.support_level,
          r.corrected_sentiment, r.corrected_mood, r.counts
        having sum(r.sign) <> 0
      ) c));
  end if;
  return null;
end
$$;
comment on function bondhu.mark_changed() is
  'AFTER INSERT, UPDATE or DELETE statement trigger on chat_messages while no engine is attached: whose scored messages change is counted anew later; new ones of whoever is not learnt from do not count.';

-- The sums of the quarter hours in [since, until), as the messages make them. Not of the table's type: who
-- replaces the table, to partition it, keeps the function.
create function bondhu.buckets(of_user uuid, since timestamptz, until timestamptz) returns table (
  user_id uuid, bucket_start timestamptz, message_count integer, score_sum bigint, score_sum_squares bigint,
  angry integer, anxious integer, calm integer, curious integer, disgust integer, grateful integer, joy integer,
  lonely integer, love integer, neutral integer, sad integer, surprise integer, tired integer
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
  if not exists (
    select from public.personality_profiles p cross join bondhu.settings s
    where p.user_id = of_user and (p.settings_version < s.recount_before or p.settings_version > s.version)
  ) then
    return query
      select b.user_id, b.bucket_start, b.message_count, b.score_sum, b.score_sum_squares,
        b.angry, b.anxious, b.calm, b.curious, b.disgust, b.grateful, b.joy, b.lonely, b.love, b.neutral, b.sad, b.surprise, b.tired
      from public.sentiment_buckets b
      where b.user_id = of_user and b.bucket_start >= since and b.bucket_start < until;
  else
    return query
      select of_user, date_bin('15 minutes', c.created_at, '1900-01-01 00:00+00') as bucket, count(*)::integer, sum(c.score)::bigint,
        sum(c.score * c.score)::bigint,
        (count(*) filter (where c.mood = 'angry'))::integer, (count(*) filter (where c.mood = 'anxious'))::integer,
        (count(*) filter (where c.mood = 'calm'))::integer, (count(*) filter (where c.mood = 'curious'))::integer,
        (count(*) filter (where c.mood = 'disgust'))::integer, (count(*) filter (where c.mood = 'grateful'))::integer,
        (count(*) filter (where c.mood = 'joy'))::integer, (count(*) filter (where c.mood = 'lonely'))::integer,
        (count(*) filter (where c.mood = 'love'))::integer, (count(*) filter (where c.mood = 'neutral'))::integer,
        (count(*) filter (where c.mood = 'sad'))::integer, (count(*) filter (where c.mood = 'surprise'))::integer,
        (count(*) filter (where c.mood = 'tired'))::integer
      from (
        select m.created_at, (coalesce(m.corrected_sentiment, m.sentiment_score) * 100)::bigint as score,
          coalesce(m.corrected_mood, m.mood_detected) as mood
        from public.chat_messages m
        where m.user_id = of_user and m.engine_version is not null and m.counts
          and m.created_at >= since and m.created_at < until + interval '15 minutes'
        offset 0
      ) c
      group by bucket
      having date_bin('15 minutes', min(c.created_at), '1900-01-01 00:00+00') < until;
  end if;
end
$$;
comment on function bondhu.buckets(uuid, timestamptz, timestamptz) is
  'A user''s sentiment_buckets that begin in [since, until), both on quarter hours; counted from the messages where those stored are outdated.';

create function bondhu.sums_of_days(of_user uuid, first_day date, last_day date)
returns table (day date, message_count bigint, score_sum bigint, score_sum_squares bigint)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  zone constant text := (select u.time_zone from bondhu.people u where u.user_id = of_user);
begin
  -- The usual way, for a page that is waited for: day by day straight from the table, whose rows are wide and many; none is
  -- asked for its day, nor sorted by it, but where a clock moves near a midnight.
  if last_day - first_day < 31 and not bondhu.is_outdated(of_user) then
    return query
      select d.day, s.messages, s.scores::bigint, s.squares::bigint
      from (
        select m.day, m.begins, m.ends,
          (m.begins - interval '2 hours') at time zone zone = m.day - interval '2 hours'
            and (m.begins + interval '2 hours') at time zone zone = m.day + interval '2 hours'
            and (m.ends - interval '2 hours') at time zone zone = m.day + interval '22 hours'
            and (m.ends + interval '2 hours') at time zone zone = m.day + interval '26 hours' as is_plain
        from (
          select first_day + n.days as day, (first_day + n.days)::timestamp at time zone zone as begins,
            (first_day + n.days + 1)::timestamp at time zone zone as ends
          from generate_series(0, last_day - first_day) n (days)
          offset 0
        ) m
        offset 0
      ) d
      cross join lateral (
        select sum(b.message_count) as messages, sum(b.score_sum) as scores, sum(b.score_sum_squares) as squares
        from public.sentiment_buckets b
        where b.user_id = of_user
          and b.bucket_start >= case when d.is_plain then d.begins else d.begins - interval '2 hours' end
          and b.bucket_start < case when d.is_plain then d.ends else d.ends + interval '2 hours' end
          and (d.is_plain or (b.bucket_start at time zone zone)::date = d.day)
      ) s
      where s.messages is not null
      order by d.day;
  else
    return query
      select s.local_day, sum(s.message_count), sum(s.score_sum)::bigint, sum(s.score_sum_squares)::bigint
      from (
        select (b.bucket_start at time zone zone)::date as local_day, b.message_count, b.score_sum, b.score_sum_squares
        -- Where clocks go back at one in the morning midnight comes twice, and Postgres knows the second:
        -- the day decides, this only has to be wide enough.
        from bondhu.buckets(of_user, first_day::timestamp at time zone zone - interval '2 hours',
          (last_day + 1)::timestamp at time zone zone + interval '2 hours') b
        offset 0
      ) s
      where s.local_day between first_day and last_day
      group by s.local_day
      order by s.local_day;
  end if;
end
$$;
comment on function bondhu.sums_of_days(uuid, date, date) is
  'Messages that count and their scores by a user''s own day, in order; days without any are left out. Counted from the messages where stored buckets are outdated.';

create function bondhu.due_profiles(most integer) returns uuid[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  current_version constant bigint := (select s.version from bondhu.settings s);
begin
  return array(
    (select p.user_id from public.personality_profiles p
     where p.settings_version < current_version order by p.settings_version limit most)
    union all
    (select p.user_id from public.personality_profiles p
     where p.settings_version > current_version order by p.settings_version limit most)
    limit most
  );
end
$$;
comment on function bondhu.due_profiles(integer) is
  'Users whose stored profile is to be made anew, since it was made under other settings. Not one that time alone has changed: it is exact as of its as_of, and RPCs and documents are as of now.';

create function bondhu.refresh_profiles(batch integer default 1000) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  due uuid[];
begin
  if bondhu.engine() is null then
    return 0;
  end if;
  due := array(
    select p.user_id
    from public.personality_profiles p
    where p.user_id = any (bondhu.due_profiles(batch))
    order by p.user_id
    for no key update skip locked
  );
  perform bondhu.refresh(due);
  return cardinality(due);
end
$$;
comment on function bondhu.refresh_profiles(integer) is
  'Makes up to `batch` of bondhu.due_profiles() anew in one transaction; returns how many. RPCs are exact without it.';

-- A procedure, to commit after each user: who writes a message waits for one refresh at most. Those pin
-- search_path themselves.
create procedure bondhu.keep_profiles_fresh(seconds integer default 50)
language plpgsql
as $$
declare
  until constant timestamptz := pg_catalog.clock_timestamp() operator(pg_catalog.+) pg_catalog.make_interval(secs => seconds);
  due uuid[];
  person uuid;
begin
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  if bondhu.engine() is null then
    return;
  end if;
  loop
    due := bondhu.due_profiles(500);
    foreach person in array due loop
      begin
        perform bondhu.refresh(array[person]);
      exception when others then
        -- Not to keep the others waiting.
        raise warning 'user %: %', person, sqlerrm;
      end;
      commit;
      perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true), pg_catalog.set_config('synchronous_commit', 'off', true);
      exit when clock_timestamp() > until;
    end loop;
    exit when clock_timestamp() > until or cardinality(due) < 500;
  end loop;
end
$$;
comment on procedure bondhu.keep_profiles_fresh(integer) is
  'Makes bondhu.due_profiles() anew, one user a transaction, for some seconds at most. Run by cron.';

revoke all on function bondhu.is_outdated(uuid), bondhu.mark_profiles(uuid[]), bondhu.mark_changed(),
  bondhu.buckets(uuid, timestamptz, timestamptz), bondhu.sums_of_days(uuid, date, date), bondhu.due_profiles(integer),
  bondhu.refresh_profiles(integer)
  from public, anon, authenticated, service_role;
revoke all on procedure bondhu.keep_profiles_fresh(integer) from public, anon, authenticated, service_role;
