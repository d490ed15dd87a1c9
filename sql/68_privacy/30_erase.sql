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
