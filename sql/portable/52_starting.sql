-- Where a state begins: without messages, or counted anew from them.

-- Where a user's traits start.
create function bondhu_portable.baseline(of_user uuid) returns bigint[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(bondhu.baseline_traits(of_user), {{middle}});
end
$$;
comment on function bondhu_portable.baseline(uuid) is 'What the latest completed assessment gave, or the middle.';

-- History is of what chat moves: its landmark moves along with the start.
create function bondhu_portable.started(p bondhu_portable.profile) returns bondhu_portable.profile
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  baseline constant bigint[] := bondhu_portable.baseline(p.user_id);
begin
  for i in 1 .. cardinality(baseline) loop
    p.landmark_traits[i] := greatest(0, least({{whole}}, p.landmark_traits[i] + baseline[i] - p.baseline_traits[i]));
  end loop;
  p.baseline_traits := baseline;
  return p;
end
$$;
comment on function bondhu_portable.started(bondhu_portable.profile) is 'A state whose traits start from the latest assessment.';

-- The state of a user without messages.
create function bondhu_portable.empty(of_user uuid, instant timestamptz, s bondhu.settings)
returns bondhu_portable.profile
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  p bondhu_portable.profile;
begin
  p.user_id := of_user;
  p.baseline_traits := bondhu_portable.baseline(of_user);
  p.as_of := instant;
  p.window_hours := s.window_hours;
  p.message_count := 0;
  p.window_sum := 0;
  p.window_sum_squares := 0;
  p.window_moods := array_fill(0::bigint, array[{{moods}}]);
  p.window_latest := array_fill(null::timestamptz, array[{{moods}}]);
  p.previous_count := 0;
  p.previous_sum := 0;
  p.trait_count := 0;
  p.trait_sum := 0;
  p.trait_sum_squares := 0;
  p.trait_moods := p.window_moods;
  return p;
end
$$;
comment on function bondhu_portable.empty(uuid, timestamptz, bondhu.settings) is 'The state of a user without messages.';

-- What the messages dated until an instant make of a state, as of then.
create function bondhu_portable.recounted(p bondhu_portable.profile, s bondhu.settings, until timestamptz, baseline bigint[])
returns bondhu_portable.profile
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
  p := bondhu_portable.decayed(bondhu_portable.windows(p, until, s.window_hours), true);
  p.baseline_traits := baseline;
  p.last_crisis_at := (
    select max(c.created_at) from public.chat_messages c
    where c.user_id = p.user_id and c.support_level = 'crisis' and c.created_at <= until
  );
  return bondhu_portable.concluded(p, s);
end
$$;
comment on function bondhu_portable.recounted(bondhu_portable.profile, bondhu.settings, timestamptz, bigint[]) is 'A state counted anew from the messages, with what follows from it.';

revoke all on function bondhu_portable.baseline(uuid), bondhu_portable.started(bondhu_portable.profile),
  bondhu_portable.empty(uuid, timestamptz, bondhu.settings),
  bondhu_portable.recounted(bondhu_portable.profile, bondhu.settings, timestamptz, bigint[])
  from public, anon, authenticated, service_role;
