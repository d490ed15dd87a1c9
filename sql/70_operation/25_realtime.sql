-- Private channels of Supabase's Realtime: a user hears and sends on the topic user:{user_id} and on no other,
-- which two policies on Realtime's own table say. The service makes that table when it first starts, which may be
-- after Bondhu came; nothing else here needs it.

create function bondhu.realtime_policies() returns table (name text, head text)
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  values
    ('bondhu_hear_own_topic', 'create policy %I on realtime.messages for select to authenticated using '),
    ('bondhu_send_to_own_topic', 'create policy %I on realtime.messages for insert to authenticated with check ')
$$;
comment on function bondhu.realtime_policies() is
  'The policies that open user:{user_id} to its user: names, and how their statements begin; %I stands for the name.';

create function bondhu.missing_realtime_policies() returns text[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  -- By the catalog: who has no USAGE on the schema may ask, too.
  select coalesce(array_agg(p.name order by p.name), '{}')
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace and n.nspname = 'realtime'
  cross join bondhu.realtime_policies() p
  where c.relname = 'messages' and c.relkind in ('r', 'p')
    and not exists (select from pg_catalog.pg_policy l where l.polrelid = c.oid and l.polname = p.name)
$$;
comment on function bondhu.missing_realtime_policies() is
  'Names of the policies of bondhu.realtime_policies() that are not there; empty where Realtime has no table yet.';

create function bondhu.authorize_realtime() returns text[]
language plpgsql
set search_path = pg_catalog, pg_temp
set lock_timeout = '2s' -- never at the head of a queue for Realtime's table
as $$
declare
  -- Realtime asks with a row of the topic under a setting of the topic. Were only the setting compared, a transaction
  -- that sends to its user's topic could read what was sent to others.
  own_topic constant text :=
    $policy$(extension in ('broadcast', 'presence') and topic = (select realtime.topic()) and topic = 'user:' || (select auth.uid())::text)$policy$;
  missing text[] := bondhu.missing_realtime_policies();
  policy record;
begin
  for policy in
    select p.name, p.head from bondhu.realtime_policies() p where p.name = any (missing)
  loop
    execute format(policy.head || own_topic, policy.name);
  end loop;
  return array[]::text[];
exception when others then
  -- Whatever it is (42501 where a hosted project lets only the dashboard write policies there), it must not stop a
  -- migration or a job.
  raise warning using
    errcode = sqlstate,
    message = format('users cannot join their private Realtime channels: %s', sqlerrm),
    hint = format('Run in the SQL Editor of the dashboard: %s',
      (select string_agg(format(p.head || own_topic, p.name) || ';', ' ') from bondhu.realtime_policies() p where p.name = any (missing)));
  return missing;
end
$$;
comment on function bondhu.authorize_realtime() is
  'Creates what bondhu.missing_realtime_policies() names, and returns what is missing all the same, with a warning that says what to do. Run by cron.';

create function bondhu.unauthorize_realtime() returns text[]
language plpgsql
set search_path = pg_catalog, pg_temp
set lock_timeout = '2s'
as $$
declare
  present text[] := array(
    select p.name from bondhu.realtime_policies() p
    join pg_catalog.pg_policy l on l.polname = p.name
    join pg_catalog.pg_class c on c.oid = l.polrelid and c.relname = 'messages'
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace and n.nspname = 'realtime'
    order by p.name
  );
  policy text;
begin
  foreach policy in array present loop
    execute format('drop policy %I on realtime.messages', policy);
  end loop;
  return array[]::text[];
exception when others then
  return present;
end
$$;
comment on function bondhu.unauthorize_realtime() is 'Drops the policies of bondhu.realtime_policies(); returns those that it may not drop.';

revoke all on function bondhu.realtime_policies(), bondhu.missing_realtime_policies(), bondhu.authorize_realtime(),
  bondhu.unauthorize_realtime()
  from public, anon, authenticated, service_role;
-- For the doctor.
grant execute on function bondhu.realtime_policies(), bondhu.missing_realtime_policies() to bondhu_worker;

do $$
begin
  perform bondhu.authorize_realtime();
end
$$;
