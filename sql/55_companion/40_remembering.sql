-- Memories on their way in, by the service role for a model that reads; and out, for a prompt.

-- Not the server's full-text search: what its parser takes for a letter goes by the database's locale, which may
-- know no Bengali. Words find names; their trigrams find the word in another form, or spelt another way.
create function bondhu.terms(ids uuid[], texts text[]) returns table (id uuid, term text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select distinct word.id, part.term
  from (
    select given.id, ' ' || split.word || ' ' as padded, length(split.word) as size
    from unnest(ids, texts) given (id, words)
    cross join lateral regexp_split_to_table(lower(given.words), '[[:space:][:punct:]।॥…–—“”‘’]+') split (word)
    where split.word <> ''
  ) word
  cross join lateral (
    select substr(word.padded, place, 3) as term from generate_series(1, word.size) place
    union all
    select word.padded where word.size > 3
  ) part
$$;
comment on function bondhu.terms(uuid[], text[]) is 'The words of texts and their trigrams, each once a text.';

-- SECURITY DEFINER: consents decide, which clients cannot read as they are. It reads only the caller's own rows.
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
begin
  if max_rows is null or max_rows not between 1 and 100 or char_length(query_text) > 8000 then
    raise exception using errcode = '22023', message = 'max_rows must be between 1 and 100, and query_text have at most 8,000 characters',
      hint = 'Send the newest message as query_text; null for what is newest.';
  end if;
  if bondhu.consented_since(caller, 'memory') is null then
    return;
  end if;
  return query
    with held as materialized (
      select m.* from public.memories m
      where m.user_id = caller
        and not exists (select from public.memories newer where newer.user_id = caller and newer.replaces = m.id)
    ),
    terms as materialized (
      select t.id, t.term from bondhu.terms((select array_agg(h.id) from held h), (select array_agg(h.memory_text) from held h)) t
    ),
    -- What few of them say tells more.
    weights as materialized (
      select t.term, ln(1 + (select count(*) from held)::float8 / count(*)) as weight from terms t group by t.term
    ),
    alike as (
      select t.id, coalesce(sum(w.weight) filter (where asked.term is not null), 0) / sum(w.weight) as share
      from terms t
      join weights w on w.term = t.term
      left join bondhu.terms(array[caller], array[query_text]) asked on asked.term = t.term
      group by t.id
    )
    -- Heuristics: how alike (0 to 1), how new (half as much every 60 days), whether it is due, or over.
    select h.id, h.memory_text, h.category, h.confidence, h.holds_from, h.holds_until, h.created_at,
      round((
        coalesce(a.share, 0)
        + 0.2 * 0.5 ^ (extract(epoch from now() - h.created_at)::float8 / (86400 * 60))
        + case when h.holds_from - today between -1 and 14 then 0.2 else 0 end
        - case when h.holds_until < today then 0.3 else 0 end
      )::numeric, 3) as relevance
    from held h
    left join alike a on a.id = h.id
    order by relevance desc, h.created_at desc, h.id
    limit max_rows;
end
$$;
comment on function public.recall(text, integer) is
  'What the caller told that is worth knowing to answer query_text, best first; nothing while they do not allow it. relevance is higher for what is alike, new or due. max_rows 1..100.';

-- SECURITY DEFINER, as the one below: the service role writes neither memories nor replies.
create function public.memory_task(user_id uuid) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  of_user uuid := memory_task.user_id;
  since timestamptz := bondhu.consented_since(of_user, 'memory');
  unread uuid[];
  first timestamptz;
  last timestamptz;
  task jsonb;
begin
  if of_user is null then
    raise exception using errcode = '22023', message = 'user_id is missing', hint = 'Send the id of whoever wrote the messages.';
  end if;
  if since is null or (select s.memories_in_prompt from bondhu.companion_settings s) = 0 then
    return null;
  end if;
  select array_agg(news.id), min(news.created_at), max(news.created_at) into unread, first, last
  from (
    select m.id, m.created_at
    from bondhu.chat_replies r
    join public.chat_messages m on m.user_id = r.user_id and m.id = r.message_id
    where r.user_id = of_user and r.claimed_at > now() - interval '1 day' and r.finished_at is not null and r.remembered_at is null
      and m.sender_type = 'user' and m.counts and m.support_level is distinct from 'crisis' and m.created_at >= since
    order by m.created_at desc, m.seq desc
    limit 10
  ) news;
  if unread is null then
    return null;
  end if;
  select jsonb_build_object(
    'today', (now() at time zone p.time_zone)::date,
    'messages', (
      select jsonb_agg(jsonb_build_object(
        'id', line.id, 'sender_type', line.sender_type, 'message_text', line.message_text,
        'on', (line.created_at at time zone p.time_zone)::date, 'is_new', line.id = any (unread)) order by line.created_at, line.seq)
      from (
        select m.* from public.chat_messages m
        where m.user_id = of_user and m.created_at <= last and m.created_at > first - interval '1 day'
        order by m.created_at desc, m.seq desc
        limit 24
      ) line
    ),
    'memories', (
      select coalesce(jsonb_agg(to_jsonb(held) - 'created_at' order by held.created_at, held.id), '[]')
      from (
        select m.id, m.memory_text, m.holds_from, m.holds_until, m.created_at from public.memories m
        where m.user_id = of_user
          and not exists (select from public.memories newer where newer.user_id = of_user and newer.replaces = m.id)
        order by m.created_at desc, m.id
        limit 60
      ) held
    )) into task
  from bondhu.people p where p.user_id = of_user;
  -- Two bytes a token are fewer than any text has.
  if bondhu.chat_limit(of_user, octet_length(task::text) / 2 + 3000) is not null then
    return null;
  end if;
  return task;
end
$$;
comment on function public.memory_task(uuid) is
  'What is to be looked through for what a person told: their answered messages that nobody looked through yet (is_new), what was said around them, and what is remembered. null: nothing, or they do not allow it, or a limit is reached.';

create function public.store_memories(user_id uuid, message_ids uuid[], memories jsonb, used_tokens integer) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  of_user uuid := store_memories.user_id;
  since timestamptz;
  sayers uuid[];
  found record;
  said_by uuid[];
  known uuid;
  stored integer := 0;
begin
  if of_user is null or coalesce(cardinality(message_ids), 0) not between 1 and 100
    or jsonb_typeof(store_memories.memories) is distinct from 'array' or jsonb_array_length(store_memories.memories) > 20
    or used_tokens is null or used_tokens not between 0 and 10000000 then
    raise exception using errcode = '22023', message = 'memories are stored by user_id, message_ids, at most 20 memories, and used_tokens',
      hint = 'Send message_ids of memory_task''s messages that are new, and an empty array where there is nothing to remember.';
  end if;
  if not exists (select from bondhu.people p where p.user_id = of_user) then
    return 0;
  end if;
  perform bondhu.lock_consents(of_user);
  since := bondhu.consented_since(of_user, 'memory');
  sayers := array(
    select m.id from (
      select m.id, m.counts, m.support_level, m.created_at from public.chat_messages m
      where m.user_id = of_user and m.id = any (message_ids) and m.sender_type = 'user'
      order by m.id for key share
    ) m
    where m.counts and m.support_level is distinct from 'crisis' and m.created_at >= since
  );
  with looked as (
    update bondhu.chat_replies r set remembered_at = now()
    where r.user_id = of_user and r.message_id = any (message_ids) and r.finished_at is not null and r.remembered_at is null
    returning r.message_id
  )
  select coalesce(array_agg(l.message_id), array[]::uuid[]) into said_by from looked l;
  sayers := array(select unnest(sayers) intersect select unnest(said_by));
  perform bondhu.count_chat_tokens(of_user, (now() at time zone 'UTC')::date, used_tokens);

  for found in
    select * from jsonb_to_recordset(store_memories.memories) as given
      (memory_text text, category text, confidence numeric, holds_from date, holds_until date, replaces uuid, message_ids uuid[])
  loop
    said_by := array(select unnest(found.message_ids) intersect select unnest(sayers));
    continue when said_by = array[]::uuid[];
    -- Said again, it has one more message that says so.
    known := (
      select m.id from public.memories m
      where m.user_id = of_user and lower(m.memory_text) = lower(found.memory_text)
        and not exists (select from public.memories newer where newer.user_id = of_user and newer.replaces = m.id)
      order by m.created_at limit 1
    );
    if known is null then
      -- A person's own words stand, and what was replaced is replaced once.
      continue when found.replaces is not null and not exists (
        select from public.memories m
        where m.user_id = of_user and m.id = found.replaces and m.corrected_at is null
          and not exists (select from public.memories newer where newer.user_id = of_user and newer.replaces = m.id)
      );
      insert into public.memories (user_id, memory_text, category, confidence, holds_from, holds_until, replaces)
      values (of_user, found.memory_text, found.category, found.confidence, found.holds_from, found.holds_until, found.replaces)
      returning id into known;
      stored := stored + 1;
    end if;
    insert into public.memory_evidence (user_id, memory_id, message_id)
    select of_user, known, unnest(said_by)
    on conflict do nothing;
  end loop;

  if stored > 0 then
    delete from public.memories m
    where m.user_id = of_user and m.id in (
      select old.id from public.memories old
      where old.user_id = of_user
      order by exists (select from public.memories newer where newer.user_id = of_user and newer.replaces = old.id),
        old.holds_until is not null and old.holds_until < (now() at time zone 'UTC')::date, old.created_at desc, old.id
      offset (select s.memories_kept from bondhu.companion_settings s)
    );
  end if;
  return stored;
end
$$;
comment on function public.store_memories(uuid, uuid[], jsonb, integer) is
  'Stores what a model found in messages, each with the message_ids that say so, marks them as looked through and counts the tokens, all or nothing; returns how many are new. What no message that counts says, or what would replace the person''s own words, is left out.';

revoke all on function bondhu.terms(uuid[], text[]), public.recall(text, integer), public.memory_task(uuid),
  public.store_memories(uuid, uuid[], jsonb, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.recall(text, integer) to authenticated;
grant execute on function public.memory_task(uuid), public.store_memories(uuid, uuid[], jsonb, integer) to service_role;
