-- What is older than its retention goes, in batches, and touches nothing else.
begin;
\ir acting.psql
select plan(15);

create temp table people as select pg_temp.sign_up('Ada') as ada, pg_temp.sign_up('Bela') as bela;

-- A partial index serves where rows without an age, or others than the rule's, are left out.
select is_empty(
  $$ select r.name from bondhu.retention() r
     where not exists (
       select from pg_index i
       cross join lateral (select replace(pg_get_expr(i.indpred, i.indrelid), '::text', '') as predicate) p
       where i.indrelid = format('%I.%I', r.schema_name, r.table_name)::regclass and pg_get_indexdef(i.indexrelid, 1, false) = r.aged_by
         and coalesce(p.predicate in (format('(%s IS NOT NULL)', r.aged_by), format('(%s = %L)', r.only_column, r.only_value)), true)) $$,
  'an index finds what is to go of each rule');
select is_empty(
  $$ select a.attname from pg_attribute a
     where a.attrelid = 'bondhu.settings'::regclass and a.attname ~ '_retention_days$' and not a.attisdropped
       and not exists (
         select from pg_proc p where p.pronamespace = 'bondhu'::regnamespace and p.proname in ('retention', 'prune_cron_history')
           and strpos(p.prosrc, 's.' || a.attname) > 0) $$,
  'each setting of a retention is kept');

select is_empty(
  $$ select p.proname from pg_proc p
     where p.pronamespace = 'bondhu'::regnamespace and p.prokind = 'p'
       and coalesce(substring(pg_get_function_arguments(p.oid) from 'seconds integer DEFAULT ([0-9]+)')::integer, 1000) > 100 $$,
  'what commits on its way ends within the two minutes that Supabase lets a statement take');

-- Batches

insert into user_sessions (user_id, device_id, started_at, last_seen_at, ended_at, end_reason)
select ada, 'device ' || n, at, at, at, 'ended'
from people, generate_series(1, 5) n, lateral (select now() - make_interval(days => 85 + n) as at) t;
insert into chat_messages (user_id, session_id, message_text, created_at)
select user_id, id, 'Long ago', started_at from user_sessions;
create temp table places as select ctid as place, id, session_id from chat_messages;
update bondhu.settings set session_retention_days = 86 where true;
select is(bondhu.prune_batch('user_sessions', 3), 3, 'so many at a time');
select results_eq(
  $$ select device_id from user_sessions order by 1 $$, $$ values ('device 1'), ('device 2') $$, 'the oldest first');
select is(bondhu.prune_batch('user_sessions', 3), 1, 'until none is left that is older');
select is(bondhu.prune_batch('user_sessions', 3), 0, 'then none goes');
select set_eq('select ctid as place, id, session_id from chat_messages', 'select place, id, session_id from places', 'and no message is written anew');

-- YouTube

insert into video_likes (user_id, video_id, walk_id, fetched_at)
select id, 'v' || n, gen_random_uuid(), now() - case when id = ada and n = 1 then interval '31 days' else '29 days' end
from people, unnest(array[ada, bela]) id, generate_series(1, 2) n;
insert into video_subscriptions (user_id, channel_id, topics, topics_at, walk_id)
select ada, 'c', array['Music'], now() - interval '31 days', gen_random_uuid() from people;
insert into video_preferences (user_id, top_categories, top_topics, top_channels, recent_channels, subscription_count, like_count, playlist_count, computed_at)
select id, '[]', '[]', '[]', '[]', 0, 2, 0, now() from people, unnest(array[ada, bela]) id;
insert into bondhu.recommendation_candidates (user_id, kind, candidates) select ada, kind, '[]' from people, unnest(array['music', 'video']) kind;
select is(bondhu.prune_batch('video_likes', 100), 1, 'what was fetched over 30 days ago goes');
select results_eq('select user_id from video_preferences', 'select bela from people', 'with what was concluded from it, of nobody else');
select results_eq('select kind from bondhu.recommendation_candidates', $$ values ('music') $$, 'nor from anything else');
select is(bondhu.prune_batch('video_topics', 100), 1, 'of a row that was fetched again only what is old');
select results_eq('select channel_id, topics, topics_at from video_subscriptions', $$ values ('c', null::text[], null::timestamptz) $$, 'is emptied');
select is((select sum(bondhu.prune_batch(r.name, 100)) from bondhu.retention() r), 0::bigint, 'nothing else is old');
select throws_ok($$ select bondhu.prune_batch('chat_messages', 100) $$, 'P0002', null, 'there is no rule for messages');

select * from finish();
rollback;
