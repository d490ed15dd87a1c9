-- Written out from core and dev/src/portable/folding; do not edit.

-- The triggers on public.chat_messages.
--
-- Both are SECURITY DEFINER: API roles write messages, never what is derived, and may call no function
-- here. Nobody else may attach them, and on another table they refuse.

create function bondhu_portable.require_messages(operation text, relation_schema name, relation name, fits boolean) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if fits and relation_schema = 'public' and relation = 'chat_messages' then
    return;
  end if;
  raise exception using
    errcode = '39P01',
    message = case
      when not fits then format('%s() was attached to the wrong kind of trigger', operation)
      else format('the engine''s triggers belong on public.chat_messages, not on %I.%I', relation_schema, relation) end,
    hint = 'Let select bondhu.install_engine(); attach the triggers.';
end
$$;
comment on function bondhu_portable.require_messages(text, name, name, boolean) is '39P01 where a trigger of the engine does not belong.';

create function bondhu_portable.score_message() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
  if tg_when <> 'BEFORE' or tg_level <> 'ROW' or tg_op not in ('INSERT', 'UPDATE')
    or tg_table_name <> 'chat_messages' or tg_table_schema <> 'public' then
    perform bondhu_portable.require_messages('score_message', tg_table_schema, tg_table_name,
      tg_when = 'BEFORE' and tg_level = 'ROW' and tg_op in ('INSERT', 'UPDATE'));
  end if;
  if tg_op = 'UPDATE' and new.message_text is not distinct from old.message_text
    and new.sender_type is not distinct from old.sender_type then
    return new;
  end if;
  if not isfinite(new.created_at) then
    raise exception using
      errcode = '22023',
      message = 'a message''s created_at must be a finite time',
      hint = 'Send the time the message was written, or leave created_at out.';
  end if;
  if tg_op = 'INSERT' and new.created_at > now() then
    raise exception using
      errcode = '23514',
      message = 'a message''s created_at is in the future',
      hint = 'Send the time the message was written, or leave created_at out.';
  end if;
  if new.sender_type = 'user' and new.message_text is not null then
    select r.sentiment_score, r.mood, r.support_level, r.engine_version
    into new.sentiment_score, new.mood_detected, new.support_level, new.engine_version
    from bondhu_portable.score(new.message_text) r;
  else
    new.sentiment_score := null;
    new.mood_detected := null;
    new.support_level := null;
    new.engine_version := null;
  end if;
  return new;
end
$$;
comment on function bondhu_portable.score_message() is 'BEFORE INSERT OR UPDATE row trigger: scores what the user says, and nobody else.';

create function bondhu_portable.refuse_inconsistent(of_user uuid) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'XX001',
    message = format('user %s: stored sums do not agree with the stored messages', of_user),
    hint = 'Rebuild the user''s derived state: select bondhu.recompute(user_id);';
end
$$;
comment on function bondhu_portable.refuse_inconsistent(uuid) is 'XX001: what is stored does not cover what is taken out of it.';

create function bondhu_portable.is_unsound(p public.personality_profiles) returns boolean
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return least(p.message_count, p.window_sum, p.window_sum_squares, p.previous_count, p.previous_sum, p.trait_count, p.trait_sum,
    p.trait_sum_squares, p.window_moods[1], p.window_moods[2], p.window_moods[3], p.window_moods[4], p.window_moods[5], p.window_moods[6], p.window_moods[7], p.window_moods[8], p.window_moods[9], p.window_moods[10], p.window_moods[11], p.window_moods[12], p.window_moods[13], p.trait_moods[1], p.trait_moods[2], p.trait_moods[3], p.trait_moods[4], p.trait_moods[5], p.trait_moods[6], p.trait_moods[7], p.trait_moods[8], p.trait_moods[9], p.trait_moods[10], p.trait_moods[11], p.trait_moods[12], p.trait_moods[13]) < 0;
end
$$;
comment on function bondhu_portable.is_unsound(public.personality_profiles) is 'Whether this can be no tally of messages: a sum is below zero.';

-- A bucket that loses its last message goes: nothing may tell it was there.
create function bondhu_portable.put_buckets(of_user uuid, signs integer[], ats timestamptz[], scores bigint[], moods integer[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  touched timestamptz[];
begin
  insert into public.sentiment_buckets as b (user_id, bucket_start, message_count, score_sum, score_sum_squares, angry, anxious, calm, curious, disgust, grateful, joy, lonely, love, neutral, sad, surprise, tired)
  select of_user, c.bucket, sum(c.sign), sum(c.sign * c.score), sum(c.sign * c.score * c.score), coalesce(sum(c.sign) filter (where c.mood = 1), 0), coalesce(sum(c.sign) filter (where c.mood = 2), 0), coalesce(sum(c.sign) filter (where c.mood = 3), 0), coalesce(sum(c.sign) filter (where c.mood = 4), 0), coalesce(sum(c.sign) filter (where c.mood = 5), 0), coalesce(sum(c.sign) filter (where c.mood = 6), 0), coalesce(sum(c.sign) filter (where c.mood = 7), 0), coalesce(sum(c.sign) filter (where c.mood = 8), 0), coalesce(sum(c.sign) filter (where c.mood = 9), 0), coalesce(sum(c.sign) filter (where c.mood = 10), 0), coalesce(sum(c.sign) filter (where c.mood = 11), 0), coalesce(sum(c.sign) filter (where c.mood = 12), 0), coalesce(sum(c.sign) filter (where c.mood = 13), 0)
  from (
    select r.sign, r.score, r.mood, date_bin('15 minutes', r.at, '1900-01-01 00:00+00') as bucket
    from unnest(signs, ats, scores, moods) r (sign, at, score, mood)
    offset 0
  ) c
  group by c.bucket
  having sum(c.sign) <> 0 or sum(c.sign * c.score) <> 0 or sum(c.sign * c.score * c.score) <> 0
    or coalesce(sum(c.sign) filter (where c.mood = 1), 0) <> 0 or coalesce(sum(c.sign) filter (where c.mood = 2), 0) <> 0 or coalesce(sum(c.sign) filter (where c.mood = 3), 0) <> 0 or coalesce(sum(c.sign) filter (where c.mood = 4), 0) <> 0 or coalesce(sum(c.sign) filter (where c.mood = 5), 0) <> 0 or coalesce(sum(c.sign) filter (where c.mood = 6), 0) <> 0 or coalesce(sum(c.sign) filter (where c.mood = 7), 0) <> 0 or coalesce(sum(c.sign) filter (where c.mood = 8), 0) <> 0 or coalesce(sum(c.sign) filter (where c.mood = 9), 0) <> 0 or coalesce(sum(c.sign) filter (where c.mood = 10), 0) <> 0 or coalesce(sum(c.sign) filter (where c.mood = 11), 0) <> 0 or coalesce(sum(c.sign) filter (where c.mood = 12), 0) <> 0 or coalesce(sum(c.sign) filter (where c.mood = 13), 0) <> 0
  order by c.bucket
  on conflict (user_id, bucket_start) do update
    set message_count = b.message_count + excluded.message_count, score_sum = b.score_sum + excluded.score_sum,
      score_sum_squares = b.score_sum_squares + excluded.score_sum_squares,
      angry = b.angry + excluded.angry, anxious = b.anxious + excluded.anxious, calm = b.calm + excluded.calm, curious = b.curious + excluded.curious, disgust = b.disgust + excluded.disgust, grateful = b.grateful + excluded.grateful, joy = b.joy + excluded.joy, lonely = b.lonely + excluded.lonely, love = b.love + excluded.love, neutral = b.neutral + excluded.neutral, sad = b.sad + excluded.sad, surprise = b.surprise + excluded.surprise, tired = b.tired + excluded.tired;
  if -1 = any (signs) then
    touched := array(select distinct date_bin('15 minutes', r.at, '1900-01-01 00:00+00') from unnest(ats) r (at));
    perform from public.sentiment_buckets b
    where b.user_id = of_user and b.bucket_start = any (touched)
      and least(b.message_count, b.score_sum, b.score_sum_squares, b.angry, b.anxious, b.calm, b.curious, b.disgust, b.grateful, b.joy, b.lonely, b.love, b.neutral, b.sad, b.surprise, b.tired) < 0;
    if found then
      perform bondhu_portable.refuse_inconsistent(of_user);
    end if;
    delete from public.sentiment_buckets b
    where b.user_id = of_user and b.bucket_start = any (touched)
      and greatest(b.message_count, b.score_sum, b.score_sum_squares, b.angry, b.anxious, b.calm, b.curious, b.disgust, b.grateful, b.joy, b.lonely, b.love, b.neutral, b.sad, b.surprise, b.tired) = 0;
  end if;
end
$$;
comment on function bondhu_portable.put_buckets(uuid, integer[], timestamptz[], bigint[], integer[]) is 'Applies what a user''s buckets change by. The user''s profile is locked.';

-- The strongest of the newest messages and of those just added. A change that no message supports (all were
-- deleted) leaves no row. A message that somebody is deleting may be named: they wait for the profile, and release it.
create function bondhu_portable.record(former public.personality_profiles, p public.personality_profiles,
  signs integer[], ids uuid[], ats timestamptz[], scores bigint[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  today constant date := (p.as_of at time zone 'UTC')::date;
  change constant uuid := gen_random_uuid();
  evidence uuid[];
  weights bigint[];
begin
  select array_agg(e.id), array_agg(e.weight) into evidence, weights
  from (
    select distinct c.id, c.created_at,
      abs(c.score - 50) * coalesce(('{1000000,977160,954842,933033,911722,890899,870551,850667,831238,812252,793701,775572,757858,740549,723635,707107,690956,675175,659754,644685,629961,615572,601513,587774,574349,561231,548412,535887,523647,511687,500000,488580,477421,466516,455861,445449,435275,425334,415619,406126,396850,387786,378929,370274,361817,353553,345478,337587,329877,322343,314980,307786,300756,293887,287175,280616,274206,267943,261824,255843,250000,244290,238710,233258,227931,222725,217638,212667,207809,203063,198425,193893,189465,185137,180909,176777,172739,168794,164938,161171,157490,153893,150378,146943,143587,140308,137103,133972,130912,127922,125000,122145,119355,116629,113965,111362,108819,106333,103905,101532,99213,96947,94732,92569,90454,88388,86370,84397,82469,80586,78745,76947,75189,73472,71794,70154,68552,66986,65456,63961,62500,61072,59678,58315,56983,55681,54409,53167,51952,50766,49606,48473,47366,46284,45227,44194,43185,42198,41235,40293,39373,38473,37595,36736,35897,35077,34276,33493,32728,31980,31250,30536,29839,29157,28491,27841,27205,26583,25976,25383,24803,24237,23683,23142,22614,22097,21592,21099,20617,20146,19686,19237,18797,18368,17948,17538,17138,16746,16364,15990}'::bigint[])[1 + today - (c.created_at at time zone 'UTC')::date], 0) / 1000000 as weight
    from (
      (
        select m.id, m.created_at, (m.sentiment_score * 100)::bigint as score
        from public.chat_messages m
        where m.user_id = p.user_id and m.engine_version is not null
        order by m.created_at desc, m.seq desc
        limit 15
      )
      union all
      select r.id, r.at, r.score from unnest(signs, ids, ats, scores) r (sign, id, at, score) where r.sign = 1
    ) c
    order by 3 desc, 2 desc, 1
    limit 3
  ) e;
  if evidence is null then
    return;
  end if;
  insert into public.personality_history (user_id, id, changed_at, before, after, window_start, window_end, message_count)
  values (p.user_id, change, p.as_of,
    jsonb_build_object('openness', former.landmark_traits[1] * 0.01, 'conscientiousness', former.landmark_traits[2] * 0.01, 'extraversion', former.landmark_traits[3] * 0.01, 'agreeableness', former.landmark_traits[4] * 0.01, 'neuroticism', former.landmark_traits[5] * 0.01, 'communication_style', former.landmark_style),
    jsonb_build_object('openness', p.openness, 'conscientiousness', p.conscientiousness, 'extraversion', p.extraversion, 'agreeableness', p.agreeableness, 'neuroticism', p.neuroticism, 'communication_style', p.communication_style),
    p.as_of - make_interval(hours => p.window_hours), p.as_of, p.message_count);
  insert into public.personality_history_evidence (user_id, history_id, message_id, weight)
  select p.user_id, change, e.id, e.weight from unnest(evidence, weights) e (id, weight);
end
$$;
comment on function bondhu_portable.record(public.personality_profiles, public.personality_profiles, integer[], uuid[], timestamptz[], bigint[]) is
  'Appends a row of history with its evidence.';

-- What a statement did to one user's messages: sign 1 for one that came, -1 for one that went.
create function bondhu_portable.fold(of_user uuid, signs integer[], ids uuid[], ats timestamptz[], scores bigint[],
  moods integer[], crises boolean[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  weights constant bigint[] := '{1000000,977160,954842,933033,911722,890899,870551,850667,831238,812252,793701,775572,757858,740549,723635,707107,690956,675175,659754,644685,629961,615572,601513,587774,574349,561231,548412,535887,523647,511687,500000,488580,477421,466516,455861,445449,435275,425334,415619,406126,396850,387786,378929,370274,361817,353553,345478,337587,329877,322343,314980,307786,300756,293887,287175,280616,274206,267943,261824,255843,250000,244290,238710,233258,227931,222725,217638,212667,207809,203063,198425,193893,189465,185137,180909,176777,172739,168794,164938,161171,157490,153893,150378,146943,143587,140308,137103,133972,130912,127922,125000,122145,119355,116629,113965,111362,108819,106333,103905,101532,99213,96947,94732,92569,90454,88388,86370,84397,82469,80586,78745,76947,75189,73472,71794,70154,68552,66986,65456,63961,62500,61072,59678,58315,56983,55681,54409,53167,51952,50766,49606,48473,47366,46284,45227,44194,43185,42198,41235,40293,39373,38473,37595,36736,35897,35077,34276,33493,32728,31980,31250,30536,29839,29157,28491,27841,27205,26583,25976,25383,24803,24237,23683,23142,22614,22097,21592,21099,20617,20146,19686,19237,18797,18368,17948,17538,17138,16746,16364,15990}'::bigint[];
  s bondhu.settings;
  p public.personality_profiles;
  former public.personality_profiles;
  messages constant integer := cardinality(signs);
  takes constant boolean := -1 = any (signs);
  added uuid[];
  gone uuid[];
  instant timestamptz := now();
  until timestamptz;
  length interval;
  today date;
  -- Several commands of one statement see all that it did, and are told of their own part alone. Once a
  -- window has moved under one of them, the others read it anew.
  statement constant text := statement_timestamp()::text;
  in_place boolean := false;
  moves boolean := false;
  anew boolean;
  weight bigint;
  oldest timestamptz;
  newest timestamptz;
begin
  lock table public.personality_profiles, public.sentiment_buckets in row exclusive mode;
  for i in 1 .. messages loop
    if signs[i] = 1 and ats[i] > instant then
      instant := ats[i];
    end if;
  end loop;
  select * into p from public.personality_profiles stored where stored.user_id = of_user for no key update;
  if not found then
    -- Who only loses messages and has no profile is being deleted: nothing to keep.
    if not 1 = any (signs) then
      return;
    end if;
    p := bondhu_portable.lock_profile(of_user, instant);
  end if;
  select * into s from bondhu.settings;
  if not found then
    s := bondhu_portable.settings();
  end if;
  former := p;
  length := make_interval(hours => s.window_hours);
  until := greatest(p.as_of, instant);
  today := (until at time zone 'UTC')::date;

  -- A call costs as much as a write: what most messages do is written out here.
  if messages = 1 and not takes then
    update public.sentiment_buckets b
    set message_count = b.message_count + 1, score_sum = b.score_sum + scores[1],
      score_sum_squares = b.score_sum_squares + scores[1] * scores[1],
      angry = b.angry + (moods[1] = 1)::integer, anxious = b.anxious + (moods[1] = 2)::integer, calm = b.calm + (moods[1] = 3)::integer, curious = b.curious + (moods[1] = 4)::integer, disgust = b.disgust + (moods[1] = 5)::integer, grateful = b.grateful + (moods[1] = 6)::integer, joy = b.joy + (moods[1] = 7)::integer, lonely = b.lonely + (moods[1] = 8)::integer, love = b.love + (moods[1] = 9)::integer, neutral = b.neutral + (moods[1] = 10)::integer, sad = b.sad + (moods[1] = 11)::integer, surprise = b.surprise + (moods[1] = 12)::integer, tired = b.tired + (moods[1] = 13)::integer
    where b.user_id = of_user and b.bucket_start = date_bin('15 minutes', ats[1], '1900-01-01 00:00+00');
    in_place := found;
  end if;
  if not in_place then
    perform bondhu_portable.put_buckets(of_user, signs, ats, scores, moods);
  end if;

  anew := s.window_hours <> p.window_hours or until - length >= p.as_of
    or current_setting('bondhu.moved', true) is not distinct from statement;
  if not anew and takes then
    for i in 1 .. messages loop
      continue when signs[i] = 1;
      if ats[i] > p.as_of - length then
        p.message_count := p.message_count - 1;
        p.window_sum := p.window_sum - scores[i];
        p.window_sum_squares := p.window_sum_squares - scores[i] * scores[i];
        p.window_moods[moods[i]] := p.window_moods[moods[i]] - 1;
        if p.window_latest[moods[i]] = ats[i] then
          p.window_latest[moods[i]] := null;
        end if;
        if p.window_oldest = ats[i] then
          p.window_oldest := null;
        end if;
      elsif ats[i] > p.as_of - 2 * length then
        p.previous_count := p.previous_count - 1;
        p.previous_sum := p.previous_sum - scores[i];
        if p.previous_oldest = ats[i] then
          p.previous_oldest := null;
        end if;
      end if;
    end loop;
  end if;
  moves := anew or until > p.as_of and (former.window_oldest <= until - length or former.previous_oldest <= until - 2 * length);
  if moves then
    perform set_config('bondhu.moved', statement, true);
  end if;
  if anew then
    p := bondhu_portable.windows(p, until, s.window_hours);
  elsif moves or takes then
    added := array(select r.id from unnest(signs, ids) r (sign, id) where r.sign = 1);
    p := bondhu_portable.moved(p, until, added);
  end if;

  if today <> (former.as_of at time zone 'UTC')::date then
    p.as_of := until;
    p := bondhu_portable.decayed(p, false);
  else
    for i in 1 .. messages loop
      weight := weights[1 + today - (ats[i] at time zone 'UTC')::date] * signs[i];
      continue when weight is null;
      p.trait_count := p.trait_count + weight;
      p.trait_sum := p.trait_sum + weight * scores[i];
      p.trait_sum_squares := p.trait_sum_squares + weight * scores[i] * scores[i];
      p.trait_moods[moods[i]] := p.trait_moods[moods[i]] + weight;
    end loop;
  end if;
  p.as_of := until;
  if not anew then
    for i in 1 .. messages loop
      continue when signs[i] = -1;
      if ats[i] > until - length then
        p.message_count := p.message_count + 1;
        p.window_sum := p.window_sum + scores[i];
        p.window_sum_squares := p.window_sum_squares + scores[i] * scores[i];
        p.window_moods[moods[i]] := p.window_moods[moods[i]] + 1;
        p.window_latest[moods[i]] := greatest(p.window_latest[moods[i]], ats[i]);
        p.window_oldest := least(p.window_oldest, ats[i]);
      elsif ats[i] > until - 2 * length then
        p.previous_count := p.previous_count + 1;
        p.previous_sum := p.previous_sum + scores[i];
        p.previous_oldest := least(p.previous_oldest, ats[i]);
      end if;
    end loop;
  end if;
  if takes or moves then
    if moves and not anew and bondhu_portable.is_unsound(p) then
      p := bondhu_portable.windows(p, until, s.window_hours);
    end if;
    if bondhu_portable.is_unsound(p) then
      perform bondhu_portable.refuse_inconsistent(of_user);
    end if;
  end if;

  if true = any (crises) or takes then
    for i in 1 .. messages loop
      continue when not crises[i];
      if signs[i] = 1 then
        p.last_crisis_at := greatest(p.last_crisis_at, ats[i]);
      elsif former.last_crisis_at = ats[i] then
        p.last_crisis_at := (
          select max(c.created_at) from public.chat_messages c where c.user_id = of_user and c.support_level = 'crisis'
        );
      end if;
    end loop;
    if takes then
      gone := array(
        select r.id from unnest(signs, ids) r (sign, id) group by r.id having max(r.sign) = -1
      );
      perform bondhu_portable.release(of_user, gone);
    end if;
    if true = any (crises) then
      perform bondhu_portable.note(of_user,
        array(select r.id from unnest(signs, ids, crises) r (sign, id, crisis) where r.crisis group by r.id having max(r.sign) = -1),
        array(select r.id from unnest(signs, ids, crises) r (sign, id, crisis) where r.crisis and r.sign = 1));
    end if;
  end if;

  p := bondhu_portable.concluded(p, s);
  if p.communication_style <> p.landmark_style or greatest(abs(p.openness * 100 - p.landmark_traits[1]), abs(p.conscientiousness * 100 - p.landmark_traits[2]), abs(p.extraversion * 100 - p.landmark_traits[3]), abs(p.agreeableness * 100 - p.landmark_traits[4]), abs(p.neuroticism * 100 - p.landmark_traits[5])) >= s.history_min_change * 100 then
    perform bondhu_portable.record(former, p, signs, ids, ats, scores);
    p.landmark_traits := array[(p.openness * 100)::bigint, (p.conscientiousness * 100)::bigint, (p.extraversion * 100)::bigint, (p.agreeableness * 100)::bigint, (p.neuroticism * 100)::bigint];
    p.landmark_style := p.communication_style;
  end if;
  update public.personality_profiles stored
  set as_of = p.as_of, openness = p.openness, conscientiousness = p.conscientiousness, extraversion = p.extraversion, agreeableness = p.agreeableness, neuroticism = p.neuroticism, trait_confidence = p.trait_confidence, communication_style = p.communication_style, emotional_stability = p.emotional_stability, needs_support = p.needs_support, message_count = p.message_count, mean_sentiment = p.mean_sentiment, sentiment_volatility = p.sentiment_volatility, dominant_mood = p.dominant_mood, sentiment_trend = p.sentiment_trend, data_status = p.data_status, window_hours = p.window_hours, window_sum = p.window_sum, window_sum_squares = p.window_sum_squares, window_moods = p.window_moods, window_latest = p.window_latest, window_oldest = p.window_oldest, previous_count = p.previous_count, previous_sum = p.previous_sum, previous_oldest = p.previous_oldest, trait_count = p.trait_count, trait_sum = p.trait_sum, trait_sum_squares = p.trait_sum_squares, trait_moods = p.trait_moods, last_crisis_at = p.last_crisis_at, landmark_traits = p.landmark_traits, landmark_style = p.landmark_style
  where stored.user_id = of_user;

  if p.wellness_until is not null then
    select min(r.at), max(r.at) into oldest, newest from unnest(ats) r (at) where r.at < p.wellness_until;
    if oldest is not null then
      perform bondhu.refresh_wellness(of_user, oldest, newest + make_interval(hours => 336));
    end if;
  end if;
end
$$;
comment on function bondhu_portable.fold(uuid, integer[], uuid[], timestamptz[], bigint[], integer[], boolean[]) is
  'Folds what a statement did to one user''s messages. The profile''s row is the lock under which everything derived about them changes.';

-- In the order of user ids, so that no two statements wait for each other.
create function bondhu_portable.fold_messages() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  change record;
begin
  if tg_when <> 'AFTER' or tg_level <> 'STATEMENT' or tg_op = 'TRUNCATE'
    or tg_table_name <> 'chat_messages' or tg_table_schema <> 'public' then
    perform bondhu_portable.require_messages('fold_messages', tg_table_schema, tg_table_name,
      tg_when = 'AFTER' and tg_level = 'STATEMENT' and tg_op <> 'TRUNCATE');
  end if;
  if tg_op = 'INSERT' then
    for change in
      select c.user_id, array_agg(c.sign) as signs, array_agg(c.id) as ids, array_agg(c.created_at) as ats, array_agg(c.score) as scores,
        array_agg(c.mood) as moods, array_agg(c.crisis) as crises
      from (
        select n.user_id, 1 as sign, n.id, n.created_at, (n.sentiment_score * 100)::bigint as score,
          array_position(array['angry', 'anxious', 'calm', 'curious', 'disgust', 'grateful', 'joy', 'lonely', 'love', 'neutral', 'sad', 'surprise', 'tired'], n.mood_detected) as mood, n.support_level = 'crisis' as crisis
        from new_messages n
        where n.engine_version is not null
        offset 0
      ) c
      group by c.user_id order by c.user_id
    loop
      perform bondhu_portable.fold(change.user_id, change.signs, change.ids, change.ats, change.scores, change.moods, change.crises);
    end loop;
  elsif tg_op = 'DELETE' then
    for change in
      select c.user_id, array_agg(c.sign) as signs, array_agg(c.id) as ids, array_agg(c.created_at) as ats, array_agg(c.score) as scores,
        array_agg(c.mood) as moods, array_agg(c.crisis) as crises
      from (
        select o.user_id, -1 as sign, o.id, o.created_at, (o.sentiment_score * 100)::bigint as score,
          array_position(array['angry', 'anxious', 'calm', 'curious', 'disgust', 'grateful', 'joy', 'lonely', 'love', 'neutral', 'sad', 'surprise', 'tired'], o.mood_detected) as mood, o.support_level = 'crisis' as crisis
        from old_messages o
        where o.engine_version is not null
        offset 0
      ) c
      group by c.user_id order by c.user_id
    loop
      perform bondhu_portable.fold(change.user_id, change.signs, change.ids, change.ats, change.scores, change.moods, change.crises);
    end loop;
  else
    -- What leaves a message's score, its time and its owner alone is no change.
    for change in
      select c.user_id, array_agg(c.sign) as signs, array_agg(c.id) as ids, array_agg(c.created_at) as ats, array_agg(c.score) as scores,
        array_agg(c.mood) as moods, array_agg(c.crisis) as crises
      from (
        select r.user_id, sum(r.sign)::integer as sign, r.id, r.created_at, (r.sentiment_score * 100)::bigint as score,
          array_position(array['angry', 'anxious', 'calm', 'curious', 'disgust', 'grateful', 'joy', 'lonely', 'love', 'neutral', 'sad', 'surprise', 'tired'], r.mood_detected) as mood, r.support_level = 'crisis' as crisis
        from (
          select -1 as sign, o.user_id, o.id, o.created_at, o.sentiment_score, o.mood_detected, o.support_level
          from old_messages o where o.engine_version is not null
          union all
          select 1, n.user_id, n.id, n.created_at, n.sentiment_score, n.mood_detected, n.support_level
          from new_messages n where n.engine_version is not null
        ) r
        group by r.user_id, r.id, r.created_at, r.sentiment_score, r.mood_detected, r.support_level = 'crisis'
        having sum(r.sign) <> 0
        offset 0
      ) c
      group by c.user_id order by c.user_id
    loop
      perform bondhu_portable.fold(change.user_id, change.signs, change.ids, change.ats, change.scores, change.moods, change.crises);
    end loop;
  end if;
  return null;
end
$$;
comment on function bondhu_portable.fold_messages() is 'AFTER INSERT, UPDATE or DELETE statement trigger with transition tables new_messages and old_messages.';

revoke all on function bondhu_portable.require_messages(text, name, name, boolean), bondhu_portable.score_message(),
  bondhu_portable.refuse_inconsistent(uuid), bondhu_portable.is_unsound(public.personality_profiles),
  bondhu_portable.put_buckets(uuid, integer[], timestamptz[], bigint[], integer[]),
  bondhu_portable.record(public.personality_profiles, public.personality_profiles, integer[], uuid[], timestamptz[], bigint[]),
  bondhu_portable.fold(uuid, integer[], uuid[], timestamptz[], bigint[], integer[], boolean[]), bondhu_portable.fold_messages()
  from public, anon, authenticated, service_role;
