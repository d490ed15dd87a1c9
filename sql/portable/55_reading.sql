-- What reads and rebuilds what is derived: personality, refresh, recompute.

create function bondhu_portable.next_change(p bondhu_portable.profile, s bondhu.settings) returns timestamptz
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return least(
    p.window_oldest + make_interval(hours => p.window_hours),
    p.previous_oldest + make_interval(hours => 2 * p.window_hours),
    case when p.last_crisis_at + make_interval(hours => s.crisis_support_hours) > p.as_of
      then p.last_crisis_at + make_interval(hours => s.crisis_support_hours) end,
    case when p.trait_count > 0
      then ((p.as_of at time zone 'UTC')::date + 1)::timestamp at time zone 'UTC' end);
end
$$;
comment on function bondhu_portable.next_change(bondhu_portable.profile, bondhu.settings) is
  'The next instant at which a figure of a state changes by time alone; null when none does.';

create function bondhu_portable.personality(user_ids uuid[], timestamptz)
returns table (
  user_id uuid, as_of timestamptz, until timestamptz,
  openness numeric, conscientiousness numeric, extraversion numeric, agreeableness numeric, neuroticism numeric,
  trait_confidence numeric, communication_style text, emotional_stability text, needs_support boolean,
  message_count bigint, mean_sentiment numeric, sentiment_volatility numeric, dominant_mood text, sentiment_trend text
)
language plpgsql stable strict security definer rows 1
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  s constant bondhu.settings := bondhu_portable.settings();
  -- As far as Postgres can count.
  instant constant timestamptz := greatest(least($2, '8712-01-01 00:00+00'), '4713-01-01 00:00+00 BC');
  p bondhu_portable.profile;
  id uuid;
begin
  foreach id in array user_ids loop
    continue when id is null;
    select {{profile columns}} into p from public.personality_profiles stored where stored.user_id = id;
    if not found then
      p := bondhu_portable.concluded(bondhu_portable.empty(id, instant, s), s);
    elsif p.settings_version < s.recount_before or p.settings_version > s.version then
      p := bondhu_portable.recounted(p, s, greatest(p.as_of, instant, bondhu_portable.newest(id)),
        bondhu_portable.baseline(id));
    else
      p := bondhu_portable.concluded(bondhu_portable.advanced(p, s, instant), s);
    end if;
    return query select
      p.user_id, p.as_of,
      bondhu_portable.next_change(p, s),
      p.openness, p.conscientiousness, p.extraversion, p.agreeableness, p.neuroticism,
      p.trait_confidence, p.communication_style, p.emotional_stability, p.needs_support,
      p.message_count, p.mean_sentiment, p.sentiment_volatility, p.dominant_mood, p.sentiment_trend;
  end loop;
end
$$;
comment on function bondhu_portable.personality(uuid[], timestamptz) is 'What is concluded about users, in the order asked for, exact as of the later of an instant and the stored as_of.';

create function bondhu_portable.personality_at(of_user uuid, instant timestamptz)
returns table (
  user_id uuid, as_of timestamptz, until timestamptz,
  openness numeric, conscientiousness numeric, extraversion numeric, agreeableness numeric, neuroticism numeric,
  trait_confidence numeric, communication_style text, emotional_stability text, needs_support boolean,
  message_count bigint, mean_sentiment numeric, sentiment_volatility numeric, dominant_mood text, sentiment_trend text
)
language plpgsql stable strict security definer rows 1
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  s constant bondhu.settings := bondhu_portable.settings();
  until constant timestamptz := greatest(least($2, '8712-01-01 00:00+00'), '4713-01-01 00:00+00 BC');
  p bondhu_portable.profile := bondhu_portable.recounted(bondhu_portable.empty($1, until, s), s, until,
    coalesce(bondhu.baseline_traits($1, until), {{middle}}));
begin
  return query select
    p.user_id, p.as_of,
    bondhu_portable.next_change(p, s),
    p.openness, p.conscientiousness, p.extraversion, p.agreeableness, p.neuroticism,
    p.trait_confidence, p.communication_style, p.emotional_stability, p.needs_support,
    p.message_count, p.mean_sentiment, p.sentiment_volatility, p.dominant_mood, p.sentiment_trend;
end
$$;
comment on function bondhu_portable.personality_at(uuid, timestamptz) is 'What is concluded about a user from the messages dated until an instant, as of then.';

create function bondhu_portable.save(p bondhu_portable.profile) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
  update public.personality_profiles stored
  set {{written}}
  where stored.user_id = p.user_id;
end
$$;
comment on function bondhu_portable.save(bondhu_portable.profile) is 'Stores a profile, which is locked.';

create function bondhu_portable.refresh(user_ids uuid[]) returns void
language plpgsql strict
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  s constant bondhu.settings := bondhu_portable.settings();
  p bondhu_portable.profile;
  id uuid;
begin
  -- The order in which messages of many users lock them.
  for id in select distinct due.id from unnest(user_ids) due (id) where due.id is not null order by due.id loop
    select {{profile columns}} into p from public.personality_profiles stored where stored.user_id = id for no key update;
    if not found then
      continue when bondhu.baseline_traits(id) is null;
      p := bondhu_portable.lock_profile(id, now());
    end if;
    p := bondhu_portable.started(p);
    if p.settings_version < s.recount_before or p.settings_version > s.version then
      p := bondhu_portable.everything(p, s, now());
    else
      -- As when a fold moves a window, see there.
      perform set_config('bondhu.moved', statement_timestamp()::text, true);
      p := bondhu_portable.concluded(bondhu_portable.advanced(p, s, now()), s);
    end if;
    p.settings_version := s.version;
    perform bondhu_portable.save(p);
  end loop;
end
$$;
comment on function bondhu_portable.refresh(uuid[]) is
  'Brings the stored profiles of users to now, as a message of theirs would, and has them start from the latest assessment. Who has none is given one if they were assessed.';

create function bondhu_portable.newest(of_user uuid) returns timestamptz
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
  return (
    select c.created_at
    from public.chat_messages c
    where c.user_id = of_user and {{says something of c}}
    order by c.created_at desc, c.seq desc
    limit 1
  );
end
$$;
comment on function bondhu_portable.newest(uuid) is 'When the newest message of a user was written that counts or shows a crisis.';

create function bondhu_portable.buckets(of_user uuid)
returns table (user_id uuid, bucket_start timestamptz, message_count integer, score_sum bigint, score_sum_squares bigint, {{mood integers}})
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
  return query
    select of_user, date_bin('15 minutes', c.created_at, '1900-01-01 00:00+00'), count(*)::integer, sum(c.score)::bigint,
      sum(c.score * c.score)::bigint, {{bucket moods}}
    from (
      select m.created_at, {{score of m}} as score, {{mood of m}} as mood
      from public.chat_messages m
      where m.user_id = of_user and {{counts of m}}
      offset 0
    ) c
    group by 2;
end
$$;
comment on function bondhu_portable.buckets(uuid) is 'The buckets that the messages of a user make.';

create function bondhu_portable.unevidenced(of_user uuid) returns uuid[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
  return array(
    select e.message_id
    from public.personality_history_evidence e
    where e.user_id = of_user and not exists (
      select from public.chat_messages c
      where c.user_id = e.user_id and c.id = e.message_id and {{counts of c}}
    )
  );
end
$$;
comment on function bondhu_portable.unevidenced(uuid) is 'Messages that the evidence names although they are not there, not the user''s, or do not count.';

create function bondhu_portable.unfounded(of_user uuid) returns uuid[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
  return array(
    select e.message_id
    from bondhu.safety_events e
    where e.user_id = of_user and not exists (
      select from public.chat_messages c
      where c.user_id = e.user_id and c.id = e.message_id
        and c.support_level = 'crisis' and c.engine_version is not null
    )
  );
end
$$;
comment on function bondhu_portable.unfounded(uuid) is 'Messages that have a safety event, and in which no crisis is seen.';

create function bondhu_portable.unnoted(of_user uuid) returns uuid[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
  return array(
    select c.id
    from public.chat_messages c cross join bondhu.settings s
    where c.user_id = of_user and c.support_level = 'crisis' and c.engine_version is not null
      and c.created_at >= now() - make_interval(days => s.safety_event_retention_days)
      and not exists (
        select from bondhu.safety_events e where e.user_id = c.user_id and e.message_id = c.id
      )
  );
end
$$;
comment on function bondhu_portable.unnoted(uuid) is 'Crisis messages to be kept that have no safety event.';

-- Takes messages out of the evidence, and events of a crisis out of what operators look after.
create function bondhu_portable.release(of_user uuid, messages uuid[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
  if cardinality(messages) > 0 then
    delete from public.personality_history_evidence e where e.user_id = of_user and e.message_id = any (messages);
  end if;
end
$$;
comment on function bondhu_portable.release(uuid, uuid[]) is 'Takes messages out of the evidence. A change that nothing supports any more goes, by a trigger.';

create function bondhu_portable.note(of_user uuid, over uuid[], crises uuid[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
  if cardinality(over) > 0 then
    delete from bondhu.safety_events e where e.user_id = of_user and e.message_id = any (over);
  end if;
  if cardinality(crises) > 0 then
    insert into bondhu.safety_events (user_id, message_id, written_at, engine_version)
    select c.user_id, c.id, c.created_at, c.engine_version
    from public.chat_messages c cross join bondhu.settings s
    where c.user_id = of_user and c.support_level = 'crisis' and c.engine_version is not null
      and c.created_at >= now() - make_interval(days => s.safety_event_retention_days)
      and c.id = any (crises)
    on conflict (user_id, message_id) do update
      set written_at = excluded.written_at, engine_version = excluded.engine_version;
  end if;
end
$$;
comment on function bondhu_portable.note(uuid, uuid[], uuid[]) is 'Withdraws safety events that are over, and keeps those of the crises there are.';

create function bondhu_portable.lock_profile(of_user uuid, instant timestamptz) returns bondhu_portable.profile
language plpgsql
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  p bondhu_portable.profile;
begin
  select {{profile columns}} into p from public.personality_profiles stored where stored.user_id = of_user for no key update;
  if not found then
    insert into public.personality_profiles (user_id, as_of, window_hours, settings_version, baseline_traits)
    select of_user, instant, s.window_hours, s.version, bondhu_portable.baseline(of_user) from bondhu.settings s
    on conflict (user_id) do nothing;
    select {{profile columns}} into p from public.personality_profiles stored where stored.user_id = of_user for no key update;
  end if;
  return p;
end
$$;
comment on function bondhu_portable.lock_profile(uuid, timestamptz) is 'Locks a user''s profile, and makes it if it is missing.';

create function bondhu_portable.everything(p bondhu_portable.profile, s bondhu.settings, instant timestamptz)
returns bondhu_portable.profile
language plpgsql
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  statement constant text := statement_timestamp();
  recounted constant text := coalesce(current_setting('bondhu.recounted', true), '');
begin
  -- Another command of the statement will find its own part counted.
  perform set_config('bondhu.recounted',
    case when starts_with(recounted, statement) then recounted else statement end || ' ' || p.user_id, true);
  delete from public.sentiment_buckets b where b.user_id = p.user_id;
  insert into public.sentiment_buckets (user_id, bucket_start, message_count, score_sum, score_sum_squares, {{mood columns}})
  select b.* from bondhu_portable.buckets(p.user_id) b;
  perform bondhu_portable.release(p.user_id, bondhu_portable.unevidenced(p.user_id));
  perform bondhu_portable.note(p.user_id, bondhu_portable.unfounded(p.user_id), bondhu_portable.unnoted(p.user_id));
  return bondhu_portable.recounted(bondhu_portable.started(p), s, greatest(p.as_of, instant, bondhu_portable.newest(p.user_id)),
    bondhu_portable.baseline(p.user_id));
end
$$;
comment on function bondhu_portable.everything(bondhu_portable.profile, bondhu.settings, timestamptz) is
  'Makes buckets, evidence and noted crises of a user anew, and returns the state. The profile is locked.';

create function bondhu_portable.recompute(user_id uuid) returns void
language plpgsql strict
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  s constant bondhu.settings := bondhu_portable.settings();
  p bondhu_portable.profile;
begin
  if bondhu_portable.newest($1) is not null or bondhu.baseline_traits($1) is not null then
    p := bondhu_portable.lock_profile($1, now());
  else
    select {{profile columns}} into p from public.personality_profiles stored where stored.user_id = $1 for no key update;
    if not found then
      return;
    end if;
  end if;
  p := bondhu_portable.everything(p, s, now());
  p.settings_version := s.version;
  perform bondhu_portable.save(p);
end
$$;
comment on function bondhu_portable.recompute(uuid) is 'Rebuilds everything the engine derives about a user from the messages; history, a log, stays.';

revoke all on function bondhu_portable.next_change(bondhu_portable.profile, bondhu.settings), bondhu_portable.personality(uuid[], timestamptz), bondhu_portable.personality_at(uuid, timestamptz), bondhu_portable.save(bondhu_portable.profile),
  bondhu_portable.refresh(uuid[]), bondhu_portable.newest(uuid), bondhu_portable.buckets(uuid), bondhu_portable.unevidenced(uuid),
  bondhu_portable.unfounded(uuid), bondhu_portable.unnoted(uuid), bondhu_portable.release(uuid, uuid[]),
  bondhu_portable.everything(bondhu_portable.profile, bondhu.settings, timestamptz), bondhu_portable.note(uuid, uuid[], uuid[]), bondhu_portable.lock_profile(uuid, timestamptz), bondhu_portable.recompute(uuid)
  from public, anon, authenticated, service_role;
