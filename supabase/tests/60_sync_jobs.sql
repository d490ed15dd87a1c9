-- Planning, leases and completion, as the worker sees them.
begin;
\ir acting.psql
\ir tables.psql
select plan(33);

create temp table people as select pg_temp.sign_up('Ada') as ada, pg_temp.sign_up('Bela') as bela;
grant select on people to public;
create function pg_temp.ada() returns uuid language sql stable as 'select ada from people';
create function pg_temp.bela() returns uuid language sql stable as 'select bela from people';

delete from bondhu.provider_ledger;
update bondhu.provider_settings set enabled = true, blocked_until = null, blocked_reason = null;
insert into provider_connections (user_id, provider, next_sync_at)
select person, provider, now()
from people, unnest(array[ada, bela]) person, unnest(array['spotify', 'youtube']) provider;
insert into bondhu.sync_jobs (user_id, provider) select user_id, provider from provider_connections where user_id in (select unnest(array[ada, bela]) from people);

create temp table claimed (worker text, user_id uuid, provider text, lease_token uuid, checkpoint jsonb, attempts integer, scopes text[],
  resources jsonb, requested boolean, library_due boolean, requests_left integer, more_at timestamptz);
grant all on claimed to public;

select pg_temp.act_as('bondhu_worker');

-- Planning

select is(bondhu.plan_syncs(), 4::bigint, 'what is due is queued');
select is(bondhu.plan_syncs(), 0::bigint, 'once');

-- Leases

select is_empty($$ select * from bondhu.claim_syncs('none', 3, '{}') $$, 'a worker claims only of providers that it is set up for');
insert into claimed select 'one', c.* from bondhu.claim_syncs('one', 3) c;
insert into claimed select 'two', c.* from bondhu.claim_syncs('two', 3) c;
select results_eq(
  'select worker, count(*) from claimed group by worker order by worker',
  $$ values ('one', 3::bigint), ('two', 1) $$, 'two workers share the queue, and no connection twice');
select results_eq('select distinct status from provider_connections', $$ values ('syncing') $$, 'claimed ones are syncing');

create temp table mine as select * from claimed where user_id = pg_temp.ada() and provider = 'spotify';
grant select on mine to public;
select ok(bondhu.hold_lease(user_id, provider, lease_token, '{"page": 2}'), 'the holder holds on') from mine;
select ok(not bondhu.hold_lease(user_id, provider, gen_random_uuid(), '{"page": 9}'), 'another token does not') from mine;
select results_eq(
  $$ select bondhu.hold_lease(user_id, provider, lease_token, null, '{"a": {"offered": true}}'),
            bondhu.hold_lease(user_id, provider, lease_token, null, '{"b": {"offered": false}}') from mine $$,
  'values (true, true)', 'what is learned of resources is added up');
select ok(not bondhu.hold_lease(pg_temp.bela(), provider, lease_token), 'nor this one elsewhere') from mine;
select ok(not bondhu.complete_sync(user_id, provider, gen_random_uuid(), 'ok'), 'nor does another token complete') from mine;

select is_empty('select * from bondhu.claim_syncs(''three'', 9)', 'nothing is left to claim');
select pg_temp.stop_acting();
update bondhu.sync_jobs set lease_expires_at = now() - interval '1 second' where user_id = pg_temp.ada() and provider = 'spotify';
select pg_temp.act_as('bondhu_worker');
insert into claimed select 'three', c.* from bondhu.claim_syncs('three', 9) c;
select results_eq(
  $$ select user_id, provider, checkpoint from claimed where worker = 'three' $$,
  $$ values (pg_temp.ada(), 'spotify', '{"page": 2}'::jsonb) $$, 'a lease that ran out is claimed anew, with its checkpoint');
select ok(not bondhu.complete_sync(user_id, provider, lease_token, 'ok'), 'the former holder has lost it') from mine;

-- Completion

create temp table mine_now as select * from claimed where worker = 'three';
grant select on mine_now to public;
select ok(bondhu.complete_sync(user_id, provider, lease_token, 'ok'), 'the new one completes') from mine_now;
select results_eq(
  $$ select c.status, c.last_sync_at, c.next_sync_at > now() + interval '50 minutes', j.checkpoint, j.lease_token
     from provider_connections c join bondhu.sync_jobs j using (user_id, provider) where user_id = pg_temp.ada() and provider = 'spotify' $$,
  $$ values ('ok', now(), true, '{}'::jsonb, null::uuid) $$, 'and the next sync is planned');
select ok(not bondhu.complete_sync(user_id, provider, lease_token, 'ok'), 'once') from mine_now;

create temp table others as select * from claimed where worker <> 'three' and (user_id, provider) <> (pg_temp.ada(), 'spotify');
grant select on others to public;
select throws_ok(
  format('select bondhu.complete_sync(%L, %L, %L, %L)', user_id, provider, lease_token, outcome), '23514', null, 'not an outcome: ' || outcome)
from others, unnest(array['partial', 'done']) outcome
where user_id = pg_temp.ada();
select ok(
  bondhu.complete_sync(user_id, provider, lease_token, 'partial', array['youtube.likes'], 'server_error', 'YouTube did not answer.'),
  'a partial pull says what is missing')
from others where user_id = pg_temp.ada();
select ok(
  bondhu.complete_sync(user_id, provider, lease_token, 'failing', '{}', 'rate_limited', 'Spotify asks to wait.', now() + interval '13 hours'),
  'a failing one waits as long as it is told')
from others where user_id = pg_temp.bela() and provider = 'spotify';
select results_eq(
  $$ select c.status, c.next_sync_at, j.not_before, j.attempts
     from provider_connections c join bondhu.sync_jobs j using (user_id, provider) where user_id = pg_temp.bela() and provider = 'spotify' $$,
  $$ values ('failing', now() + interval '13 hours', now() + interval '13 hours', 1) $$, 'on record, not asleep');
select is(bondhu.plan_syncs(), 0::bigint, 'nothing is due before its time');

-- The provider says no to everyone

select pg_temp.stop_acting();
update provider_connections set status = 'ok', next_sync_at = now(), missing = '{}', last_error = null, last_error_code = null
 where provider = 'youtube' and user_id in (select unnest(array[ada, bela]) from people);
update bondhu.sync_jobs set lease_token = null, lease_owner = null, lease_expires_at = null;
select pg_temp.act_as('bondhu_worker');
select ok(bondhu.block_provider('youtube', null, 'quotaExceeded') > now(), 'a spent quota blocks until its reset');
select is(bondhu.plan_syncs(), 0::bigint, 'nobody is planned meanwhile');
select pg_temp.stop_acting();
update bondhu.provider_settings set blocked_until = null, blocked_reason = null;

select pg_temp.act_as('bondhu_worker');
select is(bondhu.spend_request('youtube'), null, 'within the budget a request may be sent');
select is(
  array_agg(bondhu.spend_request('spotify') is null), array_fill(true, array[90]), 'so many in a rolling window')
from generate_series(1, 90);
select ok(
  bondhu.spend_request('spotify') between now() + interval '30 s' and clock_timestamp() + interval '31 s',
  'and no more before the first of them leaves it');
select is(requests_used, 90::bigint, 'what must not be sent is not counted') from bondhu.quota where provider = 'spotify';
update bondhu.provider_ledger set counted_from = counted_from - interval '31 s' where provider = 'spotify';
select is(bondhu.spend_request('spotify'), null, 'then it goes on');
update bondhu.provider_ledger set requests = requests + 8984 where provider = 'youtube';
select results_eq(
  $$ select requests_used, requests_left from bondhu.quota where provider = 'youtube' $$, 'values (8985::bigint, 1015::bigint)', 'the ledger counts');
select is(bondhu.plan_syncs(), 1::bigint, 'the budget plans what it can pay for, and leaves a tenth to who asks');

-- A user goes in the middle of a pull

select pg_temp.stop_acting();
update provider_connections set status = 'queued' where user_id = pg_temp.bela() and provider = 'youtube';
select pg_temp.act_as('bondhu_worker');
insert into claimed select 'four', c.* from bondhu.claim_syncs('four', 9) c where c.user_id = pg_temp.bela();
select pg_temp.stop_acting();
delete from auth.users where id = pg_temp.bela();
select pg_temp.act_as('bondhu_worker');
select ok(not bondhu.hold_lease(user_id, provider, lease_token), 'the lease goes with the user')
from claimed where worker = 'four';
select ok(not bondhu.complete_sync(user_id, provider, lease_token, 'ok'), 'and completing is no error')
from claimed where worker = 'four';

select * from finish();
rollback;
