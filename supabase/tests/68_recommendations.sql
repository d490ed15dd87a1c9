-- Recommendations: the person's own candidates in an order that mood and feedback settle, with a reason for each.
begin;
\ir acting.psql
select plan(52);

create temp table people as select pg_temp.sign_up('Ada') as ada, pg_temp.sign_up('Bela') as bela;
grant select on people to public;
create function pg_temp.candidates() returns jsonb
language sql as $$
  select jsonb_agg(jsonb_build_object(
    'item_id', 't' || n, 'name', 'Song ' || n, 'maker', 'Artist ' || n % 4, 'makers', jsonb_build_array('Artist ' || n % 4),
    'played', 10 * n, 'listed', 0, 'saved', 0, 'of_maker', 0, 'genre', 0, 'rest', 0, 'valence', 900 - 60 * n, 'energy', 100 + 60 * n,
    'plays', n, 'days_since_play', 5) order by n)
  from generate_series(1, 12) n
$$;
insert into bondhu.recommendation_candidates (user_id, kind, candidates) select ada, 'music', pg_temp.candidates() from people;
create function pg_temp.items(of_kind text default 'music', max_rows integer default 20) returns text[]
language sql as $$
  select coalesce(array_agg(i.item ->> 'item_id' order by i.place), '{}')
  from jsonb_array_elements(recommendations(of_kind, max_rows) -> 'items') with ordinality i (item, place)
$$;
create function pg_temp.item(id text) returns jsonb
language sql as $$
  select i.item from jsonb_array_elements(recommendations('music') -> 'items') i (item) where i.item ->> 'item_id' = id
$$;

select pg_temp.act_as('authenticated', (select ada from people));

-- The order

select is(recommendations('music') ->> 'state', 'ready', 'there is enough to choose from');
select is(recommendations('music') ->> 'direction', 'even', 'of who has written nothing nothing is known');
-- 120 t12, 110 t11, 100 t10, 90 t9, then seconds of the same four artists with 20 less each.
select is(pg_temp.items(), array['t12', 't11', 't10', 't9', 't8', 't7', 't6', 't5', 't4', 't3', 't2', 't1'], 'the best come first');
select is(pg_temp.items(max_rows => 2), array['t12', 't11'], 'as many as asked for');
select is(pg_temp.item('t8') -> 'points', '{"played": 80, "listed": 0, "saved": 0, "of_maker": 0, "genre": 0, "rest": 0, "mood": 0, "feedback": 0, "variety": -20}',
  'a second of one artist makes room for others');
select is((pg_temp.item('t8') ->> 'score')::integer, 60, 'and the score is the sum of all points');
select is(
  (select count(*) from jsonb_array_elements(recommendations('music') -> 'items') i (item)
   where (i.item ->> 'score')::integer <> (select sum(p.value::integer) from jsonb_each_text(i.item -> 'points') p)), 0::bigint, 'of each');
select is(pg_temp.item('t8') ->> 'reason', 'played', 'what carries it most is its reason');
select is(pg_temp.item('t8') ->> 'reason_text', 'Played by you in the last half year: 8×.', 'in words and figures');

-- Feedback

select lives_ok($$ select rate_recommendation('music', 't12', 'dismiss') $$, 'a person dismisses one');
select is(pg_temp.items(max_rows => 4), array['t11', 't10', 't9', 't7'], 'which is recommended no more, and its artist less');
select is((pg_temp.item('t8') -> 'points' ->> 'feedback')::integer, -60, 'by so much');
select lives_ok($$ select rate_recommendation('music', 't1', 'like') $$, 'and likes another');
select is(pg_temp.items(max_rows => 2), array['t1', 't9'], 'which comes first, with its artist');
select is(pg_temp.item('t1') ->> 'reason', 'feedback', 'and that is why');
select lives_ok($$ select rate_recommendation('music', 't1', 'played') $$, 'what was taken up');
select is((pg_temp.item('t1') -> 'points' ->> 'feedback')::integer, -230, 'is had for now; the newest holds');
select is((pg_temp.item('t5') -> 'points' ->> 'feedback')::integer, 20, 'and others of its artist are a little closer');
select lives_ok($$ select rate_recommendation('music', 't1') $$, 'it is taken back');
select is((pg_temp.item('t1') -> 'points' ->> 'feedback')::integer, 0, 'and moves nothing any more');
select results_eq('select item_id, maker, feedback from recommendation_feedback', $$ values ('t12', 'Artist 0', 'dismiss') $$, 'a person reads what they said');
select lives_ok('select reset_recommendations()', 'all is forgotten on request');
select is(cardinality(pg_temp.items()), 12, 'and everything is there again');
select lives_ok($$ select rate_recommendation('music', 't' || n, 'dismiss') from generate_series(4, 12, 4) n $$, 'however much of an artist is dismissed');
select pg_temp.stop_acting();
insert into recommendation_feedback (user_id, kind, item_id, maker, feedback, given_at) select ada, 'music', 'gone' || n, 'Artist 1', 'dismiss', now() - interval '1 day' from people, generate_series(1, 600) n;
select pg_temp.act_as('authenticated', (select ada from people));
select is((pg_temp.item('t1') -> 'points' ->> 'feedback')::integer, -180, 'it is moved within bounds');
select lives_ok($$ select rate_recommendation('music', 't2', 'like') $$, 'one more');
select is((select count(*) from recommendation_feedback), 500::bigint, 'and the oldest go');
select is((select count(*) from recommendation_feedback where item_id = 't2'), 1::bigint, 'not the newest');
select lives_ok($$ select reset_recommendations('video') $$, 'of one kind');
select is((select count(*) from recommendation_feedback), 500::bigint, 'alone');
select lives_ok($$ select reset_recommendations('music') $$, 'is forgotten');
select is((select count(*) from recommendation_feedback), 0::bigint, 'on request, too');

-- Refusals

select throws_ok($$ select rate_recommendation('music', 'somebody else''s', 'like') $$, 'P0002', 'it is none of your recommendations', 'only what was recommended is rated');
select throws_ok($$ select rate_recommendation('music', 't1', 'hate') $$, '22023', 'there is no such feedback', 'in one of three ways');
select throws_ok($$ select rate_recommendation('books', 't1', 'like') $$, '22023', 'there is no such kind of recommendations', 'of two kinds');
select throws_ok($$ select recommendations('books') $$, '22023', 'there is no such kind of recommendations', 'which are told');
select throws_ok($$ select recommendations('music', 0) $$, '22023', 'max_rows must be 1 to 200', 'within bounds');
select throws_ok($$ insert into recommendation_feedback (kind, item_id, feedback) values ('music', 't1', 'like') $$, '42501', null, 'feedback is written in no other way');

-- Others, and nothing

select rate_recommendation('music', 't1', 'like');
select pg_temp.act_as('authenticated', (select bela from people));
select is(recommendations('music'), '{"kind": "music", "state": "nothing_yet", "computed_at": null, "direction": "even", "items": []}', 'who has linked nothing is told so');
select is((select count(*) from recommendation_feedback), 0::bigint, 'nobody reads what others said');
select pg_temp.stop_acting();
insert into bondhu.recommendation_candidates (user_id, kind, candidates)
select bela, 'video', '[{"item_id": "v", "name": "A talk", "maker": null, "makers": [], "played": 0, "listed": 0, "saved": 20, "of_maker": 0, "genre": 0, "rest": 20, "plays": 0}]' from people;
select pg_temp.act_as('authenticated', (select bela from people));
select is(recommendations('video') ->> 'state', 'few', 'of little it is told that it is little');
select is(recommendations('video') #>> '{items,0,reason_text}', 'It waits in your list.', 'and shown all the same');

-- Switches

select pg_temp.stop_acting();
update bondhu.provider_settings set enabled = false where provider = 'youtube';
select pg_temp.act_as('authenticated', (select bela from people));
select is(recommendations('video') - 'computed_at', '{"kind": "video", "state": "provider_off", "direction": "even", "items": []}', 'a provider that is switched off recommends nothing');
select pg_temp.stop_acting();
update companion_profiles set locale = 'bn-BD' where user_id = (select ada from people);
select is((select d.data #>> '{music,by_direction,even,0,reason_text}' from people, bondhu.recommendations_document(array[ada], now()) d),
  'এটা বা এমন কিছু আপনার ভালো লেগেছে।', 'who reads Bengali is told in Bengali, in Redis, too');
select is((select d.data #>> '{directions,sad}' || (d.data #>> '{music,by_direction,quiet,0,reason}') from people, bondhu.recommendations_document(array[ada], now()) d),
  'gentlefeedback', 'where a list stands for each direction');
update companion_profiles set locale = 'bn_BD' where user_id = (select ada from people);
select is((select d.data #>> '{music,by_direction,even,0,reason_text}' from people, bondhu.recommendations_document(array[ada], now()) d),
  'এটা বা এমন কিছু আপনার ভালো লেগেছে।', 'however the locale is written');

-- After a pull

update bondhu.recommendation_candidates set candidates = candidates - 0 where kind = 'music';
select pg_temp.act_as('authenticated', (select ada from people));
select lives_ok($$ select rate_recommendation('music', 't1', 'dismiss') $$, 'what was said may be said otherwise, though it is no candidate any more');
select rate_recommendation('music', 't' || n, 'dismiss') from generate_series(2, 12) n;
select is(recommendations('music') - 'computed_at', '{"kind": "music", "state": "nothing_yet", "direction": "even", "items": []}', 'when all is dismissed there is nothing');

-- Retention

select pg_temp.stop_acting();
insert into recommendation_feedback (user_id, kind, item_id, maker, feedback) select bela, 'video', 'v', 'c', 'like' from people;
insert into video_playlists (user_id, playlist_id, walk_id) select bela, 'p', gen_random_uuid() from people;
insert into video_playlist_items (user_id, playlist_id, item_id, video_id, title, details_at, walk_id)
select bela, 'p', 'i', 'v', 'A talk', now() - interval '31 days', gen_random_uuid() from people;
select lives_ok('select bondhu.prune_batch(name, 100) from bondhu.retention()', 'what the provider told 31 days ago goes');
select is_empty($$ select r.kind from bondhu.recommendation_candidates r, people where r.user_id = bela
  union all select f.kind from recommendation_feedback f, people where f.user_id = bela $$, 'with all that was made of it');

select bondhu.delete_provider_data(ada, 'spotify') from people;
select is((select count(*) from recommendation_feedback), 0::bigint, 'with the account feedback goes');
select is((select d.data::text from people, bondhu.recommendations_document(array[ada], now()) d), null, 'and there is nothing to recommend');

select * from finish();
rollback;
