-- What is older than its retention goes. A batch at a time, the oldest first and found by an index, with a commit after
-- each: nobody waits for it, and it goes on where it was stopped. Never messages or what is summed from them.

create function bondhu.retention()
returns table (
  name text, schema_name name, table_name name, aged_by name, kept_for interval,
  only_column name, only_value text, cleared name[], with_conclusions boolean, resource text
)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select r.name, r.schema_name, r.table_name, r.aged_by, make_interval(days => r.days), r.only_column, r.only_value, r.cleared::name[],
    r.with_conclusions, r.resource
  from bondhu.settings s
  cross join lateral (values
    -- YouTube API Services Developer Policies III.E.4: delete what was not refreshed in time, and what was concluded from it.
    ('video_likes', 'public', 'video_likes', 'fetched_at', s.video_retention_days, null, null, null, true, 'youtube.liked_videos'),
    ('video_subscriptions', 'public', 'video_subscriptions', 'fetched_at', s.video_retention_days, null, null, null, true, 'youtube.subscriptions'),
    ('video_playlist_items', 'public', 'video_playlist_items', 'fetched_at', s.video_retention_days, null, null, null, true, 'youtube.playlist_items'),
    ('video_playlists', 'public', 'video_playlists', 'fetched_at', s.video_retention_days, null, null, null, true, 'youtube.playlists'),
    ('video_topics', 'public', 'video_subscriptions', 'topics_at', s.video_retention_days, null, null, '{topics, topics_at}', false, null),
    ('video_details', 'public', 'video_playlist_items', 'details_at', s.video_retention_days, null, null,
      '{title, channel_id, channel_title, category_id, topics, published_at, details_at}', true, null),
    ('recommendation_candidates', 'bondhu', 'recommendation_candidates', 'computed_at', s.video_retention_days, 'kind', 'video', null, true, null),
    ('recommendation_feedback', 'public', 'recommendation_feedback', 'given_at', s.video_retention_days, 'kind', 'video', null, false, null),
    ('video_preferences', 'public', 'video_preferences', 'computed_at', s.video_retention_days, null, null, null, false, null),
    ('music_preferences', 'public', 'music_preferences', 'computed_at', s.video_retention_days, 'provider', 'youtube', null, false, null),
    ('page_etags', 'bondhu', 'page_etags', 'fetched_at', s.video_retention_days, null, null, null, false, null),
    ('video_categories', 'bondhu', 'video_categories', 'fetched_at', s.video_retention_days, null, null, null, false, null),
    ('video_charts', 'bondhu', 'video_charts', 'fetched_at', s.video_retention_days, null, null, null, false, null),
    -- Within 7 days of the request.
    ('revocations', 'bondhu', 'revocations', 'requested_at', 7, null, null, null, false, null),
    ('user_sessions', 'public', 'user_sessions', 'ended_at', s.session_retention_days, null, null, null, false, null),
    ('personality_history', 'public', 'personality_history', 'changed_at', s.history_retention_days, null, null, null, false, null),
    ('safety_events', 'bondhu', 'safety_events', 'written_at', s.safety_event_retention_days, null, null, null, false, null),
    ('erasures', 'public', 'erasures', 'finished_at', s.erasure_receipt_retention_days, null, null, null, false, null),
    ('receipts', 'bondhu', 'receipts', 'finished_at', s.erasure_receipt_retention_days, null, null, null, false, null),
    -- By then nobody retries any more; a reply that is stored is found by its id.
    ('chat_replies', 'bondhu', 'chat_replies', 'claimed_at', 30, null, null, null, false, null),
    ('chat_usage', 'bondhu', 'chat_usage', 'day', 30, null, null, null, false, null),
    ('chat_usage_of_project', 'bondhu', 'chat_usage_of_project', 'day', 365, null, null, null, false, null),
    ('provider_ledger', 'bondhu', 'provider_ledger', 'counted_from',
      -- Never within a window, and a day has 25 hours once a year.
      greatest(s.cron_history_retention_days, (select 2 + max(p.window_seconds) / 86400 from bondhu.provider_settings p)),
      null, null, null, false, null)
  ) r (name, schema_name, table_name, aged_by, days, only_column, only_value, cleared, with_conclusions, resource)
$$;
comment on function bondhu.retention() is
  'What goes once aged_by is longer ago than kept_for: rows of the table, of which only those whose only_column is only_value; or, where cleared is not null, only what these columns hold. with_conclusions: with what was concluded from the same user''s videos; resource: what their connection then misses.';

-- By which bondhu.prune_batch() finds them.
create index video_playlist_items_by_age on public.video_playlist_items (fetched_at);
create index video_playlist_items_by_details on public.video_playlist_items (details_at) where details_at is not null;
create index video_subscriptions_by_topics on public.video_subscriptions (topics_at) where topics_at is not null;
create index recommendation_candidates_by_age on bondhu.recommendation_candidates (computed_at) where kind = 'video';
create index recommendation_feedback_by_age on public.recommendation_feedback (given_at) where kind = 'video';
create index video_preferences_by_age on public.video_preferences (computed_at);
create index music_preferences_by_age on public.music_preferences (computed_at) where provider = 'youtube';
create index page_etags_by_age on bondhu.page_etags (fetched_at);
create index video_categories_by_age on bondhu.video_categories (fetched_at);
create index video_charts_by_age on bondhu.video_charts (fetched_at);
create index revocations_by_age on bondhu.revocations (requested_at);
create index user_sessions_by_end on public.user_sessions (ended_at) where ended_at is not null;
create index personality_history_by_age on public.personality_history (changed_at);
create index safety_events_by_age on bondhu.safety_events (written_at);
create index erasures_by_end on public.erasures (finished_at) where finished_at is not null;
create index receipts_by_end on bondhu.receipts (finished_at);
create index chat_usage_by_day on bondhu.chat_usage (day);
create index provider_ledger_by_age on bondhu.provider_ledger (counted_from);

create function bondhu.forget_conclusions_from_videos(users uuid[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  -- In the order of bondhu.delete_provider_data().
  delete from public.video_preferences p where p.user_id = any (users);
  delete from bondhu.recommendation_candidates c where c.user_id = any (users) and c.kind = 'video';
  delete from public.recommendation_feedback f where f.user_id = any (users) and f.kind = 'video';
  delete from public.music_preferences p where p.user_id = any (users) and p.provider = 'youtube';
end
$$;
comment on function bondhu.forget_conclusions_from_videos(uuid[]) is
  'Deletes what was made of users'' videos. The next pull makes it anew of those there are.';

create function bondhu.tell_of_expired(users uuid[], of_resource text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  -- Where the connection already says that it does not work, it says why.
  update public.provider_connections c
     set missing = case when of_resource = any (c.missing) then c.missing else c.missing || of_resource end,
         status = case when c.status = 'ok' then 'partial' else c.status end,
         last_error_code = case when c.status in ('failing', 'needs_reauth') then c.last_error_code else 'expired' end,
         last_error = case when c.status in ('failing', 'needs_reauth') then c.last_error else format(
           'YouTube''s data may be kept for %s days, and could not be read again in time: it was deleted. The next sync brings it back.',
           s.video_retention_days) end
    from bondhu.settings s
   where c.user_id = any (users) and c.provider = 'youtube' and c.status <> 'disconnected';
end
$$;
comment on function bondhu.tell_of_expired(uuid[], text) is
  'Has the connections of users to YouTube say that what they held of a resource was too old to be kept.';

create function bondhu.prune_batch(of_name text, most integer) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
set lock_timeout = '500ms' -- as hold_lease has it, and why
as $$
declare
  rule record;
  gone integer;
  owners uuid[];
begin
  select r.* into strict rule from bondhu.retention() r where r.name = of_name;
  -- In the order of the index, whatever statistics say. What is in use is left for later.
  execute format('with old as materialized (select t.ctid as place from %I.%I t where t.%I < $1', rule.schema_name, rule.table_name, rule.aged_by)
    || case when rule.only_column is null then '' else format(' and t.%I = %L', rule.only_column, rule.only_value) end
    || format(' order by t.%I limit $2 for update skip locked), ', rule.aged_by)
    || case when rule.cleared is null
      then format('gone as (delete from %I.%I t where t.ctid = any (array(select o.place from old o))', rule.schema_name, rule.table_name)
      else format('gone as (update %I.%I t set ', rule.schema_name, rule.table_name)
        || (select string_agg(format('%I = null', c.name), ', ') from unnest(rule.cleared) c (name))
        || ' where t.ctid = any (array(select o.place from old o))' end
    || case when rule.with_conclusions then ' returning t.user_id as owner)' else ' returning null::uuid as owner)' end
    || ' select count(*), coalesce(array_agg(distinct g.owner) filter (where g.owner is not null), ''{}'') from gone g'
    into gone, owners using now() - rule.kept_for, most;
  if owners <> '{}' then
    perform bondhu.forget_conclusions_from_videos(owners);
    if rule.resource is not null then
      perform bondhu.tell_of_expired(owners, rule.resource);
    end if;
  end if;
  return gone;
end
$$;
comment on function bondhu.prune_batch(text, integer) is
  'Has up to `most` of a rule of bondhu.retention() go, the oldest first; returns how many. P0002 for a name that there is not.';

-- pg_cron never prunes its log. Rows of other jobs are left alone.
create function bondhu.prune_cron_history(most integer) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
set lock_timeout = '500ms'
as $$
declare
  gone integer := 0;
begin
  if bondhu.has_cron() then
    execute 'delete from cron.job_run_details where runid = any (array(
         select d.runid from cron.job_run_details d
         where d.database = current_database() and d.command ~ ''^(select|call) bondhu[.]'' and d.end_time < $1
         order by d.runid limit $2))'
      using now() - make_interval(days => (select s.cron_history_retention_days from bondhu.settings s)), most;
    get diagnostics gone = row_count;
  end if;
  return gone;
end
$$;
comment on function bondhu.prune_cron_history(integer) is
  'Deletes up to `most` runs of Bondhu''s jobs that are older than settings.cron_history_retention_days from pg_cron''s log; returns how many.';

-- A procedure, to commit after each batch. Those pin search_path themselves. Supabase lets a statement take two minutes, and
-- to it all of this is one: https://supabase.com/docs/guides/database/postgres/timeouts.
create procedure bondhu.prune(seconds integer default 100, batch integer default 1000, inout removed jsonb default '{}')
language plpgsql
as $$
declare
  until constant timestamptz := pg_catalog.clock_timestamp() operator(pg_catalog.+) pg_catalog.make_interval(secs => seconds);
  names text[];
  is_done boolean[];
  gone integer;
  failures text[] := array[]::text[];
begin
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  -- Two at once would wait for each other.
  if not pg_try_advisory_lock(hashtextextended('bondhu.prune', 0)) then
    removed := '{}';
    return;
  end if;
  names := array(select r.name from bondhu.retention() r) || array['cron_history'];
  is_done := array_fill(false, array[cardinality(names)]);
  removed := (select jsonb_object_agg(n.name, 0) from unnest(names) n (name));
  -- In turns: where the time is too short for all, each gets on.
  while false = any (is_done) and clock_timestamp() < until loop
    for place in 1 .. cardinality(names) loop
      continue when is_done[place] or clock_timestamp() >= until;
      begin
        gone := case names[place] when 'cron_history' then bondhu.prune_cron_history(batch) else bondhu.prune_batch(names[place], batch) end;
        is_done[place] := gone < batch;
        removed := jsonb_set(removed, array[names[place]], to_jsonb((removed ->> names[place])::bigint + gone));
      exception
        -- Somebody is at it: its turn comes again.
        when lock_not_available or deadlock_detected then null;
        -- Not to keep the others waiting.
        when others then
          failures := failures || format('%s: %s', names[place], sqlerrm);
          is_done[place] := true;
      end;
      commit;
      perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true), pg_catalog.set_config('synchronous_commit', 'off', true);
    end loop;
  end loop;
  perform bondhu.create_missing_profiles();
  perform pg_advisory_unlock(hashtextextended('bondhu.prune', 0));
  if failures <> '{}' then
    -- After the last commit: the job is seen to have failed, and what the others removed is gone.
    commit;
    perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    raise exception using
      errcode = '55000',
      message = format('not pruned: %s', array_to_string(failures, '; ')),
      hint = 'Everything else was. The next run tries again; what stands in the way is to be mended.';
  end if;
end
$$;
comment on procedure bondhu.prune(integer, integer, jsonb) is
  'Has all that is older than its retention go (bondhu.retention()), in batches with a commit after each, for some seconds at most, and creates profiles that a restore has lost; removed: how many of each went. What is left goes with the next run, and so does all of this where another runs already. 55000, at the end, for rules that failed. Never messages or sentiment_buckets. Run by cron.';

revoke all on function bondhu.retention(), bondhu.forget_conclusions_from_videos(uuid[]), bondhu.tell_of_expired(uuid[], text),
  bondhu.prune_batch(text, integer),
  bondhu.prune_cron_history(integer)
  from public, anon, authenticated, service_role;
revoke all on procedure bondhu.prune(integer, integer, jsonb) from public, anon, authenticated, service_role;
