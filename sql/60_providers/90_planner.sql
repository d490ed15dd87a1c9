-- Scheduling of syncs. cron (or, without it, the worker) queues those that are due; when the next one of a
-- connection is due, the worker says (core/src/planning.rs).

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

create function bondhu.plan_syncs(as_of timestamptz default now()) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  settings bondhu.provider_settings;
  window_start timestamptz;
  used bigint;
  -- Requests that are planned for at once, and those of them that nothing waits for yet.
  most bigint;
  room bigint;
  -- What one connection counts for at most, however large its library is: bondhu.connection_share() limits
  -- what it sends, and everybody else goes on meanwhile.
  dearest bigint;
  queued bigint;
  planned bigint := 0;
begin
  for settings in
    select s.* from bondhu.provider_settings s where s.enabled and coalesce(s.blocked_until, '-infinity') <= as_of
  loop
    window_start := bondhu.quota_window_start(settings, as_of);
    select coalesce(sum(l.requests), 0) into used
    from bondhu.provider_ledger l
    where l.provider = settings.provider and l.counted_from >= window_start;
    most := settings.requests_per_window;
    room := most - used;
    if settings.quota_resets = 'rolling' then
      -- Much of a window is free again before the next minute is planned, a short one more than once.
      most := greatest(most, most * 60 / settings.window_seconds);
      room := greatest(room, settings.requests_per_window::bigint * 60 / settings.window_seconds);
    end if;
    dearest := greatest(most / 10, 10);
    -- A pull of plays alone takes one request. What was given back until later takes no room now.
    select room - coalesce(sum(case
             when settings.library_interval_minutes is null or j.requested_at is not null or j.library_due_at <= as_of
               then least(j.library_requests, dearest) else 1 end), 0) into room
    from public.provider_connections c
    join bondhu.sync_jobs j on j.user_id = c.user_id and j.provider = c.provider
    where c.provider = settings.provider and c.status in ('queued', 'syncing') and c.next_sync_at <= as_of;
    continue when room <= 0;

    -- Three short index scans instead of one sort of everything that is due. None can yield more than there is
    -- room for: a pull takes a request or more. No connection is in two of them.
    with asked_for as materialized (
      select 1 as turn, j.requested_at as since, c.ctid as connection, j.library_requests, true as walks_all
      from bondhu.sync_jobs j
      cross join lateral (
        select c.ctid, c.status, c.next_sync_at
        from public.provider_connections c where c.user_id = j.user_id and c.provider = j.provider
        offset 0 -- by its key, and not each time through all that are due
      ) c
      where j.provider = settings.provider
        and j.requested_at is not null
        and coalesce(j.not_before, '-infinity') <= as_of
        and c.status in ('pending', 'ok', 'partial', 'failing')
        and c.next_sync_at <= as_of
      order by j.requested_at
      limit room
    ),
    urgent as materialized (
      select 2, j.urgent_from, c.ctid, j.library_requests, true
      from bondhu.sync_jobs j
      cross join lateral (
        select c.ctid, c.status, c.next_sync_at
        from public.provider_connections c where c.user_id = j.user_id and c.provider = j.provider
        offset 0 -- by its key, and not each time through all that are due
      ) c
      where j.provider = settings.provider
        and j.urgent_from <= as_of
        and j.requested_at is null
        and coalesce(j.not_before, '-infinity') <= as_of
        and c.status in ('pending', 'ok', 'partial', 'failing')
        and c.next_sync_at <= as_of
      order by j.urgent_from
      limit room
    ),
    due_longest as materialized (
      select 3, c.next_sync_at, c.ctid, j.library_requests, settings.library_interval_minutes is null or j.library_due_at <= as_of
      from public.provider_connections c
      cross join lateral (
        select j.* from bondhu.sync_jobs j where j.user_id = c.user_id and j.provider = c.provider
        offset 0 -- likewise
      ) j
      where c.provider = settings.provider
        and c.status in ('pending', 'ok', 'partial', 'failing')
        and c.next_sync_at <= as_of
        and j.requested_at is null
        and coalesce(j.urgent_from, 'infinity') > as_of
        and coalesce(j.not_before, '-infinity') <= as_of
      order by c.next_sync_at
      limit room
    ),
    candidates as (
      select a.turn, a.since, a.connection, case when a.walks_all then least(a.library_requests, dearest) else 1 end as requests
      from (select * from asked_for union all select * from urgent union all select * from due_longest) a
    ),
    reckoned as (
      select c.*, sum(c.requests) over (order by c.turn, c.since, c.connection) as up_to_here from candidates c
    ),
    chosen as materialized (
      select c.ctid as connection
      from reckoned r
      join public.provider_connections c on c.ctid = r.connection
      -- A tenth is kept for whoever asks later in the window. What is dearer than the room there is comes
      -- into it all the same when it is first.
      where r.up_to_here - r.requests < case r.turn when 1 then room else room - most / 10 end
        and c.status in ('pending', 'ok', 'partial', 'failing')
      for update of c skip locked
    )
    update public.provider_connections c set status = 'queued' from chosen where c.ctid = chosen.connection;
    get diagnostics queued = row_count;
    planned := planned + queued;
  end loop;
  return planned;
end
$$;
comment on function bondhu.plan_syncs(timestamptz) is
  'Queues the connections that are due within each provider''s budget, by what their pulls are expected to take: requested ones first, then those whose data has to be deleted soon, then those due longest; the latter two leave a tenth of the budget. Returns how many. Run every minute by cron.';

create function bondhu.wake_syncs(of_user uuid, as_of timestamptz default now()) returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
  with stretched as materialized (
    select j.user_id, j.provider, usual.due_at
    from bondhu.sync_jobs j
    join public.provider_connections c on c.user_id = j.user_id and c.provider = j.provider
    join bondhu.provider_settings s on s.provider = c.provider
    cross join lateral (
      select greatest(as_of, c.last_sync_at + make_interval(mins => s.sync_interval_minutes)) as due_at
    ) usual
    where j.user_id = of_user and c.status in ('ok', 'partial') and c.next_sync_at > usual.due_at
    for update of j, c skip locked
  ),
  asked as (
    update bondhu.sync_jobs j set requested_at = as_of
      from stretched s where j.user_id = s.user_id and j.provider = s.provider and s.due_at <= as_of
  )
  update public.provider_connections c set next_sync_at = s.due_at
    from stretched s where c.user_id = s.user_id and c.provider = s.provider
$$;
comment on function bondhu.wake_syncs(uuid, timestamptz) is
  'Of a person who is back: requests a sync of each connection whose syncs had become rarer, or brings it forward to its usual interval; others are left as they are. Called by start_session().';

create function bondhu.planning_facts(of_user uuid, of_provider text)
returns table (
  last_active_at timestamptz, sync_interval_minutes integer, library_interval_minutes integer,
  retention_days integer, urgent_from timestamptz
)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select greatest(
           coalesce(c.connected_at, c.updated_at), j.requested_at,
           (select max(s.last_seen_at) from public.user_sessions s where s.user_id = of_user),
           (select m.created_at from public.chat_messages m where m.user_id = of_user order by m.created_at desc, m.seq desc limit 1)),
         p.sync_interval_minutes, p.library_interval_minutes,
         case p.provider when 'youtube' then (select video_retention_days from bondhu.settings) end,
         j.urgent_from
  from public.provider_connections c
  join bondhu.sync_jobs j on j.user_id = c.user_id and j.provider = c.provider
  join bondhu.provider_settings p on p.provider = c.provider
  where c.user_id = of_user and c.provider = of_provider
$$;
comment on function bondhu.planning_facts(uuid, text) is
  'What the worker decides by when a connection is due next (core/src/planning.rs): when its person was last there, what is set for the provider, and for how long its data may be kept unrefreshed (null: no term).';

revoke all on bondhu.quota, bondhu.sync_load from public, anon, authenticated, service_role;
revoke all on function bondhu.quota_window_start(bondhu.provider_settings, timestamptz), bondhu.connection_share(bondhu.provider_settings), bondhu.spend_request(text),
  bondhu.plan_syncs(timestamptz),
  bondhu.wake_syncs(uuid, timestamptz), bondhu.planning_facts(uuid, text)
  from public, anon, authenticated, service_role;
grant select on bondhu.quota, bondhu.sync_load to bondhu_worker, service_role;
grant execute on function bondhu.quota_window_start(bondhu.provider_settings, timestamptz), bondhu.connection_share(bondhu.provider_settings), bondhu.spend_request(text),
  bondhu.plan_syncs(timestamptz),
  bondhu.planning_facts(uuid, text)
  to bondhu_worker;
