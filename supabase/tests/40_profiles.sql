-- A profile is made with the user; its owner edits what it says about them.
begin;
\ir acting.psql
select plan(26);

create temp table people as select pg_temp.sign_up('Ada') as ada;
grant select on people to public;
create function pg_temp.ada() returns uuid language sql stable as 'select ada from people';

select results_eq(
  'select display_name, time_zone, onboarding_state from companion_profiles where user_id = pg_temp.ada()',
  $$ values ('Ada', 'UTC', 'new') $$, 'signing up makes a profile');

-- Sign-up metadata is whatever a client sent: it must never keep somebody from signing up.
create function pg_temp.name_after_sign_up(metadata jsonb) returns text
language plpgsql as $$
declare
  signed_up uuid := gen_random_uuid();
begin
  set local role supabase_auth_admin;
  insert into auth.users (id, raw_user_meta_data) values (signed_up, metadata);
  perform pg_temp.stop_acting();
  return (select p.display_name from companion_profiles p where p.user_id = signed_up);
end
$$;
select is(pg_temp.name_after_sign_up(metadata), name, 'sign-up with ' || what)
from (values
  ('no metadata', null, null),
  ('a blank name', '{"display_name": "  "}', null),
  ('a name that nobody sees', U&'{"display_name": "\200B\+0E0020"}'::jsonb, null),
  ('a control character in the name', '{"display_name": "A\u0007da"}', null),
  ('a number for a name', '{"display_name": 7}', '7'),
  ('a list for metadata', '["display_name"]', null),
  ('a very long name', jsonb_build_object('display_name', repeat('ñ', 500)), repeat('ñ', 80))
) sign_up (what, metadata, name);

select pg_temp.act_as('authenticated', pg_temp.ada());
select lives_ok(
  $$ update companion_profiles set display_name = 'Ada L.', locale = 'bn-BD', time_zone = 'Asia/Dhaka', onboarding_state = 'complete' $$,
  'a user edits their profile');
select results_eq(
  'select display_name, locale, time_zone, onboarding_state from companion_profiles',
  $$ values ('Ada L.', 'bn-BD', 'Asia/Dhaka', 'complete') $$, 'and sees it, and no other');
select throws_ok('update companion_profiles set ' || change, '23514', null, 'refused: ' || change)
from unnest(array[
  $$ time_zone = 'Mars/Olympus' $$, $$ time_zone = 'ABC+3' $$, $$ time_zone = 'Asia/Dhaka6' $$, $$ time_zone = 'Foo/Bar3' $$, $$ time_zone = '+06:00' $$,
  $$ locale = 'not a locale' $$, $$ display_name = '' $$, $$ display_name = repeat('x', 81) $$,
  $$ display_name = U&'\180B\FE0F' $$, $$ display_name = U&'Ada\0085' $$, $$ onboarding_state = 'bored' $$
]) change;
select throws_ok('update companion_profiles set time_zone = null', '23502', null, 'a time zone there is always');
select throws_ok('update companion_profiles set user_id = gen_random_uuid()', '42501', null, 'a profile does not change hands');
select throws_ok('delete from companion_profiles', '42501', null, 'and goes only with its user');
select throws_ok('insert into companion_profiles default values', '23505', null, 'nor is there a second one');
select throws_ok('insert into companion_profiles (user_id) values (gen_random_uuid())', '42501', null, 'or one in another''s name');

select * from finish();
rollback;
