-- Counts everything derived about each user anew from the raw messages, by plain SQL that
-- shares nothing with the engine, and returns what differs from what is stored. $1 limits
-- it to some users. Figures are as of each profile's as_of.
with settings as (select * from bondhu.settings),
person as (
  select p.*, make_interval(hours => s.window_hours) as width
  from public.personality_profiles p cross join settings s
  where p.user_id = any ($1)
),
scored as (
  select m.*, m.sentiment_score * 100 as hundredths
  from public.chat_messages m where m.engine_version is not null and m.user_id = any ($1)
),
current_window as (
  select p.user_id, count(m.id) as n, round(avg(m.sentiment_score), 4) as mean,
    round(stddev_samp(m.sentiment_score), 4) as deviation, avg(m.sentiment_score) as exact_mean,
    variance(m.sentiment_score) as exact_variance
  from person p
  left join scored m on m.user_id = p.user_id and m.created_at > p.as_of - p.width and m.created_at <= p.as_of
  group by 1
),
previous_window as (
  select p.user_id, count(m.id) as n, avg(m.sentiment_score) as exact_mean
  from person p
  left join scored m on m.user_id = p.user_id
    and m.created_at > p.as_of - 2 * p.width and m.created_at <= p.as_of - p.width
  group by 1
),
dominant as (
  select distinct on (p.user_id) p.user_id, m.mood_detected as mood
  from person p
  join scored m on m.user_id = p.user_id and m.created_at > p.as_of - p.width and m.created_at <= p.as_of
  group by p.user_id, m.mood_detected
  order by p.user_id, count(*) desc, max(m.created_at) desc, m.mood_detected
),
age as materialized (
  select days, round(1000000 * power(2::numeric, -days / 30::numeric)) as weight from generate_series(0, 179) days
),
decayed as (
  select p.user_id, m.mood_detected, sum(age.weight)::bigint as weight, sum(age.weight * m.hundredths)::bigint as weighted_sum
  from person p
  join scored m on m.user_id = p.user_id
  join age on age.days = (p.as_of at time zone 'UTC')::date - (m.created_at at time zone 'UTC')::date
  group by 1, 2
),
traits as (
  select p.user_id, coalesce(sum(d.weight), 0)::bigint as weight, coalesce(sum(d.weighted_sum), 0)::bigint as weighted_sum,
    least(1, coalesce(sum(d.weight), 0) / 30000000)::numeric as confidence,
    case when sum(d.weight) > 0 then round(
      (coalesce(sum(d.weight) filter (where d.mood_detected in ('joy', 'love', 'surprise')), 0)
        - coalesce(sum(d.weight) filter (where d.mood_detected in ('sad', 'lonely', 'tired')), 0)) / sum(d.weight), 4)
    else 0 end as extraversion
  from person p left join decayed d on d.user_id = p.user_id
  group by 1
),
expected as (
  select
    p.user_id, c.n as message_count,
    case when c.n >= s.min_messages then c.mean end as mean_sentiment,
    case when c.n >= s.min_messages then c.deviation end as sentiment_volatility,
    case when c.n >= s.min_messages then d.mood end as dominant_mood,
    case
      when c.n < s.min_messages then 'balanced'
      when c.exact_mean < 0.3 then 'empathetic_supportive'
      when c.exact_mean > 0.7 then 'enthusiastic_energetic'
      else 'balanced'
    end as communication_style,
    case when c.n >= s.min_messages then case when c.exact_variance > 0.09 then 'variable' else 'stable' end end
      as emotional_stability,
    case when least(c.n, b.n) >= s.min_messages then
      case when c.exact_mean - b.exact_mean > 0.1 then 'rising' when b.exact_mean - c.exact_mean > 0.1 then 'falling' else 'steady' end
    end as sentiment_trend,
    (c.n >= s.min_messages and c.exact_mean < 0.3) or exists (
      select from scored m
      where m.user_id = p.user_id and m.support_level = 'crisis'
        and m.created_at > p.as_of - make_interval(hours => s.crisis_support_hours)
    ) as needs_support,
    t.weight as trait_count, t.weighted_sum as trait_sum,
    round(t.confidence, 4) as trait_confidence,
    50 + round(20 * t.extraversion * round(t.confidence, 4), 2) as extraversion
  from person p
  cross join settings s
  join current_window c using (user_id)
  join previous_window b using (user_id)
  join traits t using (user_id)
  left join dominant d using (user_id)
),
profiles_differ as (
  select 'profile of ' || e.user_id || ': ' || to_jsonb(e) || ' is not ' || to_jsonb(f) as difference
  from expected e
  join (
    select user_id, message_count, mean_sentiment, sentiment_volatility, dominant_mood, communication_style,
      emotional_stability, sentiment_trend, needs_support, trait_count, trait_sum, trait_confidence, extraversion
    from person
  ) f using (user_id)
  where to_jsonb(e) <> to_jsonb(f)
),
buckets_expected as (
  select m.user_id, to_timestamp(floor(extract(epoch from m.created_at) / 900) * 900) as bucket_start,
    count(*)::integer as message_count, sum(m.hundredths)::bigint as score_sum,
    sum(m.hundredths * m.hundredths)::bigint as score_sum_squares,
    count(*) filter (where m.mood_detected = 'joy')::integer as joy,
    count(*) filter (where m.mood_detected = 'sad')::integer as sad,
    count(*) filter (where m.mood_detected = 'neutral')::integer as neutral
  from scored m group by 1, 2
),
buckets_differ as (
  select 'bucket: ' || coalesce(to_jsonb(e)::text, 'none') || ' is not ' || coalesce(to_jsonb(f)::text, 'none') as difference
  from buckets_expected e
  full join (
    select user_id, bucket_start, message_count, score_sum, score_sum_squares, joy, sad, neutral
    from public.sentiment_buckets where user_id = any ($1)
  ) f using (user_id, bucket_start)
  where to_jsonb(e) is distinct from to_jsonb(f)
),
profiles_missing as (
  select 'no profile of ' || m.user_id as difference
  from scored m where not exists (select from person p where p.user_id = m.user_id)
)
select difference from profiles_differ
union all select difference from buckets_differ
union all select difference from profiles_missing
