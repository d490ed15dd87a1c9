-- Bondhu partitions nothing: measured, it gains nothing (docs/capacity.md). Where somebody does it all the same, row-level
-- security of the whole is not asked when a part is read by its own name.

create function bondhu.open_parts() returns table (relation text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select format('%I.%I', n.nspname, part.relname)
  from pg_catalog.pg_inherits i
  join pg_catalog.pg_class part on part.oid = i.inhrelid and not part.relrowsecurity
  join pg_catalog.pg_namespace n on n.oid = part.relnamespace
  join pg_catalog.pg_class whole on whole.oid = i.inhparent and whole.relrowsecurity
  where whole.relnamespace in ('public'::regnamespace, 'bondhu'::regnamespace)
    and exists (
      select from pg_catalog.pg_roles r
      where r.rolname in ('anon', 'authenticated')
        and (has_any_column_privilege(r.oid, part.oid, 'select, insert, update') or has_table_privilege(r.oid, part.oid, 'delete, truncate'))
    )
  order by 1
$$;
comment on function bondhu.open_parts() is
  'Partitions and children of tables with row-level security that have none, and that anon or authenticated may use.';
revoke all on function bondhu.open_parts() from public, anon, authenticated, service_role;
grant execute on function bondhu.open_parts() to bondhu_worker, service_role;
