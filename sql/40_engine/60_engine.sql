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
