-- Every text that an API role can write has a bound, stated in a check of its table.
-- has an answer to the ends of what its arguments can hold.
begin;
\ir acting.psql
\ir tables.psql
\ir long_values.psql
select plan(5);

create temp table people as select pg_temp.sign_up('Ada') as ada;
select pg_temp.give_samples(ada) from people;
update bondhu.provider_settings
   set client_id = 'c', redirect_uri = 'http://127.0.0.1/', return_to_allow_list = array['https://app.example'];

-- Columns

create temp table writable_columns as
  select r.oid, r.relation, r.has_user, a.attname as name, a.attnum as number, format_type(a.atttypid, a.atttypmod) as type
  from relations r
  join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
  join pg_type y on y.oid = a.atttypid
  where r.kind in ('r', 'p') and (y.typcategory in ('S', 'A') or y.typname in ('json', 'jsonb', 'bytea', 'xml'))
    and exists (
      select from unnest(array['anon', 'authenticated', 'service_role']) role
      where has_column_privilege(role, r.oid, a.attnum, 'insert, update'));

create function pg_temp.unbounded() returns table (relation text, column_name name)
language sql as $$
  select c.relation, c.name
  from writable_columns c
  where not exists (
    select from pg_constraint k
    where k.conrelid = c.oid and k.contype = 'c' and c.number = any (k.conkey)
      and pg_get_constraintdef(k.oid) ~ (
        '(char_length|octet_length|pg_column_size)\(\(?' || c.name || '\y'
        -- One of a list.
        || '|' || c.name || ' = ANY|' || c.name || ' (=|<>) (ALL|''\w+''::text)')
  )
$$;
select cmp_ok((select count(*) from writable_columns), '>=', 15::bigint, 'there are texts that API roles write');
select is_empty('select * from pg_temp.unbounded()', 'each has a bound in a check of its table');

-- As the owner, whom no grant and no policy turns away.
create temp table answers as
  select c.relation, c.name, v.what, pg_temp.answer_to(format('update %1$s set %2$I = $1::%3$s where ctid = (select ctid from %1$s limit 1)', c.relation, c.name, c.type), v.value) as answer
  from writable_columns c
  join long_values v on v.type = c.type;
select is_empty(
  $$ select relation, name, what, answer from answers where answer <> '23514' $$, 'a megabyte is refused by every column, with few words');
select is_empty('select relation, name from writable_columns except select relation, name from answers', 'every one was tried');

alter table public.companion_profiles drop constraint locale_is_a_language_tag,
  add constraint locale_is_a_language_tag check (locale ~ '^[a-z]{2,3}(-[a-z]{2,8})*$');
select set_eq('select * from pg_temp.unbounded()', $$ values ('public.companion_profiles', 'locale'::name) $$, 'a pattern alone is no bound');

select * from finish();
rollback;
