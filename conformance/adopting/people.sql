-- Forty people. 1 and 2 are ordinary, 40 never wrote; 31 to 38 are odd, each in one way.

insert into auth.users (id, aud, role, email, raw_user_meta_data, created_at, updated_at, is_anonymous)
select
  md5('person ' || n)::uuid, 'authenticated', 'authenticated',
  case when n <> 34 then format('person%s@example.org', n) end,
  case when n = 34 then '{}'::jsonb else jsonb_build_object(
    'full_name', (array['Ada Rahman', 'রিমা দাস', 'Karim', 'Maya Sen 🌿', 'Jonas O''Neill', 'Tania', 'অনিক হাসান'])[1 + n % 7] || ' ' || n
  ) end,
  date_trunc('minute', now()) - interval '410 days', date_trunc('minute', now()) - interval '410 days', n = 34
from generate_series(1, 40) n;

-- A person without a row: it was lost, or the account is older than the trigger.
delete from public.profiles where id = md5('person 33')::uuid;

update public.profiles p set
  full_name = case n
    when 31 then null
    when 32 then repeat('Maximiliana ', 10)
    when 36 then '   '
    when 37 then E'Rina\x07Khan'
    else p.full_name
  end,
  avatar_url = case when n % 3 = 0 then format('https://app.example.org/avatars/%s.png', n) end,
  onboarding_completed = case when n = 38 then null else n % 4 <> 0 end,
  personality_llm_context = case when n % 5 = 0 then jsonb_build_object('tone', 'warm', 'person', n) end
from generate_series(1, 40) n
where p.id = md5('person ' || n)::uuid;

-- Surveys: of thirty people a first one, of every third a second one. Three cannot be taken: a score is missing, is
-- out of range, or nobody knows when it was completed. 27's second one is unfinished, so that the first one holds.
insert into public.personality_surveys
  (id, user_id, survey_version, raw_responses, openness_score, conscientiousness_score, extraversion_score,
   agreeableness_score, neuroticism_score, completed_at)
select
  md5('survey ' || n || '/' || v)::uuid, md5('person ' || n)::uuid, v || '.0',
  jsonb_build_object('q1', 1 + n % 5, 'q2', 1 + (n + v) % 5),
  case when n = 29 then 130 else 10 + (n * 7 + v * 13) % 81 end,
  10 + (n * 7 + v * 13 + 17) % 81,
  case when n = 28 or (n = 27 and v = 2) then null else 10 + (n * 7 + v * 13 + 34) % 81 end,
  10 + (n * 7 + v * 13 + 51) % 81,
  10 + (n * 7 + v * 13 + 68) % 81,
  case
    when n = 30 and v = 1 then null
    when v = 1 then date_trunc('minute', now()) - interval '200 days' + n * interval '1 hour'
    else date_trunc('minute', now()) - interval '20 days' + n * interval '1 hour'
  end
from generate_series(1, 30) n
cross join generate_series(1, 2) v
where v = 1 or n % 3 = 0;

-- The app copies the latest result into the profile.
update public.profiles p set
  personality_openness = s.openness_score, personality_conscientiousness = s.conscientiousness_score,
  personality_extraversion = s.extraversion_score, personality_agreeableness = s.agreeableness_score,
  personality_neuroticism = s.neuroticism_score, personality_completed_at = s.completed_at,
  personality_raw_responses = s.raw_responses,
  personality_traits = jsonb_build_object('openness', s.openness_score)
from (
  select distinct on (user_id) * from public.personality_surveys
  where completed_at is not null and openness_score <= 100 and extraversion_score is not null
  order by user_id, completed_at desc
) s
where s.user_id = p.id;
-- These two have it in the profile alone, of a time before there were surveys.
update public.profiles p set
  personality_openness = 60 + n % 10, personality_conscientiousness = 55, personality_extraversion = 20,
  personality_agreeableness = 81, personality_neuroticism = 35,
  personality_completed_at = date_trunc('minute', now()) - interval '50 days'
from generate_series(31, 32) n
where p.id = md5('person ' || n)::uuid;

insert into public.personality_adjustments (id, user_id, source, trait, adjustment_value, confidence_score)
select
  md5('adjustment ' || n || '/' || t.trait)::uuid, md5('person ' || n)::uuid, t.source, t.trait, (n * 3 + t.place) % 101 - 50,
  (n % 10) / 10.0
from generate_series(1, 20) n
cross join (values ('music', 'openness', 1), ('chat', 'neuroticism', 2), ('chat', 'extraversion', 3)) t (source, trait, place);

-- Tokens in clear. 11's access token has expired; 18 to 20 have nothing that could be renewed; nobody at Bondhu knows
-- the third provider.
insert into public.user_integrations
  (id, user_id, provider, access_token, refresh_token, token_expiry, scopes, provider_user_id, created_at, updated_at)
select
  md5('integration ' || n || '/' || i.provider)::uuid, md5('person ' || n)::uuid, i.provider,
  case
    when i.provider = 'spotify' and n = 18 then ''
    when i.provider = 'spotify' and n = 20 then null
    else format('not-sealed-%s-access-%s', i.provider, n)
  end,
  case
    when i.provider = 'spotify' and n = 18 then ''
    when i.provider = 'spotify' and n in (19, 20) then null
    else format('not-sealed-%s-refresh-%s', i.provider, n)
  end,
  case
    when i.provider = 'spotify' and n in (11, 19) then date_trunc('minute', now()) - interval '1 day'
    when n % 6 = 0 then null
    else date_trunc('minute', now()) + interval '1 hour'
  end,
  case when n % 7 <> 0 then i.scopes end,
  format('%s-user-%s', i.provider, n),
  date_trunc('minute', now()) - interval '100 days', date_trunc('minute', now()) - n * interval '1 day'
from (values
  ('spotify', 1, 20, array['user-top-read', 'user-read-recently-played']),
  ('youtube', 10, 25, array['https://www.googleapis.com/auth/youtube.readonly']),
  ('apple_music', 5, 6, array['music'])
) i (provider, first, last, scopes)
cross join lateral generate_series(i.first, i.last) n;

-- Of an earlier time, in the profile: of 1 to 8 the same account, of 21 to 24 the only one; 25's are empty.
update public.profiles p set
  spotify_access_token = case when n = 25 then '' else format('not-sealed-profile-access-%s', n) end,
  spotify_refresh_token = case when n = 25 then '' else format('not-sealed-profile-refresh-%s', n) end,
  spotify_token_expires_at = date_trunc('minute', now()) - n * interval '1 hour',
  spotify_user_id = format('spotify-user-%s', n),
  spotify_user_email = format('listener%s@example.org', n),
  spotify_connected_at = date_trunc('minute', now()) - interval '90 days'
from generate_series(1, 25) n
where p.id = md5('person ' || n)::uuid and (n <= 8 or n >= 21);

-- Plays: forty each of twenty-five people.
insert into public.listening_history
  (history_id, user_id, track_id, track_name, artist_name, played_at, energy, valence, danceability, duration_ms, play_count)
select
  md5('play ' || n || '/' || k)::uuid, md5('person ' || n)::uuid, left(md5('track ' || (n + k) % 30), 22),
  (array['Ami Banglay Gaan Gai', 'একলা চলো রে', 'Clouds', 'Rain on Tin', 'Long Way Home'])[1 + (n + k) % 30 % 5],
  case when (n + k) % 30 <> 7 then format('Artist %s', (n + k) % 30) end,
  date_trunc('minute', now()) - k * interval '9 hours' - n * interval '3 minutes',
  ((n + k) % 30) / 30.0, ((n + k) % 30) / 30.0, ((n * k) % 10) / 10.0,
  case when n = 7 and k = 1 then -1 when k % 4 <> 0 then 150000 + k * 1000 end, 1 + k % 3
from generate_series(1, 25) n
cross join generate_series(1, 40) k;

-- And what is odd about plays: no name, no track, no time or one that cannot be, nobody's.
insert into public.listening_history (history_id, user_id, track_id, track_name, artist_name, played_at, duration_ms)
select
  md5('odd play ' || o.kind || '/' || k)::uuid,
  case o.kind when 'gone' then md5('gone ' || k % 4)::uuid when 'nobody' then null else md5('person ' || 3 + k)::uuid end,
  case when o.kind <> 'no track' then left(md5('track ' || o.kind || k), 22) end,
  case when o.kind <> 'no name' then 'Shadow of ' || o.kind end,
  'Artist odd',
  case o.kind
    when 'no time' then null
    when 'infinite' then case when k % 2 = 0 then 'infinity'::timestamptz else '-infinity' end
    when 'future' then '2999-01-01 00:00+00'
    else date_trunc('minute', now()) - interval '60 days' - k * interval '1 hour' + interval '30 seconds'
  end,
  180000
from (values
  ('no name', 10), ('no track', 3), ('no time', 4), ('infinite', 2), ('future', 2), ('gone', 5), ('nobody', 1)
) o (kind, rows)
cross join lateral generate_series(1, o.rows) k;

insert into public.user_activity_stats
  (id, user_id, wellness_score, total_messages, chat_sessions, current_streak, longest_streak, last_active, games, achievements)
select
  md5('stats ' || n)::uuid, md5('person ' || n)::uuid, 40 + n, n * 25, n, n % 7, n % 30, current_date - n % 5,
  jsonb_build_object('memory', n % 4), jsonb_build_array(jsonb_build_object('id', 'first_chat'))
from generate_series(1, 40) n
where n <> 35;
insert into public.recommendations (id, user_id, kind, content)
select md5('recommendation ' || n)::uuid, md5('person ' || n)::uuid, 'music', jsonb_build_object('title', 'Clouds', 'place', n)
from generate_series(1, 20) n;
insert into public.activity_history (id, user_id, activity_type, details)
select md5('activity ' || n)::uuid, md5('person ' || (1 + n % 39))::uuid, 'game', jsonb_build_object('score', n)
from generate_series(1, 60) n;
insert into public.onboarding_answers (id, user_id, question, answer)
select md5('answer ' || n)::uuid, md5('person ' || n)::uuid, 'What brings you here?', 'Somebody to talk to'
from generate_series(1, 30) n;
