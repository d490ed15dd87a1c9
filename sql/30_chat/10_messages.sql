-- Chat messages and their scores.
--
-- A client writes text, session and id; all other columns are written by the engine or the service
-- role. bondhu.install_engine() attaches the engine's triggers.

create table public.chat_messages (
  user_id uuid not null default auth.uid() references auth.users (id) on delete cascade,
  id uuid not null default gen_random_uuid(),
  seq bigint generated always as identity,
  session_id uuid,
  sender_type text not null default 'user',
  message_text text not null,
  sentiment_score numeric(3, 2),
  mood_detected text,
  support_level text,
  engine_version integer,
  corrected_sentiment numeric(3, 2),
  corrected_mood text,
  counts boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),

  primary key (user_id, id),
  constraint sender_is_known check (sender_type in ('user', 'ai')),
  -- 24000 bytes are 8000 characters of most scripts; of emoji fewer fit.
  constraint message_can_be_read check (
    case when char_length(message_text) > 8000 or octet_length(message_text) > 24000 or bondhu.text_fault(message_text) is not null then
      bondhu.refuse_text('message', 'message_text', message_text, 8000, 24000) end
  ),
  constraint score_is_0_to_1 check (sentiment_score between 0 and 1),
  constraint mood_is_known check (mood_detected in (
    'joy', 'love', 'grateful', 'calm', 'curious', 'surprise', 'sad', 'lonely',
    'anxious', 'angry', 'disgust', 'tired', 'neutral'
  )),
  constraint support_level_is_known check (support_level in ('none', 'support', 'crisis')),
  constraint scored_whole_or_not_at_all check (
    num_nulls(sentiment_score, mood_detected, support_level, engine_version) in (0, 4)
  ),
  constraint only_user_messages_are_scored check (sender_type = 'user' or engine_version is null),
  constraint corrected_sentiment_is_0_to_1 check (corrected_sentiment between 0 and 1),
  constraint corrected_mood_is_known check (corrected_mood in (
    'joy', 'love', 'grateful', 'calm', 'curious', 'surprise', 'sad', 'lonely',
    'anxious', 'angry', 'disgust', 'tired', 'neutral'
  )),
  constraint only_user_messages_are_corrected check (
    sender_type = 'user' or num_nonnulls(corrected_sentiment, corrected_mood) = 0
  ),
  -- Once true it stays true, so that a dump restores. Not now(): a transaction that began before a
  -- message was written may edit it. The engine also refuses inserts after now().
  -- Not before 1900: further back, arithmetic with days in a time zone fails, for all users at once.
  constraint created_at_is_since_1900_and_not_in_the_future check (created_at between '1900-01-01 00:00+00' and clock_timestamp())
) with ( -- by default a billion rows would wait for two hundred million more
  autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02
);
comment on table public.chat_messages is
  'The conversation. (user_id, id) is the key, so a retried send with the same id is a no-op (upsert with ignoreDuplicates).';
comment on column public.chat_messages.seq is 'Order within one created_at; rows of one transaction share that. Cursors are (created_at, seq).';
-- Without a foreign key: a session goes after a while, and would write each of its messages anew.
comment on column public.chat_messages.session_id is
  'Of which session it is. A session is kept for settings.session_retention_days after its end, and is named here after that.';
comment on column public.chat_messages.sentiment_score is '0 bad … 0.5 neutral … 1 good; null while unscored and for the companion''s messages.';
comment on column public.chat_messages.support_level is 'none, support or crisis: what the support detector found. Not a diagnosis.';
comment on column public.chat_messages.engine_version is 'Version of the engine that scored this message; null while unscored.';

comment on column public.chat_messages.corrected_sentiment is
  'What the person says it is: read in place of sentiment_score. Another text has none.';
comment on column public.chat_messages.corrected_mood is 'What the person says it is: read in place of mood_detected. Another text has none.';
comment on column public.chat_messages.counts is
  'Whether it counts in what is learnt of the person. Crises are noticed either way.';

-- Serves history pages, the engine's window reads, and the policies.
create index chat_messages_by_time on public.chat_messages (user_id, created_at desc, seq desc);
create index chat_messages_by_session on public.chat_messages (user_id, session_id) where session_id is not null;

alter table public.chat_messages enable row level security;
revoke all on public.chat_messages from public, anon, authenticated, service_role;
revoke all on sequence public.chat_messages_seq_seq from public, anon, authenticated, service_role;
grant select, delete on public.chat_messages to authenticated;
grant insert (user_id, id, session_id, message_text) on public.chat_messages to authenticated;
grant update (message_text) on public.chat_messages to authenticated;
grant select, delete on public.chat_messages to service_role;
grant insert (user_id, id, session_id, sender_type, message_text, counts, created_at) on public.chat_messages to service_role;
grant update (user_id, session_id, sender_type, message_text, corrected_sentiment, corrected_mood, counts)
  on public.chat_messages to service_role;
grant select on public.chat_messages to bondhu_worker;

create policy "a user reads their own messages" on public.chat_messages
  for select to authenticated using (user_id = (select auth.uid()));
create policy "a user writes their own messages" on public.chat_messages
  for insert to authenticated with check (user_id = (select auth.uid()) and sender_type = 'user');
create policy "a user edits their own messages" on public.chat_messages
  for update to authenticated using (user_id = (select auth.uid()) and sender_type = 'user')
  with check (user_id = (select auth.uid()) and sender_type = 'user');
create policy "a user deletes their own messages" on public.chat_messages
  for delete to authenticated using (user_id = (select auth.uid()));
create policy "the worker reads messages" on public.chat_messages
  for select to bondhu_worker using (true);

create trigger chat_messages_set_updated_at before update of message_text on public.chat_messages
  for each row when (old.message_text is distinct from new.message_text)
  execute function bondhu.set_updated_at();

-- SECURITY DEFINER: it fires as whoever writes a message.
create function bondhu.stamp_message_of_session() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  is_learnt_from boolean := (select s.is_learnt_from from public.user_sessions s where s.user_id = new.user_id and s.id = new.session_id);
begin
  -- One of an earlier time comes from elsewhere, such as a dump, where its session may be gone; and so may that of what is
  -- answered, or sent once more. Another's row is row security's to refuse, in the same words whatever they have.
  if is_learnt_from is null and new.created_at = now() and new.sender_type = 'user'
    and coalesce(auth.uid(), new.user_id) = new.user_id
    and not exists (select from public.chat_messages m where m.user_id = new.user_id and m.id = new.id)
  then
    raise exception using
      errcode = '23503',
      message = 'there is no such session of yours',
      hint = 'Call start_session and send the id that it returns, or leave session_id out.',
      schema = 'public', table = 'chat_messages', column = 'session_id';
  end if;
  new.counts := new.counts and coalesce(is_learnt_from, true);
  return new;
end
$$;
comment on function bondhu.stamp_message_of_session() is
  'BEFORE INSERT row trigger: what a person says now is said in a session that there is (else 23503), and in one that is not learnt from does not count.';
revoke all on function bondhu.stamp_message_of_session() from public, anon, authenticated, service_role;

create trigger chat_messages_stamp_session before insert on public.chat_messages
  for each row when (new.session_id is not null)
  execute function bondhu.stamp_message_of_session();

-- Cursors are opaque strings, which JavaScript cannot round as it does Dates and Numbers: instants have
-- microseconds, and the rows of one transaction share theirs.

create function bondhu.instant_to_cursor(instant timestamptz) returns text
language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select encode(timestamptz_send(instant), 'hex')
$$;
comment on function bondhu.instant_to_cursor(timestamptz) is 'Microseconds since 2000 as 16 hexadecimal digits.';

create function bondhu.cursor_to_instant(digits text) returns timestamptz
language plpgsql stable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  microseconds bigint := ('x' || digits)::bit(64)::bigint;
begin
  return '2000-01-01 00:00+00'::timestamptz
    + make_interval(secs => microseconds / 1000000) + microseconds % 1000000 * interval '1 microsecond';
exception when datetime_field_overflow then
  -- Infinite, or invented.
  return case when microseconds < 0 then '-infinity'::timestamptz else 'infinity' end;
end
$$;
comment on function bondhu.cursor_to_instant(text) is 'The instant that bondhu.instant_to_cursor() wrote.';

create function bondhu.refuse_cursor() returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = '22023',
    message = 'before_cursor is no cursor',
    hint = 'Send the cursor of the last row you have, as it came, or null for the newest page.';
end
$$;
comment on function bondhu.refuse_cursor() is 'Raises 22023.';

revoke all on function bondhu.instant_to_cursor(timestamptz), bondhu.cursor_to_instant(text), bondhu.refuse_cursor()
  from public, anon, authenticated, service_role;
grant execute on function bondhu.instant_to_cursor(timestamptz), bondhu.cursor_to_instant(text), bondhu.refuse_cursor() to authenticated;

create function public.chat_history(
  page_size integer default 50,
  before_created_at timestamptz default null,
  before_seq bigint default null,
  before_cursor text default null
) returns table (
  user_id uuid, id uuid, seq bigint, session_id uuid, sender_type text, message_text text,
  sentiment_score numeric, mood_detected text, support_level text, engine_version integer,
  created_at timestamptz, updated_at timestamptz, cursor text
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if page_size is null or page_size not between 1 and 200 then
    raise exception using
      errcode = '22023',
      message = 'page_size must be between 1 and 200',
      hint = 'Ask for the next page with the cursor of the oldest message you have.';
  end if;
  if (before_created_at is null) <> (before_seq is null) then
    raise exception using
      errcode = '22023',
      message = 'before_created_at and before_seq are a cursor together',
      hint = 'Send the cursor of the oldest message you have as before_cursor; or its created_at, uncut, and seq.';
  end if;
  if before_cursor is not null then
    if before_seq is not null then
      raise exception using
        errcode = '22023',
        message = 'before_cursor says it all: before_created_at and before_seq go without',
        hint = 'Send before_cursor alone.';
    end if;
    if char_length(before_cursor) <> 32 or before_cursor !~ '^[0-9a-f]{32}$' then
      perform bondhu.refuse_cursor();
    end if;
    before_created_at := bondhu.cursor_to_instant(left(before_cursor, 16));
    before_seq := ('x' || right(before_cursor, 16))::bit(64)::bigint;
  end if;
  return query
    select page.user_id, page.id, page.seq, page.session_id, page.sender_type, page.message_text,
      page.sentiment_score, page.mood_detected, page.support_level, page.engine_version,
      page.created_at, page.updated_at, bondhu.instant_to_cursor(page.created_at) || encode(int8send(page.seq), 'hex')
    from (
      select m.*
      from public.chat_messages m
      where m.user_id = (select bondhu.require_user())
        -- Without a cursor: before infinity, so that one index condition serves both.
        and (m.created_at, m.seq) < (
          coalesce(before_created_at, 'infinity'), coalesce(before_seq, 9223372036854775807)
        )
      order by m.created_at desc, m.seq desc
      limit page_size
    ) page
    order by page.created_at, page.seq;
end
$$;
comment on function public.chat_history(integer, timestamptz, bigint, text) is
  'The caller''s newest page of messages before the cursor, oldest first; each carries its own cursor, an opaque string, for before_cursor. page_size 1..200.';
revoke all on function public.chat_history(integer, timestamptz, bigint, text) from public, anon, authenticated, service_role;
grant execute on function public.chat_history(integer, timestamptz, bigint, text) to authenticated;

create function bondhu.chat_history_document(user_ids uuid[], as_of timestamptz)
returns table (user_id uuid, data json, until timestamptz)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  size integer := (select chat_history_document_size from bondhu.settings);
begin
  return query
    select
      p.user_id,
      (
        select coalesce(json_agg(m order by m.created_at, m.seq), '[]')
        from (
          select
            newest.id, newest.seq, newest.session_id, newest.sender_type, newest.message_text,
            newest.sentiment_score, newest.mood_detected, newest.created_at, newest.updated_at
          from public.chat_messages newest
          where newest.user_id = p.user_id
          order by newest.created_at desc, newest.seq desc
          limit size
        ) m
      ),
      null::timestamptz
    from unnest(user_ids) wanted (id)
    join bondhu.people p on p.user_id = wanted.id
    where as_of is not null
      and not exists (select from public.erasures e where e.user_id = p.user_id and e.finished_at is null);
end
$$;
comment on function bondhu.chat_history_document(uuid[], timestamptz) is 'Redis document chat:history: the newest messages, oldest first; it changes only with messages.';
revoke all on function bondhu.chat_history_document(uuid[], timestamptz) from public, anon, authenticated, service_role;
grant execute on function bondhu.chat_history_document(uuid[], timestamptz) to bondhu_worker;
