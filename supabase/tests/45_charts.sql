-- Reads for charts: the caller's own, in their time zone, within bounds.
begin;
\ir acting.psql
select plan(45);

create temp table people as select pg_temp.sign_up('Ada') as ada, pg_temp.sign_up('Bela') as bela;
grant select on people to public;
create function pg_temp.ada() returns uuid language sql stable as 'select ada from people';
create function pg_temp.bela() returns uuid language sql stable as 'select bela from people';

update companion_profiles set time_zone = 'Asia/Kathmandu' where user_id = pg_temp.ada();
update companion_profiles set time_zone = 'America/New_York' where user_id = pg_temp.bela();

-- By hand: what is read must not depend on how messages are scored.
insert into personality_profiles (user_id, as_of, window_hours, settings_version)
select id, now(), 24, (select version from bondhu.settings) from people, unnest(array[ada, bela]) id;
create function pg_temp.bucket(user_id uuid, at timestamptz, joy integer, sad integer, score_sum bigint, squares bigint) returns void
language sql as $$
  insert into sentiment_buckets
    (user_id, bucket_start, message_count, score_sum, score_sum_squares, angry, anxious, calm, curious, disgust, grateful,
     joy, lonely, love, neutral, sad, surprise, tired)
  values ($1, $2, joy + sad, $5, $6, 0, 0, 0, 0, 0, 0, joy, 0, 0, 0, sad, 0, 0)
$$;
-- In Kathmandu (+05:45): 23:45 on Saturday, 00:15 on Sunday, 08:45 on Monday.
select pg_temp.bucket(pg_temp.ada(), '2026-03-07 18:00+00', 2, 0, 150, 11700);
select pg_temp.bucket(pg_temp.ada(), '2026-03-07 18:30+00', 0, 1, 20, 400);
select pg_temp.bucket(pg_temp.ada(), '2026-03-09 03:00+00', 1, 0, 50, 2500);
select pg_temp.bucket(pg_temp.bela(), '2026-03-07 18:00+00', 0, 9, 0, 0);

select pg_temp.act_as('authenticated', pg_temp.ada());

select results_eq(
  $$ select bucket_start, message_count, mean_sentiment, sentiment_volatility from mood_trend('2026-03-01', '2026-04-01') $$,
  -- 60 and 90: the sample deviation is 30 / √2.
  $$ values ('2026-03-06 18:15+00'::timestamptz, 2::bigint, 0.7500, 0.2121), ('2026-03-07 18:15+00', 1, 0.2000, null),
            ('2026-03-08 18:15+00', 1, 0.5000, null) $$, 'days begin at the caller''s midnight');
select results_eq(
  $$ select bucket_start, message_count from mood_trend('2026-03-07', '2026-03-10', 'hour') $$,
  $$ values ('2026-03-07 17:15+00'::timestamptz, 2::bigint), ('2026-03-07 18:15+00', 1), ('2026-03-09 02:15+00', 1) $$,
  'so do hours');
select results_eq(
  $$ select bucket_start, message_count from mood_trend('2026-03-01', '2026-04-01', 'week') $$,
  $$ values ('2026-03-01 18:15+00'::timestamptz, 3::bigint), ('2026-03-08 18:15+00', 1) $$, 'and weeks, on Monday');
select results_eq(
  $$ select bucket_start, message_count from mood_trend('2026-01-01', '2026-12-01', 'month') $$,
  $$ values ('2026-02-28 18:15+00'::timestamptz, 4::bigint) $$, 'and months');
select is_empty($$ select * from mood_trend('2026-03-07 18:45+00', '2026-03-09 03:00+00') $$, 'until is not included');
select results_eq(
  $$ select * from mood_mix('2026-03-01', '2026-04-01') $$,
  $$ values ('joy', 3::bigint, 0.7500), ('sad', 1, 0.2500) $$, 'the mix, most frequent first');
select is_empty($$ select * from mood_mix('2026-01-01', '2026-02-01') $$, 'of nothing there is no mix');
select pg_temp.stop_acting();

-- A day that has two hours called one.
select pg_temp.bucket(pg_temp.bela(), '2025-11-02 05:30+00', 1, 0, 50, 2500);
select pg_temp.bucket(pg_temp.bela(), '2025-11-02 06:30+00', 1, 0, 50, 2500);
select pg_temp.act_as('authenticated', pg_temp.bela());
select results_eq(
  $$ select bucket_start, message_count from mood_trend('2025-11-02', '2025-11-03', 'hour') $$,
  $$ values ('2025-11-02 05:00+00'::timestamptz, 1::bigint), ('2025-11-02 06:00+00', 1) $$, 'an hour that comes twice is two');
select results_eq(
  $$ select bucket_start, message_count from mood_trend('2025-11-01', '2025-11-04') $$,
  $$ values ('2025-11-02 04:00+00'::timestamptz, 2::bigint) $$, 'of one day');
select pg_temp.stop_acting();

-- Traits and days

insert into personality_history (user_id, changed_at, before, after, window_start, window_end, message_count)
select pg_temp.ada(), at, format('{"openness": %s, "extraversion": 50.00}', b)::jsonb,
  format('{"openness": %s, "extraversion": %s}', a, e)::jsonb, at - interval '1 day', at, 9
from (values
  ('2026-03-07'::timestamptz, 50.00, 52.00, 50.00), ('2026-03-08', 52.00, 51.00, 50.00), ('2026-03-09', 51.00, 51.00, 53.00)
) h (at, b, a, e);

select pg_temp.act_as('authenticated', pg_temp.ada());
select results_eq(
  $$ select changed_at, before, after from personality_evolution('openness', '2026-01-01', '2026-12-01') $$,
  $$ values ('2026-03-07'::timestamptz, 50.00, 52.00), ('2026-03-08', 52.00, 51.00) $$, 'a trait''s own changes, oldest first');
select results_eq(
  $$ select after from personality_evolution('extraversion', '2026-01-01', '2026-12-01') $$, 'values (53.00)', 'and no other''s');
select is_empty($$ select * from personality_evolution('openness', '2026-03-09', '2026-12-01') $$, 'within the range');
select results_eq(
  $$ select day, message_count, active_days from wellness_history('2026-03-01', '2026-04-01') $$,
  $$ select d::date, n::bigint, a::bigint from (values ('2026-03-07', 2, 1), ('2026-03-08', 3, 2), ('2026-03-09', 4, 3), ('2026-03-10', 4, 3), ('2026-03-11', 4, 3),
       ('2026-03-12', 4, 3), ('2026-03-13', 4, 3), ('2026-03-14', 2, 2), ('2026-03-15', 1, 1)) x (d, n, a) $$,
  'days of their own zone whose week has messages of theirs');
select results_eq(
  $$ select day from wellness_history('2026-03-08', '2026-03-10') $$,
  $$ values ('2026-03-08'::date), ('2026-03-09') $$, 'from since up to until');
select is_empty('select * from wellness_history()', 'the last thirty days unless asked otherwise');
select is((select cardinality(hour_means) from mood_patterns()), 24, 'an hour each');
select is((select cardinality(weekday_means) from mood_patterns()), 7, 'a weekday each');
select is((select time_zone from mood_patterns()), 'Asia/Kathmandu', 'in the caller''s zone');

-- What is refused

select throws_ok(call, '22023', message, what)
from (values
  ('select * from mood_trend(now(), now())', 'since must come before until', 'no time between'),
  ('select * from mood_trend(null, now())', 'since must come before until', 'no beginning'),
  ('select * from mood_mix(now(), null)', 'since must come before until', 'no end'),
  ('select * from wellness_history(''2026-03-02'', ''2026-03-01'')', 'since must come before until', 'days in reverse'),
  ('select * from personality_evolution(''openness'', now(), now())', 'since must come before until', 'no time for a trait'),
  ('select * from mood_trend(bucket := ''minute'')', 'bucket must be hour, day, week or month', 'a bucket there is not'),
  ('select * from mood_trend(bucket := null)', 'bucket must be hour, day, week or month', 'no bucket'),
  ('select * from mood_trend(now() - interval ''60 days'', now(), ''hour'')',
   'more than 1000 points: since and until are too far apart for bucket hour', 'too many points'),
  ('select * from mood_trend(''-infinity'', now())', 'since and until must lie between the years 1900 and 2200', 'all of the past'),
  ('select * from mood_trend(''-infinity'', ''infinity'', ''month'')', 'since and until must lie between the years 1900 and 2200', 'all of time'),
  ('select * from mood_mix(''4713-01-01 BC'', now())', 'since and until must lie between the years 1900 and 2200', 'since time began'),
  ('select * from personality_evolution(''openness'', now(), ''infinity'')', 'since and until must lie between the years 1900 and 2200', 'for ever'),
  ('select * from wellness_history(until => ''4713-01-01 BC'')', 'since must come before until', 'thirty days before the first'),
  ('select * from wellness_history(until => ''5874897-12-31'')', 'since and until must lie between the years 1900 and 2200', 'the last of days'),
  ('select * from personality_evolution(''humour'')', '''humour'' is no trait', 'a trait there is not'),
  ('select * from personality_evolution(null)', 'NULL is no trait', 'no trait')
) refused (call, message, what);
select pg_temp.stop_acting();

select is(pg_temp.attempt(caller, null, call), state, format('%s: %s', caller, call))
from unnest(array[
  'select * from mood_trend()', 'select * from mood_mix()', 'select * from personality_evolution(''openness'')',
  'select * from wellness_history()', 'select * from mood_patterns()'
]) call, (values ('anon', '42501'), ('authenticated', '28000')) callers (caller, state);

-- A move to another zone

update companion_profiles set time_zone = 'UTC' where user_id = pg_temp.ada();
select pg_temp.act_as('authenticated', pg_temp.ada());
select results_eq(
  $$ select day, message_count, active_days from wellness_history('2026-03-01', '2026-03-10') $$,
  $$ values ('2026-03-07'::date, 3::bigint, 1::bigint), ('2026-03-08', 3, 1), ('2026-03-09', 4, 2) $$, 'in another zone days are cut anew');
select pg_temp.stop_acting();

select * from finish();
rollback;
