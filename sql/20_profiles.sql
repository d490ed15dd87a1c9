-- One profile per auth user, made with the user.

create function bondhu.is_time_zone(name text) returns boolean
language plpgsql stable strict
set search_path = pg_catalog, pg_temp
as $$
begin
  -- Only Area/City names and UTC: POSIX strings such as 'ABC+3' and 'Asia/Dhaka6' parse
  -- too, and mean something that no frontend's Intl API knows. They all end in a number,
  -- and of the IANA names with a slash only Etc/GMT±n do.
  if name !~ '^(UTC|Etc/GMT(\+([0-9]|1[0-2])|-([0-9]|1[0-4]))?|[A-Z][A-Za-z_-]*(/[A-Za-z_-]+){1,2})$' then
    return false;
  end if;
  perform pg_catalog.timezone(name, pg_catalog.now());
  return true;
exception when invalid_parameter_value then
  return false;
end
$$;
comment on function bondhu.is_time_zone(text) is 'True for UTC and IANA Area/City names that this server knows.';
revoke all on function bondhu.is_time_zone(text) from public, anon, authenticated, service_role;
grant execute on function bondhu.is_time_zone(text) to authenticated, service_role;

create table public.profiles (
  user_id uuid primary key default auth.uid() references auth.users (id) on delete cascade,
  display_name text,
  locale text,
  time_zone text not null default 'UTC',
  onboarding_state text not null default 'new',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),

  constraint display_name_is_short check (
    case when btrim(display_name) = '' or char_length(display_name) > 80 then bondhu.refuse('display_name_is_short',
      'display_name must have 1 to 80 characters, not only spaces', 'Send null for no name.') end
  ),
  constraint locale_is_a_language_tag check (
    case when locale !~ '^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$' then bondhu.refuse('locale_is_a_language_tag',
      format('%L is no locale', locale), 'Send a language tag such as en, bn-BD or pt_BR.') end
  ),
  constraint time_zone_is_iana check (
    case when not bondhu.is_time_zone(time_zone) then bondhu.refuse('time_zone_is_iana',
      format('%L is no time zone', time_zone),
      'Send an IANA name such as Asia/Dhaka; browsers have it in Intl.DateTimeFormat().resolvedOptions().timeZone.') end
  ),
  constraint onboarding_state_is_known check (
    case when onboarding_state not in ('new', 'in_progress', 'complete') then bondhu.refuse('onboarding_state_is_known',
      format('%L is no onboarding_state', onboarding_state), 'Send new, in_progress or complete.') end
  )
);
comment on table public.profiles is
  'What a user tells about themselves. One row per auth user, made with it; readers use the defaults where a restore has lost it.';
comment on column public.profiles.time_zone is 'IANA name such as Asia/Dhaka; days and hours shown to the user are counted in it.';

alter table public.profiles enable row level security;
revoke all on public.profiles from public, anon, authenticated, service_role;
grant select on public.profiles to authenticated, bondhu_worker;
-- Insert too: a row that a restore has lost must not keep its user from writing it.
grant insert (user_id, display_name, locale, time_zone, onboarding_state) on public.profiles to authenticated;
grant update (display_name, locale, time_zone, onboarding_state) on public.profiles to authenticated;
grant select, insert, update, delete on public.profiles to service_role;

create policy "a user reads their own profile" on public.profiles
  for select to authenticated using (user_id = (select auth.uid()));
create policy "a user edits their own profile" on public.profiles
  for update to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy "a user writes their own profile" on public.profiles
  for insert to authenticated with check (user_id = (select auth.uid()));
create policy "the worker reads profiles" on public.profiles
  for select to bondhu_worker using (true);

create trigger profiles_set_updated_at before update on public.profiles
  for each row execute function bondhu.set_updated_at();

-- SECURITY DEFINER: it fires as the auth service, which has no rights here.
create function bondhu.create_profile() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into public.profiles (user_id, display_name)
  values (new.id, nullif(left(btrim(new.raw_user_meta_data ->> 'display_name'), 80), ''))
  on conflict (user_id) do nothing;
  return null;
end
$$;
comment on function bondhu.create_profile() is 'AFTER INSERT trigger on auth.users. Takes display_name from the sign-up metadata.';
revoke all on function bondhu.create_profile() from public, anon, authenticated, service_role;

create trigger bondhu_create_profile after insert on auth.users
  for each row execute function bondhu.create_profile();

-- A view and not a function, so that documents join it at the price of an index look-up. It reads
-- as its owner: the worker may not look into auth.users.
create view bondhu.people as
  select u.id as user_id, p.display_name, p.locale, coalesce(p.time_zone, 'UTC') as time_zone,
    coalesce(p.onboarding_state, 'new') as onboarding_state
  from auth.users u
  left join public.profiles p on p.user_id = u.id;
comment on view bondhu.people is
  'Every auth user with what their profile says, or its defaults where the row is missing: what readers join in place of public.profiles.';
revoke all on bondhu.people from public, anon, authenticated, service_role;
grant select on bondhu.people to bondhu_worker;

create function bondhu.heal_profiles() returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  healed bigint;
begin
  insert into public.profiles (user_id)
  select u.id from auth.users u
  where not exists (select from public.profiles p where p.user_id = u.id)
  on conflict (user_id) do nothing;
  get diagnostics healed = row_count;
  return healed;
end
$$;
comment on function bondhu.heal_profiles() is
  'Makes the profiles that are missing: of users who signed up before Bondhu was installed, or were restored without triggers. Returns how many. Run by cron, and by bondhu.install_engine().';
revoke all on function bondhu.heal_profiles() from public, anon, authenticated, service_role;

select bondhu.heal_profiles();
