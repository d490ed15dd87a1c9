-- What people choose about their chat: learnt from or not, kept or not. It holds at once, and of what came before as much as they say.
begin;
\ir acting.psql
select plan(51);

create temp table people as select pg_temp.sign_up('Ada') as ada, pg_temp.sign_up('Bela') as bela;
grant select on people to public;

create function pg_temp.say(of_user uuid, words text) returns void
language sql as $$ insert into chat_messages (user_id, message_text) values (of_user, words) $$;
create function pg_temp.decide(of_user uuid, call text) returns void
language plpgsql as $$
begin
  perform pg_temp.act_as('authenticated', of_user);
  execute format('select set_consent(%s)', call);
  perform pg_temp.stop_acting();
end
$$;
-- How many messages are counted of somebody, in buckets and in the window.
create function pg_temp.counted(of_user uuid) returns text
language sql as $$
  select format('%s %s',
    (select coalesce(sum(b.message_count), 0) from sentiment_buckets b where b.user_id = of_user),
    (select p.message_count from bondhu.personality(array[of_user], now()) p))
$$;
create function pg_temp.is_exact() returns setof text
language sql as $$ select is_empty('select * from bondhu.verify()', 'and what is stored is what the messages make') $$;

-- What there is to decide

select pg_temp.act_as('authenticated', ada) from people;
select results_eq('select purpose, is_given, decided_at from my_consents()',
  $$values ('learning', true, null::timestamptz), ('memory', true, null), ('provider_prompts', false, null), ('trending', false, null)$$,
  'until somebody decides, what leaves the account is not allowed');
select pg_temp.stop_acting();

-- Learning

create function pg_temp.history(of_user uuid) returns bigint language sql as $$ select count(*) from personality_history h where h.user_id = of_user $$;
select pg_temp.say(ada, 'I am so happy, number ' || n) from people, generate_series(1, 6) n;
select pg_temp.say(bela, 'I am so happy, number ' || n) from people, generate_series(1, 6) n;
create temp table before as select pg_temp.counted(ada) as counted from people;
select is(counted, '6 6', 'what is written counts') from before;
select pg_temp.decide(ada, $$'learning', false$$) from people;
select pg_temp.say(ada, 'I am so sad and lonely') from people;
select pg_temp.act_as('authenticated', ada) from people;
insert into chat_messages (message_text) values ('I hate this');
select pg_temp.stop_acting();
select is(pg_temp.counted(ada), '6 6', 'what is written after they withdrew does not') from people;
create temp table told as select pg_temp.history(ada) as of_ada, pg_temp.history(bela) as of_bela from people;
insert into chat_messages (user_id, message_text) select who, 'I am so sad and lonely, number ' || n from people, unnest(array[ada, bela]) who, generate_series(1, 30) n;
select is(pg_temp.history(ada), of_ada, 'nor is it ever taken to have changed them') from people, told;
select cmp_ok(pg_temp.history(bela), '>', of_bela, 'as it changes others') from people, told;
delete from chat_messages where message_text like 'I am so sad and lonely, number%';
select is((select array_agg(m.counts order by m.seq) from chat_messages m where m.user_id = ada), array[true, true, true, true, true, true, false, false],
  'which the messages themselves say') from people;
select ok((select bool_and(m.mood_detected is not null) from chat_messages m where m.user_id = ada), 'although they are read') from people;
select pg_temp.is_exact();
select is(pg_temp.counted(bela), '6 6', 'of others everything counts') from people;
insert into chat_messages (user_id, message_text) select who, words from people, unnest(array[ada, bela, ada]) who, unnest(array['I am so angry', 'I am tired']) words;
select is(pg_temp.counted(ada) || ', ' || pg_temp.counted(bela), '6 6, 8 8', 'also in one statement with others') from people;
update chat_messages set message_text = 'I am so happy now' where message_text = 'I hate this';
select is(pg_temp.counted(ada), '6 6', 'another text changes nothing about it') from people;
insert into chat_messages (user_id, message_text, counts) select ada, 'I love it', true from people;
insert into chat_messages (user_id, message_text, sender_type) select ada, 'I am glad for you', 'ai' from people;
select is(pg_temp.counted(ada), '6 6', 'nor do servers decide otherwise') from people;
select pg_temp.say(ada, 'I want to kill myself') from people;
select is((select p.needs_support from bondhu.personality(array[ada], now()) p), true, 'a crisis is noticed all the same') from people;
select is((select count(*) from bondhu.safety_events e where e.user_id = ada), 1::bigint, 'and somebody looks after it') from people;
select is(pg_temp.counted(ada), '6 6', 'without being counted') from people;
select pg_temp.is_exact();
select bondhu.recompute(ada) from people;
select is(pg_temp.counted(ada), '6 6', 'a recount finds the same') from people;
select pg_temp.decide(ada, $$'learning', true$$) from people;
select pg_temp.say(ada, 'I am so happy again') from people;
select is(pg_temp.counted(ada), '7 7', 'what is written once it is allowed again counts') from people;

-- Forgetting

select pg_temp.decide(ada, $$'learning', false, true$$) from people;
select is(pg_temp.counted(ada), '0 0', 'what was learnt is forgotten on request') from people;
select is((select count(*) from chat_messages m where m.user_id = ada), 16::bigint, 'the chat stays') from people;
select is((select array_agg(distinct p.openness) from bondhu.personality(array[ada], now()) p), array[50.00], 'and the traits start from the middle') from people;
select is((select count(*) from personality_history h where h.user_id = ada), 0::bigint, 'no history tells it') from people;
select is(pg_temp.counted(bela), '8 8', 'others are not touched') from people;
select is((select count(*) from bondhu.forgettings), 0::bigint, 'nothing is left to do');
select pg_temp.is_exact();

-- In parts

insert into chat_messages (user_id, message_text, created_at) select bela, 'I am so sad, number ' || n, now() - n * interval '1 hour' from people, generate_series(1, 30) n;
select is(bondhu.uncount_messages(bela, (select max(seq) from chat_messages), 10), 10, 'what is too much at once is begun') from people;
select pg_temp.say(bela, 'I am calm') from people;
select is(pg_temp.counted(bela), '29 ' || (select count(*) from chat_messages m where m.user_id = bela and m.counts and m.created_at > now() - interval '24 hours'),
  'the newest first') from people;
select is(bondhu.keep_choices(10), '{"forgotten": 10, "expired": 0}', 'and gone on with');
select is(bondhu.keep_choices(10) ->> 'forgotten', '10', 'as often as it takes');
select is(bondhu.keep_choices(10) ->> 'forgotten', '8', 'until nothing is left');
select is(bondhu.keep_choices(10) ->> 'forgotten', '0', 'then it ends');
select is(pg_temp.counted(bela), '1 1', 'what was written since counts') from people;
select pg_temp.is_exact();

-- How long the chat is kept

update chat_messages set counts = true where sender_type = 'user';
select is((select chat_retention_days from companion_profiles p where p.user_id = bela), null, 'the chat is kept') from people;
select is(bondhu.keep_choices() ->> 'expired', '0', 'until somebody says otherwise');
select is(pg_temp.attempt('authenticated', bela, format('update companion_profiles set chat_retention_days = %s', days)), answer, days || ' days: ' || answer)
from people, (values ('0', '23514'), ('-1', '23514'), ('3651', '23514'), ('1', '1 rows'), ('3650', '1 rows'), ('null', '1 rows')) t (days, answer);
insert into chat_messages (user_id, message_text, created_at) select ada, 'An old one', now() - interval '40 days' from people;
select pg_temp.act_as('authenticated', bela) from people;
update companion_profiles set chat_retention_days = 1;
select pg_temp.stop_acting();
create temp table young as select count(*) as messages from chat_messages m, people where m.user_id = bela and m.created_at >= now() - interval '1 day';
select is(bondhu.keep_choices(4) ->> 'expired', '4', 'what is older than they keep it goes');
select is((select min(m.created_at) from chat_messages m where m.user_id = bela), now() - interval '26 hours', 'the oldest first') from people;
select is(bondhu.keep_choices(4) ->> 'expired', '2', 'all of it, by and by');
select is((select count(*) from chat_messages m where m.user_id = bela), messages, 'and what is younger stays') from people, young;
select is((select count(*) from chat_messages m where m.user_id = ada and m.message_text = 'An old one'), 1::bigint, 'as does what others wrote') from people;
select is(pg_temp.counted(bela), messages || ' ' || (select p.message_count from bondhu.personality(array[bela], now()) p), 'nothing learnt from it stays') from people, young;
select pg_temp.is_exact();

-- What linked accounts tell

insert into video_preferences (user_id, top_categories, top_topics, top_channels, recent_channels, subscription_count, like_count, playlist_count, computed_at)
select bela, '[]', '[]', '[]', '[]', 3, 0, 0, now() from people;
create function pg_temp.prompt_has_videos() returns boolean
language plpgsql as $$
declare
  has boolean;
begin
  perform pg_temp.act_as('authenticated', (select bela from people));
  has := personality_context() -> 'video' <> 'null';
  perform pg_temp.stop_acting();
  return has;
end
$$;
select is(pg_temp.prompt_has_videos(), false, 'what linked accounts tell stays out of prompts');
select pg_temp.decide(bela, $$'provider_prompts', true$$) from people;
select is(pg_temp.prompt_has_videos(), true, 'until the person lets it in');
update bondhu.provider_settings set llm_use_allowed = false where provider = 'youtube';
select is(pg_temp.prompt_has_videos(), false, 'and the operator');

select * from finish();
rollback;
