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
