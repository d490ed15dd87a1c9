-- What the engine concludes about a user, and the log of its changes. Written only by the engine, as
-- the owner.

-- Without checks: Postgres parses a check again in each statement, which took four times as long as
-- the write itself. bondhu.verify() finds more than a check could.

create table public.personality_profiles (
  user_id uuid primary key references auth.users (id) on delete cascade,
  as_of timestamptz not null,

  openness numeric(5, 2) not null default 50,
  conscientiousness numeric(5, 2) not null default 50,
  extraversion numeric(5, 2) not null default 50,
  agreeableness numeric(5, 2) not null default 50,
  neuroticism numeric(5, 2) not null default 50,
  trait_confidence numeric(5, 4) not null default 0,
  communication_style text not null default 'balanced',
  emotional_stability text,
  needs_support boolean not null default false,

  message_count bigint not null default 0,
  mean_sentiment numeric(5, 4),
  sentiment_volatility numeric(5, 4),
  dominant_mood text,
  sentiment_trend text,
  data_status text not null default 'insufficient_data',

  -- Sums that the engine updates with each message, so that its cost does not grow.
  window_hours integer not null,
  window_sum bigint not null default 0,
  window_sum_squares bigint not null default 0,
  window_moods bigint[] not null default array_fill(0::bigint, array[13]),
  window_latest timestamptz[] not null default array_fill(null::timestamptz, array[13]),
  window_oldest timestamptz,
  previous_count bigint not null default 0,
  previous_sum bigint not null default 0,
  previous_oldest timestamptz,
  trait_count bigint not null default 0,
  trait_sum bigint not null default 0,
  trait_sum_squares bigint not null default 0,
  trait_moods bigint[] not null default array_fill(0::bigint, array[13]),
  last_crisis_at timestamptz,

  -- Where traits start, in hundredths of a point: the latest completed assessment, or the middle.
  baseline_traits bigint[] not null default array_fill(5000::bigint, array[5]),
  settings_version bigint not null default 0,

  -- Traits (hundredths of a point) and style when history was last written.
  landmark_traits bigint[] not null default array_fill(5000::bigint, array[5]),
  landmark_style text not null default 'balanced'
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02); -- every message updates its user's row in place
comment on table public.personality_profiles is
  'One row per user who ever wrote a scored message, exact as of as_of. RPC personality_context is exact as of the call.';
comment on column public.personality_profiles.trait_confidence is 'min(1, effective messages / settings.trait_full_confidence).';
comment on column public.personality_profiles.needs_support is 'A low mean, or a crisis message within settings.crisis_support_hours. Not a diagnosis.';
comment on column public.personality_profiles.message_count is 'Scored messages in the sentiment window.';
comment on column public.personality_profiles.sentiment_trend is 'Against the window before; null when that had too few messages.';
comment on column public.personality_profiles.window_moods is 'Per mood in alphabetical order, as are window_latest and trait_moods.';
comment on column public.personality_profiles.trait_count is 'Messages of the trait horizon, weighted by age in millionths, as of the UTC day of as_of.';

comment on column public.personality_profiles.settings_version is
  'The settings.version that it was made under; 0 where messages changed while no engine was attached.';

-- To find what was made under former settings. Changes as rarely as they do.
create index personality_profiles_by_settings on public.personality_profiles (settings_version);

alter table public.personality_profiles enable row level security;
revoke all on public.personality_profiles from public, anon, authenticated, service_role;
-- All columns: with fewer, the Data API's select=* would fail.
grant select on public.personality_profiles to authenticated, service_role, bondhu_worker;

create policy "a user reads their own personality" on public.personality_profiles
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker reads personalities" on public.personality_profiles
  for select to bondhu_worker using (true);

create table public.personality_history (
  -- References the profile, whose row the engine has locked when it writes here: a reference to
  -- auth.users could deadlock with the deletion of the user.
  user_id uuid not null references public.personality_profiles (user_id) on delete cascade,
  id uuid not null default gen_random_uuid(),
  changed_at timestamptz not null,
  before jsonb not null,
  after jsonb not null,
  window_start timestamptz not null,
  window_end timestamptz not null,
  message_count bigint not null,

  primary key (user_id, id)
);
comment on table public.personality_history is
  'A log of material changes: a trait by settings.history_min_change points since the last row, or a style.';
comment on column public.personality_history.before is 'Traits (0..100) and communication_style of the previous row.';
comment on column public.personality_history.message_count is 'Scored messages in the sentiment window at the time.';
create index personality_history_by_time on public.personality_history (user_id, changed_at desc);

-- No foreign key to the message: it could deadlock with the deletion of the message. The engine
-- deletes the evidence of a deleted message itself.
create table public.personality_history_evidence (
  user_id uuid not null,
  history_id uuid not null,
  message_id uuid not null,
  weight integer not null,

  primary key (user_id, history_id, message_id),
  constraint evidence_history_fkey foreign key (user_id, history_id)
    references public.personality_history (user_id, id) on delete cascade
);
comment on table public.personality_history_evidence is
  'The messages with most weight in a change. Deleted with the message; a change without evidence is deleted, too.';
comment on column public.personality_history_evidence.weight is 'Distance of the score from neutral, in hundredths, times the weight of its age in millionths, over a million.';
create index personality_history_evidence_by_message on public.personality_history_evidence (user_id, message_id);

alter table public.personality_history enable row level security;
alter table public.personality_history_evidence enable row level security;
revoke all on public.personality_history, public.personality_history_evidence from public, anon, authenticated, service_role;
grant select on public.personality_history, public.personality_history_evidence to authenticated, service_role;

create policy "a user reads their own history" on public.personality_history
  for select to authenticated using (user_id = (select auth.uid()));
create policy "a user reads their own evidence" on public.personality_history_evidence
  for select to authenticated using (user_id = (select auth.uid()));

-- SECURITY DEFINER, as the one below: they run as the deleting role, which may have no rights here.
create function bondhu.delete_history_without_evidence() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from public.personality_history h
  using (select distinct gone.user_id, gone.history_id from old_evidence gone) touched
  where h.user_id = touched.user_id
    and h.id = touched.history_id
    and not exists (
      select from public.personality_history_evidence e
      where e.user_id = h.user_id and e.history_id = h.id
    );
  return null;
end
$$;
comment on function bondhu.delete_history_without_evidence() is 'AFTER DELETE trigger on evidence: deletes changes without evidence.';

create trigger evidence_delete_history_without_evidence after delete on public.personality_history_evidence
  referencing old table as old_evidence
  for each statement execute function bondhu.delete_history_without_evidence();

create function bondhu.delete_derived() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  -- `where true`: safeupdate, where it is loaded, refuses a delete without where.
  delete from public.personality_history where true;
  delete from public.personality_profiles where true;
  delete from public.sentiment_buckets where true;
  delete from public.memories where true;
  return null;
end
$$;
comment on function bondhu.delete_derived() is 'AFTER TRUNCATE trigger on chat_messages: deletes everything derived from messages.';

create trigger chat_messages_delete_derived after truncate on public.chat_messages
  for each statement execute function bondhu.delete_derived();

revoke all on function bondhu.delete_history_without_evidence(), bondhu.delete_derived()
  from public, anon, authenticated, service_role;
