-- The position that a read of one's own writes asks for.
begin;
\ir acting.psql
select plan(5);

create temp table people as select pg_temp.sign_up('Ada') as ada;
grant select on people to public;
create temp table positions (step text, value pg_lsn);
grant all on positions to public;

select pg_temp.act_as('authenticated', (select ada from people));
select matches(commit_position(), '^[0-9A-F]{1,8}/[0-9A-F]{1,8}$', 'a position is written as Postgres writes it');
insert into positions select 'before', commit_position()::pg_lsn;
insert into chat_messages (message_text) values ('hello');
insert into positions select 'after', commit_position()::pg_lsn;
select cmp_ok(
  (select value from positions where step = 'after'), '>', (select value from positions where step = 'before'),
  'it moves with what is written');
select pg_temp.stop_acting();
select cmp_ok(
  (select value from positions where step = 'after'), '<=', pg_current_wal_insert_lsn(), 'and is never ahead of the log');

select is(pg_temp.attempt('authenticated', null, 'select commit_position()'), '28000', 'somebody has to be signed in');
select is(
  (select provolatile::text from pg_proc where oid = 'public.commit_position()'::regprocedure), 'v',
  'it is asked anew each time');

select * from finish();
rollback;
