-- What the functions' sources may say: nothing that safeupdate would refuse where it is loaded, as
-- for the API roles on Supabase, and nothing about what is not Bondhu's.
begin;
\ir acting.psql
select plan(7);

-- Every DELETE and UPDATE, from its head to the next one's, to what it returns or to its end.
create function pg_temp.writes() returns table (function text, statement text)
language sql as $$
  select p.oid::regprocedure::text, btrim(piece, E' \n')
  from pg_proc p
  cross join regexp_split_to_table(
    regexp_replace(
      regexp_replace(p.prosrc, '--[^\n]*', '', 'g'),
      '\y(delete\s+from|update\s+(only\s+)?[a-z_.%"I]+(\s+as)?(\s+[a-z_]+)?\s+set)\y', ';\1', 'gi'),
    ';|\yreturning\y') piece
  where p.pronamespace::regnamespace::text in ('public', 'bondhu')
    and piece ~* '^(delete\s+from|update)\y'
$$;

select cmp_ok((select count(*) from pg_temp.writes()), '>=', 60::bigint, 'there are statements to look at');
select is_empty(
  $$ select * from pg_temp.writes() where statement !~* '\ywhere\y' $$, 'no function deletes or updates without saying which rows');

create function bondhu.careless() returns void language plpgsql as $$
begin
  -- delete from public.companion_profiles where true
  update public.companion_profiles p set locale = null;
  with gone as (delete from public.user_sessions returning 1) select count(*) from gone where true;
  delete from bondhu.rescoring where true;
end
$$;
select is(
  (select count(*) from pg_temp.writes() where statement !~* '\ywhere\y'), 2::bigint, 'one that did would be found');

select is_empty(
  $$ select p.oid::regprocedure, named[1]
     from pg_proc p
     cross join regexp_matches(p.prosrc, '\y(?:delete\s+from|insert\s+into|update|truncate|alter\s+\w+|drop\s+\w+|lock\s+table)\s+(?:only\s+)?((?:auth|cron|storage|realtime|vault|net|extensions|supabase_\w+)\.\w+)', 'gi') named
     where p.pronamespace::regnamespace::text in ('public', 'bondhu')
       -- Of pg_cron's log, the runs of Bondhu's own jobs; of a person who wishes it, their account.
       and (p.proname, named[1]) not in (('prune_cron_history', 'cron.job_run_details'), ('delete_account', 'auth.users')) $$,
  'no function changes a table of somebody else''s');

-- Refusals

select is_empty(
  -- RAISE itself fails on a null, and says nothing of what was wrong. bondhu.refuse() is told literals.
  $$ select p.oid::regprocedure, option[1]
     from pg_proc p
     cross join regexp_matches(p.prosrc, '\y((?:message|detail|hint)\s*=\s*(?:(?![\s'']|format\(|case\y|coalesce\()|''[^'']*''\s*\|\|)[^,;]*)', 'g') option
     where p.pronamespace::regnamespace::text in ('public', 'bondhu') and p.prosrc ~ 'raise exception' and p.proname <> 'refuse' $$,
  'no refusal''s words can be null');

-- Dynamic SQL

select is_empty(
  $$ select p.oid::regprocedure from pg_proc p
     where p.pronamespace::regnamespace::text in ('public', 'bondhu')
       and regexp_replace(p.prosrc, '--[^\n]*', '', 'g') ~* '\yexecute\s+(?!format\(|''|(function|procedure|on|with)\y)' $$,
  'a statement that is put together is put together by format()');
select is_empty(
  $$ select p.oid::regprocedure from pg_proc p
     where p.pronamespace::regnamespace::text in ('public', 'bondhu')
       -- What is written there as it stands is the contract's, a constant, or a list of names, each of which is quoted.
       and p.proname not in ('write_entries', 'export_rows')
       and p.prosrc ~* '\yexecute\s+format\([^;]*%(\d+\$)?s' $$,
  'of names and literals, quoted as such');

select * from finish();
rollback;
