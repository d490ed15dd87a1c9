-- The way out: a project as it was before the first migration. Everything that Bondhu has stored goes
-- with it; what the app has built on Bondhu's objects is the app's, and stops it.

-- The schemas of Bondhu are its own with all that lies in them; of the schema public, and of what hangs
-- on tables, what it is known to have made.
create function bondhu.own_objects() returns table (classid oid, objid oid)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  with recursive relation (oid, name) as (
    select c.oid, c.relname::text
    from pg_catalog.pg_class c
    join bondhu.public_objects() o on o.kind = 'table' and o.name = c.relname
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
  ), part (kind, relation, name) as (
    select o.kind, r.oid, o.name from bondhu.public_objects() o join relation r on r.name = o.relation
  ), known (classid, objid) as (
    select 'pg_class'::regclass::oid, oid from relation
    union all
    select 'pg_proc'::regclass, p.oid
    from bondhu.public_objects() o
    join pg_catalog.pg_proc p on p.oid = to_regprocedure(format('public.%s', o.name))
    where o.kind = 'function'
    union all
    select 'pg_class'::regclass, c.oid
    from part p
    join pg_catalog.pg_index i on i.indrelid = p.relation
    join pg_catalog.pg_class c on c.oid = i.indexrelid and c.relname = p.name
    where p.kind = 'index'
    union all
    select 'pg_constraint'::regclass, k.oid
    from part p join pg_catalog.pg_constraint k on k.conrelid = p.relation and k.conname = p.name
    where p.kind = 'constraint'
    union all
    select 'pg_policy'::regclass, l.oid
    from part p join pg_catalog.pg_policy l on l.polrelid = p.relation and l.polname = p.name
    where p.kind = 'policy'
    union all
    select 'pg_trigger'::regclass, t.oid
    from bondhu.expected_triggers() e
    join pg_catalog.pg_trigger t on t.tgrelid = to_regclass(e.relation) and t.tgname = e.name
    union all
    select 'pg_namespace'::regclass, n.oid
    from pg_catalog.pg_namespace n where n.nspname in ('bondhu', 'bondhu_native', 'bondhu_portable')
    union all
    select 'pg_extension'::regclass, e.oid from pg_catalog.pg_extension e where e.extname = 'bondhu'
  ), own (classid, objid) as (
    select k.classid, k.objid from known k
    union
    select d.classid, d.objid
    from own o
    join pg_catalog.pg_depend d on d.refclassid = o.classid and d.refobjid = o.objid
    left join pg_catalog.pg_class c on d.classid = 'pg_class'::regclass and c.oid = d.objid
    left join pg_catalog.pg_constraint k on d.classid = 'pg_constraint'::regclass and k.oid = d.objid
    where case d.deptype
      -- Row and array types, the index of a key, the triggers of a foreign key, a view's query, TOAST.
      when 'i' then true
      when 'e' then true
      when 'n' then o.classid = 'pg_namespace'::regclass and d.classid <> 'pg_extension'::regclass
      -- A default of a column; an index or a constraint, which lie where their table does.
      when 'a' then d.classid = 'pg_attrdef'::regclass
        or c.relkind = 'i' and c.relnamespace <> 'public'::regnamespace
        or k.connamespace <> 'public'::regnamespace
        or k.contype = 'n' -- not null is one only since Postgres 18
      else false
    end
  )
  select own.classid, own.objid from own
$$;
comment on function bondhu.own_objects() is 'What Bondhu has made in this database, as pg_depend names objects.';

-- What hangs on a table goes with it unasked; the rest stops the drop, or goes where that cascades. What is in a
-- publication is published no more, and what is granted is gone, and that is all. What depends on these in turn,
-- Postgres names when they are dropped. The body of a function, a command of pg_cron or of a client that is kept
-- as a string leaves no trace in the catalog: none of those is named here.
create function bondhu.foreign_dependents() returns text[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  with own as (
    select o.classid, o.objid from bondhu.own_objects() o
  ), dependent (classid, objid, objsubid) as (
    select d.classid, d.objid, d.objsubid
    from own o join pg_catalog.pg_depend d on d.refclassid = o.classid and d.refobjid = o.objid
    where d.classid not in (
        'pg_publication_rel'::regclass, 'pg_publication_namespace'::regclass, 'pg_default_acl'::regclass
      )
      and not exists (select from own x where x.classid = d.classid and x.objid = d.objid)
    union
    select 'pg_class'::regclass, a.attrelid, a.attnum
    from own o
    join pg_catalog.pg_class c on c.oid = o.objid and c.relkind = 'r' and c.relnamespace = 'public'::regnamespace
    join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where o.classid = 'pg_class'::regclass
      and not exists (
        select from bondhu.public_objects() p
        where p.kind = 'column' and p.relation = c.relname and p.name = a.attname
      )
  )
  select coalesce(array_agg(distinct format('%s %s', object.type, object.identity)), '{}')
  from dependent d
  -- Not the query of a view but the view: what can be dropped.
  left join pg_catalog.pg_depend whole
    on whole.classid = d.classid and whole.objid = d.objid and whole.objsubid = d.objsubid and whole.deptype = 'i'
  cross join lateral pg_catalog.pg_identify_object(
    coalesce(whole.refclassid, d.classid), coalesce(whole.refobjid, d.objid), coalesce(whole.refobjsubid, d.objsubid)
  ) object
$$;
comment on function bondhu.foreign_dependents() is
  'What an app has built on what is Bondhu''s, or into its tables: it would go with them, or keep them from going.';

create function bondhu.uninstall(confirm text default null, slot text default 'bondhu_mirror') returns text[]
language plpgsql
set search_path = pg_catalog, pg_temp
set client_min_messages = warning -- without a notice for each dropped object
as $uninstall$
declare
  owner constant name := (select pg_catalog.pg_get_userbyid(c.relowner) from pg_catalog.pg_class c where c.oid = 'public.chat_messages'::regclass);
  relations text;
  functions text;
  dependents text[] := bondhu.foreign_dependents();
  stays text[] := array[]::text[];
  policies text[];
begin
  if confirm is distinct from 'delete all that Bondhu has stored' then
    raise exception using
      errcode = '22023',
      message = 'this deletes every message, profile, linked account and setting of Bondhu''s in this database',
      hint = 'Make a dump first (docs/backup.md), stop the workers, then run '
        'select bondhu.uninstall(''delete all that Bondhu has stored'');';
  end if;
  if exists (
    select from pg_catalog.pg_replication_slots s
    where s.slot_name = slot and s.database = current_database() and s.active
  ) then
    raise exception using
      errcode = '55006',
      message = format('replication slot %s is in use', slot),
      hint = 'Stop the workers, then run bondhu.uninstall() again.';
  end if;
  if cardinality(dependents) > 0 then
    raise exception using
      errcode = '2BP01',
      message = format('the app uses what would go: %s', array_to_string(dependents, ', ')),
      hint = 'Drop these first, then run bondhu.uninstall() again.';
  end if;

  if bondhu.has_cron() then
    perform bondhu.remove_cron();
  end if;
  perform bondhu.detach_engine();
  begin
    drop extension if exists bondhu;
    drop schema if exists bondhu_native cascade;
  exception when insufficient_privilege then
    stays := stays || text 'extension bondhu: a superuser has created it, and may drop it';
  end;

  if current_user <> owner then
    -- Until the end of this function: a grant is revoked by its grantor.
    perform set_config('role', owner, true);
  end if;
  drop publication if exists bondhu_mirror;
  policies := bondhu.unauthorize_realtime();
  if cardinality(policies) > 0 then
    stays := stays || format('policies %s on realtime.messages: drop them in the dashboard', array_to_string(policies, ', '));
  end if;
  select string_agg(c.oid::regclass::text, ', ') into relations
  from bondhu.own_objects() o
  join pg_catalog.pg_class c on o.classid = 'pg_class'::regclass and c.oid = o.objid
  where c.relnamespace = 'public'::regnamespace and c.relkind = 'r';
  select string_agg(p.oid::regprocedure::text, ', ') into functions
  from bondhu.own_objects() o
  join pg_catalog.pg_proc p on o.classid = 'pg_proc'::regclass and p.oid = o.objid
  where p.pronamespace = 'public'::regnamespace;
  execute 'drop function ' || functions;
  execute 'drop table ' || relations || ' cascade';
  revoke usage on schema public from bondhu_worker;
  drop schema if exists bondhu_portable cascade;
  drop schema bondhu cascade;

  begin
    drop role bondhu_worker;
  exception
    when dependent_objects_still_exist then
      stays := stays || text 'role bondhu_worker: another database of this server uses it, or something was granted to it by hand';
    when insufficient_privilege then
      stays := stays || format('role bondhu_worker: %s does not administer it; a superuser may drop it', current_user);
  end;
  -- Last: it is not restored when the transaction is rolled back.
  perform pg_catalog.pg_drop_replication_slot(s.slot_name)
  from pg_catalog.pg_replication_slots s
  where s.slot_name = slot and s.database = current_database();
  return stays;
end
$uninstall$;
comment on function bondhu.uninstall(text, text) is
  'Removes Bondhu from this database with all that it has stored, and its jobs, publication, slot and role; returns what is left, and why. Only for the owner or a superuser, and only with the words that the error without them names. The extension pg_cron stays: others may use it.';

revoke all on function bondhu.own_objects(), bondhu.foreign_dependents(), bondhu.uninstall(text, text)
  from public, anon, authenticated, service_role;
