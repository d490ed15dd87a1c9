-- Documents about a user's personality, and the RPC that serves one to its owner.

create function bondhu.personality_sentiment_document(user_ids uuid[], as_of timestamptz)
returns table (user_id uuid, data json, until timestamptz)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  hours integer := (select window_hours from bondhu.settings);
  engine jsonb := bondhu.engine();
begin
  return query
    select profile.user_id, row_to_json(document), p.until
    from unnest(user_ids) wanted (id)
    join bondhu.people profile on profile.user_id = wanted.id
    left join bondhu.personality($1, $2) p on p.user_id = wanted.id
    cross join lateral (
      select
        hours as window_hours,
        case when p.user_id is null then 'no_engine' when p.mean_sentiment is null then 'insufficient_data' else 'sufficient' end as data_status,
        p.message_count, p.mean_sentiment, p.sentiment_volatility, p.dominant_mood, p.sentiment_trend,
        p.communication_style, p.emotional_stability, p.needs_support, p.as_of, engine
    ) document;
end
$$;
comment on function bondhu.personality_sentiment_document(uuid[], timestamptz) is
  'Redis document personality:sentiment: the sentiment window and what is concluded from it. Without an engine, engine and all figures are null and data_status is no_engine.';

-- Repeats the figures of the other document and collects tastes without a function for either: a
-- function call in a document costs about as much as the rest of it.
create function bondhu.personality_context_document(user_ids uuid[], as_of timestamptz)
returns table (user_id uuid, data json, until timestamptz)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  hours integer := (select window_hours from bondhu.settings);
  engine jsonb := bondhu.engine();
begin
  return query
    select profile.user_id, row_to_json(document), p.until
    from unnest(user_ids) wanted (id)
    join bondhu.people profile on profile.user_id = wanted.id
    left join bondhu.personality($1, $2) p on p.user_id = wanted.id
    cross join lateral (
      select
        json_build_object(
          'display_name', profile.display_name, 'locale', profile.locale,
          'time_zone', profile.time_zone, 'onboarding_state', profile.onboarding_state
        ) as profile,
        json_build_object(
          'openness', p.openness, 'conscientiousness', p.conscientiousness, 'extraversion', p.extraversion,
          'agreeableness', p.agreeableness, 'neuroticism', p.neuroticism, 'confidence', p.trait_confidence
        ) as traits,
        (
          select row_to_json(sentiment)
          from (
            select
              hours as window_hours,
              case when p.user_id is null then 'no_engine' when p.mean_sentiment is null then 'insufficient_data' else 'sufficient' end as data_status,
              p.message_count, p.mean_sentiment, p.sentiment_volatility, p.dominant_mood, p.sentiment_trend,
              p.communication_style, p.emotional_stability, p.needs_support
          ) sentiment
        ) as sentiment,
        -- Only from providers whose data may enter a prompt, and if the person lets them.
        (
          select jsonb_object_agg(m.provider, to_jsonb(m) - '{user_id,provider}'::text[])
          from public.music_preferences m
          join bondhu.provider_settings s on s.provider = m.provider and s.llm_use_allowed
          where m.user_id = wanted.id and bondhu.consented_since(m.user_id, 'provider_prompts') is not null
        ) as music,
        (
          select to_jsonb(v) - 'user_id'
          from public.video_preferences v
          join bondhu.provider_settings s on s.provider = 'youtube' and s.llm_use_allowed
          where v.user_id = wanted.id and bondhu.consented_since(v.user_id, 'provider_prompts') is not null
        ) as video,
        p.as_of,
        engine
    ) document;
end
$$;
comment on function bondhu.personality_context_document(uuid[], timestamptz) is
  'Redis document personality:context: what a prompt may hold about a user. Without an engine, engine and all figures are null and data_status is no_engine.';

revoke all on function bondhu.personality_sentiment_document(uuid[], timestamptz),
  bondhu.personality_context_document(uuid[], timestamptz)
  from public, anon, authenticated, service_role;
grant execute on function bondhu.personality_sentiment_document(uuid[], timestamptz),
  bondhu.personality_context_document(uuid[], timestamptz) to bondhu_worker;

-- SECURITY DEFINER: clients may not call the document's function or read settings. It reads only the
-- caller's own rows.
create function public.personality_context(as_of timestamptz default null) returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  caller uuid := bondhu.require_user();
  document jsonb := (select d.data from bondhu.personality_context_document(array[caller], now()) d);
  past jsonb;
begin
  -- A document states it as data_status; an RPC can raise.
  if document -> 'engine' = 'null' then
    perform bondhu.refuse_without_engine();
  end if;
  if as_of is null then
    return document;
  end if;
  if as_of not between '1900-01-01 00:00+00' and now() then
    raise exception using
      errcode = '22023',
      message = 'as_of must be a time between 1900 and now',
      hint = 'Send a past time, or nothing for now.';
  end if;
  past := (select to_jsonb(p) || jsonb_build_object('confidence', p.trait_confidence) from bondhu.personality_at(caller, as_of) p);
  return document || jsonb_build_object(
    'traits', (select jsonb_object_agg(figure, past -> figure) from jsonb_object_keys(document -> 'traits') figure),
    'sentiment', (
      select jsonb_object_agg(f.figure, case f.figure
        when 'window_hours' then f.now
        when 'data_status' then to_jsonb(case when past -> 'mean_sentiment' = 'null' then 'insufficient_data' else 'sufficient' end)
        else past -> f.figure end)
      from jsonb_each(document -> 'sentiment') f (figure, now)),
    -- What was listened to and watched then is not kept.
    'music', null, 'video', null,
    'as_of', past -> 'as_of');
end
$$;
comment on function public.personality_context(timestamptz) is
  'The caller''s traits, sentiment, style and (where the provider''s terms and the caller allow it) tastes, exact as of the call; with as_of, as of then, from the messages dated until then as they stand now and the assessment completed by then, without tastes. 22023 for a time to come, or before 1900, 0A000 without an engine.';
revoke all on function public.personality_context(timestamptz) from public, anon, authenticated, service_role;
grant execute on function public.personality_context(timestamptz) to authenticated;
