-- Attaches the server's engine, and defines the functions through which everything else calls it.

create function bondhu.missing_from_engine(engine_schema text) returns text[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(array_agg(c.signature order by c.signature), '{}')
  from bondhu.engine_contract() c
  where not exists (
    select
    from pg_catalog.pg_proc p
    where p.oid = to_regprocedure(format('%I.%s', engine_schema, c.signature))
      and pg_catalog.pg_get_function_result(p.oid) = c.result
  )
$$;
comment on function bondhu.missing_from_engine(text) is 'Signatures of the contract that a schema lacks; empty for an engine.';

create function bondhu.grant_engine(engine_schema text, owner name) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if has_schema_privilege(owner, engine_schema, 'usage with grant option') and not exists (
    select from pg_catalog.pg_proc p
    where p.pronamespace = engine_schema::regnamespace and not has_function_privilege(owner, p.oid, 'execute with grant option')
  ) then
    return;
  end if;
  execute format('grant usage on schema %I to %I with grant option', engine_schema, owner);
  execute format('grant execute on all functions in schema %I to %I with grant option', engine_schema, owner);
exception when insufficient_privilege then
  raise exception using
    errcode = '42501',
    message = format('%s may not use the engine in schema %s', owner, engine_schema),
    detail = 'Another role has created the extension, as in a restore by a superuser.',
    hint = 'Let a superuser run select bondhu.install_engine();';
end
$$;
comment on function bondhu.grant_engine(text, name) is 'Grants the owner of the messages the use of an engine that another role has created.';

create function bondhu.install_engine() returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $install$
declare
  owner constant name := (select pg_catalog.pg_get_userbyid(c.relowner) from pg_catalog.pg_class c where c.oid = 'public.chat_messages'::regclass);
  engine text;
  missing text[];
  was_detached boolean := 3 > (
    select count(*) from pg_catalog.pg_trigger
    where tgrelid = 'public.chat_messages'::regclass and tgname like 'bondhu_fold_%' and tgenabled in ('O', 'A')
  );
begin
  if exists (select from pg_catalog.pg_extension where extname = 'bondhu') then
    perform bondhu.grant_engine('bondhu_native', owner);
  end if;
  if current_user <> owner then
    -- Until the end of this function: what a superuser repairs must not be owned by the superuser.
    perform set_config('role', owner, true);
  end if;
  if exists (select from pg_catalog.pg_available_extensions where name = 'bondhu') then
    create extension if not exists bondhu;
    engine := 'bondhu_native';
  end if;

  perform bondhu.detach_engine();
  perform bondhu.repair_triggers();
  perform bondhu.create_missing_profiles();
  if engine is null then
    raise notice using
      message = 'no engine on this server: chat is stored unscored',
      hint = 'Install the extension "bondhu" on the server, then run select bondhu.install_engine(); and bondhu.rescore().';
    return null;
  end if;

  missing := bondhu.missing_from_engine(engine);
  if cardinality(missing) > 0 then
    raise exception using
      errcode = '0A000',
      message = format('engine %s lacks %s', engine, array_to_string(missing, ', ')),
      hint = 'Update the engine to the version these migrations were written for: alter extension bondhu update;';
  end if;

  execute format($ddl$
    create trigger bondhu_score_message before insert or update of message_text, sender_type on public.chat_messages
      for each row execute function %1$I.score_message();
    create trigger bondhu_fold_inserted after insert on public.chat_messages
      referencing new table as new_messages for each statement execute function %1$I.fold_messages();
    create trigger bondhu_fold_updated after update on public.chat_messages
      referencing old table as old_messages new table as new_messages
      for each statement execute function %1$I.fold_messages();
    create trigger bondhu_fold_deleted after delete on public.chat_messages
      referencing old table as old_messages for each statement execute function %1$I.fold_messages();
  $ddl$, engine);
  drop trigger if exists bondhu_clear_score on public.chat_messages;
  perform bondhu.point_entries_at(engine);
  delete from bondhu.rescoring where true;
  if was_detached then
    -- Messages may have been deleted or edited meanwhile.
    perform bondhu.recompute(p.user_id) from (
      select user_id from public.personality_profiles
      union
      select user_id from public.chat_messages where engine_version is not null
      order by user_id
    ) p;
  end if;
  return engine;
end
$install$;
comment on function bondhu.install_engine() is
  'Selects the server''s engine, attaches its triggers, points the entry functions at it; restores missing triggers and profiles. Run by the owner or a superuser, again after an extension was installed or a backup restored. Returns the engine''s schema, null when there is none.';

create function bondhu.clear_score() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if (new.message_text, new.sender_type) is distinct from (old.message_text, old.sender_type) then
    new.sentiment_score := null;
    new.mood_detected := null;
    new.support_level := null;
    new.engine_version := null;
  end if;
  return new;
end
$$;
comment on function bondhu.clear_score() is 'BEFORE UPDATE trigger while no engine is attached: clears the score of a changed text.';

-- The entry functions. `create or replace` keeps their grants. PL/pgSQL keeps their plans too;
-- a function in SQL would be planned at each call.

create function bondhu.point_entries_at(engine text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $point$
begin
  execute format($ddl$
    create or replace function bondhu.engine() returns jsonb
    language plpgsql stable set search_path = pg_catalog, pg_temp
    as $f$ begin return jsonb_build_object('name', %1$L, 'version', %1$I.engine_version()); end $f$;

    create or replace function bondhu.score(message_text text, out sentiment_score numeric, out mood text,
      out mood_confidence numeric, out support_level text, out engine_version integer)
    language sql stable set search_path = pg_catalog, pg_temp
    as $f$ select s.* from %1$I.score($1) s $f$;

    create or replace function bondhu.explain(message_text text, out figure text, out part text, out weight numeric)
    returns setof record
    language plpgsql stable set search_path = pg_catalog, pg_temp
    as $f$ begin return query select e.* from %1$I.explain($1) e; end $f$;

    create or replace function bondhu.personality(user_ids uuid[], as_of timestamptz) returns setof bondhu.personality
    language plpgsql stable set search_path = pg_catalog, pg_temp
    as $f$ begin return query select p.* from %1$I.personality($1, $2) p; end $f$;

    create or replace function bondhu.recompute(user_id uuid) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
    as $f$ begin perform %1$I.recompute($1); perform bondhu.recompute_wellness($1); end $f$;

    create or replace function bondhu.patterns(user_ids uuid[], as_of timestamptz, out user_id uuid, out time_zone text,
      out hour_counts bigint[], out hour_means numeric[], out weekday_counts bigint[], out weekday_means numeric[],
      out inertia numeric, out current_streak bigint, out longest_streak bigint) returns setof record
    language plpgsql stable set search_path = pg_catalog, pg_temp
    as $f$ begin return query select p.* from %1$I.patterns($1, $2) p; end $f$;

    create or replace function bondhu.wellness(user_id uuid, first_day date, last_day date, out day date,
      out message_count bigint, out active_days bigint, out score numeric, out mean numeric, out trend numeric,
      out stability numeric, out engagement numeric) returns setof record
    language plpgsql stable set search_path = pg_catalog, pg_temp
    as $f$ begin return query select w.* from %1$I.wellness($1, $2, $3) w; end $f$;

    create or replace function bondhu.refresh(user_ids uuid[]) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
    as $f$ begin perform %1$I.refresh($1); end $f$;

    create or replace function bondhu.differences(user_ids uuid[],
      out user_id uuid, out relation text, out figure text, out stored text, out recounted text) returns setof record
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
    as $f$ begin return query select d.* from %1$I.verify($1) d; end $f$;
  $ddl$, engine);
  execute format($ddl$
    grant usage on schema %1$I to service_role, bondhu_worker;
    grant execute on function %1$I.engine_version(), %1$I.score(text), %1$I.explain(text), %1$I.personality(uuid[], timestamptz)
      to service_role, bondhu_worker;
  $ddl$, engine);
end
$point$;

create function bondhu.detach_engine() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $detach$
begin
  drop trigger if exists bondhu_score_message on public.chat_messages;
  drop trigger if exists bondhu_fold_inserted on public.chat_messages;
  drop trigger if exists bondhu_fold_updated on public.chat_messages;
  drop trigger if exists bondhu_fold_deleted on public.chat_messages;
  create or replace trigger bondhu_clear_score before update of message_text, sender_type on public.chat_messages
    for each row execute function bondhu.clear_score();

  create or replace function bondhu.engine() returns jsonb
  language plpgsql stable set search_path = pg_catalog, pg_temp
  as $f$ begin return null; end $f$;

  -- In SQL: linters would report unused arguments in PL/pgSQL functions that only raise.
  create or replace function bondhu.score(message_text text, out sentiment_score numeric, out mood text,
    out mood_confidence numeric, out support_level text, out engine_version integer)
  language sql stable set search_path = pg_catalog, pg_temp
  as $f$ select bondhu.refuse_without_engine(); select null::numeric, null::text, null::numeric, null::text, null::integer $f$;

  create or replace function bondhu.explain(message_text text, out figure text, out part text, out weight numeric)
  returns setof record
  language sql stable set search_path = pg_catalog, pg_temp
  as $f$ select bondhu.refuse_without_engine(); select null::text, null::text, null::numeric $f$;

  create or replace function bondhu.personality(user_ids uuid[], as_of timestamptz) returns setof bondhu.personality
  language sql stable set search_path = pg_catalog, pg_temp
  as $f$ select (null::bondhu.personality).* where false $f$;

  create or replace function bondhu.recompute(user_id uuid) returns void
  language sql security definer set search_path = pg_catalog, pg_temp
  as $f$ select bondhu.refuse_without_engine() $f$;

  create or replace function bondhu.patterns(user_ids uuid[], as_of timestamptz, out user_id uuid, out time_zone text,
    out hour_counts bigint[], out hour_means numeric[], out weekday_counts bigint[], out weekday_means numeric[],
    out inertia numeric, out current_streak bigint, out longest_streak bigint) returns setof record
  language sql stable set search_path = pg_catalog, pg_temp
  as $f$ select bondhu.refuse_without_engine(); select null::uuid, null::text, null::bigint[], null::numeric[],
    null::bigint[], null::numeric[], null::numeric, null::bigint, null::bigint $f$;

  create or replace function bondhu.wellness(user_id uuid, first_day date, last_day date, out day date,
    out message_count bigint, out active_days bigint, out score numeric, out mean numeric, out trend numeric,
    out stability numeric, out engagement numeric) returns setof record
  language sql stable set search_path = pg_catalog, pg_temp
  as $f$ select bondhu.refuse_without_engine(); select null::date, null::bigint, null::bigint, null::numeric,
    null::numeric, null::numeric, null::numeric, null::numeric $f$;

  create or replace function bondhu.refresh(user_ids uuid[]) returns void
  language sql security definer set search_path = pg_catalog, pg_temp
  as $f$ select bondhu.refuse_without_engine() $f$;

  create or replace function bondhu.differences(user_ids uuid[],
    out user_id uuid, out relation text, out figure text, out stored text, out recounted text) returns setof record
  language sql stable security definer set search_path = pg_catalog, pg_temp
  as $f$ select bondhu.refuse_without_engine(); select null::uuid, null::text, null::text, null::text, null::text $f$;
end
$detach$;
comment on function bondhu.detach_engine() is
  'Detaches the engine: messages are stored unscored, and entry functions raise 0A000. Run before drop extension bondhu.';

create function bondhu.refuse_without_engine() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = '0A000',
    message = 'no engine is installed',
    hint = 'Install the extension "bondhu" on the server, then run select bondhu.install_engine();';
end
$$;
comment on function bondhu.refuse_without_engine() is 'Raises 0A000: there is no engine.';

-- Reads the catalog and not the engine, whose functions clients may not call.
create function bondhu.require_engine() returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (
    select from pg_catalog.pg_trigger t
    where t.tgrelid = 'public.chat_messages'::regclass and t.tgname = 'bondhu_fold_inserted'
  ) then
    perform bondhu.refuse_without_engine();
  end if;
end
$$;
comment on function bondhu.require_engine() is
  'Raises 0A000 without an engine. First in every RPC that reads conclusions: an empty answer would be mistaken for a user without data.';

create type bondhu.personality as (
  user_id uuid,
  as_of timestamptz,
  until timestamptz,
  openness numeric,
  conscientiousness numeric,
  extraversion numeric,
  agreeableness numeric,
  neuroticism numeric,
  trait_confidence numeric,
  communication_style text,
  emotional_stability text,
  needs_support boolean,
  message_count bigint,
  mean_sentiment numeric,
  sentiment_volatility numeric,
  dominant_mood text,
  sentiment_trend text
);
revoke all on type bondhu.personality from public;
grant usage on type bondhu.personality to service_role, bondhu_worker;

select bondhu.install_engine();

comment on function bondhu.engine() is 'Name and version of the installed engine; null without one.';
comment on function bondhu.score(text) is 'Sentiment (0..1), mood, its confidence (0..1), support level. 0A000 without an engine.';
comment on function bondhu.explain(text) is 'Why a text has its sentiment and mood: words and pairs of words with their weight in log odds, strongest first. 0A000 without an engine.';
comment on function bondhu.personality(uuid[], timestamptz) is 'What is concluded about users, exact as of the given instant; no rows without an engine.';
comment on function bondhu.recompute(uuid) is 'Rebuilds everything derived about a user from the raw messages. 0A000 without an engine.';

comment on function bondhu.patterns(uuid[], timestamptz) is 'Hours, weekdays, inertia and streaks of users in their own time zone. 0A000 without an engine.';
comment on function bondhu.wellness(uuid, date, date) is 'Wellness of the weeks that end with a user''s days: a heuristic, no diagnosis. 0A000 without an engine.';
comment on function bondhu.refresh(uuid[]) is 'Updates the stored profiles of users to now, as a message would. 0A000 without an engine.';
comment on function bondhu.differences(uuid[]) is 'bondhu.verify() for what the engine itself stores.';

create function bondhu.verify_all(users uuid[])
returns table (user_id uuid, relation text, figure text, stored text, recounted text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
    select d.* from bondhu.differences(users) d
    union all
    select w.* from unnest(users) id cross join lateral bondhu.wellness_differences(id) w
    union all
    select u.id, 'companion_profiles', 'row', null, 'exists'
    from auth.users u
    where u.id = any (users) and not exists (select from public.companion_profiles p where p.user_id = u.id);
end
$$;
comment on function bondhu.verify_all(uuid[]) is 'bondhu.verify() for the given users.';

create function bondhu.verify(user_id uuid default null)
returns table (user_id uuid, relation text, figure text, stored text, recounted text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select v.*
  from bondhu.verify_all(case when $1 is not null then array[$1] else (
    select coalesce(array_agg(u.id order by u.id), '{}') from auth.users u
  ) end) v
  union all
  -- Of no user: without these triggers the next message or sign-up is not processed.
  select null, l.relation, 'trigger ' || l.name, l.state, 'enabled'
  from bondhu.lost_triggers() l
$$;
comment on function bondhu.verify(uuid) is
  'Compares what is stored about one user, or all users, with the raw messages: a row for each figure that differs, for a missing profile, and (without a user_id) for each missing trigger; no rows when all is exact. 0A000 without an engine.';

-- SECURITY DEFINER: it runs as the role that changes settings, which has no rights on what it rebuilds.
create function bondhu.apply_engine_settings() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if bondhu.engine() is not null then
    -- Waits for messages that are being written under the former settings, and makes new ones wait, so
    -- that no transaction is processed under both.
    lock table public.personality_profiles in share row exclusive mode;
    perform bondhu.recompute(p.user_id) from (select user_id from public.personality_profiles order by user_id) p;
  end if;
  return null;
end
$$;
comment on function bondhu.apply_engine_settings() is
  'AFTER UPDATE trigger on settings: rebuilds what was concluded under the former settings, in the same transaction.';

create trigger settings_apply_to_engine after update on bondhu.settings
  for each row when (
    (old.window_hours, old.min_messages, old.trend_threshold_hundredths, old.needs_support_below_hundredths,
     old.enthusiastic_above_hundredths, old.variable_above_hundredths, old.crisis_support_hours, old.trait_full_confidence,
     old.wellness_retention_days)
    is distinct from
    (new.window_hours, new.min_messages, new.trend_threshold_hundredths, new.needs_support_below_hundredths,
     new.enthusiastic_above_hundredths, new.variable_above_hundredths, new.crisis_support_hours, new.trait_full_confidence,
     new.wellness_retention_days)
  ) execute function bondhu.apply_engine_settings();

revoke all on function bondhu.missing_from_engine(text), bondhu.grant_engine(text, name), bondhu.install_engine(), bondhu.clear_score(), bondhu.point_entries_at(text),
  bondhu.detach_engine(), bondhu.refuse_without_engine(), bondhu.require_engine(), bondhu.engine(), bondhu.score(text), bondhu.explain(text),
  bondhu.personality(uuid[], timestamptz), bondhu.patterns(uuid[], timestamptz), bondhu.wellness(uuid, date, date),
  bondhu.recompute(uuid), bondhu.refresh(uuid[]), bondhu.differences(uuid[]),
  bondhu.verify_all(uuid[]), bondhu.verify(uuid), bondhu.apply_engine_settings()
  from public, anon, authenticated, service_role;
grant execute on function bondhu.refuse_without_engine(), bondhu.engine(), bondhu.score(text), bondhu.explain(text)
  to service_role, bondhu_worker;
grant execute on function bondhu.require_engine(), bondhu.refuse_without_engine() to authenticated;
grant execute on function bondhu.personality(uuid[], timestamptz) to bondhu_worker;
grant execute on function bondhu.recompute(uuid), bondhu.verify(uuid) to service_role;
