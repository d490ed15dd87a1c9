-- In which order connections are queued, how many within a budget, and how a person who is back is noticed.
-- When one is due next is core's rule (core/src/planning.rs).
begin;
\ir acting.psql
select plan(24);

create temp table people as
  select n, pg_temp.sign_up('Person ' || n) as id from generate_series(1, 6) n;
grant select on people to public;
create function pg_temp.person(n integer) returns uuid language sql stable as 'select id from people p where p.n = $1';

delete from bondhu.provider_ledger;
update bondhu.provider_settings set enabled = provider = 'youtube', blocked_until = null, blocked_reason = null;
create function pg_temp.link_all() returns void language sql as $$
  delete from public.provider_connections c where c.user_id in (select id from people);
  insert into public.provider_connections (user_id, provider, status, connected_at, last_sync_at, next_sync_at)
  select id, 'youtube', 'ok', now() - interval '1 year', now() - interval '2 days', now() - make_interval(hours => n) from people;
  insert into bondhu.sync_jobs (user_id, provider) select id, 'youtube' from people;
$$;
create function pg_temp.queued() returns integer[] language sql stable as $$
  select coalesce(array_agg(p.n order by p.n), '{}')
  from people p join public.provider_connections c on c.user_id = p.id and c.provider = 'youtube'
  where c.status = 'queued'
$$;

-- Order

update bondhu.provider_settings set requests_per_window = 40 where provider = 'youtube';
select pg_temp.link_all();
update bondhu.sync_jobs set library_requests = 36 where user_id in (select id from people);
select is(bondhu.plan_syncs(), 4::bigint, 'however large a library, it counts for ten, or a tenth of the budget: four fit');
select is(pg_temp.queued(), array[3, 4, 5, 6], 'those due longest');
select pg_temp.link_all();
update bondhu.sync_jobs set urgent_from = now() - interval '1 hour' where user_id = pg_temp.person(1);
update bondhu.sync_jobs set urgent_from = now() + interval '1 hour' where user_id = pg_temp.person(2);
select bondhu.plan_syncs();
select is(pg_temp.queued(), array[1, 4, 5, 6], 'what has to be refreshed soon goes before what is due longer');
select pg_temp.link_all();
update bondhu.sync_jobs set urgent_from = now() - interval '1 hour' where user_id in (select id from people where n > 2);
update bondhu.sync_jobs set requested_at = now() where user_id in (pg_temp.person(1), pg_temp.person(2));
select bondhu.plan_syncs();
select is(pg_temp.queued() @> array[1, 2], true, 'whoever asked goes before both');
select pg_temp.link_all();
update bondhu.sync_jobs set urgent_from = now() - interval '1 hour', not_before = now() + interval '1 hour' where user_id = pg_temp.person(6);
update public.provider_connections set next_sync_at = now() + interval '1 hour' where user_id = pg_temp.person(5);
update bondhu.sync_jobs set urgent_from = now() - interval '1 hour' where user_id = pg_temp.person(5);
select bondhu.plan_syncs();
select is(pg_temp.queued(), array[1, 2, 3, 4], 'nothing is urgent before its time or during a back-off');

-- The tenth that is kept

select pg_temp.link_all();
insert into bondhu.provider_ledger select 'youtube', bondhu.quota_window_start(s, now()), 37 from bondhu.provider_settings s where s.provider = 'youtube';
select is(bondhu.plan_syncs(), 0::bigint, 'of the last tenth nothing is planned');
update bondhu.sync_jobs set requested_at = now() where user_id = pg_temp.person(1);
select is(bondhu.plan_syncs(), 1::bigint, 'but for who asks');
delete from bondhu.provider_ledger;
select is(bondhu.plan_syncs(now() - interval '1 day'), 0::bigint, 'the instant may be passed in: a day ago nothing was due');

-- What is given back until later takes no room

select pg_temp.link_all();
update public.provider_connections set status = 'queued', next_sync_at = now() + interval '1 hour' where user_id in (select id from people where n > 4);
select is(bondhu.plan_syncs(), 4::bigint, 'what waits until later takes no room now');
select is(bondhu.plan_syncs(), 0::bigint, 'what waits for a worker does');

-- Depth

update bondhu.provider_settings set enabled = true;
delete from public.provider_connections where user_id in (select id from people);
insert into public.provider_connections (user_id, provider, status, connected_at, last_sync_at, next_sync_at)
select id, 'spotify', 'queued', now(), now() - interval '2 days', now() - make_interval(hours => n) from people where n < 3;
insert into bondhu.sync_jobs (user_id, provider, library_due_at) select id, 'spotify', now() + interval '1 hour' * (n - 2) + interval '1 minute' from people where n < 3;
update bondhu.sync_jobs set library_due_at = now() - interval '1 minute' where user_id = pg_temp.person(2);
create temp table claimed as select * from bondhu.claim_syncs('one', 9);
select results_eq(
  'select user_id = pg_temp.person(2), library_due from claimed order by 1',
  'select * from (values (true, true)) v union all select false, library_due from claimed where user_id = pg_temp.person(1) order by 1',
  'everything is walked where that is due');
select ok(bondhu.complete_sync(user_id, 'spotify', lease_token, 'ok', requests => 17, next_pull_at => now() + interval '50 minutes',
  next_library_at => now() + interval '1 day', next_urgent_from => now() + interval '20 days'), 'a walk of everything completes')
from claimed where user_id = pg_temp.person(2);
select results_eq(
  $$ select c.next_sync_at, j.library_due_at, j.urgent_from, j.library_requests, j.pull_requests
     from public.provider_connections c join bondhu.sync_jobs j using (user_id, provider) where user_id = pg_temp.person(2) $$,
  $$ values (now() + interval '50 minutes', now() + interval '1 day', now() + interval '20 days', 17, 0) $$, 'and says what follows');
update bondhu.sync_jobs set lease_token = gen_random_uuid(), lease_owner = 'one', lease_expires_at = now() + interval '1 minute' where user_id = pg_temp.person(2);
select ok(bondhu.complete_sync(user_id, 'spotify', lease_token, 'queued', requests => 5), 'a pull is given back')
from bondhu.sync_jobs where user_id = pg_temp.person(2);
update bondhu.sync_jobs set lease_token = gen_random_uuid(), lease_owner = 'one', lease_expires_at = now() + interval '1 minute' where user_id = pg_temp.person(2);
select ok(bondhu.complete_sync(user_id, 'spotify', lease_token, 'ok', requests => 6, next_pull_at => 'infinity', next_library_at => '-infinity'), 'and goes on')
from bondhu.sync_jobs where user_id = pg_temp.person(2);
select results_eq(
  $$ select c.next_sync_at, j.library_due_at, j.urgent_from, j.library_requests
     from public.provider_connections c join bondhu.sync_jobs j using (user_id, provider) where user_id = pg_temp.person(2) $$,
  $$ values (now() + interval '31 days', now(), null::timestamptz, 11) $$, 'its leases are counted together, and no instant is out of reach');

-- Who is back

update public.provider_connections set status = 'ok', last_sync_at = now() - interval '5 days', next_sync_at = now() + interval '2 days'
where user_id = pg_temp.person(2);
update bondhu.sync_jobs set requested_at = null, lease_token = null, lease_owner = null, lease_expires_at = null where user_id = pg_temp.person(2);
select pg_temp.act_as('authenticated', pg_temp.person(2));
select start_session('phone') is not null as started;
select pg_temp.stop_acting();
select results_eq(
  $$ select c.next_sync_at, j.requested_at from public.provider_connections c join bondhu.sync_jobs j using (user_id, provider) where user_id = pg_temp.person(2) $$,
  'values (now(), now())', 'a session of who was away requests what had become rarer');
update public.provider_connections set last_sync_at = now() - interval '10 minutes', next_sync_at = now() + interval '7 days' where user_id = pg_temp.person(2);
update bondhu.sync_jobs set requested_at = null where user_id = pg_temp.person(2);
select bondhu.wake_syncs(pg_temp.person(2));
select results_eq(
  $$ select c.next_sync_at, j.requested_at from public.provider_connections c join bondhu.sync_jobs j using (user_id, provider) where user_id = pg_temp.person(2) $$,
  $$ values (now() + interval '50 minutes', null::timestamptz) $$, 'what is fresh is brought forward to the usual interval');
select bondhu.wake_syncs(pg_temp.person(2));
select results_eq(
  $$ select c.next_sync_at, j.requested_at from public.provider_connections c join bondhu.sync_jobs j using (user_id, provider) where user_id = pg_temp.person(2) $$,
  $$ values (now() + interval '50 minutes', null::timestamptz) $$, 'who is active is left as they are');
select pg_temp.act_as('bondhu_worker');
select results_eq(
  $$ select last_active_at, sync_interval_minutes, library_interval_minutes, retention_days from bondhu.planning_facts(pg_temp.person(2), 'spotify') $$,
  'values (now(), 60, 1440, null::integer)', 'the worker learns when they were there, and what is set');
select pg_temp.stop_acting();

-- What was not refreshed in time

select pg_temp.link_all();
update public.provider_connections set status = 'failing', last_error_code = 'server_error', last_error = 'YouTube is away.' where user_id = pg_temp.person(2) and provider = 'youtube';
insert into public.video_likes (user_id, video_id, walk_id, fetched_at)
select id, 'v', gen_random_uuid(), now() - case when n < 3 then interval '31 days' else interval '29 days' end from people;
insert into public.video_subscriptions (user_id, channel_id, walk_id, fetched_at)
select id, 'c', gen_random_uuid(), now() - interval '31 days' from people where n = 1;
select cmp_ok((select sum(bondhu.prune_batch(r.name, 1000)) from bondhu.retention() r), '>=', 3::bigint, 'goes');
select results_eq(
  $$ select status, missing, last_error_code from public.provider_connections where user_id = pg_temp.person(1) and provider = 'youtube' $$,
  $$ values ('partial', array['youtube.liked_videos', 'youtube.subscriptions'], 'expired') $$, 'and the person is told');
select results_eq(
  $$ select status, missing, last_error_code from public.provider_connections where user_id = pg_temp.person(2) and provider = 'youtube' $$,
  $$ values ('failing', array['youtube.liked_videos'], 'server_error') $$, 'where it already failed, with the reason that it has');
select results_eq(
  $$ select distinct status, missing, last_error_code from public.provider_connections
     where user_id in (select id from people where n > 2) and provider = 'youtube' $$,
  $$ values ('ok', array[]::text[], null::text) $$, 'nobody else');

select * from finish();
rollback;
