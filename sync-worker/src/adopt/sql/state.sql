-- Where what is taken over waits, and how far that has come. It goes with confirm or undo; no API role may look into it.
create schema before_bondhu;
revoke all on schema before_bondhu from public;
comment on schema before_bondhu is
  'What this app had before it took Bondhu: sync-worker adopt undo puts it back, sync-worker adopt confirm drops it.';

create table before_bondhu.adoption (
  only_row boolean primary key default true check (only_row),
  started_at timestamptz not null default now(),
  records_made text not null,
  moved jsonb not null,
  with_links boolean not null,
  finished_at timestamptz
);

create table before_bondhu.adoption_steps (
  kind text primary key,
  rows_of bigint not null,
  rows_read bigint not null default 0,
  rows_taken bigint not null default 0,
  after jsonb,
  finished_at timestamptz
);

alter table before_bondhu.adoption enable row level security;
alter table before_bondhu.adoption_steps enable row level security;
revoke all on before_bondhu.adoption, before_bondhu.adoption_steps from public, anon, authenticated, service_role;
