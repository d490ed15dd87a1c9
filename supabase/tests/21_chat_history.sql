-- Reading the conversation: pages by (created_at, seq), newest first asked, oldest first answered.
begin;
\ir acting.psql
select plan(30);

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
         engine_version, created_at, updated_at, cursor, place);
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
  'select chat_history(10, now(), null)', '22023', 'before_created_at and before_seq are a cursor together', 'half a cursor is none');
select throws_ok(
  'select chat_history(10, null, 1)', '22023', 'before_created_at and before_seq are a cursor together', 'neither is the other half');
select pg_temp.stop_acting();

select is(pg_temp.attempt('authenticated', pg_temp.bela(), 'select chat_history()'), '1 rows', 'Bela reads her own conversation');
select is(pg_temp.attempt('authenticated', null, 'select chat_history()'), '28000', 'nobody has no conversation');
select is(pg_temp.attempt('anon', null, 'select chat_history()'), '42501', 'anon may not ask');

-- The opaque cursor: many messages of one microsecond, and of the one before and after it.

create temp table carla as select pg_temp.sign_up('Carla') as id;
grant select on carla to public;
insert into chat_messages (user_id, sender_type, message_text, created_at)
select (select id from carla), 'ai', 'Message ' || n, timestamptz '2026-01-01T00:00:00.123456Z' + (n / 40 - 1) * interval '1 microsecond'
from generate_series(0, 119) n
order by n % 11;

create temp table pages (page integer, place bigint, id uuid);
grant all on pages to public;
-- Walks as a client does that keeps nothing but the cursor, through JSON.
create function pg_temp.turn_pages(page_size integer) returns void
language plpgsql as $$
declare
  next text;
  body jsonb;
  pages integer := 0;
begin
  delete from pages where true;
  loop
    body := (select jsonb_agg(to_jsonb(h)) from chat_history(page_size, before_cursor => next) h);
    exit when body is null;
    insert into pages select pages, place, (message ->> 'id')::uuid from jsonb_array_elements(body) with ordinality m (message, place);
    next := body -> 0 ->> 'cursor';
    pages := pages + 1;
  end loop;
end
$$;
select pg_temp.act_as('authenticated', (select id from carla));
create function pg_temp.read_whole(page_size integer) returns boolean
language plpgsql as $$
begin
  perform pg_temp.turn_pages(page_size);
  return (select array_agg(id order by page desc, place) from pages) = (select array_agg(id order by created_at, seq) from chat_messages);
end
$$;
select ok(pg_temp.read_whole(size), format('pages of %s put one before the other are the whole conversation', size))
from unnest(array[1, 2, 3, 7, 39, 40, 41, 119, 120, 200]) size;
select is(
  (select array_agg(id) from chat_history(50, before_cursor => (select cursor from chat_history(1)))),
  (select array_agg(h.id) from (select max(created_at) as at, max(seq) as seq from chat_history(1)) c, chat_history(50, c.at, c.seq) h),
  'the two kinds of cursor lead to the same page');
select throws_ok(
  format('select chat_history(10, before_cursor => %L)', cursor), '22023', 'before_cursor is no cursor', 'no cursor: ' || what)
from (values ('a time', '2026-01-01T00:00:00.123Z')) bad (what, cursor);
select throws_ok(
  $$ select chat_history(10, now(), 1, (select cursor from chat_history(1))) $$, '22023',
  'before_cursor says it all: before_created_at and before_seq go without', 'one kind at a time');
select pg_temp.stop_acting();

select * from finish();
rollback;
