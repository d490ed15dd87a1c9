-- Uninstalling: leaves a project as it was before the first migration. Everything that Bondhu has stored
-- is deleted; objects of the app that depend on Bondhu's are kept, and make it fail.

create function bondhu.public_objects() returns table (kind text, name text)
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select 'table', unnest(array[
    'chat_messages', 'listening_gaps', 'listening_history', 'music_library', 'music_playlist_items', 'music_playlists',
    'music_preferences', 'music_top_items', 'personality_history', 'personality_history_evidence', 'personality_profiles',
    'companion_profiles', 'provider_connections', 'sentiment_buckets', 'session_activities', 'user_sessions', 'video_likes',
    'video_playlist_items', 'video_playlists', 'video_preferences', 'video_subscriptions', 'wellness_days'
  ])
  union all
  select 'function', unnest(array[
    'begin_connect', 'chat_history', 'commit_position', 'confirm_connect', 'disconnect', 'end_session', 'explain_message',
    'listening_stats', 'log_activity', 'mood_mix', 'mood_patterns', 'mood_trend', 'personality_context',
    'personality_evolution', 'recently_played', 'request_sync', 'start_session', 'top_genres', 'touch_session',
    'watching_stats', 'wellness_history'
  ])
$$;
comment on function bondhu.public_objects() is 'Bondhu''s objects in the schema public.';

-- Such as a view, a foreign key, a default, a function that returns Bondhu's rows. A publication does
-- not count: it merely publishes the table no longer.
create function bondhu.foreign_dependents() returns text[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  with relations as (
    select c.oid, c.reltype
    from pg_catalog.pg_class c
    where c.relnamespace = 'bondhu'::regnamespace
       or c.oid in (select format('public.%I', o.name)::regclass from bondhu.public_objects() o where o.kind = 'table')
  ), ours (class, oid) as (
    select 'pg_class'::regclass, r.oid from relations r
    union all
    select 'pg_type'::regclass, t.oid from pg_catalog.pg_type t
    where t.typnamespace = 'bondhu'::regnamespace or t.oid in (select r.reltype from relations r)
    union all
    select 'pg_proc'::regclass, p.oid from pg_catalog.pg_proc p where p.pronamespace = 'bondhu'::regnamespace
  )
  select coalesce(array_agg(distinct pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid)), '{}')
  from pg_catalog.pg_depend d
  join ours on d.refclassid = ours.class and d.refobjid = ours.oid
  cross join lateral pg_catalog.pg_identify_object(d.classid, d.objid, d.objsubid) object
  -- For an object that belongs to a table: the table's schema and name.
  cross join lateral pg_catalog.pg_identify_object_as_address(d.classid, d.objid, d.objsubid) address
  cross join lateral (
    select coalesce(object.schema, address.object_names[1]) as schema,
      case when object.schema is null then address.object_names[2] else object.name end as name
  ) owner
  where d.deptype = 'n' and d.classid <> 'pg_publication_rel'::regclass
    and owner.schema <> 'bondhu'
    and object.identity <> 'bondhu_create_profile on auth.users'
    and not exists (
      select from bondhu.public_objects() o
      where owner.schema = 'public' and o.name = coalesce(owner.name, address.object_names[2])
    )
$$;
comment on function bondhu.foreign_dependents() is 'Objects of the app that depend on Bondhu''s tables, types and private functions.';

create function bondhu.uninstall(confirm text default null, slot text default 'bondhu_mirror') returns text[]
language plpgsql
set search_path = pg_catalog, pg_temp
set client_min_messages = warning -- without a notice for each dropped object
as $uninstall$
declare
  owner constant name := (select pg_catalog.pg_get_userbyid(c.relowner) from pg_catalog.pg_class c where c.oid = 'public.chat_messages'::regclass);
  relations text := (select string_agg(format('public.%I', o.name), ', ') from bondhu.public_objects() o where o.kind = 'table');
  functions text;
  dependents text[] := bondhu.foreign_dependents();
  stays text[] := array[]::text[];
begin
  if confirm is distinct from 'delete all that Bondhu has stored' then
    raise exception using
      errcode = '22023',
      message = 'this deletes every message, profile, linked account and setting of Bondhu''s in this database',
      hint = 'Make a dump first (docs/backup.md), stop the workers, then run '
        'select bondhu.uninstall(''delete all that Bondhu has stored'');';
  end if;
  if exists (
    select from pg_catalog.pg_replication_slots s
    where s.slot_name = slot and s.database = current_database() and s.active
  ) then
    raise exception using
      errcode = '55006',
      message = format('replication slot %s is in use', slot),
      hint = 'Stop the workers, then run bondhu.uninstall() again.';
  end if;
  if cardinality(dependents) > 0 then
    raise exception using
      errcode = '2BP01',
      message = format('the app uses what would go: %s', array_to_string(dependents, ', ')),
      hint = 'Drop these first, then run bondhu.uninstall() again.';
  end if;

  if bondhu.has_cron() then
    perform bondhu.remove_cron();
  end if;
  perform bondhu.detach_engine();
  begin
    drop extension if exists bondhu;
    drop schema if exists bondhu_native;
  exception when insufficient_privilege then
    stays := stays || text 'extension bondhu: a superuser has created it, and may drop it';
  end;

  if current_user <> owner then
    -- Until the end of this function: a grant is revoked by its grantor.
    perform set_config('role', owner, true);
  end if;
  drop publication if exists bondhu_mirror;
  -- Only Bondhu's own, which pin this search_path: an app may have functions of the same names.
  select string_agg(p.oid::regprocedure::text, ', ') into functions
  from pg_catalog.pg_proc p
  join bondhu.public_objects() o on o.kind = 'function' and o.name = p.proname
  where p.pronamespace = 'public'::regnamespace and p.proconfig @> array['search_path=pg_catalog, pg_temp'];
  execute 'drop function ' || functions;
  execute 'drop table ' || relations || ' cascade';
  revoke usage on schema public from bondhu_worker;
  drop schema bondhu cascade;

  begin
    drop role bondhu_worker;
  exception
    when dependent_objects_still_exist then
      stays := stays || text 'role bondhu_worker: another database of this server uses it, or something was granted to it by hand';
    when insufficient_privilege then
      stays := stays || format('role bondhu_worker: %s does not administer it; a superuser may drop it', current_user);
  end;
  -- Last: it is not restored when the transaction is rolled back.
  perform pg_catalog.pg_drop_replication_slot(s.slot_name)
  from pg_catalog.pg_replication_slots s
  where s.slot_name = slot and s.database = current_database();
  return stays;
end
$uninstall$;
comment on function bondhu.uninstall(text, text) is
  'Removes Bondhu from this database with all that it has stored, and its jobs, publication, slot and role; returns what is left, and why. Only for the owner or a superuser, and only with the words that the error without them names. The extension pg_cron stays: others may use it.';

revoke all on function bondhu.public_objects(), bondhu.foreign_dependents(), bondhu.uninstall(text, text)
  from public, anon, authenticated, service_role;
