-- What Redis serves: one builder's rules for all of them, found in the catalog.
begin;
\ir acting.psql
\ir tables.psql

create temp table people as select pg_temp.sign_up('Ada') as ada, pg_temp.sign_up('Bela') as bela, gen_random_uuid() as nobody;
grant select on people to public;
select pg_temp.give_samples(ada), pg_temp.give_samples(bela) from people;
grant select on sample_rows to public;

create temp table builders as
  select p.oid, p.oid::regproc::text as name, pg_get_function_arguments(p.oid) as arguments, pg_get_function_result(p.oid) as result, p.provolatile
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  where n.nspname = 'bondhu' and p.proname like '%\_document';
grant select on builders to public;

create temp table built (builder text, what text, user_id uuid, data jsonb, until timestamptz);
grant all on built to public;
create function pg_temp.build(what text, user_ids uuid[]) returns void
language plpgsql as $$
declare
  builder text;
begin
  for builder in select name from builders loop
    execute format('insert into built select %L, %L, d.user_id, d.data, d.until from %s($1, now()) d', builder, what, builder)
      using user_ids;
  end loop;
end
$$;

select plan(12);
select set_eq(
  'select name from builders',
  array['bondhu.personality_context_document', 'bondhu.personality_sentiment_document', 'bondhu.chat_history_document',
        'bondhu.music_profile_document', 'bondhu.music_spotify_document', 'bondhu.video_youtube_document', 'bondhu.recommendations_document', 'bondhu.session_active_document'],
  'the documents are these');
select is_empty(
  $$ select name, arguments, result, provolatile from builders
     where (arguments, result, provolatile)
       <> ('user_ids uuid[], as_of timestamp with time zone', 'TABLE(user_id uuid, data json, until timestamp with time zone)', 's') $$,
  'all have one shape');

select pg_temp.act_as('bondhu_worker');
select lives_ok(
  $$ select pg_temp.build('both', array[ada, bela, nobody]), pg_temp.build('none', '{}'), pg_temp.build('one', array[ada]) from people $$,
  'the worker builds them');
select pg_temp.stop_acting();

select is_empty(
  $$ select b.name from builders b, people p
     where (select array_agg(d.user_id order by d.user_id = p.bela) from built d where d.builder = b.name and d.what = 'both')
       is distinct from array[p.ada, p.bela] $$,
  'one row for each user that exists, and none for who does not');
select is_empty($$ select builder from built where what = 'none' $$, 'nobody asked, nothing built');
select is_empty(
  $$ select o.builder from built o join built b using (builder, user_id)
     where o.what = 'one' and b.what = 'both' and (o.data, o.until) is distinct from (b.data, b.until) $$,
  'a document does not depend on who else is asked for');
select is_empty(
  $$ select builder, data, position from built, people,
            lateral (select strpos(data::text, case user_id when ada then bela else ada end::text)) found (position)
     where position > 0 $$,
  'a document names no other user');
select is_empty($$ select builder from built where until <= now() $$, 'a document stands at least for a moment');
select is(
  (select array_agg(caller.name || ' ' || b.name)
   from builders b, (values ('authenticated'), ('service_role'), ('anon')) caller (name), people p
   where pg_temp.attempt(caller.name, p.ada, format('select * from %s(array[%L]::uuid[], now())', b.name, p.ada)) <> '42501'),
  null, 'nobody but the worker builds documents');


-- What the worker builds, its user reads

create temp table read (builder text, user_id uuid, data jsonb);
grant all on read to public;
select pg_temp.act_as('authenticated', (select ada from people));
insert into read select name, ada, hot_document(replace(replace(name, 'bondhu.', ''), '_document', '')) from builders, people;
select pg_temp.stop_acting();
select is_empty(
  $$ select b.name from builders b, people p
     where (select r.data from read r where r.builder = b.name)
       is distinct from (select d.data from built d where d.builder = b.name and d.what = 'one' and d.user_id = p.ada) $$,
  'every document is read by its user as the worker builds it');
select is(
  pg_temp.attempt('authenticated', (select ada from people), 'select hot_document(''personality'')'), '22023', 'another name is refused');
select is(pg_temp.attempt('authenticated', null, 'select hot_document(''chat_history'')'), '28000', 'somebody has to be signed in');

select * from finish();
rollback;
