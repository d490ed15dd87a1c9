-- Reading the conversation: pages by (created_at, seq), newest first asked, oldest first answered.
begin;
\ir acting.psql
select plan(17);

create temp table people as select pg_temp.sign_up('Ada') as ada, pg_temp.sign_up('Bela') as bela;
grant select on people to public;
create function pg_temp.ada() returns uuid language sql stable as 'select ada from people';
create function pg_temp.bela() returns uuid language sql stable as 'select bela from people';

-- 127 messages, three to an instant, arriving out of order; and one of Bela's among them.
insert into chat_messages (user_id, sender_type, message_text, created_at)
select pg_temp.ada(), case when n % 2 = 0 then 'ai' else 'user' end, 'Message ' || n,
       timestamptz '2026-01-01T00:00:00Z' + (n / 3) * interval '1 minute'
from generate_series(0, 126) n
order by n % 7, n;
insert into chat_messages (user_id, message_text, created_at) values (pg_temp.bela(), 'Bela''s', '2026-01-01T00:05:00Z');

create temp table walk (page integer, place bigint, id uuid, created_at timestamptz, seq bigint, user_id uuid);
grant all on walk to public;

-- Walks to the beginning as a client does; returns how many pages that took.
create function pg_temp.walk(page_size integer) returns integer
language plpgsql as $$
declare
  pages integer := 0;
  cursor_at timestamptz;
  cursor_seq bigint;
begin
  delete from walk;
  loop
    insert into walk
    select pages, place, h.id, h.created_at, h.seq, h.user_id
    from chat_history(page_size, cursor_at, cursor_seq) with ordinality
      h (user_id, id, seq, session_id, sender_type, message_text, sentiment_score, mood_detected, support_level,
         engine_version, created_at, updated_at, place);
    exit when not found;
    select w.created_at, w.seq into cursor_at, cursor_seq from walk w where w.page = pages and w.place = 1;
    pages := pages + 1;
  end loop;
  return pages;
end
$$;

select pg_temp.act_as('authenticated', pg_temp.ada());
select is(pg_temp.walk(50), 3, '127 messages are three pages of 50');
select results_eq(
  'select page, count(*) from walk group by page order by page', 'values (0, 50::bigint), (1, 50), (2, 27)', 'of these sizes');
select results_eq(
  'select id from walk order by page desc, place',
  'select id from chat_messages order by created_at, seq',
  'pages put one before the other are the whole conversation, each message once and in order');
select is_empty('select from walk where user_id <> pg_temp.ada()', 'nobody else''s message is in it');
select is(pg_temp.walk(1), 127, 'pages of one message split an instant and lose nothing');
select is(pg_temp.walk(200), 1, 'the largest page holds them all');
select is((select count(*) from chat_history()), 50::bigint, 'a page has 50 messages unless asked');
select results_eq(
  'select max(created_at) from chat_history(10)', 'select max(created_at) from chat_messages', 'the first page is the newest');
select throws_ok(format('select chat_history(%s)', size), '22023', 'page_size must be between 1 and 200', 'no page of ' || size)
from unnest(array['0', '-1', '201', 'null']) size;
select throws_ok(
  'select chat_history(10, now(), null)', '22023', 'a cursor is before_created_at and before_seq together', 'half a cursor is none');
select throws_ok(
  'select chat_history(10, null, 1)', '22023', 'a cursor is before_created_at and before_seq together', 'neither is the other half');
select pg_temp.stop_acting();

select is(pg_temp.attempt('authenticated', pg_temp.bela(), 'select chat_history()'), '1 rows', 'Bela reads her own conversation');
select is(pg_temp.attempt('authenticated', null, 'select chat_history()'), '28000', 'nobody has no conversation');
select is(pg_temp.attempt('anon', null, 'select chat_history()'), '42501', 'anon may not ask');

select * from finish();
rollback;
