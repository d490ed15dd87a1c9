-- The chat of the newer generation: a row a message, with "timestamp", sessions that are uuids, moods in free words.

create table public.chat_messages (
  id uuid primary key default gen_random_uuid(),
  user_id uuid,
  message_text text,
  sender_type text,
  "timestamp" timestamptz default now(),
  session_id uuid default gen_random_uuid(),
  mood_detected text,
  sentiment_score numeric(5, 2)
);
create index idx_chat_messages_user_timestamp on public.chat_messages (user_id, "timestamp" desc);
create index idx_chat_messages_session_id on public.chat_messages (session_id);
alter table public.chat_messages replica identity full;
alter table public.chat_messages enable row level security;
create policy "Users can view own messages" on public.chat_messages for select using (auth.uid() = user_id);
create policy "Users can insert own messages" on public.chat_messages for insert with check (auth.uid() = user_id);
create policy "Users can delete own messages" on public.chat_messages for delete using (auth.uid() = user_id);
alter publication supabase_realtime add table public.chat_messages;

-- The app's own, which refers to messages.
create table public.message_feedback (
  id uuid primary key default gen_random_uuid(),
  message_id uuid references public.chat_messages (id) on delete cascade,
  user_id uuid references auth.users (id) on delete cascade,
  rating integer,
  created_at timestamptz default now()
);
create index idx_message_feedback_message_id on public.message_feedback (message_id);
alter table public.message_feedback enable row level security;
create policy "Users manage own feedback" on public.message_feedback for all using (auth.uid() = user_id);

grant all on public.chat_messages, public.message_feedback to authenticated, service_role;

-- 10,000 exchanges of 39 people over 400 days, the denser the newer; the last one is two minutes old. Of every second
-- one the companion's message has the time of the person's. Sessions are of ten exchanges; now and then a message has one
-- of its own, which is the column's default, or none.
with words (openings, rests, replies, moods) as (
  values (
    array[
      'I am so happy today!', 'I feel terrible,', 'আমি আজ খুব খুশি', 'Everything is fine.', 'I am really anxious:',
      'আমার মন খারাপ', 'I hate this 😡', 'Thank you so much ❤️', 'I feel lonely tonight', 'So tired 😴', 'Wow, guess what!',
      'mon ta bhalo nei'
    ],
    array[
      'my exam went well', 'nobody listens to me', 'আমার বন্ধু এসেছিল 🎉', 'I can''t sleep and I don''t want to talk',
      'we walked by the river', 'my boss shouted at me', 'আমি কিছুই করতে পারি না', 'the music helped', 'what should I do?',
      'it rained all day 🌧️', 'I miss my mother'
    ],
    array[
      'I am here. Tell me more.', 'That sounds hard 💛', 'শুনে ভালো লাগল!', 'How did that feel?', 'Take a breath with me.',
      'You did that yourself. Be proud!', 'What would help right now?'
    ],
    array['happy', 'stressed', 'excited', 'sad', 'neutral', 'meh', null, 'bittersweet', '😀']
  )
), said (n, exchange, person, is_reply, at) as (
  select
    2 * e + r - 1, e, 1 + e % 39, r = 1,
    date_trunc('second', date_trunc('minute', now()) - interval '2 minutes'
      - interval '400 days' * power(1 - e / 10000.0::double precision, 2)) + r * (e % 2) * interval '3 seconds'
  from generate_series(1, 10000) e
  cross join generate_series(0, 1) r
)
insert into public.chat_messages (id, user_id, message_text, sender_type, "timestamp", session_id, mood_detected, sentiment_score)
select
  md5('message ' || s.n)::uuid, md5('person ' || s.person)::uuid,
  case when s.is_reply then w.replies[1 + s.exchange % 7]
    else w.openings[1 + s.exchange % 12] || ' ' || w.rests[1 + s.exchange % 11] end,
  case when s.is_reply then 'ai' else 'user' end,
  s.at,
  case
    when s.exchange % 77 = 0 then null
    when s.exchange % 50 = 0 then md5('session of message ' || s.n)::uuid
    else md5('session ' || s.person || '/' || s.exchange / 390)::uuid
  end,
  case when not s.is_reply then w.moods[1 + s.exchange % 9] end,
  case when not s.is_reply then (s.exchange * 37 % 10001) / 100.0 end
from said s
cross join words w
order by s.n;

-- Texts and senders that are odd. From 'empty' to 'over the bytes' they cannot be taken; the rest can.
insert into public.chat_messages (id, user_id, message_text, sender_type, "timestamp", session_id, mood_detected)
select
  md5('odd ' || o.kind || ' ' || k)::uuid,
  case o.kind when 'gone' then md5('gone ' || k % 4)::uuid when 'nobody' then null else md5('person ' || o.person)::uuid end,
  o.message_text,
  case when o.kind <> 'sender' then 'user' else (array['system', 'bot', 'moderator', '', null])[k] end,
  date_trunc('minute', now()) - interval '30 days' - o.place * interval '1 hour' - k * interval '1 minute' + interval '30.5 seconds',
  case when o.kind in ('gone', 'shared session') then md5('session shared')::uuid end,
  'unheard of'
from (values
  (1, 'empty', 5, 3, ''),
  (2, 'spaces', 2, 3, '   '),
  (3, 'white', 2, 3, E' \n\t '),
  (4, 'unseen', 2, 4, E'\u00A0\u200B\u3000'),
  (5, 'absent', 3, 4, null),
  (6, 'long', 2, 5, repeat('a', 8001)),
  (7, 'longer', 2, 5, repeat('I am happy. ', 2500)),
  (8, 'bell', 1, 6, E'ding \x07 dong'),
  (9, 'colour', 1, 6, E'\x1B[31mred'),
  (10, 'next line', 1, 6, E'one\u0085two'),
  (11, 'gone', 40, 0, 'Nobody is there any more'),
  (12, 'nobody', 3, 0, 'Whose is this?'),
  (13, 'sender', 5, 7, 'Who says so?'),
  (14, 'over the bytes', 2, 5, repeat('😊', 7000)),
  (15, 'just right', 2, 5, repeat('b', 8000)),
  (16, 'just right in bytes', 1, 5, repeat('ক', 8000)),
  (17, 'lines and tabs', 2, 6, E'one\n\ttwo\r\nthree'),
  (18, 'shared session', 2, 8, 'The same session as'),
  (19, 'shared session too', 1, 9, 'somebody else')
) o (place, kind, rows, person, message_text)
cross join lateral generate_series(1, o.rows) k;
update public.chat_messages set session_id = md5('session shared')::uuid where id = md5('odd shared session too 1')::uuid;

-- A text that was sent twice at once: both were stored, and both stay.
insert into public.chat_messages (id, user_id, message_text, sender_type, "timestamp", session_id, mood_detected)
select
  md5('twice ' || k)::uuid, md5('person 10')::uuid, 'Did you get this?', 'user',
  date_trunc('minute', now()) - interval '29 days' + interval '30.5 seconds', null, null
from generate_series(1, 2) k;

-- Times that are odd: the first seven cannot be taken, the last two can.
insert into public.chat_messages (id, user_id, message_text, sender_type, "timestamp", session_id)
select md5('odd time ' || o.place)::uuid, md5('person 11')::uuid, 'When was this?', o.sender_type, o.at, null
from (values
  (1, 'user', null::timestamptz),
  (2, 'ai', null),
  (3, 'user', 'infinity'),
  (4, 'user', '-infinity'),
  (5, 'user', '2999-01-01 00:00+00'),
  (6, 'user', '1899-12-31 23:59:59.999999+00'),
  (7, 'user', '0044-03-15 00:00+00 BC'),
  (8, 'user', '1900-01-01 00:00+00'),
  (9, 'user', '1969-12-31 23:59:59+00')
) o (place, sender_type, at);

insert into public.message_feedback (id, message_id, user_id, rating)
select md5('feedback ' || e)::uuid, md5('message ' || 2 * e)::uuid, md5('person ' || 1 + e % 39)::uuid, 1 + e % 5
from generate_series(1, 10000, 50) e;
