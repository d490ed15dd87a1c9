-- Of the app's objects outside of what moves ($1: names in public): what follows it, and what names it in its text.
with moved as (
  select c.oid, c.relname from pg_class c where c.relnamespace = 'public'::regnamespace and c.relname = any ($1)
)
select said from (
  select format('the key %s of table %s refers to %s: it goes along, and is dropped with adopt confirm', k.conname, k.conrelid::regclass, m.relname) as said
  from pg_constraint k join moved m on m.oid = k.confrelid
  where k.contype = 'f' and not exists (select from moved o where o.oid = k.conrelid)
  union
  select format('the view %s goes on reading what was in %s', r.ev_class::regclass, m.relname)
  from pg_depend d
  join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
  join moved m on d.refclassid = 'pg_class'::regclass and m.oid = d.refobjid
  where not exists (select from moved o where o.oid = r.ev_class)
  union
  select format('the function %s names %s: it finds Bondhu''s then, or nothing', p.oid::regprocedure, m.relname)
  from pg_proc p
  join moved m on p.prosrc ~* format('\m%s\M', m.relname)
  where p.pronamespace not in (select n.oid from pg_namespace n where n.nspname in ('pg_catalog', 'information_schema'))
    and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
) s
order by said
