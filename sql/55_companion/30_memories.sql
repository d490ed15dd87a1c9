-- What a person told, for the companion to know later. A log: a memory that replaces another leaves it in
-- place, and where the newer one goes, the older one stands again. A memory goes with the last message that
-- says so, in the same transaction.

create table public.memories (
  user_id uuid not null references auth.users (id) on delete cascade,
  id uuid not null default gen_random_uuid(),
  memory_text text not null,
  category text not null,
  confidence numeric(3, 2) not null,
  holds_from date,
  holds_until date,
  replaces uuid,
  corrected_at timestamptz,
  created_at timestamptz not null default now(),

  primary key (user_id, id),
  constraint memory_text_is_a_sentence check (
    case when memory_text is null or char_length(memory_text) > 300 or octet_length(memory_text) > 1200
      or bondhu.text_fault(memory_text) is not null or memory_text ~ '[\n\r\t]' then
      bondhu.refuse('memory_text_is_a_sentence', 'a memory is one line of 1 to 300 characters that can be seen',
        'Shorten it, or delete the memory.') end
  ),
  constraint memory_category_is_known check (category in ('person', 'place', 'work', 'plan', 'preference', 'health', 'other')),
  constraint memory_confidence_is_0_to_1 check (confidence between 0 and 1),
  constraint memory_days_are_ordered check (
    coalesce(holds_from, '1900-01-01') >= '1900-01-01' and coalesce(holds_until, '2199-12-31') < '2200-01-01' and holds_from <= holds_until
  ),
  constraint memory_replaces_another check (replaces <> id)
);
comment on table public.memories is
  'What a person told. One that another replaces is its past. Kept while a message says so; a person reads, corrects and deletes theirs.';
comment on column public.memories.confidence is 'How sure the model was, 0 to 1; 1 for what the person has put in their own words.';
comment on column public.memories.replaces is 'The id of the memory that this one replaces. That one may be gone by now.';
comment on column public.memories.holds_from is 'The first day on which it holds, by the person''s calendar, if it has one; holds_until is the last.';
comment on column public.memories.corrected_at is 'When the person put it in their own words.';

create unique index memories_replace_once on public.memories (user_id, replaces) where replaces is not null;
create index memories_by_age on public.memories (user_id, created_at desc);

-- No foreign key to the message: it could deadlock with the deletion of the message.
create table public.memory_evidence (
  user_id uuid not null,
  memory_id uuid not null,
  message_id uuid not null,

  primary key (user_id, memory_id, message_id),
  constraint memory_evidence_memory_fkey foreign key (user_id, memory_id)
    references public.memories (user_id, id) on delete cascade
);
comment on table public.memory_evidence is 'The person''s messages that say what a memory says. Goes with the message, or with its text.';
create index memory_evidence_by_message on public.memory_evidence (user_id, message_id);

alter table public.memories enable row level security;
alter table public.memory_evidence enable row level security;
revoke all on public.memories, public.memory_evidence from public, anon, authenticated, service_role;
grant select, delete, update (memory_text) on public.memories to authenticated, service_role;
grant select on public.memory_evidence to authenticated, service_role;

create policy "a user reads their own memories" on public.memories
  for select to authenticated using (user_id = (select auth.uid()));
create policy "a user corrects their own memories" on public.memories
  for update to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy "a user deletes their own memories" on public.memories
  for delete to authenticated using (user_id = (select auth.uid()));
create policy "a user reads their own memories' evidence" on public.memory_evidence
  for select to authenticated using (user_id = (select auth.uid()));

create function bondhu.set_corrected() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  new.corrected_at := now();
  new.confidence := 1;
  return new;
end
$$;
comment on function bondhu.set_corrected() is 'BEFORE UPDATE row trigger on memories: these are the person''s own words.';

create trigger memories_set_corrected before update of memory_text on public.memories
  for each row when (old.memory_text is distinct from new.memory_text)
  execute function bondhu.set_corrected();

create function bondhu.delete_with_replaced() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  -- Not where evidence went, nor an account: this is a trigger's doing then.
  if pg_trigger_depth() = 1 then
    with recursive past as (
      select m.id, m.replaces from public.memories m where m.user_id = old.user_id and m.id = old.replaces
      union
      select m.id, m.replaces from past join public.memories m on m.user_id = old.user_id and m.id = past.replaces
    )
    delete from public.memories m using past where m.user_id = old.user_id and m.id = past.id;
  end if;
  return null;
end
$$;
comment on function bondhu.delete_with_replaced() is
  'AFTER DELETE row trigger on memories: what somebody deletes does not come back as what it was before.';

create trigger memories_delete_with_replaced after delete on public.memories
  for each row when (old.replaces is not null)
  execute function bondhu.delete_with_replaced();

-- SECURITY DEFINER, as the three below: they run as the deleting role, which may have no rights here.
create function bondhu.delete_memories_without_evidence() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from public.memories m
  using (select distinct gone.user_id, gone.memory_id from old_evidence gone) touched
  where m.user_id = touched.user_id
    and m.id = touched.memory_id
    and not exists (select from public.memory_evidence e where e.user_id = m.user_id and e.memory_id = m.id);
  return null;
end
$$;
comment on function bondhu.delete_memories_without_evidence() is 'AFTER DELETE trigger on evidence: deletes memories without evidence.';

create trigger evidence_delete_memories_without_evidence after delete on public.memory_evidence
  referencing old table as old_evidence
  for each statement execute function bondhu.delete_memories_without_evidence();

-- Everybody locks in this order: account, messages, memories by their ids, evidence.
create function bondhu.forget_messages(of_users uuid[], ids uuid[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform from public.memories m
  where (m.user_id, m.id) in (
    select e.user_id, e.memory_id
    from unnest(of_users, ids) gone (user_id, message_id)
    join public.memory_evidence e on e.user_id = gone.user_id and e.message_id = gone.message_id
  )
  order by m.user_id, m.id for update;
  if found then
    delete from public.memory_evidence e
    using unnest(of_users, ids) gone (user_id, message_id)
    where e.user_id = gone.user_id and e.message_id = gone.message_id;
  end if;
end
$$;
comment on function bondhu.forget_messages(uuid[], uuid[]) is 'What these messages said is evidence no more.';

create function bondhu.forget_deleted() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  owners uuid[];
  ids uuid[];
begin
  select array_agg(o.user_id), array_agg(o.id) into owners, ids from old_messages o where o.sender_type = 'user';
  if owners is not null then
    perform bondhu.forget_messages(owners, ids);
  end if;
  return null;
end
$$;
comment on function bondhu.forget_deleted() is 'AFTER DELETE statement trigger on chat_messages: what they said is evidence no more.';

create trigger chat_messages_forget_deleted after delete on public.chat_messages
  referencing old table as old_messages
  for each statement execute function bondhu.forget_deleted();

create function bondhu.forget_updated() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform bondhu.forget_messages(array[old.user_id], array[old.id]);
  -- Another text is looked through again.
  update bondhu.chat_replies r set remembered_at = null
  where r.user_id = new.user_id and r.message_id = new.id and r.remembered_at is not null;
  return null;
end
$$;
comment on function bondhu.forget_updated() is
  'AFTER UPDATE row trigger on chat_messages: what another text, another owner''s, one in danger or one that does not count said is evidence no more.';

create trigger chat_messages_forget_updated after update on public.chat_messages
  for each row when (
    old.message_text is distinct from new.message_text or old.user_id is distinct from new.user_id or old.id is distinct from new.id
    or old.sender_type is distinct from new.sender_type or old.counts and not new.counts
    or new.support_level = 'crisis' and old.support_level is distinct from 'crisis'
  )
  execute function bondhu.forget_updated();

revoke all on function bondhu.set_corrected(), bondhu.delete_with_replaced(), bondhu.delete_memories_without_evidence(),
  bondhu.forget_messages(uuid[], uuid[]), bondhu.forget_deleted(), bondhu.forget_updated()
  from public, anon, authenticated, service_role;
