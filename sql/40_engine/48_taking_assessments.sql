-- Answering a questionnaire: bit by bit, until every item has an answer.

create unique index assessments_in_progress on public.assessments (user_id, form) where completed_at is null;

create function bondhu.assess(of_form text, answers jsonb)
returns table (items bigint, answered bigint, traits jsonb, longest_run bigint, contradictions jsonb)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  with given as (
    select i.place, i.trait, i.is_reversed, a.answer, case when i.is_reversed then 6 - a.answer else a.answer end as keyed
    from bondhu.assessment_items i
    cross join lateral (select (answers ->> i.id)::integer as answer) a
    where i.form = of_form
  ),
  by_trait as (
    select g.trait, count(*) as items, count(g.answer) as answered, sum(g.keyed) as total,
      sum(g.keyed) filter (where not g.is_reversed) as straight, count(g.keyed) filter (where not g.is_reversed) as straight_answers,
      sum(g.keyed) filter (where g.is_reversed) as reversed, count(g.keyed) filter (where g.is_reversed) as reversed_answers
    from given g
    group by g.trait
  ),
  runs as (
    select count(*) as length
    from (
      select g.answer, g.place - row_number() over (partition by g.answer order by g.place) as run
      from given g
      where g.answer is not null
    ) g
    group by g.answer, g.run
  )
  select sum(t.items)::bigint, sum(t.answered)::bigint,
    case when sum(t.answered) = sum(t.items) then
      jsonb_object_agg(t.trait, round((t.total - t.answered) * 100.0 / nullif(4 * t.answered, 0), 2)) end,
    (select coalesce(max(r.length), 0) from runs r),
    -- Null times anything is null: a trait with answers of one key only contradicts nothing.
    jsonb_object_agg(t.trait, round(abs(t.straight * t.reversed_answers - t.reversed * t.straight_answers) * 100.0
      / nullif(4 * t.straight_answers * t.reversed_answers, 0), 2))
  from by_trait t
$$;
comment on function bondhu.assess(text, jsonb) is
  'What answers to a form come to, as core''s Assessment says: traits (0..100, null before every item is answered), the most items in a row with one answer, and by trait how far apart (0..100) the means of its items and of its reversed items are.';

create function bondhu.checked_answers(of_form text, answers jsonb) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  items integer := (select count(*) from bondhu.assessment_items i where i.form = of_form);
  wrong text;
begin
  if jsonb_typeof(answers) is distinct from 'object' then
    raise exception using
      errcode = '22023',
      message = 'answers must be an object',
      hint = 'Send the answer, 1 to 5, by the item''s id: {"short_01": 4}.';
  end if;
  if items < (select count(*) from (select from jsonb_object_keys(answers) limit items + 1) k) then
    raise exception using
      errcode = '22023',
      message = format('more answers than the %s items of this form', items),
      hint = 'Send one answer for each id that assessment_items() gives.';
  end if;
  select a.key into wrong
  from jsonb_object_keys(answers) a (key)
  where not exists (select from bondhu.assessment_items i where i.id = a.key and i.form = of_form)
  order by a.key limit 1;
  if found then
    raise exception using
      errcode = '22023',
      message = format('%L is no item of this form', left(wrong, 40)),
      hint = 'Send the ids that assessment_items() gives for the same form.';
  end if;
  select a.key into wrong
  from jsonb_each(answers) a
  where case jsonb_typeof(a.value) when 'number' then a.value::numeric not in (1, 2, 3, 4, 5) else true end
  order by a.key limit 1;
  if found then
    raise exception using
      errcode = '22023',
      message = format('the answer to %s is no whole number from 1 to 5', wrong),
      hint = 'Send 1 for very inaccurate, 2, 3 or 4 for what lies between, 5 for very accurate; leave out what has no answer yet.';
  end if;
  return (select coalesce(jsonb_object_agg(a.key, a.value::numeric::integer), '{}') from jsonb_each(answers) a);
end
$$;
comment on function bondhu.checked_answers(text, jsonb) is
  'The answers, each as an integer 1..5; 22023 for what is no item of the form, or no answer.';

-- SECURITY DEFINER: clients write no traits.
create function public.submit_assessment(form text, answers jsonb) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  caller uuid := bondhu.lock_user();
  of_form text := submit_assessment.form;
  given jsonb := submit_assessment.answers;
  kept record;
  result record;
begin
  perform bondhu.check_form(of_form);
  given := bondhu.checked_answers(of_form, given);
  insert into public.assessments as a (user_id, form, answers)
  values (caller, of_form, given)
  on conflict (user_id, form) where completed_at is null do update set answers = a.answers || excluded.answers
  returning a.id, a.started_at, a.completed_at, a.answers into kept;
  select * into result from bondhu.assess(of_form, kept.answers);
  if result.traits is not null then
    update public.assessments a
    set completed_at = greatest(clock_timestamp(), a.started_at),
      openness = (result.traits ->> 'openness')::numeric,
      conscientiousness = (result.traits ->> 'conscientiousness')::numeric,
      extraversion = (result.traits ->> 'extraversion')::numeric,
      agreeableness = (result.traits ->> 'agreeableness')::numeric,
      neuroticism = (result.traits ->> 'neuroticism')::numeric
    where a.user_id = caller and a.id = kept.id
    returning a.completed_at into kept.completed_at;
  end if;
  return jsonb_build_object(
    'id', kept.id, 'answered', result.answered, 'of', result.items, 'completed_at', kept.completed_at, 'traits', result.traits,
    'reliability', jsonb_build_object(
      'answered', result.answered, 'longest_run', result.longest_run, 'contradictions', result.contradictions));
end
$$;
comment on function public.submit_assessment(text, jsonb) is
  'Takes the caller''s answers to a form, {"<item id>": 1..5}, some or all: those of the assessment in progress are kept, later ones replace earlier ones. With the last one it is complete, and its traits are where the caller''s start; answers after that begin another. Returns id, answered, of, completed_at, traits (0..100; null until complete) and reliability: answered; longest_run, the most items in a row with one answer; contradictions, by trait how far apart (0..100) its items and its reversed items are. 22023 for what cannot be an answer.';

revoke all on function bondhu.assess(text, jsonb), bondhu.checked_answers(text, jsonb), public.submit_assessment(text, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function public.submit_assessment(text, jsonb) to authenticated;
