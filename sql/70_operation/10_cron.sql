-- Scheduled jobs: planning, closing, pruning. pg_cron runs in one database of a cluster only, so every
-- function here says what to do where it is absent.

create function bondhu.prune() returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  settings bondhu.settings;
  removed jsonb := jsonb_build_object();
  gone bigint;
  relation text;
  owners uuid[];
  outdated uuid[] := array[]::uuid[];
  expired jsonb := jsonb_build_object();
begin
  select * into strict settings from bondhu.settings;

  removed := removed || bondhu.forget_consents();

  delete from public.user_sessions
  where ended_at < now() - make_interval(days => settings.session_retention_days);
  get diagnostics gone = row_count;
  removed := removed || jsonb_build_object('user_sessions', gone);

  delete from public.personality_history
  where changed_at < now() - make_interval(days => settings.history_retention_days);
  get diagnostics gone = row_count;
  removed := removed || jsonb_build_object('personality_history', gone);

  delete from public.wellness_days w
  where w.day < current_date - 1 - settings.wellness_retention_days;
  get diagnostics gone = row_count;
  removed := removed || jsonb_build_object('wellness_days', gone);

  delete from bondhu.safety_events
  where written_at < now() - make_interval(days => settings.safety_event_retention_days);
  get diagnostics gone = row_count;
  removed := removed || jsonb_build_object('safety_events', gone);

  delete from public.erasures
  where finished_at < now() - make_interval(days => settings.erasure_receipt_retention_days);
  get diagnostics gone = row_count;
  removed := removed || jsonb_build_object('erasures', gone);
  delete from bondhu.receipts
  where finished_at < now() - make_interval(days => settings.erasure_receipt_retention_days);
  get diagnostics gone = row_count;
  removed := removed || jsonb_build_object('receipts', gone);

  -- By then nobody retries any more; a reply that is stored is found by its id.
  delete from bondhu.chat_replies where claimed_at < now() - interval '30 days';
  get diagnostics gone = row_count;
  delete from bondhu.chat_usage where day < current_date - 30;
  delete from bondhu.chat_usage_of_project where day < current_date - 365;
  removed := removed || jsonb_build_object('chat_replies', gone);

  -- YouTube API Services Developer Policies III.E.4: delete what was not refreshed in time, and what was
  -- concluded from it.
  foreach relation in array array['video_subscriptions', 'video_likes', 'video_playlists', 'video_playlist_items'] loop
    execute format(
      'with old as (delete from public.%I where fetched_at < $1 returning user_id)
       select count(*), coalesce(array_agg(distinct user_id), ''{}'') from old', relation)
      into gone, owners using now() - make_interval(days => settings.video_retention_days);
    outdated := outdated || owners;
    expired := expired || jsonb_build_object(relation, owners);
    removed := removed || jsonb_build_object(relation, gone);
  end loop;
  update public.video_subscriptions s set topics = null, topics_at = null
  where s.topics_at < now() - make_interval(days => settings.video_retention_days);
  with old as (
    update public.video_playlist_items i
       set title = null, channel_id = null, channel_title = null, category_id = null, topics = null, published_at = null, details_at = null
    where i.details_at < now() - make_interval(days => settings.video_retention_days)
    returning i.user_id
  )
  select coalesce(array_agg(distinct o.user_id), '{}') into owners from old o;
  outdated := outdated || owners;

  delete from bondhu.page_etags
  where fetched_at < now() - make_interval(days => settings.video_retention_days);
  get diagnostics gone = row_count;
  removed := removed || jsonb_build_object('page_etags', gone);

  delete from public.video_preferences p
  where p.computed_at < now() - make_interval(days => settings.video_retention_days)
     or p.user_id = any (outdated);
  get diagnostics gone = row_count;
  removed := removed || jsonb_build_object('video_preferences', gone);

  delete from bondhu.recommendation_candidates c
  where c.kind = 'video'
    and (c.computed_at < now() - make_interval(days => settings.video_retention_days) or c.user_id = any (outdated));
  get diagnostics gone = row_count;
  removed := removed || jsonb_build_object('recommendation_candidates', gone);

  delete from public.recommendation_feedback f
  where f.kind = 'video'
    and (f.given_at < now() - make_interval(days => settings.video_retention_days)
      or not exists (select from bondhu.recommendation_candidates c where c.user_id = f.user_id and c.kind = 'video'));
  get diagnostics gone = row_count;
  removed := removed || jsonb_build_object('recommendation_feedback', gone);

  delete from public.music_preferences p
  where p.provider = 'youtube'
    and (p.computed_at < now() - make_interval(days => settings.video_retention_days) or p.user_id = any (outdated));
  get diagnostics gone = row_count;
  removed := removed || jsonb_build_object('music_preferences', gone);

  -- Whoever lost something is told. Where the connection already says that it does not work, it says why.
  update public.provider_connections c
     set missing = lost.resources,
         status = case when c.status = 'ok' then 'partial' else c.status end,
         last_error_code = case when c.status in ('failing', 'needs_reauth') then c.last_error_code else 'expired' end,
         last_error = case when c.status in ('failing', 'needs_reauth') then c.last_error else format(
           'YouTube''s data may be kept for %s days, and could not be read again in time: it was deleted. The next sync brings it back.',
           settings.video_retention_days) end
    from (
      select owner.id::uuid as user_id, array_agg(distinct list.resource) as resources
      from (values
        ('video_subscriptions', 'youtube.subscriptions'), ('video_likes', 'youtube.liked_videos'),
        ('video_playlists', 'youtube.playlists'), ('video_playlist_items', 'youtube.playlist_items')
      ) list (relation, resource)
      cross join lateral jsonb_array_elements_text(expired -> list.relation) owner (id)
      group by owner.id
    ) lost
   where c.user_id = lost.user_id and c.provider = 'youtube' and c.status <> 'disconnected';

  delete from bondhu.video_categories
  where fetched_at < now() - make_interval(days => settings.video_retention_days);
  get diagnostics gone = row_count;
  removed := removed || jsonb_build_object('video_categories', gone);

  delete from bondhu.video_charts
  where coalesce(fetched_at, ask_again_at) < now() - make_interval(days => settings.video_retention_days);
  get diagnostics gone = row_count;
  removed := removed || jsonb_build_object('video_charts', gone);

  -- YouTube API Services Developer Policies III.E.4: within 7 days of the request.
  delete from bondhu.revocations where requested_at < now() - interval '7 days';
  get diagnostics gone = row_count;
  removed := removed || jsonb_build_object('revocations', gone);

  delete from bondhu.provider_ledger
  where counted_from < now() - make_interval(days => settings.cron_history_retention_days);
  get diagnostics gone = row_count;
  removed := removed || jsonb_build_object('provider_ledger', gone);

  if bondhu.has_cron() then
    -- pg_cron never prunes its log. Rows of other jobs are left alone.
    execute 'delete from cron.job_run_details
             where database = current_database() and command ~ ''^(select|call) bondhu[.]''
               and end_time < now() - make_interval(days => $1)'
      using settings.cron_history_retention_days;
    get diagnostics gone = row_count;
    removed := removed || jsonb_build_object('cron_history', gone);
  end if;
  return removed;
end
$$;
comment on function bondhu.prune() is
  'Deletes what is older than its retention (bondhu.settings) and returns the number of rows of each; never messages or sentiment_buckets. Run by cron.';

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
    ('bondhu-record-wellness', '*/10 * * * *', 'select bondhu.record_wellness()'),
    ('bondhu-prune', '17 3 * * *', 'select bondhu.prune(), bondhu.create_missing_profiles()')
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

revoke all on function bondhu.prune(), bondhu.has_cron(), bondhu.require_cron(text), bondhu.cron_plan(),
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
