-- Sentiment per user and 15 minutes of UTC: the longest interval from which the hours and days of
-- every time zone can be computed. Sums are integers, so that they are exact in any order of changes.
-- Written only by the engine, as the owner; without checks, as personality_profiles.

create table public.sentiment_buckets (
  -- References the profile, whose row the engine has locked when it writes here: a reference to
  -- auth.users could deadlock with the deletion of the user.
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

  primary key (user_id, bucket_start)
) with (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02); -- the present bucket is updated in place
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

-- To find the newest crisis message when one is deleted; there are few.
create index chat_messages_in_crisis on public.chat_messages (user_id, created_at) where support_level = 'crisis';
-- Messages for bondhu.rescore(); empty while an engine is installed.
create index chat_messages_unscored on public.chat_messages (user_id, created_at)
  where sender_type = 'user' and engine_version is null;
