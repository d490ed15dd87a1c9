-- Stored facts on the private topic of their user: ids for who is there, nothing for who is not, and no message is lost for it.
begin;
\ir acting.psql
select plan(25);

reset role;
set local client_min_messages = error; -- cascading names what goes
drop schema if exists realtime cascade;
set local client_min_messages = warning;
set local role postgres;
create temp table people as select pg_temp.sign_up('Ada') as ada, pg_temp.sign_up('Bela') as bela;
grant select on people to public;
create function pg_temp.start(of_user uuid) returns uuid
language plpgsql as $$
declare
  session uuid;
begin
  perform pg_temp.act_as('authenticated', of_user);
  session := start_session('phone');
  perform pg_temp.stop_acting();
  return session;
end
$$;
create temp table sessions as select pg_temp.start(ada) as of_ada from people;
grant select on sessions to public;
create function pg_temp.say(of_user uuid, words text, session uuid default null) returns uuid
language sql as $$ insert into chat_messages (user_id, message_text, session_id) values (of_user, words, session) returning id $$;

select lives_ok('select pg_temp.say(ada, ''Hello'', of_ada) from people, sessions', 'without Realtime messages are stored');

reset role;
\ir ../../stack/sql/realtime.sql
set local role postgres;
create function pg_temp.told() returns table (topic text, event text, payload jsonb, private boolean)
language sql as $$ select m.topic, m.event, m.payload - 'id', m.private from realtime.messages m order by m.inserted_at, m.event $$;
create function pg_temp.forget() returns void
language plpgsql as $$ begin reset role; delete from realtime.messages where true; set local role postgres; end $$;

-- Messages

select pg_temp.act_as('authenticated', ada) from people;
insert into chat_messages (id, message_text, session_id) select 'a0000000-0000-4000-8000-000000000001', 'The 9:15 bus is late', of_ada from sessions;
select pg_temp.stop_acting();
select results_eq('select * from pg_temp.told() where event = ''message_stored''',
  $$select 'user:' || ada, 'message_stored', jsonb_build_object('message_id', 'a0000000-0000-4000-8000-000000000001', 'session_id', of_ada, 'sender_type', 'user'), true
    from people, sessions$$, 'a message of a session is announced to its author, privately');
select ok(not exists (select from realtime.messages m where m::text ilike '%bus%'), 'without its text');
select pg_temp.forget();
insert into chat_messages (user_id, message_text, session_id, sender_type) select ada, 'So is mine', of_ada, 'ai' from people, sessions;
select is((select payload ->> 'sender_type' from pg_temp.told()), 'ai', 'so is what the companion says');
select pg_temp.forget();
select pg_temp.say(ada, 'Hello') from people;
insert into chat_messages (user_id, message_text, session_id, created_at) select ada, 'Long ago', of_ada, now() - interval '1 day' from people, sessions;
select is_empty('select * from pg_temp.told()', 'neither one without a session, nor an import');
select pg_temp.say(bela, 'Hello') from people;
select is_empty('select * from pg_temp.told()', 'nor anything of who is not there');

-- The profile

select pg_temp.say(ada, 'I am so sad and lonely') from people, generate_series(1, 12);
select ok((select count(*) from personality_history h, people where h.user_id = ada) > 0, 'what changes the profile');
select bag_eq('select * from pg_temp.told()',
  $$select 'user:' || ada as topic, 'profile_changed' as event, jsonb_build_object('history_id', h.id) as payload, true as private from people join personality_history h on h.user_id = ada$$,
  'is announced as a row of history');
select pg_temp.forget();
select pg_temp.say(bela, 'I am so sad and lonely') from people, generate_series(1, 12);
select is_empty('select * from pg_temp.told()', 'not to who is not there');

-- Connections

insert into provider_connections (user_id, provider) select who, 'spotify' from people, unnest(array[ada, bela]) who;
insert into bondhu.sync_jobs (user_id, provider) select who, 'spotify' from people, unnest(array[ada, bela]) who;
update provider_connections set status = 'queued';
update provider_connections set status = 'syncing';
select is_empty('select * from pg_temp.told()', 'that a sync begins is not announced');
update provider_connections set status = 'ok';
select results_eq('select * from pg_temp.told()',
  $$select 'user:' || ada, 'connection_changed', '{"provider": "spotify", "status": "ok"}'::jsonb, true from people$$, 'what comes of it is');
update provider_connections set status = 'ok', next_sync_at = now();
select is((select count(*) from pg_temp.told()), 1::bigint, 'once');
select pg_temp.act_as('authenticated', ada) from people;
select disconnect('spotify');
select pg_temp.stop_acting();
select ok(exists (select from pg_temp.told() where payload ->> 'status' = 'disconnected'), 'and that an account is unlinked');

-- When there is nobody any more

select pg_temp.forget();
select pg_temp.act_as('authenticated', ada) from people;
select end_session(of_ada) from sessions;
select pg_temp.stop_acting();
select pg_temp.say(ada, 'Late', of_ada) from people, sessions;
select is_empty('select * from pg_temp.told()', 'a session that has ended hears nothing');

-- What fails

create temp table again as select pg_temp.start(ada) as session from people;
create function pg_temp.is_stored(how text) returns setof text
language plpgsql as $$
begin
  set local client_min_messages = error; -- its warning
  return next lives_ok('select pg_temp.say(ada, ''I am so happy'', session) from people, again', 'a message is stored ' || how);
  set local client_min_messages = warning;
end
$$;
reset role;
revoke insert on realtime.messages from postgres;
set local role postgres;
select pg_temp.is_stored('where announcing is refused');
reset role;
revoke execute on function realtime.send(jsonb, text, text, boolean) from public;
set local role postgres;
select pg_temp.is_stored('where the function is closed');
reset role;
revoke usage on schema realtime from postgres;
set local role postgres;
select pg_temp.is_stored('where the schema is closed');
reset role;
drop function realtime.send(jsonb, text, text, boolean) cascade;
set local role postgres;
select pg_temp.is_stored('where the function is gone');
select is_empty('select * from bondhu.verify()', 'and counted');

-- Who may

select is(pg_temp.attempt(actor, ada, 'select bondhu.announce(ada, ''x'', ''{}'') from people'), '42501', actor || ' announces nothing by hand')
from people, unnest(array['authenticated', 'anon', 'service_role', 'bondhu_worker']) actor;
select is_empty(
  $$select t.tablename from pg_publication_tables t where t.pubname = 'supabase_realtime' and t.schemaname in ('public', 'bondhu')$$,
  'no table is published to Realtime, where deletions reach everybody');
select is_empty(
  $$select t.tgname from pg_trigger t where t.tgrelid in ('personality_profiles'::regclass, 'sentiment_buckets'::regclass) and not t.tgisinternal$$,
  'no trigger hangs on what every message writes');

select * from finish();
rollback;
