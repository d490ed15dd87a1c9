-- Every RPC has an answer to what is too long, and to the ends of what its arguments can hold.
begin;
\ir acting.psql
\ir tables.psql
\ir long_values.psql
select plan(4);

create temp table people as select pg_temp.sign_up('Ada') as ada;
select pg_temp.give_samples(ada) from people;
update bondhu.provider_settings
   set client_id = 'c', redirect_uri = 'http://127.0.0.1/', return_to_allow_list = array['https://app.example'];

create temp table arguments as
  select p.oid, p.oid::regprocedure::text as signature, p.proname as rpc, place, p.proargnames[place] as name, format_type(type, null) as type
  from pg_proc p
  cross join unnest(p.proargtypes::oid[]) with ordinality a (type, place)
  where p.pronamespace = 'public'::regnamespace and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e');

-- What each takes when all is well.
create function pg_temp.usual(name text, type text) returns text
language sql as $$
  select case name
    when 'session_id' then '''00000000-0000-4000-8000-000000000001'''
    when 'message_id' then '''00000000-0000-4000-8000-000000000002'''
    when 'provider' then '''spotify'''
    when 'return_to' then '''https://app.example/'''
    when 'user_id' then quote_literal((select ada from people))
    when 'trait' then '''openness'''
    when 'bucket' then '''day'''
    when 'form' then '''short'''
    when 'kind' then '''video'''
    when 'feedback' then 'null'
    when 'region' then '''US'''
    when 'mood' then '''joy'''
    when 'locale' then '''en'''
    when 'document' then '''chat_history'''
    when 'activity' then '''chat.opened'''
    when 'purpose' then '''memory'''
    when 'since' then '''2026-01-01'''
    when 'until' then '''2026-02-01'''
    when 'cursor' then 'null'
    when 'confirm' then 'true'
    else case type when 'integer' then '10' when 'text' then '''x''' when 'jsonb' then '''{}''' else 'null' end
  end
$$;

-- The call with one or two arguments given, the others as usual; cursors are left out unless given.
create function pg_temp.call(rpc oid, place bigint, given text, other_place bigint default null, other text default null) returns text
language sql as $$
  select format('select * from public.%I(%s)', min(a.rpc), string_agg(
    format('%I => %s', a.name, case a.place when $2 then given when other_place then other else pg_temp.usual(a.name, a.type) end), ', ' order by a.place))
  from arguments a
  where a.oid = $1 and (a.place in ($2, other_place) or a.name !~ '^before')
$$;

-- Too long

grant select on arguments, people, long_values to public;
create temp view long_calls as
  select a.oid, a.signature, a.name, v.what, pg_temp.call(a.oid, a.place, '$1::' || a.type) as call, v.value
  from arguments a
  join (
    select type, what, value from long_values
    union all select 'text', 'a file', repeat('a', 99000000)
    union all select 'jsonb', 'a file', format('{"a": "%s"}', repeat('a', 99000000))
  ) v on v.type = a.type;
grant select on long_calls to public;
select pg_temp.act_as('authenticated', (select ada from people));
create temp table long_answers as
  select signature, name, what, pg_temp.answer_to(call, value) as answer
  from long_calls where oid not in (select oid from service_rpcs);
grant all on long_answers to public;
select pg_temp.stop_acting();
select pg_temp.act_as('service_role');
insert into long_answers
  select signature, name, what, pg_temp.answer_to(call, value)
  from long_calls where oid in (select oid from service_rpcs);
select pg_temp.stop_acting();
select is_empty(
  $$ select * from long_answers where answer not in ('22023', '23514', 'P0002') $$,
  'a megabyte, or a hundred, is refused for every argument, with few words');
select is_empty(
  $$ select signature, name from arguments where type !~ '^(uuid|boolean|integer|bigint|date|timestamp with time zone)$' except select signature, name from long_answers $$,
  'every text of every RPC was tried');

-- The ends

create temp table ends (type text, value text);
insert into ends
select type, case when value is null then 'null::' || type else format('%L::%s', value, type) end
from (values
  ('integer', array[null, '0', '-1', '2147483647', '-2147483648']),
  ('bigint', array[null, '0', '9223372036854775807', '-9223372036854775808']),
  ('numeric', array[null, '0', '-1', '0.005', '1e131071', '1e-16383', 'NaN', 'Infinity', '-Infinity']),
  ('date', array[null, 'infinity', '-infinity', '4713-01-01 BC', '0001-01-01', '1900-01-01', '2200-01-01', '5874897-12-31']),
  ('timestamp with time zone', array[null, 'infinity', '-infinity', '4713-01-01 00:00+00 BC', '0001-01-01 00:00+00', '1900-01-01 00:00+00',
                                     '2200-01-01 00:00+00', '294276-12-31 23:59:59.999999+00']),
  ('uuid', array[null, '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff']),
  ('text', array[null, '', ' ', '''', '%s', '\', U&'\202E', 'null', '{}', '7fffffffffffffff7fffffffffffffff', 'ffffffffffffffffffffffffffffffff',
                 '80000000000000000000000000000000', '7ffffffffffffffe0000000000000000']),
  ('jsonb', array[null, 'null', '[]', '0', '""', '{}', '{"": null}'])
) extreme (type, list)
cross join unnest(list) value;
grant select on ends to public;

create temp view end_calls as
  select a.oid, call
  from arguments a
  join arguments b on b.oid = a.oid and (b.place > a.place or (select count(*) from arguments o where o.oid = a.oid) = 1)
  join ends x on x.type = a.type
  join ends y on y.type = b.type
  cross join lateral (select pg_temp.call(a.oid, a.place, x.value, b.place, y.value) as call) c;
grant select on end_calls to public;
select pg_temp.act_as('authenticated', (select ada from people));
create temp table end_answers as
  select call, pg_temp.answer_to(call) as answer from end_calls where oid not in (select oid from service_rpcs);
grant all on end_answers to public;
select pg_temp.stop_acting();
select pg_temp.act_as('service_role');
insert into end_answers
  select call, pg_temp.answer_to(call) from end_calls where oid in (select oid from service_rpcs);
select pg_temp.stop_acting();
select cmp_ok((select count(*) from end_answers), '>=', 1000::bigint, 'there are calls at the ends');
select is_empty(
  $$ select * from end_answers where answer not in ('taken', '22023', '23502', '23514', '55000', 'P0002') limit 20 $$,
  'to each there is an answer, or a sentence that says what to send');

select * from finish();
rollback;
