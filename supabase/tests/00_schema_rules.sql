-- Rules of the schema, asked of the catalog, so that they hold for every object to come.
begin;
\ir acting.psql
\ir tables.psql
select plan(30);

create temp view functions as
  select p.oid, p.oid::regprocedure::text as signature, n.nspname as schema, p.prosecdef as is_definer,
         p.proconfig, p.prosrc, p.proowner
  from pg_proc p
  join pg_namespace n on n.oid = p.pronamespace
  where n.nspname in ('public', 'bondhu')
    and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e');

create temp view foreign_keys as
  select k.oid, k.conname as name, k.conrelid, k.confrelid, k.confdeltype, k.conkey, r.relation,
         (select array_agg(a.attname order by place)
          from unnest(k.conkey) with ordinality key (number, place)
          join pg_attribute a on a.attrelid = k.conrelid and a.attnum = key.number) as columns
  from pg_constraint k
  join relations r on r.oid = k.conrelid
  where k.contype = 'f';

-- Row-level security and policies

select is_empty(
  $$ select r.relation from relations r join pg_class c on c.oid = r.oid
     where r.schema = 'public' and r.kind in ('r', 'p') and not c.relrowsecurity $$,
  'every table in public has row-level security');
select is_empty(
  $$ select r.relation from relations r join pg_class c on c.oid = r.oid
     where r.schema = 'public' and r.kind = 'v' and not coalesce(c.reloptions @> array['security_invoker=true'], false) $$,
  'every view in public acts as its caller');
select is_empty(
  $$ select relation from relations where schema = 'public' and kind in ('m', 'f') $$,
  'public has no materialised view and no foreign table: they know no row-level security');
select is_empty('select * from bondhu.open_parts()', 'no part of a table is read without the row-level security of the whole');
create table public.messages_of_2026 () inherits (public.chat_messages);
grant select (message_text) on public.messages_of_2026 to authenticated;
select results_eq('select * from bondhu.open_parts()', $$ values ('public.messages_of_2026') $$, 'one that were would be found');
drop table public.messages_of_2026;
select is_empty(
  $$ select tablename, policyname from pg_policies
     where schemaname = 'public' and not roles <@ array['authenticated', 'bondhu_worker']::name[] $$,
  'every policy names its role, and none is anon');
select is_empty(
  $$ select tablename, policyname from pg_policies
     where schemaname = 'public' and roles && array['authenticated']::name[]
       and (coalesce(qual, with_check) !~ 'user_id = \( SELECT auth\.uid\(\) AS uid\)'
            or coalesce(with_check, qual) !~ 'user_id = \( SELECT auth\.uid\(\) AS uid\)') $$,
  'every policy for users compares user_id with auth.uid(), asked once per statement');
select is_empty(
  $$ select relation from relations where schema = 'public' and kind in ('r', 'p') and not has_user $$,
  'every table in public belongs to users');

-- Keys

select is_empty(
  $$ select r.relation from relations r
     left join pg_constraint k on k.conrelid = r.oid and k.contype = 'p'
     left join pg_attribute a on a.attrelid = r.oid and a.attnum = k.conkey[1]
     where r.schema = 'public' and r.kind in ('r', 'p') and a.attname is distinct from 'user_id' $$,
  'every primary key in public starts with user_id');
select is_empty(
  $$ with recursive cascading (oid) as (
       select conrelid from foreign_keys
       where confrelid = 'auth.users'::regclass and confdeltype = 'c' and columns = array['user_id']::name[]
       union
       select f.conrelid from foreign_keys f join cascading c on c.oid = f.confrelid
       where f.confdeltype = 'c' and 'user_id' = any (f.columns)
     )
     select relation from relations where has_user and kind in ('r', 'p') and oid not in (select oid from cascading) $$,
  'every table with a user_id goes with its auth user');
select is_empty(
  $$ select f.relation, f.name from foreign_keys f
     where not exists (
       select from pg_index i
       where i.indrelid = f.conrelid and i.indisvalid
         and (i.indkey::int2[])[0:cardinality(f.conkey) - 1] @> f.conkey
         and (i.indpred is null
              -- An equality implies this predicate, so that such an index serves too.
              or exists (select from unnest(f.columns) key
                         where pg_get_expr(i.indpred, i.indrelid) = format('(%I IS NOT NULL)', key)))
     ) $$,
  'every foreign key has an index');
select is_empty(
  $$ select r.relation, k.conname from pg_constraint k join relations r on r.oid = k.conrelid
     where k.contype = 'c' and k.conname ~ ('^' || r.name || '_.*check[0-9]*$') $$,
  'every check says its rule by name');
select is_empty(
  $$ select r.relation, a.attname from pg_attribute a join relations r on r.oid = a.attrelid
     where a.attnum > 0 and a.atttypid = 'timestamp'::regtype $$,
  'every instant has a time zone');

select is_empty(
  $$ select r.relation from relations r
     join pg_attribute a on a.attrelid = r.oid and a.attname = 'updated_at'
     where r.kind = 'r' and not exists (
       select from pg_trigger t where t.tgrelid = r.oid and t.tgfoid = 'bondhu.set_updated_at()'::regprocedure and t.tgenabled <> 'D') $$,
  'every updated_at is kept by its trigger');

-- Functions

select is_empty(
  -- A procedure that commits can have no such setting of its own, and sets it itself.
  $$ select signature from functions
     where not coalesce(proconfig @> array['search_path=pg_catalog, pg_temp'], false)
       and not (prosrc ~ '^[[:space:]]*(declare.*)?begin[[:space:]]+perform pg_catalog.set_config..search_path., .pg_catalog, pg_temp.' and prosrc ~ 'commit;') $$,
  'every function looks names up in pg_catalog, and in pg_temp last: left out it would come first, for types too');
select is_empty(
  -- Of the callers' settings this one alone changes what a source says.
  $$ select signature from functions
     where strpos(prosrc, '\') > 0 and not coalesce(proconfig @> array['standard_conforming_strings=on'], false) $$,
  'a function with a backslash in it pins what backslashes mean');
select is_empty(
  $$ select signature from functions where schema = 'public' and is_definer and has_function_privilege('authenticated', oid, 'execute')
       and prosrc !~ 'bondhu\.(require_user|lock_user|refuse_anonymous)\(' $$,
  'every SECURITY DEFINER function that users may call asks who calls');
select is_empty(
  $$ select signature from functions
     where schema = 'bondhu' and is_definer and (has_function_privilege('authenticated', oid, 'execute')) $$,
  'no SECURITY DEFINER function in bondhu is open to users');
select is_empty(
  $$ select f.signature from functions f join pg_proc p on p.oid = f.oid
     where exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g where g.grantee = 0) $$,
  'PUBLIC may execute nothing');
select set_eq(
  $$ select signature from functions where schema = 'public' and has_function_privilege('authenticated', oid, 'execute') $$,
  array['chat_history(integer,timestamp with time zone,bigint,text)', 'personality_context(timestamp with time zone)', 'mood_trend(timestamp with time zone,timestamp with time zone,text)',
        'mood_mix(timestamp with time zone,timestamp with time zone)', 'mood_patterns()', 'explain_message(uuid)', 'wellness_history(date,date)',
        'personality_evolution(text,timestamp with time zone,timestamp with time zone)', 'start_session(text,boolean)',
        'touch_session(uuid)', 'log_activity(uuid,text,jsonb)', 'end_session(uuid)', 'begin_connect(text,text)',
        'confirm_connect(text)', 'disconnect(text)', 'request_sync(text)',
        'recently_played(timestamp with time zone,integer,text)', 'top_genres(integer)',
        'listening_stats(timestamp with time zone,timestamp with time zone)', 'watching_stats()', 'commit_position()',
        'hot_document(text)', 'my_consents()', 'set_consent(text,boolean,boolean)', 'recall(text,integer)',
        'assessment_items(text,text)', 'submit_assessment(text,jsonb)', 'correct_message(uuid,text,numeric)',
        'export_my_data(text,integer)', 'erase_my_data(boolean,boolean)', 'wellness_card()', 'dashboard()', 'trending(text,text)',
        'recommendations(text,integer)', 'rate_recommendation(text,text,text)', 'reset_recommendations(text)'],
  'the RPCs are these');
select set_eq(
  $$ select signature from functions where schema = 'public' and not has_function_privilege('authenticated', oid, 'execute') $$,
  array['claim_reply(uuid,uuid,integer)', 'finish_reply(uuid,uuid,uuid,text,text,text,text,boolean,integer,integer)',
        'release_reply(uuid,uuid,uuid,integer)', 'companion()', 'memory_task(uuid)', 'store_memories(uuid,uuid,jsonb,jsonb,integer)'],
  'and these are for edge functions alone');
select is_empty(
  $$ select signature, has_function_privilege('anon', oid, 'execute') as anon,
            has_function_privilege('authenticated', oid, 'execute') as authenticated,
            has_function_privilege('service_role', oid, 'execute') as service_role
     from functions
     where schema = 'public'
       and (has_function_privilege('anon', oid, 'execute')
            or has_function_privilege('authenticated', oid, 'execute') = has_function_privilege('service_role', oid, 'execute')) $$,
  'an RPC is for signed-in users only, or for the service role only');
select is_empty(
  $$ select f.signature from functions f
     where f.prosrc ~ 'bondhu\.(require_user|lock_user|refuse_anonymous)\(|auth\.(uid|jwt|role)\(' and has_function_privilege('bondhu_worker', f.oid, 'execute') $$,
  'who may say of themselves who they are, as the worker''s role, calls nothing that believes it');
select set_eq(
  $$ select signature from functions where schema = 'bondhu' and has_function_privilege('authenticated', oid, 'execute') $$,
  array['bondhu.require_user()', 'bondhu.is_time_zone(text)', 'bondhu.text_fault(text)', 'bondhu.refuse_text(text,text,text,integer,integer)', 'bondhu.refuse(text,text,text)',
        'bondhu.my_time_zone()', 'bondhu.check_range(timestamp with time zone,timestamp with time zone)',
        'bondhu.check_limit(integer)', 'bondhu.instant_to_cursor(timestamp with time zone)', 'bondhu.cursor_to_instant(text)',
        'bondhu.refuse_cursor()', 'bondhu.require_engine()', 'bondhu.refuse_without_engine()'],
  'of the private functions users may execute those that RPCs and checks call as them');
select is_empty(
  $$ select signature from functions
     where schema = 'bondhu' and signature ~ '_document\(uuid\[\],timestamp with time zone\)'
       and (not has_function_privilege('bondhu_worker', oid, 'execute')
            or has_function_privilege('authenticated', oid, 'execute')
            or has_function_privilege('service_role', oid, 'execute')) $$,
  'documents are built for the worker alone');

-- Everything else

select is_empty(
  $$ select r.relation from relations r join pg_class c on c.oid = r.oid join pg_roles o on o.oid = c.relowner where o.rolsuper
     union all
     select f.signature from functions f join pg_roles o on o.oid = f.proowner where o.rolsuper $$,
  'nothing belongs to a superuser');
select is_empty(
  $$ select relation from relations where kind in ('r', 'p', 'v') and obj_description(oid, 'pg_class') is null
     union all
     select signature from functions where schema = 'public' and obj_description(oid, 'pg_proc') is null $$,
  'every table and every RPC says what it is');
select is_empty(
  $$ select s.oid::regclass, role.name
     from pg_class s
     join pg_namespace n on n.oid = s.relnamespace and n.nspname in ('public', 'bondhu')
     cross join (values ('anon'), ('authenticated'), ('service_role')) role (name)
     where s.relkind = 'S' and has_sequence_privilege(role.name, s.oid, 'usage, select, update') $$,
  'sequences are nobody''s business');
select is_empty(
  $$ select rolname from pg_roles where rolname = 'bondhu_worker' and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication) $$,
  'the worker''s role has no power but its grants');
select is_empty(
  $$ select p.schemaname, p.tablename, published.attname
     from pg_publication_tables p
     cross join unnest(p.attnames) published (attname)
     where p.pubname = 'bondhu_mirror'
       and not exists (
         select from pg_index i
         join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey::int2[])
         where i.indrelid = format('%I.%I', p.schemaname, p.tablename)::regclass and i.indisprimary
           and a.attname = published.attname) $$,
  'the mirror''s stream carries keys only');

select * from finish();
rollback;
