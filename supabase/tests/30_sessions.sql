-- A session's life: started, touched, logged, ended or gone idle.
begin;
\ir acting.psql
select plan(46);

create temp table people as select pg_temp.sign_up('Ada') as ada, pg_temp.sign_up('Bela') as bela;
grant select on people to public;
create function pg_temp.ada() returns uuid language sql stable as 'select ada from people';
create function pg_temp.bela() returns uuid language sql stable as 'select bela from people';
create temp table started (device text, id uuid);
grant all on started to public;

-- Starting

select pg_temp.act_as('authenticated', pg_temp.ada());
insert into started select 'phone', start_session('phone');
insert into started select 'laptop', start_session('laptop');
select results_eq(
  'select device_id, ended_at is null from user_sessions order by device_id',
  $$ values ('laptop', true), ('phone', true) $$, 'every device has a session of its own');
insert into started select 'phone again', start_session('phone');
select results_eq(
  $$ select end_reason, ended_at is not null from user_sessions where id = (select id from started where device = 'phone') $$,
  $$ values ('replaced', true) $$, 'starting on a device again replaces the session it had');
select results_eq(
  'select device_id, count(*) from user_sessions where ended_at is null group by device_id order by device_id',
  $$ values ('laptop', 1::bigint), ('phone', 1) $$, 'so that a device has one');
select throws_ok(
  format('select start_session(%L)', device), '22023', 'device_id must have 1 to 200 characters that can be seen, and no control characters', 'no device name: ' || what)
from (values ('empty', ''), ('blank', '  '), ('missing', null), ('too long', repeat('x', 201)), ('too long with its spaces', repeat(' ', 300) || 'a'),
  ('seen by nobody', U&'\200B\+0E0020'), ('with a control character', U&'phone\0007')) bad (what, device);

-- Using

update started set device = 'current' where device = 'phone again';
create function pg_temp.current_session() returns uuid language sql stable as $$ select id from started where device = 'current' $$;
select lives_ok('select touch_session(pg_temp.current_session())', 'an active session is touched');
create function pg_temp.place() returns tid language sql as $$ select ctid from user_sessions where id = pg_temp.current_session() $$;
create temp table places as select pg_temp.place() as place;
select touch_session(pg_temp.current_session());
select is(pg_temp.place(), place, 'which writes nothing within a minute') from places;
select lives_ok(
  $$ select log_activity(pg_temp.current_session(), 'chat.opened', '{"from": "notification"}') $$, 'what was done is logged');
select lives_ok($$ select log_activity(pg_temp.current_session(), 'game.finished') $$, 'details may be left out');
select results_eq(
  'select activity, details from session_activities order by activity',
  $$ values ('chat.opened', '{"from": "notification"}'::jsonb), ('game.finished', '{}') $$, 'with its details');
select results_eq(
  'select activity_count from user_sessions where id = pg_temp.current_session()', 'values (2)', 'and is counted in the session');
select throws_ok(
  format('select log_activity(pg_temp.current_session(), %L, %L)', activity, details), state, null, 'not logged: ' || what)
from (values
  ('no name', null, '{}', '23502'),
  ('a sentence for a name', 'Opened the chat', '{}', '23514'),
  ('an empty name', '', '{}', '23514'),
  ('a list for details', 'chat.opened', '[]', '23514'),
  ('a book for details', 'chat.opened', jsonb_build_object('text', (select string_agg(md5(n::text), '') from generate_series(1, 500) n))::text, '23514')
) bad (what, activity, details, state);
select pg_temp.stop_acting();

select is(pg_temp.attempt('authenticated', pg_temp.bela(), call), 'P0002', 'another user''s session does not exist: ' || call)
from unnest(array[
  'select touch_session(pg_temp.current_session())',
  'select log_activity(pg_temp.current_session(), ''chat.opened'')',
  'select end_session(pg_temp.current_session())'
]) call;
select is(pg_temp.attempt('authenticated', null, $$ select start_session('phone') $$), '28000', 'a session is somebody''s');
select is(pg_temp.attempt('anon', null, $$ select start_session('phone') $$), '42501', 'anon has none');

-- Ending

select pg_temp.act_as('authenticated', pg_temp.ada());
select lives_ok('select end_session(pg_temp.current_session())', 'a session is ended');
select results_eq(
  'select end_reason, ended_at is not null from user_sessions where id = pg_temp.current_session()',
  $$ values ('ended', true) $$, 'by the user');
select throws_ok(call, 'P0002', 'this session is not active', 'not after the end: ' || call)
from unnest(array[
  'select touch_session(pg_temp.current_session())',
  'select log_activity(pg_temp.current_session(), ''chat.opened'')',
  'select end_session(pg_temp.current_session())',
  'select touch_session(null)'
]) call;
select pg_temp.stop_acting();

-- Idling

select results_eq(
  $$ select json_array_length(data), data -> 0 ->> 'device_id', until = now() + interval '30 minutes'
     from bondhu.session_active_document(array[pg_temp.ada()], now()) $$,
  $$ values (1, 'laptop', true) $$, 'the document lists active sessions until the first goes idle');
update user_sessions
   set started_at = started_at - interval '2 hours', last_seen_at = last_seen_at - interval '2 hours',
     check_idle_at = check_idle_at - interval '2 hours'
 where device_id = 'laptop';
select results_eq(
  'select data::jsonb, until from bondhu.session_active_document(array[pg_temp.ada()], now())',
  'values (null::jsonb, null::timestamptz)', 'an idle session is not active even before it is closed');
select is(bondhu.close_idle_sessions(), 1::bigint, 'it is closed by cron');
select results_eq(
  $$ select end_reason from user_sessions where device_id = 'laptop' $$, $$ values ('idle') $$, 'as idle');
select is(bondhu.close_idle_sessions(), 0::bigint, 'once');
select start_session('watch') from (select pg_temp.act_as('authenticated', pg_temp.ada())) acting;
select pg_temp.stop_acting();
update user_sessions set last_seen_at = last_seen_at - interval '10 minutes', started_at = started_at - interval '1 hour', check_idle_at = now()
where device_id = 'watch';
select is(bondhu.close_idle_sessions(), 0::bigint, 'one that was used since it was last looked at goes on');
select results_eq(
  $$ select ended_at is null, check_idle_at = last_seen_at + interval '30 minutes' from user_sessions where device_id = 'watch' $$,
  'values (true, true)', 'and is looked at when it can be idle');
delete from user_sessions where device_id = 'watch';
select is(
  pg_temp.attempt('authenticated', pg_temp.ada(), $$ select start_session('laptop') $$), '1 rows', 'and the device may start anew');

-- How many

select is((select max_active_sessions from bondhu.settings), 20, 'a user has at most twenty unless the operator says otherwise');
update bondhu.settings set max_active_sessions = 3 where singleton;
select pg_temp.act_as('authenticated', pg_temp.bela());
create temp table bela_started as select n, start_session('device ' || n) as id from generate_series(1, 3) n;
select pg_temp.stop_acting();
-- All began in one transaction: as if one after the other, and the first was used last.
update user_sessions s set started_at = now() - interval '10 minutes' + b.n * interval '1 minute',
  last_seen_at = case b.n when 1 then now() else now() - interval '10 minutes' + b.n * interval '1 minute' end
from bela_started b where b.id = s.id;
select pg_temp.act_as('authenticated', pg_temp.bela());
select lives_ok($$ select start_session('device 3') $$, 'one more on a device that has one ends that alone');
select results_eq(
  'select device_id from user_sessions where ended_at is null order by device_id', array['device 1', 'device 2', 'device 3'], 'and leaves the others');
select lives_ok($$ select start_session('device 4') $$, 'one more than allowed is started');
select results_eq(
  $$ select device_id, end_reason from user_sessions where end_reason = 'too_many' $$, $$ values ('device 2', 'too_many') $$,
  'in the place of that which was used least recently');
select pg_temp.stop_acting();
update bondhu.settings set max_active_sessions = 1 where singleton;
select pg_temp.act_as('authenticated', pg_temp.bela());
select start_session('device 5');
select pg_temp.stop_acting();
select results_eq(
  $$ select d.value ->> 'device_id' from bondhu.session_active_document(array[pg_temp.bela()], now()), json_array_elements(data) d $$,
  array['device 5'], 'with fewer allowed the others end at the next start; the document is as short');

select * from finish();
rollback;
