-- What an administrator asks of an engine: is all that is stored what the messages make it?

create function bondhu.verify_all(users uuid[])
returns table (user_id uuid, relation text, figure text, stored text, recounted text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  -- Of who has it all erased no conclusion is kept while messages are left.
  users := array(
    select u.id from unnest(users) u (id)
    where not exists (select from public.erasures e where e.user_id = u.id and e.finished_at is null)
  );
  return query
    select d.* from bondhu.differences(users) d
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
  'Compares what is stored about one user, or all users, with the raw messages: a row for each figure that differs, for a missing profile, and (without a user_id) for each missing trigger; no rows when all is exact. What is to be made anew (bondhu.due_profiles()) is left out. 0A000 without an engine.';

revoke all on function bondhu.verify_all(uuid[]), bondhu.verify(uuid)
  from public, anon, authenticated, service_role;
grant execute on function bondhu.verify(uuid) to service_role;
