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
