-- Connections that are in sync, of people who are numbers: `due_in_a_hundred` of them are due
-- now, the others after an hour.
create function public.bench_connections(how_many bigint, due_in_a_hundred integer) returns void
language plpgsql
-- Neither sign-ups nor their triggers are what is measured.
set session_replication_role = replica
as $$
begin
  insert into public.provider_connections (user_id, provider, status, connected_at, last_sync_at, next_sync_at)
  select md5(n::text)::uuid, case n % 2 when 0 then 'spotify' else 'youtube' end, 'ok',
         now() - interval '1 day', now() - interval '1 hour',
         case when n / 2 % 100 < due_in_a_hundred then now() - random() * interval '1 minute'
              else now() + interval '1 hour' + random() * interval '1 hour' end
  from generate_series(1, how_many) n;
  insert into bondhu.sync_jobs (user_id, provider)
  select c.user_id, c.provider from public.provider_connections c
  on conflict do nothing;
end
$$;
