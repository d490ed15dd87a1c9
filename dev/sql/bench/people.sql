-- People and texts for a bench; the same in every database.
create table public.bench_texts (n integer primary key, text text not null);
revoke all on public.bench_texts from public, anon, authenticated, service_role;

create function public.bench_user(number integer) returns uuid
language sql immutable
set search_path = pg_catalog, pg_temp
as $$ select ('00000000-0000-4000-8000-' || lpad(to_hex(number), 12, '0'))::uuid $$;

-- When the i-th of a user's earlier messages was written: a third within the last 23 hours,
-- the others within the sixty days before.
create function public.bench_written_at(i integer) returns timestamptz
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select now() - case when i % 3 = 0
    then make_interval(secs => (i::bigint * 7919) % (23 * 3600))
    else make_interval(secs => 24 * 3600 + (i::bigint * 104729) % (60 * 24 * 3600))
  end
$$;

create function public.bench_import(number integer, first integer, last integer) returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
  insert into public.chat_messages (user_id, message_text, created_at)
  select public.bench_user(number), t.text, public.bench_written_at(i)
  from generate_series(first, last) i
  join public.bench_texts t on t.n = i % (select count(*)::integer from public.bench_texts)
$$;

-- How long personality_context takes inside the server, in microseconds.
create function public.bench_context_us() returns double precision
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  begun timestamptz := clock_timestamp();
begin
  perform public.personality_context();
  return extract(epoch from clock_timestamp() - begun) * 1e6;
end
$$;
grant execute on function public.bench_context_us() to authenticated;

-- The same of dashboard().
create function public.bench_dashboard_us() returns double precision
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  begun timestamptz := clock_timestamp();
begin
  perform public.dashboard();
  return extract(epoch from clock_timestamp() - begun) * 1e6;
end
$$;
grant execute on function public.bench_dashboard_us() to authenticated;

-- How long a message takes inside the server, in microseconds: without a session, in one that has ended, and in one in
-- which somebody may be listening.
create function public.bench_said_us(of_user uuid, session uuid) returns double precision
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  begun timestamptz := clock_timestamp();
begin
  insert into public.chat_messages (user_id, session_id, message_text) values (of_user, session, 'The bus is late again');
  return extract(epoch from clock_timestamp() - begun) * 1e6;
end
$$;
