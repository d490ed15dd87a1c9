-- What a home page shows, in one call.

-- As bondhu.patterns() has them, looking once a day instead of at all that lies between.
create function bondhu.streaks(of_user uuid, time_zone text, today date, out current_streak bigint, out longest_streak bigint)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  horizon constant integer := 180; -- HORIZON_DAYS of core/src/decay.rs
  first_day date;
  day date;
  last_day date;
  run bigint;
begin
  if bondhu.is_outdated(of_user) then
    select p.current_streak, p.longest_streak into current_streak, longest_streak
    from bondhu.patterns(array[of_user], now()) p;
    return;
  end if;
  first_day := (
    select (min(s.bucket_start) at time zone time_zone)::date from public.sentiment_buckets s
    where s.user_id = of_user and s.bucket_start >= (today - horizon + 1)::timestamp at time zone time_zone - interval '2 hours');
  current_streak := 0;
  longest_streak := 0;
  for day in
    select d.day
    from (
      select n.day, n.day::timestamp at time zone time_zone as midnight
      from (
        select first_day + i as day from generate_series(greatest(today - horizon + 1 - first_day, 0), today - first_day) i offset 0
      ) n
      offset 0
    ) d
    cross join lateral (
      select from (
        -- Who writes all day long has many rows a day, of which an index would be read to the last of them.
        select from public.sentiment_buckets s
        where s.user_id = of_user
          and s.bucket_start >= d.midnight + interval '19 hours' and s.bucket_start < d.midnight + interval '20 hours'
          and (s.bucket_start at time zone time_zone)::date = d.day
        union all
        -- Where clocks go back at midnight it comes twice, and Postgres knows the second: the day decides.
        select from public.sentiment_buckets s
        where s.user_id = of_user
          and s.bucket_start >= case
            when (d.midnight - interval '2 hours') at time zone time_zone = d.day - interval '2 hours' then d.midnight
            else d.midnight - interval '2 hours' end
          and s.bucket_start < d.midnight + interval '26 hours'
          and (s.bucket_start at time zone time_zone)::date = d.day
      ) written
      limit 1
    ) written
    order by d.day
  loop
    run := case when day = last_day + 1 then run + 1 else 1 end;
    last_day := day;
    longest_streak := greatest(longest_streak, run);
  end loop;
  if last_day >= today - 1 then
    current_streak := run;
  end if;
end
$$;
comment on function bondhu.streaks(uuid, text, date) is
  'Runs of a user''s days with messages that count, of the last 180: the one that lasts, also if nothing was written yet today, and the longest.';

create function bondhu.messages_of_day(of_user uuid, time_zone text, day date) returns bigint
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  -- Where clocks go back at midnight it comes twice, and Postgres knows the second: the day decides.
  since constant timestamptz := day::timestamp at time zone time_zone - interval '2 hours';
  until constant timestamptz := (day + 1)::timestamp at time zone time_zone + interval '2 hours';
  most constant integer := 200;
  messages bigint;
begin
  if bondhu.is_outdated(of_user) then
    messages := (
      select sum(b.message_count) from bondhu.buckets(of_user, since, until) b
      where (b.bucket_start at time zone time_zone)::date = day);
  else
    messages := (
      select sum(b.message_count) from public.sentiment_buckets b
      where b.user_id = of_user and b.bucket_start >= since and b.bucket_start < until
        and (b.bucket_start at time zone time_zone)::date = day);
  end if;
  if messages >= most then
    return messages;
  end if;
  -- With those that do not count.
  return (
    select count(*) from (
      select from public.chat_messages m
      where m.user_id = of_user and m.sender_type = 'user' and m.created_at >= since and m.created_at < until
        and (m.created_at at time zone time_zone)::date = day
        and not bondhu.is_being_erased(of_user)
      limit most) m);
end
$$;
comment on function bondhu.messages_of_day(uuid, text, date) is
  'What a user wrote on a day of their time zone: up to 200 messages, and from 200 that count on those, so that a look costs the same for everybody.';

-- SECURITY DEFINER: it asks the engine, which clients may not. It reads only the caller's own rows.
create function public.dashboard() returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  caller constant uuid := bondhu.require_user();
  zone constant text := bondhu.my_time_zone();
  today constant date := (now() at time zone zone)::date;
  streak record;
begin
  perform bondhu.require_engine();
  streak := bondhu.streaks(caller, zone, today);
  return jsonb_build_object(
    'as_of', now(), 'time_zone', zone, 'today', today,
    'wellness', bondhu.wellness_change(caller, today),
    'mood', (
      select jsonb_build_object('dominant_mood', p.dominant_mood, 'mean_sentiment', p.mean_sentiment, 'sentiment_trend', p.sentiment_trend,
        'message_count', p.message_count, 'communication_style', p.communication_style, 'needs_support', p.needs_support)
      from bondhu.personality(array[caller], now()) p),
    'messages_today', bondhu.messages_of_day(caller, zone, today),
    'streak', jsonb_build_object('current_days', streak.current_streak, 'longest_days', streak.longest_streak),
    'sessions', (
      select jsonb_build_object(
        'active', count(*) filter (where s.ended_at is null),
        'started_in_7_days', count(*) filter (where s.started_at >= now() - interval '7 days'))
      from public.user_sessions s where s.user_id = caller),
    'top_genres', (
      select coalesce(jsonb_agg(to_jsonb(g) order by g.weight desc, g.genre, g.source), '[]') from (
        select listed.genre, listed.weight, m.provider as source
        from public.music_preferences m
        cross join lateral jsonb_to_recordset(m.top_genres) as listed (genre text, weight numeric)
        where m.user_id = caller
        order by listed.weight desc, listed.genre, m.provider limit 5) g),
    'recent_plays', (
      select coalesce(jsonb_agg(to_jsonb(h) order by h.played_at desc, h.track_id), '[]') from (
        select h.played_at, h.track_id, h.track_name, h.artist_names
        from public.listening_history h where h.user_id = caller
        order by h.played_at desc, h.track_id limit 5) h),
    'videos', (
      select jsonb_build_object('subscriptions', v.subscription_count, 'top_categories', (
        select coalesce(jsonb_agg(c.category order by c.place), '[]')
        from jsonb_array_elements(v.top_categories) with ordinality c (category, place) where c.place <= 5))
      from public.video_preferences v where v.user_id = caller),
    'achievements', bondhu.achievements_of(caller, streak.longest_streak),
    'connections', (
      select coalesce(jsonb_agg(jsonb_build_object('provider', c.provider, 'status', c.status, 'account_name', c.account_name,
        'last_sync_at', c.last_sync_at, 'next_sync_at', c.next_sync_at, 'last_error_code', c.last_error_code, 'last_error', c.last_error)
        order by c.provider), '[]')
      from public.provider_connections c where c.user_id = caller));
end
$$;
comment on function public.dashboard() is
  'What a home page shows of the caller, exact as of the call: wellness and what moved it, the mood now, messages_today, streak, sessions, five genres, plays and categories, achievements, connections. 0A000 without an engine.';

revoke all on function bondhu.streaks(uuid, text, date), bondhu.messages_of_day(uuid, text, date), public.dashboard() from public, anon, authenticated, service_role;
grant execute on function public.dashboard() to authenticated;
