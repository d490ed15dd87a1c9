-- A person's own reading of a message: theirs alone, at once, until they take it back or write something else.
begin;
\ir acting.psql
select plan(36);

create temp table people as select pg_temp.sign_up('Ada') as ada, pg_temp.sign_up('Bela') as bela;
create temp table ids as select gen_random_uuid() as said, gen_random_uuid() as hurt, gen_random_uuid() as answered;
grant select on people, ids to public;
insert into chat_messages (user_id, id, message_text) select ada, said, 'I am so happy today!' from people, ids;
insert into chat_messages (user_id, id, message_text) select ada, hurt, 'I want to kill myself.' from people, ids;
insert into chat_messages (user_id, id, message_text, sender_type) select ada, answered, 'I am glad!', 'ai' from people, ids;
create temp table read as select id, sentiment_score, mood_detected, support_level from chat_messages;
grant select on read to public;

create function pg_temp.answer(actor text, user_id uuid, call text) returns text
language sql as $$ select pg_temp.attempt(actor, user_id, 'select correct_message(' || call || ')') $$;
create function pg_temp.correct(mood text, sentiment numeric, message uuid default null) returns void
language plpgsql as $$
begin
  perform pg_temp.act_as('authenticated', (select ada from people));
  perform correct_message(coalesce(message, (select said from ids)), mood, sentiment);
  perform pg_temp.stop_acting();
end
$$;
create function pg_temp.own_reading(message uuid) returns text
language sql as $$ select format('%s %s', coalesce(corrected_mood, '-'), coalesce(corrected_sentiment::text, '-')) from chat_messages where id = message $$;
-- What is counted of both messages: sum of scores, joyful ones, sad ones.
create function pg_temp.counted() returns text
language sql as $$ select format('%s %s %s', sum(score_sum), sum(joy), sum(sad)) from sentiment_buckets where user_id = (select ada from people) $$;
create temp table before as select pg_temp.counted() as counted;

-- Who may

select is(pg_temp.answer('authenticated', ada, format('%L, ''sad'', 0.2', said)), '1 rows', 'a person corrects what they wrote') from people, ids;
select is(pg_temp.refusal('authenticated', bela, format('select correct_message(%L, ''sad'', 0.2)', said)),
  'P0002: there is no such message of yours', 'nobody corrects another''s') from people, ids;
select is(pg_temp.refusal('authenticated', bela, format('select correct_message(%L, ''sad'', 0.2)', gen_random_uuid())),
  'P0002: there is no such message of yours', 'which is answered as one that there is not') from people, ids;
select is(pg_temp.answer('authenticated', ada, format('%L, ''sad''', answered)), 'P0002', 'nor what the companion said') from people, ids;
select is(pg_temp.answer('authenticated', ada, 'null, ''sad'''), 'P0002', 'nor nothing') from people;
select is(pg_temp.answer('anon', null, format('%L', said)), '42501', 'anon may not') from ids;
select is(pg_temp.answer('service_role', null, format('%L', said)), '42501', 'nor may servers, which have the columns') from ids;

-- What may be said

select is(pg_temp.answer('authenticated', ada, format('%L, %s', said, given)), '22023', given || ' is no correction')
from people, ids, unnest(array['''happy''', '''''', '''Joy''', 'null, -0.01', 'null, 1.01', 'null, 0.005', 'null, ''NaN''', 'null, ''Infinity''']) given;
select is(pg_temp.answer('authenticated', ada, format('%L, %s', said, given)), '1 rows', given || ' is one')
from people, ids, unnest(array['null, 0', 'null, 1', 'null, 0.500', '''tired''', '''joy'', 0.99']) given;
select matches(pg_temp.refusal('authenticated', ada, format('select correct_message(%L, repeat(''x'', 1000))', said)),
  '^22023: ''x{40}'' is no mood$', 'and is told so in few words') from people, ids;

-- What comes of it

select pg_temp.correct('sad', 0.2);
select is(pg_temp.own_reading(said), 'sad 0.20', 'their reading is kept') from ids;
select results_eq('select id, sentiment_score, mood_detected, support_level from chat_messages order by id', 'select * from read order by id',
  'beside the engine''s');
select is(pg_temp.counted(), (select format('%s 0 %s', (20 + sum(sentiment_score) filter (where id = hurt) * 100)::integer,
  1 + count(*) filter (where id = hurt and mood_detected = 'sad')) from read, ids), 'and counts at once');
select pg_temp.act_as('authenticated', ada) from people;
select results_eq(
  $$ select figure, part, weight from explain_message((select said from ids)) limit 2 $$,
  $$ values ('corrected_sentiment', '0.20', null::numeric), ('corrected_mood', 'sad', null) $$, 'whoever asks why is told so first');
select cmp_ok((select count(*) from explain_message((select said from ids))), '>', 2::bigint, 'then why the engine reads it otherwise');
select pg_temp.stop_acting();
select is_empty('select * from bondhu.verify()', 'every figure is what the messages make it');

update chat_messages set engine_version = 0 where id = (select said from ids);
select cmp_ok(bondhu.rescore(), '>=', 1::bigint, 'another version of the scorer reads messages anew');
select cmp_ok((select engine_version from chat_messages where id = said), '>', 0, 'this one, too') from ids;
select is(pg_temp.own_reading(said), 'sad 0.20', 'and leaves the person''s reading') from ids;

select pg_temp.correct('calm', null);
select is(pg_temp.own_reading(said), 'calm -', 'another correction replaces both') from ids;
select pg_temp.correct(null, null);
select is(pg_temp.own_reading(said), '- -', 'two nulls take it back') from ids;
select is(pg_temp.counted(), counted, 'and leave nothing of it') from before;

select pg_temp.correct('joy', 1, hurt) from ids;
select is((select support_level from chat_messages where id = hurt), 'crisis', 'a crisis stays one, whatever its mood') from ids;
select is((select count(*) from bondhu.safety_events where message_id = hurt), 1::bigint, 'with its event') from ids;
select pg_temp.act_as('authenticated', ada) from people;
update chat_messages set message_text = 'It rains.' where id = (select hurt from ids);
select pg_temp.stop_acting();
select is(pg_temp.own_reading(hurt), '- -', 'another text has no correction') from ids;

select * from finish();
rollback;
