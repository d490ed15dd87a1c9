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
