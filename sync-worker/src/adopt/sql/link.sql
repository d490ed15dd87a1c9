with settings as (
  select s.scopes from bondhu.provider_settings s where s.provider = $2
), linked as (
  insert into public.provider_connections as c (user_id, provider, status, scopes, connected_at, next_sync_at)
  select $1, $2, 'pending', case when cardinality($3::text[]) > 0 then $3 else settings.scopes end, coalesce($4, now()), now()
  from settings
  on conflict (user_id, provider) do nothing
  returning c.user_id, c.provider
)
insert into bondhu.sync_jobs (user_id, provider, owner_id, account_unknown)
select l.user_id, l.provider, $5, $5 is not null from linked l
