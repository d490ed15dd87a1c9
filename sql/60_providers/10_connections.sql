-- A connection, one per user and provider, is its own sync job. Its public row says
-- how it stands; its private rows hold the lease, the checkpoint and the sealed tokens.

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
comment on table public.provider_connections is 'How each linked account stands. Never a token.';
comment on column public.provider_connections.account_id is
  'What the provider knows the account by for good (Spotify: account_id; YouTube: the channel). Null where it does not tell.';
comment on column public.provider_connections.missing is 'Resources the last pull could not bring, such as spotify.top_tracks; empty unless partial.';
comment on column public.provider_connections.last_error is 'A sentence a person can act on; last_error_code is stable for programs.';

create index provider_connections_due on public.provider_connections (provider, next_sync_at)
  where status in ('pending', 'ok', 'partial', 'failing');
create index provider_connections_claimable on public.provider_connections (provider, next_sync_at)
  where status in ('queued', 'syncing');
create index provider_connections_by_provider on public.provider_connections (provider);
create index provider_connections_by_account on public.provider_connections (provider, account_id)
  where account_id is not null;

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

  primary key (user_id, provider),
  constraint sync_jobs_connection_fkey foreign key (user_id, provider)
    references public.provider_connections (user_id, provider) on delete cascade,
  constraint lease_has_token check (num_nulls(lease_token, lease_owner, lease_expires_at) in (0, 3)),
  constraint checkpoint_is_an_object check (jsonb_typeof(checkpoint) = 'object'),
  constraint resources_is_an_object check (jsonb_typeof(resources) = 'object'),
  constraint attempts_are_counted check (attempts >= 0),
  constraint requests_are_counted check (hour_requests >= 0)
);
comment on table bondhu.sync_jobs is 'The private half of a connection. Exists while it is connected.';
comment on column bondhu.sync_jobs.lease_token is 'Who may write for this connection now: a worker whose token is no longer here has lost the job.';
comment on column bondhu.sync_jobs.checkpoint is 'Where an unfinished walk goes on; commits together with the page before it.';
comment on column bondhu.sync_jobs.resources is
  'What is known of each resource: {name: {at, offered, lost, emptied}}. Walked to its end at that instant; offered false: the provider does not give it to this app; lost: how often which field could not be read; emptied: lists that were found empty once, whose rows wait for the next walk to say so too.';
comment on column bondhu.sync_jobs.not_before is 'Back-off that outlives the worker: Retry-After of 13 hours occurs.';
comment on column bondhu.sync_jobs.requested_at is 'When the user asked for a sync; served before scheduled ones.';
comment on column bondhu.sync_jobs.account_unknown is
  'The provider could not be asked whose account it is when it was linked: the next pull asks before anything else (bondhu.settle_account).';
comment on column bondhu.sync_jobs.hour_requests is
  'Requests that its pulls sent in the hour that began at hour_from; no connection gets more than bondhu.connection_share() an hour.';
comment on column bondhu.sync_jobs.owner_id is
  'What the provider''s lists name this account by as their owner. It may change, and is read again with the lists; provider_connections.account_id does not.';

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
  'Refresh tokens, sealed, of accounts that were unlinked or whose user is gone, where the provider has an endpoint to revoke them. Outlives the user: gone once that is done, and after 7 days in any case.';
comment on column bondhu.revocations.sealed_for is 'The user whom the token was sealed for: without it nobody can open the seal. No foreign key, for the token is revoked after the user is gone.';
comment on column bondhu.revocations.account_hash is 'SHA-256 of provider and account, so that a consent given again to the same account is not ended; null where the account is not known.';
comment on column bondhu.revocations.not_before is 'Back-off, and how long a consent under way holds it back.';
comment on column bondhu.revocations.in_flight_until is 'A worker may be asking the provider until then: no code is exchanged meanwhile, for its grant could be the one that ends.';
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
  'What a page held under its entity tag (RFC 9110, 8.8.3), so that an unchanged page is not sent again. Goes with the connection.';
comment on column bondhu.page_etags.shown is 'Items that were on it, those included that are no rows; total: how many the provider said that the whole list has.';
comment on column bondhu.page_etags.page is 'The page as it is asked for: path and query under the API''s base.';

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
