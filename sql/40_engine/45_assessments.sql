-- Questionnaires that a person answers about themselves. The latest completed one is where their traits
-- start; chat moves them from there.

create table public.assessments (
  user_id uuid not null references auth.users (id) on delete cascade,
  id uuid not null default gen_random_uuid(),
  form text not null,
  answers jsonb not null default '{}',
  started_at timestamptz not null default now(),
  completed_at timestamptz,
  openness numeric(5, 2),
  conscientiousness numeric(5, 2),
  extraversion numeric(5, 2),
  agreeableness numeric(5, 2),
  neuroticism numeric(5, 2),

  primary key (user_id, id),
  constraint form_is_known check (form in ('short', 'long', 'imported')),
  constraint answers_are_an_object check (jsonb_typeof(answers) = 'object' and octet_length(answers::text) <= 10000),
  constraint completed_with_every_trait check (
    num_nulls(completed_at, openness, conscientiousness, extraversion, agreeableness, neuroticism) in (0, 6)
  ),
  constraint completed_after_it_was_started check (isfinite(started_at) and isfinite(completed_at) and completed_at >= started_at),
  constraint traits_are_0_to_100 check (
    least(openness, conscientiousness, extraversion, agreeableness, neuroticism) >= 0
    and greatest(openness, conscientiousness, extraversion, agreeableness, neuroticism) <= 100
  )
);
comment on table public.assessments is 'Questionnaires, and the traits (0..100) that the completed ones give. Kept until the account goes.';
comment on column public.assessments.form is
  'short, long: see assessment_items(). imported: traits that another app had measured, without the answers.';
comment on column public.assessments.answers is 'By the item''s id: 1 to 5.';

create index assessments_by_completion on public.assessments (user_id, completed_at desc, id desc) where completed_at is not null;

alter table public.assessments enable row level security;
revoke all on public.assessments from public, anon, authenticated, service_role;
grant select on public.assessments to authenticated, service_role, bondhu_worker;

create policy "a user reads their own assessments" on public.assessments
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker reads assessments" on public.assessments
  for select to bondhu_worker using (true);

create function bondhu.baseline_traits(of_user uuid, completed_until timestamptz default 'infinity') returns bigint[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select array[a.openness * 100, a.conscientiousness * 100, a.extraversion * 100, a.agreeableness * 100, a.neuroticism * 100]::bigint[]
    from public.assessments a
    where a.user_id = of_user and a.completed_at <= completed_until
    order by a.completed_at desc, a.id desc
    limit 1
  );
end
$$;
comment on function bondhu.baseline_traits(uuid, timestamptz) is
  'Where a user''s traits start by the latest assessment that they had completed until then, in hundredths of a point; null without one.';

-- SECURITY DEFINER: it fires as whoever writes an assessment, who has no rights on profiles.
create function bondhu.apply_assessments() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  people uuid[];
begin
  if tg_op = 'INSERT' then
    people := array(select distinct n.user_id from new_assessments n where n.completed_at is not null order by 1);
  elsif tg_op = 'DELETE' then
    people := array(select distinct o.user_id from old_assessments o where o.completed_at is not null order by 1);
  else
    people := array(
      select a.user_id from (table old_assessments union all table new_assessments) a where a.completed_at is not null
      group by 1 order by 1);
  end if;
  if people = '{}' then
    return null;
  elsif bondhu.engine() is null then
    perform bondhu.mark_profiles(people);
  else
    perform bondhu.refresh(people);
  end if;
  return null;
end
$$;
comment on function bondhu.apply_assessments() is
  'AFTER INSERT, UPDATE or DELETE statement trigger on assessments: profiles follow in the same transaction.';

create trigger assessments_apply_inserted after insert on public.assessments
  referencing new table as new_assessments for each statement execute function bondhu.apply_assessments();
create trigger assessments_apply_updated after update on public.assessments
  referencing old table as old_assessments new table as new_assessments for each statement execute function bondhu.apply_assessments();
create trigger assessments_apply_deleted after delete on public.assessments
  referencing old table as old_assessments for each statement execute function bondhu.apply_assessments();

revoke all on function bondhu.baseline_traits(uuid, timestamptz), bondhu.apply_assessments() from public, anon, authenticated, service_role;
grant execute on function bondhu.baseline_traits(uuid, timestamptz) to bondhu_worker;
