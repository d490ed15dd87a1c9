-- Documents about a user's personality, and the RPC that serves one to its owner. PL/pgSQL
-- throughout: it keeps its plans, and planning takes longer than reading.

-- Taste evidence that may enter a prompt: only of providers whose switch is on.
create function bondhu.taste_evidence(user_ids uuid[]) returns table (user_id uuid, music jsonb, video jsonb)
language plpgsql stable
set search_path = ''
as $$
begin
  return query
    select
      wanted.id,
      (
        select jsonb_object_agg(m.provider, to_jsonb(m) - '{user_id,provider}'::text[])
        from public.music_preferences m
        join bondhu.provider_settings s on s.provider = m.provider and s.llm_use_allowed
        where m.user_id = wanted.id
      ),
      (
        select to_jsonb(v) - 'user_id'
        from public.video_preferences v
        join bondhu.provider_settings s on s.provider = 'youtube' and s.llm_use_allowed
        where v.user_id = wanted.id
      )
    from unnest(user_ids) wanted (id);
end
$$;
comment on function bondhu.taste_evidence(uuid[]) is 'Music and video preferences, null where the provider''s data may not enter an LLM prompt.';

create function bondhu.sentiment_data(p bondhu.personality) returns jsonb
language plpgsql stable
set search_path = ''
as $$
begin
  return jsonb_build_object(
    'window_hours', (select window_hours from bondhu.settings),
    'data_status', case when p.user_id is null then null when p.mean_sentiment is null then 'insufficient_data' else 'sufficient' end,
    'message_count', p.message_count,
    'mean_sentiment', p.mean_sentiment,
    'sentiment_volatility', p.sentiment_volatility,
    'dominant_mood', p.dominant_mood,
    'sentiment_trend', p.sentiment_trend,
    'communication_style', p.communication_style,
    'emotional_stability', p.emotional_stability,
    'needs_support', p.needs_support
  );
end
$$;
comment on function bondhu.sentiment_data(bondhu.personality) is 'The sentiment window and what follows from it, as documents show it. All null without an engine.';

create function bondhu.personality_sentiment_document(user_ids uuid[], as_of timestamptz)
returns table (user_id uuid, data jsonb, until timestamptz)
language plpgsql stable
set search_path = ''
as $$
begin
  return query
    select
      profile.user_id,
      bondhu.sentiment_data(p) || jsonb_build_object('as_of', p.as_of, 'engine', bondhu.engine()),
      p.until
    from public.profiles profile
    left join bondhu.personality($1, $2) p on p.user_id = profile.user_id
    where profile.user_id = any ($1);
end
$$;
comment on function bondhu.personality_sentiment_document(uuid[], timestamptz) is 'Redis document personality:sentiment: the sentiment window and what follows from it.';

create function bondhu.personality_context_document(user_ids uuid[], as_of timestamptz)
returns table (user_id uuid, data jsonb, until timestamptz)
language plpgsql stable
set search_path = ''
as $$
begin
  return query
    select
      profile.user_id,
      jsonb_build_object(
        'profile', jsonb_build_object(
          'display_name', profile.display_name, 'locale', profile.locale,
          'time_zone', profile.time_zone, 'onboarding_state', profile.onboarding_state
        ),
        'traits', jsonb_build_object(
          'openness', p.openness, 'conscientiousness', p.conscientiousness, 'extraversion', p.extraversion,
          'agreeableness', p.agreeableness, 'neuroticism', p.neuroticism, 'confidence', p.trait_confidence
        ),
        'sentiment', bondhu.sentiment_data(p),
        'music', taste.music,
        'video', taste.video,
        'as_of', p.as_of,
        'engine', bondhu.engine()
      ),
      p.until
    from public.profiles profile
    join bondhu.taste_evidence($1) taste on taste.user_id = profile.user_id
    left join bondhu.personality($1, $2) p on p.user_id = profile.user_id
    where profile.user_id = any ($1);
end
$$;
comment on function bondhu.personality_context_document(uuid[], timestamptz) is
  'Redis document personality:context: what a prompt may be told about a user. Figures are null without an engine.';

revoke all on function bondhu.taste_evidence(uuid[]), bondhu.sentiment_data(bondhu.personality),
  bondhu.personality_sentiment_document(uuid[], timestamptz),
  bondhu.personality_context_document(uuid[], timestamptz)
  from public, anon, authenticated, service_role;
grant execute on function bondhu.taste_evidence(uuid[]), bondhu.sentiment_data(bondhu.personality),
  bondhu.personality_sentiment_document(uuid[], timestamptz),
  bondhu.personality_context_document(uuid[], timestamptz) to bondhu_worker;

-- SECURITY DEFINER: builders and settings behind the figures are closed to clients. It reads the
-- caller's own and no other.
create function public.personality_context() returns jsonb
language plpgsql stable security definer
set search_path = ''
as $$
begin
  return (select data from bondhu.personality_context_document(array[bondhu.require_user()], now()));
end
$$;
comment on function public.personality_context() is
  'The caller''s traits, sentiment, style and (where the provider''s terms allow it) tastes, exact as of the call.';
revoke all on function public.personality_context() from public, anon, authenticated, service_role;
grant execute on function public.personality_context() to authenticated;
