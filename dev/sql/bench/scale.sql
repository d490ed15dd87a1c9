-- People with messages of long ago, a session and a profile each. Written without triggers, and indexed afterwards: how
-- they came to be there is not what is measured. After people.sql and connections.sql.

create function public.bench_session(number integer) returns uuid
language sql immutable
set search_path = pg_catalog, pg_temp
as $$ select ('00000000-0000-4000-9000-' || lpad(to_hex(number), 12, '0'))::uuid $$;

create function public.bench_populate(people integer, messages_each integer) returns void
language plpgsql
set session_replication_role = replica
set maintenance_work_mem = '1GB'
set max_parallel_maintenance_workers = 2
as $$
declare
  texts constant text[] := array(select t.text from public.bench_texts t order by t.n);
  version constant integer := (bondhu.engine() ->> 'version')::integer;
  total constant bigint := people::bigint * messages_each;
  put_back text[];
  statement text;
begin
  insert into auth.users (id, email) select public.bench_user(n), n || '@example.org' from generate_series(1, people) n;
  insert into public.companion_profiles (user_id) select public.bench_user(n) from generate_series(1, people) n;
  insert into public.personality_profiles (user_id, as_of, window_hours, settings_version)
  select public.bench_user(n), now(), s.window_hours, s.version from generate_series(1, people) n cross join bondhu.settings s;
  insert into public.user_sessions (user_id, id, device_id, started_at, last_seen_at, ended_at, end_reason)
  select public.bench_user(n), public.bench_session(n), 'phone', t.at - interval '1 hour', t.at, t.at, 'idle'
  from generate_series(1, people) n, lateral (select now() - interval '10 days' - n * interval '2 seconds' as at) t;
  perform public.bench_connections(people, 1);

  -- Checks come back unchecked.
  select array_agg(format('alter table public.chat_messages add constraint %I %s%s', k.conname, pg_get_constraintdef(k.oid),
      case when k.contype = 'c' then ' not valid' else '' end)) into put_back
  from pg_constraint k where k.conrelid = 'public.chat_messages'::regclass and k.contype in ('c', 'p');
  put_back := put_back || array(
    select pg_get_indexdef(i.indexrelid) from pg_index i where i.indrelid = 'public.chat_messages'::regclass and not i.indisprimary);
  for statement in
    select format('alter table public.chat_messages drop constraint %I', k.conname)
    from pg_constraint k where k.conrelid = 'public.chat_messages'::regclass and k.contype in ('c', 'p')
    union all
    select format('drop index public.%I', c.relname)
    from pg_index i join pg_class c on c.oid = i.indexrelid where i.indrelid = 'public.chat_messages'::regclass and not i.indisprimary
  loop
    execute statement;
  end loop;
  -- In the order of time, as they are written: everybody in turn, beyond what the engine looks back to.
  insert into public.chat_messages (user_id, session_id, sender_type, message_text, sentiment_score, mood_detected, support_level,
    engine_version, created_at, updated_at)
  select public.bench_user(t.person), public.bench_session(t.person), 'user', texts[1 + t.n % cardinality(texts)], 0.50, 'neutral', 'none',
    version, t.at, t.at
  from (
    select n, 1 + (n * 7919 % people)::integer as person, now() - interval '400 days' + n::float8 / total * interval '190 days' as at
    from generate_series(1, total) n
  ) t;
  foreach statement in array put_back loop
    execute statement;
  end loop;
end
$$;

-- Sessions of the first people that ended before their retention, whatever became of those before them.
create function public.bench_old_sessions(how_many integer) returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
  insert into public.user_sessions as s (user_id, id, device_id, started_at, last_seen_at, ended_at, end_reason)
  select public.bench_user(n), public.bench_session(n), 'phone', t.at, t.at, t.at, 'idle'
  from generate_series(1, how_many) n
  cross join lateral (select now() - make_interval(days => x.session_retention_days + 1) as at from bondhu.settings x) t
  on conflict (user_id, id) do update
    set started_at = excluded.started_at, last_seen_at = excluded.last_seen_at, ended_at = excluded.ended_at
$$;

-- Sessions of the first people that are in use, last touched two minutes ago.
create function public.bench_open_sessions(how_many integer) returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
  insert into public.user_sessions as s (user_id, device_id, started_at, last_seen_at, check_idle_at)
  select public.bench_user(n), 'open', now() - interval '1 hour', now() - interval '2 minutes', now() + interval '28 minutes'
  from generate_series(1, how_many) n
  on conflict (user_id, device_id) where ended_at is null do update set last_seen_at = excluded.last_seen_at
$$;
