-- When the auth service deletes a user, everything goes, through every trigger.
begin;
\ir acting.psql
\ir tables.psql
select plan(6);

create temp table people as select pg_temp.sign_up('Ada') as ada, pg_temp.sign_up('Bela') as bela;
grant select on people to public;
select pg_temp.give_samples(ada), pg_temp.give_samples(bela) from people;

-- A conversation long enough for the engine to conclude something, with evidence.
insert into chat_messages (user_id, session_id, message_text, created_at)
select person, '00000000-0000-4000-8000-000000000001',
       (array['I am so happy and grateful today!', 'This is terrible, I feel awful.', 'I feel lonely and sad.'])[1 + n % 3],
       now() - n * interval '3 hours'
from people, unnest(array[ada, bela]) person, generate_series(0, 60) n;

-- A consent that the provider lets us end.
insert into provider_connections (user_id, provider, account_id) select ada, 'youtube', 'channel-1' from people;
insert into bondhu.sync_jobs (user_id, provider) select ada, 'youtube' from people;
insert into bondhu.provider_tokens (user_id, provider, kind, sealed) select ada, 'youtube', 'refresh', '\x01' from people;

create temp table before as
  select relation, pg_temp.rows_of(relation, (select bela from people)) as belas from sample_rows;
select is_empty(
  $$ select relation from sample_rows where pg_temp.rows_of(relation, (select ada from people)) = 0 $$,
  'the user has something everywhere');

set local role supabase_auth_admin;
select lives_ok($$ delete from auth.users where id = (select ada from people) $$, 'the auth service deletes the user');
set local role postgres;

select is_empty(
  $$ select relation from sample_rows where pg_temp.rows_of(relation, (select ada from people)) > 0 $$,
  'nothing of the user is left');
select results_eq(
  $$ select provider, sealed, not_before <= now() from bondhu.revocations where sealed_for = (select ada from people) $$,
  $$ values ('youtube', '\x01'::bytea, true) $$,
  'but the sealed token, for the worker to end the consent');
select is_empty(
  $$ select relation, belas, pg_temp.rows_of(relation, (select bela from people)) from before
     where belas <> pg_temp.rows_of(relation, (select bela from people)) $$,
  'nothing of another user is missing');

set local role supabase_auth_admin;
select lives_ok('delete from auth.users', 'all of them may go at once');
set local role postgres;

select * from finish();
rollback;
