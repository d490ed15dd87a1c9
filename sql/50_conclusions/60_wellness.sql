-- Wellness (0..100): a heuristic for a chart, no diagnosis. Nothing of it is stored: the engine counts each week from its
-- quarter hours, so that messages that are imported, edited or deleted later, and another time zone, are in it at once.

-- SECURITY DEFINER, as the one below: it asks the engine, which clients may not. It reads only the caller's own rows.
create function public.wellness_history(since date default null, until date default null)
returns table (
  day date, message_count bigint, active_days bigint, score numeric, mean numeric, trend numeric, stability numeric, engagement numeric
)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  caller constant uuid := bondhu.require_user();
  today constant date := (now() at time zone bondhu.my_time_zone())::date;
begin
  perform bondhu.require_engine();
  until := coalesce(until, today);
  -- Before subtracting days, which could overflow; clamped because dates have a wider range than times.
  perform bondhu.check_range(least(coalesce(since, '1900-01-02'), '9999-01-01'), least(until, '9999-01-01'));
  return query
    select w.* from bondhu.wellness(caller, coalesce(since, until - 30), least(until, today) - 1) w order by w.day;
end
$$;
comment on function public.wellness_history(date, date) is
  'The caller''s wellness (0..100) of the seven days that end with each day of their own time zone, from since (included) to until (excluded): the last thirty by default, none of a day that has not ended, or of a week without messages. A heuristic, no diagnosis. 0A000 without an engine.';

-- The score is 60 % mean, 25 % stability and 15 % trend; without a trend the others have its share, which is the same as a trend
-- of their weighted mean (core/src/wellness.rs). So each part moves the score by its weight, and the parts sum up: what
-- rounding leaves goes to the trend.
create function bondhu.wellness_change(of_user uuid, on_day date) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    with weeks as materialized (select w.* from bondhu.wellness(of_user, on_day - 7, on_day) w)
    select jsonb_build_object(
      'day', on_day, 'score', week.score, 'change', moved.change,
      'moved_by', case when moved.change is not null then jsonb_build_object(
        'mean', moved.by_mean, 'stability', moved.by_stability, 'trend', moved.change - moved.by_mean - moved.by_stability) end,
      'mean', week.mean, 'stability', week.stability, 'trend', week.trend, 'engagement', coalesce(week.engagement, 0),
      'message_count', coalesce(week.message_count, 0), 'active_days', coalesce(week.active_days, 0),
      'score_a_week_before', before.score, 'message_count_a_week_before', coalesce(before.message_count, 0))
    from (select) always
    left join weeks week on week.day = on_day
    left join weeks before on before.day = on_day - 7
    cross join lateral (
      select week.score - before.score as change, round(0.60 * (week.mean - before.mean), 2) as by_mean,
        round(0.25 * (week.stability - before.stability), 2) as by_stability
    ) moved
  );
end
$$;
comment on function bondhu.wellness_change(uuid, date) is
  'The wellness (0..100) of the week that ends with a user''s day, and in points what moved its score since seven days before.';

create function public.wellness_card() returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  caller constant uuid := bondhu.require_user();
  zone constant text := bondhu.my_time_zone();
  today constant date := (now() at time zone zone)::date;
begin
  perform bondhu.require_engine();
  return bondhu.wellness_change(caller, today) || jsonb_build_object('moods', (
    with counted as (
      select (b.bucket_start at time zone zone)::date > today - 7 as is_now,
        array[b.angry, b.anxious, b.calm, b.curious, b.disgust, b.grateful, b.joy, b.lonely, b.love, b.neutral, b.sad, b.surprise, b.tired] as moods
      -- Some hours wider than two weeks: the day decides.
      from bondhu.buckets(caller, (today - 15)::timestamp at time zone zone, (today + 2)::timestamp at time zone zone) b
      where (b.bucket_start at time zone zone)::date between today - 13 and today
    ),
    summed as (
      select m.mood, coalesce(sum(m.n) filter (where c.is_now), 0) as messages, coalesce(sum(m.n) filter (where not c.is_now), 0) as messages_before
      from counted c
      cross join lateral unnest(
        array['angry', 'anxious', 'calm', 'curious', 'disgust', 'grateful', 'joy', 'lonely', 'love', 'neutral', 'sad', 'surprise', 'tired'],
        c.moods) m (mood, n)
      group by m.mood
    ),
    shared as (
      select s.*, round(s.messages / nullif(sum(s.messages) over (), 0), 4) as share,
        round(s.messages_before / nullif(sum(s.messages_before) over (), 0), 4) as share_before
      from summed s
    )
    select coalesce(jsonb_agg(jsonb_build_object(
        'mood', s.mood, 'messages', s.messages, 'messages_before', s.messages_before, 'share', s.share, 'share_before', s.share_before)
      order by abs(coalesce(s.share, 0) - coalesce(s.share_before, 0)) desc, s.mood), '[]')
    from shared s
    where s.messages + s.messages_before > 0
  ));
end
$$;
comment on function public.wellness_card() is
  'The caller''s wellness (0..100) of the seven days that end today, and what moved its score since seven days before: moved_by in points, which sum up to change; and how often they were in each mood this week and the week before, what changed most first. A heuristic, no diagnosis. 0A000 without an engine.';

revoke all on function public.wellness_history(date, date), bondhu.wellness_change(uuid, date), public.wellness_card()
  from public, anon, authenticated, service_role;
grant execute on function public.wellness_history(date, date), public.wellness_card() to authenticated;
