-- Which time zones a profile takes: every name that a browser reports, no rule that only Postgres reads.
begin;
\ir acting.psql
\ir time_zones.psql
select plan(9);

create temp table people as select pg_temp.sign_up('Ada') as ada;
create temp table known as select name, utc_offset from pg_timezone_names;

-- What becomes of a name: the zone kept, or the SQLSTATE of the refusal.
create function pg_temp.kept(name text) returns text
language plpgsql as $$
declare
  kept text;
begin
  update public.companion_profiles set time_zone = name where user_id = (select ada from people) returning time_zone into kept;
  return kept;
exception when others then
  return sqlstate;
end
$$;
create temp table answers as select name, pg_temp.kept(name) as kept from (select name from browser_time_zones union select name from known) names;

select cmp_ok((select count(*) from browser_time_zones), '>', 500::bigint, 'there are names to try');
select is_empty(
  $$ select a.* from answers a join browser_time_zones using (name) join known using (name) where a.kept = '23514' $$,
  'every name that browsers know and this server too is taken');
select is_empty(
  $$ select a.* from answers a join browser_time_zones using (name) left join known using (name) where known.name is null and a.name ~ '/' and a.name !~ '[0-9]' and a.kept <> '23514' $$,
  'a place that this server lacks is refused');
select is_empty(
  $$ select a.* from answers a join known using (name) where a.kept = '23514' and name !~ '^(posix|right)/|^(posixrules|localtime|Factory)$' $$,
  'and nothing else that it knows');
select is_empty(
  $$ select a.*, known.utc_offset from answers a join known using (name)
     where a.kept <> '23514' and now() at time zone a.kept - now() at time zone 'UTC' <> known.utc_offset $$,
  'the zone that is kept has the clock of the name');
select results_eq(
  $$ select name, kept, timestamptz '2026-07-01 12:00+00' at time zone kept from answers where name in ('CET', 'EET', 'MET', 'WET') order by name $$,
  $$ values ('CET', 'Europe/Brussels', timestamp '2026-07-01 14:00'), ('EET', 'Europe/Athens', '2026-07-01 15:00'),
            ('MET', 'Europe/Brussels', '2026-07-01 14:00'), ('WET', 'Europe/Lisbon', '2026-07-01 13:00') $$,
  'in summer too, also where Postgres takes the name for an abbreviation');
select is_empty(
  $$ select name, pg_temp.kept(name) from unnest(array[
       '', ' ', 'ABC+3', 'ABC3', 'Asia/Dhaka6', 'Asia/Dhaka-6', 'Asia/Dhaka+6', 'Foo/Bar3', '<+06>-6', 'Etc/<+06>-6', '+06:00', '-6', '6', 'UTC+3', 'GMT+5', 'GMT-3', 'Etc/GMT+13', 'Etc/GMT-15',
       'Etc/GMT+05', 'EST5', 'EST5EDT4', 'EST5EDT,M3.2.0,M11.1.0', 'Asia/Dhaka,M3.2.0', 'PST', 'BST', 'IST', 'CEST', 'utc', 'cet', 'japan',
       'posix/Asia/Dhaka', 'Posix/Asia/Dhaka', 'right/Asia/Dhaka', 'Right/Asia/Dhaka', 'localtime', 'Factory', 'posixrules', 'Asia', 'Asia/', '/Asia/Dhaka',
       'Asia/../Asia/Dhaka', '../Asia/Dhaka', 'Asia/Dhaka ', ' Asia/Dhaka', E'Asia/Dhaka\n', 'Asia//Dhaka', 'Mars/Olympus', 'infinity', 'default', 'interval',
       U&'Asia/Dh\0430ka'
     ]) name where pg_temp.kept(name) <> '23514' $$,
  'a rule, an abbreviation, a file''s name or a misprint is none');
select is(pg_temp.kept(null), '23502', 'some zone there is always');
select alike(
  pg_temp.refusal('authenticated', (select ada from people), $$ update companion_profiles set time_zone = 'Mars/Olympus' $$),
  '23514: ''Mars/Olympus'' is no time zone that this server knows', 'who sent it is told');

select * from finish();
rollback;
