-- What an engine must offer. An engine is a schema of functions; bondhu.install_engine()
-- accepts one only if it has every signature below, and nothing else reaches into it.
--
-- Rules every engine follows alike:
--   score(text)            deterministic; any text is accepted
--   personality(ids, t)    one row per id, exact as of greatest(t, the stored as_of);
--                          until: the next instant a figure changes by time alone
--   recompute(user)        rebuilds everything derived from the raw messages
--   refresh(ids)           brings stored profiles to now, as a message would
--   verify(ids)            one row for each stored figure that the raw messages contradict
--   score_message()        BEFORE row trigger on public.chat_messages
--   fold_messages()        AFTER statement trigger there, with transition tables
--                          new_messages and old_messages

create function bondhu.engine_contract() returns table (signature text, result text)
language sql immutable parallel safe
set search_path = ''
as $$
  values
    ('engine_version()', 'integer'),
    ('score(text)',
     'TABLE(sentiment_score numeric, mood text, mood_confidence numeric, support_level text, engine_version integer)'),
    ('personality(uuid[],timestamp with time zone)',
     'TABLE(user_id uuid, as_of timestamp with time zone, until timestamp with time zone, '
     || 'openness numeric, conscientiousness numeric, extraversion numeric, agreeableness numeric, neuroticism numeric, '
     || 'trait_confidence numeric, communication_style text, emotional_stability text, needs_support boolean, '
     || 'message_count bigint, mean_sentiment numeric, sentiment_volatility numeric, dominant_mood text, sentiment_trend text)'),
    ('recompute(uuid)', 'void'),
    ('refresh(uuid[])', 'void'),
    ('verify(uuid[])', 'TABLE(user_id uuid, relation text, figure text, stored text, recounted text)'),
    ('score_message()', 'trigger'),
    ('fold_messages()', 'trigger')
$$;
comment on function bondhu.engine_contract() is 'The functions an engine''s schema must have, with their result types.';
revoke all on function bondhu.engine_contract() from public, anon, authenticated, service_role;
