-- The former version stays for what is running with it; what came before it goes.

do $$
declare
  function regprocedure;
begin
  for function in
    select p.oid from pg_catalog.pg_proc p
    where p.pronamespace = 'bondhu_portable'::regnamespace and substring(p.proname from '_v([0-9]+)$')::numeric < {{FORMER}}
  loop
    execute format('drop function %s', function);
  end loop;
  delete from bondhu_portable.tables t where t.version < {{FORMER}};
end
$$;

-- The portable engine stays attached where somebody chose it over the native one.
select bondhu.install_engine(case bondhu.engine() ->> 'name' when 'bondhu_portable' then 'portable' end);
