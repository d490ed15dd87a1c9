-- What holds of an adopted database. Each query finds what contradicts its claim, in the session that has run
-- expected.sql.

-- claim: every message is there with its id, time, sender, text and session
select format('%s %s of %s', e.source, e.id, e.user_id)
from expected_messages e
left join public.chat_messages m on m.user_id = e.user_id and m.id = e.id
where e.left_because is null
  and (m.sender_type, m.message_text, m.created_at, m.session_id)
    is distinct from (e.sender_type, e.message_text, e.at, e.session_id);

-- claim: there is no other message, and none twice
select format('%s of %s', m.id, m.user_id)
from public.chat_messages m
where not exists (
  select from expected_messages e where e.user_id = m.user_id and e.id = m.id and e.left_because is null
) and not exists (
  select from spoken s where s.user_id = m.user_id and s.id = m.id
);

-- claim: what was said meanwhile is there as it was said
select format('%s of %s', s.id, s.user_id)
from spoken s
left join public.chat_messages m on m.user_id = s.user_id and m.id = s.id
where (m.message_text, m.sender_type) is distinct from (s.message_text, 'user');

-- claim: of one time, the person's message comes before the reply
select format('%s of %s', m.id, m.user_id)
from (
  select n.user_id, n.id, n.created_at, n.sender_type,
    lag(n.created_at) over of_person as former_at, lag(n.sender_type) over of_person as former_sender
  from public.chat_messages n
  window of_person as (partition by n.user_id order by n.created_at, n.seq)
) m
where m.created_at = m.former_at and m.sender_type = 'user' and m.former_sender = 'ai';

-- claim: every message of a person is scored, and no other is
select format('%s of %s', m.id, m.user_id)
from public.chat_messages m
where (m.sender_type = 'user') <> (m.engine_version is not null);

-- claim: sessions are there from their first to their last message
select format('%s of %s', e.session_id, e.user_id)
from expected_sessions e
left join public.user_sessions s on s.user_id = e.user_id and s.id = e.session_id
-- Older ones may be beyond their retention, or soon.
where e.last > now() - interval '80 days' and (s.started_at <= e.first and s.last_seen_at >= e.last) is not true;

-- claim: there are no other sessions
select format('%s of %s', s.id, s.user_id)
from public.user_sessions s
where not exists (select from expected_sessions e where e.user_id = s.user_id and e.session_id = s.id);

-- claim: everybody has a profile with their name and how far they came
select format('%s, %s: %L', e.user_id, p.onboarding_state, p.display_name)
from expected_people e
left join public.companion_profiles p on p.user_id = e.user_id
where p.user_id is null
  or (e.onboarding_completed is true) <> (p.onboarding_state = 'complete')
  or case
    when coalesce(btrim(e.full_name), '') = '' then p.display_name is not null
    when e.full_name ~ '[\u0001-\u001F]' then false
    when char_length(btrim(e.full_name)) <= 80 then p.display_name is distinct from btrim(e.full_name)
    else p.display_name <> left(btrim(e.full_name), 80)
  end;

-- claim: every complete survey is an assessment, once
select format('%s at %s', e.user_id, e.completed_at)
from expected_assessments e
where 1 <> (
  select count(*) from public.assessments a
  where a.user_id = e.user_id and a.completed_at = e.completed_at
    and array[a.openness, a.conscientiousness, a.extraversion, a.agreeableness, a.neuroticism] = e.traits::numeric[]
);

-- claim: there are no other assessments
select format('%s at %s', a.user_id, a.completed_at)
from public.assessments a
where not exists (
  select from expected_assessments e where e.user_id = a.user_id and e.completed_at = a.completed_at
);

-- claim: traits start where the latest survey says
select format('%s: %s', p.user_id, bondhu.baseline_traits(p.user_id))
from expected_people p
left join lateral (
  select array(select t.points * 100 from unnest(e.traits) with ordinality t (points, place) order by t.place)::bigint[] as traits
  from expected_assessments e where e.user_id = p.user_id
  order by e.completed_at desc limit 1
) latest on true
where bondhu.baseline_traits(p.user_id) is distinct from latest.traits;

-- claim: every play is there with its track and artist
select format('%s of %s at %s', e.track_id, e.user_id, e.played_at)
from expected_plays e
left join public.listening_history l
  on l.user_id = e.user_id and l.played_at = e.played_at and l.track_id = e.track_id
where (l.track_name, l.artist_names)
  is distinct from (e.track_name, case when e.artist_name is null then '{}' else array[e.artist_name] end);

-- claim: there are no other plays
select format('%s of %s at %s', l.track_id, l.user_id, l.played_at)
from public.listening_history l
where not exists (
  select from expected_plays e where e.user_id = l.user_id and e.played_at = l.played_at and e.track_id = l.track_id
);

-- claim: every account that can be renewed is linked, and its token sealed
select format('%s of %s', e.provider, e.user_id)
from expected_links e
where not exists (
  select from public.provider_connections c
  join bondhu.sync_jobs j on j.user_id = c.user_id and j.provider = c.provider
  join bondhu.provider_tokens t on t.user_id = c.user_id and t.provider = c.provider and t.kind = 'refresh'
  where c.user_id = e.user_id and c.provider = e.provider and c.status <> 'disconnected'
);

-- claim: no other account is linked
select format('%s of %s', c.provider, c.user_id)
from public.provider_connections c
where not exists (select from expected_links e where e.user_id = c.user_id and e.provider = c.provider);

-- claim: the app's own rows are what they were
select e.relation
from expected_relations e
where e.fingerprint is distinct from pg_temp.fingerprint(e.relation);

-- claim: everything stored is what the messages make it
select concat_ws(' ', v.user_id, v.relation, v.figure, v.stored, v.recounted)
from bondhu.verify() v;

-- claim: an engine counts, and nobody waits to be counted anew
select format('%s: version %s of the settings', p.user_id, p.settings_version)
from public.personality_profiles p
cross join bondhu.settings s
where bondhu.engine() is null or p.settings_version <> s.version;

-- claim: people cannot see what the app has left
select format('%s may use %I', r.role, n.nspname)
from pg_catalog.pg_namespace n
cross join (values ('anon'), ('authenticated')) r (role)
where n.nspname = 'before_bondhu' and has_schema_privilege(r.role, n.oid, 'usage');
