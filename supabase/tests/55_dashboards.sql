-- Reads for dashboards: the caller's own, in their time zone, within bounds.
begin;
\ir acting.psql
select plan(24);

create temp table people as select pg_temp.sign_up('Ada') as ada, pg_temp.sign_up('Bela') as bela;
grant select on people to public;
create function pg_temp.ada() returns uuid language sql stable as 'select ada from people';
create function pg_temp.bela() returns uuid language sql stable as 'select bela from people';
update companion_profiles set time_zone = 'Asia/Kathmandu' where user_id = pg_temp.ada();

-- In Kathmandu (+05:45): Sunday 00:15, Sunday 00:30, Monday 08:45.
insert into listening_history (user_id, played_at, track_id, track_name, artist_names, duration_ms) values
  (pg_temp.ada(), '2026-03-07 18:30+00', 't1', 'One', '{Sona,Rupa}', 1000),
  (pg_temp.ada(), '2026-03-07 18:45+00', 't2', 'Two', '{Sona}', null),
  (pg_temp.ada(), '2026-03-09 03:00+00', 't1', 'One', '{Sona,Rupa}', 1000),
  (pg_temp.bela(), '2026-03-07 18:30+00', 't9', 'Nine', '{Nobody}', 5000);
insert into listening_gaps (user_id, after_play, before_play) values
  (pg_temp.ada(), '2026-03-07 19:00+00', '2026-03-08 19:00+00'), (pg_temp.bela(), '2026-03-07 19:00+00', '2026-03-08 19:00+00');
insert into music_preferences
  (user_id, provider, top_genres, top_artists, recently_played, plays_by_hour, plays_by_weekday, play_count, computed_at)
select user_id, provider, genres, '[]', '[]', array_fill(0, array[24]), array_fill(0, array[7]), 0, now()
from people, lateral (values
  (ada, 'spotify', '[{"genre": "baul", "weight": 0.7, "source": "spotify"}, {"genre": "jazz", "weight": 0.3, "source": "spotify"}]'::jsonb),
  (ada, 'youtube', '[{"genre": "rock", "weight": 0.5, "source": "youtube"}]'),
  (bela, 'spotify', '[{"genre": "pop", "weight": 1, "source": "spotify"}]')
) taste (user_id, provider, genres);
insert into video_preferences
  (user_id, top_categories, top_topics, top_channels, recent_channels, subscription_count, like_count, playlist_count, computed_at)
values (pg_temp.bela(), '[]', '[]', '[]', '[]', 3, 2, 1, now());

select pg_temp.act_as('authenticated', pg_temp.ada());

select results_eq(
  'select track_id from recently_played()', array['t1', 't2', 't1'], 'plays come newest first, and only one''s own');
select results_eq(
  $$ select track_id from recently_played(max_rows => 1) $$, array['t1'], 'as many as asked for');
select results_eq(
  $$ select played_at from recently_played(before => '2026-03-09 03:00+00') $$,
  array['2026-03-07 18:45+00', '2026-03-07 18:30+00']::timestamptz[], 'a page goes on before the last row');
select results_eq(
  'select genre, weight, source from top_genres()',
  $$ values ('baul', 0.7, 'spotify'), ('rock', 0.5, 'youtube'), ('jazz', 0.3, 'spotify') $$,
  'genres of all accounts, heaviest first');
select results_eq(
  $$ select plays, tracks, artists, listened_ms, gaps from listening_stats('2026-03-01', '2026-04-01') $$,
  'values (3::bigint, 2::bigint, 2::bigint, 2000::bigint, 1::bigint)', 'listening is counted');
select is(
  (select plays_by_hour[1] || ' ' || plays_by_hour[9] from listening_stats('2026-03-01', '2026-04-01')), '2 1',
  'hours are local ones');
select is(
  (select plays_by_weekday from listening_stats('2026-03-01', '2026-04-01')), array[1, 0, 0, 0, 0, 0, 2]::bigint[],
  'and so are weekdays, from Monday');
select results_eq(
  $$ select plays, listened_ms, gaps from listening_stats('2026-03-08', '2026-03-08 12:00+00') $$,
  'values (0::bigint, 0::bigint, 1::bigint)', 'a gap counts for every time it touches');
select results_eq(
  $$ select plays, cardinality(plays_by_hour), cardinality(plays_by_weekday) from listening_stats() $$,
  'values (0::bigint, 24, 7)', 'of nothing the counts are zero');
select is_empty('select * from watching_stats()', 'without YouTube there is nothing to tell');

select pg_temp.act_as('authenticated', pg_temp.bela());
select results_eq(
  'select subscriptions, likes, playlists from watching_stats()', 'values (3::bigint, 2::bigint, 1::bigint)', 'with it there is');

select pg_temp.stop_acting();
-- Several players, one account: plays of one instant, and of the microsecond after it.
insert into listening_history (user_id, played_at, track_id, track_name)
select pg_temp.bela(), timestamptz '2026-03-10 03:00:00.123456+00' + (n / 8) * interval '1 microsecond', 'b' || n, 'Song'
from generate_series(0, 15) n;
create function pg_temp.plays_page_by_page(max_rows integer) returns text[]
language plpgsql as $$
declare
  seen text[] := '{}';
  page text[];
  next text;
begin
  loop
    select array_agg(p.track_id order by place), (array_agg(p.cursor order by place desc))[1] into page, next
    from (select r.*, row_number() over () as place from recently_played(max_rows => max_rows, before_cursor => next) r) p;
    exit when page is null;
    seen := seen || page;
  end loop;
  return seen;
end
$$;
select pg_temp.act_as('authenticated', pg_temp.bela());
select is(
  pg_temp.plays_page_by_page(size), (select array_agg(track_id order by played_at desc, track_id) from listening_history),
  format('pages of %s lose no play', size))
from unnest(array[1, 3, 7, 8, 200]) size;
select throws_ok(
  $$ select recently_played(before_cursor => '2026-03-10T03:00:00.123Z') $$, '22023', 'before_cursor is no cursor', 'a time is no cursor');

select throws_ok(query, '22023', message, what)
from (values
  ('select * from recently_played(max_rows => 0)', 'max_rows must be 1 to 200', 'no rows'),
  ('select * from recently_played(max_rows => 201)', 'max_rows must be 1 to 200', 'too many rows'),
  ('select * from top_genres(null)', 'max_rows must be 1 to 200', 'no number'),
  ('select * from listening_stats(now(), now())', 'since must come before until', 'no time')
) bad (query, message, what);

select pg_temp.act_as('anon');
select throws_ok(query, '42501', null, 'not for anon: ' || query)
from unnest(array['select * from recently_played()', 'select * from top_genres()', 'select * from listening_stats()']) query;

select * from finish();
rollback;
