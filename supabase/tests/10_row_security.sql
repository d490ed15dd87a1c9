-- Every table that users own × every kind of caller × every verb. What should happen
-- follows from the list of grants; what does happen is tried.
begin;
\ir acting.psql
\ir tables.psql

create temp table people as
  select person.name, pg_temp.sign_up(person.name) as user_id from (values ('Ada'), ('Bela')) person (name);
select pg_temp.give_samples(user_id) from people;

create temp table actors (name text, role text, user_id uuid, other uuid);
insert into actors
  select 'Ada', 'authenticated', a.user_id, b.user_id from people a, people b where a.name = 'Ada' and b.name = 'Bela'
  union all
  select 'Bela', 'authenticated', b.user_id, a.user_id from people a, people b where a.name = 'Ada' and b.name = 'Bela'
  union all
  select actor.name, actor.role, null, a.user_id
  from (values
    ('a user without an id', 'authenticated'), ('anon', 'anon'), ('the service role', 'service_role'), ('the worker', 'bondhu_worker')
  ) actor (name, role), people a where a.name = 'Ada';

create temp table attempts as
  select
    s.relation, actor.name as actor, verb.name as verb,
    case
      when grants.columns is null then '42501'
      when verb.name in ('insert', 'insert for another') and actor.role in ('service_role', 'bondhu_worker') then '1 rows'
      when verb.name = 'insert' and actor.user_id is not null then '1 rows'
      when verb.name in ('insert', 'insert for another') then '42501'
      when actor.role in ('service_role', 'bondhu_worker') then pg_temp.rows_of(s.relation) || ' rows'
      when actor.user_id is null then '0 rows'
      else pg_temp.rows_of(s.relation, actor.user_id) || ' rows'
    end as expected,
    -- Not aimed at anybody: a caller must not need to ask nicely to be kept to their own rows.
    case verb.name
      when 'select' then format('select user_id from %s', s.relation)
      when 'update' then format('update %s set %2$I = %2$I', s.relation, coalesce(grants.columns[1], 'user_id'))
      when 'delete' then format('delete from %s', s.relation)
      when 'insert' then pg_temp.insert_statement(s.relation, coalesce(actor.user_id, actor.other), grants.columns)
      when 'insert for another' then pg_temp.insert_statement(s.relation, actor.other, grants.columns)
    end as statement,
    actor.role, actor.user_id
  from sample_rows s
  cross join actors actor
  cross join (values ('select'), ('insert'), ('insert for another'), ('update'), ('delete')) verb (name)
  left join expected_grants e on e.relation = s.relation and e.grantee = actor.role
  cross join lateral (
    -- Columns the verb may touch; null without the privilege.
    select case
      when e.privileges is null then null
      when e.privileges ~ (split_part(verb.name, ' ', 1) || '\(')
        then string_to_array(substring(e.privileges from split_part(verb.name, ' ', 1) || '\(([^)]*)\)'), ', ')
      when e.privileges ~ ('\m' || split_part(verb.name, ' ', 1) || '\M')
        then (select array_agg(a.attname::text order by a.attnum) from pg_attribute a
              where a.attrelid = s.relation::regclass and a.attnum > 0 and not a.attisdropped
                and a.attgenerated = '' and a.attidentity = '')
    end as columns
  ) grants
  -- Whoever has no user id inserts for somebody anyway.
  where not (verb.name = 'insert for another' and actor.user_id is null);

select plan(5 + (select count(*) from attempts)::integer);

select set_eq(
  'select relation from relations where has_user and kind in (''r'', ''p'')', 'select relation from sample_rows',
  'every table that users own has a sample row');
select is_empty(
  $$ select s.relation, p.name from sample_rows s, people p where pg_temp.rows_of(s.relation, p.user_id) = 0 $$,
  'both users own a row of each');

select is(
  -- The row is there already: the privilege and the policy let it through.
  replace(pg_temp.attempt(role, user_id, statement), '23505', '1 rows'),
  expected,
  format('%s: %s, %s: %s', relation, actor, verb, expected))
from attempts
order by relation, actor, verb;

-- The control: what a careless migration would open, the matrix finds.
create function pg_temp.surprises(of_relation text) returns bigint
language sql as $$
  select count(*) from attempts a
  where a.relation = of_relation
    and replace(pg_temp.attempt(a.role, a.user_id, a.statement), '23505', '1 rows') <> a.expected
$$;
select is(pg_temp.surprises('public.chat_messages') + pg_temp.surprises('bondhu.provider_tokens'), 0::bigint, 'as it is, nothing surprises');
grant select on bondhu.provider_tokens to authenticated;
select cmp_ok(pg_temp.surprises('bondhu.provider_tokens'), '>', 0::bigint, 'a grant too many would be found');
alter table public.chat_messages disable row level security;
select cmp_ok(pg_temp.surprises('public.chat_messages'), '>', 0::bigint, 'and row security that is off');

select * from finish();
rollback;
