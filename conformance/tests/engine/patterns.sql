-- How many figures of bondhu.patterns() differ from a count of the raw messages of user $1.
with zone as (select time_zone as name from public.companion_profiles where user_id = $1),
said as (
  select m.created_at at time zone zone.name as at, coalesce(m.corrected_sentiment, m.sentiment_score) as score
  from public.chat_messages m cross join zone
  where m.user_id = $1 and m.engine_version is not null and m.counts
    and (m.created_at at time zone zone.name)::date > (now() at time zone zone.name)::date - 180
),
hours as (
  select array_agg(n order by hour) as counts, array_agg(mean order by hour) as means
  from (
    select hour, count(said.at) as n, round(avg(said.score), 4) as mean
    from generate_series(0, 23) hour left join said on extract(hour from said.at) = hour
    group by hour
  ) h
),
weekdays as (
  select array_agg(n order by weekday) as counts, array_agg(mean order by weekday) as means
  from (
    select weekday, count(said.at) as n, round(avg(said.score), 4) as mean
    from generate_series(1, 7) weekday left join said on extract(isodow from said.at) = weekday
    group by weekday
  ) w
),
days as (select at::date as day, round(avg(score), 4) as mean from said group by 1),
inertia as (
  select case when count(*) >= 14 then round(corr(a.mean, b.mean)::numeric, 4) end as value
  from days a join days b on b.day = a.day + 1
),
runs as (
  select max(day) as ends, count(*) as length
  from (select day, day - (row_number() over (order by day))::integer as run from days) r
  group by run
),
streaks as (
  select coalesce(max(length) filter (where ends >= (now() at time zone zone.name)::date - 1), 0) as current,
    coalesce(max(length), 0) as longest
  from runs cross join zone
),
stored as (select p.* from bondhu.patterns(array[$1], now()) p)
select count(*)
from stored, hours, weekdays, inertia, streaks,
lateral (values
  (stored.hour_counts = hours.counts), (stored.hour_means is not distinct from hours.means),
  (stored.weekday_counts = weekdays.counts), (stored.weekday_means is not distinct from weekdays.means),
  (stored.inertia is not distinct from inertia.value),
  (stored.current_streak = streaks.current), (stored.longest_streak = streaks.longest)
) f (same)
where not f.same
