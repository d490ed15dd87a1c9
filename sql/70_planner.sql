-- Who is synced when. cron (or, without it, the worker) plans; the worker claims under
-- a lease, works outside any transaction, and completes under the lease's token.

create function bondhu.quota_window_start(settings bondhu.provider_settings, at timestamptz) returns timestamptz
language sql stable
set search_path = ''
as $$
  select case settings.quota_resets
    when 'rolling' then date_bin(make_interval(secs => settings.window_seconds), at, 'epoch')
    -- https://developers.google.com/youtube/v3/getting-started#quota
    when 'midnight_pacific' then date_trunc('day', at, 'America/Los_Angeles')
  end
$$;
comment on function bondhu.quota_window_start(bondhu.provider_settings, timestamptz) is 'Start of the quota window that holds an instant.';

create view bondhu.quota as
  select s.provider, bondhu.quota_window_start(s, now()) as window_start, s.requests_per_window,
         coalesce(l.requests, 0) as requests_used,
         greatest(s.requests_per_window - coalesce(l.requests, 0), 0) as requests_left,
         s.blocked_until, s.blocked_reason
  from bondhu.provider_settings s
  left join bondhu.provider_ledger l
    on l.provider = s.provider and l.window_start = bondhu.quota_window_start(s, now());
comment on view bondhu.quota is 'How much of each provider''s budget the present window has used.';

create function bondhu.record_requests(of_provider text, sent bigint) returns void
language sql
set search_path = ''
as $$
  insert into bondhu.provider_ledger as l (provider, window_start, requests)
  select s.provider, bondhu.quota_window_start(s, now()), sent
  from bondhu.provider_settings s
  where s.provider = of_provider
  on conflict (provider, window_start) do update set requests = l.requests + excluded.requests
$$;
comment on function bondhu.record_requests(text, bigint) is 'Enters requests sent to a provider in the ledger.';

create function bondhu.plan_syncs() returns bigint
language sql
set search_path = ''
as $$
  with budget as (
    -- A first pull takes about ten requests; the pages after them are counted as they go.
    select q.provider, q.requests_left / 10 - (
        select count(*) from public.provider_connections waiting
        where waiting.provider = q.provider and waiting.status in ('queued', 'syncing')
      ) as connections
    from bondhu.quota q
    where coalesce(q.blocked_until, '-infinity') <= now()
  ),
  due as (
    select c.user_id, c.provider,
           row_number() over (partition by c.provider order by j.requested_at nulls last, c.next_sync_at) as turn
    from public.provider_connections c
    join bondhu.sync_jobs j on j.user_id = c.user_id and j.provider = c.provider
    join bondhu.provider_settings s on s.provider = c.provider and s.enabled
    where c.status in ('pending', 'ok', 'partial', 'failing')
      and c.next_sync_at <= now()
      and coalesce(j.not_before, '-infinity') <= now()
  ),
  queued as (
    update public.provider_connections c
       set status = 'queued'
      from due
      join budget on budget.provider = due.provider
     where c.user_id = due.user_id
       and c.provider = due.provider
       and due.turn <= budget.connections
       and c.status in ('pending', 'ok', 'partial', 'failing')
    returning 1
  )
  select count(*) from queued
$$;
comment on function bondhu.plan_syncs() is 'Queues the connections that are due, asked-for ones first, within each provider''s budget; returns how many. Run every minute by cron.';

create function bondhu.claim_syncs(worker text, how_many integer)
returns table (user_id uuid, provider text, lease_token uuid, checkpoint jsonb, attempts integer, scopes text[])
language sql
set search_path = ''
set lock_timeout = '500ms' -- as hold_lease does, and why
as $$
  with free as (
    select j.user_id, j.provider
    from bondhu.sync_jobs j
    join public.provider_connections c on c.user_id = j.user_id and c.provider = j.provider
    join bondhu.provider_settings s on s.provider = j.provider
    where (c.status = 'queued' or (c.status = 'syncing' and j.lease_expires_at < now()))
      and s.enabled
      and coalesce(s.blocked_until, '-infinity') <= now()
      and coalesce(j.not_before, '-infinity') <= now()
    order by j.requested_at nulls last, c.next_sync_at
    limit how_many
    -- Both: the status is looked at again only in a row that gets locked.
    for update of j, c skip locked
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
  returning c.user_id, c.provider, leased.lease_token, leased.checkpoint, leased.attempts, c.scopes
$$;
comment on function bondhu.claim_syncs(text, integer) is 'Leases up to how_many queued connections (or those whose lease ran out) to a worker.';

create function bondhu.hold_lease(of_user uuid, of_provider text, token uuid, new_checkpoint jsonb default null) returns boolean
language plpgsql
set search_path = ''
as $$
begin
  -- A user who is deleted meanwhile may wait for us and we for them. Giving up before
  -- deadlock_timeout (1 s) makes sure that it is the pull that fails, not the deletion.
  perform set_config('lock_timeout', '500ms', true);
  update bondhu.sync_jobs j
     set lease_expires_at = now() + make_interval(secs => s.lease_seconds),
         checkpoint = coalesce(new_checkpoint, j.checkpoint)
    from bondhu.settings s
   where j.user_id = of_user and j.provider = of_provider and j.lease_token = token;
  return found;
end
$$;
comment on function bondhu.hold_lease(uuid, text, uuid, jsonb) is
  'First statement of every write a pull makes: locks and extends the lease, moves the checkpoint. False: the job is somebody else''s now, write nothing.';

create function bondhu.complete_sync(
  of_user uuid, of_provider text, token uuid, outcome text,
  what_is_missing text[] default '{}', error_code text default null, error text default null,
  retry_not_before timestamptz default null
) returns boolean
language plpgsql
set search_path = ''
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
         not_before = retry_not_before
   where j.user_id = of_user and j.provider = of_provider and j.lease_token = token;
  if not found then
    return false;
  end if;

  update public.provider_connections c
     set status = outcome,
         missing = case when outcome = 'queued' then c.missing else what_is_missing end,
         last_error_code = case when outcome = 'queued' then c.last_error_code else error_code end,
         last_error = case when outcome = 'queued' then c.last_error else error end,
         last_sync_at = case when walked then now() else c.last_sync_at end,
         -- Ten percent of jitter keeps connections made together from coming due together.
         next_sync_at = case
           when outcome = 'queued' then c.next_sync_at
           when outcome = 'needs_reauth' then null
           else greatest(retry_not_before,
             case when walked then now() + make_interval(mins => s.sync_interval_minutes) * (0.9 + 0.2 * random()) else now() end)
         end
    from bondhu.provider_settings s
   where c.user_id = of_user and c.provider = of_provider and s.provider = of_provider;
  return true;
end
$$;
comment on function bondhu.complete_sync(uuid, text, uuid, text, text[], text, text, timestamptz) is
  'Ends a lease with the outcome ok, partial, failing, needs_reauth, or queued (given back untouched). A walk to the end (ok, partial) clears the checkpoint. False: the lease was lost.';

create function bondhu.block_provider(of_provider text, until timestamptz, reason text) returns timestamptz
language sql
set search_path = ''
as $$
  update bondhu.provider_settings s
     set blocked_until = greatest(
           s.blocked_until,
           coalesce(until, case s.quota_resets
             -- A calendar day and not 24 hours: the clock change is in it.
             when 'midnight_pacific' then
               (bondhu.quota_window_start(s, now()) at time zone 'America/Los_Angeles' + interval '1 day')
                 at time zone 'America/Los_Angeles'
             else now() + interval '1 hour'
           end)),
         blocked_reason = reason
   where s.provider = of_provider
  returning s.blocked_until
$$;
comment on function bondhu.block_provider(text, timestamptz, text) is
  'Stops a provider for everyone after a refusal of the whole app: until the given instant, else its quota''s reset, else for an hour. Returns when it goes on.';

-- SECURITY DEFINER: pg_cron shows a role only its own jobs. Says nothing about anybody.
create function bondhu.cron_plans_syncs() returns boolean
language plpgsql stable security definer
set search_path = ''
as $$
declare
  planned boolean := false;
begin
  if to_regclass('cron.job') is not null then
    execute 'select exists (select from cron.job where active and database = current_database() and command ~ ''bondhu\.plan_syncs'')'
      into planned;
  end if;
  return planned;
end
$$;
comment on function bondhu.cron_plans_syncs() is 'Whether pg_cron runs plan_syncs here; otherwise the worker plans for itself.';

revoke all on bondhu.quota from public, anon, authenticated, service_role;
revoke all on function bondhu.quota_window_start(bondhu.provider_settings, timestamptz), bondhu.record_requests(text, bigint),
  bondhu.plan_syncs(), bondhu.claim_syncs(text, integer), bondhu.hold_lease(uuid, text, uuid, jsonb),
  bondhu.complete_sync(uuid, text, uuid, text, text[], text, text, timestamptz), bondhu.block_provider(text, timestamptz, text),
  bondhu.cron_plans_syncs()
  from public, anon, authenticated, service_role;
grant select on bondhu.quota to bondhu_worker, service_role;
grant execute on function bondhu.quota_window_start(bondhu.provider_settings, timestamptz), bondhu.record_requests(text, bigint),
  bondhu.plan_syncs(), bondhu.claim_syncs(text, integer), bondhu.hold_lease(uuid, text, uuid, jsonb),
  bondhu.complete_sync(uuid, text, uuid, text, text[], text, text, timestamptz), bondhu.block_provider(text, timestamptz, text),
  bondhu.cron_plans_syncs()
  to bondhu_worker;
