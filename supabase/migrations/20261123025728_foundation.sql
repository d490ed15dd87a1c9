-- The schema of sql/, file by file. Made by `bondhu-dev migration`; edit sql/ instead.

-- sql/10_foundation/05_preflight.sql

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

-- sql/10_foundation/10_schemas.sql

-- Schemas and the worker's role.
--
-- `public` is what the Data API exposes; `bondhu` is private. An API role has USAGE on `bondhu`
-- because RPCs and column defaults call granted functions there; it can read or write none of its
-- tables.

create schema bondhu;
comment on schema bondhu is 'Private to the backend: settings, tokens, jobs, OAuth states, the engine''s entry functions.';

-- Only the creator of a role may alter it: where another database of the cluster has created it, or
-- this one before its upgrade to 16 or later, the owner does not administer it. So roles are altered
-- only here; everything after it grants rights on objects, which needs no right on the role.
do $role$
begin
  if to_regrole('bondhu_worker') is null then
    create role bondhu_worker nologin;
    comment on role bondhu_worker is 'The sync worker. The operator gives it a login: alter role bondhu_worker login password ''…''.';
    if current_setting('server_version_num')::integer < 160000 then
      -- The default from 16 on; stated here, it survives an upgrade.
      execute format('grant bondhu_worker to %I with admin option', current_user);
    end if;
  end if;
end
$role$;

revoke all on schema bondhu from public;
grant usage on schema bondhu to authenticated, service_role, bondhu_worker;
grant usage on schema public to bondhu_worker;

create function bondhu.require_user() returns uuid
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  caller uuid := auth.uid();
begin
  if caller is null then
    raise exception using
      errcode = '28000',
      message = 'nobody is signed in',
      hint = 'Call this with the access token of a signed-in user.';
  end if;
  return caller;
end
$$;
comment on function bondhu.require_user() is 'The signed-in user; SQLSTATE 28000 when there is none.';
revoke all on function bondhu.require_user() from public, anon, authenticated, service_role;
grant execute on function bondhu.require_user() to authenticated, service_role;

-- Deleting a user locks that row first, then the rows that refer to it. A transaction that begins
-- with one of those and needs the user's row at the end would deadlock with it.
create function bondhu.lock_account(of_user uuid, alone boolean default false) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if not has_any_column_privilege('auth.users', 'update') then
    return exists (select from auth.users u where u.id = of_user);
  end if;
  if alone then
    perform from auth.users u where u.id = of_user for update;
  else
    perform from auth.users u where u.id = of_user for key share;
  end if;
  return found;
end
$$;
comment on function bondhu.lock_account(uuid, boolean) is
  'Locks an account''s row, where the schema''s owner may, so that it stays until the transaction ends: before any other row of the account. alone: nobody else writes what refers to it meanwhile. False when there is none.';
revoke all on function bondhu.lock_account(uuid, boolean) from public, anon, authenticated, service_role;

create function bondhu.lock_user(alone boolean default false) returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  caller uuid := bondhu.require_user();
begin
  if not bondhu.lock_account(caller, alone) then
    raise exception using
      errcode = '28000',
      message = 'this account is deleted',
      hint = 'Sign up again; the access token of the former account ends by itself.';
  end if;
  return caller;
end
$$;
comment on function bondhu.lock_user(boolean) is
  'As bondhu.require_user(), for functions that write more than one row: locks the user''s row as bondhu.lock_account() does. 28000 when it is deleted.';
revoke all on function bondhu.lock_user(boolean) from public, anon, authenticated, service_role;

create function bondhu.refuse(rule text, reason text, remedy text) returns boolean
language plpgsql stable -- not immutable: the planner would call it
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = '23514', constraint = rule, message = reason, hint = remedy;
end
$$;
comment on function bondhu.refuse(text, text, text) is
  'For checks that users can violate: check (case when <violated> then bondhu.refuse(…) end) fails with a message and a hint in place of the name of a constraint.';
revoke all on function bondhu.refuse(text, text, text) from public, anon, authenticated, service_role;
grant execute on function bondhu.refuse(text, text, text) to authenticated, service_role;

create function bondhu.set_updated_at() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  new.updated_at := now();
  return new;
end
$$;
comment on function bondhu.set_updated_at() is 'BEFORE UPDATE trigger: stamps the row with the transaction''s time.';
revoke all on function bondhu.set_updated_at() from public, anon, authenticated, service_role;

-- sql/10_foundation/20_text.sql

-- Which characters a client's text may contain: one rule for all texts.

create function bondhu.text_fault(value text) returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
begin
  -- Written out from core/src/characters by `TEXT_RULE=write cargo test -p bondhu-dev --lib text_rule`:
  -- ranges, since each server's locale has classes of its own. One call checks both: calling a
  -- function costs more than either search.
  return case
    when value collate "C" ~ ('['
    '\u0001-\u0008\u000B-\u000C\u000E-\u001F\u007F-\u009F'
    ']') then 'control'
    when value collate "C" !~ ('[^'
    '\u0001-\u0020\u007F-\u00A0\u00AD\u034F\u061C\u115F-\u1160\u1680\u17B4-\u17B5\u180B-\u180F'
    '\u2000-\u200F\u2028-\u202F\u205F-\u206F\u2800\u3000\u3164\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFFC'
    '\U00013441-\U00013442\U0001BCA0-\U0001BCA3\U0001D159\U0001D173-\U0001D17A\U000E0000-\U000E0FFF'
    ']') then 'blank'
  end;
end
$$;
comment on function bondhu.text_fault(text) is
  'control: it has control characters other than tab, line feed and carriage return; blank: nothing of it is visible (white space, controls, fillers, what Unicode calls ignorable); null: no fault.';
revoke all on function bondhu.text_fault(text) from public, anon, authenticated, service_role;
grant execute on function bondhu.text_fault(text) to authenticated, service_role;

-- The messages are here and not in the checks, which Postgres parses again with every statement.
create function bondhu.refuse_text(rules text, field text, value text, characters integer, bytes integer) returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if char_length(value) > characters then
    perform bondhu.refuse(
      format('%s_is_at_most_%s_characters', rules, characters),
      format('%s has %s characters', field, char_length(value)),
      format('Send at most %s characters; split a longer text.', characters));
  elsif octet_length(value) > bytes then
    perform bondhu.refuse(
      format('%s_is_at_most_%s_bytes', rules, bytes),
      format('%s has %s bytes', field, octet_length(value)),
      format('Send at most %s bytes of UTF-8; split a longer text.', bytes));
  elsif bondhu.text_fault(value) = 'control' then
    perform bondhu.refuse(
      rules || '_has_no_control_characters',
      field || ' has control characters',
      'Take out all but tabs, line feeds and carriage returns.');
  end if;
  return bondhu.refuse(rules || '_is_not_blank', field || ' is blank', 'Send at least one character that can be seen.');
end
$$;
comment on function bondhu.refuse_text(text, text, text, integer, integer) is
  'For checks of a text that is too long or has a fault: raises 23514 with the constraint''s name, a message and a hint.';
revoke all on function bondhu.refuse_text(text, text, text, integer, integer) from public, anon, authenticated, service_role;
grant execute on function bondhu.refuse_text(text, text, text, integer, integer) to authenticated, service_role;

-- sql/10_foundation/30_settings.sql

-- What an operator may set, each setting with its range. One table and not GUCs: settings
-- must not differ between sessions or engines.

create table bondhu.settings (
  singleton boolean primary key default true,

  window_hours integer not null default 24,
  min_messages integer not null default 5,
  trend_threshold_hundredths integer not null default 10,
  needs_support_below_hundredths integer not null default 30,
  enthusiastic_above_hundredths integer not null default 70,
  variable_above_hundredths integer not null default 30,
  crisis_support_hours integer not null default 72,

  trait_half_life_days integer not null default 30,
  trait_horizon_days integer not null default 180,
  trait_full_confidence numeric(6, 2) not null default 30,
  history_min_change integer not null default 1,
  history_retention_days integer not null default 730,
  safety_event_retention_days integer not null default 90,
  erasure_receipt_retention_days integer not null default 1095,

  session_idle_minutes integer not null default 30,
  max_active_sessions integer not null default 20,
  session_retention_days integer not null default 90,
  chat_history_document_size integer not null default 50,

  sync_request_cooldown_minutes integer not null default 5,
  oauth_state_ttl_minutes integer not null default 10,
  anonymous_may_link boolean not null default false,
  lease_seconds integer not null default 120,
  trending_min_people integer not null default 20,
  video_retention_days integer not null default 30,
  cron_history_retention_days integer not null default 7,

  engine_version integer,
  version bigint not null default 1,
  recount_before bigint not null default 1,
  updated_at timestamptz not null default now(),

  constraint settings_is_one_row check (singleton),
  constraint window_is_one_hour_to_one_week check (window_hours between 1 and 168),
  constraint min_messages_is_positive check (min_messages between 2 and 1000),
  constraint trend_threshold_is_a_score check (trend_threshold_hundredths between 1 and 100),
  constraint style_thresholds_are_ordered check (
    0 <= needs_support_below_hundredths
    and needs_support_below_hundredths < enthusiastic_above_hundredths
    and enthusiastic_above_hundredths <= 100
  ),
  -- Scores lie in 0..1, so that no sample standard deviation exceeds sqrt(1/2).
  constraint variable_threshold_is_a_deviation check (variable_above_hundredths between 1 and 71),
  constraint crisis_support_is_bounded check (crisis_support_hours between 1 and 24 * 30),
  -- The engine's table of integer weights is made for exactly this decay.
  constraint decay_matches_the_engines_table check (trait_half_life_days = 30 and trait_horizon_days = 180),
  constraint full_confidence_is_positive check (trait_full_confidence between 0.01 and 9999.99),
  constraint history_min_change_is_in_points check (history_min_change between 1 and 100),
  constraint history_retention_is_up_to_a_century check (history_retention_days between 1 and 36500),
  constraint safety_event_retention_is_up_to_a_century check (safety_event_retention_days between 1 and 36500),
  constraint erasure_receipt_retention_is_up_to_a_century check (erasure_receipt_retention_days between 1 and 36500),
  constraint session_idle_is_positive check (session_idle_minutes between 1 and 1440),
  constraint active_sessions_are_few check (max_active_sessions between 1 and 200),
  constraint session_retention_is_up_to_a_century check (session_retention_days between 1 and 36500),
  constraint chat_document_fits_a_page check (chat_history_document_size between 1 and 200),
  constraint sync_cooldown_is_bounded check (sync_request_cooldown_minutes between 0 and 1440),
  constraint oauth_state_ttl_is_short check (oauth_state_ttl_minutes between 1 and 60),
  constraint lease_outlives_a_page check (lease_seconds between 30 and 3600),
  -- An operator may ask for more, never for fewer.
  constraint trending_is_among_twenty_or_more check (trending_min_people between 20 and 1000000),
  -- YouTube API Services Developer Policies III.E.4: refresh or delete within 30 days.
  constraint video_retention_keeps_the_policy check (video_retention_days between 1 and 30),
  constraint engine_version_is_small check (engine_version between 1 and 1000000),
  constraint cron_history_retention_is_up_to_a_century check (cron_history_retention_days between 1 and 36500)
);
comment on table bondhu.settings is 'One row. Durations carry their unit in the name; *_hundredths are scores × 100.';
comment on column bondhu.settings.window_hours is 'Length of the sentiment window; the trend compares it with the window before it.';
comment on column bondhu.settings.min_messages is 'With fewer scored messages in the window nothing is concluded.';
comment on column bondhu.settings.crisis_support_hours is 'How long one crisis message keeps needs_support true, whatever the message count.';
comment on column bondhu.settings.trait_full_confidence is 'Effective number of messages at which traits are no longer shrunk to the baseline.';
comment on column bondhu.settings.trending_min_people is
  'Of how many people at least trending() tells a mood. Anonymous accounts do not count.';
comment on column bondhu.settings.cron_history_retention_days is 'How long runs of scheduled jobs and the ledger of provider requests are kept.';
comment on column bondhu.settings.max_active_sessions is 'How many sessions of a user may be active at once; one more ends the least recently used.';
comment on column bondhu.settings.anonymous_may_link is 'Whether anonymous users may link accounts and request syncs. They may chat either way.';
comment on column bondhu.settings.engine_version is 'Version of the engine that was attached last; written by bondhu.install_engine().';
comment on column bondhu.settings.version is
  'Grows with each change of what profiles and documents are made by. What was made under a lower version is made anew by its user''s next message or by cron; reads are exact at once.';
comment on column bondhu.settings.recount_before is
  'Profiles made under a lower version are counted anew from the messages: another engine counts now, or messages changed unseen. Of others only the conclusions are drawn anew.';
comment on column bondhu.settings.erasure_receipt_retention_days is 'How long the receipt of a finished erasure is kept.';
comment on column bondhu.settings.history_min_change is 'A row of history is written when a trait has changed by this many points (0..100).';

revoke all on bondhu.settings from public, anon, authenticated, service_role;
grant select, update on bondhu.settings to service_role;
grant select on bondhu.settings to bondhu_worker;
insert into bondhu.settings default values;

create trigger settings_set_updated_at before update on bondhu.settings
  for each row execute function bondhu.set_updated_at();

create function bondhu.set_settings_version() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  new.version := greatest(new.version, old.version) + case when
    (old.engine_version, old.recount_before, old.window_hours, old.min_messages, old.trend_threshold_hundredths, old.needs_support_below_hundredths,
     old.enthusiastic_above_hundredths, old.variable_above_hundredths, old.crisis_support_hours, old.trait_full_confidence,
     old.session_idle_minutes, old.chat_history_document_size)
    is distinct from
    (new.engine_version, new.recount_before, new.window_hours, new.min_messages, new.trend_threshold_hundredths, new.needs_support_below_hundredths,
     new.enthusiastic_above_hundredths, new.variable_above_hundredths, new.crisis_support_hours, new.trait_full_confidence,
     new.session_idle_minutes, new.chat_history_document_size)
    then 1 else 0 end;
  return new;
end
$$;
comment on function bondhu.set_settings_version() is 'BEFORE UPDATE trigger on settings: counts the changes that profiles and documents depend on.';
revoke all on function bondhu.set_settings_version() from public, anon, authenticated, service_role;

create trigger settings_set_version before update on bondhu.settings
  for each row execute function bondhu.set_settings_version();

create table bondhu.provider_settings (
  provider text primary key,
  enabled boolean not null default true,
  client_id text,
  authorize_url text not null,
  redirect_uri text,
  scopes text[] not null,
  return_to_allow_list text[] not null default '{}',
  sync_interval_minutes integer not null,
  library_interval_minutes integer,
  requests_per_window integer not null,
  window_seconds integer,
  quota_resets text not null,
  llm_use_allowed boolean not null,
  blocked_until timestamptz,
  blocked_reason text,
  updated_at timestamptz not null default now(),

  constraint provider_is_known check (provider in ('spotify', 'youtube')),
  constraint sync_interval_is_bounded check (sync_interval_minutes between 1 and 10080),
  constraint library_interval_is_bounded check (library_interval_minutes between 1 and 10080),
  constraint requests_per_window_is_positive check (requests_per_window > 0),
  constraint quota_reset_is_known check (quota_resets in ('rolling', 'midnight_pacific')),
  constraint rolling_quota_has_a_window check ((quota_resets = 'rolling') = (window_seconds is not null)),
  constraint window_is_up_to_a_month check (window_seconds between 1 and 2678400),
  -- To stop a provider for good, set enabled to false.
  constraint blocked_until_is_a_time check (isfinite(blocked_until)),
  constraint blocked_has_a_reason check ((blocked_until is null) = (blocked_reason is null)),
  constraint client_id_is_short check (char_length(client_id) <= 500),
  constraint authorize_url_is_short check (char_length(authorize_url) <= 2000),
  constraint redirect_uri_is_short check (char_length(redirect_uri) <= 2000),
  constraint scopes_are_short check (octet_length(scopes::text) <= 10000),
  constraint return_to_allow_list_is_short check (octet_length(return_to_allow_list::text) <= 100000),
  constraint blocked_reason_is_short check (char_length(blocked_reason) <= 2000)
);
comment on table bondhu.provider_settings is
  'One row per provider. The client secret is only in the worker''s configuration, which `sync-worker doctor` compares with this row.';
comment on column bondhu.provider_settings.return_to_allow_list is
  'Origins (scheme://host[:port]) a user may be sent back to after consent; compared as parsed origins, never as prefixes.';
comment on column bondhu.provider_settings.sync_interval_minutes is
  'Between two syncs of somebody who is active; longer for who is away (core/src/planning.rs).';
comment on column bondhu.provider_settings.library_interval_minutes is
  'Between two walks of everything; syncs in between bring plays alone, at one request. Null: each sync walks everything.';
comment on column bondhu.provider_settings.llm_use_allowed is
  'Whether data of this provider may enter an LLM prompt through personality_context. Spotify''s Developer Policy III.13 forbids it, so off there.';
comment on column bondhu.provider_settings.blocked_until is 'Set when the provider refuses the whole app (quota); no connection is synced before.';

revoke all on bondhu.provider_settings from public, anon, authenticated, service_role;
grant select, update on bondhu.provider_settings to service_role;
grant select, update (blocked_until, blocked_reason) on bondhu.provider_settings to bondhu_worker;

create trigger provider_settings_set_updated_at before update on bondhu.provider_settings
  for each row execute function bondhu.set_updated_at();

-- Spotify publishes no number for its rolling 30 s window: 90 is a cautious guess.
-- YouTube: 10,000 units a day per project, https://developers.google.com/youtube/v3/determine_quota_cost
insert into bondhu.provider_settings
  (provider, authorize_url, scopes, sync_interval_minutes, library_interval_minutes, requests_per_window, window_seconds, quota_resets, llm_use_allowed)
values
  ('spotify', 'https://accounts.spotify.com/authorize',
   array['user-top-read', 'user-read-recently-played', 'user-library-read', 'user-follow-read',
         'playlist-read-private', 'playlist-read-collaborative'],
   60, 1440, 90, 30, 'rolling', false),
  ('youtube', 'https://accounts.google.com/o/oauth2/v2/auth',
   array['https://www.googleapis.com/auth/youtube.readonly'],
   720, null, 10000, null, 'midnight_pacific', true);

-- SECURITY DEFINER, as whoever sets may do no more than that.
create function bondhu.renew_documents() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update bondhu.settings set version = version + 1 where true;
  return null;
end
$$;
comment on function bondhu.renew_documents() is 'AFTER UPDATE trigger on provider_settings: no document may show what a switch has closed.';
revoke all on function bondhu.renew_documents() from public, anon, authenticated, service_role;

create trigger provider_settings_renew_documents after update of enabled, llm_use_allowed on bondhu.provider_settings
  for each row when ((old.enabled, old.llm_use_allowed) is distinct from (new.enabled, new.llm_use_allowed)) execute function bondhu.renew_documents();

-- sql/20_people/10_companion_profiles.sql

-- One profile per auth user, created with the user.

-- Decided without pg_timezone_names, which reads a thousand files. Text with a slash and no digit
-- is a name or invalid: an abbreviation has no slash, and a POSIX rule ('ABC+3', 'Asia/Dhaka6') always
-- has a number. The other names are a closed list: IANA adds no more of them.
-- https://data.iana.org/time-zones/theory.html#naming
create function bondhu.is_time_zone(name text) returns boolean
language plpgsql stable strict
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
begin
  if char_length(name) > 64 or not (
    name ~ '^(Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Brazil|Canada|Chile|Etc|Europe|Indian|Mexico|Pacific|US)(/[A-Za-z_-]+){1,2}$'
    or name ~ '^Etc/GMT(0|\+([0-9]|1[0-2])|-([0-9]|1[0-4]))$'
    or name in (
      'CST6CDT', 'Cuba', 'EST', 'EST5EDT', 'Egypt', 'Eire', 'GB', 'GB-Eire', 'GMT', 'GMT+0', 'GMT-0', 'GMT0', 'Greenwich',
      'HST', 'Hongkong', 'Iceland', 'Iran', 'Israel', 'Jamaica', 'Japan', 'Kwajalein', 'Libya', 'MST', 'MST7MDT', 'NZ',
      'NZ-CHAT', 'Navajo', 'PRC', 'PST8PDT', 'Poland', 'Portugal', 'ROC', 'ROK', 'Singapore', 'Turkey', 'UCT', 'UTC',
      'Universal', 'W-SU', 'Zulu')
  ) then
    return false;
  end if;
  perform pg_catalog.timezone(name, pg_catalog.now());
  return true;
exception when invalid_parameter_value then
  return false;
end
$$;
comment on function bondhu.is_time_zone(text) is
  'True for the IANA names that this server knows, except CET, EET, MET and WET: see bondhu.normalize_time_zone().';
revoke all on function bondhu.is_time_zone(text) from public, anon, authenticated, service_role;
grant execute on function bondhu.is_time_zone(text) to authenticated, service_role;

create table public.companion_profiles (
  user_id uuid primary key default auth.uid() references auth.users (id) on delete cascade,
  display_name text,
  locale text,
  time_zone text not null default 'UTC',
  onboarding_state text not null default 'new',
  chat_retention_days integer,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),

  constraint display_name_can_be_read check (
    case when char_length(display_name) > 80 or octet_length(display_name) > 320 or bondhu.text_fault(display_name) is not null then
      bondhu.refuse_text('display_name', 'display_name', display_name, 80, 320) end
  ),
  constraint locale_is_a_language_tag check (
    -- The longest tag that RFC 5646, section 4.4.1, requires support for.
    case when char_length(locale) > 35 or locale !~ '^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$' then bondhu.refuse('locale_is_a_language_tag',
      format('%L is no locale', left(locale, 40)), 'Send a language tag of at most 35 characters such as en, bn-BD or pt_BR.') end
  ),
  constraint time_zone_is_iana check (
    case when char_length(time_zone) > 64 or not bondhu.is_time_zone(time_zone) then bondhu.refuse('time_zone_is_iana',
      format('%L is no time zone that this server knows', left(time_zone, 70)),
      'Send an IANA name such as Asia/Dhaka; browsers have it in Intl.DateTimeFormat().resolvedOptions().timeZone.') end
  ),
  constraint onboarding_state_is_known check (
    case when onboarding_state not in ('new', 'in_progress', 'complete') then bondhu.refuse('onboarding_state_is_known',
      format('%L is no onboarding_state', left(onboarding_state, 40)), 'Send new, in_progress or complete.') end
  ),
  constraint chat_retention_is_1_to_3650_days check (
    case when chat_retention_days not between 1 and 3650 then bondhu.refuse('chat_retention_is_1_to_3650_days',
      'chat_retention_days must be between 1 and 3650', 'Send a number of days, or null to keep the chat until it is deleted.') end
  )
);
comment on table public.companion_profiles is
  'What a user states about themselves. One row per auth user, created with it; readers use the defaults where a restore has lost it.';
comment on column public.companion_profiles.chat_retention_days is
  'Messages older than this are deleted, and nothing learnt from them stays; null: they are kept.';
create index companion_profiles_with_chat_retention on public.companion_profiles (user_id) where chat_retention_days is not null;
comment on column public.companion_profiles.time_zone is 'IANA name such as Asia/Dhaka; days and hours shown to the user are counted in it.';

alter table public.companion_profiles enable row level security;
revoke all on public.companion_profiles from public, anon, authenticated, service_role;
grant select on public.companion_profiles to authenticated, bondhu_worker;
-- Insert, too: so that users can write a row that a restore has lost.
grant insert (user_id, display_name, locale, time_zone, onboarding_state, chat_retention_days) on public.companion_profiles to authenticated;
grant update (display_name, locale, time_zone, onboarding_state, chat_retention_days) on public.companion_profiles to authenticated;
grant select, insert, update, delete on public.companion_profiles to service_role;

create policy "a user reads their own profile" on public.companion_profiles
  for select to authenticated using (user_id = (select auth.uid()));
create policy "a user edits their own profile" on public.companion_profiles
  for update to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy "a user writes their own profile" on public.companion_profiles
  for insert to authenticated with check (user_id = (select auth.uid()));
create policy "the worker reads profiles" on public.companion_profiles
  for select to bondhu_worker using (true);

create trigger companion_profiles_set_updated_at before update on public.companion_profiles
  for each row execute function bondhu.set_updated_at();

-- Postgres reads these four as abbreviations, without summer time; as names they have it. The
-- cities are those that IANA links them to (tzdata 2024b).
create function bondhu.normalize_time_zone() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  new.time_zone := case new.time_zone
    when 'CET' then 'Europe/Brussels'
    when 'MET' then 'Europe/Brussels'
    when 'EET' then 'Europe/Athens'
    when 'WET' then 'Europe/Lisbon'
    else new.time_zone
  end;
  return new;
end
$$;
comment on function bondhu.normalize_time_zone() is 'BEFORE trigger on companion_profiles: replaces CET, EET, MET and WET by the city that IANA links them to.';
revoke all on function bondhu.normalize_time_zone() from public, anon, authenticated, service_role;

create trigger companion_profiles_normalize_time_zone before insert or update of time_zone on public.companion_profiles
  for each row execute function bondhu.normalize_time_zone();

-- SECURITY DEFINER: it runs as the auth service, which has no rights here.
create function bondhu.create_profile() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  name text := left(btrim(new.raw_user_meta_data ->> 'display_name'), 80);
begin
  insert into public.companion_profiles (user_id, display_name)
  values (new.id, case when bondhu.text_fault(name) is null then name end)
  on conflict (user_id) do nothing;
  return null;
end
$$;
comment on function bondhu.create_profile() is 'AFTER INSERT trigger on auth.users. Takes display_name from the sign-up metadata.';
revoke all on function bondhu.create_profile() from public, anon, authenticated, service_role;

create trigger bondhu_create_profile after insert on auth.users
  for each row execute function bondhu.create_profile();

-- A view and not a function, so that documents join it at the cost of an index look-up. It reads
-- as its owner: the worker may not read auth.users.
create view bondhu.people as
  select u.id as user_id, p.display_name, p.locale, coalesce(p.time_zone, 'UTC') as time_zone,
    coalesce(p.onboarding_state, 'new') as onboarding_state
  from auth.users u
  left join public.companion_profiles p on p.user_id = u.id;
comment on view bondhu.people is
  'Every auth user with their profile, or its defaults where the row is missing. Readers join it in place of public.companion_profiles.';
revoke all on bondhu.people from public, anon, authenticated, service_role;
grant select on bondhu.people to bondhu_worker;

create function bondhu.create_missing_profiles() returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  healed bigint;
begin
  insert into public.companion_profiles (user_id)
  select u.id from auth.users u
  where not exists (select from public.companion_profiles p where p.user_id = u.id)
  on conflict (user_id) do nothing;
  get diagnostics healed = row_count;
  return healed;
end
$$;
comment on function bondhu.create_missing_profiles() is
  'Creates missing profiles: of users who signed up before Bondhu was installed, or were restored without triggers. Returns how many. Run by cron, and by bondhu.install_engine().';
revoke all on function bondhu.create_missing_profiles() from public, anon, authenticated, service_role;

select bondhu.create_missing_profiles();

-- sql/20_people/20_sessions.sql

-- Sessions: one active per user and device, with the reason of its end.

create table public.user_sessions (
  user_id uuid not null references auth.users (id) on delete cascade,
  id uuid not null default gen_random_uuid(),
  device_id text not null,
  started_at timestamptz not null default now(),
  last_seen_at timestamptz not null default now(),
  check_idle_at timestamptz not null default now(),
  activity_count integer not null default 0,
  is_learnt_from boolean not null default true,
  ended_at timestamptz,
  end_reason text,

  primary key (user_id, id),
  constraint device_id_is_short check (char_length(device_id) between 1 and 200),
  constraint end_reason_is_known check (end_reason in ('ended', 'idle', 'replaced', 'too_many')),
  constraint ended_has_a_reason check ((ended_at is null) = (end_reason is null)),
  constraint session_times_are_ordered check (started_at <= last_seen_at and last_seen_at <= coalesce(ended_at, last_seen_at)),
  -- So that arithmetic with them cannot fail: it would fail for all users whose documents are built together.
  constraint session_times_are_within_reach check (started_at >= '1900-01-01 00:00+00' and coalesce(ended_at, last_seen_at) < '2200-01-01 00:00+00')
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02); -- a touch updates its session's row in place
comment on table public.user_sessions is 'One row per visit of a user on a device; active while ended_at is null.';
comment on column public.user_sessions.last_seen_at is 'To a minute: touch_session() leaves a session alone that was touched within one.';
comment on column public.user_sessions.check_idle_at is
  'When cron looks next whether the session is idle. Not last_seen_at, whose index would be written with every touch.';
comment on column public.user_sessions.end_reason is 'ended: by the user; idle: closed by cron; replaced: the device started a new one; too_many: newer ones exceeded settings.max_active_sessions.';

comment on column public.user_sessions.is_learnt_from is
  'Whether what is said in it counts in what is learnt of the person, and is remembered. Crises are noticed either way.';
comment on column public.user_sessions.activity_count is 'How often log_activity() was called in the session.';

create unique index one_active_session_per_device on public.user_sessions (user_id, device_id) where ended_at is null;
create index user_sessions_by_idle_check on public.user_sessions (check_idle_at) where ended_at is null;

create table public.session_activities (
  user_id uuid not null,
  id uuid not null default gen_random_uuid(),
  session_id uuid not null,
  activity text not null,
  details jsonb not null default '{}',
  occurred_at timestamptz not null default now(),

  primary key (user_id, id),
  constraint session_activities_session_fkey foreign key (user_id, session_id)
    references public.user_sessions (user_id, id) on delete cascade,
  constraint activity_is_a_short_name check (
    case when activity is null or char_length(activity) > 64 or activity !~ '^[a-z][a-z0-9_.]{0,63}$' then bondhu.refuse('activity_is_a_short_name',
      format('%L is no name of an activity', left(activity, 70)),
      'Send a lower-case name of at most 64 characters such as chat.opened.') end
  ),
  constraint details_is_a_small_object check (
    -- Cheap first. Then as text: 1e100000 takes a few bytes, and 100,001 to write out.
    case when jsonb_typeof(details) <> 'object' or pg_column_size(details) > 4096 or octet_length(details::text) > 4096 then
      bondhu.refuse('details_is_a_small_object',
        'details must be a JSON object of at most 4096 bytes', 'Send an object, or leave details out.') end
  )
);
comment on table public.session_activities is 'What was done in a session, e.g. chat.opened, game.finished.';
create index session_activities_by_session on public.session_activities (user_id, session_id, occurred_at desc);

alter table public.user_sessions enable row level security;
alter table public.session_activities enable row level security;
revoke all on public.user_sessions, public.session_activities from public, anon, authenticated, service_role;
grant select on public.user_sessions, public.session_activities to authenticated;
grant select, insert, update, delete on public.user_sessions, public.session_activities to service_role;
grant select on public.user_sessions to bondhu_worker;

create policy "a user reads their own sessions" on public.user_sessions
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker reads sessions" on public.user_sessions
  for select to bondhu_worker using (true);
create policy "a user reads their own activities" on public.session_activities
  for select to authenticated using (user_id = (select auth.uid()));

-- The RPCs are SECURITY DEFINER: a client that could write these tables itself could invent times.
-- Each acts only for bondhu.require_user().

create function public.start_session(device_id text, is_learnt_from boolean default true) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  caller uuid := bondhu.lock_user();
  device alias for $1;
  learns alias for $2;
  started uuid;
begin
  if device is null or char_length(device) > 200 or bondhu.text_fault(device) is not null then
    raise exception using
      errcode = '22023',
      message = 'device_id must have 1 to 200 characters that can be seen, and no control characters',
      hint = 'Send a name that stays the same for this device, such as a uuid kept in local storage.';
  end if;
  if learns is null then
    raise exception using errcode = '22023', message = 'is_learnt_from must be true or false', hint = 'Leave it out for true.';
  end if;
  -- One session at a time per user and device, also when two tabs start together, and no more than
  -- allowed in all. now() is when a transaction began: a later one may have taken the lock first.
  perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('bondhu.user_sessions/' || caller::text, 0));
  update public.user_sessions s
     set ended_at = greatest(s.last_seen_at, now()), end_reason = 'replaced', last_seen_at = greatest(s.last_seen_at, now())
   where s.user_id = caller and s.device_id = device and s.ended_at is null;
  update public.user_sessions s
     set ended_at = greatest(s.last_seen_at, now()), end_reason = 'too_many', last_seen_at = greatest(s.last_seen_at, now())
   where s.user_id = caller and s.ended_at is null and s.id in (
     select used.id from public.user_sessions used
     where used.user_id = caller and used.ended_at is null
     order by used.last_seen_at desc, used.started_at desc, used.id
     offset (select max_active_sessions - 1 from bondhu.settings));
  -- Creates the profile of a user who was restored without one.
  insert into public.companion_profiles (user_id) values (caller) on conflict (user_id) do nothing;
  insert into public.user_sessions (user_id, device_id, is_learnt_from, check_idle_at)
  select caller, device, learns, now() + make_interval(mins => x.session_idle_minutes) from bondhu.settings x
  returning id into started;
  perform bondhu.wake_syncs(caller);
  return started;
end
$$;
comment on function public.start_session(text, boolean) is
  'Starts a session on this device, ending the one it had, and returns its id. is_learnt_from false: what is said in it is not learnt from. Beyond settings.max_active_sessions the least recently used one ends.';

create function bondhu.use_session(caller uuid, session_id uuid, activities integer) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  seen_at timestamptz;
  -- Half of what makes it idle, where that is less than two minutes.
  recent constant interval := (select least(60, t.session_idle_minutes * 30) from bondhu.settings t) * interval '1 second';
begin
  select s.last_seen_at into seen_at from public.user_sessions s where s.user_id = caller and s.id = session_id and s.ended_at is null;
  if seen_at > now() - recent and activities = 0 then
    return;
  end if;
  update public.user_sessions s
     set last_seen_at = greatest(s.last_seen_at, now()), activity_count = s.activity_count + activities
   where s.user_id = caller and s.id = session_id and s.ended_at is null;
  if not found then
    perform bondhu.raise_no_active_session();
  end if;
end
$$;
comment on function bondhu.use_session(uuid, uuid, integer) is
  'Records that a session is in use, and adds to its activity_count; P0002 when it is not active. Writes nothing when there is nothing to add and the session was used within a minute.';
revoke all on function bondhu.use_session(uuid, uuid, integer) from public, anon, authenticated, service_role;

create function public.touch_session(session_id uuid) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform bondhu.use_session(bondhu.require_user(), $1, 0);
end
$$;
comment on function public.touch_session(uuid) is
  'Records that the session is still in use; P0002 when it is not active. Call it as often as you like: within a minute of the last use nothing is written.';

create function public.log_activity(session_id uuid, activity text, details jsonb default '{}') returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  logged uuid;
begin
  perform bondhu.use_session(bondhu.require_user(), $1, 1);
  insert into public.session_activities (user_id, session_id, activity, details)
  values (bondhu.require_user(), $1, $2, coalesce($3, '{}'))
  returning id into logged;
  return logged;
end
$$;
comment on function public.log_activity(uuid, text, jsonb) is 'Records an activity and touches the session. activity: lower-case name such as chat.opened; details: an object of at most 4 kB.';

create function public.end_session(session_id uuid) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  caller uuid := bondhu.require_user();
begin
  update public.user_sessions s
     set ended_at = greatest(s.last_seen_at, now()), end_reason = 'ended', last_seen_at = greatest(s.last_seen_at, now())
   where s.user_id = caller and s.id = $1 and s.ended_at is null;
  if not found then
    perform bondhu.raise_no_active_session();
  end if;
end
$$;
comment on function public.end_session(uuid) is 'Ends the session; P0002 when it is not active.';

create function bondhu.raise_no_active_session() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'P0002',
    message = 'this session is not active',
    hint = 'It has ended or never was yours. Call start_session for a new one.';
end
$$;
revoke all on function bondhu.raise_no_active_session() from public, anon, authenticated, service_role;

create function bondhu.close_idle_sessions(most integer default 10000) returns bigint
language sql
set search_path = pg_catalog, pg_temp
as $$
  with due as (
    select s.user_id, s.id, s.last_seen_at + make_interval(mins => x.session_idle_minutes) as idle_at
    from public.user_sessions s
    cross join bondhu.settings x
    where s.ended_at is null and s.check_idle_at <= now()
    order by s.check_idle_at
    limit most
    -- start_session() locks several, too: skip what it holds, so that neither waits for the other.
    for update of s skip locked
  ),
  looked_at as (
    update public.user_sessions s
       set check_idle_at = due.idle_at,
           ended_at = case when due.idle_at < now() then now() end,
           end_reason = case when due.idle_at < now() then 'idle' end
      from due
     where s.user_id = due.user_id and s.id = due.id
    returning s.ended_at
  )
  select count(*) from looked_at l where l.ended_at is not null
$$;
comment on function bondhu.close_idle_sessions(integer) is
  'Looks at up to `most` sessions that may be idle, and ends those that are, for longer than settings.session_idle_minutes; returns how many it ended. Run by cron. After a shorter time is set, sessions that there are end by the former one.';

revoke all on function public.start_session(text, boolean), public.touch_session(uuid), public.log_activity(uuid, text, jsonb),
  public.end_session(uuid), bondhu.close_idle_sessions(integer)
  from public, anon, authenticated, service_role;
grant execute on function public.start_session(text, boolean), public.touch_session(uuid), public.log_activity(uuid, text, jsonb),
  public.end_session(uuid) to authenticated;
grant execute on function bondhu.close_idle_sessions(integer) to service_role;

-- Documents, here and in the files that follow, are built by PL/pgSQL under one generic plan per
-- connection, since planning takes longer than building; and as json, since they are written once and
-- not read here. The mirror builds some after nearly every commit. All take users and the instant to
-- build for; without an instant there is no document.

-- The document is an array, one entry per device; it is valid until the first session goes idle.
create function bondhu.session_active_document(user_ids uuid[], as_of timestamptz)
returns table (user_id uuid, data json, until timestamptz)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  idle_after interval := (select make_interval(mins => session_idle_minutes) from bondhu.settings);
begin
  return query
    select
      p.user_id,
      json_agg(
        json_build_object(
          'id', s.id, 'device_id', s.device_id, 'started_at', s.started_at, 'last_seen_at', s.last_seen_at,
          'activity_count', s.activity_count
        ) order by s.last_seen_at desc, s.id
      ) filter (where s.id is not null),
      min(s.last_seen_at) + idle_after
    from unnest(user_ids) wanted (id)
    join bondhu.people p on p.user_id = wanted.id
    left join public.user_sessions s
      on s.user_id = p.user_id
     and s.ended_at is null
     and s.last_seen_at > $2 - idle_after
    group by p.user_id;
end
$$;
comment on function bondhu.session_active_document(uuid[], timestamptz) is 'Redis document session:active: the user''s active sessions, newest first; null data when there is none.';
revoke all on function bondhu.session_active_document(uuid[], timestamptz) from public, anon, authenticated, service_role;
grant execute on function bondhu.session_active_document(uuid[], timestamptz) to bondhu_worker;

-- sql/20_people/30_consents.sql

-- What people allow to be done with what they tell. A log: of each purpose the newest row holds, and who
-- has decided nothing is held to the purpose's default.

create function bondhu.consent_purposes() returns table (purpose text, is_given_by_default boolean)
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  values ('learning', true), ('memory', true), ('provider_prompts', false), ('trending', false)
$$;
comment on function bondhu.consent_purposes() is
  'What can be allowed, and what holds for whoever has decided nothing. learning: what they write counts in what is learnt of them; memory: what they tell is remembered, and used in prompts; provider_prompts: what their linked accounts tell enters prompts, of the providers that bondhu.provider_settings lets; trending: they count, unnamed, in what rises among many.';

create table public.consents (
  user_id uuid not null references auth.users (id) on delete cascade,
  purpose text not null,
  decided_at timestamptz not null default now(),
  is_given boolean not null,

  primary key (user_id, purpose, decided_at),
  constraint purpose_is_known check (purpose in ('learning', 'memory', 'provider_prompts', 'trending')),
  constraint decided_at_is_finite check (isfinite(decided_at))
);
comment on table public.consents is 'Every decision of a person about what may be done with what they tell; the newest of a purpose holds. Kept until the account goes.';

alter table public.consents enable row level security;
revoke all on public.consents from public, anon, authenticated, service_role;
grant select on public.consents to authenticated, service_role, bondhu_worker;

create policy "a user reads their own consents" on public.consents
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker reads consents" on public.consents
  for select to bondhu_worker using (true);

create function bondhu.consented_since(of_user uuid, to_purpose text) returns timestamptz
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  refused timestamptz := (
    select max(c.decided_at) from public.consents c where c.user_id = of_user and c.purpose = to_purpose and not c.is_given
  );
begin
  if refused is null and (select p.is_given_by_default from bondhu.consent_purposes() p where p.purpose = to_purpose) then
    return '-infinity'::timestamptz;
  end if;
  return (
    select min(c.decided_at) from public.consents c
    where c.user_id = of_user and c.purpose = to_purpose and c.is_given and c.decided_at > coalesce(refused, '-infinity')
  );
end
$$;
comment on function bondhu.consented_since(uuid, text) is 'Since when a user has allowed something without a break; null: they do not.';

create function bondhu.lock_consents(of_user uuid) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('bondhu.consents/' || of_user::text, 0));
end
$$;
comment on function bondhu.lock_consents(uuid) is
  'For who decides, and for who writes what was allowed: one at a time for a user, until the transaction ends.';

-- SECURITY DEFINER, as the one below: clients write no decision in the past, and see no defaults.
create function public.my_consents() returns table (purpose text, is_given boolean, decided_at timestamptz)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  caller uuid := bondhu.require_user();
begin
  return query
    select p.purpose, coalesce(newest.is_given, p.is_given_by_default), newest.decided_at
    from bondhu.consent_purposes() p
    left join lateral (
      select c.is_given, c.decided_at from public.consents c
      where c.user_id = caller and c.purpose = p.purpose
      order by c.decided_at desc limit 1
    ) newest on true
    order by p.purpose;
end
$$;
comment on function public.my_consents() is
  'What the caller allows, a row a purpose; decided_at is null where they have not decided and the default holds.';

create function public.set_consent(purpose text, is_given boolean, forget boolean default false) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  to_purpose text := set_consent.purpose;
  -- Learning is about messages, which are written under a share of that row.
  caller uuid := bondhu.lock_user(alone => to_purpose = 'learning');
  given boolean := set_consent.is_given;
  known text;
begin
  if not exists (select from bondhu.consent_purposes() p where p.purpose = to_purpose) then
    select string_agg(p.purpose, ', ' order by p.purpose) into known from bondhu.consent_purposes() p;
    raise exception using errcode = '22023', message = 'purpose is none of those that can be allowed', hint = format('There are: %s.', known);
  elsif given is null or forget is null or given and forget then
    raise exception using errcode = '22023', message = 'is_given and forget are true or false, and what is allowed is not forgotten',
      hint = 'Send is_given false with forget true to withdraw and to delete what there is.';
  end if;
  perform bondhu.lock_consents(caller);
  if given is distinct from (
    select c.is_given from public.consents c where c.user_id = caller and c.purpose = to_purpose order by c.decided_at desc limit 1
  ) then
    -- Of what somebody decides to and fro within a minute, the end is kept.
    delete from public.consents c where c.user_id = caller and c.purpose = to_purpose and c.decided_at > now() - interval '1 minute';
    insert into public.consents (user_id, purpose, decided_at, is_given)
    select caller, to_purpose, greatest(clock_timestamp(), max(c.decided_at) + interval '1 microsecond'), given
    from public.consents c where c.user_id = caller and c.purpose = to_purpose;
  end if;
  case to_purpose
    when 'learning' then
      perform bondhu.set_learning(caller, given, forget);
      perform bondhu.keep_trending_person(caller);
    when 'trending' then
      perform bondhu.keep_trending_person(caller);
    when 'memory' then
      if forget then
        perform from public.memories m where m.user_id = caller order by m.id for update;
        delete from public.memories m where m.user_id = caller;
      end if;
    else null; -- Whoever builds documents asks each time.
  end case;
end
$$;
comment on function public.set_consent(text, boolean, boolean) is
  'Allows something, or withdraws it: nothing new from then on. forget deletes what there is, too: of memory the memories, of learning what messages have counted so far; what trending keeps goes as soon as it, or learning, is withdrawn, and provider_prompts keeps nothing. 22023 for a purpose that there is not.';

revoke all on function bondhu.consent_purposes(), bondhu.consented_since(uuid, text), bondhu.lock_consents(uuid),
  public.my_consents(), public.set_consent(text, boolean, boolean)
  from public, anon, authenticated, service_role;
-- For the documents that the worker builds.
grant execute on function bondhu.consent_purposes(), bondhu.consented_since(uuid, text) to bondhu_worker;
grant execute on function public.my_consents(), public.set_consent(text, boolean, boolean) to authenticated;

-- sql/20_people/40_erasures.sql

-- Receipts of what people had erased. While one is not finished, bondhu.go_on_erasing() deletes the rest of the messages.

create table public.erasures (
  user_id uuid not null references auth.users (id) on delete cascade,
  id uuid not null default gen_random_uuid(),
  requested_at timestamptz not null default now(),
  finished_at timestamptz,
  up_to_seq bigint not null,
  with_account boolean not null,
  rows_erased jsonb not null,
  remains jsonb not null default '{}',

  primary key (user_id, id),
  constraint erasure_ends_after_its_request check (finished_at >= requested_at),
  constraint rows_erased_is_an_object check (jsonb_typeof(rows_erased) = 'object'),
  constraint remains_is_an_object check (jsonb_typeof(remains) = 'object')
);
comment on table public.erasures is
  'A row per erase_my_data(): what went, and what remains and why. Kept for settings.erasure_receipt_retention_days.';
comment on column public.erasures.finished_at is 'Null while messages are still being deleted; until then the chat is hidden, and takes no message.';
comment on column public.erasures.up_to_seq is 'Messages up to this chat_messages.seq go.';
comment on column public.erasures.rows_erased is 'By table, how many rows there were.';
comment on column public.erasures.remains is 'By table, why something of the person stays; filled when it is finished.';
create unique index erasures_under_way on public.erasures (user_id) where finished_at is null;

alter table public.erasures enable row level security;
revoke all on public.erasures from public, anon, authenticated, service_role;
grant select on public.erasures to authenticated, service_role, bondhu_worker;

create table bondhu.receipts (
  id uuid primary key,
  finished_at timestamptz not null,
  receipt jsonb not null,

  constraint receipt_is_an_object check (jsonb_typeof(receipt) = 'object')
);
comment on table bondhu.receipts is
  'What erase_my_data() answered whose account went with it: of nobody, found by the id that they have. Kept for settings.erasure_receipt_retention_days.';
alter table bondhu.receipts enable row level security;
revoke all on bondhu.receipts from public, anon, authenticated, service_role;
grant select on bondhu.receipts to service_role;

create policy "a user reads their own receipts" on public.erasures
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker reads receipts" on public.erasures
  for select to bondhu_worker using (true);

create function bondhu.is_being_erased(of_user uuid) returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (select from public.erasures e where e.user_id = of_user and e.finished_at is null);
end
$$;
comment on function bondhu.is_being_erased(uuid) is
  'Whether messages of a user are left that an erasure is about: row security hides them from users, and functions that pass it by ask.';
revoke all on function bondhu.is_being_erased(uuid) from public, anon, authenticated, service_role;

-- sql/30_chat/10_messages.sql

-- Chat messages and their scores.
--
-- A client writes text, session and id; all other columns are written by the engine or the service
-- role. bondhu.install_engine() attaches the engine's triggers.

create table public.chat_messages (
  user_id uuid not null default auth.uid() references auth.users (id) on delete cascade,
  id uuid not null default gen_random_uuid(),
  seq bigint generated always as identity,
  session_id uuid,
  sender_type text not null default 'user',
  message_text text not null,
  sentiment_score numeric(3, 2),
  mood_detected text,
  support_level text,
  engine_version integer,
  corrected_sentiment numeric(3, 2),
  corrected_mood text,
  counts boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),

  primary key (user_id, id),
  constraint sender_is_known check (sender_type in ('user', 'ai')),
  -- 24000 bytes are 8000 characters of most scripts; of emoji fewer fit.
  constraint message_can_be_read check (
    case when char_length(message_text) > 8000 or octet_length(message_text) > 24000 or bondhu.text_fault(message_text) is not null then
      bondhu.refuse_text('message', 'message_text', message_text, 8000, 24000) end
  ),
  constraint score_is_0_to_1 check (sentiment_score between 0 and 1),
  constraint mood_is_known check (mood_detected in (
    'joy', 'love', 'grateful', 'calm', 'curious', 'surprise', 'sad', 'lonely',
    'anxious', 'angry', 'disgust', 'tired', 'neutral'
  )),
  constraint support_level_is_known check (support_level in ('none', 'support', 'crisis')),
  constraint scored_whole_or_not_at_all check (
    num_nulls(sentiment_score, mood_detected, support_level, engine_version) in (0, 4)
  ),
  constraint only_user_messages_are_scored check (sender_type = 'user' or engine_version is null),
  constraint corrected_sentiment_is_0_to_1 check (corrected_sentiment between 0 and 1),
  constraint corrected_mood_is_known check (corrected_mood in (
    'joy', 'love', 'grateful', 'calm', 'curious', 'surprise', 'sad', 'lonely',
    'anxious', 'angry', 'disgust', 'tired', 'neutral'
  )),
  constraint only_user_messages_are_corrected check (
    sender_type = 'user' or num_nonnulls(corrected_sentiment, corrected_mood) = 0
  ),
  -- Once true it stays true, so that a dump restores. Not now(): a transaction that began before a
  -- message was written may edit it. The engine also refuses inserts after now().
  -- Not before 1900: further back, arithmetic with days in a time zone fails, for all users at once.
  constraint created_at_is_since_1900_and_not_in_the_future check (created_at between '1900-01-01 00:00+00' and clock_timestamp())
) with ( -- by default a billion rows would wait for two hundred million more
  autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02
);
comment on table public.chat_messages is
  'The conversation. (user_id, id) is the key, so a retried send with the same id is a no-op (upsert with ignoreDuplicates).';
comment on column public.chat_messages.seq is 'Order within one created_at; rows of one transaction share that. Cursors are (created_at, seq).';
-- Without a foreign key: a session goes after a while, and would write each of its messages anew.
comment on column public.chat_messages.session_id is
  'Of which session it is. A session is kept for settings.session_retention_days after its end, and is named here after that.';
comment on column public.chat_messages.sentiment_score is '0 bad … 0.5 neutral … 1 good; null while unscored and for the companion''s messages.';
comment on column public.chat_messages.support_level is 'none, support or crisis: what the support detector found. Not a diagnosis.';
comment on column public.chat_messages.engine_version is 'Version of the engine that scored this message; null while unscored.';

comment on column public.chat_messages.corrected_sentiment is
  'What the person says it is: read in place of sentiment_score. Another text has none.';
comment on column public.chat_messages.corrected_mood is 'What the person says it is: read in place of mood_detected. Another text has none.';
comment on column public.chat_messages.counts is
  'Whether it counts in what is learnt of the person. Crises are noticed either way.';

-- Serves history pages, the engine's window reads, and the policies.
create index chat_messages_by_time on public.chat_messages (user_id, created_at desc, seq desc);
create index chat_messages_by_session on public.chat_messages (user_id, session_id) where session_id is not null;

alter table public.chat_messages enable row level security;
revoke all on public.chat_messages from public, anon, authenticated, service_role;
revoke all on sequence public.chat_messages_seq_seq from public, anon, authenticated, service_role;
grant select, delete on public.chat_messages to authenticated;
grant insert (user_id, id, session_id, message_text) on public.chat_messages to authenticated;
grant update (message_text) on public.chat_messages to authenticated;
grant select, delete on public.chat_messages to service_role;
grant insert (user_id, id, session_id, sender_type, message_text, counts, created_at) on public.chat_messages to service_role;
grant update (user_id, session_id, sender_type, message_text, corrected_sentiment, corrected_mood, counts)
  on public.chat_messages to service_role;
grant select on public.chat_messages to bondhu_worker;

create policy "a user reads their own messages" on public.chat_messages
  for select to authenticated using (user_id = (select auth.uid()));
create policy "a user writes their own messages" on public.chat_messages
  for insert to authenticated with check (user_id = (select auth.uid()) and sender_type = 'user');
create policy "a user edits their own messages" on public.chat_messages
  for update to authenticated using (user_id = (select auth.uid()) and sender_type = 'user')
  with check (user_id = (select auth.uid()) and sender_type = 'user');
create policy "a user deletes their own messages" on public.chat_messages
  for delete to authenticated using (user_id = (select auth.uid()));
create policy "the worker reads messages" on public.chat_messages
  for select to bondhu_worker using (true);

create trigger chat_messages_set_updated_at before update of message_text on public.chat_messages
  for each row when (old.message_text is distinct from new.message_text)
  execute function bondhu.set_updated_at();

-- SECURITY DEFINER: it fires as whoever writes a message.
create function bondhu.stamp_message_of_session() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  is_learnt_from boolean := (select s.is_learnt_from from public.user_sessions s where s.user_id = new.user_id and s.id = new.session_id);
begin
  -- One of an earlier time comes from elsewhere, such as a dump, where its session may be gone; and so may that of what is
  -- answered, or sent once more. Another's row is row security's to refuse, in the same words whatever they have.
  if is_learnt_from is null and new.created_at = now() and new.sender_type = 'user'
    and coalesce(auth.uid(), new.user_id) = new.user_id
    and not exists (select from public.chat_messages m where m.user_id = new.user_id and m.id = new.id)
  then
    raise exception using
      errcode = '23503',
      message = 'there is no such session of yours',
      hint = 'Call start_session and send the id that it returns, or leave session_id out.',
      schema = 'public', table = 'chat_messages', column = 'session_id';
  end if;
  new.counts := new.counts and coalesce(is_learnt_from, true);
  return new;
end
$$;
comment on function bondhu.stamp_message_of_session() is
  'BEFORE INSERT row trigger: what a person says now is said in a session that there is (else 23503), and in one that is not learnt from does not count.';
revoke all on function bondhu.stamp_message_of_session() from public, anon, authenticated, service_role;

create trigger chat_messages_stamp_session before insert on public.chat_messages
  for each row when (new.session_id is not null)
  execute function bondhu.stamp_message_of_session();

-- Cursors are opaque strings, which JavaScript cannot round as it does Dates and Numbers: instants have
-- microseconds, and the rows of one transaction share theirs.

create function bondhu.instant_to_cursor(instant timestamptz) returns text
language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select encode(timestamptz_send(instant), 'hex')
$$;
comment on function bondhu.instant_to_cursor(timestamptz) is 'Microseconds since 2000 as 16 hexadecimal digits.';

create function bondhu.cursor_to_instant(digits text) returns timestamptz
language plpgsql stable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  microseconds bigint := ('x' || digits)::bit(64)::bigint;
begin
  return '2000-01-01 00:00+00'::timestamptz
    + make_interval(secs => microseconds / 1000000) + microseconds % 1000000 * interval '1 microsecond';
exception when datetime_field_overflow then
  -- Infinite, or invented.
  return case when microseconds < 0 then '-infinity'::timestamptz else 'infinity' end;
end
$$;
comment on function bondhu.cursor_to_instant(text) is 'The instant that bondhu.instant_to_cursor() wrote.';

create function bondhu.refuse_cursor() returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = '22023',
    message = 'before_cursor is no cursor',
    hint = 'Send the cursor of the last row you have, as it came, or null for the newest page.';
end
$$;
comment on function bondhu.refuse_cursor() is 'Raises 22023.';

revoke all on function bondhu.instant_to_cursor(timestamptz), bondhu.cursor_to_instant(text), bondhu.refuse_cursor()
  from public, anon, authenticated, service_role;
grant execute on function bondhu.instant_to_cursor(timestamptz), bondhu.cursor_to_instant(text), bondhu.refuse_cursor() to authenticated;

create function public.chat_history(
  page_size integer default 50,
  before_created_at timestamptz default null,
  before_seq bigint default null,
  before_cursor text default null
) returns table (
  user_id uuid, id uuid, seq bigint, session_id uuid, sender_type text, message_text text,
  sentiment_score numeric, mood_detected text, support_level text, engine_version integer,
  created_at timestamptz, updated_at timestamptz, cursor text
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if page_size is null or page_size not between 1 and 200 then
    raise exception using
      errcode = '22023',
      message = 'page_size must be between 1 and 200',
      hint = 'Ask for the next page with the cursor of the oldest message you have.';
  end if;
  if (before_created_at is null) <> (before_seq is null) then
    raise exception using
      errcode = '22023',
      message = 'before_created_at and before_seq are a cursor together',
      hint = 'Send the cursor of the oldest message you have as before_cursor; or its created_at, uncut, and seq.';
  end if;
  if before_cursor is not null then
    if before_seq is not null then
      raise exception using
        errcode = '22023',
        message = 'before_cursor says it all: before_created_at and before_seq go without',
        hint = 'Send before_cursor alone.';
    end if;
    if char_length(before_cursor) <> 32 or before_cursor !~ '^[0-9a-f]{32}$' then
      perform bondhu.refuse_cursor();
    end if;
    before_created_at := bondhu.cursor_to_instant(left(before_cursor, 16));
    before_seq := ('x' || right(before_cursor, 16))::bit(64)::bigint;
  end if;
  return query
    select page.user_id, page.id, page.seq, page.session_id, page.sender_type, page.message_text,
      page.sentiment_score, page.mood_detected, page.support_level, page.engine_version,
      page.created_at, page.updated_at, bondhu.instant_to_cursor(page.created_at) || encode(int8send(page.seq), 'hex')
    from (
      select m.*
      from public.chat_messages m
      where m.user_id = (select bondhu.require_user())
        -- Without a cursor: before infinity, so that one index condition serves both.
        and (m.created_at, m.seq) < (
          coalesce(before_created_at, 'infinity'), coalesce(before_seq, 9223372036854775807)
        )
      order by m.created_at desc, m.seq desc
      limit page_size
    ) page
    order by page.created_at, page.seq;
end
$$;
comment on function public.chat_history(integer, timestamptz, bigint, text) is
  'The caller''s newest page of messages before the cursor, oldest first; each carries its own cursor, an opaque string, for before_cursor. page_size 1..200.';
revoke all on function public.chat_history(integer, timestamptz, bigint, text) from public, anon, authenticated, service_role;
grant execute on function public.chat_history(integer, timestamptz, bigint, text) to authenticated;

create function bondhu.chat_history_document(user_ids uuid[], as_of timestamptz)
returns table (user_id uuid, data json, until timestamptz)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  size integer := (select chat_history_document_size from bondhu.settings);
begin
  return query
    select
      p.user_id,
      (
        select coalesce(json_agg(m order by m.created_at, m.seq), '[]')
        from (
          select
            newest.id, newest.seq, newest.session_id, newest.sender_type, newest.message_text,
            newest.sentiment_score, newest.mood_detected, newest.created_at, newest.updated_at
          from public.chat_messages newest
          where newest.user_id = p.user_id
          order by newest.created_at desc, newest.seq desc
          limit size
        ) m
      ),
      null::timestamptz
    from unnest(user_ids) wanted (id)
    join bondhu.people p on p.user_id = wanted.id
    where as_of is not null
      and not exists (select from public.erasures e where e.user_id = p.user_id and e.finished_at is null);
end
$$;
comment on function bondhu.chat_history_document(uuid[], timestamptz) is 'Redis document chat:history: the newest messages, oldest first; it changes only with messages.';
revoke all on function bondhu.chat_history_document(uuid[], timestamptz) from public, anon, authenticated, service_role;
grant execute on function bondhu.chat_history_document(uuid[], timestamptz) to bondhu_worker;

-- sql/30_chat/20_choices.sql

-- What people choose about their chat: whether it is learnt from, and how long it is kept.

-- Read by the engine for every message: nothing but a key.
create table bondhu.people_not_learnt_from (
  user_id uuid primary key references auth.users (id) on delete cascade
);
comment on table bondhu.people_not_learnt_from is
  'Who has withdrawn the consent learning: what they write does not count. Kept by set_consent().';
alter table bondhu.people_not_learnt_from enable row level security;
revoke all on bondhu.people_not_learnt_from from public, anon, authenticated, service_role;
grant select on bondhu.people_not_learnt_from to service_role;

create table bondhu.forgettings (
  user_id uuid primary key references auth.users (id) on delete cascade,
  up_to_seq bigint not null
);
comment on table bondhu.forgettings is
  'Whose messages count no more up to one, chat_messages.seq, where that is not finished: bondhu.keep_choices() goes on.';
alter table bondhu.forgettings enable row level security;
revoke all on bondhu.forgettings from public, anon, authenticated, service_role;
grant select on bondhu.forgettings to service_role;

create function bondhu.uncount_messages(of_user uuid, up_to_seq bigint, most integer) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  oldest record;
  uncounted integer;
begin
  -- The newest first: what is concluded rests on them. Not by their ids: where statistics are old, that join takes hours.
  select m.created_at, m.seq into oldest
  from public.chat_messages m
  where m.user_id = of_user and m.counts and m.sender_type = 'user' and m.seq <= uncount_messages.up_to_seq
  order by m.created_at desc, m.seq desc
  offset most - 1 limit 1;
  update public.chat_messages m set counts = false
  where m.user_id = of_user and m.counts and m.sender_type = 'user' and m.seq <= uncount_messages.up_to_seq
    and (m.created_at, m.seq) >= (coalesce(oldest.created_at, '-infinity'), coalesce(oldest.seq, 0));
  get diagnostics uncounted = row_count;
  if uncounted < most then
    delete from bondhu.forgettings f where f.user_id = of_user;
  else
    insert into bondhu.forgettings as f (user_id, up_to_seq) values (of_user, uncount_messages.up_to_seq)
    on conflict (user_id) do update set up_to_seq = greatest(f.up_to_seq, excluded.up_to_seq);
  end if;
  return uncounted;
end
$$;
comment on function bondhu.uncount_messages(uuid, bigint, integer) is
  'Has the newest `most` of a user''s messages up to a seq count no more, and notes whether others are left; returns how many.';

create function bondhu.set_learning(of_user uuid, is_given boolean, forget boolean) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if is_given then
    delete from bondhu.people_not_learnt_from p where p.user_id = of_user;
  else
    insert into bondhu.people_not_learnt_from (user_id) values (of_user) on conflict (user_id) do nothing;
  end if;
  if forget then
    perform bondhu.uncount_messages(of_user, 9223372036854775807, 10000);
    -- What comes later, once it is allowed again, is not meant.
    update bondhu.forgettings f set up_to_seq = (select max(m.seq) from public.chat_messages m where m.user_id = of_user)
    where f.user_id = of_user;
  end if;
end
$$;
comment on function bondhu.set_learning(uuid, boolean, boolean) is
  'set_consent() for learning, under bondhu.lock_account(of_user, alone => true). A message that was being written is either seen here or, by the engine that stores it, this.';

create function bondhu.expire_messages(most integer) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  person record;
  newest record;
  expired integer := 0;
  gone integer;
begin
  for person in
    select p.user_id, p.keeps_from
    from (
      select c.user_id, now() - make_interval(days => c.chat_retention_days) as keeps_from
      from public.companion_profiles c where c.chat_retention_days is not null
    ) p
    where exists (select from public.chat_messages m where m.user_id = p.user_id and m.created_at < p.keeps_from)
    order by p.user_id
  loop
    -- Not by their ids, as above.
    select m.created_at, m.seq into newest
    from public.chat_messages m
    where m.user_id = person.user_id and m.created_at < person.keeps_from
    order by m.created_at, m.seq
    offset most - expired - 1 limit 1;
    delete from public.chat_messages m
    where m.user_id = person.user_id and m.created_at < person.keeps_from
      and (m.created_at, m.seq) <= (coalesce(newest.created_at, person.keeps_from), coalesce(newest.seq, 0));
    get diagnostics gone = row_count;
    expired := expired + gone;
    exit when expired >= most;
  end loop;
  return expired;
end
$$;
comment on function bondhu.expire_messages(integer) is
  'Deletes up to `most` messages that are older than their owners keep them, the oldest first; returns how many.';

-- SECURITY DEFINER: the worker calls it where there is no cron, and may write none of these tables.
create function bondhu.keep_choices(most integer default 10000) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  pending record;
  uncounted integer := 0;
begin
  for pending in
    select f.user_id, f.up_to_seq from bondhu.forgettings f order by f.user_id for update skip locked
  loop
    uncounted := uncounted + bondhu.uncount_messages(pending.user_id, pending.up_to_seq, most - uncounted);
    exit when uncounted >= most;
  end loop;
  return jsonb_build_object('forgotten', uncounted, 'expired', bondhu.expire_messages(most));
end
$$;
comment on function bondhu.keep_choices(integer) is
  'Goes on with what people chose: has messages count no more that are to be forgotten, and deletes those older than their owners keep them, up to `most` of each; returns how many. Run by cron, or by the worker.';

revoke all on function bondhu.uncount_messages(uuid, bigint, integer), bondhu.set_learning(uuid, boolean, boolean),
  bondhu.expire_messages(integer), bondhu.keep_choices(integer)
  from public, anon, authenticated, service_role;
grant execute on function bondhu.keep_choices(integer) to bondhu_worker;

-- sql/40_engine/10_contract.sql

-- What an engine must offer, and the functions through which the rest of the system calls it. An
-- engine is a schema of functions; bondhu.install_engine() accepts one only if it has every function
-- below, and nothing else reaches into it.
--
-- Rules every engine follows alike:
--   score(text)            deterministic; any text is accepted
--   explain(text)          what moved sentiment and mood, strongest first
--   personality(ids, t)    one row per id, exact as of greatest(t, the stored as_of);
--                          until: the next instant a figure changes by time alone
--   personality_at(id, t)  one row as of t itself, of the messages dated until then as they stand
--   patterns(ids, t)       one row per id, of the user's own hours and days up to that of t
--   wellness(user, d, e)   one row for each of the user's days d..e whose week has messages
--   recompute(user)        rebuilds everything derived from the raw messages
--   refresh(ids)           brings stored profiles to now, as a message would
--   verify(ids)            one row for each stored figure that the raw messages contradict
--   score_message()        BEFORE row trigger on public.chat_messages; has new messages of
--                          bondhu.people_not_learnt_from not count
--   fold_messages()        AFTER statement trigger there, with transition tables
--                          new_messages and old_messages

create function bondhu.engine_contract()
returns table (signature text, arguments text, call text, result text, entry text, security_definer boolean, refuses boolean)
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  with functions (name, arguments, result, entry, security_definer, refuses) as (values
    ('engine_version', array[]::text[], 'integer', null, null::boolean, null::boolean),
    ('score', array['message_text text'],
     'TABLE(sentiment_score numeric, mood text, mood_confidence numeric, support_level text, engine_version integer)',
     'score', false, true),
    ('explain', array['message_text text'],
     'TABLE(figure text, part text, weight numeric)',
     'explain', false, true),
    -- Documents are made without an engine too, and say so.
    ('personality', array['user_ids uuid[]', 'instant timestamptz'],
     'TABLE(user_id uuid, as_of timestamp with time zone, until timestamp with time zone, '
     || 'openness numeric, conscientiousness numeric, extraversion numeric, agreeableness numeric, neuroticism numeric, '
     || 'trait_confidence numeric, communication_style text, emotional_stability text, needs_support boolean, '
     || 'message_count bigint, mean_sentiment numeric, sentiment_volatility numeric, dominant_mood text, sentiment_trend text)',
     'personality', false, false),
    ('personality_at', array['of_user uuid', 'instant timestamptz'],
     'TABLE(user_id uuid, as_of timestamp with time zone, until timestamp with time zone, '
     || 'openness numeric, conscientiousness numeric, extraversion numeric, agreeableness numeric, neuroticism numeric, '
     || 'trait_confidence numeric, communication_style text, emotional_stability text, needs_support boolean, '
     || 'message_count bigint, mean_sentiment numeric, sentiment_volatility numeric, dominant_mood text, sentiment_trend text)',
     'personality_at', false, true),
    ('patterns', array['user_ids uuid[]', 'instant timestamptz'],
     'TABLE(user_id uuid, time_zone text, hour_counts bigint[], hour_means numeric[], weekday_counts bigint[], '
     || 'weekday_means numeric[], inertia numeric, current_streak bigint, longest_streak bigint)',
     'patterns', false, true),
    ('wellness', array['user_id uuid', 'first_day date', 'last_day date'],
     'TABLE(day date, message_count bigint, active_days bigint, score numeric, mean numeric, trend numeric, '
     || 'stability numeric, engagement numeric)',
     'wellness', false, true),
    ('recompute', array['user_id uuid'], 'void', 'recompute', true, true),
    ('refresh', array['user_ids uuid[]'], 'void', 'refresh', true, true),
    ('verify', array['user_ids uuid[]'],
     'TABLE(user_id uuid, relation text, figure text, stored text, recounted text)',
     'differences', true, true),
    ('score_message', array[]::text[], 'trigger', null, null, null),
    ('fold_messages', array[]::text[], 'trigger', null, null, null)
  )
  select format('%s(%s)', f.name, (select string_agg(split_part(a, ' ', 2), ',') from unnest(f.arguments) a)),
    array_to_string(f.arguments, ', '),
    format('%s(%s)', f.name, (select string_agg('$' || n, ', ') from generate_subscripts(f.arguments, 1) n)),
    f.result, f.entry, f.security_definer, f.refuses
  from functions f
$$;
comment on function bondhu.engine_contract() is
  'The functions an engine''s schema must have. call: with its parameters; entry: the function of the schema bondhu that calls it, if any; security_definer: whether that runs as its owner; refuses: whether it refuses where there is no engine, or returns no rows.';

create function bondhu.missing_from_engine(engine_schema text) returns text[]
language sql stable strict
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off -- pg_get_function_result() would quote
as $$
  select coalesce(array_agg(c.signature order by c.signature), '{}')
  from bondhu.engine_contract() c
  where not exists (
    select
    from pg_catalog.pg_proc p
    where p.oid = to_regprocedure(format('%I.%s', engine_schema, c.signature))
      and pg_catalog.pg_get_function_result(p.oid) = c.result
  )
$$;
comment on function bondhu.missing_from_engine(text) is 'Signatures of the contract that a schema lacks; empty for an engine.';

-- `create or replace` keeps the entries' grants. Those that call an engine are in PL/pgSQL, which
-- keeps their plans; a function in SQL would be planned at each call. Those that refuse are in SQL:
-- linters would report unused arguments in PL/pgSQL functions that only raise.
create function bondhu.write_entries(engine text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $write$
declare
  contract record;
  grantee text;
begin
  execute format(
    'create or replace function bondhu.engine() returns jsonb language plpgsql stable set search_path = pg_catalog, pg_temp as %L',
    format('begin return %s; end', case
      when engine is null then 'null'
      else format($$jsonb_build_object('name', %1$L, 'version', %1$I.engine_version())$$, engine)
    end));
  if engine is not null then
    execute format('grant usage on schema %I to service_role, bondhu_worker', engine);
    execute format('grant execute on function %I.engine_version() to service_role, bondhu_worker', engine);
  end if;

  for contract in
    select c.*, substr(c.result, length('TABLE') + 1) as columns, c.result like 'TABLE(%' as returns_rows,
      c.entry || substr(c.signature, strpos(c.signature, '(')) as entry_signature
    from bondhu.engine_contract() c
    where c.entry is not null
  loop
    execute format(
      'create or replace function bondhu.%I(%s) returns %s language %s %s %s set search_path = pg_catalog, pg_temp as %L',
      contract.entry, contract.arguments, contract.result,
      case when engine is null then 'sql' else 'plpgsql' end,
      case when contract.returns_rows then 'stable' else 'volatile' end,
      case when contract.security_definer then 'security definer' else 'security invoker' end,
      case
        when engine is null then concat_ws('; ',
          case when contract.refuses then 'select bondhu.refuse_without_engine()' end,
          case when contract.returns_rows then format('select r.* from jsonb_to_recordset(''[]'') r%s', contract.columns) end)
        when contract.returns_rows then format('begin return query select r.* from %I.%s r; end', engine, contract.call)
        else format('begin perform %I.%s; end', engine, contract.call)
      end);
    -- Who may call an entry that runs as its caller may call what that calls.
    foreach grantee in array array['service_role', 'bondhu_worker'] loop
      if engine is not null and not contract.security_definer
        and has_function_privilege(grantee, 'bondhu.' || contract.entry_signature, 'execute')
      then
        execute format('grant execute on function %I.%s to %I', engine, contract.signature, grantee);
      end if;
    end loop;
  end loop;
end
$write$;
comment on function bondhu.write_entries(text) is 'Writes the functions that call the engine in the given schema; null: those that refuse.';

create function bondhu.refuse_without_engine() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = '0A000',
    message = 'no engine is installed',
    hint = 'Apply the migration portable_engine, or install the extension "bondhu" on the server, then run select bondhu.install_engine();';
end
$$;
comment on function bondhu.refuse_without_engine() is 'Raises 0A000: there is no engine.';

select bondhu.write_entries(null);

comment on function bondhu.engine() is 'Name and version of the installed engine; null without one.';
comment on function bondhu.score(text) is 'Sentiment (0..1), mood, its confidence (0..1), support level. 0A000 without an engine.';
comment on function bondhu.explain(text) is 'Why a text has its sentiment and mood: words and pairs of words with their weight in log odds, strongest first. 0A000 without an engine.';
comment on function bondhu.personality(uuid[], timestamptz) is 'What is concluded about users, exact as of the given instant; no rows without an engine.';
comment on function bondhu.personality_at(uuid, timestamptz) is 'What is concluded about a user from the messages dated until an instant, as they stand now. 0A000 without an engine.';
comment on function bondhu.patterns(uuid[], timestamptz) is 'Hours, weekdays, inertia and streaks of users in their own time zone. 0A000 without an engine.';
comment on function bondhu.wellness(uuid, date, date) is 'Wellness of the weeks that end with a user''s days: a heuristic, no diagnosis. 0A000 without an engine.';
comment on function bondhu.recompute(uuid) is 'Rebuilds everything derived about a user from the raw messages. 0A000 without an engine.';
comment on function bondhu.refresh(uuid[]) is 'Updates the stored profiles of users to now, as a message would. 0A000 without an engine.';
comment on function bondhu.differences(uuid[]) is 'bondhu.verify() for what the engine itself stores. 0A000 without an engine.';

revoke all on function bondhu.engine_contract(), bondhu.missing_from_engine(text), bondhu.write_entries(text),
  bondhu.refuse_without_engine(), bondhu.engine(), bondhu.score(text), bondhu.explain(text),
  bondhu.personality(uuid[], timestamptz), bondhu.personality_at(uuid, timestamptz), bondhu.patterns(uuid[], timestamptz), bondhu.wellness(uuid, date, date),
  bondhu.recompute(uuid), bondhu.refresh(uuid[]), bondhu.differences(uuid[])
  from public, anon, authenticated, service_role;
grant execute on function bondhu.engine(), bondhu.score(text), bondhu.explain(text) to service_role, bondhu_worker;
grant execute on function bondhu.refuse_without_engine() to service_role, bondhu_worker, authenticated;
grant execute on function bondhu.personality(uuid[], timestamptz) to bondhu_worker;
grant execute on function bondhu.recompute(uuid) to service_role;

-- sql/40_engine/20_triggers.sql

-- The triggers that everything else relies on. A dump of some schemas or sections omits triggers, and
-- a restore may leave them disabled: nothing fails then, and every figure is wrong.

create function bondhu.expected_triggers() returns table (relation text, name text, with_engine boolean)
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  values
    ('auth.users', 'bondhu_create_profile', null::boolean),
    ('bondhu.app_tables', 'app_tables_check', null),
    ('bondhu.companion_settings', 'companion_settings_set_updated_at', null),
    ('bondhu.provider_settings', 'provider_settings_set_updated_at', null),
    ('bondhu.provider_settings', 'provider_settings_renew_documents', null),
    ('bondhu.settings', 'settings_set_updated_at', null),
    ('bondhu.settings', 'settings_set_version', null),
    ('public.assessments', 'assessments_apply_deleted', null),
    ('public.assessments', 'assessments_apply_inserted', null),
    ('public.assessments', 'assessments_apply_updated', null),
    ('public.chat_messages', 'bondhu_fold_deleted', true),
    ('public.chat_messages', 'bondhu_fold_inserted', true),
    ('public.chat_messages', 'bondhu_fold_updated', true),
    ('public.chat_messages', 'bondhu_score_message', true),
    ('public.chat_messages', 'bondhu_clear_score', false),
    ('public.chat_messages', 'bondhu_mark_deleted', false),
    ('public.chat_messages', 'bondhu_mark_inserted', false),
    ('public.chat_messages', 'bondhu_mark_updated', false),
    ('public.chat_messages', 'chat_messages_announce', null),
    ('public.chat_messages', 'chat_messages_delete_derived', null),
    ('public.chat_messages', 'chat_messages_forget_deleted', null),
    ('public.chat_messages', 'chat_messages_forget_updated', null),
    ('public.chat_messages', 'chat_messages_set_updated_at', null),
    ('public.chat_messages', 'chat_messages_stamp_session', null),
    ('public.memories', 'memories_delete_with_replaced', null),
    ('public.memories', 'memories_set_corrected', null),
    ('public.memory_evidence', 'evidence_delete_memories_without_evidence', null),
    ('public.personality_history', 'personality_history_announce', null),
    ('public.personality_history_evidence', 'evidence_delete_history_without_evidence', null),
    ('public.companion_profiles', 'companion_profiles_normalize_time_zone', null),
    ('public.companion_profiles', 'companion_profiles_set_updated_at', null),
    ('public.provider_connections', 'provider_connections_announce', null),
    ('public.provider_connections', 'provider_connections_revoke', null),
    ('public.provider_connections', 'provider_connections_set_updated_at', null)
$$;
comment on function bondhu.expected_triggers() is
  'The triggers that must exist. with_engine: true: while an engine is attached; false: while none is; null: always.';

create function bondhu.lost_triggers() returns table (relation text, name text, state text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  with present as (
    -- Not by to_regclass(): the worker has no USAGE on the schema auth.
    select format('%s.%s', n.nspname, c.relname) as relation, t.tgname::text as name, t.tgenabled
    from pg_catalog.pg_trigger t
    join pg_catalog.pg_class c on c.oid = t.tgrelid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where not t.tgisinternal
  )
  select e.relation, e.name, case when p.name is null then 'missing' else 'disabled' end
  from bondhu.expected_triggers() e
  left join present p on p.relation = e.relation and p.name = e.name
  where (p.name is null or p.tgenabled not in ('O', 'A'))
    and (
      e.with_engine is null
      -- Detaching an engine leaves this one in place of its own.
      or e.with_engine <> exists (
        select from present d where d.relation = 'public.chat_messages' and d.name = 'bondhu_clear_score'
      )
    )
  order by e.relation, e.name
$$;
comment on function bondhu.lost_triggers() is 'Triggers that are missing or disabled: messages and sign-ups go unprocessed.';

create function bondhu.repair_triggers() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  lost record;
begin
  for lost in select l.relation, l.name, l.state from bondhu.lost_triggers() l loop
    if lost.relation = 'auth.users' then
      -- Only the table's owner may enable a trigger; who may create one may replace it.
      create or replace trigger bondhu_create_profile after insert on auth.users
        for each row execute function bondhu.create_profile();
    elsif lost.state = 'disabled' then
      execute format('alter table %I.%I enable trigger %I',
        split_part(lost.relation, '.', 1), split_part(lost.relation, '.', 2), lost.name);
    end if;
  end loop;
end
$$;
comment on function bondhu.repair_triggers() is
  'Enables disabled triggers, and creates the trigger on auth.users again, which a dump of Bondhu''s own schemas does not hold. Others come with the dump''s post-data section.';

revoke all on function bondhu.expected_triggers(), bondhu.lost_triggers(), bondhu.repair_triggers()
  from public, anon, authenticated, service_role;
grant execute on function bondhu.expected_triggers(), bondhu.lost_triggers() to service_role, bondhu_worker;

-- sql/40_engine/30_rescoring.sql

-- Messages that are unscored, or scored by another version of the engine.

-- Progress of the walk over messages of other engine versions.
create table bondhu.rescoring (
  engine_version integer primary key,
  after_user uuid not null default '00000000-0000-0000-0000-000000000000',
  after_message uuid not null default '00000000-0000-0000-0000-000000000000',
  finished_at timestamptz
);
comment on table bondhu.rescoring is 'Where bondhu.rescore() continues, for the engine version that it scores with. Messages up to (after_user, after_message), in the order of the primary key, are done.';
revoke all on bondhu.rescoring from public, anon, authenticated, service_role;
grant select on bondhu.rescoring to service_role;

create function bondhu.rescore_messages(users uuid[], ids uuid[]) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  rescored bigint;
begin
  update public.chat_messages m
     set sentiment_score = s.sentiment_score, mood_detected = s.mood,
         support_level = s.support_level, engine_version = s.engine_version
    from unnest(users, ids) due (user_id, id)
    join public.chat_messages t on t.user_id = due.user_id and t.id = due.id
    -- One row, which the planner would not guess.
    cross join lateral (select * from bondhu.score(t.message_text) limit 1) s
   where m.user_id = due.user_id and m.id = due.id;
  get diagnostics rescored = row_count;
  return rescored;
end
$$;
comment on function bondhu.rescore_messages(uuid[], uuid[]) is 'Scores the given messages, which the caller has locked; returns how many.';

-- Bounded in what it writes per call, so that a live system is not slowed down for long.
create function bondhu.rescore(batch integer default 1000) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  current_version integer := (bondhu.engine() ->> 'version')::integer;
  done bondhu.rescoring;
  page_user uuid;
  page_id uuid;
  users uuid[];
  ids uuid[];
begin
  if current_version is null then
    perform bondhu.refuse_without_engine();
  end if;
  if batch is null or batch < 1 then
    raise exception using errcode = '22023', message = 'batch must be at least 1';
  end if;
  -- As a restore may leave the session: messages would be scored, and counted nowhere.
  if current_setting('session_replication_role') = 'replica' then
    raise exception using
      errcode = '55000',
      message = 'triggers are off in this session',
      hint = 'Run reset session_replication_role; then bondhu.rescore() again.';
  end if;

  -- Unscored messages have an index of their own.
  select array_agg(due.user_id), array_agg(due.id) into users, ids
  from (
    select m.user_id, m.id
    from public.chat_messages m
    where m.sender_type = 'user' and m.engine_version is null
    order by m.user_id, m.created_at
    limit batch
    for update skip locked
  ) due;
  if users is not null then
    return bondhu.rescore_messages(users, ids);
  end if;

  -- Messages of another version are found by a walk along the primary key, one call at a time, which
  -- continues where the last one ended.
  delete from bondhu.rescoring r where r.engine_version <> current_version;
  insert into bondhu.rescoring (engine_version) values (current_version) on conflict do nothing;
  select * into strict done from bondhu.rescoring r where r.engine_version = current_version for update;
  while done.finished_at is null loop
    select page.user_id, page.id into page_user, page_id
    from (
      select m.user_id, m.id
      from public.chat_messages m
      where (m.user_id, m.id) > (done.after_user, done.after_message)
      order by m.user_id, m.id
      limit batch
    ) page
    order by page.user_id desc, page.id desc
    limit 1;
    if not found then
      update bondhu.rescoring r set finished_at = now() where r.engine_version = current_version;
      return 0;
    end if;

    select array_agg(due.user_id), array_agg(due.id) into users, ids
    from (
      select m.user_id, m.id
      from public.chat_messages m
      where (m.user_id, m.id) > (done.after_user, done.after_message) and (m.user_id, m.id) <= (page_user, page_id)
        and m.sender_type = 'user' and m.engine_version <> current_version
      order by m.user_id, m.id
      for update
    ) due;
    update bondhu.rescoring r set after_user = page_user, after_message = page_id
    where r.engine_version = current_version
    returning * into done;
    if users is not null then
      return bondhu.rescore_messages(users, ids);
    end if;
  end loop;
  return 0;
end
$$;
comment on function bondhu.rescore(integer) is
  'Scores up to `batch` messages that the current engine has not scored; returns how many. Call until it returns 0. Each call is complete, and the next continues where it ended.';

revoke all on function bondhu.rescore_messages(uuid[], uuid[]), bondhu.rescore(integer)
  from public, anon, authenticated, service_role;
grant execute on function bondhu.rescore(integer) to service_role;

-- sql/40_engine/40_personality.sql

-- What the engine concludes about a user, and the log of its changes. Written only by the engine, as
-- the owner.

-- Without checks: Postgres parses a check again in each statement, which took four times as long as
-- the write itself. bondhu.verify() finds more than a check could.

create table public.personality_profiles (
  user_id uuid primary key references auth.users (id) on delete cascade,
  as_of timestamptz not null,

  openness numeric(5, 2) not null default 50,
  conscientiousness numeric(5, 2) not null default 50,
  extraversion numeric(5, 2) not null default 50,
  agreeableness numeric(5, 2) not null default 50,
  neuroticism numeric(5, 2) not null default 50,
  trait_confidence numeric(5, 4) not null default 0,
  communication_style text not null default 'balanced',
  emotional_stability text,
  needs_support boolean not null default false,

  message_count bigint not null default 0,
  mean_sentiment numeric(5, 4),
  sentiment_volatility numeric(5, 4),
  dominant_mood text,
  sentiment_trend text,
  data_status text not null default 'insufficient_data',

  -- Sums that the engine updates with each message, so that its cost does not grow.
  window_hours integer not null,
  window_sum bigint not null default 0,
  window_sum_squares bigint not null default 0,
  window_moods bigint[] not null default array_fill(0::bigint, array[13]),
  window_latest timestamptz[] not null default array_fill(null::timestamptz, array[13]),
  window_oldest timestamptz,
  previous_count bigint not null default 0,
  previous_sum bigint not null default 0,
  previous_oldest timestamptz,
  trait_count bigint not null default 0,
  trait_sum bigint not null default 0,
  trait_sum_squares bigint not null default 0,
  trait_moods bigint[] not null default array_fill(0::bigint, array[13]),
  last_crisis_at timestamptz,

  -- Where traits start, in hundredths of a point: the latest completed assessment, or the middle.
  baseline_traits bigint[] not null default array_fill(5000::bigint, array[5]),
  settings_version bigint not null default 0,

  -- Traits (hundredths of a point) and style when history was last written.
  landmark_traits bigint[] not null default array_fill(5000::bigint, array[5]),
  landmark_style text not null default 'balanced'
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02); -- every message updates its user's row in place
comment on table public.personality_profiles is
  'One row per user who ever wrote a scored message, exact as of as_of. RPC personality_context is exact as of the call.';
comment on column public.personality_profiles.trait_confidence is 'min(1, effective messages / settings.trait_full_confidence).';
comment on column public.personality_profiles.needs_support is 'A low mean, or a crisis message within settings.crisis_support_hours. Not a diagnosis.';
comment on column public.personality_profiles.message_count is 'Scored messages in the sentiment window.';
comment on column public.personality_profiles.sentiment_trend is 'Against the window before; null when that had too few messages.';
comment on column public.personality_profiles.window_moods is 'Per mood in alphabetical order, as are window_latest and trait_moods.';
comment on column public.personality_profiles.trait_count is 'Messages of the trait horizon, weighted by age in millionths, as of the UTC day of as_of.';

comment on column public.personality_profiles.settings_version is
  'The settings.version that it was made under; 0 where messages changed while no engine was attached.';

-- To find what was made under former settings. Changes as rarely as they do.
create index personality_profiles_by_settings on public.personality_profiles (settings_version);

alter table public.personality_profiles enable row level security;
revoke all on public.personality_profiles from public, anon, authenticated, service_role;
-- All columns: with fewer, the Data API's select=* would fail.
grant select on public.personality_profiles to authenticated, service_role, bondhu_worker;

create policy "a user reads their own personality" on public.personality_profiles
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker reads personalities" on public.personality_profiles
  for select to bondhu_worker using (true);

create table public.personality_history (
  -- References the profile, whose row the engine has locked when it writes here: a reference to
  -- auth.users could deadlock with the deletion of the user.
  user_id uuid not null references public.personality_profiles (user_id) on delete cascade,
  id uuid not null default gen_random_uuid(),
  changed_at timestamptz not null,
  before jsonb not null,
  after jsonb not null,
  window_start timestamptz not null,
  window_end timestamptz not null,
  message_count bigint not null,

  primary key (user_id, id)
);
comment on table public.personality_history is
  'A log of material changes: a trait by settings.history_min_change points since the last row, or a style.';
comment on column public.personality_history.before is 'Traits (0..100) and communication_style of the previous row.';
comment on column public.personality_history.message_count is 'Scored messages in the sentiment window at the time.';
create index personality_history_by_time on public.personality_history (user_id, changed_at desc);

-- No foreign key to the message: it could deadlock with the deletion of the message. The engine
-- deletes the evidence of a deleted message itself.
create table public.personality_history_evidence (
  user_id uuid not null,
  history_id uuid not null,
  message_id uuid not null,
  weight integer not null,

  primary key (user_id, history_id, message_id),
  constraint evidence_history_fkey foreign key (user_id, history_id)
    references public.personality_history (user_id, id) on delete cascade
);
comment on table public.personality_history_evidence is
  'The messages with most weight in a change. Deleted with the message; a change without evidence is deleted, too.';
comment on column public.personality_history_evidence.weight is 'Distance of the score from neutral, in hundredths, times the weight of its age in millionths, over a million.';
create index personality_history_evidence_by_message on public.personality_history_evidence (user_id, message_id);

alter table public.personality_history enable row level security;
alter table public.personality_history_evidence enable row level security;
revoke all on public.personality_history, public.personality_history_evidence from public, anon, authenticated, service_role;
grant select on public.personality_history, public.personality_history_evidence to authenticated, service_role;

create policy "a user reads their own history" on public.personality_history
  for select to authenticated using (user_id = (select auth.uid()));
create policy "a user reads their own evidence" on public.personality_history_evidence
  for select to authenticated using (user_id = (select auth.uid()));

-- SECURITY DEFINER, as the one below: they run as the deleting role, which may have no rights here.
create function bondhu.delete_history_without_evidence() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from public.personality_history h
  using (select distinct gone.user_id, gone.history_id from old_evidence gone) touched
  where h.user_id = touched.user_id
    and h.id = touched.history_id
    and not exists (
      select from public.personality_history_evidence e
      where e.user_id = h.user_id and e.history_id = h.id
    );
  return null;
end
$$;
comment on function bondhu.delete_history_without_evidence() is 'AFTER DELETE trigger on evidence: deletes changes without evidence.';

create trigger evidence_delete_history_without_evidence after delete on public.personality_history_evidence
  referencing old table as old_evidence
  for each statement execute function bondhu.delete_history_without_evidence();

create function bondhu.delete_derived() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  -- `where true`: safeupdate, where it is loaded, refuses a delete without where.
  delete from public.personality_history where true;
  delete from public.personality_profiles where true;
  delete from public.sentiment_buckets where true;
  delete from public.memories where true;
  return null;
end
$$;
comment on function bondhu.delete_derived() is 'AFTER TRUNCATE trigger on chat_messages: deletes everything derived from messages.';

create trigger chat_messages_delete_derived after truncate on public.chat_messages
  for each statement execute function bondhu.delete_derived();

revoke all on function bondhu.delete_history_without_evidence(), bondhu.delete_derived()
  from public, anon, authenticated, service_role;

-- sql/40_engine/45_assessments.sql

-- Questionnaires that a person answers about themselves. The latest completed one is where their traits
-- start; chat moves them from there.

create table public.assessments (
  user_id uuid not null references auth.users (id) on delete cascade,
  id uuid not null default gen_random_uuid(),
  form text not null,
  answers jsonb not null default '{}',
  started_at timestamptz not null default now(),
  completed_at timestamptz,
  openness numeric(5, 2),
  conscientiousness numeric(5, 2),
  extraversion numeric(5, 2),
  agreeableness numeric(5, 2),
  neuroticism numeric(5, 2),

  primary key (user_id, id),
  constraint form_is_known check (form in ('short', 'long', 'imported')),
  constraint answers_are_an_object check (jsonb_typeof(answers) = 'object' and octet_length(answers::text) <= 10000),
  constraint completed_with_every_trait check (
    num_nulls(completed_at, openness, conscientiousness, extraversion, agreeableness, neuroticism) in (0, 6)
  ),
  constraint completed_after_it_was_started check (isfinite(started_at) and isfinite(completed_at) and completed_at >= started_at),
  constraint traits_are_0_to_100 check (
    least(openness, conscientiousness, extraversion, agreeableness, neuroticism) >= 0
    and greatest(openness, conscientiousness, extraversion, agreeableness, neuroticism) <= 100
  )
);
comment on table public.assessments is 'Questionnaires, and the traits (0..100) that the completed ones give. Kept until the account goes.';
comment on column public.assessments.form is
  'short, long: see assessment_items(). imported: traits that another app had measured, without the answers.';
comment on column public.assessments.answers is 'By the item''s id: 1 to 5.';

create index assessments_by_completion on public.assessments (user_id, completed_at desc, id desc) where completed_at is not null;

alter table public.assessments enable row level security;
revoke all on public.assessments from public, anon, authenticated, service_role;
grant select on public.assessments to authenticated, service_role, bondhu_worker;

create policy "a user reads their own assessments" on public.assessments
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker reads assessments" on public.assessments
  for select to bondhu_worker using (true);

create function bondhu.baseline_traits(of_user uuid, completed_until timestamptz default 'infinity') returns bigint[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select array[a.openness * 100, a.conscientiousness * 100, a.extraversion * 100, a.agreeableness * 100, a.neuroticism * 100]::bigint[]
    from public.assessments a
    where a.user_id = of_user and a.completed_at <= completed_until
    order by a.completed_at desc, a.id desc
    limit 1
  );
end
$$;
comment on function bondhu.baseline_traits(uuid, timestamptz) is
  'Where a user''s traits start by the latest assessment that they had completed until then, in hundredths of a point; null without one.';

-- SECURITY DEFINER: it fires as whoever writes an assessment, who has no rights on profiles.
create function bondhu.apply_assessments() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  people uuid[];
begin
  if tg_op = 'INSERT' then
    people := array(select distinct n.user_id from new_assessments n where n.completed_at is not null order by 1);
  elsif tg_op = 'DELETE' then
    people := array(select distinct o.user_id from old_assessments o where o.completed_at is not null order by 1);
  else
    people := array(
      select a.user_id from (table old_assessments union all table new_assessments) a where a.completed_at is not null
      group by 1 order by 1);
  end if;
  if people = '{}' then
    return null;
  elsif bondhu.engine() is null then
    perform bondhu.mark_profiles(people);
  else
    perform bondhu.refresh(people);
  end if;
  return null;
end
$$;
comment on function bondhu.apply_assessments() is
  'AFTER INSERT, UPDATE or DELETE statement trigger on assessments: profiles follow in the same transaction.';

create trigger assessments_apply_inserted after insert on public.assessments
  referencing new table as new_assessments for each statement execute function bondhu.apply_assessments();
create trigger assessments_apply_updated after update on public.assessments
  referencing old table as old_assessments new table as new_assessments for each statement execute function bondhu.apply_assessments();
create trigger assessments_apply_deleted after delete on public.assessments
  referencing old table as old_assessments for each statement execute function bondhu.apply_assessments();

revoke all on function bondhu.baseline_traits(uuid, timestamptz), bondhu.apply_assessments() from public, anon, authenticated, service_role;
grant execute on function bondhu.baseline_traits(uuid, timestamptz) to bondhu_worker;

-- sql/40_engine/46_assessment_items.sql

-- What the questionnaires ask. Closed to users: who sees which trait an item counts for, and whether reversed, answers
-- accordingly.

create table bondhu.assessment_items (
  id text primary key,
  form text not null,
  place integer not null,
  trait text not null,
  is_reversed boolean not null,

  constraint item_form_is_known check (form in ('short', 'long')),
  constraint place_is_from_1_on check (place >= 1),
  constraint trait_is_known check (trait in ('openness', 'conscientiousness', 'extraversion', 'agreeableness', 'neuroticism')),
  constraint one_item_in_a_place unique (form, place)
);
comment on table bondhu.assessment_items is 'The items of the questionnaires with the trait that each counts for. They come with the migrations.';
comment on column bondhu.assessment_items.is_reversed is 'Whether who agrees has less of the trait.';

create table bondhu.assessment_texts (
  item_id text not null references bondhu.assessment_items (id) on delete cascade,
  locale text not null,
  item_text text not null,
  is_validated boolean not null,

  primary key (item_id, locale),
  constraint locale_is_a_language check (locale ~ '^[a-z]{2,3}$')
);
comment on table bondhu.assessment_texts is 'The wording of items, by language. A form has a language only if each of its items does.';
comment on column bondhu.assessment_texts.is_validated is 'Whether this wording was studied; false of our own translations.';

alter table bondhu.assessment_items enable row level security;
alter table bondhu.assessment_texts enable row level security;
revoke all on bondhu.assessment_items, bondhu.assessment_texts from public, anon, authenticated, service_role;
grant select on bondhu.assessment_items, bondhu.assessment_texts to service_role;

create function bondhu.check_form(form text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from bondhu.assessment_items i where i.form = check_form.form) then
    raise exception using
      errcode = '22023',
      message = format('%L is no form', left(form, 40)),
      hint = 'Send short, of 20 items, or long, of 120.';
  end if;
end
$$;
comment on function bondhu.check_form(text) is '22023 unless there are items of it.';

-- SECURITY DEFINER: whoever answers sees no keys.
create function public.assessment_items(form text default 'short', locale text default 'en')
returns table (id text, place integer, item_text text, item_locale text, is_validated boolean)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  of_form text := assessment_items.form;
  in_locale text := assessment_items.locale;
  language text;
begin
  perform bondhu.require_user();
  perform bondhu.check_form(of_form);
  if in_locale is null or char_length(in_locale) > 35 or in_locale !~ '^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$' then
    raise exception using
      errcode = '22023',
      message = format('%L is no locale', left(in_locale, 40)),
      hint = 'Send a language tag of at most 35 characters such as en, bn-BD or pt_BR.';
  end if;
  language := lower(substring(in_locale from '^[A-Za-z]+'));
  if exists (
    select from bondhu.assessment_items i
    where i.form = of_form
      and not exists (select from bondhu.assessment_texts t where t.item_id = i.id and t.locale = language)
  ) then
    language := 'en';
  end if;
  return query
    select i.id, i.place, t.item_text, t.locale, t.is_validated
    from bondhu.assessment_items i
    join bondhu.assessment_texts t on t.item_id = i.id and t.locale = language
    where i.form = of_form
    order by i.place;
end
$$;
comment on function public.assessment_items(text, text) is
  'What a form (short: 20 items; long: 120) asks, in the order in which it is shown; each is answered from 1, very inaccurate, to 5, very accurate. In the language of locale, or in English where the form has not got it: item_locale says which. is_validated false: our own translation. 22023 for a form that there is not.';

revoke all on function bondhu.check_form(text), public.assessment_items(text, text) from public, anon, authenticated, service_role;
grant execute on function public.assessment_items(text, text) to authenticated;

-- sql/40_engine/47_assessment_items_data.sql

-- The items of core/data/assessment_*.txt, which say where they are from. Written by
-- `bondhu-dev assessment-items`: do not edit.

insert into bondhu.assessment_items (id, form, place, trait, is_reversed) values
  ('short_01', 'short', 1, 'extraversion', false),
  ('short_02', 'short', 2, 'agreeableness', false),
  ('short_03', 'short', 3, 'conscientiousness', false),
  ('short_04', 'short', 4, 'neuroticism', false),
  ('short_05', 'short', 5, 'openness', false),
  ('short_06', 'short', 6, 'extraversion', true),
  ('short_07', 'short', 7, 'agreeableness', true),
  ('short_08', 'short', 8, 'conscientiousness', true),
  ('short_09', 'short', 9, 'neuroticism', true),
  ('short_10', 'short', 10, 'openness', true),
  ('short_11', 'short', 11, 'extraversion', false),
  ('short_12', 'short', 12, 'agreeableness', false),
  ('short_13', 'short', 13, 'conscientiousness', false),
  ('short_14', 'short', 14, 'neuroticism', false),
  ('short_15', 'short', 15, 'openness', true),
  ('short_16', 'short', 16, 'extraversion', true),
  ('short_17', 'short', 17, 'agreeableness', true),
  ('short_18', 'short', 18, 'conscientiousness', true),
  ('short_19', 'short', 19, 'neuroticism', true),
  ('short_20', 'short', 20, 'openness', true),
  ('long_001', 'long', 1, 'neuroticism', false),
  ('long_002', 'long', 2, 'extraversion', false),
  ('long_003', 'long', 3, 'openness', false),
  ('long_004', 'long', 4, 'agreeableness', false),
  ('long_005', 'long', 5, 'conscientiousness', false),
  ('long_006', 'long', 6, 'neuroticism', false),
  ('long_007', 'long', 7, 'extraversion', false),
  ('long_008', 'long', 8, 'openness', false),
  ('long_009', 'long', 9, 'agreeableness', true),
  ('long_010', 'long', 10, 'conscientiousness', false),
  ('long_011', 'long', 11, 'neuroticism', false),
  ('long_012', 'long', 12, 'extraversion', false),
  ('long_013', 'long', 13, 'openness', false),
  ('long_014', 'long', 14, 'agreeableness', false),
  ('long_015', 'long', 15, 'conscientiousness', false),
  ('long_016', 'long', 16, 'neuroticism', false),
  ('long_017', 'long', 17, 'extraversion', false),
  ('long_018', 'long', 18, 'openness', false),
  ('long_019', 'long', 19, 'agreeableness', true),
  ('long_020', 'long', 20, 'conscientiousness', false),
  ('long_021', 'long', 21, 'neuroticism', false),
  ('long_022', 'long', 22, 'extraversion', false),
  ('long_023', 'long', 23, 'openness', false),
  ('long_024', 'long', 24, 'agreeableness', true),
  ('long_025', 'long', 25, 'conscientiousness', false),
  ('long_026', 'long', 26, 'neuroticism', false),
  ('long_027', 'long', 27, 'extraversion', false),
  ('long_028', 'long', 28, 'openness', false),
  ('long_029', 'long', 29, 'agreeableness', false),
  ('long_030', 'long', 30, 'conscientiousness', true),
  ('long_031', 'long', 31, 'neuroticism', false),
  ('long_032', 'long', 32, 'extraversion', false),
  ('long_033', 'long', 33, 'openness', false),
  ('long_034', 'long', 34, 'agreeableness', false),
  ('long_035', 'long', 35, 'conscientiousness', false),
  ('long_036', 'long', 36, 'neuroticism', false),
  ('long_037', 'long', 37, 'extraversion', false),
  ('long_038', 'long', 38, 'openness', false),
  ('long_039', 'long', 39, 'agreeableness', true),
  ('long_040', 'long', 40, 'conscientiousness', true),
  ('long_041', 'long', 41, 'neuroticism', false),
  ('long_042', 'long', 42, 'extraversion', false),
  ('long_043', 'long', 43, 'openness', false),
  ('long_044', 'long', 44, 'agreeableness', false),
  ('long_045', 'long', 45, 'conscientiousness', false),
  ('long_046', 'long', 46, 'neuroticism', false),
  ('long_047', 'long', 47, 'extraversion', false),
  ('long_048', 'long', 48, 'openness', true),
  ('long_049', 'long', 49, 'agreeableness', true),
  ('long_050', 'long', 50, 'conscientiousness', false),
  ('long_051', 'long', 51, 'neuroticism', true),
  ('long_052', 'long', 52, 'extraversion', false),
  ('long_053', 'long', 53, 'openness', true),
  ('long_054', 'long', 54, 'agreeableness', true),
  ('long_055', 'long', 55, 'conscientiousness', false),
  ('long_056', 'long', 56, 'neuroticism', false),
  ('long_057', 'long', 57, 'extraversion', false),
  ('long_058', 'long', 58, 'openness', false),
  ('long_059', 'long', 59, 'agreeableness', false),
  ('long_060', 'long', 60, 'conscientiousness', true),
  ('long_061', 'long', 61, 'neuroticism', false),
  ('long_062', 'long', 62, 'extraversion', true),
  ('long_063', 'long', 63, 'openness', false),
  ('long_064', 'long', 64, 'agreeableness', false),
  ('long_065', 'long', 65, 'conscientiousness', false),
  ('long_066', 'long', 66, 'neuroticism', false),
  ('long_067', 'long', 67, 'extraversion', true),
  ('long_068', 'long', 68, 'openness', true),
  ('long_069', 'long', 69, 'agreeableness', true),
  ('long_070', 'long', 70, 'conscientiousness', true),
  ('long_071', 'long', 71, 'neuroticism', false),
  ('long_072', 'long', 72, 'extraversion', false),
  ('long_073', 'long', 73, 'openness', true),
  ('long_074', 'long', 74, 'agreeableness', true),
  ('long_075', 'long', 75, 'conscientiousness', true),
  ('long_076', 'long', 76, 'neuroticism', false),
  ('long_077', 'long', 77, 'extraversion', false),
  ('long_078', 'long', 78, 'openness', true),
  ('long_079', 'long', 79, 'agreeableness', true),
  ('long_080', 'long', 80, 'conscientiousness', true),
  ('long_081', 'long', 81, 'neuroticism', true),
  ('long_082', 'long', 82, 'extraversion', false),
  ('long_083', 'long', 83, 'openness', true),
  ('long_084', 'long', 84, 'agreeableness', true),
  ('long_085', 'long', 85, 'conscientiousness', true),
  ('long_086', 'long', 86, 'neuroticism', false),
  ('long_087', 'long', 87, 'extraversion', false),
  ('long_088', 'long', 88, 'openness', true),
  ('long_089', 'long', 89, 'agreeableness', true),
  ('long_090', 'long', 90, 'conscientiousness', true),
  ('long_091', 'long', 91, 'neuroticism', false),
  ('long_092', 'long', 92, 'extraversion', true),
  ('long_093', 'long', 93, 'openness', false),
  ('long_094', 'long', 94, 'agreeableness', true),
  ('long_095', 'long', 95, 'conscientiousness', false),
  ('long_096', 'long', 96, 'neuroticism', true),
  ('long_097', 'long', 97, 'extraversion', true),
  ('long_098', 'long', 98, 'openness', true),
  ('long_099', 'long', 99, 'agreeableness', true),
  ('long_100', 'long', 100, 'conscientiousness', true),
  ('long_101', 'long', 101, 'neuroticism', true),
  ('long_102', 'long', 102, 'extraversion', true),
  ('long_103', 'long', 103, 'openness', true),
  ('long_104', 'long', 104, 'agreeableness', true),
  ('long_105', 'long', 105, 'conscientiousness', true),
  ('long_106', 'long', 106, 'neuroticism', true),
  ('long_107', 'long', 107, 'extraversion', true),
  ('long_108', 'long', 108, 'openness', true),
  ('long_109', 'long', 109, 'agreeableness', true),
  ('long_110', 'long', 110, 'conscientiousness', true),
  ('long_111', 'long', 111, 'neuroticism', true),
  ('long_112', 'long', 112, 'extraversion', false),
  ('long_113', 'long', 113, 'openness', true),
  ('long_114', 'long', 114, 'agreeableness', true),
  ('long_115', 'long', 115, 'conscientiousness', true),
  ('long_116', 'long', 116, 'neuroticism', true),
  ('long_117', 'long', 117, 'extraversion', false),
  ('long_118', 'long', 118, 'openness', true),
  ('long_119', 'long', 119, 'agreeableness', true),
  ('long_120', 'long', 120, 'conscientiousness', true);

insert into bondhu.assessment_texts (item_id, locale, item_text, is_validated) values
  ('short_01', 'en', 'Am the life of the party', true),
  ('short_01', 'bn', 'আমি আড্ডা জমিয়ে রাখি', false),
  ('short_02', 'en', 'Sympathize with others'' feelings', true),
  ('short_02', 'bn', 'আমি অন্যের অনুভূতির প্রতি সহানুভূতিশীল', false),
  ('short_03', 'en', 'Get chores done right away', true),
  ('short_03', 'bn', 'আমি ঘরের কাজ সঙ্গে সঙ্গে সেরে ফেলি', false),
  ('short_04', 'en', 'Have frequent mood swings', true),
  ('short_04', 'bn', 'আমার মেজাজ ঘন ঘন বদলায়', false),
  ('short_05', 'en', 'Have a vivid imagination', true),
  ('short_05', 'bn', 'আমার কল্পনাশক্তি প্রাণবন্ত', false),
  ('short_06', 'en', 'Don''t talk a lot', true),
  ('short_06', 'bn', 'আমি বেশি কথা বলি না', false),
  ('short_07', 'en', 'Am not interested in other people''s problems', true),
  ('short_07', 'bn', 'অন্য মানুষের সমস্যা নিয়ে আমার আগ্রহ নেই', false),
  ('short_08', 'en', 'Often forget to put things back in their proper place', true),
  ('short_08', 'bn', 'আমি প্রায়ই জিনিস ঠিক জায়গায় ফিরিয়ে রাখতে ভুলে যাই', false),
  ('short_09', 'en', 'Am relaxed most of the time', true),
  ('short_09', 'bn', 'আমি বেশির ভাগ সময় নিশ্চিন্ত থাকি', false),
  ('short_10', 'en', 'Am not interested in abstract ideas', true),
  ('short_10', 'bn', 'বিমূর্ত ভাবনা নিয়ে আমার আগ্রহ নেই', false),
  ('short_11', 'en', 'Talk to a lot of different people at parties', true),
  ('short_11', 'bn', 'অনুষ্ঠানে আমি নানা রকম অনেক মানুষের সঙ্গে কথা বলি', false),
  ('short_12', 'en', 'Feel others'' emotions', true),
  ('short_12', 'bn', 'আমি অন্যের আবেগ অনুভব করি', false),
  ('short_13', 'en', 'Like order', true),
  ('short_13', 'bn', 'আমি সবকিছু গোছানো থাকা পছন্দ করি', false),
  ('short_14', 'en', 'Get upset easily', true),
  ('short_14', 'bn', 'আমি সহজেই বিচলিত হই', false),
  ('short_15', 'en', 'Have difficulty understanding abstract ideas', true),
  ('short_15', 'bn', 'বিমূর্ত ভাবনা বুঝতে আমার অসুবিধা হয়', false),
  ('short_16', 'en', 'Keep in the background', true),
  ('short_16', 'bn', 'আমি নিজেকে আড়ালে রাখি', false),
  ('short_17', 'en', 'Am not really interested in others', true),
  ('short_17', 'bn', 'অন্যদের ব্যাপারে আমার আসলে আগ্রহ নেই', false),
  ('short_18', 'en', 'Make a mess of things', true),
  ('short_18', 'bn', 'আমি সবকিছু এলোমেলো করে ফেলি', false),
  ('short_19', 'en', 'Seldom feel blue', true),
  ('short_19', 'bn', 'আমার মন কদাচিৎ খারাপ হয়', false),
  ('short_20', 'en', 'Do not have a good imagination', true),
  ('short_20', 'bn', 'আমার কল্পনাশক্তি ভালো নয়', false),
  ('long_001', 'en', 'Worry about things', true),
  ('long_002', 'en', 'Make friends easily', true),
  ('long_003', 'en', 'Have a vivid imagination', true),
  ('long_004', 'en', 'Trust others', true),
  ('long_005', 'en', 'Complete tasks successfully', true),
  ('long_006', 'en', 'Get angry easily', true),
  ('long_007', 'en', 'Love large parties', true),
  ('long_008', 'en', 'Believe in the importance of art', true),
  ('long_009', 'en', 'Use others for my own ends', true),
  ('long_010', 'en', 'Like to tidy up', true),
  ('long_011', 'en', 'Often feel blue', true),
  ('long_012', 'en', 'Take charge', true),
  ('long_013', 'en', 'Experience my emotions intensely', true),
  ('long_014', 'en', 'Love to help others', true),
  ('long_015', 'en', 'Keep my promises', true),
  ('long_016', 'en', 'Find it difficult to approach others', true),
  ('long_017', 'en', 'Am always busy', true),
  ('long_018', 'en', 'Prefer variety to routine', true),
  ('long_019', 'en', 'Love a good fight', true),
  ('long_020', 'en', 'Work hard', true),
  ('long_021', 'en', 'Go on binges', true),
  ('long_022', 'en', 'Love excitement', true),
  ('long_023', 'en', 'Love to read challenging material', true),
  ('long_024', 'en', 'Believe that I am better than others', true),
  ('long_025', 'en', 'Am always prepared', true),
  ('long_026', 'en', 'Panic easily', true),
  ('long_027', 'en', 'Radiate joy', true),
  ('long_028', 'en', 'Tend to vote for liberal political candidates', true),
  ('long_029', 'en', 'Sympathize with the homeless', true),
  ('long_030', 'en', 'Jump into things without thinking', true),
  ('long_031', 'en', 'Fear for the worst', true),
  ('long_032', 'en', 'Feel comfortable around people', true),
  ('long_033', 'en', 'Enjoy wild flights of fantasy', true),
  ('long_034', 'en', 'Believe that others have good intentions', true),
  ('long_035', 'en', 'Excel in what I do', true),
  ('long_036', 'en', 'Get irritated easily', true),
  ('long_037', 'en', 'Talk to a lot of different people at parties', true),
  ('long_038', 'en', 'See beauty in things that others might not notice', true),
  ('long_039', 'en', 'Cheat to get ahead', true),
  ('long_040', 'en', 'Often forget to put things back in their proper place', true),
  ('long_041', 'en', 'Dislike myself', true),
  ('long_042', 'en', 'Try to lead others', true),
  ('long_043', 'en', 'Feel others'' emotions', true),
  ('long_044', 'en', 'Am concerned about others', true),
  ('long_045', 'en', 'Tell the truth', true),
  ('long_046', 'en', 'Am afraid to draw attention to myself', true),
  ('long_047', 'en', 'Am always on the go', true),
  ('long_048', 'en', 'Prefer to stick with things that I know', true),
  ('long_049', 'en', 'Yell at people', true),
  ('long_050', 'en', 'Do more than what''s expected of me', true),
  ('long_051', 'en', 'Rarely overindulge', true),
  ('long_052', 'en', 'Seek adventure', true),
  ('long_053', 'en', 'Avoid philosophical discussions', true),
  ('long_054', 'en', 'Think highly of myself', true),
  ('long_055', 'en', 'Carry out my plans', true),
  ('long_056', 'en', 'Become overwhelmed by events', true),
  ('long_057', 'en', 'Have a lot of fun', true),
  ('long_058', 'en', 'Believe that there is no absolute right and wrong', true),
  ('long_059', 'en', 'Feel sympathy for those who are worse off than myself', true),
  ('long_060', 'en', 'Make rash decisions', true),
  ('long_061', 'en', 'Am afraid of many things', true),
  ('long_062', 'en', 'Avoid contacts with others', true),
  ('long_063', 'en', 'Love to daydream', true),
  ('long_064', 'en', 'Trust what people say', true),
  ('long_065', 'en', 'Handle tasks smoothly', true),
  ('long_066', 'en', 'Lose my temper', true),
  ('long_067', 'en', 'Prefer to be alone', true),
  ('long_068', 'en', 'Do not like poetry', true),
  ('long_069', 'en', 'Take advantage of others', true),
  ('long_070', 'en', 'Leave a mess in my room', true),
  ('long_071', 'en', 'Am often down in the dumps', true),
  ('long_072', 'en', 'Take control of things', true),
  ('long_073', 'en', 'Rarely notice my emotional reactions', true),
  ('long_074', 'en', 'Am indifferent to the feelings of others', true),
  ('long_075', 'en', 'Break rules', true),
  ('long_076', 'en', 'Only feel comfortable with friends', true),
  ('long_077', 'en', 'Do a lot in my spare time', true),
  ('long_078', 'en', 'Dislike changes', true),
  ('long_079', 'en', 'Insult people', true),
  ('long_080', 'en', 'Do just enough work to get by', true),
  ('long_081', 'en', 'Easily resist temptations', true),
  ('long_082', 'en', 'Enjoy being reckless', true),
  ('long_083', 'en', 'Have difficulty understanding abstract ideas', true),
  ('long_084', 'en', 'Have a high opinion of myself', true),
  ('long_085', 'en', 'Waste my time', true),
  ('long_086', 'en', 'Feel that I''m unable to deal with things', true),
  ('long_087', 'en', 'Love life', true),
  ('long_088', 'en', 'Tend to vote for conservative political candidates', true),
  ('long_089', 'en', 'Am not interested in other people''s problems', true),
  ('long_090', 'en', 'Rush into things', true),
  ('long_091', 'en', 'Get stressed out easily', true),
  ('long_092', 'en', 'Keep others at a distance', true),
  ('long_093', 'en', 'Like to get lost in thought', true),
  ('long_094', 'en', 'Distrust people', true),
  ('long_095', 'en', 'Know how to get things done', true),
  ('long_096', 'en', 'Am not easily annoyed', true),
  ('long_097', 'en', 'Avoid crowds', true),
  ('long_098', 'en', 'Do not enjoy going to art museums', true),
  ('long_099', 'en', 'Obstruct others'' plans', true),
  ('long_100', 'en', 'Leave my belongings around', true),
  ('long_101', 'en', 'Feel comfortable with myself', true),
  ('long_102', 'en', 'Wait for others to lead the way', true),
  ('long_103', 'en', 'Don''t understand people who get emotional', true),
  ('long_104', 'en', 'Take no time for others', true),
  ('long_105', 'en', 'Break my promises', true),
  ('long_106', 'en', 'Am not bothered by difficult social situations', true),
  ('long_107', 'en', 'Like to take it easy', true),
  ('long_108', 'en', 'Am attached to conventional ways', true),
  ('long_109', 'en', 'Get back at others', true),
  ('long_110', 'en', 'Put little time and effort into my work', true),
  ('long_111', 'en', 'Am able to control my cravings', true),
  ('long_112', 'en', 'Act wild and crazy', true),
  ('long_113', 'en', 'Am not interested in theoretical discussions', true),
  ('long_114', 'en', 'Boast about my virtues', true),
  ('long_115', 'en', 'Have difficulty starting tasks', true),
  ('long_116', 'en', 'Remain calm under pressure', true),
  ('long_117', 'en', 'Look at the bright side of life', true),
  ('long_118', 'en', 'Believe that we should be tough on crime', true),
  ('long_119', 'en', 'Try not to think about the needy', true),
  ('long_120', 'en', 'Act without thinking', true);

-- sql/40_engine/48_taking_assessments.sql

-- Answering a questionnaire: bit by bit, until every item has an answer.

create unique index assessments_in_progress on public.assessments (user_id, form) where completed_at is null;

create function bondhu.assess(of_form text, answers jsonb)
returns table (items bigint, answered bigint, traits jsonb, longest_run bigint, contradictions jsonb)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  with given as (
    select i.place, i.trait, i.is_reversed, a.answer, case when i.is_reversed then 6 - a.answer else a.answer end as keyed
    from bondhu.assessment_items i
    cross join lateral (select (answers ->> i.id)::integer as answer) a
    where i.form = of_form
  ),
  by_trait as (
    select g.trait, count(*) as items, count(g.answer) as answered, sum(g.keyed) as total,
      sum(g.keyed) filter (where not g.is_reversed) as straight, count(g.keyed) filter (where not g.is_reversed) as straight_answers,
      sum(g.keyed) filter (where g.is_reversed) as reversed, count(g.keyed) filter (where g.is_reversed) as reversed_answers
    from given g
    group by g.trait
  ),
  runs as (
    select count(*) as length
    from (
      select g.answer, g.place - row_number() over (partition by g.answer order by g.place) as run
      from given g
      where g.answer is not null
    ) g
    group by g.answer, g.run
  )
  select sum(t.items)::bigint, sum(t.answered)::bigint,
    case when sum(t.answered) = sum(t.items) then
      jsonb_object_agg(t.trait, round((t.total - t.answered) * 100.0 / nullif(4 * t.answered, 0), 2)) end,
    (select coalesce(max(r.length), 0) from runs r),
    -- Null times anything is null: a trait with answers of one key only contradicts nothing.
    jsonb_object_agg(t.trait, round(abs(t.straight * t.reversed_answers - t.reversed * t.straight_answers) * 100.0
      / nullif(4 * t.straight_answers * t.reversed_answers, 0), 2))
  from by_trait t
$$;
comment on function bondhu.assess(text, jsonb) is
  'What answers to a form come to, as core''s Assessment says: traits (0..100, null before every item is answered), the most items in a row with one answer, and by trait how far apart (0..100) the means of its items and of its reversed items are.';

create function bondhu.checked_answers(of_form text, answers jsonb) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  items integer := (select count(*) from bondhu.assessment_items i where i.form = of_form);
  wrong text;
begin
  if jsonb_typeof(answers) is distinct from 'object' then
    raise exception using
      errcode = '22023',
      message = 'answers must be an object',
      hint = 'Send the answer, 1 to 5, by the item''s id: {"short_01": 4}.';
  end if;
  if items < (select count(*) from (select from jsonb_object_keys(answers) limit items + 1) k) then
    raise exception using
      errcode = '22023',
      message = format('more answers than the %s items of this form', items),
      hint = 'Send one answer for each id that assessment_items() gives.';
  end if;
  select a.key into wrong
  from jsonb_object_keys(answers) a (key)
  where not exists (select from bondhu.assessment_items i where i.id = a.key and i.form = of_form)
  order by a.key limit 1;
  if found then
    raise exception using
      errcode = '22023',
      message = format('%L is no item of this form', left(wrong, 40)),
      hint = 'Send the ids that assessment_items() gives for the same form.';
  end if;
  select a.key into wrong
  from jsonb_each(answers) a
  where case jsonb_typeof(a.value) when 'number' then a.value::numeric not in (1, 2, 3, 4, 5) else true end
  order by a.key limit 1;
  if found then
    raise exception using
      errcode = '22023',
      message = format('the answer to %s is no whole number from 1 to 5', wrong),
      hint = 'Send 1 for very inaccurate, 2, 3 or 4 for what lies between, 5 for very accurate; leave out what has no answer yet.';
  end if;
  return (select coalesce(jsonb_object_agg(a.key, a.value::numeric::integer), '{}') from jsonb_each(answers) a);
end
$$;
comment on function bondhu.checked_answers(text, jsonb) is
  'The answers, each as an integer 1..5; 22023 for what is no item of the form, or no answer.';

-- SECURITY DEFINER: clients write no traits.
create function public.submit_assessment(form text, answers jsonb) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  caller uuid := bondhu.lock_user();
  of_form text := submit_assessment.form;
  given jsonb := submit_assessment.answers;
  kept record;
  result record;
begin
  perform bondhu.check_form(of_form);
  given := bondhu.checked_answers(of_form, given);
  insert into public.assessments as a (user_id, form, answers)
  values (caller, of_form, given)
  on conflict (user_id, form) where completed_at is null do update set answers = a.answers || excluded.answers
  returning a.id, a.started_at, a.completed_at, a.answers into kept;
  select * into result from bondhu.assess(of_form, kept.answers);
  if result.traits is not null then
    update public.assessments a
    set completed_at = greatest(clock_timestamp(), a.started_at),
      openness = (result.traits ->> 'openness')::numeric,
      conscientiousness = (result.traits ->> 'conscientiousness')::numeric,
      extraversion = (result.traits ->> 'extraversion')::numeric,
      agreeableness = (result.traits ->> 'agreeableness')::numeric,
      neuroticism = (result.traits ->> 'neuroticism')::numeric
    where a.user_id = caller and a.id = kept.id
    returning a.completed_at into kept.completed_at;
  end if;
  return jsonb_build_object(
    'id', kept.id, 'answered', result.answered, 'of', result.items, 'completed_at', kept.completed_at, 'traits', result.traits,
    'reliability', jsonb_build_object(
      'answered', result.answered, 'longest_run', result.longest_run, 'contradictions', result.contradictions));
end
$$;
comment on function public.submit_assessment(text, jsonb) is
  'Takes the caller''s answers to a form, {"<item id>": 1..5}, some or all: those of the assessment in progress are kept, later ones replace earlier ones. With the last one it is complete, and its traits are where the caller''s start; answers after that begin another. Returns id, answered, of, completed_at, traits (0..100; null until complete) and reliability: answered; longest_run, the most items in a row with one answer; contradictions, by trait how far apart (0..100) its items and its reversed items are. 22023 for what cannot be an answer.';

revoke all on function bondhu.assess(text, jsonb), bondhu.checked_answers(text, jsonb), public.submit_assessment(text, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function public.submit_assessment(text, jsonb) to authenticated;

-- sql/40_engine/50_sentiment.sql

-- Sentiment per user and 15 minutes of UTC: the longest interval from which the hours and days of
-- every time zone can be computed. Sums are integers, so that they are exact in any order of changes.
-- Written only by the engine, as the owner; without checks, as personality_profiles.

create table public.sentiment_buckets (
  -- References the profile, whose row the engine has locked when it writes here: a reference to
  -- auth.users could deadlock with the deletion of the user.
  user_id uuid not null references public.personality_profiles (user_id) on delete cascade,
  bucket_start timestamptz not null,
  message_count integer not null,
  score_sum bigint not null,
  score_sum_squares bigint not null,
  angry integer not null,
  anxious integer not null,
  calm integer not null,
  curious integer not null,
  disgust integer not null,
  grateful integer not null,
  joy integer not null,
  lonely integer not null,
  love integer not null,
  neutral integer not null,
  sad integer not null,
  surprise integer not null,
  tired integer not null,

  primary key (user_id, bucket_start)
) with (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02); -- the present bucket is updated in place
comment on table public.sentiment_buckets is 'Scored messages per user and 15 minutes (UTC): count, sums of scores in hundredths, mood counts.';
comment on column public.sentiment_buckets.score_sum is 'Sum of sentiment_score × 100.';
comment on column public.sentiment_buckets.score_sum_squares is 'Sum of (sentiment_score × 100)², for exact deviations.';

alter table public.sentiment_buckets enable row level security;
revoke all on public.sentiment_buckets from public, anon, authenticated, service_role;
grant select on public.sentiment_buckets to authenticated, service_role, bondhu_worker;

create policy "a user reads their own sentiment" on public.sentiment_buckets
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker reads sentiment" on public.sentiment_buckets
  for select to bondhu_worker using (true);

-- To find the newest crisis message when one is deleted; there are few.
create index chat_messages_in_crisis on public.chat_messages (user_id, created_at) where support_level = 'crisis';
-- Messages for bondhu.rescore(); empty while an engine is installed.
create index chat_messages_unscored on public.chat_messages (user_id, created_at)
  where sender_type = 'user' and engine_version is null;

-- sql/40_engine/55_freshness.sql

-- What was made under former settings, or before messages changed unseen. It is made anew by the user's next
-- message or by cron, a user at a time: nobody waits for everybody. Until then reads know it.

create function bondhu.is_outdated(of_user uuid) returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (
    select from public.personality_profiles p cross join bondhu.settings s
    where p.user_id = of_user and p.settings_version <> s.version
  );
end
$$;
comment on function bondhu.is_outdated(uuid) is 'Whether what is stored of a user was made under other settings.';

create function bondhu.mark_profiles(users uuid[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  -- In the order in which messages lock them.
  perform from public.personality_profiles p where p.user_id = any (users) order by p.user_id for no key update;
  update public.personality_profiles p set settings_version = 0 where p.user_id = any (users) and p.settings_version <> 0;
end
$$;
comment on function bondhu.mark_profiles(uuid[]) is 'Has the profiles of users counted anew when there is an engine.';

-- SECURITY DEFINER: it fires as whoever writes, who has no rights on profiles.
create function bondhu.mark_changed() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'INSERT' then
    insert into public.personality_profiles (user_id, as_of, window_hours)
    select n.user_id, max(n.created_at), s.window_hours
    from new_messages n cross join bondhu.settings s
    where n.engine_version is not null
    group by n.user_id, s.window_hours
    order by n.user_id
    on conflict (user_id) do update set settings_version = 0;
    update public.chat_messages m set counts = false
    from new_messages n
    join bondhu.people_not_learnt_from p on p.user_id = n.user_id
    where m.user_id = n.user_id and m.id = n.id and m.counts and m.sender_type = 'user';
  elsif tg_op = 'DELETE' then
    perform bondhu.mark_profiles(array(select distinct o.user_id from old_messages o where o.engine_version is not null));
  else
    -- As folding sees it: what leaves how a message is read, its time and its owner alone is no change.
    perform bondhu.mark_profiles(array(
      select distinct c.user_id
      from (
        select r.user_id
        from (
          select -1 as sign, o.user_id, o.id, o.created_at, o.sentiment_score, o.mood_detected, o.support_level,
            o.corrected_sentiment, o.corrected_mood, o.counts
          from old_messages o where o.engine_version is not null
          union all
          select 1, n.user_id, n.id, n.created_at, n.sentiment_score, n.mood_detected, n.support_level,
            n.corrected_sentiment, n.corrected_mood, n.counts
          from new_messages n where n.engine_version is not null
        ) r
        group by r.user_id, r.id, r.created_at, r.sentiment_score, r.mood_detected, r.support_level,
          r.corrected_sentiment, r.corrected_mood, r.counts
        having sum(r.sign) <> 0
      ) c));
  end if;
  return null;
end
$$;
comment on function bondhu.mark_changed() is
  'AFTER INSERT, UPDATE or DELETE statement trigger on chat_messages while no engine is attached: whose scored messages change is counted anew later; new ones of whoever is not learnt from do not count.';

-- The sums of the quarter hours in [since, until), as the messages make them. Not of the table's type: who
-- replaces the table, to partition it, keeps the function.
create function bondhu.buckets(of_user uuid, since timestamptz, until timestamptz) returns table (
  user_id uuid, bucket_start timestamptz, message_count integer, score_sum bigint, score_sum_squares bigint,
  angry integer, anxious integer, calm integer, curious integer, disgust integer, grateful integer, joy integer,
  lonely integer, love integer, neutral integer, sad integer, surprise integer, tired integer
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
  if not exists (
    select from public.personality_profiles p cross join bondhu.settings s
    where p.user_id = of_user and (p.settings_version < s.recount_before or p.settings_version > s.version)
  ) then
    return query
      select b.user_id, b.bucket_start, b.message_count, b.score_sum, b.score_sum_squares,
        b.angry, b.anxious, b.calm, b.curious, b.disgust, b.grateful, b.joy, b.lonely, b.love, b.neutral, b.sad, b.surprise, b.tired
      from public.sentiment_buckets b
      where b.user_id = of_user and b.bucket_start >= since and b.bucket_start < until;
  else
    return query
      select of_user, date_bin('15 minutes', c.created_at, '1900-01-01 00:00+00') as bucket, count(*)::integer, sum(c.score)::bigint,
        sum(c.score * c.score)::bigint,
        (count(*) filter (where c.mood = 'angry'))::integer, (count(*) filter (where c.mood = 'anxious'))::integer,
        (count(*) filter (where c.mood = 'calm'))::integer, (count(*) filter (where c.mood = 'curious'))::integer,
        (count(*) filter (where c.mood = 'disgust'))::integer, (count(*) filter (where c.mood = 'grateful'))::integer,
        (count(*) filter (where c.mood = 'joy'))::integer, (count(*) filter (where c.mood = 'lonely'))::integer,
        (count(*) filter (where c.mood = 'love'))::integer, (count(*) filter (where c.mood = 'neutral'))::integer,
        (count(*) filter (where c.mood = 'sad'))::integer, (count(*) filter (where c.mood = 'surprise'))::integer,
        (count(*) filter (where c.mood = 'tired'))::integer
      from (
        select m.created_at, (coalesce(m.corrected_sentiment, m.sentiment_score) * 100)::bigint as score,
          coalesce(m.corrected_mood, m.mood_detected) as mood
        from public.chat_messages m
        where m.user_id = of_user and m.engine_version is not null and m.counts
          and m.created_at >= since and m.created_at < until + interval '15 minutes'
        offset 0
      ) c
      group by bucket
      having date_bin('15 minutes', min(c.created_at), '1900-01-01 00:00+00') < until;
  end if;
end
$$;
comment on function bondhu.buckets(uuid, timestamptz, timestamptz) is
  'A user''s sentiment_buckets that begin in [since, until), both on quarter hours; counted from the messages where those stored are outdated.';

create function bondhu.sums_of_days(of_user uuid, first_day date, last_day date)
returns table (day date, message_count bigint, score_sum bigint, score_sum_squares bigint)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  zone constant text := (select u.time_zone from bondhu.people u where u.user_id = of_user);
begin
  -- The usual way, for a page that is waited for: day by day straight from the table, whose rows are wide and many; none is
  -- asked for its day, nor sorted by it, but where a clock moves near a midnight.
  if last_day - first_day < 31 and not bondhu.is_outdated(of_user) then
    return query
      select d.day, s.messages, s.scores::bigint, s.squares::bigint
      from (
        select m.day, m.begins, m.ends,
          (m.begins - interval '2 hours') at time zone zone = m.day - interval '2 hours'
            and (m.begins + interval '2 hours') at time zone zone = m.day + interval '2 hours'
            and (m.ends - interval '2 hours') at time zone zone = m.day + interval '22 hours'
            and (m.ends + interval '2 hours') at time zone zone = m.day + interval '26 hours' as is_plain
        from (
          select first_day + n.days as day, (first_day + n.days)::timestamp at time zone zone as begins,
            (first_day + n.days + 1)::timestamp at time zone zone as ends
          from generate_series(0, last_day - first_day) n (days)
          offset 0
        ) m
        offset 0
      ) d
      cross join lateral (
        select sum(b.message_count) as messages, sum(b.score_sum) as scores, sum(b.score_sum_squares) as squares
        from public.sentiment_buckets b
        where b.user_id = of_user
          and b.bucket_start >= case when d.is_plain then d.begins else d.begins - interval '2 hours' end
          and b.bucket_start < case when d.is_plain then d.ends else d.ends + interval '2 hours' end
          and (d.is_plain or (b.bucket_start at time zone zone)::date = d.day)
      ) s
      where s.messages is not null
      order by d.day;
  else
    return query
      select s.local_day, sum(s.message_count), sum(s.score_sum)::bigint, sum(s.score_sum_squares)::bigint
      from (
        select (b.bucket_start at time zone zone)::date as local_day, b.message_count, b.score_sum, b.score_sum_squares
        -- Where clocks go back at one in the morning midnight comes twice, and Postgres knows the second:
        -- the day decides, this only has to be wide enough.
        from bondhu.buckets(of_user, first_day::timestamp at time zone zone - interval '2 hours',
          (last_day + 1)::timestamp at time zone zone + interval '2 hours') b
        offset 0
      ) s
      where s.local_day between first_day and last_day
      group by s.local_day
      order by s.local_day;
  end if;
end
$$;
comment on function bondhu.sums_of_days(uuid, date, date) is
  'Messages that count and their scores by a user''s own day, in order; days without any are left out. Counted from the messages where stored buckets are outdated.';

create function bondhu.due_profiles(most integer) returns uuid[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  current_version constant bigint := (select s.version from bondhu.settings s);
begin
  return array(
    (select p.user_id from public.personality_profiles p
     where p.settings_version < current_version order by p.settings_version limit most)
    union all
    (select p.user_id from public.personality_profiles p
     where p.settings_version > current_version order by p.settings_version limit most)
    limit most
  );
end
$$;
comment on function bondhu.due_profiles(integer) is
  'Users whose stored profile is to be made anew, since it was made under other settings. Not one that time alone has changed: it is exact as of its as_of, and RPCs and documents are as of now.';

create function bondhu.refresh_profiles(batch integer default 1000) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  due uuid[];
begin
  if bondhu.engine() is null then
    return 0;
  end if;
  due := array(
    select p.user_id
    from public.personality_profiles p
    where p.user_id = any (bondhu.due_profiles(batch))
    order by p.user_id
    for no key update skip locked
  );
  perform bondhu.refresh(due);
  return cardinality(due);
end
$$;
comment on function bondhu.refresh_profiles(integer) is
  'Makes up to `batch` of bondhu.due_profiles() anew in one transaction; returns how many. RPCs are exact without it.';

-- A procedure, to commit after each user: who writes a message waits for one refresh at most. Those pin
-- search_path themselves.
create procedure bondhu.keep_profiles_fresh(seconds integer default 50)
language plpgsql
as $$
declare
  until constant timestamptz := pg_catalog.clock_timestamp() operator(pg_catalog.+) pg_catalog.make_interval(secs => seconds);
  due uuid[];
  person uuid;
begin
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  if bondhu.engine() is null then
    return;
  end if;
  loop
    due := bondhu.due_profiles(500);
    foreach person in array due loop
      begin
        perform bondhu.refresh(array[person]);
      exception when others then
        -- Not to keep the others waiting.
        raise warning 'user %: %', person, sqlerrm;
      end;
      commit;
      perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true), pg_catalog.set_config('synchronous_commit', 'off', true);
      exit when clock_timestamp() > until;
    end loop;
    exit when clock_timestamp() > until or cardinality(due) < 500;
  end loop;
end
$$;
comment on procedure bondhu.keep_profiles_fresh(integer) is
  'Makes bondhu.due_profiles() anew, one user a transaction, for some seconds at most. Run by cron.';

revoke all on function bondhu.is_outdated(uuid), bondhu.mark_profiles(uuid[]), bondhu.mark_changed(),
  bondhu.buckets(uuid, timestamptz, timestamptz), bondhu.sums_of_days(uuid, date, date), bondhu.due_profiles(integer),
  bondhu.refresh_profiles(integer)
  from public, anon, authenticated, service_role;
revoke all on procedure bondhu.keep_profiles_fresh(integer) from public, anon, authenticated, service_role;

-- sql/40_engine/60_engine.sql

-- Attaches the engine that the server has, and what the rest of the system calls.

create function bondhu.grant_engine(engine_schema text, owner name) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if has_schema_privilege(owner, engine_schema, 'usage with grant option') and not exists (
    select from pg_catalog.pg_proc p
    where p.pronamespace = engine_schema::regnamespace and not has_function_privilege(owner, p.oid, 'execute with grant option')
  ) then
    return;
  end if;
  execute format('grant usage on schema %I to %I with grant option', engine_schema, owner);
  execute format('grant execute on all functions in schema %I to %I with grant option', engine_schema, owner);
exception when insufficient_privilege then
  raise exception using
    errcode = '42501',
    message = format('%s may not use the engine in schema %s', owner, engine_schema),
    detail = 'Another role has created the extension, as in a restore by a superuser.',
    hint = 'Let a superuser run select bondhu.install_engine();';
end
$$;
comment on function bondhu.grant_engine(text, name) is 'Grants the owner of the messages the use of an engine that another role has created.';

-- Whoever may create in a database may have made a schema of that name first, and what is in it runs as the owner.
create function bondhu.refuse_foreign_engine(engine_schema text, owner name) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  stranger name;
begin
  select r.rolname into stranger
  from (
    select n.nspowner from pg_catalog.pg_namespace n where n.nspname = engine_schema
    union
    select p.proowner from pg_catalog.pg_proc p where p.pronamespace = to_regnamespace(quote_ident(engine_schema))
  ) o (id)
  join pg_catalog.pg_roles r on r.oid = o.id
  where r.rolname <> owner and not r.rolsuper
  order by r.rolname
  limit 1;
  if found then
    raise exception using
      errcode = '42501',
      message = format('schema %s is in the hands of %s', engine_schema, stranger),
      detail = format('What is in it would run as %s.', owner),
      hint = format('Drop it. If you know it to be Bondhu''s engine, let a superuser give it, and each function in it that is theirs, to %I.', owner);
  end if;
end
$$;
comment on function bondhu.refuse_foreign_engine(text, name) is
  'Raises 42501 where a schema, or a function in it, is neither the given owner''s nor a superuser''s.';

create function bondhu.is_attached() returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select 3 = (
    select count(*) from pg_catalog.pg_trigger t
    where t.tgrelid = 'public.chat_messages'::regclass and t.tgenabled in ('O', 'A')
      and t.tgname in ('bondhu_fold_inserted', 'bondhu_fold_updated', 'bondhu_fold_deleted')
  )
$$;
comment on function bondhu.is_attached() is 'Whether an engine sees every change of messages.';

-- Never long in the queue: whoever comes later waits behind it.
create function bondhu.lock_messages(replaces_triggers boolean) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set lock_timeout = '1s'
as $$
begin
  for attempt in 1 .. 20 loop
    begin
      if replaces_triggers then
        lock table public.chat_messages in share row exclusive mode;
      else
        lock table public.chat_messages in access exclusive mode;
      end if;
      return;
    exception when lock_not_available then
      perform pg_sleep(0.5);
    end;
  end loop;
  raise exception using
    errcode = '55P03',
    message = 'public.chat_messages was in use for half a minute',
    hint = 'End the long transactions on it (pg_stat_activity), or wait for them, then try again.';
end
$$;
comment on function bondhu.lock_messages(boolean) is
  'Keeps writers out while triggers are replaced, everybody while triggers are made or dropped; 55P03 where a transaction holds it up too long.';

create function bondhu.is_marking() returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select 3 = (
    select count(*) from pg_catalog.pg_trigger t
    where t.tgrelid = 'public.chat_messages'::regclass and t.tgenabled in ('O', 'A')
      and t.tgname in ('bondhu_mark_inserted', 'bondhu_mark_updated', 'bondhu_mark_deleted')
  )
$$;
comment on function bondhu.is_marking() is 'Whether, with no engine, it is noted whose messages change.';

create function bondhu.note_engine(saw_changes boolean) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  attached constant integer := (bondhu.engine() ->> 'version')::integer;
begin
  if not saw_changes then
    insert into public.personality_profiles (user_id, as_of, window_hours)
    select u.id, now(), s.window_hours
    from auth.users u cross join bondhu.settings s
    where not exists (select from public.personality_profiles p where p.user_id = u.id)
      and exists (select from public.chat_messages m where m.user_id = u.id and m.engine_version is not null)
    order by u.id
    on conflict (user_id) do nothing;
  end if;
  update bondhu.settings s
  set engine_version = coalesce(attached, s.engine_version), recount_before = s.version + 1
  where s.engine_version <> attached or not saw_changes;
  update bondhu.settings s set engine_version = attached where s.engine_version is null and attached is not null;
end
$$;
comment on function bondhu.note_engine(boolean) is
  'Has everybody counted anew, in their turn, where an engine of another version is attached, or messages may have changed and nothing saw it.';

create function bondhu.install_engine(wanted text default null) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $install$
declare
  owner constant name := (select pg_catalog.pg_get_userbyid(c.relowner) from pg_catalog.pg_class c where c.oid = 'public.chat_messages'::regclass);
  has_native constant boolean := exists (select from pg_catalog.pg_available_extensions where name = 'bondhu');
  engine constant text := case
    when has_native and wanted is distinct from 'portable' then 'bondhu_native'
    when to_regnamespace('bondhu_portable') is not null and wanted is distinct from 'native' then 'bondhu_portable'
  end;
  missing text[];
  was_detached boolean;
  saw_changes boolean;
begin
  if wanted not in ('native', 'portable') then
    raise exception using
      errcode = '22023',
      message = format('there is no engine %L', wanted),
      hint = 'Engines are native and portable; without a name the best that the server has is taken.';
  elsif engine is null and wanted is not null then
    raise exception using
      errcode = '0A000',
      message = format('the engine %s is not on this server', wanted),
      hint = case wanted
        when 'native' then 'Install the extension "bondhu" on the server (docs/operating.md); hosted Supabase loads none.'
        else 'Apply the migration portable_engine.'
      end;
  end if;
  if to_regnamespace(engine) is not null then
    perform bondhu.refuse_foreign_engine(engine, owner);
    perform bondhu.grant_engine(engine, owner);
  end if;
  if current_user <> owner then
    -- Until the end of this function: what a superuser repairs must not be owned by the superuser.
    perform set_config('role', owner, true);
  end if;
  if engine = 'bondhu_native' then
    create extension if not exists bondhu;
  end if;
  missing := bondhu.missing_from_engine(engine);
  if cardinality(missing) > 0 then
    raise exception using
      errcode = '0A000',
      message = format('engine %s lacks %s', engine, array_to_string(missing, ', ')),
      hint = case engine
        when 'bondhu_native' then 'Update the engine to the version these migrations were written for: alter extension bondhu update;'
        else 'Apply the newest migrations.'
      end;
  end if;

  perform bondhu.lock_messages(replaces_triggers => engine is not null and bondhu.is_attached());
  was_detached := not bondhu.is_attached();
  saw_changes := not was_detached or bondhu.is_marking();
  perform bondhu.repair_triggers();
  perform bondhu.create_missing_profiles();
  if engine is null then
    perform bondhu.detach_engine();
    raise notice using
      message = 'no engine on this server: chat is stored unscored',
      hint = 'Apply the migration portable_engine, or install the extension "bondhu" on the server, then run select bondhu.install_engine(); and bondhu.rescore().';
    return null;
  end if;

  execute format($ddl$
    create or replace trigger bondhu_score_message before insert or update of message_text, sender_type on public.chat_messages
      for each row execute function %1$I.score_message();
    create or replace trigger bondhu_fold_inserted after insert on public.chat_messages
      referencing new table as new_messages for each statement execute function %1$I.fold_messages();
    create or replace trigger bondhu_fold_updated after update on public.chat_messages
      referencing old table as old_messages new table as new_messages
      for each statement execute function %1$I.fold_messages();
    create or replace trigger bondhu_fold_deleted after delete on public.chat_messages
      referencing old table as old_messages for each statement execute function %1$I.fold_messages();
  $ddl$, engine);
  if was_detached then
    drop trigger if exists bondhu_clear_score on public.chat_messages;
    drop trigger if exists bondhu_mark_inserted on public.chat_messages;
    drop trigger if exists bondhu_mark_updated on public.chat_messages;
    drop trigger if exists bondhu_mark_deleted on public.chat_messages;
  end if;
  perform bondhu.write_entries(engine);
  delete from bondhu.rescoring where true;
  perform bondhu.note_engine(saw_changes);
  return engine;
end
$install$;
comment on function bondhu.install_engine(text) is
  'Attaches the engine named (native or portable) or else the best that this server has: triggers and entry functions; restores missing triggers and profiles. From one engine to another nothing is lost, and nobody is counted anew; whose messages changed while there was none is, by their next message or by cron. Run by the owner or a superuser, again after an extension appears or a restore. Returns the engine''s schema, null when there is none.';

create function bondhu.clear_score() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if (new.message_text, new.sender_type) is distinct from (old.message_text, old.sender_type) then
    new.sentiment_score := null;
    new.mood_detected := null;
    new.support_level := null;
    new.engine_version := null;
    new.corrected_sentiment := null;
    new.corrected_mood := null;
  end if;
  return new;
end
$$;
comment on function bondhu.clear_score() is 'BEFORE UPDATE trigger while no engine is attached: clears the score of a changed text.';

create function bondhu.detach_engine() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform bondhu.lock_messages(replaces_triggers => false);
  perform bondhu.note_engine(saw_changes => bondhu.is_attached() or bondhu.is_marking());
  drop trigger if exists bondhu_score_message on public.chat_messages;
  drop trigger if exists bondhu_fold_inserted on public.chat_messages;
  drop trigger if exists bondhu_fold_updated on public.chat_messages;
  drop trigger if exists bondhu_fold_deleted on public.chat_messages;
  create or replace trigger bondhu_clear_score before update of message_text, sender_type on public.chat_messages
    for each row execute function bondhu.clear_score();
  create or replace trigger bondhu_mark_inserted after insert on public.chat_messages
    referencing new table as new_messages for each statement execute function bondhu.mark_changed();
  create or replace trigger bondhu_mark_updated after update on public.chat_messages
    referencing old table as old_messages new table as new_messages
    for each statement execute function bondhu.mark_changed();
  create or replace trigger bondhu_mark_deleted after delete on public.chat_messages
    referencing old table as old_messages for each statement execute function bondhu.mark_changed();

  perform bondhu.write_entries(null);
end
$$;
comment on function bondhu.detach_engine() is
  'Detaches the engine: messages are stored unscored, and entry functions raise 0A000. Run before drop extension bondhu.';

-- Asks the catalog and not the engine, whose functions are closed to clients.
create function bondhu.require_engine() returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (
    select from pg_catalog.pg_trigger t
    where t.tgrelid = 'public.chat_messages'::regclass and t.tgname = 'bondhu_fold_inserted'
  ) then
    perform bondhu.refuse_without_engine();
  end if;
end
$$;
comment on function bondhu.require_engine() is
  'Raises 0A000 without an engine. First in every RPC that reads conclusions: an empty answer would be mistaken for a user without data.';

revoke all on function bondhu.grant_engine(text, name), bondhu.refuse_foreign_engine(text, name), bondhu.is_attached(),
  bondhu.is_marking(), bondhu.note_engine(boolean), bondhu.lock_messages(boolean), bondhu.install_engine(text), bondhu.clear_score(), bondhu.detach_engine(),
  bondhu.require_engine()
  from public, anon, authenticated, service_role;
grant execute on function bondhu.require_engine() to authenticated;

select bondhu.install_engine();

-- sql/40_engine/70_verifying.sql

-- What an administrator asks of an engine: is all that is stored what the messages make it?

create function bondhu.verify_all(users uuid[])
returns table (user_id uuid, relation text, figure text, stored text, recounted text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  -- Of who has it all erased no conclusion is kept while messages are left.
  users := array(
    select u.id from unnest(users) u (id)
    where not exists (select from public.erasures e where e.user_id = u.id and e.finished_at is null)
  );
  return query
    select d.* from bondhu.differences(users) d
    union all
    select u.id, 'companion_profiles', 'row', null, 'exists'
    from auth.users u
    where u.id = any (users) and not exists (select from public.companion_profiles p where p.user_id = u.id);
end
$$;
comment on function bondhu.verify_all(uuid[]) is 'bondhu.verify() for the given users.';

create function bondhu.verify(user_id uuid default null)
returns table (user_id uuid, relation text, figure text, stored text, recounted text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select v.*
  from bondhu.verify_all(case when $1 is not null then array[$1] else (
    select coalesce(array_agg(u.id order by u.id), '{}') from auth.users u
  ) end) v
  union all
  -- Of no user: without these triggers the next message or sign-up is not processed.
  select null, l.relation, 'trigger ' || l.name, l.state, 'enabled'
  from bondhu.lost_triggers() l
$$;
comment on function bondhu.verify(uuid) is
  'Compares what is stored about one user, or all users, with the raw messages: a row for each figure that differs, for a missing profile, and (without a user_id) for each missing trigger; no rows when all is exact. What is to be made anew (bondhu.due_profiles()) is left out. 0A000 without an engine.';

revoke all on function bondhu.verify_all(uuid[]), bondhu.verify(uuid)
  from public, anon, authenticated, service_role;
grant execute on function bondhu.verify(uuid) to service_role;

-- sql/50_conclusions/10_safety.sql

-- Crises that the support detector found, for the operator's staff. Private: of the API roles only the
-- service role reads it. docs/safety.md says what is detected, what is not, and what an app has to
-- show. Not a diagnosis.

create table bondhu.safety_events (
  -- References the profile, whose row the engine has locked when it writes here.
  user_id uuid not null references public.personality_profiles (user_id) on delete cascade,
  message_id uuid not null,
  written_at timestamptz not null,
  noticed_at timestamptz not null default now(),
  engine_version integer not null,
  handled_at timestamptz,

  primary key (user_id, message_id)
);
comment on table bondhu.safety_events is
  'One row per message in which the support detector found a crisis. Deleted with the message, or when an edit removes the crisis. Kept for settings.safety_event_retention_days.';
comment on column bondhu.safety_events.written_at is 'The message''s created_at.';
comment on column bondhu.safety_events.engine_version is 'Version of the engine that found it.';
comment on column bondhu.safety_events.handled_at is 'Set by the operator when somebody has dealt with it.';

create index safety_events_unhandled on bondhu.safety_events (written_at) where handled_at is null;

alter table bondhu.safety_events enable row level security;
revoke all on bondhu.safety_events from public, anon, authenticated, service_role;
grant select, update (handled_at) on bondhu.safety_events to service_role;

-- sql/50_conclusions/30_personality_documents.sql

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

-- sql/50_conclusions/40_charts.sql

-- Reads for charts, in the user's own time zone and under row-level security.

create function bondhu.check_range(since timestamptz, until timestamptz) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if since is null or until is null or since >= until then
    raise exception using
      errcode = '22023',
      message = 'since must come before until',
      hint = 'Send both, as finite times, the earlier one as since.';
  end if;
  -- Outside, arithmetic with times can overflow, and there are no messages.
  if since < '1900-01-01 00:00+00' or until > '2200-01-01 00:00+00' then
    raise exception using
      errcode = '22023',
      message = 'since and until must lie between the years 1900 and 2200',
      hint = 'Send both, as finite times, the earlier one as since.';
  end if;
end
$$;
comment on function bondhu.check_range(timestamptz, timestamptz) is '22023 unless since < until, both between 1900 and 2200.';
revoke all on function bondhu.check_range(timestamptz, timestamptz) from public, anon, authenticated, service_role;
grant execute on function bondhu.check_range(timestamptz, timestamptz) to authenticated;

create function bondhu.my_time_zone() returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce((select p.time_zone from public.companion_profiles p where p.user_id = (select bondhu.require_user())), 'UTC');
end
$$;
comment on function bondhu.my_time_zone() is 'The caller''s IANA time zone.';
revoke all on function bondhu.my_time_zone() from public, anon, authenticated, service_role;
grant execute on function bondhu.my_time_zone() to authenticated;

-- SECURITY DEFINER, as those below that ask the engine or may count anew: clients may do neither. They read
-- only the caller's own rows.
create function public.mood_trend(
  since timestamptz default now() - interval '30 days',
  until timestamptz default now(),
  bucket text default 'day'
) returns table (bucket_start timestamptz, message_count bigint, mean_sentiment numeric, sentiment_volatility numeric)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  zone text := bondhu.my_time_zone();
  most constant integer := 1000;
begin
  perform bondhu.require_engine();
  perform bondhu.check_range(since, until);
  if bucket is null or bucket not in ('hour', 'day', 'week', 'month') then
    raise exception using
      errcode = '22023',
      message = 'bucket must be hour, day, week or month',
      hint = 'Send one of them, or leave bucket out for days.';
  end if;
  if until - since > most * ('1 ' || bucket)::interval then
    raise exception using
      errcode = '22023',
      message = format('more than %s points: since and until are too far apart for bucket %s', most, bucket),
      hint = 'Ask for a shorter time, or for wider buckets.';
  end if;
  return query
    select t.start, t.n, round(t.sum / (100 * t.n), 4),
      case when t.n > 1 then round(sqrt((t.n * t.squares - t.sum ^ 2) / (t.n * (t.n - 1))) / 100, 4) end
    from (
      select date_trunc(bucket, b.bucket_start, zone) as start, sum(b.message_count) as n,
        sum(b.score_sum) as sum, sum(b.score_sum_squares) as squares
      from bondhu.buckets(bondhu.require_user(), date_bin('15 minutes', since, 'epoch'), until) b
      group by 1
    ) t
    order by 1;
end
$$;
comment on function public.mood_trend(timestamptz, timestamptz, text) is
  'The caller''s sentiment by hour, day, week (from Monday) or month of their own time zone: mean 0..1 and sample standard deviation. Only buckets with messages. Edges are widened to quarter hours. 0A000 without an engine.';

create function public.mood_mix(
  since timestamptz default now() - interval '30 days',
  until timestamptz default now()
) returns table (mood text, message_count bigint, share numeric)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform bondhu.require_engine();
  perform bondhu.check_range(since, until);
  return query
    with counted as (
      select m.mood, sum(m.n)::bigint as n
      from bondhu.buckets(bondhu.require_user(), date_bin('15 minutes', since, 'epoch'), until) b
      cross join lateral (values
        ('angry', b.angry), ('anxious', b.anxious), ('calm', b.calm), ('curious', b.curious), ('disgust', b.disgust),
        ('grateful', b.grateful), ('joy', b.joy), ('lonely', b.lonely), ('love', b.love), ('neutral', b.neutral),
        ('sad', b.sad), ('surprise', b.surprise), ('tired', b.tired)
      ) m (mood, n)
      group by 1
    )
    select c.mood, c.n, round(c.n / sum(c.n) over (), 4)
    from counted c
    where c.n > 0
    order by c.n desc, c.mood;
end
$$;
comment on function public.mood_mix(timestamptz, timestamptz) is
  'How often the caller was in each mood, most frequent first, and its share 0..1. Edges are widened to quarter hours. 0A000 without an engine.';

create function public.personality_evolution(
  trait text,
  since timestamptz default now() - interval '180 days',
  until timestamptz default now()
) returns table (changed_at timestamptz, before numeric, after numeric, message_count bigint, message_ids uuid[])
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  perform bondhu.require_engine();
  perform bondhu.check_range(since, until);
  if trait is null or trait not in ('openness', 'conscientiousness', 'extraversion', 'agreeableness', 'neuroticism') then
    raise exception using
      errcode = '22023',
      message = format('%L is no trait', left(trait, 40)),
      hint = 'Send openness, conscientiousness, extraversion, agreeableness or neuroticism.';
  end if;
  return query
    select h.changed_at, (h.before ->> trait)::numeric, (h.after ->> trait)::numeric, h.message_count, (
      select array_agg(e.message_id order by e.weight desc, e.message_id)
      from public.personality_history_evidence e
      where e.user_id = h.user_id and e.history_id = h.id
    )
    from public.personality_history h
    where h.user_id = (select bondhu.require_user()) and h.changed_at >= since and h.changed_at < until
      and h.before -> trait <> h.after -> trait
    order by h.changed_at, h.id;
end
$$;
comment on function public.personality_evolution(text, timestamptz, timestamptz) is
  'How one of the caller''s traits (0..100) changed, oldest first, with the messages of most weight. 0A000 without an engine.';

create function public.mood_patterns() returns table (
  time_zone text, hour_counts bigint[], hour_means numeric[], weekday_counts bigint[], weekday_means numeric[],
  inertia numeric, current_streak bigint, longest_streak bigint
)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
    select p.time_zone, p.hour_counts, p.hour_means, p.weekday_counts, p.weekday_means, p.inertia,
      p.current_streak, p.longest_streak
    from bondhu.patterns(array[bondhu.require_user()], now()) p;
end
$$;
comment on function public.mood_patterns() is
  'The caller''s last 180 days by hour (from midnight) and weekday (from Monday) of their own time zone, how much a day''s mood carries over to the next (-1..1, null from too few days), and runs of days with messages. 0A000 without an engine.';

create function public.explain_message(message_id uuid) returns table (figure text, part text, weight numeric)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  caller uuid := bondhu.require_user();
  said record;
begin
  select m.message_text, m.corrected_sentiment, m.corrected_mood into said
  from public.chat_messages m
  where m.user_id = caller and m.id = message_id and m.sender_type = 'user';
  if not found then
    raise exception using
      errcode = 'P0002',
      message = 'there is no such message of yours',
      hint = 'Send the id of a message that you wrote.';
  end if;
  return query
    select c.figure, c.part, null::numeric
    from (values
      (1, 'corrected_sentiment', said.corrected_sentiment::text), (2, 'corrected_mood', said.corrected_mood)
    ) c (place, figure, part)
    where c.part is not null
    order by c.place;
  return query select e.* from bondhu.explain(said.message_text) e;
end
$$;
comment on function public.explain_message(uuid) is
  'Why a message of the caller has its sentiment and mood: words and pairs of words with their weight (log odds) for a good sentiment or for the mood, strongest first. Where the caller corrected it, their own corrected_sentiment and corrected_mood come first, as part and without a weight. 0A000 without an engine.';

revoke all on function public.mood_trend(timestamptz, timestamptz, text), public.mood_mix(timestamptz, timestamptz),
  public.personality_evolution(text, timestamptz, timestamptz), public.mood_patterns(),
  public.explain_message(uuid)
  from public, anon, authenticated, service_role;
grant execute on function public.mood_trend(timestamptz, timestamptz, text), public.mood_mix(timestamptz, timestamptz),
  public.personality_evolution(text, timestamptz, timestamptz), public.mood_patterns(),
  public.explain_message(uuid)
  to authenticated;

-- sql/50_conclusions/50_corrections.sql

-- "That is wrong": a person's own reading of what they wrote comes before the engine's.

-- SECURITY DEFINER: clients write no reading into messages. The engine folds it in, as any change of a message.
create function public.correct_message(message_id uuid, mood text default null, sentiment numeric default null) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  caller uuid := bondhu.lock_user();
  moods constant text[] := array[
    'angry', 'anxious', 'calm', 'curious', 'disgust', 'grateful', 'joy', 'lonely', 'love', 'neutral', 'sad', 'surprise', 'tired'];
begin
  if not (mood = any (moods)) then
    raise exception using
      errcode = '22023',
      message = format('%L is no mood', left(mood, 40)),
      hint = format('Send one of %s, or null for how the message was read.', array_to_string(moods, ', '));
  end if;
  if not (sentiment between 0 and 1) or sentiment <> round(sentiment, 2) then
    raise exception using
      errcode = '22023',
      message = 'sentiment must be between 0 and 1, with at most two decimals',
      hint = 'Send 0 for bad, 0.5 for neutral, 1 for good, or what lies between; null for how the message was read.';
  end if;
  update public.chat_messages m
  set corrected_mood = mood, corrected_sentiment = sentiment
  where m.user_id = caller and m.id = message_id and m.sender_type = 'user';
  if not found then
    raise exception using
      errcode = 'P0002',
      message = 'there is no such message of yours',
      hint = 'Send the id of a message that you wrote.';
  end if;
end
$$;
comment on function public.correct_message(uuid, text, numeric) is
  'The caller''s own reading of a message that they wrote: mood, sentiment (0 bad … 1 good, in hundredths) or both; of what is null the engine''s reading holds, so that both null take a correction back. It counts at once and until the text is edited. support_level and safety events stay. 22023 for another mood or sentiment, P0002 for another message.';
revoke all on function public.correct_message(uuid, text, numeric) from public, anon, authenticated, service_role;
grant execute on function public.correct_message(uuid, text, numeric) to authenticated;

-- sql/50_conclusions/60_wellness.sql

-- Wellness (0..100): a heuristic for a chart, no diagnosis. Nothing of it is stored: the engine counts each week from its
-- quarter hours, so that messages that are imported, edited or deleted later, and another time zone, are in it at once.

-- SECURITY DEFINER, as the one below: it asks the engine, which clients may not. It reads only the caller's own rows.
create function public.wellness_history(since date default null, until date default null)
returns table (
  day date, message_count bigint, active_days bigint, score numeric, mean numeric, trend numeric, stability numeric, engagement numeric
)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  caller constant uuid := bondhu.require_user();
  today constant date := (now() at time zone bondhu.my_time_zone())::date;
begin
  perform bondhu.require_engine();
  until := coalesce(until, today);
  -- Before subtracting days, which could overflow; clamped because dates have a wider range than times.
  perform bondhu.check_range(least(coalesce(since, '1900-01-02'), '9999-01-01'), least(until, '9999-01-01'));
  return query
    select w.* from bondhu.wellness(caller, coalesce(since, until - 30), least(until, today) - 1) w order by w.day;
end
$$;
comment on function public.wellness_history(date, date) is
  'The caller''s wellness (0..100) of the seven days that end with each day of their own time zone, from since (included) to until (excluded): the last thirty by default, none of a day that has not ended, or of a week without messages. A heuristic, no diagnosis. 0A000 without an engine.';

-- The score is 60 % mean, 25 % stability and 15 % trend; without a trend the others have its share, which is the same as a trend
-- of their weighted mean (core/src/wellness.rs). So each part moves the score by its weight, and the parts sum up: what
-- rounding leaves goes to the trend.
create function bondhu.wellness_change(of_user uuid, on_day date) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    with weeks as materialized (select w.* from bondhu.wellness(of_user, on_day - 7, on_day) w)
    select jsonb_build_object(
      'day', on_day, 'score', week.score, 'change', moved.change,
      'moved_by', case when moved.change is not null then jsonb_build_object(
        'mean', moved.by_mean, 'stability', moved.by_stability, 'trend', moved.change - moved.by_mean - moved.by_stability) end,
      'mean', week.mean, 'stability', week.stability, 'trend', week.trend, 'engagement', coalesce(week.engagement, 0),
      'message_count', coalesce(week.message_count, 0), 'active_days', coalesce(week.active_days, 0),
      'score_a_week_before', before.score, 'message_count_a_week_before', coalesce(before.message_count, 0))
    from (select) always
    left join weeks week on week.day = on_day
    left join weeks before on before.day = on_day - 7
    cross join lateral (
      select week.score - before.score as change, round(0.60 * (week.mean - before.mean), 2) as by_mean,
        round(0.25 * (week.stability - before.stability), 2) as by_stability
    ) moved
  );
end
$$;
comment on function bondhu.wellness_change(uuid, date) is
  'The wellness (0..100) of the week that ends with a user''s day, and in points what moved its score since seven days before.';

create function public.wellness_card() returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  caller constant uuid := bondhu.require_user();
  zone constant text := bondhu.my_time_zone();
  today constant date := (now() at time zone zone)::date;
begin
  perform bondhu.require_engine();
  return bondhu.wellness_change(caller, today) || jsonb_build_object('moods', (
    with counted as (
      select (b.bucket_start at time zone zone)::date > today - 7 as is_now,
        array[b.angry, b.anxious, b.calm, b.curious, b.disgust, b.grateful, b.joy, b.lonely, b.love, b.neutral, b.sad, b.surprise, b.tired] as moods
      -- Some hours wider than two weeks: the day decides.
      from bondhu.buckets(caller, (today - 15)::timestamp at time zone zone, (today + 2)::timestamp at time zone zone) b
      where (b.bucket_start at time zone zone)::date between today - 13 and today
    ),
    summed as (
      select m.mood, coalesce(sum(m.n) filter (where c.is_now), 0) as messages, coalesce(sum(m.n) filter (where not c.is_now), 0) as messages_before
      from counted c
      cross join lateral unnest(
        array['angry', 'anxious', 'calm', 'curious', 'disgust', 'grateful', 'joy', 'lonely', 'love', 'neutral', 'sad', 'surprise', 'tired'],
        c.moods) m (mood, n)
      group by m.mood
    ),
    shared as (
      select s.*, round(s.messages / nullif(sum(s.messages) over (), 0), 4) as share,
        round(s.messages_before / nullif(sum(s.messages_before) over (), 0), 4) as share_before
      from summed s
    )
    select coalesce(jsonb_agg(jsonb_build_object(
        'mood', s.mood, 'messages', s.messages, 'messages_before', s.messages_before, 'share', s.share, 'share_before', s.share_before)
      order by abs(coalesce(s.share, 0) - coalesce(s.share_before, 0)) desc, s.mood), '[]')
    from shared s
    where s.messages + s.messages_before > 0
  ));
end
$$;
comment on function public.wellness_card() is
  'The caller''s wellness (0..100) of the seven days that end today, and what moved its score since seven days before: moved_by in points, which sum up to change; and how often they were in each mood this week and the week before, what changed most first. A heuristic, no diagnosis. 0A000 without an engine.';

revoke all on function public.wellness_history(date, date), bondhu.wellness_change(uuid, date), public.wellness_card()
  from public, anon, authenticated, service_role;
grant execute on function public.wellness_history(date, date), public.wellness_card() to authenticated;

-- sql/55_companion/10_settings.sql

-- Who the companion is, what answers for it, and how much it may take.

create table bondhu.companion_settings (
  singleton boolean primary key default true,

  name text not null default 'Bondhu',
  persona text not null default 'You are a kind, curious and honest friend who remembers what matters to people.',
  provider text not null default 'gemini',
  model text not null default 'gemini-flash-latest',
  history_tokens integer not null default 3000,
  reply_tokens integer not null default 1200,
  memories_in_prompt integer not null default 8,
  memories_kept integer not null default 300,
  lease_seconds integer not null default 90,

  messages_per_minute integer not null default 12,
  anonymous_messages_per_minute integer not null default 4,
  tokens_per_day integer not null default 200000,
  anonymous_tokens_per_day integer not null default 20000,
  project_tokens_per_day bigint not null default 20000000,
  updated_at timestamptz not null default now(),

  constraint companion_settings_is_one_row check (singleton),
  constraint name_is_short check (char_length(name) between 1 and 80 and octet_length(name) <= 320 and bondhu.text_fault(name) is null),
  constraint persona_is_short check (char_length(persona) <= 4000 and octet_length(persona) <= 12000),
  constraint provider_has_an_adapter check (provider in ('gemini', 'openai')),
  constraint model_is_a_name check (char_length(model) <= 200 and model ~ '^[A-Za-z0-9][A-Za-z0-9._:/-]*$'),
  constraint history_fits_a_prompt check (history_tokens between 0 and 100000),
  constraint reply_fits_a_message check (reply_tokens between 16 and 8000),
  constraint memories_are_few check (memories_in_prompt between 0 and 50 and memories_kept between 1 and 2000),
  constraint reply_lease_outlives_a_reply check (lease_seconds between 10 and 600),
  constraint messages_a_minute_are_bounded check (messages_per_minute between 1 and 1000),
  constraint anonymous_messages_a_minute_are_bounded check (anonymous_messages_per_minute between 0 and 1000),
  constraint tokens_a_day_are_bounded check (
    tokens_per_day between 0 and 1000000000 and anonymous_tokens_per_day between 0 and 1000000000
    and project_tokens_per_day between 0 and 1000000000000
  )
);
comment on table bondhu.companion_settings is 'One row. Tokens are the provider''s; days are UTC''s.';
comment on column bondhu.companion_settings.persona is 'What the companion is like, said to it: "You are …".';
comment on column bondhu.companion_settings.provider is 'gemini, or openai for any endpoint that speaks its Chat Completions.';
comment on column bondhu.companion_settings.history_tokens is 'How much of the conversation a prompt holds besides the message that is answered.';
comment on column bondhu.companion_settings.memories_in_prompt is 'How many of a person''s memories a prompt holds. 0: nothing is remembered.';
comment on column bondhu.companion_settings.memories_kept is 'Of a person; of more the oldest go, those first that no longer hold.';
comment on column bondhu.companion_settings.lease_seconds is 'How long whoever writes a reply may be silent before somebody else may write it.';
comment on column bondhu.companion_settings.anonymous_messages_per_minute is 'Of an anonymous account: signing up as one costs nothing. 0 lets none of them chat.';

revoke all on bondhu.companion_settings from public, anon, authenticated, service_role;
grant select, update on bondhu.companion_settings to service_role;
insert into bondhu.companion_settings default values;

create trigger companion_settings_set_updated_at before update on bondhu.companion_settings
  for each row execute function bondhu.set_updated_at();

-- sql/55_companion/20_replies.sql

-- Who writes the reply to a message, and what it took. An exchange has one reply however often it is
-- retried: its id follows from the message's, and a lease says who writes it.

create table bondhu.chat_replies (
  user_id uuid not null references auth.users (id) on delete cascade,
  message_id uuid not null,
  reply_id uuid not null,
  lease uuid,
  leased_until timestamptz,
  claimed_at timestamptz not null default '-infinity',
  attempts integer not null default 0,
  reserved_tokens integer not null default 0,
  reserved_on date not null default (now() at time zone 'UTC')::date,
  finished_at timestamptz,
  provider text,
  model text,
  finish_reason text,
  is_cut boolean,
  input_tokens integer,
  output_tokens integer,
  remembered_at timestamptz,

  primary key (user_id, message_id),
  constraint leased_until_a_time check ((lease is null) = (leased_until is null)),
  constraint finished_whole_or_not_at_all check (
    num_nulls(finished_at, provider, model, finish_reason, is_cut, input_tokens, output_tokens) in (0, 7)
  ),
  constraint finished_without_a_lease check (finished_at is null or lease is null),
  constraint attempts_are_counted check (attempts >= 0),
  constraint tokens_are_counted check (least(reserved_tokens, input_tokens, output_tokens) >= 0),
  constraint names_are_short check (char_length(provider) <= 100 and char_length(model) <= 200 and char_length(finish_reason) <= 100)
);
comment on table bondhu.chat_replies is
  'A row per message that was to be answered. lease: somebody writes the reply until leased_until. finished_at: it is stored, as reply_id. Neither: it failed, and may be tried again. No text; kept for 30 days, whatever becomes of the message.';
comment on column bondhu.chat_replies.attempts is 'How often it was claimed, never a minute after the time before.';
comment on column bondhu.chat_replies.reserved_tokens is
  'What is counted into bondhu.chat_usage, on the day reserved_on, until the provider''s own count is known.';
comment on column bondhu.chat_replies.remembered_at is 'When the message was looked through for what is to be remembered.';
comment on column bondhu.chat_replies.is_cut is 'The provider ended it early: finish_reason says why.';

create index chat_replies_by_claim on bondhu.chat_replies (user_id, claimed_at);
create index chat_replies_by_age on bondhu.chat_replies (claimed_at);

create table bondhu.chat_usage (
  user_id uuid not null references auth.users (id) on delete cascade,
  day date not null,
  tokens bigint not null default 0,

  primary key (user_id, day)
);
comment on table bondhu.chat_usage is 'Tokens of a user''s exchanges by day (UTC), with what is reserved for those under way.';

-- In parts, so that no two exchanges of different users wait for one row.
create table bondhu.chat_usage_of_project (
  day date not null,
  part smallint not null,
  tokens bigint not null default 0,

  primary key (day, part),
  constraint part_is_one_of_16 check (part between 0 and 15)
);
comment on table bondhu.chat_usage_of_project is 'Tokens of all exchanges by day (UTC), in 16 parts by user. Deleting a user leaves it: they were used.';

alter table bondhu.chat_replies enable row level security;
alter table bondhu.chat_usage enable row level security;
alter table bondhu.chat_usage_of_project enable row level security;
revoke all on bondhu.chat_replies, bondhu.chat_usage, bondhu.chat_usage_of_project from public, anon, authenticated, service_role;
grant select on bondhu.chat_replies, bondhu.chat_usage, bondhu.chat_usage_of_project to service_role;

create function bondhu.reply_id(message_id uuid) returns uuid
language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
  -- Version 8 (RFC 9562): its bits are the application's own.
  select overlay(overlay(md5('reply to ' || message_id::text) placing '8' from 13) placing 'a' from 17)::uuid
$$;
comment on function bondhu.reply_id(uuid) is 'The id of the reply to a message.';

create function bondhu.count_chat_tokens(of_user uuid, on_day date, added bigint) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into bondhu.chat_usage as u (user_id, day, tokens)
  values (of_user, on_day, added)
  on conflict (user_id, day) do update set tokens = u.tokens + excluded.tokens;
  insert into bondhu.chat_usage_of_project as p (day, part, tokens)
  values (on_day, uuid_hash(of_user) & 15, added)
  on conflict (day, part) do update set tokens = p.tokens + excluded.tokens;
end
$$;
comment on function bondhu.count_chat_tokens(uuid, date, bigint) is 'Adds to, or takes from, what a user and the project have used on a day.';

create function bondhu.settle_chat_tokens(of_user uuid, reserved integer, reserved_on date, used bigint) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if reserved > 0 then
    perform bondhu.count_chat_tokens(of_user, reserved_on, -reserved);
  end if;
  if used > 0 then
    perform bondhu.count_chat_tokens(of_user, (now() at time zone 'UTC')::date, used);
  end if;
end
$$;
comment on function bondhu.settle_chat_tokens(uuid, integer, date, bigint) is
  'Takes back what was reserved, on the day that it was, and counts today what was used.';

-- Of one user at a time: the row of today's usage is locked.
create function bondhu.chat_limit(of_user uuid, wanted bigint, for_reply boolean) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  s bondhu.companion_settings;
  today date := (now() at time zone 'UTC')::date;
  tomorrow_in integer := ceil(extract(epoch from (today + 1)::timestamp at time zone 'UTC' - now()));
  anonymous boolean := coalesce((select to_jsonb(u) ->> 'is_anonymous' = 'true' from auth.users u where u.id = of_user), true);
  per_minute integer;
  per_day bigint;
  used bigint;
  attempts bigint;
  first_claim timestamptz;
begin
  select * into strict s from bondhu.companion_settings;
  per_minute := case when anonymous then s.anonymous_messages_per_minute else s.messages_per_minute end;
  per_day := case when anonymous then s.anonymous_tokens_per_day else s.tokens_per_day end / case when for_reply then 1 else 2 end;

  insert into bondhu.chat_usage (user_id, day) values (of_user, today) on conflict (user_id, day) do nothing;
  select u.tokens into strict used from bondhu.chat_usage u where u.user_id = of_user and u.day = today for update;

  select coalesce(sum(r.attempts), 0), min(r.claimed_at) into attempts, first_claim
  from bondhu.chat_replies r
  where r.user_id = of_user and r.claimed_at > now() - interval '1 minute';
  if for_reply and attempts >= per_minute then
    return jsonb_build_object('limit', 'messages_per_minute', 'retry_after', case
      when per_minute > 0 then greatest(1, ceil(extract(epoch from first_claim + interval '1 minute' - now()))) end);
  end if;
  if used + wanted > per_day then
    return jsonb_build_object('limit', 'tokens_per_day', 'retry_after', tomorrow_in);
  end if;
  select coalesce(sum(p.tokens), 0) into used from bondhu.chat_usage_of_project p where p.day = today;
  if used + wanted > s.project_tokens_per_day then
    return jsonb_build_object('limit', 'project_tokens_per_day', 'retry_after', tomorrow_in);
  end if;
  return null;
end
$$;
comment on function bondhu.chat_limit(uuid, bigint, boolean) is
  'The limit that so many tokens would break, and in how many seconds to try again; null when none. What is for no reply may have the first half of a day''s alone. Locks the user''s usage until the transaction ends.';

-- SECURITY DEFINER, as those below: the service role writes no table of replies. Whose message it is comes
-- from a verified token.
create function public.claim_reply(user_id uuid, message_id uuid, prompt_tokens integer) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  of_user uuid := claim_reply.user_id;
  to_message uuid := claim_reply.message_id;
  s bondhu.companion_settings;
  sender text;
  replier text;
  r bondhu.chat_replies;
  wanted bigint;
  broken jsonb;
begin
  if of_user is null or to_message is null or prompt_tokens is null or prompt_tokens not between 0 and 1000000 then
    raise exception using errcode = '22023', message = 'a reply is claimed by user_id, message_id and prompt_tokens (0 to 1000000)';
  end if;
  select * into strict s from bondhu.companion_settings;
  perform bondhu.lock_account(of_user);
  select m.sender_type into sender from public.chat_messages m where m.user_id = of_user and m.id = to_message for key share;
  if sender is null then
    raise exception using errcode = 'P0002', message = 'there is no such message',
      hint = 'It may have been deleted. Send it again under a new id.';
  elsif sender <> 'user' then
    raise exception using errcode = '55000', message = 'this message is the companion''s own',
      hint = 'Only what the person wrote is answered.';
  end if;
  select m.sender_type into replier from public.chat_messages m where m.user_id = of_user and m.id = bondhu.reply_id(to_message);
  if replier <> 'ai' then
    raise exception using errcode = '55000', message = 'the place of the reply is taken by a message of the person''s own',
      hint = 'Send the message again under a new id.';
  end if;

  -- One of those who ask at once goes on; the others see what it did.
  insert into bondhu.chat_replies (user_id, message_id, reply_id)
  values (of_user, to_message, bondhu.reply_id(to_message))
  on conflict (user_id, message_id) do nothing;
  select * into strict r from bondhu.chat_replies c where c.user_id = of_user and c.message_id = to_message for update;
  if r.finished_at is not null or replier = 'ai' then
    return jsonb_build_object('state', 'done', 'reply_id', r.reply_id, 'is_cut', coalesce(r.is_cut, false),
      'finish_reason', coalesce(r.finish_reason, 'stored'));
  elsif r.leased_until > clock_timestamp() then
    return jsonb_build_object('state', 'writing', 'reply_id', r.reply_id,
      'retry_after', ceil(extract(epoch from r.leased_until - clock_timestamp())));
  end if;

  -- Of who had the lease before and died.
  perform bondhu.settle_chat_tokens(of_user, r.reserved_tokens, r.reserved_on, 0);
  update bondhu.chat_replies c set lease = null, leased_until = null, reserved_tokens = 0
  where c.user_id = of_user and c.message_id = to_message and c.reserved_tokens > 0;

  wanted := prompt_tokens + s.reply_tokens;
  broken := bondhu.chat_limit(of_user, wanted, true);
  if broken is not null then
    return jsonb_build_object('state', 'limited') || broken;
  end if;
  perform bondhu.count_chat_tokens(of_user, (now() at time zone 'UTC')::date, wanted);
  update bondhu.chat_replies c
  set lease = gen_random_uuid(), leased_until = clock_timestamp() + make_interval(secs => s.lease_seconds),
    attempts = case when c.claimed_at > now() - interval '1 minute' then c.attempts + 1 else 1 end,
    claimed_at = now(), reserved_tokens = wanted, reserved_on = (now() at time zone 'UTC')::date
  where c.user_id = of_user and c.message_id = to_message
  returning * into strict r;
  return jsonb_build_object('state', 'claimed', 'reply_id', r.reply_id, 'lease', r.lease);
end
$$;
comment on function public.claim_reply(uuid, uuid, integer) is
  'Takes the right to write the reply to a message, and reserves its tokens. state: claimed (with lease), writing (retry_after), done, or limited (limit, retry_after in seconds). P0002: no such message; 55000: it is not one to be answered.';

create function public.finish_reply(
  user_id uuid, message_id uuid, lease uuid, reply_text text, provider text, model text, finish_reason text, is_cut boolean,
  input_tokens integer, output_tokens integer
) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  of_user uuid := finish_reply.user_id;
  to_message uuid := finish_reply.message_id;
  r bondhu.chat_replies;
  session uuid;
  stored jsonb;
begin
  if num_nulls(of_user, to_message, finish_reply.lease, reply_text, finish_reply.provider, finish_reply.model, finish_reply.finish_reason,
               finish_reply.is_cut, finish_reply.input_tokens, finish_reply.output_tokens) > 0
     or char_length(reply_text) > 8000 or octet_length(reply_text) > 24000 or bondhu.text_fault(reply_text) is not null
     or greatest(char_length(finish_reply.provider), char_length(finish_reply.finish_reason)) > 100 or char_length(finish_reply.model) > 200
     or least(finish_reply.input_tokens, finish_reply.output_tokens) < 0
     or greatest(finish_reply.input_tokens, finish_reply.output_tokens) > 10000000 then
    raise exception using errcode = '22023', message = 'this is no reply that can be stored',
      hint = 'Give everything; reply_text as a message has to be (at most 8,000 characters), tokens from 0 to 10,000,000.';
  end if;
  -- In the order in which a claim locks them.
  perform bondhu.lock_account(of_user);
  select m.session_id into session from public.chat_messages m
  where m.user_id = of_user and m.id = to_message for key share;
  if not found then
    raise exception using errcode = 'P0002', message = 'the message is gone', hint = 'Nothing is to be answered any more.';
  end if;
  select * into r from bondhu.chat_replies c where c.user_id = of_user and c.message_id = to_message for update;
  if r.lease is distinct from finish_reply.lease or finish_reply.lease is null then
    raise exception using errcode = '55000', message = 'somebody else has the lease of this reply', hint = 'Claim it again, and replay what is stored.';
  end if;

  insert into public.chat_messages (user_id, id, session_id, sender_type, message_text)
  values (of_user, r.reply_id, session, 'ai', finish_reply.reply_text)
  on conflict (user_id, id) do nothing;
  select to_jsonb(m) into stored from (
    select m.id, m.session_id, m.sender_type, m.message_text, m.created_at
    from public.chat_messages m where m.user_id = of_user and m.id = r.reply_id and m.sender_type = 'ai'
  ) m;
  if stored is null then
    raise exception using errcode = '55000', message = 'the place of the reply is taken by a message of the person''s own',
      hint = 'Send the message again under a new id.';
  end if;
  perform bondhu.settle_chat_tokens(of_user, r.reserved_tokens, r.reserved_on, finish_reply.input_tokens + finish_reply.output_tokens);
  update bondhu.chat_replies c
  set lease = null, leased_until = null, reserved_tokens = 0, finished_at = now(),
    provider = finish_reply.provider, model = finish_reply.model, finish_reason = finish_reply.finish_reason,
    is_cut = finish_reply.is_cut, input_tokens = finish_reply.input_tokens, output_tokens = finish_reply.output_tokens
  where c.user_id = of_user and c.message_id = to_message;
  return stored;
end
$$;
comment on function public.finish_reply(uuid, uuid, uuid, text, text, text, text, boolean, integer, integer) is
  'Stores the reply under a lease, with what it took, and ends the lease, all or nothing; returns the stored message. P0002: the message is gone; 55000: the lease is another''s, or the place is taken.';

create function public.release_reply(user_id uuid, message_id uuid, lease uuid, used_tokens integer) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  of_user uuid := release_reply.user_id;
  to_message uuid := release_reply.message_id;
  r bondhu.chat_replies;
begin
  if used_tokens is null or used_tokens not between 0 and 10000000 then
    raise exception using errcode = '22023', message = 'used_tokens are 0 to 10,000,000';
  end if;
  select * into r from bondhu.chat_replies c where c.user_id = of_user and c.message_id = to_message for update;
  if r.lease is null or r.lease is distinct from release_reply.lease then
    return;
  end if;
  perform bondhu.settle_chat_tokens(of_user, r.reserved_tokens, r.reserved_on, used_tokens);
  update bondhu.chat_replies c set lease = null, leased_until = null, reserved_tokens = 0
  where c.user_id = of_user and c.message_id = to_message;
end
$$;
comment on function public.release_reply(uuid, uuid, uuid, integer) is
  'Gives a lease back without a reply, so that a retry may claim it at once; used_tokens are what the provider counted all the same. Nothing happens when the lease is another''s by now.';

create function public.companion() returns jsonb
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select to_jsonb(s) - '{singleton,updated_at}'::text[] from bondhu.companion_settings s
$$;
comment on function public.companion() is 'Who the companion is, what answers for it and its budgets: bondhu.companion_settings.';

revoke all on function bondhu.reply_id(uuid), bondhu.count_chat_tokens(uuid, date, bigint), bondhu.settle_chat_tokens(uuid, integer, date, bigint), bondhu.chat_limit(uuid, bigint, boolean),
  public.claim_reply(uuid, uuid, integer),
  public.finish_reply(uuid, uuid, uuid, text, text, text, text, boolean, integer, integer),
  public.release_reply(uuid, uuid, uuid, integer), public.companion()
  from public, anon, authenticated, service_role;
grant execute on function public.claim_reply(uuid, uuid, integer),
  public.finish_reply(uuid, uuid, uuid, text, text, text, text, boolean, integer, integer),
  public.release_reply(uuid, uuid, uuid, integer), public.companion()
  to service_role;

-- sql/55_companion/30_memories.sql

-- What a person told, for the companion to know later. A log: a memory that replaces another leaves it in
-- place, and where the newer one goes, the older one stands again. A memory goes with the last message that
-- says so, in the same transaction.

create table public.memories (
  user_id uuid not null references auth.users (id) on delete cascade,
  id uuid not null default gen_random_uuid(),
  memory_text text not null,
  category text not null,
  confidence numeric(3, 2) not null,
  holds_from date,
  holds_until date,
  replaces uuid,
  corrected_at timestamptz,
  created_at timestamptz not null default now(),

  primary key (user_id, id),
  constraint memory_text_is_a_sentence check (
    case when memory_text is null or char_length(memory_text) > 300 or octet_length(memory_text) > 1200
      or bondhu.text_fault(memory_text) is not null or memory_text ~ '[\n\r\t]' then
      bondhu.refuse('memory_text_is_a_sentence', 'a memory is one line of 1 to 300 characters that can be seen',
        'Shorten it, or delete the memory.') end
  ),
  constraint memory_category_is_known check (category in ('person', 'place', 'work', 'plan', 'preference', 'health', 'other')),
  constraint memory_confidence_is_0_to_1 check (confidence between 0 and 1),
  constraint memory_days_are_ordered check (
    coalesce(holds_from, '1900-01-01') >= '1900-01-01' and coalesce(holds_until, '2199-12-31') < '2200-01-01' and holds_from <= holds_until
  ),
  constraint memory_replaces_another check (replaces <> id)
);
comment on table public.memories is
  'What a person told. One that another replaces is its past. Kept while a message says so; a person reads, corrects and deletes theirs.';
comment on column public.memories.confidence is 'How sure the model was, 0 to 1; 1 for what the person has put in their own words.';
comment on column public.memories.replaces is 'The id of the memory that this one replaces. That one may be gone by now.';
comment on column public.memories.holds_from is 'The first day on which it holds, by the person''s calendar, if it has one; holds_until is the last.';
comment on column public.memories.corrected_at is 'When the person put it in their own words.';

create unique index memories_replace_once on public.memories (user_id, replaces) where replaces is not null;
create index memories_by_age on public.memories (user_id, created_at desc);

-- No foreign key to the message: it could deadlock with the deletion of the message.
create table public.memory_evidence (
  user_id uuid not null,
  memory_id uuid not null,
  message_id uuid not null,

  primary key (user_id, memory_id, message_id),
  constraint memory_evidence_memory_fkey foreign key (user_id, memory_id)
    references public.memories (user_id, id) on delete cascade
);
comment on table public.memory_evidence is 'The person''s messages that say what a memory says. Goes with the message, or with its text.';
create index memory_evidence_by_message on public.memory_evidence (user_id, message_id);

alter table public.memories enable row level security;
alter table public.memory_evidence enable row level security;
revoke all on public.memories, public.memory_evidence from public, anon, authenticated, service_role;
grant select, delete, update (memory_text) on public.memories to authenticated, service_role;
grant select on public.memory_evidence to authenticated, service_role;

create policy "a user reads their own memories" on public.memories
  for select to authenticated using (user_id = (select auth.uid()));
create policy "a user corrects their own memories" on public.memories
  for update to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy "a user deletes their own memories" on public.memories
  for delete to authenticated using (user_id = (select auth.uid()));
create policy "a user reads their own memories' evidence" on public.memory_evidence
  for select to authenticated using (user_id = (select auth.uid()));

create function bondhu.set_corrected() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  new.corrected_at := now();
  new.confidence := 1;
  return new;
end
$$;
comment on function bondhu.set_corrected() is 'BEFORE UPDATE row trigger on memories: these are the person''s own words.';

create trigger memories_set_corrected before update of memory_text on public.memories
  for each row when (old.memory_text is distinct from new.memory_text)
  execute function bondhu.set_corrected();

create function bondhu.delete_with_replaced() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  -- Not where evidence went, nor an account: this is a trigger's doing then.
  if pg_trigger_depth() = 1 then
    with recursive past as (
      select m.id, m.replaces from public.memories m where m.user_id = old.user_id and m.id = old.replaces
      union
      select m.id, m.replaces from past join public.memories m on m.user_id = old.user_id and m.id = past.replaces
    )
    delete from public.memories m using past where m.user_id = old.user_id and m.id = past.id;
  end if;
  return null;
end
$$;
comment on function bondhu.delete_with_replaced() is
  'AFTER DELETE row trigger on memories: what somebody deletes does not come back as what it was before.';

create trigger memories_delete_with_replaced after delete on public.memories
  for each row when (old.replaces is not null)
  execute function bondhu.delete_with_replaced();

-- SECURITY DEFINER, as the three below: they run as the deleting role, which may have no rights here.
create function bondhu.delete_memories_without_evidence() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from public.memories m
  using (select distinct gone.user_id, gone.memory_id from old_evidence gone) touched
  where m.user_id = touched.user_id
    and m.id = touched.memory_id
    and not exists (select from public.memory_evidence e where e.user_id = m.user_id and e.memory_id = m.id);
  return null;
end
$$;
comment on function bondhu.delete_memories_without_evidence() is 'AFTER DELETE trigger on evidence: deletes memories without evidence.';

create trigger evidence_delete_memories_without_evidence after delete on public.memory_evidence
  referencing old table as old_evidence
  for each statement execute function bondhu.delete_memories_without_evidence();

-- Everybody locks in this order: account, messages, memories by their ids, evidence.
create function bondhu.forget_messages(of_users uuid[], ids uuid[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform from public.memories m
  where (m.user_id, m.id) in (
    select e.user_id, e.memory_id
    from unnest(of_users, ids) gone (user_id, message_id)
    join public.memory_evidence e on e.user_id = gone.user_id and e.message_id = gone.message_id
  )
  order by m.user_id, m.id for update;
  if found then
    delete from public.memory_evidence e
    using unnest(of_users, ids) gone (user_id, message_id)
    where e.user_id = gone.user_id and e.message_id = gone.message_id;
  end if;
end
$$;
comment on function bondhu.forget_messages(uuid[], uuid[]) is 'What these messages said is evidence no more.';

create function bondhu.forget_deleted() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  owners uuid[];
  ids uuid[];
begin
  select array_agg(o.user_id), array_agg(o.id) into owners, ids from old_messages o where o.sender_type = 'user';
  if owners is not null then
    perform bondhu.forget_messages(owners, ids);
  end if;
  return null;
end
$$;
comment on function bondhu.forget_deleted() is 'AFTER DELETE statement trigger on chat_messages: what they said is evidence no more.';

create trigger chat_messages_forget_deleted after delete on public.chat_messages
  referencing old table as old_messages
  for each statement execute function bondhu.forget_deleted();

create function bondhu.forget_updated() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform bondhu.forget_messages(array[old.user_id], array[old.id]);
  -- Another text is looked through again.
  update bondhu.chat_replies r set remembered_at = null
  where r.user_id = new.user_id and r.message_id = new.id and r.remembered_at is not null;
  return null;
end
$$;
comment on function bondhu.forget_updated() is
  'AFTER UPDATE row trigger on chat_messages: what another text, another owner''s, one in danger or one that does not count said is evidence no more.';

create trigger chat_messages_forget_updated after update on public.chat_messages
  for each row when (
    old.message_text is distinct from new.message_text or old.user_id is distinct from new.user_id or old.id is distinct from new.id
    or old.sender_type is distinct from new.sender_type or old.counts and not new.counts
    or new.support_level = 'crisis' and old.support_level is distinct from 'crisis'
  )
  execute function bondhu.forget_updated();

revoke all on function bondhu.set_corrected(), bondhu.delete_with_replaced(), bondhu.delete_memories_without_evidence(),
  bondhu.forget_messages(uuid[], uuid[]), bondhu.forget_deleted(), bondhu.forget_updated()
  from public, anon, authenticated, service_role;

-- sql/55_companion/40_remembering.sql

-- Memories on their way in, by the service role for a model that reads; and out, for a prompt.

create table bondhu.memory_passes (
  user_id uuid primary key references auth.users (id) on delete cascade,
  lease uuid,
  leased_until timestamptz,
  reserved_tokens integer not null default 0,
  reserved_on date not null default (now() at time zone 'UTC')::date,

  constraint pass_is_leased_until_a_time check ((lease is null) = (leased_until is null)),
  constraint pass_tokens_are_counted check (reserved_tokens >= 0)
);
comment on table bondhu.memory_passes is
  'Who looks through what a user told, until leased_until; and what is counted into bondhu.chat_usage until the provider''s own count is known.';
alter table bondhu.memory_passes enable row level security;
revoke all on bondhu.memory_passes from public, anon, authenticated, service_role;
grant select on bondhu.memory_passes to service_role;

-- Not the server's full-text search: what its parser takes for a letter goes by the database's locale, which may
-- know no Bengali.
create function bondhu.words(said text) returns text
language sql stable strict
set search_path = pg_catalog, pg_temp
as $$
  select ' ' || btrim(regexp_replace(lower(said), '[[:space:][:punct:]।॥…–—“”‘’]+', ' ', 'g')) || ' '
$$;
comment on function bondhu.words(text) is 'The words of a text with a space before and behind each.';

create function bondhu.terms(words text) returns text[]
language sql stable strict
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(array_agg(distinct part.term), array[]::text[])
  from (
    select ' ' || split.word || ' ' as padded, length(split.word) as size
    from string_to_table(btrim(words), ' ') split (word)
    where split.word <> ''
  ) word
  cross join lateral (
    select substr(word.padded, place, 3) as term from generate_series(1, word.size) place
    union all
    select word.padded where word.size > 3
  ) part
$$;
comment on function bondhu.terms(text) is
  'Of bondhu.words(): each word, which finds names, and its trigrams, which find it in another form, or spelt another way.';

-- SECURITY DEFINER: clients read no bondhu.people. It reads only the caller's own rows.
create function public.recall(query_text text, max_rows integer default 8)
returns table (
  id uuid, memory_text text, category text, confidence numeric, holds_from date, holds_until date, created_at timestamptz, relevance numeric
)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  caller uuid := bondhu.require_user();
  today date := (select (now() at time zone p.time_zone)::date from bondhu.people p where p.user_id = caller);
  asked text[];
begin
  if max_rows is null or max_rows not between 1 and 100 or char_length(query_text) > 8000 then
    raise exception using errcode = '22023', message = 'max_rows must be between 1 and 100, and query_text have at most 8,000 characters',
      hint = 'Send the newest message as query_text; null for what is newest.';
  end if;
  if bondhu.consented_since(caller, 'memory') is null then
    return;
  end if;
  -- Every term is looked for in every memory.
  asked := bondhu.terms(bondhu.words(left(query_text, 400)));
  return query
    with held as materialized (
      select m.*, bondhu.words(m.memory_text) as said from public.memories m
      where m.user_id = caller
        and not exists (select from public.memories newer where newer.user_id = caller and newer.replaces = m.id)
    ),
    shared as materialized (
      select h.id, a.term from held h join unnest(asked) a (term) on strpos(h.said, a.term) > 0
    ),
    -- What few of them say tells more.
    weights as (
      select s.term, ln(1 + (select count(*) from held)::float8 / count(*)) as weight from shared s group by s.term
    ),
    alike as (
      select s.id, sum(w.weight) as weight from shared s join weights w on w.term = s.term group by s.id
    ),
    compared as (
      select h.*, coalesce(a.weight, 0) / sqrt(char_length(h.said)) as likeness from held h left join alike a on a.id = h.id
    )
    -- Heuristics: how alike (the closest is 1), how new (half as much every 60 days), whether it is due, or over.
    select c.id, c.memory_text, c.category, c.confidence, c.holds_from, c.holds_until, c.created_at,
      round((
        coalesce(c.likeness / nullif(max(c.likeness) over (), 0), 0)
        + 0.2 * 0.5 ^ (extract(epoch from now() - c.created_at)::float8 / (86400 * 60))
        + case when c.holds_from - today between -1 and 14 then 0.2 else 0 end
        - case when c.holds_until < today then 0.3 else 0 end
      )::numeric, 3) as relevance
    from compared c
    order by relevance desc, c.created_at desc, c.id
    limit max_rows;
end
$$;
comment on function public.recall(text, integer) is
  'What the caller told that is worth knowing to answer query_text, of which the first 400 characters are read, best first; nothing while they do not allow it. relevance is higher for what is alike, new or due. max_rows 1..100.';

create function bondhu.is_memorable(m public.chat_messages, since timestamptz) returns boolean
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select m.sender_type = 'user' and m.counts and m.support_level in ('none', 'support') and m.created_at >= since
$$;
comment on function bondhu.is_memorable(public.chat_messages, timestamptz) is
  'Whether a message may be looked through: the person''s own, which counts, shows no danger, and was written while they allowed it. Null or false: not.';

create function bondhu.unremembered(of_user uuid, since timestamptz) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  unread uuid[];
  first public.chat_messages;
begin
  -- As many as 6,000 characters hold, one at least; the others another time.
  select array_agg(news.id order by news.created_at, news.seq) into unread
  from (
    select m.id, m.created_at, m.seq, sum(char_length(m.message_text)) over (order by m.created_at, m.seq) - char_length(m.message_text) as before
    from bondhu.chat_replies r
    join public.chat_messages m on m.user_id = r.user_id and m.id = r.message_id
    where r.user_id = of_user and r.claimed_at > now() - interval '1 day' and r.finished_at is not null and r.remembered_at is null
      and bondhu.is_memorable(m, since)
  ) news
  where news.before < 6000;
  if unread is null then
    return null;
  end if;
  select * into first from public.chat_messages m where m.user_id = of_user and m.id = unread[1];
  return (
    select jsonb_build_object(
      'today', (now() at time zone p.time_zone)::date,
      'messages', (
        select jsonb_agg(jsonb_build_object(
          'id', line.id, 'sender_type', line.sender_type, 'digest', md5(line.message_text),
          'message_text', case when line.is_new then line.message_text else left(line.message_text, 400) end,
          'on', (line.created_at at time zone p.time_zone)::date, 'is_new', line.is_new) order by line.created_at, line.seq)
        from (
          select m.id, m.sender_type, m.message_text, m.created_at, m.seq, true as is_new
          from public.chat_messages m where m.user_id = of_user and m.id = any (unread)
          union all
          -- What was said before, as far as it may be looked through, and the replies to that.
          select (e.message).id, (e.message).sender_type, (e.message).message_text, (e.message).created_at, (e.message).seq, false
          from (
            select m as message from public.chat_messages m
            where m.user_id = of_user and (m.created_at, m.seq) < (first.created_at, first.seq) and m.created_at > first.created_at - interval '1 day'
            order by m.created_at desc, m.seq desc limit 12
          ) e
          left join bondhu.chat_replies r on r.user_id = of_user and r.reply_id = (e.message).id and (e.message).sender_type = 'ai'
          left join public.chat_messages answered on answered.user_id = of_user and answered.id = r.message_id
          where bondhu.is_memorable(e.message, since) or bondhu.is_memorable(answered, since)
        ) line
      ),
      'memories', (
        select coalesce(jsonb_agg(to_jsonb(held) - 'created_at' order by held.created_at, held.id), '[]')
        from (
          select m.id, m.memory_text, m.holds_from, m.holds_until, m.created_at from public.memories m
          where m.user_id = of_user
            and not exists (select from public.memories newer where newer.user_id = of_user and newer.replaces = m.id)
          order by m.created_at desc, m.id
          limit 40
        ) held
      ))
    from bondhu.people p where p.user_id = of_user
  );
end
$$;
comment on function bondhu.unremembered(uuid, timestamptz) is
  'A user''s answered messages that nobody has looked through (is_new), what was said before them, and what is remembered; null where there are none.';

-- SECURITY DEFINER, as the one below: the service role writes neither memories nor replies.
create function public.memory_task(user_id uuid) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  of_user uuid := memory_task.user_id;
  s bondhu.companion_settings;
  since timestamptz;
  pass bondhu.memory_passes;
  task jsonb;
  wanted integer;
begin
  if of_user is null then
    raise exception using errcode = '22023', message = 'user_id is missing', hint = 'Send the id of whoever wrote the messages.';
  end if;
  select * into strict s from bondhu.companion_settings;
  since := bondhu.consented_since(of_user, 'memory');
  if since is null or s.memories_in_prompt = 0 or not bondhu.lock_account(of_user) then
    return null;
  end if;
  insert into bondhu.memory_passes (user_id) values (of_user) on conflict (user_id) do nothing;
  select * into strict pass from bondhu.memory_passes p where p.user_id = of_user for update;
  if pass.leased_until > clock_timestamp() then
    return null;
  end if;
  -- Of who had the lease before and died.
  perform bondhu.settle_chat_tokens(of_user, pass.reserved_tokens, pass.reserved_on, 0);
  update bondhu.memory_passes p set lease = null, leased_until = null, reserved_tokens = 0 where p.user_id = of_user;

  task := bondhu.unremembered(of_user, since);
  -- High rather than low: a token each two bytes, and the rest for what is asked and for the answer.
  wanted := octet_length(task::text) / 2 + 3500;
  if task is null or bondhu.chat_limit(of_user, wanted, false) is not null then
    return null;
  end if;
  perform bondhu.count_chat_tokens(of_user, (now() at time zone 'UTC')::date, wanted);
  update bondhu.memory_passes p
  set lease = gen_random_uuid(), leased_until = clock_timestamp() + make_interval(secs => s.lease_seconds),
    reserved_tokens = wanted, reserved_on = (now() at time zone 'UTC')::date
  where p.user_id = of_user
  returning * into strict pass;
  return task || jsonb_build_object('lease', pass.lease);
end
$$;
comment on function public.memory_task(uuid) is
  'Takes the right to look through what a person told, and reserves its tokens: their answered messages that nobody looked through yet (is_new), what was said before, what is remembered, and the lease. null: nothing to do, somebody does it, they do not allow it, or half of a day''s tokens are used.';

create function public.store_memories(user_id uuid, lease uuid, messages jsonb, memories jsonb, used_tokens integer) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  of_user uuid := store_memories.user_id;
  since timestamptz;
  pass bondhu.memory_passes;
  looked uuid[];
  found record;
  sayers uuid[];
  known uuid;
  stored integer := 0;
begin
  if of_user is null or used_tokens is null or used_tokens not between 0 and 10000000
    or jsonb_typeof(store_memories.messages) is distinct from 'array' or jsonb_array_length(store_memories.messages) > 1000
    or jsonb_typeof(store_memories.memories) is distinct from 'array' or jsonb_array_length(store_memories.memories) > 20 then
    raise exception using errcode = '22023', message = 'memories are stored by user_id, lease, messages, at most 20 memories, and used_tokens (0 to 10,000,000)',
      hint = 'Send the id and the digest of each message that was looked through, and an empty array where there is nothing to remember.';
  end if;
  if not bondhu.lock_account(of_user) then
    raise exception using errcode = 'P0002', message = 'there is no such account', hint = 'It was deleted: there is nothing to remember.';
  end if;
  perform bondhu.lock_consents(of_user);
  select * into pass from bondhu.memory_passes p where p.user_id = of_user for update;
  if pass.lease is distinct from store_memories.lease or store_memories.lease is null then
    raise exception using errcode = '55000', message = 'somebody else has the lease of this pass', hint = 'Leave it to them.';
  end if;
  perform bondhu.settle_chat_tokens(of_user, pass.reserved_tokens, pass.reserved_on, used_tokens);
  update bondhu.memory_passes p set lease = null, leased_until = null, reserved_tokens = 0 where p.user_id = of_user;

  -- One that was edited meanwhile has not been looked through. FOR SHARE: an edit under way is waited for.
  perform from public.chat_messages m
  where m.user_id = of_user and m.id in (select (given ->> 'id')::uuid from jsonb_array_elements(store_memories.messages) given)
  order by m.id for share;
  since := bondhu.consented_since(of_user, 'memory');
  select array_agg(m.id), array_agg(m.id) filter (where bondhu.is_memorable(m, since)) into looked, sayers
  from jsonb_array_elements(store_memories.messages) given
  join public.chat_messages m on m.user_id = of_user and m.id = (given ->> 'id')::uuid and md5(m.message_text) = given ->> 'digest';
  update bondhu.chat_replies r set remembered_at = now() where r.user_id = of_user and r.message_id = any (looked);

  for found in
    select * from jsonb_to_recordset(store_memories.memories) as given
      (memory_text text, category text, confidence numeric, holds_from date, holds_until date, replaces uuid, message_ids uuid[])
  loop
    found.message_ids := array(select unnest(found.message_ids) intersect select unnest(sayers));
    continue when found.message_ids = array[]::uuid[];
    -- Said again, it has one more message that says so.
    known := bondhu.held_memory(of_user, found.memory_text, null);
    if known is null then
      -- A person's own words stand, and what was replaced is replaced once.
      continue when found.replaces is not null and bondhu.held_memory(of_user, null, found.replaces) is null;
      insert into public.memories (user_id, memory_text, category, confidence, holds_from, holds_until, replaces)
      values (of_user, found.memory_text, found.category, found.confidence, found.holds_from, found.holds_until, found.replaces)
      returning id into known;
      stored := stored + 1;
    end if;
    insert into public.memory_evidence (user_id, memory_id, message_id)
    select of_user, known, unnest(found.message_ids)
    on conflict do nothing;
  end loop;
  if stored > 0 then
    perform bondhu.prune_memories(of_user);
  end if;
  return stored;
end
$$;
comment on function public.store_memories(uuid, uuid, jsonb, jsonb, integer) is
  'Stores what a model found under the lease of memory_task, each memory with the message_ids that say so, marks messages ({id, digest}) as looked through, counts the tokens and ends the lease, all or nothing; returns how many are new. What no message that may be looked through says, or what would replace the person''s own words, is left out. 55000: the lease is another''s; P0002: the account is gone.';

create function bondhu.held_memory(of_user uuid, words text, memory uuid) returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  found_id uuid;
begin
  select m.id into found_id from public.memories m
  where m.user_id = of_user
    and case when memory is null then lower(m.memory_text) = lower(words) else m.id = memory and m.corrected_at is null end
    and not exists (select from public.memories newer where newer.user_id = of_user and newer.replaces = m.id)
  order by m.created_at, m.id limit 1
  for update;
  return found_id;
end
$$;
comment on function bondhu.held_memory(uuid, text, uuid) is
  'Of a user the memory that says this; or this one, while no other has replaced it and it is not in the person''s own words. Locks it; null when there is none.';

create function bondhu.prune_memories(of_user uuid) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  surplus uuid[] := array(
    select old.id from public.memories old
    where old.user_id = of_user
    order by exists (select from public.memories newer where newer.user_id = of_user and newer.replaces = old.id),
      old.holds_until is not null and old.holds_until < (now() at time zone 'UTC')::date, old.created_at desc, old.id
    offset (select s.memories_kept from bondhu.companion_settings s)
  );
begin
  perform from public.memories m where m.user_id = of_user and m.id = any (surplus) order by m.id for update;
  delete from public.memories m where m.user_id = of_user and m.id = any (surplus);
end
$$;
comment on function bondhu.prune_memories(uuid) is 'Keeps as many of a user''s memories as settings say: what was replaced goes first, then what no longer holds, then what is oldest.';

revoke all on function bondhu.words(text), bondhu.terms(text), bondhu.is_memorable(public.chat_messages, timestamptz), bondhu.unremembered(uuid, timestamptz),
  bondhu.held_memory(uuid, text, uuid), bondhu.prune_memories(uuid),
  public.recall(text, integer), public.memory_task(uuid), public.store_memories(uuid, uuid, jsonb, jsonb, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.recall(text, integer) to authenticated;
grant execute on function public.memory_task(uuid), public.store_memories(uuid, uuid, jsonb, jsonb, integer) to service_role;

-- sql/60_providers/10_connections.sql

-- A connection, one per user and provider, is its own sync job. Its public row holds its state; its
-- private rows hold the lease, the checkpoint and the sealed tokens.

create table public.provider_connections (
  user_id uuid not null references auth.users (id) on delete cascade,
  provider text not null references bondhu.provider_settings (provider),
  status text not null default 'pending',
  scopes text[] not null default '{}',
  account_id text,
  account_name text,
  connected_at timestamptz,
  last_sync_at timestamptz,
  next_sync_at timestamptz,
  missing text[] not null default '{}',
  last_error_code text,
  last_error text,
  updated_at timestamptz not null default now(),

  primary key (user_id, provider),
  constraint connection_status_is_known check (status in (
    'pending', 'queued', 'syncing', 'ok', 'partial', 'needs_reauth', 'failing', 'disconnected'
  )),
  constraint partial_says_what_is_missing check ((status = 'partial') <= (cardinality(missing) > 0)),
  constraint ok_misses_nothing check (status <> 'ok' or (cardinality(missing) = 0 and last_error is null)),
  constraint error_has_a_code check ((last_error is null) = (last_error_code is null)),
  constraint disconnected_forgets_the_account check (
    status <> 'disconnected' or num_nonnulls(account_id, account_name, connected_at, next_sync_at) = 0
  )
);
comment on table public.provider_connections is 'The state of each linked account. Holds no token.';
comment on column public.provider_connections.account_id is
  'The provider''s permanent id of the account (Spotify: account_id; YouTube: the channel). Null where the provider does not send it.';
comment on column public.provider_connections.missing is 'Resources that the last pull could not fetch, such as spotify.top_tracks; empty unless partial.';
comment on column public.provider_connections.last_error is 'A message for people, with what to do; last_error_code is stable, for programs.';

create index provider_connections_due on public.provider_connections (provider, next_sync_at)
  where status in ('pending', 'ok', 'partial', 'failing');
create index provider_connections_claimable on public.provider_connections (provider, next_sync_at)
  where status in ('queued', 'syncing');
create index provider_connections_by_account on public.provider_connections (provider, account_id);

alter table public.provider_connections enable row level security;
revoke all on public.provider_connections from public, anon, authenticated, service_role;
grant select on public.provider_connections to authenticated, service_role;
grant select, update on public.provider_connections to bondhu_worker;

create policy "a user reads their own connections" on public.provider_connections
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker keeps connections" on public.provider_connections
  to bondhu_worker using (true) with check (true);

create trigger provider_connections_set_updated_at before update on public.provider_connections
  for each row execute function bondhu.set_updated_at();

create table bondhu.sync_jobs (
  user_id uuid not null,
  provider text not null,
  lease_token uuid,
  lease_owner text,
  lease_expires_at timestamptz,
  checkpoint jsonb not null default '{}',
  resources jsonb not null default '{}',
  not_before timestamptz,
  attempts integer not null default 0,
  requested_at timestamptz,
  account_unknown boolean not null default false,
  owner_id text,
  hour_from timestamptz,
  hour_requests integer not null default 0,
  library_due_at timestamptz not null default now(),
  library_requests integer not null default 20,
  pull_requests integer not null default 0,
  urgent_from timestamptz,

  primary key (user_id, provider),
  constraint sync_jobs_connection_fkey foreign key (user_id, provider)
    references public.provider_connections (user_id, provider) on delete cascade,
  constraint lease_has_token check (num_nulls(lease_token, lease_owner, lease_expires_at) in (0, 3)),
  constraint checkpoint_is_an_object check (jsonb_typeof(checkpoint) = 'object'),
  constraint resources_is_an_object check (jsonb_typeof(resources) = 'object'),
  constraint attempts_are_counted check (attempts >= 0),
  constraint requests_are_counted check (hour_requests >= 0 and pull_requests >= 0),
  constraint library_costs_a_request check (library_requests between 1 and 1000000)
)
-- Leases come and go: with room on its page a row stays out of the indexes (heap-only tuples).
with (fillfactor = 80);
comment on table bondhu.sync_jobs is 'The private part of a connection. Exists while the account is linked.';
comment on column bondhu.sync_jobs.lease_token is 'The lease that may write for this connection: a worker whose token is no longer here has lost the job.';
comment on column bondhu.sync_jobs.checkpoint is 'Where an unfinished walk continues; commits together with the page before it.';
comment on column bondhu.sync_jobs.resources is
  'By resource: {name: {at, offered, lost, emptied}}. at: when it was last walked to its end; offered: false when the provider does not give it to this app; lost: how often which field could not be read; emptied: lists found empty once, whose rows are deleted when the next walk finds them empty, too.';
comment on column bondhu.sync_jobs.not_before is 'Back-off, stored because it may be longer than a worker runs: Retry-After of 13 hours occurs.';
comment on column bondhu.sync_jobs.requested_at is
  'When the user asked for a sync, or came back after a time in which syncs had become rarer; served before scheduled ones.';
comment on column bondhu.sync_jobs.library_due_at is
  'From then on a pull walks everything, not plays alone. Set by the worker (core/src/planning.rs).';
comment on column bondhu.sync_jobs.library_requests is
  'Requests that the last walk of everything took, which the next one is expected to take. 20 before the first: a page of each list and some more.';
comment on column bondhu.sync_jobs.pull_requests is 'Requests that the pull under way has taken, over all its leases.';
comment on column bondhu.sync_jobs.urgent_from is
  'From then on it goes before what is merely due: what is stored has to be deleted soon unless it is refreshed. Null where the provider sets no such term, or nothing was read yet.';
comment on column bondhu.sync_jobs.account_unknown is
  'True when the provider could not be asked which account it is while it was linked: the next pull asks first (bondhu.settle_account).';
comment on column bondhu.sync_jobs.hour_requests is
  'Requests sent by its pulls in the hour that began at hour_from; limited to bondhu.connection_share() an hour.';
comment on column bondhu.sync_jobs.owner_id is
  'The account''s id as owner of its lists. It may change, unlike provider_connections.account_id, and is read again with the lists.';

create table bondhu.provider_tokens (
  user_id uuid not null,
  provider text not null,
  kind text not null,
  sealed bytea not null,
  expires_at timestamptz,

  primary key (user_id, provider, kind),
  constraint provider_tokens_connection_fkey foreign key (user_id, provider)
    references public.provider_connections (user_id, provider) on delete cascade,
  constraint token_kind_is_known check (kind in ('access', 'refresh'))
);
comment on table bondhu.provider_tokens is
  'Tokens sealed by the worker (XChaCha20-Poly1305, bound to user, provider and kind). The database never sees one in clear.';

create index sync_jobs_asked_for on bondhu.sync_jobs (provider, requested_at) where requested_at is not null;
create index sync_jobs_urgent on bondhu.sync_jobs (provider, urgent_from) where urgent_from is not null;
create index sync_jobs_backing_off on bondhu.sync_jobs (provider, not_before) where not_before is not null;

create table bondhu.revocations (
  id bigint generated always as identity primary key,
  sealed_for uuid not null,
  provider text not null references bondhu.provider_settings (provider),
  account_hash bytea,
  sealed bytea not null,
  requested_at timestamptz not null default now(),
  not_before timestamptz not null default now(),
  in_flight_until timestamptz,
  attempts integer not null default 0,

  constraint account_is_hashed check (octet_length(account_hash) = 32),
  constraint attempts_are_counted check (attempts >= 0)
);
comment on table bondhu.revocations is
  'Sealed refresh tokens of unlinked accounts and deleted users, where the provider has an endpoint to revoke them. Kept after the user is deleted, until revoked, at most 7 days.';
comment on column bondhu.revocations.sealed_for is 'The user whom the token was sealed for, needed to unseal it. No foreign key: the token is revoked after the user is deleted.';
comment on column bondhu.revocations.account_hash is 'SHA-256 of provider and account, so that a new consent to the same account is not revoked; null where the account is not known.';
comment on column bondhu.revocations.not_before is 'Back-off, and how long a consent in progress delays it.';
comment on column bondhu.revocations.in_flight_until is 'Until then a worker may be calling the provider: no code is exchanged meanwhile, because its grant could be revoked, too.';
create index revocations_by_owner on bondhu.revocations (provider, sealed_for);

create table bondhu.page_etags (
  user_id uuid not null,
  provider text not null,
  resource text not null,
  page text not null,
  etag text not null,
  item_ids text[] not null,
  next_page text,
  shown integer not null,
  total integer,
  walk_id uuid not null,
  fetched_at timestamptz not null default now(),

  primary key (user_id, provider, resource, page),
  constraint page_etags_job_fkey foreign key (user_id, provider)
    references bondhu.sync_jobs (user_id, provider) on delete cascade
);
comment on table bondhu.page_etags is
  'Entity tags of pages (RFC 9110, 8.8.3), so that the provider does not send an unchanged page again. Deleted with the connection.';
comment on column bondhu.page_etags.shown is 'Items on the page, including those that are not stored; total: the length of the whole list, as the provider reported it.';
comment on column bondhu.page_etags.page is 'The requested page: path and query below the API''s base URL.';

create table bondhu.provider_ledger (
  provider text not null references bondhu.provider_settings (provider),
  counted_from timestamptz not null,
  requests bigint not null default 0,

  primary key (provider, counted_from),
  constraint requests_are_counted check (requests >= 0)
);
comment on table bondhu.provider_ledger is
  'Requests (YouTube: quota units, one each) sent by all workers: per second where the quota is a rolling window, else per quota day.';

revoke all on bondhu.sync_jobs, bondhu.revocations, bondhu.page_etags, bondhu.provider_tokens, bondhu.provider_ledger from public, anon, authenticated, service_role;
grant select, update on bondhu.sync_jobs to bondhu_worker;
grant select, update, delete on bondhu.revocations to bondhu_worker;
grant select, insert, update, delete on bondhu.page_etags to bondhu_worker;
grant select, insert, update, delete on bondhu.provider_tokens to bondhu_worker;
grant select, insert, update, delete on bondhu.provider_ledger to bondhu_worker;
grant select on bondhu.sync_jobs, bondhu.provider_ledger to service_role;

-- sql/60_providers/20_listening.sql

-- Data from Spotify: plays, top artists and tracks, the library and playlists.

create table public.listening_history (
  user_id uuid not null references auth.users (id) on delete cascade,
  played_at timestamptz not null,
  track_id text not null,
  track_name text not null,
  artist_names text[] not null default '{}',
  isrc text,
  duration_ms integer,
  context_uri text,
  fetched_at timestamptz not null default now(),

  primary key (user_id, played_at, track_id),
  constraint duration_is_positive check (duration_ms >= 0)
);
comment on table public.listening_history is
  'Plays, from Spotify''s recently played. The provider keeps only the last 50, so that late polls miss some.';

create table public.music_top_items (
  user_id uuid not null references auth.users (id) on delete cascade,
  kind text not null,
  time_range text not null,
  rank integer not null,
  item_id text not null,
  name text not null,
  artist_names text[] not null default '{}',
  genres text[],
  isrc text,
  walk_id uuid not null,
  fetched_at timestamptz not null default now(),

  primary key (user_id, kind, time_range, rank),
  constraint top_item_kind_is_known check (kind in ('artist', 'track')),
  constraint time_range_is_known check (time_range in ('short_term', 'medium_term', 'long_term')),
  constraint rank_starts_at_one check (rank >= 1)
);
comment on table public.music_top_items is
  'Top artists and tracks per range: short_term about 4 weeks, medium_term about 6 months, long_term about a year.';
comment on column public.music_top_items.genres is 'Null when the provider sends none: it has deprecated the field.';
comment on column public.music_top_items.walk_id is 'The pull that last found this row; rows that a complete walk did not find are deleted.';

create table public.listening_gaps (
  user_id uuid not null references auth.users (id) on delete cascade,
  after_play timestamptz not null,
  before_play timestamptz not null,
  found_at timestamptz not null default now(),

  primary key (user_id, after_play),
  constraint gap_has_a_length check (after_play < before_play)
);
comment on table public.listening_gaps is
  'Where listening_history may lack plays: a poll found only newer plays, as many as the provider keeps. Nothing is known between the two instants.';

create table public.music_library (
  user_id uuid not null references auth.users (id) on delete cascade,
  kind text not null,
  item_id text not null,
  name text not null,
  artist_names text[] not null default '{}',
  genres text[],
  isrc text,
  added_at timestamptz,
  walk_id uuid not null,
  fetched_at timestamptz not null default now(),

  primary key (user_id, kind, item_id),
  constraint library_kind_is_known check (kind in ('album', 'artist', 'track'))
);
comment on table public.music_library is 'Saved albums and tracks, and followed artists.';
comment on column public.music_library.added_at is 'When it was saved; null for artists, for which the provider sends no date.';

create table public.music_playlists (
  user_id uuid not null references auth.users (id) on delete cascade,
  playlist_id text not null,
  name text,
  owner_id text,
  collaborative boolean not null default false,
  snapshot_id text,
  item_count integer,
  items_snapshot_id text,
  walk_id uuid not null,
  fetched_at timestamptz not null default now(),

  primary key (user_id, playlist_id),
  constraint items_are_counted check (item_count >= 0)
);
comment on table public.music_playlists is 'Playlists the user owns or follows.';
comment on column public.music_playlists.items_snapshot_id is
  'The snapshot whose items are in music_playlist_items; they are fetched again when snapshot_id differs. Null: never fetched, as for playlists of others.';

create table public.music_playlist_items (
  user_id uuid not null,
  playlist_id text not null,
  position integer not null,
  track_id text not null,
  name text not null,
  artist_names text[] not null default '{}',
  isrc text,
  added_at timestamptz,
  walk_id uuid not null,
  fetched_at timestamptz not null default now(),

  primary key (user_id, playlist_id, position),
  constraint music_playlist_items_playlist_fkey foreign key (user_id, playlist_id)
    references public.music_playlists (user_id, playlist_id) on delete cascade,
  constraint position_starts_at_zero check (position >= 0)
);
comment on table public.music_playlist_items is
  'Tracks of the user''s own and collaborative playlists with their positions; the provider does not list those of others. Without local files and episodes.';

create table bondhu.track_features (
  track_id text primary key,
  energy numeric(4, 3) not null,
  valence numeric(4, 3) not null,
  danceability numeric(4, 3) not null,
  acousticness numeric(4, 3) not null,
  fetched_at timestamptz not null default now(),

  constraint features_are_shares check (
    energy between 0 and 1 and valence between 0 and 1 and danceability between 0 and 1 and acousticness between 0 and 1
  )
);
comment on table bondhu.track_features is
  'Spotify''s audio features of tracks, where the app has extended access. About recordings, not users.';

create table bondhu.recording_genres (
  isrc text primary key,
  genres text[] not null,
  source text not null,
  fetched_at timestamptz not null default now()
);
comment on table bondhu.recording_genres is
  'Genres of recordings from another source (musicbrainz), where the worker is configured to fetch them; empty: none known. About recordings, not users.';
create index music_top_items_by_recording on public.music_top_items (isrc) where kind = 'track' and isrc is not null;

alter table public.listening_history enable row level security;
alter table public.listening_gaps enable row level security;
alter table public.music_top_items enable row level security;
alter table public.music_library enable row level security;
alter table public.music_playlists enable row level security;
alter table public.music_playlist_items enable row level security;
revoke all on public.listening_history, public.listening_gaps, public.music_top_items,
  public.music_library, public.music_playlists, public.music_playlist_items,
  bondhu.track_features, bondhu.recording_genres
  from public, anon, authenticated, service_role;
grant select on public.listening_history, public.listening_gaps, public.music_top_items,
  public.music_library, public.music_playlists, public.music_playlist_items
  to authenticated, service_role;
grant select, insert, update, delete on public.listening_history, public.listening_gaps, public.music_top_items,
  public.music_library, public.music_playlists, public.music_playlist_items,
  bondhu.track_features, bondhu.recording_genres
  to bondhu_worker;

create policy "a user reads their own listening" on public.listening_history
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker keeps listening" on public.listening_history
  to bondhu_worker using (true) with check (true);
create policy "a user reads their own listening gaps" on public.listening_gaps
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker keeps listening gaps" on public.listening_gaps
  to bondhu_worker using (true) with check (true);
create policy "a user reads their own top items" on public.music_top_items
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker keeps top items" on public.music_top_items
  to bondhu_worker using (true) with check (true);
create policy "a user reads their own library" on public.music_library
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker keeps library" on public.music_library
  to bondhu_worker using (true) with check (true);
create policy "a user reads their own playlists" on public.music_playlists
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker keeps playlists" on public.music_playlists
  to bondhu_worker using (true) with check (true);
create policy "a user reads their own playlist items" on public.music_playlist_items
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker keeps playlist items" on public.music_playlist_items
  to bondhu_worker using (true) with check (true);

-- sql/60_providers/30_watching.sql

-- Data from YouTube: subscriptions, liked videos and playlists. There is no watch history.

create table public.video_subscriptions (
  user_id uuid not null references auth.users (id) on delete cascade,
  channel_id text not null,
  title text,
  subscribed_at timestamptz,
  topics text[],
  topics_at timestamptz,
  walk_id uuid not null,
  fetched_at timestamptz not null default now(),

  primary key (user_id, channel_id)
);
comment on table public.video_subscriptions is 'Channels the user follows on YouTube.';
comment on column public.video_subscriptions.topics is 'Wikipedia titles of the channel''s topicCategories; null when it has none. Fetched at topics_at.';

create table public.video_likes (
  user_id uuid not null references auth.users (id) on delete cascade,
  video_id text not null,
  title text,
  channel_id text,
  channel_title text,
  category_id text,
  topics text[] not null default '{}',
  published_at timestamptz,
  walk_id uuid not null,
  fetched_at timestamptz not null default now(),

  primary key (user_id, video_id)
);
comment on table public.video_likes is 'Videos the user liked on YouTube. Deleted and private ones are not listed there.';
comment on column public.video_likes.topics is 'Wikipedia titles of topicDetails.topicCategories, e.g. Music.';
comment on column public.video_likes.walk_id is 'The pull that last found this row; rows that a complete walk did not find are deleted.';

create table public.video_playlists (
  user_id uuid not null references auth.users (id) on delete cascade,
  playlist_id text not null,
  title text,
  item_count integer,
  walk_id uuid not null,
  fetched_at timestamptz not null default now(),

  primary key (user_id, playlist_id),
  constraint items_are_counted check (item_count >= 0)
);
comment on table public.video_playlists is 'The user''s own playlists on YouTube.';

create table public.video_playlist_items (
  user_id uuid not null,
  playlist_id text not null,
  item_id text not null,
  video_id text not null,
  title text,
  channel_id text,
  channel_title text,
  category_id text,
  topics text[],
  published_at timestamptz,
  details_at timestamptz,
  walk_id uuid not null,
  fetched_at timestamptz not null default now(),

  primary key (user_id, playlist_id, item_id),
  constraint video_playlist_items_playlist_fkey foreign key (user_id, playlist_id)
    references public.video_playlists (user_id, playlist_id) on delete cascade
);
comment on table public.video_playlist_items is 'Items of the user''s own playlists. A video that is no longer visible keeps its position, without details.';
comment on column public.video_playlist_items.details_at is 'When the video''s title, channel, category and topics were fetched; null: not yet.';

create index video_playlists_by_age on public.video_playlists (fetched_at);
create index video_subscriptions_by_age on public.video_subscriptions (fetched_at);
create index video_likes_by_age on public.video_likes (fetched_at);

create table bondhu.video_categories (
  region text not null,
  category_id text not null,
  title text not null,
  fetched_at timestamptz not null default now(),

  primary key (region, category_id)
);
comment on table bondhu.video_categories is 'YouTube''s category titles by region (ISO 3166-1 alpha-2), kept at most settings.video_retention_days.';

create function bondhu.video_region(of_user uuid) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(upper(substring(p.locale from '[-_]([A-Za-z]{2})(?:$|[-_])')), 'US')
  from bondhu.people p
  where p.user_id = of_user
$$;
comment on function bondhu.video_region(uuid) is 'The region in the user''s locale, as BD in bn-BD; US when it names none.';
revoke all on function bondhu.video_region(uuid) from public, anon, authenticated, service_role;
grant execute on function bondhu.video_region(uuid) to bondhu_worker;

alter table public.video_subscriptions enable row level security;
alter table public.video_likes enable row level security;
alter table public.video_playlists enable row level security;
alter table public.video_playlist_items enable row level security;
revoke all on public.video_subscriptions, public.video_likes, public.video_playlists,
  public.video_playlist_items,
  bondhu.video_categories
  from public, anon, authenticated, service_role;
grant select on public.video_subscriptions, public.video_likes, public.video_playlists,
  public.video_playlist_items
  to authenticated, service_role;
grant select, insert, update, delete on public.video_subscriptions, public.video_likes, public.video_playlists,
  public.video_playlist_items,
  bondhu.video_categories
  to bondhu_worker;

create policy "a user reads their own subscriptions" on public.video_subscriptions
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker keeps subscriptions" on public.video_subscriptions
  to bondhu_worker using (true) with check (true);
create policy "a user reads their own likes" on public.video_likes
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker keeps likes" on public.video_likes
  to bondhu_worker using (true) with check (true);
create policy "a user reads their own video playlists" on public.video_playlists
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker keeps video playlists" on public.video_playlists
  to bondhu_worker using (true) with check (true);
create policy "a user reads their own video playlist items" on public.video_playlist_items
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker keeps video playlist items" on public.video_playlist_items
  to bondhu_worker using (true) with check (true);

-- sql/60_providers/35_video_charts.sql

-- YouTube's public chart of a region: nobody's own, and fetched once for everybody in it.

create table bondhu.video_charts (
  region text primary key,
  videos jsonb not null default '[]',
  fetched_at timestamptz,
  ask_again_at timestamptz not null,

  constraint region_is_two_letters check (region ~ '^[A-Z]{2}$'),
  constraint videos_are_one_page check (case jsonb_typeof(videos) when 'array' then jsonb_array_length(videos) <= 50 else false end)
);
comment on table bondhu.video_charts is
  'YouTube''s most popular videos by region (ISO 3166-1 alpha-2), one page each, kept at most settings.video_retention_days.';
comment on column bondhu.video_charts.videos is
  'By rank: rank, video_id, title, channel_id, channel_title, category_id, published_at. Empty where YouTube has none of the region.';
comment on column bondhu.video_charts.fetched_at is 'When YouTube sent these videos, or said first that it has none; null: it has not answered yet.';
comment on column bondhu.video_charts.ask_again_at is
  'Nobody asks YouTube before: 6 hours after its answer, 5 minutes after a pull has begun to ask, so that of many one does.';

revoke all on bondhu.video_charts from public, anon, authenticated, service_role;
grant select, insert, update, delete on bondhu.video_charts to bondhu_worker;

-- sql/60_providers/40_tastes.sql

-- Tastes: what the worker computes (with the rules of bondhu-core) after each pull.
-- Unknown is null, never 0.

create table public.music_preferences (
  user_id uuid not null references auth.users (id) on delete cascade,
  provider text not null references bondhu.provider_settings (provider),
  top_genres jsonb not null,
  mood_profile jsonb,
  diversity numeric(4, 3),
  top_artists jsonb not null,
  recently_played jsonb not null,
  plays_by_hour integer[] not null,
  plays_by_weekday integer[] not null,
  play_count bigint not null,
  trait_evidence jsonb,
  computed_at timestamptz not null,

  primary key (user_id, provider),
  constraint top_genres_is_a_list check (jsonb_typeof(top_genres) = 'array'),
  constraint mood_profile_is_an_object check (jsonb_typeof(mood_profile) = 'object'),
  constraint diversity_is_a_share check (diversity between 0 and 1),
  constraint top_artists_is_a_list check (jsonb_typeof(top_artists) = 'array'),
  constraint recently_played_is_a_list check (jsonb_typeof(recently_played) = 'array'),
  constraint plays_have_every_hour check (cardinality(plays_by_hour) = 24),
  constraint plays_have_every_weekday check (cardinality(plays_by_weekday) = 7),
  constraint trait_evidence_is_an_object check (jsonb_typeof(trait_evidence) = 'object'),
  constraint plays_are_counted check (play_count >= 0)
);
create index music_preferences_by_provider on public.music_preferences (provider);
comment on table public.music_preferences is
  'Musical taste, one row per linked account with music; deleted when that is unlinked. On YouTube, music is category 10, music topics and artists'' own channels.';
comment on column public.music_preferences.top_genres is 'Heaviest first: [{genre, weight, source}]; weights are shares of all genre evidence, 0..1.';
comment on column public.music_preferences.mood_profile is '{energy, valence, danceability, acousticness, confidence, source}, each 0..1, source audio_features or genres; null without evidence.';
comment on column public.music_preferences.diversity is 'Gini–Simpson index of the genre weights: 0 one genre, towards 1 many alike; null without genres.';
comment on column public.music_preferences.plays_by_weekday is 'Like plays_by_hour, by weekday from Monday.';
comment on column public.music_preferences.trait_evidence is
  '{openness, extraversion}: shares 0..1 of genres associated with the trait (Rentfrow & Gosling 2003). Weak evidence, kept apart from the traits concluded from messages; null without such genres.';
comment on column public.music_preferences.plays_by_hour is 'Known plays per hour of the day, in the user''s time zone at computed_at.';

create table public.video_preferences (
  user_id uuid primary key references auth.users (id) on delete cascade,
  top_categories jsonb not null,
  top_topics jsonb not null,
  top_channels jsonb not null,
  recent_channels jsonb not null,
  subscription_count bigint not null,
  like_count bigint not null,
  playlist_count bigint not null,
  computed_at timestamptz not null,

  constraint top_categories_is_a_list check (jsonb_typeof(top_categories) = 'array'),
  constraint top_topics_is_a_list check (jsonb_typeof(top_topics) = 'array'),
  constraint top_channels_is_a_list check (jsonb_typeof(top_channels) = 'array'),
  constraint recent_channels_is_a_list check (jsonb_typeof(recent_channels) = 'array'),
  constraint videos_are_counted check (least(subscription_count, like_count, playlist_count) >= 0)
);
comment on table public.video_preferences is 'Taste in videos from linked accounts; deleted when they are unlinked.';
comment on column public.video_preferences.top_categories is 'Most frequent first: [{name, weight}]; weights are shares, 0..1, of the liked and playlist videos that have a category. top_topics likewise, with the topics of subscribed channels.';
comment on column public.video_preferences.recent_channels is 'Subscribed to last, newest first: [{channel_id, title, subscribed_at}].';
comment on column public.video_preferences.top_channels is 'Most liked first: [{channel_id, title, likes, subscribed}].';

alter table public.music_preferences enable row level security;
alter table public.video_preferences enable row level security;
revoke all on public.music_preferences, public.video_preferences from public, anon, authenticated, service_role;
grant select on public.music_preferences, public.video_preferences to authenticated, service_role;
grant select, insert, update, delete on public.music_preferences, public.video_preferences to bondhu_worker;

create policy "a user reads their own music preferences" on public.music_preferences
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker keeps music preferences" on public.music_preferences
  to bondhu_worker using (true) with check (true);
create policy "a user reads their own video preferences" on public.video_preferences
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker keeps video preferences" on public.video_preferences
  to bondhu_worker using (true) with check (true);

create function bondhu.music_profile_document(user_ids uuid[], as_of timestamptz)
returns table (user_id uuid, data json, until timestamptz)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
  return query
    select
      p.user_id,
      (
        select jsonb_object_agg(m.provider, to_jsonb(m) - '{user_id,provider}'::text[])
        from public.music_preferences m
        where m.user_id = p.user_id
      )::json,
      null::timestamptz
    from unnest(user_ids) wanted (id)
    join bondhu.people p on p.user_id = wanted.id
    where as_of is not null;
end
$$;
comment on function bondhu.music_profile_document(uuid[], timestamptz) is
  'Redis document music:profile: musical taste by provider; null data for a user without music.';

create function bondhu.music_spotify_document(user_ids uuid[], as_of timestamptz)
returns table (user_id uuid, data json, until timestamptz)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
  return query
    select p.user_id, (to_jsonb(m) - '{user_id,provider}'::text[])::json, null::timestamptz
    from unnest(user_ids) wanted (id)
    join bondhu.people p on p.user_id = wanted.id
    left join public.music_preferences m on m.user_id = p.user_id and m.provider = 'spotify'
    where as_of is not null;
end
$$;
comment on function bondhu.music_spotify_document(uuid[], timestamptz) is 'Redis document music:spotify; null data for a user without Spotify.';

create function bondhu.video_youtube_document(user_ids uuid[], as_of timestamptz)
returns table (user_id uuid, data json, until timestamptz)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
  return query
    select p.user_id, (to_jsonb(v) - 'user_id')::json, null::timestamptz
    from unnest(user_ids) wanted (id)
    join bondhu.people p on p.user_id = wanted.id
    left join public.video_preferences v on v.user_id = p.user_id
    where as_of is not null;
end
$$;
comment on function bondhu.video_youtube_document(uuid[], timestamptz) is 'Redis document video:youtube; null data for a user without videos.';

revoke all on function bondhu.music_profile_document(uuid[], timestamptz), bondhu.music_spotify_document(uuid[], timestamptz),
  bondhu.video_youtube_document(uuid[], timestamptz)
  from public, anon, authenticated, service_role;
grant execute on function bondhu.music_profile_document(uuid[], timestamptz), bondhu.music_spotify_document(uuid[], timestamptz),
  bondhu.video_youtube_document(uuid[], timestamptz)
  to bondhu_worker;

-- sql/60_providers/50_dashboards.sql

-- Reads for dashboards: what the caller listens to and watches, in their own time zone and
-- under row-level security.

create function bondhu.check_limit(max_rows integer) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if max_rows is null or max_rows not between 1 and 200 then
    raise exception using
      errcode = '22023',
      message = 'max_rows must be 1 to 200',
      hint = 'Ask for fewer rows, or page by the time of the last one.';
  end if;
end
$$;
comment on function bondhu.check_limit(integer) is '22023 unless 1 to 200.';
revoke all on function bondhu.check_limit(integer) from public, anon, authenticated, service_role;
grant execute on function bondhu.check_limit(integer) to authenticated;

create function public.recently_played(
  before timestamptz default 'infinity',
  max_rows integer default 50,
  before_cursor text default null
) returns table (
  played_at timestamptz, track_id text, track_name text, artist_names text[], duration_ms integer, cursor text
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  before_track text;
begin
  perform bondhu.check_limit(max_rows);
  if before_cursor is not null then
    if char_length(before_cursor) > 1000 or before_cursor !~ '^[0-9a-f]{16}' then
      perform bondhu.refuse_cursor();
    end if;
    before := bondhu.cursor_to_instant(left(before_cursor, 16));
    before_track := substr(before_cursor, 17);
  end if;
  return query
    select h.played_at, h.track_id, h.track_name, h.artist_names, h.duration_ms,
      bondhu.instant_to_cursor(h.played_at) || h.track_id
    from public.listening_history h
    where h.user_id = (select bondhu.require_user())
      and h.played_at <= coalesce(before, 'infinity')
      and (h.played_at < coalesce(before, 'infinity') or h.track_id > before_track)
    order by h.played_at desc, h.track_id
    limit max_rows;
end
$$;
comment on function public.recently_played(timestamptz, integer, text) is
  'The caller''s plays before an instant, newest first; each with its cursor, an opaque string: pass that of the last row as before_cursor for the next page. max_rows 1 to 200.';

create function public.top_genres(max_rows integer default 10)
returns table (genre text, weight numeric, source text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  perform bondhu.check_limit(max_rows);
  return query
    select listed.genre, listed.weight, m.provider
    from public.music_preferences m
    cross join lateral jsonb_to_recordset(m.top_genres) as listed (genre text, weight numeric)
    where m.user_id = (select bondhu.require_user())
    order by listed.weight desc, listed.genre, m.provider
    limit max_rows;
end
$$;
comment on function public.top_genres(integer) is
  'The caller''s genres, heaviest first, with the account they come from; weights are shares of that account''s genres, 0..1. max_rows 1 to 200.';

create function public.listening_stats(
  since timestamptz default now() - interval '30 days',
  until timestamptz default now()
) returns table (
  plays bigint, tracks bigint, artists bigint, listened_ms bigint,
  plays_by_hour bigint[], plays_by_weekday bigint[], gaps bigint
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  caller uuid := (select bondhu.require_user());
  zone text := bondhu.my_time_zone();
begin
  perform bondhu.check_range(since, until);
  return query
    with played as (
      select h.track_id, h.artist_names, h.duration_ms, h.played_at at time zone zone as local
      from public.listening_history h
      where h.user_id = caller and h.played_at >= since and h.played_at < until
    )
    select
      (select count(*) from played),
      (select count(distinct p.track_id) from played p),
      (select count(distinct name) from played p, unnest(p.artist_names) name),
      (select coalesce(sum(p.duration_ms), 0)::bigint from played p),
      (select array_agg((select count(*) from played p where extract(hour from p.local) = hour) order by hour)
       from generate_series(0, 23) hour),
      (select array_agg((select count(*) from played p where extract(isodow from p.local) = day) order by day)
       from generate_series(1, 7) day),
      (select count(*) from public.listening_gaps g
       where g.user_id = caller and g.after_play < until and g.before_play > since);
end
$$;
comment on function public.listening_stats(timestamptz, timestamptz) is
  'What the caller listened to from since (included) to until (excluded): counts, sum of the tracks'' lengths in ms, plays by local hour (0 to 23) and weekday (from Monday), and the number of gaps where plays may be missing.';

create function public.watching_stats()
returns table (
  subscriptions bigint, likes bigint, playlists bigint, top_categories jsonb, top_topics jsonb, recent_channels jsonb,
  computed_at timestamptz
)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select v.subscription_count, v.like_count, v.playlist_count, v.top_categories, v.top_topics, v.recent_channels, v.computed_at
  from public.video_preferences v
  where v.user_id = (select bondhu.require_user())
$$;
comment on function public.watching_stats() is
  'Counts, favourites and latest subscriptions of the caller''s YouTube account, as of computed_at; no row without YouTube.';

revoke all on function public.recently_played(timestamptz, integer, text), public.top_genres(integer),
  public.listening_stats(timestamptz, timestamptz), public.watching_stats()
  from public, anon, authenticated, service_role;
grant execute on function public.recently_played(timestamptz, integer, text), public.top_genres(integer),
  public.listening_stats(timestamptz, timestamptz), public.watching_stats()
  to authenticated;

-- sql/60_providers/60_oauth.sql

-- Beginning to link an account: begin_connect → the provider's consent page → the worker's
-- callback → confirm_connect (65_linking.sql). The last step runs in the session of the same user, so
-- that nobody can link another person's account to their own.

create table bondhu.oauth_states (
  state_hash bytea primary key,
  user_id uuid not null references auth.users (id) on delete cascade,
  provider text not null references bondhu.provider_settings (provider),
  code_verifier text not null,
  return_to text not null,
  expires_at timestamptz not null,
  taken boolean not null default false,

  constraint state_is_hashed check (octet_length(state_hash) = 32),
  constraint return_to_is_short check (char_length(return_to) <= 2000),
  -- RFC 7636 section 4.1
  constraint verifier_has_pkce_length check (char_length(code_verifier) between 43 and 128)
);
comment on table bondhu.oauth_states is 'Consents in progress. The state itself is only in the URL; stored is its SHA-256.';
comment on column bondhu.oauth_states.taken is 'True once the user has come back with it: a state works once.';
create index oauth_states_by_user on bondhu.oauth_states (user_id);
create index oauth_states_by_provider on bondhu.oauth_states (provider);

create table bondhu.pending_connections (
  code_hash bytea primary key,
  user_id uuid not null references auth.users (id) on delete cascade,
  provider text not null references bondhu.provider_settings (provider),
  scopes text[] not null,
  account_id text,
  owner_id text,
  account_name text,
  account_known boolean not null default true,
  sealed_access bytea not null,
  access_expires_at timestamptz,
  sealed_refresh bytea,
  expires_at timestamptz not null,

  constraint code_is_hashed check (octet_length(code_hash) = 32)
);
comment on table bondhu.pending_connections is 'Consents given and not yet confirmed. The one-time code is only in the URL; stored is its SHA-256.';
comment on column bondhu.pending_connections.account_known is
  'False: the provider''s budget was used up, or it did not answer, when it was asked which account this is; the first pull asks again.';
create index pending_connections_by_user on bondhu.pending_connections (user_id);
create index pending_connections_by_provider on bondhu.pending_connections (provider);

revoke all on bondhu.oauth_states, bondhu.pending_connections from public, anon, authenticated, service_role;
grant select, update, delete on bondhu.oauth_states to bondhu_worker;
grant select, insert, update, delete on bondhu.pending_connections to bondhu_worker;

create function bondhu.base64url(bytes bytea) returns text
language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
  select rtrim(translate(encode(bytes, 'base64'), E'+/\n', '-_'), '=')
$$;

-- 43 characters of base64url from 244 random bits: two version 4 uuids have 122 each.
create function bondhu.random_token() returns text
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
  select bondhu.base64url(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())))
$$;

create function bondhu.url_encode(plain text) returns text
language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(string_agg(
    case when chr(byte) ~ '[A-Za-z0-9_.~-]' and byte < 128 then chr(byte)
         else '%' || upper(lpad(to_hex(byte), 2, '0')) end, '' order by place), '')
  from (
    select get_byte(convert_to(plain, 'UTF8'), place) as byte, place
    from generate_series(0, octet_length(convert_to(plain, 'UTF8')) - 1) place
  ) bytes
$$;
comment on function bondhu.url_encode(text) is 'Percent-encoding of RFC 3986 section 2.1; everything but unreserved characters.';

-- The origin as browsers compare it: lower-case scheme and host, no default port. Null
-- for anything but a plain scheme://host[:port][/…]: user info, backslashes, white space and control
-- characters can deceive allow-lists.
create function bondhu.url_origin(url text) returns text
language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
  select case when url !~ '[[:space:][:cntrl:]\\]' then
    regexp_replace(
      lower(substring(url from '^([A-Za-z][A-Za-z0-9+.-]*://(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?)(?:[/?#]|$)')),
      '^(http://.*):80$|^(https://.*):443$', '\1\2')
  end
$$;

-- The app reads these parameters from the URL that the user returns to: one that return_to has already
-- would be mistaken for the answer. Names may be percent-encoded: each letter also matches its code.
create function bondhu.has_answer_parameter(url text) returns boolean
language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
  select url ~* ('[?#&;](?:' || string_agg(
    (select string_agg(format('(?:%s|%%%s)', letter, to_hex(ascii(letter))), '' order by place)
     from string_to_table(name, null) with ordinality spelled (letter, place)), '|') || ')(?:=|&|;|#|\[|%5b|%3d|$)')
  from unnest(array['code', 'provider', 'error', 'error_description']) name
$$;
comment on function bondhu.has_answer_parameter(text) is 'Whether a URL has a parameter, in its query or fragment, of a name that the worker''s callback adds.';

revoke all on function bondhu.random_token(), bondhu.base64url(bytea), bondhu.url_encode(text), bondhu.url_origin(text), bondhu.has_answer_parameter(text)
  from public, anon, authenticated, service_role;

create function bondhu.require_provider(named text) returns bondhu.provider_settings
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  found_provider bondhu.provider_settings;
begin
  select * into found_provider from bondhu.provider_settings s where s.provider = named;
  if not found then
    raise exception using
      errcode = '22023',
      message = format('unknown provider %L', left(named, 40)),
      hint = format('Known providers: %s.', (select string_agg(s.provider, ', ' order by s.provider) from bondhu.provider_settings s));
  end if;
  return found_provider;
end
$$;
revoke all on function bondhu.require_provider(text) from public, anon, authenticated, service_role;

-- By the token's claim or by the account: a token from elsewhere may lack the claim.
create function bondhu.refuse_anonymous() returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  caller uuid := bondhu.lock_user();
  anonymous boolean := auth.jwt() ->> 'is_anonymous' = 'true';
begin
  if anonymous is not true and has_table_privilege('auth.users', 'select') then
    -- As json, because an older auth.users lacks the column.
    select to_jsonb(u) ->> 'is_anonymous' = 'true' into anonymous from auth.users u where u.id = caller;
  end if;
  if anonymous and not (select s.anonymous_may_link from bondhu.settings s) then
    raise exception using
      errcode = '55000',
      message = 'this account is anonymous: it cannot link other accounts',
      hint = 'Give it an e-mail address or another way to sign in first (supabase.auth.updateUser or linkIdentity), then refresh the session. Chat works without.';
  end if;
  return caller;
end
$$;
comment on function bondhu.refuse_anonymous() is
  'As bondhu.lock_user(); 55000 for an anonymous account unless settings.anonymous_may_link.';
revoke all on function bondhu.refuse_anonymous() from public, anon, authenticated, service_role;

create function public.begin_connect(provider text, return_to text) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  caller uuid := bondhu.refuse_anonymous();
  settings bondhu.provider_settings := bondhu.require_provider($1);
  state text := bondhu.random_token();
  verifier text := bondhu.random_token();
  back text := $2;
begin
  if not settings.enabled or settings.client_id is null or settings.redirect_uri is null then
    raise exception using
      errcode = '55000',
      message = format('%s is not set up here', settings.provider),
      hint = format('The operator fills in client_id and redirect_uri in bondhu.provider_settings for %s; sync-worker doctor tells what is missing.', settings.provider);
  end if;
  if char_length(back) > 2000 then
    raise exception using
      errcode = '22023',
      message = format('return_to has %s characters', char_length(back)),
      hint = 'Send at most 2000; keep what the page has to remember in its own storage.';
  end if;
  -- Not `= any`: an entry that is not an origin would make the condition null, which refuses nothing.
  if not exists (
    select from unnest(settings.return_to_allow_list) allowed where bondhu.url_origin(allowed) = bondhu.url_origin(back)
  ) then
    raise exception using
      errcode = '22023',
      message = 'return_to is not on the allow-list',
      detail = format('Its origin is %s.', coalesce(left(bondhu.url_origin(back), 200), 'not a plain scheme://host[:port]')),
      hint = format('The operator adds the app''s origin to bondhu.provider_settings.return_to_allow_list for %s.', settings.provider);
  end if;

  if bondhu.has_answer_parameter(back) then
    raise exception using
      errcode = '22023',
      message = 'return_to has a parameter that the answer adds',
      hint = 'code, provider, error and error_description tell the app how linking ended: use other names for its own.';
  end if;

  -- Revoking the former consent would revoke the new one, too.
  if not bondhu.hold_revocations(caller, settings.provider) then
    raise exception using
      errcode = '55000',
      message = format('%s is being unlinked at this moment', settings.provider),
      hint = 'Try again in half a minute.';
  end if;
  -- At most ten consents of a user are in progress.
  delete from bondhu.oauth_states o
  where o.user_id = caller
    and (o.expires_at <= now() or o.state_hash in (
      select old.state_hash from bondhu.oauth_states old
      where old.user_id = caller order by old.expires_at desc offset 9));
  insert into bondhu.oauth_states (state_hash, user_id, provider, code_verifier, return_to, expires_at)
  select sha256(convert_to(state, 'UTF8')), caller, settings.provider, verifier, back,
         now() + make_interval(mins => s.oauth_state_ttl_minutes)
  from bondhu.settings s;

  return settings.authorize_url || '?response_type=code'
    || '&client_id=' || bondhu.url_encode(settings.client_id)
    || '&redirect_uri=' || bondhu.url_encode(settings.redirect_uri)
    || '&scope=' || bondhu.url_encode(array_to_string(settings.scopes, ' '))
    || '&state=' || state
    || '&code_challenge_method=S256&code_challenge=' || bondhu.base64url(sha256(convert_to(verifier, 'UTF8')))
    -- Google sends a refresh token only when it is requested with a new consent:
    -- https://developers.google.com/identity/protocols/oauth2/web-server#offline
    || case settings.provider when 'youtube' then '&access_type=offline&prompt=consent' else '' end;
end
$$;
comment on function public.begin_connect(text, text) is
  'Starts linking provider (spotify, youtube) and returns the consent page''s URL. After consent the user comes back to return_to with ?code=…, for confirm_connect; or with ?error=….';

revoke all on function public.begin_connect(text, text) from public, anon, authenticated, service_role;
grant execute on function public.begin_connect(text, text) to authenticated;

-- sql/60_providers/65_linking.sql

-- A linked account: confirming the consent, unlinking, and requesting a sync.

create function bondhu.is_same_account(of_user uuid, of_provider text, account text, owner text) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce((
    select case when num_nulls(c.account_id, account) = 0 then c.account_id = account
                else (j.owner_id = owner) is true end
    from public.provider_connections c
    left join bondhu.sync_jobs j on j.user_id = c.user_id and j.provider = c.provider
    where c.user_id = of_user and c.provider = of_provider
  ), false)
$$;
comment on function bondhu.is_same_account(uuid, text, text, text) is
  'Whether a connection is to this account: by account_id; where the provider did not send it, by owner_id, which may change.';
revoke all on function bondhu.is_same_account(uuid, text, text, text) from public, anon, authenticated, service_role;

create function public.confirm_connect(code text) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  caller uuid := bondhu.refuse_anonymous();
  consent bondhu.pending_connections;
  former public.provider_connections;
  same_account boolean;
begin
  -- One consent of a user at a time: without a connection to lock, two could mix their tokens.
  perform pg_advisory_xact_lock(hashtextextended('bondhu.consent/' || caller, 0));
  delete from bondhu.pending_connections p
  -- Codes have 43 characters: no need to hash megabytes.
  where p.code_hash = sha256(convert_to(left(coalesce($1, ''), 1000), 'UTF8')) and p.user_id = caller and p.expires_at > now()
  returning * into consent;
  if not found then
    raise exception using
      errcode = 'P0002',
      message = 'this code is unknown, used or expired',
      hint = 'Each code works once, for the user who began. Start again with begin_connect.';
  end if;

  -- The job before the rows that it fills: a worker in the middle of a pull must not write meanwhile.
  perform from bondhu.sync_jobs j where j.user_id = caller and j.provider = consent.provider for update;

  select * into former from public.provider_connections c where c.user_id = caller and c.provider = consent.provider;
  same_account := bondhu.is_same_account(caller, consent.provider, consent.account_id, consent.owner_id);
  if not consent.account_known then
    -- settle_account decides; until then stored rows stay, and the former consent is not revoked.
    perform bondhu.queue_revocation(caller, consent.provider);
    update bondhu.revocations r set not_before = 'infinity' where r.sealed_for = caller and r.provider = consent.provider;
    delete from bondhu.provider_tokens t where t.user_id = caller and t.provider = consent.provider;
  elsif not same_account then
    -- Another account, or one that cannot be identified: delete what came from the former one.
    if former.account_id is not null and consent.account_id is not null then
      perform bondhu.queue_revocation(caller, consent.provider);
    end if;
    perform bondhu.delete_provider_data(caller, consent.provider);
    delete from bondhu.provider_tokens t where t.user_id = caller and t.provider = consent.provider;
  end if;
  if consent.account_known then
    perform bondhu.cancel_revocations(caller, consent.provider, consent.account_id);
  end if;

  insert into public.provider_connections as c
    (user_id, provider, status, scopes, account_id, account_name, connected_at, next_sync_at)
  values (caller, consent.provider, 'pending', consent.scopes, consent.account_id, consent.account_name, now(), now())
  on conflict (user_id, provider) do update set
    status = 'pending', scopes = excluded.scopes,
    account_id = coalesce(excluded.account_id, case when same_account or not consent.account_known then c.account_id end),
    account_name = case when consent.account_known then excluded.account_name else c.account_name end,
    connected_at = now(), next_sync_at = now(), missing = '{}', last_error_code = null, last_error = null,
    last_sync_at = case when same_account or not consent.account_known then c.last_sync_at end;

  insert into bondhu.sync_jobs as j (user_id, provider, requested_at, owner_id, account_unknown)
  values (caller, consent.provider, now(), consent.owner_id, not consent.account_known)
  on conflict (user_id, provider) do update set
    owner_id = coalesce(excluded.owner_id, case when same_account or not consent.account_known then j.owner_id end),
    lease_token = null, lease_owner = null, lease_expires_at = null,
    checkpoint = '{}', resources = '{}', attempts = 0, requested_at = now(), library_due_at = now(), pull_requests = 0,
    account_unknown = excluded.account_unknown,
    -- Linking again does not end a wait that the provider has asked for.
    not_before = case when former.last_error_code = 'rate_limited' then j.not_before end;

  -- A new consent may come without a refresh token (RFC 6749, section 6): the former one stays valid.
  insert into bondhu.provider_tokens (user_id, provider, kind, sealed, expires_at)
  select caller, consent.provider, token.kind, token.sealed, token.expires_at
  from (values
    ('access', consent.sealed_access, consent.access_expires_at), ('refresh', consent.sealed_refresh, null)
  ) token (kind, sealed, expires_at)
  where token.sealed is not null
  on conflict (user_id, provider, kind) do update set sealed = excluded.sealed, expires_at = excluded.expires_at;
  return consent.provider;
end
$$;
comment on function public.confirm_connect(text) is
  'Activates the consent of the one-time code and queues the first sync. Returns the provider. P0002: unknown, used or expired code.';

create function bondhu.delete_provider_data(of_user uuid, of_provider text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  case of_provider
    when 'spotify' then
      delete from public.listening_history where user_id = of_user;
      delete from public.listening_gaps where user_id = of_user;
      delete from public.music_top_items where user_id = of_user;
      delete from public.music_library where user_id = of_user;
      delete from public.music_playlists where user_id = of_user;
    when 'youtube' then
      delete from public.video_subscriptions where user_id = of_user;
      delete from public.video_likes where user_id = of_user;
      delete from public.video_playlists where user_id = of_user;
      delete from public.video_preferences where user_id = of_user;
  end case;
  delete from bondhu.recommendation_candidates c
  where c.user_id = of_user and c.kind = case of_provider when 'spotify' then 'music' else 'video' end;
  delete from public.recommendation_feedback f
  where f.user_id = of_user and f.kind = case of_provider when 'spotify' then 'music' else 'video' end;
  delete from public.music_preferences m where m.user_id = of_user and m.provider = of_provider;
  delete from bondhu.page_etags e where e.user_id = of_user and e.provider = of_provider;
end
$$;
comment on function bondhu.delete_provider_data(uuid, text) is 'Deletes all data of a user that came from a provider, and what was derived from it; the mirror updates Redis.';
revoke all on function bondhu.delete_provider_data(uuid, text) from public, anon, authenticated, service_role;

create function public.disconnect(provider text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  caller uuid := bondhu.lock_user();
  settings bondhu.provider_settings := bondhu.require_provider($1);
begin
  -- Locks in the order of confirm_connect. The job before the rows that it fills: a worker in the
  -- middle of a pull loses its lease first.
  perform pg_advisory_xact_lock(hashtextextended('bondhu.consent/' || caller, 0));
  delete from bondhu.pending_connections p where p.user_id = caller and p.provider = settings.provider;
  perform from bondhu.sync_jobs j where j.user_id = caller and j.provider = settings.provider for update;
  perform bondhu.queue_revocation(caller, settings.provider);
  update bondhu.revocations r set not_before = now() where r.sealed_for = caller and r.provider = settings.provider;
  delete from bondhu.sync_jobs j where j.user_id = caller and j.provider = settings.provider;
  delete from bondhu.provider_tokens t where t.user_id = caller and t.provider = settings.provider;
  delete from bondhu.oauth_states o where o.user_id = caller and o.provider = settings.provider;
  perform bondhu.delete_provider_data(caller, settings.provider);
  update public.provider_connections c
     set status = 'disconnected', scopes = '{}', account_id = null, account_name = null, connected_at = null,
         last_sync_at = null, next_sync_at = null, missing = '{}', last_error_code = null, last_error = null
   where c.user_id = caller and c.provider = settings.provider;
end
$$;
comment on function public.disconnect(text) is
  'Unlinks the provider and deletes its tokens and all its data; the worker revokes the consent where the provider allows it. It may be repeated.';

create function public.request_sync(provider text) returns timestamptz
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  caller uuid := bondhu.refuse_anonymous();
  settings bondhu.provider_settings := bondhu.require_provider($1);
  connection public.provider_connections;
  again_at timestamptz;
begin
  -- Locks the job first and the connection second, as the worker does.
  perform from bondhu.sync_jobs j where j.user_id = caller and j.provider = settings.provider for update;
  select * into connection
  from public.provider_connections c where c.user_id = caller and c.provider = settings.provider for update;
  if not found or connection.status = 'disconnected' then
    raise exception using
      errcode = '55000',
      message = format('%s is not linked', settings.provider),
      hint = 'Link it with begin_connect first.';
  elsif connection.status = 'needs_reauth' then
    raise exception using
      errcode = '55000',
      message = format('%s asks for consent again', settings.provider),
      detail = coalesce(connection.last_error, 'It did not say why.'),
      hint = 'Link it again with begin_connect.';
  end if;

  select greatest(
      greatest(j.requested_at, connection.last_sync_at) + make_interval(mins => s.sync_request_cooldown_minutes),
      j.not_before, settings.blocked_until)
    into again_at
  from bondhu.sync_jobs j, bondhu.settings s
  where j.user_id = caller and j.provider = settings.provider;
  if again_at > now() then
    raise exception using
      errcode = '55000',
      message = format('%s can be asked again at %s', settings.provider, to_char(again_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')),
      hint = 'What is stored stays readable until then.';
  end if;

  update bondhu.sync_jobs j set requested_at = now() where j.user_id = caller and j.provider = settings.provider;
  update public.provider_connections c set next_sync_at = now() where c.user_id = caller and c.provider = settings.provider;
  return now();
end
$$;
comment on function public.request_sync(text) is
  'Requests a sync, ahead of scheduled ones; returns the time of the request. 55000 within the cooldown, with the time from which it may be requested again.';

revoke all on function public.confirm_connect(text), public.disconnect(text), public.request_sync(text)
  from public, anon, authenticated, service_role;
grant execute on function public.confirm_connect(text), public.disconnect(text), public.request_sync(text)
  to authenticated;

-- sql/60_providers/70_revocations.sql

-- Revoking consents at the provider. Google has an endpoint for that, Spotify has none.
--
-- Revoking one refresh token ends the whole grant of that Google account to this app
-- (https://developers.google.com/identity/protocols/oauth2/web-server#tokenrevoke), including what a
-- later consent added. So nothing is revoked while a consent of the same user is in progress, and no
-- code is exchanged during a revocation: hold_revocations ensures both. A confirmed consent cancels
-- the revocation, an abandoned one does not.

create function bondhu.account_hash(provider text, account text) returns bytea
language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select sha256(convert_to(provider || '/' || account, 'UTF8'))
$$;

create function bondhu.queue_revocation(of_user uuid, of_provider text) returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
  insert into bondhu.revocations (sealed_for, provider, account_hash, sealed)
  select t.user_id, t.provider, bondhu.account_hash(t.provider, whose.account), t.sealed
  from bondhu.provider_tokens t
  join bondhu.sync_jobs j on j.user_id = t.user_id and j.provider = t.provider
  join public.provider_connections c on c.user_id = t.user_id and c.provider = t.provider
  cross join lateral (select case when not j.account_unknown then c.account_id end as account) whose
  where t.user_id = of_user and t.provider = of_provider and t.kind = 'refresh'
    and of_provider = 'youtube'
    -- There is one grant per account: the last user to unlink revokes it.
    and not exists (
      select from public.provider_connections other
      where other.provider = of_provider and other.account_id = whose.account and other.user_id <> of_user)
$$;
comment on function bondhu.queue_revocation(uuid, text) is 'Queues the refresh token of a connection that is about to be deleted for revocation.';

create function bondhu.hold_revocations(of_user uuid, of_provider text) returns boolean
language sql
set search_path = pg_catalog, pg_temp
as $$
  with held as (
    update bondhu.revocations r
       -- The time that a consent may take to be confirmed, plus a call to the provider.
       set not_before = greatest(r.not_before, clock_timestamp() + make_interval(mins => s.oauth_state_ttl_minutes + 2))
      from bondhu.settings s
     where r.sealed_for = of_user and r.provider = of_provider
    returning r.in_flight_until
  )
  select coalesce(max(held.in_flight_until), '-infinity') <= clock_timestamp() from held
$$;
comment on function bondhu.hold_revocations(uuid, text) is
  'Delays a user''s revocations while a consent of theirs is in progress. False: a revocation is running, so that the consent has to wait.';

create function bondhu.cancel_revocations(of_user uuid, of_provider text, of_account text) returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
  delete from bondhu.revocations r
  where r.provider = of_provider
    and (r.account_hash = bondhu.account_hash(of_provider, of_account)
         -- Possibly the same account.
         or (r.sealed_for = of_user and (r.account_hash is null or of_account is null)))
$$;
comment on function bondhu.cancel_revocations(uuid, text, text) is
  'Deletes the revocations that would revoke a consent that has just been confirmed: those of the same account, of any user, and the user''s own of unknown accounts.';

create function bondhu.claim_revocations(how_many integer)
returns table (id bigint, sealed_for uuid, provider text, sealed bytea)
language sql
set search_path = pg_catalog, pg_temp
as $$
  update bondhu.revocations r
     set attempts = r.attempts + 1,
         not_before = now() + interval '5 minutes' * (r.attempts + 1),
         -- Longer than the worker waits for an answer.
         in_flight_until = clock_timestamp() + interval '30 seconds'
    from (
      select w.id from bondhu.revocations w
      where w.not_before <= now()
      order by w.not_before
      limit how_many
      for update skip locked
    ) due
   where r.id = due.id
  returning r.id, r.sealed_for, r.provider, r.sealed
$$;
comment on function bondhu.claim_revocations(integer) is
  'Returns up to how_many tokens to revoke; each is returned again, after longer and longer delays, until its row is deleted.';

-- Fires before a connection and its tokens are deleted, above all when the auth service deletes a user.
create function bondhu.revoke_with_connection() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform bondhu.queue_revocation(old.user_id, old.provider);
  return old;
end
$$;
create trigger provider_connections_revoke before delete on public.provider_connections
  for each row execute function bondhu.revoke_with_connection();

revoke all on function bondhu.account_hash(text, text), bondhu.queue_revocation(uuid, text), bondhu.hold_revocations(uuid, text),
  bondhu.cancel_revocations(uuid, text, text), bondhu.claim_revocations(integer), bondhu.revoke_with_connection()
  from public, anon, authenticated, service_role;
grant execute on function bondhu.hold_revocations(uuid, text), bondhu.claim_revocations(integer) to bondhu_worker;

-- sql/60_providers/80_settling.sql

-- Unfinished consents: those that were not confirmed, and those whose account could not be asked for.

create function bondhu.forget_consents() returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  states bigint;
  consents bigint;
begin
  delete from bondhu.oauth_states where expires_at < now();
  get diagnostics states = row_count;
  delete from bondhu.pending_connections where expires_at < now();
  get diagnostics consents = row_count;
  return jsonb_build_object('oauth_states', states, 'pending_connections', consents);
end
$$;
comment on function bondhu.forget_consents() is
  'Deletes expired consents with their sealed tokens, and returns how many. Run by cron and by the worker.';
revoke all on function bondhu.forget_consents() from public, anon, authenticated, service_role;
grant execute on function bondhu.forget_consents() to bondhu_worker;

-- SECURITY DEFINER: only the owner may delete data and queue revocations. The caller must hold the lease.
create function bondhu.settle_account(of_user uuid, of_provider text, token uuid, account text, owner text, name text) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '500ms' -- as hold_lease does, and why
as $$
declare
  same_account boolean;
begin
  update bondhu.sync_jobs j set account_unknown = false
  where j.user_id = of_user and j.provider = of_provider and j.lease_token = token and j.account_unknown;
  if not found then
    return false;
  end if;
  same_account := bondhu.is_same_account(of_user, of_provider, account, owner);
  if not same_account then
    perform bondhu.delete_provider_data(of_user, of_provider);
  end if;
  perform bondhu.cancel_revocations(of_user, of_provider, account);
  update bondhu.revocations r set not_before = now() where r.sealed_for = of_user and r.provider = of_provider;
  update public.provider_connections c
     set account_id = coalesce(account, case when same_account then c.account_id end), account_name = name, last_sync_at = case when same_account then c.last_sync_at end
   where c.user_id = of_user and c.provider = of_provider;
  update bondhu.sync_jobs j set owner_id = coalesce(owner, case when same_account then j.owner_id end)
  where j.user_id = of_user and j.provider = of_provider;
  return true;
end
$$;
comment on function bondhu.settle_account(uuid, text, uuid, text, text, text) is
  'Sets the account of a connection that was linked while the provider could not be asked; data of another account is deleted. False: the lease was lost, or the account was known.';
revoke all on function bondhu.settle_account(uuid, text, uuid, text, text, text) from public, anon, authenticated, service_role;
grant execute on function bondhu.settle_account(uuid, text, uuid, text, text, text) to bondhu_worker;

-- sql/60_providers/90_planner.sql

-- Scheduling of syncs. cron (or, without it, the worker) queues those that are due; when the next one of a
-- connection is due, the worker says (core/src/planning.rs).

create function bondhu.quota_window_start(settings bondhu.provider_settings, at timestamptz) returns timestamptz
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select case settings.quota_resets
    when 'rolling' then at - make_interval(secs => settings.window_seconds)
    -- https://developers.google.com/youtube/v3/getting-started#quota
    when 'midnight_pacific' then date_trunc('day', at, 'America/Los_Angeles')
  end
$$;
comment on function bondhu.quota_window_start(bondhu.provider_settings, timestamptz) is 'Start of the quota window that holds an instant.';

-- With this limit a library of tens of thousands takes an hour or two longer, and an endless list takes
-- nothing from other users. At least a hundred requests: budgets of tests and new
-- projects are small.
create function bondhu.connection_share(settings bondhu.provider_settings) returns integer
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select least(greatest(100, case settings.quota_resets
    when 'rolling' then settings.requests_per_window::bigint * 3600 / settings.window_seconds
    when 'midnight_pacific' then settings.requests_per_window::bigint
  end / 20), 1000000)::integer
$$;
comment on function bondhu.connection_share(bondhu.provider_settings) is
  'Requests that one connection may send an hour: a twentieth of an hour''s budget where the quota is a rolling window, else of the day''s.';

create view bondhu.quota as
  select s.provider, bondhu.quota_window_start(s, now()) as window_start, s.requests_per_window,
         used.requests as requests_used,
         greatest(s.requests_per_window - used.requests, 0) as requests_left,
         s.blocked_until, s.blocked_reason
  from bondhu.provider_settings s
  cross join lateral (
    select coalesce(sum(l.requests), 0)::bigint as requests
    from bondhu.provider_ledger l
    where l.provider = s.provider and l.counted_from >= bondhu.quota_window_start(s, now())
  ) used;
comment on view bondhu.quota is 'How much of each provider''s budget is used in the current window.';

create view bondhu.sync_load as
  select s.provider,
    (select count(*) from public.provider_connections c where c.provider = s.provider and c.status = 'queued') as queued,
    (select count(*) from public.provider_connections c where c.provider = s.provider and c.status = 'syncing') as syncing,
    (select count(*) from bondhu.sync_jobs j where j.provider = s.provider and j.not_before > now()) as backing_off,
    (select max(j.not_before) from bondhu.sync_jobs j where j.provider = s.provider and j.not_before > now()) as last_back_off_until
  from bondhu.provider_settings s;
comment on view bondhu.sync_load is
  'Syncs queued and running by provider. The back-off of a single connection is sync_jobs.not_before.';

create function bondhu.spend_request(of_provider text) returns timestamptz
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  settings bondhu.provider_settings;
  window_start timestamptz;
  used bigint;
  free_at timestamptz;
begin
  -- All workers share the count, and each waits here for the commit of the one before, but not for the
  -- disk. A crash of the server loses a fraction of a second of counting.
  perform set_config('synchronous_commit', 'off', true);
  perform pg_advisory_xact_lock(hashtextextended('bondhu.provider_ledger/' || of_provider, 0));
  select * into settings from bondhu.provider_settings s where s.provider = of_provider;
  window_start := bondhu.quota_window_start(settings, clock_timestamp());
  select coalesce(sum(l.requests), 0), min(l.counted_from) into used, free_at
  from bondhu.provider_ledger l
  where l.provider = of_provider and l.counted_from >= window_start;

  if used >= settings.requests_per_window then
    return case settings.quota_resets
      when 'rolling' then free_at + make_interval(secs => settings.window_seconds + 1)
      -- A calendar day and not 24 hours, because of clock changes.
      when 'midnight_pacific' then
        (window_start at time zone 'America/Los_Angeles' + interval '1 day') at time zone 'America/Los_Angeles'
    end;
  end if;
  insert into bondhu.provider_ledger as l (provider, counted_from, requests)
  values (
    of_provider,
    case settings.quota_resets when 'rolling' then date_trunc('second', clock_timestamp()) else window_start end,
    1)
  on conflict (provider, counted_from) do update set requests = l.requests + 1;
  return null;
end
$$;
comment on function bondhu.spend_request(text) is
  'Counts one request in the ledger before it is sent. If not null, the budget is used up until then and the request must not be sent.';

create function bondhu.plan_syncs(as_of timestamptz default now()) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  settings bondhu.provider_settings;
  window_start timestamptz;
  used bigint;
  -- Requests that are planned for at once, and those of them that nothing waits for yet.
  most bigint;
  room bigint;
  -- What one connection counts for at most, however large its library is: bondhu.connection_share() limits
  -- what it sends, and everybody else goes on meanwhile.
  dearest bigint;
  queued bigint;
  planned bigint := 0;
begin
  for settings in
    select s.* from bondhu.provider_settings s where s.enabled and coalesce(s.blocked_until, '-infinity') <= as_of
  loop
    window_start := bondhu.quota_window_start(settings, as_of);
    select coalesce(sum(l.requests), 0) into used
    from bondhu.provider_ledger l
    where l.provider = settings.provider and l.counted_from >= window_start;
    most := settings.requests_per_window;
    room := most - used;
    if settings.quota_resets = 'rolling' then
      -- Much of a window is free again before the next minute is planned, a short one more than once.
      most := greatest(most, most * 60 / settings.window_seconds);
      room := greatest(room, settings.requests_per_window::bigint * 60 / settings.window_seconds);
    end if;
    dearest := greatest(most / 10, 10);
    -- A pull of plays alone takes one request. What was given back until later takes no room now.
    select room - coalesce(sum(case
             when settings.library_interval_minutes is null or j.requested_at is not null or j.library_due_at <= as_of
               then least(j.library_requests, dearest) else 1 end), 0) into room
    from public.provider_connections c
    join bondhu.sync_jobs j on j.user_id = c.user_id and j.provider = c.provider
    where c.provider = settings.provider and c.status in ('queued', 'syncing') and c.next_sync_at <= as_of;
    continue when room <= 0;

    -- Three short index scans instead of one sort of everything that is due. None can yield more than there is
    -- room for: a pull takes a request or more. No connection is in two of them.
    with asked_for as materialized (
      select 1 as turn, j.requested_at as since, c.ctid as connection, j.library_requests, true as walks_all
      from bondhu.sync_jobs j
      cross join lateral (
        select c.ctid, c.status, c.next_sync_at
        from public.provider_connections c where c.user_id = j.user_id and c.provider = j.provider
        offset 0 -- by its key, and not each time through all that are due
      ) c
      where j.provider = settings.provider
        and j.requested_at is not null
        and coalesce(j.not_before, '-infinity') <= as_of
        and c.status in ('pending', 'ok', 'partial', 'failing')
        and c.next_sync_at <= as_of
      order by j.requested_at
      limit room
    ),
    urgent as materialized (
      select 2, j.urgent_from, c.ctid, j.library_requests, true
      from bondhu.sync_jobs j
      cross join lateral (
        select c.ctid, c.status, c.next_sync_at
        from public.provider_connections c where c.user_id = j.user_id and c.provider = j.provider
        offset 0 -- by its key, and not each time through all that are due
      ) c
      where j.provider = settings.provider
        and j.urgent_from <= as_of
        and j.requested_at is null
        and coalesce(j.not_before, '-infinity') <= as_of
        and c.status in ('pending', 'ok', 'partial', 'failing')
        and c.next_sync_at <= as_of
      order by j.urgent_from
      limit room
    ),
    due_longest as materialized (
      select 3, c.next_sync_at, c.ctid, j.library_requests, settings.library_interval_minutes is null or j.library_due_at <= as_of
      from public.provider_connections c
      cross join lateral (
        select j.* from bondhu.sync_jobs j where j.user_id = c.user_id and j.provider = c.provider
        offset 0 -- likewise
      ) j
      where c.provider = settings.provider
        and c.status in ('pending', 'ok', 'partial', 'failing')
        and c.next_sync_at <= as_of
        and j.requested_at is null
        and coalesce(j.urgent_from, 'infinity') > as_of
        and coalesce(j.not_before, '-infinity') <= as_of
      order by c.next_sync_at
      limit room
    ),
    candidates as (
      select a.turn, a.since, a.connection, case when a.walks_all then least(a.library_requests, dearest) else 1 end as requests
      from (select * from asked_for union all select * from urgent union all select * from due_longest) a
    ),
    reckoned as (
      select c.*, sum(c.requests) over (order by c.turn, c.since, c.connection) as up_to_here from candidates c
    ),
    chosen as materialized (
      select c.ctid as connection
      from reckoned r
      join public.provider_connections c on c.ctid = r.connection
      -- A tenth is kept for whoever asks later in the window. What is dearer than the room there is comes
      -- into it all the same when it is first.
      where r.up_to_here - r.requests < case r.turn when 1 then room else room - most / 10 end
        and c.status in ('pending', 'ok', 'partial', 'failing')
      for update of c skip locked
    )
    update public.provider_connections c set status = 'queued' from chosen where c.ctid = chosen.connection;
    get diagnostics queued = row_count;
    planned := planned + queued;
  end loop;
  return planned;
end
$$;
comment on function bondhu.plan_syncs(timestamptz) is
  'Queues the connections that are due within each provider''s budget, by what their pulls are expected to take: requested ones first, then those whose data has to be deleted soon, then those due longest; the latter two leave a tenth of the budget. Returns how many. Run every minute by cron.';

create function bondhu.wake_syncs(of_user uuid, as_of timestamptz default now()) returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
  with stretched as materialized (
    select j.user_id, j.provider, usual.due_at
    from bondhu.sync_jobs j
    join public.provider_connections c on c.user_id = j.user_id and c.provider = j.provider
    join bondhu.provider_settings s on s.provider = c.provider
    cross join lateral (
      select greatest(as_of, c.last_sync_at + make_interval(mins => s.sync_interval_minutes)) as due_at
    ) usual
    where j.user_id = of_user and c.status in ('ok', 'partial') and c.next_sync_at > usual.due_at
    for update of j, c skip locked
  ),
  asked as (
    update bondhu.sync_jobs j set requested_at = as_of
      from stretched s where j.user_id = s.user_id and j.provider = s.provider and s.due_at <= as_of
  )
  update public.provider_connections c set next_sync_at = s.due_at
    from stretched s where c.user_id = s.user_id and c.provider = s.provider
$$;
comment on function bondhu.wake_syncs(uuid, timestamptz) is
  'Of a person who is back: requests a sync of each connection whose syncs had become rarer, or brings it forward to its usual interval; others are left as they are. Called by start_session().';

create function bondhu.planning_facts(of_user uuid, of_provider text)
returns table (
  last_active_at timestamptz, sync_interval_minutes integer, library_interval_minutes integer,
  retention_days integer, urgent_from timestamptz
)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select greatest(
           coalesce(c.connected_at, c.updated_at), j.requested_at,
           (select max(s.last_seen_at) from public.user_sessions s where s.user_id = of_user),
           (select m.created_at from public.chat_messages m where m.user_id = of_user order by m.created_at desc, m.seq desc limit 1)),
         p.sync_interval_minutes, p.library_interval_minutes,
         case p.provider when 'youtube' then (select video_retention_days from bondhu.settings) end,
         j.urgent_from
  from public.provider_connections c
  join bondhu.sync_jobs j on j.user_id = c.user_id and j.provider = c.provider
  join bondhu.provider_settings p on p.provider = c.provider
  where c.user_id = of_user and c.provider = of_provider
$$;
comment on function bondhu.planning_facts(uuid, text) is
  'What the worker decides by when a connection is due next (core/src/planning.rs): when its person was last there, what is set for the provider, and for how long its data may be kept unrefreshed (null: no term).';

revoke all on bondhu.quota, bondhu.sync_load from public, anon, authenticated, service_role;
revoke all on function bondhu.quota_window_start(bondhu.provider_settings, timestamptz), bondhu.connection_share(bondhu.provider_settings), bondhu.spend_request(text),
  bondhu.plan_syncs(timestamptz),
  bondhu.wake_syncs(uuid, timestamptz), bondhu.planning_facts(uuid, text)
  from public, anon, authenticated, service_role;
grant select on bondhu.quota, bondhu.sync_load to bondhu_worker, service_role;
grant execute on function bondhu.quota_window_start(bondhu.provider_settings, timestamptz), bondhu.connection_share(bondhu.provider_settings), bondhu.spend_request(text),
  bondhu.plan_syncs(timestamptz),
  bondhu.planning_facts(uuid, text)
  to bondhu_worker;

-- sql/60_providers/95_leases.sql

-- Leases on queued syncs. The worker claims them under a lease, works outside any transaction, and
-- completes them under the lease's token.

create function bondhu.claim_syncs(worker text, how_many integer, providers text[] default '{spotify,youtube}', as_of timestamptz default now())
returns table (
  user_id uuid, provider text, lease_token uuid, checkpoint jsonb, attempts integer,
  scopes text[], resources jsonb, requested boolean, library_due boolean, requests_left integer, more_at timestamptz
)
language sql
set search_path = pg_catalog, pg_temp
set lock_timeout = '500ms' -- as hold_lease does, and why
as $$
  -- Materialized: the share is reckoned once, and not for each connection.
  with open as materialized (
    select s.provider, s.library_interval_minutes is null as has_only_a_library, bondhu.connection_share(s) as share
    from bondhu.provider_settings s
    where s.provider = any (providers) and s.enabled and coalesce(s.blocked_until, '-infinity') <= as_of
  ),
  asked_for as materialized (
    select free.*
    from open
    cross join lateral (
      select j.ctid as job, c.ctid as connection, j.requested_at, c.next_sync_at, open.share, open.has_only_a_library
      from bondhu.sync_jobs j
      join public.provider_connections c on c.user_id = j.user_id and c.provider = j.provider
      where j.provider = open.provider
        and j.requested_at is not null
        and coalesce(j.not_before, '-infinity') <= as_of
        and (c.status = 'queued' or (c.status = 'syncing' and j.lease_expires_at < as_of))
      order by j.requested_at
      limit how_many
      -- Locks both: the status is checked again only in a locked row.
      for update of j, c skip locked
    ) free
  ),
  due_longest as materialized (
    select free.*
    from open
    cross join lateral (
      select j.ctid as job, c.ctid as connection, j.requested_at, c.next_sync_at, open.share, open.has_only_a_library
      from public.provider_connections c
      join bondhu.sync_jobs j on j.user_id = c.user_id and j.provider = c.provider
      where c.provider = open.provider
        and c.status in ('queued', 'syncing')
        and (c.status = 'queued' or j.lease_expires_at < as_of)
        and c.next_sync_at <= as_of
        and j.requested_at is null
        and coalesce(j.not_before, '-infinity') <= as_of
      order by c.next_sync_at
      limit greatest(how_many - (select count(*) from asked_for), 0)
      for update of j, c skip locked
    ) free
  ),
  -- A row that changed after this statement began is not found by its place below: it is claimed next time.
  free as (
    select * from asked_for
    union all
    select * from due_longest
    order by requested_at nulls last, next_sync_at
    limit how_many
  ),
  leased as (
    update bondhu.sync_jobs j
       set lease_token = gen_random_uuid(), lease_owner = worker,
           lease_expires_at = as_of + make_interval(secs => (select lease_seconds from bondhu.settings))
      from free
     where j.ctid = free.job
    returning j.*, free.connection, free.share, free.has_only_a_library
  )
  update public.provider_connections c
     set status = 'syncing'
    from leased
   where c.ctid = leased.connection
  returning c.user_id, c.provider, leased.lease_token, leased.checkpoint, leased.attempts,
            c.scopes, leased.resources, leased.requested_at is not null,
            leased.requested_at is not null or leased.library_due_at <= as_of or leased.has_only_a_library,
            greatest(leased.share - case when leased.hour_from > as_of - interval '1 hour' then leased.hour_requests else 0 end, 0),
            greatest(leased.hour_from, as_of - interval '1 hour') + interval '1 hour'
$$;
comment on function bondhu.claim_syncs(text, integer, text[], timestamptz) is
  'Leases up to how_many queued connections (or those with an expired lease) of these providers to a worker: with whether everything is walked or plays alone, the requests that each has left, and when it gets more.';

create function bondhu.hold_lease(
  of_user uuid, of_provider text, token uuid, new_checkpoint jsonb default null, learned jsonb default '{}'
) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  -- This may deadlock with the deletion of the user. With a lock timeout below deadlock_timeout (1 s) it
  -- is the pull that fails, not the deletion.
  perform set_config('lock_timeout', '500ms', true);
  -- Page and checkpoint are lost together or not at all: after a crash of the server the page is
  -- requested again. A token is written without a checkpoint, and waits for the disk.
  if new_checkpoint is not null then
    perform set_config('synchronous_commit', 'off', true);
  end if;
  update bondhu.sync_jobs j
     set lease_expires_at = now() + make_interval(secs => s.lease_seconds),
         checkpoint = coalesce(new_checkpoint, j.checkpoint),
         resources = j.resources || learned
    from bondhu.settings s
   where j.user_id = of_user and j.provider = of_provider and j.lease_token = token;
  return found;
end
$$;
comment on function bondhu.hold_lease(uuid, text, uuid, jsonb, jsonb) is
  'First statement of every write of a pull: locks and extends the lease, stores the checkpoint and the state of resources. False: the lease was lost, write nothing.';

create function bondhu.complete_sync(
  of_user uuid, of_provider text, token uuid, outcome text,
  what_is_missing text[] default '{}', error_code text default null, error text default null,
  retry_not_before timestamptz default null, requests integer default 0,
  next_pull_at timestamptz default null, next_library_at timestamptz default null, next_urgent_from timestamptz default null,
  as_of timestamptz default now()
) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
set lock_timeout = '500ms' -- as hold_lease does, and why
as $$
declare
  walked boolean := outcome in ('ok', 'partial');
  walked_all boolean := walked and next_library_at is not null;
  still_asked boolean;
  -- No connection is forgotten, whatever a worker says.
  latest timestamptz := as_of + interval '31 days';
begin
  update bondhu.sync_jobs j
     set lease_token = null, lease_owner = null, lease_expires_at = null,
         checkpoint = case when walked then '{}' else j.checkpoint end,
         attempts = case when walked then 0 when outcome = 'queued' then j.attempts else j.attempts + 1 end,
         -- A pull that brought plays alone was claimed before it was asked for all. Who has to consent anew asks anew.
         requested_at = case when walked_all or outcome = 'needs_reauth' then null else j.requested_at end,
         not_before = retry_not_before,
         hour_from = case when j.hour_from > as_of - interval '1 hour' then j.hour_from else as_of end,
         hour_requests = case when j.hour_from > as_of - interval '1 hour' then j.hour_requests else 0 end + requests,
         pull_requests = case when walked then 0 else least(j.pull_requests::bigint + requests, 1000000) end,
         library_requests = case when walked_all then least(greatest(j.pull_requests::bigint + requests, 1), 1000000)
                                 else j.library_requests end,
         library_due_at = case when walked_all then least(greatest(next_library_at, as_of), latest) else j.library_due_at end,
         urgent_from = case when walked_all then next_urgent_from when outcome = 'needs_reauth' then null else j.urgent_from end
   where j.user_id = of_user and j.provider = of_provider and j.lease_token = token
  returning j.requested_at is not null into still_asked;
  if not found then
    return false;
  end if;

  update public.provider_connections c
     set status = outcome,
         missing = case when outcome = 'queued' then c.missing else what_is_missing end,
         last_error_code = case when outcome = 'queued' and error_code is null then c.last_error_code else error_code end,
         last_error = case when outcome = 'queued' and error_code is null then c.last_error else error end,
         last_sync_at = case when walked then as_of else c.last_sync_at end,
         next_sync_at = case
           when outcome = 'queued' then greatest(retry_not_before, c.next_sync_at)
           when outcome = 'needs_reauth' then null
           when walked and still_asked then greatest(retry_not_before, as_of)
           else greatest(retry_not_before, case when walked
             then least(greatest(coalesce(next_pull_at, as_of + make_interval(mins => s.sync_interval_minutes)), as_of), latest)
             else as_of end)
         end
    from bondhu.provider_settings s
   where c.user_id = of_user and c.provider = of_provider and s.provider = of_provider;
  return true;
end
$$;
comment on function bondhu.complete_sync(uuid, text, uuid, text, text[], text, text, timestamptz, integer, timestamptz, timestamptz, timestamptz, timestamptz) is
  'Ends a lease with the outcome ok, partial, failing, needs_reauth, or queued (returned unfinished, for example because the budget is used up). A complete walk (ok, partial) clears the checkpoint; the next pull is then due at next_pull_at (null: after the provider''s interval). next_library_at: this pull walked everything, and the next such walk is due then; next_urgent_from: see sync_jobs.urgent_from. False: the lease was lost.';

create function bondhu.block_provider(of_provider text, until timestamptz, reason text) returns timestamptz
language sql
set search_path = pg_catalog, pg_temp
as $$
  update bondhu.provider_settings s
     set blocked_until = greatest(
           s.blocked_until,
           coalesce(until, case s.quota_resets
             -- A calendar day and not 24 hours, because of clock changes.
             when 'midnight_pacific' then
               (bondhu.quota_window_start(s, now()) at time zone 'America/Los_Angeles' + interval '1 day')
                 at time zone 'America/Los_Angeles'
             else now() + interval '1 hour'
           end)),
         blocked_reason = left(reason, 2000)
   where s.provider = of_provider
  returning s.blocked_until
$$;
comment on function bondhu.block_provider(text, timestamptz, text) is
  'Stops all syncs of a provider that refuses the whole app: until the given instant, else until its quota is reset, else for an hour. Returns the end.';

-- SECURITY DEFINER: pg_cron shows a role only its own jobs. The answer holds no user's data.
create function bondhu.cron_plans_syncs() returns boolean
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  planned boolean := false;
begin
  if to_regclass('cron.job') is not null then
    execute 'select exists (select from cron.job where active and database = current_database() and strpos(command, ''bondhu.plan_syncs'') > 0)'
      into planned;
  end if;
  return planned;
end
$$;
comment on function bondhu.cron_plans_syncs() is 'Whether pg_cron runs plan_syncs here; otherwise the worker does.';

revoke all on function bondhu.claim_syncs(text, integer, text[], timestamptz), bondhu.hold_lease(uuid, text, uuid, jsonb, jsonb),
  bondhu.complete_sync(uuid, text, uuid, text, text[], text, text, timestamptz, integer, timestamptz, timestamptz, timestamptz, timestamptz),
  bondhu.block_provider(text, timestamptz, text), bondhu.cron_plans_syncs()
  from public, anon, authenticated, service_role;
grant execute on function bondhu.claim_syncs(text, integer, text[], timestamptz), bondhu.hold_lease(uuid, text, uuid, jsonb, jsonb),
  bondhu.complete_sync(uuid, text, uuid, text, text[], text, text, timestamptz, integer, timestamptz, timestamptz, timestamptz, timestamptz),
  bondhu.block_provider(text, timestamptz, text), bondhu.cron_plans_syncs()
  to bondhu_worker;

-- sql/65_insights/10_achievements.sql

-- Achievements: definitions, evaluated from facts whenever somebody looks. Nothing counts up: what rests on facts that are
-- deleted goes with them.

create table bondhu.achievements (
  id text primary key,
  place integer not null,
  fact text not null,
  threshold integer not null,
  is_enabled boolean not null default true,

  constraint achievement_id_is_a_short_name check (char_length(id) <= 64 and id ~ '^[a-z][a-z0-9_]*$'),
  constraint fact_is_known check (fact in (
    'messages', 'longest_streak', 'sessions', 'assessments', 'linked_accounts', 'plays', 'memories'
  )),
  -- Facts are counted up to the greatest of these, so that a look costs the same for everybody.
  constraint threshold_is_1_to_1000 check (threshold between 1 and 1000)
);
comment on table bondhu.achievements is
  'What can be achieved: a fact of at least threshold. messages: that count; longest_streak: days in a row with such messages, of the last 180; sessions, plays, memories: that are kept; assessments: completed; linked_accounts: now.';
comment on column bondhu.achievements.place is 'Where it stands among the others.';

create table bondhu.achievement_texts (
  achievement_id text not null references bondhu.achievements (id) on delete cascade,
  locale text not null,
  title text not null,
  description text not null,

  primary key (achievement_id, locale),
  constraint achievement_id_is_short check (char_length(achievement_id) <= 64),
  constraint achievement_locale_is_a_language check (char_length(locale) <= 3 and locale ~ '^[a-z]{2,3}$'),
  constraint title_is_short check (char_length(title) between 1 and 80),
  constraint description_is_short check (char_length(description) between 1 and 300)
);
comment on table bondhu.achievement_texts is 'What achievements are called, by language; who has another one reads English.';

alter table bondhu.achievements enable row level security;
alter table bondhu.achievement_texts enable row level security;
revoke all on bondhu.achievements, bondhu.achievement_texts from public, anon, authenticated, service_role;
grant select, insert, update, delete on bondhu.achievements, bondhu.achievement_texts to service_role;

insert into bondhu.achievements (id, place, fact, threshold) values
  ('first_message', 1, 'messages', 1),
  ('hundred_messages', 2, 'messages', 100),
  ('thousand_messages', 3, 'messages', 1000),
  ('three_days', 4, 'longest_streak', 3),
  ('one_week', 5, 'longest_streak', 7),
  ('one_month', 6, 'longest_streak', 30),
  ('questionnaire', 7, 'assessments', 1),
  ('first_account', 8, 'linked_accounts', 1),
  ('hundred_plays', 9, 'plays', 100),
  ('remembered', 10, 'memories', 1);

insert into bondhu.achievement_texts (achievement_id, locale, title, description) values
  ('first_message', 'en', 'Hello', 'You have written your first message.'),
  ('hundred_messages', 'en', 'A hundred messages', 'You have written a hundred messages.'),
  ('thousand_messages', 'en', 'A thousand messages', 'You have written a thousand messages.'),
  ('three_days', 'en', 'Three days in a row', 'You have written on three days in a row.'),
  ('one_week', 'en', 'A week in a row', 'You have written on seven days in a row.'),
  ('one_month', 'en', 'A month in a row', 'You have written on thirty days in a row.'),
  ('questionnaire', 'en', 'Self-portrait', 'You have completed a questionnaire.'),
  ('first_account', 'en', 'Connected', 'You have linked an account.'),
  ('hundred_plays', 'en', 'A hundred plays', 'A hundred songs that you played are known here.'),
  ('remembered', 'en', 'Remembered', 'The companion remembers something that you told.'),
  ('first_message', 'bn', 'শুভেচ্ছা', 'আপনি প্রথম বার্তাটি লিখেছেন।'),
  ('hundred_messages', 'bn', 'একশো বার্তা', 'আপনি একশোটি বার্তা লিখেছেন।'),
  ('thousand_messages', 'bn', 'এক হাজার বার্তা', 'আপনি এক হাজারটি বার্তা লিখেছেন।'),
  ('three_days', 'bn', 'টানা তিন দিন', 'আপনি টানা তিন দিন লিখেছেন।'),
  ('one_week', 'bn', 'টানা এক সপ্তাহ', 'আপনি টানা সাত দিন লিখেছেন।'),
  ('one_month', 'bn', 'টানা এক মাস', 'আপনি টানা ত্রিশ দিন লিখেছেন।'),
  ('questionnaire', 'bn', 'আত্মপ্রতিকৃতি', 'আপনি একটি প্রশ্নমালা শেষ করেছেন।'),
  ('first_account', 'bn', 'সংযুক্ত', 'আপনি একটি অ্যাকাউন্ট যুক্ত করেছেন।'),
  ('hundred_plays', 'bn', 'একশো গান', 'আপনার শোনা একশোটি গান এখানে জানা আছে।'),
  ('remembered', 'bn', 'মনে আছে', 'আপনার বলা কিছু কথা সঙ্গীর মনে আছে।');

create function bondhu.language_of(of_user uuid) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (select lower(split_part(replace(p.locale, '_', '-'), '-', 1)) from bondhu.people p where p.user_id = of_user);
end
$$;
comment on function bondhu.language_of(uuid) is 'The language in a user''s locale, as bn in bn-BD.';
revoke all on function bondhu.language_of(uuid) from public, anon, authenticated, service_role;
grant execute on function bondhu.language_of(uuid) to bondhu_worker;

create function bondhu.achievements_of(of_user uuid, longest_streak bigint) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  most constant integer := 1000;
  most_quarters integer;
  quarters bigint;
  messages bigint;
  sessions bigint;
  assessments bigint;
  linked_accounts bigint;
  plays bigint;
  memories bigint;
  language constant text := bondhu.language_of(of_user);
begin
  -- Each quarter hour has a message at least, and mostly more: a few will do for who writes much.
  foreach most_quarters in array array[10, 100, most] loop
    select coalesce(sum(b.message_count), 0), count(*) into messages, quarters
    from (
      select s.message_count from public.sentiment_buckets s
      where s.user_id = of_user order by s.bucket_start desc limit most_quarters
    ) b;
    exit when messages >= most or quarters < most_quarters;
  end loop;
  -- Each counted once, up to what is asked for.
  select
    (select count(*) from (select from public.user_sessions s where s.user_id = of_user limit asked.sessions) s),
    (select count(*) from (
      select from public.assessments a where a.user_id = of_user and a.completed_at is not null limit asked.assessments) a),
    (select count(*) from public.provider_connections c where c.user_id = of_user and c.status <> 'disconnected'),
    (select count(*) from (select from public.listening_history h where h.user_id = of_user limit asked.plays) h),
    (select count(*) from (select from public.memories m where m.user_id = of_user limit asked.memories) m)
  into sessions, assessments, linked_accounts, plays, memories
  from (
    select coalesce(max(a.threshold) filter (where a.fact = 'sessions'), 0) as sessions,
      coalesce(max(a.threshold) filter (where a.fact = 'assessments'), 0) as assessments,
      coalesce(max(a.threshold) filter (where a.fact = 'plays'), 0) as plays,
      coalesce(max(a.threshold) filter (where a.fact = 'memories'), 0) as memories
    from bondhu.achievements a where a.is_enabled
  ) asked;
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
        'id', d.id, 'title', coalesce(own.title, english.title), 'description', coalesce(own.description, english.description),
        'fact', d.fact, 'threshold', d.threshold, 'value', least(d.value, d.threshold), 'is_reached', d.value >= d.threshold)
      order by d.place, d.id), '[]')
    from (
      select a.*, case a.fact
        when 'messages' then messages
        when 'longest_streak' then longest_streak
        when 'sessions' then sessions
        when 'assessments' then assessments
        when 'linked_accounts' then linked_accounts
        when 'plays' then plays
        when 'memories' then memories
      end as value
      from bondhu.achievements a where a.is_enabled
    ) d
    left join bondhu.achievement_texts own on own.achievement_id = d.id and own.locale = language
    left join bondhu.achievement_texts english on english.achievement_id = d.id and english.locale = 'en'
  );
end
$$;
comment on function bondhu.achievements_of(uuid, bigint) is
  'The achievements of a user, reached or not, in their language: [{id, title, description, fact, threshold, value, is_reached}]; value goes up to threshold.';

revoke all on function bondhu.achievements_of(uuid, bigint) from public, anon, authenticated, service_role;

-- sql/65_insights/20_dashboard.sql

-- What a home page shows, in one call.

-- As bondhu.patterns() has them, looking once a day instead of at all that lies between.
create function bondhu.streaks(of_user uuid, time_zone text, today date, out current_streak bigint, out longest_streak bigint)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  horizon constant integer := 180; -- HORIZON_DAYS of core/src/decay.rs
  first_day date;
  day date;
  last_day date;
  run bigint;
begin
  if bondhu.is_outdated(of_user) then
    select p.current_streak, p.longest_streak into current_streak, longest_streak
    from bondhu.patterns(array[of_user], now()) p;
    return;
  end if;
  first_day := (
    select (min(s.bucket_start) at time zone time_zone)::date from public.sentiment_buckets s
    where s.user_id = of_user and s.bucket_start >= (today - horizon + 1)::timestamp at time zone time_zone - interval '2 hours');
  current_streak := 0;
  longest_streak := 0;
  for day in
    select d.day
    from (
      select n.day, n.day::timestamp at time zone time_zone as midnight
      from (
        select first_day + i as day from generate_series(greatest(today - horizon + 1 - first_day, 0), today - first_day) i offset 0
      ) n
      offset 0
    ) d
    cross join lateral (
      select from (
        -- Who writes all day long has many rows a day, of which an index would be read to the last of them.
        select from public.sentiment_buckets s
        where s.user_id = of_user
          and s.bucket_start >= d.midnight + interval '19 hours' and s.bucket_start < d.midnight + interval '20 hours'
          and (s.bucket_start at time zone time_zone)::date = d.day
        union all
        -- Where clocks go back at midnight it comes twice, and Postgres knows the second: the day decides.
        select from public.sentiment_buckets s
        where s.user_id = of_user
          and s.bucket_start >= case
            when (d.midnight - interval '2 hours') at time zone time_zone = d.day - interval '2 hours' then d.midnight
            else d.midnight - interval '2 hours' end
          and s.bucket_start < d.midnight + interval '26 hours'
          and (s.bucket_start at time zone time_zone)::date = d.day
      ) written
      limit 1
    ) written
    order by d.day
  loop
    run := case when day = last_day + 1 then run + 1 else 1 end;
    last_day := day;
    longest_streak := greatest(longest_streak, run);
  end loop;
  if last_day >= today - 1 then
    current_streak := run;
  end if;
end
$$;
comment on function bondhu.streaks(uuid, text, date) is
  'Runs of a user''s days with messages that count, of the last 180: the one that lasts, also if nothing was written yet today, and the longest.';

create function bondhu.messages_of_day(of_user uuid, time_zone text, day date) returns bigint
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  -- Where clocks go back at midnight it comes twice, and Postgres knows the second: the day decides.
  since constant timestamptz := day::timestamp at time zone time_zone - interval '2 hours';
  until constant timestamptz := (day + 1)::timestamp at time zone time_zone + interval '2 hours';
  most constant integer := 200;
  messages bigint;
begin
  if bondhu.is_outdated(of_user) then
    messages := (
      select sum(b.message_count) from bondhu.buckets(of_user, since, until) b
      where (b.bucket_start at time zone time_zone)::date = day);
  else
    messages := (
      select sum(b.message_count) from public.sentiment_buckets b
      where b.user_id = of_user and b.bucket_start >= since and b.bucket_start < until
        and (b.bucket_start at time zone time_zone)::date = day);
  end if;
  if messages >= most then
    return messages;
  end if;
  -- With those that do not count.
  return (
    select count(*) from (
      select from public.chat_messages m
      where m.user_id = of_user and m.sender_type = 'user' and m.created_at >= since and m.created_at < until
        and (m.created_at at time zone time_zone)::date = day
        and not bondhu.is_being_erased(of_user)
      limit most) m);
end
$$;
comment on function bondhu.messages_of_day(uuid, text, date) is
  'What a user wrote on a day of their time zone: up to 200 messages, and from 200 that count on those, so that a look costs the same for everybody.';

-- SECURITY DEFINER: it asks the engine, which clients may not. It reads only the caller's own rows.
create function public.dashboard() returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  caller constant uuid := bondhu.require_user();
  zone constant text := bondhu.my_time_zone();
  today constant date := (now() at time zone zone)::date;
  streak record;
begin
  perform bondhu.require_engine();
  streak := bondhu.streaks(caller, zone, today);
  return jsonb_build_object(
    'as_of', now(), 'time_zone', zone, 'today', today,
    'wellness', bondhu.wellness_change(caller, today),
    'mood', (
      select jsonb_build_object('dominant_mood', p.dominant_mood, 'mean_sentiment', p.mean_sentiment, 'sentiment_trend', p.sentiment_trend,
        'message_count', p.message_count, 'communication_style', p.communication_style, 'needs_support', p.needs_support)
      from bondhu.personality(array[caller], now()) p),
    'messages_today', bondhu.messages_of_day(caller, zone, today),
    'streak', jsonb_build_object('current_days', streak.current_streak, 'longest_days', streak.longest_streak),
    'sessions', (
      select jsonb_build_object(
        'active', count(*) filter (where s.ended_at is null),
        'started_in_7_days', count(*) filter (where s.started_at >= now() - interval '7 days'))
      from public.user_sessions s where s.user_id = caller),
    'top_genres', (
      select coalesce(jsonb_agg(to_jsonb(g) order by g.weight desc, g.genre, g.source), '[]') from (
        select listed.genre, listed.weight, m.provider as source
        from public.music_preferences m
        cross join lateral jsonb_to_recordset(m.top_genres) as listed (genre text, weight numeric)
        where m.user_id = caller
        order by listed.weight desc, listed.genre, m.provider limit 5) g),
    'recent_plays', (
      select coalesce(jsonb_agg(to_jsonb(h) order by h.played_at desc, h.track_id), '[]') from (
        select h.played_at, h.track_id, h.track_name, h.artist_names
        from public.listening_history h where h.user_id = caller
        order by h.played_at desc, h.track_id limit 5) h),
    'videos', (
      select jsonb_build_object('subscriptions', v.subscription_count, 'top_categories', (
        select coalesce(jsonb_agg(c.category order by c.place), '[]')
        from jsonb_array_elements(v.top_categories) with ordinality c (category, place) where c.place <= 5))
      from public.video_preferences v where v.user_id = caller),
    'achievements', bondhu.achievements_of(caller, streak.longest_streak),
    'connections', (
      select coalesce(jsonb_agg(jsonb_build_object('provider', c.provider, 'status', c.status, 'account_name', c.account_name,
        'last_sync_at', c.last_sync_at, 'next_sync_at', c.next_sync_at, 'last_error_code', c.last_error_code, 'last_error', c.last_error)
        order by c.provider), '[]')
      from public.provider_connections c where c.user_id = caller));
end
$$;
comment on function public.dashboard() is
  'What a home page shows of the caller, exact as of the call: wellness and what moved it, the mood now, messages_today, streak, sessions, five genres, plays and categories, achievements, connections. 0A000 without an engine.';

revoke all on function bondhu.streaks(uuid, text, date), bondhu.messages_of_day(uuid, text, date), public.dashboard() from public, anon, authenticated, service_role;
grant execute on function public.dashboard() to authenticated;

-- sql/65_insights/30_recommendations.sql

-- What to hear or watch next, out of what is a person's own. The worker gives points to candidates after each pull
-- (core/src/recommend); the order is settled here, by how they feel now and by what they said of earlier ones.

create table bondhu.recommendation_candidates (
  user_id uuid not null references auth.users (id) on delete cascade,
  kind text not null,
  candidates jsonb not null,
  computed_at timestamptz not null default now(),

  primary key (user_id, kind),
  constraint candidates_kind_is_known check (kind in ('music', 'video')),
  constraint candidates_is_a_list check (jsonb_typeof(candidates) = 'array')
);
comment on table bondhu.recommendation_candidates is
  'Up to 120 tracks or videos of the person''s own with their points (MOST_CANDIDATES and Points of core/src/recommend/candidates.rs): [{item_id, name, maker, makers, played, listed, saved, of_maker, genre, rest, valence, energy, plays, days_since_play}]. Written in the transaction that writes the preferences, whose change is what the mirror hears of.';

create table public.recommendation_feedback (
  user_id uuid not null references auth.users (id) on delete cascade,
  kind text not null,
  item_id text not null,
  maker text,
  feedback text not null,
  given_at timestamptz not null default now(),

  primary key (user_id, kind, item_id),
  constraint feedback_kind_is_known check (kind in ('music', 'video')),
  constraint feedback_is_known check (feedback in ('like', 'dismiss', 'played'))
);
comment on table public.recommendation_feedback is
  'What a person said of recommendations, or did with them, the newest of each: written by rate_recommendation(). At most 500 a kind; of videos for settings.video_retention_days, and no longer than there are candidates.';
comment on column public.recommendation_feedback.maker is 'The first artist''s name, or the channel''s id.';

alter table public.recommendation_feedback enable row level security;
revoke all on bondhu.recommendation_candidates, public.recommendation_feedback from public, anon, authenticated, service_role;
grant select on public.recommendation_feedback to authenticated, service_role;
grant select on public.recommendation_feedback to bondhu_worker;
grant select, insert, update, delete on bondhu.recommendation_candidates to bondhu_worker;

create policy "a user reads their own feedback" on public.recommendation_feedback
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker reads feedback" on public.recommendation_feedback
  for select to bondhu_worker using (true);

-- Direction and Lean of core/src/recommend/ranking.rs.
create function bondhu.recommendation_leans()
returns table (direction text, moods text[], valence integer, energy integer, familiarity integer)
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  values
    ('even', array[]::text[], 0, 0, 0),
    ('bright', array['joy', 'love', 'grateful'], 80, 60, 0),
    ('gentle', array['sad', 'lonely', 'tired'], 40, -60, 60),
    ('quiet', array['angry', 'anxious', 'disgust'], 20, -90, 60),
    ('open', array['curious', 'surprise'], 0, 0, -90)
$$;
comment on function bondhu.recommendation_leans() is
  'Where moods lead to: points for what is as bright, as lively or as well known as can be; what is as little so loses them.';

create function bondhu.recommendation_direction(dominant_mood text, sentiment_trend text) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    (select l.direction from bondhu.recommendation_leans() l where dominant_mood = any (l.moods)),
    case when sentiment_trend = 'falling' then 'gentle' else 'even' end)
$$;
comment on function bondhu.recommendation_direction(text, text) is
  'By the mood that dominates; where that tells nothing, by a trend that falls. Null is unknown.';

create function bondhu.rank_recommendations(of_user uuid, of_kind text, directions text[], max_rows integer)
returns table (
  direction text, place bigint, item_id text, name text, makers text[], plays integer, days_since_play integer,
  played integer, listed integer, saved integer, of_maker integer, genre integer, rest integer,
  mood integer, feedback integer, variety integer, score integer
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
  return query
    with said as materialized (
      select f.item_id, f.maker, f.feedback from public.recommendation_feedback f where f.user_id = of_user and f.kind = of_kind
    ),
    of_makers as materialized (
      select s.maker, greatest(-180, least(180,
        sum(case s.feedback when 'like' then 60 when 'dismiss' then -60 else 20 end))) as points
      from said s where s.maker is not null group by s.maker
    ),
    -- Read once, however many directions there are.
    candidates as materialized (
      select c.*,
        c.played + c.listed + c.saved + c.of_maker + c.genre + c.rest as own,
        (case s.feedback when 'like' then 150 when 'played' then -250 else 0 end + coalesce(m.points, 0))::integer as feedback
      from bondhu.recommendation_candidates r
      cross join lateral jsonb_to_recordset(r.candidates) as c (
        item_id text, name text, maker text, makers text[], plays integer, days_since_play integer,
        played integer, listed integer, saved integer, of_maker integer, genre integer, rest integer, valence integer, energy integer)
      left join said s on s.item_id = c.item_id
      left join of_makers m on m.maker = c.maker
      where r.user_id = of_user and r.kind = of_kind and s.feedback is distinct from 'dismiss'
    ),
    leaning as (
      select l.direction, c.*,
        round((l.valence * coalesce(c.valence - 500, 0) + l.energy * coalesce(c.energy - 500, 0)
          + l.familiarity * (least(1000, 2 * (c.played + c.listed)) - 500)) / 500.0)::integer as mood
      from candidates c
      join bondhu.recommendation_leans() l on l.direction = any (directions)
    ),
    varied as (
      select w.*,
        case when w.maker is null then 0 else -20 * (row_number() over (
          partition by w.direction, w.maker order by w.own + w.mood + w.feedback desc, w.item_id collate "C") - 1)::integer end as variety
      from leaning w
    ),
    placed as (
      select v.*, v.own + v.mood + v.feedback + v.variety as score,
        row_number() over (partition by v.direction order by v.own + v.mood + v.feedback + v.variety desc, v.item_id collate "C") as place
      from varied v
    )
    select p.direction, p.place, p.item_id, p.name, p.makers, p.plays, p.days_since_play, p.played, p.listed, p.saved, p.of_maker, p.genre, p.rest,
      p.mood, p.feedback, p.variety, p.score
    from placed p
    where p.place <= max_rows
    order by p.direction, p.place;
end
$$;
comment on function bondhu.rank_recommendations(uuid, text, text[], integer) is
  'A user''s candidates of a kind for each direction, in the order of core''s rank(), with where each place comes from; ties by item_id, byte by byte.';

create function bondhu.recommendation_reasons() returns table (reason text, kind text, locale text, words text)
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  values
    ('played', 'music', 'en', 'Played by you in the last half year: %s×.'),
    ('played', 'music', 'bn', 'গত ছয় মাসে আপনি শুনেছেন: %s বার।'),
    ('played', 'video', 'en', 'You liked it.'),
    ('played', 'video', 'bn', 'এটা আপনার ভালো লেগেছে।'),
    ('listed', 'music', 'en', 'It is among your favourites.'),
    ('listed', 'music', 'bn', 'এটা আপনার প্রিয়দের একটি।'),
    ('saved', 'music', 'en', 'You saved it.'),
    ('saved', 'music', 'bn', 'এটা আপনি রেখে দিয়েছেন।'),
    ('saved', 'video', 'en', 'You kept it.'),
    ('saved', 'video', 'bn', 'এটা আপনি রেখে দিয়েছেন।'),
    ('of_maker', 'music', 'en', 'You listen to %s.'),
    ('of_maker', 'music', 'bn', 'আপনি %s শোনেন।'),
    ('of_maker', 'video', 'en', 'You watch %s.'),
    ('of_maker', 'video', 'bn', 'আপনি %s দেখেন।'),
    ('genre', 'music', 'en', 'It is of a genre you love.'),
    ('genre', 'music', 'bn', 'এটা আপনার প্রিয় ধারার।'),
    ('genre', 'video', 'en', 'It is about something you love.'),
    ('genre', 'video', 'bn', 'এটা আপনার প্রিয় বিষয়ের।'),
    ('rest', 'music', 'en', 'You have not heard it for %s days.'),
    ('rest', 'music', 'bn', 'এটা আপনি %s দিন শোনেননি।'),
    ('waiting', 'music', 'en', 'You saved it and have not played it lately.'),
    ('waiting', 'music', 'bn', 'এটা রেখে দিয়েছেন, সম্প্রতি শোনেননি।'),
    ('waiting', 'video', 'en', 'It waits in your list.'),
    ('waiting', 'video', 'bn', 'এটা আপনার তালিকায় অপেক্ষা করছে।'),
    ('mood', 'music', 'en', 'It suits how you feel now.'),
    ('mood', 'music', 'bn', 'আপনার এখনকার মনের সঙ্গে এটা মানায়।'),
    ('mood', 'video', 'en', 'It suits how you feel now.'),
    ('mood', 'video', 'bn', 'আপনার এখনকার মনের সঙ্গে এটা মানায়।'),
    ('feedback', 'music', 'en', 'You liked this, or more of the same.'),
    ('feedback', 'music', 'bn', 'এটা বা এমন কিছু আপনার ভালো লেগেছে।'),
    ('feedback', 'video', 'en', 'You liked this, or more of the same.'),
    ('feedback', 'video', 'bn', 'এটা বা এমন কিছু আপনার ভালো লেগেছে।')
$$;
comment on function bondhu.recommendation_reasons() is
  'Reasons in words; %s is the figure. played, listed, saved, of_maker, genre, mood and feedback are what most points are for; rest is what rested, waiting what was kept and never taken up.';

create function bondhu.recommended_items(of_user uuid, of_kind text, directions text[], max_rows integer)
returns table (direction text, items jsonb)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  language constant text := bondhu.language_of(of_user);
begin
  return query
    with words as materialized (
      select distinct on (t.reason) t.reason, t.words
      from bondhu.recommendation_reasons() t
      where t.kind = of_kind and t.locale in (language, 'en')
      order by t.reason, t.locale = 'en'
    ),
    reasoned as materialized (
      select r.*, (
        -- What carries it most; what sets it apart from the person's other favourites comes first.
        select o.reason from (values
          (1, 'feedback', r.feedback), (2, 'mood', 2 * r.mood),
          (3, case when r.plays > 0 then 'rest' else 'waiting' end, 4 * case when r.plays > 0 and r.days_since_play is null then 0 else r.rest end),
          (4, 'played', r.played), (5, 'listed', r.listed), (6, 'of_maker', r.of_maker), (7, 'saved', r.saved), (8, 'genre', r.genre)
        ) o (place, reason, points)
        order by o.points desc, o.place
        limit 1
      ) as reason
      from bondhu.rank_recommendations(of_user, of_kind, directions, max_rows) r
    )
    select r.direction, jsonb_agg(jsonb_build_object(
      'item_id', r.item_id, 'name', r.name, 'makers', to_jsonb(r.makers), 'score', r.score,
      'reason', r.reason,
      'reason_text', format(w.words,
        case r.reason when 'played' then r.plays::text when 'rest' then r.days_since_play::text when 'of_maker' then coalesce(r.makers[1], '–') end),
      'points', jsonb_build_object('played', r.played, 'listed', r.listed, 'saved', r.saved, 'of_maker', r.of_maker, 'genre', r.genre,
        'rest', r.rest, 'mood', r.mood, 'feedback', r.feedback, 'variety', r.variety),
      'plays', r.plays, 'days_since_play', r.days_since_play) order by r.place)
    from reasoned r
    left join words w on w.reason = r.reason
    group by r.direction;
end
$$;
comment on function bondhu.recommended_items(uuid, text, text[], integer) is
  'The best of rank_recommendations() as clients are shown them, in the user''s language or in English: [{item_id, name, makers, score, reason, reason_text, points, plays, days_since_play}]. No row for a direction without any.';

create function bondhu.recommendation_state(of_user uuid, of_kind text, out state text, out computed_at timestamptz)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  few constant integer := 10;
  found_count integer;
begin
  if not (select s.enabled from bondhu.provider_settings s where s.provider = case of_kind when 'music' then 'spotify' else 'youtube' end) then
    state := 'provider_off';
    return;
  end if;
  select (
      select count(*) from jsonb_array_elements(r.candidates) c
      where not exists (
        select from public.recommendation_feedback f
        where f.user_id = of_user and f.kind = of_kind and f.item_id = c ->> 'item_id' and f.feedback = 'dismiss')), r.computed_at
  into found_count, computed_at
  from bondhu.recommendation_candidates r where r.user_id = of_user and r.kind = of_kind;
  state := case when found_count is null or found_count = 0 then 'nothing_yet' when found_count < few then 'few' else 'ready' end;
end
$$;
comment on function bondhu.recommendation_state(uuid, text) is
  'provider_off: the operator has closed the account''s provider; nothing_yet: no account is linked, or it has brought nothing that was not dismissed; few: fewer than ten things to choose from; ready.';

create function bondhu.check_recommendation_kind(kind text) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if kind is null or kind not in ('music', 'video') then
    raise exception using errcode = '22023', message = 'there is no such kind of recommendations', hint = 'There are: music, video.';
  end if;
end
$$;
comment on function bondhu.check_recommendation_kind(text) is '22023 unless music or video.';

-- SECURITY DEFINER, as those below: candidates are the worker's, and feedback is written in no other way. Only
-- the caller's own rows are touched.
create function public.recommendations(kind text, max_rows integer default 20) returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  caller constant uuid := bondhu.require_user();
  standing record;
  feeling record;
  direction text := 'even';
begin
  perform bondhu.check_recommendation_kind(kind);
  perform bondhu.check_limit(max_rows);
  standing := bondhu.recommendation_state(caller, kind);
  if bondhu.engine() is not null then
    select p.dominant_mood, p.sentiment_trend into feeling from bondhu.personality(array[caller], now()) p;
    direction := bondhu.recommendation_direction(feeling.dominant_mood, feeling.sentiment_trend);
  end if;
  return jsonb_build_object(
    'kind', kind, 'state', standing.state, 'computed_at', standing.computed_at, 'direction', direction,
    'items', case when standing.state in ('few', 'ready') then coalesce((
      select i.items from bondhu.recommended_items(caller, kind, array[direction], max_rows) i), '[]') else '[]' end);
end
$$;
comment on function public.recommendations(text, integer) is
  'Music or video out of the caller''s own: by taste, by how they feel now (direction), by how long it has rested, varied over artists and channels, each with its reason in words and points. state: ready; few; nothing_yet, without a linked account or before it brought something that is not dismissed; provider_off. max_rows 1 to 200.';

create function public.rate_recommendation(kind text, item_id text, feedback text default null) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  caller constant uuid := bondhu.lock_user(alone => false);
  said constant text := rate_recommendation.feedback;
  of_kind constant text := rate_recommendation.kind;
  of_item constant text := rate_recommendation.item_id;
  most constant integer := 500;
  candidate record;
begin
  perform bondhu.check_recommendation_kind(of_kind);
  if of_item is null or octet_length(of_item) > 255 then
    raise exception using errcode = '22023', message = 'item_id is none that there could be', hint = 'Send an item_id that recommendations() has returned lately.';
  end if;
  if said is not null and said not in ('like', 'dismiss', 'played') then
    raise exception using errcode = '22023', message = 'there is no such feedback', hint = 'There are: like, dismiss, played; leave it out to take back what was said.';
  end if;
  if said is null then
    delete from public.recommendation_feedback f where f.user_id = caller and f.kind = of_kind and f.item_id = of_item;
    return;
  end if;
  select c.maker into candidate
  from bondhu.recommendation_candidates r
  cross join lateral jsonb_to_recordset(r.candidates) as c (item_id text, maker text)
  where r.user_id = caller and r.kind = of_kind and c.item_id = of_item;
  if not found then
    -- What was said before the last pull may be said otherwise.
    select f.maker into candidate from public.recommendation_feedback f
    where f.user_id = caller and f.kind = of_kind and f.item_id = of_item;
  end if;
  if not found then
    raise exception using errcode = 'P0002', message = 'it is none of your recommendations', hint = 'Send an item_id that recommendations() has returned lately.';
  end if;
  insert into public.recommendation_feedback as f (user_id, kind, item_id, maker, feedback)
  values (caller, of_kind, of_item, candidate.maker, said)
  on conflict (user_id, kind, item_id) do update set maker = excluded.maker, feedback = excluded.feedback, given_at = excluded.given_at;
  delete from public.recommendation_feedback f
  where f.user_id = caller and f.kind = of_kind and f.item_id in (
    select o.item_id from public.recommendation_feedback o
    where o.user_id = caller and o.kind = of_kind
    order by o.given_at desc, o.item_id offset most);
end
$$;
comment on function public.rate_recommendation(text, text, text) is
  'What the caller says of a recommendation: like, dismiss (it is recommended no more), played (it is had for now); without one it is taken back. It moves the thing and its artist or channel within bounds, at once. P0002 for what is not among their candidates.';

create function public.reset_recommendations(kind text default null) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  caller constant uuid := bondhu.lock_user(alone => false);
  of_kind constant text := reset_recommendations.kind;
begin
  if of_kind is not null then
    perform bondhu.check_recommendation_kind(of_kind);
  end if;
  delete from public.recommendation_feedback f where f.user_id = caller and f.kind = coalesce(of_kind, f.kind);
end
$$;
comment on function public.reset_recommendations(text) is 'Forgets all feedback of the caller, of one kind or of both.';

create function bondhu.recommendations_document(user_ids uuid[], as_of timestamptz)
returns table (user_id uuid, data json, until timestamptz)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
  return query
    select p.user_id, (
      select jsonb_object_agg(r.kind, jsonb_build_object('state', standing.state, 'computed_at', standing.computed_at, 'by_direction',
          case when standing.state in ('few', 'ready') then (
            select jsonb_object_agg(i.direction, i.items)
            from bondhu.recommended_items(p.user_id, r.kind, array['even', 'bright', 'gentle', 'quiet', 'open'], 10) i) end))
        || jsonb_build_object('directions', (
          select jsonb_object_agg(m.mood, l.direction) from bondhu.recommendation_leans() l cross join lateral unnest(l.moods) m (mood)))
      from bondhu.recommendation_candidates r
      cross join lateral bondhu.recommendation_state(r.user_id, r.kind) standing
      where r.user_id = p.user_id
    )::json, null::timestamptz
    from unnest(user_ids) wanted (id)
    join bondhu.people p on p.user_id = wanted.id
    where as_of is not null;
end
$$;
comment on function bondhu.recommendations_document(uuid[], timestamptz) is
  'Redis document recommendations: by kind and direction the ten best, and which mood leads to which direction (of others: even, or gentle while the trend is falling), so that it does not change with each message; null data for a user without candidates.';

revoke all on function bondhu.recommendation_leans(), bondhu.recommendation_direction(text, text),
  bondhu.rank_recommendations(uuid, text, text[], integer), bondhu.recommendation_reasons(),
  bondhu.recommended_items(uuid, text, text[], integer), bondhu.recommendation_state(uuid, text),
  bondhu.check_recommendation_kind(text), bondhu.recommendations_document(uuid[], timestamptz),
  public.recommendations(text, integer), public.rate_recommendation(text, text, text), public.reset_recommendations(text)
  from public, anon, authenticated, service_role;
grant execute on function bondhu.recommendation_leans(), bondhu.rank_recommendations(uuid, text, text[], integer),
  bondhu.recommendation_reasons(), bondhu.recommended_items(uuid, text, text[], integer),
  bondhu.recommendation_state(uuid, text), bondhu.recommendations_document(uuid[], timestamptz)
  to bondhu_worker;
grant execute on function public.recommendations(text, integer), public.rate_recommendation(text, text, text),
  public.reset_recommendations(text) to authenticated;

-- sql/65_insights/40_trending.sql

-- What rises: YouTube's public chart of a region, and moods among many. A mood is told of at least
-- settings.trending_min_people people, in tens, and of nobody who has not allowed it.

create table bondhu.trending_people (
  user_id uuid primary key references auth.users (id) on delete cascade,
  region text not null,
  moods_now integer not null default 0,
  moods_before integer not null default 0,
  counted_until timestamptz not null default '-infinity',

  constraint moods_are_thirteen_flags check (moods_now between 0 and 8191 and moods_before between 0 and 8191)
);
comment on table bondhu.trending_people is
  'Who has allowed to be counted among many (consents trending and learning), and which moods they had. Kept by set_consent() and bondhu.keep_trends_fresh().';
comment on column bondhu.trending_people.region is 'bondhu.video_region() of them.';
comment on column bondhu.trending_people.moods_now is 'Sum of bondhu.mood_flags() of the 7 days until counted_until; 0 of whoever does not count.';
comment on column bondhu.trending_people.moods_before is 'The same of the 7 days before those.';
comment on column bondhu.trending_people.counted_until is 'A full hour of UTC; -infinity: not counted yet.';
create index trending_people_by_age on bondhu.trending_people (counted_until);

alter table bondhu.trending_people enable row level security;
revoke all on bondhu.trending_people from public, anon, authenticated, service_role;
grant select on bondhu.trending_people to service_role;

create function bondhu.mood_flags() returns table (mood text, flag integer)
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select m.mood, 1 << (m.place - 1)::integer
  from unnest(array['angry', 'anxious', 'calm', 'curious', 'disgust', 'grateful', 'joy', 'lonely', 'love', 'neutral', 'sad', 'surprise', 'tired'])
    with ordinality m (mood, place)
$$;
comment on function bondhu.mood_flags() is 'A bit for each mood, so that a person''s moods are one integer.';

create function bondhu.lets_trends_count(of_user uuid) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select bondhu.consented_since(of_user, 'trending') is not null and bondhu.consented_since(of_user, 'learning') is not null
$$;
comment on function bondhu.lets_trends_count(uuid) is 'Whether a user allows that they count among many, and that what they write counts at all.';

create function bondhu.keep_trending_person(of_user uuid) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if bondhu.lets_trends_count(of_user) then
    insert into bondhu.trending_people (user_id, region) values (of_user, bondhu.video_region(of_user))
    on conflict (user_id) do nothing;
  else
    delete from bondhu.trending_people t where t.user_id = of_user;
  end if;
end
$$;
comment on function bondhu.keep_trending_person(uuid) is
  'set_consent() for trending and learning, under bondhu.lock_consents(): who withdraws counts no more at once.';

create function bondhu.moods_of_weeks(of_user uuid, until timestamptz, out moods_now integer, out moods_before integer)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(bit_or(f.flag) filter (where b.bucket_start >= until - interval '168 hours'), 0),
    coalesce(bit_or(f.flag) filter (where b.bucket_start < until - interval '168 hours'), 0)
  from bondhu.buckets(of_user, until - interval '336 hours', until) b
  cross join lateral (values
    ('angry', b.angry), ('anxious', b.anxious), ('calm', b.calm), ('curious', b.curious), ('disgust', b.disgust),
    ('grateful', b.grateful), ('joy', b.joy), ('lonely', b.lonely), ('love', b.love), ('neutral', b.neutral),
    ('sad', b.sad), ('surprise', b.surprise), ('tired', b.tired)
  ) m (mood, messages)
  join bondhu.mood_flags() f on f.mood = m.mood
  where m.messages > 0
    and not bondhu.is_being_erased(of_user)
    -- As json, because an older auth.users lacks the column.
    and exists (select from auth.users u where u.id = of_user and to_jsonb(u) ->> 'is_anonymous' is distinct from 'true')
$$;
comment on function bondhu.moods_of_weeks(uuid, timestamptz) is
  'Which moods a user had in the 7 days until an instant, and in the 7 before, as sums of bondhu.mood_flags(). None of anonymous accounts, nor of what is being erased.';

-- SECURITY DEFINER: the worker calls it where there is no cron, and may not read auth.users.
create function bondhu.refresh_trending(most integer default 100) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  until constant timestamptz := date_trunc('hour', now(), 'UTC');
  due uuid[];
begin
  -- Rows are added by set_consent() alone: one that withdraws meanwhile finds the row that is locked here, waits, and deletes it.
  -- Whom others have locked comes next time, so that nobody waits for this.
  due := array(
    select t.user_id from bondhu.trending_people t
    where t.counted_until < until
    order by t.counted_until
    limit most
    for update skip locked);
  delete from bondhu.trending_people t where t.user_id = any (due) and not bondhu.lets_trends_count(t.user_id);
  update bondhu.trending_people t
  set region = bondhu.video_region(t.user_id), moods_now = w.moods_now, moods_before = w.moods_before, counted_until = until
  from unnest(due) d (user_id)
  cross join lateral bondhu.moods_of_weeks(d.user_id, until) w
  where t.user_id = d.user_id;
  return cardinality(due);
end
$$;
comment on function bondhu.refresh_trending(integer) is
  'Counts anew who was not counted since the full hour, up to `most` people; returns how many. Who withdraws meanwhile waits for it.';

-- A procedure, to commit after each lot: who withdraws waits for a hundred people at most. Those pin search_path themselves.
create procedure bondhu.keep_trends_fresh(seconds integer default 50)
language plpgsql
as $$
declare
  until constant timestamptz := pg_catalog.clock_timestamp() operator(pg_catalog.+) pg_catalog.make_interval(secs => seconds);
  counted integer;
begin
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  loop
    counted := bondhu.refresh_trending();
    commit;
    perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    exit when counted = 0 or clock_timestamp() > until;
  end loop;
end
$$;
comment on procedure bondhu.keep_trends_fresh(integer) is 'bondhu.refresh_trending() for everybody, in lots, for some seconds at most. Run by cron.';
revoke all on procedure bondhu.keep_trends_fresh(integer) from public, anon, authenticated, service_role;

create function bondhu.trending_videos(of_region text) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'kind', 'video', 'region', of_region, 'source', 'youtube',
    'state', case when not s.enabled then 'provider_off' when c.fetched_at is null then 'no_chart_yet' else 'ready' end,
    'as_of', case when s.enabled then c.fetched_at end,
    'items', case when s.enabled and c.fetched_at is not null then c.videos else '[]' end)
  from bondhu.provider_settings s
  left join bondhu.video_charts c on c.region = of_region
  where s.provider = 'youtube'
$$;
comment on function bondhu.trending_videos(text) is 'trending() for videos.';

create function bondhu.trending_moods(of_region text) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  -- Few combinations of moods occur: each is counted once, however many people there are.
  with alike as (
    select t.moods_now, t.moods_before, count(*) as people, min(t.counted_until) filter (where isfinite(t.counted_until)) as counted_until
    from bondhu.trending_people t
    where of_region is null or t.region = of_region
    group by t.moods_now, t.moods_before
  ),
  weeks as (
    select coalesce(sum(a.people) filter (where a.moods_now <> 0), 0)::bigint as people_now,
      coalesce(sum(a.people) filter (where a.moods_before <> 0), 0)::bigint as people_before,
      min(a.counted_until) as counted_until
    from alike a
  ),
  felt as (
    select f.mood,
      coalesce(sum(a.people) filter (where (a.moods_now & f.flag) <> 0), 0)::bigint as people_now,
      coalesce(sum(a.people) filter (where (a.moods_before & f.flag) <> 0), 0)::bigint as people_before
    from bondhu.mood_flags() f cross join alike a
    group by f.mood
  ),
  -- Shares are of tens, too: of exact ones the exact numbers could be told.
  shares as (
    select f.mood, f.people_now / 10 * 10 as people,
      round((f.people_now / 10)::numeric / (w.people_now / 10), 3) as share,
      case when f.people_before >= s.trending_min_people then round((f.people_before / 10)::numeric / (w.people_before / 10), 3) end as share_before
    from felt f cross join weeks w cross join bondhu.settings s
    where f.people_now >= s.trending_min_people
  )
  select jsonb_build_object(
    'kind', 'moods', 'region', of_region, 'min_people', s.trending_min_people,
    -- Without a mood to tell, not even whether anybody is there.
    'as_of', case when exists (select from shares) then w.counted_until end,
    'state', case when exists (select from shares) then 'ready' else 'too_few_people' end,
    'items', (
      select coalesce(jsonb_agg(
        jsonb_build_object('mood', i.mood, 'people', i.people, 'share', i.share, 'rise', i.share - i.share_before)
        order by i.share - i.share_before desc nulls last, i.share desc, i.mood), '[]')
      from shares i))
  from weeks w cross join bondhu.settings s
$$;
comment on function bondhu.trending_moods(text) is 'trending() for moods.';

-- SECURITY DEFINER: clients read none of these tables. Of other people it tells tens, from settings.trending_min_people on.
create function public.trending(kind text, region text default null) returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  caller constant uuid := bondhu.require_user();
begin
  if trending.kind is null or trending.kind not in ('moods', 'video') then
    raise exception using errcode = '22023', message = 'kind is none of what there is', hint = 'There are: moods, video.';
  elsif octet_length(trending.region) <> 2 or trending.region !~ '^[A-Za-z]{2}$' then
    raise exception using errcode = '22023', message = 'region is not two letters',
      hint = 'Send a country''s code as ISO 3166-1 has it, such as BD, or leave it out.';
  end if;
  if trending.kind = 'video' then
    return bondhu.trending_videos(coalesce(upper(trending.region), bondhu.video_region(caller), 'US'));
  end if;
  perform bondhu.require_engine();
  return bondhu.trending_moods(upper(trending.region));
end
$$;
comment on function public.trending(text, text) is
  'What rises. kind video: YouTube''s public chart of a region, without one the caller''s. kind moods: which moods at least min_people people had in 7 days, those of a region or, without one, all who have allowed trending; people in tens, share of all of them 0..1, rise since the 7 days before, null where fewer had it then. 22023 for another kind or a malformed region; 0A000 for moods without an engine.';

revoke all on function bondhu.mood_flags(), bondhu.lets_trends_count(uuid), bondhu.keep_trending_person(uuid),
  bondhu.moods_of_weeks(uuid, timestamptz), bondhu.refresh_trending(integer), bondhu.trending_videos(text), bondhu.trending_moods(text),
  public.trending(text, text)
  from public, anon, authenticated, service_role;
grant execute on function bondhu.refresh_trending(integer), bondhu.trending_videos(text) to bondhu_worker;
grant execute on function public.trending(text, text) to authenticated;

-- sql/68_privacy/10_registry.sql

-- What becomes of each table when a person takes their data along, or has it erased. A test finds every table and
-- column of Bondhu's in the catalog, and fails where one does not stand here.

create function bondhu.data_registry()
returns table (relation text, user_column text, is_exported boolean, left_out text[], erased text, reason text)
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  -- In the order in which rows go: without a profile nothing is folded back.
  values
    ('public.personality_profiles', 'user_id', true, array[]::text[], 'deleted', null::text),
    ('public.sentiment_buckets', 'user_id', true, array[]::text[], 'deleted', null),
    ('bondhu.trending_people', 'user_id', false, array[]::text[], 'deleted', 'Repeats public.sentiment_buckets, by the week.'),
    ('public.personality_history', 'user_id', true, array[]::text[], 'deleted', null),
    ('public.personality_history_evidence', 'user_id', true, array[]::text[], 'cascades', 'With public.personality_history.'),
    ('bondhu.safety_events', 'user_id', true, array['handled_at'], 'cascades',
      'With public.personality_profiles, as with each message. Left out: when the operator''s staff has dealt with it.'),
    ('public.memories', 'user_id', true, array[]::text[], 'deleted', null),
    ('public.memory_evidence', 'user_id', true, array[]::text[], 'cascades', 'With public.memories.'),
    ('bondhu.memory_passes', 'user_id', false, array['lease', 'leased_until'], 'deleted', 'A lease of who looks for memories.'),
    ('bondhu.chat_replies', 'user_id', true, array['lease', 'leased_until', 'reserved_tokens', 'reserved_on'], 'deleted',
      'Left out: the lease of who answers, and what is reserved for it.'),
    ('bondhu.forgettings', 'user_id', false, array[]::text[], 'deleted', 'How far a request to forget has come.'),
    ('public.assessments', 'user_id', true, array[]::text[], 'deleted', null),
    ('public.provider_connections', 'user_id', true, array[]::text[], 'deleted', null),
    ('bondhu.sync_jobs', 'user_id', false, array['lease_token', 'lease_owner', 'lease_expires_at'], 'cascades',
      'With public.provider_connections. Leases and the worker''s place in a provider''s lists.'),
    ('bondhu.page_etags', 'user_id', false, array[]::text[], 'cascades', 'With bondhu.sync_jobs. A cache of a provider''s pages.'),
    ('bondhu.provider_tokens', 'user_id', false, array['sealed'], 'cascades', 'With public.provider_connections. Secret.'),
    ('bondhu.oauth_states', 'user_id', false, array['state_hash', 'code_verifier'], 'deleted', 'Secret; of a consent in progress.'),
    ('bondhu.pending_connections', 'user_id', false, array['code_hash', 'sealed_access', 'sealed_refresh'], 'deleted',
      'Secret; of a consent in progress.'),
    ('public.listening_history', 'user_id', true, array[]::text[], 'deleted', null),
    ('public.listening_gaps', 'user_id', true, array[]::text[], 'deleted', null),
    ('public.music_top_items', 'user_id', true, array['walk_id'], 'deleted', 'Left out: which walk has seen it.'),
    ('public.music_library', 'user_id', true, array['walk_id'], 'deleted', 'Left out: which walk has seen it.'),
    ('public.music_playlists', 'user_id', true, array['walk_id'], 'deleted', 'Left out: which walk has seen it.'),
    ('public.music_playlist_items', 'user_id', true, array['walk_id'], 'deleted', 'Left out: which walk has seen it.'),
    ('public.music_preferences', 'user_id', true, array[]::text[], 'deleted', null),
    ('public.video_subscriptions', 'user_id', true, array['walk_id'], 'deleted', 'Left out: which walk has seen it.'),
    ('public.video_likes', 'user_id', true, array['walk_id'], 'deleted', 'Left out: which walk has seen it.'),
    ('public.video_playlists', 'user_id', true, array['walk_id'], 'deleted', 'Left out: which walk has seen it.'),
    ('public.video_playlist_items', 'user_id', true, array['walk_id'], 'deleted', 'Left out: which walk has seen it.'),
    ('public.video_preferences', 'user_id', true, array[]::text[], 'deleted', null),
    ('bondhu.recommendation_candidates', 'user_id', true, array[]::text[], 'deleted', null),
    ('public.recommendation_feedback', 'user_id', true, array[]::text[], 'deleted', null),
    ('public.chat_messages', 'user_id', true, array[]::text[], 'last', null),
    ('public.user_sessions', 'user_id', true, array[]::text[], 'last', null),
    ('public.session_activities', 'user_id', true, array[]::text[], 'cascades', 'With public.user_sessions.'),
    ('public.companion_profiles', 'user_id', true, array[]::text[], 'in part', 'A row of defaults takes its place, until the account goes.'),
    ('public.consents', 'user_id', true, array[]::text[], 'in part',
      'A refusal of what is allowed by default stands, without the decisions before it, until the account goes.'),
    ('bondhu.people_not_learnt_from', 'user_id', false, array[]::text[], 'kept',
      'Repeats public.consents. A refusal stands until the account goes.'),
    ('bondhu.chat_usage', 'user_id', true, array[]::text[], 'kept', 'The day''s tokens are used; numbers alone, for 30 days at most.'),
    ('public.erasures', 'user_id', true, array[]::text[], 'kept', 'The receipts; until the account goes.'),
    ('bondhu.revocations', 'sealed_for', false, array['account_hash', 'sealed'], 'kept',
      'Secret. Until the provider has revoked the consent, at most 7 days.'),
    ('bondhu.receipts', null, false, array[]::text[], 'kept', 'Receipts of accounts that are gone: they name nobody.'),
    ('bondhu.app_tables', null, false, array[]::text[], 'kept', 'Settings.'),
    ('bondhu.settings', null, false, array[]::text[], 'kept', 'Settings.'),
    ('bondhu.provider_settings', null, false, array[]::text[], 'kept', 'Settings.'),
    ('bondhu.companion_settings', null, false, array[]::text[], 'kept', 'Settings.'),
    ('bondhu.assessment_items', null, false, array[]::text[], 'kept', 'What questionnaires ask.'),
    ('bondhu.assessment_texts', null, false, array[]::text[], 'kept', 'What questionnaires ask.'),
    ('bondhu.achievements', null, false, array[]::text[], 'kept', 'What there is to achieve.'),
    ('bondhu.achievement_texts', null, false, array[]::text[], 'kept', 'What there is to achieve.'),
    ('bondhu.provider_ledger', null, false, array[]::text[], 'kept', 'Requests of all workers, by time.'),
    ('bondhu.chat_usage_of_project', null, false, array[]::text[], 'kept', 'Tokens of all people, by day.'),
    ('bondhu.track_features', null, false, array[]::text[], 'kept', 'About recordings.'),
    ('bondhu.recording_genres', null, false, array[]::text[], 'kept', 'About recordings.'),
    ('bondhu.video_categories', null, false, array[]::text[], 'kept', 'About videos.'),
    ('bondhu.video_charts', null, false, array[]::text[], 'kept', 'About videos.'),
    ('bondhu.rescoring', null, false, array[]::text[], 'kept', 'How far all messages are scored anew.')
$$;
comment on function bondhu.data_registry() is
  'Every table of Bondhu''s. user_column: whose rows they are, null: nobody''s. is_exported: whole rows but for left_out go into export_my_data(). erased: what erase_my_data() does: deleted; cascades with another; last, when no message is left; in part and kept, for the reason given.';

create table bondhu.app_tables (
  relation text primary key,
  user_column text not null,
  is_exported boolean not null default true,
  is_erased boolean not null default true,
  left_out text[] not null default '{}'
);
comment on table bondhu.app_tables is
  'Tables of the app''s own that export_my_data() and erase_my_data() are to include: the operator registers them, none is guessed.';
comment on column bondhu.app_tables.relation is 'With its schema, as in public.diary_entries; it has a primary key, and is no table of Bondhu''s.';
comment on column bondhu.app_tables.user_column is 'The column with the id of the account, a uuid.';
comment on column bondhu.app_tables.left_out is 'Columns that are not exported.';
alter table bondhu.app_tables enable row level security;
revoke all on bondhu.app_tables from public, anon, authenticated, service_role;
grant select on bondhu.app_tables to service_role;

create function bondhu.key_columns(of_relation regclass) returns table (name name, type text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select a.attname, format_type(a.atttypid, a.atttypmod)
  from pg_catalog.pg_index i
  cross join unnest(i.indkey::int2[]) with ordinality k (attnum, place)
  join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
  where i.indrelid = of_relation and i.indisprimary
  order by k.place
$$;
comment on function bondhu.key_columns(regclass) is 'The columns of a table''s primary key, in its order.';

create function bondhu.check_app_table() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  named regclass := to_regclass(new.relation);
  place record;
  wrong text;
begin
  select c.relkind, n.nspname, format('%I.%I', n.nspname, c.relname) as whole into place
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.oid = named;
  wrong := case
    when named is null or place.relkind not in ('r', 'p') then 'there is no such table'
    when place.nspname in ('auth', 'bondhu', 'bondhu_native', 'bondhu_portable', 'cron', 'realtime', 'storage', 'vault')
      or starts_with(place.nspname, 'pg_') or place.nspname = 'information_schema'
      or place.whole in (select r.relation from bondhu.data_registry() r) then 'it is no table of the app'
    when not exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = named and a.attname = new.user_column and a.atttypid = 'uuid'::regtype and not a.attisdropped
    ) then 'user_column is no column of it with a uuid'
    when not exists (select from bondhu.key_columns(named)) then 'it has no primary key'
  end;
  if wrong is not null then
    raise exception using
      errcode = '22023',
      message = format('%L cannot be registered: %s', left(new.relation, 140), wrong),
      hint = 'Name a table of yours with its schema, and the uuid column that says whose a row is; it needs a primary key.';
  end if;
  new.relation := place.whole;
  return new;
end
$$;
comment on function bondhu.check_app_table() is 'BEFORE trigger on app_tables: 22023 for what cannot be exported and erased; writes the name in full.';
create trigger app_tables_check before insert or update on bondhu.app_tables
  for each row execute function bondhu.check_app_table();

revoke all on function bondhu.data_registry(), bondhu.key_columns(regclass), bondhu.check_app_table()
  from public, anon, authenticated, service_role;
grant execute on function bondhu.data_registry() to service_role;

-- sql/68_privacy/20_export.sql

-- What there is of a person, to take along: docs/privacy.md has the format.

create function bondhu.export_cursor(relation text, after_key jsonb) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select encode(convert_to(jsonb_build_object('relation', relation, 'after', after_key)::text, 'UTF8'), 'hex')
$$;
comment on function bondhu.export_cursor(text, jsonb) is 'Where an export goes on: behind the row of a key. Opaque to clients.';

create function bondhu.refuse_export_cursor() returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = '22023',
    message = 'cursor is no cursor of an export',
    hint = 'Send the next_cursor of the page before, as it came, or null for the first page.';
end
$$;
comment on function bondhu.refuse_export_cursor() is 'Raises 22023.';

create function bondhu.export_position(cursor text) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  at jsonb;
begin
  if cursor is null then
    return null;
  end if;
  begin
    if char_length(cursor) > 4000 or cursor !~ '^([0-9a-f][0-9a-f])+$' then
      perform bondhu.refuse_export_cursor();
    end if;
    at := convert_from(decode(cursor, 'hex'), 'UTF8')::jsonb;
  exception when data_exception then
    perform bondhu.refuse_export_cursor();
  end;
  if jsonb_typeof(at) <> 'object' or jsonb_typeof(at -> 'after') is distinct from 'array' or jsonb_typeof(at -> 'relation') is distinct from 'string' then
    perform bondhu.refuse_export_cursor();
  end if;
  return at;
end
$$;
comment on function bondhu.export_position(text) is 'What bondhu.export_cursor() wrote; 22023 for anything else.';

create function bondhu.export_rows(
  of_user uuid, relation text, user_column text, left_out text[], after_key jsonb, max_rows integer, max_bytes bigint,
  out rows jsonb, out row_count integer, out bytes bigint, out last_key jsonb, out is_last boolean
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  keys text;
  key_json text;
  beyond text;
  place record;
begin
  select n.nspname as schema_name, c.relname as table_name into strict place
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.oid = relation::regclass;
  select string_agg(format('t.%I', k.name), ', ' order by k.place), string_agg(format('to_jsonb(t.%I)', k.name), ', ' order by k.place),
    string_agg(format('($3 ->> %s)::%s', k.place - 1, k.type), ', ' order by k.place)
  into keys, key_json, beyond
  from (
    select c.name, c.type, row_number() over (order by c.place) as place
    from (select n.name, n.type, row_number() over () as place from bondhu.key_columns(relation::regclass) n) c
    where c.name <> user_column
  ) k;
  if keys is null then
    -- One row a person.
    keys := '1';
    key_json := '';
    beyond := case when after_key is null then 'true' else 'false' end;
  else
    beyond := case when after_key is null then 'true' else format('(%s) > (%s)', keys, beyond) end;
  end if;
  execute format(
    $query$
      select coalesce(jsonb_agg(q.data order by q.place) filter (where q.fits), '[]'),
        count(*) filter (where q.fits), coalesce(sum(q.size) filter (where q.fits), 0),
        (array_agg(q.key order by q.place desc) filter (where q.fits))[1],
        count(*) < $4 and coalesce(bool_and(q.fits), true)
      from (
        select p.data, p.key, p.place, p.size, sum(p.size) over (order by p.place) - p.size < $5 as fits
        from (
          select d.data, d.key, d.place, octet_length(d.data::text) as size
          from (
            select to_jsonb(t) - $2 as data, jsonb_build_array(%s) as key, row_number() over (order by %s) as place
            from %I.%I t
            where t.%I = $1 and %s
            order by %s
            limit $4
          ) d
        ) p
      ) q
    $query$, key_json, keys, place.schema_name, place.table_name, user_column, beyond, keys)
  into rows, row_count, bytes, last_key, is_last
  using of_user, left_out || user_column, after_key, max_rows, max_bytes;
end
$$;
comment on function bondhu.export_rows(uuid, text, text, text[], jsonb, integer, bigint) is
  'A person''s rows of one table behind a key, in the order of its primary key: up to max_rows, and until they come to max_bytes, which the last row may exceed.';

create function bondhu.export_page(of_user uuid, cursor text, max_rows integer) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  max_bytes constant bigint := 4000000;
  at jsonb := bondhu.export_position(cursor);
  source record;
  part record;
  begins boolean := at is null;
  known boolean := at is null;
  after_key jsonb;
  left_rows integer := max_rows;
  left_bytes bigint := max_bytes;
  tables jsonb := jsonb_build_array();
  next_cursor text;
begin
  for source in
    select s.* from (
      select r.relation, r.user_column, r.left_out, 0 as kind, r.place
      from bondhu.data_registry() with ordinality r (relation, user_column, is_exported, left_out, erased, reason, place)
      where r.is_exported and not (r.relation = 'public.chat_messages' and bondhu.is_being_erased(of_user))
      union all
      select a.relation, a.user_column, a.left_out, 1, row_number() over (order by a.relation)
      from bondhu.app_tables a
      where a.is_exported and to_regclass(a.relation) is not null
    ) s
    order by s.kind, s.place
  loop
    after_key := null;
    if not begins then
      continue when source.relation <> at ->> 'relation';
      begins := true;
      known := true;
      after_key := at -> 'after';
    end if;
    if left_rows <= 0 or left_bytes <= 0 then
      -- The page is full; this table begins the next one.
      exit;
    end if;
    begin
      select r.* into part
      from bondhu.export_rows(of_user, source.relation, source.user_column, source.left_out, after_key, left_rows, left_bytes) r;
    exception when data_exception then
      if after_key is null then
        raise;
      end if;
      perform bondhu.refuse_export_cursor();
    end;
    if part.row_count > 0 then
      tables := tables || jsonb_build_object('name', source.relation, 'rows', part.rows);
      left_rows := left_rows - part.row_count;
      left_bytes := left_bytes - part.bytes;
      next_cursor := bondhu.export_cursor(source.relation, part.last_key);
    end if;
    if not part.is_last then
      exit;
    end if;
  end loop;
  if not known then
    perform bondhu.refuse_export_cursor();
  end if;
  return jsonb_build_object(
    'format', 'bondhu.export', 'version', 1, 'user_id', of_user, 'exported_at', now(), 'tables', tables,
    'next_cursor', case when left_rows <= 0 or left_bytes <= 0 then next_cursor end);
end
$$;
comment on function bondhu.export_page(uuid, text, integer) is 'export_my_data() of any person.';

-- SECURITY DEFINER: part of it lies in private tables. It reads only the caller's own rows.
create function public.export_my_data(cursor text default null, max_rows integer default 5000) returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  caller uuid := bondhu.require_user();
begin
  if max_rows is null or max_rows not between 1 and 10000 then
    raise exception using
      errcode = '22023',
      message = 'max_rows must be between 1 and 10000',
      hint = 'Ask for the next page with next_cursor.';
  end if;
  return bondhu.export_page(caller, cursor, max_rows);
end
$$;
comment on function public.export_my_data(text, integer) is
  'All that is stored about the caller, but for secrets and leases, in pages of up to max_rows (1..10000) rows and some 4 MB: format, version, user_id, exported_at, tables ([{name, rows}]) and next_cursor, an opaque string, null on the last page. 22023 for another cursor.';

revoke all on function bondhu.export_cursor(text, jsonb), bondhu.refuse_export_cursor(), bondhu.export_position(text),
  bondhu.export_rows(uuid, text, text, text[], jsonb, integer, bigint), bondhu.export_page(uuid, text, integer), public.export_my_data(text, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.export_my_data(text, integer) to authenticated;

-- sql/68_privacy/30_erase.sql

-- Having everything erased. All goes in the call, but of very long chats the older part: that is hidden at once, and
-- goes by bondhu.go_on_erasing().

create function bondhu.erase_broadcasts(of_user uuid) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set lock_timeout = '100ms' -- Realtime drops old partitions; nobody waits for that
as $$
begin
  if to_regclass('realtime.messages') is not null then
    -- Not by its name: where there is no such schema, linters would take it for an error.
    execute format('delete from %I.messages where topic = $1', 'realtime') using 'user:' || of_user;
  end if;
exception when others then
  return; -- Realtime's own table: what it does not let go, Realtime drops within 72 hours.
end
$$;
comment on function bondhu.erase_broadcasts(uuid) is 'Deletes what was sent on a user''s private Realtime topic, where Realtime lets the schema''s owner.';

create function bondhu.erased_relations()
returns table (relation text, schema_name name, table_name name, user_column text, erased text, reason text, place bigint)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select k.relation, n.nspname, c.relname, k.user_column, k.erased, k.reason, k.place
  from (
    select r.relation, r.user_column, r.erased, r.reason, r.place
    from bondhu.data_registry() with ordinality r (relation, user_column, is_exported, left_out, erased, reason, place)
    where r.user_column is not null
    union all
    -- First: an app's rows may refer to Bondhu's.
    select a.relation, a.user_column, 'deleted', null, 0 from bondhu.app_tables a where a.is_erased
  ) k
  join pg_catalog.pg_class c on c.oid = to_regclass(k.relation)
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
$$;
comment on function bondhu.erased_relations() is 'Tables with rows of people, Bondhu''s and the registered ones of the app; place: the order in which rows go.';

create function bondhu.rows_of(of_user uuid, schema_name name, table_name name, user_column text) returns bigint
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  found bigint;
begin
  execute format('select count(*) from %I.%I where %I = $1', schema_name, table_name, user_column) into found using of_user;
  return found;
end
$$;
comment on function bondhu.rows_of(uuid, name, name, text) is 'How many rows of a table are a person''s.';

create function bondhu.delete_account(of_user uuid) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from auth.users u where u.id = of_user;
  return true;
exception when insufficient_privilege or integrity_constraint_violation then
  return false;
end
$$;
comment on function bondhu.delete_account(uuid) is
  'Deletes an account; false where the schema''s owner may not, or where something that Bondhu does not know holds on to it.';

create function bondhu.erase_messages(erasure uuid, most integer) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  of public.erasures;
  oldest record;
  gone integer;
begin
  select * into of from public.erasures e where e.id = erasure and e.finished_at is null for update;
  if not found then
    return 0;
  end if;
  -- What servers have written since may be concluded from. Without a profile nothing is folded back.
  delete from public.personality_profiles p where p.user_id = of.user_id;
  -- The newest, which people see first, go first. Not by their ids: where statistics are old, that join takes hours.
  select m.created_at, m.seq into oldest
  from public.chat_messages m
  where m.user_id = of.user_id and m.seq <= of.up_to_seq
  order by m.created_at desc, m.seq desc
  offset most - 1 limit 1;
  delete from public.chat_messages m
  where m.user_id = of.user_id and m.seq <= of.up_to_seq
    and (m.created_at, m.seq) >= (coalesce(oldest.created_at, '-infinity'), coalesce(oldest.seq, 0));
  get diagnostics gone = row_count;
  if gone >= most then
    return gone;
  end if;

  -- Deleting one with messages would write each of them.
  delete from public.user_sessions s where s.user_id = of.user_id and s.started_at <= of.requested_at;
  if bondhu.engine() is not null then
    if exists (select from public.chat_messages m where m.user_id = of.user_id) then
      perform bondhu.recompute(of.user_id);
    else
      delete from public.sentiment_buckets b where b.user_id = of.user_id;
      perform bondhu.refresh(array[of.user_id]);
    end if;
  end if;
  select coalesce(jsonb_object_agg(k.relation, k.reason), '{}') into of.remains
  from bondhu.erased_relations() k
  where k.erased in ('in part', 'kept') and bondhu.rows_of(of.user_id, k.schema_name, k.table_name, k.user_column) > 0;
  if not of.with_account then
    of.remains := of.remains || jsonb_build_object('auth.users', 'The account itself was to stay.');
  elsif bondhu.delete_account(of.user_id) then
    -- The receipt goes with it.
    of.remains := jsonb_strip_nulls(jsonb_build_object('bondhu.revocations', of.remains -> 'bondhu.revocations'));
    insert into bondhu.receipts (id, finished_at, receipt)
    values (of.id, clock_timestamp(), jsonb_build_object(
      'id', of.id, 'requested_at', of.requested_at, 'finished_at', clock_timestamp(), 'with_account', true,
      'rows_erased', of.rows_erased, 'remains', of.remains));
  else
    of.remains := of.remains || jsonb_build_object('auth.users',
      'The database may not delete the account: whoever runs this app does, in the dashboard under Authentication.');
  end if;
  update public.erasures e set finished_at = clock_timestamp(), remains = of.remains where e.user_id = of.user_id and e.id = of.id;
  return gone;
end
$$;
comment on function bondhu.erase_messages(uuid, integer) is
  'Deletes up to `most` messages of an erasure, and with the last one what is left: sessions, then the account if that was asked for. What was written since then counts. Returns how many messages.';

create function bondhu.erasure_receipt(erasure uuid) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'id', e.id, 'requested_at', e.requested_at, 'finished_at', e.finished_at, 'with_account', e.with_account,
    'rows_erased', e.rows_erased, 'remains', e.remains)
  from public.erasures e where e.id = erasure
  union all
  select r.receipt from bondhu.receipts r where r.id = erasure
$$;
comment on function bondhu.erasure_receipt(uuid) is 'What erase_my_data() answers.';

-- SECURITY DEFINER: clients delete nothing of what Bondhu concludes. statement_timeout: PostgREST takes it over for
-- the call; whoever is signed in has 8 seconds otherwise.
create function public.erase_my_data(confirm boolean, with_account boolean default false) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set statement_timeout = '5min'
as $$
#variable_conflict use_column
declare
  most_at_once constant integer := 100000;
  caller uuid;
  account_too boolean := coalesce(erase_my_data.with_account, false);
  erasure uuid;
  linked record;
  kept record;
  counts jsonb;
begin
  if erase_my_data.confirm is distinct from true then
    raise exception using
      errcode = '22023',
      message = 'this deletes all that is stored about you, and nothing brings it back',
      hint = 'Send confirm: true once the person has said so; export_my_data() gives them a copy first.';
  end if;
  -- Nobody writes what refers to the account meanwhile.
  caller := bondhu.lock_user(alone => true);
  update public.erasures e set with_account = e.with_account or account_too
  where e.user_id = caller and e.finished_at is null
  returning e.id into erasure;
  if found then
    return bondhu.erasure_receipt(erasure);
  end if;

  select coalesce(jsonb_object_agg(r.relation, r.rows) filter (where r.rows > 0), '{}') into counts
  from (
    select k.relation, bondhu.rows_of(caller, k.schema_name, k.table_name, k.user_column) as rows
    from bondhu.erased_relations() k
    where k.erased in ('deleted', 'cascades', 'last', 'in part')
  ) r;
  for linked in select c.provider from public.provider_connections c where c.user_id = caller order by c.provider loop
    perform public.disconnect(linked.provider);
  end loop;
  for kept in select k.schema_name, k.table_name, k.user_column from bondhu.erased_relations() k where k.erased = 'deleted' order by k.place loop
    execute format('delete from %I.%I where %I = $1', kept.schema_name, kept.table_name, kept.user_column) using caller;
  end loop;
  -- What is refused stays refused, where nothing said would allow it.
  delete from public.consents c
  using bondhu.consent_purposes() p
  where c.user_id = caller and p.purpose = c.purpose
    and not (p.is_given_by_default and not c.is_given
             and c.decided_at = (select max(n.decided_at) from public.consents n where n.user_id = caller and n.purpose = c.purpose));
  delete from public.companion_profiles p where p.user_id = caller;
  insert into public.companion_profiles (user_id) values (caller);
  perform bondhu.erase_broadcasts(caller);

  if not account_too and counts - array['public.companion_profiles', 'public.consents'] = '{}' then
    -- Nothing has come since: one receipt is enough.
    select e.id into erasure from public.erasures e where e.user_id = caller order by e.requested_at desc limit 1;
    if found then
      return bondhu.erasure_receipt(erasure);
    end if;
  end if;
  insert into public.erasures (user_id, up_to_seq, with_account, rows_erased)
  values (caller, coalesce((select max(m.seq) from public.chat_messages m where m.user_id = caller), 0), account_too, counts)
  returning id into erasure;
  perform bondhu.erase_messages(erasure, most_at_once);
  return bondhu.erasure_receipt(erasure);
end
$$;
comment on function public.erase_my_data(boolean, boolean) is
  'Erases all that is stored about the caller: linked accounts are disconnected, everything goes in the call, but of chats of over 100,000 messages the older ones, which are hidden at once and go within minutes; until then no message is taken. with_account: the account goes, too. Returns a receipt: id, requested_at, finished_at (null meanwhile), with_account, rows_erased by table, remains (why, by table). Called again meanwhile it tells how far it is. 22023 unless confirm is true.';

-- SECURITY DEFINER: the worker calls it where there is no cron, and may delete no messages.
create function bondhu.go_on_erasing(most integer default 200000) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  pending record;
  gone integer := 0;
begin
  for pending in
    select e.id, e.user_id from public.erasures e where e.finished_at is null order by e.requested_at
  loop
    exit when gone >= most;
    -- The account first, as everybody locks.
    perform bondhu.lock_account(pending.user_id, alone => true);
    gone := gone + bondhu.erase_messages(pending.id, most - gone);
  end loop;
  return gone;
end
$$;
comment on function bondhu.go_on_erasing(integer) is
  'Deletes up to `most` messages of erasures that are not finished; returns how many. Run by cron, or by the worker.';

-- Until it is finished.
create policy "what is being erased is hidden" on public.chat_messages as restrictive to authenticated
  using (not exists (select from public.erasures e where e.user_id = (select auth.uid()) and e.finished_at is null))
  with check (
    case when exists (select from public.erasures e where e.user_id = (select auth.uid()) and e.finished_at is null) then
      bondhu.refuse('erasure_is_finished', 'your former messages are still being deleted',
        'Send it again in a few minutes; erase_my_data(true) tells how far it is.')
    else true end
  );

revoke all on function bondhu.erase_broadcasts(uuid), bondhu.erased_relations(), bondhu.rows_of(uuid, name, name, text), bondhu.delete_account(uuid),
  bondhu.erase_messages(uuid, integer), bondhu.erasure_receipt(uuid), public.erase_my_data(boolean, boolean), bondhu.go_on_erasing(integer)
  from public, anon, authenticated, service_role;
grant execute on function public.erase_my_data(boolean, boolean) to authenticated;
grant execute on function bondhu.go_on_erasing(integer) to bondhu_worker;

-- sql/70_operation/05_retention.sql

-- What is older than its retention goes. A batch at a time, the oldest first and found by an index, with a commit after
-- each: nobody waits for it, and it goes on where it was stopped. Never messages or what is summed from them.

create function bondhu.retention()
returns table (
  name text, schema_name name, table_name name, aged_by name, kept_for interval,
  only_column name, only_value text, cleared name[], with_conclusions boolean, resource text
)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select r.name, r.schema_name, r.table_name, r.aged_by, make_interval(days => r.days), r.only_column, r.only_value, r.cleared::name[],
    r.with_conclusions, r.resource
  from bondhu.settings s
  cross join lateral (values
    -- YouTube API Services Developer Policies III.E.4: delete what was not refreshed in time, and what was concluded from it.
    ('video_likes', 'public', 'video_likes', 'fetched_at', s.video_retention_days, null, null, null, true, 'youtube.liked_videos'),
    ('video_subscriptions', 'public', 'video_subscriptions', 'fetched_at', s.video_retention_days, null, null, null, true, 'youtube.subscriptions'),
    ('video_playlist_items', 'public', 'video_playlist_items', 'fetched_at', s.video_retention_days, null, null, null, true, 'youtube.playlist_items'),
    ('video_playlists', 'public', 'video_playlists', 'fetched_at', s.video_retention_days, null, null, null, true, 'youtube.playlists'),
    ('video_topics', 'public', 'video_subscriptions', 'topics_at', s.video_retention_days, null, null, '{topics, topics_at}', false, null),
    ('video_details', 'public', 'video_playlist_items', 'details_at', s.video_retention_days, null, null,
      '{title, channel_id, channel_title, category_id, topics, published_at, details_at}', true, null),
    ('recommendation_candidates', 'bondhu', 'recommendation_candidates', 'computed_at', s.video_retention_days, 'kind', 'video', null, true, null),
    ('recommendation_feedback', 'public', 'recommendation_feedback', 'given_at', s.video_retention_days, 'kind', 'video', null, false, null),
    ('video_preferences', 'public', 'video_preferences', 'computed_at', s.video_retention_days, null, null, null, false, null),
    ('music_preferences', 'public', 'music_preferences', 'computed_at', s.video_retention_days, 'provider', 'youtube', null, false, null),
    ('page_etags', 'bondhu', 'page_etags', 'fetched_at', s.video_retention_days, null, null, null, false, null),
    ('video_categories', 'bondhu', 'video_categories', 'fetched_at', s.video_retention_days, null, null, null, false, null),
    ('video_charts', 'bondhu', 'video_charts', 'fetched_at', s.video_retention_days, null, null, null, false, null),
    -- Within 7 days of the request.
    ('revocations', 'bondhu', 'revocations', 'requested_at', 7, null, null, null, false, null),
    ('user_sessions', 'public', 'user_sessions', 'ended_at', s.session_retention_days, null, null, null, false, null),
    ('personality_history', 'public', 'personality_history', 'changed_at', s.history_retention_days, null, null, null, false, null),
    ('safety_events', 'bondhu', 'safety_events', 'written_at', s.safety_event_retention_days, null, null, null, false, null),
    ('erasures', 'public', 'erasures', 'finished_at', s.erasure_receipt_retention_days, null, null, null, false, null),
    ('receipts', 'bondhu', 'receipts', 'finished_at', s.erasure_receipt_retention_days, null, null, null, false, null),
    -- By then nobody retries any more; a reply that is stored is found by its id.
    ('chat_replies', 'bondhu', 'chat_replies', 'claimed_at', 30, null, null, null, false, null),
    ('chat_usage', 'bondhu', 'chat_usage', 'day', 30, null, null, null, false, null),
    ('chat_usage_of_project', 'bondhu', 'chat_usage_of_project', 'day', 365, null, null, null, false, null),
    ('provider_ledger', 'bondhu', 'provider_ledger', 'counted_from',
      -- Never within a window, and a day has 25 hours once a year.
      greatest(s.cron_history_retention_days, (select 2 + max(p.window_seconds) / 86400 from bondhu.provider_settings p)),
      null, null, null, false, null)
  ) r (name, schema_name, table_name, aged_by, days, only_column, only_value, cleared, with_conclusions, resource)
$$;
comment on function bondhu.retention() is
  'What goes once aged_by is longer ago than kept_for: rows of the table, of which only those whose only_column is only_value; or, where cleared is not null, only what these columns hold. with_conclusions: with what was concluded from the same user''s videos; resource: what their connection then misses.';

-- By which bondhu.prune_batch() finds them.
create index video_playlist_items_by_age on public.video_playlist_items (fetched_at);
create index video_playlist_items_by_details on public.video_playlist_items (details_at) where details_at is not null;
create index video_subscriptions_by_topics on public.video_subscriptions (topics_at) where topics_at is not null;
create index recommendation_candidates_by_age on bondhu.recommendation_candidates (computed_at) where kind = 'video';
create index recommendation_feedback_by_age on public.recommendation_feedback (given_at) where kind = 'video';
create index video_preferences_by_age on public.video_preferences (computed_at);
create index music_preferences_by_age on public.music_preferences (computed_at) where provider = 'youtube';
create index page_etags_by_age on bondhu.page_etags (fetched_at);
create index video_categories_by_age on bondhu.video_categories (fetched_at);
create index video_charts_by_age on bondhu.video_charts (fetched_at);
create index revocations_by_age on bondhu.revocations (requested_at);
create index user_sessions_by_end on public.user_sessions (ended_at) where ended_at is not null;
create index personality_history_by_age on public.personality_history (changed_at);
create index safety_events_by_age on bondhu.safety_events (written_at);
create index erasures_by_end on public.erasures (finished_at) where finished_at is not null;
create index receipts_by_end on bondhu.receipts (finished_at);
create index chat_usage_by_day on bondhu.chat_usage (day);
create index provider_ledger_by_age on bondhu.provider_ledger (counted_from);

create function bondhu.forget_conclusions_from_videos(users uuid[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  -- In the order of bondhu.delete_provider_data().
  delete from public.video_preferences p where p.user_id = any (users);
  delete from bondhu.recommendation_candidates c where c.user_id = any (users) and c.kind = 'video';
  delete from public.recommendation_feedback f where f.user_id = any (users) and f.kind = 'video';
  delete from public.music_preferences p where p.user_id = any (users) and p.provider = 'youtube';
end
$$;
comment on function bondhu.forget_conclusions_from_videos(uuid[]) is
  'Deletes what was made of users'' videos. The next pull makes it anew of those there are.';

create function bondhu.tell_of_expired(users uuid[], of_resource text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  -- Where the connection already says that it does not work, it says why.
  update public.provider_connections c
     set missing = case when of_resource = any (c.missing) then c.missing else c.missing || of_resource end,
         status = case when c.status = 'ok' then 'partial' else c.status end,
         last_error_code = case when c.status in ('failing', 'needs_reauth') then c.last_error_code else 'expired' end,
         last_error = case when c.status in ('failing', 'needs_reauth') then c.last_error else format(
           'YouTube''s data may be kept for %s days, and could not be read again in time: it was deleted. The next sync brings it back.',
           s.video_retention_days) end
    from bondhu.settings s
   where c.user_id = any (users) and c.provider = 'youtube' and c.status <> 'disconnected';
end
$$;
comment on function bondhu.tell_of_expired(uuid[], text) is
  'Has the connections of users to YouTube say that what they held of a resource was too old to be kept.';

create function bondhu.prune_batch(of_name text, most integer) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
set lock_timeout = '500ms' -- as hold_lease has it, and why
as $$
declare
  rule record;
  gone integer;
  owners uuid[];
begin
  select r.* into strict rule from bondhu.retention() r where r.name = of_name;
  -- In the order of the index, whatever statistics say. What is in use is left for later.
  execute format('with old as materialized (select t.ctid as place from %I.%I t where t.%I < $1', rule.schema_name, rule.table_name, rule.aged_by)
    || case when rule.only_column is null then '' else format(' and t.%I = %L', rule.only_column, rule.only_value) end
    || format(' order by t.%I limit $2 for update skip locked), ', rule.aged_by)
    || case when rule.cleared is null
      then format('gone as (delete from %I.%I t where t.ctid = any (array(select o.place from old o))', rule.schema_name, rule.table_name)
      else format('gone as (update %I.%I t set ', rule.schema_name, rule.table_name)
        || (select string_agg(format('%I = null', c.name), ', ') from unnest(rule.cleared) c (name))
        || ' where t.ctid = any (array(select o.place from old o))' end
    || case when rule.with_conclusions then ' returning t.user_id as owner)' else ' returning null::uuid as owner)' end
    || ' select count(*), coalesce(array_agg(distinct g.owner) filter (where g.owner is not null), ''{}'') from gone g'
    into gone, owners using now() - rule.kept_for, most;
  if owners <> '{}' then
    perform bondhu.forget_conclusions_from_videos(owners);
    if rule.resource is not null then
      perform bondhu.tell_of_expired(owners, rule.resource);
    end if;
  end if;
  return gone;
end
$$;
comment on function bondhu.prune_batch(text, integer) is
  'Has up to `most` of a rule of bondhu.retention() go, the oldest first; returns how many. P0002 for a name that there is not.';

-- pg_cron never prunes its log. Rows of other jobs are left alone.
create function bondhu.prune_cron_history(most integer) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
set lock_timeout = '500ms'
as $$
declare
  gone integer := 0;
begin
  if bondhu.has_cron() then
    execute 'delete from cron.job_run_details where runid = any (array(
         select d.runid from cron.job_run_details d
         where d.database = current_database() and d.command ~ ''^(select|call) bondhu[.]'' and d.end_time < $1
         order by d.runid limit $2))'
      using now() - make_interval(days => (select s.cron_history_retention_days from bondhu.settings s)), most;
    get diagnostics gone = row_count;
  end if;
  return gone;
end
$$;
comment on function bondhu.prune_cron_history(integer) is
  'Deletes up to `most` runs of Bondhu''s jobs that are older than settings.cron_history_retention_days from pg_cron''s log; returns how many.';

-- A procedure, to commit after each batch. Those pin search_path themselves. Supabase lets a statement take two minutes, and
-- to it all of this is one: https://supabase.com/docs/guides/database/postgres/timeouts.
create procedure bondhu.prune(seconds integer default 100, batch integer default 1000, inout removed jsonb default '{}')
language plpgsql
as $$
declare
  until constant timestamptz := pg_catalog.clock_timestamp() operator(pg_catalog.+) pg_catalog.make_interval(secs => seconds);
  names text[];
  is_done boolean[];
  gone integer;
  failures text[] := array[]::text[];
begin
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  -- Two at once would wait for each other.
  if not pg_try_advisory_lock(hashtextextended('bondhu.prune', 0)) then
    removed := '{}';
    return;
  end if;
  names := array(select r.name from bondhu.retention() r) || array['cron_history'];
  is_done := array_fill(false, array[cardinality(names)]);
  removed := (select jsonb_object_agg(n.name, 0) from unnest(names) n (name));
  -- In turns: where the time is too short for all, each gets on.
  while false = any (is_done) and clock_timestamp() < until loop
    for place in 1 .. cardinality(names) loop
      continue when is_done[place] or clock_timestamp() >= until;
      begin
        gone := case names[place] when 'cron_history' then bondhu.prune_cron_history(batch) else bondhu.prune_batch(names[place], batch) end;
        is_done[place] := gone < batch;
        removed := jsonb_set(removed, array[names[place]], to_jsonb((removed ->> names[place])::bigint + gone));
      exception
        -- Somebody is at it: its turn comes again.
        when lock_not_available or deadlock_detected then null;
        -- Not to keep the others waiting.
        when others then
          failures := failures || format('%s: %s', names[place], sqlerrm);
          is_done[place] := true;
      end;
      commit;
      perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true), pg_catalog.set_config('synchronous_commit', 'off', true);
    end loop;
  end loop;
  perform bondhu.create_missing_profiles();
  perform pg_advisory_unlock(hashtextextended('bondhu.prune', 0));
  if failures <> '{}' then
    -- After the last commit: the job is seen to have failed, and what the others removed is gone.
    commit;
    perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    raise exception using
      errcode = '55000',
      message = format('not pruned: %s', array_to_string(failures, '; ')),
      hint = 'Everything else was. The next run tries again; what stands in the way is to be mended.';
  end if;
end
$$;
comment on procedure bondhu.prune(integer, integer, jsonb) is
  'Has all that is older than its retention go (bondhu.retention()), in batches with a commit after each, for some seconds at most, and creates profiles that a restore has lost; removed: how many of each went. What is left goes with the next run, and so does all of this where another runs already. 55000, at the end, for rules that failed. Never messages or sentiment_buckets. Run by cron.';

revoke all on function bondhu.retention(), bondhu.forget_conclusions_from_videos(uuid[]), bondhu.tell_of_expired(uuid[], text),
  bondhu.prune_batch(text, integer),
  bondhu.prune_cron_history(integer)
  from public, anon, authenticated, service_role;
revoke all on procedure bondhu.prune(integer, integer, jsonb) from public, anon, authenticated, service_role;

-- sql/70_operation/07_partitions.sql

-- Bondhu partitions nothing: measured, it gains nothing (docs/capacity.md). Where somebody does it all the same, row-level
-- security of the whole is not asked when a part is read by its own name.

create function bondhu.open_parts() returns table (relation text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select format('%I.%I', n.nspname, part.relname)
  from pg_catalog.pg_inherits i
  join pg_catalog.pg_class part on part.oid = i.inhrelid and not part.relrowsecurity
  join pg_catalog.pg_namespace n on n.oid = part.relnamespace
  join pg_catalog.pg_class whole on whole.oid = i.inhparent and whole.relrowsecurity
  where whole.relnamespace in ('public'::regnamespace, 'bondhu'::regnamespace)
    and exists (
      select from pg_catalog.pg_roles r
      where r.rolname in ('anon', 'authenticated')
        and (has_any_column_privilege(r.oid, part.oid, 'select, insert, update') or has_table_privilege(r.oid, part.oid, 'delete, truncate'))
    )
  order by 1
$$;
comment on function bondhu.open_parts() is
  'Partitions and children of tables with row-level security that have none, and that anon or authenticated may use.';
revoke all on function bondhu.open_parts() from public, anon, authenticated, service_role;
grant execute on function bondhu.open_parts() to bondhu_worker, service_role;

-- sql/70_operation/10_cron.sql

-- Scheduled jobs. pg_cron runs in one database of a cluster only, so every
-- function here says what to do where it is absent.

create function bondhu.has_cron() returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select exists (select from pg_catalog.pg_extension where extname = 'pg_cron')
$$;
comment on function bondhu.has_cron() is 'Whether pg_cron is installed in this database.';

create function bondhu.require_cron(obstacle text default null) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if bondhu.has_cron() then
    return;
  end if;
  raise exception using
    errcode = '55000',
    message = 'pg_cron is not installed in this database',
    detail = case
      when obstacle is not null then obstacle
      when exists (select from pg_catalog.pg_available_extensions where name = 'pg_cron') then 'The server has the extension.'
      else 'The server does not have the extension.'
    end,
    hint = 'Let a superuser run create extension pg_cron in this database (on Supabase: Integrations > Cron), '
      'then run select bondhu.install_cron(). Until then a running sync-worker plans syncs itself.';
end
$$;
comment on function bondhu.require_cron(text) is 'Raises 55000, with the reason and what to do, where pg_cron is absent.';

create function bondhu.cron_plan() returns table (name text, schedule text, command text)
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  values
    ('bondhu-plan-syncs', '* * * * *', 'select bondhu.plan_syncs()'),
    ('bondhu-close-idle-sessions', '* * * * *', 'select bondhu.close_idle_sessions()'),
    ('bondhu-refresh-profiles', '* * * * *', 'call bondhu.keep_profiles_fresh()'),
    ('bondhu-forget-consents', '*/10 * * * *', 'select bondhu.forget_consents(), bondhu.authorize_realtime()'),
    ('bondhu-keep-choices', '* * * * *', 'select bondhu.keep_choices()'),
    ('bondhu-refresh-trending', '* * * * *', 'call bondhu.keep_trends_fresh()'),
    ('bondhu-go-on-erasing', '* * * * *', 'select bondhu.go_on_erasing()'),
    ('bondhu-prune', '17 * * * *', 'call bondhu.prune()')
$$;
comment on function bondhu.cron_plan() is 'The jobs to schedule; times are UTC unless cron.timezone names another zone.';

-- An app's job may have any name, and another database of the cluster may have Bondhu, too.
create function bondhu.is_our_job(job_name text, in_database text, command text) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select in_database = current_database() and (
    job_name in (select p.name from bondhu.cron_plan() p)
    or (starts_with(job_name, 'bondhu-') and command ~ '^(select|call) bondhu[.]'))
$$;
comment on function bondhu.is_our_job(text, text, text) is 'Whether a job of pg_cron is one that bondhu.install_cron() scheduled here.';

-- SECURITY DEFINER, as the three below: in pg_cron jobs belong to a role, which sees only its own. All
-- jobs are the owner's, whichever role calls.
create function bondhu.install_cron() returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  planned bigint;
  obstacle text;
begin
  if not bondhu.has_cron() and exists (select from pg_catalog.pg_available_extensions where name = 'pg_cron') then
    begin
      create extension pg_cron with schema pg_catalog;
    exception when others then
      -- No rights, another database, or not preloaded: require_cron reports it.
      obstacle := sqlerrm;
    end;
  end if;
  perform bondhu.require_cron(obstacle);

  perform cron.unschedule(j.jobid)
  from cron.job j
  where bondhu.is_our_job(j.jobname, j.database, j.command) and j.jobname not in (select p.name from bondhu.cron_plan() p);

  -- Scheduling a name again updates its job.
  select count(cron.schedule(p.name, p.schedule, p.command)) into planned from bondhu.cron_plan() p;
  return planned;
end
$$;
comment on function bondhu.install_cron() is
  'Schedules the jobs of bondhu.cron_plan() and removes former ones; it may be repeated. Returns the number of jobs. 55000 without pg_cron.';

create function bondhu.remove_cron() returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  removed bigint;
begin
  perform bondhu.require_cron();
  select count(cron.unschedule(j.jobid)) into removed from cron.job j
  where bondhu.is_our_job(j.jobname, j.database, j.command);
  return removed;
end
$$;
comment on function bondhu.remove_cron() is 'Unschedules Bondhu''s jobs; returns how many there were. 55000 without pg_cron.';

create function bondhu.cron_jobs()
returns table (job_id bigint, name text, schedule text, command text, active boolean)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform bondhu.require_cron();
  return query
    select j.jobid, j.jobname::text, j.schedule, j.command, j.active
    from cron.job j
    where bondhu.is_our_job(j.jobname, j.database, j.command)
    order by j.jobname;
end
$$;
comment on function bondhu.cron_jobs() is 'Bondhu''s scheduled jobs, by name. 55000 without pg_cron.';

create function bondhu.cron_history(rows integer default 20)
returns table (
  run_id bigint, job_id bigint, name text, status text, return_message text,
  started_at timestamptz, ended_at timestamptz
)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if rows is null or rows not between 1 and 1000 then
    raise exception using errcode = '22023', message = 'rows must be between 1 and 1000';
  end if;
  perform bondhu.require_cron();
  return query
    select d.runid, d.jobid, j.jobname::text, d.status, d.return_message, d.start_time, d.end_time
    from cron.job_run_details d
    join cron.job j on j.jobid = d.jobid
    where bondhu.is_our_job(j.jobname, j.database, j.command)
    order by d.runid desc
    limit rows;
end
$$;
comment on function bondhu.cron_history(integer) is 'Latest runs of Bondhu''s jobs, newest first; rows 1..1000. 55000 without pg_cron.';

revoke all on function bondhu.has_cron(), bondhu.require_cron(text), bondhu.cron_plan(),
  bondhu.is_our_job(text, text, text), bondhu.install_cron(), bondhu.remove_cron(), bondhu.cron_jobs(), bondhu.cron_history(integer)
  from public, anon, authenticated, service_role;
grant execute on function bondhu.has_cron(), bondhu.cron_plan(), bondhu.install_cron(), bondhu.remove_cron(),
  bondhu.cron_jobs(), bondhu.cron_history(integer)
  to bondhu_worker;

do $$
declare
  obstacle text;
  remedy text;
begin
  perform bondhu.install_cron();
exception when object_not_in_prerequisite_state then
  get stacked diagnostics obstacle = pg_exception_detail, remedy = pg_exception_hint;
  raise notice using message = 'no scheduled jobs: ' || sqlerrm, detail = obstacle, hint = remedy;
end
$$;

-- sql/70_operation/20_publication.sql

-- What the mirror receives: the keys of the tables that Redis documents are built from. It reads the
-- documents itself, so that no message text is sent. A column list has to include the replica
-- identity, which is the primary key.

create publication bondhu_mirror for table
  public.companion_profiles (user_id),
  public.consents (user_id, purpose, decided_at),
  public.user_sessions (user_id, id),
  public.chat_messages (user_id, id),
  public.personality_profiles (user_id),
  public.music_preferences (user_id, provider),
  public.video_preferences (user_id),
  public.recommendation_feedback (user_id, kind, item_id),
  bondhu.settings (singleton); -- a change is about everybody
comment on publication bondhu_mirror is 'Keys of the tables that users'' documents are built from, and of the settings; read by the mirror of sync-worker.';

-- sql/70_operation/25_realtime.sql

-- Private channels of Supabase's Realtime: a user hears and sends on the topic user:{user_id} and on no other,
-- which two policies on Realtime's own table say. The service makes that table when it first starts, which may be
-- after Bondhu came; nothing else here needs it.

create function bondhu.realtime_policies() returns table (name text, head text)
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  values
    ('bondhu_hear_own_topic', 'create policy %I on realtime.messages for select to authenticated using '),
    ('bondhu_send_to_own_topic', 'create policy %I on realtime.messages for insert to authenticated with check ')
$$;
comment on function bondhu.realtime_policies() is
  'The policies that open user:{user_id} to its user: names, and how their statements begin; %I stands for the name.';

create function bondhu.missing_realtime_policies() returns text[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  -- By the catalog: who has no USAGE on the schema may ask, too.
  select coalesce(array_agg(p.name order by p.name), '{}')
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace and n.nspname = 'realtime'
  cross join bondhu.realtime_policies() p
  where c.relname = 'messages' and c.relkind in ('r', 'p')
    and not exists (select from pg_catalog.pg_policy l where l.polrelid = c.oid and l.polname = p.name)
$$;
comment on function bondhu.missing_realtime_policies() is
  'Names of the policies of bondhu.realtime_policies() that are not there; empty where Realtime has no table yet.';

create function bondhu.authorize_realtime() returns text[]
language plpgsql
set search_path = pg_catalog, pg_temp
set lock_timeout = '2s' -- never at the head of a queue for Realtime's table
as $$
declare
  -- Realtime asks with a row of the topic under a setting of the topic. Were only the setting compared, a transaction
  -- that sends to its user's topic could read what was sent to others.
  own_topic constant text :=
    $policy$(extension in ('broadcast', 'presence') and topic = (select realtime.topic()) and topic = 'user:' || (select auth.uid())::text)$policy$;
  missing text[] := bondhu.missing_realtime_policies();
  policy record;
begin
  for policy in
    select p.name, p.head from bondhu.realtime_policies() p where p.name = any (missing)
  loop
    execute format(policy.head || own_topic, policy.name);
  end loop;
  return array[]::text[];
exception when others then
  -- Whatever it is (42501 where a hosted project lets only the dashboard write policies there), it must not stop a
  -- migration or a job.
  raise warning using
    errcode = sqlstate,
    message = format('users cannot join their private Realtime channels: %s', sqlerrm),
    hint = format('Run in the SQL Editor of the dashboard: %s',
      (select string_agg(format(p.head || own_topic, p.name) || ';', ' ') from bondhu.realtime_policies() p where p.name = any (missing)));
  return missing;
end
$$;
comment on function bondhu.authorize_realtime() is
  'Creates what bondhu.missing_realtime_policies() names, and returns what is missing all the same, with a warning that says what to do. Run by cron.';

create function bondhu.unauthorize_realtime() returns text[]
language plpgsql
set search_path = pg_catalog, pg_temp
set lock_timeout = '2s'
as $$
declare
  present text[] := array(
    select p.name from bondhu.realtime_policies() p
    join pg_catalog.pg_policy l on l.polname = p.name
    join pg_catalog.pg_class c on c.oid = l.polrelid and c.relname = 'messages'
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace and n.nspname = 'realtime'
    order by p.name
  );
  policy text;
begin
  foreach policy in array present loop
    execute format('drop policy %I on realtime.messages', policy);
  end loop;
  return array[]::text[];
exception when others then
  return present;
end
$$;
comment on function bondhu.unauthorize_realtime() is 'Drops the policies of bondhu.realtime_policies(); returns those that it may not drop.';

revoke all on function bondhu.realtime_policies(), bondhu.missing_realtime_policies(), bondhu.authorize_realtime(),
  bondhu.unauthorize_realtime()
  from public, anon, authenticated, service_role;
-- For the doctor.
grant execute on function bondhu.realtime_policies(), bondhu.missing_realtime_policies() to bondhu_worker;

do $$
begin
  perform bondhu.authorize_realtime();
end
$$;

-- sql/70_operation/27_announcing.sql

-- Stored facts, told to the devices of their user on Realtime's private topic user:{user_id}: ids, never text, since
-- what is sent stays readable there for up to 72 hours.
--
-- Only who has an active session may be listening, and only what concerns somebody who is there is told: a message
-- without a session, or one that is imported, costs nothing. Nothing hangs on personality_profiles or
-- sentiment_buckets, which every message writes: a row of history is what a material change leaves.

create function bondhu.announce(of_user uuid, event text, payload jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set lock_timeout = '100ms' -- Realtime drops old partitions; nobody's message waits for that
as $$
begin
  if to_regprocedure('realtime.send(jsonb,text,text,boolean)') is null
    or not exists (select from public.user_sessions s where s.user_id = of_user and s.ended_at is null)
  then
    return;
  end if;
  -- Not by its name: where there is no such schema, linters would take it for an error.
  execute format('select %I.send($1, $2, $3, true)', 'realtime') using payload, event, 'user:' || of_user;
exception when others then
  return; -- Whatever it is: what is stored is stored, and whoever asks is told.
end
$$;
comment on function bondhu.announce(uuid, text, jsonb) is
  'Tells the devices of a user with an active session, through Realtime; never fails, and waits for no lock longer than 100 ms.';

-- SECURITY DEFINER, as those below: they fire as whoever writes.
create function bondhu.announce_message() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform bondhu.announce(new.user_id, 'message_stored',
    jsonb_build_object('message_id', new.id, 'session_id', new.session_id, 'sender_type', new.sender_type));
  return null;
end
$$;
comment on function bondhu.announce_message() is 'AFTER INSERT row trigger on chat_messages: announces what is said in a session.';

create function bondhu.announce_profile() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform bondhu.announce(new.user_id, 'profile_changed', jsonb_build_object('history_id', new.id));
  return null;
end
$$;
comment on function bondhu.announce_profile() is 'AFTER INSERT row trigger on personality_history: announces a material change.';

create function bondhu.announce_connection() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform bondhu.announce(new.user_id, 'connection_changed', jsonb_build_object('provider', new.provider, 'status', new.status));
  return null;
end
$$;
comment on function bondhu.announce_connection() is 'AFTER UPDATE row trigger on provider_connections: announces what came of a sync.';

revoke all on function bondhu.announce(uuid, text, jsonb), bondhu.announce_message(), bondhu.announce_profile(),
  bondhu.announce_connection()
  from public, anon, authenticated, service_role;

create trigger chat_messages_announce after insert on public.chat_messages
  for each row when (new.session_id is not null and new.created_at = now())
  execute function bondhu.announce_message();
create trigger personality_history_announce after insert on public.personality_history
  for each row execute function bondhu.announce_profile();
create trigger provider_connections_announce after update of status on public.provider_connections
  for each row when (old.status is distinct from new.status and new.status not in ('queued', 'syncing'))
  execute function bondhu.announce_connection();

-- sql/70_operation/30_commit_position.sql

-- Reading one's own writes: a position in the write-ahead log after the write.

create function public.commit_position() returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform bondhu.require_user();
  if pg_catalog.pg_is_in_recovery() then
    raise exception using
      errcode = '25006',
      message = 'a read replica has written nothing, and has no position of yours',
      hint = 'Call commit_position where you wrote, on the primary.';
  end if;
  -- The insert position: every commit that was answered before this call is before it.
  return pg_catalog.pg_current_wal_insert_lsn()::text;
end
$$;
comment on function public.commit_position() is
  'A position in the write-ahead log, such as 16/B374D848, after everything committed before this call. Call it after the answer to your write, in a separate request, and pass it to a hot read as min_lsn: its answer then includes your write. 28000 when nobody is signed in, 25006 on a read replica.';
revoke all on function public.commit_position() from public, anon, authenticated, service_role;
grant execute on function public.commit_position() to authenticated;

-- sql/70_operation/33_hot_documents.sql

-- The documents that Redis keeps, from Postgres: for a reader of Redis that finds none it may serve.

-- SECURITY DEFINER: clients may not call the documents' functions. It reads only the caller's own rows.
create function public.hot_document(document text) returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  caller uuid[] := array[bondhu.require_user()];
  found jsonb;
begin
  case document
    when 'personality_context' then
      found := (select d.data::jsonb from bondhu.personality_context_document(caller, now()) d);
    when 'personality_sentiment' then
      found := (select d.data::jsonb from bondhu.personality_sentiment_document(caller, now()) d);
    when 'chat_history' then
      found := (select d.data::jsonb from bondhu.chat_history_document(caller, now()) d);
    when 'music_profile' then
      found := (select d.data::jsonb from bondhu.music_profile_document(caller, now()) d);
    when 'music_spotify' then
      found := (select d.data::jsonb from bondhu.music_spotify_document(caller, now()) d);
    when 'video_youtube' then
      found := (select d.data::jsonb from bondhu.video_youtube_document(caller, now()) d);
    when 'recommendations' then
      found := (select d.data::jsonb from bondhu.recommendations_document(caller, now()) d);
    when 'session_active' then
      found := (select d.data::jsonb from bondhu.session_active_document(caller, now()) d);
    else
      raise exception using
        errcode = '22023',
        message = 'there is no such document',
        hint = 'The documents are those of docs/mirror.md, such as personality_context and chat_history.';
  end case;
  return found;
end
$$;
comment on function public.hot_document(text) is
  'A document of the caller''s that Redis keeps, as Postgres builds it now; null when there is none. 22023 for another name.';
revoke all on function public.hot_document(text) from public, anon, authenticated, service_role;
grant execute on function public.hot_document(text) to authenticated;

-- sql/70_operation/35_public_objects.sql

-- Written by PUBLIC_OBJECTS=write cargo test -p bondhu-conformance --test engine -- public_objects: do not edit.

create function bondhu.public_objects() returns table (kind text, relation text, name text)
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select o.kind, o.relation, unnest(o.names::text[])
  from (values
    ('table', null, '{assessments, chat_messages, companion_profiles, consents, erasures, listening_gaps,
      listening_history, memories, memory_evidence, music_library, music_playlist_items, music_playlists,
      music_preferences, music_top_items, personality_history, personality_history_evidence, personality_profiles,
      provider_connections, recommendation_feedback, sentiment_buckets, session_activities, user_sessions,
      video_likes, video_playlist_items, video_playlists, video_preferences, video_subscriptions}'),
    ('function', null, '{"assessment_items(text, text)", "begin_connect(text, text)",
      "chat_history(integer, timestamp with time zone, bigint, text)", "claim_reply(uuid, uuid, integer)",
      "commit_position()", "companion()", "confirm_connect(text)", "correct_message(uuid, text, numeric)",
      "dashboard()", "disconnect(text)", "end_session(uuid)", "erase_my_data(boolean, boolean)",
      "explain_message(uuid)", "export_my_data(text, integer)",
      "finish_reply(uuid, uuid, uuid, text, text, text, text, boolean, integer, integer)", "hot_document(text)",
      "listening_stats(timestamp with time zone, timestamp with time zone)", "log_activity(uuid, text, jsonb)",
      "memory_task(uuid)", "mood_mix(timestamp with time zone, timestamp with time zone)", "mood_patterns()",
      "mood_trend(timestamp with time zone, timestamp with time zone, text)", "my_consents()",
      "personality_context(timestamp with time zone)",
      "personality_evolution(text, timestamp with time zone, timestamp with time zone)",
      "rate_recommendation(text, text, text)", "recall(text, integer)",
      "recently_played(timestamp with time zone, integer, text)", "recommendations(text, integer)",
      "release_reply(uuid, uuid, uuid, integer)", "request_sync(text)", "reset_recommendations(text)",
      "set_consent(text, boolean, boolean)", "start_session(text, boolean)",
      "store_memories(uuid, uuid, jsonb, jsonb, integer)", "submit_assessment(text, jsonb)", "top_genres(integer)",
      "touch_session(uuid)", "trending(text, text)", "watching_stats()", "wellness_card()",
      "wellness_history(date, date)"}'),
    ('column', 'assessments', '{user_id, id, form, answers, started_at, completed_at, openness, conscientiousness,
      extraversion, agreeableness, neuroticism}'),
    ('constraint', 'assessments', '{answers_are_an_object, assessments_pkey, assessments_user_id_fkey,
      completed_after_it_was_started, completed_with_every_trait, form_is_known, traits_are_0_to_100}'),
    ('index', 'assessments', '{assessments_by_completion, assessments_in_progress}'),
    ('policy', 'assessments', '{"a user reads their own assessments", "the worker reads assessments"}'),
    ('column', 'chat_messages', '{user_id, id, seq, session_id, sender_type, message_text, sentiment_score,
      mood_detected, support_level, engine_version, corrected_sentiment, corrected_mood, counts, created_at,
      updated_at}'),
    ('constraint', 'chat_messages', '{chat_messages_pkey, chat_messages_user_id_fkey, corrected_mood_is_known,
      corrected_sentiment_is_0_to_1, created_at_is_since_1900_and_not_in_the_future, message_can_be_read,
      mood_is_known, only_user_messages_are_corrected, only_user_messages_are_scored, score_is_0_to_1,
      scored_whole_or_not_at_all, sender_is_known, support_level_is_known}'),
    ('index', 'chat_messages', '{chat_messages_by_session, chat_messages_by_time, chat_messages_in_crisis,
      chat_messages_unscored}'),
    ('policy', 'chat_messages', '{"a user deletes their own messages", "a user edits their own messages",
      "a user reads their own messages", "a user writes their own messages", "the worker reads messages",
      "what is being erased is hidden"}'),
    ('column', 'companion_profiles', '{user_id, display_name, locale, time_zone, onboarding_state,
      chat_retention_days, created_at, updated_at}'),
    ('constraint', 'companion_profiles', '{chat_retention_is_1_to_3650_days, companion_profiles_pkey,
      companion_profiles_user_id_fkey, display_name_can_be_read, locale_is_a_language_tag, onboarding_state_is_known,
      time_zone_is_iana}'),
    ('index', 'companion_profiles', '{companion_profiles_with_chat_retention}'),
    ('policy', 'companion_profiles', '{"a user edits their own profile", "a user reads their own profile",
      "a user writes their own profile", "the worker reads profiles"}'),
    ('column', 'consents', '{user_id, purpose, decided_at, is_given}'),
    ('constraint', 'consents', '{consents_pkey, consents_user_id_fkey, decided_at_is_finite, purpose_is_known}'),
    ('policy', 'consents', '{"a user reads their own consents", "the worker reads consents"}'),
    ('column', 'erasures', '{user_id, id, requested_at, finished_at, up_to_seq, with_account, rows_erased, remains}'),
    ('constraint', 'erasures', '{erasure_ends_after_its_request, erasures_pkey, erasures_user_id_fkey,
      remains_is_an_object, rows_erased_is_an_object}'),
    ('index', 'erasures', '{erasures_by_end, erasures_under_way}'),
    ('policy', 'erasures', '{"a user reads their own receipts", "the worker reads receipts"}'),
    ('column', 'listening_gaps', '{user_id, after_play, before_play, found_at}'),
    ('constraint', 'listening_gaps', '{gap_has_a_length, listening_gaps_pkey, listening_gaps_user_id_fkey}'),
    ('policy', 'listening_gaps', '{"a user reads their own listening gaps", "the worker keeps listening gaps"}'),
    ('column', 'listening_history', '{user_id, played_at, track_id, track_name, artist_names, isrc, duration_ms,
      context_uri, fetched_at}'),
    ('constraint', 'listening_history', '{duration_is_positive, listening_history_pkey,
      listening_history_user_id_fkey}'),
    ('policy', 'listening_history', '{"a user reads their own listening", "the worker keeps listening"}'),
    ('column', 'memories', '{user_id, id, memory_text, category, confidence, holds_from, holds_until, replaces,
      corrected_at, created_at}'),
    ('constraint', 'memories', '{memories_pkey, memories_user_id_fkey, memory_category_is_known,
      memory_confidence_is_0_to_1, memory_days_are_ordered, memory_replaces_another, memory_text_is_a_sentence}'),
    ('index', 'memories', '{memories_by_age, memories_replace_once}'),
    ('policy', 'memories', '{"a user corrects their own memories", "a user deletes their own memories",
      "a user reads their own memories"}'),
    ('column', 'memory_evidence', '{user_id, memory_id, message_id}'),
    ('constraint', 'memory_evidence', '{memory_evidence_memory_fkey, memory_evidence_pkey}'),
    ('index', 'memory_evidence', '{memory_evidence_by_message}'),
    ('policy', 'memory_evidence', '{"a user reads their own memories'' evidence"}'),
    ('column', 'music_library', '{user_id, kind, item_id, name, artist_names, genres, isrc, added_at, walk_id,
      fetched_at}'),
    ('constraint', 'music_library', '{library_kind_is_known, music_library_pkey, music_library_user_id_fkey}'),
    ('policy', 'music_library', '{"a user reads their own library", "the worker keeps library"}'),
    ('column', 'music_playlist_items', '{user_id, playlist_id, position, track_id, name, artist_names, isrc,
      added_at, walk_id, fetched_at}'),
    ('constraint', 'music_playlist_items', '{music_playlist_items_pkey, music_playlist_items_playlist_fkey,
      position_starts_at_zero}'),
    ('policy', 'music_playlist_items', '{"a user reads their own playlist items", "the worker keeps playlist items"}'),
    ('column', 'music_playlists', '{user_id, playlist_id, name, owner_id, collaborative, snapshot_id, item_count,
      items_snapshot_id, walk_id, fetched_at}'),
    ('constraint', 'music_playlists', '{items_are_counted, music_playlists_pkey, music_playlists_user_id_fkey}'),
    ('policy', 'music_playlists', '{"a user reads their own playlists", "the worker keeps playlists"}'),
    ('column', 'music_preferences', '{user_id, provider, top_genres, mood_profile, diversity, top_artists,
      recently_played, plays_by_hour, plays_by_weekday, play_count, trait_evidence, computed_at}'),
    ('constraint', 'music_preferences', '{diversity_is_a_share, mood_profile_is_an_object, music_preferences_pkey,
      music_preferences_provider_fkey, music_preferences_user_id_fkey, plays_are_counted, plays_have_every_hour,
      plays_have_every_weekday, recently_played_is_a_list, top_artists_is_a_list, top_genres_is_a_list,
      trait_evidence_is_an_object}'),
    ('index', 'music_preferences', '{music_preferences_by_age, music_preferences_by_provider}'),
    ('policy', 'music_preferences', '{"a user reads their own music preferences",
      "the worker keeps music preferences"}'),
    ('column', 'music_top_items', '{user_id, kind, time_range, rank, item_id, name, artist_names, genres, isrc,
      walk_id, fetched_at}'),
    ('constraint', 'music_top_items', '{music_top_items_pkey, music_top_items_user_id_fkey, rank_starts_at_one,
      time_range_is_known, top_item_kind_is_known}'),
    ('index', 'music_top_items', '{music_top_items_by_recording}'),
    ('policy', 'music_top_items', '{"a user reads their own top items", "the worker keeps top items"}'),
    ('column', 'personality_history', '{user_id, id, changed_at, before, after, window_start, window_end,
      message_count}'),
    ('constraint', 'personality_history', '{personality_history_pkey, personality_history_user_id_fkey}'),
    ('index', 'personality_history', '{personality_history_by_age, personality_history_by_time}'),
    ('policy', 'personality_history', '{"a user reads their own history"}'),
    ('column', 'personality_history_evidence', '{user_id, history_id, message_id, weight}'),
    ('constraint', 'personality_history_evidence', '{evidence_history_fkey, personality_history_evidence_pkey}'),
    ('index', 'personality_history_evidence', '{personality_history_evidence_by_message}'),
    ('policy', 'personality_history_evidence', '{"a user reads their own evidence"}'),
    ('column', 'personality_profiles', '{user_id, as_of, openness, conscientiousness, extraversion, agreeableness,
      neuroticism, trait_confidence, communication_style, emotional_stability, needs_support, message_count,
      mean_sentiment, sentiment_volatility, dominant_mood, sentiment_trend, data_status, window_hours, window_sum,
      window_sum_squares, window_moods, window_latest, window_oldest, previous_count, previous_sum, previous_oldest,
      trait_count, trait_sum, trait_sum_squares, trait_moods, last_crisis_at, baseline_traits, settings_version,
      landmark_traits, landmark_style}'),
    ('constraint', 'personality_profiles', '{personality_profiles_pkey, personality_profiles_user_id_fkey}'),
    ('index', 'personality_profiles', '{personality_profiles_by_settings}'),
    ('policy', 'personality_profiles', '{"a user reads their own personality", "the worker reads personalities"}'),
    ('column', 'provider_connections', '{user_id, provider, status, scopes, account_id, account_name, connected_at,
      last_sync_at, next_sync_at, missing, last_error_code, last_error, updated_at}'),
    ('constraint', 'provider_connections', '{connection_status_is_known, disconnected_forgets_the_account,
      error_has_a_code, ok_misses_nothing, partial_says_what_is_missing, provider_connections_pkey,
      provider_connections_provider_fkey, provider_connections_user_id_fkey}'),
    ('index', 'provider_connections', '{provider_connections_by_account, provider_connections_claimable,
      provider_connections_due}'),
    ('policy', 'provider_connections', '{"a user reads their own connections", "the worker keeps connections"}'),
    ('column', 'recommendation_feedback', '{user_id, kind, item_id, maker, feedback, given_at}'),
    ('constraint', 'recommendation_feedback', '{feedback_is_known, feedback_kind_is_known,
      recommendation_feedback_pkey, recommendation_feedback_user_id_fkey}'),
    ('index', 'recommendation_feedback', '{recommendation_feedback_by_age}'),
    ('policy', 'recommendation_feedback', '{"a user reads their own feedback", "the worker reads feedback"}'),
    ('column', 'sentiment_buckets', '{user_id, bucket_start, message_count, score_sum, score_sum_squares, angry,
      anxious, calm, curious, disgust, grateful, joy, lonely, love, neutral, sad, surprise, tired}'),
    ('constraint', 'sentiment_buckets', '{sentiment_buckets_pkey, sentiment_buckets_user_id_fkey}'),
    ('policy', 'sentiment_buckets', '{"a user reads their own sentiment", "the worker reads sentiment"}'),
    ('column', 'session_activities', '{user_id, id, session_id, activity, details, occurred_at}'),
    ('constraint', 'session_activities', '{activity_is_a_short_name, details_is_a_small_object,
      session_activities_pkey, session_activities_session_fkey}'),
    ('index', 'session_activities', '{session_activities_by_session}'),
    ('policy', 'session_activities', '{"a user reads their own activities"}'),
    ('column', 'user_sessions', '{user_id, id, device_id, started_at, last_seen_at, check_idle_at, activity_count,
      is_learnt_from, ended_at, end_reason}'),
    ('constraint', 'user_sessions', '{device_id_is_short, end_reason_is_known, ended_has_a_reason,
      session_times_are_ordered, session_times_are_within_reach, user_sessions_pkey, user_sessions_user_id_fkey}'),
    ('index', 'user_sessions', '{one_active_session_per_device, user_sessions_by_end, user_sessions_by_idle_check}'),
    ('policy', 'user_sessions', '{"a user reads their own sessions", "the worker reads sessions"}'),
    ('column', 'video_likes', '{user_id, video_id, title, channel_id, channel_title, category_id, topics,
      published_at, walk_id, fetched_at}'),
    ('constraint', 'video_likes', '{video_likes_pkey, video_likes_user_id_fkey}'),
    ('index', 'video_likes', '{video_likes_by_age}'),
    ('policy', 'video_likes', '{"a user reads their own likes", "the worker keeps likes"}'),
    ('column', 'video_playlist_items', '{user_id, playlist_id, item_id, video_id, title, channel_id, channel_title,
      category_id, topics, published_at, details_at, walk_id, fetched_at}'),
    ('constraint', 'video_playlist_items', '{video_playlist_items_pkey, video_playlist_items_playlist_fkey}'),
    ('index', 'video_playlist_items', '{video_playlist_items_by_age, video_playlist_items_by_details}'),
    ('policy', 'video_playlist_items', '{"a user reads their own video playlist items",
      "the worker keeps video playlist items"}'),
    ('column', 'video_playlists', '{user_id, playlist_id, title, item_count, walk_id, fetched_at}'),
    ('constraint', 'video_playlists', '{items_are_counted, video_playlists_pkey, video_playlists_user_id_fkey}'),
    ('index', 'video_playlists', '{video_playlists_by_age}'),
    ('policy', 'video_playlists', '{"a user reads their own video playlists", "the worker keeps video playlists"}'),
    ('column', 'video_preferences', '{user_id, top_categories, top_topics, top_channels, recent_channels,
      subscription_count, like_count, playlist_count, computed_at}'),
    ('constraint', 'video_preferences', '{recent_channels_is_a_list, top_categories_is_a_list,
      top_channels_is_a_list, top_topics_is_a_list, video_preferences_pkey, video_preferences_user_id_fkey,
      videos_are_counted}'),
    ('index', 'video_preferences', '{video_preferences_by_age}'),
    ('policy', 'video_preferences', '{"a user reads their own video preferences",
      "the worker keeps video preferences"}'),
    ('column', 'video_subscriptions', '{user_id, channel_id, title, subscribed_at, topics, topics_at, walk_id,
      fetched_at}'),
    ('constraint', 'video_subscriptions', '{video_subscriptions_pkey, video_subscriptions_user_id_fkey}'),
    ('index', 'video_subscriptions', '{video_subscriptions_by_age, video_subscriptions_by_topics}'),
    ('policy', 'video_subscriptions', '{"a user reads their own subscriptions", "the worker keeps subscriptions"}')
  ) o (kind, relation, names)
$$;
comment on function bondhu.public_objects() is
  'What of the schema public is Bondhu''s; relation is the table of a column, a constraint, an index or a policy.';
revoke all on function bondhu.public_objects() from public, anon, authenticated, service_role;

-- sql/70_operation/40_uninstall.sql

-- The way out: a project as it was before the first migration. Everything that Bondhu has stored goes
-- with it; what the app has built on Bondhu's objects is the app's, and stops it.

-- The schemas of Bondhu are its own with all that lies in them; of the schema public, and of what hangs
-- on tables, what it is known to have made.
create function bondhu.own_objects() returns table (classid oid, objid oid)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  with recursive relation (oid, name) as (
    select c.oid, c.relname::text
    from pg_catalog.pg_class c
    join bondhu.public_objects() o on o.kind = 'table' and o.name = c.relname
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
  ), part (kind, relation, name) as (
    select o.kind, r.oid, o.name from bondhu.public_objects() o join relation r on r.name = o.relation
  ), known (classid, objid) as (
    select 'pg_class'::regclass::oid, oid from relation
    union all
    select 'pg_proc'::regclass, p.oid
    from bondhu.public_objects() o
    join pg_catalog.pg_proc p on p.oid = to_regprocedure(format('public.%s', o.name))
    where o.kind = 'function'
    union all
    select 'pg_class'::regclass, c.oid
    from part p
    join pg_catalog.pg_index i on i.indrelid = p.relation
    join pg_catalog.pg_class c on c.oid = i.indexrelid and c.relname = p.name
    where p.kind = 'index'
    union all
    select 'pg_constraint'::regclass, k.oid
    from part p join pg_catalog.pg_constraint k on k.conrelid = p.relation and k.conname = p.name
    where p.kind = 'constraint'
    union all
    select 'pg_policy'::regclass, l.oid
    from part p join pg_catalog.pg_policy l on l.polrelid = p.relation and l.polname = p.name
    where p.kind = 'policy'
    union all
    select 'pg_trigger'::regclass, t.oid
    from bondhu.expected_triggers() e
    join pg_catalog.pg_trigger t on t.tgrelid = to_regclass(e.relation) and t.tgname = e.name
    union all
    select 'pg_namespace'::regclass, n.oid
    from pg_catalog.pg_namespace n where n.nspname in ('bondhu', 'bondhu_native', 'bondhu_portable')
    union all
    select 'pg_extension'::regclass, e.oid from pg_catalog.pg_extension e where e.extname = 'bondhu'
  ), own (classid, objid) as (
    select k.classid, k.objid from known k
    union
    select d.classid, d.objid
    from own o
    join pg_catalog.pg_depend d on d.refclassid = o.classid and d.refobjid = o.objid
    left join pg_catalog.pg_class c on d.classid = 'pg_class'::regclass and c.oid = d.objid
    left join pg_catalog.pg_constraint k on d.classid = 'pg_constraint'::regclass and k.oid = d.objid
    where case d.deptype
      -- Row and array types, the index of a key, the triggers of a foreign key, a view's query, TOAST.
      when 'i' then true
      when 'e' then true
      when 'n' then o.classid = 'pg_namespace'::regclass and d.classid <> 'pg_extension'::regclass
      -- A default of a column; an index or a constraint, which lie where their table does.
      when 'a' then d.classid = 'pg_attrdef'::regclass
        or c.relkind = 'i' and c.relnamespace <> 'public'::regnamespace
        or k.connamespace <> 'public'::regnamespace
        or k.contype = 'n' -- not null is one only since Postgres 18
      else false
    end
  )
  select own.classid, own.objid from own
$$;
comment on function bondhu.own_objects() is 'What Bondhu has made in this database, as pg_depend names objects.';

-- What hangs on a table goes with it unasked; the rest stops the drop, or goes where that cascades. What is in a
-- publication is published no more, and what is granted is gone, and that is all. What depends on these in turn,
-- Postgres names when they are dropped. The body of a function, a command of pg_cron or of a client that is kept
-- as a string leaves no trace in the catalog: none of those is named here.
create function bondhu.foreign_dependents() returns text[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  with own as (
    select o.classid, o.objid from bondhu.own_objects() o
  ), dependent (classid, objid, objsubid) as (
    select d.classid, d.objid, d.objsubid
    from own o join pg_catalog.pg_depend d on d.refclassid = o.classid and d.refobjid = o.objid
    where d.classid not in (
        'pg_publication_rel'::regclass, 'pg_publication_namespace'::regclass, 'pg_default_acl'::regclass
      )
      and not exists (select from own x where x.classid = d.classid and x.objid = d.objid)
    union
    select 'pg_class'::regclass, a.attrelid, a.attnum
    from own o
    join pg_catalog.pg_class c on c.oid = o.objid and c.relkind = 'r' and c.relnamespace = 'public'::regnamespace
    join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where o.classid = 'pg_class'::regclass
      and not exists (
        select from bondhu.public_objects() p
        where p.kind = 'column' and p.relation = c.relname and p.name = a.attname
      )
  )
  select coalesce(array_agg(distinct format('%s %s', object.type, object.identity)), '{}')
  from dependent d
  -- Not the query of a view but the view: what can be dropped.
  left join pg_catalog.pg_depend whole
    on whole.classid = d.classid and whole.objid = d.objid and whole.objsubid = d.objsubid and whole.deptype = 'i'
  cross join lateral pg_catalog.pg_identify_object(
    coalesce(whole.refclassid, d.classid), coalesce(whole.refobjid, d.objid), coalesce(whole.refobjsubid, d.objsubid)
  ) object
$$;
comment on function bondhu.foreign_dependents() is
  'What an app has built on what is Bondhu''s, or into its tables: it would go with them, or keep them from going.';

create function bondhu.uninstall(confirm text default null, slot text default 'bondhu_mirror') returns text[]
language plpgsql
set search_path = pg_catalog, pg_temp
set client_min_messages = warning -- without a notice for each dropped object
as $uninstall$
declare
  owner constant name := (select pg_catalog.pg_get_userbyid(c.relowner) from pg_catalog.pg_class c where c.oid = 'public.chat_messages'::regclass);
  relations text;
  functions text;
  dependents text[] := bondhu.foreign_dependents();
  stays text[] := array[]::text[];
  policies text[];
begin
  if confirm is distinct from 'delete all that Bondhu has stored' then
    raise exception using
      errcode = '22023',
      message = 'this deletes every message, profile, linked account and setting of Bondhu''s in this database',
      hint = 'Make a dump first (docs/backup.md), stop the workers, then run '
        'select bondhu.uninstall(''delete all that Bondhu has stored'');';
  end if;
  if exists (
    select from pg_catalog.pg_replication_slots s
    where s.slot_name = slot and s.database = current_database() and s.active
  ) then
    raise exception using
      errcode = '55006',
      message = format('replication slot %s is in use', slot),
      hint = 'Stop the workers, then run bondhu.uninstall() again.';
  end if;
  if cardinality(dependents) > 0 then
    raise exception using
      errcode = '2BP01',
      message = format('the app uses what would go: %s', array_to_string(dependents, ', ')),
      hint = 'Drop these first, then run bondhu.uninstall() again.';
  end if;

  if bondhu.has_cron() then
    perform bondhu.remove_cron();
  end if;
  perform bondhu.detach_engine();
  begin
    drop extension if exists bondhu;
    drop schema if exists bondhu_native cascade;
  exception when insufficient_privilege then
    stays := stays || text 'extension bondhu: a superuser has created it, and may drop it';
  end;

  if current_user <> owner then
    -- Until the end of this function: a grant is revoked by its grantor.
    perform set_config('role', owner, true);
  end if;
  drop publication if exists bondhu_mirror;
  policies := bondhu.unauthorize_realtime();
  if cardinality(policies) > 0 then
    stays := stays || format('policies %s on realtime.messages: drop them in the dashboard', array_to_string(policies, ', '));
  end if;
  select string_agg(c.oid::regclass::text, ', ') into relations
  from bondhu.own_objects() o
  join pg_catalog.pg_class c on o.classid = 'pg_class'::regclass and c.oid = o.objid
  where c.relnamespace = 'public'::regnamespace and c.relkind = 'r';
  select string_agg(p.oid::regprocedure::text, ', ') into functions
  from bondhu.own_objects() o
  join pg_catalog.pg_proc p on o.classid = 'pg_proc'::regclass and p.oid = o.objid
  where p.pronamespace = 'public'::regnamespace;
  execute 'drop function ' || functions;
  execute 'drop table ' || relations || ' cascade';
  revoke usage on schema public from bondhu_worker;
  drop schema if exists bondhu_portable cascade;
  drop schema bondhu cascade;

  begin
    drop role bondhu_worker;
  exception
    when dependent_objects_still_exist then
      stays := stays || text 'role bondhu_worker: another database of this server uses it, or something was granted to it by hand';
    when insufficient_privilege then
      stays := stays || format('role bondhu_worker: %s does not administer it; a superuser may drop it', current_user);
  end;
  -- Last: it is not restored when the transaction is rolled back.
  perform pg_catalog.pg_drop_replication_slot(s.slot_name)
  from pg_catalog.pg_replication_slots s
  where s.slot_name = slot and s.database = current_database();
  return stays;
end
$uninstall$;
comment on function bondhu.uninstall(text, text) is
  'Removes Bondhu from this database with all that it has stored, and its jobs, publication, slot and role; returns what is left, and why. Only for the owner or a superuser, and only with the words that the error without them names. The extension pg_cron stays: others may use it.';

revoke all on function bondhu.own_objects(), bondhu.foreign_dependents(), bondhu.uninstall(text, text)
  from public, anon, authenticated, service_role;
