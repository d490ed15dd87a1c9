-- The simplest way to exact figures: a row trigger that counts the week again. It scores
-- nothing either.
select bondhu.detach_engine();
drop trigger bondhu_clear_score on public.chat_messages;

create table public.bench_profiles (
  user_id uuid primary key, message_count bigint, mean numeric, deviation numeric, as_of timestamptz
) with (fillfactor = 70);

create function public.bench_recount() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into public.bench_profiles
  select new.user_id, count(*), avg(length(m.message_text) / 8000.0), stddev_samp(length(m.message_text) / 8000.0), now()
  from public.chat_messages m
  where m.user_id = new.user_id and m.created_at > now() - interval '7 days'
  on conflict (user_id) do update
    set message_count = excluded.message_count, mean = excluded.mean, deviation = excluded.deviation, as_of = excluded.as_of;
  return null;
end
$$;
create trigger bench_recount after insert on public.chat_messages
  for each row execute function public.bench_recount();
