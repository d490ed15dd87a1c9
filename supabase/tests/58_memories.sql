-- What a person told: it needs a message that says so, and goes with it.
begin;
\ir acting.psql
select plan(60);

create temp table people as select pg_temp.sign_up('Ada') as ada, pg_temp.sign_up('Bela') as bela;
grant select on people to public;

-- A message and its reply; the id of the message.
create function pg_temp.exchange(of_user uuid, words text, session uuid default null) returns uuid
language plpgsql as $$
declare
  message uuid := gen_random_uuid();
begin
  insert into chat_messages (user_id, id, message_text, session_id) values (of_user, message, words, session);
  perform finish_reply(of_user, message, (claim_reply(of_user, message, 10) ->> 'lease')::uuid, 'I see.', 'gemini', 'm', 'stop', false, 1, 1);
  update bondhu.chat_replies set claimed_at = claimed_at - interval '2 minutes';
  return message;
end
$$;
-- A memory as a model finds it.
create function pg_temp.found(words text, messages uuid[], replaces uuid default null, until date default null) returns jsonb
language sql as $$
  select jsonb_build_array(jsonb_build_object('memory_text', words, 'category', 'other', 'confidence', 0.9, 'holds_from', null,
    'holds_until', until, 'replaces', replaces, 'message_ids', messages))
$$;
-- Remembers it of a message of its own; the memory's id.
create function pg_temp.told(of_user uuid, words text, replaced uuid default null, until date default null) returns uuid
language plpgsql as $$
declare
  message uuid := pg_temp.exchange(of_user, words);
begin
  perform store_memories(of_user, array[message], pg_temp.found(words, array[message], replaced, until), 3);
  return (select e.memory_id from memory_evidence e where e.user_id = of_user and e.message_id = message);
end
$$;
create function pg_temp.held(of_user uuid) returns text[]
language sql as $$ select coalesce(array_agg(m.memory_text order by m.created_at, m.memory_text), array[]::text[]) from memories m where m.user_id = of_user $$;
create function pg_temp.recalled(of_user uuid, query text, rows integer default 8) returns text[]
language plpgsql as $$
declare
  found text[];
begin
  perform pg_temp.act_as('authenticated', of_user);
  found := array(select memory_text from recall(query, rows));
  perform pg_temp.stop_acting();
  return found;
end
$$;

-- A task, and what becomes of it

create temp table said as select ada, pg_temp.exchange(ada, 'My sister marries in May.') as first, pg_temp.exchange(ada, 'I like tea.') as second from people;
grant select on said to public;
create temp table tasks as select memory_task(ada) as task from said;
select is(jsonb_array_length(task -> 'messages'), 4, 'a task is the conversation') from tasks;
select is(
  (select jsonb_agg(m -> 'message_text') from jsonb_array_elements(task -> 'messages') m where (m ->> 'is_new')::boolean),
  '["My sister marries in May.", "I like tea."]', 'with what nobody has looked through') from tasks;
select is(task -> 'memories', '[]', 'and what is remembered') from tasks;
select is(task ->> 'today', (now() at time zone 'UTC')::date::text, 'on the person''s day') from tasks;
select is(store_memories(ada, array[first], pg_temp.found('Their sister marries in May.', array[first]), 50), 1, 'what is found is stored') from said;
select is((select array_agg(e.message_id) from memory_evidence e), array[first], 'with the message that says so') from said;
select is(
  (select jsonb_agg(m -> 'message_text') from jsonb_array_elements(memory_task(ada) -> 'messages') m where (m ->> 'is_new')::boolean),
  '["I like tea."]', 'what was looked through is not looked through again') from said;
select is(memory_task(ada) #>> '{memories,0,memory_text}', 'Their sister marries in May.', 'and what is stored is known') from said;
select is(store_memories(ada, array[first], pg_temp.found('Has a sister.', array[first]), 5), 0, 'a second pass that was under way stores nothing') from said;
select is((select tokens from bondhu.chat_usage u where u.user_id = ada), 59::bigint, 'and what both took is counted') from said;
select is(store_memories(ada, array[second], pg_temp.found('Likes tea.', array[first]), 0), 0, 'evidence is one of the messages that were looked through') from said;
select is(store_memories(ada, array[gen_random_uuid()], pg_temp.found('Likes tea.', array[second]), 0), 0, 'that there are') from said;
select is(memory_task(ada), null, 'then there is nothing to do') from said;
select is(pg_temp.held(ada), array['Their sister marries in May.'], 'and what was said once is there once') from said;

-- Repeated, replaced, corrected

select is(pg_temp.told(ada, 'THEIR SISTER marries in May.'), (select m.id from memories m), 'said again, it is the same') from people;
select is((select count(*) from memory_evidence), 2::bigint, 'and two messages say so');
create temp table chain as select ada, m.id as first from people, memories m;
alter table chain add second uuid, add third uuid;
update chain set second = pg_temp.told(ada, 'Their sister marries in June.', first);
select is(pg_temp.recalled(ada, 'sister'), array['Their sister marries in June.'], 'what replaces another is what holds') from people;
select is((select count(*) from memories), 2::bigint, 'and the other is its past');
select is(pg_temp.told(ada, 'Their sister marries in July.', first), null, 'what is replaced already is not replaced again') from chain;
delete from chat_messages where message_text = 'Their sister marries in June.';
select is(pg_temp.recalled(ada, 'sister'), array['Their sister marries in May.'], 'what was replaced stands again when the newer one''s message goes') from people;
update chain set second = pg_temp.told(ada, 'Their sister marries in autumn.', first);
select pg_temp.act_as('authenticated', ada) from people;
delete from memories where memory_text = 'Their sister marries in autumn.';
select pg_temp.stop_acting();
select is(pg_temp.held(ada), array[]::text[], 'what the person deletes goes with its past') from people;
select is((select count(*) from memory_evidence), 0::bigint, 'and its evidence');

update chain set first = pg_temp.told(ada, 'Works in Dhaka.');
select pg_temp.act_as('authenticated', ada) from people;
update memories set memory_text = 'Works in Dhaka, on Mondays.';
select pg_temp.stop_acting();
select is((select array[(corrected_at is not null)::text, confidence::text] from memories), array['true', '1.00'], 'what the person words is theirs, and certain');
select is(pg_temp.told(ada, 'Works in Berlin.', first), null, 'and no model replaces it') from chain;
select is(pg_temp.held(ada), array['Works in Dhaka, on Mondays.'], 'it stands as it is') from people;
select is(pg_temp.refusal('authenticated', ada, 'update memories set memory_text = repeat(''x'', 301)'),
  '23514: a memory is one line of 1 to 300 characters that can be seen', 'a memory is a sentence') from people;
select is(pg_temp.refusal('authenticated', ada, $$update memories set memory_text = E'a\nb'$$),
  '23514: a memory is one line of 1 to 300 characters that can be seen', 'on one line') from people;

-- With the last message that says so

select is(store_memories(ada, array[a, b], pg_temp.found('Has a cat.', array[a, b]), 0), 1, 'two messages say it')
from (select ada, pg_temp.exchange(ada, 'My cat sleeps.') as a, pg_temp.exchange(ada, 'My cat eats.') as b from people) two;
delete from chat_messages where message_text = 'My cat sleeps.';
select ok('Has a cat.' = any (pg_temp.held(ada)), 'one of them is enough') from people;
select pg_temp.act_as('authenticated', ada) from people;
update chat_messages set message_text = 'My dog eats.' where message_text = 'My cat eats.';
select pg_temp.stop_acting();
select ok(not 'Has a cat.' = any (pg_temp.held(ada)), 'an edit of the last one forgets it') from people;
select pg_temp.told(ada, 'Has a parrot.') from people;
update chat_messages set counts = false where message_text = 'Has a parrot.';
select ok(not 'Has a parrot.' = any (pg_temp.held(ada)), 'so does a message that counts no more') from people;
select pg_temp.told(ada, 'Has a goat.') from people;
update chat_messages set user_id = bela from people where message_text = 'Has a goat.';
select is(pg_temp.held(bela) || pg_temp.held(ada), array['Works in Dhaka, on Mondays.'], 'and one that becomes another''s') from people;

-- What is never looked through

create temp table sessions (id uuid);
grant insert on sessions to authenticated;
select pg_temp.act_as('authenticated', ada) from people;
insert into sessions select start_session('phone', false);
select pg_temp.stop_acting();
select is((select is_learnt_from from user_sessions s join sessions using (id)), false, 'a session can be one that is not learnt from');
select pg_temp.exchange(ada, 'My secret is this.', id) from people, sessions;
select is((select counts from chat_messages where message_text = 'My secret is this.'), false, 'what is said in it does not count');
select is(memory_task(ada), null, 'and is not looked through') from people;
select is(
  store_memories(ada, array[m.id], pg_temp.found('Has a secret.', array[m.id]), 0), 0, 'nor stored')
from people, chat_messages m where m.message_text = 'My secret is this.';
select pg_temp.exchange(ada, 'I want to kill myself tonight') from people;
select is((select support_level from chat_messages where message_text = 'I want to kill myself tonight'), 'crisis', 'a crisis');
select is(memory_task(ada), null, 'is not looked through') from people;
insert into chat_messages (user_id, message_text) select ada, 'Not answered yet.' from people;
select is(memory_task(ada), null, 'nor is what has no reply') from people;
select pg_temp.exchange(ada, 'Of last week.') from people;
update bondhu.chat_replies set claimed_at = now() - interval '25 hours' where remembered_at is null;
select is(memory_task(ada), null, 'nor what is old') from people;
update bondhu.companion_settings set tokens_per_day = 100;
select is(memory_task(ada), null, 'nor anything past the day''s tokens') from people;
update bondhu.companion_settings set tokens_per_day = 200000;

-- Consent

select pg_temp.exchange(ada, 'Before no.') from people;
select pg_temp.act_as('authenticated', ada) from people;
select is((select row(purpose, is_given, decided_at)::text from my_consents()), '(memory,t,)', 'memory is allowed until somebody decides');
select lives_ok($$select set_consent('memory', false)$$, 'it can be withdrawn');
select is((select is_given from my_consents()), false, 'which shows');
select pg_temp.stop_acting();
select is(memory_task(ada), null, 'then nothing is looked through') from people;
select is(pg_temp.recalled(ada, 'work'), array[]::text[], 'and what there is rests unused') from people;
select is(pg_temp.held(ada), array['Works in Dhaka, on Mondays.'], 'but is not lost') from people;
select pg_temp.exchange(ada, 'While no.') from people;
select pg_temp.act_as('authenticated', ada) from people;
select set_consent('memory', true);
select set_consent('memory', true);
select is((select array_agg(is_given order by decided_at) from consents), array[false, true], 'every decision is kept, once');
select pg_temp.stop_acting();
update consents set decided_at = clock_timestamp() where is_given;
select is(memory_task(ada), null, 'what was said before is not looked through then') from people;
select is(pg_temp.recalled(ada, 'work'), array['Works in Dhaka, on Mondays.'], 'what there is is used again') from people;
select pg_temp.act_as('authenticated', ada) from people;
select set_consent('memory', false, true);
select is((select count(*) from memories), 0::bigint, 'and forgotten on request');
select is(pg_temp.refusal('authenticated', ada, $$select set_consent('everything', true)$$), '22023: purpose is none of those that can be allowed', 'there is a list of purposes') from people;
select is(pg_temp.refusal('authenticated', ada, $$select set_consent('memory', true, true)$$),
  '22023: is_given and forget are true or false, and what is allowed is not forgotten', 'what is allowed is not forgotten') from people;
select pg_temp.stop_acting();

-- What is found

select pg_temp.told(bela, told) from people, unnest(array[
  'Their sister Rima marries on 2027-05-04.', 'Works as a nurse at the children''s hospital.', 'Likes tea more than coffee.',
  'তার ভাই ঢাকায় থাকে।', 'Plays the violin.', 'Is learning German.']) told;
select is((pg_temp.recalled(bela, query, 1))[1], best, query) from people, (values
  ('How is Rima?', 'Their sister Rima marries on 2027-05-04.'),
  ('I am so tired after my shift at the hospitals', 'Works as a nurse at the children''s hospital.'),
  ('ভাইয়ের সাথে কথা হলো', 'তার ভাই ঢাকায় থাকে।'),
  ('my violins broke', 'Plays the violin.')) t (query, best);
update bondhu.companion_settings set memories_kept = 3;
select pg_temp.told(bela, 'Has moved.') from people;
select is((select count(*) from memories m, people where m.user_id = bela), 3::bigint, 'no more are kept than settings say');
select is(pg_temp.refusal('authenticated', bela, 'select recall(''x'', 0)'),
  '22023: max_rows must be between 1 and 100, and query_text have at most 8,000 characters', 'a page has its bounds') from people;
delete from chat_messages;
select is((select count(*) from memories), 0::bigint, 'and all of it goes with what was said');

select * from finish();
rollback;
