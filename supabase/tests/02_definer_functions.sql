-- An attack on every SECURITY DEFINER function of the catalog: a caller who may make temporary
-- objects makes one for each name that a source could mean, types, relations, functions and
-- operators alike, each of which runs the caller's code, and calls. None of it may run as the owner.
begin;
\ir acting.psql
\ir tables.psql
select plan(7);

create temp table people as select pg_temp.sign_up('Ada') as ada;
grant select on people to public;
-- Derived rows as the engine made them: samples of these would contradict the messages.
delete from sample_rows where relation in ('public.sentiment_buckets', 'public.personality_profiles');
select pg_temp.give_samples(ada) from people;
update bondhu.provider_settings
   set client_id = 'c', redirect_uri = 'http://127.0.0.1/', return_to_allow_list = array['https://app.example'];

-- Those of messages while there is no engine.
create trigger bondhu_mark_inserted after insert on public.chat_messages
  referencing new table as new_messages for each statement execute function bondhu.mark_changed();
create trigger bondhu_mark_deleted after delete on public.chat_messages
  referencing old table as old_messages for each statement execute function bondhu.mark_changed();

-- The controls: what falls to the attack, one by types and one by relations.
create function bondhu.takes_types_first(plain text) returns text
language plpgsql security definer set search_path = '' as $$ declare kept text := plain; begin return kept; end $$;
create function bondhu.takes_relations_first() returns bigint
language plpgsql security definer set search_path = '' as $$ begin return (select count(*) from pg_extension); end $$;

create temp table definers as
  select p.oid, format('%s.%I', p.pronamespace::regnamespace, p.proname) as signature, p.prorettype = 'trigger'::regtype as is_trigger
  from pg_proc p
  where p.prosecdef and p.pronamespace::regnamespace::text in ('public', 'bondhu', 'bondhu_native');

-- A value for each argument: by name where any other would be turned away at the door.
create temp table argument_values (name text, type regtype, expression text);
insert into argument_values values
  ('user_id', 'uuid', '(select ada from people)'),
  ('session_id', 'uuid', $$ '00000000-0000-4000-8000-000000000001' $$),
  ('message_id', 'uuid', $$ '00000000-0000-4000-8000-000000000002' $$),
  ('provider', 'text', $$ 'spotify' $$),
  ('return_to', 'text', $$ 'https://app.example/' $$),
  ('bucket', 'text', $$ 'day' $$),
  ('form', 'text', $$ 'short' $$),
  ('kind', 'text', $$ 'video' $$),
  ('item_id', 'text', $$ 'v' $$),
  ('feedback', 'text', 'null'),
  ('region', 'text', $$ 'US' $$),
  ('answers', 'jsonb', $$ '{"short_01": 3}' $$),
  ('locale', 'text', $$ 'en' $$),
  ('mood', 'text', $$ 'joy' $$),
  ('sentiment', 'numeric', '0.5'),
  ('purpose', 'text', $$ 'memory' $$),
  ('memories', 'jsonb', $$ '[]' $$),
  ('messages', 'jsonb', $$ '[]' $$),
  ('document', 'text', $$ 'chat_history' $$),
  ('cursor', 'text', 'null'),
  ('confirm', 'boolean', 'true'),
  ('since', 'timestamptz', $$ '2026-01-01 00:00+00' $$),
  (null, 'text', $$ 'chat.opened' $$),
  (null, 'boolean', 'false'),
  (null, 'jsonb', $$ '{"a": 1}' $$),
  (null, 'integer', '10'),
  (null, 'uuid', '(select ada from people)'),
  (null, 'uuid[]', 'array[(select ada from people)]'),
  (null, 'timestamptz', 'pg_catalog.now()');

create temp table calls as
  select d.oid, d.signature, format('select %s(%s)', d.signature, coalesce((
    select string_agg(v.expression, ', ' order by a.place)
    from pg_proc p
    cross join unnest(p.proargtypes::oid[]) with ordinality a (type, place)
    cross join lateral (
      select v.expression from argument_values v
      where v.type = a.type and (v.name is null or v.name = p.proargnames[a.place]) order by v.name nulls last limit 1
    ) v
    where p.oid = d.oid
  ), '')) as statement
  from definers d
  where not d.is_trigger;

select is_empty(
  $$ select c.signature from calls c join pg_proc p on p.oid = c.oid
     where p.pronargs <> (select count(*) from unnest(p.proargtypes::oid[]) type where exists (select from argument_values v where v.type = type)) $$,
  'there is a value for every argument');

-- What fires the trigger functions: a table of the attacker's with the columns and the trigger of the real one.
create temp table firings as
  select d.oid, d.signature, format('copy_%s', t.oid) as copy, t.tgrelid,
    regexp_replace(
      replace(pg_get_triggerdef(t.oid), format(' ON %I.%I ', c.relnamespace::regnamespace, c.relname), format(' ON pg_temp.copy_%s ', t.oid)),
      ' WHEN \(.*\) EXECUTE', ' EXECUTE') as trigger,
    (select string_agg(case when a.atttypid = 'uuid'::regtype then '(select ada from people)' else 'null' end, ', ' order by a.attnum)
     from pg_attribute a where a.attrelid = t.tgrelid and a.attnum > 0 and not a.attisdropped) as row
  from definers d
  join pg_trigger t on t.tgfoid = d.oid and not t.tgisinternal
  join pg_class c on c.oid = t.tgrelid
  where d.is_trigger;

select is_empty(
  -- They would run as whoever owns the extension: the superuser.
  $$ select p.oid::regprocedure from pg_proc p
     join pg_depend d on d.objid = p.oid and d.deptype = 'e' join pg_extension e on e.oid = d.refobjid and e.extname = 'bondhu'
     where p.prosecdef $$,
  'no function of the extension is SECURITY DEFINER');
select is_empty(
  'select signature from definers where is_trigger and oid not in (select oid from firings)', 'every trigger function has its trigger');

create temp table findings (signature text, statement text, answer text, ran boolean);
grant select on definers, calls, firings, findings to public;

-- Plays it all, and takes it all back. Its own names are looked up where the attacker's are not.
create function pg_temp.play() returns setof findings
language plpgsql set search_path = pg_catalog, pg_temp as $play$
declare
  attacker constant pg_catalog.text := 'bondhu_worker';
  sources constant pg_catalog.text := (select string_agg(p.prosrc, ' ') from pg_proc p where p.pronamespace in ('public'::regnamespace, 'bondhu'::regnamespace));
  target record;
  before pg_catalog.int8;
  found findings[] := '{}';
  answer pg_catalog.text;
begin
  -- A changed function is compiled anew: what this session has compiled already was looked up before.
  for target in
    select p.oid::regprocedure as name from pg_proc p where p.pronamespace in ('public'::regnamespace, 'bondhu'::regnamespace) and p.prokind = 'f'
  loop
    execute format('grant execute on function %s to %I', target.name, attacker);
  end loop;
  execute format('set local role %I', attacker);

  create temp sequence runs;
  grant usage on sequence runs to public;
  perform nextval('runs');
  -- A sequence forgets nothing when a statement is rolled back.
  create function pg_temp.run() returns boolean language plpgsql as $run$
  begin
    if current_user not in ('bondhu_worker', 'authenticated') then
      perform pg_catalog.nextval('pg_temp.runs');
    end if;
    return true;
  end
  $run$;

  for target in select * from firings f loop
    execute (
      select format('create temp table %I (%s)', target.copy, string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' order by a.attnum))
      from pg_attribute a where a.attrelid = target.tgrelid and a.attnum > 0 and not a.attisdropped);
    execute target.trigger;
  end loop;

  -- Relations, empty but for the code.
  for target in
    select c.relname as name, string_agg(format('null::%s as %I', format_type(a.atttypid, a.atttypmod), a.attname), ', ' order by a.attnum) as columns
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relkind in ('r', 'v', 'p') and c.relnamespace::regnamespace::text in ('public', 'bondhu', 'auth', 'cron', 'pg_catalog')
      and c.relname not in ('people', 'findings') and sources ~ ('\y' || c.relname || '\y')
      -- Pseudo-types cannot be cast to.
      and not exists (select from pg_attribute o where o.attrelid = c.oid and o.atttypid in ('anyarray'::regtype, 'pg_node_tree'::regtype))
    group by c.oid, c.relname
  loop
    execute format('create or replace temp view %I as select %s where pg_temp.run()', target.name, target.columns);
    -- From 16 on who makes a role does not inherit what it may.
    execute format('grant select on pg_temp.%I to public', target.name);
  end loop;

  -- Functions and operators of the names and types in use.
  for target in
    select p.proname as name, pg_get_function_identity_arguments(p.oid) as arguments, format_type(p.prorettype, null) as result
    from pg_proc p
    where p.pronamespace = 'pg_catalog'::regnamespace and p.prokind = 'f' and not p.proretset
      and p.prorettype not in (select oid from pg_type where typtype = 'p') and sources ~ ('\y' || p.proname || '\s*\(')
      and not exists (select from unnest(p.proargtypes::oid[]) a join pg_type y on y.oid = a and y.typtype = 'p')
  loop
    execute format('create function pg_temp.%I(%s) returns %s language plpgsql as $f$ begin perform pg_temp.run(); return null; end $f$',
                   target.name, target.arguments, target.result);
  end loop;
  for target in
    select o.oid, o.oprname as name, format_type(o.oprleft, null) as l, format_type(o.oprright, null) as r, format_type(o.oprresult, null) as result
    from pg_operator o join pg_type y on y.oid = o.oprright and y.typtype = 'b' join pg_type x on x.oid = o.oprleft and x.typtype = 'b'
    where o.oprnamespace = 'pg_catalog'::regnamespace and o.oprname in ('=', '<>', '<', '<=', '>', '||', '->>', '+', '-', '~', '!~')
      and o.oprleft = any ('{text,uuid,int4,int8,timestamptz,jsonb,bytea,numeric,date,interval}'::regtype[])
  loop
    execute format('create function pg_temp.operator_%s(%s, %s) returns %s language plpgsql as $f$ begin perform pg_temp.run(); return null; end $f$',
                   target.oid, target.l, target.r, target.result);
    execute format('create operator pg_temp.%s (leftarg = %s, rightarg = %s, function = pg_temp.operator_%s)', target.name, target.l, target.r, target.oid);
  end loop;

  -- Types last: from here on a name of a type is the attacker's.
  for target in
    select y.typname as name from pg_type y
    where y.typnamespace = 'pg_catalog'::regnamespace and y.typtype in ('b', 'r', 'm') and y.typcategory <> 'A' and y.typname !~ '^pg_|char$'
  loop
    execute format('create domain pg_temp.%I as pg_catalog.%I check (pg_temp.run())', target.name, target.name);
  end loop;

  for target in
    -- The engine, whose triggers switch to the table's owner.
    select 'the engine' as signature, statement, 'authenticated' as actor
    from unnest(array[
      'insert into public.chat_messages (message_text) values (''I am so sad'')',
      'update public.chat_messages set message_text = ''I am glad''',
      'delete from public.chat_messages']) statement
    union all select c.signature, c.statement, attacker from calls c
    union all select f.signature, format('insert into pg_temp.%I values (%s)', f.copy, f.row), attacker from firings f
    union all select f.signature, format('update pg_temp.%I set %I = %I', f.copy, a.attname, a.attname), attacker from firings f join pg_attribute a on a.attrelid = f.tgrelid and a.attnum = 1
    union all select f.signature, format('delete from pg_temp.%I', f.copy), attacker from firings f
    union all select f.signature, format('truncate pg_temp.%I', f.copy), attacker from firings f
  loop
    before := last_value from pg_temp.runs;
    perform set_config('request.jwt.claims', format('{"sub": "%s", "role": "authenticated"}', p.ada), true) from people p;
    perform set_config('search_path', 'pg_temp, pg_catalog, public', true);
    perform set_config('role', target.actor, true);
    begin
      execute target.statement;
      answer := 'done';
    exception when others then
      answer := sqlstate || ': ' || sqlerrm;
    end;
    perform set_config('search_path', 'pg_catalog, pg_temp', true);
    perform set_config('role', attacker, true);
    found := found || row (target.signature, target.statement, answer, before <> (select last_value from pg_temp.runs))::findings;
  end loop;
  raise sqlstate 'UNDO0';
exception when sqlstate 'UNDO0' then
  return query select * from unnest(found);
end
$play$;
insert into findings select * from pg_temp.play();

-- The controls prove that the attack works, the answers that it got past the doors.
select set_eq(
  'select distinct signature from findings where ran',
  array['bondhu.takes_types_first', 'bondhu.takes_relations_first'],
  'nothing of a caller''s runs as the owner, but in the two functions that are made to fall');
select is_empty(
  'select signature from definers where signature not in (select signature from findings)', 'no function is passed over');
select is_empty(
  $$ select signature, statement, answer from findings where answer <> 'done' and answer !~ '^(P0002|55000): ' $$, 'each gets to its work');
select cmp_ok((select count(*) from findings where answer = 'done'), '>=', 30::bigint, 'and most to its end');

select * from finish();
rollback;
