-- Makes a plain Postgres look like a Supabase project to what migrations, RLS and
-- role switching rely on. Run as the superuser, in the database that is to hold
-- the application, once per database; roles are shared by the cluster.
--
-- It is as strict as the hosted one as far as a plain Postgres can be. What it cannot do before 16:
-- keep `postgres`, which may create roles, from making itself a member of Supabase's own
-- (supautils reserves them there). Nothing may rely on that; a test sees to it.

do $roles$
begin
  if to_regrole('anon') is null then
    create role anon nologin inherit;
    create role authenticated nologin inherit;
    create role service_role nologin inherit bypassrls;
    create role dashboard_user nologin;
    create role supabase_auth_admin login noinherit createrole;
    create role authenticator login noinherit;
    grant anon, authenticated, service_role to authenticator;
    -- Not a superuser: a real project's `postgres` is exactly this, and running
    -- migrations as a superuser would hide permission bugs.
    create role postgres login createdb createrole replication bypassrls;
    grant anon, authenticated, service_role to postgres with admin option;
    alter role postgres set search_path = "$user", public, extensions;
    alter role anon set statement_timeout = '3s';
    alter role authenticated set statement_timeout = '8s';
    alter role authenticator set statement_timeout = '8s';
    alter role authenticator set lock_timeout = '8s';
  end if;
  execute format('grant create, connect on database %I to postgres', current_database());
  -- supautils lets it set this, which restores need.
  grant set on parameter session_replication_role to postgres;
end
$roles$;

revoke create on schema public from public;
grant usage on schema public to anon, authenticated, service_role;
grant all on schema public to postgres with grant option;

create schema if not exists extensions;
grant usage on schema extensions to anon, authenticated, service_role;
grant all on schema extensions to postgres with grant option;
-- A Postgres from elsewhere may come without contrib; Bondhu's schema needs none of it.
do $contrib$
declare
  contrib text;
begin
  for contrib in select name from pg_available_extensions where name in ('pgcrypto', 'uuid-ossp') loop
    execute format('create extension if not exists %I with schema extensions', contrib);
  end loop;
end
$contrib$;

create schema if not exists supabase_migrations authorization postgres;

create schema if not exists auth authorization supabase_auth_admin;
grant usage on schema auth to anon, authenticated, service_role, postgres;

set role supabase_auth_admin;

create table if not exists auth.users (
  instance_id uuid,
  id uuid primary key,
  aud varchar(255),
  role varchar(255),
  email varchar(255),
  encrypted_password varchar(255),
  email_confirmed_at timestamptz,
  last_sign_in_at timestamptz,
  raw_app_meta_data jsonb,
  raw_user_meta_data jsonb,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  is_anonymous boolean not null default false
);
grant all on auth.users to postgres with grant option;

create or replace function auth.jwt() returns jsonb language sql stable as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')
  )::jsonb
$$;
create or replace function auth.uid() returns uuid language sql stable as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.sub', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
  )::uuid
$$;
create or replace function auth.role() returns text language sql stable as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.role', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role'
  )
$$;
create or replace function auth.email() returns text language sql stable as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.email', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'email'
  )
$$;
grant execute on all functions in schema auth to anon, authenticated, service_role, postgres;

reset role;

-- What older projects grant by default: RLS and explicit grants are the only guard.
alter default privileges for role postgres in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges for role postgres in schema public grant all on sequences to anon, authenticated, service_role;
alter default privileges for role postgres in schema public grant all on functions to anon, authenticated, service_role;

do $publication$
begin
  if not exists (select from pg_publication where pubname = 'supabase_realtime') then
    create publication supabase_realtime;
    alter publication supabase_realtime owner to postgres;
  end if;
end
$publication$;

-- pg_cron lives in one database per cluster; on Supabase its owner hands out this.
do $cron$
begin
  if current_setting('cron.database_name', true) = current_database()
     and exists (select from pg_available_extensions where name = 'pg_cron') then
    create extension if not exists pg_cron;
    grant usage on schema cron to postgres with grant option;
    grant all on all tables in schema cron to postgres with grant option;
    revoke all on table cron.job from postgres;
    grant select on table cron.job to postgres with grant option;
    grant execute on all functions in schema cron to postgres with grant option;
  end if;
end
$cron$;
