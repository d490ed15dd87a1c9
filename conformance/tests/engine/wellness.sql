-- How many days of $2, what wellness_history() answers user $1, differ from a count of the raw messages, by plain SQL.
with zone as (select time_zone as name from bondhu.people where user_id = $1),
settings as (select min_messages from bondhu.settings),
said as (
  select (m.created_at at time zone zone.name)::date as day, coalesce(m.corrected_sentiment, m.sentiment_score) * 100 as score
  from public.chat_messages m cross join zone
  where m.user_id = $1 and m.engine_version is not null and m.counts
),
ends as (
  select day::date from zone, generate_series(
    (now() at time zone zone.name)::date - 100, (now() at time zone zone.name)::date - 1, interval '1 day') day
),
weeks as (
  select e.day, count(s.score) as n, count(distinct s.day) as active, avg(s.score) as mean, stddev_samp(s.score) as deviation,
    (select avg(b.score) from said b where b.day > e.day - 14 and b.day <= e.day - 7) as former,
    (select count(*) from said b where b.day > e.day - 14 and b.day <= e.day - 7) as m
  from ends e join said s on s.day > e.day - 7 and s.day <= e.day
  group by e.day
),
parts as (
  select w.*,
    case when n >= min_messages then round(mean, 2) end as mean_part,
    case when n >= min_messages then round(greatest(0, 100 - round(deviation, 2) * 2), 2) end as stability_part,
    case when n >= min_messages and m >= min_messages
      then round(least(100, greatest(0, 50 + (mean - former) * 2)), 2) end as trend_part
  from weeks w cross join settings
),
expected as (
  select day, n, active, mean_part, trend_part, stability_part,
    case when trend_part is null then round((mean_part * 60 + stability_part * 25) / 85, 2)
      else round((mean_part * 60 + stability_part * 25 + trend_part * 15) / 100, 2) end as score,
    round(round(active * 100 / 7.0, 2) * 0.6 + round(least(n, 70) * 100 / 70.0, 2) * 0.4, 2) as engagement
  from parts
),
told as (
  select t.* from jsonb_to_recordset($2::jsonb)
    t (day date, message_count bigint, active_days bigint, score numeric, mean numeric, trend numeric, stability numeric, engagement numeric)
)
select count(*)
from expected e full join told s on s.day = e.day
where (e.day, e.n, e.active, e.score, e.mean_part, e.trend_part, e.stability_part, e.engagement)
  is distinct from (s.day, s.message_count, s.active_days, s.score, s.mean, s.trend, s.stability, s.engagement)
