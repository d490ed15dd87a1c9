-- What who signed in anonymously may do: chat, and link nothing until the operator or they themselves say more.
begin;
\ir acting.psql
\ir tables.psql
select plan(26);

create temp table people as select pg_temp.sign_up('Nobody in particular') as guest, pg_temp.sign_up('Ada') as ada;
grant select on people to public;
select pg_temp.give_samples(p.id) from people, unnest(array[guest, ada]) p (id);
update bondhu.provider_settings
   set client_id = 'c', redirect_uri = 'http://127.0.0.1/', return_to_allow_list = array['https://app.example'];

create temp table linking as
  select call from unnest(array[
    $$ select begin_connect('spotify', 'https://app.example/') $$, $$ select confirm_connect('a code') $$, $$ select request_sync('spotify') $$
  ]) call;
create temp table chatting as
  select call from unnest(array[
    $$ insert into chat_messages (message_text) values ('Hello') $$, $$ select chat_history() $$, $$ select personality_context() $$,
    $$ select start_session('phone') $$, $$ select disconnect('spotify') $$
  ]) call;

-- As a request with an anonymous account's token.
create function pg_temp.refusal_with_claim(call text, is_anonymous jsonb) returns text
language plpgsql as $$
begin
  perform pg_temp.act_as('authenticated', (select guest from people));
  perform set_config('request.jwt.claims', (current_setting('request.jwt.claims')::jsonb || jsonb_build_object('is_anonymous', is_anonymous))::text, true);
  execute call;
  raise sqlstate 'UNDO0';
exception
  when sqlstate 'UNDO0' then
    return 'no refusal';
  when others then
    return sqlstate || ': ' || sqlerrm;
end
$$;
create function pg_temp.turned_away(answer text) returns boolean language sql as $$
  select answer = '55000: this account is anonymous: it cannot link other accounts'
$$;

select is((select anonymous_may_link from bondhu.settings), false, 'anonymous accounts link nothing unless the operator says so');

select ok(pg_temp.turned_away(pg_temp.refusal_with_claim(call, 'true')), 'the token says that it is anonymous:' || call) from linking;
select is(pg_temp.refusal_with_claim(call, 'true'), 'no refusal', 'open to everybody:' || call) from chatting;
select ok(not pg_temp.turned_away(pg_temp.refusal_with_claim(call, claim)), format('no anonymous token (%s):%s', claim, call))
from linking, unnest(array['false', 'null']::jsonb[]) claim;

-- A token may lack the claim, as one that the operator's own server signs.
update auth.users set is_anonymous = true where id = (select guest from people);
select ok(pg_temp.turned_away(pg_temp.refusal('authenticated', guest, call)), 'the account says it of itself:' || call) from linking, people;
select ok(not pg_temp.turned_away(pg_temp.refusal('authenticated', ada, call)), 'another account is not concerned:' || call) from linking, people;

update bondhu.settings set anonymous_may_link = true where singleton;
select is_empty(
  $$ select call, refusal from linking, pg_temp.refusal_with_claim(call, 'true') refusal where pg_temp.turned_away(refusal) $$,
  'where the operator allows it they may link');
update bondhu.settings set anonymous_may_link = false where singleton;
update auth.users set is_anonymous = false where id = (select guest from people);
select is_empty(
  $$ select call from linking, people where pg_temp.turned_away(pg_temp.refusal('authenticated', guest, call)) $$,
  'and so they may once they are anonymous no more');
select is(pg_temp.attempt('anon', null, call), '42501', 'an anonymous account is not anon:' || call) from linking;

select * from finish();
rollback;
