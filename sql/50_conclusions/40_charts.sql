-- Reads for charts, in the user's own time zone and under row-level security.

create function bondhu.check_range(since timestamptz, until timestamptz) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if since is null or until is null or since >= until then
    raise exception using
      errcode = '22023',
      message = 'since must come before until',
      hint = 'Send both, as finite times, the earlier one as since.';
  end if;
  -- Outside, arithmetic with times can overflow, and there are no messages.
  if since < '1900-01-01 00:00+00' or until > '2200-01-01 00:00+00' then
    raise exception using
      errcode = '22023',
      message = 'since and until must lie between the years 1900 and 2200',
      hint = 'Send both, as finite times, the earlier one as since.';
  end if;
end
$$;
comment on function bondhu.check_range(timestamptz, timestamptz) is '22023 unless since < until, both between 1900 and 2200.';
revoke all on function bondhu.check_range(timestamptz, timestamptz) from public, anon, authenticated, service_role;
grant execute on function bondhu.check_range(timestamptz, timestamptz) to authenticated;

create function bondhu.my_time_zone() returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce((select p.time_zone from public.companion_profiles p where p.user_id = (select bondhu.require_user())), 'UTC');
end
$$;
comment on function bondhu.my_time_zone() is 'The caller''s IANA time zone.';
revoke all on function bondhu.my_time_zone() from public, anon, authenticated, service_role;
grant execute on function bondhu.my_time_zone() to authenticated;

-- SECURITY DEFINER, as those below that ask the engine or may count anew: clients may do neither. They read
-- only the caller's own rows.
create function public.mood_trend(
  since timestamptz default now() - interval '30 days',
  until timestamptz default now(),
  bucket text default 'day'
) returns table (bucket_start timestamptz, message_count bigint, mean_sentiment numeric, sentiment_volatility numeric)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  zone text := bondhu.my_time_zone();
  most constant integer := 1000;
begin
  perform bondhu.require_engine();
  perform bondhu.check_range(since, until);
  if bucket is null or bucket not in ('hour', 'day', 'week', 'month') then
    raise exception using
      errcode = '22023',
      message = 'bucket must be hour, day, week or month',
      hint = 'Send one of them, or leave bucket out for days.';
  end if;
  if until - since > most * ('1 ' || bucket)::interval then
    raise exception using
      errcode = '22023',
      message = format('more than %s points: since and until are too far apart for bucket %s', most, bucket),
      hint = 'Ask for a shorter time, or for wider buckets.';
  end if;
  return query
    select t.start, t.n, round(t.sum / (100 * t.n), 4),
      case when t.n > 1 then round(sqrt((t.n * t.squares - t.sum ^ 2) / (t.n * (t.n - 1))) / 100, 4) end
    from (
      select date_trunc(bucket, b.bucket_start, zone) as start, sum(b.message_count) as n,
        sum(b.score_sum) as sum, sum(b.score_sum_squares) as squares
      from bondhu.buckets(bondhu.require_user(), date_bin('15 minutes', since, 'epoch'), until) b
      group by 1
    ) t
    order by 1;
end
$$;
comment on function public.mood_trend(timestamptz, timestamptz, text) is
  'The caller''s sentiment by hour, day, week (from Monday) or month of their own time zone: mean 0..1 and sample standard deviation. Only buckets with messages. Edges are widened to quarter hours. 0A000 without an engine.';

create function public.mood_mix(
  since timestamptz default now() - interval '30 days',
  until timestamptz default now()
) returns table (mood text, message_count bigint, share numeric)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform bondhu.require_engine();
  perform bondhu.check_range(since, until);
  return query
    with counted as (
      select m.mood, sum(m.n)::bigint as n
      from bondhu.buckets(bondhu.require_user(), date_bin('15 minutes', since, 'epoch'), until) b
      cross join lateral (values
        ('angry', b.angry), ('anxious', b.anxious), ('calm', b.calm), ('curious', b.curious), ('disgust', b.disgust),
        ('grateful', b.grateful), ('joy', b.joy), ('lonely', b.lonely), ('love', b.love), ('neutral', b.neutral),
        ('sad', b.sad), ('surprise', b.surprise), ('tired', b.tired)
      ) m (mood, n)
      group by 1
    )
    select c.mood, c.n, round(c.n / sum(c.n) over (), 4)
    from counted c
    where c.n > 0
    order by c.n desc, c.mood;
end
$$;
comment on function public.mood_mix(timestamptz, timestamptz) is
  'How often the caller was in each mood, most frequent first, and its share 0..1. Edges are widened to quarter hours. 0A000 without an engine.';

create function public.personality_evolution(
  trait text,
  since timestamptz default now() - interval '180 days',
  until timestamptz default now()
) returns table (changed_at timestamptz, before numeric, after numeric, message_count bigint, message_ids uuid[])
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  perform bondhu.require_engine();
  perform bondhu.check_range(since, until);
  if trait is null or trait not in ('openness', 'conscientiousness', 'extraversion', 'agreeableness', 'neuroticism') then
    raise exception using
      errcode = '22023',
      message = format('%L is no trait', left(trait, 40)),
      hint = 'Send openness, conscientiousness, extraversion, agreeableness or neuroticism.';
  end if;
  return query
    select h.changed_at, (h.before ->> trait)::numeric, (h.after ->> trait)::numeric, h.message_count, (
      select array_agg(e.message_id order by e.weight desc, e.message_id)
      from public.personality_history_evidence e
      where e.user_id = h.user_id and e.history_id = h.id
    )
    from public.personality_history h
    where h.user_id = (select bondhu.require_user()) and h.changed_at >= since and h.changed_at < until
      and h.before -> trait <> h.after -> trait
    order by h.changed_at, h.id;
end
$$;
comment on function public.personality_evolution(text, timestamptz, timestamptz) is
  'How one of the caller''s traits (0..100) changed, oldest first, with the messages of most weight. 0A000 without an engine.';

create function public.mood_patterns() returns table (
  time_zone text, hour_counts bigint[], hour_means numeric[], weekday_counts bigint[], weekday_means numeric[],
  inertia numeric, current_streak bigint, longest_streak bigint
)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
    select p.time_zone, p.hour_counts, p.hour_means, p.weekday_counts, p.weekday_means, p.inertia,
      p.current_streak, p.longest_streak
    from bondhu.patterns(array[bondhu.require_user()], now()) p;
end
$$;
comment on function public.mood_patterns() is
  'The caller''s last 180 days by hour (from midnight) and weekday (from Monday) of their own time zone, how much a day''s mood carries over to the next (-1..1, null from too few days), and runs of days with messages. 0A000 without an engine.';

create function public.explain_message(message_id uuid) returns table (figure text, part text, weight numeric)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  caller uuid := bondhu.require_user();
  said record;
begin
  select m.message_text, m.corrected_sentiment, m.corrected_mood into said
  from public.chat_messages m
  where m.user_id = caller and m.id = message_id and m.sender_type = 'user';
  if not found then
    raise exception using
      errcode = 'P0002',
      message = 'there is no such message of yours',
      hint = 'Send the id of a message that you wrote.';
  end if;
  return query
    select c.figure, c.part, null::numeric
    from (values
      (1, 'corrected_sentiment', said.corrected_sentiment::text), (2, 'corrected_mood', said.corrected_mood)
    ) c (place, figure, part)
    where c.part is not null
    order by c.place;
  return query select e.* from bondhu.explain(said.message_text) e;
end
$$;
comment on function public.explain_message(uuid) is
  'Why a message of the caller has its sentiment and mood: words and pairs of words with their weight (log odds) for a good sentiment or for the mood, strongest first. Where the caller corrected it, their own corrected_sentiment and corrected_mood come first, as part and without a weight. 0A000 without an engine.';

revoke all on function public.mood_trend(timestamptz, timestamptz, text), public.mood_mix(timestamptz, timestamptz),
  public.personality_evolution(text, timestamptz, timestamptz), public.mood_patterns(),
  public.explain_message(uuid)
  from public, anon, authenticated, service_role;
grant execute on function public.mood_trend(timestamptz, timestamptz, text), public.mood_mix(timestamptz, timestamptz),
  public.personality_evolution(text, timestamptz, timestamptz), public.mood_patterns(),
  public.explain_message(uuid)
  to authenticated;
