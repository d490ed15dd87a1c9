-- Which figures of the dashboard $2 and the wellness card $3 of user $1 are not those of the raw messages, by plain SQL.
with zone as (select time_zone as name, (($2::jsonb ->> 'as_of')::timestamptz at time zone time_zone)::date as today from bondhu.people where user_id = $1),
settings as (select min_messages from bondhu.settings),
said as (
  select (m.created_at at time zone zone.name)::date as day, coalesce(m.corrected_sentiment, m.sentiment_score) * 100 as score,
    coalesce(m.corrected_mood, m.mood_detected) as mood
  from public.chat_messages m cross join zone
  where m.user_id = $1 and m.engine_version is not null and m.counts
),
weeks as (
  select w.ends,
    count(*) filter (where s.day > w.ends - 7) as n, count(*) filter (where s.day <= w.ends - 7) as m,
    count(distinct s.day) filter (where s.day > w.ends - 7) as active,
    avg(s.score) filter (where s.day > w.ends - 7) as mean, avg(s.score) filter (where s.day <= w.ends - 7) as former,
    stddev_samp(s.score) filter (where s.day > w.ends - 7) as deviation
  from zone cross join lateral (values (zone.today), (zone.today - 7)) w (ends)
  left join said s on s.day > w.ends - 14 and s.day <= w.ends
  group by w.ends
),
parts as (
  select w.*, round(w.mean, 2) as mean_part, round(greatest(0, 100 - round(w.deviation, 2) * 2), 2) as stability_part,
    case when w.m >= min_messages then round(least(100, greatest(0, 50 + (w.mean - w.former) * 2)), 2) end as trend_part
  from weeks w cross join settings where w.n >= min_messages
),
scores as (
  select p.*, case when trend_part is null then round((mean_part * 60 + stability_part * 25) / 85, 2)
    else round((mean_part * 60 + stability_part * 25 + trend_part * 15) / 100, 2) end as score
  from parts p
),
compared as (
  select zone.today, now_week.n as n, before_week.n as n_before, now_week.active, s.score, b.score as score_before, s.score - b.score as change,
    s.mean_part, s.stability_part, s.trend_part, b.mean_part as mean_before, b.stability_part as stability_before,
    -- Without a trend, that of the weighted mean of the others has its place.
    coalesce(s.trend_part, (s.mean_part * 60 + s.stability_part * 25) / 85) - coalesce(b.trend_part, (b.mean_part * 60 + b.stability_part * 25) / 85) as trend_moved
  from zone
  join weeks now_week on now_week.ends = zone.today
  join weeks before_week on before_week.ends = zone.today - 7
  left join scores s on s.ends = zone.today
  left join scores b on b.ends = zone.today - 7
),
moods as (
  select s.mood, count(*) filter (where s.day > zone.today - 7) as n, count(*) filter (where s.day <= zone.today - 7) as m
  from said s cross join zone where s.day > zone.today - 14 and s.day <= zone.today
  group by s.mood
),
mix as (
  select jsonb_object_agg(mood, jsonb_build_array(n, m, round(n / nullif(sum_n, 0), 4), round(m / nullif(sum_m, 0), 4))) as document
  from (select moods.*, sum(n) over () as sum_n, sum(m) over () as sum_m from moods) t
),
runs as (
  select max(day) as ends, count(*) as length
  from (
    select d.day, d.day - (row_number() over (order by d.day))::integer as run
    from (select distinct said.day from said cross join zone where said.day > zone.today - 180) d
  ) r
  group by run
),
streaks as (
  select coalesce(max(length) filter (where ends >= today - 1), 0) as current, coalesce(max(length), 0) as longest
  from zone left join runs on true
),
written as (
  select count(*) as n from public.chat_messages m cross join zone
  where m.user_id = $1 and m.sender_type = 'user' and (m.created_at at time zone zone.name)::date = zone.today
),
counted as (select count(*) as n from said),
found as (select $2::text::jsonb as home, $2::text::jsonb -> 'wellness' as wellness, $3::text::jsonb as card)
select f.figure || ': ' || coalesce(f.told, 'null') || ', not ' || coalesce(f.made, 'null')
from found
cross join compared c
cross join lateral (values
  ('today', home ->> 'today', c.today::text),
  ('messages today', home ->> 'messages_today', (select n::text from written)),
  ('current streak', home #>> '{streak,current_days}', (select current::text from streaks)),
  ('longest streak', home #>> '{streak,longest_days}', (select longest::text from streaks)),
  ('messages', wellness ->> 'message_count', c.n::text),
  ('messages before', wellness ->> 'message_count_a_week_before', c.n_before::text),
  ('active days', wellness ->> 'active_days', c.active::text),
  ('score', wellness ->> 'score', c.score::text),
  ('score before', wellness ->> 'score_a_week_before', c.score_before::text),
  ('change', wellness ->> 'change', c.change::text),
  ('mean', wellness ->> 'mean', c.mean_part::text),
  ('stability', wellness ->> 'stability', c.stability_part::text),
  ('trend', wellness ->> 'trend', c.trend_part::text),
  ('moved by the mean', wellness #>> '{moved_by,mean}', case when c.change is not null then round(0.60 * (c.mean_part - c.mean_before), 2)::text end),
  ('moved by stability', wellness #>> '{moved_by,stability}', case when c.change is not null then round(0.25 * (c.stability_part - c.stability_before), 2)::text end),
  ('sum of what moved it', (select sum(part::numeric)::text from jsonb_each_text(case when jsonb_typeof(wellness -> 'moved_by') = 'object' then wellness -> 'moved_by' else '{}' end) p (name, part)), c.change::text),
  -- Each of the scores and of the other two parts is rounded by half a hundredth at most.
  ('moved by the trend', (abs((wellness #>> '{moved_by,trend}')::numeric - 0.15 * c.trend_moved) <= 0.02)::text, case when c.change is not null then 'true' end),
  ('the card', (card - 'moods')::text, wellness::text),
  ('moods', (
    select jsonb_object_agg(m ->> 'mood', jsonb_build_array(m -> 'messages', m -> 'messages_before', m -> 'share', m -> 'share_before'))
    from jsonb_array_elements(card -> 'moods') m)::text, (select document::text from mix)),
  ('achievements', (
    select string_agg(a ->> 'id', ' ' order by a ->> 'id') from jsonb_array_elements(home -> 'achievements') a
    where (a ->> 'is_reached')::boolean and a ->> 'fact' in ('messages', 'longest_streak')), (
    select string_agg(a.id, ' ' order by a.id) from bondhu.achievements a
    where a.fact = 'messages' and a.threshold <= (select n from counted) or a.fact = 'longest_streak' and a.threshold <= (select longest from streaks)))
) f (figure, told, made)
where f.told is distinct from f.made
