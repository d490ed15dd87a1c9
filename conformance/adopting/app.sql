-- What both generations of the app have. The chat is in messages.sql or exchanges.sql.

create table public.profiles (
  id uuid primary key references auth.users (id) on delete cascade,
  full_name text,
  avatar_url text,
  onboarding_completed boolean default false,
  personality_data jsonb,
  personality_traits jsonb,
  personality_openness integer,
  personality_conscientiousness integer,
  personality_extraversion integer,
  personality_agreeableness integer,
  personality_neuroticism integer,
  personality_completed_at timestamptz,
  personality_llm_context jsonb,
  personality_raw_responses jsonb,
  last_name_change timestamptz,
  spotify_access_token text,
  spotify_refresh_token text,
  spotify_token_expires_at timestamptz,
  spotify_user_id text,
  spotify_user_email text,
  spotify_connected_at timestamptz,
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);

create view public.personality_profiles as
  select
    p.id, p.full_name, p.personality_openness as openness, p.personality_conscientiousness as conscientiousness,
    p.personality_extraversion as extraversion, p.personality_agreeableness as agreeableness,
    p.personality_neuroticism as neuroticism, p.personality_completed_at,
    p.personality_completed_at is not null as has_completed_personality_assessment
  from public.profiles p;
comment on view public.personality_profiles is 'Traits of everybody who has a profile.';

create table public.personality_surveys (
  id uuid primary key default gen_random_uuid(),
  user_id uuid references auth.users (id) on delete cascade,
  survey_version text not null default '1.0',
  raw_responses jsonb,
  openness_score integer,
  conscientiousness_score integer,
  extraversion_score integer,
  agreeableness_score integer,
  neuroticism_score integer,
  completed_at timestamptz default now(),
  unique (user_id, survey_version)
);

create table public.personality_adjustments (
  id uuid primary key default gen_random_uuid(),
  user_id uuid references auth.users (id) on delete cascade,
  source text not null,
  trait text not null,
  adjustment_value double precision check (adjustment_value between -50 and 50),
  confidence_score double precision,
  unique (user_id, source, trait)
);

create table public.user_integrations (
  id uuid primary key default gen_random_uuid(),
  user_id uuid references auth.users (id) on delete cascade,
  provider text not null,
  access_token text,
  refresh_token text,
  token_expiry timestamptz,
  scopes text[],
  provider_user_id text,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  unique (user_id, provider)
);

-- Without a foreign key: plays outlive their account.
create table public.listening_history (
  history_id uuid primary key default gen_random_uuid(),
  user_id uuid,
  track_id text,
  track_name text,
  artist_name text,
  played_at timestamptz,
  energy double precision,
  valence double precision,
  danceability double precision,
  duration_ms integer,
  play_count integer default 1,
  constraint listening_history_once unique (user_id, track_id, played_at)
);
create index idx_listening_history_user_played on public.listening_history (user_id, played_at desc);

create table public.user_activity_stats (
  id uuid primary key default gen_random_uuid(),
  user_id uuid unique references auth.users (id) on delete cascade,
  wellness_score integer default 0,
  total_messages integer default 0,
  chat_sessions integer default 0,
  current_streak integer default 0,
  longest_streak integer default 0,
  last_active date,
  games jsonb default '{}',
  achievements jsonb default '[]',
  updated_at timestamptz default now()
);

create table public.recommendations (
  id uuid primary key default gen_random_uuid(),
  user_id uuid references auth.users (id) on delete cascade,
  kind text,
  content jsonb,
  created_at timestamptz default now()
);
create table public.activity_history (
  id uuid primary key default gen_random_uuid(),
  user_id uuid references auth.users (id) on delete cascade,
  activity_type text,
  details jsonb,
  created_at timestamptz default now()
);
create table public.onboarding_answers (
  id uuid primary key default gen_random_uuid(),
  user_id uuid references auth.users (id) on delete cascade,
  question text,
  answer text,
  created_at timestamptz default now()
);

create function public.handle_new_user() returns trigger
language plpgsql security definer set search_path = public
as $$
begin
  insert into public.profiles (id, full_name, avatar_url)
  values (new.id, new.raw_user_meta_data ->> 'full_name', new.raw_user_meta_data ->> 'avatar_url');
  return new;
end
$$;
create trigger on_auth_user_created after insert on auth.users
  for each row execute function public.handle_new_user();

create function public.update_updated_at_column() returns trigger
language plpgsql
as $$
begin
  new.updated_at = now();
  return new;
end
$$;
create trigger update_profiles_updated_at before update on public.profiles
  for each row execute function public.update_updated_at_column();
create trigger update_user_integrations_updated_at before update on public.user_integrations
  for each row execute function public.update_updated_at_column();
create trigger update_user_activity_stats_updated_at before update on public.user_activity_stats
  for each row execute function public.update_updated_at_column();

-- As such an app has them: they act for whichever user they are told.
create function public.get_personality_context(user_id uuid) returns jsonb
language plpgsql security definer
as $$
declare
  traits record;
begin
  select * into traits from public.personality_profiles p where p.id = get_personality_context.user_id;
  return jsonb_build_object(
    'openness', traits.openness, 'neuroticism', traits.neuroticism,
    'adjustments', (
      select jsonb_object_agg(a.trait, a.adjustment_value) from public.personality_adjustments a
      where a.user_id = get_personality_context.user_id
    )
  );
end
$$;

create function public.update_personality_assessment(
  p_user_id uuid, p_openness integer, p_conscientiousness integer, p_extraversion integer, p_agreeableness integer,
  p_neuroticism integer, p_responses jsonb default null
) returns void
language plpgsql security definer
as $$
begin
  update public.profiles set
    personality_openness = p_openness, personality_conscientiousness = p_conscientiousness,
    personality_extraversion = p_extraversion, personality_agreeableness = p_agreeableness,
    personality_neuroticism = p_neuroticism, personality_raw_responses = p_responses, personality_completed_at = now()
  where id = p_user_id;
end
$$;

create function public.increment_chat_session(p_user_id uuid) returns void
language sql security definer
as $$
  update public.user_activity_stats set chat_sessions = chat_sessions + 1 where user_id = p_user_id
$$;
create function public.update_streak(p_user_id uuid) returns void
language sql security definer
as $$
  update public.user_activity_stats set current_streak = current_streak + 1, last_active = current_date
  where user_id = p_user_id
$$;
create function public.add_achievement(p_user_id uuid, p_achievement jsonb) returns void
language sql security definer
as $$
  update public.user_activity_stats set achievements = achievements || p_achievement where user_id = p_user_id
$$;

alter table public.profiles enable row level security;
alter table public.personality_surveys enable row level security;
alter table public.personality_adjustments enable row level security;
alter table public.user_integrations enable row level security;
alter table public.listening_history enable row level security;
alter table public.user_activity_stats enable row level security;
alter table public.recommendations enable row level security;
alter table public.activity_history enable row level security;
alter table public.onboarding_answers enable row level security;

create policy "Users can view own profile" on public.profiles for select using (auth.uid() = id);
create policy "Users can insert own profile" on public.profiles for insert with check (auth.uid() = id);
create policy "Users can update own profile" on public.profiles for update using (auth.uid() = id);
create policy "Users manage own surveys" on public.personality_surveys for all using (auth.uid() = user_id);
create policy "Users manage own adjustments" on public.personality_adjustments for all using (auth.uid() = user_id);
create policy "Users manage own integrations" on public.user_integrations for all using (auth.uid() = user_id);
create policy "Users manage own listening history" on public.listening_history for all using (auth.uid() = user_id);
create policy "Users view own stats" on public.user_activity_stats for select using (auth.uid() = user_id);
create policy "System updates stats" on public.user_activity_stats for all using (true);
create policy "Recommendations are open" on public.recommendations for all using (true);
create policy "Users manage own activity" on public.activity_history for all using (auth.uid() = user_id);
create policy "Users manage own answers" on public.onboarding_answers for all using (auth.uid() = user_id);

grant all on public.profiles, public.personality_profiles, public.personality_surveys, public.personality_adjustments,
  public.user_integrations, public.listening_history, public.user_activity_stats, public.recommendations,
  public.activity_history, public.onboarding_answers
  to authenticated, service_role;
grant execute on function public.get_personality_context(uuid), public.increment_chat_session(uuid), public.update_streak(uuid),
  public.add_achievement(uuid, jsonb),
  public.update_personality_assessment(uuid, integer, integer, integer, integer, integer, jsonb)
  to authenticated, service_role;
