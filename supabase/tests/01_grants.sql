-- Who may do what to which table: the catalog against the list in tables.psql.
begin;
\ir acting.psql
\ir tables.psql
select plan(5);

-- 'select, insert(a, b)' as in the list.
create temp view actual_grants as
  with explicit as (
    select r.oid, r.relation, g.grantee, lower(g.privilege_type) as privilege, null::smallint as attnum
    from relations r
    join pg_class c on c.oid = r.oid
    cross join aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) g
    where g.grantee <> c.relowner
    union all
    select r.oid, r.relation, g.grantee, lower(g.privilege_type), a.attnum
    from relations r
    join pg_class c on c.oid = r.oid
    join pg_attribute a on a.attrelid = r.oid and a.attacl is not null and not a.attisdropped
    cross join aclexplode(a.attacl) g
    where g.grantee <> c.relowner
  ),
  per_privilege as (
    select e.relation, case when e.grantee = 0 then 'PUBLIC' else e.grantee::regrole::text end as grantee, e.privilege,
           case when bool_or(e.attnum is null) then '' else '(' || string_agg(a.attname, ', ' order by a.attnum) || ')' end as columns
    from explicit e
    left join pg_attribute a on a.attrelid = e.oid and a.attnum = e.attnum
    group by e.relation, e.grantee, e.privilege
  )
  select relation, grantee,
         string_agg(privilege || columns, ', '
           order by array_position(array['select', 'insert', 'update', 'delete'], privilege), privilege) as privileges
  from per_privilege
  group by relation, grantee;

select set_eq(
  'select distinct relation from relations', 'select distinct relation from expected_grants',
  'every table is on the list, and the list has no other');
select is_empty(
  $$ select a.relation, a.grantee, a.privileges as granted, e.privileges as expected
     from actual_grants a full join expected_grants e using (relation, grantee)
     where a.privileges is distinct from e.privileges $$,
  'every table grants what is listed and nothing else');
select is_empty(
  $$ select relation from expected_grants where grantee in ('anon', 'PUBLIC') or (relation like 'bondhu.%' and grantee = 'authenticated') $$,
  'the list itself lets nobody in who is not signed in, and no user into bondhu');
select ok(not has_schema_privilege('anon', 'bondhu', 'usage'), 'anon cannot even look into bondhu');
select is_empty(
  $$ select role.name, n.nspname
     from (values ('anon'), ('authenticated'), ('service_role'), ('bondhu_worker')) role (name)
     cross join pg_namespace n
     where n.nspname in ('public', 'bondhu', 'bondhu_native', 'auth', 'extensions') and has_schema_privilege(role.name, n.oid, 'create') $$,
  'no role of a request creates objects');

select * from finish();
rollback;
