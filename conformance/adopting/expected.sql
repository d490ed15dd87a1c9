-- What has to be there after the adoption, read from the app's tables before it, by rules of its own. Temporary tables:
-- nothing of it is dumped.

create temporary table expected_messages as
select s.source, s.key, s.id, s.user_id, s.sender_type, s.message_text, s.at,
  case
    when s.session ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then s.session::uuid
    else md5(s.user_id::text || '/' || s.session)::uuid
  end as session_id,
  case
    when not exists (select from auth.users u where u.id = s.user_id) then 'its account is gone'
    when s.sender_type is null or s.sender_type not in ('user', 'ai') then 'unknown sender'
    when s.message_text is null then 'no text'
    when char_length(s.message_text) > 8000 then 'over 8,000 characters'
    when octet_length(s.message_text) > 24000 then 'over 24,000 bytes'
    when s.message_text collate "C" ~ '[\u0001-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F]' then 'control characters'
    when s.message_text collate "C" !~ '[^\u0009\u000A\u000D\u0020\u00A0\u200B\u3000]' then 'blank text'
    when s.at is null then 'no time'
    when s.at < '1900-01-01 00:00+00' then 'a time before 1900'
    when s.at > now() then 'a time in the future'
  end as left_because
from said s;
create unique index on expected_messages (user_id, id);
create index on expected_messages (id);

create temporary table expected_sessions as
select m.user_id, m.session_id, min(m.at) as first, max(m.at) as last
from expected_messages m
where m.left_because is null and m.session_id is not null
group by m.user_id, m.session_id;

create temporary table expected_people as
select u.id as user_id, p.id is not null as has_profile, p.full_name, p.onboarding_completed
from auth.users u
left join public.profiles p on p.id = u.id;

-- A profile's own traits where no survey of that moment has them.
create temporary table expected_assessments as
with results as (
  select s.user_id, s.completed_at,
    array[s.openness_score, s.conscientiousness_score, s.extraversion_score, s.agreeableness_score, s.neuroticism_score] as traits
  from public.personality_surveys s
  union
  select p.id, p.personality_completed_at, array[
    p.personality_openness, p.personality_conscientiousness, p.personality_extraversion, p.personality_agreeableness,
    p.personality_neuroticism
  ]
  from public.profiles p
)
select r.user_id, r.completed_at, r.traits
from results r
where r.completed_at is not null and not exists (
  select from unnest(r.traits) t (points) where t.points is null or t.points not between 0 and 100
);

create temporary table expected_plays as
select distinct l.user_id, l.played_at, l.track_id, l.track_name, l.artist_name
from public.listening_history l
where exists (select from auth.users u where u.id = l.user_id)
  and l.track_id is not null and l.track_name is not null
  and l.played_at between '1900-01-01 00:00+00' and now();

-- What can be renewed can be linked.
create temporary table expected_links as
select i.user_id, i.provider
from public.user_integrations i
where i.provider in ('spotify', 'youtube') and i.refresh_token <> ''
union
select p.id, 'spotify'
from public.profiles p
where p.spotify_refresh_token <> '';

-- What the app goes on with: the same rows, but for what a confirmation wipes.
create function pg_temp.fingerprint(relation text) returns text
language plpgsql
as $$
declare
  fingerprint text;
begin
  execute format(
    'select count(*) || ''/'' || md5(string_agg(r.line, chr(10) order by r.line collate "C"))
     from (select (to_jsonb(t) - array[''spotify_access_token'', ''spotify_refresh_token'', ''updated_at''])::text as line from %s t) r',
    relation) into fingerprint;
  return fingerprint;
end
$$;
create temporary table expected_relations as
select r.relation, pg_temp.fingerprint(r.relation) as fingerprint
from (values
  ('public.profiles'), ('public.user_activity_stats'), ('public.recommendations'), ('public.activity_history'),
  ('public.onboarding_answers'), ('public.message_feedback')
) r (relation);

-- What is said while the import runs, and after it: filled by the test.
create temporary table spoken (user_id uuid, id uuid, message_text text);
