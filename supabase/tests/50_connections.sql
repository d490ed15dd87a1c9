-- Linking an account and letting it go, as the signed-in user. The worker's part, between
-- begin_connect and confirm_connect, is played here by inserts as bondhu_worker.
begin;
\ir acting.psql
\ir tables.psql
select plan(69);

create temp table people as select pg_temp.sign_up('Ada') as ada, pg_temp.sign_up('Bela') as bela;
grant select on people to public;
create function pg_temp.ada() returns uuid language sql stable as 'select ada from people';
create function pg_temp.bela() returns uuid language sql stable as 'select bela from people';

update bondhu.provider_settings set client_id = null, redirect_uri = null, enabled = true, blocked_until = null, blocked_reason = null;
select alike(
  pg_temp.refusal('authenticated', pg_temp.ada(), $$ select begin_connect('spotify', 'https://app.example/') $$),
  '55000: spotify is not set up here', 'without a client there is no consent page');

update bondhu.provider_settings
   set client_id = 'the client', redirect_uri = 'http://127.0.0.1:8787/oauth/' || provider || '/callback',
       return_to_allow_list = array['https://app.example', 'http://localhost:3000'];

-- Beginning

select alike(
  pg_temp.refusal('authenticated', pg_temp.ada(), format(call, 'myspace')), '22023: unknown provider ''myspace''', 'unknown: ' || call)
from unnest(array[
  'select begin_connect(%L, ''https://app.example'')', 'select disconnect(%L)', 'select request_sync(%L)'
]) call;
select is(
  pg_temp.attempt('authenticated', pg_temp.ada(), $$ select begin_connect(null, 'https://app.example') $$), '22023', 'no provider is unknown too');
select is(pg_temp.attempt('authenticated', null, call), '28000', 'somebody has to be signed in: ' || call)
from unnest(array[
  $$ select begin_connect('spotify', 'https://app.example') $$, $$ select confirm_connect('x') $$,
  $$ select disconnect('spotify') $$, $$ select request_sync('spotify') $$
]) call;
select is(pg_temp.attempt('anon', null, call), '42501', 'anon may not call: ' || call)
from unnest(array[
  $$ select begin_connect('spotify', 'https://app.example') $$, $$ select confirm_connect('x') $$,
  $$ select disconnect('spotify') $$, $$ select request_sync('spotify') $$
]) call;

select is(
  pg_temp.attempt('authenticated', pg_temp.ada(), format('select begin_connect(%L, %L)', 'spotify', return_to)), '1 rows', 'back to ' || return_to)
from unnest(array[
  'https://app.example', 'https://app.example/', 'https://app.example/settings?tab=music#spotify', 'HTTPS://App.Example:443/x',
  'http://localhost:3000/callback'
]) return_to;
select alike(
  pg_temp.refusal('authenticated', pg_temp.ada(), format('select begin_connect(%L, %L)', 'spotify', return_to)),
  '22023: return_to is not on the allow-list', 'not back to ' || coalesce(to_json(return_to)::text, 'nowhere'))
from unnest(array[
  null, '', 'app.example', '/settings', '//app.example', 'javascript:alert(1)//https://app.example', 'https://app.example.evil.example/',
  'https://app.example@evil.example/', 'https://evil.example/https://app.example', 'https://evil.example\@app.example',
  'https://app.example:8443/', 'http://app.example/', ' https://app.example', E'https://app.example\n.evil.example', 'http://localhost:30000/',
  'https://app.examplé/', 'https://app.example%2eevil.example/'
]) return_to;

-- An entry that is no origin lets nobody in, and keeps nobody out.
create temp table odd_entries as
  select entry from unnest(array[null, '', ' ', '*', 'null', 'evil.example', '//evil.example', 'https://', 'https://*', 'https://*.example', 'https:', '\']) entry;
create function pg_temp.back_with(entry text, return_to text) returns text
language plpgsql as $$
begin
  update bondhu.provider_settings set return_to_allow_list = array[entry, 'https://app.example', entry];
  return pg_temp.attempt('authenticated', pg_temp.ada(), format('select begin_connect(%L, %L)', 'spotify', return_to));
end
$$;
select is_empty(
  $$ select entry, return_to from odd_entries, unnest(array['https://evil.example/', 'https://evil.example', 'evil.example', '', null]) return_to
     where pg_temp.back_with(entry, return_to) <> '22023' $$,
  'an entry of the allow-list that is no origin lets nobody in');
select is_empty(
  $$ select entry from odd_entries where pg_temp.back_with(entry, 'https://app.example/') <> '1 rows' $$, 'and keeps nobody out');
update bondhu.provider_settings set return_to_allow_list = array['https://app.example', 'http://localhost:3000'];

select pg_temp.act_as('authenticated', pg_temp.ada());
create temp table begun as select begin_connect('spotify', 'https://app.example/back') as url, begin_connect('youtube', 'https://app.example/back') as google;
select pg_temp.stop_acting();
select matches(
  url,
  '^https://accounts\.spotify\.com/authorize\?response_type=code&client_id=the%20client'
  '&redirect_uri=http%3A%2F%2F127\.0\.0\.1%3A8787%2Foauth%2Fspotify%2Fcallback&scope=user-top-read%20user-read-recently-played[a-z%0-9-]*'
  '&state=[A-Za-z0-9_-]{43}&code_challenge_method=S256&code_challenge=[A-Za-z0-9_-]{43}$',
  'the consent page is asked with PKCE')
from begun;
select matches(google, '&access_type=offline&prompt=consent$', 'Google is asked for a refresh token') from begun;
select results_eq(
  $$ select user_id, return_to, expires_at = now() + interval '10 minutes',
            translate(encode(sha256(convert_to(code_verifier, 'UTF8')), 'base64'), '+/=', '-_') = substring(url from 'code_challenge=(.*)$')
     from begun join bondhu.oauth_states on state_hash = sha256(convert_to(substring(url from 'state=([^&]*)'), 'UTF8')) $$,
  $$ values (pg_temp.ada(), 'https://app.example/back', true, true) $$,
  'the state is kept as a hash, with the verifier of the challenge, for a while');

-- Confirming

create function pg_temp.consented(code text, consenting uuid, ttl interval default '10 minutes', account text default 'account-1') returns void
language plpgsql as $$
begin
  set local role bondhu_worker;
  insert into bondhu.pending_connections
    (code_hash, user_id, provider, scopes, account_id, account_name, sealed_access, access_expires_at, sealed_refresh, expires_at)
  values (sha256(convert_to(code, 'UTF8')), consenting, 'spotify', array['user-top-read'], account, 'Ada''s', '\x01',
          now() + interval '1 hour', '\x02', now() + ttl);
  set local role postgres;
end
$$;
select pg_temp.consented('one-time', pg_temp.ada());
select pg_temp.consented('too-late', pg_temp.ada(), '-1 second');

select alike(
  pg_temp.refusal('authenticated', confirming, format('select confirm_connect(%L)', code)),
  'P0002: this code is unknown, used or expired', 'not confirmed: ' || what)
from (values
  ('a code that never was', pg_temp.ada(), 'guess'), ('an empty one', pg_temp.ada(), ''), ('none', pg_temp.ada(), null),
  ('an expired one', pg_temp.ada(), 'too-late'), ('another user''s', pg_temp.bela(), 'one-time')
) bad (what, confirming, code);

select pg_temp.act_as('authenticated', pg_temp.ada());
select is(confirm_connect('one-time'), 'spotify', 'the user who began confirms');
select throws_ok($$ select confirm_connect('one-time') $$, 'P0002', null, 'once');
select results_eq(
  'select provider, status, scopes, account_id, next_sync_at <= now() from provider_connections',
  $$ values ('spotify', 'pending', array['user-top-read'], 'account-1', true) $$, 'the connection is due');
select throws_ok('select * from bondhu.provider_tokens', '42501', null, 'its tokens are out of the user''s sight');

-- Asking for a sync

select throws_ok(
  $$ select request_sync('youtube') $$, '55000', 'youtube is not linked', 'what is not linked is not synced');
select throws_ok(
  $$ select request_sync('spotify') $$, '55000', null, 'the first sync is asked for already');
select pg_temp.stop_acting();
update bondhu.sync_jobs set requested_at = now() - interval '6 minutes' where user_id = pg_temp.ada();
select is(
  pg_temp.attempt('authenticated', pg_temp.ada(), $$ select request_sync('spotify') $$), '1 rows', 'after the cooldown it may be asked again');
update bondhu.sync_jobs set not_before = now() + interval '13 hours' where user_id = pg_temp.ada();
select alike(
  pg_temp.refusal('authenticated', pg_temp.ada(), $$ select request_sync('spotify') $$),
  '55000: spotify can be asked again at %', 'a back-off is not asked away');
update provider_connections set status = 'needs_reauth', last_error_code = 'invalid_grant', last_error = 'Link it again.' where user_id = pg_temp.ada();
select alike(
  pg_temp.refusal('authenticated', pg_temp.ada(), $$ select request_sync('spotify') $$), '55000: spotify asks for consent again', 'a lost consent is said to be lost');
update provider_connections set last_error_code = null, last_error = null where user_id = pg_temp.ada();
select alike(
  pg_temp.refusal('authenticated', pg_temp.ada(), $$ select request_sync('spotify') $$), '55000: spotify asks for consent again', 'also when nobody knows why');

-- Another account, and letting go

select pg_temp.give_samples(pg_temp.ada());
select pg_temp.give_samples(pg_temp.bela());
update provider_connections set last_sync_at = now() where user_id = pg_temp.ada();
select pg_temp.consented('the-same', pg_temp.ada());
update bondhu.pending_connections set sealed_access = '\x03', sealed_refresh = null;
select pg_temp.act_as('authenticated', pg_temp.ada());
select is(confirm_connect('the-same'), 'spotify', 'the same account may be linked again');
select isnt_empty('select from listening_history', 'which keeps what it brought');
select isnt((select last_sync_at from provider_connections where provider = 'spotify'), null, 'and when');
select pg_temp.stop_acting();
select results_eq(
  $$ select kind, sealed from bondhu.provider_tokens where user_id = pg_temp.ada() and provider = 'spotify' order by kind $$,
  $$ values ('access', '\x03'::bytea), ('refresh', '\x02') $$, 'and the refresh token, when the consent brings none');

select pg_temp.consented('another', pg_temp.ada(), account => 'account-2');
select is(pg_temp.attempt('authenticated', pg_temp.ada(), $$ select confirm_connect('another') $$), '1 rows', 'linking again is fine');
select pg_temp.act_as('authenticated', pg_temp.ada());
select confirm_connect('another');
select is_empty('select from listening_history', 'what another account brought is gone');
select results_eq(
  'select status, account_id, last_error, last_sync_at from provider_connections where status = ''pending''',
  $$ values ('pending', 'account-2', null::text, null::timestamptz) $$, 'and so is its trouble');
select pg_temp.stop_acting();

insert into music_preferences select p.* from jsonb_populate_record(null::music_preferences,
  (select sample || jsonb_build_object('user_id', pg_temp.ada()) from sample_rows where relation = 'public.music_preferences')) p;
select pg_temp.act_as('authenticated', pg_temp.ada());
select lives_ok($$ select disconnect('spotify') $$, 'disconnecting');
select results_eq(
  'select status, scopes, account_id, account_name, next_sync_at from provider_connections',
  $$ values ('disconnected', '{}'::text[], null::text, null::text, null::timestamptz) $$, 'leaves an empty shell');
select lives_ok($$ select disconnect('spotify') $$, 'and may be repeated');
select is_empty('select from music_preferences', 'what was computed from Spotify is gone');
select isnt_empty('select from video_likes', 'what YouTube brought stays');
select pg_temp.stop_acting();
select is_empty(
  $$ select relation from unnest(array['bondhu.sync_jobs', 'bondhu.provider_tokens', 'public.music_top_items', 'public.listening_history']) relation
     where pg_temp.rows_of(relation, pg_temp.ada()) > 0 $$,
  'no token, job or row of Spotify''s is left');
select isnt_empty($$ select from listening_history where user_id = pg_temp.bela() $$, 'of the user who asked; others keep theirs');

select * from finish();
rollback;
