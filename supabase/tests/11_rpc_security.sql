-- Every RPC × every kind of caller, from the catalog: each is called with nulls for all it takes.
begin;
\ir acting.psql
\ir tables.psql

create temp table people as select pg_temp.sign_up('Ada') as ada;

create temp view calls as
  select f.oid::regprocedure::text as signature, format('select public.%I(%s)', f.proname, coalesce((
    select string_agg(format('null::%s', format_type(type, null)), ', ' order by place)
    from unnest(f.proargtypes::oid[]) with ordinality argument (type, place)
  ), '')) as call
  from pg_proc f
  where f.pronamespace = 'public'::regnamespace and f.oid not in (select oid from service_rpcs)
    and not exists (select from pg_depend d where d.objid = f.oid and d.deptype = 'e');

create function pg_temp.surprises() returns table (signature text, caller text, answer text)
language plpgsql as $$
begin
  return query
    select c.signature, actor.name, pg_temp.attempt(actor.role, actor.user_id, c.call) as said
    from calls c
    cross join (
      select 'anon' as name, 'anon' as role, null::uuid as user_id, array['42501'] as expected
      union all select 'the service role', 'service_role', null, array['42501']
      union all select 'the worker', 'bondhu_worker', null, array['42501']
      -- Who is nobody is told so, or first that nulls are no arguments.
      union all select 'a user without an id', 'authenticated', null, array['28000', '22023']
    ) actor
    where not (pg_temp.attempt(actor.role, actor.user_id, c.call) = any (actor.expected));
end
$$;

create temp view service_calls as
  select f.oid::regprocedure::text as signature, format('select public.%I(%s)', f.proname, coalesce((
    select string_agg(format('null::%s', format_type(type, null)), ', ' order by place)
    from unnest(f.proargtypes::oid[]) with ordinality argument (type, place)
  ), '')) as call
  from pg_proc f join service_rpcs s using (oid);

select plan(6);
select cmp_ok((select count(*) from calls), '>=', 15::bigint, 'there are RPCs to try');
select is_empty('select * from pg_temp.surprises()', 'who is not signed in gets nothing from any RPC');
select is_empty(
  $$ select c.signature from calls c, people p where pg_temp.attempt('authenticated', p.ada, c.call) = '42501' $$,
  'who is may call every one');

select is_empty(
  $$ select c.signature, role from service_calls c, people p, unnest(array['authenticated', 'anon', 'bondhu_worker']) role
     where pg_temp.attempt(role, p.ada, c.call) <> '42501' $$,
  'what is for edge functions is for nobody else');
select is_empty(
  $$ select c.signature from service_calls c where pg_temp.attempt('service_role', null, c.call) = '42501' $$,
  'and the service role may call it');

-- The control: an RPC that forgot to revoke is found.
create function public.forgotten() returns integer language sql as 'select 1';
grant execute on function public.forgotten() to public;
select is((select count(*) from pg_temp.surprises() where signature = 'forgotten()'), 4::bigint,
  'an RPC that anybody may call would be found');

select * from finish();
rollback;
