-- What a person told: it needs a message that says so, and goes with it.
begin;
\ir acting.psql
select plan(81);

create temp table people as select pg_temp.sign_up('Ada') as ada, pg_temp.sign_up('Bela') as bela;
grant select on people to public;
update bondhu.companion_settings set messages_per_minute = 1000;

-- A message and its reply; the id of the message.
create function pg_temp.exchange(of_user uuid, words text, session uuid default null) returns uuid
language plpgsql as $$
declare
  message uuid := gen_random_uuid();
begin
  insert into chat_messages (user_id, id, message_text, session_id) values (of_user, message, words, session);
  perform finish_reply(of_user, message, (claim_reply(of_user, message, 10) ->> 'lease')::uuid, 'To that: ' || words, 'gemini', 'm', 'stop', false, 1, 1);
  return message;
end
$$;
-- A memory as a model finds it.
create function pg_temp.found(words text, messages uuid[], replaced uuid default null, until date default null, starts date default null) returns jsonb
language sql as $$
  select jsonb_build_array(jsonb_build_object('memory_text', words, 'category', 'other', 'confidence', 0.9, 'holds_from', starts,
    'holds_until', until, 'replaces', replaced, 'message_ids', messages))
$$;
-- Of a task, what has been looked through.
create function pg_temp.looked(task jsonb) returns jsonb
language sql as $$
  select jsonb_agg(jsonb_build_object('id', m -> 'id', 'digest', m -> 'digest'))
  from jsonb_array_elements(task -> 'messages') m where (m ->> 'is_new')::boolean
$$;
create function pg_temp.new_texts(task jsonb) returns text[]
language sql as $$
  select array_agg(m ->> 'message_text') from jsonb_array_elements(task -> 'messages') m where (m ->> 'is_new')::boolean
$$;
create function pg_temp.store(of_user uuid, task jsonb, memories jsonb default '[]', used integer default 0) returns integer
language sql strict as $$ select store_memories(of_user, (task ->> 'lease')::uuid, pg_temp.looked(task), memories, used) $$;
-- Whether there is something to look through; nothing is left behind.
create function pg_temp.due(of_user uuid) returns text[]
language plpgsql as $$
declare
  texts text[];
begin
  texts := pg_temp.new_texts(memory_task(of_user));
  raise sqlstate 'UNDO0';
exception when sqlstate 'UNDO0' then
  return texts;
end
$$;
-- Remembers a message of its own; the memory's id.
create function pg_temp.told(of_user uuid, words text, replaced uuid default null, until date default null, starts date default null) returns uuid
language plpgsql as $$
declare
  message uuid := pg_temp.exchange(of_user, words);
begin
  perform pg_temp.store(of_user, memory_task(of_user), pg_temp.found(words, array[message], replaced, until, starts), 3);
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
create function pg_temp.used(of_user uuid) returns bigint
language sql as $$ select coalesce(sum(tokens), 0)::bigint from bondhu.chat_usage where user_id = of_user $$;

-- A task, and what becomes of it

create temp table said as select ada, pg_temp.exchange(ada, 'My sister marries in May.') as first, pg_temp.exchange(ada, 'I like tea.') as second from people;
grant select on said to public;
create temp table tasks as select pg_temp.used(ada) as used, memory_task(ada) as task from said;
grant select on tasks to public;
select is(pg_temp.new_texts(task), array['My sister marries in May.', 'I like tea.'], 'a task is what nobody has looked through') from tasks;
select is(task -> 'memories', '[]', 'with what is remembered') from tasks;
select is(task ->> 'today', (now() at time zone 'UTC')::date::text, 'on the person''s day') from tasks;
select cmp_ok(pg_temp.used(ada), '>', used + 3500, 'its tokens are reserved') from said, tasks;
select is(memory_task(ada), null, 'who asks meanwhile gets nothing') from said;
select throws_ok($$ select store_memories(ada, gen_random_uuid(), '[]', '[]', 0) from said $$, '55000', null, 'without the lease nothing is stored');
select is(pg_temp.store(ada, task, pg_temp.found('Their sister marries in May.', array[first]), 50), 1, 'what is found is stored') from said, tasks;
select is(pg_temp.used(ada), used + 50, 'and what it took takes the place of what was reserved') from said, tasks;
select is((select array_agg(e.message_id) from memory_evidence e), array[first], 'a memory has the message that says so') from said;
select throws_ok($$ select pg_temp.store(ada, task) from said, tasks $$, '55000', null, 'a lease ends with what is stored');
select is(pg_temp.due(ada), null, 'what was looked through is not looked through again') from said;
select pg_temp.exchange(ada, 'Well.') from said;
update tasks set task = memory_task(ada) from said;
select is(task #>> '{memories,0,memory_text}', 'Their sister marries in May.', 'what is stored is known') from tasks;
select is(jsonb_array_length(task -> 'messages'), 5, 'and so is what was said before, with the replies') from tasks;
update bondhu.memory_passes set leased_until = clock_timestamp() - interval '1 second';
select is(pg_temp.due(ada), array['Well.'], 'a lease runs out') from said;
select is(pg_temp.store(ada, memory_task(ada), pg_temp.found('Likes tea.', array[first, gen_random_uuid()]), 0), 0, 'evidence is one of the messages that were looked through') from said;
select is(pg_temp.held(ada), array['Their sister marries in May.'], 'so that nothing is stored without') from said;

-- Edited meanwhile

create temp table edited as select ada, pg_temp.exchange(ada, 'My cat is old.') as message from people;
alter table edited add task jsonb;
update edited set task = memory_task(ada);
update chat_messages set message_text = 'My dog is old.' from edited where id = message;
select is(pg_temp.store(ada, task, pg_temp.found('Their cat is old.', array[message]), 0), 0, 'what a text said before an edit is not remembered') from edited;
select is(pg_temp.due(ada), array['My dog is old.'], 'and the text of today is looked through') from edited;
select is(pg_temp.store(ada, memory_task(ada), pg_temp.found('Their dog is old.', array[message]), 0), 1, 'and remembered') from edited;
update chat_messages set message_text = 'My dog is young.' from edited where id = message;
select is(pg_temp.held(ada), array['Their sister marries in May.'], 'until it is edited again') from edited;
select is(pg_temp.due(ada), array['My dog is young.'], 'which is looked through, too') from edited;
select pg_temp.store(ada, memory_task(ada)) from edited;

-- Repeated, replaced, corrected

select is(pg_temp.told(ada, 'THEIR SISTER marries in May.'), (select m.id from memories m), 'said again, it is the same') from people;
select is((select count(*) from memory_evidence), 2::bigint, 'and two messages say so');
create temp table chain as select ada, m.id as first from people, memories m;
alter table chain add second uuid;
update chain set second = pg_temp.told(ada, 'Their sister marries in June.', first);
select is(pg_temp.recalled(ada, 'sister'), array['Their sister marries in June.'], 'what replaces another is what holds') from people;
select is((select count(*) from memories), 2::bigint, 'and the other is its past');
select is(pg_temp.told(ada, 'Their sister marries in July.', first), null, 'what is replaced already is not replaced again') from chain;
delete from chat_messages where message_text = 'Their sister marries in June.';
select is(pg_temp.recalled(ada, 'sister'), array['Their sister marries in May.'], 'what was replaced stands again when the newer one''s message goes') from people;
update chain set second = pg_temp.told(ada, 'Their sister marries in autumn.', first);
select pg_temp.told(ada, 'Their sister marries in winter.', second) from chain;
select pg_temp.act_as('authenticated', ada) from people;
delete from memories where memory_text = 'Their sister marries in winter.';
select pg_temp.stop_acting();
select is(pg_temp.held(ada), array[]::text[], 'what the person deletes goes with all of its past') from people;
select is((select count(*) from memory_evidence), 0::bigint, 'and its evidence');
select pg_temp.told(ada, 'Has a warm.', pg_temp.told(ada, 'Has a cold.')) from people;
set local role service_role;
delete from memories where memory_text = 'Has a warm.';
set local role postgres;
select is(pg_temp.held(ada), array[]::text[], 'what a server deletes for them does, too') from people;

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

create temp table cats as select ada, pg_temp.exchange(ada, 'My cat sleeps.') as a, pg_temp.exchange(ada, 'My cat eats.') as b from people;
select is(pg_temp.store(ada, memory_task(ada), pg_temp.found('Has a cat.', array[a, b])), 1, 'two messages say it') from cats;
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
select pg_temp.told(ada, 'Has a cow.') from people;
select pg_temp.act_as('authenticated', ada) from people;
update chat_messages set message_text = 'I want to kill myself tonight' where message_text = 'Has a cow.';
select pg_temp.stop_acting();
select is(pg_temp.held(ada), array['Works in Dhaka, on Mondays.'], 'and one that is of danger now') from people;
select pg_temp.store(ada, memory_task(ada)) from people;

-- What is never looked through

create temp table sessions (id uuid);
grant insert on sessions to authenticated;
select pg_temp.act_as('authenticated', ada) from people;
insert into sessions select start_session('phone', false);
select pg_temp.stop_acting();
select is((select is_learnt_from from user_sessions s join sessions using (id)), false, 'a session can be one that is not learnt from');
select pg_temp.exchange(ada, 'My secret is this.', id) from people, sessions;
select is((select counts from chat_messages where message_text = 'My secret is this.'), false, 'what is said in it does not count');
select pg_temp.exchange(ada, 'I want to kill myself right now') from people;
select is((select support_level from chat_messages where message_text = 'I want to kill myself right now'), 'crisis', 'what is of danger');
insert into chat_messages (user_id, message_text) select ada, 'Not answered yet.' from people;
select is(pg_temp.due(ada), null, 'neither is looked through, nor what has no reply') from people;
create temp table private as select ada, pg_temp.exchange(ada, 'Hello.') as message from people;
alter table private add task jsonb;
update private set task = memory_task(ada);
select is((select count(*) from jsonb_array_elements(task -> 'messages') m where m ->> 'message_text' ~ 'secret|kill'), 0::bigint,
  'nor shown with something else, nor the replies to them') from private;
select is(pg_temp.store(ada, task, pg_temp.found('Has a secret.', array(select id from chat_messages where message_text ~ 'secret'))), 0, 'nor evidence') from private;
alter table chat_messages disable trigger user;
insert into chat_messages (user_id, id, message_text) select ada, gen_random_uuid(), 'Nobody has read this.' from people;
insert into bondhu.chat_replies (user_id, message_id, reply_id, claimed_at, finished_at, provider, model, finish_reason, is_cut, input_tokens, output_tokens)
select user_id, id, bondhu.reply_id(id), now(), now(), 'p', 'm', 'stop', false, 1, 1 from chat_messages where message_text = 'Nobody has read this.';
alter table chat_messages enable trigger user;
select is(pg_temp.due(ada), null, 'nor what no engine has read') from people;
select pg_temp.exchange(ada, 'Of last week.') from people;
update bondhu.chat_replies set claimed_at = now() - interval '25 hours' where remembered_at is null;
select is(pg_temp.due(ada), null, 'nor what is old') from people;
select pg_temp.exchange(ada, 'Of today.') from people;
select is(pg_temp.due(ada), array['Of today.'], 'what is new is') from people;
update bondhu.companion_settings set memories_in_prompt = 0;
select is(pg_temp.due(ada), null, 'not while nothing is to be remembered') from people;
update bondhu.companion_settings set memories_in_prompt = 8, tokens_per_day = 2 * (pg_temp.used(ada) + 3000) from people;
select is(pg_temp.due(ada), null, 'nor with the second half of a day''s tokens, which replies have to themselves') from people;
update bondhu.companion_settings set tokens_per_day = 200000, messages_per_minute = 1;
select is(pg_temp.due(ada), array['Of today.'], 'the minute''s messages are no limit of it') from people;
update bondhu.companion_settings set messages_per_minute = 1000;
select pg_temp.store(ada, memory_task(ada)) from people;
select pg_temp.exchange(ada, repeat('a ', 2000) || n) from people, generate_series(1, 4) n;
select is(cardinality(pg_temp.due(ada)), 2, 'so much at once that a prompt holds it') from people;
select pg_temp.store(ada, memory_task(ada)) from people;
select is(cardinality(pg_temp.due(ada)), 2, 'and the rest later') from people;
select pg_temp.store(ada, memory_task(ada)) from people;

-- Consent

select pg_temp.act_as('authenticated', ada) from people;
select is((select row(purpose, is_given, decided_at)::text from my_consents() where purpose = 'memory'), '(memory,t,)', 'memory is allowed until somebody decides');
select pg_temp.stop_acting();
create temp table withdrawn as select ada, pg_temp.exchange(ada, 'Before no.') as message from people;
alter table withdrawn add task jsonb;
update withdrawn set task = memory_task(ada);
select pg_temp.act_as('authenticated', ada) from people;
select lives_ok($$select set_consent('memory', false)$$, 'it can be withdrawn');
select is((select is_given from my_consents() where purpose = 'memory'), false, 'which shows');
select pg_temp.stop_acting();
select is(pg_temp.store(ada, task, pg_temp.found('Said no.', array[message])), 0, 'then nothing is stored, not even what was under way') from withdrawn;
select pg_temp.exchange(ada, 'While no.') from people;
select is(pg_temp.due(ada), null, 'nothing is looked through') from people;
select is(pg_temp.recalled(ada, 'work'), array[]::text[], 'and what there is rests unused') from people;
select is(pg_temp.held(ada), array['Works in Dhaka, on Mondays.'], 'but is not lost') from people;
update consents set decided_at = decided_at - interval '2 minutes';
select pg_temp.act_as('authenticated', ada) from people;
select set_consent('memory', true);
select set_consent('memory', true);
select is((select array_agg(is_given order by decided_at) from consents), array[false, true], 'every decision is kept, once');
select set_consent('memory', false);
select set_consent('memory', true);
select is((select count(*) from consents), 2::bigint, 'of those of one minute the last');
select pg_temp.stop_acting();
update consents set decided_at = clock_timestamp() where is_given;
select is(pg_temp.due(ada), null, 'what was said before is not looked through then') from people;
alter table chat_messages disable trigger user;
update chat_messages set created_at = clock_timestamp() where message_text = 'While no.';
alter table chat_messages enable trigger user;
select is(pg_temp.due(ada), array['While no.'], 'what is said from then on is') from people;
select is(pg_temp.recalled(ada, 'work'), array['Works in Dhaka, on Mondays.'], 'and what there is is used again') from people;
select pg_temp.act_as('authenticated', ada) from people;
select set_consent('memory', false, true);
select is((select count(*) from memories), 0::bigint, 'it is forgotten on request');
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
select pg_temp.told(bela, 'Moves house.', null, null, current_date + 3) from people;
select pg_temp.told(bela, 'Had a guest.', null, current_date - 3, current_date - 9) from people;
update memories set created_at = now() - interval '1 year' where memory_text in ('Plays the violin.', 'Is learning German.');
select is((pg_temp.recalled(bela, null, 100))[1], 'Moves house.', 'what is due comes first') from people;
select is((pg_temp.recalled(bela, null, 100))[8], 'Had a guest.', 'what is over last') from people;
select is(array(select unnest((pg_temp.recalled(bela, null, 100))[6:7]) order by 1), array['Is learning German.', 'Plays the violin.'], 'and what is old behind what is new') from people;
update bondhu.companion_settings set memories_kept = 3;
update memories set created_at = created_at - interval '1 day';
select pg_temp.told(bela, 'Has moved.') from people;
select is((select count(*) from memories m, people where m.user_id = bela), 3::bigint, 'no more are kept than settings say');
select ok('Has moved.' = any (pg_temp.held(bela)) and not 'Plays the violin.' = any (pg_temp.held(bela)), 'the oldest go') from people;
select is(pg_temp.refusal('authenticated', bela, 'select recall(''x'', 0)'),
  '22023: max_rows must be between 1 and 100, and query_text have at most 8,000 characters', 'a page has its bounds') from people;
delete from chat_messages;
select is((select count(*) from memories), 0::bigint, 'and all of it goes with what was said');

select * from finish();
rollback;
