-- Connections in the middle of their life, of people who are numbers: due at the instants given.
create function public.bench_planned(
  of_provider text, people uuid[], pulled_at timestamptz[], due_at timestamptz[], library_due_at timestamptz[],
  urgent_from timestamptz[], library_requests integer[]
) returns void
language plpgsql
-- Neither sign-ups nor their triggers are what is measured.
set session_replication_role = replica
as $$
begin
  insert into public.provider_connections (user_id, provider, status, connected_at, last_sync_at, next_sync_at)
  select p.user_id, of_provider, 'ok', p.pulled_at, p.pulled_at, p.due_at
  from unnest(people, pulled_at, due_at) p (user_id, pulled_at, due_at);
  insert into bondhu.sync_jobs (user_id, provider, library_due_at, urgent_from, library_requests)
  select p.user_id, of_provider, p.library_due_at, p.urgent_from, p.library_requests
  from unnest(people, library_due_at, urgent_from, library_requests) p (user_id, library_due_at, urgent_from, library_requests);
end
$$;
