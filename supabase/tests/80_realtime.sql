-- Private Realtime channels: user:{user_id} is its user's, asked as Realtime asks. The schema is made here as the
-- service makes it, so that the policies can be tried where there is none.
begin;
\ir acting.psql
select plan(14 + 96);

reset role;
set local client_min_messages = error; -- cascading names what goes
drop schema if exists realtime cascade;
set local client_min_messages = warning;
set local role postgres;
select is(bondhu.missing_realtime_policies(), '{}', 'without Realtime nothing is missing');
select is(bondhu.authorize_realtime(), '{}', 'and nothing is done');

reset role;
\ir ../../stack/sql/realtime.sql
set local role postgres;
create temp table policies as select name from bondhu.realtime_policies();
select is(cardinality(bondhu.missing_realtime_policies()), 2, 'when it comes, two policies are missing');
select is(bondhu.authorize_realtime(), '{}', 'and come, by a role that is no superuser');
select is(bondhu.authorize_realtime(), '{}', 'once and for all');
select is(
  array(select format('%s %s %s', policyname, cmd, roles) from pg_policies
        where schemaname = 'realtime' and tablename = 'messages' order by policyname),
  array['bondhu_hear_own_topic SELECT {authenticated}', 'bondhu_send_to_own_topic INSERT {authenticated}'],
  'for users alone, and nothing else');

-- Who × topic × extension: '1 rows' is yes, '0 rows' and 42501 are no.

create temp table people as
  select person.name, pg_temp.sign_up(person.name) as user_id from (values ('Ada'), ('Bela')) person (name);

create function pg_temp.hears(actor text, user_id uuid, topic text, extension text) returns text
language plpgsql as $$
declare
  probe uuid;
begin
  insert into realtime.messages (topic, extension) values (hears.topic, hears.extension) returning id into probe;
  perform set_config('realtime.topic', hears.topic, true);
  return pg_temp.attempt(actor, user_id, format('select from realtime.messages where id = %L', probe));
end
$$;
create function pg_temp.sends(actor text, user_id uuid, topic text, extension text) returns text
language plpgsql as $$
begin
  perform set_config('realtime.topic', sends.topic, true);
  return pg_temp.attempt(actor, user_id, format('insert into realtime.messages (topic, extension) values (%L, %L)', sends.topic, sends.extension));
end
$$;

create temp table attempts as
  select actor.name as actor, actor.role, actor.user_id, form.name as form, form.topic, extension,
         actor.role = 'service_role'
           or actor.name = 'Ada' and form.name = 'their own' and extension in ('broadcast', 'presence') as is_allowed
  from (
    select p.name, 'authenticated', p.user_id from people p where p.name = 'Ada'
    union all values ('a user without an id', 'authenticated', null::uuid), ('anon', 'anon', null), ('the service role', 'service_role', null)
  ) actor (name, role, user_id)
  cross join lateral (
    select 'their own', 'user:' || p.user_id from people p where p.name = 'Ada'
    union all select 'another''s', 'user:' || p.user_id from people p where p.name = 'Bela'
    union all select 'upper case', 'user:' || upper(p.user_id::text) from people p where p.name = 'Ada'
    union all select 'something after', 'user:' || p.user_id || ':typing' from people p where p.name = 'Ada'
    union all select 'something before', ' user:' || p.user_id from people p where p.name = 'Ada'
    union all select 'the id alone', p.user_id::text from people p where p.name = 'Ada'
    union all values ('no id', 'user:'), ('no topic', '')
  ) form (name, topic)
  cross join (values ('broadcast'), ('presence'), ('postgres_changes')) extension (extension);

select is(count(*), 96::bigint, 'callers, topics and extensions are tried one by one') from attempts;
select is(
  array[pg_temp.hears(role, user_id, topic, extension), pg_temp.sends(role, user_id, topic, extension)],
  case when is_allowed then array['1 rows', '1 rows'] else array['0 rows', '42501'] end,
  format('%s, %s: %s', actor, form, extension))
from attempts
order by actor, form, extension;

-- The worker is no user.
select is(
  array(select pg_temp.hears('bondhu_worker', null, 'user:' || user_id, 'broadcast') from people), array['42501', '42501'],
  'the worker''s role has nothing to do with it');

-- A setting of one's own topic opens no row of another's.
create temp view ada as select user_id, 'user:' || user_id as topic from people where name = 'Ada';
create temp view bela as select user_id, 'user:' || user_id as topic from people where name = 'Bela';
insert into realtime.messages (topic, extension) select topic, 'broadcast' from bela;
select set_config('realtime.topic', topic, true) from ada;
select is(
  pg_temp.attempt('authenticated', user_id, format('select from realtime.messages where topic <> %L', topic)),
  '0 rows', 'what was sent to others stays theirs') from ada;
select is(
  pg_temp.attempt('authenticated', a.user_id, format('insert into realtime.messages (topic, extension) values (%L, ''broadcast'')', b.topic)),
  '42501', 'and nothing is sent there') from ada a, bela b;
insert into realtime.messages (topic, extension) select topic, 'broadcast' from ada;
select is(
  array[pg_temp.attempt('authenticated', user_id, 'update realtime.messages set event = null'),
        pg_temp.attempt('authenticated', user_id, 'delete from realtime.messages')],
  array['0 rows', '42501'], 'nobody changes or deletes what was sent') from ada;
select is(
  pg_temp.attempt('bondhu_worker', null, 'select bondhu.missing_realtime_policies()'), '1 rows', 'the doctor may ask what is missing');

-- A project that lets postgres write no policy there.
select is(bondhu.unauthorize_realtime(), '{}', 'they go when Bondhu goes');
reset role;
alter table realtime.messages owner to session_user;
set local role postgres;
set local client_min_messages = error; -- the warning
select is(
  bondhu.authorize_realtime(), array(select name from policies order by name),
  'where they are refused they stay missing, and nothing fails');

select * from finish();
rollback;
