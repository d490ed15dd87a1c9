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
