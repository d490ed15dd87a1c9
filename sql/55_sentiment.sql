-- Sentiment per user and 15 minutes of UTC: the coarsest grain from which every time
-- zone's hours and days can be made. Sums are integers, so that neither order nor a
-- deletion can leave a trace. Written by the engine, as the owner.

create table public.sentiment_buckets (
  -- Of the profile, whose row the engine holds when it writes here: a check of auth.users would
  -- wait for whoever is deleting the user, while they wait for the engine.
  user_id uuid not null references public.personality_profiles (user_id) on delete cascade,
  bucket_start timestamptz not null,
  message_count integer not null,
  score_sum bigint not null,
  score_sum_squares bigint not null,
  angry integer not null,
  anxious integer not null,
  calm integer not null,
  curious integer not null,
  disgust integer not null,
  grateful integer not null,
  joy integer not null,
  lonely integer not null,
  love integer not null,
  neutral integer not null,
  sad integer not null,
  surprise integer not null,
  tired integer not null,

  primary key (user_id, bucket_start),
  constraint bucket_is_a_quarter_hour check (bucket_start = date_bin('15 minutes', bucket_start, 'epoch')),
  constraint bucket_is_not_empty check (message_count > 0),
  constraint sum_is_of_scores check (score_sum between 0 and 100::bigint * message_count),
  constraint squares_are_of_scores check (score_sum_squares between 0 and 100 * score_sum),
  constraint every_message_has_one_mood check (
    message_count
      = angry + anxious + calm + curious + disgust + grateful + joy + lonely + love + neutral + sad + surprise + tired
    and least(angry, anxious, calm, curious, disgust, grateful, joy, lonely, love, neutral, sad, surprise, tired) >= 0
  )
);
comment on table public.sentiment_buckets is 'Scored messages per user and 15 minutes (UTC): count, sums of scores in hundredths, mood counts.';
comment on column public.sentiment_buckets.score_sum is 'Sum of sentiment_score × 100.';
comment on column public.sentiment_buckets.score_sum_squares is 'Sum of (sentiment_score × 100)², for exact deviations.';

alter table public.sentiment_buckets enable row level security;
revoke all on public.sentiment_buckets from public, anon, authenticated, service_role;
grant select on public.sentiment_buckets to authenticated, service_role, bondhu_worker;

create policy "a user reads their own sentiment" on public.sentiment_buckets
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker reads sentiment" on public.sentiment_buckets
  for select to bondhu_worker using (true);

-- The newest crisis message is asked for when one is deleted; there are few.
create index chat_messages_in_crisis on public.chat_messages (user_id, created_at) where support_level = 'crisis';
-- What bondhu.rescore() has to do; empty while an engine is installed.
create index chat_messages_unscored on public.chat_messages (user_id, created_at)
  where sender_type = 'user' and engine_version is null;
