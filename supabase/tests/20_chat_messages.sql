-- Writing messages: what a client may send, what it may not, and what it is told.
begin;
\ir acting.psql
select plan(58);

create temp table people as select pg_temp.sign_up('Ada') as ada, pg_temp.sign_up('Bela') as bela;
grant select on people to public;
create function pg_temp.ada() returns uuid language sql stable as 'select ada from people';
create function pg_temp.bela() returns uuid language sql stable as 'select bela from people';

-- What Ada's client may send

select pg_temp.act_as('authenticated', pg_temp.ada());
insert into chat_messages (message_text) values ('Only text');
insert into chat_messages (user_id, id, message_text)
values (pg_temp.ada(), '00000000-0000-4000-8000-000000000001', 'With a user id and an id of the client''s');
select results_eq(
  'select user_id, sender_type from chat_messages order by seq',
  $$ values (pg_temp.ada(), 'user'), (pg_temp.ada(), 'user') $$,
  'a message is its sender''s, who is a user');
select results_eq(
  'select distinct created_at = now(), updated_at = now() from chat_messages', 'values (true, true)',
  'the database says when');

select lives_ok(
  $$ insert into chat_messages (id, message_text) values ('00000000-0000-4000-8000-000000000001', 'Sent again')
     on conflict (user_id, id) do nothing $$,
  'a retried send that ignores duplicates succeeds');
select results_eq(
  $$ select message_text from chat_messages where id = '00000000-0000-4000-8000-000000000001' $$,
  $$ values ('With a user id and an id of the client''s') $$,
  'and changes nothing');
select throws_ok(
  $$ insert into chat_messages (id, message_text) values ('00000000-0000-4000-8000-000000000001', 'Sent again')
     on conflict (user_id, id) do update set id = excluded.id, message_text = excluded.message_text $$,
  '42501', null, 'a merging upsert, as the Data API writes it, is refused');
select throws_ok(
  $$ insert into chat_messages (id, message_text) values ('00000000-0000-4000-8000-000000000001', 'Sent again') $$,
  '23505', null, 'a plain repetition is a conflict');
select lives_ok(
  $$ insert into chat_messages (message_text) values (E'\tone\r\ntwo\n') $$, 'tabs and line ends may be sent');
select lives_ok(
  $$ insert into chat_messages (message_text) values (repeat('ভ', 8000)) $$, '8000 characters fit, however many bytes');
select pg_temp.stop_acting();

-- What it may not send

select alike(pg_temp.refusal('authenticated', pg_temp.ada(), insertion), '23514: ' || sentence, 'refused: ' || what)
from (values
  ('empty text', $$ insert into chat_messages (message_text) values ('') $$, 'message_text is blank'),
  ('spaces', $$ insert into chat_messages (message_text) values ('   ') $$, 'message_text is blank'),
  ('tabs and line ends', $$ insert into chat_messages (message_text) values (E'\n\t \r\n') $$, 'message_text is blank'),
  ('a soft hyphen', $$ insert into chat_messages (message_text) values (U&'\00AD') $$, 'message_text is blank'),
  ('what is seen by nobody', $$ insert into chat_messages (message_text) values (U&'\200B\FE0F\180E') $$, 'message_text is blank'),
  ('tags and selectors', $$ insert into chat_messages (message_text) values (U&'\+0E0020\+0E0100\180B\FE0E') $$, 'message_text is blank'),
  ('a next-line control', $$ insert into chat_messages (message_text) values (U&'hi\0085') $$, 'message_text has control characters'),
  ('a bell', $$ insert into chat_messages (message_text) values (U&'hi\0007') $$, 'message_text has control characters'),
  ('a deletion', $$ insert into chat_messages (message_text) values (U&'hi\007F') $$, 'message_text has control characters'),
  ('controls alone', $$ insert into chat_messages (message_text) values (repeat(U&'\0001', 8000)) $$, 'message_text has control characters'),
  ('8000 emoji', $$ insert into chat_messages (message_text) values (repeat('😂', 8000)) $$, 'message_text has 32000 bytes'),
  ('8001 characters', $$ insert into chat_messages (message_text) values (repeat('x', 8001)) $$, 'message_text has 8001 characters')
) bad (what, insertion, sentence);
select is(pg_temp.attempt('authenticated', pg_temp.ada(), insertion), state, format('refused with %s: %s', state, what))
from (values
  ('no text', 'insert into chat_messages (message_text) values (null)', '23502'),
  ('another user''s id', 'insert into chat_messages (user_id, message_text) values (pg_temp.bela(), ''x'')', '42501'),
  ('nobody''s id', 'insert into chat_messages (user_id, message_text) values (null, ''x'')', '42501'),
  ('a score', 'insert into chat_messages (message_text, sentiment_score) values (''x'', 1)', '42501'),
  ('a mood', 'insert into chat_messages (message_text, mood_detected) values (''x'', ''joy'')', '42501'),
  ('a support level', 'insert into chat_messages (message_text, support_level) values (''x'', ''none'')', '42501'),
  ('an engine version', 'insert into chat_messages (message_text, engine_version) values (''x'', 1)', '42501'),
  ('a time', 'insert into chat_messages (message_text, created_at) values (''x'', now())', '42501'),
  ('a place in the order', 'insert into chat_messages (message_text, seq) overriding system value values (''x'', 1)', '42501'),
  ('the companion''s voice', 'insert into chat_messages (message_text, sender_type) values (''x'', ''ai'')', '42501'),
  ('a session that does not exist',
   'insert into chat_messages (message_text, session_id) values (''x'', gen_random_uuid())', '23503')
) bad (what, insertion, state);
select is(pg_temp.attempt('authenticated', null, $$ insert into chat_messages (message_text) values ('x') $$),
  '42501', 'without a user there is no message');
select is(pg_temp.attempt('anon', null, $$ insert into chat_messages (message_text) values ('x') $$),
  '42501', 'anon writes nothing');

select pg_temp.act_as('authenticated', pg_temp.bela());
create temp table belas on commit drop as select start_session('phone') as session_id;
insert into chat_messages (id, session_id, message_text)
select '00000000-0000-4000-8000-000000000001', session_id, 'The same id, another person' from belas;
select pg_temp.stop_acting();
grant select on belas to public;
select is(
  (select count(*) from chat_messages where id = '00000000-0000-4000-8000-000000000001'), 2::bigint,
  'an id is no oracle: two people may use the same');
select is(
  pg_temp.attempt('authenticated', pg_temp.ada(),
    'insert into chat_messages (message_text, session_id) select ''x'', session_id from belas'),
  '23503', 'another user''s session does not exist');

-- Editing and deleting

select is(pg_temp.attempt('authenticated', pg_temp.ada(), edit), outcome, what || ': ' || outcome)
from (values
  ('editing the text of one''s own message',
   $$ update chat_messages set message_text = 'Edited' where message_text = 'Only text' $$, '1 rows'),
  ('editing everybody''s', $$ update chat_messages set message_text = 'Edited' $$, '4 rows'),
  ('making it blank', $$ update chat_messages set message_text = ' ' $$, '23514'),
  ('giving it away', 'update chat_messages set user_id = pg_temp.bela()', '42501'),
  ('improving the score', 'update chat_messages set sentiment_score = 1', '42501'),
  ('changing the mood', $$ update chat_messages set mood_detected = 'joy' $$, '42501'),
  ('changing the time', 'update chat_messages set created_at = now()', '42501'),
  ('changing the sender', $$ update chat_messages set sender_type = 'ai' $$, '42501'),
  ('moving it to another session', 'update chat_messages set session_id = null', '42501'),
  ('deleting one''s own', $$ delete from chat_messages where message_text = 'Only text' $$, '1 rows'),
  ('deleting another''s', 'delete from chat_messages where user_id = pg_temp.bela()', '0 rows')
) edit (what, edit, outcome);

-- The service role

select is(pg_temp.attempt('service_role', null, insertion), outcome, what || ': ' || outcome)
from (values
  ('the companion answers',
   $$ insert into chat_messages (user_id, sender_type, message_text) values (pg_temp.ada(), 'ai', 'Hello') $$, '1 rows'),
  ('an old message is imported',
   $$ insert into chat_messages (user_id, message_text, created_at) values (pg_temp.ada(), 'Then', '2020-01-01T00:00:00Z') $$, '1 rows'),
  ('a message from the future',
   $$ insert into chat_messages (user_id, message_text, created_at) values (pg_temp.ada(), 'Soon', now() + interval '1 second') $$, '23514'),
  ('an unknown sender',
   $$ insert into chat_messages (user_id, sender_type, message_text) values (pg_temp.ada(), 'system', 'Hm') $$, '23514'),
  ('a message to nobody', $$ insert into chat_messages (message_text) values ('x') $$, '23502'),
  ('even it sets no score',
   $$ insert into chat_messages (user_id, message_text, sentiment_score) values (pg_temp.ada(), 'x', 1) $$, '42501')
) sent (what, insertion, outcome);

insert into chat_messages (user_id, sender_type, message_text) values (pg_temp.ada(), 'ai', 'I am glad to hear that, it is wonderful!');
select results_eq(
  $$ select sentiment_score, mood_detected, support_level, engine_version from chat_messages where sender_type = 'ai' $$,
  $$ values (null::numeric, null::text, null::text, null::integer) $$,
  'what the companion says is not scored');
select is(
  pg_temp.attempt('authenticated', pg_temp.ada(), $$ update chat_messages set message_text = 'No' where sender_type = 'ai' $$),
  '0 rows', 'and its words are not the user''s to edit');
select is(
  (select count(*) from chat_messages
   where sender_type = 'user' and (engine_version is not null) is distinct from (bondhu.engine() is not null)),
  0::bigint, 'every message of a user is scored exactly when there is an engine');

-- Sessions

create temp table belas_messages as select m.ctid as place, m.* from chat_messages m where user_id = pg_temp.bela();
select isnt_empty('select session_id from belas_messages where session_id is not null', 'a message names its session');
delete from user_sessions where user_id = pg_temp.bela();
select results_eq(
  'select m.ctid, m.* from chat_messages m where user_id = pg_temp.bela() order by m.id', 'select * from belas_messages order by id',
  'and outlives it, without being written anew');
select lives_ok(
  $$ insert into chat_messages (user_id, session_id, message_text, created_at)
     select pg_temp.bela(), session_id, 'Long ago', now() - interval '1 year' from belas $$,
  'one that is brought from elsewhere may name a session that is gone');

select * from finish();
rollback;
