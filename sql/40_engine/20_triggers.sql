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
