-- What the tests run on is no kinder than a hosted project: who migrates there is no superuser, and
-- none of Supabase's own roles is theirs to become.
begin;
\ir acting.psql
select plan(5);

select is(current_user, 'postgres', 'the owner does what the tests do');
select is_empty(
  $$ select rolname from pg_roles where rolname = 'postgres' and (rolsuper or not (rolcreaterole and rolcreatedb and rolreplication and rolbypassrls)) $$,
  'the owner may make roles, databases and slots, and is no superuser');
select is_empty(
  $$ select rolname from pg_roles
     where rolname in ('supabase_admin', 'supabase_auth_admin', 'authenticator', 'dashboard_user')
       and pg_has_role('postgres', oid, 'member') $$,
  'the owner is no member of Supabase''s own roles');
select is_empty(
  $$ select n.nspname from pg_namespace n
     cross join aclexplode(n.nspacl) a
     where n.nspname in ('extensions', 'auth', 'bondhu', 'bondhu_native') and a.grantee = 0 $$,
  'PUBLIC may look into none of the schemas but public');
select is(
  (select count(*) from pg_database d cross join aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
   where d.datname = current_database() and a.grantee = 0 and a.privilege_type = 'TEMPORARY'),
  1::bigint, 'everybody may make temporary objects, as there');

select * from finish();
rollback;
