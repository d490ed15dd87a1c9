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
