-- personality_context(as_of): what somebody was like, as their messages tell it now.
begin;
\ir acting.psql
select plan(19);

create temp table people as
  select pg_temp.sign_up('Ada') as ada, pg_temp.sign_up('Bela') as bela, now() - interval '5 days' as past;
grant select on people to public;
insert into chat_messages (user_id, message_text, created_at)
select ada, (array['I am so happy', 'I hate this', 'I want to kill myself', 'The bus is late', 'I love you', 'I am so lonely'])[1 + n % 6], now() - n * interval '7 hours'
from people, generate_series(0, 300) n;
update chat_messages set corrected_sentiment = 0.9, corrected_mood = 'joy' where message_text = 'The bus is late' and created_at < now() - interval '3 days';
insert into assessments (user_id, form, started_at, completed_at, openness, conscientiousness, extraversion, agreeableness, neuroticism)
select ada, 'short', completed_at, completed_at, traits, 60, 55, 45, 20 from people,
  (values (now() - interval '90 days', 60), (now() - interval '20 days', 70), (now() - interval '2 days', 30)) t (completed_at, traits);
-- Somebody with whom everything happened five days later, and nothing since.
insert into chat_messages (user_id, message_text, created_at)
select bela, m.message_text, m.created_at + interval '5 days' from chat_messages m, people where m.user_id = ada and m.created_at <= past;
update chat_messages set corrected_sentiment = 0.9, corrected_mood = 'joy' where message_text = 'The bus is late' and user_id = (select bela from people);
insert into assessments (user_id, form, started_at, completed_at, openness, conscientiousness, extraversion, agreeableness, neuroticism)
select bela, 'short', now() - interval '15 days', now() - interval '15 days', 70, 60, 55, 45, 20 from people;

create function pg_temp.figures(document jsonb) returns jsonb
language sql as $$ select jsonb_build_object('traits', document -> 'traits', 'sentiment', document -> 'sentiment') $$;
create function pg_temp.context_of(of_user uuid, as_of timestamptz) returns jsonb
language plpgsql as $$
declare
  answer jsonb;
begin
  perform pg_temp.act_as('authenticated', of_user);
  answer := personality_context(as_of);
  perform pg_temp.stop_acting();
  return answer;
end
$$;

select is(pg_temp.figures(pg_temp.context_of(ada, past)), pg_temp.figures(pg_temp.context_of(bela, null)), 'the past is what it was') from people;
select isnt(pg_temp.figures(pg_temp.context_of(ada, past)), pg_temp.figures(pg_temp.context_of(ada, null)), 'which is not what is') from people;
select is((pg_temp.context_of(ada, past) ->> 'as_of')::timestamptz, past, 'it says of when it is') from people;
select is(pg_temp.figures(pg_temp.context_of(ada, now())), pg_temp.figures(pg_temp.context_of(ada, null)), 'now is now') from people;
select is((select array_agg(figure order by figure) from jsonb_object_keys(pg_temp.context_of(ada, past)) figure),
  (select array_agg(figure order by figure) from jsonb_object_keys(pg_temp.context_of(ada, null)) figure), 'in the same shape') from people;
select is(p.openness, start, 'the assessment is that of then: ' || start) from people,
  (values (interval '400 days', 50), (interval '91 days', 50), (interval '90 days', 60)) t (ago, start),
  lateral (select f.openness::integer as openness from bondhu.personality_at(ada, now() - ago) f) p;
select is((pg_temp.context_of(ada, past - interval '1 year') -> 'sentiment' ->> 'data_status'), 'insufficient_data', 'before the first message there is nothing') from people;
delete from chat_messages m using people where m.user_id = ada and m.message_text = 'I hate this';
delete from chat_messages m using people where m.user_id = bela and m.message_text = 'I hate this';
select is(pg_temp.figures(pg_temp.context_of(ada, past)), pg_temp.figures(pg_temp.context_of(bela, null)), 'what is deleted has never been') from people;
update chat_messages m set counts = false from people where m.user_id in (ada, bela) and m.message_text = 'I am so happy';
select is(pg_temp.figures(pg_temp.context_of(ada, past)), pg_temp.figures(pg_temp.context_of(bela, null)), 'nor has what counts no more') from people;
select is(pg_temp.context_of(bela, past) -> 'sentiment' -> 'message_count', to_jsonb(count(*)), 'it is the caller''s own')
from people left join chat_messages m on m.user_id = bela and m.counts and m.created_at > past - interval '24 hours' and m.created_at <= past group by bela, past;
select is(pg_temp.refusal('authenticated', ada, format('select personality_context(%s)', instant)), '22023: as_of must be a time between 1900 and now', instant || ' is refused')
from people, unnest(array['now() + interval ''1 second''', '''infinity''', '''-infinity''', '''1899-12-31''']) instant;
select is(pg_temp.attempt(actor, null, 'select personality_context(''2026-01-01'')'), '42501', actor || ' may not') from unnest(array['anon', 'service_role']) actor;
insert into video_preferences (user_id, top_categories, top_topics, top_channels, recent_channels, subscription_count, like_count, playlist_count, computed_at)
select ada, '[]', '[]', '[]', '[]', 3, 0, 0, now() from people;
insert into consents (user_id, purpose, is_given) select ada, 'provider_prompts', true from people;
select is(pg_temp.context_of(ada, past) -> 'video', 'null', 'what was watched then is not told') from people;

select * from finish();
rollback;
