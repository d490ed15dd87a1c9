-- Schemas and the worker's role.
--
-- `public` is what the Data API exposes; `bondhu` is private. An API role has USAGE on `bondhu`
-- because RPCs and column defaults call granted functions there; it can read or write none of its
-- tables.

create schema bondhu;
comment on schema bondhu is 'Private to the backend: settings, tokens, jobs, OAuth states, the engine''s entry functions.';

-- Only the creator of a role may alter it: where another database of the cluster has created it, or
-- this one before its upgrade to 16 or later, the owner does not administer it. So roles are altered
-- only here; everything after it grants rights on objects, which needs no right on the role.
do $role$
begin
  if to_regrole('bondhu_worker') is null then
    create role bondhu_worker nologin;
    comment on role bondhu_worker is 'The sync worker. The operator gives it a login: alter role bondhu_worker login password ''…''.';
    if current_setting('server_version_num')::integer < 160000 then
      -- The default from 16 on; stated here, it survives an upgrade.
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

-- Deleting a user locks that row first, then the rows that refer to it. A transaction that begins
-- with one of those and needs the user's row at the end would deadlock with it.
create function bondhu.lock_account(of_user uuid, alone boolean default false) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if not has_any_column_privilege('auth.users', 'update') then
    return exists (select from auth.users u where u.id = of_user);
  end if;
  if alone then
    perform from auth.users u where u.id = of_user for update;
  else
    perform from auth.users u where u.id = of_user for key share;
  end if;
  return found;
end
$$;
comment on function bondhu.lock_account(uuid, boolean) is
  'Locks an account''s row, where the schema''s owner may, so that it stays until the transaction ends: before any other row of the account. alone: nobody else writes what refers to it meanwhile. False when there is none.';
revoke all on function bondhu.lock_account(uuid, boolean) from public, anon, authenticated, service_role;

create function bondhu.lock_user(alone boolean default false) returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  caller uuid := bondhu.require_user();
begin
  if not bondhu.lock_account(caller, alone) then
    raise exception using
      errcode = '28000',
      message = 'this account is deleted',
      hint = 'Sign up again; the access token of the former account ends by itself.';
  end if;
  return caller;
end
$$;
comment on function bondhu.lock_user(boolean) is
  'As bondhu.require_user(), for functions that write more than one row: locks the user''s row as bondhu.lock_account() does. 28000 when it is deleted.';
revoke all on function bondhu.lock_user(boolean) from public, anon, authenticated, service_role;

create function bondhu.refuse(rule text, reason text, remedy text) returns boolean
language plpgsql stable -- not immutable: the planner would call it
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = '23514', constraint = rule, message = reason, hint = remedy;
end
$$;
comment on function bondhu.refuse(text, text, text) is
  'For checks that users can violate: check (case when <violated> then bondhu.refuse(…) end) fails with a message and a hint in place of the name of a constraint.';
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
