-- What people choose about their chat: whether it is learnt from, and how long it is kept.

-- Read by the engine for every message: nothing but a key.
create table bondhu.people_not_learnt_from (
  user_id uuid primary key references auth.users (id) on delete cascade
);
comment on table bondhu.people_not_learnt_from is
  'Who has withdrawn the consent learning: what they write does not count. Kept by set_consent().';
alter table bondhu.people_not_learnt_from enable row level security;
revoke all on bondhu.people_not_learnt_from from public, anon, authenticated, service_role;
grant select on bondhu.people_not_learnt_from to service_role;

create table bondhu.forgettings (
  user_id uuid primary key references auth.users (id) on delete cascade,
  up_to_seq bigint not null
);
comment on table bondhu.forgettings is
  'Whose messages count no more up to one, chat_messages.seq, where that is not finished: bondhu.keep_choices() goes on.';
alter table bondhu.forgettings enable row level security;
revoke all on bondhu.forgettings from public, anon, authenticated, service_role;
grant select on bondhu.forgettings to service_role;

create function bondhu.uncount_messages(of_user uuid, up_to_seq bigint, most integer) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  oldest record;
  uncounted integer;
begin
  -- The newest first: what is concluded rests on them. Not by their ids: where statistics are old, that join takes hours.
  select m.created_at, m.seq into oldest
  from public.chat_messages m
  where m.user_id = of_user and m.counts and m.sender_type = 'user' and m.seq <= uncount_messages.up_to_seq
  order by m.created_at desc, m.seq desc
  offset most - 1 limit 1;
  update public.chat_messages m set counts = false
  where m.user_id = of_user and m.counts and m.sender_type = 'user' and m.seq <= uncount_messages.up_to_seq
    and (m.created_at, m.seq) >= (coalesce(oldest.created_at, '-infinity'), coalesce(oldest.seq, 0));
  get diagnostics uncounted = row_count;
  if uncounted < most then
    delete from bondhu.forgettings f where f.user_id = of_user;
  else
    insert into bondhu.forgettings as f (user_id, up_to_seq) values (of_user, uncount_messages.up_to_seq)
    on conflict (user_id) do update set up_to_seq = greatest(f.up_to_seq, excluded.up_to_seq);
  end if;
  return uncounted;
end
$$;
comment on function bondhu.uncount_messages(uuid, bigint, integer) is
  'Has the newest `most` of a user''s messages up to a seq count no more, and notes whether others are left; returns how many.';

create function bondhu.set_learning(of_user uuid, is_given boolean, forget boolean) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if is_given then
    delete from bondhu.people_not_learnt_from p where p.user_id = of_user;
  else
    insert into bondhu.people_not_learnt_from (user_id) values (of_user) on conflict (user_id) do nothing;
  end if;
  if forget then
    perform bondhu.uncount_messages(of_user, 9223372036854775807, 10000);
    -- What comes later, once it is allowed again, is not meant.
    update bondhu.forgettings f set up_to_seq = (select max(m.seq) from public.chat_messages m where m.user_id = of_user)
    where f.user_id = of_user;
  end if;
end
$$;
comment on function bondhu.set_learning(uuid, boolean, boolean) is
  'set_consent() for learning, under bondhu.lock_account(of_user, alone => true). A message that was being written is either seen here or, by the engine that stores it, this.';

create function bondhu.expire_messages(most integer) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  person record;
  newest record;
  expired integer := 0;
  gone integer;
begin
  for person in
    select p.user_id, p.keeps_from
    from (
      select c.user_id, now() - make_interval(days => c.chat_retention_days) as keeps_from
      from public.companion_profiles c where c.chat_retention_days is not null
    ) p
    where exists (select from public.chat_messages m where m.user_id = p.user_id and m.created_at < p.keeps_from)
    order by p.user_id
  loop
    -- Not by their ids, as above.
    select m.created_at, m.seq into newest
    from public.chat_messages m
    where m.user_id = person.user_id and m.created_at < person.keeps_from
    order by m.created_at, m.seq
    offset most - expired - 1 limit 1;
    delete from public.chat_messages m
    where m.user_id = person.user_id and m.created_at < person.keeps_from
      and (m.created_at, m.seq) <= (coalesce(newest.created_at, person.keeps_from), coalesce(newest.seq, 0));
    get diagnostics gone = row_count;
    expired := expired + gone;
    exit when expired >= most;
  end loop;
  return expired;
end
$$;
comment on function bondhu.expire_messages(integer) is
  'Deletes up to `most` messages that are older than their owners keep them, the oldest first; returns how many.';

-- SECURITY DEFINER: the worker calls it where there is no cron, and may write none of these tables.
create function bondhu.keep_choices(most integer default 10000) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  pending record;
  uncounted integer := 0;
begin
  for pending in
    select f.user_id, f.up_to_seq from bondhu.forgettings f order by f.user_id for update skip locked
  loop
    uncounted := uncounted + bondhu.uncount_messages(pending.user_id, pending.up_to_seq, most - uncounted);
    exit when uncounted >= most;
  end loop;
  return jsonb_build_object('forgotten', uncounted, 'expired', bondhu.expire_messages(most));
end
$$;
comment on function bondhu.keep_choices(integer) is
  'Goes on with what people chose: has messages count no more that are to be forgotten, and deletes those older than their owners keep them, up to `most` of each; returns how many. Run by cron, or by the worker.';

revoke all on function bondhu.uncount_messages(uuid, bigint, integer), bondhu.set_learning(uuid, boolean, boolean),
  bondhu.expire_messages(integer), bondhu.keep_choices(integer)
  from public, anon, authenticated, service_role;
grant execute on function bondhu.keep_choices(integer) to bondhu_worker;
