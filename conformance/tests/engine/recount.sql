-- Counts everything derived about each user anew from the raw messages, by plain SQL that
-- shares nothing with the engine, and returns what differs from what is stored, or where that
-- is from before settings changed, from what the engine answers. $1 limits it to some users.
-- Figures are as of each profile's as_of.
with settings as (select * from bondhu.settings),
person as (
  select p.*, make_interval(hours => s.window_hours) as width
  from public.personality_profiles p cross join settings s
  where p.user_id = any ($1)
),
read as (
  select m.user_id, m.id, m.created_at, m.support_level, m.counts,
    case when m.corrected_sentiment is null then m.sentiment_score else m.corrected_sentiment end as score,
    case when m.corrected_mood is null then m.mood_detected else m.corrected_mood end as mood
  from public.chat_messages m where m.engine_version is not null and m.user_id = any ($1)
),
scored as (
  select r.*, r.score * 100 as hundredths from read r where r.counts
),
baselines as (
  select p.user_id, coalesce(a.openness, 50) as openness, coalesce(a.conscientiousness, 50) as conscientiousness,
    coalesce(a.extraversion, 50) as extraversion, coalesce(a.agreeableness, 50) as agreeableness,
    coalesce(a.neuroticism, 50) as neuroticism
  from person p
  left join (
    select distinct on (user_id) * from public.assessments where completed_at is not null order by user_id, completed_at desc, id desc
  ) a on a.user_id = p.user_id
),
current_window as (
  select p.user_id, count(m.id) as n, round(avg(m.score), 4) as mean,
    round(stddev_samp(m.score), 4) as deviation, avg(m.score) as exact_mean,
    variance(m.score) as exact_variance, coalesce(sum(m.hundredths), 0)::bigint as sum,
    coalesce(sum(m.hundredths ^ 2), 0)::bigint as squares, min(m.created_at) as oldest
  from person p
  left join scored m on m.user_id = p.user_id and m.created_at > p.as_of - p.width and m.created_at <= p.as_of
  group by 1
),
previous_window as (
  select p.user_id, count(m.id) as n, avg(m.score) as exact_mean,
    coalesce(sum(m.hundredths), 0)::bigint as sum, min(m.created_at) as oldest
  from person p
  left join scored m on m.user_id = p.user_id
    and m.created_at > p.as_of - 2 * p.width and m.created_at <= p.as_of - p.width
  group by 1
),
dominant as (
  select distinct on (p.user_id) p.user_id, m.mood as mood
  from person p
  join scored m on m.user_id = p.user_id and m.created_at > p.as_of - p.width and m.created_at <= p.as_of
  group by p.user_id, m.mood
  order by p.user_id, count(*) desc, max(m.created_at) desc, m.mood
),
age as materialized (
  select days, round(1000000 * power(2::numeric, -days / 30::numeric)) as weight from generate_series(0, 179) days
),
decayed as (
  select p.user_id, m.mood, sum(age.weight)::bigint as weight, sum(age.weight * m.hundredths)::bigint as weighted_sum,
    sum(age.weight * m.hundredths ^ 2)::bigint as weighted_squares
  from person p
  join scored m on m.user_id = p.user_id
  join age on age.days = (p.as_of at time zone 'UTC')::date - (m.created_at at time zone 'UTC')::date
  group by 1, 2
),
evidence as (
  select p.user_id, coalesce(sum(d.weight), 0)::bigint as weight, coalesce(sum(d.weighted_sum), 0)::bigint as weighted_sum,
    coalesce(sum(d.weighted_squares), 0)::bigint as weighted_squares,
    round(least(1, coalesce(sum(d.weight), 0) / 30000000)::numeric, 4) as confidence,
    -- Share of messages in each mood.
    coalesce(jsonb_object_agg(d.mood, d.weight) filter (where d.weight is not null), '{}') as moods
  from person p left join decayed d on d.user_id = p.user_id
  group by 1
),
balances as (
  select e.user_id, signal.trait,
    case when e.weight > 0 then round((
      select coalesce(sum((e.moods ->> mood)::numeric * case when mood = any (signal.up) then 1 else -1 end), 0)
      from unnest(signal.up || signal.down) mood
    ) / e.weight, 4) else 0 end as balance
  from evidence e
  cross join (values
    ('openness', '{curious,surprise}'::text[], '{}'::text[]), ('conscientiousness', '{calm}', '{tired,angry}'),
    ('extraversion', '{joy,love,surprise}', '{sad,lonely,tired}'), ('agreeableness', '{love,grateful}', '{angry,disgust}'),
    ('affect', '{anxious,sad,lonely,angry}', '{joy,calm,grateful,love}')
  ) signal (trait, up, down)
),
traits as (
  select e.user_id, e.weight, e.weighted_sum, e.weighted_squares, e.confidence,
    greatest(0, least(100, start.openness + round(20 * openness.balance * e.confidence, 2))) as openness,
    greatest(0, least(100, start.conscientiousness + round(10 * conscientiousness.balance * e.confidence, 2))) as conscientiousness,
    greatest(0, least(100, start.extraversion + round(20 * extraversion.balance * e.confidence, 2))) as extraversion,
    greatest(0, least(100, start.agreeableness + round(20 * agreeableness.balance * e.confidence, 2))) as agreeableness,
    greatest(0, least(100, start.neuroticism + round(20 * round(0.75 * affect.balance + 0.25 * case when e.weight > 0 then least(1, round(2 * sqrt(
      greatest(0, e.weighted_squares::numeric / e.weight - (e.weighted_sum::numeric / e.weight) ^ 2)) / 100, 4)) else 0 end, 4)
      * e.confidence, 2))) as neuroticism
  from evidence e
  join baselines start on start.user_id = e.user_id
  join balances openness on openness.user_id = e.user_id and openness.trait = 'openness'
  join balances conscientiousness on conscientiousness.user_id = e.user_id and conscientiousness.trait = 'conscientiousness'
  join balances extraversion on extraversion.user_id = e.user_id and extraversion.trait = 'extraversion'
  join balances agreeableness on agreeableness.user_id = e.user_id and agreeableness.trait = 'agreeableness'
  join balances affect on affect.user_id = e.user_id and affect.trait = 'affect'
),
by_mood as (
  select p.user_id, array_agg(coalesce(w.n, 0) order by name) as moods, array_agg(w.latest order by name) as latest,
    array_agg(coalesce(d.weight, 0) order by name) as weights
  from person p
  cross join unnest('{angry,anxious,calm,curious,disgust,grateful,joy,lonely,love,neutral,sad,surprise,tired}'::text[]) named (name)
  left join lateral (
    select count(*) as n, max(m.created_at) as latest
    from scored m
    where m.user_id = p.user_id and m.mood = name and m.created_at > p.as_of - p.width and m.created_at <= p.as_of
  ) w on true
  left join decayed d on d.user_id = p.user_id and d.mood = name
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
      select from read m
      where m.user_id = p.user_id and m.support_level = 'crisis'
        and m.created_at > p.as_of - make_interval(hours => s.crisis_support_hours)
    ) as needs_support,
    case when c.n >= s.min_messages then 'sufficient' else 'insufficient_data' end as data_status,
    t.confidence as trait_confidence, t.openness, t.conscientiousness, t.extraversion, t.agreeableness, t.neuroticism,
    s.window_hours, c.sum as window_sum, c.squares as window_sum_squares, c.oldest as window_oldest, k.moods as window_moods, k.latest as window_latest,
    b.n as previous_count, b.sum as previous_sum, b.oldest as previous_oldest,
    t.weight as trait_count, t.weighted_sum as trait_sum, t.weighted_squares as trait_sum_squares, k.weights as trait_moods,
    (select max(m.created_at) from read m where m.user_id = p.user_id and m.support_level = 'crisis') as last_crisis_at,
    array[i.openness, i.conscientiousness, i.extraversion, i.agreeableness, i.neuroticism]::numeric[] as baseline
  from person p
  join baselines i using (user_id)
  cross join settings s
  join current_window c using (user_id)
  join previous_window b using (user_id)
  join traits t using (user_id)
  join by_mood k using (user_id)
  left join dominant d using (user_id)
),
profiles_differ as (
  select 'profile of ' || e.user_id || ': ' || to_jsonb(e) || ' is not ' || to_jsonb(f) as difference
  from expected e
  join (
    select user_id, message_count, mean_sentiment, sentiment_volatility, dominant_mood, communication_style,
      emotional_stability, sentiment_trend, needs_support, data_status, trait_confidence, openness, conscientiousness,
      extraversion, agreeableness, neuroticism, window_hours, window_sum, window_sum_squares, window_oldest, window_moods, window_latest,
      previous_count, previous_sum, previous_oldest, trait_count, trait_sum, trait_sum_squares, trait_moods, last_crisis_at,
      array(select t / 100.0 from unnest(baseline_traits) with ordinality b (t, n) order by n) as baseline
    from person
    where settings_version = (select version from settings)
  ) f using (user_id)
  where to_jsonb(e) - 'baseline' <> to_jsonb(f) - 'baseline' or e.baseline <> f.baseline
),
answers_differ as (
  select 'answer of ' || e.user_id || ': ' || to_jsonb(e) || ' is not ' || to_jsonb(a) as difference
  from expected e
  join person p using (user_id)
  cross join lateral bondhu.personality(array[e.user_id], p.as_of) a
  where (a.as_of, e.message_count, e.mean_sentiment, e.sentiment_volatility, e.dominant_mood, e.communication_style,
      e.emotional_stability, e.sentiment_trend, e.needs_support, e.trait_confidence, e.openness, e.conscientiousness,
      e.extraversion, e.agreeableness, e.neuroticism)
    is distinct from (p.as_of, a.message_count, a.mean_sentiment, a.sentiment_volatility, a.dominant_mood, a.communication_style,
      a.emotional_stability, a.sentiment_trend, a.needs_support, a.trait_confidence, a.openness, a.conscientiousness,
      a.extraversion, a.agreeableness, a.neuroticism)
),
buckets_expected as (
  select m.user_id, to_timestamp(floor(extract(epoch from m.created_at) / 900) * 900) as bucket_start,
    count(*)::integer as message_count, sum(m.hundredths)::bigint as score_sum,
    sum(m.hundredths * m.hundredths)::bigint as score_sum_squares,
    count(*) filter (where m.mood = 'angry')::integer as angry,
    count(*) filter (where m.mood = 'anxious')::integer as anxious,
    count(*) filter (where m.mood = 'calm')::integer as calm,
    count(*) filter (where m.mood = 'curious')::integer as curious,
    count(*) filter (where m.mood = 'disgust')::integer as disgust,
    count(*) filter (where m.mood = 'grateful')::integer as grateful,
    count(*) filter (where m.mood = 'joy')::integer as joy,
    count(*) filter (where m.mood = 'lonely')::integer as lonely,
    count(*) filter (where m.mood = 'love')::integer as love,
    count(*) filter (where m.mood = 'neutral')::integer as neutral,
    count(*) filter (where m.mood = 'sad')::integer as sad,
    count(*) filter (where m.mood = 'surprise')::integer as surprise,
    count(*) filter (where m.mood = 'tired')::integer as tired
  from scored m group by 1, 2
),
buckets_differ as (
  select 'bucket: ' || coalesce(to_jsonb(e)::text, 'none') || ' is not ' || coalesce(to_jsonb(f)::text, 'none') as difference
  from buckets_expected e
  full join (
    select user_id, bucket_start, message_count, score_sum, score_sum_squares, angry, anxious, calm, curious, disgust,
      grateful, joy, lonely, love, neutral, sad, surprise, tired
    from unnest($1) person (id) cross join lateral bondhu.buckets(person.id, '-infinity', 'infinity')
  ) f using (user_id, bucket_start)
  where to_jsonb(e) is distinct from to_jsonb(f)
),
profiles_missing as (
  select 'no profile of ' || m.user_id as difference
  from read m where (m.counts or m.support_level = 'crisis') and not exists (select from person p where p.user_id = m.user_id)
)
select difference from profiles_differ
union all select difference from answers_differ where bondhu.engine() is not null
union all select difference from buckets_differ
union all select difference from profiles_missing
