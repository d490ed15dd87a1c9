-- What rises: YouTube's public chart of a region, and moods among many, which tell of nobody and never of fewer than the least.
begin;
\ir acting.psql
select plan(77);

create temp table crowd as select n, pg_temp.sign_up('Person ' || n) as id from generate_series(1, 45) n;
create temp table week as select date_trunc('hour', now(), 'UTC') as until;
create temp table glad (mood text);
grant select on crowd, week, glad to public;

create function pg_temp.decide(of_user uuid, about text, given boolean) returns void
language plpgsql as $$
begin
  perform pg_temp.act_as('authenticated', of_user);
  perform set_consent(about, given);
  perform pg_temp.stop_acting();
end
$$;
-- What somebody sees who is not counted.
create function pg_temp.rising(what text, of_region text default null) returns jsonb
language plpgsql as $$
declare
  answer jsonb;
begin
  perform pg_temp.act_as('authenticated', (select id from crowd where n = 45));
  answer := public.trending(what, of_region);
  perform pg_temp.stop_acting();
  return answer;
end
$$;
create function pg_temp.glad_people(of_region text default null) returns text
language sql as $$
  select i ->> 'people' from jsonb_array_elements(pg_temp.rising('moods', of_region) -> 'items') i where i ->> 'mood' = (select mood from glad)
$$;
create function pg_temp.refresh() returns void
language plpgsql as $$
begin
  update bondhu.trending_people set counted_until = '-infinity';
  perform bondhu.refresh_trending();
end
$$;

-- Moods: nobody, nineteen, twenty

insert into chat_messages (user_id, message_text, created_at) select id, 'I am so happy', until - interval '3 days' from crowd, week where n <= 40;
insert into glad select distinct mood_detected from chat_messages;
select pg_temp.refresh();
select is((select count(*) from bondhu.trending_people), 0::bigint, 'who has decided nothing does not count');
select is(pg_temp.rising('moods'), '{"kind": "moods", "region": null, "as_of": null, "min_people": 20, "state": "too_few_people", "items": []}', 'and there is nothing to tell');
select pg_temp.decide(id, 'trending', true) from crowd where n <= 19;
select is((select bondhu.refresh_trending()), 19, 'who has allowed it is counted');
select is((select bondhu.refresh_trending()), 0, 'once an hour');
select is(pg_temp.rising('moods'), '{"kind": "moods", "region": null, "as_of": null, "min_people": 20, "state": "too_few_people", "items": []}', 'nineteen people are too few: all is told as if nobody were there');
select is(pg_temp.rising('moods') -> 'items', '[]', 'of whom nothing is told');
select pg_temp.decide(id, 'trending', true) from crowd where n = 20;
select is(pg_temp.glad_people(), null, 'whoever comes is counted from the next time on');
select is((select bondhu.refresh_trending()), 1, 'which is soon');
select is(pg_temp.rising('moods') - 'as_of', (
  select jsonb_build_object('kind', 'moods', 'region', null, 'min_people', 20, 'state', 'ready',
    'items', jsonb_build_array(jsonb_build_object('mood', mood, 'people', 20, 'share', 1.000, 'rise', null))) from glad), 'twenty are enough');
select is((pg_temp.rising('moods') ->> 'as_of')::timestamptz, until, 'as of the full hour') from week;
select is_empty($$ select n from crowd where strpos(pg_temp.rising('moods')::text, id::text) > 0 $$, 'nobody is named');

-- Who does not count, and from when on

create temp table twentieth as select id from crowd where n = 20;
grant select on twentieth to public;
update auth.users set is_anonymous = true where id = (select id from twentieth);
select pg_temp.refresh();
select is(pg_temp.glad_people(), null, 'anonymous accounts make no number full');
update auth.users set is_anonymous = false where id = (select id from twentieth);
select pg_temp.refresh();
select is(pg_temp.glad_people(), '20', 'until they are anonymous no more');
select pg_temp.decide(id, 'trending', false) from twentieth;
select is(pg_temp.glad_people(), null, 'who withdraws is gone at once');
select is_empty($$ select 1 from bondhu.trending_people p join twentieth t on t.id = p.user_id $$, 'with what was kept');
select pg_temp.refresh();
select is(pg_temp.glad_people(), null, 'and does not come back by themselves');
select pg_temp.decide(id, 'trending', true) from twentieth;
select pg_temp.refresh();
select is(pg_temp.glad_people(), '20', 'but as they wish');
select pg_temp.decide(id, 'learning', false) from twentieth;
select is(pg_temp.glad_people(), null, 'whose messages do not count does not, either, at once');
select pg_temp.decide(id, 'learning', true) from twentieth;
select pg_temp.refresh();
select is(pg_temp.glad_people(), '20', 'until they do');
delete from bondhu.trending_people p using twentieth t where p.user_id = t.id;
insert into bondhu.trending_people (user_id, region) select id, 'US' from crowd where n in (20, 21);
select pg_temp.refresh();
select is_empty($$ select 1 from bondhu.trending_people p join crowd c on c.id = p.user_id where c.n = 21 $$, 'a row alone allows nothing');
select is(pg_temp.glad_people(), '20', 'nor does one too many count');
create temp table kept as select m.message_text, m.created_at from chat_messages m join twentieth t on t.id = m.user_id;
delete from chat_messages m using twentieth t where m.user_id = t.id;
select pg_temp.refresh();
select is(pg_temp.glad_people(), null, 'without the messages there is no mood');
insert into chat_messages (user_id, message_text, created_at) select t.id, k.message_text, until - interval '8 days' from twentieth t, kept k, week;
select pg_temp.refresh();
select is(pg_temp.glad_people(), null, 'nor of a week that is over');
insert into chat_messages (user_id, message_text, created_at) select t.id, k.message_text, until - interval '168 hours' from twentieth t, kept k, week;
select pg_temp.refresh();
select is(pg_temp.glad_people(), '20', 'this one begins with a quarter hour of its own');
insert into chat_messages (user_id, message_text, created_at) select t.id, 'I am so happy', until - n * interval '1 hour' from twentieth t, week, generate_series(1, 50) n;
select pg_temp.refresh();
select is(pg_temp.glad_people(), '20', 'however often, a person is one');
insert into erasures (user_id, up_to_seq, with_account, rows_erased) select t.id, 0, false, '{}' from twentieth t;
select pg_temp.refresh();
select is(pg_temp.glad_people(), null, 'what is being erased is not told');
delete from erasures;
select pg_temp.refresh();
select is(pg_temp.glad_people(), '20', 'nothing else is gone');
select pg_temp.act_as('authenticated', id) from twentieth;
select ok(erase_my_data(true) is not null, 'somebody has everything erased');
select pg_temp.stop_acting();
select is(pg_temp.glad_people(), null, 'and counts no more at once');
select pg_temp.decide(id, 'trending', true) from crowd where n = 21;
select pg_temp.refresh();
select is(pg_temp.glad_people(), '20', 'another takes the place');
delete from auth.users where id = (select id from crowd where n = 21);
select is(pg_temp.glad_people(), null, 'and so it is with an account that goes');

-- In parts

select pg_temp.decide(id, 'trending', true) from crowd where n between 22 and 40;
update bondhu.trending_people set counted_until = '-infinity';
select is((select bondhu.refresh_trending(30)), 30, 'so many at a time');
select is((select bondhu.refresh_trending(30)), 8, 'then the others');
select is((select bondhu.refresh_trending(30)), 0, 'then nobody');
select is(pg_temp.glad_people(), '30', 'thirty-eight people are told as thirty');
select is(pg_temp.rising('moods') #>> '{items,0,share}', '1.000', 'and so are all of them');

-- Rising

insert into chat_messages (user_id, message_text, created_at)
select id, case when n <= 19 then 'I am so happy' else 'I am so sad and lonely' end, until - interval '10 days' from crowd, week where n <= 19 or n between 22 and 40;
select pg_temp.refresh();
select is(pg_temp.rising('moods') #> '{items,0,rise}', 'null', 'of too few before no share is told, nor is a rise');
insert into chat_messages (user_id, message_text, created_at) select id, 'I am so happy', until - interval '10 days' from crowd, week where n = 22;
select pg_temp.refresh();
-- 20 of 30 people, in tens.
select is((pg_temp.rising('moods') #>> '{items,0,rise}')::numeric, 0.333, 'of twenty it is');
select is(jsonb_array_length(pg_temp.rising('moods') -> 'items'), 1, 'what nobody feels now is not listed');

-- Regions

update companion_profiles p set locale = 'bn-BD' from crowd c where c.id = p.user_id and c.n between 1 and 19;
select is(pg_temp.rising('moods', 'BD') ->> 'state', 'too_few_people', 'people are where they were when they were counted');
select pg_temp.refresh();
select is(pg_temp.glad_people('BD'), null, 'nineteen people of a region are too few');
select is(pg_temp.glad_people('US'), null, 'here and there');
select is(pg_temp.glad_people(), '30', 'although all together are enough');
update companion_profiles p set locale = 'bn-BD' from crowd c where c.id = p.user_id and c.n = 22;
select pg_temp.refresh();
select is(pg_temp.glad_people('bd'), '20', 'twenty of a region are enough');
select is(pg_temp.rising('moods', 'bd') ->> 'region', 'BD', 'which is written in capitals');
select is(pg_temp.glad_people('US'), null, 'and tell nothing of the eighteen others');
-- 38 and 20 are told as 30 and 20: what is left over may be from 1 to 19 people.
select is(pg_temp.glad_people()::integer - pg_temp.glad_people('BD')::integer, 10, 'nor does the difference tell their number');
select is(pg_temp.rising('moods', 'DE') -> 'items', '[]', 'where nobody is there is nothing');

-- The least

select is(pg_temp.refusal('service_role', null, 'update bondhu.settings set trending_min_people = 19 where singleton'),
  '23514: new row for relation "settings" violates check constraint "trending_is_among_twenty_or_more"', 'no operator asks for fewer');
select is(pg_temp.attempt('service_role', null, format('update bondhu.settings set trending_min_people = %s where singleton', n)), answer, n || ': ' || answer)
from (values ('21', '1 rows'), ('1000000', '1 rows'), ('2147483647', '23514'), ('null', '23502')) t (n, answer);
update bondhu.settings set trending_min_people = 31 where singleton;
select is(pg_temp.rising('moods') - 'as_of' - 'items',
  '{"kind": "moods", "region": null, "min_people": 31, "state": "ready"}', 'more people are asked for');
select is(pg_temp.rising('moods', 'BD') -> 'items', '[]', 'of which there are too few here');
update bondhu.settings set trending_min_people = 20 where singleton;

-- The chart

select is(pg_temp.rising('video'), '{"kind": "video", "region": "US", "source": "youtube", "state": "no_chart_yet", "as_of": null, "items": []}',
  'a region of which nobody has linked YouTube has no chart yet');
insert into bondhu.video_charts (region, ask_again_at) values ('US', now());
select is(pg_temp.rising('video') ->> 'state', 'no_chart_yet', 'nor has one that is being asked for');
insert into bondhu.video_charts (region, videos, fetched_at, ask_again_at)
values ('BD', '[{"rank": 1, "video_id": "v", "title": "A song"}]', now() - interval '3 days', now());
select is(pg_temp.rising('video', 'bd'), jsonb_build_object('kind', 'video', 'region', 'BD', 'source', 'youtube', 'state', 'ready',
  'as_of', now() - interval '3 days', 'items', '[{"rank": 1, "video_id": "v", "title": "A song"}]'::jsonb), 'an old one says how old it is');
update companion_profiles p set locale = 'bn-BD' from crowd c where c.id = p.user_id and c.n = 45;
select is(pg_temp.rising('video') #>> '{items,0,video_id}', 'v', 'without a region it is the caller''s');
update bondhu.provider_settings set enabled = false where provider = 'youtube';
select is(pg_temp.rising('video'), '{"kind": "video", "region": "BD", "source": "youtube", "state": "provider_off", "as_of": null, "items": []}',
  'where the operator has switched YouTube off nothing of it is shown');
update bondhu.provider_settings set enabled = true where provider = 'youtube';
select throws_ok($$ insert into bondhu.video_charts (region, ask_again_at) values ('usa', now()) $$, '23514', null, 'a region is two letters');
select throws_ok($$ insert into bondhu.video_charts (region, videos, ask_again_at) select 'DE', jsonb_agg(n), now() from generate_series(1, 51) n $$,
  '23514', null, 'and a chart one page');

-- Who may ask, and for what

select is(pg_temp.refusal('authenticated', id, format('select trending(%L)', forged)), '22023: kind is none of what there is', 'no kind: ' || coalesce(forged, 'null'))
from crowd, unnest(array[null, '', 'Moods', 'music']) forged where n = 45;
select is(pg_temp.refusal('authenticated', id, format('select trending(%L, %L)', kind, forged)), '22023: region is not two letters', format('no region of %s: %s', kind, forged))
from crowd, (values ('moods', ''), ('video', 'USA'), ('moods', 'U1'), ('video', 'ü'), ('moods', '%s')) t (kind, forged) where n = 45;
select is(pg_temp.attempt(role, id, 'select trending(''moods'')'), '42501', role || ' asks nothing') from crowd, unnest(array['anon', 'service_role', 'bondhu_worker']) role where n = 45;
select is(pg_temp.attempt('authenticated', id, 'select * from bondhu.' || relation), '42501', 'nobody reads ' || relation)
from crowd, unnest(array['trending_people', 'video_charts']) relation where n = 45;
select is(pg_temp.attempt('bondhu_worker', null, 'select bondhu.refresh_trending()'), '1 rows', 'the worker counts where there is no cron');

select * from finish();
rollback;
