-- Memories on their way in, by the service role for a model that reads; and out, for a prompt.

create table bondhu.memory_passes (
  user_id uuid primary key references auth.users (id) on delete cascade,
  lease uuid,
  leased_until timestamptz,
  reserved_tokens integer not null default 0,
  reserved_on date not null default (now() at time zone 'UTC')::date,

  constraint pass_is_leased_until_a_time check ((lease is null) = (leased_until is null)),
  constraint pass_tokens_are_counted check (reserved_tokens >= 0)
);
comment on table bondhu.memory_passes is
  'Who looks through what a user told, until leased_until; and what is counted into bondhu.chat_usage until the provider''s own count is known.';
alter table bondhu.memory_passes enable row level security;
revoke all on bondhu.memory_passes from public, anon, authenticated, service_role;
grant select on bondhu.memory_passes to service_role;

-- Not the server's full-text search: what its parser takes for a letter goes by the database's locale, which may
-- know no Bengali.
create function bondhu.words(said text) returns text
language sql stable strict
set search_path = pg_catalog, pg_temp
as $$
  select ' ' || btrim(regexp_replace(lower(said), '[[:space:][:punct:]।॥…–—“”‘’]+', ' ', 'g')) || ' '
$$;
comment on function bondhu.words(text) is 'The words of a text with a space before and behind each.';

create function bondhu.terms(words text) returns text[]
language sql stable strict
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(array_agg(distinct part.term), array[]::text[])
  from (
    select ' ' || split.word || ' ' as padded, length(split.word) as size
    from string_to_table(btrim(words), ' ') split (word)
    where split.word <> ''
  ) word
  cross join lateral (
    select substr(word.padded, place, 3) as term from generate_series(1, word.size) place
    union all
    select word.padded where word.size > 3
  ) part
$$;
comment on function bondhu.terms(text) is
  'Of bondhu.words(): each word, which finds names, and its trigrams, which find it in another form, or spelt another way.';

-- SECURITY DEFINER: clients read no bondhu.people. It reads only the caller's own rows.
create function public.recall(query_text text, max_rows integer default 8)
returns table (
  id uuid, memory_text text, category text, confidence numeric, holds_from date, holds_until date, created_at timestamptz, relevance numeric
)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  caller uuid := bondhu.require_user();
  today date := (select (now() at time zone p.time_zone)::date from bondhu.people p where p.user_id = caller);
  asked text[];
begin
  if max_rows is null or max_rows not between 1 and 100 or char_length(query_text) > 8000 then
    raise exception using errcode = '22023', message = 'max_rows must be between 1 and 100, and query_text have at most 8,000 characters',
      hint = 'Send the newest message as query_text; null for what is newest.';
  end if;
  if bondhu.consented_since(caller, 'memory') is null then
    return;
  end if;
  -- Every term is looked for in every memory.
  asked := bondhu.terms(bondhu.words(left(query_text, 400)));
  return query
    with held as materialized (
      select m.*, bondhu.words(m.memory_text) as said from public.memories m
      where m.user_id = caller
        and not exists (select from public.memories newer where newer.user_id = caller and newer.replaces = m.id)
    ),
    shared as materialized (
      select h.id, a.term from held h join unnest(asked) a (term) on strpos(h.said, a.term) > 0
    ),
    -- What few of them say tells more.
    weights as (
      select s.term, ln(1 + (select count(*) from held)::float8 / count(*)) as weight from shared s group by s.term
    ),
    alike as (
      select s.id, sum(w.weight) as weight from shared s join weights w on w.term = s.term group by s.id
    ),
    compared as (
      select h.*, coalesce(a.weight, 0) / sqrt(char_length(h.said)) as likeness from held h left join alike a on a.id = h.id
    )
    -- Heuristics: how alike (the closest is 1), how new (half as much every 60 days), whether it is due, or over.
    select c.id, c.memory_text, c.category, c.confidence, c.holds_from, c.holds_until, c.created_at,
      round((
        coalesce(c.likeness / nullif(max(c.likeness) over (), 0), 0)
        + 0.2 * 0.5 ^ (extract(epoch from now() - c.created_at)::float8 / (86400 * 60))
        + case when c.holds_from - today between -1 and 14 then 0.2 else 0 end
        - case when c.holds_until < today then 0.3 else 0 end
      )::numeric, 3) as relevance
    from compared c
    order by relevance desc, c.created_at desc, c.id
    limit max_rows;
end
$$;
comment on function public.recall(text, integer) is
  'What the caller told that is worth knowing to answer query_text, of which the first 400 characters are read, best first; nothing while they do not allow it. relevance is higher for what is alike, new or due. max_rows 1..100.';

create function bondhu.is_memorable(m public.chat_messages, since timestamptz) returns boolean
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select m.sender_type = 'user' and m.counts and m.support_level in ('none', 'support') and m.created_at >= since
$$;
comment on function bondhu.is_memorable(public.chat_messages, timestamptz) is
  'Whether a message may be looked through: the person''s own, which counts, shows no danger, and was written while they allowed it. Null or false: not.';

create function bondhu.unremembered(of_user uuid, since timestamptz) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  unread uuid[];
  first public.chat_messages;
begin
  -- As many as 6,000 characters hold, one at least; the others another time.
  select array_agg(news.id order by news.created_at, news.seq) into unread
  from (
    select m.id, m.created_at, m.seq, sum(char_length(m.message_text)) over (order by m.created_at, m.seq) - char_length(m.message_text) as before
    from bondhu.chat_replies r
    join public.chat_messages m on m.user_id = r.user_id and m.id = r.message_id
    where r.user_id = of_user and r.claimed_at > now() - interval '1 day' and r.finished_at is not null and r.remembered_at is null
      and bondhu.is_memorable(m, since)
  ) news
  where news.before < 6000;
  if unread is null then
    return null;
  end if;
  select * into first from public.chat_messages m where m.user_id = of_user and m.id = unread[1];
  return (
    select jsonb_build_object(
      'today', (now() at time zone p.time_zone)::date,
      'messages', (
        select jsonb_agg(jsonb_build_object(
          'id', line.id, 'sender_type', line.sender_type, 'digest', md5(line.message_text),
          'message_text', case when line.is_new then line.message_text else left(line.message_text, 400) end,
          'on', (line.created_at at time zone p.time_zone)::date, 'is_new', line.is_new) order by line.created_at, line.seq)
        from (
          select m.id, m.sender_type, m.message_text, m.created_at, m.seq, true as is_new
          from public.chat_messages m where m.user_id = of_user and m.id = any (unread)
          union all
          -- What was said before, as far as it may be looked through, and the replies to that.
          select (e.message).id, (e.message).sender_type, (e.message).message_text, (e.message).created_at, (e.message).seq, false
          from (
            select m as message from public.chat_messages m
            where m.user_id = of_user and (m.created_at, m.seq) < (first.created_at, first.seq) and m.created_at > first.created_at - interval '1 day'
            order by m.created_at desc, m.seq desc limit 12
          ) e
          left join bondhu.chat_replies r on r.user_id = of_user and r.reply_id = (e.message).id and (e.message).sender_type = 'ai'
          left join public.chat_messages answered on answered.user_id = of_user and answered.id = r.message_id
          where bondhu.is_memorable(e.message, since) or bondhu.is_memorable(answered, since)
        ) line
      ),
      'memories', (
        select coalesce(jsonb_agg(to_jsonb(held) - 'created_at' order by held.created_at, held.id), '[]')
        from (
          select m.id, m.memory_text, m.holds_from, m.holds_until, m.created_at from public.memories m
          where m.user_id = of_user
            and not exists (select from public.memories newer where newer.user_id = of_user and newer.replaces = m.id)
          order by m.created_at desc, m.id
          limit 40
        ) held
      ))
    from bondhu.people p where p.user_id = of_user
  );
end
$$;
comment on function bondhu.unremembered(uuid, timestamptz) is
  'A user''s answered messages that nobody has looked through (is_new), what was said before them, and what is remembered; null where there are none.';

-- SECURITY DEFINER, as the one below: the service role writes neither memories nor replies.
create function public.memory_task(user_id uuid) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  of_user uuid := memory_task.user_id;
  s bondhu.companion_settings;
  since timestamptz;
  pass bondhu.memory_passes;
  task jsonb;
  wanted integer;
begin
  if of_user is null then
    raise exception using errcode = '22023', message = 'user_id is missing', hint = 'Send the id of whoever wrote the messages.';
  end if;
  select * into strict s from bondhu.companion_settings;
  since := bondhu.consented_since(of_user, 'memory');
  if since is null or s.memories_in_prompt = 0 or not bondhu.lock_account(of_user) then
    return null;
  end if;
  insert into bondhu.memory_passes (user_id) values (of_user) on conflict (user_id) do nothing;
  select * into strict pass from bondhu.memory_passes p where p.user_id = of_user for update;
  if pass.leased_until > clock_timestamp() then
    return null;
  end if;
  -- Of who had the lease before and died.
  perform bondhu.settle_chat_tokens(of_user, pass.reserved_tokens, pass.reserved_on, 0);
  update bondhu.memory_passes p set lease = null, leased_until = null, reserved_tokens = 0 where p.user_id = of_user;

  task := bondhu.unremembered(of_user, since);
  -- High rather than low: a token each two bytes, and the rest for what is asked and for the answer.
  wanted := octet_length(task::text) / 2 + 3500;
  if task is null or bondhu.chat_limit(of_user, wanted, false) is not null then
    return null;
  end if;
  perform bondhu.count_chat_tokens(of_user, (now() at time zone 'UTC')::date, wanted);
  update bondhu.memory_passes p
  set lease = gen_random_uuid(), leased_until = clock_timestamp() + make_interval(secs => s.lease_seconds),
    reserved_tokens = wanted, reserved_on = (now() at time zone 'UTC')::date
  where p.user_id = of_user
  returning * into strict pass;
  return task || jsonb_build_object('lease', pass.lease);
end
$$;
comment on function public.memory_task(uuid) is
  'Takes the right to look through what a person told, and reserves its tokens: their answered messages that nobody looked through yet (is_new), what was said before, what is remembered, and the lease. null: nothing to do, somebody does it, they do not allow it, or half of a day''s tokens are used.';

create function public.store_memories(user_id uuid, lease uuid, messages jsonb, memories jsonb, used_tokens integer) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  of_user uuid := store_memories.user_id;
  since timestamptz;
  pass bondhu.memory_passes;
  looked uuid[];
  found record;
  sayers uuid[];
  known uuid;
  stored integer := 0;
begin
  if of_user is null or used_tokens is null or used_tokens not between 0 and 10000000
    or jsonb_typeof(store_memories.messages) is distinct from 'array' or jsonb_array_length(store_memories.messages) > 1000
    or jsonb_typeof(store_memories.memories) is distinct from 'array' or jsonb_array_length(store_memories.memories) > 20 then
    raise exception using errcode = '22023', message = 'memories are stored by user_id, lease, messages, at most 20 memories, and used_tokens (0 to 10,000,000)',
      hint = 'Send the id and the digest of each message that was looked through, and an empty array where there is nothing to remember.';
  end if;
  if not bondhu.lock_account(of_user) then
    raise exception using errcode = 'P0002', message = 'there is no such account', hint = 'It was deleted: there is nothing to remember.';
  end if;
  perform bondhu.lock_consents(of_user);
  select * into pass from bondhu.memory_passes p where p.user_id = of_user for update;
  if pass.lease is distinct from store_memories.lease or store_memories.lease is null then
    raise exception using errcode = '55000', message = 'somebody else has the lease of this pass', hint = 'Leave it to them.';
  end if;
  perform bondhu.settle_chat_tokens(of_user, pass.reserved_tokens, pass.reserved_on, used_tokens);
  update bondhu.memory_passes p set lease = null, leased_until = null, reserved_tokens = 0 where p.user_id = of_user;

  -- One that was edited meanwhile has not been looked through. FOR SHARE: an edit under way is waited for.
  perform from public.chat_messages m
  where m.user_id = of_user and m.id in (select (given ->> 'id')::uuid from jsonb_array_elements(store_memories.messages) given)
  order by m.id for share;
  since := bondhu.consented_since(of_user, 'memory');
  select array_agg(m.id), array_agg(m.id) filter (where bondhu.is_memorable(m, since)) into looked, sayers
  from jsonb_array_elements(store_memories.messages) given
  join public.chat_messages m on m.user_id = of_user and m.id = (given ->> 'id')::uuid and md5(m.message_text) = given ->> 'digest';
  update bondhu.chat_replies r set remembered_at = now() where r.user_id = of_user and r.message_id = any (looked);

  for found in
    select * from jsonb_to_recordset(store_memories.memories) as given
      (memory_text text, category text, confidence numeric, holds_from date, holds_until date, replaces uuid, message_ids uuid[])
  loop
    found.message_ids := array(select unnest(found.message_ids) intersect select unnest(sayers));
    continue when found.message_ids = array[]::uuid[];
    -- Said again, it has one more message that says so.
    known := bondhu.held_memory(of_user, found.memory_text, null);
    if known is null then
      -- A person's own words stand, and what was replaced is replaced once.
      continue when found.replaces is not null and bondhu.held_memory(of_user, null, found.replaces) is null;
      insert into public.memories (user_id, memory_text, category, confidence, holds_from, holds_until, replaces)
      values (of_user, found.memory_text, found.category, found.confidence, found.holds_from, found.holds_until, found.replaces)
      returning id into known;
      stored := stored + 1;
    end if;
    insert into public.memory_evidence (user_id, memory_id, message_id)
    select of_user, known, unnest(found.message_ids)
    on conflict do nothing;
  end loop;
  if stored > 0 then
    perform bondhu.prune_memories(of_user);
  end if;
  return stored;
end
$$;
comment on function public.store_memories(uuid, uuid, jsonb, jsonb, integer) is
  'Stores what a model found under the lease of memory_task, each memory with the message_ids that say so, marks messages ({id, digest}) as looked through, counts the tokens and ends the lease, all or nothing; returns how many are new. What no message that may be looked through says, or what would replace the person''s own words, is left out. 55000: the lease is another''s; P0002: the account is gone.';

create function bondhu.held_memory(of_user uuid, words text, memory uuid) returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  found_id uuid;
begin
  select m.id into found_id from public.memories m
  where m.user_id = of_user
    and case when memory is null then lower(m.memory_text) = lower(words) else m.id = memory and m.corrected_at is null end
    and not exists (select from public.memories newer where newer.user_id = of_user and newer.replaces = m.id)
  order by m.created_at, m.id limit 1
  for update;
  return found_id;
end
$$;
comment on function bondhu.held_memory(uuid, text, uuid) is
  'Of a user the memory that says this; or this one, while no other has replaced it and it is not in the person''s own words. Locks it; null when there is none.';

create function bondhu.prune_memories(of_user uuid) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  surplus uuid[] := array(
    select old.id from public.memories old
    where old.user_id = of_user
    order by exists (select from public.memories newer where newer.user_id = of_user and newer.replaces = old.id),
      old.holds_until is not null and old.holds_until < (now() at time zone 'UTC')::date, old.created_at desc, old.id
    offset (select s.memories_kept from bondhu.companion_settings s)
  );
begin
  perform from public.memories m where m.user_id = of_user and m.id = any (surplus) order by m.id for update;
  delete from public.memories m where m.user_id = of_user and m.id = any (surplus);
end
$$;
comment on function bondhu.prune_memories(uuid) is 'Keeps as many of a user''s memories as settings say: what was replaced goes first, then what no longer holds, then what is oldest.';

revoke all on function bondhu.words(text), bondhu.terms(text), bondhu.is_memorable(public.chat_messages, timestamptz), bondhu.unremembered(uuid, timestamptz),
  bondhu.held_memory(uuid, text, uuid), bondhu.prune_memories(uuid),
  public.recall(text, integer), public.memory_task(uuid), public.store_memories(uuid, uuid, jsonb, jsonb, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.recall(text, integer) to authenticated;
grant execute on function public.memory_task(uuid), public.store_memories(uuid, uuid, jsonb, jsonb, integer) to service_role;
