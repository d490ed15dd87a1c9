-- Nothing that an API role may write makes a scheduled job or a document fail: one row would stop
-- them for everybody.
begin;
\ir acting.psql
\ir tables.psql
select plan(4);

create temp table people as select pg_temp.sign_up('Ada') as ada, pg_temp.sign_up('Bela') as bela;
select pg_temp.give_samples(bela) from people;
insert into user_sessions (user_id, device_id) select ada, 'phone' from people;
insert into chat_messages (user_id, message_text) select ada, 'I am so glad' from people;
update companion_profiles set time_zone = 'America/New_York';

create temp table writable as
  select r.relation, a.attname as name, format_type(a.atttypid, null) as type
  from relations r
  join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
  where r.kind in ('r', 'p') and a.atttypid in ('timestamptz'::regtype, 'date'::regtype, 'integer'::regtype, 'bigint'::regtype, 'numeric'::regtype)
    and exists (
      select from unnest(array['anon', 'authenticated', 'service_role', 'bondhu_worker']) role
      where has_column_privilege(role, r.oid, a.attnum, 'insert, update'));

create temp table ends (type text, value text);
insert into ends
select type, value
from (values
  (array['integer', 'bigint', 'numeric'], array['0', '-1', '1', '2147483647', '-2147483648']),
  (array['timestamp with time zone', 'date'],
   array['infinity', '-infinity', '4714-11-24 00:00+00 BC', '0001-01-01 00:00+00', '1899-12-31 23:59+00', '1900-01-01 00:00+00',
         '2200-01-01 00:00+00', '294276-12-31 23:59+00'])
) extreme (types, list)
cross join unnest(types) type
cross join unnest(list) value;

-- What is called by the clock and by the mirror.
create temp table standing as
  -- Procedures commit now and then, which a test cannot.
  select replace(replace(replace(command, 'call bondhu.keep_profiles_fresh()', 'select bondhu.refresh_profiles()'),
    'call bondhu.keep_trends_fresh()', 'select bondhu.refresh_trending()'),
    'call bondhu.prune()', 'select bondhu.prune_batch(name, 1000) from bondhu.retention()') as call from bondhu.cron_plan()
  union all
  select format('select * from bondhu.%I((select array[ada, bela] from people), now())', p.proname)
  from pg_proc p where p.pronamespace = 'bondhu'::regnamespace and p.proname ~ '_document$'
  union all
  select unnest(array['select * from bondhu.quota', 'select * from bondhu.sync_load', 'select * from bondhu.verify()',
                      $$ select bondhu.spend_request(p) from unnest(array['spotify', 'youtube']) p $$]);

-- 'refused', or what fails once the value is there, 'nothing' as it should.
create function pg_temp.breaks(statement text) returns text
language plpgsql as $$
declare
  call text;
begin
  begin
    execute statement;
  exception when others then
    return 'refused';
  end;
  for call in select s.call from standing s loop
    execute call;
  end loop;
  raise sqlstate 'UNDO0';
exception
  when sqlstate 'UNDO0' then
    return 'nothing';
  when others then
    return format('%s: %s: %s', call, sqlstate, sqlerrm);
end
$$;
create temp table answers as
  select w.relation, w.name, e.value, way, pg_temp.breaks(statement) as breaks
  from writable w
  join ends e on e.type = w.type
  cross join people p
  left join sample_rows s on s.relation = w.relation
  cross join lateral (values
    ('update', format('update %s set %I = %L', w.relation, w.name, e.value)),
    ('insert', (
      select format('insert into %1$s (%2$s) select %2$s from jsonb_populate_record(null::%1$s, %3$L)', w.relation, string_agg(quote_ident(key), ', '), whole)
      from (select s.sample || jsonb_build_object('user_id', p.ada, w.name, e.value) as whole) r, jsonb_object_keys(whole) key
      group by whole))
  ) attempt (way, statement)
  where statement is not null;

select is(pg_temp.breaks('select 1'), 'nothing', 'all that stands works');
select cmp_ok((select count(*) from answers), '>=', 200::bigint, 'there are values to try');
select is_empty($$ select * from answers where breaks not in ('refused', 'nothing') $$, 'whatever may be written, it still does');
select is_empty(
  $$ select name from writable where relation = 'bondhu.settings' and type = 'integer'
     except select name from answers where value = '2147483647' and breaks = 'refused' $$,
  'every setting has an upper bound');

select * from finish();
rollback;
