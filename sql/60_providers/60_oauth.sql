-- Beginning to link an account: begin_connect → the provider's consent page → the worker's
-- callback → confirm_connect (65_linking.sql). The last step runs in the session of the same user, so
-- that nobody can link another person's account to their own.

create table bondhu.oauth_states (
  state_hash bytea primary key,
  user_id uuid not null references auth.users (id) on delete cascade,
  provider text not null references bondhu.provider_settings (provider),
  code_verifier text not null,
  return_to text not null,
  expires_at timestamptz not null,
  taken boolean not null default false,

  constraint state_is_hashed check (octet_length(state_hash) = 32),
  constraint return_to_is_short check (char_length(return_to) <= 2000),
  -- RFC 7636 section 4.1
  constraint verifier_has_pkce_length check (char_length(code_verifier) between 43 and 128)
);
comment on table bondhu.oauth_states is 'Consents in progress. The state itself is only in the URL; stored is its SHA-256.';
comment on column bondhu.oauth_states.taken is 'True once the user has come back with it: a state works once.';
create index oauth_states_by_user on bondhu.oauth_states (user_id);
create index oauth_states_by_provider on bondhu.oauth_states (provider);

create table bondhu.pending_connections (
  code_hash bytea primary key,
  user_id uuid not null references auth.users (id) on delete cascade,
  provider text not null references bondhu.provider_settings (provider),
  scopes text[] not null,
  account_id text,
  owner_id text,
  account_name text,
  account_known boolean not null default true,
  sealed_access bytea not null,
  access_expires_at timestamptz,
  sealed_refresh bytea,
  expires_at timestamptz not null,

  constraint code_is_hashed check (octet_length(code_hash) = 32)
);
comment on table bondhu.pending_connections is 'Consents given and not yet confirmed. The one-time code is only in the URL; stored is its SHA-256.';
comment on column bondhu.pending_connections.account_known is
  'False: the provider''s budget was used up, or it did not answer, when it was asked which account this is; the first pull asks again.';
create index pending_connections_by_user on bondhu.pending_connections (user_id);
create index pending_connections_by_provider on bondhu.pending_connections (provider);

revoke all on bondhu.oauth_states, bondhu.pending_connections from public, anon, authenticated, service_role;
grant select, update, delete on bondhu.oauth_states to bondhu_worker;
grant select, insert, update, delete on bondhu.pending_connections to bondhu_worker;

create function bondhu.base64url(bytes bytea) returns text
language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
  select rtrim(translate(encode(bytes, 'base64'), E'+/\n', '-_'), '=')
$$;

-- 43 characters of base64url from 244 random bits: two version 4 uuids have 122 each.
create function bondhu.random_token() returns text
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
  select bondhu.base64url(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())))
$$;

create function bondhu.url_encode(plain text) returns text
language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(string_agg(
    case when chr(byte) ~ '[A-Za-z0-9_.~-]' and byte < 128 then chr(byte)
         else '%' || upper(lpad(to_hex(byte), 2, '0')) end, '' order by place), '')
  from (
    select get_byte(convert_to(plain, 'UTF8'), place) as byte, place
    from generate_series(0, octet_length(convert_to(plain, 'UTF8')) - 1) place
  ) bytes
$$;
comment on function bondhu.url_encode(text) is 'Percent-encoding of RFC 3986 section 2.1; everything but unreserved characters.';

-- The origin as browsers compare it: lower-case scheme and host, no default port. Null
-- for anything but a plain scheme://host[:port][/…]: user info, backslashes, white space and control
-- characters can deceive allow-lists.
create function bondhu.url_origin(url text) returns text
language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
  select case when url !~ '[[:space:][:cntrl:]\\]' then
    regexp_replace(
      lower(substring(url from '^([A-Za-z][A-Za-z0-9+.-]*://(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?)(?:[/?#]|$)')),
      '^(http://.*):80$|^(https://.*):443$', '\1\2')
  end
$$;

-- The app reads these parameters from the URL that the user returns to: one that return_to has already
-- would be mistaken for the answer. Names may be percent-encoded: each letter also matches its code.
create function bondhu.has_answer_parameter(url text) returns boolean
language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
  select url ~* ('[?#&;](?:' || string_agg(
    (select string_agg(format('(?:%s|%%%s)', letter, to_hex(ascii(letter))), '' order by place)
     from string_to_table(name, null) with ordinality spelled (letter, place)), '|') || ')(?:=|&|;|#|\[|%5b|%3d|$)')
  from unnest(array['code', 'provider', 'error', 'error_description']) name
$$;
comment on function bondhu.has_answer_parameter(text) is 'Whether a URL has a parameter, in its query or fragment, of a name that the worker''s callback adds.';

revoke all on function bondhu.random_token(), bondhu.base64url(bytea), bondhu.url_encode(text), bondhu.url_origin(text), bondhu.has_answer_parameter(text)
  from public, anon, authenticated, service_role;

create function bondhu.require_provider(named text) returns bondhu.provider_settings
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  found_provider bondhu.provider_settings;
begin
  select * into found_provider from bondhu.provider_settings s where s.provider = named;
  if not found then
    raise exception using
      errcode = '22023',
      message = format('unknown provider %L', left(named, 40)),
      hint = format('Known providers: %s.', (select string_agg(s.provider, ', ' order by s.provider) from bondhu.provider_settings s));
  end if;
  return found_provider;
end
$$;
revoke all on function bondhu.require_provider(text) from public, anon, authenticated, service_role;

-- By the token's claim or by the account: a token from elsewhere may lack the claim.
create function bondhu.refuse_anonymous() returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  caller uuid := bondhu.lock_user();
  anonymous boolean := auth.jwt() ->> 'is_anonymous' = 'true';
begin
  if anonymous is not true and has_table_privilege('auth.users', 'select') then
    -- As json, because an older auth.users lacks the column.
    select to_jsonb(u) ->> 'is_anonymous' = 'true' into anonymous from auth.users u where u.id = caller;
  end if;
  if anonymous and not (select s.anonymous_may_link from bondhu.settings s) then
    raise exception using
      errcode = '55000',
      message = 'this account is anonymous: it cannot link other accounts',
      hint = 'Give it an e-mail address or another way to sign in first (supabase.auth.updateUser or linkIdentity), then refresh the session. Chat works without.';
  end if;
  return caller;
end
$$;
comment on function bondhu.refuse_anonymous() is
  'As bondhu.lock_user(); 55000 for an anonymous account unless settings.anonymous_may_link.';
revoke all on function bondhu.refuse_anonymous() from public, anon, authenticated, service_role;

create function public.begin_connect(provider text, return_to text) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  caller uuid := bondhu.refuse_anonymous();
  settings bondhu.provider_settings := bondhu.require_provider($1);
  state text := bondhu.random_token();
  verifier text := bondhu.random_token();
  back text := $2;
begin
  if not settings.enabled or settings.client_id is null or settings.redirect_uri is null then
    raise exception using
      errcode = '55000',
      message = format('%s is not set up here', settings.provider),
      hint = format('The operator fills in client_id and redirect_uri in bondhu.provider_settings for %s; sync-worker doctor tells what is missing.', settings.provider);
  end if;
  if char_length(back) > 2000 then
    raise exception using
      errcode = '22023',
      message = format('return_to has %s characters', char_length(back)),
      hint = 'Send at most 2000; keep what the page has to remember in its own storage.';
  end if;
  -- Not `= any`: an entry that is not an origin would make the condition null, which refuses nothing.
  if not exists (
    select from unnest(settings.return_to_allow_list) allowed where bondhu.url_origin(allowed) = bondhu.url_origin(back)
  ) then
    raise exception using
      errcode = '22023',
      message = 'return_to is not on the allow-list',
      detail = format('Its origin is %s.', coalesce(left(bondhu.url_origin(back), 200), 'not a plain scheme://host[:port]')),
      hint = format('The operator adds the app''s origin to bondhu.provider_settings.return_to_allow_list for %s.', settings.provider);
  end if;

  if bondhu.has_answer_parameter(back) then
    raise exception using
      errcode = '22023',
      message = 'return_to has a parameter that the answer adds',
      hint = 'code, provider, error and error_description tell the app how linking ended: use other names for its own.';
  end if;

  -- Revoking the former consent would revoke the new one, too.
  if not bondhu.hold_revocations(caller, settings.provider) then
    raise exception using
      errcode = '55000',
      message = format('%s is being unlinked at this moment', settings.provider),
      hint = 'Try again in half a minute.';
  end if;
  -- At most ten consents of a user are in progress.
  delete from bondhu.oauth_states o
  where o.user_id = caller
    and (o.expires_at <= now() or o.state_hash in (
      select old.state_hash from bondhu.oauth_states old
      where old.user_id = caller order by old.expires_at desc offset 9));
  insert into bondhu.oauth_states (state_hash, user_id, provider, code_verifier, return_to, expires_at)
  select sha256(convert_to(state, 'UTF8')), caller, settings.provider, verifier, back,
         now() + make_interval(mins => s.oauth_state_ttl_minutes)
  from bondhu.settings s;

  return settings.authorize_url || '?response_type=code'
    || '&client_id=' || bondhu.url_encode(settings.client_id)
    || '&redirect_uri=' || bondhu.url_encode(settings.redirect_uri)
    || '&scope=' || bondhu.url_encode(array_to_string(settings.scopes, ' '))
    || '&state=' || state
    || '&code_challenge_method=S256&code_challenge=' || bondhu.base64url(sha256(convert_to(verifier, 'UTF8')))
    -- Google sends a refresh token only when it is requested with a new consent:
    -- https://developers.google.com/identity/protocols/oauth2/web-server#offline
    || case settings.provider when 'youtube' then '&access_type=offline&prompt=consent' else '' end;
end
$$;
comment on function public.begin_connect(text, text) is
  'Starts linking provider (spotify, youtube) and returns the consent page''s URL. After consent the user comes back to return_to with ?code=…, for confirm_connect; or with ?error=….';

revoke all on function public.begin_connect(text, text) from public, anon, authenticated, service_role;
grant execute on function public.begin_connect(text, text) to authenticated;
