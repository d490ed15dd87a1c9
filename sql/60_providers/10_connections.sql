-- A connection, one per user and provider, is its own sync job. Its public row holds its state; its
-- private rows hold the lease, the checkpoint and the sealed tokens.

create table public.provider_connections (
  user_id uuid not null references auth.users (id) on delete cascade,
  provider text not null references bondhu.provider_settings (provider),
  status text not null default 'pending',
  scopes text[] not null default '{}',
  account_id text,
  account_name text,
  connected_at timestamptz,
  last_sync_at timestamptz,
  next_sync_at timestamptz,
  missing text[] not null default '{}',
  last_error_code text,
  last_error text,
  updated_at timestamptz not null default now(),

  primary key (user_id, provider),
  constraint connection_status_is_known check (status in (
    'pending', 'queued', 'syncing', 'ok', 'partial', 'needs_reauth', 'failing', 'disconnected'
  )),
  constraint partial_says_what_is_missing check ((status = 'partial') <= (cardinality(missing) > 0)),
  constraint ok_misses_nothing check (status <> 'ok' or (cardinality(missing) = 0 and last_error is null)),
  constraint error_has_a_code check ((last_error is null) = (last_error_code is null)),
  constraint disconnected_forgets_the_account check (
    status <> 'disconnected' or num_nonnulls(account_id, account_name, connected_at, next_sync_at) = 0
  )
);
comment on table public.provider_connections is 'The state of each linked account. Holds no token.';
comment on column public.provider_connections.account_id is
  'The provider''s permanent id of the account (Spotify: account_id; YouTube: the channel). Null where the provider does not send it.';
comment on column public.provider_connections.missing is 'Resources that the last pull could not fetch, such as spotify.top_tracks; empty unless partial.';
comment on column public.provider_connections.last_error is 'A message for people, with what to do; last_error_code is stable, for programs.';

create index provider_connections_due on public.provider_connections (provider, next_sync_at)
  where status in ('pending', 'ok', 'partial', 'failing');
create index provider_connections_claimable on public.provider_connections (provider, next_sync_at)
  where status in ('queued', 'syncing');
create index provider_connections_by_account on public.provider_connections (provider, account_id);

alter table public.provider_connections enable row level security;
revoke all on public.provider_connections from public, anon, authenticated, service_role;
grant select on public.provider_connections to authenticated, service_role;
grant select, update on public.provider_connections to bondhu_worker;

create policy "a user reads their own connections" on public.provider_connections
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker keeps connections" on public.provider_connections
  to bondhu_worker using (true) with check (true);

create trigger provider_connections_set_updated_at before update on public.provider_connections
  for each row execute function bondhu.set_updated_at();

create table bondhu.sync_jobs (
  user_id uuid not null,
  provider text not null,
  lease_token uuid,
  lease_owner text,
  lease_expires_at timestamptz,
  checkpoint jsonb not null default '{}',
  resources jsonb not null default '{}',
  not_before timestamptz,
  attempts integer not null default 0,
  requested_at timestamptz,
  account_unknown boolean not null default false,
  owner_id text,
  hour_from timestamptz,
  hour_requests integer not null default 0,
  library_due_at timestamptz not null default now(),
  library_requests integer not null default 20,
  pull_requests integer not null default 0,
  urgent_from timestamptz,

  primary key (user_id, provider),
  constraint sync_jobs_connection_fkey foreign key (user_id, provider)
    references public.provider_connections (user_id, provider) on delete cascade,
  constraint lease_has_token check (num_nulls(lease_token, lease_owner, lease_expires_at) in (0, 3)),
  constraint checkpoint_is_an_object check (jsonb_typeof(checkpoint) = 'object'),
  constraint resources_is_an_object check (jsonb_typeof(resources) = 'object'),
  constraint attempts_are_counted check (attempts >= 0),
  constraint requests_are_counted check (hour_requests >= 0 and pull_requests >= 0),
  constraint library_costs_a_request check (library_requests between 1 and 1000000)
)
-- Leases come and go: with room on its page a row stays out of the indexes (heap-only tuples).
with (fillfactor = 80);
comment on table bondhu.sync_jobs is 'The private part of a connection. Exists while the account is linked.';
comment on column bondhu.sync_jobs.lease_token is 'The lease that may write for this connection: a worker whose token is no longer here has lost the job.';
comment on column bondhu.sync_jobs.checkpoint is 'Where an unfinished walk continues; commits together with the page before it.';
comment on column bondhu.sync_jobs.resources is
  'By resource: {name: {at, offered, lost, emptied}}. at: when it was last walked to its end; offered: false when the provider does not give it to this app; lost: how often which field could not be read; emptied: lists found empty once, whose rows are deleted when the next walk finds them empty, too.';
comment on column bondhu.sync_jobs.not_before is 'Back-off, stored because it may be longer than a worker runs: Retry-After of 13 hours occurs.';
comment on column bondhu.sync_jobs.requested_at is
  'When the user asked for a sync, or came back after a time in which syncs had become rarer; served before scheduled ones.';
comment on column bondhu.sync_jobs.library_due_at is
  'From then on a pull walks everything, not plays alone. Set by the worker (core/src/planning.rs).';
comment on column bondhu.sync_jobs.library_requests is
  'Requests that the last walk of everything took, which the next one is expected to take. 20 before the first: a page of each list and some more.';
comment on column bondhu.sync_jobs.pull_requests is 'Requests that the pull under way has taken, over all its leases.';
comment on column bondhu.sync_jobs.urgent_from is
  'From then on it goes before what is merely due: what is stored has to be deleted soon unless it is refreshed. Null where the provider sets no such term, or nothing was read yet.';
comment on column bondhu.sync_jobs.account_unknown is
  'True when the provider could not be asked which account it is while it was linked: the next pull asks first (bondhu.settle_account).';
comment on column bondhu.sync_jobs.hour_requests is
  'Requests sent by its pulls in the hour that began at hour_from; limited to bondhu.connection_share() an hour.';
comment on column bondhu.sync_jobs.owner_id is
  'The account''s id as owner of its lists. It may change, unlike provider_connections.account_id, and is read again with the lists.';

create table bondhu.provider_tokens (
  user_id uuid not null,
  provider text not null,
  kind text not null,
  sealed bytea not null,
  expires_at timestamptz,

  primary key (user_id, provider, kind),
  constraint provider_tokens_connection_fkey foreign key (user_id, provider)
    references public.provider_connections (user_id, provider) on delete cascade,
  constraint token_kind_is_known check (kind in ('access', 'refresh'))
);
comment on table bondhu.provider_tokens is
  'Tokens sealed by the worker (XChaCha20-Poly1305, bound to user, provider and kind). The database never sees one in clear.';

create index sync_jobs_asked_for on bondhu.sync_jobs (provider, requested_at) where requested_at is not null;
create index sync_jobs_urgent on bondhu.sync_jobs (provider, urgent_from) where urgent_from is not null;
create index sync_jobs_backing_off on bondhu.sync_jobs (provider, not_before) where not_before is not null;

create table bondhu.revocations (
  id bigint generated always as identity primary key,
  sealed_for uuid not null,
  provider text not null references bondhu.provider_settings (provider),
  account_hash bytea,
  sealed bytea not null,
  requested_at timestamptz not null default now(),
  not_before timestamptz not null default now(),
  in_flight_until timestamptz,
  attempts integer not null default 0,

  constraint account_is_hashed check (octet_length(account_hash) = 32),
  constraint attempts_are_counted check (attempts >= 0)
);
comment on table bondhu.revocations is
  'Sealed refresh tokens of unlinked accounts and deleted users, where the provider has an endpoint to revoke them. Kept after the user is deleted, until revoked, at most 7 days.';
comment on column bondhu.revocations.sealed_for is 'The user whom the token was sealed for, needed to unseal it. No foreign key: the token is revoked after the user is deleted.';
comment on column bondhu.revocations.account_hash is 'SHA-256 of provider and account, so that a new consent to the same account is not revoked; null where the account is not known.';
comment on column bondhu.revocations.not_before is 'Back-off, and how long a consent in progress delays it.';
comment on column bondhu.revocations.in_flight_until is 'Until then a worker may be calling the provider: no code is exchanged meanwhile, because its grant could be revoked, too.';
create index revocations_by_owner on bondhu.revocations (provider, sealed_for);

create table bondhu.page_etags (
  user_id uuid not null,
  provider text not null,
  resource text not null,
  page text not null,
  etag text not null,
  item_ids text[] not null,
  next_page text,
  shown integer not null,
  total integer,
  walk_id uuid not null,
  fetched_at timestamptz not null default now(),

  primary key (user_id, provider, resource, page),
  constraint page_etags_job_fkey foreign key (user_id, provider)
    references bondhu.sync_jobs (user_id, provider) on delete cascade
);
comment on table bondhu.page_etags is
  'Entity tags of pages (RFC 9110, 8.8.3), so that the provider does not send an unchanged page again. Deleted with the connection.';
comment on column bondhu.page_etags.shown is 'Items on the page, including those that are not stored; total: the length of the whole list, as the provider reported it.';
comment on column bondhu.page_etags.page is 'The requested page: path and query below the API''s base URL.';

create table bondhu.provider_ledger (
  provider text not null references bondhu.provider_settings (provider),
  counted_from timestamptz not null,
  requests bigint not null default 0,

  primary key (provider, counted_from),
  constraint requests_are_counted check (requests >= 0)
);
comment on table bondhu.provider_ledger is
  'Requests (YouTube: quota units, one each) sent by all workers: per second where the quota is a rolling window, else per quota day.';

revoke all on bondhu.sync_jobs, bondhu.revocations, bondhu.page_etags, bondhu.provider_tokens, bondhu.provider_ledger from public, anon, authenticated, service_role;
grant select, update on bondhu.sync_jobs to bondhu_worker;
grant select, update, delete on bondhu.revocations to bondhu_worker;
grant select, insert, update, delete on bondhu.page_etags to bondhu_worker;
grant select, insert, update, delete on bondhu.provider_tokens to bondhu_worker;
grant select, insert, update, delete on bondhu.provider_ledger to bondhu_worker;
grant select on bondhu.sync_jobs, bondhu.provider_ledger to service_role;
