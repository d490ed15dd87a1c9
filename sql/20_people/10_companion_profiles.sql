-- One profile per auth user, created with the user.

-- Decided without pg_timezone_names, which reads a thousand files. Text with a slash and no digit
-- is a name or invalid: an abbreviation has no slash, and a POSIX rule ('ABC+3', 'Asia/Dhaka6') always
-- has a number. The other names are a closed list: IANA adds no more of them.
-- https://data.iana.org/time-zones/theory.html#naming
create function bondhu.is_time_zone(name text) returns boolean
language plpgsql stable strict
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
begin
  if char_length(name) > 64 or not (
    name ~ '^(Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Brazil|Canada|Chile|Etc|Europe|Indian|Mexico|Pacific|US)(/[A-Za-z_-]+){1,2}$'
    or name ~ '^Etc/GMT(0|\+([0-9]|1[0-2])|-([0-9]|1[0-4]))$'
    or name in (
      'CST6CDT', 'Cuba', 'EST', 'EST5EDT', 'Egypt', 'Eire', 'GB', 'GB-Eire', 'GMT', 'GMT+0', 'GMT-0', 'GMT0', 'Greenwich',
      'HST', 'Hongkong', 'Iceland', 'Iran', 'Israel', 'Jamaica', 'Japan', 'Kwajalein', 'Libya', 'MST', 'MST7MDT', 'NZ',
      'NZ-CHAT', 'Navajo', 'PRC', 'PST8PDT', 'Poland', 'Portugal', 'ROC', 'ROK', 'Singapore', 'Turkey', 'UCT', 'UTC',
      'Universal', 'W-SU', 'Zulu')
  ) then
    return false;
  end if;
  perform pg_catalog.timezone(name, pg_catalog.now());
  return true;
exception when invalid_parameter_value then
  return false;
end
$$;
comment on function bondhu.is_time_zone(text) is
  'True for the IANA names that this server knows, except CET, EET, MET and WET: see bondhu.normalize_time_zone().';
revoke all on function bondhu.is_time_zone(text) from public, anon, authenticated, service_role;
grant execute on function bondhu.is_time_zone(text) to authenticated, service_role;

create table public.companion_profiles (
  user_id uuid primary key default auth.uid() references auth.users (id) on delete cascade,
  display_name text,
  locale text,
  time_zone text not null default 'UTC',
  onboarding_state text not null default 'new',
  chat_retention_days integer,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),

  constraint display_name_can_be_read check (
    case when char_length(display_name) > 80 or octet_length(display_name) > 320 or bondhu.text_fault(display_name) is not null then
      bondhu.refuse_text('display_name', 'display_name', display_name, 80, 320) end
  ),
  constraint locale_is_a_language_tag check (
    -- The longest tag that RFC 5646, section 4.4.1, requires support for.
    case when char_length(locale) > 35 or locale !~ '^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$' then bondhu.refuse('locale_is_a_language_tag',
      format('%L is no locale', left(locale, 40)), 'Send a language tag of at most 35 characters such as en, bn-BD or pt_BR.') end
  ),
  constraint time_zone_is_iana check (
    case when char_length(time_zone) > 64 or not bondhu.is_time_zone(time_zone) then bondhu.refuse('time_zone_is_iana',
      format('%L is no time zone that this server knows', left(time_zone, 70)),
      'Send an IANA name such as Asia/Dhaka; browsers have it in Intl.DateTimeFormat().resolvedOptions().timeZone.') end
  ),
  constraint onboarding_state_is_known check (
    case when onboarding_state not in ('new', 'in_progress', 'complete') then bondhu.refuse('onboarding_state_is_known',
      format('%L is no onboarding_state', left(onboarding_state, 40)), 'Send new, in_progress or complete.') end
  ),
  constraint chat_retention_is_1_to_3650_days check (
    case when chat_retention_days not between 1 and 3650 then bondhu.refuse('chat_retention_is_1_to_3650_days',
      'chat_retention_days must be between 1 and 3650', 'Send a number of days, or null to keep the chat until it is deleted.') end
  )
);
comment on table public.companion_profiles is
  'What a user states about themselves. One row per auth user, created with it; readers use the defaults where a restore has lost it.';
comment on column public.companion_profiles.chat_retention_days is
  'Messages older than this are deleted, and nothing learnt from them stays; null: they are kept.';
create index companion_profiles_with_chat_retention on public.companion_profiles (user_id) where chat_retention_days is not null;
comment on column public.companion_profiles.time_zone is 'IANA name such as Asia/Dhaka; days and hours shown to the user are counted in it.';

alter table public.companion_profiles enable row level security;
revoke all on public.companion_profiles from public, anon, authenticated, service_role;
grant select on public.companion_profiles to authenticated, bondhu_worker;
-- Insert, too: so that users can write a row that a restore has lost.
grant insert (user_id, display_name, locale, time_zone, onboarding_state, chat_retention_days) on public.companion_profiles to authenticated;
grant update (display_name, locale, time_zone, onboarding_state, chat_retention_days) on public.companion_profiles to authenticated;
grant select, insert, update, delete on public.companion_profiles to service_role;

create policy "a user reads their own profile" on public.companion_profiles
  for select to authenticated using (user_id = (select auth.uid()));
create policy "a user edits their own profile" on public.companion_profiles
  for update to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy "a user writes their own profile" on public.companion_profiles
  for insert to authenticated with check (user_id = (select auth.uid()));
create policy "the worker reads profiles" on public.companion_profiles
  for select to bondhu_worker using (true);

create trigger companion_profiles_set_updated_at before update on public.companion_profiles
  for each row execute function bondhu.set_updated_at();

-- Postgres reads these four as abbreviations, without summer time; as names they have it. The
-- cities are those that IANA links them to (tzdata 2024b).
create function bondhu.normalize_time_zone() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  new.time_zone := case new.time_zone
    when 'CET' then 'Europe/Brussels'
    when 'MET' then 'Europe/Brussels'
    when 'EET' then 'Europe/Athens'
    when 'WET' then 'Europe/Lisbon'
    else new.time_zone
  end;
  return new;
end
$$;
comment on function bondhu.normalize_time_zone() is 'BEFORE trigger on companion_profiles: replaces CET, EET, MET and WET by the city that IANA links them to.';
revoke all on function bondhu.normalize_time_zone() from public, anon, authenticated, service_role;

create trigger companion_profiles_normalize_time_zone before insert or update of time_zone on public.companion_profiles
  for each row execute function bondhu.normalize_time_zone();

-- SECURITY DEFINER: it runs as the auth service, which has no rights here.
create function bondhu.create_profile() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  name text := left(btrim(new.raw_user_meta_data ->> 'display_name'), 80);
begin
  insert into public.companion_profiles (user_id, display_name)
  values (new.id, case when bondhu.text_fault(name) is null then name end)
  on conflict (user_id) do nothing;
  return null;
end
$$;
comment on function bondhu.create_profile() is 'AFTER INSERT trigger on auth.users. Takes display_name from the sign-up metadata.';
revoke all on function bondhu.create_profile() from public, anon, authenticated, service_role;

create trigger bondhu_create_profile after insert on auth.users
  for each row execute function bondhu.create_profile();

-- A view and not a function, so that documents join it at the cost of an index look-up. It reads
-- as its owner: the worker may not read auth.users.
create view bondhu.people as
  select u.id as user_id, p.display_name, p.locale, coalesce(p.time_zone, 'UTC') as time_zone,
    coalesce(p.onboarding_state, 'new') as onboarding_state
  from auth.users u
  left join public.companion_profiles p on p.user_id = u.id;
comment on view bondhu.people is
  'Every auth user with their profile, or its defaults where the row is missing. Readers join it in place of public.companion_profiles.';
revoke all on bondhu.people from public, anon, authenticated, service_role;
grant select on bondhu.people to bondhu_worker;

create function bondhu.create_missing_profiles() returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  healed bigint;
begin
  insert into public.companion_profiles (user_id)
  select u.id from auth.users u
  where not exists (select from public.companion_profiles p where p.user_id = u.id)
  on conflict (user_id) do nothing;
  get diagnostics healed = row_count;
  return healed;
end
$$;
comment on function bondhu.create_missing_profiles() is
  'Creates missing profiles: of users who signed up before Bondhu was installed, or were restored without triggers. Returns how many. Run by cron, and by bondhu.install_engine().';
revoke all on function bondhu.create_missing_profiles() from public, anon, authenticated, service_role;

select bondhu.create_missing_profiles();
