-- Tables that are those of the former version are copied from it.

do $$
declare
  unchanged constant text[] := array[{{UNCHANGED}}]::text[];
  missing text[] := unchanged;
begin
  if to_regclass('bondhu_portable.tables') is not null then
    missing := array(
      select u.name from unnest(unchanged) with ordinality u (name, place)
      where not exists (select from bondhu_portable.tables t where t.version = {{FORMER}} and t.name = u.name)
      order by u.place
    );
  end if;
  if cardinality(missing) > 0 then
    raise exception using
      errcode = '55000',
      message = 'version {{VERSION}} of the portable engine is made from version {{FORMER}}, which is not here',
      detail = format('These tables are missing: %s.', array_to_string(missing, ', ')),
      hint = 'Apply the earlier migrations first, in order: supabase db push.';
  end if;
  insert into bondhu_portable.tables (version, name, bytes, small, whole, big)
  select {{VERSION}}, t.name, t.bytes, t.small, t.whole, t.big
  from bondhu_portable.tables t
  where t.version = {{FORMER}} and t.name = any (unchanged);
end
$$;
