-- What there is of a person: taken along, erased; and a registry that leaves no table out.
begin;
\ir acting.psql
\ir tables.psql
select plan(94);

create temp table people as select pg_temp.sign_up('Ada') as ada, pg_temp.sign_up('Bela') as bela;
grant select on people to public;

-- The registry

create temp view registry as select * from bondhu.data_registry();
create temp view catalog as
  select r.oid, r.relation, a.attname::text as name, a.atttypid
  from relations r join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
  where r.kind in ('r', 'p');
select is_empty(
  $$ select relation from relations where kind in ('r', 'p', 'm', 'f') except select relation from registry $$,
  'every table stands in the registry');
select is_empty($$ select relation from registry except select relation from relations $$, 'and nothing else');
select is_empty($$ select relation from registry group by relation having count(*) > 1 $$, 'once');
select is_empty(
  $$ select c.relation, c.name from catalog c join registry r using (relation)
     where r.user_column is null and (c.name ~ '^(user|owner|account|person|author|sealed)(_id|_for)?$') $$,
  'a table that is nobody''s names nobody');
select is_empty(
  $$ select c.relation from catalog c join registry r using (relation)
     where r.user_column is null and exists (
       select from pg_constraint k join relations p on p.oid = k.confrelid and p.has_user where k.conrelid = c.oid and k.contype = 'f') $$,
  'nor refers to a row of somebody''s');
select is_empty(
  $$ select r.relation from registry r where r.user_column is not null and not exists (
       select from catalog c where c.relation = r.relation and c.name = r.user_column and c.atttypid = 'uuid'::regtype) $$,
  'whose a row is, is one of its columns');
select is_empty(
  $$ select r.relation, l from registry r, unnest(r.left_out) l
     where not exists (select from catalog c where c.relation = r.relation and c.name = l) $$,
  'what is left out exists');
select is_empty(
  $$ select c.relation, c.name from catalog c join registry r using (relation)
     where r.user_column <> c.name and not c.name = any (r.left_out)
       and (c.atttypid = 'bytea'::regtype or c.name ~ '(^|_)(sealed|token|lease|leased|verifier|hash|secret|password|key)(_|$)') $$,
  'whatever looks like a secret is left out');
select is_empty(
  $$ select relation from registry where erased not in ('deleted', 'cascades', 'last', 'in part', 'kept')
       or (reason is null and (erased in ('cascades', 'in part', 'kept') or not is_exported or left_out <> '{}'))
       or (user_column is null and (is_exported or erased <> 'kept')) $$,
  'what is not simply taken along and deleted has its reason');
select is_empty(
  $$ select r.relation from registry r where r.erased = 'cascades' and not exists (
       select from pg_constraint k join registry p on p.relation::regclass = k.confrelid
       where k.conrelid = r.relation::regclass and k.contype = 'f' and k.confdeltype = 'c'
         and p.erased in ('deleted', 'cascades', 'last') and starts_with(r.reason, format('With %s', p.relation))) $$,
  'what goes with another table does');
select is_empty(
  $$ select r.relation from registry r where r.is_exported and not exists (select from bondhu.key_columns(r.relation::regclass)) $$,
  'what is exported has a key to go on from');
select is_empty(
  $$ select r.relation from registry r where r.user_column = 'user_id' and not exists (select from sample_rows s where s.relation = r.relation) $$,
  'and everything is tried here');

-- Exporting

select pg_temp.give_samples(ada), pg_temp.give_samples(bela) from people;
insert into chat_messages (user_id, message_text) select ada, 'Message ' || n from people, generate_series(1, 40) n;

create function pg_temp.export_of(person uuid, max_rows integer) returns table (relation text, data jsonb, page integer)
language plpgsql as $$
declare
  answer jsonb;
  cursor text;
begin
  page := 0;
  perform pg_temp.act_as('authenticated', person);
  loop
    answer := export_my_data(cursor, max_rows);
    page := page + 1;
    return query select t ->> 'name', r, page from jsonb_array_elements(answer -> 'tables') t, jsonb_array_elements(t -> 'rows') r;
    cursor := answer ->> 'next_cursor';
    exit when cursor is null or page > 1000;
  end loop;
  perform pg_temp.stop_acting();
end
$$;
create temp table whole as select e.* from people, pg_temp.export_of(ada, 10000) e;
create temp table small as select e.* from people, pg_temp.export_of(ada, 7) e;
select is((select max(page) from whole), 1, 'a small account is one page');
select cmp_ok((select max(page) from small), '>', 9, 'or as many as are asked for');
select is((select max(n) from (select count(*) as n from small group by page) p), 7::bigint, 'none longer');
select set_eq('select relation, data from small', 'select relation, data from whole', 'with the same rows');
select is((select count(*) from small), (select count(*) from whole), 'each once');
select set_eq('select distinct relation from whole', 'select relation from registry where is_exported', 'of every table that is exported');
select is_empty(
  $$ select w.relation, w.n, pg_temp.rows_of(w.relation, ada) from (select relation, count(*) as n from whole group by relation) w, people
     where w.n <> pg_temp.rows_of(w.relation, ada) $$,
  'all of the person''s rows and no others');
select is_empty(
  $$ select c.relation, c.name from catalog c join registry r using (relation)
     where r.is_exported and c.name <> r.user_column and not c.name = any (r.left_out)
       and not exists (select from whole w where w.relation = c.relation and w.data ? c.name) $$,
  'with every column');
select is_empty(
  $$ select w.relation, key from whole w join registry r using (relation), jsonb_object_keys(w.data) key where key = any (r.left_out) $$,
  'but those that are left out');
select is_empty(
  $$ select 1 from whole, people where strpos(data::text, bela::text) > 0 $$, 'nothing names anybody else');
select pg_temp.act_as('authenticated', ada) from people;
select is((select export_my_data() - array['tables', 'exported_at']),
  (select jsonb_build_object('format', 'bondhu.export', 'version', 1, 'user_id', ada, 'next_cursor', null) from people), 'it says what it is');
create temp table forged (cursor text);
insert into forged values ('x'), (''), ('7b'), ('zz'), (encode('[]', 'hex')), (encode('{"relation": "public.chat_messages", "after": ["x"]}', 'hex')),
  (encode('{"relation": "bondhu.provider_tokens", "after": []}', 'hex')), (encode('{"relation": "auth.users", "after": []}', 'hex')),
  (encode('{"relation": "public.chat_messages", "after": {}}', 'hex')), (encode('null', 'hex')), ('ff'), (repeat('7b', 100000));
grant select on forged to public;
select is(pg_temp.refusal('authenticated', ada, format('select export_my_data(%L)', cursor)), '22023: cursor is no cursor of an export', 'nobody invents a cursor: ' || left(cursor, 80))
from people, forged;
select is(pg_temp.refusal('authenticated', ada, format('select export_my_data(null, %L::integer)', n)), '22023: max_rows must be between 1 and 10000', 'a page has its bounds')
from people, unnest(array[0, 10001, null]) n;
select pg_temp.stop_acting();
select is(pg_temp.attempt(role, ada, 'select export_my_data()'), '42501', role || ' exports nobody') from people, unnest(array['anon', 'service_role', 'bondhu_worker']) role;
select is(pg_temp.attempt(role, ada, 'select erase_my_data(true)'), '42501', role || ' erases nobody') from people, unnest(array['anon', 'service_role', 'bondhu_worker']) role;

-- Tables of the app

create table public.diary (entry integer primary key, author uuid not null, body text, secret text);
insert into diary select n, ada, 'Dear diary', 'x' from people, generate_series(1, 3) n union all select 9, bela, 'Mine', 'x' from people;
select is(pg_temp.refusal('postgres', null, format('insert into bondhu.app_tables (relation, user_column) values (%L, %L)', relation, user_column)),
  format('22023: %L cannot be registered: %s', relation, reason), relation || ' is not registered')
from (values
  ('public.nothing', 'a', 'there is no such table'), ('auth.users', 'id', 'it is no table of the app'), ('public.chat_messages', 'user_id', 'it is no table of the app'),
  ('public.diary', 'body', 'user_column is no column of it with a uuid')) t (relation, user_column, reason);
insert into bondhu.app_tables (relation, user_column, left_out) values ('public.diary', 'author', '{secret}');
select is((select count(*) from people, pg_temp.export_of(ada, 2) e where e.relation = 'public.diary' and not e.data ? 'secret'), 3::bigint, 'what is registered is exported');

-- Erasing

create temp table marked as select ada as person from people;
create function pg_temp.mark() returns void language plpgsql as $$
declare
  c record;
begin
  -- Into whatever takes it.
  for c in
    select k.relation, k.name, r.user_column, k.atttypid from catalog k join registry r using (relation)
    where r.user_column = 'user_id' and k.atttypid in ('text'::regtype, 'jsonb'::regtype)
      and k.relation not in ('public.personality_profiles', 'public.sentiment_buckets', 'public.erasures')
  loop
    begin
      execute format('update %s set %I = %s where user_id = $1', c.relation, c.name,
        case when c.atttypid = 'text'::regtype then $m$'Zyxmarker'$m$ else $m$'{"a": "Zyxmarker"}'::jsonb$m$ end) using (select person from marked);
    exception when others then
      null;
    end;
  end loop;
end
$$;
create function pg_temp.marks() returns table (relation text, n bigint) language plpgsql as $$
begin
  for relation in select r.relation from relations r where r.kind in ('r', 'p') loop
    execute format('select count(*) from %s t where strpos(to_jsonb(t)::text, $1) > 0', relation) into n using 'Zyxmarker';
    if n > 0 then
      return next;
    end if;
  end loop;
end
$$;
insert into provider_connections (user_id, provider) select ada, 'youtube' from people on conflict do nothing;
insert into bondhu.sync_jobs (user_id, provider) select ada, 'youtube' from people on conflict do nothing;
insert into bondhu.provider_tokens (user_id, provider, kind, sealed) select ada, 'youtube', 'refresh', '\x01' from people;
update companion_profiles set display_name = 'Zyxmarker' from people where user_id = ada;
select pg_temp.mark();
select cmp_ok((select count(*) from pg_temp.marks()), '>=', 12::bigint, 'a marker is all over the person''s rows');
create temp table before as select relation, pg_temp.rows_of(relation, bela) as belas from sample_rows, people;
select is(pg_temp.refusal('authenticated', ada, format('select erase_my_data(%s)', confirm)),
  '22023: this deletes all that is stored about you, and nothing brings it back', 'it has to be confirmed') from people, unnest(array['false', 'null']) confirm;
delete from consents;
insert into consents (user_id, purpose, is_given, decided_at) select ada, p, g, d::timestamptz from people,
  (values ('learning', true, '2026-01-01'), ('learning', false, '2026-01-02'), ('memory', false, '2026-01-01'), ('memory', true, '2026-01-02'), ('trending', true, '2026-01-02')) t (p, g, d);
select pg_temp.act_as('authenticated', ada) from people;
create temp table receipt as select erase_my_data(true) as said;
select is((select array_agg(format('%s %s', purpose, is_given) order by purpose) from consents), array['learning f'], 'a refusal of what is allowed by default stands');
select pg_temp.stop_acting();
select isnt((select said ->> 'finished_at' from receipt), null, 'a small account is erased in the call');
select is((select said -> 'rows_erased' ->> 'public.chat_messages' from receipt), '41', 'the receipt counts');
select is((select said -> 'rows_erased' ->> 'public.diary' from receipt), '3', 'the app''s rows, too');
select set_eq($$ select jsonb_object_keys(said -> 'remains') from receipt $$,
  $$ select relation from registry r where erased in ('kept', 'in part') and user_column = 'user_id' union select unnest(array['auth.users', 'bondhu.revocations']) $$,
  'and says what remains');
select is_empty($$ select * from pg_temp.marks() $$, 'the marker is nowhere');
select is_empty(
  $$ select s.relation from sample_rows s join registry r using (relation), people
     where r.erased not in ('kept', 'in part') and pg_temp.rows_of(s.relation, ada) > 0 $$,
  'nothing is left but that');
select is_empty(
  $$ select relation from before, people where belas <> pg_temp.rows_of(relation, bela) and relation <> 'public.consents' $$, 'nobody else misses anything');
select results_eq($$ select author from diary $$, $$ select bela from people $$, 'nor in the app''s tables');
select results_eq($$ select sealed, not_before <= now() from bondhu.revocations r, people where sealed_for = ada $$, $$ values ('\x01'::bytea, true) $$,
  'the worker has the consent to revoke');
select pg_temp.act_as('authenticated', ada) from people;
select is(erase_my_data(true), (select said from receipt), 'once more is the same receipt');
select is((select count(*) from erasures), 2::bigint, 'which the person reads');
select lives_ok($$ insert into chat_messages (message_text) values ('I am so happy to begin anew.') $$, 'and may write again');
select pg_temp.act_as('authenticated', bela) from people;
select is((select count(*) from erasures where finished_at > '2026-02-01'), 0::bigint, 'nobody else reads it');
select pg_temp.stop_acting();

select is_empty($$ select v.* from people, bondhu.verify(ada) v $$, 'what they write afterwards is all that is concluded from');
select is((select array_agg(message_text) from chat_messages m, people where m.user_id = ada), array['I am so happy to begin anew.'], 'and all there is');

-- A chat that takes longer

insert into chat_messages (user_id, message_text, created_at)
select bela, 'Long ago ' || n, now() - n * interval '1 hour' from people, generate_series(1, 30) n;
delete from personality_profiles using people where user_id = bela;
delete from sentiment_buckets using people where user_id = bela;
delete from personality_history using people where user_id = bela;
insert into erasures (user_id, id, up_to_seq, with_account, rows_erased)
select bela, '00000000-0000-4000-8000-000000000008', max(m.seq), false, '{}' from people, chat_messages m where m.user_id = bela group by bela;
select pg_temp.act_as('authenticated', bela) from people;
select is((select count(*) from chat_messages), 0::bigint, 'what is being erased is hidden');
select is((select count(*) from chat_history()), 0::bigint, 'from history, too');
select is(hot_document('chat_history'), null, 'and from documents');
select ok(not jsonb_path_exists(export_my_data(), '$.tables[*] ? (@.name == "public.chat_messages")'), 'from an export');
select is(dashboard() -> 'messages_today', '0', 'and from the home page');
select is(pg_temp.refusal('authenticated', bela, $$ insert into chat_messages (message_text) values ('Hello?') $$),
  '23514: your former messages are still being deleted', 'nothing comes in between') from people;
select is(erase_my_data(true, true) ->> 'finished_at', null, 'asking again tells that it goes on');
select is((select with_account from erasures where finished_at is null), true, 'and may take the account along');
select pg_temp.stop_acting();
select is_empty($$ select v.* from people, bondhu.verify(bela) v $$, 'nothing is concluded meanwhile');
select is(bondhu.go_on_erasing(20), 20, 'it goes on in parts');
select is((select count(*) from chat_messages m, people where m.user_id = bela), 11::bigint, 'of which each is over when it ends');
select is_empty($$ select 1 from personality_profiles p, people where p.user_id = bela union all select 1 from sentiment_buckets b, people where b.user_id = bela $$,
  'and folds nothing back');
select is(bondhu.go_on_erasing(20), 11, 'until nothing is left');
select is(bondhu.go_on_erasing(20), 0, 'then it ends');

-- With the account

select is_empty($$ select 1 from auth.users u, people where u.id = bela $$, 'the account is gone');
select is((select receipt - array['requested_at', 'finished_at', 'remains'] from bondhu.receipts),
  '{"id": "00000000-0000-4000-8000-000000000008", "with_account": true, "rows_erased": {}}'::jsonb, 'the receipt stays');
select is_empty($$ select 1 from bondhu.receipts r, people where strpos(r::text, bela::text) > 0 $$, 'and names nobody');
select pg_temp.act_as('authenticated', ada) from people;
create temp table farewell as select erase_my_data(true, true) as said;
select pg_temp.stop_acting();
select is((select said from farewell), (select receipt from bondhu.receipts r, farewell f where r.id::text = f.said ->> 'id'), 'who leaves has theirs');
select is(pg_temp.refusal('authenticated', ada, 'select erase_my_data(true)'), '28000: this account is deleted', 'and is nobody then') from people;
update bondhu.receipts set finished_at = now() - interval '1096 days';
select is(bondhu.prune_batch('receipts', 10), 2, 'receipts are kept as long as the setting says');

-- What servers write while it goes on

create temp table dora as select pg_temp.sign_up('Dora') as id;
grant select on dora to public;
insert into chat_messages (user_id, message_text, created_at) select id, 'I am so sad, number ' || n, now() - n * interval '1 hour' from dora, generate_series(1, 30) n;
delete from personality_profiles p using dora where p.user_id = dora.id;
delete from sentiment_buckets b using dora where b.user_id = id;
insert into erasures (user_id, up_to_seq, with_account, rows_erased) select dora.id, max(m.seq), false, '{}' from dora join chat_messages m on m.user_id = dora.id group by dora.id;
insert into assessments (user_id, form, started_at, completed_at, openness, conscientiousness, extraversion, agreeableness, neuroticism)
select id, 'short', now(), now(), 70, 50, 50, 50, 50 from dora;
insert into chat_messages (user_id, message_text) select id, 'I am so happy' from dora;
select is(bondhu.go_on_erasing(20), 20, 'what servers write meanwhile does not hold it up');
select bondhu.refresh(array[id]) from dora;
select is(bondhu.go_on_erasing(20), 10, 'nor what is concluded from that');
select is((select array_agg(m.message_text) from chat_messages m, dora where m.user_id = dora.id), array['I am so happy'], 'and stays');
select is((select p.message_count || ' ' || (select sum(b.message_count) from sentiment_buckets b where b.user_id = id) from dora, bondhu.personality(array[id], now()) p), '1 1', 'it counts');
select is_empty('select v.* from dora, bondhu.verify(id) v', 'and what is stored is what it makes');

-- Where the schema's owner may not delete accounts

create temp table carla as select pg_temp.sign_up('Carla') as id;
grant select on carla to public;
reset role;
create table public.holds_on (account uuid references auth.users (id));
insert into public.holds_on select id from carla;
set local role postgres;
select pg_temp.act_as('authenticated', id) from carla;
select is((select erase_my_data(true, true) -> 'remains' ->> 'auth.users'),
  'The database may not delete the account: whoever runs this app does, in the dashboard under Authentication.', 'an account that something holds on to stays, and the receipt says so');
select pg_temp.stop_acting();

select * from finish();
rollback;
