-- Messages that are unscored, or scored by another version of the engine.

-- Progress of the walk over messages of other engine versions.
create table bondhu.rescoring (
  engine_version integer primary key,
  after_user uuid not null default '00000000-0000-0000-0000-000000000000',
  after_message uuid not null default '00000000-0000-0000-0000-000000000000',
  finished_at timestamptz
);
comment on table bondhu.rescoring is 'Where bondhu.rescore() continues, for the engine version that it scores with. Messages up to (after_user, after_message), in the order of the primary key, are done.';
revoke all on bondhu.rescoring from public, anon, authenticated, service_role;
grant select on bondhu.rescoring to service_role;

create function bondhu.rescore_messages(users uuid[], ids uuid[]) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  rescored bigint;
begin
  update public.chat_messages m
     set sentiment_score = s.sentiment_score, mood_detected = s.mood,
         support_level = s.support_level, engine_version = s.engine_version
    from unnest(users, ids) due (user_id, id)
    join public.chat_messages t on t.user_id = due.user_id and t.id = due.id
    -- One row, which the planner would not guess.
    cross join lateral (select * from bondhu.score(t.message_text) limit 1) s
   where m.user_id = due.user_id and m.id = due.id;
  get diagnostics rescored = row_count;
  return rescored;
end
$$;
comment on function bondhu.rescore_messages(uuid[], uuid[]) is 'Scores the given messages, which the caller has locked; returns how many.';

-- Bounded in what it writes per call, so that a live system is not slowed down for long.
create function bondhu.rescore(batch integer default 1000) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  current_version integer := (bondhu.engine() ->> 'version')::integer;
  done bondhu.rescoring;
  page_user uuid;
  page_id uuid;
  users uuid[];
  ids uuid[];
begin
  if current_version is null then
    perform bondhu.refuse_without_engine();
  end if;
  if batch is null or batch < 1 then
    raise exception using errcode = '22023', message = 'batch must be at least 1';
  end if;
  -- As a restore may leave the session: messages would be scored, and counted nowhere.
  if current_setting('session_replication_role') = 'replica' then
    raise exception using
      errcode = '55000',
      message = 'triggers are off in this session',
      hint = 'Run reset session_replication_role; then bondhu.rescore() again.';
  end if;

  -- Unscored messages have an index of their own.
  select array_agg(due.user_id), array_agg(due.id) into users, ids
  from (
    select m.user_id, m.id
    from public.chat_messages m
    where m.sender_type = 'user' and m.engine_version is null
    order by m.user_id, m.created_at
    limit batch
    for update skip locked
  ) due;
  if users is not null then
    return bondhu.rescore_messages(users, ids);
  end if;

  -- Messages of another version are found by a walk along the primary key, one call at a time, which
  -- continues where the last one ended.
  delete from bondhu.rescoring r where r.engine_version <> current_version;
  insert into bondhu.rescoring (engine_version) values (current_version) on conflict do nothing;
  select * into strict done from bondhu.rescoring r where r.engine_version = current_version for update;
  while done.finished_at is null loop
    select page.user_id, page.id into page_user, page_id
    from (
      select m.user_id, m.id
      from public.chat_messages m
      where (m.user_id, m.id) > (done.after_user, done.after_message)
      order by m.user_id, m.id
      limit batch
    ) page
    order by page.user_id desc, page.id desc
    limit 1;
    if not found then
      update bondhu.rescoring r set finished_at = now() where r.engine_version = current_version;
      return 0;
    end if;

    select array_agg(due.user_id), array_agg(due.id) into users, ids
    from (
      select m.user_id, m.id
      from public.chat_messages m
      where (m.user_id, m.id) > (done.after_user, done.after_message) and (m.user_id, m.id) <= (page_user, page_id)
        and m.sender_type = 'user' and m.engine_version <> current_version
      order by m.user_id, m.id
      for update
    ) due;
    update bondhu.rescoring r set after_user = page_user, after_message = page_id
    where r.engine_version = current_version
    returning * into done;
    if users is not null then
      return bondhu.rescore_messages(users, ids);
    end if;
  end loop;
  return 0;
end
$$;
comment on function bondhu.rescore(integer) is
  'Scores up to `batch` messages that the current engine has not scored; returns how many. Call until it returns 0. Each call is complete, and the next continues where it ended.';

revoke all on function bondhu.rescore_messages(uuid[], uuid[]), bondhu.rescore(integer)
  from public, anon, authenticated, service_role;
grant execute on function bondhu.rescore(integer) to service_role;
