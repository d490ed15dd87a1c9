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
declare
  scored record;
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
    scored := bondhu_portable.reading(new.message_text);
    new.sentiment_score := scored.sentiment_score;
    new.mood_detected := scored.mood;
    new.support_level := scored.support_level;
    new.engine_version := scored.engine_version;
  else
    new.sentiment_score := null;
    new.mood_detected := null;
    new.support_level := null;
    new.engine_version := null;
  end if;
  if tg_op = 'UPDATE' then
    -- They are about the former text.
    new.corrected_sentiment := null;
    new.corrected_mood := null;
  elsif new.counts and exists (select from bondhu.people_not_learnt_from p where p.user_id = new.user_id) then
    new.counts := new.engine_version is null;
  end if;
  return new;
end
$$;
comment on function bondhu_portable.score_message() is 'BEFORE INSERT OR UPDATE row trigger: scores what the user says, and nobody else; new messages of whoever is not learnt from do not count.';

-- What a statement did to one user's messages: sign 1 for one that came, -1 for one that went. One that does
-- not count has no score; it shows a crisis.
create function bondhu_portable.fold(of_user uuid, signs integer[], ids uuid[], ats timestamptz[], scores bigint[],
  moods integer[], crises boolean[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  s bondhu.settings;
  p bondhu_portable.profile;
  former bondhu_portable.profile;
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
  recounted text;
  recounts boolean;
  moves boolean := false;
  anew boolean;
  score bigint;
  mood integer;
  bucket timestamptz;
  weight bigint;
begin
  for i in 1 .. messages loop
    if signs[i] = 1 and ats[i] > instant then
      instant := ats[i];
    end if;
  end loop;
  select {{profile columns}} into p from public.personality_profiles stored where stored.user_id = of_user for no key update;
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
  recounted := coalesce(current_setting('bondhu.recounted', true), '');
  recounts := p.settings_version < s.recount_before or p.settings_version > s.version
    or starts_with(recounted, statement) and strpos(recounted, of_user::text) > 0;

  if recounts then
    p := bondhu_portable.everything(p, s, until);
    former := p;
  else
    -- A call costs as much as a write: what most messages do is written out here.
    if messages = 1 and not takes and scores[1] is not null then
      score := scores[1];
      mood := moods[1];
      bucket := date_bin('15 minutes', ats[1], '1900-01-01 00:00+00');
      update public.sentiment_buckets b
      set message_count = b.message_count + 1, score_sum = b.score_sum + score, score_sum_squares = b.score_sum_squares + score * score,
        {{one mood more}}
      where b.user_id = of_user and b.bucket_start = bucket;
      if not found then
        insert into public.sentiment_buckets (user_id, bucket_start, message_count, score_sum, score_sum_squares, {{mood columns}})
        values (of_user, bucket, 1, score, score * score, {{one mood}});
      end if;
    else
      perform bondhu_portable.put_buckets(of_user, signs, ats, scores, moods);
    end if;

    anew := s.window_hours <> p.window_hours or until - length >= p.as_of
      or current_setting('bondhu.moved', true) is not distinct from statement;
    if not anew and takes then
      for i in 1 .. messages loop
        continue when signs[i] = 1 or scores[i] is null;
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
        weight := ({{weights}})[1 + today - (ats[i] at time zone 'UTC')::date] * signs[i];
        continue when weight is null or scores[i] is null;
        p.trait_count := p.trait_count + weight;
        p.trait_sum := p.trait_sum + weight * scores[i];
        p.trait_sum_squares := p.trait_sum_squares + weight * scores[i] * scores[i];
        p.trait_moods[moods[i]] := p.trait_moods[moods[i]] + weight;
      end loop;
    end if;
    p.as_of := until;
    if not anew then
      for i in 1 .. messages loop
        continue when signs[i] = -1 or scores[i] is null;
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
          select r.id from unnest(signs, ids, scores) r (sign, id, score)
          group by r.id having not bool_or(r.sign = 1 and r.score is not null)
        );
        perform bondhu_portable.release(of_user, gone);
      end if;
      if true = any (crises) then
        perform bondhu_portable.note(of_user,
          array(select r.id from unnest(signs, ids, crises) r (sign, id, crisis) where r.crisis group by r.id having max(r.sign) = -1),
          array(select r.id from unnest(signs, ids, crises) r (sign, id, crisis) where r.crisis and r.sign = 1));
      end if;
    end if;
  end if;

  p := bondhu_portable.concluded(p, s);
  if p.communication_style <> p.landmark_style or {{trait has moved}} then
    perform bondhu_portable.record(former, p, signs, ids, ats, scores);
    p.landmark_traits := array[{{landmark}}];
    p.landmark_style := p.communication_style;
  end if;
  p.settings_version := s.version;
  update public.personality_profiles stored
  set {{written}}
  where stored.user_id = of_user;
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
      select c.user_id, {{changes}}
      from (
        select n.user_id, 1 as sign, n.id, n.created_at, case when n.counts then {{score of n}} end as score,
          array_position({{mood names}}, {{mood of n}}) as mood, n.support_level = 'crisis' as crisis
        from new_messages n
        where {{says something of n}}
        offset 0
      ) c
      group by c.user_id order by c.user_id
    loop
      perform bondhu_portable.fold(change.user_id, change.signs, change.ids, change.ats, change.scores, change.moods, change.crises);
      -- Those that were about to be stored when their author withdrew.
      if exists (select from bondhu.people_not_learnt_from p where p.user_id = change.user_id) then
        update public.chat_messages m set counts = false where m.user_id = change.user_id and m.id = any (change.ids) and m.counts;
      end if;
    end loop;
  elsif tg_op = 'DELETE' then
    for change in
      select c.user_id, {{changes}}
      from (
        select o.user_id, -1 as sign, o.id, o.created_at, case when o.counts then {{score of o}} end as score,
          array_position({{mood names}}, {{mood of o}}) as mood, o.support_level = 'crisis' as crisis
        from old_messages o
        where {{says something of o}}
        offset 0
      ) c
      group by c.user_id order by c.user_id
    loop
      perform bondhu_portable.fold(change.user_id, change.signs, change.ids, change.ats, change.scores, change.moods, change.crises);
    end loop;
  else
    -- What leaves a message's score, its time and its owner alone is no change.
    for change in
      select c.user_id, {{changes}}
      from (
        select r.user_id, sum(r.sign)::integer as sign, r.id, r.created_at, r.score,
          array_position({{mood names}}, r.mood) as mood, r.crisis
        from (
          select -1 as sign, o.user_id, o.id, o.created_at, case when o.counts then {{score of o}} end as score,
            {{mood of o}} as mood, o.support_level = 'crisis' as crisis
          from old_messages o where {{says something of o}}
          union all
          select 1, n.user_id, n.id, n.created_at, case when n.counts then {{score of n}} end,
            {{mood of n}}, n.support_level = 'crisis'
          from new_messages n where {{says something of n}}
        ) r
        group by r.user_id, r.id, r.created_at, r.score, r.mood, r.crisis
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
  bondhu_portable.fold(uuid, integer[], uuid[], timestamptz[], bigint[], integer[], boolean[]), bondhu_portable.fold_messages()
  from public, anon, authenticated, service_role;
