-- What people allow to be done with what they tell. A log: of each purpose the newest row holds, and who
-- has decided nothing is held to the purpose's default.

create function bondhu.consent_purposes() returns table (purpose text, is_given_by_default boolean)
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  values ('learning', true), ('memory', true), ('provider_prompts', false), ('trending', false)
$$;
comment on function bondhu.consent_purposes() is
  'What can be allowed, and what holds for whoever has decided nothing. learning: what they write counts in what is learnt of them; memory: what they tell is remembered, and used in prompts; provider_prompts: what their linked accounts tell enters prompts, of the providers that bondhu.provider_settings lets; trending: they count, unnamed, in what rises among many.';

create table public.consents (
  user_id uuid not null references auth.users (id) on delete cascade,
  purpose text not null,
  decided_at timestamptz not null default now(),
  is_given boolean not null,

  primary key (user_id, purpose, decided_at),
  constraint purpose_is_known check (purpose in ('learning', 'memory', 'provider_prompts', 'trending')),
  constraint decided_at_is_finite check (isfinite(decided_at))
);
comment on table public.consents is 'Every decision of a person about what may be done with what they tell; the newest of a purpose holds. Kept until the account goes.';

alter table public.consents enable row level security;
revoke all on public.consents from public, anon, authenticated, service_role;
grant select on public.consents to authenticated, service_role, bondhu_worker;

create policy "a user reads their own consents" on public.consents
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker reads consents" on public.consents
  for select to bondhu_worker using (true);

create function bondhu.consented_since(of_user uuid, to_purpose text) returns timestamptz
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  refused timestamptz := (
    select max(c.decided_at) from public.consents c where c.user_id = of_user and c.purpose = to_purpose and not c.is_given
  );
begin
  if refused is null and (select p.is_given_by_default from bondhu.consent_purposes() p where p.purpose = to_purpose) then
    return '-infinity'::timestamptz;
  end if;
  return (
    select min(c.decided_at) from public.consents c
    where c.user_id = of_user and c.purpose = to_purpose and c.is_given and c.decided_at > coalesce(refused, '-infinity')
  );
end
$$;
comment on function bondhu.consented_since(uuid, text) is 'Since when a user has allowed something without a break; null: they do not.';

create function bondhu.lock_consents(of_user uuid) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('bondhu.consents/' || of_user::text, 0));
end
$$;
comment on function bondhu.lock_consents(uuid) is
  'For who decides, and for who writes what was allowed: one at a time for a user, until the transaction ends.';

-- SECURITY DEFINER, as the one below: clients write no decision in the past, and see no defaults.
create function public.my_consents() returns table (purpose text, is_given boolean, decided_at timestamptz)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  caller uuid := bondhu.require_user();
begin
  return query
    select p.purpose, coalesce(newest.is_given, p.is_given_by_default), newest.decided_at
    from bondhu.consent_purposes() p
    left join lateral (
      select c.is_given, c.decided_at from public.consents c
      where c.user_id = caller and c.purpose = p.purpose
      order by c.decided_at desc limit 1
    ) newest on true
    order by p.purpose;
end
$$;
comment on function public.my_consents() is
  'What the caller allows, a row a purpose; decided_at is null where they have not decided and the default holds.';

create function public.set_consent(purpose text, is_given boolean, forget boolean default false) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  to_purpose text := set_consent.purpose;
  -- Learning is about messages, which are written under a share of that row.
  caller uuid := bondhu.lock_user(alone => to_purpose = 'learning');
  given boolean := set_consent.is_given;
  known text;
begin
  if not exists (select from bondhu.consent_purposes() p where p.purpose = to_purpose) then
    select string_agg(p.purpose, ', ' order by p.purpose) into known from bondhu.consent_purposes() p;
    raise exception using errcode = '22023', message = 'purpose is none of those that can be allowed', hint = format('There are: %s.', known);
  elsif given is null or forget is null or given and forget then
    raise exception using errcode = '22023', message = 'is_given and forget are true or false, and what is allowed is not forgotten',
      hint = 'Send is_given false with forget true to withdraw and to delete what there is.';
  end if;
  perform bondhu.lock_consents(caller);
  if given is distinct from (
    select c.is_given from public.consents c where c.user_id = caller and c.purpose = to_purpose order by c.decided_at desc limit 1
  ) then
    -- Of what somebody decides to and fro within a minute, the end is kept.
    delete from public.consents c where c.user_id = caller and c.purpose = to_purpose and c.decided_at > now() - interval '1 minute';
    insert into public.consents (user_id, purpose, decided_at, is_given)
    select caller, to_purpose, greatest(clock_timestamp(), max(c.decided_at) + interval '1 microsecond'), given
    from public.consents c where c.user_id = caller and c.purpose = to_purpose;
  end if;
  case to_purpose
    when 'learning' then
      perform bondhu.set_learning(caller, given, forget);
      perform bondhu.keep_trending_person(caller);
    when 'trending' then
      perform bondhu.keep_trending_person(caller);
    when 'memory' then
      if forget then
        perform from public.memories m where m.user_id = caller order by m.id for update;
        delete from public.memories m where m.user_id = caller;
      end if;
    else null; -- Whoever builds documents asks each time.
  end case;
end
$$;
comment on function public.set_consent(text, boolean, boolean) is
  'Allows something, or withdraws it: nothing new from then on. forget deletes what there is, too: of memory the memories, of learning what messages have counted so far; what trending keeps goes as soon as it, or learning, is withdrawn, and provider_prompts keeps nothing. 22023 for a purpose that there is not.';

revoke all on function bondhu.consent_purposes(), bondhu.consented_since(uuid, text), bondhu.lock_consents(uuid),
  public.my_consents(), public.set_consent(text, boolean, boolean)
  from public, anon, authenticated, service_role;
-- For the documents that the worker builds.
grant execute on function bondhu.consent_purposes(), bondhu.consented_since(uuid, text) to bondhu_worker;
grant execute on function public.my_consents(), public.set_consent(text, boolean, boolean) to authenticated;
