select c.relname::text as name, n.nspname::text as schema, c.relkind in ('r', 'p') as is_table,
  pg_has_role(c.relowner, 'usage') as is_ours,
  (
    select coalesce(json_object_agg(a.attname, format_type(a.atttypid, null)), '{}')
    from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  ) as columns
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relname = any ($1) and c.relkind in ('r', 'p', 'v', 'm')
  -- What has moved goes before what has its name now; where Bondhu is, only what stays is the app's in public.
  and (n.nspname = $2 or (n.nspname = 'public' and not exists (
    select from pg_class b join pg_namespace s on s.oid = b.relnamespace where s.nspname = $2 and b.relname = c.relname
  ) and (c.relname = any ($3) or to_regclass('bondhu.settings') is null)))
order by c.relname
