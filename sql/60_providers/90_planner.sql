-- Scheduling of syncs. cron (or, without it, the worker) queues them; the worker claims them under a
-- lease, works outside any transaction, and completes them under the lease's token.

create function bondhu.quota_window_start(settings bondhu.provider_settings, at timestamptz) returns timestamptz
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select case settings.quota_resets
    when 'rolling' then at - make_interval(secs => settings.window_seconds)
    -- https://developers.google.com/youtube/v3/getting-started#quota
    when 'midnight_pacific' then date_trunc('day', at, 'America/Los_Angeles')
  end
$$;
comment on function bondhu.quota_window_start(bondhu.provider_settings, timestamptz) is 'Start of the quota window that holds an instant.';

-- With this limit a library of tens of thousands takes an hour or two longer, and an endless list takes
-- nothing from other users. At least a hundred requests: budgets of tests and new
-- projects are small.
create function bondhu.connection_share(settings bondhu.provider_settings) returns integer
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select least(greatest(100, case settings.quota_resets
    when 'rolling' then settings.requests_per_window::bigint * 3600 / settings.window_seconds
    when 'midnight_pacific' then settings.requests_per_window::bigint
  end / 20), 1000000)::integer
$$;
comment on function bondhu.connection_share(bondhu.provider_settings) is
  'Requests that one connection may send an hour: a twentieth of an hour''s budget where the quota is a rolling window, else of the day''s.';

create view bondhu.quota as
  select s.provider, bondhu.quota_window_start(s, now()) as window_start, s.requests_per_window,
         used.requests as requests_used,
         greatest(s.requests_per_window - used.requests, 0) as requests_left,
         s.blocked_until, s.blocked_reason
  from bondhu.provider_settings s
  cross join lateral (
    select coalesce(sum(l.requests), 0)::bigint as requests
    from bondhu.provider_ledger l
    where l.provider = s.provider and l.counted_from >= bondhu.quota_window_start(s, now())
  ) used;
comment on view bondhu.quota is 'How much of each provider''s budget is used in the current window.';

create view bondhu.sync_load as
  select s.provider,
    (select count(*) from public.provider_connections c where c.provider = s.provider and c.status = 'queued') as queued,
    (select count(*) from public.provider_connections c where c.provider = s.provider and c.status = 'syncing') as syncing,
    (select count(*) from bondhu.sync_jobs j where j.provider = s.provider and j.not_before > now()) as backing_off,
    (select max(j.not_before) from bondhu.sync_jobs j where j.provider = s.provider and j.not_before > now()) as last_back_off_until
  from bondhu.provider_settings s;
comment on view bondhu.sync_load is
  'Syncs queued and running by provider. The back-off of a single connection is sync_jobs.not_before.';

create function bondhu.spend_request(of_provider text) returns timestamptz
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  settings bondhu.provider_settings;
  window_start timestamptz;
  used bigint;
  free_at timestamptz;
begin
  -- All workers share the count, and each waits here for the commit of the one before, but not for the
  -- disk. A crash of the server loses a fraction of a second of counting.
  perform set_config('synchronous_commit', 'off', true);
  perform pg_advisory_xact_lock(hashtextextended('bondhu.provider_ledger/' || of_provider, 0));
  select * into settings from bondhu.provider_settings s where s.provider = of_provider;
  window_start := bondhu.quota_window_start(settings, clock_timestamp());
  select coalesce(sum(l.requests), 0), min(l.counted_from) into used, free_at
  from bondhu.provider_ledger l
  where l.provider = of_provider and l.counted_from >= window_start;

  if used >= settings.requests_per_window then
    return case settings.quota_resets
      when 'rolling' then free_at + make_interval(secs => settings.window_seconds + 1)
      -- A calendar day and not 24 hours, because of clock changes.
      when 'midnight_pacific' then
        (window_start at time zone 'America/Los_Angeles' + interval '1 day') at time zone 'America/Los_Angeles'
    end;
  end if;
  insert into bondhu.provider_ledger as l (provider, counted_from, requests)
  values (
    of_provider,
    case settings.quota_resets when 'rolling' then date_trunc('second', clock_timestamp()) else window_start end,
    1)
  on conflict (provider, counted_from) do update set requests = l.requests + 1;
  return null;
end
$$;
comment on function bondhu.spend_request(text) is
  'Counts one request in the ledger before it is sent. If not null, the budget is used up until then and the request must not be sent.';

-- Two short index scans instead of one sort of everything that is due: requested ones first, then
-- those due longest.
create function bondhu.plan_syncs() returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  free record;
  planned bigint := 0;
  asked bigint;
  due bigint;
begin
  for free in
    -- A first pull takes about ten requests or more; each is counted before it is sent.
    select q.provider, q.requests_left / 10 - l.queued - l.syncing as connections
    from bondhu.quota q
    join bondhu.sync_load l on l.provider = q.provider
    join bondhu.provider_settings s on s.provider = q.provider and s.enabled
    where coalesce(q.blocked_until, '-infinity') <= now()
  loop
    continue when free.connections <= 0;
    with asked_for as materialized (
      select c.user_id
      from bondhu.sync_jobs j
      join public.provider_connections c on c.user_id = j.user_id and c.provider = j.provider
      where j.provider = free.provider
        and j.requested_at is not null
        and coalesce(j.not_before, '-infinity') <= now()
        and c.status in ('pending', 'ok', 'partial', 'failing')
        and c.next_sync_at <= now()
      order by j.requested_at
      limit free.connections
      for update of c skip locked
    )
    update public.provider_connections c set status = 'queued'
    from asked_for where c.user_id = asked_for.user_id and c.provider = free.provider;
    get diagnostics asked = row_count;

    with due_longest as materialized (
      select c.user_id
      from public.provider_connections c
      join bondhu.sync_jobs j on j.user_id = c.user_id and j.provider = c.provider
      where c.provider = free.provider
        and c.status in ('pending', 'ok', 'partial', 'failing')
        and c.next_sync_at <= now()
        and coalesce(j.not_before, '-infinity') <= now()
      order by c.next_sync_at
      limit free.connections - asked
      for update of c skip locked
    )
    update public.provider_connections c set status = 'queued'
    from due_longest where c.user_id = due_longest.user_id and c.provider = free.provider;
    get diagnostics due = row_count;
    planned := planned + asked + due;
  end loop;
  return planned;
end
$$;
comment on function bondhu.plan_syncs() is 'Queues the connections that are due, requested ones first, within each provider''s budget; returns how many. Run every minute by cron.';

create function bondhu.claim_syncs(worker text, how_many integer, providers text[] default '{spotify,youtube}')
returns table (
  user_id uuid, provider text, lease_token uuid, checkpoint jsonb, attempts integer,
  scopes text[], resources jsonb, requested boolean, requests_left integer, more_at timestamptz
)
language sql
set search_path = pg_catalog, pg_temp
set lock_timeout = '500ms' -- as hold_lease does, and why
as $$
  with open as (
    select s.provider
    from bondhu.provider_settings s
    where s.provider = any (providers) and s.enabled and coalesce(s.blocked_until, '-infinity') <= now()
  ),
  asked_for as materialized (
    select free.*
    from open
    cross join lateral (
      select j.user_id, j.provider, j.requested_at, c.next_sync_at
      from bondhu.sync_jobs j
      join public.provider_connections c on c.user_id = j.user_id and c.provider = j.provider
      where j.provider = open.provider
        and j.requested_at is not null
        and coalesce(j.not_before, '-infinity') <= now()
        and (c.status = 'queued' or (c.status = 'syncing' and j.lease_expires_at < now()))
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
      select j.user_id, j.provider, j.requested_at, c.next_sync_at
      from public.provider_connections c
      join bondhu.sync_jobs j on j.user_id = c.user_id and j.provider = c.provider
      where c.provider = open.provider
        and c.status in ('queued', 'syncing')
        and (c.status = 'queued' or j.lease_expires_at < now())
        and c.next_sync_at <= now()
        and coalesce(j.not_before, '-infinity') <= now()
      order by c.next_sync_at
      limit greatest(how_many - (select count(*) from asked_for), 0)
      for update of j, c skip locked
    ) free
  ),
  free as (
    select * from asked_for
    union
    select * from due_longest
    order by requested_at nulls last, next_sync_at
    limit how_many
  ),
  leased as (
    update bondhu.sync_jobs j
       set lease_token = gen_random_uuid(), lease_owner = worker,
           lease_expires_at = now() + make_interval(secs => (select lease_seconds from bondhu.settings))
      from free
     where j.user_id = free.user_id and j.provider = free.provider
    returning j.*
  )
  update public.provider_connections c
     set status = 'syncing'
    from leased
   where c.user_id = leased.user_id and c.provider = leased.provider
  returning c.user_id, c.provider, leased.lease_token, leased.checkpoint, leased.attempts,
            c.scopes, leased.resources, leased.requested_at is not null,
            (select greatest(bondhu.connection_share(s)
                      - case when leased.hour_from > now() - interval '1 hour' then leased.hour_requests else 0 end, 0)
             from bondhu.provider_settings s where s.provider = leased.provider),
            greatest(leased.hour_from, now() - interval '1 hour') + interval '1 hour'
$$;
comment on function bondhu.claim_syncs(text, integer, text[]) is
  'Leases up to how_many queued connections (or those with an expired lease) of these providers to a worker, with the requests that each has left, and when it gets more.';

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
  retry_not_before timestamptz default null, requests integer default 0
) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
set lock_timeout = '500ms' -- as hold_lease does, and why
as $$
declare
  walked boolean := outcome in ('ok', 'partial');
begin
  update bondhu.sync_jobs j
     set lease_token = null, lease_owner = null, lease_expires_at = null,
         checkpoint = case when walked then '{}' else j.checkpoint end,
         attempts = case when walked then 0 when outcome = 'queued' then j.attempts else j.attempts + 1 end,
         requested_at = case when walked then null else j.requested_at end,
         not_before = retry_not_before,
         hour_from = case when j.hour_from > now() - interval '1 hour' then j.hour_from else now() end,
         hour_requests = case when j.hour_from > now() - interval '1 hour' then j.hour_requests else 0 end + requests
   where j.user_id = of_user and j.provider = of_provider and j.lease_token = token;
  if not found then
    return false;
  end if;

  update public.provider_connections c
     set status = outcome,
         missing = case when outcome = 'queued' then c.missing else what_is_missing end,
         last_error_code = case when outcome = 'queued' and error_code is null then c.last_error_code else error_code end,
         last_error = case when outcome = 'queued' and error_code is null then c.last_error else error end,
         last_sync_at = case when walked then now() else c.last_sync_at end,
         -- Ten percent of jitter, so that connections linked together do not stay due together.
         next_sync_at = case
           when outcome = 'queued' then greatest(retry_not_before, c.next_sync_at)
           when outcome = 'needs_reauth' then null
           else greatest(retry_not_before,
             case when walked then now() + make_interval(mins => s.sync_interval_minutes) * (0.9 + 0.2 * random()) else now() end)
         end
    from bondhu.provider_settings s
   where c.user_id = of_user and c.provider = of_provider and s.provider = of_provider;
  return true;
end
$$;
comment on function bondhu.complete_sync(uuid, text, uuid, text, text[], text, text, timestamptz, integer) is
  'Ends a lease with the outcome ok, partial, failing, needs_reauth, or queued (returned unfinished, for example because the budget is used up). A complete walk (ok, partial) clears the checkpoint. False: the lease was lost.';

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

revoke all on bondhu.quota, bondhu.sync_load from public, anon, authenticated, service_role;
revoke all on function bondhu.quota_window_start(bondhu.provider_settings, timestamptz), bondhu.connection_share(bondhu.provider_settings), bondhu.spend_request(text),
  bondhu.plan_syncs(), bondhu.claim_syncs(text, integer, text[]), bondhu.hold_lease(uuid, text, uuid, jsonb, jsonb),
  bondhu.complete_sync(uuid, text, uuid, text, text[], text, text, timestamptz, integer), bondhu.block_provider(text, timestamptz, text),
  bondhu.cron_plans_syncs()
  from public, anon, authenticated, service_role;
grant select on bondhu.quota, bondhu.sync_load to bondhu_worker, service_role;
grant execute on function bondhu.quota_window_start(bondhu.provider_settings, timestamptz), bondhu.connection_share(bondhu.provider_settings), bondhu.spend_request(text),
  bondhu.plan_syncs(), bondhu.claim_syncs(text, integer, text[]), bondhu.hold_lease(uuid, text, uuid, jsonb, jsonb),
  bondhu.complete_sync(uuid, text, uuid, text, text[], text, text, timestamptz, integer), bondhu.block_provider(text, timestamptz, text),
  bondhu.cron_plans_syncs()
  to bondhu_worker;
