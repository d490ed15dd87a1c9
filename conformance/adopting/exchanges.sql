-- The chat of the older generation: a row an exchange. Shortly before its end it got a table of messages with created_at
-- and sessions that are any text.

create table public.chat_history (
  id uuid primary key default gen_random_uuid(),
  user_id uuid,
  message text,
  response text,
  personality_context jsonb,
  has_personality_context boolean default false,
  created_at timestamptz default now()
);
create index idx_chat_history_user_created on public.chat_history (user_id, created_at desc);

create table public.chat_messages (
  id uuid primary key default gen_random_uuid(),
  user_id uuid references auth.users (id) on delete cascade,
  message_text text,
  sender_type text,
  session_id text,
  mood_detected text,
  sentiment_score numeric(3, 2),
  created_at timestamptz default now()
);
create index idx_chat_messages_user_created on public.chat_messages (user_id, created_at desc);

alter table public.chat_history enable row level security;
alter table public.chat_messages enable row level security;
create policy "Users manage own history" on public.chat_history for all using (auth.uid() = user_id);
create policy "Users manage own messages" on public.chat_messages for all using (auth.uid() = user_id);
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

grant all on public.chat_history, public.chat_messages, public.message_feedback to authenticated, service_role;

-- 10,000 exchanges of 39 people from 400 days to 10 days ago, the denser the newer.
with words (openings, rests, replies) as (
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
    ]
  )
)
insert into public.chat_history (id, user_id, message, response, personality_context, has_personality_context, created_at)
select
  md5('exchange ' || e)::uuid, md5('person ' || 1 + e % 39)::uuid,
  w.openings[1 + e % 12] || ' ' || w.rests[1 + e % 11], w.replies[1 + e % 7],
  case when e % 4 = 0 then jsonb_build_object('openness', e % 100) end, e % 4 = 0,
  date_trunc('second', date_trunc('minute', now()) - interval '10 days'
    - interval '390 days' * power(1 - e / 10000.0::double precision, 2))
from generate_series(1, 10000) e
cross join words w
order by e;

-- Exchanges that are odd: what is odd of the message leaves the reply, and the other way round; who is gone, and a time
-- that cannot be, leave neither.
insert into public.chat_history (id, user_id, message, response, created_at)
select
  md5('odd exchange ' || o.kind || ' ' || k)::uuid,
  case o.kind when 'gone' then md5('gone ' || k % 4)::uuid when 'nobody' then null else md5('person ' || o.person)::uuid end,
  o.message, o.response,
  date_trunc('minute', now()) - interval '30 days' - o.place * interval '1 hour' - k * interval '1 minute' + interval '30.5 seconds'
from (values
  (1, 'unanswered', 6, 3, 'Are you there?', null),
  (2, 'answered by nothing', 4, 3, 'Hello?', ''),
  (3, 'asked nothing', 3, 3, '', 'You are quiet today.'),
  (4, 'asked blanks', 2, 4, E' \n\u00A0\u200B\u3000', 'Tell me more.'),
  (5, 'greeted', 2, 4, null, 'Good morning!'),
  (6, 'long', 2, 5, repeat('a', 8001), 'That was a lot.'),
  (7, 'longer', 1, 5, repeat('I am happy. ', 2500), 'That was even more.'),
  (8, 'long answer', 1, 5, 'Tell me a story', repeat('Once upon a time. ', 1667)),
  (9, 'over the bytes', 1, 5, repeat('😊', 7000), 'So many smiles'),
  (10, 'control', 2, 6, E'ding \x07 dong', E'one\n\ttwo'),
  (11, 'gone', 8, 0, 'Nobody is there any more', 'Nobody'),
  (12, 'nobody', 2, 0, 'Whose is this?', 'Nobody''s')
) o (place, kind, rows, person, message, response)
cross join lateral generate_series(1, o.rows) k;
insert into public.chat_history (id, user_id, message, response, created_at)
select md5('odd exchange time ' || o.place)::uuid, md5('person 11')::uuid, 'When was this?', 'I do not know.', o.at
from (values
  (1, null::timestamptz), (2, 'infinity'), (3, '-infinity'), (4, '2999-01-01 00:00+00'), (5, '1899-12-31 23:59:59.999999+00'),
  (6, '1900-01-01 00:00+00')
) o (place, at);

-- 500 messages of ten people in the last ten days. Sessions are names, uuids in small and capital letters, what
-- JavaScript makes of nothing, or none.
with said (n, exchange, person, is_reply, at) as (
  select
    2 * e + r - 1, e, 1 + e % 10, r = 1,
    date_trunc('second', date_trunc('minute', now()) - interval '2 minutes'
      - interval '9 days' * power(1 - e / 250.0::double precision, 2)) + r * (e % 2) * interval '3 seconds'
  from generate_series(1, 250) e
  cross join generate_series(0, 1) r
)
insert into public.chat_messages (id, user_id, message_text, sender_type, session_id, mood_detected, sentiment_score, created_at)
select
  md5('message ' || s.n)::uuid, md5('person ' || s.person)::uuid,
  case when s.is_reply then 'I hear you.' else (array['I feel better', 'আমি ক্লান্ত', 'I am scared', 'Great news 🎉'])[1 + s.exchange % 4] end,
  case when s.is_reply then 'ai' else 'user' end,
  case
    when s.exchange % 25 = 0 then null
    when s.exchange % 25 = 1 then 'undefined'
    when s.exchange % 25 = 2 then upper(md5('session ' || s.exchange)::uuid::text)
    when s.exchange % 3 = 0 then md5('session ' || s.person || '/' || s.exchange / 50)::uuid::text
    else format('session_%s_%s', s.person, s.exchange / 50)
  end,
  case when not s.is_reply then (array['happy', 'overwhelmed', null, 'sad'])[1 + s.exchange % 4] end,
  case when not s.is_reply then (s.exchange % 101) / 100.0 end,
  s.at
from said s
order by s.n;
insert into public.chat_messages (id, user_id, message_text, sender_type, session_id, created_at)
select
  md5('odd ' || o.kind)::uuid, case when o.kind <> 'nobody' then md5('person 12')::uuid end, o.message_text, o.sender_type,
  'session_odd', date_trunc('minute', now()) - interval '8 days' - o.place * interval '1 hour' + interval '30.5 seconds'
from (values
  (1, 'empty', '', 'user'),
  (2, 'absent', null, 'user'),
  (3, 'long', repeat('a', 8001), 'user'),
  (4, 'sender', 'Who says so?', 'assistant'),
  (5, 'no sender', 'Who says so?', null),
  (6, 'nobody', 'Whose is this?', 'user'),
  (7, 'just right', repeat('ক', 8000), 'user')
) o (place, kind, message_text, sender_type);

insert into public.message_feedback (id, message_id, user_id, rating)
select md5('feedback ' || e)::uuid, md5('message ' || 2 * e)::uuid, md5('person ' || 1 + e % 10)::uuid, 1 + e % 5
from generate_series(1, 250, 10) e;

-- The constraint on plays came later: some are there twice.
alter table public.listening_history drop constraint listening_history_once;
insert into public.listening_history (history_id, user_id, track_id, track_name, artist_name, played_at, duration_ms)
select md5('play again ' || l.history_id)::uuid, l.user_id, l.track_id, l.track_name, l.artist_name, l.played_at, l.duration_ms
from public.listening_history l
where l.history_id in (select md5('play 5/' || k)::uuid from generate_series(2, 7) k);
