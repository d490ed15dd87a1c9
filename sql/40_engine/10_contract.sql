-- The interface of an engine. An engine is a schema of functions; bondhu.install_engine() accepts
-- one only if it has every signature below, and nothing else of its schema is used.
--
-- Rules for every engine:
--   score(text)            deterministic; any text is accepted
--   explain(text)          what moved sentiment and mood, strongest first
--   personality(ids, t)    one row per id, exact as of greatest(t, the stored as_of);
--                          until: the next instant a figure changes by time alone
--   patterns(ids, t)       one row per id, of the user's own hours and days up to that of t
--   wellness(user, d, e)   one row for each of the user's days d..e whose week has messages
--   recompute(user)        rebuilds everything derived from the raw messages
--   refresh(ids)           updates stored profiles to now, as a message would
--   verify(ids)            one row for each stored figure that the raw messages contradict
--   score_message()        BEFORE row trigger on public.chat_messages
--   fold_messages()        AFTER statement trigger there, with transition tables
--                          new_messages and old_messages

create function bondhu.engine_contract() returns table (signature text, result text)
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  values
    ('engine_version()', 'integer'),
    ('score(text)',
     'TABLE(sentiment_score numeric, mood text, mood_confidence numeric, support_level text, engine_version integer)'),
    ('explain(text)', 'TABLE(figure text, part text, weight numeric)'),
    ('personality(uuid[],timestamp with time zone)',
     'TABLE(user_id uuid, as_of timestamp with time zone, until timestamp with time zone, '
     || 'openness numeric, conscientiousness numeric, extraversion numeric, agreeableness numeric, neuroticism numeric, '
     || 'trait_confidence numeric, communication_style text, emotional_stability text, needs_support boolean, '
     || 'message_count bigint, mean_sentiment numeric, sentiment_volatility numeric, dominant_mood text, sentiment_trend text)'),
    ('patterns(uuid[],timestamp with time zone)',
     'TABLE(user_id uuid, time_zone text, hour_counts bigint[], hour_means numeric[], weekday_counts bigint[], '
     || 'weekday_means numeric[], inertia numeric, current_streak bigint, longest_streak bigint)'),
    ('wellness(uuid,date,date)',
     'TABLE(day date, message_count bigint, active_days bigint, score numeric, mean numeric, trend numeric, '
     || 'stability numeric, engagement numeric)'),
    ('recompute(uuid)', 'void'),
    ('refresh(uuid[])', 'void'),
    ('verify(uuid[])', 'TABLE(user_id uuid, relation text, figure text, stored text, recounted text)'),
    ('score_message()', 'trigger'),
    ('fold_messages()', 'trigger')
$$;
comment on function bondhu.engine_contract() is 'The functions an engine''s schema must have, with their result types.';
revoke all on function bondhu.engine_contract() from public, anon, authenticated, service_role;
