-- Questionnaires: what is asked, answers bit by bit, traits that follow, and history.
begin;
\ir acting.psql
select plan(57);

create temp table people as select pg_temp.sign_up('Ada') as ada, pg_temp.sign_up('Bela') as bela;
grant select on people to public;

create function pg_temp.items(arguments text) returns setof record
language plpgsql as $$ begin return query execute 'select id, place, item_text, item_locale, is_validated from assessment_items(' || arguments || ')'; end $$;
-- As Ada, who keeps what she answered.
create function pg_temp.answer(form text, answers jsonb) returns jsonb
language plpgsql as $$
declare
  result jsonb;
begin
  perform pg_temp.act_as('authenticated', (select ada from people));
  result := submit_assessment(form, answers);
  perform pg_temp.stop_acting();
  return result;
end
$$;
-- The same answer to some places of a form.
create function pg_temp.sheet(of_form text, answer integer, first integer default 1, final integer default 120) returns jsonb
language sql as $$
  select jsonb_object_agg(i.id, answer) from bondhu.assessment_items i where i.form = of_form and i.place between first and final
$$;
create function pg_temp.said(actor text, user_id uuid, form text, answers text) returns text
language sql as $$ select pg_temp.refusal(actor, user_id, format('select submit_assessment(%L, %L)', form, answers)) $$;

-- What is asked

select pg_temp.act_as('authenticated', ada) from people;
select results_eq(
  $$ select count(*), min(place), max(place), count(distinct id), bool_and(item_locale = 'en' and is_validated) from assessment_items() $$,
  $$ values (20::bigint, 1, 20, 20::bigint, true) $$, 'the short form in English, unless told otherwise');
select results_eq($$ select place from assessment_items() $$, 'select generate_series(1, 20)', 'in order');
select is((select item_text from assessment_items() where id = 'short_01'), 'Am the life of the party', 'with its words');
select results_eq(
  $$ select count(*), count(distinct id), bool_and(item_locale = 'en' and is_validated) from assessment_items('long') $$,
  $$ values (120::bigint, 120::bigint, true) $$, 'the long form');
select results_eq(
  format('select count(*), bool_and(item_locale = ''bn'' and not is_validated), bool_and(item_text ~ U&''[\0980-\09FF]'') from assessment_items(''short'', %L)', locale),
  'values (20::bigint, true, true)', 'in Bengali for ' || locale || ', and says that nobody has validated that')
from unnest(array['bn', 'bn-BD', 'bn_IN', 'BN']) locale;
select results_eq(
  format('select distinct item_locale from assessment_items(%s)', arguments), $$ values ('en') $$, 'in English, and says so, for ' || arguments)
from unnest(array['''long'', ''bn-BD''', '''short'', ''fr''', '''short'', ''ben''', '''short'', ''en-GB''']) arguments;
select is(
  (select array_agg(name order by place) from pg_proc p, unnest(p.proargnames, p.proargmodes::text[]) with ordinality a (name, mode, place)
   where p.oid = 'public.assessment_items(text, text)'::regprocedure and mode = 't'),
  array['id', 'place', 'item_text', 'item_locale', 'is_validated'], 'and never what an item counts for');
select pg_temp.stop_acting();
select is(pg_temp.attempt('authenticated', ada, 'select * from bondhu.' || items), '42501', items || ' are closed to users')
from people, unnest(array['assessment_items', 'assessment_texts']) items;
select is(pg_temp.refusal('authenticated', ada, 'select assessment_items(' || arguments || ')'), refusal, arguments)
from people, (values
  ('''middle''', '22023: ''middle'' is no form'), ('null', '22023: NULL is no form'),
  ('''short'', null', '22023: NULL is no locale'), ('''short'', ''e''', '22023: ''e'' is no locale'),
  ('''short'', ''english language''', '22023: ''english language'' is no locale')) wrong (arguments, refusal);
select is(pg_temp.attempt(actor, null, 'select assessment_items()'), '42501', actor || ' may not ask')
from unnest(array['anon', 'service_role']) actor;

-- What cannot be an answer

select is(pg_temp.said('authenticated', ada, form, answers), '22023: ' || refusal, coalesce(answers, 'null'))
from people, (values
  ('x', '{}', '''x'' is no form'), (null, '{}', 'NULL is no form'),
  ('short', null, 'answers must be an object'), ('short', '[]', 'answers must be an object'), ('short', '3', 'answers must be an object'),
  ('short', '{"long_001": 3}', '''long_001'' is no item of this form'), ('short', '{"": 3}', ''''' is no item of this form'),
  ('short', '{"short_01": 0}', 'the answer to short_01 is no whole number from 1 to 5'),
  ('short', '{"short_01": 6}', 'the answer to short_01 is no whole number from 1 to 5'),
  ('short', '{"short_01": 2.5}', 'the answer to short_01 is no whole number from 1 to 5'),
  ('short', '{"short_01": "3"}', 'the answer to short_01 is no whole number from 1 to 5'),
  ('short', '{"short_01": null}', 'the answer to short_01 is no whole number from 1 to 5'),
  ('short', pg_temp.sheet('long', 3, 1, 21)::text, 'more answers than the 20 items of this form')) wrong (form, answers, refusal);
select is(pg_temp.said(actor, null, 'short', '{}'), '42501: permission denied for function submit_assessment', actor || ' may not answer')
from unnest(array['anon', 'service_role']) actor;
select is_empty('select * from assessments', 'nothing is kept of any');

-- Bit by bit

create temp table answered as select pg_temp.answer('short', '{"short_01": 3.0, "short_02": 1}') as first;
select is(first - 'id',
  '{"answered": 2, "of": 20, "completed_at": null, "traits": null, "reliability": {"answered": 2, "longest_run": 1, "contradictions":
    {"openness": null, "conscientiousness": null, "extraversion": null, "agreeableness": null, "neuroticism": null}}}',
  'some answers are no assessment yet') from answered;
select is(pg_temp.answer('short', '{"short_02": 5, "short_07": 5}'),
  jsonb_set(jsonb_set(jsonb_set(first, '{answered}', '3'), '{reliability,answered}', '3'), '{reliability,contradictions,agreeableness}', '100.00'),
  'later ones are put to them, and replace earlier ones') from answered;
select results_eq('select id::text, answers, completed_at from assessments',
  $$ select first ->> 'id', '{"short_01": 3, "short_02": 5, "short_07": 5}'::jsonb, null::timestamptz from answered $$, 'and kept');
select is(pg_temp.answer('long', '{}') ->> 'of', '120', 'the other form is another assessment');
select is((select count(*) from bondhu.verify()), 0::bigint, 'and no profile follows what is unfinished');
select is_empty('select * from personality_profiles where openness <> 50', 'whose traits start in the middle');

create temp table completed as select pg_temp.answer('short', pg_temp.sheet('short', 5)) as result;
select is(result ->> 'id', first ->> 'id', 'the last answers complete it') from answered, completed;
select is(result -> 'traits',
  '{"openness": 25.00, "conscientiousness": 50.00, "extraversion": 50.00, "agreeableness": 50.00, "neuroticism": 50.00}',
  'with traits: three of the four items of openness are reversed') from completed;
select is(result -> 'reliability',
  '{"answered": 20, "longest_run": 20, "contradictions": {"openness": 100.00, "conscientiousness": 100.00, "extraversion": 100.00, "agreeableness": 100.00, "neuroticism": 100.00}}',
  'and says how little they can be relied on') from completed;
select is((select completed_at from assessments where form = 'short'), (result ->> 'completed_at')::timestamptz, 'and when') from completed;
select results_eq('select openness, conscientiousness, baseline_traits from personality_profiles where user_id = (select ada from people)',
  'values (25.00, 50.00, array[2500, 5000, 5000, 5000, 5000]::bigint[])', 'the profile starts there at once');

-- Again

create temp table again as select pg_temp.answer('short', pg_temp.sheet('short', 1, 1, 10)) as result;
select isnt(a.result ->> 'id', c.result ->> 'id', 'who answers again begins anew') from again a, completed c;
select is((select openness from personality_profiles where user_id = ada), 25.00, 'and stays where they were meanwhile') from people;
select is(pg_temp.answer('short', pg_temp.sheet('short', 1, 11)) -> 'traits' ->> 'openness', '75.00', 'until it is complete');
select is((select openness from personality_profiles where user_id = ada), 75.00, 'then the new one counts') from people;
select is((select count(*) from assessments where form = 'short' and completed_at is not null), 2::bigint, 'and the former is history');
select is_empty('select * from bondhu.verify()', 'every figure is what it should be');

-- Others

select pg_temp.act_as('authenticated', bela) from people;
select is(submit_assessment('short', '{"short_20": 2}') ->> 'answered', '1', 'another person has an assessment of their own');
select is((select count(*) from assessments), 1::bigint, 'and sees no other');
select pg_temp.stop_acting();

select * from finish();
rollback;
