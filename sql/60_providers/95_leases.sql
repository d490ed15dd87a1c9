-- Leases on queued syncs. The worker claims them under a lease, works outside any transaction, and
-- completes them under the lease's token.

create function bondhu.claim_syncs(worker text, how_many integer, providers text[] default '{spotify,youtube}', as_of timestamptz default now())
returns table (
  user_id uuid, provider text, lease_token uuid, checkpoint jsonb, attempts integer,
  scopes text[], resources jsonb, requested boolean, library_due boolean, requests_left integer, more_at timestamptz
)
language sql
set search_path = pg_catalog, pg_temp
set lock_timeout = '500ms' -- as hold_lease does, and why
as $$
  -- Materialized: the share is reckoned once, and not for each connection.
  with open as materialized (
    select s.provider, s.library_interval_minutes is null as has_only_a_library, bondhu.connection_share(s) as share
    from bondhu.provider_settings s
    where s.provider = any (providers) and s.enabled and coalesce(s.blocked_until, '-infinity') <= as_of
  ),
  asked_for as materialized (
    select free.*
    from open
    cross join lateral (
      select j.ctid as job, c.ctid as connection, j.requested_at, c.next_sync_at, open.share, open.has_only_a_library
      from bondhu.sync_jobs j
      join public.provider_connections c on c.user_id = j.user_id and c.provider = j.provider
      where j.provider = open.provider
        and j.requested_at is not null
        and coalesce(j.not_before, '-infinity') <= as_of
        and (c.status = 'queued' or (c.status = 'syncing' and j.lease_expires_at < as_of))
      order by j.requested_at
      limit how_many
      -- Locks both: the status is checked again only in a locked row.
      for update of j, c skip locked
    ) free
  ),
  due_longest as materialized (
    select free.*
    from open
    cross join lateral (
      select j.ctid as job, c.ctid as connection, j.requested_at, c.next_sync_at, open.share, open.has_only_a_library
      from public.provider_connections c
      join bondhu.sync_jobs j on j.user_id = c.user_id and j.provider = c.provider
      where c.provider = open.provider
        and c.status in ('queued', 'syncing')
        and (c.status = 'queued' or j.lease_expires_at < as_of)
        and c.next_sync_at <= as_of
        and j.requested_at is null
        and coalesce(j.not_before, '-infinity') <= as_of
      order by c.next_sync_at
      limit greatest(how_many - (select count(*) from asked_for), 0)
      for update of j, c skip locked
    ) free
  ),
  -- A row that changed after this statement began is not found by its place below: it is claimed next time.
  free as (
    select * from asked_for
    union all
    select * from due_longest
    order by requested_at nulls last, next_sync_at
    limit how_many
  ),
  leased as (
    update bondhu.sync_jobs j
       set lease_token = gen_random_uuid(), lease_owner = worker,
           lease_expires_at = as_of + make_interval(secs => (select lease_seconds from bondhu.settings))
      from free
     where j.ctid = free.job
    returning j.*, free.connection, free.share, free.has_only_a_library
  )
  update public.provider_connections c
     set status = 'syncing'
    from leased
   where c.ctid = leased.connection
  returning c.user_id, c.provider, leased.lease_token, leased.checkpoint, leased.attempts,
            c.scopes, leased.resources, leased.requested_at is not null,
            leased.requested_at is not null or leased.library_due_at <= as_of or leased.has_only_a_library,
            greatest(leased.share - case when leased.hour_from > as_of - interval '1 hour' then leased.hour_requests else 0 end, 0),
            greatest(leased.hour_from, as_of - interval '1 hour') + interval '1 hour'
$$;
comment on function bondhu.claim_syncs(text, integer, text[], timestamptz) is
  'Leases up to how_many queued connections (or those with an expired lease) of these providers to a worker: with whether everything is walked or plays alone, the requests that each has left, and when it gets more.';

create function bondhu.hold_lease(
  of_user uuid, of_provider text, token uuid, new_checkpoint jsonb default null, learned jsonb default '{}'
) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  -- This may deadlock with the deletion of the user. With a lock timeout below deadlock_timeout (1 s) it
  -- is the pull that fails, not the deletion.
  perform set_config('lock_timeout', '500ms', true);
  -- Page and checkpoint are lost together or not at all: after a crash of the server the page is
  -- requested again. A token is written without a checkpoint, and waits for the disk.
  if new_checkpoint is not null then
    perform set_config('synchronous_commit', 'off', true);
  end if;
  update bondhu.sync_jobs j
     set lease_expires_at = now() + make_interval(secs => s.lease_seconds),
         checkpoint = coalesce(new_checkpoint, j.checkpoint),
         resources = j.resources || learned
    from bondhu.settings s
   where j.user_id = of_user and j.provider = of_provider and j.lease_token = token;
  return found;
end
$$;
comment on function bondhu.hold_lease(uuid, text, uuid, jsonb, jsonb) is
  'First statement of every write of a pull: locks and extends the lease, stores the checkpoint and the state of resources. False: the lease was lost, write nothing.';

create function bondhu.complete_sync(
  of_user uuid, of_provider text, token uuid, outcome text,
  what_is_missing text[] default '{}', error_code text default null, error text default null,
  retry_not_before timestamptz default null, requests integer default 0,
  next_pull_at timestamptz default null, next_library_at timestamptz default null, next_urgent_from timestamptz default null,
  as_of timestamptz default now()
) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
set lock_timeout = '500ms' -- as hold_lease does, and why
as $$
declare
  walked boolean := outcome in ('ok', 'partial');
  walked_all boolean := walked and next_library_at is not null;
  still_asked boolean;
  -- No connection is forgotten, whatever a worker says.
  latest timestamptz := as_of + interval '31 days';
begin
  update bondhu.sync_jobs j
     set lease_token = null, lease_owner = null, lease_expires_at = null,
         checkpoint = case when walked then '{}' else j.checkpoint end,
         attempts = case when walked then 0 when outcome = 'queued' then j.attempts else j.attempts + 1 end,
         -- A pull that brought plays alone was claimed before it was asked for all. Who has to consent anew asks anew.
         requested_at = case when walked_all or outcome = 'needs_reauth' then null else j.requested_at end,
         not_before = retry_not_before,
         hour_from = case when j.hour_from > as_of - interval '1 hour' then j.hour_from else as_of end,
         hour_requests = case when j.hour_from > as_of - interval '1 hour' then j.hour_requests else 0 end + requests,
         pull_requests = case when walked then 0 else least(j.pull_requests::bigint + requests, 1000000) end,
         library_requests = case when walked_all then least(greatest(j.pull_requests::bigint + requests, 1), 1000000)
                                 else j.library_requests end,
         library_due_at = case when walked_all then least(greatest(next_library_at, as_of), latest) else j.library_due_at end,
         urgent_from = case when walked_all then next_urgent_from when outcome = 'needs_reauth' then null else j.urgent_from end
   where j.user_id = of_user and j.provider = of_provider and j.lease_token = token
  returning j.requested_at is not null into still_asked;
  if not found then
    return false;
  end if;

  update public.provider_connections c
     set status = outcome,
         missing = case when outcome = 'queued' then c.missing else what_is_missing end,
         last_error_code = case when outcome = 'queued' and error_code is null then c.last_error_code else error_code end,
         last_error = case when outcome = 'queued' and error_code is null then c.last_error else error end,
         last_sync_at = case when walked then as_of else c.last_sync_at end,
         next_sync_at = case
           when outcome = 'queued' then greatest(retry_not_before, c.next_sync_at)
           when outcome = 'needs_reauth' then null
           when walked and still_asked then greatest(retry_not_before, as_of)
           else greatest(retry_not_before, case when walked
             then least(greatest(coalesce(next_pull_at, as_of + make_interval(mins => s.sync_interval_minutes)), as_of), latest)
             else as_of end)
         end
    from bondhu.provider_settings s
   where c.user_id = of_user and c.provider = of_provider and s.provider = of_provider;
  return true;
end
$$;
comment on function bondhu.complete_sync(uuid, text, uuid, text, text[], text, text, timestamptz, integer, timestamptz, timestamptz, timestamptz, timestamptz) is
  'Ends a lease with the outcome ok, partial, failing, needs_reauth, or queued (returned unfinished, for example because the budget is used up). A complete walk (ok, partial) clears the checkpoint; the next pull is then due at next_pull_at (null: after the provider''s interval). next_library_at: this pull walked everything, and the next such walk is due then; next_urgent_from: see sync_jobs.urgent_from. False: the lease was lost.';

create function bondhu.block_provider(of_provider text, until timestamptz, reason text) returns timestamptz
language sql
set search_path = pg_catalog, pg_temp
as $$
  update bondhu.provider_settings s
     set blocked_until = greatest(
           s.blocked_until,
           coalesce(until, case s.quota_resets
             -- A calendar day and not 24 hours, because of clock changes.
             when 'midnight_pacific' then
               (bondhu.quota_window_start(s, now()) at time zone 'America/Los_Angeles' + interval '1 day')
                 at time zone 'America/Los_Angeles'
             else now() + interval '1 hour'
           end)),
         blocked_reason = left(reason, 2000)
   where s.provider = of_provider
  returning s.blocked_until
$$;
comment on function bondhu.block_provider(text, timestamptz, text) is
  'Stops all syncs of a provider that refuses the whole app: until the given instant, else until its quota is reset, else for an hour. Returns the end.';

-- SECURITY DEFINER: pg_cron shows a role only its own jobs. The answer holds no user's data.
create function bondhu.cron_plans_syncs() returns boolean
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  planned boolean := false;
begin
  if to_regclass('cron.job') is not null then
    execute 'select exists (select from cron.job where active and database = current_database() and strpos(command, ''bondhu.plan_syncs'') > 0)'
      into planned;
  end if;
  return planned;
end
$$;
comment on function bondhu.cron_plans_syncs() is 'Whether pg_cron runs plan_syncs here; otherwise the worker does.';

revoke all on function bondhu.claim_syncs(text, integer, text[], timestamptz), bondhu.hold_lease(uuid, text, uuid, jsonb, jsonb),
  bondhu.complete_sync(uuid, text, uuid, text, text[], text, text, timestamptz, integer, timestamptz, timestamptz, timestamptz, timestamptz),
  bondhu.block_provider(text, timestamptz, text), bondhu.cron_plans_syncs()
  from public, anon, authenticated, service_role;
grant execute on function bondhu.claim_syncs(text, integer, text[], timestamptz), bondhu.hold_lease(uuid, text, uuid, jsonb, jsonb),
  bondhu.complete_sync(uuid, text, uuid, text, text[], text, text, timestamptz, integer, timestamptz, timestamptz, timestamptz, timestamptz),
  bondhu.block_provider(text, timestamptz, text), bondhu.cron_plans_syncs()
  to bondhu_worker;
