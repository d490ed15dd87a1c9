-- Scheduled jobs. pg_cron runs in one database of a cluster only, so every
-- function here says what to do where it is absent.

create function bondhu.has_cron() returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select exists (select from pg_catalog.pg_extension where extname = 'pg_cron')
$$;
comment on function bondhu.has_cron() is 'Whether pg_cron is installed in this database.';

create function bondhu.require_cron(obstacle text default null) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if bondhu.has_cron() then
    return;
  end if;
  raise exception using
    errcode = '55000',
    message = 'pg_cron is not installed in this database',
    detail = case
      when obstacle is not null then obstacle
      when exists (select from pg_catalog.pg_available_extensions where name = 'pg_cron') then 'The server has the extension.'
      else 'The server does not have the extension.'
    end,
    hint = 'Let a superuser run create extension pg_cron in this database (on Supabase: Integrations > Cron), '
      'then run select bondhu.install_cron(). Until then a running sync-worker plans syncs itself.';
end
$$;
comment on function bondhu.require_cron(text) is 'Raises 55000, with the reason and what to do, where pg_cron is absent.';

create function bondhu.cron_plan() returns table (name text, schedule text, command text)
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  values
    ('bondhu-plan-syncs', '* * * * *', 'select bondhu.plan_syncs()'),
    ('bondhu-close-idle-sessions', '* * * * *', 'select bondhu.close_idle_sessions()'),
    ('bondhu-refresh-profiles', '* * * * *', 'call bondhu.keep_profiles_fresh()'),
    ('bondhu-forget-consents', '*/10 * * * *', 'select bondhu.forget_consents(), bondhu.authorize_realtime()'),
    ('bondhu-keep-choices', '* * * * *', 'select bondhu.keep_choices()'),
    ('bondhu-refresh-trending', '* * * * *', 'call bondhu.keep_trends_fresh()'),
    ('bondhu-go-on-erasing', '* * * * *', 'select bondhu.go_on_erasing()'),
    ('bondhu-prune', '17 * * * *', 'call bondhu.prune()')
$$;
comment on function bondhu.cron_plan() is 'The jobs to schedule; times are UTC unless cron.timezone names another zone.';

-- An app's job may have any name, and another database of the cluster may have Bondhu, too.
create function bondhu.is_our_job(job_name text, in_database text, command text) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select in_database = current_database() and (
    job_name in (select p.name from bondhu.cron_plan() p)
    or (starts_with(job_name, 'bondhu-') and command ~ '^(select|call) bondhu[.]'))
$$;
comment on function bondhu.is_our_job(text, text, text) is 'Whether a job of pg_cron is one that bondhu.install_cron() scheduled here.';

-- SECURITY DEFINER, as the three below: in pg_cron jobs belong to a role, which sees only its own. All
-- jobs are the owner's, whichever role calls.
create function bondhu.install_cron() returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  planned bigint;
  obstacle text;
begin
  if not bondhu.has_cron() and exists (select from pg_catalog.pg_available_extensions where name = 'pg_cron') then
    begin
      create extension pg_cron with schema pg_catalog;
    exception when others then
      -- No rights, another database, or not preloaded: require_cron reports it.
      obstacle := sqlerrm;
    end;
  end if;
  perform bondhu.require_cron(obstacle);

  perform cron.unschedule(j.jobid)
  from cron.job j
  where bondhu.is_our_job(j.jobname, j.database, j.command) and j.jobname not in (select p.name from bondhu.cron_plan() p);

  -- Scheduling a name again updates its job.
  select count(cron.schedule(p.name, p.schedule, p.command)) into planned from bondhu.cron_plan() p;
  return planned;
end
$$;
comment on function bondhu.install_cron() is
  'Schedules the jobs of bondhu.cron_plan() and removes former ones; it may be repeated. Returns the number of jobs. 55000 without pg_cron.';

create function bondhu.remove_cron() returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  removed bigint;
begin
  perform bondhu.require_cron();
  select count(cron.unschedule(j.jobid)) into removed from cron.job j
  where bondhu.is_our_job(j.jobname, j.database, j.command);
  return removed;
end
$$;
comment on function bondhu.remove_cron() is 'Unschedules Bondhu''s jobs; returns how many there were. 55000 without pg_cron.';

create function bondhu.cron_jobs()
returns table (job_id bigint, name text, schedule text, command text, active boolean)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform bondhu.require_cron();
  return query
    select j.jobid, j.jobname::text, j.schedule, j.command, j.active
    from cron.job j
    where bondhu.is_our_job(j.jobname, j.database, j.command)
    order by j.jobname;
end
$$;
comment on function bondhu.cron_jobs() is 'Bondhu''s scheduled jobs, by name. 55000 without pg_cron.';

create function bondhu.cron_history(rows integer default 20)
returns table (
  run_id bigint, job_id bigint, name text, status text, return_message text,
  started_at timestamptz, ended_at timestamptz
)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if rows is null or rows not between 1 and 1000 then
    raise exception using errcode = '22023', message = 'rows must be between 1 and 1000';
  end if;
  perform bondhu.require_cron();
  return query
    select d.runid, d.jobid, j.jobname::text, d.status, d.return_message, d.start_time, d.end_time
    from cron.job_run_details d
    join cron.job j on j.jobid = d.jobid
    where bondhu.is_our_job(j.jobname, j.database, j.command)
    order by d.runid desc
    limit rows;
end
$$;
comment on function bondhu.cron_history(integer) is 'Latest runs of Bondhu''s jobs, newest first; rows 1..1000. 55000 without pg_cron.';

revoke all on function bondhu.has_cron(), bondhu.require_cron(text), bondhu.cron_plan(),
  bondhu.is_our_job(text, text, text), bondhu.install_cron(), bondhu.remove_cron(), bondhu.cron_jobs(), bondhu.cron_history(integer)
  from public, anon, authenticated, service_role;
grant execute on function bondhu.has_cron(), bondhu.cron_plan(), bondhu.install_cron(), bondhu.remove_cron(),
  bondhu.cron_jobs(), bondhu.cron_history(integer)
  to bondhu_worker;

do $$
declare
  obstacle text;
  remedy text;
begin
  perform bondhu.install_cron();
exception when object_not_in_prerequisite_state then
  get stacked diagnostics obstacle = pg_exception_detail, remedy = pg_exception_hint;
  raise notice using message = 'no scheduled jobs: ' || sqlerrm, detail = obstacle, hint = remedy;
end
$$;
