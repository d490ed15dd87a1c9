-- What a fold writes beside the profile: buckets, and history with its evidence.

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

create function bondhu_portable.is_unsound(p bondhu_portable.profile) returns boolean
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return least(p.message_count, p.window_sum, p.window_sum_squares, p.previous_count, p.previous_sum, p.trait_count, p.trait_sum,
    p.trait_sum_squares, {{each of the windows}}, {{each of the traits}}) < 0;
end
$$;
comment on function bondhu_portable.is_unsound(bondhu_portable.profile) is 'Whether this can be no tally of messages: a sum is below zero.';

-- A bucket that loses its last message goes: nothing may tell it was there.
create function bondhu_portable.put_buckets(of_user uuid, signs integer[], ats timestamptz[], scores bigint[], moods integer[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  touched timestamptz[];
  updated bigint;
begin
  -- Not by "on conflict", which a table with rules refuses. Nobody else writes buckets of this user.
  update public.sentiment_buckets b
  set message_count = b.message_count + c.n, score_sum = b.score_sum + c.total, score_sum_squares = b.score_sum_squares + c.squares,
    {{moods more}}
  from ({{changed buckets}}) c
  where b.user_id = of_user and b.bucket_start = c.bucket;
  get diagnostics updated = row_count;
  if updated < (select count(distinct date_bin('15 minutes', r.at, '1900-01-01 00:00+00')) from unnest(ats) r (at)) then
    insert into public.sentiment_buckets (user_id, bucket_start, message_count, score_sum, score_sum_squares, {{mood columns}})
    select of_user, c.bucket, c.n, c.total, c.squares, {{changed moods}}
    from ({{changed buckets}}) c
    where not exists (select from public.sentiment_buckets b where b.user_id = of_user and b.bucket_start = c.bucket)
    order by c.bucket;
  end if;
  if -1 = any (signs) then
    touched := array(select distinct date_bin('15 minutes', r.at, '1900-01-01 00:00+00') from unnest(ats) r (at));
    perform from public.sentiment_buckets b
    where b.user_id = of_user and b.bucket_start = any (touched)
      and least(b.message_count, b.score_sum, b.score_sum_squares, {{bucket mood columns}}) < 0;
    if found then
      perform bondhu_portable.refuse_inconsistent(of_user);
    end if;
    delete from public.sentiment_buckets b
    where b.user_id = of_user and b.bucket_start = any (touched)
      and greatest(b.message_count, b.score_sum, b.score_sum_squares, {{bucket mood columns}}) = 0;
  end if;
end
$$;
comment on function bondhu_portable.put_buckets(uuid, integer[], timestamptz[], bigint[], integer[]) is 'Applies what a user''s buckets change by. The user''s profile is locked.';

-- The strongest of the newest messages and of those just added. A change that no message supports (all were
-- deleted) leaves no row. A message that somebody is deleting may be named: they wait for the profile, and release it.
create function bondhu_portable.record(former bondhu_portable.profile, p bondhu_portable.profile,
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
      abs(c.score - 50) * coalesce(({{weights}})[1 + today - (c.created_at at time zone 'UTC')::date], 0) / {{unit}} as weight
    from (
      (
        select m.id, m.created_at, {{score of m}} as score
        from public.chat_messages m
        where m.user_id = p.user_id and {{counts of m}}
        order by m.created_at desc, m.seq desc
        limit {{looked at}}
      )
      union all
      select r.id, r.at, r.score from unnest(signs, ids, ats, scores) r (sign, id, at, score) where r.sign = 1 and r.score is not null
    ) c
    order by 3 desc, 2 desc, 1
    limit {{named}}
  ) e;
  if evidence is null then
    return;
  end if;
  insert into public.personality_history (user_id, id, changed_at, before, after, window_start, window_end, message_count)
  values (p.user_id, change, p.as_of,
    jsonb_build_object({{former traits}}, 'communication_style', former.landmark_style),
    jsonb_build_object({{traits now}}, 'communication_style', p.communication_style),
    p.as_of - make_interval(hours => p.window_hours), p.as_of, p.message_count);
  insert into public.personality_history_evidence (user_id, history_id, message_id, weight)
  select p.user_id, change, e.id, e.weight from unnest(evidence, weights) e (id, weight);
end
$$;
comment on function bondhu_portable.record(bondhu_portable.profile, bondhu_portable.profile, integer[], uuid[], timestamptz[], bigint[]) is
  'Appends a row of history with its evidence.';

revoke all on function bondhu_portable.refuse_inconsistent(uuid), bondhu_portable.is_unsound(bondhu_portable.profile),
  bondhu_portable.put_buckets(uuid, integer[], timestamptz[], bigint[], integer[]),
  bondhu_portable.record(bondhu_portable.profile, bondhu_portable.profile, integer[], uuid[], timestamptz[], bigint[])
  from public, anon, authenticated, service_role;
