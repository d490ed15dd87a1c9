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
