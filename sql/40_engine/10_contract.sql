-- What an engine must offer, and the functions through which the rest of the system calls it. An
-- engine is a schema of functions; bondhu.install_engine() accepts one only if it has every function
-- below, and nothing else reaches into it.
--
-- Rules every engine follows alike:
--   score(text)            deterministic; any text is accepted
--   explain(text)          what moved sentiment and mood, strongest first
--   personality(ids, t)    one row per id, exact as of greatest(t, the stored as_of);
--                          until: the next instant a figure changes by time alone
--   personality_at(id, t)  one row as of t itself, of the messages dated until then as they stand
--   patterns(ids, t)       one row per id, of the user's own hours and days up to that of t
--   wellness(user, d, e)   one row for each of the user's days d..e whose week has messages
--   recompute(user)        rebuilds everything derived from the raw messages
--   refresh(ids)           brings stored profiles to now, as a message would
--   verify(ids)            one row for each stored figure that the raw messages contradict
--   score_message()        BEFORE row trigger on public.chat_messages; has new messages of
--                          bondhu.people_not_learnt_from not count
--   fold_messages()        AFTER statement trigger there, with transition tables
--                          new_messages and old_messages

create function bondhu.engine_contract()
returns table (signature text, arguments text, call text, result text, entry text, security_definer boolean, refuses boolean)
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  with functions (name, arguments, result, entry, security_definer, refuses) as (values
    ('engine_version', array[]::text[], 'integer', null, null::boolean, null::boolean),
    ('score', array['message_text text'],
     'TABLE(sentiment_score numeric, mood text, mood_confidence numeric, support_level text, engine_version integer)',
     'score', false, true),
    ('explain', array['message_text text'],
     'TABLE(figure text, part text, weight numeric)',
     'explain', false, true),
    -- Documents are made without an engine too, and say so.
    ('personality', array['user_ids uuid[]', 'instant timestamptz'],
     'TABLE(user_id uuid, as_of timestamp with time zone, until timestamp with time zone, '
     || 'openness numeric, conscientiousness numeric, extraversion numeric, agreeableness numeric, neuroticism numeric, '
     || 'trait_confidence numeric, communication_style text, emotional_stability text, needs_support boolean, '
     || 'message_count bigint, mean_sentiment numeric, sentiment_volatility numeric, dominant_mood text, sentiment_trend text)',
     'personality', false, false),
    ('personality_at', array['of_user uuid', 'instant timestamptz'],
     'TABLE(user_id uuid, as_of timestamp with time zone, until timestamp with time zone, '
     || 'openness numeric, conscientiousness numeric, extraversion numeric, agreeableness numeric, neuroticism numeric, '
     || 'trait_confidence numeric, communication_style text, emotional_stability text, needs_support boolean, '
     || 'message_count bigint, mean_sentiment numeric, sentiment_volatility numeric, dominant_mood text, sentiment_trend text)',
     'personality_at', false, true),
    ('patterns', array['user_ids uuid[]', 'instant timestamptz'],
     'TABLE(user_id uuid, time_zone text, hour_counts bigint[], hour_means numeric[], weekday_counts bigint[], '
     || 'weekday_means numeric[], inertia numeric, current_streak bigint, longest_streak bigint)',
     'patterns', false, true),
    ('wellness', array['user_id uuid', 'first_day date', 'last_day date'],
     'TABLE(day date, message_count bigint, active_days bigint, score numeric, mean numeric, trend numeric, '
     || 'stability numeric, engagement numeric)',
     'wellness', false, true),
    ('recompute', array['user_id uuid'], 'void', 'recompute', true, true),
    ('refresh', array['user_ids uuid[]'], 'void', 'refresh', true, true),
    ('verify', array['user_ids uuid[]'],
     'TABLE(user_id uuid, relation text, figure text, stored text, recounted text)',
     'differences', true, true),
    ('score_message', array[]::text[], 'trigger', null, null, null),
    ('fold_messages', array[]::text[], 'trigger', null, null, null)
  )
  select format('%s(%s)', f.name, (select string_agg(split_part(a, ' ', 2), ',') from unnest(f.arguments) a)),
    array_to_string(f.arguments, ', '),
    format('%s(%s)', f.name, (select string_agg('$' || n, ', ') from generate_subscripts(f.arguments, 1) n)),
    f.result, f.entry, f.security_definer, f.refuses
  from functions f
$$;
comment on function bondhu.engine_contract() is
  'The functions an engine''s schema must have. call: with its parameters; entry: the function of the schema bondhu that calls it, if any; security_definer: whether that runs as its owner; refuses: whether it refuses where there is no engine, or returns no rows.';

create function bondhu.missing_from_engine(engine_schema text) returns text[]
language sql stable strict
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off -- pg_get_function_result() would quote
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

-- `create or replace` keeps the entries' grants. Those that call an engine are in PL/pgSQL, which
-- keeps their plans; a function in SQL would be planned at each call. Those that refuse are in SQL:
-- linters would report unused arguments in PL/pgSQL functions that only raise.
create function bondhu.write_entries(engine text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $write$
declare
  contract record;
  grantee text;
begin
  execute format(
    'create or replace function bondhu.engine() returns jsonb language plpgsql stable set search_path = pg_catalog, pg_temp as %L',
    format('begin return %s; end', case
      when engine is null then 'null'
      else format($$jsonb_build_object('name', %1$L, 'version', %1$I.engine_version())$$, engine)
    end));
  if engine is not null then
    execute format('grant usage on schema %I to service_role, bondhu_worker', engine);
    execute format('grant execute on function %I.engine_version() to service_role, bondhu_worker', engine);
  end if;

  for contract in
    select c.*, substr(c.result, length('TABLE') + 1) as columns, c.result like 'TABLE(%' as returns_rows,
      c.entry || substr(c.signature, strpos(c.signature, '(')) as entry_signature
    from bondhu.engine_contract() c
    where c.entry is not null
  loop
    execute format(
      'create or replace function bondhu.%I(%s) returns %s language %s %s %s set search_path = pg_catalog, pg_temp as %L',
      contract.entry, contract.arguments, contract.result,
      case when engine is null then 'sql' else 'plpgsql' end,
      case when contract.returns_rows then 'stable' else 'volatile' end,
      case when contract.security_definer then 'security definer' else 'security invoker' end,
      case
        when engine is null then concat_ws('; ',
          case when contract.refuses then 'select bondhu.refuse_without_engine()' end,
          case when contract.returns_rows then format('select r.* from jsonb_to_recordset(''[]'') r%s', contract.columns) end)
        when contract.returns_rows then format('begin return query select r.* from %I.%s r; end', engine, contract.call)
        else format('begin perform %I.%s; end', engine, contract.call)
      end);
    -- Who may call an entry that runs as its caller may call what that calls.
    foreach grantee in array array['service_role', 'bondhu_worker'] loop
      if engine is not null and not contract.security_definer
        and has_function_privilege(grantee, 'bondhu.' || contract.entry_signature, 'execute')
      then
        execute format('grant execute on function %I.%s to %I', engine, contract.signature, grantee);
      end if;
    end loop;
  end loop;
end
$write$;
comment on function bondhu.write_entries(text) is 'Writes the functions that call the engine in the given schema; null: those that refuse.';

create function bondhu.refuse_without_engine() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = '0A000',
    message = 'no engine is installed',
    hint = 'Apply the migration portable_engine, or install the extension "bondhu" on the server, then run select bondhu.install_engine();';
end
$$;
comment on function bondhu.refuse_without_engine() is 'Raises 0A000: there is no engine.';

select bondhu.write_entries(null);

comment on function bondhu.engine() is 'Name and version of the installed engine; null without one.';
comment on function bondhu.score(text) is 'Sentiment (0..1), mood, its confidence (0..1), support level. 0A000 without an engine.';
comment on function bondhu.explain(text) is 'Why a text has its sentiment and mood: words and pairs of words with their weight in log odds, strongest first. 0A000 without an engine.';
comment on function bondhu.personality(uuid[], timestamptz) is 'What is concluded about users, exact as of the given instant; no rows without an engine.';
comment on function bondhu.personality_at(uuid, timestamptz) is 'What is concluded about a user from the messages dated until an instant, as they stand now. 0A000 without an engine.';
comment on function bondhu.patterns(uuid[], timestamptz) is 'Hours, weekdays, inertia and streaks of users in their own time zone. 0A000 without an engine.';
comment on function bondhu.wellness(uuid, date, date) is 'Wellness of the weeks that end with a user''s days: a heuristic, no diagnosis. 0A000 without an engine.';
comment on function bondhu.recompute(uuid) is 'Rebuilds everything derived about a user from the raw messages. 0A000 without an engine.';
comment on function bondhu.refresh(uuid[]) is 'Updates the stored profiles of users to now, as a message would. 0A000 without an engine.';
comment on function bondhu.differences(uuid[]) is 'bondhu.verify() for what the engine itself stores. 0A000 without an engine.';

revoke all on function bondhu.engine_contract(), bondhu.missing_from_engine(text), bondhu.write_entries(text),
  bondhu.refuse_without_engine(), bondhu.engine(), bondhu.score(text), bondhu.explain(text),
  bondhu.personality(uuid[], timestamptz), bondhu.personality_at(uuid, timestamptz), bondhu.patterns(uuid[], timestamptz), bondhu.wellness(uuid, date, date),
  bondhu.recompute(uuid), bondhu.refresh(uuid[]), bondhu.differences(uuid[])
  from public, anon, authenticated, service_role;
grant execute on function bondhu.engine(), bondhu.score(text), bondhu.explain(text) to service_role, bondhu_worker;
grant execute on function bondhu.refuse_without_engine() to service_role, bondhu_worker, authenticated;
grant execute on function bondhu.personality(uuid[], timestamptz) to bondhu_worker;
grant execute on function bondhu.recompute(uuid) to service_role;
