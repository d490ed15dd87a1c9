-- Crises that the support detector found, for the operator's staff. Private: of the API roles only the
-- service role reads it. docs/safety.md says what is detected, what is not, and what an app has to
-- show. Not a diagnosis.

create table bondhu.safety_events (
  -- References the profile, whose row the engine has locked when it writes here.
  user_id uuid not null references public.personality_profiles (user_id) on delete cascade,
  message_id uuid not null,
  written_at timestamptz not null,
  noticed_at timestamptz not null default now(),
  engine_version integer not null,
  handled_at timestamptz,

  primary key (user_id, message_id)
);
comment on table bondhu.safety_events is
  'One row per message in which the support detector found a crisis. Deleted with the message, or when an edit removes the crisis. Kept for settings.safety_event_retention_days.';
comment on column bondhu.safety_events.written_at is 'The message''s created_at.';
comment on column bondhu.safety_events.engine_version is 'Version of the engine that found it.';
comment on column bondhu.safety_events.handled_at is 'Set by the operator when somebody has dealt with it.';

create index safety_events_unhandled on bondhu.safety_events (written_at) where handled_at is null;

alter table bondhu.safety_events enable row level security;
revoke all on bondhu.safety_events from public, anon, authenticated, service_role;
grant select, update (handled_at) on bondhu.safety_events to service_role;
