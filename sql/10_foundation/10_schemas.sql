-- Rooms and the worker's role.
--
-- `public` is what the Data API exposes; `bondhu` is private. An API role may look
-- into `bondhu` (USAGE) because RPCs and column defaults call listed functions
-- there, and can read or write none of its tables.

create schema bondhu;
comment on schema bondhu is 'Private to the backend: settings, tokens, jobs, OAuth states, the engine''s entry functions.';

-- Only who makes a role may say more about it: where another database of the cluster, or this one
-- before its upgrade to 16 or later, has made it, the owner does not administer it. So this is the only
-- place that says anything about roles; everything after it grants rights on objects, which needs none.
do $role$
begin
  if to_regrole('bondhu_worker') is null then
    create role bondhu_worker nologin;
    comment on role bondhu_worker is 'The sync worker. The operator gives it a login: alter role bondhu_worker login password ''…''.';
    if current_setting('server_version_num')::integer < 160000 then
      -- As it is without saying from 16 on; said here, it outlives an upgrade.
      execute format('grant bondhu_worker to %I with admin option', current_user);
    end if;
  end if;
end
$role$;

revoke all on schema bondhu from public;
grant usage on schema bondhu to authenticated, service_role, bondhu_worker;
grant usage on schema public to bondhu_worker;

create function bondhu.require_user() returns uuid
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  caller uuid := auth.uid();
begin
  if caller is null then
    raise exception using
      errcode = '28000',
      message = 'nobody is signed in',
      hint = 'Call this with the access token of a signed-in user.';
  end if;
  return caller;
end
$$;
comment on function bondhu.require_user() is 'The signed-in user; SQLSTATE 28000 when there is none.';
revoke all on function bondhu.require_user() from public, anon, authenticated, service_role;
grant execute on function bondhu.require_user() to authenticated, service_role;

-- Who deletes a user locks that row first, and then what hangs on it. Who begins elsewhere and needs
-- the row at the end waits for them while they wait.
create function bondhu.hold_user() returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  caller uuid := bondhu.require_user();
begin
  if has_any_column_privilege('auth.users', 'update') then
    perform from auth.users u where u.id = caller for key share;
    if not found then
      raise exception using
        errcode = '28000',
        message = 'this account is deleted',
        hint = 'Sign up again; the access token of the former account ends by itself.';
    end if;
  end if;
  return caller;
end
$$;
comment on function bondhu.hold_user() is
  'As bondhu.require_user(), for functions that write more than a row: the user stays until the transaction ends. 28000 when they are deleted.';
revoke all on function bondhu.hold_user() from public, anon, authenticated, service_role;

create function bondhu.refuse(rule text, reason text, remedy text) returns boolean
language plpgsql stable -- not immutable: the planner would call it
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = '23514', constraint = rule, message = reason, hint = remedy;
end
$$;
comment on function bondhu.refuse(text, text, text) is
  'For checks that people run into: check (case when <broken> then bondhu.refuse(…) end) fails with a sentence and a remedy in place of the name of a constraint.';
revoke all on function bondhu.refuse(text, text, text) from public, anon, authenticated, service_role;
grant execute on function bondhu.refuse(text, text, text) to authenticated, service_role;

create function bondhu.set_updated_at() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  new.updated_at := now();
  return new;
end
$$;
comment on function bondhu.set_updated_at() is 'BEFORE UPDATE trigger: stamps the row with the transaction''s time.';
revoke all on function bondhu.set_updated_at() from public, anon, authenticated, service_role;
