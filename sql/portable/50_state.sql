-- What is carried about a user from message to message, and what is concluded from it.
-- A state is a profile. Sums are integers and linear in the messages, so that
-- neither order nor grouping can matter; every quotient is rounded half away from zero. What is divided fits
-- a bigint up to some hundred million messages of a person.

-- Whatever becomes of the table's type, it holds what the engine knows.
create type bondhu_portable.profile as ({{profile}});
comment on type bondhu_portable.profile is 'A row of personality_profiles.';
revoke all on type bondhu_portable.profile from public, anon, authenticated, service_role;

-- What follows from a state, as of its as_of.
create function bondhu_portable.concluded(p bondhu_portable.profile, s bondhu.settings)
returns bondhu_portable.profile
language plpgsql immutable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  n bigint := p.trait_count;
  moods bigint[] := p.trait_moods;
  total bigint;
  -- Squares outgrow a bigint.
  spread numeric;
  pairs numeric;
  root bigint;
  full_confidence bigint;
  confidence bigint;
  shares bigint[];
  signal bigint;
  adjustment bigint;
  traits bigint[] := p.baseline_traits;
  best integer;
  other integer;
  most bigint;
  change bigint;
  threshold bigint;
begin
  if n > 0 then
    full_confidence := s.trait_full_confidence * {{full confidence}};
    confidence := least({{whole}}, {{nearest n / full_confidence}});
    p.trait_confidence := confidence * 0.0001;
    spread := {{4 whole}} * (n::numeric * p.trait_sum_squares - p.trait_sum::numeric * p.trait_sum);
    pairs := n::numeric * n;
    root := {{root of div(greatest(spread, 0), pairs)}};
    if 4 * spread >= pairs * (2 * root + 1) * (2 * root + 1) then
      root := root + 1;
    end if;
    shares := array[{{shares}}];
    for i in 1 .. cardinality(shares) loop
      signal := {{whole}} * shares[i];
      signal := {{nearest signal / n}};
      if i = {{neuroticism}} then
        signal := {{steadiness}};
        signal := {{nearest signal / 100}};
      end if;
      adjustment := ({{reaches}})[i] * signal * confidence;
      traits[i] := greatest(0, least({{whole}}, traits[i] + {{nearest adjustment / {{whole squared}}}}));
    end loop;
  else
    p.trait_confidence := 0;
  end if;
{{traits}}

  n := p.message_count;
  total := p.window_sum;
  p.communication_style := 'balanced';
  if n >= greatest(s.min_messages, 2) then
    moods := p.window_moods;
    spread := n::numeric * p.window_sum_squares - total::numeric * total;
    pairs := n * (n - 1);
    p.mean_sentiment := (200 * total + n) / (2 * n) * 0.0001;
    root := {{root of div(greatest({{whole}} * spread, 0), pairs)}};
    if {{4 whole}} * spread >= pairs * (2 * root + 1) * (2 * root + 1) then
      root := root + 1;
    end if;
    p.sentiment_volatility := root * 0.0001;

    -- The most frequent; of equals the most recent, then the first of the alphabet.
    most := greatest({{each mood}});
    best := array_position(moods, most);
    other := best;
    loop
      other := array_position(moods, most, other + 1);
      exit when other is null;
      if p.window_latest[other] > p.window_latest[best]
        or p.window_latest[best] is null and p.window_latest[other] is not null then
        best := other;
      end if;
    end loop;
    p.dominant_mood := ({{mood names}})[best];

    if p.previous_count >= s.min_messages then
      change := total * p.previous_count - p.previous_sum * n;
      threshold := s.trend_threshold_hundredths * n * p.previous_count;
      p.sentiment_trend := case when change > threshold then 'rising' when change < -threshold then 'falling' else 'steady' end;
    else
      p.sentiment_trend := null;
    end if;

    if total < s.needs_support_below_hundredths * n then
      p.communication_style := 'empathetic_supportive';
    elsif total > s.enthusiastic_above_hundredths * n then
      p.communication_style := 'enthusiastic_energetic';
    end if;
    p.emotional_stability := case
      when spread > s.variable_above_hundredths * s.variable_above_hundredths * pairs then 'variable' else 'stable' end;
    p.data_status := 'sufficient';
  else
    p.mean_sentiment := null;
    p.sentiment_volatility := null;
    p.dominant_mood := null;
    p.sentiment_trend := null;
    p.emotional_stability := null;
    p.data_status := 'insufficient_data';
  end if;
  p.needs_support := p.communication_style = 'empathetic_supportive'
    or coalesce(p.last_crisis_at + make_interval(hours => s.crisis_support_hours) > p.as_of, false);
  return p;
end
$$;
comment on function bondhu_portable.concluded(bondhu_portable.profile, bondhu.settings) is 'A state with what follows from it.';

-- The messages of a span that count, (after, through], but those named. STABLE, as all that read here:
-- it sees what its caller does, and the newest where that one writes.
create function bondhu_portable.span(of_user uuid, after timestamptz, through timestamptz, besides uuid[],
  out n bigint, out total bigint, out squares bigint, out moods bigint[], out latest timestamptz[], out oldest timestamptz)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
  select count(*), coalesce(sum(c.score), 0), coalesce(sum(c.score * c.score), 0), min(c.created_at),
    array[{{mood counts}}],
    array[{{mood latest}}]
  into n, total, squares, oldest, moods, latest
  from (
    select m.created_at, {{score of m}} as score, {{mood of m}} as mood
    from public.chat_messages m
    where m.user_id = of_user and m.created_at > after and m.created_at <= through
      and {{counts of m}} and m.id <> all (besides)
    offset 0
  ) c;
end
$$;
comment on function bondhu_portable.span(uuid, timestamptz, timestamptz, uuid[]) is 'Tally, newest of each mood and oldest of the scored messages of a span.';

-- Both windows as of an instant, read from the messages.
create function bondhu_portable.windows(p bondhu_portable.profile, until timestamptz, hours integer)
returns bondhu_portable.profile
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  length constant interval := make_interval(hours => hours);
  found record;
begin
  p.as_of := until;
  p.window_hours := hours;
  found := bondhu_portable.span(p.user_id, until - length, until, '{}');
  p.message_count := found.n;
  p.window_sum := found.total;
  p.window_sum_squares := found.squares;
  p.window_moods := found.moods;
  p.window_latest := found.latest;
  p.window_oldest := found.oldest;
  found := bondhu_portable.span(p.user_id, until - 2 * length, until - length, '{}');
  p.previous_count := found.n;
  p.previous_sum := found.total;
  p.previous_oldest := found.oldest;
  return p;
end
$$;
comment on function bondhu_portable.windows(bondhu_portable.profile, timestamptz, integer) is 'A state with its windows read anew.';

-- Extremes cannot be subtracted: those that are gone are null here, and read again.
create function bondhu_portable.repaired(p bondhu_portable.profile) returns bondhu_portable.profile
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  length constant interval := make_interval(hours => p.window_hours);
begin
  for mood in 1 .. {{moods}} loop
    if p.window_moods[mood] <= 0 then
      p.window_latest[mood] := null;
    elsif p.window_latest[mood] is null then
      p.window_latest[mood] := (
        select c.created_at
        from public.chat_messages c
        where c.user_id = p.user_id and c.created_at > p.as_of - length
          and {{mood of c}} = ({{mood names}})[mood] and {{counts of c}}
        order by c.created_at desc, c.seq desc
        limit 1
      );
    end if;
  end loop;
  if p.message_count <= 0 then
    p.window_oldest := null;
  elsif p.window_oldest is null then
    p.window_oldest := (
      select c.created_at
      from public.chat_messages c
      where c.user_id = p.user_id and c.created_at > p.as_of - length and c.created_at <= p.as_of
        and {{counts of c}}
      order by c.created_at, c.seq
      limit 1
    );
  end if;
  if p.previous_count <= 0 then
    p.previous_oldest := null;
  elsif p.previous_oldest is null then
    p.previous_oldest := (
      select c.created_at
      from public.chat_messages c
      where c.user_id = p.user_id and c.created_at > p.as_of - 2 * length and c.created_at <= p.as_of - length
        and {{counts of c}}
      order by c.created_at, c.seq
      limit 1
    );
  end if;
  return p;
end
$$;
comment on function bondhu_portable.repaired(bondhu_portable.profile) is 'A state whose missing extremes are read again.';

-- A state moved to an instant that is less than a window away: only what leaves a window is read.
-- `besides` are messages that are there and not yet counted.
create function bondhu_portable.moved(p bondhu_portable.profile, until timestamptz, besides uuid[])
returns bondhu_portable.profile
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  length constant interval := make_interval(hours => p.window_hours);
  gone record;
begin
  if p.previous_oldest <= until - 2 * length or p.previous_oldest is null and p.previous_count > 0 then
    gone := bondhu_portable.span(p.user_id, p.as_of - 2 * length, until - 2 * length, besides);
    p.previous_count := p.previous_count - gone.n;
    p.previous_sum := p.previous_sum - gone.total;
    p.previous_oldest := null;
  end if;
  if p.window_oldest <= until - length or p.window_oldest is null and p.message_count > 0 then
    gone := bondhu_portable.span(p.user_id, p.as_of - length, until - length, besides);
    p.message_count := p.message_count - gone.n;
    p.window_sum := p.window_sum - gone.total;
    p.window_sum_squares := p.window_sum_squares - gone.squares;
    for mood in 1 .. {{moods}} loop
      p.window_moods[mood] := p.window_moods[mood] - gone.moods[mood];
    end loop;
    p.window_oldest := null;
    if p.previous_oldest is null and p.previous_count = 0 then
      p.previous_oldest := gone.oldest;
    end if;
    p.previous_count := p.previous_count + gone.n;
    p.previous_sum := p.previous_sum + gone.total;
  end if;
  p.as_of := until;
  return bondhu_portable.repaired(p);
end
$$;
comment on function bondhu_portable.moved(bondhu_portable.profile, timestamptz, uuid[]) is 'A state without what has left its windows by an instant.';

-- The traits' tally on the UTC day of as_of: of the buckets, or of the messages themselves.
create function bondhu_portable.decayed(p bondhu_portable.profile, from_messages boolean)
returns bondhu_portable.profile
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  today constant date := (p.as_of at time zone 'UTC')::date;
  since constant timestamptz := (today - {{last age}})::timestamp at time zone 'UTC';
begin
  if from_messages then
    select coalesce(sum(d.weight), 0), coalesce(sum(d.weight * d.score), 0), coalesce(sum(d.weight * d.score * d.score), 0),
      array[{{decayed messages}}]::bigint[]
    into p.trait_count, p.trait_sum, p.trait_sum_squares, p.trait_moods
    from (
      select {{score of m}} as score, {{mood of m}} as mood,
        ({{weights}})[1 + today - (m.created_at at time zone 'UTC')::date] as weight
      from public.chat_messages m
      where m.user_id = p.user_id and m.created_at >= since and m.created_at <= p.as_of and {{counts of m}}
      offset 0
    ) d;
  else
    select coalesce(sum(b.weight * b.message_count), 0), coalesce(sum(b.weight * b.score_sum), 0),
      coalesce(sum(b.weight * b.score_sum_squares), 0),
      array[{{decayed buckets}}]::bigint[]
    into p.trait_count, p.trait_sum, p.trait_sum_squares, p.trait_moods
    from (
      select b.*, ({{weights}})[1 + today - (b.bucket_start at time zone 'UTC')::date] as weight
      from public.sentiment_buckets b
      where b.user_id = p.user_id and b.bucket_start >= since
      offset 0
    ) b;
  end if;
  return p;
end
$$;
comment on function bondhu_portable.decayed(bondhu_portable.profile, boolean) is 'A state whose traits are weighted for the day of its as_of.';

-- A state brought to an instant, never back.
create function bondhu_portable.advanced(p bondhu_portable.profile, s bondhu.settings, instant timestamptz)
returns bondhu_portable.profile
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  until constant timestamptz := greatest(p.as_of, instant);
  length constant interval := make_interval(hours => s.window_hours);
  another_day constant boolean := (until at time zone 'UTC')::date <> (p.as_of at time zone 'UTC')::date;
begin
  if s.window_hours <> p.window_hours or until - length >= p.as_of then
    p := bondhu_portable.windows(p, until, s.window_hours);
  elsif p.window_oldest <= until - length or p.previous_oldest <= until - 2 * length then
    p := bondhu_portable.moved(p, until, '{}');
  end if;
  p.as_of := until;
  if another_day and p.trait_count > 0 then
    p := bondhu_portable.decayed(p, false);
  end if;
  return p;
end
$$;
comment on function bondhu_portable.advanced(bondhu_portable.profile, bondhu.settings, timestamptz) is 'A state at the later of its as_of and an instant.';

-- Settings, which every figure hangs on.
create function bondhu_portable.settings() returns bondhu.settings
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  s bondhu.settings;
begin
  select * into s from bondhu.settings;
  if not found then
    raise exception using
      errcode = '55000',
      message = 'bondhu.settings has no row',
      hint = 'Apply the migrations this version of the engine was made for.';
  end if;
  return s;
end
$$;
comment on function bondhu_portable.settings() is 'The row of bondhu.settings; 55000 where it is gone.';

revoke all on function bondhu_portable.concluded(bondhu_portable.profile, bondhu.settings),
  bondhu_portable.span(uuid, timestamptz, timestamptz, uuid[]), bondhu_portable.windows(bondhu_portable.profile, timestamptz, integer),
  bondhu_portable.repaired(bondhu_portable.profile), bondhu_portable.moved(bondhu_portable.profile, timestamptz, uuid[]),
  bondhu_portable.decayed(bondhu_portable.profile, boolean),
  bondhu_portable.advanced(bondhu_portable.profile, bondhu.settings, timestamptz),
  bondhu_portable.settings()
  from public, anon, authenticated, service_role;
