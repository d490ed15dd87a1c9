-- What there is of a person, to take along: docs/privacy.md has the format.

create function bondhu.export_cursor(relation text, after_key jsonb) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select encode(convert_to(jsonb_build_object('relation', relation, 'after', after_key)::text, 'UTF8'), 'hex')
$$;
comment on function bondhu.export_cursor(text, jsonb) is 'Where an export goes on: behind the row of a key. Opaque to clients.';

create function bondhu.refuse_export_cursor() returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = '22023',
    message = 'cursor is no cursor of an export',
    hint = 'Send the next_cursor of the page before, as it came, or null for the first page.';
end
$$;
comment on function bondhu.refuse_export_cursor() is 'Raises 22023.';

create function bondhu.export_position(cursor text) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  at jsonb;
begin
  if cursor is null then
    return null;
  end if;
  begin
    if char_length(cursor) > 4000 or cursor !~ '^([0-9a-f][0-9a-f])+$' then
      perform bondhu.refuse_export_cursor();
    end if;
    at := convert_from(decode(cursor, 'hex'), 'UTF8')::jsonb;
  exception when data_exception then
    perform bondhu.refuse_export_cursor();
  end;
  if jsonb_typeof(at) <> 'object' or jsonb_typeof(at -> 'after') is distinct from 'array' or jsonb_typeof(at -> 'relation') is distinct from 'string' then
    perform bondhu.refuse_export_cursor();
  end if;
  return at;
end
$$;
comment on function bondhu.export_position(text) is 'What bondhu.export_cursor() wrote; 22023 for anything else.';

create function bondhu.export_rows(
  of_user uuid, relation text, user_column text, left_out text[], after_key jsonb, max_rows integer, max_bytes bigint,
  out rows jsonb, out row_count integer, out bytes bigint, out last_key jsonb, out is_last boolean
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  keys text;
  key_json text;
  beyond text;
  place record;
begin
  select n.nspname as schema_name, c.relname as table_name into strict place
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.oid = relation::regclass;
  select string_agg(format('t.%I', k.name), ', ' order by k.place), string_agg(format('to_jsonb(t.%I)', k.name), ', ' order by k.place),
    string_agg(format('($3 ->> %s)::%s', k.place - 1, k.type), ', ' order by k.place)
  into keys, key_json, beyond
  from (
    select c.name, c.type, row_number() over (order by c.place) as place
    from (select n.name, n.type, row_number() over () as place from bondhu.key_columns(relation::regclass) n) c
    where c.name <> user_column
  ) k;
  if keys is null then
    -- One row a person.
    keys := '1';
    key_json := '';
    beyond := case when after_key is null then 'true' else 'false' end;
  else
    beyond := case when after_key is null then 'true' else format('(%s) > (%s)', keys, beyond) end;
  end if;
  execute format(
    $query$
      select coalesce(jsonb_agg(q.data order by q.place) filter (where q.fits), '[]'),
        count(*) filter (where q.fits), coalesce(sum(q.size) filter (where q.fits), 0),
        (array_agg(q.key order by q.place desc) filter (where q.fits))[1],
        count(*) < $4 and coalesce(bool_and(q.fits), true)
      from (
        select p.data, p.key, p.place, p.size, sum(p.size) over (order by p.place) - p.size < $5 as fits
        from (
          select d.data, d.key, d.place, octet_length(d.data::text) as size
          from (
            select to_jsonb(t) - $2 as data, jsonb_build_array(%s) as key, row_number() over (order by %s) as place
            from %I.%I t
            where t.%I = $1 and %s
            order by %s
            limit $4
          ) d
        ) p
      ) q
    $query$, key_json, keys, place.schema_name, place.table_name, user_column, beyond, keys)
  into rows, row_count, bytes, last_key, is_last
  using of_user, left_out || user_column, after_key, max_rows, max_bytes;
end
$$;
comment on function bondhu.export_rows(uuid, text, text, text[], jsonb, integer, bigint) is
  'A person''s rows of one table behind a key, in the order of its primary key: up to max_rows, and until they come to max_bytes, which the last row may exceed.';

create function bondhu.export_page(of_user uuid, cursor text, max_rows integer) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  max_bytes constant bigint := 4000000;
  at jsonb := bondhu.export_position(cursor);
  source record;
  part record;
  begins boolean := at is null;
  known boolean := at is null;
  after_key jsonb;
  left_rows integer := max_rows;
  left_bytes bigint := max_bytes;
  tables jsonb := jsonb_build_array();
  next_cursor text;
begin
  for source in
    select s.* from (
      select r.relation, r.user_column, r.left_out, 0 as kind, r.place
      from bondhu.data_registry() with ordinality r (relation, user_column, is_exported, left_out, erased, reason, place)
      where r.is_exported and not (r.relation = 'public.chat_messages' and bondhu.is_being_erased(of_user))
      union all
      select a.relation, a.user_column, a.left_out, 1, row_number() over (order by a.relation)
      from bondhu.app_tables a
      where a.is_exported and to_regclass(a.relation) is not null
    ) s
    order by s.kind, s.place
  loop
    after_key := null;
    if not begins then
      continue when source.relation <> at ->> 'relation';
      begins := true;
      known := true;
      after_key := at -> 'after';
    end if;
    if left_rows <= 0 or left_bytes <= 0 then
      -- The page is full; this table begins the next one.
      exit;
    end if;
    begin
      select r.* into part
      from bondhu.export_rows(of_user, source.relation, source.user_column, source.left_out, after_key, left_rows, left_bytes) r;
    exception when data_exception then
      if after_key is null then
        raise;
      end if;
      perform bondhu.refuse_export_cursor();
    end;
    if part.row_count > 0 then
      tables := tables || jsonb_build_object('name', source.relation, 'rows', part.rows);
      left_rows := left_rows - part.row_count;
      left_bytes := left_bytes - part.bytes;
      next_cursor := bondhu.export_cursor(source.relation, part.last_key);
    end if;
    if not part.is_last then
      exit;
    end if;
  end loop;
  if not known then
    perform bondhu.refuse_export_cursor();
  end if;
  return jsonb_build_object(
    'format', 'bondhu.export', 'version', 1, 'user_id', of_user, 'exported_at', now(), 'tables', tables,
    'next_cursor', case when left_rows <= 0 or left_bytes <= 0 then next_cursor end);
end
$$;
comment on function bondhu.export_page(uuid, text, integer) is 'export_my_data() of any person.';

-- SECURITY DEFINER: part of it lies in private tables. It reads only the caller's own rows.
create function public.export_my_data(cursor text default null, max_rows integer default 5000) returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  caller uuid := bondhu.require_user();
begin
  if max_rows is null or max_rows not between 1 and 10000 then
    raise exception using
      errcode = '22023',
      message = 'max_rows must be between 1 and 10000',
      hint = 'Ask for the next page with next_cursor.';
  end if;
  return bondhu.export_page(caller, cursor, max_rows);
end
$$;
comment on function public.export_my_data(text, integer) is
  'All that is stored about the caller, but for secrets and leases, in pages of up to max_rows (1..10000) rows and some 4 MB: format, version, user_id, exported_at, tables ([{name, rows}]) and next_cursor, an opaque string, null on the last page. 22023 for another cursor.';

revoke all on function bondhu.export_cursor(text, jsonb), bondhu.refuse_export_cursor(), bondhu.export_position(text),
  bondhu.export_rows(uuid, text, text, text[], jsonb, integer, bigint), bondhu.export_page(uuid, text, integer), public.export_my_data(text, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.export_my_data(text, integer) to authenticated;
