-- Sessions: one active per user and device, with the reason of its end.

create table public.user_sessions (
  user_id uuid not null references auth.users (id) on delete cascade,
  id uuid not null default gen_random_uuid(),
  device_id text not null,
  started_at timestamptz not null default now(),
  last_seen_at timestamptz not null default now(),
  check_idle_at timestamptz not null default now(),
  activity_count integer not null default 0,
  is_learnt_from boolean not null default true,
  ended_at timestamptz,
  end_reason text,

  primary key (user_id, id),
  constraint device_id_is_short check (char_length(device_id) between 1 and 200),
  constraint end_reason_is_known check (end_reason in ('ended', 'idle', 'replaced', 'too_many')),
  constraint ended_has_a_reason check ((ended_at is null) = (end_reason is null)),
  constraint session_times_are_ordered check (started_at <= last_seen_at and last_seen_at <= coalesce(ended_at, last_seen_at)),
  -- So that arithmetic with them cannot fail: it would fail for all users whose documents are built together.
  constraint session_times_are_within_reach check (started_at >= '1900-01-01 00:00+00' and coalesce(ended_at, last_seen_at) < '2200-01-01 00:00+00')
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02); -- a touch updates its session's row in place
comment on table public.user_sessions is 'One row per visit of a user on a device; active while ended_at is null.';
comment on column public.user_sessions.last_seen_at is 'To a minute: touch_session() leaves a session alone that was touched within one.';
comment on column public.user_sessions.check_idle_at is
  'When cron looks next whether the session is idle. Not last_seen_at, whose index would be written with every touch.';
comment on column public.user_sessions.end_reason is 'ended: by the user; idle: closed by cron; replaced: the device started a new one; too_many: newer ones exceeded settings.max_active_sessions.';

comment on column public.user_sessions.is_learnt_from is
  'Whether what is said in it counts in what is learnt of the person, and is remembered. Crises are noticed either way.';
comment on column public.user_sessions.activity_count is 'How often log_activity() was called in the session.';

create unique index one_active_session_per_device on public.user_sessions (user_id, device_id) where ended_at is null;
create index user_sessions_by_idle_check on public.user_sessions (check_idle_at) where ended_at is null;

create table public.session_activities (
  user_id uuid not null,
  id uuid not null default gen_random_uuid(),
  session_id uuid not null,
  activity text not null,
  details jsonb not null default '{}',
  occurred_at timestamptz not null default now(),

  primary key (user_id, id),
  constraint session_activities_session_fkey foreign key (user_id, session_id)
    references public.user_sessions (user_id, id) on delete cascade,
  constraint activity_is_a_short_name check (
    case when activity is null or char_length(activity) > 64 or activity !~ '^[a-z][a-z0-9_.]{0,63}$' then bondhu.refuse('activity_is_a_short_name',
      format('%L is no name of an activity', left(activity, 70)),
      'Send a lower-case name of at most 64 characters such as chat.opened.') end
  ),
  constraint details_is_a_small_object check (
    -- Cheap first. Then as text: 1e100000 takes a few bytes, and 100,001 to write out.
    case when jsonb_typeof(details) <> 'object' or pg_column_size(details) > 4096 or octet_length(details::text) > 4096 then
      bondhu.refuse('details_is_a_small_object',
        'details must be a JSON object of at most 4096 bytes', 'Send an object, or leave details out.') end
  )
);
comment on table public.session_activities is 'What was done in a session, e.g. chat.opened, game.finished.';
create index session_activities_by_session on public.session_activities (user_id, session_id, occurred_at desc);

alter table public.user_sessions enable row level security;
alter table public.session_activities enable row level security;
revoke all on public.user_sessions, public.session_activities from public, anon, authenticated, service_role;
grant select on public.user_sessions, public.session_activities to authenticated;
grant select, insert, update, delete on public.user_sessions, public.session_activities to service_role;
grant select on public.user_sessions to bondhu_worker;

create policy "a user reads their own sessions" on public.user_sessions
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker reads sessions" on public.user_sessions
  for select to bondhu_worker using (true);
create policy "a user reads their own activities" on public.session_activities
  for select to authenticated using (user_id = (select auth.uid()));

-- The RPCs are SECURITY DEFINER: a client that could write these tables itself could invent times.
-- Each acts only for bondhu.require_user().

create function public.start_session(device_id text, is_learnt_from boolean default true) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  caller uuid := bondhu.lock_user();
  device alias for $1;
  learns alias for $2;
  started uuid;
begin
  if device is null or char_length(device) > 200 or bondhu.text_fault(device) is not null then
    raise exception using
      errcode = '22023',
      message = 'device_id must have 1 to 200 characters that can be seen, and no control characters',
      hint = 'Send a name that stays the same for this device, such as a uuid kept in local storage.';
  end if;
  if learns is null then
    raise exception using errcode = '22023', message = 'is_learnt_from must be true or false', hint = 'Leave it out for true.';
  end if;
  -- One session at a time per user and device, also when two tabs start together, and no more than
  -- allowed in all. now() is when a transaction began: a later one may have taken the lock first.
  perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('bondhu.user_sessions/' || caller::text, 0));
  update public.user_sessions s
     set ended_at = greatest(s.last_seen_at, now()), end_reason = 'replaced', last_seen_at = greatest(s.last_seen_at, now())
   where s.user_id = caller and s.device_id = device and s.ended_at is null;
  update public.user_sessions s
     set ended_at = greatest(s.last_seen_at, now()), end_reason = 'too_many', last_seen_at = greatest(s.last_seen_at, now())
   where s.user_id = caller and s.ended_at is null and s.id in (
     select used.id from public.user_sessions used
     where used.user_id = caller and used.ended_at is null
     order by used.last_seen_at desc, used.started_at desc, used.id
     offset (select max_active_sessions - 1 from bondhu.settings));
  -- Creates the profile of a user who was restored without one.
  insert into public.companion_profiles (user_id) values (caller) on conflict (user_id) do nothing;
  insert into public.user_sessions (user_id, device_id, is_learnt_from, check_idle_at)
  select caller, device, learns, now() + make_interval(mins => x.session_idle_minutes) from bondhu.settings x
  returning id into started;
  perform bondhu.wake_syncs(caller);
  return started;
end
$$;
comment on function public.start_session(text, boolean) is
  'Starts a session on this device, ending the one it had, and returns its id. is_learnt_from false: what is said in it is not learnt from. Beyond settings.max_active_sessions the least recently used one ends.';

create function bondhu.use_session(caller uuid, session_id uuid, activities integer) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  seen_at timestamptz;
  -- Half of what makes it idle, where that is less than two minutes.
  recent constant interval := (select least(60, t.session_idle_minutes * 30) from bondhu.settings t) * interval '1 second';
begin
  select s.last_seen_at into seen_at from public.user_sessions s where s.user_id = caller and s.id = session_id and s.ended_at is null;
  if seen_at > now() - recent and activities = 0 then
    return;
  end if;
  update public.user_sessions s
     set last_seen_at = greatest(s.last_seen_at, now()), activity_count = s.activity_count + activities
   where s.user_id = caller and s.id = session_id and s.ended_at is null;
  if not found then
    perform bondhu.raise_no_active_session();
  end if;
end
$$;
comment on function bondhu.use_session(uuid, uuid, integer) is
  'Records that a session is in use, and adds to its activity_count; P0002 when it is not active. Writes nothing when there is nothing to add and the session was used within a minute.';
revoke all on function bondhu.use_session(uuid, uuid, integer) from public, anon, authenticated, service_role;

create function public.touch_session(session_id uuid) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform bondhu.use_session(bondhu.require_user(), $1, 0);
end
$$;
comment on function public.touch_session(uuid) is
  'Records that the session is still in use; P0002 when it is not active. Call it as often as you like: within a minute of the last use nothing is written.';

create function public.log_activity(session_id uuid, activity text, details jsonb default '{}') returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  logged uuid;
begin
  perform bondhu.use_session(bondhu.require_user(), $1, 1);
  insert into public.session_activities (user_id, session_id, activity, details)
  values (bondhu.require_user(), $1, $2, coalesce($3, '{}'))
  returning id into logged;
  return logged;
end
$$;
comment on function public.log_activity(uuid, text, jsonb) is 'Records an activity and touches the session. activity: lower-case name such as chat.opened; details: an object of at most 4 kB.';

create function public.end_session(session_id uuid) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  caller uuid := bondhu.require_user();
begin
  update public.user_sessions s
     set ended_at = greatest(s.last_seen_at, now()), end_reason = 'ended', last_seen_at = greatest(s.last_seen_at, now())
   where s.user_id = caller and s.id = $1 and s.ended_at is null;
  if not found then
    perform bondhu.raise_no_active_session();
  end if;
end
$$;
comment on function public.end_session(uuid) is 'Ends the session; P0002 when it is not active.';

create function bondhu.raise_no_active_session() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'P0002',
    message = 'this session is not active',
    hint = 'It has ended or never was yours. Call start_session for a new one.';
end
$$;
revoke all on function bondhu.raise_no_active_session() from public, anon, authenticated, service_role;

create function bondhu.close_idle_sessions(most integer default 10000) returns bigint
language sql
set search_path = pg_catalog, pg_temp
as $$
  with due as (
    select s.user_id, s.id, s.last_seen_at + make_interval(mins => x.session_idle_minutes) as idle_at
    from public.user_sessions s
    cross join bondhu.settings x
    where s.ended_at is null and s.check_idle_at <= now()
    order by s.check_idle_at
    limit most
    -- start_session() locks several, too: skip what it holds, so that neither waits for the other.
    for update of s skip locked
  ),
  looked_at as (
    update public.user_sessions s
       set check_idle_at = due.idle_at,
           ended_at = case when due.idle_at < now() then now() end,
           end_reason = case when due.idle_at < now() then 'idle' end
      from due
     where s.user_id = due.user_id and s.id = due.id
    returning s.ended_at
  )
  select count(*) from looked_at l where l.ended_at is not null
$$;
comment on function bondhu.close_idle_sessions(integer) is
  'Looks at up to `most` sessions that may be idle, and ends those that are, for longer than settings.session_idle_minutes; returns how many it ended. Run by cron. After a shorter time is set, sessions that there are end by the former one.';

revoke all on function public.start_session(text, boolean), public.touch_session(uuid), public.log_activity(uuid, text, jsonb),
  public.end_session(uuid), bondhu.close_idle_sessions(integer)
  from public, anon, authenticated, service_role;
grant execute on function public.start_session(text, boolean), public.touch_session(uuid), public.log_activity(uuid, text, jsonb),
  public.end_session(uuid) to authenticated;
grant execute on function bondhu.close_idle_sessions(integer) to service_role;

-- Documents, here and in the files that follow, are built by PL/pgSQL under one generic plan per
-- connection, since planning takes longer than building; and as json, since they are written once and
-- not read here. The mirror builds some after nearly every commit. All take users and the instant to
-- build for; without an instant there is no document.

-- The document is an array, one entry per device; it is valid until the first session goes idle.
create function bondhu.session_active_document(user_ids uuid[], as_of timestamptz)
returns table (user_id uuid, data json, until timestamptz)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  idle_after interval := (select make_interval(mins => session_idle_minutes) from bondhu.settings);
begin
  return query
    select
      p.user_id,
      json_agg(
        json_build_object(
          'id', s.id, 'device_id', s.device_id, 'started_at', s.started_at, 'last_seen_at', s.last_seen_at,
          'activity_count', s.activity_count
        ) order by s.last_seen_at desc, s.id
      ) filter (where s.id is not null),
      min(s.last_seen_at) + idle_after
    from unnest(user_ids) wanted (id)
    join bondhu.people p on p.user_id = wanted.id
    left join public.user_sessions s
      on s.user_id = p.user_id
     and s.ended_at is null
     and s.last_seen_at > $2 - idle_after
    group by p.user_id;
end
$$;
comment on function bondhu.session_active_document(uuid[], timestamptz) is 'Redis document session:active: the user''s active sessions, newest first; null data when there is none.';
revoke all on function bondhu.session_active_document(uuid[], timestamptz) from public, anon, authenticated, service_role;
grant execute on function bondhu.session_active_document(uuid[], timestamptz) to bondhu_worker;
