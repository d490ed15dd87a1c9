-- What an administrator asks of an engine: is all that is stored what the messages make it?

create function bondhu.verify_all(users uuid[])
returns table (user_id uuid, relation text, figure text, stored text, recounted text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
    select d.* from bondhu.differences(users) d
    union all
    select w.* from unnest(users) id cross join lateral bondhu.wellness_differences(id) w
    union all
    select u.id, 'companion_profiles', 'row', null, 'exists'
    from auth.users u
    where u.id = any (users) and not exists (select from public.companion_profiles p where p.user_id = u.id);
end
$$;
comment on function bondhu.verify_all(uuid[]) is 'bondhu.verify() for the given users.';

create function bondhu.verify(user_id uuid default null)
returns table (user_id uuid, relation text, figure text, stored text, recounted text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select v.*
  from bondhu.verify_all(case when $1 is not null then array[$1] else (
    select coalesce(array_agg(u.id order by u.id), '{}') from auth.users u
  ) end) v
  union all
  -- Of no user: without these triggers the next message or sign-up is not processed.
  select null, l.relation, 'trigger ' || l.name, l.state, 'enabled'
  from bondhu.lost_triggers() l
$$;
comment on function bondhu.verify(uuid) is
  'Compares what is stored about one user, or all users, with the raw messages: a row for each figure that differs, for a missing profile, and (without a user_id) for each missing trigger; no rows when all is exact. 0A000 without an engine.';

-- SECURITY DEFINER: it fires as whoever sets, who has no rights on what it rebuilds.
create function bondhu.apply_engine_settings() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if bondhu.engine() is not null then
    -- Waits for messages that are being written under the former settings, and makes new ones wait, so
    -- that no transaction is processed under both.
    lock table public.personality_profiles in share row exclusive mode;
    perform bondhu.recompute(p.user_id) from (select user_id from public.personality_profiles order by user_id) p;
  end if;
  return null;
end
$$;
comment on function bondhu.apply_engine_settings() is
  'AFTER UPDATE trigger on settings: rebuilds what was concluded under the former settings, in the same transaction.';

create trigger settings_apply_to_engine after update on bondhu.settings
  for each row when (
    (old.window_hours, old.min_messages, old.trend_threshold_hundredths, old.needs_support_below_hundredths,
     old.enthusiastic_above_hundredths, old.variable_above_hundredths, old.crisis_support_hours, old.trait_full_confidence,
     old.wellness_retention_days)
    is distinct from
    (new.window_hours, new.min_messages, new.trend_threshold_hundredths, new.needs_support_below_hundredths,
     new.enthusiastic_above_hundredths, new.variable_above_hundredths, new.crisis_support_hours, new.trait_full_confidence,
     new.wellness_retention_days)
  ) execute function bondhu.apply_engine_settings();

revoke all on function bondhu.verify_all(uuid[]), bondhu.verify(uuid), bondhu.apply_engine_settings()
  from public, anon, authenticated, service_role;
grant execute on function bondhu.verify(uuid) to service_role;
