-- The home page in one call: exact as of the call, and what rests on facts that are deleted goes with them.
begin;
\ir acting.psql
select plan(43);

create temp table people as select pg_temp.sign_up('Ada') as ada, pg_temp.sign_up('Bela') as bela;
grant select on people to public;
create function pg_temp.call(of_user uuid, rpc text) returns jsonb
language plpgsql as $$
declare
  answer jsonb;
begin
  perform pg_temp.act_as('authenticated', of_user);
  execute format('select %s', rpc) into answer;
  perform pg_temp.stop_acting();
  return answer;
end
$$;
create function pg_temp.dashboard(of_user uuid) returns jsonb language sql as $$ select pg_temp.call(of_user, 'dashboard()') $$;
create function pg_temp.achieved(of_user uuid) returns text[]
language sql as $$
  select array_agg(a ->> 'id') from jsonb_array_elements(pg_temp.dashboard(of_user) -> 'achievements') a where (a ->> 'is_reached')::boolean
$$;
create function pg_temp.say(of_user uuid, words text, at timestamptz default now()) returns void
language sql as $$ insert into chat_messages (user_id, message_text, created_at) values (of_user, words, at) $$;

-- Somebody new

select is(pg_temp.dashboard(ada) - '{as_of,today,time_zone,wellness,mood,achievements}'::text[],
  '{"messages_today": 0, "streak": {"current_days": 0, "longest_days": 0}, "sessions": {"active": 0, "started_in_7_days": 0},
    "top_genres": [], "recent_plays": [], "videos": null, "connections": []}', 'of somebody new there is nothing to tell') from people;
select is(pg_temp.dashboard(ada) -> 'wellness' -> 'score', 'null', 'no wellness') from people;
select is(pg_temp.dashboard(ada) -> 'mood' -> 'dominant_mood', 'null', 'no mood') from people;
select is(pg_temp.achieved(ada), null, 'and nothing achieved') from people;
select is(jsonb_array_length(pg_temp.dashboard(ada) -> 'achievements'), 10, 'although it says what could be') from people;
select is(pg_temp.call(ada, 'wellness_card()') -> 'moods', '[]', 'the card is empty') from people;

-- Today and streaks, in one's own time zone

update companion_profiles p set time_zone = 'Pacific/Kiritimati' from people where p.user_id = ada;
create temp table midnight as select date_trunc('day', now(), 'Pacific/Kiritimati') as at;
grant select on midnight to public;
select pg_temp.say(ada, 'I am so happy', least(at + interval '1 second', now())) from people, midnight;
select pg_temp.say(ada, 'I am so happy', at - interval '1 second') from people, midnight;
select pg_temp.say(ada, 'I am so happy', at - interval '30 hours') from people, midnight;
insert into chat_messages (user_id, message_text, sender_type) select ada, 'I am glad', 'ai' from people;
select is(pg_temp.dashboard(ada) -> 'messages_today', '1', 'today begins at their midnight, and is what they wrote') from people;
select is(pg_temp.dashboard(ada) -> 'streak', '{"current_days": 3, "longest_days": 3}', 'days in a row are theirs, too') from people;
select is(pg_temp.achieved(ada), array['first_message', 'three_days'], 'which is an achievement') from people;
delete from chat_messages m using people, midnight where m.user_id = ada and m.created_at < at - interval '1 day';
select is(pg_temp.achieved(ada), array['first_message'], 'and goes with the message that made it') from people;
delete from chat_messages m using people where m.user_id = ada;
select is(pg_temp.achieved(ada), null, 'all of them do') from people;

-- As the engine has streaks, through days of 23 and 25 hours, and where midnight comes twice
create temp table zones as select zone, pg_temp.sign_up(zone) as who
from unnest(array['UTC', 'America/Havana', 'Asia/Kathmandu', 'America/New_York', 'Pacific/Apia', 'Asia/Gaza']) zone;
update companion_profiles p set time_zone = zone from zones where p.user_id = who;
insert into chat_messages (user_id, message_text, created_at)
select who, 'I am fine', now() - n * interval '5 hours' - (hashtext(zone || n) & 7) * interval '17 minutes' from zones, generate_series(0, 900) n
where (hashtext(n::text || zone) & 15) > 10;
select is((s.current_streak, s.longest_streak), (p.current_streak, p.longest_streak), 'streaks in ' || zone)
from zones, lateral bondhu.streaks(who, zone, (now() at time zone zone)::date) s, lateral bondhu.patterns(array[who], now()) p order by zone;
update personality_profiles set settings_version = 0 where user_id in (select who from zones where zone = 'UTC');
select is((s.current_streak, s.longest_streak), (p.current_streak, p.longest_streak), 'also before they are counted anew')
from zones, lateral bondhu.streaks(who, zone, (now() at time zone zone)::date) s, lateral bondhu.patterns(array[who], now()) p where zone = 'UTC';

-- Wellness, and what moved it

select pg_temp.say(bela, (array['I am so happy', 'What is this?', 'I love this day', 'I am tired'])[1 + n % 4], now() - n * interval '11 hours') from people, generate_series(0, 8) n;
select pg_temp.say(bela, (array['I hate this', 'I am so sad and lonely', 'I am tired', 'I am so happy'])[1 + n % 4], now() - n * interval '11 hours') from people, generate_series(16, 32) n;
select pg_temp.say(bela, 'I am fine', now() - n * interval '11 hours') from people, generate_series(33, 46) n;
create temp table cards as
  select pg_temp.call(bela, 'wellness_card()') as card, (w).*, week_before.score as score_before
  from people, lateral bondhu.wellness(bela, (now() at time zone 'UTC')::date, (now() at time zone 'UTC')::date) w,
    lateral bondhu.wellness(bela, (now() at time zone 'UTC')::date - 7, (now() at time zone 'UTC')::date - 7) week_before;
select is((card ->> 'score')::numeric, score, 'the score is the engine''s, of the week that ends today') from cards;
select is((card ->> 'change')::numeric, score - score_before, 'its change is that since the week before') from cards;
select cmp_ok(abs((card ->> 'change')::numeric), '>', 1.0, 'of which there is some') from cards;
select is((select sum(part::text::numeric) from jsonb_each(card -> 'moved_by') p (name, part)), (card ->> 'change')::numeric, 'what moved it sums up to that') from cards;
select ok(abs(0.60 * mean + 0.25 * stability + 0.15 * trend - score) < 0.01, 'by the weights that core has') from cards;
select is((select sum((m ->> 'messages')::integer) from jsonb_array_elements(card -> 'moods') m), (card ->> 'message_count')::bigint, 'each message of the week has its mood') from cards;
select is((select sum((m ->> 'messages_before')::integer) from jsonb_array_elements(card -> 'moods') m), (card ->> 'message_count_a_week_before')::bigint, 'so has each of the week before') from cards;
select is((select round(sum((m ->> 'share')::numeric), 2) from jsonb_array_elements(card -> 'moods') m), 1.00, 'shares are of all') from cards;
select is(pg_temp.dashboard(bela) -> 'wellness', card - 'moods', 'the home page tells the same') from people, cards;
update personality_profiles set settings_version = 0 where user_id = (select bela from people);
select is(pg_temp.call(bela, 'wellness_card()'), card, 'also while it is to be made anew') from people, cards;
select bondhu.recompute(bela) from people;
delete from chat_messages m using people where m.user_id = bela and m.created_at < now() - interval '7 days';
select is(pg_temp.call(bela, 'wellness_card()') -> 'moved_by', 'null', 'without a week before nothing moved') from people;
delete from chat_messages m using people where m.user_id = bela and m.created_at < now() - interval '30 hours';
select is(pg_temp.call(bela, 'wellness_card()') -> 'score', 'null', 'of too few messages there is no score') from people;

-- What else there is

insert into provider_connections (user_id, provider, status, missing) select bela, 'spotify', 'partial', array['spotify.top_tracks'] from people;
insert into listening_history (user_id, played_at, track_id, track_name) select bela, now() - n * interval '1 hour', 't' || n, 'Track ' || n from people, generate_series(1, 100) n;
insert into assessments (user_id, form, started_at, completed_at, openness, conscientiousness, extraversion, agreeableness, neuroticism)
select bela, 'short', now(), now(), 50, 50, 50, 50, 50 from people;
select is(pg_temp.dashboard(bela) -> 'connections' -> 0 ->> 'status', 'partial', 'connections say how they are') from people;
select is((pg_temp.dashboard(bela) -> 'recent_plays') #>> '{0,track_id}', 't1', 'plays come newest first') from people;
select is(jsonb_array_length(pg_temp.dashboard(bela) -> 'recent_plays'), 5, 'five of them') from people;
select is(array_remove(pg_temp.achieved(bela), 'three_days'), array['first_message', 'questionnaire', 'first_account', 'hundred_plays'], 'and facts of every kind achieve') from people;
update companion_profiles p set locale = 'bn-BD' from people where p.user_id = bela;
select is(pg_temp.dashboard(bela) -> 'achievements' -> 0 ->> 'title', 'শুভেচ্ছা', 'in the person''s language') from people;
update companion_profiles p set locale = 'fi' from people where p.user_id = bela;
select is(pg_temp.dashboard(bela) -> 'achievements' -> 0 ->> 'title', 'Hello', 'or in English') from people;
update bondhu.achievements set is_enabled = id = 'first_account';
select is(pg_temp.achieved(bela), array['first_account'], 'those that the operator offers') from people;
delete from provider_connections;
select is(pg_temp.achieved(bela), null, 'while the account is linked') from people;
select is_empty($$select a.id, l.locale from bondhu.achievements a cross join (values ('en'), ('bn')) l (locale)
  where not exists (select from bondhu.achievement_texts t where t.achievement_id = a.id and t.locale = l.locale)$$, 'each has its words in each language');
select is(pg_temp.attempt(actor, null, 'select ' || rpc), '42501', format('%s: %s is for users', actor, rpc))
from unnest(array['anon', 'service_role']) actor, unnest(array['dashboard()', 'wellness_card()']) rpc;

select * from finish();
rollback;
