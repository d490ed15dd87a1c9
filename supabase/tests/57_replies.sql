-- One reply for an exchange, however often it is tried, and never more than the limits allow.
begin;
\ir acting.psql
select plan(39);

update bondhu.companion_settings set reply_tokens = 600;

create temp table people as select pg_temp.sign_up('Ada') as ada, pg_temp.sign_up('Bela') as bela;
create temp table messages as
  select gen_random_uuid() as first, gen_random_uuid() as second, gen_random_uuid() as third, gen_random_uuid() as theirs;
grant select on people, messages to public;
insert into chat_messages (user_id, id, message_text) select ada, unnest(array[first, second, third]), 'hello' from people, messages;
insert into chat_messages (user_id, id, sender_type, message_text) select ada, theirs, 'ai', 'Hi.' from people, messages;

create function pg_temp.claim(of_user uuid, message uuid, tokens integer default 100) returns jsonb
language sql as $$ select claim_reply(of_user, message, tokens) $$;
create function pg_temp.finish(of_user uuid, message uuid, lease uuid, words text default 'Hello!') returns jsonb
language sql as $$ select finish_reply(of_user, message, lease, words, 'gemini', 'm', 'stop', false, 40, 7) $$;
create function pg_temp.used(of_user uuid) returns bigint
language sql as $$ select coalesce(sum(tokens), 0)::bigint from bondhu.chat_usage where user_id = of_user $$;
create temp table claims (what text primary key, answer jsonb);

-- One writes

insert into claims select 'first', pg_temp.claim(ada, first) from people, messages;
select is((select answer ->> 'state' from claims), 'claimed', 'who comes first writes');
select is((select (answer ->> 'reply_id')::uuid from claims), (select bondhu.reply_id(first) from messages), 'the reply''s id follows from the message''s');
select is((select pg_temp.used(ada) from people), 700::bigint, 'and its tokens are reserved');
select is((select pg_temp.claim(ada, first) ->> 'state' from people, messages), 'writing', 'who comes meanwhile waits');
select cmp_ok((select (pg_temp.claim(ada, first) ->> 'retry_after')::integer from people, messages), '<=', 90, 'and is told how long at most');
select is((select pg_temp.used(ada) from people), 700::bigint, 'nothing is reserved twice');
select throws_ok(
  $$ select pg_temp.finish(ada, first, gen_random_uuid()) from people, messages $$, '55000', null, 'without the lease nothing is stored');
select is(
  (select pg_temp.finish(ada, first, (select (answer ->> 'lease')::uuid from claims)) - '{created_at,id}'::text[] from people, messages),
  '{"session_id": null, "sender_type": "ai", "message_text": "Hello!"}'::jsonb, 'with it the reply is, as the companion''s');
select is((select pg_temp.used(ada) from people), 47::bigint, 'what it took takes the place of what was reserved');
select is((select sum(tokens)::bigint from bondhu.chat_usage_of_project), 47::bigint, 'for the project, too');
select is((select pg_temp.claim(ada, first) ->> 'state' from people, messages), 'done', 'who comes later finds it');
select throws_ok(
  $$ select pg_temp.finish(ada, first, (select (answer ->> 'lease')::uuid from claims)) from people, messages $$, '55000', null, 'a lease ends with its reply');
select is((select count(*) from chat_messages m, people where m.user_id = ada and m.sender_type = 'ai'), 2::bigint, 'there is one reply');

-- Who writes dies

insert into claims select 'second', pg_temp.claim(ada, second) from people, messages;
update bondhu.chat_replies r set leased_until = clock_timestamp() - interval '1 second' from messages where r.message_id = second;
insert into claims select 'again', pg_temp.claim(ada, second) from people, messages;
select is((select answer ->> 'state' from claims where what = 'again'), 'claimed', 'a lease runs out');
select is((select pg_temp.used(ada) from people), 747::bigint, 'and reserves nothing twice');
select throws_ok(
  $$ select pg_temp.finish(ada, second, (select (answer ->> 'lease')::uuid from claims where what = 'second')) from people, messages $$,
  '55000', null, 'who had it before comes too late');
select lives_ok(
  $$ select release_reply(ada, second, (select (answer ->> 'lease')::uuid from claims where what = 'second'), 0) from people, messages $$, 'and gives nothing back');
select is((select pg_temp.claim(ada, second) ->> 'state' from people, messages), 'writing', 'that another holds');
select release_reply(ada, second, (select (answer ->> 'lease')::uuid from claims where what = 'again'), 3) from people, messages;
select is((select pg_temp.used(ada) from people), 50::bigint, 'what failed has taken what it took');
insert into claims select 'at once', pg_temp.claim(ada, second) from people, messages;
select is((select answer ->> 'state' from claims where what = 'at once'), 'claimed', 'and is tried again at once');

-- What is no message to answer

select throws_ok($$ select pg_temp.claim(ada, gen_random_uuid()) from people $$, 'P0002', null, 'a message has to be there');
select throws_ok($$ select pg_temp.claim(bela, first) from people, messages $$, 'P0002', null, 'and be the person''s own');
select throws_ok($$ select pg_temp.claim(ada, theirs) from people, messages $$, '55000', null, 'what the companion said is not answered');
insert into chat_messages (user_id, id, message_text) select ada, bondhu.reply_id(third), 'I was here first' from people, messages;
select throws_ok($$ select pg_temp.claim(ada, third) from people, messages $$, '55000', null, 'a person''s message is never taken for a reply');
delete from chat_messages where message_text = 'I was here first';
insert into claims select 'third', pg_temp.claim(ada, third) from people, messages;
insert into chat_messages (user_id, id, message_text) select ada, bondhu.reply_id(third), 'I am quick' from people, messages;
select throws_ok(
  $$ select pg_temp.finish(ada, third, (select (answer ->> 'lease')::uuid from claims where what = 'third')) from people, messages $$,
  '55000', null, 'not even when it comes in between');
select is((select message_text from chat_messages m, messages where m.id = bondhu.reply_id(third)), 'I am quick', 'and stays as it was');
delete from chat_messages m using messages where m.id in (third, bondhu.reply_id(third));
select throws_ok(
  $$ select pg_temp.finish(ada, third, (select (answer ->> 'lease')::uuid from claims where what = 'third')) from people, messages $$,
  'P0002', null, 'a message that is gone is not answered');
delete from bondhu.chat_replies r using messages where r.message_id = first;
select is((select pg_temp.claim(ada, first) ->> 'state' from people, messages), 'done', 'what is stored is found even when nobody remembers who wrote it');
select throws_ok(
  $$ select pg_temp.finish(ada, second, (select (answer ->> 'lease')::uuid from claims where what = 'at once'), ' ') from people, messages $$,
  '22023', null, 'an empty reply is none');

-- Limits

create function pg_temp.limit_of(of_user uuid, tokens integer default 100) returns text
language plpgsql as $$
declare
  message uuid := gen_random_uuid();
begin
  insert into chat_messages (user_id, id, message_text) values (of_user, message, 'hi');
  return coalesce(claim_reply(of_user, message, tokens) ->> 'limit', 'none');
end
$$;
update bondhu.companion_settings set messages_per_minute = 3;
select is((select array_agg(pg_temp.limit_of(bela)) from people, generate_series(1, 4)), array['none', 'none', 'none', 'messages_per_minute'],
  'a minute has so many messages');
update bondhu.chat_replies set claimed_at = claimed_at - interval '1 minute';
select is((select pg_temp.limit_of(bela) from people), 'none', 'and the next one as many');
create function pg_temp.failed_attempt(of_user uuid, message uuid) returns text
language plpgsql as $$
declare
  claim jsonb := claim_reply(of_user, message, 100);
begin
  perform release_reply(of_user, message, (claim ->> 'lease')::uuid, 0);
  return coalesce(claim ->> 'limit', claim ->> 'state');
end
$$;
update bondhu.chat_replies set claimed_at = claimed_at - interval '1 minute';
insert into chat_messages (user_id, id, message_text) select bela, theirs, 'again' from people, messages;
select is((select array_agg(pg_temp.failed_attempt(bela, theirs)) from people, messages, generate_series(1, 4)),
  array['claimed', 'claimed', 'claimed', 'messages_per_minute'], 'a message that is tried again and again counts each time');
update bondhu.chat_replies set claimed_at = claimed_at - interval '1 minute';
update bondhu.companion_settings set messages_per_minute = 1000, tokens_per_day = 5000;
select is((select array_agg(pg_temp.limit_of(bela)) from people, generate_series(1, 4)), array['none', 'none', 'none', 'tokens_per_day'],
  'a day has so many tokens, what is reserved included');
update bondhu.companion_settings set tokens_per_day = 1000000, project_tokens_per_day = 6000;
select is((select pg_temp.limit_of(ada, 5000) from people), 'project_tokens_per_day', 'and so has the project''s day');
update bondhu.companion_settings set project_tokens_per_day = 20000000, anonymous_messages_per_minute = 0;
set local role supabase_auth_admin;
update auth.users set is_anonymous = true where email = 'Bela@example.com';
set local role postgres;
select is((select pg_temp.limit_of(bela) from people), 'messages_per_minute', 'anonymous accounts have their own');
select is((select pg_temp.limit_of(ada) from people), 'none', 'which is nobody else''s');

-- At midnight

create temp table over_midnight as select ada, first as message, pg_temp.used(ada) as used from people, messages;
delete from chat_messages m using over_midnight where m.id = bondhu.reply_id(message);
delete from bondhu.chat_replies r using over_midnight where r.message_id = message;
create temp table late_claim as select pg_temp.claim(ada, message) ->> 'lease' as lease from over_midnight;
update bondhu.chat_usage u set day = u.day - 1 from over_midnight where u.user_id = ada;
update bondhu.chat_replies r set reserved_on = r.reserved_on - 1 from over_midnight where r.message_id = message;
select lives_ok($$ select pg_temp.finish(ada, message, lease::uuid) from over_midnight, late_claim $$, 'a reply is stored on another day than it was begun');
select is(
  (select array_agg(u.tokens order by u.day) from bondhu.chat_usage u, over_midnight where u.user_id = ada),
  (select array[used, 47] from over_midnight), 'what was reserved comes back to its day, and what was used counts today');

-- Who may see it
select is(
  pg_temp.attempt('authenticated', (select ada from people), 'select * from bondhu.chat_replies'), '42501', 'what a reply took is not the person''s to read');

select * from finish();
rollback;
