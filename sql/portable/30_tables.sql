-- The pieces become arrays, which are looked up by number in one step.

do $$
declare
  part record;
begin
  for part in
    select name, width, string_agg(bytes, ''::bytea order by number) as bytes
    from bondhu_portable.pieces group by name, width
  loop
    insert into bondhu_portable.tables (version, name, bytes, small, whole, big) values (
      {{VERSION}}, part.name,
      case part.width when 1 then part.bytes end,
      case part.width when 2 then array(
        select ((('x' || encode(substr(part.bytes, i + 1, 2), 'hex'))::bit(16)::integer # 32768) - 32768)::smallint
        from generate_series(0, length(part.bytes) - 1, 2) i order by i) end,
      case part.width when 4 then array(
        select ('x' || encode(substr(part.bytes, i + 1, 4), 'hex'))::bit(32)::integer
        from generate_series(0, length(part.bytes) - 1, 4) i order by i) end,
      case part.width when 8 then array(
        select ('x' || encode(substr(part.bytes, i + 1, 8), 'hex'))::bit(64)::bigint
        from generate_series(0, length(part.bytes) - 1, 8) i order by i) end);
  end loop;
end
$$;
drop table bondhu_portable.pieces;

-- Volatile, so that no planner runs it ahead.
create function bondhu_portable.unseen_{{V}}() returns text
language plpgsql volatile parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = '40001',
    message = 'version {{VERSION}} of the engine came after this transaction had begun',
    hint = 'Run the transaction again.';
end
$$;
comment on function bondhu_portable.unseen_{{V}}() is
  '40001 where a transaction sees the functions of this version and not yet its tables: the session''s plans would keep that they are empty.';
{{HIDE unseen}}
