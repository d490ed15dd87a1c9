-- Before anything is made: objects that a project has under names that Bondhu needs are listed, all in one
-- error, and nothing is changed. Where Bondhu is there already, this does nothing.

do $preflight$
declare
  -- Written by PUBLIC_OBJECTS=write cargo test -p bondhu-conformance --test engine -- public_objects: do not edit.
  table_names constant text[] := '{assessments, chat_messages, companion_profiles, consents, erasures,
      listening_gaps, listening_history, memories, memory_evidence, music_library, music_playlist_items,
      music_playlists, music_preferences, music_top_items, personality_history, personality_history_evidence,
      personality_profiles, provider_connections, recommendation_feedback, sentiment_buckets, session_activities,
      user_sessions, video_likes, video_playlist_items, video_playlists, video_preferences, video_subscriptions}';
  index_and_sequence_names constant text[] := '{assessments_by_completion, assessments_in_progress, assessments_pkey,
      chat_messages_by_session, chat_messages_by_time, chat_messages_in_crisis, chat_messages_pkey,
      chat_messages_seq_seq, chat_messages_unscored, companion_profiles_pkey, companion_profiles_with_chat_retention,
      consents_pkey, erasures_by_end, erasures_pkey, erasures_under_way, listening_gaps_pkey, listening_history_pkey,
      memories_by_age, memories_pkey, memories_replace_once, memory_evidence_by_message, memory_evidence_pkey,
      music_library_pkey, music_playlist_items_pkey, music_playlists_pkey, music_preferences_by_age,
      music_preferences_by_provider, music_preferences_pkey, music_top_items_by_recording, music_top_items_pkey,
      one_active_session_per_device, personality_history_by_age, personality_history_by_time,
      personality_history_evidence_by_message, personality_history_evidence_pkey, personality_history_pkey,
      personality_profiles_by_settings, personality_profiles_pkey, provider_connections_by_account,
      provider_connections_claimable, provider_connections_due, provider_connections_pkey,
      recommendation_feedback_by_age, recommendation_feedback_pkey, sentiment_buckets_pkey,
      session_activities_by_session, session_activities_pkey, user_sessions_by_end, user_sessions_by_idle_check,
      user_sessions_pkey, video_likes_by_age, video_likes_pkey, video_playlist_items_by_age,
      video_playlist_items_by_details, video_playlist_items_pkey, video_playlists_by_age, video_playlists_pkey,
      video_preferences_by_age, video_preferences_pkey, video_subscriptions_by_age, video_subscriptions_by_topics,
      video_subscriptions_pkey}';
  function_names constant text[] := '{assessment_items, begin_connect, chat_history, claim_reply, commit_position,
      companion, confirm_connect, correct_message, dashboard, disconnect, end_session, erase_my_data,
      explain_message, export_my_data, finish_reply, hot_document, listening_stats, log_activity, memory_task,
      mood_mix, mood_patterns, mood_trend, my_consents, personality_context, personality_evolution,
      rate_recommendation, recall, recently_played, recommendations, release_reply, request_sync,
      reset_recommendations, set_consent, start_session, store_memories, submit_assessment, top_genres,
      touch_session, trending, watching_stats, wellness_card, wellness_history}';
  trigger_names constant text[] := '{bondhu_create_profile}';
  -- Written by hand from here on.
  public_schema constant oid := (select n.oid from pg_catalog.pg_namespace n where n.nspname = 'public');
  taken text[];
begin
  if exists (
    select from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'bondhu' and c.relname = 'settings' and c.relkind = 'r'
  ) then
    return;
  end if;

  with relation (oid) as (
    select c.oid from pg_catalog.pg_class c
    where c.relnamespace = public_schema and c.relname = any (table_names || index_and_sequence_names)
  ), part (oid, whole) as (
    select i.indexrelid, i.indrelid from pg_catalog.pg_index i
    union all
    select s.oid, d.refobjid
    from pg_catalog.pg_class s
    join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_class'::regclass and d.objid = s.oid
    where s.relkind = 'S' and d.refclassid = 'pg_catalog.pg_class'::regclass and d.deptype in ('a', 'i')
  ), object (classid, objid) as (
    -- An index or a sequence of a table that is listed goes where that goes.
    select 'pg_catalog.pg_class'::regclass, r.oid from relation r
    where not exists (select from part p join relation w on w.oid = p.whole where p.oid = r.oid)
    union all
    -- A table brings a type of its name; composite types are relations, too.
    select 'pg_catalog.pg_type'::regclass, t.oid from pg_catalog.pg_type t
    where t.typnamespace = public_schema and t.typrelid = 0 and t.typname = any (table_names)
    union all
    -- With other arguments as well: the Data API might not know which of two is meant.
    select 'pg_catalog.pg_proc'::regclass, p.oid from pg_catalog.pg_proc p
    where p.pronamespace = public_schema and p.proname = any (function_names)
    union all
    select 'pg_catalog.pg_trigger'::regclass, t.oid from pg_catalog.pg_trigger t
    where t.tgrelid = pg_catalog.to_regclass('auth.users') and t.tgname = any (trigger_names)
    union all
    select 'pg_catalog.pg_publication'::regclass, p.oid from pg_catalog.pg_publication p
    where p.pubname = 'bondhu_mirror'
    union all
    select 'pg_catalog.pg_namespace'::regclass, n.oid from pg_catalog.pg_namespace n
    where n.nspname in ('bondhu', 'bondhu_portable')
      or n.nspname = 'bondhu_native'
      -- Somebody may have created the extension before, or dropped it, which leaves an empty schema.
      and not exists (
        select from pg_catalog.pg_extension e where e.extname = 'bondhu' and e.extnamespace = n.oid
      )
      and exists (
        select from pg_catalog.pg_depend d
        where d.refclassid = 'pg_catalog.pg_namespace'::regclass and d.refobjid = n.oid and d.deptype = 'n'
      )
  )
  select pg_catalog.array_agg(l.line order by l.line) into taken
  from object o
  left join pg_catalog.pg_proc p on o.classid = 'pg_catalog.pg_proc'::regclass and p.oid = o.objid
  cross join lateral pg_catalog.pg_identify_object(o.classid, o.objid, 0) i
  cross join lateral (
    select pg_catalog.format('%s %s', i.type, case
      when p.oid is null then i.identity
      else pg_catalog.format('public.%I(%s)', p.proname, pg_catalog.oidvectortypes(p.proargtypes))
    end) collate pg_catalog."C"
  ) l (line);

  if taken is not null then
    raise exception using
      errcode = '42710',
      message = pg_catalog.format(
        case pg_catalog.cardinality(taken)
          when 1 then '%s object of this project has a name that Bondhu needs: %s'
          else '%s objects of this project have names that Bondhu needs: %s'
        end,
        pg_catalog.cardinality(taken), pg_catalog.array_to_string(taken, ', ')),
      -- For programs: one a line.
      detail = pg_catalog.array_to_string(taken, pg_catalog.chr(10)),
      hint = 'Nothing was changed. sync-worker adopt plan says what can be taken over (docs/adopting.md); '
        'rename what cannot.';
  end if;
end
$preflight$;
